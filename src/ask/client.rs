//! The side of who asks: `ringaudit status` and others.

use crate::cli::{Ask, Form};
use crate::config::{Problem, Source};
use crate::sys::local;
use crate::sys::poll::{Wait, poll};
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the daemon may take to answer, beyond what it was asked to take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// The config that names the socket is wrong.
    Config(Vec<Problem>),
    /// It names none.
    NoSocket(String),
    /// Nobody answers there.
    Unanswered(PathBuf, io::Error),
    /// The daemon says no.
    Refused(String),
}

impl Error {
    /// 1 no answer or a refusal, 2 config, 3 not permitted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::NoSocket(_) => 2,
            Self::Unanswered(_, error) if error.kind() == io::ErrorKind::PermissionDenied => 3,
            Self::Unanswered(..) | Self::Refused(_) => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => problems.iter().try_for_each(|problem| writeln!(f, "{problem}")),
            Self::NoSocket(source) => {
                write!(f, "{source}: \"status.socket\" is \"\": this daemon answers nothing")
            }
            Self::Unanswered(path, error) => {
                let why = match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        "no daemon is there; is it running?"
                    }
                    io::ErrorKind::PermissionDenied => {
                        "not permitted; ask as root, or see status.mode and status.group"
                    }
                    io::ErrorKind::TimedOut => "the daemon does not answer",
                    _ => return write!(f, "{}: {error}", path.display()),
                };
                write!(f, "{}: {why}", path.display())
            }
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

/// Asks the daemon; gives its answer.
///
/// # Errors
///
/// No socket, no daemon, no answer, or its refusal.
pub fn run(ask: &Ask) -> Result<String, Error> {
    let socket = socket(ask)?;
    let form = match ask.form {
        Form::Table => "",
        Form::Json => " json",
        Form::Prometheus => " prometheus",
    };
    question(&socket, &[ask.command, form].concat(), Duration::ZERO)
}

/// The socket that was named, or that of the config.
fn socket(ask: &Ask) -> Result<PathBuf, Error> {
    if let Some(path) = &ask.socket {
        return Ok(path.clone());
    }
    let source = Source::find(ask.config.as_deref());
    let status = source.read().map_err(Error::Config)?.config.status;
    if status.socket.is_empty() { Err(Error::NoSocket(source.to_string())) } else { Ok(status.socket.into()) }
}

/// One question, that may take so long.
pub(super) fn question(socket: &Path, line: &str, time: Duration) -> Result<String, Error> {
    let unanswered = |error| Error::Unanswered(socket.to_owned(), error);
    let answer = exchange(socket, line, time + PATIENCE).map_err(unanswered)?;
    let text = String::from_utf8_lossy(&answer);
    match text.split_once('\n') {
        Some(("ok", text)) => Ok(text.to_owned()),
        Some(("error", why)) => Err(Error::Refused(why.to_owned())),
        _ => Err(unanswered(io::ErrorKind::UnexpectedEof.into())),
    }
}

fn exchange(socket: &Path, line: &str, time: Duration) -> io::Result<Vec<u8>> {
    let mut stream = local::connect(socket)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = Vec::new();
    loop {
        if poll(&mut [Wait::readable(stream.as_fd())], Some(time))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other.map(|_| answer),
        }
    }
}
