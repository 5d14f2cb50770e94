//! Queue and batch against a model, and a thread with an output that fails as it is told to.

use super::driver::Driver;
use super::*;
use crate::config::WhenFull;
use crate::stats::OutputStats;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Mutex;

fn stamp(serial: u32) -> Stamp {
    Stamp { millis: u64::from(serial) * 1_000_003, serial }
}

fn queue(limit: usize, longest: usize, overflow: WhenFull) -> Queue {
    let stats = Arc::new(OutputStats::new("test".to_owned()));
    Queue::new(limit, longest, overflow, stats, Arc::new(Room::new().unwrap())).unwrap()
}

/// What a queue gives out, as (serial, lines).
fn taken(queue: &Queue, batch: &mut Batch) -> Vec<(u32, Vec<u8>)> {
    queue.look(batch, true, false);
    let taken = batch.entries().map(|entry| {
        assert_eq!(entry.stamp, stamp(entry.stamp.serial));
        (entry.stamp.serial, entry.lines.to_vec())
    });
    let taken: Vec<_> = taken.collect();
    assert_eq!(batch.rest(), taken.iter().flat_map(|(_, lines)| lines.clone()).collect::<Vec<_>>());
    taken
}

proptest! {
    #[test]
    fn a_queue_gives_out_what_went_in(
        steps in proptest::collection::vec((0usize..300, 0u8..6), 1..400),
        overflow in proptest::sample::select(&WhenFull::ALL[..]),
    ) {
        const LIMIT: usize = 1000;
        let queue = queue(LIMIT, 1 << 16, overflow);
        let mut batch = Batch::new(1 << 16).unwrap();
        let mut model: VecDeque<(u32, Vec<u8>)> = VecDeque::new();
        let size = |model: &VecDeque<(u32, Vec<u8>)>| model.iter().map(|(_, lines)| lines.len() + 16).sum::<usize>();
        let (mut dropped, mut written) = (0, 0);
        for (serial, (len, step)) in (1..).zip(steps) {
            // Now and then one that is longer than the queue.
            let lines = vec![serial as u8; if len == 299 { 5000 } else { len }];
            let need = lines.len() + 16;
            let fits = size(&model) + need <= LIMIT || model.is_empty();
            match (queue.put(&lines, stamp(serial), overflow != WhenFull::Wait), overflow) {
                (Err(NoRoom), _) => prop_assert!(!fits && overflow == WhenFull::Wait),
                (Ok(()), WhenFull::DropOldest) => {
                    while !model.is_empty() && size(&model) + need > LIMIT {
                        model.pop_front();
                        dropped += 1;
                    }
                    model.push_back((serial, lines));
                }
                (Ok(()), _) if fits => model.push_back((serial, lines)),
                (Ok(()), _) => dropped += 1,
            }
            if step == 0 {
                let out = taken(&queue, &mut batch);
                prop_assert_eq!(&out, &model.drain(..).collect::<Vec<_>>());
                batch.done(out.len());
                queue.settle(&mut batch);
                written += out.len() as u64;
            }
            let stats = &queue.stats;
            prop_assert_eq!((stats.written.get(), stats.dropped()), (written, dropped));
            prop_assert_eq!(stats.queued(), model.len() as u64);
        }
        prop_assert_eq!(queue.close(), model.len() as u64);
        prop_assert_eq!(queue.stats.queued(), 0);
    }
}

#[test]
fn a_batch_ends_where_it_is_large_enough_and_goes_on_where_it_was_left() {
    let queue = queue(1 << 20, 1 << 20, WhenFull::DropNewest);
    let line = vec![b'x'; 20_000];
    for serial in 1..=7 {
        queue.put(&line, stamp(serial), false).unwrap();
    }
    let mut batch = Batch::new(1 << 20).unwrap();
    let serials =
        |batch: &mut Batch| taken(&queue, batch).iter().map(|(serial, _)| *serial).collect::<Vec<_>>();
    assert_eq!(serials(&mut batch), [1, 2, 3]);
    batch.advance(30_000);
    assert_eq!((batch.len(), batch.begun(), batch.rest().len()), (2, 10_000, 30_000));
    assert_eq!((batch.fitting(9_999), batch.fitting(10_000), batch.fitting(29_999)), (0, 10_000, 10_000));
    assert_eq!(serials_left(&batch), [2, 3], "whole, also the one that was begun");
    batch.restart();
    assert_eq!((batch.begun(), batch.rest().len()), (0, 40_000));
    batch.refuse();
    batch.advance(20_000);
    queue.settle(&mut batch);
    assert_eq!((queue.stats.written.get(), queue.stats.dropped_for(Dropped::Refused).get()), (2, 1));
    assert_eq!(serials(&mut batch), [4, 5, 6]);
    assert_eq!(queue.close(), 4, "with those in the batch");
    batch.done(3);
    queue.settle(&mut batch);
    assert_eq!((queue.stats.written.get(), queue.stats.queued()), (2, 0), "nothing is counted twice");
}

