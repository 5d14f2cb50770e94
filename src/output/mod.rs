//! Lines go out. Each output has its own buffer and its own trouble: none holds back another one, and a
//! failed write never ends the daemon.

mod file;
#[cfg(feature = "compress")]
mod gzip;
mod pending;
mod stdout;

use crate::config::{self, Format, Target};
use crate::stats::Stats;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a failed output is left alone before the next try.
const RETRY: Duration = Duration::from_secs(1);

/// One place where lines go.
pub trait Output: Send {
    /// Takes a whole line with its newline: into its buffer, or counted as dropped.
    fn write(&mut self, line: &[u8], now: Instant);
    /// Writes what is buffered, as far as that goes without waiting.
    fn flush(&mut self, now: Instant);
    /// Opens its file again (SIGHUP, SIGUSR1).
    fn reopen(&mut self, now: Instant);
    /// What to wait for until more can be written; `None` when nothing is pending or waiting is no use.
    fn blocked_on(&self) -> Option<BorrowedFd<'_>>;
    /// When to try again after a failure.
    fn retry_at(&self) -> Option<Instant>;
    /// Whether something is buffered that can still be written.
    fn is_pending(&self) -> bool;
    /// Gives up what is still buffered and counts it: the daemon stops.
    fn abandon(&mut self);
    /// Whether nothing will ever be written again.
    fn has_gone(&self) -> bool {
        false
    }
}

/// Whether lines may be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// What does not fit is dropped and counted: the kernel's events do not wait.
    Drop,
    /// Whoever writes waits while an output is [stalled](Outputs::is_stalled), so each buffer has room for
    /// one more line of so many bytes.
    Wait(usize),
}

impl Patience {
    /// A buffer's size: of this many bytes, and what must have room besides.
    fn buffer(self, usual: usize) -> usize {
        match self {
            Self::Drop => usual,
            Self::Wait(longest) => usual + longest,
        }
    }
}

/// An output that could not be opened at the start: where it stands in the config, and why.
#[derive(Debug)]
pub struct OpenError {
    /// The `[[output]]` table.
    pub place: config::Place,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for OpenError {}

/// All outputs, each with its format.
pub struct Outputs(Vec<(Format, Box<dyn Output>)>);

impl Outputs {
    /// Opens each; all that cannot be opened are told together.
    pub fn open(configs: &[config::Output], stats: &Arc<Stats>) -> Result<Self, Vec<OpenError>> {
        Self::open_with(configs, Patience::Drop, stats)
    }

    /// As [`open`](Self::open), with this patience.
    pub fn open_with(
        configs: &[config::Output],
        patience: Patience,
        stats: &Arc<Stats>,
    ) -> Result<Self, Vec<OpenError>> {
        let (mut open, mut errors) = (Vec::new(), Vec::new());
        for config in configs {
            let output: Result<Box<dyn Output>, String> = match &config.target {
                Target::Stdout => {
                    stdout::Stdout::open(patience, Arc::clone(stats)).map(|o| Box::new(o) as Box<dyn Output>)
                }
                Target::File(target) => file::File::open(target, patience, Arc::clone(stats))
                    .map(|o| Box::new(o) as Box<dyn Output>),
            };
            match output {
                Ok(output) => open.push((config.format, output)),
                Err(message) => errors.push(OpenError { place: config.place.clone(), message }),
            }
        }
        if errors.is_empty() { Ok(Self(open)) } else { Err(errors) }
    }

    /// Whether an output has this format.
    pub fn uses(&self, format: Format) -> bool {
        self.0.iter().any(|(of, _)| *of == format)
    }

    /// Gives a line of this format to each output that has it.
    pub fn write(&mut self, format: Format, line: &[u8], now: Instant) {
        let takers = self.0.iter_mut().filter(|(of, _)| *of == format);
        takers.for_each(|(_, output)| output.write(line, now));
    }

    /// Flushes each.
    pub fn flush(&mut self, now: Instant) {
        self.0.iter_mut().for_each(|(_, output)| output.flush(now));
    }

    /// Reopens each.
    pub fn reopen(&mut self, now: Instant) {
        self.0.iter_mut().for_each(|(_, output)| output.reopen(now));
    }

    /// The descriptors that must become writable before more can be written.
    pub fn blocked_on(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().filter_map(|(_, output)| output.blocked_on())
    }

    /// The earliest retry.
    pub fn retry_at(&self) -> Option<Instant> {
        self.0.iter().filter_map(|(_, output)| output.retry_at()).min()
    }

    /// Whether any has something that can still be written.
    pub fn is_pending(&self) -> bool {
        self.0.iter().any(|(_, output)| output.is_pending())
    }

    /// Whether any holds lines back that it could not write, for lack of room or after a failure.
    pub fn is_stalled(&self) -> bool {
        self.0.iter().any(|(_, output)| output.blocked_on().is_some() || output.retry_at().is_some())
    }

    /// Whether one is gone for good.
    pub fn has_gone(&self) -> bool {
        self.0.iter().any(|(_, output)| output.has_gone())
    }

    /// Gives up what is left.
    pub fn abandon(&mut self) {
        self.0.iter_mut().for_each(|(_, output)| output.abandon());
    }
}
