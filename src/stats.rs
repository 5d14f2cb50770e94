//! What is counted, by the place where it happens. Each counter has one writer; anyone may read.

use crate::config::MAX_FILTERS;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
    /// Times the registration was found lost (control).
    pub registration_lost: Counter,
    /// Records whose header could not be read (writer).
    pub malformed: Counter,
    /// Records left out by `event.types` (writer).
    pub filtered_records: Counter,
    /// Events that records became (writer).
    pub assembled: Counter,
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
    /// Serials that never came (writer).
    pub serial_gaps: Counter,
    /// Events that an output took (writer; the sum over the outputs).
    pub output_written: Counter,
    /// Events that an output could not take (writer; the sum over the outputs).
    pub output_dropped: Counter,
    /// Failed write calls (writer).
    pub output_errors: Counter,
    /// Events that did not fit the space for a line: never, unless the space is wrong (writer).
    pub unformatted: Counter,
    /// Loss events written into the stream (writer).
    pub loss_reports: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_counts() {
        let counter = Counter::default();
        counter.add(2);
        counter.add(3);
        assert_eq!(counter.get(), 5);
    }
}
