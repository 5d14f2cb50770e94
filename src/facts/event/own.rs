//! Events of this daemon's own: its start and end, and what it lost. They go the way of the kernel's, through
//! the same formats, with the serial 0, which the kernel never uses.

use super::store::{HEADER, put};
use super::{Ending, Event, Origin, Record, Records};
use crate::wire::record::{RecordType, Stamp};
use std::fmt::{self, Write};
use std::time::Duration;

/// Bytes for the records of one event: a loss event has one of at most 130 bytes for each place and each output.
const SPACE: usize = 10 * 1024;
/// `u64.u3`
const TIME: usize = 24;
/// The longest record.
const LONGEST: usize = 1024;

/// One event, made record by record.
pub struct Own {
    stamp: Stamp,
    time: heapless::String<TIME>,
    stored: heapless::Vec<u8, SPACE>,
    left_out: u32,
}

impl Own {
    /// An event without records, so long after 1970.
    pub fn new(since_1970: Duration) -> Self {
        let mut time = heapless::String::new();
        let (seconds, millis) = (since_1970.as_secs(), since_1970.subsec_millis());
        // Longer than its space only in some 500 million years.
        let _ = write!(time, "{seconds}.{millis:03}");
        let millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        Self { stamp: Stamp { millis, serial: 0 }, time, stored: heapless::Vec::new(), left_out: 0 }
    }

    /// Adds a record.
    pub fn record(&mut self, kind: RecordType, fields: fmt::Arguments<'_>) {
        let mut text: heapless::String<LONGEST> = heapless::String::new();
        let start = self.stored.len();
        let fits =
            text.write_fmt(fields).is_ok() && self.stored.resize(start + HEADER + text.len(), 0).is_ok();
        if fits {
            put(&mut self.stored, start, Record::captured(kind, text.as_bytes()));
        } else {
            self.left_out += 1;
        }
    }

    /// The event.
    pub fn event(&self) -> Event<'_> {
        Event {
            stamp: self.stamp,
            time: self.time.as_bytes(),
            ending: Ending::Complete,
            left_out: self.left_out,
            origin: Origin::Here,
            records: Records::of(&self.stored),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_what_does_not_fit_is_counted() {
        let mut own = Own::new(Duration::from_millis(1_700_000_000_007));
        own.record(RecordType::DAEMON_ERR, format_args!("op=loss lost={}", 3));
        own.record(RecordType(1200), format_args!("op=start"));
        let event = own.event();
        assert_eq!((event.time, event.stamp.serial), (&b"1700000000.007"[..], 0));
        let records: Vec<_> = event.records.map(|r| (r.kind.0, r.fields.to_vec())).collect();
        assert_eq!(records, [(1209, b"op=loss lost=3".to_vec()), (1200, b"op=start".to_vec())]);
        for _ in 0..30 {
            own.record(RecordType(1200), format_args!("{:1000}", 1));
        }
        assert_eq!((own.event().records.count(), own.event().left_out), (12, 20));
    }
}
