//! What waits for one output: a ring of bytes between the writer, which copies lines in, and the output's own
//! thread, which copies them out into its batch. Both hold the lock for no longer than such a copy takes, so what
//! the output does with its batch, however long, holds nobody back.

#[cfg(feature = "reload")]
mod pass;
#[cfg(not(feature = "reload"))]
mod stay;

#[cfg(all(feature = "reload", feature = "send"))]
pub(super) use pass::push_made;

use super::Room;
use super::batch::Batch;
use super::carried::{Carried, HEADER, header, parse};
use crate::config::WhenFull;
use crate::stats::{Dropped, OutputStats};
use crate::sys::memory::{HAS_CEILING, Region};
use crate::sys::poll::{Alarm, Wait, poll};
use crate::wire::record::Stamp;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So much wakes the output at once; less, when the writer has nothing else to do or some time is over.
const WAKE_AT: usize = 32 * 1024;
/// What stays resident when the queue is empty; nothing does when it stays so.
const KEPT: usize = 64 * 1024;

/// How far an output's thread is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It opens for the first time.
    Opening,
    /// It works.
    Working,
    /// It could not be opened, as its config is wrong: why.
    Wrong(String),
    /// Its receiver has gone for good; what comes is refused.
    Gone,
    /// It has ended.
    Ended,
}

struct State {
    space: Region,
    /// Where the first byte is, and how many there are.
    head: usize,
    len: usize,
    /// Where the ring begins anew: the limit, or the length of one event that is longer.
    size: usize,
    /// The same, as long as the memory for it is to be had.
    full: usize,
    /// The furthest byte touched since pages were given back.
    touched: usize,
    /// Events put in and taken out, ever.
    put: u64,
    taken: u64,
    /// Events in the batch that are not counted yet.
    held: u64,
    /// Whether the thread sleeps until there is something to write.
    asleep: bool,
    /// Whether it sleeps though there is something to write: it failed, or its receiver takes nothing.
    is_stuck: bool,
    /// Whether somebody waits for room, or for the end of all.
    wants_room: bool,
    wants_empty: bool,
    /// The file is opened anew before this event.
    reopen_at: Option<u64>,
    /// The end: what is not written by then is given up.
    stop_by: Option<Instant>,
    /// Whether what is left was given up and counted.
    closed: bool,
    stage: Stage,
    /// What goes out before what is in the ring.
    carried: Carried,
    #[cfg(feature = "reload")]
    passing: pass::Passing,
}

/// The queue.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Wakes the output's thread.
    alarm: Alarm,
    room: Arc<Room>,
    pub(super) stats: Arc<OutputStats>,
    limit: usize,
    /// The longest event that a batch takes.
    #[cfg(feature = "reload")]
    longest: usize,
    overflow: WhenFull,
}

