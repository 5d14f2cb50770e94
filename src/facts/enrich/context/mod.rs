//! What is known beside an event's own records: the process and its parent, script, container, unit, chosen
//! environment variables, labels, and paths for inodes. The writer shows it each event, before the filters, and
//! asks for more of those that pass; formats read what was found. Nothing here writes, and no other thread asks
//! /proc or a file system.

mod track;

pub use super::environ::Variable;
pub use super::inode::{How, PathFound};
pub use super::process::Origin;

use super::environ::Environ;
use super::inode::Inodes;
pub use super::labels::Names;
use super::labels::{Labels, Subject};
use super::proc::Proc;
use super::process::{Entry, Slot, Table};
use super::script::Script;
use crate::config::{Enrich, Label};
use crate::event::Event;
use crate::event::facts::Facts;
use crate::wire::fields;
use crate::wire::record::{RecordType, Stamp};
#[cfg(feature = "reload")]
use ringaudit_setup::state::{Pen, Reading};
use std::io;
#[cfg(feature = "reload")]
use std::time::Duration;
use std::time::Instant;

/// Processes that are looked up in /proc for one event: its own, its parent, further ancestors where labels
/// propagate, and those of OBJ_PID records. Up to four files each.
pub const MAX_LOOKED_UP: u8 = 16;
/// Processes of one event's OBJ_PID records that are looked for.
const MAX_OBJECTS: usize = 8;

/// The context of events.
pub struct Context {
    settings: Enrich,
    /// Whether the process table is kept: something needs it.
    tracks: bool,
    table: Table,
    /// The host of the log's lines whose processes it holds; a number means another one elsewhere.
    node: Vec<u8>,
    /// The way to /proc; none in a replay.
    proc: Option<Proc>,
    labels: Labels,
    script: Script,
    environ: Environ,
    inodes: Option<Inodes>,
    begun: Instant,
    /// Seconds since `begun`.
    seconds: u32,
    /// Looks that are left for this event.
    looks: u8,
    current: Option<Slot>,
    parent: Option<Slot>,
    /// Those of the event's OBJ_PID records that were found.
    objects: heapless::Vec<Slot, MAX_OBJECTS>,
    /// Whether the event is the first of its process and program.
    first: bool,
}

impl Context {
    /// Allocates all that it will need. Without `live` neither /proc nor the file system is asked: what events say
    /// is all there is.
    ///
    /// Errors: no memory, no descriptors; InvalidInput for a regex that was not checked.
    ///
    /// `firsts`: whether somebody asks for [`Found::first`].
    pub fn new(settings: &Enrich, labels: &[Label], firsts: bool, live: bool) -> io::Result<Self> {
        let tracks = firsts || settings.process || settings.container || settings.unit || !labels.is_empty();
        let places = usize::try_from(settings.processes).unwrap_or(usize::MAX);
        Ok(Self {
            settings: settings.clone(),
            tracks,
            table: Table::new(if tracks { places } else { 1 }),
            node: Vec::new(),
            proc: live.then(Proc::new),
            labels: Labels::new(labels)?,
            script: Script::new(),
            environ: Environ::new(if live { &settings.env } else { &[] })?,
            inodes: if live && settings.inode_path { Some(Inodes::new()?) } else { None },
            begun: Instant::now(),
            seconds: 0,
            looks: 0,
            current: None,
            parent: None,
            objects: heapless::Vec::new(),
            first: false,
        })
    }

    /// Learns from an event. Every event comes here, in order, whatever becomes of it.
    pub fn note(&mut self, event: &Event<'_>, facts: &Facts<'_>, now: Instant) {
        self.forget();
        let seconds = now.saturating_duration_since(self.begun).as_secs();
        self.seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.looks = MAX_LOOKED_UP;
        let node = event.origin.node().unwrap_or_default();
        if self.node != node {
            self.table.clear();
            self.node.clear();
            self.node.extend_from_slice(node);
        }
        self.table.begin();
        self.track(event, facts);
    }

    /// Looks for what only the events need that are written: the paths of inodes and the processes that
    /// OBJ_PID records name.
    pub fn complete(&mut self, event: &Event<'_>, facts: &Facts<'_>) {
        if let (Some(inodes), Some(proc), true) = (&mut self.inodes, &self.proc, facts.is_syscall) {
            inodes.look(event, facts, proc);
        }
        if !self.settings.process {
            return;
        }
        let objects = event.records.filter(|record| record.kind == RecordType::OBJ_PID).take(MAX_OBJECTS);
        for record in objects {
            let opid = fields::items(record.fields).fields().find(|(key, _)| *key == b"opid");
            if let Some(pid) = opid.and_then(|(_, value)| value.id()) {
                let met = self.meet(pid, event.stamp, 0);
                let _ = met.map(|slot| self.objects.push(slot));
            }
        }
    }

