//! A build that hands nothing over, in place of `pass`: what can't be written is given up at the end.

use super::super::Output;
use super::{Batch, Dropped, Instant, Queue, Room, State};

impl State {
    pub(super) fn is_held(&self) -> bool {
        false
    }

    pub(super) fn passing(&self, _: &Room) -> (Option<Instant>, bool) {
        (None, false)
    }
}

impl Queue {
    pub(super) fn count(&self, _: &State, written: u64, refused: u64) {
        self.stats.written.add(written);
        self.stats.dropped_for(Dropped::Refused).add(refused);
    }

    pub(in super::super) fn passes_on(&self) -> bool {
        false
    }

    /// Gives up what is left at the thread's end; how many events that were.
    pub(in super::super) fn end(&self, _: &mut Batch, _: &mut dyn Output) -> u64 {
        self.close()
    }
}
