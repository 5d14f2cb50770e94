//! What was lost, by the place where it was lost, as an event of the stream itself, so that a reader of the
//! log can add up: received = written + filtered + dropped. The shape is in docs/format.md.

use crate::event::own::Own;
use crate::stats::{Counter, Stats};
use crate::wire::record::RecordType;
use std::time::{Duration, Instant, SystemTime};

/// Reports are at least so far apart.
const EVERY: Duration = Duration::from_secs(1);

/// A place where something can be lost: its name, what is counted, and the counter.
type Place = (&'static str, &'static str, fn(&Stats) -> &Counter);

/// The place where a report itself can be lost.
const OUTPUT: &str = "output";

/// All of them, along the way of a record.
const PLACES: [Place; 13] = [
    ("kernel", "records", |s| &s.kernel_lost),
    ("registration", "times", |s| &s.registration_lost),
    ("receive", "errors", |s| &s.receive_errors),
    ("foreign", "messages", |s| &s.foreign),
    ("message-header", "messages", |s| &s.malformed_messages),
    ("slot", "records-cut", |s| &s.truncated_records),
    ("ring", "records", |s| &s.ring_dropped),
    ("record-header", "records", |s| &s.malformed),
    ("serial-gap", "serials", |s| &s.serial_gaps),
    ("incomplete", "events", |s| &s.incomplete),
    ("event-space", "records", |s| &s.truncated_event_records),
    ("line-space", "events", |s| &s.unformatted),
    (OUTPUT, "events", |s| &s.output_dropped),
];

/// What was reported so far.
pub(super) struct Loss {
    reported: [u64; PLACES.len()],
    /// What is no reason for a report: `reported`, and what the last report itself cost the outputs.
    settled: [u64; PLACES.len()],
    /// Before this no report is made.
    not_before: Option<Instant>,
    /// Whether something waits for that moment.
    waiting: bool,
}

/// One report: for each place what came since the last one, and in all.
pub(super) struct Report {
    new: [u64; PLACES.len()],
    total: [u64; PLACES.len()],
    time: Duration,
}

impl Loss {
    /// Starts from what the counters say now.
    pub(super) fn new(stats: &Stats) -> Self {
        let reported = PLACES.map(|(_, _, counter)| counter(stats).get());
        Self { reported, settled: reported, not_before: None, waiting: false }
    }

    /// What is to be reported now; `last` does not wait for its time.
    pub(super) fn report(&mut self, stats: &Stats, now: Instant, last: bool) -> Option<Report> {
        let total = PLACES.map(|(_, _, counter)| counter(stats).get());
        self.waiting = total != if last { self.reported } else { self.settled };
        if !self.waiting || (!last && self.not_before.is_some_and(|at| now < at)) {
            return None;
        }
        let mut new = total;
        new.iter_mut().zip(self.reported).for_each(|(new, old)| *new = new.wrapping_sub(old));
        self.reported = total;
        self.settled = total;
        self.not_before = Some(now + EVERY);
        self.waiting = false;
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Some(Report { new, total, time })
    }

    /// Call when the report was written: one that an output did not take must not be the reason for
    /// another one. It is told with the next, as all else that was counted meanwhile, by other threads too.
    pub(super) fn settle(&mut self, stats: &Stats) {
        for ((place, _, counter), settled) in PLACES.iter().zip(&mut self.settled) {
            if *place == OUTPUT {
                *settled = counter(stats).get();
            }
        }
    }

    /// When a report that waits may be made.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.not_before.filter(|_| self.waiting)
    }
}

impl Report {
    /// As an event: a DAEMON_ERR record for each place.
    pub(super) fn event(&self) -> Own {
        let mut own = Own::new(self.time);
        let counts = PLACES.iter().zip(self.new.iter().zip(&self.total));
        for ((place, unit, _), (new, total)) in counts.filter(|(_, (new, _))| **new > 0) {
            own.record(
                RecordType::DAEMON_ERR,
                format_args!("op=loss place={place} lost={new} total={total} unit={unit}"),
            );
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_each_place_once_and_then_waits() {
        let stats = Stats::default();
        let mut loss = Loss::new(&stats);
        let now = Instant::now();
        assert!(loss.report(&stats, now, false).is_none());
        stats.ring_dropped.add(3);
        stats.serial_gaps.add(1);
        let report = loss.report(&stats, now, false).unwrap();
        let own = report.event();
        let records: Vec<_> =
            own.event().records.map(|record| str::from_utf8(record.fields).unwrap()).collect();
        assert_eq!(
            records,
            [
                "op=loss place=ring lost=3 total=3 unit=records",
                "op=loss place=serial-gap lost=1 total=1 unit=serials"
            ]
        );
        stats.ring_dropped.add(2);
        assert!(loss.report(&stats, now, false).is_none(), "too early");
        assert_eq!(loss.deadline(), Some(now + EVERY));
        let report = loss.report(&stats, now + EVERY, false).unwrap();
        assert_eq!((report.new[6], report.total[6]), (2, 5));
        assert_eq!(loss.deadline(), None);
        stats.output_dropped.add(1);
        assert!(loss.report(&stats, now + EVERY, true).is_some(), "the last one does not wait");
    }

    #[test]
    fn a_report_that_an_output_drops_is_told_with_the_next_and_swallows_nothing() {
        const RING: usize = 6;
        const LAST: usize = PLACES.len() - 1;
        let stats = Stats::default();
        let mut loss = Loss::new(&stats);
        let now = Instant::now();
        stats.output_dropped.add(10);
        assert_eq!(loss.report(&stats, now, false).unwrap().new[LAST], 10);
        // The report itself is dropped, while the reader drops records.
        stats.output_dropped.add(1);
        stats.ring_dropped.add(5);
        loss.settle(&stats);
        let report = loss.report(&stats, now + EVERY, false).unwrap();
        assert_eq!((report.new[RING], report.new[LAST], report.total[LAST]), (5, 1, 11));
        stats.output_dropped.add(1);
        loss.settle(&stats);
        assert!(loss.report(&stats, now + 2 * EVERY, false).is_none(), "no reason for another one");
        assert_eq!(loss.deadline(), None);
        assert_eq!(loss.report(&stats, now + 2 * EVERY, true).unwrap().new[LAST], 1, "but for the last");
    }
}
