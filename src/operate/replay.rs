//! `ringaudit replay`: logs in, events out, through the same stages as capture. Lines come from files or from
//! standard input, where auditd may write them as to any plugin; the time is the log's own. Nothing is
//! dropped: whoever reads the outputs is waited for.

use super::input;
use super::stages::{End, Stages, Waiter, Watch, shown};
use crate::config::{self, BUILT_IN, Config, Format, Loaded, Output, Place, Problem};
use crate::log::{self, Level};
use crate::output::{OpenError, Outputs};
use crate::stats::Stats;
use crate::sys::signal::Signals;
use crate::writer::{self, Lines};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a line may have before its record's fields: a node, a type and a stamp.
const HEADER: usize = 1024;

/// What to replay, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Where outputs and formats are from; without it events go to standard output as JSON.
    pub config: Option<PathBuf>,
    /// In place of the format of each output that writes lines.
    pub format: Option<Format>,
    /// The logs, `-` for standard input; none is standard input too.
    pub files: Vec<PathBuf>,
}

/// Why a replay is not whole.
#[derive(Debug)]
pub enum Error {
    /// The config is wrong.
    Config(Vec<Problem>),
    /// Outputs cannot be opened.
    Outputs(Vec<OpenError>),
    /// Something that the system refuses.
    System(&'static str, io::Error),
    /// Some of the logs could not be read; each was told.
    Unread,
    /// Nobody reads standard output any more, or it could not be written, which was told.
    Gone,
    /// A signal ended it.
    Stopped,
}

impl Error {
    /// The exit code, as ringaudit(8) documents it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => problems.iter().try_for_each(|problem| writeln!(f, "{problem}")),
            Self::Outputs(errors) => errors.iter().try_for_each(|error| writeln!(f, "{error}")),
            Self::System(what, error) => write!(f, "failed to {what}: {error}"),
            Self::Unread | Self::Gone => Ok(()),
            Self::Stopped => f.write_str("stopped by a signal before the end of the logs"),
        }
    }
}

impl std::error::Error for Error {}

/// Replays the logs, and says on standard error what came of them.
///
/// # Errors
///
/// Why it is not whole; what could be replayed was.
pub fn run(request: &Request) -> Result<(), Error> {
    let config = config_of(request).map_err(Error::Config)?;
    let signals = Signals::block().map_err(|e| Error::System("block signals", e))?;
    let stats = Arc::new(Stats::default());
    let watch = Watch::new(signals);
    let waiter = Box::new(Waiter(Arc::clone(&watch)));
    let outputs = Outputs::open_with(&config.outputs, Lines::longest(&config), &stats, true, waiter);
    let outputs = outputs.map_err(Error::Outputs)?;
    let longest = config.event.max_kib as usize * 1024 + HEADER;
    let no_memory = |error| Error::System("get memory", error);
    let mut buffer = input::Lines::new(longest).map_err(no_memory)?;
    let mut stages = Stages::new(&config, outputs, watch, stats).map_err(no_memory)?;
    let mut result = Ok(());
    for path in &in_order(&request.files) {
        if let Err(error) = stages.log(path, &mut buffer) {
            say(format_args!("{}: {error}", shown(path)));
            result = Err(Error::Unread);
        }
        if stages.out.has_ended() {
            break;
        }
    }
    stages.finish();
    match stages.out.end() {
        End::Gone => Err(Error::Gone),
        End::Stopped => Err(Error::Stopped),
        End::Open | End::Asked(_) => result,
    }
}

/// The config of a replay: the one that is named, and no other.
fn config_of(request: &Request) -> Result<Config, Vec<Problem>> {
    let mut config = match &request.config {
        Some(path) => {
            let Loaded { config, warnings } = config::read_file(path)?;
            log::each(Level::Warning, &warnings);
            let user = |name: &str| id_of("/etc/passwd", name);
            let mut problems = config::check(&config, user, |name| id_of("/etc/group", name));
            problems.extend(writer::check(&config));
            Problem::sort(&mut problems);
            if !problems.is_empty() {
                return Err(problems);
            }
            config
        }
        None => {
            let place = Place { file: BUILT_IN.to_owned(), ..Place::default() };
            let output = Output { place, ..Output::default() };
            Config { outputs: vec![output], ..Config::default() }
        }
    };
    if let Some(format) = request.format {
        // What a GELF output makes of fields is no line.
        let lines = config.outputs.iter_mut().filter(|output| output.format != Format::Gelf);
        lines.for_each(|output| output.format = format);
    }
    Ok(config)
}

fn id_of(table: &str, name: &str) -> Option<u32> {
    config::id_in(&std::fs::read_to_string(table).unwrap_or_default(), name)
}

/// The logs in the order in which they were written: as they are given, or, if they are one rotated set
/// (`audit.log`, `audit.log.1`, ...), the highest number first.
fn in_order(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.is_empty() {
        return vec![PathBuf::from("-")];
    }
    let mut files = files.to_vec();
    let stem = files.first().map(|first| rotated(first).0).unwrap_or_default();
    if files.iter().all(|file| rotated(file).0 == stem) {
        files.sort_by_key(|file| std::cmp::Reverse(rotated(file).1));
    }
    files
}

/// A log's name without the number that rotation appended, and that number; 0 without one.
fn rotated(path: &Path) -> (PathBuf, u32) {
    let number = path.extension().and_then(|suffix| suffix.to_str()).and_then(|suffix| {
        suffix.bytes().all(|byte| byte.is_ascii_digit()).then(|| suffix.parse::<u32>().ok())?
    });
    match number {
        Some(number) => (path.with_extension(""), number),
        None => (path.to_owned(), 0),
    }
}

/// A line on standard error. Nobody is left to tell when it is gone.
pub(super) fn say(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "ringaudit: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_set_is_read_from_its_oldest() {
        let ordered = |files: &[&str]| {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            in_order(&files).iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ordered(&[]), "-");
        assert_eq!(ordered(&["a/audit.log", "a/audit.log.1", "a/audit.log.10", "a/audit.log.2"]), {
            "a/audit.log.10 a/audit.log.2 a/audit.log.1 a/audit.log"
        });
        for other in ["b.log a.log", "a/audit.log b/audit.log.1", "audit.log audit.log.gz", "- audit.log.1"] {
            assert_eq!(ordered(&other.split(' ').collect::<Vec<_>>()), other);
        }
    }
}