/// What the output's thread is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orders {
    /// Whether nothing waits any more.
    pub(super) is_empty: bool,
    /// To open anew, now.
    pub(super) reopen: bool,
    /// To end, by then.
    pub(super) stop_by: Option<Instant>,
    /// To write nothing before: another thread may still be writing what comes first.
    pub(super) hold_until: Option<Instant>,
    /// To begin nothing that may last, since all is about to be handed over.
    pub(super) be_ready: bool,
}

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl Queue {
    /// For `limit` bytes, and for one event of up to `longest` when nothing else is there.
    ///
    /// Errors: no memory, no descriptor.
    pub(super) fn new(
        limit: usize,
        longest: usize,
        overflow: WhenFull,
        stats: Arc<OutputStats>,
        room: Arc<Room>,
    ) -> io::Result<Self> {
        let space = Region::new(limit.max(longest + HEADER), KEPT)?;
        let state = State {
            space,
            head: 0,
            len: 0,
            size: limit,
            full: limit,
            touched: 0,
            put: 0,
            taken: 0,
            held: 0,
            asleep: false,
            is_stuck: false,
            wants_room: false,
            wants_empty: false,
            reopen_at: None,
            stop_by: None,
            closed: false,
            stage: Stage::Opening,
            carried: Carried::default(),
            #[cfg(feature = "reload")]
            passing: pass::Passing::default(),
        };
        Ok(Self {
            state: Mutex::new(state),
            alarm: Alarm::new()?,
            room,
            stats,
            limit,
            #[cfg(feature = "reload")]
            longest: longest.max(super::batch::BATCH),
            overflow,
        })
    }

    /// Whether the writer waits for room, however long.
    pub(super) fn waits(&self) -> bool {
        self.overflow == WhenFull::Wait
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an event in. `NoRoom` counts nothing: the caller may wait. With `must`, and where waiting is no use as
    /// the output itself waits for something, the event is dropped and counted, or others for it.
    pub(super) fn put(&self, lines: &[u8], stamp: Stamp, must: bool) -> Result<(), NoRoom> {
        let mut state = self.state();
        let need = HEADER + lines.len();
        let reason = if state.stage == Stage::Gone {
            Some(Dropped::Refused)
        } else if state.closed {
            Some(Dropped::Unflushed)
        } else if state.has_room(need, self.limit) {
            None
        } else if state.len == 0 {
            // There is no memory for it where nothing else is: nothing would end the waiting.
            Some(Dropped::Full)
        } else {
            match self.overflow {
                _ if !must && (self.overflow == WhenFull::Wait || !state.is_stuck) => {
                    state.wants_room = true;
                    return Err(NoRoom);
                }
                WhenFull::DropOldest => {
                    while !state.has_room(need, self.limit) && state.drop_first() {
                        self.stats.dropped_for(Dropped::Full).add(1);
                    }
                    (!state.has_room(need, self.limit)).then_some(Dropped::Full)
                }
                WhenFull::DropNewest | WhenFull::Wait => Some(Dropped::Full),
            }
        };
        self.stats.received.add(1);
        if let Some(reason) = reason {
            self.stats.dropped_for(reason).add(1);
            return Ok(());
        }
        state.put(lines, stamp);
        if state.len >= WAKE_AT {
            self.wake(&mut state);
        }
        Ok(())
    }

    /// Counts an event that does not go in: a filter took it, or the reason.
    pub(super) fn pass_over(&self, dropped: Option<Dropped>) {
        // The lock, since these sums belong together.
        let _state = self.state();
        self.stats.received.add(1);
        dropped.map_or(&self.stats.filtered, |reason| self.stats.dropped_for(reason)).add(1);
    }

    /// Wakes the output if it sleeps and something waits.
    pub(super) fn flush(&self) {
        let mut state = self.state();
        if state.has_events() {
            self.wake(&mut state);
        }
    }

    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.asleep) {
            self.alarm.ring();
        }
    }

    /// What was put in so far is written first, then the output is opened anew.
    pub(super) fn reopen(&self) {
        let mut state = self.state();
        state.reopen_at = Some(state.put);
        self.alarm.ring();
    }

    /// To end by then.
    pub(super) fn stop(&self, by: Instant) {
        self.state().stop_by = Some(by);
        self.alarm.ring();
    }

    /// How far the thread is.
    pub(super) fn stage(&self) -> Stage {
        self.state().stage.clone()
    }

    /// Whether its receiver has gone for good.
    pub(super) fn has_gone(&self) -> bool {
        self.state().stage == Stage::Gone
    }

    /// Whether nothing waits, in the queue or in the thread's hands; if something does, the room's alarm is rung
    /// when that is over.
    pub(super) fn is_empty(&self) -> bool {
        let mut state = self.state();
        state.wants_empty = !state.is_empty();
        !state.wants_empty
    }

    /// Says how far the thread is. When its receiver has gone, what waits is refused.
    pub(super) fn note(&self, stage: Stage) {
        let mut state = self.state();
        if stage == Stage::Gone {
            let lost = state.give_up();
            self.stats.dropped_for(Dropped::Refused).add(lost);
        }
        state.stage = stage;
        drop(state);
        self.room.ring();
    }

    /// What is to be done; fills the batch if it is empty and `may_take`. In `trouble` nothing can be written
    /// before a reopening.
    pub(super) fn look(&self, batch: &mut Batch, may_take: bool, trouble: bool) -> Orders {
        let mut state = self.state();
        let reopen = state.reopen_at.is_some_and(|at| trouble || (state.taken >= at && batch.is_empty()));
        if reopen {
            state.reopen_at = None;
        } else if may_take && batch.is_empty() && !state.closed && !state.is_held() {
            let before = state.taken;
            while state.reopen_at.is_none_or(|at| state.taken < at) && state.take(batch) {}
            state.held += state.taken - before;
            // Those that no batch can take.
            self.tally(&mut state, batch);
            if state.len == 0 && state.touched > KEPT {
                state.space.discard(KEPT);
                state.touched = 0;
            }
            if state.wants_room && state.len <= self.limit / 2 {
                state.wants_room = false;
                self.room.ring();
            }
        }
        let (hold_until, be_ready) = state.passing(&self.room);
        // A predecessor may still leave something.
        let is_empty = !state.has_events() && hold_until.is_none();
        Orders { is_empty, reopen, stop_by: state.stop_by, hold_until, be_ready }
    }

    /// Gives all memory back, if nothing waits.
    pub(super) fn give_back(&self) {
        let mut state = self.state();
        if state.len == 0 {
            state.space.discard(0);
            state.touched = 0;
        }
    }

    /// Counts what the batch says was written and refused; nothing, if it was given up meanwhile.
    pub(super) fn settle(&self, batch: &mut Batch) {
        self.tally(&mut self.state(), batch);
    }

    fn tally(&self, state: &mut State, batch: &mut Batch) {
        let (written, refused) = batch.settle();
        if state.closed {
            return;
        }
        state.held = state.held.saturating_sub(written + refused);
        self.count(state, written, refused);
        if state.wants_empty && state.is_empty() {
            state.wants_empty = false;
            self.room.ring();
        }
    }

    /// Gives up what is left, as the time is over; how many events that were.
    pub(super) fn close(&self) -> u64 {
        let mut state = self.state();
        let lost = state.give_up();
        self.stats.dropped_for(Dropped::Unflushed).add(lost);
        state.closed = true;
        lost
    }

    /// Sleeps until there is an order, `fd` can be written, or the time is over; and, if `for_data`, until there
    /// is something to write.
    pub(super) fn sleep(&self, fd: Option<BorrowedFd<'_>>, for_data: bool, timeout: Option<Duration>) {
        {
            let mut state = self.state();
            if for_data && state.has_events() {
                return;
            }
            state.asleep = for_data;
            state.is_stuck = !for_data;
        }
        let mut waits: heapless::Vec<Wait, 2> = heapless::Vec::new();
        let _ = waits.push(Wait::readable(self.alarm.as_fd()));
        let _ = fd.map(|fd| waits.push(Wait::writable(fd)));
        let _ = poll(&mut waits, timeout);
        if waits.first().is_some_and(Wait::ready) {
            self.alarm.hush();
        }
        let mut state = self.state();
        state.asleep = false;
        state.is_stuck = false;
    }
}

