//! Groups records into events by their stamp, in a table of fixed size. An event is given out at its end
//! record, when it is of a type that stands alone, when its time is over (a timer's business, not the next
//! record's), when its place is needed, or when the daemon stops. What goes wrong is counted here.

#[cfg(feature = "reload")]
mod resume;

use super::serials::Serials;
use super::store::{Place, Store};
use super::{Ending, Event, Origin, Record, Sink};
use crate::config;
use crate::stats::Stats;
use crate::wire::logline::LogLine;
use crate::wire::record::{RecordType, Split, Splitter, Stamp};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events in flight. Each CPU has at most one on its way, and a few wait for their time to be over.
pub const SLOTS: usize = 64;
/// `u64.u3`: the longest time that a header can hold.
const TIME: usize = 24;

/// The type under which a log's node name is stored before the records; no record has it.
const NODE: RecordType = RecordType(0);

/// One event in flight.
#[derive(Clone, Copy)]
struct Slot {
    stamp: Stamp,
    /// The hash of its node's name, in a log; 0 without one.
    node: u64,
    time: [u8; TIME],
    time_len: u8,
    arrived: Instant,
    /// Whether it has a record that only comes with a system call: then its end record is due.
    of_syscall: bool,
    left_out: u32,
    place: Place,
}

/// The table.
pub struct Assembler {
    slots: Vec<Slot>,
    store: Store,
    /// Slots in use, the oldest first.
    order: heapless::Vec<u8, SLOTS>,
    /// Slots not in use; the last one used is the first one taken, so that few pages are touched.
    free: heapless::Vec<u8, SLOTS>,
    serials: Serials,
    splitter: Splitter,
    timeout: Duration,
    types: (u16, u16),
    /// Whether the records are a log's.
    of_log: bool,
    /// Whether events have end records: the kernel's have, audit.log has not.
    has_ends: bool,
    stats: Arc<Stats>,
}

impl Assembler {
    /// As [`new`](Self::new), for [`add_line`](Self::add_line): serials that are missing from a log are no
    /// loss, since it may have been filtered, and until an end record was seen no event waits for one.
    ///
    /// Errors: no memory.
    pub fn for_log(settings: &config::Event, stats: Arc<Stats>) -> io::Result<Self> {
        Ok(Self { of_log: true, has_ends: false, ..Self::new(settings, stats)? })
    }

    /// Allocates all that it will ever need.
    ///
    /// Errors: no memory.
    pub fn new(settings: &config::Event, stats: Arc<Stats>) -> io::Result<Self> {
        let timeout = Duration::from_millis(u64::from(settings.timeout_ms));
        let empty = Slot {
            stamp: Stamp { millis: 0, serial: 0 },
            node: 0,
            time: [0; TIME],
            time_len: 0,
            arrived: Instant::now(),
            of_syscall: false,
            left_out: 0,
            place: Place::default(),
        };
        Ok(Self {
            slots: vec![empty; SLOTS],
            store: Store::new(SLOTS, settings.max_kib as usize * 1024)?,
            order: heapless::Vec::new(),
            free: (0..SLOTS).rev().filter_map(|index| u8::try_from(index).ok()).collect(),
            serials: Serials::new(timeout),
            splitter: Splitter::new(),
            timeout,
            types: settings.types,
            of_log: false,
            has_ends: true,
            stats,
        })
    }

    /// Takes one record; gives out the event that it completes.
    pub fn add(&mut self, kind: RecordType, text: &[u8], now: Instant, sink: &mut impl Sink) {
        let Some(split) = self.splitter.split(text) else {
            return self.stats.malformed.add(1);
        };
        let gaps = self.serials.note(split.stamp.serial, now);
        if gaps > 0 {
            self.stats.serial_gaps.add(gaps);
        }
        self.take(b"", Record::captured(kind, split.fields), &split, now, sink);
    }

    /// Takes one line of a log, at the time that the log tells; gives out the event that it completes.
    pub fn add_line(&mut self, line: &LogLine<'_>, now: Instant, sink: &mut impl Sink) {
        self.take(line.node, Record::logged(line.kind, line.record.fields), &line.record, now, sink);
    }

    /// Another log begins: whether it has end records is to be seen. An event may go on in it.
    pub fn next_log(&mut self) {
        self.has_ends = false;
    }

    /// Whether the log has shown an end record: then it is a live stream, and what has no end is late.
    pub fn has_ends(&self) -> bool {
        self.has_ends
    }

