//! How what waits for an output comes to another thread: one of this daemon, whose config has changed (a reload), or
//! one of the program that is executed in its place (an upgrade). Nothing that waits is dropped by it.

use super::super::Output;
#[cfg(feature = "send")]
use super::super::carried::{MADE, header};
#[cfg(feature = "send")]
use super::HEADER;
use super::{Batch, Dropped, Instant, Queue, Room, State};
use ringaudit_setup::state::Pen;
use std::sync::Arc;
use std::time::Duration;

/// How long a successor waits for a thread that has its time to flush behind it, and is held by a call.
const GRACE: Duration = Duration::from_secs(1);

/// A hand-over from or to this queue.
#[derive(Default)]
pub(super) struct Passing {
    /// Who has what waited here, and gets what the thread can't write; also what this queue is given by a thread that
    /// ends after its own.
    heir: Option<Heir>,
    /// Whether the thread has given the heir what it had, and what comes from now on is passed on.
    has_left: bool,
    /// The thread writes nothing before: its predecessor may still do.
    hold_until: Option<Instant>,
    /// The thread keeps what it can't write in this queue, for the next program.
    keeps: bool,
    /// The thread is to begin nothing that may last, and whether it does as told.
    be_ready: bool,
    is_ready: bool,
}

struct Heir {
    queue: Arc<Queue>,
    /// Whether it sends what this one's stream has made of events.
    takes_made: bool,
}

impl Queue {
    /// Makes room in the ring, whatever waits there: it is carried.
    pub(in super::super) fn spill(&self) {
        self.state().spill();
    }

    /// The longest event that it can give out.
    pub(in super::super) fn longest(&self) -> usize {
        self.longest
    }

    /// Makes the thread write nothing before its predecessor has ended, which is known when that is told to.
    pub(in super::super) fn hold(&self) {
        self.state().passing.hold_until = Some(Instant::now() + Duration::from_secs(3600));
    }

    /// Gives what waits to the heir, at once. The thread has until `by` for what it has in its hands, and the heir's
    /// begins when it has ended.
    pub(in super::super) fn bequeath(&self, heir: &Arc<Queue>, by: Instant, takes_made: bool) {
        let mut state = self.state();
        state.spill();
        let left = std::mem::take(&mut state.carried);
        state.taken = state.put;
        // One that waits for its own predecessor does not end before that.
        let by = state.passing.hold_until.map_or(by, |until| until.max(by));
        state.stop_by = Some(by);
        state.passing.heir = Some(Heir { queue: Arc::clone(heir), takes_made });
        let has_ended = matches!(state.stage, super::Stage::Ended | super::Stage::Gone);
        let hold = (!has_ended).then(|| by + GRACE);
        // Under the lock: the thread, which may end at once, must not have ended before its heir is held.
        heir.inherit(left.rest(), false, takes_made, hold);
        drop(state);
        self.alarm.ring();
    }

    /// Takes events that were counted as received by the same counters.
    fn inherit(&self, events: &[u8], first: bool, takes_made: bool, hold: Option<Instant>) {
        let mut state = self.state();
        if state.passing.has_left
            && let Some(heir) = &state.passing.heir
        {
            let (next, takes_made) = (Arc::clone(&heir.queue), takes_made && heir.takes_made);
            drop(state);
            return next.inherit(events, first, takes_made, None);
        }
        state.passing.hold_until = hold;
        let (taken, lost) = state.carried.join(events, first, self.longest, !takes_made);
        state.put += taken;
        state.reopen_at = state.reopen_at.map(|at| at + taken);
        // What does not fit its successor's space or was made for another receiver.
        self.stats.dropped_for(Dropped::Refused).add(lost);
        if state.closed {
            // Too late for this one, and nobody comes after it.
            let lost = state.give_up();
            self.stats.dropped_for(Dropped::Unflushed).add(lost);
        }
        drop(state);
        self.alarm.ring();
    }

    /// Counts what the thread has done with events; where these belong by now.
    pub(super) fn count(&self, state: &State, written: u64, refused: u64) {
        if let Some(heir) = &state.passing.heir {
            let heir = &heir.queue;
            let state = heir.state();
            return heir.count(&state, written, refused);
        }
        self.stats.written.add(written);
        self.stats.dropped_for(Dropped::Refused).add(refused);
    }

