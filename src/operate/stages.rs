//! A log's way to the outputs: its lines become events by the log's own time, and whoever reads the outputs is
//! waited for. Used by `replay` alone.

use super::input::{self, Input, Piece};
use super::replay::say;
use crate::config::{Config, Filter, quoted};
use crate::event::assemble::Assembler;
use crate::event::{Event, Sink};
use crate::filter;
use crate::output::{Outputs, Patience, Room, Waited};
use crate::stats::Stats;
use crate::sys::poll::{Wait, poll};
use crate::sys::signal::{Signal, Signals};
use crate::wire::logline::{self, Refused};
use crate::writer::Lines;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lines that are no records and are shown; further ones are counted.
const SHOWN: u64 = 10;
/// How long a stop waits for outputs that are full or failing.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// The most that the log's time goes on from one line to the next, as far as events in flight go: enough to
/// end them all, and no date in a damaged line can be too far.
const LONGEST_STEP: Duration = Duration::from_secs(3600);

/// The log's time: it goes on with the lines, never back, and is the same whenever they are read.
struct Clock {
    now: Instant,
    /// Milliseconds since 1970.
    latest: Option<u64>,
}

impl Clock {
    fn new() -> Self {
        Self { now: Instant::now(), latest: None }
    }

    /// The time of a record; whether it has gone on.
    fn note(&mut self, millis: u64) -> bool {
        let latest = *self.latest.get_or_insert(millis);
        if millis <= latest {
            return false;
        }
        self.latest = Some(millis);
        let step = Duration::from_millis(millis - latest).min(LONGEST_STEP);
        self.now = self.now.checked_add(step).unwrap_or(self.now);
        true
    }
}

/// Whether there is a reason to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// None.
    Open,
    /// A signal asked for it: what is there is still taken, and the outputs are waited for until then.
    Asked(Instant),
    /// A signal asked for it, and something is left.
    Stopped,
    /// Standard output has gone.
    Gone,
}

/// The signals, and whether there is a reason to stop: for whoever reads, and for whoever waits for an output.
pub(super) struct Watch {
    signals: Signals,
    end: End,
}

impl Watch {
    pub(super) fn new(signals: Signals) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { signals, end: End::Open }))
    }

    fn has_ended(&self) -> bool {
        matches!(self.end, End::Gone | End::Stopped)
    }

    /// Deals with the signals that have come; whether one asks for the outputs to be opened anew.
    fn look(&mut self) -> bool {
        let mut reopen = false;
        while let Some((signal, _)) = self.signals.next() {
            match (signal, self.end) {
                (Signal::Reload | Signal::Reopen, _) => reopen = true,
                (Signal::Stop, End::Open) => self.end = End::Asked(Instant::now() + STOP_LIMIT),
                (Signal::Stop, End::Asked(_)) => self.end = End::Stopped,
                (Signal::Stop | Signal::Upgrade | Signal::Resize, _) => {}
            }
        }
        reopen
    }
}

/// Waits for an output until a signal says that nobody wants to.
pub(super) struct Waiter(pub(super) Arc<Mutex<Watch>>);

