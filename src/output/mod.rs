//! Lines go out. Each output has a queue and a thread of its own, so that a slow, blocking or dead one holds back
//! neither another one nor the writer; a failed write never ends the daemon.

mod batch;
mod carried;
#[cfg(feature = "reload")]
mod change;
mod driver;
mod file;
#[cfg(feature = "compress")]
#[cfg_attr(not(feature = "send"), allow(dead_code, reason = "GELF's envelope and single messages"))]
mod gzip;
mod long;
mod patience;
mod queue;
mod room;
#[cfg(feature = "send")]
mod send;
mod start;
mod stdout;

use crate::config::{self, Format, LongLine};
use crate::format::Line;
use crate::log;
use crate::sandbox;
use crate::stats::{Dropped, Stats};
use crate::wire::record::Stamp;
pub use batch::{BATCH, BATCH_EVENTS, Batch, Entry};
#[cfg(feature = "reload")]
pub use change::Handle;
#[cfg(feature = "reload")]
use change::Saved;
use patience::{Daemons, Slack};
pub use patience::{Patience, Waited};
use queue::{NoRoom, Queue, Stage};
pub use room::Room;
use start::{Common, start, wait_for_opening};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Stack of an output's thread, touched as far as used: some KiB, and 200 where it compresses.
const STACK: usize = 1024 * 1024;
/// How long the stop waits for a thread beyond its time: it notices that by itself, unless a call holds it.
const GRACE: Duration = Duration::from_millis(200);

/// Why an output does not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// As [`Failed`](Self::Failed), but at the start a mistake of the config's: the daemon does not start.
    Wrong(String),
    /// It failed, and is tried again after a pause: what failed, at what, and why.
    Failed(String),
    /// Its receiver has gone for good; what is to be told, if anything.
    Gone(Option<String>),
}

impl Fault {
    /// Whether the sandbox may be the reason.
    fn is_refused(&self) -> bool {
        match self {
            Self::Wrong(message) | Self::Failed(message) => !sandbox::hint(message).is_empty(),
            Self::Gone(_) => false,
        }
    }
}

/// One place where lines go. It is called on a thread of its own, and may block there as it must.
pub trait Output: Send {
    /// Opens or connects: at the start, and before the first write after a failure. Closes what a failed write
    /// left open.
    ///
    /// # Errors
    ///
    /// It is tried again later.
    fn open(&mut self) -> Result<(), Fault>;

    /// Writes events from the batch's start, and takes out what it wrote ([`Batch::advance`], [`Batch::done`],
    /// [`Batch::refuse`]). What it leaves in the batch is waited for with [`blocked_on`](Self::blocked_on).
    ///
    /// # Errors
    ///
    /// What is left in the batch is tried again, after an [`open`](Self::open).
    fn write(&mut self, batch: &mut Batch) -> Result<(), Fault>;

    /// Opens anew (SIGHUP, SIGUSR1): what came before is written already or, after a failure, will be written to
    /// what is opened now. Whether there was something to open.
    ///
    /// # Errors
    ///
    /// What was open stays in use.
    fn reopen(&mut self) -> Result<bool, Fault> {
        Ok(false)
    }

