//! The daemon's rules while it runs: loaded at the start, set again when the kernel has dropped them with their paths,
//! and deleted at exit where that is asked for.

use crate::capture::control::Control;
use crate::config::{self, AtExit, quoted};
use crate::log;
use crate::rules::{self, Command, Planned, Report};
use crate::wire::rule::{Rule, Value, field};
use crate::writer::Vanished;
use std::time::{Duration, Instant};

/// How long a path that is not there is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// The rules, and what became of them.
pub(crate) struct Loaded {
    /// Kept as far as they are needed: to be deleted, or to be set again.
    planned: Vec<Planned>,
    report: Report,
    restore: bool,
    remove: bool,
    /// For each rule the length of the mount point that its path was below, where that is needed.
    mounts: Vec<usize>,
    /// Rules that wait for their path.
    waiting: Vec<usize>,
    next: Option<Instant>,
}

impl Loaded {
    /// Loads the rules; what the kernel refuses is told, and the others are in force.
    pub(crate) fn load(config: &config::Rules, planned: Vec<Planned>, control: &mut Control) -> Self {
        let report = rules::load(control, &planned, false);
        log::each(log::Level::Error, &report.problems);
        log::info(format_args!(
            "capturing; rules added: {}, already there: {}",
            report.added.len(),
            report.already.len()
        ));
        let (restore, remove) = (config.restore_watches, config.at_exit == AtExit::Remove);
        let planned = if restore || remove { planned } else { Vec::new() };
        let mut loaded =
            Self { planned, report, restore, remove, mounts: Vec::new(), waiting: Vec::new(), next: None };
        if restore {
            let mounts = mounts();
            let of = |plan: &Planned| path(&plan.command).map_or(0, |path| mount_of(&mounts, path));
            loaded.mounts = loaded.planned.iter().map(of).collect();
            loaded.wait_for(&loaded.report.missing.clone());
        }
        loaded
    }

    /// Tells which rules the kernel has dropped.
    pub(crate) fn vanished(&mut self, gone: &[Vanished]) {
        for Vanished { path: gone, key } in gone {
            let shown = |text: &[u8]| quoted(&String::from_utf8_lossy(text).replace('\u{1}', ","));
            let key = if key.is_empty() { String::new() } else { format!(", key {}", shown(key)) };
            log::warning(format_args!(
                "the kernel has dropped a rule, since its path or what holds it was removed, moved or unmounted: {}{key}",
                shown(gone)
            ));
            let in_force = self.report.added.iter().chain(&self.report.already);
            let is_it = |index: &usize| {
                self.planned.get(*index).and_then(|plan| path(&plan.command)).is_some_and(|path| path == gone)
            };
            let dropped: Vec<usize> = in_force.copied().filter(is_it).collect();
            if self.restore {
                self.wait_for(&dropped);
                self.next = self.next.map(|_| Instant::now());
            }
        }
    }

    fn wait_for(&mut self, rules: &[usize]) {
        let new: Vec<usize> = rules.iter().copied().filter(|index| !self.waiting.contains(index)).collect();
        self.waiting.extend(new);
        self.next = (!self.waiting.is_empty()).then(|| Instant::now() + RETRY);
    }

    /// When [`restore`](Self::restore) has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Sets the rules again whose path is there again, in the same mount; looks again after a while if it is not.
    pub(crate) fn restore(&mut self, control: &mut Control) {
        let mounts = mounts();
        let is_back = |index: &usize| {
            let path = self.planned.get(*index).and_then(|plan| path(&plan.command));
            self.report.missing.contains(index)
                || path.map(|path| mount_of(&mounts, path)) == self.mounts.get(*index).copied()
        };
        let (back, waiting): (Vec<usize>, Vec<usize>) =
            std::mem::take(&mut self.waiting).into_iter().partition(is_back);
        let report = rules::restore(control, &self.planned, &back);
        let is_told = |index: &usize| report.added.contains(index);
        for plan in back.iter().filter(|index| is_told(index)).filter_map(|index| self.planned.get(*index)) {
            log::info(format_args!("{}: set again: {}", plan.place, plan.line));
        }
        self.report.missing.retain(|index| !report.added.contains(index));
        for index in &report.added {
            if !self.report.added.contains(index) && !self.report.already.contains(index) {
                self.report.added.push(*index);
            }
        }
        // One problem each; those of missing paths were told when the rule went.
        if report.problems.len() > report.missing.len() {
            log::each(log::Level::Error, &report.problems);
        }
        self.waiting = waiting;
        self.next = None;
        self.wait_for(&report.missing);
    }

    /// Deletes at exit what was added, if that is asked for.
    pub(crate) fn leave(&mut self, control: &mut Control) {
        if self.remove {
            rules::remove(control, &self.planned, &self.report).iter().for_each(log::warning);
        }
    }
}

/// The path on which the rule stands.
fn path(command: &Command) -> Option<&[u8]> {
    let Command::Add(Rule { fields, .. }) = command else { return None };
    fields.iter().find_map(|condition| match &condition.value {
        Value::Text(text) if matches!(condition.number, field::WATCH | field::DIR | field::EXE) => {
            Some(text.as_slice())
        }
        _ => None,
    })
}

/// What is mounted, proc_pid_mountinfo(5).
fn mounts() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()
}

/// The length of the mount point that a path is below, as it stands in mountinfo: another one is mounted there, or
/// none, when it changes.
fn mount_of(mounts: &str, path: &[u8]) -> usize {
    let mut escaped = String::new();
    for c in String::from_utf8_lossy(path).chars() {
        match c {
            ' ' | '\t' | '\n' | '\\' => escaped.push_str(&format!("\\{:03o}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    let points =
        mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| point.trim_end_matches('/'));
    let above = points.filter(|point| {
        escaped.strip_prefix(point).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    above.map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_longest_mount_point() {
        let mounts = "21 1 8:1 / / rw - ext4 /dev/a rw\n30 21 0:5 / /mnt/a rw - tmpfs a rw\n31 30 0:6 /x /mnt/a/b\\040c rw - tmpfs b rw\n";
        let of = |path: &str| mount_of(mounts, path.as_bytes());
        assert_eq!((of("/"), of("/mnt"), of("/mnt/ab"), of("/mnt/a"), of("/mnt/a/x")), (0, 0, 0, 6, 6));
        assert_eq!((of("/mnt/a/b c"), of("/mnt/a/b c/d"), of("/mnt/a/b")), (14, 14, 6));
        assert_eq!(mount_of("", b"/x"), 0);
    }
}
