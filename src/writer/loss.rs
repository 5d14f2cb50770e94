//! What was lost, by the place where it was lost, as an event of the stream itself, so that a reader of the
//! log can add up: received = written + filtered + dropped. The shape is in docs/format.md.

use crate::event::own::Own;
#[cfg(feature = "reload")]
use crate::stats::OutputStats;
use crate::stats::{Counter, Stats};
use crate::wire::record::RecordType;
#[cfg(feature = "reload")]
use ringaudit_setup::state::{Pen, Reading};
#[cfg(feature = "reload")]
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Reports are at least so far apart.
const EVERY: Duration = Duration::from_secs(1);

/// A place where something can be lost: its name, what is counted, and the counter.
type Place = (&'static str, &'static str, fn(&Stats) -> &Counter);

/// The place of all outputs; a record of it names the output.
const OUTPUT: &str = "output";

/// All of them but the outputs, along the way of a record.
const PLACES: [Place; 13] = [
    ("kernel", "records", |s| &s.kernel_lost),
    ("registration", "times", |s| &s.registration_lost),
    ("multicast", "records", |s| &s.multicast_dropped),
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
];

/// What was reported so far. The lists hold the places and then the outputs.
pub(super) struct Loss {
    total: Vec<u64>,
    reported: Vec<u64>,
    /// What is no reason for a report: `reported`, and what the last report itself cost the outputs.
    settled: Vec<u64>,
    /// Before this no report is made.
    not_before: Option<Instant>,
    /// Whether something waits for that moment.
    waiting: bool,
}

impl Loss {
    /// Starts from what the counters say now; the outputs are there already.
    pub(super) fn new(stats: &Stats) -> Self {
        let mut loss = Self {
            total: Vec::new(),
            reported: Vec::new(),
            settled: Vec::new(),
            not_before: None,
            waiting: false,
        };
        loss.look(stats);
        loss.reported.clone_from(&loss.total);
        loss.settled.clone_from(&loss.total);
        loss
    }

    fn look(&mut self, stats: &Stats) {
        self.total.clear();
        self.total.extend(PLACES.iter().map(|(_, _, counter)| counter(stats).get()));
        self.total.extend(stats.outputs.each().iter().map(|output| output.dropped()));
    }

