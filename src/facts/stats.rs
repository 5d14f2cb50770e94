//! What is counted, by the place where it happens. Each counter has one writer; anyone may read.

use crate::config::MAX_FILTERS;
#[cfg(feature = "status")]
pub use crate::types::ByType;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        // One writer a counter, so a load and a store are enough: no locked instruction on a record's way.
        self.0.store(self.0.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Another count in its place.
    #[cfg(feature = "reload")]
    pub fn set(&self, count: u64) {
        self.0.store(count, Relaxed);
    }
}

/// A count that only `status` shows. Without that feature nothing is counted.
#[derive(Debug, Default)]
pub struct Detail(#[cfg(feature = "status")] Counter);

impl Detail {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        #[cfg(feature = "status")]
        self.0.add(count);
        #[cfg(not(feature = "status"))]
        let _ = count;
    }

    /// The count so far.
    #[cfg(feature = "status")]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// The highest value so far, which only `status` shows.
#[derive(Debug, Default)]
pub struct Highest(Detail);

impl Highest {
    /// Takes one value.
    pub fn note(&self, value: u64) {
        // One writer, as a counter has.
        #[cfg(feature = "status")]
        self.0.add(value.saturating_sub(self.get()));
        #[cfg(not(feature = "status"))]
        self.0.add(value);
    }

    /// The highest.
    #[cfg(feature = "status")]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// A counter for each record type, which only `status` shows.
#[cfg(not(feature = "status"))]
#[derive(Debug, Default)]
pub struct ByType;

#[cfg(not(feature = "status"))]
impl ByType {
    /// Counts nothing.
    pub fn add(&self, _: u16) {}
}

/// Whether a thread is alive: it is asked, and woken, and has shown it by the next time. Nothing is asked unless a
/// watchdog wants to know.
#[cfg(feature = "supervise")]
#[derive(Debug, Default)]
pub struct Pulse {
    asked: AtomicU64,
    shown: AtomicU64,
}

#[cfg(feature = "supervise")]
impl Pulse {
    /// The thread's part: call it wherever it is not stuck.
    pub fn beat(&self) {
        self.shown.store(self.asked.load(Relaxed), Relaxed);
    }

    /// Whether the thread has shown that it is alive since it was asked last; asks again. The thread is to be woken
    /// after it.
    pub fn ask(&self) -> bool {
        let asked = self.asked.load(Relaxed);
        let alive = self.shown.load(Relaxed) == asked;
        if alive {
            self.asked.store(asked.wrapping_add(1), Relaxed);
        }
        alive
    }
}

/// A counter for each filter, in the order of the config.
#[derive(Debug)]
pub struct Hits([Counter; MAX_FILTERS]);

impl Hits {
    /// All of them.
    pub fn each(&self) -> std::slice::Iter<'_, Counter> {
        self.0.iter()
    }
}

impl Default for Hits {
    fn default() -> Self {
        Self([const { Counter(AtomicU64::new(0)) }; MAX_FILTERS])
    }
}

/// Why an output did not write an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Its queue was full; which event went is the output's `overflow`.
    Full,
    /// It was longer than `max_line`, and `long_line` is "drop".
    TooLong,
    /// The receiver can never take it, or has gone for good.
    Refused,
    /// It was still waiting when the time to flush at the stop was over.
    Unflushed,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Full, Self::TooLong, Self::Refused, Self::Unflushed];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "queue-full",
            Self::TooLong => "too-long",
            Self::Refused => "refused",
            Self::Unflushed => "unflushed",
        }
    }
}

