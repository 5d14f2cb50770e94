//! Another program in this one's place (SIGUSR2, `ringaudit upgrade`): it is tried first, then the threads end with
//! what they have in their hands, and it is executed in the same process, with the kernel's socket still open. So the
//! kernel and a supervisor see no change, and no event is lost. docs/handover.md tells the whole of it.

mod left;

#[cfg(feature = "status")]
use crate::ask::Reply;
use crate::daemon::Running;
use crate::event::notices::Process;
use crate::log;
use crate::output::Handle;
use crate::supervise::Service;
use crate::sys::image::{self, Root};
use crate::sys::poll::{Wait, poll};
use crate::sys::program::{self, Ended};
use ringaudit_setup::state::{self, Pen};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use left::Left;

/// Where the program that is executed finds what was left: process, and the numbers of state and socket. For one that
/// is only tried, the state's version.
pub(crate) const VARIABLE: &str = "RINGAUDIT_STATE";
/// This program.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What a program that can go on says when it is tried.
const SAYS: &str = "ringaudit ";
/// How long the trial may take.
const TRIAL: Duration = Duration::from_secs(10);
/// The most that is read of what it says.
const SAID: usize = 8192;

/// A program that can go on, and for whom.
pub(crate) struct Order {
    words: Vec<CString>,
    /// What it says of itself.
    version: String,
    by: Process,
    /// The root that was left for it.
    root: Option<Root>,
    /// Who waits for an answer.
    clients: Vec<OwnedFd>,
}

/// `ringaudit upgrade`: the words behind it are a program and a config, with a tab between them, both optional.
#[cfg(feature = "status")]
pub(crate) fn answer(running: &mut Running<'_>, words: &str) -> Reply {
    let by = Process::of(running.asked_by);
    match running.prepare_upgrade(words, by) {
        Ok(()) => Reply::Upgrade,
        Err(why) => Reply::Failed(why),
    }
}

/// What `check` says to a program that wants to be sure that this one can go on: the state's version is its own.
///
/// # Errors
///
/// Another version.
pub(crate) fn tried() -> Option<Result<String, String>> {
    let version = std::env::var(VARIABLE).ok()?.strip_prefix("version ")?.to_owned();
    Some(if version == state::VERSION.to_string() {
        Ok(format!("{SAYS}{VERSION}"))
    } else {
        let own = state::VERSION;
        Err(format!("this program goes on with a state of version {own}, and not of version {version}"))
    })
}

impl Running<'_> {
    /// Finds the program and tries it; then everything is ready for it. What is wrong is told, in the log too, and
    /// nothing is changed.
    pub(crate) fn prepare_upgrade(&mut self, words: &str, by: Process) -> Result<(), String> {
        let result = self.find_upgrade(words, by);
        match result {
            Ok(order) => {
                log::info(format_args!("handing over to {}", order.version));
                self.upgrade = Some(order);
                Ok(())
            }
            Err(why) => {
                let why = format!("not upgraded: {why}");
                log::error(why.replace('\n', "\nringaudit: error: "));
                Err(why)
            }
        }
    }

    fn find_upgrade(&mut self, words: &str, by: Process) -> Result<Order, String> {
        if self.threads.requests.is_changing() {
            return Err("the last reload is not done yet: the writer is held up".to_owned());
        }
        if let Some((pid, name, _)) = self.registration.beside() {
            return Err(format!("still waiting for the end of the audit daemon with pid {pid} ({name})"));
        }
        let root = image::follow_root()
            .map_err(|error| format!("failed to change to the root that is mounted on this one: {error}"))?;
        let result = self.try_program(words).and_then(|(words, version)| {
            Handle::prepare(&self.threads.outputs, &self.threads.retired).map_err(|name| {
                format!("output {name} is in a call that does not return; try again later")
            })?;
            Ok((words, version))
        });
        match result {
            Ok((words, version)) => Ok(Order { words, version, by, root, clients: Vec::new() }),
            Err(why) => {
                go_back(root);
                Err(why)
            }
        }
    }

    /// The program's words, and what it says of itself.
    fn try_program(&self, words: &str) -> Result<(Vec<CString>, String), String> {
        let (program, config) = words.split_once('\t').unwrap_or((words, ""));
        let program = if program.is_empty() { own_path()? } else { PathBuf::from(program) };
        let config = if config.is_empty() { self.path.clone() } else { Some(PathBuf::from(config)) };
        if !program.is_absolute() {
            return Err(format!("\"{}\" is no absolute path", program.display()));
        }
        let name = program.display();
        let words = |command: &str| {
            let mut words = vec![program.as_os_str().as_encoded_bytes(), command.as_bytes()];
            if let Some(config) = &config {
                words.extend([b"-c", config.as_os_str().as_encoded_bytes()]);
            }
            words.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>()
        };
        let (trial, run) = (words("check"), words("run"));
        let (Ok(trial), Ok(run)) = (trial, run) else {
            return Err("a path can't hold a NUL".to_owned());
        };
        let variable = format!("{VARIABLE}=version {}", state::VERSION);
        let asked = program::ask(&trial, &variable, SAID, Instant::now() + TRIAL);
        let (ended, said) = asked.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => format!("{name}: \"check\" does not end"),
            _ => format!("{name}: {error}"),
        })?;
        let said = String::from_utf8_lossy(&said);
        match ended {
            Ended::Status(0) if said.starts_with(SAYS) => Ok((run, said.trim_end().to_owned())),
            Ended::Status(0) => {
                Err(format!("{name}: this is no ringaudit that can go on with a running one"))
            }
            Ended::Status(code) => Err(format!("{name}: \"check\" ended with {code}\n{}", said.trim_end())),
            Ended::Signal(signal) => Err(format!("{name}: \"check\" was ended by signal {signal}")),
        }
    }
}