    /// What is known of the event that was noted last.
    pub fn found(&self) -> Found<'_> {
        let entry = |slot: Option<Slot>| slot.and_then(|slot| self.table.get(slot));
        let (current, parent) = (entry(self.current), entry(self.parent));
        let process = |entry| Process { entry, labels: &self.labels };
        let shown = self.settings.process;
        Found {
            process: current.filter(|_| shown).map(process),
            parent: parent.filter(|_| shown).map(process),
            container: current.filter(|_| self.settings.container).and_then(|entry| entry.container.as_ref()),
            unit: current.filter(|_| self.settings.unit).and_then(|entry| entry.unit.get()),
            inherited: current.is_some_and(|entry| entry.inherited),
            script: self.script.get().filter(|_| self.settings.script),
            first: self.first,
            context: self,
            labels: current.map_or(0, |entry| entry.labels),
        }
    }

    /// What is known of processes, for [`resume`](Self::resume).
    #[cfg(feature = "reload")]
    #[cold]
    #[inline(never)]
    pub fn save(&self, now: Instant, pen: &mut Pen) {
        pen.number(now.saturating_duration_since(self.begun).as_secs());
        self.table.save(pen);
    }

    /// Goes on with what another one knew; without `labels` but for those, since they are others now. `None` when it
    /// can't be read.
    #[cfg(feature = "reload")]
    #[cold]
    #[inline(never)]
    pub fn resume(&mut self, now: Instant, labels: bool, from: &mut Reading<'_>) -> Option<()> {
        let seconds = from.number()?;
        self.begun = now.checked_sub(Duration::from_secs(seconds)).unwrap_or(now);
        // Without a past as long as that, all that is known was seen at this moment.
        self.table.resume(labels, from)
    }

    fn forget(&mut self) {
        (self.current, self.parent, self.first) = (None, None, false);
        self.objects.clear();
        self.script.clear();
        self.environ.clear();
        if let Some(inodes) = &mut self.inodes {
            inodes.clear();
        }
    }
}

/// What is known of an event, borrowed until the next one is noted. What is switched off is not there.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    /// Its process.
    pub process: Option<Process<'a>>,
    /// Its process's parent.
    pub parent: Option<Process<'a>>,
    /// Its container's id, 32 bytes.
    pub container: Option<&'a [u8; 32]>,
    /// Its systemd unit.
    pub unit: Option<&'a [u8]>,
    /// Container and unit are the parent's, or of before the execve: the process had gone.
    pub inherited: bool,
    /// The script of an execve.
    pub script: Option<&'a [u8]>,
    /// It is the first event that is seen of its process, or of the program that the process has started; a
    /// user space event of a process that is not known is none.
    pub first: bool,
    context: &'a Context,
    labels: u64,
}

impl<'a> Found<'a> {
    /// Its process's labels, in the order of the config.
    pub fn labels(&self) -> Names<'a> {
        self.context.labels.names(self.labels)
    }

    /// The variables of an execve that are set; `None` where no environment was read.
    pub fn env(&self) -> Option<impl Iterator<Item = Variable<'a>> + Clone + use<'a>> {
        let environ = &self.context.environ;
        environ.was_read().then(|| environ.found())
    }

    /// The path found for the event's record of this number, from 0.
    pub fn path(&self, record: usize) -> Option<PathFound<'a>> {
        self.context.inodes.as_ref()?.get(record)
    }

    /// What is known of a process that one of the event's OBJ_PID records names.
    pub fn other(&self, pid: u32) -> Option<Process<'a>> {
        let context = self.context;
        let mut entries = context.objects.iter().filter_map(|&slot| context.table.get(slot));
        let entry = entries.find(|entry| entry.pid == pid && !entry.doubtful)?;
        Some(Process { entry, labels: &context.labels })
    }
}

/// What is known of one process.
#[derive(Clone, Copy)]
pub struct Process<'a> {
    entry: &'a Entry,
    labels: &'a Labels,
}

impl<'a> Process<'a> {
    /// Its id.
    pub fn pid(&self) -> u32 {
        self.entry.pid
    }

    /// Its parent's; 0 is none.
    pub fn ppid(&self) -> u32 {
        self.entry.ppid
    }

    /// The event of its last execve.
    pub fn event(&self) -> Option<Stamp> {
        (self.entry.origin == Origin::Exec).then_some(self.entry.stamp)
    }

    /// The event of its parent's fork, of one that has not started a program since.
    pub fn spawned_by(&self) -> Option<Stamp> {
        (self.entry.origin == Origin::Fork).then_some(self.entry.stamp)
    }

    /// Where the knowledge comes from.
    pub fn origin(&self) -> Origin {
        self.entry.origin
    }

    /// Its name, as of then.
    pub fn comm(&self) -> Option<&'a [u8]> {
        self.entry.comm.get()
    }

    /// Its program's path, of at most [`EXE`](super::process::EXE) bytes.
    pub fn exe(&self) -> Option<&'a [u8]> {
        self.entry.exe.get()
    }

    /// Its labels.
    pub fn labels(&self) -> Names<'a> {
        self.labels.names(self.entry.labels)
    }
}

#[cfg(test)]
mod tests;