    fn take(
        &mut self,
        node: &[u8],
        record: Record<'_>,
        split: &Split<'_>,
        now: Instant,
        sink: &mut impl Sink,
    ) {
        let kind = record.kind;
        let hash = hash(node);
        let position = self.position(split.stamp, hash);
        if kind == RecordType::EOE {
            self.has_ends = true;
            if let Some(position) = position {
                self.give_out(position, Ending::Complete, sink);
            }
            return;
        }
        if !(self.types.0..=self.types.1).contains(&kind.0) {
            return self.stats.filtered_records.add(1);
        }
        let position = match position {
            Some(position) => position,
            None => self.begin(split, (node, hash), now, sink),
        };
        let position = self.store(position, record, sink);
        // Our own events have several such records: in a log they are told apart by their stamp alone.
        if kind.stands_alone() && self.has_ends {
            self.give_out(position, Ending::Complete, sink);
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let oldest = self.order.first().and_then(|&slot| self.slots.get(usize::from(slot)));
        let event = oldest.map(|slot| slot.arrived + self.timeout);
        event.into_iter().chain(self.serials.deadline()).min()
    }

    /// Gives out the events and gives up the serials whose time is over.
    pub fn expire(&mut self, now: Instant, sink: &mut impl Sink) {
        while let Some(&slot) = self.order.first()
            && self.slots.get(usize::from(slot)).is_some_and(|slot| slot.arrived + self.timeout <= now)
        {
            self.stats.timed_out.add(1);
            self.give_out(0, Ending::GivenUp, sink);
        }
        self.count_gaps(now, false);
    }

    /// Gives out all that is in flight.
    pub fn give_up(&mut self, sink: &mut impl Sink) {
        while !self.order.is_empty() {
            self.give_out(0, Ending::GivenUp, sink);
        }
    }

    /// Whether events are in flight.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Gives out all that is in flight: the daemon stops.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        self.give_up(sink);
        self.count_gaps(Instant::now(), true);
        self.stats.last_serial.add(self.serials.highest().unwrap_or_default().into());
    }

    fn count_gaps(&mut self, now: Instant, all: bool) {
        let gaps = self.serials.give_up(now, all);
        if gaps > 0 {
            self.stats.serial_gaps.add(gaps);
        }
    }

    /// Where in `order` the event stands. The newest is the likeliest.
    fn position(&self, stamp: Stamp, node: u64) -> Option<usize> {
        let is_it = |slot: &Slot| slot.stamp == stamp && slot.node == node;
        self.order.iter().rposition(|&slot| self.slots.get(usize::from(slot)).is_some_and(is_it))
    }

    /// A place for a new event: the oldest one's, if all are taken. Where ends come, one of the older half that has no
    /// system call goes first: an end that a system call's event waits for will come, and theirs perhaps not.
    fn begin(
        &mut self,
        split: &Split<'_>,
        (node, hash): (&[u8], u64),
        now: Instant,
        sink: &mut impl Sink,
    ) -> usize {
        if self.free.is_empty() {
            self.stats.displaced.add(1);
            let waits = |&slot: &u8| self.slots.get(usize::from(slot)).is_some_and(|slot| slot.of_syscall);
            let older = if self.has_ends { self.order.len() / 2 } else { 0 };
            let position = self.order.iter().take(older).position(|slot| !waits(slot)).unwrap_or(0);
            self.give_out(position, Ending::GivenUp, sink);
        }
        let index = self.free.pop().unwrap_or(0);
        if let Some(slot) = self.slots.get_mut(usize::from(index)) {
            slot.stamp = split.stamp;
            slot.node = hash;
            let len = split.time.len().min(TIME);
            slot.time.iter_mut().zip(split.time).for_each(|(to, from)| *to = *from);
            slot.time_len = u8::try_from(len).unwrap_or(0);
            slot.arrived = now;
            slot.of_syscall = false;
            slot.left_out = 0;
            slot.place = Place::default();
        }
        let _ = self.order.push(index);
        let position = self.order.len() - 1;
        if node.is_empty() { position } else { self.store(position, Record::captured(NODE, node), sink) }
    }

