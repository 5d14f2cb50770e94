//! How the process table follows the events: which process an event is of, whether it is still the one that is
//! known, what its call changes, and who its parent is.

use super::{Context, Slot, Subject};
use crate::enrich::proc::{Seen, Want};
use crate::enrich::process::{COMM, EXE, Entry, Origin, Text};
use crate::event::Event;
use crate::event::facts::Facts;
use crate::wire::fields::Value;
use crate::wire::record::Stamp;
use std::os::fd::AsFd;

/// How long a process is taken for the one that it was last seen to be, in seconds: numbers are given again.
const TRUSTED_S: u32 = 2;
/// Ancestors that are looked up for a process, where labels propagate.
const ANCESTORS: u8 = 12;
/// clone(2): the new task is a thread of the caller, or has its parent.
const CLONE_THREAD: u64 = 0x1_0000;
const CLONE_PARENT: u64 = 0x8000;
/// Room for a decoded name; what is longer is not kept anyway.
const DECODED: usize = 256;

/// What an event's call does to the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Exec,
    /// The flags of clone(2), where they are an argument.
    Fork(Option<u64>),
    End,
    Other,
}

impl Act {
    fn of(facts: &Facts<'_>) -> Self {
        let done = facts.success == Some(true);
        match facts.syscall_name() {
            Some("execve" | "execveat") if done => Self::Exec,
            Some("fork" | "vfork") if done => Self::Fork(Some(0)),
            Some("clone") if done => Self::Fork(facts.args.first().copied().flatten()),
            Some("clone3") if done => Self::Fork(None),
            Some("exit_group") => Self::End,
            _ => Self::Other,
        }
    }
}

impl Context {
    /// Finds the event's process and does what its call does.
    pub(super) fn track(&mut self, event: &Event<'_>, facts: &Facts<'_>) {
        let act = if facts.is_syscall { Act::of(facts) } else { Act::Other };
        if act == Act::Exec && (self.settings.script || self.labels.ask_for_script()) {
            self.script.find(event, facts);
        }
        let Some(pid) = facts.pid.filter(|_| self.tracks || self.environ.is_wanted()) else { return };
        if !self.tracks {
            if act == Act::Exec {
                self.look(pid, event.stamp, Want { exe: false, group: false }, true);
            }
            return;
        }
        if !facts.is_syscall {
            // What user space says of itself: its names are not the kernel's.
            let is_known =
                self.table.find(pid).and_then(|slot| self.table.get(slot)).is_some_and(|it| !it.ended);
            self.current = if is_known { self.meet(pid, event.stamp, 0) } else { None };
            self.parent = self.current.and_then(|slot| self.parent_of(slot, event.stamp, 0));
            return self.tell(act);
        }
        let Some(slot) = self.actor(pid, facts, event.stamp, act) else { return };
        self.current = Some(slot);
        self.parent = self.parent_of(slot, event.stamp, 0);
        self.tell(act);
        match act {
            Act::Exec => self.exec(slot, event, facts),
            Act::Fork(flags) => self.fork(slot, facts, flags, event.stamp),
            Act::End | Act::Other => {}
        }
        if !self.labels.is_empty() && act != Act::Exec && facts.key.is_some() {
            let labels = self.table.get(slot).map_or(0, |entry| entry.labels);
            let labels = self.labels.apply(labels, &Subject { key: facts.key, ..Subject::default() });
            self.change(slot, |entry| entry.labels = labels);
        }
        if act == Act::End {
            self.change(slot, |entry| entry.ended = true);
        }
    }

    /// Notes that the event's process has an event.
    fn tell(&mut self, act: Act) {
        if let Some(entry) = self.current.and_then(|slot| self.table.get_mut(slot)) {
            self.first = act == Act::Exec || !entry.told;
            entry.told = true;
        }
    }

    fn change(&mut self, slot: Slot, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.table.get_mut(slot) {
            change(entry);
        }
    }

    /// One look at /proc, if one is left. `environ`: an execve's variables are read too.
    fn look(&mut self, pid: u32, stamp: Stamp, want: Want, environ: bool) -> Option<Seen> {
        let proc = self.proc.as_mut()?;
        self.looks = self.looks.checked_sub(1)?;
        let held = proc.hold(pid)?;
        let seen = proc.look(held.as_fd(), stamp.millis, want)?;
        if environ && !seen.is_zombie && self.environ.is_wanted() {
            self.environ.read(held.as_fd());
        }
        Some(seen)
    }