impl Order {
    /// Those who are to be answered by the program that goes on.
    #[cfg(feature = "status")]
    pub(crate) fn keep(&mut self, clients: Vec<OwnedFd>) {
        self.clients = clients;
    }

    /// Ends the threads and executes the program. Returns only if that fails, with what was left, for this one to go
    /// on with.
    pub(crate) fn execute(self, running: &mut Running<'_>, service: &Service<'_>) -> Option<Left> {
        let Self { mut words, version, by, root, clients } = self;
        words.extend(service.words());
        let body = save(running, &by, &clients);
        let socket = running.registration.data();
        let kept = || clients.iter().map(AsFd::as_fd).chain([socket.as_ref().as_fd()]);
        let execute = || -> io::Result<()> {
            let file = write(&body)?;
            kept().try_for_each(|fd| image::keep(fd, true))?;
            let (pid, raw) = (std::process::id(), socket.as_ref().as_fd().as_raw_fd());
            let variable = format!("{VARIABLE}={pid}:{}:{raw}", file.as_raw_fd());
            let path = words.first().ok_or(io::ErrorKind::InvalidInput)?;
            Err(image::execute(path, &words, &variable))
        };
        let error = execute().err().map_or_else(String::new, |error| error.to_string());
        // Whoever is started now must not have them.
        kept().for_each(|fd| drop(image::keep(fd, false)));
        go_back(root);
        log::error(format_args!("not upgraded: failed to execute {version}: {error}; going on"));
        let left = Left::back(body, clients, &error);
        if left.is_none() {
            log::error("the state can't be read: what was in flight is lost");
        }
        left
    }
}

/// Ends the threads; all that there is.
fn save(running: &mut Running<'_>, by: &Process, clients: &[OwnedFd]) -> Vec<u8> {
    let Running { threads, link, config, stats, registration, loaded, since, .. } = running;
    threads.requests.hand_over(link, config, &threads.outputs);
    // It ends in any case: the outputs have some seconds, and nobody else is waited for.
    while poll(&mut [Wait::readable(threads.ended.as_fd())], None).unwrap_or(0) == 0 {}
    link.leave(false);
    let mut pen = Pen::default();
    pen.text(VERSION.as_bytes());
    by.save(&mut pen);
    pen.number(since.elapsed().as_secs());
    pen.numbers(&stats.values());
    pen.numbers(&types(stats));
    let raw = |client: &OwnedFd| u64::try_from(client.as_raw_fd()).unwrap_or(u64::MAX);
    pen.numbers(&clients.iter().map(raw).collect::<Vec<_>>());
    registration.save(&mut pen);
    let rules = loaded.rules();
    pen.number(rules.len() as u64);
    for (rule, is_ours) in rules {
        pen.number(is_ours.into());
        pen.text(&rule.emit().unwrap_or_default());
    }
    let mut body = pen.body();
    body.append(&mut threads.requests.take_saved().unwrap_or_default());
    body
}

/// Records by their type, as far as they are counted.
fn types(stats: &crate::stats::Stats) -> Vec<u64> {
    #[cfg(feature = "status")]
    return stats.types.values();
    #[cfg(not(feature = "status"))]
    {
        let _ = stats;
        Vec::new()
    }
}

/// A file in memory that holds a state.
fn write(body: &[u8]) -> io::Result<File> {
    let mut file = image::memory(c"ringaudit-state")?;
    file.write_all(&state::seal(body))?;
    file.write_all(body)?;
    image::seal(&file)?;
    Ok(file)
}

fn go_back(root: Option<Root>) {
    if let Some(Err(error)) = root.map(|root| root.back()) {
        log::error(format_args!("failed to go back to the old root: {error}"));
    }
}

/// The path of this program, where now another one may be.
fn own_path() -> Result<PathBuf, String> {
    let path = std::fs::read_link("/proc/self/exe")
        .map_err(|error| format!("failed to find this program's path: {error}; name one"))?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}