#[test]
fn an_event_for_which_there_is_no_space_holds_up_nobody() {
    let long = vec![b'x'; 100_000];
    for overflow in WhenFull::ALL {
        let queue = queue(1000, 1 << 16, overflow);
        assert_eq!(queue.put(&long, stamp(1), false), Ok(()), "{overflow:?}: it is not waited for");
        queue.put(b"short\n", stamp(2), false).unwrap();
        let stats = &queue.stats;
        assert_eq!((stats.queued(), stats.dropped_for(Dropped::Full).get()), (1, 1));
    }
}

#[test]
fn an_event_that_no_batch_can_take_is_refused_and_what_follows_it_goes_on() {
    let queue = queue(1 << 20, 1 << 20, WhenFull::DropNewest);
    let mut batch = Batch::new(1).unwrap();
    queue.put(b"one\n", stamp(1), false).unwrap();
    queue.put(&[b'x'; 100_000], stamp(2), false).unwrap();
    queue.put(b"three\n", stamp(3), false).unwrap();
    for serial in [1, 3] {
        assert_eq!(taken(&queue, &mut batch).first().map(|(serial, _)| *serial), Some(serial));
        batch.done(1);
        queue.settle(&mut batch);
    }
    queue.put(&[b'x'; 100_000], stamp(4), false).unwrap();
    assert!(!queue.is_empty());
    assert!(queue.look(&mut batch, true, false).is_empty && queue.is_empty());
    let stats = &queue.stats;
    assert_eq!((stats.written.get(), stats.dropped_for(Dropped::Refused).get(), stats.queued()), (2, 2, 0));
}

fn serials_left(batch: &Batch) -> Vec<u32> {
    batch.entries().map(|entry| entry.stamp.serial).collect()
}

#[test]
fn a_reopening_comes_behind_what_was_there_before_it() {
    let queue = queue(1 << 16, 1 << 16, WhenFull::DropNewest);
    let mut batch = Batch::new(1 << 16).unwrap();
    queue.put(b"1\n", stamp(1), false).unwrap();
    queue.reopen();
    queue.put(b"2\n", stamp(2), false).unwrap();
    assert!(!queue.look(&mut batch, true, false).reopen);
    assert_eq!(serials_left(&batch), [1]);
    assert!(!queue.look(&mut batch, true, false).reopen, "it is not written yet");
    batch.done(1);
    assert!(queue.look(&mut batch, true, false).reopen);
    assert!(!queue.look(&mut batch, true, false).reopen);
    assert_eq!(serials_left(&batch), [2]);
    queue.reopen();
    assert!(queue.look(&mut batch, false, true).reopen, "in trouble at once");
}

#[test]
fn an_event_without_a_line_is_refused() {
    let queue = Arc::new(queue(1 << 16, 1 << 16, WhenFull::DropNewest));
    let configs = [config::Output { format: Format::Raw, ..config::Output::default() }];
    let tap = Tap::new(&configs[0], Arc::clone(&queue), true);
    let room = Arc::new(Room::new().unwrap());
    let mut outputs = Outputs::of(vec![tap], room, Daemons::patience(&configs), false, 1 << 16);
    outputs.write(Format::Raw, b"", stamp(1), 0);
    outputs.write(Format::Raw, b"2\n", stamp(2), 0);
    let stats = &queue.stats;
    assert_eq!((stats.received.get(), stats.dropped_for(Dropped::Refused).get()), (2, 1));
    assert_eq!(taken(&queue, &mut Batch::new(1).unwrap()).len(), 1);
}

/// What an output was told to do, call by call, and what it wrote.
#[derive(Default)]
struct Script {
    opens: VecDeque<Result<(), Fault>>,
    writes: VecDeque<Result<usize, Fault>>,
    opened: usize,
    reopens: bool,
    text: Vec<u8>,
}

struct Scripted(Arc<Mutex<Script>>);

