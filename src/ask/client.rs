//! The side of who asks: `ringaudit status` and others.

use crate::cli::{Ask, Form};
use crate::config::{Problem, Source, Status};
use crate::sys::local;
use crate::sys::poll::{Wait, poll};
use crate::top;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the daemon may take to answer, beyond what it was asked to take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a change may take: a program is tried, and outputs are waited for.
const CHANGE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// The config that names the socket is wrong.
    Config(Vec<Problem>),
    /// It names none.
    NoSocket(String),
    /// Nobody answers there.
    Unanswered(PathBuf, io::Error),
    /// The daemon says no, or it can't be asked so.
    Refused(String),
    /// It says no, as the config or the program that it is to change to is wrong.
    Wrong(String),
    /// What the terminal refuses.
    Terminal(io::Error),
}

impl Error {
    /// 1 no answer or a refusal, 2 config, 3 not permitted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::NoSocket(_) | Self::Wrong(_) => 2,
            Self::Unanswered(_, error) if error.kind() == io::ErrorKind::PermissionDenied => 3,
            Self::Unanswered(..) | Self::Refused(_) | Self::Terminal(_) => 1,
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
            Self::Refused(why) | Self::Wrong(why) => f.write_str(why),
            Self::Terminal(error) => write!(f, "failed to use the terminal: {error}"),
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
    match ask.command {
        "top" => top::run(ask, &socket),
        "reload" => question(&socket, ask.command, CHANGE).map_err(wrong),
        "upgrade" => {
            let absolute = |path: &Option<PathBuf>| {
                let path = path.as_ref().and_then(|path| std::path::absolute(path).ok());
                path.unwrap_or_default().display().to_string()
            };
            let line = format!("upgrade {}\t{}", absolute(&ask.program), absolute(&ask.config));
            question(&socket, &line, CHANGE).map_err(wrong)
        }
        command => question(&socket, &[command, form].concat(), Duration::ZERO),
    }
}

/// A change that is refused is so for what the user gave.
fn wrong(error: Error) -> Error {
    match error {
        Error::Refused(why) => Error::Wrong(why),
        error => error,
    }
}

/// The socket that was named, or that of the config.
fn socket(ask: &Ask) -> Result<PathBuf, Error> {
    if let Some(path) = &ask.socket {
        return Ok(path.clone());
    }
    let source = Source::find(ask.config.as_deref());
    let status = match source.read() {
        Ok(loaded) => loaded.config.status,
        // It is the daemon's to tell, if it listens where daemons do.
        Err(_) if ask.command == "reload" => Status::default(),
        Err(problems) => return Err(Error::Config(problems)),
    };
    if status.socket.is_empty() { Err(Error::NoSocket(source.to_string())) } else { Ok(status.socket.into()) }
}

/// One question, that may take so long.
pub(crate) fn question(socket: &Path, line: &str, time: Duration) -> Result<String, Error> {
    let unanswered = |error| Error::Unanswered(socket.to_owned(), error);
    let mut stream = begin(socket, line)?;
    let mut answer = Vec::new();
    loop {
        let waited = poll(&mut [Wait::readable(stream.as_fd())], Some(time + PATIENCE));
        if waited.map_err(unanswered)? == 0 {
            return Err(unanswered(io::ErrorKind::TimedOut.into()));
        }
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(unanswered(error)),
            Ok(_) => return verdict(socket, answer),
        }
    }
}

/// Asks; the answer comes on the stream, which never waits.
pub(crate) fn begin(socket: &Path, line: &str) -> Result<UnixStream, Error> {
    let asked = local::connect(socket).and_then(|mut stream| {
        stream.write_all(format!("{line}\n").as_bytes())?;
        Ok(stream)
    });
    asked.map_err(|error| Error::Unanswered(socket.to_owned(), error))
}

/// What an answer says.
pub(crate) fn verdict(socket: &Path, answer: Vec<u8>) -> Result<String, Error> {
    let text = String::from_utf8(answer).unwrap_or_default();
    match text.split_once('\n') {
        Some(("ok", text)) => Ok(text.to_owned()),
        Some(("error", why)) => Err(Error::Refused(why.to_owned())),
        _ => Err(Error::Unanswered(socket.to_owned(), io::ErrorKind::UnexpectedEof.into())),
    }
}