    /// Stores a record of the event at this position; gives the position after that.
    fn store(&mut self, mut position: usize, record: Record<'_>, sink: &mut impl Sink) -> usize {
        while let Some(&index) = self.order.get(position)
            && let Some(slot) = self.slots.get_mut(usize::from(index))
        {
            slot.of_syscall |= record.kind.belongs_to_syscall();
            if self.store.push(usize::from(index), &mut slot.place, record) {
                break;
            }
            // Without end records, events that are whole wait for their time: one gives its space.
            let Some(other) = self.oldest_large(index).filter(|_| !self.has_ends) else {
                if let Some(slot) = self.slots.get_mut(usize::from(index)) {
                    slot.left_out += 1;
                }
                break;
            };
            self.stats.displaced.add(1);
            self.give_out(other, Ending::GivenUp, sink);
            position -= usize::from(other < position);
        }
        position
    }

    /// Where in `order` the oldest event in a large space stands, but for the one in this slot.
    fn oldest_large(&self, but: u8) -> Option<usize> {
        let is_large = |&slot: &u8| {
            slot != but && self.slots.get(usize::from(slot)).is_some_and(|slot| slot.place.is_large())
        };
        self.order.iter().position(is_large)
    }

    /// Gives the event at this position of `order` to the sink and frees its place.
    fn give_out(&mut self, position: usize, ending: Ending, sink: &mut impl Sink) {
        if position >= self.order.len() {
            return;
        }
        let index = self.order.remove(position);
        let Some(slot) = self.slots.get(usize::from(index)) else { return };
        if ending == Ending::Complete {
            self.stats.complete.add(1);
        }
        // Without end records there is nothing that could be missing.
        let ending = if self.has_ends { ending } else { Ending::Complete };
        if ending == Ending::GivenUp && slot.of_syscall {
            self.stats.incomplete.add(1);
        }
        if slot.left_out > 0 {
            self.stats.truncated_events.add(1);
            self.stats.truncated_event_records.add(u64::from(slot.left_out));
        }
        let mut records = self.store.records(usize::from(index), slot.place);
        // A node's name is at most 255 bytes and the first to be stored: there was space for it.
        let node = if slot.node == 0 { None } else { records.next() };
        let node = node.map_or(&b""[..], |node| node.fields);
        sink.event(&Event {
            stamp: slot.stamp,
            time: slot.time.get(..usize::from(slot.time_len)).unwrap_or_default(),
            ending,
            left_out: slot.left_out,
            origin: if self.of_log { Origin::Log { node } } else { Origin::Here },
            records,
        });
        self.store.release(slot.place);
        let _ = self.free.push(index);
    }
}

