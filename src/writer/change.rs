//! Another config for the writer that runs: all that it needs is made beforehand, on the main thread, and taken into
//! use between two records. The reader and the outputs that stay notice nothing.

use super::lines::Lines;
use super::lines::change::Difference;
use super::{Requests, Writer, since_1970};
use crate::capture::ring::{self, BLOCK, Block};
use crate::config::{self, Config};
use crate::event::assemble::Assembler;
use crate::event::notices::{self, Process};
use crate::output::{Handle, OpenError, Outputs};
use crate::stats::Stats;
use crate::sys::poll::{Wait, poll};
use ringaudit_setup::state::{Pen, Reading};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the main thread asks for.
#[derive(Default)]
pub(super) struct Asked {
    change: Option<Box<Change>>,
    /// Whether it is not made yet.
    is_changing: bool,
    /// A config was refused, that this process wanted.
    refused: Option<Process>,
}

/// Another config, made ready.
pub struct Change {
    lines: Lines,
    /// Where the events in flight need another space.
    assembler: Option<Assembler>,
    event: config::Event,
    /// The ring's blocks, and those that are added for it.
    blocks: (usize, Vec<Block>),
    difference: Difference,
    format: &'static str,
    by: Process,
}

/// Why a config can't be taken into use.
#[derive(Debug)]
pub enum ChangeError {
    /// Outputs can't be opened.
    Outputs(Vec<OpenError>),
    /// No memory.
    System(io::Error),
}

impl Change {
    /// Makes all that the config needs, and opens those of its outputs that are new or changed. Until it is
    /// [made](Requests::change) nothing changes. Also gives the outputs that then run.
    ///
    /// # Errors
    ///
    /// Outputs that can't be opened; no memory.
    pub fn new(
        old: &Config,
        new: &Config,
        running: &[Handle],
        requests: &Requests,
        stats: &Arc<Stats>,
        by: Process,
    ) -> Result<(Box<Self>, Vec<Handle>), ChangeError> {
        let longest = Lines::longest(new);
        let outputs = Outputs::changed(running, &new.outputs, longest, &requests.room);
        let outputs = outputs.map_err(ChangeError::Outputs)?;
        let runs_then = outputs.handles(&new.outputs);
        let lines = Lines::new(new, outputs, Arc::clone(stats), Instant::now(), true);
        let has_space = old.event.max_kib == new.event.max_kib;
        let assembler = (!has_space).then(|| Assembler::new(&new.event, Arc::clone(stats))).transpose();
        let [before, blocks] = [old, new].map(|config| config.ring.size_kib as usize * 1024 / BLOCK);
        let added = ring::blocks(blocks.saturating_sub(before)).map_err(ChangeError::System)?;
        let change = Self {
            lines: lines.map_err(ChangeError::System)?,
            assembler: assembler.map_err(ChangeError::System)?,
            event: new.event.clone(),
            blocks: (blocks, added),
            difference: Difference::of(old, new, running),
            format: new.outputs.first().map_or("none", |output| output.format.name()),
            by,
        };
        Ok((Box::new(change), runs_then))
    }
}

impl Requests {
    /// Has the writer make a change, and waits until that is done, at most so long; whether it is.
    pub fn change(&self, change: Box<Change>, limit: Duration) -> bool {
        self.changed.hush();
        {
            let asked = &mut self.asked().change;
            (asked.change, asked.is_changing) = (Some(change), true);
        }
        self.room.call(true);
        self.bell.ring();
        let until = Instant::now() + limit;
        while self.is_changing() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || poll(&mut [Wait::readable(self.changed.as_fd())], Some(left)).is_err() {
                return false;
            }
        }
        true
    }

    /// Whether a change that was asked for is not made yet.
    pub fn is_changing(&self) -> bool {
        self.asked().change.is_changing
    }

    /// Has it written into the stream that a config was refused.
    pub fn refuse(&self, by: Process) {
        self.asked().change.refused = Some(by);
        self.bell.ring();
    }
}

impl Writer {
    /// Makes the change that was asked for.
    pub(super) fn change(&mut self) {
        let refused = self.requests.asked().change.refused.take();
        if let Some(by) = refused {
            self.lines.own(|| notices::config(since_1970(), false, &by));
        }
        let change = self.requests.asked().change.change.take();
        let Some(change) = change else { return };
        let Change { lines, assembler, event, blocks, difference, format, by } = *change;
        let old = std::mem::replace(&mut self.lines, lines);
        let stats = old.stats();
        self.lines.take_over(old, difference, &stats);
        let now = Instant::now();
        if let Some(mut assembler) = assembler {
            let mut pen = Pen::default();
            self.assembler.save(now, &mut pen);
            // It was written by this program a moment ago.
            let _ = assembler.resume(now, &mut Reading::of(&pen.body()));
            self.assembler = assembler;
        }
        self.assembler.adjust(&event);
        self.outlet.resize(blocks.0, blocks.1);
        self.format = format;
        self.lines.own(|| notices::config(since_1970(), true, &by));
        self.requests.room.call(false);
        self.requests.asked().change.is_changing = false;
        self.requests.changed.ring();
    }
}
