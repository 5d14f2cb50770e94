//! The writer's part of a hand-over to the program that is executed in this one's place: it stops between two records,
//! and saves what is in flight, what waits for the outputs, and the records that the reader takes until the very end.

use super::{Requests, Writer, notices, since_1970};
use crate::capture::reader::Link;
use crate::config::Config;
use crate::event::notices::Process;
use crate::output::{Handle, Outputs};
use ringaudit_setup::state::{Pen, Reading};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the ring is left alone while the outputs end.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What the main thread asks for, and what it gets.
#[derive(Default)]
pub(super) struct Asked {
    order: Option<Order>,
    saved: Option<Vec<u8>>,
}

/// What the program that ran before has left.
pub(super) struct Left {
    /// Records that were not looked at yet: for each its type and its text.
    records: Vec<u8>,
    from: String,
    by: Process,
}

/// What is with the writer when it is told to end for a hand-over.
pub(super) struct Order {
    link: Arc<Link>,
    config: Config,
    running: Vec<Handle>,
}

impl Requests {
    /// Has the writer and the outputs end for a hand-over, and the reader as the last; the config and the outputs are
    /// those that are in force.
    pub fn hand_over(&self, link: &Arc<Link>, config: &Config, running: &[Handle]) {
        let order = Order { link: Arc::clone(link), config: config.clone(), running: running.to_vec() };
        self.asked().hand_over.order = Some(order);
        self.room.call(true);
        self.bell.ring();
    }

    /// What the writer saved, once it has ended.
    pub fn take_saved(&self) -> Option<Vec<u8>> {
        self.asked().hand_over.saved.take()
    }
}

impl Writer {
    pub(super) fn is_handed_over(&self) -> Option<Order> {
        self.requests.asked().hand_over.order.take()
    }

    pub(super) fn hand_over(mut self, order: &Order) {
        let Order { link, config, running } = order;
        self.lines.outputs.flush();
        self.lines.outputs.hand_over();
        let until = Outputs::last_wait();
        let (mut records, mut leaves) = (Pen::default(), false);
        while !self.outlet.is_finished() {
            while let Some(block) = self.outlet.take() {
                for frame in block.frames() {
                    records.number(frame.kind.into());
                    records.text(frame.text);
                }
                self.outlet.give_back(block);
            }
            // The reader goes on for as long as possible: what it does not take the kernel has to keep.
            if !leaves && (self.lines.outputs.have_ended() || Instant::now() >= until) {
                leaves = true;
                link.leave(true);
            }
            self.outlet.sleep(Some(LOOK_EVERY));
        }
        let (mut pen, now) = (Pen::default(), Instant::now());
        self.lines.save(config, running, now, &mut pen);
        self.assembler.save(now, &mut pen);
        pen.text(&records.body());
        self.requests.asked().hand_over.saved = Some(pen.body());
    }

    /// Goes on with what the writer of the program before has saved, but for the outputs, which have read theirs;
    /// `from` is that program's version, and `by` asked for this one. `None` when it can't be read.
    pub fn resume(
        &mut self,
        config: &Config,
        from: &str,
        by: Process,
        state: &mut Reading<'_>,
    ) -> Option<()> {
        self.left = Some(Left { records: Vec::new(), from: from.to_owned(), by });
        let now = Instant::now();
        self.lines.resume(config, now, state)?;
        self.assembler.resume(now, state)?;
        let records = state.text()?.to_vec();
        self.left.as_mut()?.records = records;
        Some(())
    }

    /// Whether this is not the daemon's start: then what was left is worked on first.
    pub(super) fn goes_on(&mut self) -> bool {
        let Some(Left { records, from, by }) = self.left.take() else { return false };
        self.lines.own(|| notices::upgrade(since_1970(), &from, &by));
        let mut records = Reading::of(&records);
        self.lines.now = Instant::now();
        while let Some(kind) = records.small().and_then(|kind| u16::try_from(kind).ok()) {
            let Some(text) = records.text() else { break };
            self.take(kind, text);
        }
        true
    }
}