/// FNV-1a, and 0 for no name: http://www.isthe.com/chongo/tech/comp/fnv/
fn hash(name: &[u8]) -> u64 {
    if name.is_empty() {
        return 0;
    }
    let step = |sum: u64, &byte: &u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    name.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (serial, ending, (type, fields) of each record, left out)
    pub(super) type Seen = (u32, Ending, Vec<(u16, String)>, u32);

    #[derive(Default)]
    pub(super) struct Collect(pub(super) Vec<Seen>);

    impl Sink for Collect {
        fn event(&mut self, event: &Event<'_>) {
            let records =
                event.records.map(|r| (r.kind.0, String::from_utf8_lossy(r.fields).into_owned())).collect();
            self.0.push((event.stamp.serial, event.ending, records, event.left_out));
        }
    }

    pub(super) struct Bench {
        pub(super) assembler: Assembler,
        pub(super) stats: Arc<Stats>,
        pub(super) out: Collect,
        pub(super) now: Instant,
    }

    impl Bench {
        pub(super) fn new(settings: &config::Event) -> Self {
            let stats = Arc::new(Stats::default());
            let assembler = Assembler::new(settings, Arc::clone(&stats)).unwrap();
            Self { assembler, stats, out: Collect::default(), now: Instant::now() }
        }

        pub(super) fn add(&mut self, kind: u16, serial: u32, fields: &str) {
            let text = format!("audit(5.678:{serial}): {fields}");
            self.assembler.add(RecordType(kind), text.as_bytes(), self.now, &mut self.out);
        }

        fn serials(&self) -> Vec<u32> {
            self.out.0.iter().map(|seen| seen.0).collect()
        }
    }

    #[test]
    fn interleaved_events_stay_apart() {
        let mut bench = Bench::new(&config::Event::default());
        bench.add(1300, 1, "a");
        bench.add(1300, 2, "b");
        bench.add(1307, 1, "c");
        bench.add(1307, 2, "d");
        bench.add(1320, 2, "");
        bench.add(1320, 1, "");
        let expected = vec![
            (2, Ending::Complete, vec![(1300, "b".into()), (1307, "d".into())], 0),
            (1, Ending::Complete, vec![(1300, "a".into()), (1307, "c".into())], 0),
        ];
        assert_eq!(bench.out.0, expected);
        assert_eq!(bench.stats.incomplete.get(), 0);
    }

    #[test]
    fn a_record_that_stands_alone_does_not_wait() {
        let mut bench = Bench::new(&config::Event::default());
        bench.add(1112, 7, "pid=1 msg='op=login'");
        assert_eq!(bench.serials(), [7]);
    }

    #[test]
    fn a_record_after_its_end_opens_a_second_event() {
        let mut bench = Bench::new(&config::Event::default());
        bench.add(1300, 1, "a");
        bench.add(1320, 1, "");
        bench.add(1327, 1, "late");
        assert_eq!(bench.serials(), [1]);
        bench.now += Duration::from_secs(2);
        bench.assembler.expire(bench.now, &mut bench.out);
        assert_eq!(bench.serials(), [1, 1]);
        assert_eq!(bench.stats.incomplete.get(), 1);
    }

    #[test]
    fn the_timer_gives_up_what_has_no_end() {
        let mut bench = Bench::new(&config::Event { timeout_ms: 500, ..Default::default() });
        bench.add(1305, 1, "op=set");
        bench.add(1300, 2, "a");
        let due = bench.assembler.deadline().unwrap();
        assert_eq!(due, bench.now + Duration::from_millis(500));
        bench.assembler.expire(due - Duration::from_millis(1), &mut bench.out);
        assert!(bench.out.0.is_empty());
        bench.assembler.expire(due, &mut bench.out);
        assert_eq!(bench.serials(), [1, 2]);
        assert_eq!(bench.stats.incomplete.get(), 1, "only the event of a system call is incomplete");
        assert_eq!(bench.assembler.deadline(), None);
    }

    #[test]
    fn a_full_table_gives_up_its_oldest() {
        let mut bench = Bench::new(&config::Event::default());
        for serial in 1..=65 {
            bench.add(1300, serial, "a");
        }
        assert_eq!(bench.serials(), [1]);
        assert_eq!(bench.stats.incomplete.get(), 1);
        bench.assembler.finish(&mut bench.out);
        assert_eq!(bench.serials(), (1..=65).collect::<Vec<_>>());
    }

    #[test]
    fn types_outside_the_range_are_left_out_and_still_count_for_gaps() {
        let mut bench = Bench::new(&config::Event { types: (1300, 1399), ..Default::default() });
        bench.add(1300, 1, "a");
        bench.add(1400, 1, "avc");
        bench.add(1320, 1, "");
        bench.add(1400, 2, "avc");
        bench.add(1320, 2, "");
        bench.add(1300, 3, "c");
        bench.assembler.finish(&mut bench.out);
        assert_eq!(bench.serials(), [1, 3]);
        assert_eq!(bench.out.0[0].2, vec![(1300, "a".into())]);
        assert_eq!(bench.stats.filtered_records.get(), 2);
        assert_eq!(bench.stats.serial_gaps.get(), 0);
    }

    #[test]
    fn malformed_records_are_counted_and_the_rest_goes_on() {
        let mut bench = Bench::new(&config::Event::default());
        let now = bench.now;
        let binary: Vec<u8> = (0..=255).collect();
        for text in [&b""[..], b"audit(1.002:3", b"no header", &binary] {
            bench.assembler.add(RecordType::SYSCALL, text, now, &mut bench.out);
        }
        bench.add(1300, 4, "a");
        bench.add(1320, 4, "");
        assert_eq!(bench.stats.malformed.get(), 4);
        assert_eq!(bench.serials(), [4]);
    }

    #[test]
    fn an_event_past_its_budget_is_cut_and_counted() {
        let mut bench = Bench::new(&config::Event { max_kib: 16, ..Default::default() });
        let long = "x".repeat(7000);
        for _ in 0..4 {
            bench.add(1309, 1, &long);
        }
        bench.add(1307, 1, "cwd");
        bench.add(1320, 1, "");
        let (_, ending, records, left_out) = &bench.out.0[0];
        assert_eq!((*ending, records.len(), *left_out), (Ending::Complete, 3, 2));
        assert_eq!(bench.stats.truncated_events.get(), 1);
        assert_eq!(bench.stats.truncated_event_records.get(), 2);
    }

    #[test]
    fn missing_serials_are_counted_on_a_quiet_host() {
        let mut bench = Bench::new(&config::Event::default());
        bench.add(1320, 1, "");
        bench.add(1320, 4, "");
        bench.now = bench.assembler.deadline().unwrap();
        bench.assembler.expire(bench.now, &mut bench.out);
        assert_eq!(bench.stats.serial_gaps.get(), 2);
    }

    #[test]
    fn a_flood_without_ends_displaces_no_system_call() {
        let mut bench = Bench::new(&config::Event::default());
        bench.add(1300, 1, "call");
        for serial in 2..500 {
            // SECCOMP, which a filter of a process writes without a system call's record.
            bench.add(1326, serial, "code=0x7ffc0000");
        }
        assert_eq!(bench.serials()[..3], [2, 3, 4]);
        bench.add(1307, 1, "cwd");
        bench.add(1320, 1, "");
        assert_eq!(bench.out.0.last().map(|seen| (seen.0, seen.2.len())), Some((1, 2)));
    }

    /// A bench that takes the lines of a log, and the time is theirs.
    struct Log(Bench);

    impl Log {
        fn new() -> Self {
            let mut bench = Bench::new(&config::Event::default());
            bench.assembler =
                Assembler::for_log(&config::Event::default(), Arc::clone(&bench.stats)).unwrap();
            Self(bench)
        }

        fn add(&mut self, line: &str) {
            let line = crate::wire::logline::parse(line.as_bytes()).unwrap();
            self.0.assembler.add_line(&line, self.0.now, &mut self.0.out);
        }
    }

    #[test]
    fn in_a_log_large_events_make_room_for_one_another() {
        let mut log = Log::new();
        let long = "x".repeat(9000);
        for serial in 1..=30 {
            log.add(&format!("type=SYSCALL msg=audit(5.678:{serial}): small"));
            log.add(&format!("type=EXECVE msg=audit(5.678:{serial}): {long}"));
            log.add(&format!("type=EXECVE msg=audit(5.678:{serial}): {long}"));
        }
        log.0.assembler.finish(&mut log.0.out);
        let whole =
            log.0.out.0.iter().filter(|(_, _, records, left_out)| records.len() == 3 && *left_out == 0);
        assert_eq!((whole.count(), log.0.out.0.len()), (30, 30));
        assert_eq!(log.0.stats.truncated_events.get(), 0);
    }

    #[test]
    fn in_a_log_time_alone_ends_an_event_and_nothing_is_missing() {
        let mut log = Log::new();
        log.add("type=SYSCALL msg=audit(5.678:1): a");
        log.add("type=USER_LOGIN msg=audit(5.678:2): b");
        log.add("type=DAEMON_ERR msg=audit(5.678:0): c");
        log.add("type=DAEMON_ERR msg=audit(5.678:0): d");
        log.add("type=CWD msg=audit(5.678:1): e");
        log.add("type=SYSCALL msg=audit(5.678:900): f");
        assert!(log.0.out.0.is_empty());
        let due = log.0.assembler.deadline().unwrap();
        log.0.assembler.expire(due, &mut log.0.out);
        assert_eq!(log.0.serials(), [1, 2, 0, 900], "in the order of their first records");
        assert!(log.0.out.0.iter().all(|seen| seen.1 == Ending::Complete));
        assert_eq!(log.0.out.0[2].2.len(), 2, "our own records are one event by their stamp");
        assert_eq!((log.0.stats.incomplete.get(), log.0.stats.serial_gaps.get()), (0, 0));
    }

    #[test]
    fn an_end_record_makes_a_log_a_live_stream() {
        let mut log = Log::new();
        log.add("type=SYSCALL msg=audit(5.678:1): a");
        log.add("type=EOE msg=audit(5.678:1): ");
        assert!(log.0.assembler.has_ends());
        assert_eq!(log.0.serials(), [1]);
        log.add("type=USER_LOGIN msg=audit(5.678:2): b");
        assert_eq!(log.0.serials(), [1, 2], "does not wait");
        log.add("type=SYSCALL msg=audit(5.678:3): c");
        log.0.assembler.give_up(&mut log.0.out);
        assert_eq!(log.0.stats.incomplete.get(), 1);
        log.0.assembler.next_log();
        log.add("type=SYSCALL msg=audit(5.678:4): d");
        log.0.assembler.finish(&mut log.0.out);
        assert_eq!((log.0.serials().len(), log.0.stats.incomplete.get()), (4, 1));
    }
}
