//! What starts and watches the daemon: a service manager's notifications and watchdog, the parent of a daemon that
//! left its terminal, the pid file, and where the daemon's own messages go.

mod detach;
mod notify;
mod pid_file;

pub use detach::{Detached, Parent, detach};
pub use notify::{ready, reloading, status, stopping};

use crate::capture::reader::Link;
use crate::config::{Config, LogTo, Target};
use crate::daemon::Error;
use crate::log::{self, Level};
use crate::writer::Requests;
use notify::Watchdog;
use pid_file::PidFile;
#[cfg(feature = "reload")]
use std::ffi::CString;
use std::fmt;
#[cfg(feature = "reload")]
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
#[cfg(feature = "reload")]
use std::path::PathBuf;
use std::time::Instant;

/// The daemon, as its starter sees it.
pub struct Service<'a> {
    parent: &'a mut Parent,
    watchdog: Option<Watchdog>,
    pid_file: Option<PidFile>,
    /// The one that the command line names.
    #[cfg(feature = "reload")]
    named: Option<PathBuf>,
}

/// Where messages go: standard error was the terminal's, which may have been left.
fn place(config: &Config, parent: &Parent) -> LogTo {
    match config.log {
        LogTo::Stderr if parent.is_gone() => LogTo::Syslog,
        place => place,
    }
}

impl<'a> Service<'a> {
    /// Sends the daemon's own messages to where the config wants them, opens the pid file, and looks whether a watchdog
    /// waits. `pid_file` goes before the config's. To be called before the sandbox is entered.
    pub fn new(config: &Config, pid_file: Option<&Path>, parent: &'a mut Parent) -> Self {
        log::to(place(config, parent));
        #[cfg(feature = "reload")]
        let named = pid_file.map(Path::to_owned);
        let pid_file = pid_file.or(config.pid_file.as_deref()).and_then(PidFile::open);
        Self {
            parent,
            watchdog: Watchdog::of_environment(),
            #[cfg(feature = "reload")]
            named,
            pid_file,
        }
    }

    /// What the command line said of all this, for the program that is executed in this one's place.
    #[cfg(feature = "reload")]
    pub fn words(&self) -> Vec<CString> {
        let mut words = Vec::new();
        if let Some(path) = &self.named {
            words.extend([
                CString::from(c"--pid-file"),
                CString::new(path.as_os_str().as_bytes()).unwrap_or_default(),
            ]);
        }
        if self.parent.is_gone() {
            words.push(c"--daemonize".into());
        }
        words
    }

    /// It works: the pid file is written, then everybody is told.
    pub fn ready(&mut self, config: &Config, what: &dyn fmt::Display) {
        if let Some(file) = &mut self.pid_file {
            file.write();
        }
        let uses_stdout = config.outputs.iter().any(|output| output.target == Target::Stdout);
        if self.parent.release(uses_stdout) {
            log::to(place(config, self.parent));
        }
        ready(what);
    }

    /// When [`watch`](Self::watch) has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(Watchdog::due)
    }

    /// Tells the watchdog that all is well, if it is time and both threads have shown it; and asks them again.
    pub fn watch(&mut self, link: &Link, requests: &Requests) {
        if let Some(watchdog) = self.watchdog.as_mut().filter(|watchdog| watchdog.due() <= Instant::now()) {
            let (reader, writer) = (link.pulse.ask(), requests.is_alive());
            watchdog.tell(reader, writer);
            link.wake();
            requests.wake();
        }
    }

    /// It has ended, maybe with an error, which is told where all else was; the pid file goes.
    pub fn ended(&mut self, error: Option<&Error>) {
        if let Some(error) = error {
            log::elsewhere(Level::Error, error);
        }
        if let Some(file) = self.pid_file.take() {
            file.remove();
        }
    }
}