    /// What is to be reported now, as an event: a DAEMON_ERR record for each place, with what came since the last
    /// report, and in all. `last` does not wait for its time.
    pub(super) fn report(&mut self, stats: &Stats, now: Instant, last: bool) -> Option<Own> {
        self.look(stats);
        self.waiting = self.total != *if last { &self.reported } else { &self.settled };
        if !self.waiting || (!last && self.not_before.is_some_and(|at| now < at)) {
            return None;
        }
        let mut own = Own::new(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        let outputs = stats.outputs.each();
        let places = PLACES.iter().map(|(place, unit, _)| (*place, *unit, ""));
        let places = places.chain(outputs.iter().map(|output| (OUTPUT, "events", output.name.as_str())));
        for ((place, unit, name), (total, old)) in places.zip(self.total.iter().zip(&self.reported)) {
            let new = total.wrapping_sub(*old);
            if new > 0 {
                let (word, name) = if name.is_empty() { ("", "") } else { (" output=", name) };
                own.record(
                    RecordType::DAEMON_ERR,
                    format_args!("op=loss place={place} lost={new} total={total} unit={unit}{word}{name}"),
                );
            }
        }
        drop(outputs);
        self.reported.clone_from(&self.total);
        self.settled.clone_from(&self.total);
        self.not_before = Some(now + EVERY);
        self.waiting = false;
        Some(own)
    }

    /// Call when the report was written: one that an output did not take must not be the reason for
    /// another one. It is told with the next, as all else that was counted meanwhile, by other threads too.
    pub(super) fn settle(&mut self, stats: &Stats) {
        let outputs = stats.outputs.each();
        for (settled, output) in self.settled.iter_mut().skip(PLACES.len()).zip(outputs.iter()) {
            *settled = output.dropped();
        }
    }

    /// The outputs are others now, or stand in another order; those that are there before and after have the same
    /// counters.
    #[cfg(feature = "reload")]
    pub(super) fn follow(&mut self, before: &[Arc<OutputStats>], after: &[Arc<OutputStats>]) {
        for list in [&mut self.reported, &mut self.settled] {
            let old: Vec<u64> = list.drain(PLACES.len()..).collect();
            let known =
                |stats: &Arc<OutputStats>| before.iter().position(|before| Arc::ptr_eq(before, stats));
            let value = |stats| known(stats).and_then(|at| old.get(at)).copied().unwrap_or_default();
            list.extend(after.iter().map(value));
        }
    }

    /// What was reported so far, for [`resume`](Self::resume).
    #[cfg(feature = "reload")]
    pub(super) fn save(&self, stats: &Stats, pen: &mut Pen) {
        let (places, outputs) = self.reported.split_at(self.reported.len().min(PLACES.len()));
        pen.numbers(places);
        pen.number(outputs.len() as u64);
        for (stats, reported) in stats.outputs.each().iter().zip(outputs) {
            pen.text(stats.name.as_bytes());
            pen.number(*reported);
        }
    }

    /// Goes on with what was reported by the program that ran before; `None` when that can't be read.
    #[cfg(feature = "reload")]
    pub(super) fn resume(&mut self, stats: &Stats, from: &mut Reading<'_>) -> Option<()> {
        let mut reported = from.numbers()?;
        reported.resize(PLACES.len(), 0);
        self.reported.iter_mut().zip(reported).for_each(|(to, value)| *to = value);
        for _ in 0..from.size()? {
            let (name, value) = (from.text()?, from.number()?);
            let at = stats.outputs.each().iter().position(|stats| stats.name.as_bytes() == name);
            if let Some(to) = at.and_then(|at| self.reported.get_mut(PLACES.len() + at)) {
                *to = value;
            }
        }
        self.settled.clone_from(&self.reported);
        Some(())
    }

    /// When a report that waits may be made.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.not_before.filter(|_| self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Dropped, OutputStats};
    use std::sync::Arc;

    fn words(own: &Own) -> Vec<String> {
        own.event().records.map(|record| String::from_utf8(record.fields.to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_report_tells_each_place_once_and_then_waits() {
        let stats = Stats::default();
        let mut loss = Loss::new(&stats);
        let now = Instant::now();
        assert!(loss.report(&stats, now, false).is_none());
        stats.ring_dropped.add(3);
        stats.serial_gaps.add(1);
        let report = loss.report(&stats, now, false).unwrap();
        assert_eq!(
            words(&report),
            [
                "op=loss place=ring lost=3 total=3 unit=records",
                "op=loss place=serial-gap lost=1 total=1 unit=serials"
            ]
        );
        stats.ring_dropped.add(2);
        assert!(loss.report(&stats, now, false).is_none(), "too early");
        assert_eq!(loss.deadline(), Some(now + EVERY));
        let report = loss.report(&stats, now + EVERY, false).unwrap();
        assert_eq!(words(&report), ["op=loss place=ring lost=2 total=5 unit=records"]);
        assert_eq!(loss.deadline(), None);
        stats.serial_gaps.add(1);
        assert!(loss.report(&stats, now + EVERY, true).is_some(), "the last one does not wait");
    }

    /// The next program knows what was reported: a counter that it did not know would be told as lost again.
    #[cfg(feature = "reload")]
    #[test]
    fn an_upgrade_carries_the_counter_of_each_place() {
        let (stats, next) = (Stats::default(), Stats::default());
        for (number, (_, _, counter)) in (1..).zip(PLACES) {
            counter(&stats).add(number);
        }
        next.resume(&stats.values());
        let values = |stats: &Stats| PLACES.map(|(_, _, counter)| counter(stats).get());
        assert_eq!(values(&next), values(&stats));
    }

    #[test]
    fn a_report_that_an_output_drops_is_told_with_the_next_and_swallows_nothing() {
        let stats = Stats::default();
        let outputs = ["file", "web"].map(|name| Arc::new(OutputStats::new(name.to_owned())));
        outputs.iter().for_each(|output| stats.outputs.add(Arc::clone(output)));
        let [file, web] = outputs.each_ref().map(|output| output.dropped_for(Dropped::Full));
        let mut loss = Loss::new(&stats);
        let now = Instant::now();
        file.add(10);
        web.add(2);
        assert_eq!(
            words(&loss.report(&stats, now, false).unwrap()),
            [
                "op=loss place=output lost=10 total=10 unit=events output=file",
                "op=loss place=output lost=2 total=2 unit=events output=web"
            ]
        );
        // The report itself is dropped, while the reader drops records.
        file.add(1);
        stats.ring_dropped.add(5);
        loss.settle(&stats);
        assert_eq!(
            words(&loss.report(&stats, now + EVERY, false).unwrap()),
            [
                "op=loss place=ring lost=5 total=5 unit=records",
                "op=loss place=output lost=1 total=11 unit=events output=file"
            ]
        );
        file.add(1);
        loss.settle(&stats);
        assert!(loss.report(&stats, now + 2 * EVERY, false).is_none(), "no reason for another one");
        assert_eq!(loss.deadline(), None);
        let last = loss.report(&stats, now + 2 * EVERY, true).unwrap();
        assert_eq!(words(&last), ["op=loss place=output lost=1 total=12 unit=events output=file"]);
    }
}