impl Patience for Waiter {
    fn wait(&mut self, room: &Room) -> Waited {
        let mut watch = lock(&self.0);
        let left = match watch.end {
            End::Asked(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            _ => None,
        };
        if left == Some(Duration::ZERO) {
            watch.end = End::Stopped;
        }
        if watch.has_ended() {
            return Waited::Enough;
        }
        room.wait(Some(watch.signals.as_fd()), left);
        if watch.look() { Waited::Reopen } else { Waited::Again }
    }
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The outputs, and whoever waits for them.
pub(super) struct Out {
    lines: Lines,
    watch: Arc<Mutex<Watch>>,
}

impl Out {
    pub(super) fn end(&self) -> End {
        lock(&self.watch).end
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.watch).has_ended()
    }

    /// Deals with the signals that have come.
    fn look_at_signals(&self) {
        if lock(&self.watch).look() {
            self.lines.outputs.reopen();
        }
    }

    /// Waits until the outputs have written all.
    fn settle(&mut self) {
        self.lines.outputs.settle();
        self.look_at_outputs();
    }

    fn look_at_outputs(&self) {
        if self.lines.outputs.has_gone() {
            lock(&self.watch).end = End::Gone;
        }
    }
}

impl Sink for Out {
    fn event(&mut self, event: &Event<'_>) {
        if self.has_ended() {
            return;
        }
        self.lines.event(event);
        self.look_at_outputs();
    }
}

/// From a line to the outputs.
pub(super) struct Stages {
    assembler: Assembler,
    pub(super) out: Out,
    clock: Clock,
    /// How long a live stream may be silent in the middle of an event.
    patience: Duration,
    stats: Arc<Stats>,
    lines: u64,
    malformed: u64,
    too_long: u64,
    filters: Vec<Filter>,
}

impl Stages {
    pub(super) fn new(
        config: &Config,
        outputs: Outputs,
        watch: Arc<Mutex<Watch>>,
        stats: Arc<Stats>,
    ) -> io::Result<Self> {
        let lines = Lines::new(config, outputs, Arc::clone(&stats), Instant::now(), false)?;
        Ok(Self {
            assembler: Assembler::for_log(&config.event, Arc::clone(&stats))?,
            out: Out { lines, watch },
            clock: Clock::new(),
            patience: Duration::from_millis(u64::from(config.event.timeout_ms)),
            stats,
            lines: 0,
            malformed: 0,
            too_long: 0,
            filters: config.filters.clone(),
        })
    }