/// What became of the events that came to one output. Changed only under the lock of the output's queue, so that
/// received = written + filtered + dropped + queued at any time.
#[derive(Debug, Default)]
pub struct OutputStats {
    /// The output's name in the config.
    pub name: String,
    /// Events that came to it: all that were made, and the daemon's own.
    pub received: Counter,
    /// Those that it wrote, whole.
    pub written: Counter,
    /// Those that a filter kept from it.
    pub filtered: Counter,
    /// Those that it did not write, by [`Dropped`].
    dropped: [Counter; 4],
    /// Events that were cut or split since they were longer than `max_line`.
    pub long: Counter,
    /// Failed attempts to open or to write.
    pub errors: Counter,
    /// Times that it was opened: the first, and each reconnect, reopening and rotation.
    pub opened: Counter,
}

impl OutputStats {
    /// Counters for an output of this name.
    pub fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// The counter of one reason.
    pub fn dropped_for(&self, reason: Dropped) -> &Counter {
        let [full, too_long, refused, unflushed] = &self.dropped;
        match reason {
            Dropped::Full => full,
            Dropped::TooLong => too_long,
            Dropped::Refused => refused,
            Dropped::Unflushed => unflushed,
        }
    }

    /// All of its counters, for [`resume`](Self::resume).
    #[cfg(feature = "reload")]
    pub fn values(&self) -> Vec<u64> {
        self.all().iter().map(|counter| counter.get()).collect()
    }

    /// Goes on where another run's counters were.
    #[cfg(feature = "reload")]
    pub fn resume(&self, values: &[u64]) {
        self.all().iter().zip(values).for_each(|(counter, value)| counter.add(*value));
    }

    /// In an order that never changes: new ones go to the end.
    #[cfg(feature = "reload")]
    fn all(&self) -> [&Counter; 10] {
        let [full, too_long, refused, unflushed] = &self.dropped;
        let (received, written, filtered) = (&self.received, &self.written, &self.filtered);
        let (long, errors, opened) = (&self.long, &self.errors, &self.opened);
        [received, written, filtered, full, too_long, refused, unflushed, long, errors, opened]
    }

    /// Dropped for any reason.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().map(Counter::get).sum()
    }

    /// Events that wait, in the queue or in the hands of the output.
    pub fn queued(&self) -> u64 {
        // What left is read first: what leaves meanwhile is counted as waiting, never twice.
        let gone = self.written.get() + self.filtered.get() + self.dropped();
        self.received.get().saturating_sub(gone)
    }
}

/// The counters of all outputs.
#[derive(Debug, Default)]
pub struct OutputTable(Mutex<Vec<Arc<OutputStats>>>);

impl OutputTable {
    /// Adds an output's.
    pub fn add(&self, stats: Arc<OutputStats>) {
        self.each().push(stats);
    }

    /// All of them, held for as long as they are looked at.
    pub fn each(&self) -> MutexGuard<'_, Vec<Arc<OutputStats>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events written by all outputs together.
    pub fn written(&self) -> u64 {
        self.each().iter().map(|stats| stats.written.get()).sum()
    }

    /// Events dropped by all outputs together.
    pub fn dropped(&self) -> u64 {
        self.each().iter().map(|stats| stats.dropped()).sum()
    }

    /// Failed attempts of all outputs together.
    pub fn errors(&self) -> u64 {
        self.each().iter().map(|stats| stats.errors.get()).sum()
    }
}