    /// Whether control groups are read.
    fn wants_group(&self) -> bool {
        self.settings.container || self.settings.unit
    }

    /// The place of the process that made a system call: a known one, or a new one.
    fn actor(&mut self, pid: u32, facts: &Facts<'_>, stamp: Stamp, act: Act) -> Option<Slot> {
        let known = self.table.find(pid);
        // A started program may be in another control group than its process was when it was met.
        let exec = act == Act::Exec;
        let doubt = known.is_some_and(|slot| self.is_doubtful(slot, facts, exec));
        let group = self.wants_group() && (exec || known.is_none());
        let seen = if exec || known.is_none() || doubt {
            self.look(pid, stamp, Want { exe: false, group }, exec)
        } else {
            None
        };
        let same = known.filter(|&slot| match (&seen, self.table.get(slot)) {
            (Some(seen), Some(entry)) if entry.start > 0 => seen.start == entry.start,
            (Some(seen), Some(entry)) if !is_it(entry, seen) => false,
            // Nobody can tell: it is another one if its program, its parent or the end that was seen says so.
            (_, Some(entry)) => !entry.ended && !differs(entry, facts, exec) && is_child_of(entry, facts),
            (_, None) => false,
        });
        let slot = match same {
            Some(slot) => slot,
            None => {
                // One that was known before had another control group.
                let again = known.is_some() && !exec && self.wants_group();
                let seen =
                    if again { self.look(pid, stamp, Want { exe: false, group: true }, false) } else { seen };
                return self.learn(pid, facts, stamp, seen);
            }
        };
        self.refresh(slot, facts, exec, seen);
        Some(slot)
    }

    /// Whether a known process must be looked at again before an event is taken for its own.
    fn is_doubtful(&self, slot: Slot, facts: &Facts<'_>, exec: bool) -> bool {
        let Some(entry) = self.table.get(slot) else { return true };
        let moved = facts.ppid.is_some_and(|ppid| ppid != entry.ppid);
        let old = self.seconds.saturating_sub(entry.checked) >= TRUSTED_S;
        entry.ended || entry.doubtful || moved || differs(entry, facts, exec) || old
    }

    /// What an event and a look say anew of a process that is the same.
    fn refresh(&mut self, slot: Slot, facts: &Facts<'_>, exec: bool, seen: Option<Seen>) {
        let (seconds, group) = (self.seconds, self.wants_group());
        let mut program = None;
        self.change(slot, |entry| {
            if let Some(ppid) = facts.ppid.filter(|&ppid| ppid != entry.ppid) {
                entry.ppid = ppid;
                entry.parent = None;
            }
            // An execve that no rule reported.
            if differs(entry, facts, exec) {
                (entry.origin, entry.exe, entry.comm) = (Origin::Event, text(facts.exe), text(facts.comm));
                entry.told = false;
                program = Some((entry.labels, entry.exe));
            }
            entry.doubtful = false;
            entry.ended = false;
            let has_group = seen.as_ref().is_some_and(|seen| !seen.is_zombie);
            if let Some(seen) = seen {
                entry.checked = seconds;
                entry.start = seen.start;
                if exec && group && has_group {
                    (entry.container, entry.unit, entry.inherited) = (seen.container, seen.unit, false);
                }
            }
            // It may have moved to another one before it started the program.
            if exec && group && !has_group {
                entry.inherited = entry.container.is_some() || entry.unit.get().is_some();
            }
        });
        if let Some((labels, exe)) = program.filter(|_| !self.labels.is_empty()) {
            let subject = Subject { exe: exe.get(), ..Subject::default() };
            let labels = self.labels.apply(labels & self.labels.propagated(), &subject);
            self.change(slot, |entry| entry.labels = labels);
        }
    }

    /// A process that makes a system call and was not known.
    fn learn(&mut self, pid: u32, facts: &Facts<'_>, stamp: Stamp, seen: Option<Seen>) -> Option<Slot> {
        let slot = self.table.add(pid)?;
        let seconds = self.seconds;
        let gone = seen.as_ref().is_none_or(|seen| seen.is_zombie) && self.proc.is_some();
        self.change(slot, |entry| {
            entry.origin = Origin::Event;
            entry.ppid = facts.ppid.unwrap_or(0);
            entry.comm = text(facts.comm);
            entry.exe = text(facts.exe);
            entry.checked = seconds;
            if let Some(seen) = seen {
                entry.start = seen.start;
                (entry.container, entry.unit) = (seen.container, seen.unit);
            }
        });
        let parent = self.parent_of(slot, stamp, 0);
        self.inherit(slot, parent, gone);
        Some(slot)
    }

