//! `--daemonize`: the process that was started waits until the daemon works, and ends with its verdict. The daemon has
//! forked twice, so that it has neither a terminal nor a way to get one. Source: daemon(7), "SysV daemons".

use crate::log;
use crate::sys::fork::{Side, fork, new_session, put};
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;

/// The process that waits for the verdict.
#[derive(Default)]
pub enum Parent {
    /// None: in the foreground.
    #[default]
    None,
    /// It waits. /dev/null is open, which the sandbox may not allow later.
    Waits(PipeWriter, io::Result<File>),
    /// It was told, by this program or by the one in whose place this was executed.
    Gone,
}

/// Which process this is now.
pub enum Detached {
    /// The daemon.
    Daemon(Parent),
    /// One that is to end with this exit code.
    Ends(u8),
}

/// Goes on as a daemon. Call before any thread is started.
///
/// Errors: no more processes or descriptors.
pub fn detach() -> io::Result<Detached> {
    let (reader, writer) = io::pipe()?;
    if fork()? == Side::Parent {
        drop(writer);
        return Ok(Detached::Ends(verdict(reader)));
    }
    drop(reader);
    new_session()?;
    // The leader of the session ends: what goes on can't open a terminal as its own.
    if fork()? == Side::Parent {
        return Ok(Detached::Ends(0));
    }
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    Ok(Detached::Daemon(Parent::Waits(writer, null)))
}

/// The daemon's exit code, or 0 once it works; it has told its errors itself.
fn verdict(mut reader: PipeReader) -> u8 {
    let mut code = [0];
    if reader.read_exact(&mut code).is_ok() {
        return code[0];
    }
    log::error("the daemon ended before it was ready");
    1
}

impl Parent {
    /// Tells it once: 0 when the daemon works, its exit code when it does not.
    pub fn tell(&mut self, code: u8) {
        if let Self::Waits(writer, _) = self {
            // When it has ended meanwhile, nobody wants to know.
            let _ = writer.write_all(&[code]);
            *self = Self::Gone;
        }
    }

    /// Whether standard error is nobody's any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }

    /// The daemon works: it lets go of standard error and of the other standard descriptors that it does not use, and
    /// its parent ends. False in the foreground.
    pub(super) fn release(&mut self, uses_stdout: bool) -> bool {
        let Self::Waits(_, null) = self else { return self.is_gone() };
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let unused =
            [Some(stdin.as_fd()), Some(stdout.as_fd()).filter(|_| !uses_stdout), Some(stderr.as_fd())];
        match null {
            Ok(null) => unused.into_iter().flatten().for_each(|standard| {
                let _ = put(null.as_fd(), standard);
            }),
            Err(error) => log::warning(format_args!(
                "failed to open /dev/null in place of the standard descriptors: {error}"
            )),
        }
        self.tell(0);
        true
    }
}