    /// What must become writable before more can be written, when `write` has left something.
    fn blocked_on(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// When something of its own is to be done, such as an fsync.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Does what is [`due`](Self::due).
    ///
    /// # Errors
    ///
    /// As for a write.
    fn work(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether a write is to be tried though the batch may be empty: it has events out of the batch ([`Batch::hold`])
    /// that were not sent, or it is time to ask what their receiver has.
    fn wants_write(&self) -> bool {
        false
    }

    /// Whether it has events out of the batch that their receiver may not have yet.
    fn holds(&self) -> bool {
        false
    }

    /// The longest pause between two tries.
    fn longest_pause(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Whether it opens something on this host, at once: then the start waits for it.
    fn is_local(&self) -> bool {
        false
    }

    /// The end: what was written is brought to safety.
    fn close(&mut self) {}

    /// Before the end, where somebody else goes on: appends what it has of events out of the batch that their receiver
    /// may not have, and says where its successor begins: with the whole first event of the batch, unless that can go
    /// on where it was.
    #[cfg(feature = "reload")]
    fn give_back(&mut self, batch: &mut Batch, _: &mut Vec<u8>) {
        batch.restart();
    }

    /// Its place is another one's until that has ended.
    #[cfg(feature = "reload")]
    fn share(&mut self) {}
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

/// The writer's end of one output.
struct Tap {
    format: Format,
    queue: Arc<Queue>,
    flush: Duration,
    /// The longest line, if there is one, and what becomes of a longer one.
    long: Option<(usize, LongLine)>,
    slack: Slack,
    /// Whether it ends with these outputs: one that runs already stays, if they are not taken into use.
    is_own: bool,
}

impl Tap {
    fn new(config: &config::Output, queue: Arc<Queue>, is_own: bool) -> Self {
        let flush = Duration::from_secs(config.queue.flush_s.into());
        let max = config.queue.max_line as usize;
        let long = (max > 0).then_some((max, config.queue.long_line));
        Self { format: config.format, queue, flush, long, slack: Slack::new(), is_own }
    }
}

/// All outputs.
pub struct Outputs {
    taps: Vec<Tap>,
    queues: Vec<Arc<Queue>>,
    room: Arc<Room>,
    patience: Box<dyn Patience>,
    /// Whether no event may be dropped.
    all: bool,
    /// Space for lines that are cut, where an output has a limit.
    line: Option<Line>,
    /// Outputs of an earlier config that have not ended yet.
    #[cfg(feature = "reload")]
    retired: Vec<Tap>,
}

/// What an output of the program that ran before has left: nothing, where that can't hand over.
#[cfg(not(feature = "reload"))]
struct Saved<'a>(std::marker::PhantomData<&'a ()>);

impl Outputs {
    /// Opens each; all that cannot be opened are told together. `longest` is the longest that an event's lines can
    /// be.
    ///
    /// # Errors
    ///
    /// What is wrong with each.
    pub fn open(
        configs: &[config::Output],
        longest: usize,
        stats: &Arc<Stats>,
    ) -> Result<Self, Vec<OpenError>> {
        Self::open_with(configs, longest, stats, false, Daemons::patience(configs))
    }

    /// As [`open`](Self::open); where `all`, no event is dropped: `patience` waits for every output, and a failure
    /// of standard output is final.
    ///
    /// # Errors
    ///
    /// What is wrong with each.
    pub fn open_with(
        configs: &[config::Output],
        longest: usize,
        stats: &Arc<Stats>,
        all: bool,
        patience: Box<dyn Patience>,
    ) -> Result<Self, Vec<OpenError>> {
        Self::open_all(configs, longest, stats, all, patience, &[])
    }

    fn open_all(
        configs: &[config::Output],
        longest: usize,
        stats: &Arc<Stats>,
        all: bool,
        patience: Box<dyn Patience>,
        saved: &[Saved<'_>],
    ) -> Result<Self, Vec<OpenError>> {
        let room = match Room::new() {
            Ok(room) => Arc::new(room),
            Err(error) => {
                return Err(configs
                    .first()
                    .map(|config| wrong(config, no_memory(&error)))
                    .into_iter()
                    .collect());
            }
        };
        let common = Common { longest, all, room: &room };
        let mut errors = Vec::new();
        let mut taps = Vec::new();
        for config in configs {
            match start(config, &common, None, saved) {
                Ok(tap) => taps.push(tap),
                Err(message) => errors.push(wrong(config, message)),
            }
        }
        let wait = &|left| room.wait(None, Some(left));
        wait_for_opening(configs.iter().zip(&taps), wait, &mut errors);
        *stats.outputs.each() = taps.iter().map(|(tap, _)| Arc::clone(&tap.queue.stats)).collect();
        let taps = taps.into_iter().map(|(tap, _)| tap).collect();
        let outputs = Self::of(taps, room, patience, all, longest);
        if errors.is_empty() { Ok(outputs) } else { Err(errors) }
    }

    fn of(taps: Vec<Tap>, room: Arc<Room>, patience: Box<dyn Patience>, all: bool, longest: usize) -> Self {
        let line = if taps.iter().any(|tap| tap.long.is_some()) { Line::new(longest).ok() } else { None };
        let queues = taps.iter().map(|tap| Arc::clone(&tap.queue)).collect();
        Self {
            taps,
            queues,
            room,
            patience,
            all,
            line,
            #[cfg(feature = "reload")]
            retired: Vec::new(),
        }
    }

    /// What is waited with, for whoever stops the daemon.
    pub fn room(&self) -> Arc<Room> {
        Arc::clone(&self.room)
    }

    /// Whether an output has this format.
    pub fn uses(&self, format: Format) -> bool {
        self.taps.iter().any(|tap| tap.format == format)
    }

    /// Whether an output of this format gets an event that filters keep from the outputs `kept`.
    pub fn wants(&self, format: Format, kept: u64) -> bool {
        self.taps.iter().enumerate().any(|(at, tap)| tap.format == format && !holds(kept, at))
    }

    /// Gives an event's lines of this format to each output that has it, but for the outputs `kept`.
    pub fn write(&mut self, format: Format, lines: &[u8], stamp: Stamp, kept: u64) {
        let Self { taps, queues, room, patience, all, line, .. } = self;
        for (at, tap) in taps.iter_mut().enumerate().filter(|(_, tap)| tap.format == format) {
            if holds(kept, at) {
                continue;
            }
            if lines.is_empty() {
                // In the format raw, when there was space for none of its records: there is nothing to write or send.
                tap.queue.pass_over(Some(Dropped::Refused));
                continue;
            }
            let lines = match (tap.long, line.as_mut()) {
                (Some((max, how)), Some(line)) if long::is_long(lines, max) => {
                    if how != LongLine::Drop {
                        long::fit(format, lines, stamp, max, how, line);
                        while line.overflowed() && line.grow(0) {
                            long::fit(format, lines, stamp, max, how, line);
                        }
                    }
                    if how == LongLine::Drop || line.overflowed() {
                        tap.queue.pass_over(Some(Dropped::TooLong));
                        continue;
                    }
                    tap.queue.stats.long.add(1);
                    line.as_bytes()
                }
                _ => lines,
            };
            let mut must = false;
            while tap.queue.put(lines, stamp, must) == Err(NoRoom) {
                tap.queue.flush();
                if !tap.queue.waits() {
                    must = !tap.slack.wait(room);
                    continue;
                }
                match patience.wait(room) {
                    Waited::Again => must = *all && has_gone(queues),
                    Waited::Reopen => queues.iter().for_each(|queue| queue.reopen()),
                    Waited::Enough => must = true,
                    #[cfg(feature = "reload")]
                    Waited::Carry => tap.queue.spill(),
                }
            }
            tap.slack.is_late = must;
        }
    }

    /// Counts an event that filters keep from the outputs `kept`.
    pub fn filtered(&self, kept: u64) {
        let kept = self.taps.iter().enumerate().filter(|(at, _)| holds(kept, *at));
        kept.for_each(|(_, tap)| tap.queue.pass_over(None));
    }

    /// Has each write what waits for it.
    pub fn flush(&self) {
        self.taps.iter().for_each(|tap| tap.queue.flush());
    }

    /// Has each open anew, behind what it was given so far.
    pub fn reopen(&self) {
        self.taps.iter().for_each(|tap| tap.queue.reopen());
    }

    /// Whether one is gone for good.
    pub fn has_gone(&self) -> bool {
        has_gone(&self.queues)
    }

    /// Waits until everything is written, for as long as patience has it.
    pub fn settle(&mut self) {
        self.flush();
        while !self.has_gone() && !self.taps.iter().all(|tap| tap.queue.is_empty()) {
            match self.patience.wait(&self.room) {
                Waited::Again => {}
                Waited::Reopen => self.reopen(),
                Waited::Enough => break,
                #[cfg(feature = "reload")]
                Waited::Carry => {}
            }
        }
    }

    /// Ends each, in the time that it has to flush, but at most `limit`; what is not written by then is counted and
    /// told.
    pub fn finish(&mut self, limit: Duration) {
        #[cfg(feature = "reload")]
        self.taps.append(&mut self.retired);
        let now = Instant::now();
        let mut last = now;
        for tap in &self.taps {
            let by = now + tap.flush.min(limit);
            tap.queue.stop(by);
            last = last.max(by + GRACE);
        }
        let is_over = |tap: &Tap| matches!(tap.queue.stage(), Stage::Ended | Stage::Gone);
        while !self.taps.iter().all(is_over) {
            let left = last.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.room.wait(None, Some(left));
        }
        for tap in self.taps.iter().filter(|tap| !is_over(tap)) {
            let lost = tap.queue.close();
            log::error(format_args!(
                "output {}: it does not end; {lost} events could not be written",
                tap.queue.stats.name
            ));
        }
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        // Without a finish nothing is waited for.
        self.taps.iter().filter(|tap| tap.is_own).for_each(|tap| tap.queue.stop(Instant::now()));
    }
}

fn has_gone(queues: &[Arc<Queue>]) -> bool {
    queues.iter().any(|queue| queue.has_gone())
}

fn holds(outputs: u64, at: usize) -> bool {
    outputs >> at & 1 == 1
}

fn no_memory(error: &std::io::Error) -> String {
    format!("failed to get a buffer: {error}")
}

fn wrong(config: &config::Output, message: String) -> OpenError {
    OpenError { place: config.place.clone(), message }
}

#[cfg(test)]
mod tests;