    /// The thread's end: what it has in its hands goes to the heir, stays for the next program, or is given up. How
    /// many events were given up.
    pub(in super::super) fn end(&self, batch: &mut Batch, output: &mut dyn Output) -> u64 {
        self.settle(batch);
        let mut state = self.state();
        let heir = state.passing.heir.as_ref().map(|heir| (Arc::clone(&heir.queue), heir.takes_made));
        if !state.passing.keeps && heir.is_none() {
            drop(state);
            return self.close();
        }
        let mut events = Vec::new();
        if !state.closed && state.stage != super::Stage::Gone {
            output.give_back(batch, &mut events);
            batch.move_to(&mut events);
        }
        let held = std::mem::take(&mut state.held);
        state.taken -= held;
        if let Some((queue, takes_made)) = heir {
            state.put -= held;
            state.passing.has_left = true;
            drop(state);
            queue.inherit(&events, true, takes_made, None);
        } else {
            state.carried.join(&events, true, usize::MAX, false);
        }
        0
    }

    /// Whether what its thread leaves is not given up.
    pub(in super::super) fn passes_on(&self) -> bool {
        let passing = &self.state().passing;
        passing.keeps || passing.heir.is_some()
    }

    /// Asks the thread to begin nothing that may last (`true`), or to go on.
    pub(in super::super) fn prepare(&self, be_ready: bool) {
        let mut state = self.state();
        state.passing.be_ready = be_ready;
        state.passing.is_ready = false;
        drop(state);
        self.alarm.ring();
    }

    /// Whether it does as it was asked.
    pub(in super::super) fn is_ready(&self) -> bool {
        let state = self.state();
        state.passing.is_ready || matches!(state.stage, super::Stage::Ended | super::Stage::Gone)
    }

    /// Ends the thread by then; what it can't write stays here.
    pub(in super::super) fn hand_over(&self, by: Instant) {
        let mut state = self.state();
        state.passing.keeps = true;
        state.stop_by = Some(by);
        drop(state);
        self.alarm.ring();
    }

    /// Gives up what is still in the hands of a thread that has not ended by now, which gets nothing more.
    pub(in super::super) fn let_go(&self) {
        let mut state = self.state();
        if !matches!(state.stage, super::Stage::Ended | super::Stage::Gone) {
            let lost = std::mem::take(&mut state.held);
            self.stats.dropped_for(Dropped::Unflushed).add(lost);
            state.closed = true;
        }
    }

    /// What waits, for the next program.
    pub(in super::super) fn save(&self, pen: &mut Pen) {
        let mut state = self.state();
        state.spill();
        pen.text(state.carried.rest());
    }

    /// Takes what waited in the program that ran before; how many events that is not possible for.
    pub(in super::super) fn resume(&self, events: &[u8], takes_made: bool) -> u64 {
        let mut state = self.state();
        let (taken, lost) = state.carried.join(events, false, self.longest, !takes_made);
        state.put += taken;
        self.stats.dropped_for(Dropped::Refused).add(lost);
        lost
    }
}

impl State {
    /// Whether the thread is to write nothing yet.
    pub(super) fn is_held(&self) -> bool {
        self.passing.hold_until.is_some_and(|until| Instant::now() < until)
    }

    /// Notes that the thread has seen what it is asked for: until when it is held, and whether it is to be ready.
    pub(super) fn passing(&mut self, room: &Room) -> (Option<Instant>, bool) {
        let be_ready = self.passing.be_ready;
        if be_ready && !std::mem::replace(&mut self.passing.is_ready, true) {
            room.ring();
        }
        let hold_until = self.passing.hold_until.filter(|until| Instant::now() < *until);
        (hold_until, be_ready || self.passing.keeps)
    }

    fn spill(&mut self) {
        while self.len > 0 {
            let (bytes, stamp) = self.first();
            let mut event = vec![0; bytes];
            self.copy_out(&mut event);
            self.carried.push(stamp, &event);
        }
    }
}

/// Appends what a stream has made of an event and its receiver may not have.
#[cfg(feature = "send")]
pub(in super::super) fn push_made(into: &mut Vec<u8>, bytes: &[u8]) {
    let header: [u8; HEADER] = header(bytes.len(), MADE);
    into.extend_from_slice(&header);
    into.extend_from_slice(bytes);
}
