//! The daemon's rules while it runs: loaded at the start, set again when the kernel has dropped them with their paths,
//! and deleted at exit where that is asked for.

use crate::capture::control::Control;
use crate::config::{self, AtExit, quoted};
use crate::log::{self, Level};
use crate::rules::{self, Command, Planned, Report};
use crate::wire::rule::{Rule, Value, field};
use crate::wire::{fields, record};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a path that is not there is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// The longest path or key that is read: PATH_MAX.
const LONGEST: usize = 4096;

/// The rules, and what became of them. None at first.
#[derive(Default)]
pub(crate) struct Loaded {
    /// Kept as far as they are needed: to be deleted, or to be set again.
    planned: Vec<Planned>,
    report: Report,
    restore: bool,
    remove: bool,
    /// For each rule the device on which its path was, where that is needed.
    devices: Vec<u64>,
    /// Rules that wait for their path, each with the device on which they are not to be set.
    waiting: Vec<(usize, u64)>,
    next: Option<Instant>,
}

impl Loaded {
    /// Loads the rules; what the kernel refuses is told, and the others are in force.
    #[inline(never)]
    pub(crate) fn load(config: &config::Rules, planned: Vec<Planned>, control: &mut Control) -> Self {
        let report = rules::load(control, &planned, false);
        log::each(Level::Error, &report.problems);
        log::info(format_args!(
            "capturing; rules added: {}, already there: {}",
            report.added.len(),
            report.already.len()
        ));
        Self::of(config, planned, report)
    }

    /// Loads rules in place of those of another config, each with whether it was added for that: only what differs is
    /// touched. Gives what became of it in words, and whether all was done.
    #[cfg(feature = "reload")]
    pub(crate) fn replace(
        config: &config::Rules,
        planned: Vec<Planned>,
        old: &[(Rule, bool)],
        control: &mut Control,
    ) -> (Self, String) {
        let rules: Vec<&Rule> = old.iter().map(|(rule, _)| rule).collect();
        let mut report = rules::replace(control, &planned, false, &rules);
        log::each(Level::Error, &report.problems);
        let mut text = format!(
            "rules added: {}, deleted: {}, unchanged: {}",
            report.added.len(),
            report.deleted,
            report.already.len()
        );
        if !report.problems.is_empty() {
            text += &format!(", refused by the kernel: {}", report.problems.len());
        }
        // What was added before is ours still.
        let is_ours = |index: &usize| match planned.get(*index).map(|plan| &plan.command) {
            Some(Command::Add(rule)) => old.iter().any(|(old, is_ours)| *is_ours && rules::same(old, rule)),
            _ => false,
        };
        let (ours, others) = std::mem::take(&mut report.already).into_iter().partition(is_ours);
        report.already = others;
        report.added.extend::<Vec<usize>>(ours);
        (Self::of(config, planned, report), text)
    }

    /// The rules that are in force, each with whether it was added by this daemon.
    #[cfg(feature = "reload")]
    pub(crate) fn rules(&self) -> Vec<(Rule, bool)> {
        let Report { added, already, .. } = &self.report;
        let rules = added.iter().map(|index| (index, true)).chain(already.iter().map(|index| (index, false)));
        let rule = |(index, is_ours): (&usize, bool)| match &self.planned.get(*index)?.command {
            Command::Add(rule) => Some((rule.clone(), is_ours)),
            _ => None,
        };
        rules.filter_map(rule).collect()
    }

    fn of(config: &config::Rules, planned: Vec<Planned>, report: Report) -> Self {
        let restore = cfg!(feature = "rules") && config.restore_watches;
        let remove = config.at_exit == AtExit::Remove;
        let planned = if restore || remove || cfg!(feature = "reload") { planned } else { Vec::new() };
        let waiting: Vec<_> = report.missing.iter().map(|&index| (index, 0)).collect();
        let mut loaded = Self { planned, report, restore, remove, devices: Vec::new(), waiting, next: None };
        if restore {
            loaded.devices = loaded.planned.iter().map(|plan| path(plan).map_or(0, device)).collect();
            loaded.wait();
        }
        loaded
    }