    /// What a new process has of its parent: labels, and its control group where it has gone.
    fn inherit(&mut self, slot: Slot, parent: Option<Slot>, gone: bool) {
        let group = self.wants_group();
        let parent = parent.and_then(|slot| self.table.get(slot));
        let from = parent.map_or(0, |entry| entry.labels) & self.labels.propagated();
        let place = parent.filter(|_| gone && group).map(|entry| (entry.container, entry.unit));
        let labels = match self.table.get(slot) {
            Some(entry) if !self.labels.is_empty() => {
                self.labels.apply(from, &Subject { exe: entry.exe.get(), ..Subject::default() })
            }
            _ => from,
        };
        self.change(slot, |entry| {
            entry.labels = labels;
            if let Some((container, unit)) = place {
                (entry.container, entry.unit) = (container, unit);
                entry.inherited = container.is_some() || unit.get().is_some();
            }
        });
    }

    /// A program was started.
    fn exec(&mut self, slot: Slot, event: &Event<'_>, facts: &Facts<'_>) {
        let parent = self.parent.and_then(|slot| self.table.get(slot)).map_or(0, |entry| entry.labels);
        let own = self.table.get(slot).map_or(0, |entry| entry.labels);
        let mut labels = (own | parent) & self.labels.propagated();
        let exe: Text<EXE> = text(facts.exe);
        if !self.labels.is_empty() {
            let script = self.script.get();
            let subject = Subject { key: facts.key, exe: exe.get(), execve: Some(event), script };
            labels = self.labels.apply(labels, &subject);
        }
        let stamp = event.stamp;
        self.change(slot, |entry| {
            (entry.origin, entry.stamp, entry.labels) = (Origin::Exec, stamp, labels);
            (entry.exe, entry.comm) = (exe, text(facts.comm));
        });
    }

    /// A process was made. The number in the event is that of the caller's PID namespace, so it counts only if
    /// the new process is seen to be this one's child, or, where that can't be seen, is not known otherwise.
    fn fork(&mut self, slot: Slot, facts: &Facts<'_>, flags: Option<u64>, stamp: Stamp) {
        let child = facts.exit.and_then(|exit| u32::try_from(exit).ok()).filter(|&child| child > 0);
        let (Some(child), Some(caller)) = (child, self.table.get(slot)) else { return };
        if flags.is_some_and(|flags| flags & CLONE_THREAD != 0) {
            return;
        }
        let as_sibling = flags.is_some_and(|flags| flags & CLONE_PARENT != 0);
        let ppid = if as_sibling { caller.ppid } else { caller.pid };
        let known = self.table.peek(child).and_then(|slot| self.table.get(slot));
        // The child's own events come before its parent's return from vfork.
        let later = |entry: &Entry| entry.ppid == ppid && entry.stamp.millis >= stamp.millis;
        if known.is_some_and(|entry| entry.origin == Origin::Exec && later(entry)) {
            return;
        }
        let known = known.filter(|entry| !entry.ended).map(|entry| entry.start);
        let seen = self.look(child, stamp, Want { exe: false, group: false }, false);
        let confirmed = seen.as_ref().is_some_and(|seen| seen.ppid == ppid);
        // Its own event came first.
        if let (Some(start @ 1..), true, Some(seen), Some(slot)) =
            (known, confirmed, &seen, self.table.peek(child))
            && seen.start == start
        {
            return self.change(slot, |entry| (entry.origin, entry.stamp) = (Origin::Fork, stamp));
        }
        // A thread of clone3 has its process's parent.
        if !confirmed && (known.is_some() || seen.is_some()) {
            return;
        }
        let Some(made) = self.table.add(child) else { return };
        let Some(caller) = self.table.get(slot).cloned() else { return };
        let (seconds, propagated) = (self.seconds, self.labels.propagated());
        self.change(made, |entry| {
            (entry.origin, entry.stamp, entry.ppid, entry.doubtful) = (Origin::Fork, stamp, ppid, !confirmed);
            (entry.comm, entry.exe, entry.labels) = (caller.comm, caller.exe, caller.labels & propagated);
            (entry.container, entry.unit, entry.inherited) =
                (caller.container, caller.unit, caller.inherited);
            entry.start = seen.map_or(0, |seen| seen.start);
            entry.checked = seconds;
        });
    }