    /// Takes one log to its end.
    ///
    /// Errors: why it can't be read on.
    pub(super) fn log(&mut self, path: &Path, buffer: &mut input::Lines) -> Result<(), String> {
        let mut input = Input::open(path)?;
        let mut place = At { log: path, line: 0 };
        self.assembler.next_log();
        buffer.clear();
        let mut is_first = true;
        while self.wait_for(&input) {
            match buffer.fill(&mut input) {
                Ok(0) => {
                    self.torn(&mut place, buffer);
                    break;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(input::explain(&error)),
            }
            if std::mem::take(&mut is_first)
                && let Some(unpacker) = buffer.unpacker()
            {
                return Err(format!("is compressed; unpack it: {unpacker} FILE | ringaudit replay"));
            }
            self.out.lines.refresh(Instant::now());
            while let Some(piece) = buffer.next() {
                self.piece(&mut place, piece);
            }
        }
        Ok(())
    }

    /// Waits until there is something to read; false when there is a reason to stop.
    fn wait_for(&mut self, input: &Input) -> bool {
        loop {
            self.out.look_at_signals();
            if input.is_regular {
                let mut watch = lock(&self.out.watch);
                if matches!(watch.end, End::Asked(_)) {
                    watch.end = End::Stopped;
                }
                return !watch.has_ended();
            }
            let has_more =
                || poll(&mut [Wait::readable(input.as_fd())], Some(Duration::ZERO)).unwrap_or(1) > 0;
            if has_more() {
                return !self.out.has_ended();
            }
            self.out.settle();
            if self.out.end() != End::Open {
                // What was written before the signal may have come while the outputs were waited for.
                return !self.out.has_ended() && has_more();
            }
            // An event of a live stream that has no end record must not wait for the next event. Where
            // there are no end records, only the log's own time counts.
            let is_live = self.assembler.has_ends() && !self.assembler.is_empty();
            let ready = {
                let watch = lock(&self.out.watch);
                let mut waits = [Wait::readable(input.as_fd()), Wait::readable(watch.signals.as_fd())];
                poll(&mut waits, is_live.then_some(self.patience)).unwrap_or(1)
            };
            if ready == 0 && is_live {
                self.assembler.give_up(&mut self.out);
            }
        }
    }

    /// What stands at the end of a log, behind its last newline.
    fn torn(&mut self, place: &mut At<'_>, buffer: &mut input::Lines) {
        let Some(piece) = buffer.rest() else { return };
        let malformed = self.malformed;
        let is_line = matches!(piece, Piece::Line(_));
        self.piece(place, piece);
        if is_line && self.malformed == malformed {
            say(format_args!("{place}: the log ends inside this line; taken as far as it goes"));
        }
    }

    fn piece(&mut self, place: &mut At<'_>, piece: Piece<'_>) {
        self.lines += 1;
        place.line += 1;
        match piece {
            Piece::Line(line) => self.line(place, line),
            Piece::TooLong => {
                self.too_long += 1;
                if self.too_long <= SHOWN {
                    say(format_args!("{place}: longer than event.max_kib, left out"));
                }
            }
        }
    }

    fn line(&mut self, place: &At<'_>, line: &[u8]) {
        // A system that lost power leaves zeros where the file had grown and was not written.
        let text = match line.first() {
            Some(0) => line.get(line.iter().take_while(|&&byte| byte == 0).count()..).unwrap_or_default(),
            Some(_) => line,
            None => return,
        };
        match logline::parse(text) {
            Ok(record) => {
                self.stats.records.add(1);
                let has_gone_on = self.clock.note(record.record.stamp.millis);
                let now = self.clock.now;
                if has_gone_on && self.assembler.deadline().is_some_and(|deadline| deadline <= now) {
                    self.assembler.expire(now, &mut self.out);
                }
                self.assembler.add_line(&record, now, &mut self.out);
                if text.len() < line.len() {
                    self.refuse(format_args!("{place}: zero bytes before a record, left out"));
                }
            }
            Err(Refused::NoRecord) if text.is_empty() => {
                self.refuse(format_args!("{place}: zero bytes, left out"));
            }
            Err(Refused::NoRecord) => {
                let shown = String::from_utf8_lossy(text.get(..80).unwrap_or(text));
                self.refuse(format_args!("{place}: not an audit record: {}", quoted(&shown)));
            }
            Err(Refused::UnknownType(name)) => {
                let shown = String::from_utf8_lossy(name);
                self.refuse(format_args!("{place}: unknown record type {}, left out", quoted(&shown)));
            }
        }
    }

    /// Counts what is no record; shows the first ones.
    fn refuse(&mut self, message: fmt::Arguments<'_>) {
        self.malformed += 1;
        if self.malformed <= SHOWN {
            say(message);
        }
        if self.malformed == SHOWN {
            say(format_args!("further lines of this kind are counted, not shown"));
        }
    }

    /// Writes what is in flight, and says what came of it all.
    pub(super) fn finish(&mut self) {
        self.assembler.finish(&mut self.out);
        self.out.settle();
        // Who closed standard output wants to hear no more, and a failure was told.
        if self.out.end() == End::Gone {
            return;
        }
        self.out.lines.outputs.finish(Duration::ZERO);
        let stats = &self.stats;
        let always =
            [("lines", self.lines), ("records", stats.records.get()), ("events", stats.events.get())];
        let if_any = [
            ("malformed", self.malformed),
            ("too long", self.too_long),
            ("events filtered", stats.filtered.get()),
            ("records filtered", stats.filtered_records.get()),
            ("records cut for lack of space", stats.truncated_event_records.get()),
            ("events without their end", stats.incomplete.get()),
            ("events not formatted", stats.unformatted.get()),
            ("events not written", stats.outputs.dropped()),
        ];
        let shown = always.into_iter().chain(if_any.into_iter().filter(|(_, count)| *count > 0));
        let shown: Vec<String> = shown.map(|(what, count)| format!("{what}: {count}")).collect();
        say(format_args!("replayed; {}", shown.join(", ")));
        if let Some(hits) = filter::hits(&self.filters, stats) {
            say(format_args!("filters: {hits}"));
        }
    }
}

/// A line of a log.
struct At<'a> {
    log: &'a Path,
    /// From 1.
    line: u64,
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", shown(self.log), self.line)
    }
}

/// A log's name in messages.
pub(super) fn shown(log: &Path) -> std::path::Display<'_> {
    if log == Path::new("-") { Path::new("(stdin)").display() } else { log.display() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logs_time_goes_on_and_never_back() {
        let mut clock = Clock::new();
        let start = clock.now;
        let after = |clock: &mut Clock, millis| {
            let gone_on = clock.note(millis);
            (gone_on, clock.now.duration_since(start).as_millis())
        };
        assert_eq!(after(&mut clock, 5000), (false, 0));
        assert_eq!(after(&mut clock, 5010), (true, 10));
        assert_eq!(after(&mut clock, 5005), (false, 10), "another CPU");
        assert_eq!(after(&mut clock, 5015), (true, 15));
        assert_eq!(after(&mut clock, 0), (false, 15), "set back");
        assert_eq!(after(&mut clock, u64::MAX), (true, 15 + LONGEST_STEP.as_millis()), "a damaged line");
    }
}