    /// Takes a record of a rule that was removed; tells when the kernel dropped it with its path. A rule that somebody
    /// deletes has no path in its record. Source: kernel/audit_watch.c, audit_watch_log_rule_change;
    /// kernel/audit_tree.c, audit_tree_log_remove_rule; kernel/audit_fsnotify.c, audit_mark_log_rule_change.
    pub(crate) fn removed(&mut self, text: &[u8]) {
        let (mut gone, mut key) = (Vec::new(), String::new());
        let mut space = [0; LONGEST];
        let fields = record::split(text).map(|split| split.fields).unwrap_or_default();
        for (name, value) in fields::items(fields).fields() {
            let is_key = name == b"key" && !value.is_null();
            if !is_key && name != b"path" && name != b"dir" {
                continue;
            }
            let value = value.decode(&mut space).unwrap_or_default();
            if is_key {
                key = format!(", key {}", shown(value));
            } else {
                gone = value.to_vec();
            }
        }
        if gone.is_empty() {
            return;
        }
        log::warning(format_args!(
            "the kernel has dropped a rule: its path, or what holds it, was removed, moved or unmounted: {}{key}",
            shown(&gone)
        ));
        if !self.restore {
            return;
        }
        for (index, plan) in self.planned.iter().enumerate() {
            let is_ours = self.report.added.contains(&index) || self.report.already.contains(&index);
            let Some((path, is_dir)) = path(plan).filter(|(path, _)| is_ours && *path == gone) else {
                continue;
            };
            // What is on another device now is not what was watched: it stands below a mount that has gone.
            let now = device((path, is_dir));
            let was = self.devices.get(index).copied().unwrap_or_default();
            self.waiting.push((index, if now == was { 0 } else { now }));
            self.next = Some(Instant::now());
        }
    }

    /// When [`restore`](Self::restore) has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Sets the rules again whose path is there again; looks again after a while if it is not.
    pub(crate) fn restore(&mut self, control: &mut Control) {
        if !cfg!(feature = "rules") {
            return;
        }
        for (index, not_on) in std::mem::take(&mut self.waiting) {
            let Some(plan) = self.planned.get(index) else { continue };
            let device = path(plan).map_or(0, device);
            if device == 0 || device == not_on {
                self.waiting.push((index, not_on));
                continue;
            }
            let report = rules::restore(control, plan);
            if !report.missing.is_empty() {
                self.waiting.push((index, not_on));
            } else if report.added.is_empty() {
                log::each(Level::Error, &report.problems);
            } else {
                log::info(format_args!("{}: set again: {}", plan.place, plan.line));
                if let Some(was) = self.devices.get_mut(index) {
                    *was = device;
                }
                if !self.report.already.contains(&index) && !self.report.added.contains(&index) {
                    self.report.added.push(index);
                }
            }
        }
        self.wait();
    }

    fn wait(&mut self) {
        self.next = (!self.waiting.is_empty()).then(|| Instant::now() + RETRY);
    }

    /// Deletes at exit what was added, if that is asked for.
    pub(crate) fn leave(&mut self, control: &mut Control) {
        if self.remove {
            log::each(Level::Warning, &rules::remove(control, &self.planned, &self.report));
        }
    }
}

fn shown(text: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(text).replace('\u{1}', ","))
}

/// The path on which the rule stands, and whether it is a directory with all that is in it.
fn path(plan: &Planned) -> Option<(&[u8], bool)> {
    let Command::Add(Rule { fields, .. }) = &plan.command else { return None };
    fields.iter().find_map(|condition| match &condition.value {
        Value::Text(text) if matches!(condition.number, field::WATCH | field::DIR | field::EXE) => {
            Some((text.as_slice(), condition.number == field::DIR))
        }
        _ => None,
    })
}

/// The device of what must be there for the rule to be set: the directory, or the one that holds the file. 0 when it
/// is not there.
fn device((path, is_dir): (&[u8], bool)) -> u64 {
    let path = Path::new(OsStr::from_bytes(path));
    let needed = if is_dir { path } else { path.parent().unwrap_or(path) };
    needed.metadata().map_or(0, |about| about.dev())
}