/// All counters. Written by the reader, by the control thread, or by the writer, as said.
#[derive(Debug, Default)]
pub struct Stats {
    /// Records received from the kernel (reader).
    pub records: Counter,
    /// Bytes of them (reader).
    pub bytes: Counter,
    /// Records longer than a slot, cut at its end and passed on (reader).
    pub truncated_records: Counter,
    /// Records dropped because the ring was full (reader).
    pub ring_dropped: Counter,
    /// Messages from a sender that is not the kernel, thrown away (reader).
    pub foreign: Counter,
    /// Messages shorter than a header (reader).
    pub malformed_messages: Counter,
    /// Receive calls that failed for another reason than an empty socket (reader).
    pub receive_errors: Counter,
    /// Attempts of other processes to register, each an AUDIT_REPLACE (reader).
    pub replace_attempts: Counter,
    /// Records that the kernel says it lost since the daemon registered (control).
    pub kernel_lost: Counter,
    /// Records for the multicast group that found no room in the socket, as the kernel counts them (control).
    pub multicast_dropped: Counter,
    /// Times the registration was found lost (control).
    pub registration_lost: Counter,
    /// Records that came through the ring, by their type (writer).
    pub types: ByType,
    /// The most bytes of the ring's blocks that were in use at once (writer).
    pub ring_highest: Highest,
    /// Records whose header could not be read (writer).
    pub malformed: Counter,
    /// Records left out by `event.types` (writer).
    pub filtered_records: Counter,
    /// Events that records became (writer).
    pub assembled: Counter,
    /// Those that were whole: their end record came, or they stand alone (writer).
    pub complete: Detail,
    /// Those given out since their time was over (writer).
    pub timed_out: Detail,
    /// Those given out since their place was needed (writer).
    pub displaced: Detail,
    /// Those that a filter dropped (writer).
    pub filtered: Counter,
    /// Each filter's hits (writer).
    pub filters: Hits,
    /// Events written out whole (writer).
    pub events: Counter,
    /// Events of a system call given up without their end (writer).
    pub incomplete: Counter,
    /// Events from which records were cut or left out for lack of space (writer).
    pub truncated_events: Counter,
    /// Records cut or left out of those (writer).
    pub truncated_event_records: Counter,
    /// The highest serial, known when it stops (writer).
    pub last_serial: Counter,
    /// Serials that never came (writer).
    pub serial_gaps: Counter,
    /// Each output's counters, in the order of the config.
    pub outputs: OutputTable,
    /// Events that did not fit the space for a line: never, unless the space is wrong (writer).
    pub unformatted: Counter,
    /// Loss events written into the stream (writer).
    pub loss_reports: Counter,
}

#[cfg(feature = "reload")]
impl Stats {
    /// All counters but those of filters and outputs, for [`resume`](Self::resume).
    pub fn values(&self) -> Vec<u64> {
        let values = self.all().into_iter().map(Counter::get);
        #[cfg(feature = "status")]
        let values = values.chain(self.details().into_iter().map(Detail::get));
        values.collect()
    }

    /// Goes on where another run's counters were.
    pub fn resume(&self, values: &[u64]) {
        let mut values = values.iter();
        self.all().iter().zip(&mut values).for_each(|(counter, value)| counter.add(*value));
        self.details().iter().zip(values).for_each(|(counter, value)| counter.add(*value));
    }

    /// Those that only status shows, behind the others.
    fn details(&self) -> [&Detail; 3] {
        [&self.complete, &self.timed_out, &self.displaced]
    }

    /// In an order that never changes: new ones go to the end.
    fn all(&self) -> [&Counter; 22] {
        [
            &self.records,
            &self.bytes,
            &self.truncated_records,
            &self.ring_dropped,
            &self.foreign,
            &self.malformed_messages,
            &self.receive_errors,
            &self.replace_attempts,
            &self.kernel_lost,
            &self.registration_lost,
            &self.malformed,
            &self.filtered_records,
            &self.assembled,
            &self.filtered,
            &self.events,
            &self.incomplete,
            &self.truncated_events,
            &self.truncated_event_records,
            &self.serial_gaps,
            &self.unformatted,
            &self.loss_reports,
            &self.multicast_dropped,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that is stuck is not alive, however often it is asked, until it goes on.
    #[cfg(feature = "supervise")]
    #[test]
    fn a_pulse_tells_the_truth() {
        let pulse = Pulse::default();
        assert!(pulse.ask(), "nothing was asked before");
        assert!(!pulse.ask());
        assert!(!pulse.ask());
        pulse.beat();
        assert!(pulse.ask());
        assert!(!pulse.ask());
    }

    #[test]
    fn a_counter_counts() {
        let counter = Counter::default();
        counter.add(2);
        counter.add(3);
        assert_eq!(counter.get(), 5);
    }
}