    /// The place of a process's parent, which is met if it must be.
    pub(super) fn parent_of(&mut self, slot: Slot, stamp: Stamp, depth: u8) -> Option<Slot> {
        let entry = self.table.get(slot)?;
        let (ppid, known) = (entry.ppid, entry.parent);
        // It was the parent when it was met, and a child keeps its parent until its number changes.
        if let Some(parent) = known.filter(|&parent| self.table.get(parent).is_some_and(|p| p.pid == ppid)) {
            self.table.touch(parent);
            return Some(parent);
        }
        let parent = self.meet(ppid, stamp, depth)?;
        self.change(slot, |entry| entry.parent = Some(parent));
        Some(parent)
    }

    /// A process that is named by another's event: as it is known, if it can be trusted to be that one still, else
    /// as /proc has it.
    pub(super) fn meet(&mut self, pid: u32, stamp: Stamp, depth: u8) -> Option<Slot> {
        if pid == 0 {
            return None;
        }
        let known = self.table.find(pid);
        let trusted = known
            .and_then(|slot| self.table.get(slot))
            .is_some_and(|entry| !entry.doubtful && self.seconds.saturating_sub(entry.checked) < TRUSTED_S);
        if trusted {
            return known;
        }
        let seconds = self.seconds;
        if let Some(slot) = known {
            let Some(seen) = self.look(pid, stamp, Want { exe: false, group: false }, false) else {
                // It has gone, or this is a replay.
                return known.filter(|&slot| self.table.get(slot).is_some_and(|entry| !entry.doubtful));
            };
            if self.table.get(slot).is_some_and(|entry| is_it(entry, &seen)) {
                self.change(slot, |entry| {
                    (entry.checked, entry.start, entry.doubtful) = (seconds, seen.start, false);
                });
                return Some(slot);
            }
        }
        let seen = self.look(pid, stamp, Want { exe: true, group: self.wants_group() }, false)?;
        let slot = self.table.add(pid)?;
        self.change(slot, |entry| {
            (entry.origin, entry.ppid, entry.start, entry.checked) =
                (Origin::Proc, seen.ppid, seen.start, seconds);
            (entry.comm, entry.exe, entry.container, entry.unit) =
                (seen.comm, seen.exe, seen.container, seen.unit);
        });
        if self.labels.propagated() != 0 && depth < ANCESTORS {
            let parent = self.parent_of(slot, stamp, depth + 1);
            self.inherit(slot, parent, false);
        } else if !self.labels.is_empty() {
            self.inherit(slot, None, false);
        }
        Some(slot)
    }
}

/// Whether what /proc shows is the process that is known; of one known by a fork alone, its parent must fit.
fn is_it(entry: &Entry, seen: &Seen) -> bool {
    if entry.start > 0 { entry.start == seen.start } else { entry.ppid == seen.ppid }
}

/// Whether an event's process has the parent that is known, or has lost it.
fn is_child_of(entry: &Entry, facts: &Facts<'_>) -> bool {
    facts.ppid.is_none_or(|ppid| ppid == entry.ppid || ppid == 1)
}

/// Whether an event's program is another one than is known. An execve's own event names the new one.
fn differs(entry: &Entry, facts: &Facts<'_>, exec: bool) -> bool {
    let program: Text<EXE> = text(facts.exe);
    match (program.get(), entry.exe.get()) {
        (Some(one), Some(other)) if !exec => one != other,
        // Of an execve the parent is all that can be compared.
        _ => exec && facts.ppid.is_some_and(|ppid| ppid != entry.ppid),
    }
}

/// A value as a short text; empty when it is none or too long.
fn text<const N: usize>(value: Option<Value<'_>>) -> Text<N> {
    const { assert!(COMM <= DECODED && EXE <= DECODED) };
    match value {
        Some(Value::Quoted(text)) => Text::of(text),
        Some(value) => Text::of(value.decode(&mut [0; DECODED]).unwrap_or_default()),
        None => Text::of(b""),
    }
}