impl State {
    fn is_empty(&self) -> bool {
        !self.has_events() && self.held == 0
    }

    fn has_events(&self) -> bool {
        self.len > 0 || !self.carried.is_empty()
    }

    /// Whether so many bytes fit; an event that is longer than the limit does when it is alone.
    fn has_room(&mut self, need: usize, limit: usize) -> bool {
        if self.len == 0 {
            self.head = 0;
            self.full = limit.max(need).min(self.space.capacity());
            self.size = self.full;
        }
        let end = self.head + self.len;
        if HAS_CEILING && end <= self.size {
            // Nothing has gone round: below a ceiling it goes round where the memory ends.
            let may = self.space.reserve((end + need).min(self.full));
            self.size = if may { self.full } else { self.space.len().min(self.full) };
        }
        self.len + need <= self.size
    }

    /// There is room.
    fn put(&mut self, lines: &[u8], stamp: Stamp) {
        self.copy_in(&header(lines.len(), stamp));
        self.copy_in(lines);
        self.put += 1;
    }

    fn copy_in(&mut self, bytes: &[u8]) {
        let mut at = self.head + self.len;
        if at >= self.size {
            at -= self.size;
        }
        let (one, two) = bytes.split_at(bytes.len().min(self.size - at));
        if let Some(to) = self.space.get_mut(at..at + one.len()) {
            to.copy_from_slice(one);
        }
        if let Some(to) = self.space.get_mut(..two.len()) {
            to.copy_from_slice(two);
        }
        self.touched = self.touched.max(at + one.len());
        self.len += bytes.len();
    }

    fn copy_out(&mut self, to: &mut [u8]) {
        let at = self.head;
        let len = to.len();
        let (one, two) = to.split_at_mut(len.min(self.size - at));
        one.copy_from_slice(self.space.get(at..at + one.len()).unwrap_or_default());
        two.copy_from_slice(self.space.get(..two.len()).unwrap_or_default());
        self.skip(len);
    }

    fn skip(&mut self, len: usize) {
        self.head += len;
        if self.head >= self.size {
            self.head -= self.size;
        }
        self.len -= len;
    }

    /// The length and stamp of the first event, of which there must be one.
    fn first(&mut self) -> (usize, Stamp) {
        let mut header = [0; HEADER];
        self.copy_out(&mut header);
        parse(header)
    }

    /// Moves the first event to the batch, or refuses it there; false when there is none or it must wait.
    fn take(&mut self, batch: &mut Batch) -> bool {
        if !self.carried.is_empty() {
            let is_taken = self.carried.take(batch);
            self.taken += u64::from(is_taken);
            return is_taken;
        }
        if self.len == 0 {
            return false;
        }
        let (head, len) = (self.head, self.len);
        let (bytes, stamp) = self.first();
        if let Some(room) = batch.room(bytes, stamp) {
            self.copy_out(room);
        } else if batch.refuses() {
            self.skip(bytes);
        } else {
            (self.head, self.len) = (head, len);
            return false;
        }
        self.taken += 1;
        true
    }

    fn drop_first(&mut self) -> bool {
        if !self.carried.is_empty() {
            self.carried.skip();
        } else if self.len == 0 {
            return false;
        } else {
            let (bytes, _) = self.first();
            self.skip(bytes);
        }
        self.taken += 1;
        true
    }

    /// Forgets all; how many events that were, with those in the batch.
    fn give_up(&mut self) -> u64 {
        let lost = std::mem::take(&mut self.held) + (self.put - self.taken);
        self.taken = self.put;
        self.len = 0;
        self.carried.clear();
        lost
    }
}