impl Output for Scripted {
    fn open(&mut self) -> Result<(), Fault> {
        let mut script = self.0.lock().unwrap();
        script.opened += 1;
        script.opens.pop_front().unwrap_or(Ok(()))
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let mut script = self.0.lock().unwrap();
        let len = script.writes.pop_front().unwrap_or(Ok(usize::MAX))?.min(batch.rest().len());
        script.text.extend_from_slice(&batch.rest()[..len]);
        batch.advance(len);
        if batch.is_empty() { Ok(()) } else { Err(Fault::Failed("it stopped in the middle".to_owned())) }
    }

    fn reopen(&mut self) -> Result<bool, Fault> {
        Ok(self.0.lock().unwrap().reopens)
    }
}

fn run(script: Script, put: impl FnOnce(&Queue)) -> (Script, Arc<Queue>, Duration) {
    let script = Arc::new(Mutex::new(script));
    let queue = Arc::new(queue(1 << 16, 1 << 16, WhenFull::DropNewest));
    let driver = Driver::new(
        Box::new(Scripted(Arc::clone(&script))),
        Arc::clone(&queue),
        Batch::new(1 << 16).unwrap(),
        false,
    );
    let start = Instant::now();
    let thread = std::thread::spawn(move || driver.run());
    put(&queue);
    queue.flush();
    while !queue.is_empty() && queue.stage() != Stage::Gone && !matches!(queue.stage(), Stage::Wrong(_)) {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = start.elapsed();
    queue.stop(Instant::now() + Duration::from_secs(5));
    thread.join().unwrap();
    let script = std::mem::take(&mut *script.lock().unwrap());
    (script, queue, took)
}

#[test]
fn a_failed_write_goes_on_after_a_pause_that_grows() {
    let failed = || Err(Fault::Failed("no".to_owned()));
    let script = Script {
        writes: [Ok(3), failed(), Ok(2)].into(),
        opens: [Ok(()), Ok(()), Err(Fault::Failed("no".to_owned()))].into(),
        ..Default::default()
    };
    let (script, queue, took) = run(script, |queue| {
        queue.put(b"one\n", stamp(1), false).unwrap();
        queue.put(b"two\n", stamp(2), false).unwrap();
    });
    assert_eq!(script.text, b"one\ntwo\n");
    // Two writes that failed, an opening, and a write: pauses of 1, 2, 4 and 8 s, of which four came.
    assert!(took >= Duration::from_secs(7), "{took:?}");
    let stats = &queue.stats;
    assert_eq!((stats.received.get(), stats.written.get(), stats.dropped()), (2, 2, 0));
    assert_eq!((stats.errors.get(), stats.opened.get() as usize + 1), (4, script.opened));
}

#[test]
fn what_a_signal_opened_in_trouble_is_not_opened_once_more() {
    for reopens in [true, false] {
        let script = Script { writes: [Ok(2)].into(), reopens, ..Default::default() };
        let (script, _, _) = run(script, |queue| {
            queue.put(b"one\n", stamp(1), false).unwrap();
            queue.flush();
            while queue.stats.errors.get() == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            queue.reopen();
        });
        assert_eq!((script.text.as_slice(), script.opened), (&b"one\n"[..], if reopens { 1 } else { 2 }));
    }
}

#[test]
fn one_that_has_gone_refuses_all_and_one_that_is_wrong_never_begins() {
    let gone = Fault::Gone(None);
    let (_, queue, _) = run(Script { writes: [Err(gone)].into(), ..Default::default() }, |queue| {
        queue.put(b"one\n", stamp(1), false).unwrap();
    });
    queue.put(b"two\n", stamp(2), false).unwrap();
    assert!(queue.has_gone());
    assert_eq!(queue.stats.dropped_for(Dropped::Refused).get(), 2);
    let wrong = Err(Fault::Wrong("no such thing".to_owned()));
    let (script, queue, _) = run(Script { opens: [wrong].into(), ..Default::default() }, |_| {});
    assert_eq!((queue.stage(), script.opened), (Stage::Wrong("no such thing".to_owned()), 1));
}

#[test]
fn a_stop_writes_what_it_can_and_counts_the_rest() {
    let failed = || Err(Fault::Failed("no".to_owned()));
    let script = Script { writes: [Ok(4), failed(), failed()].into(), ..Default::default() };
    let script = Arc::new(Mutex::new(script));
    let queue = Arc::new(queue(1 << 16, 1 << 16, WhenFull::DropNewest));
    for serial in 1..=3 {
        queue.put(b"one\n", stamp(serial), false).unwrap();
    }
    queue.stop(Instant::now() + Duration::from_millis(100));
    Driver::new(
        Box::new(Scripted(Arc::clone(&script))),
        Arc::clone(&queue),
        Batch::new(1 << 16).unwrap(),
        false,
    )
    .run();
    let stats = &queue.stats;
    assert_eq!((stats.written.get(), stats.dropped_for(Dropped::Unflushed).get()), (1, 2));
    assert_eq!((queue.stage(), script.lock().unwrap().text.len()), (Stage::Ended, 4));
}

#[cfg(feature = "reload")]
mod pass {
    use super::*;
    use ringaudit_setup::state::{Pen, Reading};
    use std::thread::JoinHandle;

    /// A queue, and a thread that works for it, held as one is that follows another.
    fn begin(
        script: &Arc<Mutex<Script>>,
        stats: &Arc<OutputStats>,
        holds: bool,
    ) -> (Arc<Queue>, JoinHandle<()>) {
        let room = Arc::new(Room::new().unwrap());
        let queue = Queue::new(1 << 16, 1 << 16, WhenFull::DropNewest, Arc::clone(stats), room);
        let queue = Arc::new(queue.unwrap());
        if holds {
            queue.hold();
        }
        let output = Box::new(Scripted(Arc::clone(script)));
        let driver = Driver::new(output, Arc::clone(&queue), Batch::new(1 << 16).unwrap(), true);
        (queue, std::thread::spawn(move || driver.run()))
    }

    fn wait(what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(30), "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(300)
    }

    #[test]
    fn what_the_first_of_three_can_not_write_the_others_do_in_order() {
        let stats = Arc::new(OutputStats::new("test".to_owned()));
        let scripts: [Arc<Mutex<Script>>; 3] = Default::default();
        let [mut first, mut second, mut third] = [0, 1, 2].map(|at| {
            let (queue, thread) = begin(&scripts[at], &stats, at > 0);
            (queue, Some(thread))
        });
        wait("the opening", || first.0.stage() == Stage::Working);
        let mut stuck = scripts[0].lock().unwrap();
        stuck.writes = (0..9).map(|_| Err(Fault::Failed("no".to_owned()))).collect();
        first.0.put(b"1\n", stamp(1), false).unwrap();
        first.0.flush();
        wait("the write", || {
            !first.0.is_empty() && first.0.look(&mut Batch::new(1).unwrap(), false, false).is_empty
        });
        first.0.put(b"2\n", stamp(2), false).unwrap();
        first.0.bequeath(&second.0, soon(), true);
        second.0.put(b"3\n", stamp(3), false).unwrap();
        second.0.bequeath(&third.0, soon(), true);
        third.0.put(b"4\n", stamp(4), false).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(scripts[2].lock().unwrap().text, b"", "the first has not ended");
        drop(stuck);
        wait("the end", || third.0.is_empty() && stats.queued() == 0);
        third.0.stop(soon());
        for thread in [&mut first, &mut second, &mut third].map(|(_, thread)| thread.take().unwrap()) {
            thread.join().unwrap();
        }
        let texts = scripts.map(|script| script.lock().unwrap().text.clone());
        assert_eq!((texts[0].as_slice(), texts.concat().as_slice()), (&b""[..], &b"1\n2\n3\n4\n"[..]));
        assert_eq!((stats.received.get(), stats.written.get(), stats.dropped()), (4, 4, 0));
    }

    #[test]
    fn a_successor_begins_when_its_predecessor_ends_however_soon_that_is() {
        for _ in 0..5000 {
            let stats = Arc::new(OutputStats::new("test".to_owned()));
            let script = Arc::new(Mutex::new(Script::default()));
            let (first, one) = begin(&script, &stats, false);
            let (second, two) = begin(&script, &stats, true);
            first.put(b"1\n", stamp(1), false).unwrap();
            first.flush();
            first.bequeath(&second, Instant::now() + Duration::from_secs(60), true);
            one.join().unwrap();
            assert_eq!(second.look(&mut Batch::new(1).unwrap(), false, false).hold_until, None);
            second.stop(Instant::now() + Duration::from_secs(60));
            two.join().unwrap();
            assert_eq!((script.lock().unwrap().text.as_slice(), stats.written.get()), (&b"1\n"[..], 1));
        }
    }

    #[test]
    fn what_comes_when_all_have_ended_is_counted() {
        let stats = Arc::new(OutputStats::new("test".to_owned()));
        let scripts: [Arc<Mutex<Script>>; 2] = Default::default();
        let [(first, one), (second, two)] = [0, 1].map(|at| begin(&scripts[at], &stats, at > 0));
        wait("the opening", || first.stage() == Stage::Working);
        let mut stuck = scripts[0].lock().unwrap();
        stuck.writes = (0..9).map(|_| Err(Fault::Failed("no".to_owned()))).collect();
        first.put(b"1\n", stamp(1), false).unwrap();
        first.flush();
        wait("the write", || first.look(&mut Batch::new(1).unwrap(), false, false).is_empty);
        first.bequeath(&second, Instant::now(), true);
        second.stop(Instant::now());
        two.join().unwrap();
        drop(stuck);
        one.join().unwrap();
        assert_eq!((stats.queued(), stats.dropped_for(Dropped::Unflushed).get()), (0, 1));
    }

    /// A queue, and outputs and handles with it.
    fn only(queue: &Arc<Queue>) -> (Outputs, Vec<Handle>) {
        let configs = [config::Output::default()];
        let tap = Tap::new(&configs[0], Arc::clone(queue), true);
        let room = Arc::new(Room::new().unwrap());
        let outputs = Outputs::of(vec![tap], room, Daemons::patience(&configs), false, 1 << 16);
        let handles = outputs.handles(&configs);
        (outputs, handles)
    }

    #[test]
    fn what_a_replaced_output_has_in_its_hands_at_an_upgrade_is_counted() {
        let old = Arc::new(queue(1 << 16, 1 << 16, WhenFull::DropNewest));
        let room = Arc::new(Room::new().unwrap());
        let heir = Queue::new(1 << 16, 1 << 16, WhenFull::DropNewest, Arc::clone(&old.stats), room);
        let heir = Arc::new(heir.unwrap());
        old.put(b"1\n", stamp(1), false).unwrap();
        let mut hands = Batch::new(1 << 16).unwrap();
        old.look(&mut hands, true, false);
        old.bequeath(&heir, soon(), true);
        heir.put(b"2\n", stamp(2), false).unwrap();
        let (mut outputs, handles) = only(&heir);
        outputs.retired = only(&old).0.taps.drain(..).collect();
        let mut pen = Pen::default();
        outputs.save(&handles, &mut pen);
        let body = pen.body();
        let mut from = Reading::of(&body);
        from.size().and_then(|_| from.text()).and_then(|_| from.number()).and_then(|_| from.text()).unwrap();
        let saved = OutputStats::default();
        saved.resume(&from.numbers().unwrap());
        assert_eq!((saved.queued(), saved.dropped_for(Dropped::Unflushed).get()), (1, 1));
    }

    #[test]
    fn a_removed_output_in_trouble_keeps_its_time_when_an_upgrade_is_refused() {
        let stats = Arc::new(OutputStats::new("test".to_owned()));
        let script = Script { opens: [Err(Fault::Failed("no".to_owned()))].into(), ..Default::default() };
        let (queue, thread) = begin(&Arc::new(Mutex::new(script)), &stats, false);
        queue.put(b"1\n", stamp(1), false).unwrap();
        wait("the trouble", || stats.errors.get() > 0);
        queue.prepare(true);
        queue.stop(Instant::now() + Duration::from_secs(60));
        wait("being ready", || queue.is_ready());
        std::thread::sleep(Duration::from_millis(50));
        queue.prepare(false);
        thread.join().unwrap();
        assert_eq!((stats.written.get(), stats.dropped()), (1, 0));
    }

    #[test]
    fn a_replaced_output_is_asked_before_an_upgrade_until_it_has_ended() {
        let [old, new] = [(); 2].map(|()| Arc::new(queue(1 << 16, 1 << 16, WhenFull::DropNewest)));
        let ((_a, mut running), (_b, next)) = (only(&old), only(&new));
        let mut retired = Vec::new();
        Handle::replace(&mut running, &mut retired, next.clone());
        Handle::replace(&mut running, &mut retired, next.clone());
        assert_eq!((running.len(), retired.len()), (1, 1));
        new.note(Stage::Ended);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                wait("being asked", || old.look(&mut Batch::new(1).unwrap(), false, false).be_ready);
            });
            assert_eq!(Handle::prepare(&running, &retired), Ok(()));
        });
        old.note(Stage::Ended);
        Handle::replace(&mut running, &mut retired, next);
        assert_eq!(retired.len(), 0);
    }
}
