//! The kernel's rules made what a set of lines asks for: only what differs is touched, and a rule that is there
//! before and after is in force all the time. What the kernel refuses is told with the place of its line, and the
//! rest goes on; what was added is told so that it can be removed at exit.
//! Source: kernel/audit.c, audit_receive_msg; kernel/auditfilter.c, audit_rule_change.

use super::order::{self, Move};
use super::set::{self, Held, Set, Wanted};
use super::{Command, Planned};
use crate::config::{Place, Problem, quoted};
use crate::wire::rule::{
    AUDIT_ADD_RULE, AUDIT_DEL_RULE, AUDIT_LIST_RULES, Field, List, Op, PREPEND, Rule, Value, field,
};
use crate::wire::status;
use crate::wire::{Transport, nlmsg};
use std::io;
use std::path::Path;

/// Rules that are added with one message. Each takes the kernel some 10 us, and meanwhile it answers nobody else.
const TOGETHER: usize = 32;

/// What became of the commands. Numbers are positions among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The rules that were added.
    pub added: Vec<usize>,
    /// Rules that the kernel held already. They are in force, but not ours to remove.
    pub already: Vec<usize>,
    /// Rules that wait for a path: they were refused because it does not exist.
    pub missing: Vec<usize>,
    /// What was refused, and why.
    pub problems: Vec<Problem>,
    /// How many rules were deleted.
    pub deleted: usize,
    /// How many values were set.
    pub set: usize,
    /// No request is taken any more: the rules are locked, or a capability is missing.
    pub stopped: bool,
}

impl Report {
    /// Whether the kernel may hold this rule for one that it refused as there already. It lists a class of system calls
    /// as what is in it, which it alone knows: so that both are the same is seen only now.
    fn is_there_as(&self, old: &Held, set: &Set<'_>) -> bool {
        let Some(old) = &old.rule else { return false };
        set.wanted.iter().filter(|wanted| wanted.held.is_none()).any(|Wanted { rule, plan, .. }| {
            let bare = rule.mask.without_classes();
            bare != rule.mask
                && plan.is_some_and(|plan| self.already.contains(&plan))
                && (old.list, old.action) == (rule.list, rule.action)
                && old.fields == rule.fields
                && old.mask.0.iter().zip(&bare.0).all(|(old, bare)| old & bare == *bare)
        })
    }
}

/// Does what the commands ask: values first, then rules, `-e` last. With `exact`, or with a `-D` among them, the
/// kernel then holds these rules and no other. Where one can't go on because none will be taken (the rules are
/// locked, a missing capability), the rest is not tried and one problem says so.
pub fn load(transport: &mut dyn Transport, planned: &[Planned], exact: bool) -> Report {
    replace(transport, planned, exact, &[])
}

/// As [`load`], in place of these rules: those that the commands do not ask for again go, and the others stay. One
/// that is not there any more is no problem.
pub fn replace(transport: &mut dyn Transport, planned: &[Planned], exact: bool, old: &[&Rule]) -> Report {
    let mut loader = Loader::new(transport, planned);
    let is_enabled = |command: &Command| matches!(command, Command::Set(status::Field::Enabled, _));
    match set::list(loader.transport) {
        Err(error) => loader.refused(None, &error),
        Ok(held) => {
            let mut set = Set::new(&held, exact);
            for rule in old {
                set.forget(rule);
            }
            planned.iter().enumerate().for_each(|(index, plan)| set.take(index, &plan.command));
            loader.begin(&set);
            loader.values(&|command| matches!(command, Command::Set(..)) && !is_enabled(command));
            loader.rules(&held, &set);
        }
    }
    loader.values(&|command| matches!(command, Command::Send { .. }));
    loader.values(&is_enabled);
    loader.report
}

/// Deletes the rules that a load added, the last one first. A rule that is not there any more is no problem.
/// Gives what could not be deleted.
pub fn remove(transport: &mut dyn Transport, planned: &[Planned], report: &Report) -> Vec<Problem> {
    let mut loader = Loader::new(transport, planned);
    for &index in report.added.iter().rev() {
        if let Some(Planned { command: Command::Add(rule), .. }) = planned.get(index) {
            loader.delete(Some(index), &payload(rule, false));
        }
    }
    loader.report.problems
}

/// Adds a rule again that the kernel dropped with its path: at the end of its list, or for `-A` at its head. Its
/// command is the report's number 0.
pub fn restore(transport: &mut dyn Transport, plan: &Planned) -> Report {
    let mut loader = Loader::new(transport, std::slice::from_ref(plan));
    if let Command::Add(rule) = &plan.command {
        loader.add(&[&Wanted::new(rule, Some(0))], rule.prepend);
    }
    loader.report
}

struct Loader<'a> {
    transport: &'a mut dyn Transport,
    planned: &'a [Planned],
    report: Report,
    /// How many rules the set has.
    wanted: usize,
}

impl<'a> Loader<'a> {
    fn new(transport: &'a mut dyn Transport, planned: &'a [Planned]) -> Self {
        Self { transport, planned, report: Report::default(), wanted: 0 }
    }

    /// Notes what is known before anything is sent.
    fn begin(&mut self, set: &Set<'_>) {
        let asked = set.wanted.iter().filter(|wanted| wanted.plan.is_some());
        self.wanted = asked.clone().count();
        self.report.already =
            asked.filter(|wanted| wanted.held.is_some()).filter_map(|wanted| wanted.plan).collect();
        let no_such_rule = io::Error::from_raw_os_error(libc::ENOENT);
        set.unknown.iter().for_each(|&index| self.refused(Some(index), &no_such_rule));
    }

    /// Sends the commands of one kind that need no look at what is there.
    fn values(&mut self, is_due: &dyn Fn(&Command) -> bool) {
        for (index, plan) in self.planned.iter().enumerate().filter(|(_, plan)| is_due(&plan.command)) {
            if self.report.stopped {
                return;
            }
            let result = match &plan.command {
                Command::Set(field, value) => {
                    self.transport.request(nlmsg::SET, &status::emit(*field, *value))
                }
                Command::Send { kind, payload } => self.transport.request(*kind, payload),
                _ => continue,
            };
            match result {
                Ok(()) => self.report.set += 1,
                Err(error) => self.refused(Some(index), &error),
            }
        }
    }

    /// Makes the kernel's rules the wanted ones. What is new is added before what is gone is deleted, and a rule that
    /// has to move is covered meanwhile by one that matches the same.
    fn rules(&mut self, held: &[Held], set: &Set<'_>) {
        // The kernel tells one list after the other, so that what is there stays in its order.
        let mut rules: Vec<&Wanted<'_>> = Vec::new();
        for list in 0..=List::IO_URING.0 {
            rules.extend(set.wanted.iter().filter(|wanted| wanted.rule.list.0 == list));
        }
        let old: Vec<Option<usize>> = rules.iter().map(|wanted| wanted.held).collect();
        let commute = |one: usize, other: usize| match (rules.get(one), rules.get(other)) {
            (Some(one), Some(other)) => order::commute(one.rule, other.rule),
            _ => false,
        };
        let moves = order::place(&old, &commute);
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        for (wanted, way) in rules.iter().zip(moves) {
            match way {
                Move::Stay => {}
                Move::Head => head.push(*wanted),
                Move::Tail => tail.push(*wanted),
            }
        }
        // A rule goes to the head before the one that is to stand in front of it.
        head.reverse();
        let ways = [(true, head), (false, tail)];
        let mut covers = Vec::new();
        for (at_head, rules) in &ways {
            for old in rules.iter().filter_map(|wanted| held.get(wanted.held?)) {
                covers.extend(self.cover(old, *at_head));
                self.delete(None, &old.payload);
            }
        }
        for (at_head, rules) in &ways {
            rules.chunks(TOGETHER).for_each(|rules| self.add(rules, *at_head));
        }
        let gone = |(old, stays): &(&Held, &bool)| !**stays && !self.report.is_there_as(old, set);
        let gone: Vec<&Held> = held.iter().zip(&set.stays).filter(gone).map(|(old, _)| old).collect();
        for old in gone {
            self.report.deleted += usize::from(self.delete(None, &old.payload));
        }
        for cover in &covers {
            self.delete(None, cover);
        }
    }

    /// Adds a rule that matches what this one does and is not the same to the kernel; gives what deletes it. None
    /// where the kernel does not take it: then the rule is missing for as long as it takes to move it.
    fn cover(&mut self, old: &Held, at_head: bool) -> Option<Vec<u8>> {
        let mut rule = old.rule.clone()?;
        // Each process has such an id; file systems have none, and their type again says nothing new.
        let again = rule.fields.iter().find(|field| field.number == field::FSTYPE).cloned();
        let always = Field { number: field::PID, op: Op::GREATER_OR_EQUAL, value: Value::Number(0) };
        rule.fields.insert(0, again.unwrap_or(always));
        let added =
            !self.report.stopped && self.transport.request(AUDIT_ADD_RULE, &payload(&rule, at_head)).is_ok();
        added.then(|| payload(&rule, false))
    }

    /// Adds rules with one message.
    fn add(&mut self, rules: &[&Wanted<'_>], at_head: bool) {
        if self.report.stopped {
            return;
        }
        let payloads: Vec<Vec<u8>> = rules.iter().map(|wanted| payload(wanted.rule, at_head)).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let results = self.transport.requests(AUDIT_ADD_RULE, &payloads);
        for (wanted, result) in rules.iter().zip(results) {
            match result {
                // One that has moved was there.
                Ok(()) => self.report.added.extend(wanted.plan.filter(|_| wanted.held.is_none())),
                Err(error) => self.refused(wanted.plan, &error),
            }
        }
    }

    /// Deletes a rule by its bytes; false when it had gone already or could not be deleted.
    fn delete(&mut self, plan: Option<usize>, payload: &[u8]) -> bool {
        if self.report.stopped {
            return false;
        }
        let result = self.transport.request(AUDIT_DEL_RULE, payload);
        match &result {
            Err(error) if error.raw_os_error() != Some(libc::ENOENT) => self.refused(plan, error),
            _ => {}
        }
        result.is_ok()
    }

    /// Notes what the kernel refused; when it would refuse all, nothing more is tried.
    fn refused(&mut self, plan: Option<usize>, error: &io::Error) {
        if self.report.stopped {
            return;
        }
        let about = plan.and_then(|index| self.planned.get(index));
        let place = about.or(self.planned.first()).map_or_else(Place::default, |plan| plan.place.clone());
        let message = if let Some(reason) = hopeless(self.transport, error) {
            self.report.stopped = true;
            let there = self.report.already.len() + self.report.added.len();
            format!("{reason}; of {} rules {there} are in force", self.wanted)
        } else {
            let is_rule = about.is_some_and(|plan| matches!(plan.command, Command::Add(_)));
            match error.raw_os_error().filter(|_| is_rule) {
                Some(libc::EEXIST) => return self.report.already.extend(plan),
                Some(libc::ENOENT) => self.report.missing.extend(plan),
                _ => {}
            }
            about.map_or_else(
                || format!("cannot delete the rules: {error}"),
                |plan| explain(&plan.command, error),
            )
        };
        self.report.problems.push(Problem { place, message });
    }
}

/// The bytes of a rule; with the mark of `-A` the kernel finds none to delete. A rule that has no bytes is refused by
/// the kernel.
fn payload(rule: &Rule, at_head: bool) -> Vec<u8> {
    let mut bytes = rule.emit().unwrap_or_default();
    if let Some(flags) = bytes.first_chunk_mut() {
        *flags = (rule.list.0 | if at_head { PREPEND } else { 0 }).to_ne_bytes();
    }
    bytes
}

/// Why no other request will be taken either, if so.
fn hopeless(transport: &mut dyn Transport, error: &io::Error) -> Option<String> {
    let reason = match error.raw_os_error() {
        // Locked rules can still be listed; without the capability they can't.
        Some(libc::EPERM) => match transport.dump(AUDIT_LIST_RULES, &mut |_, _| {}) {
            Ok(()) => "the audit configuration is locked until the next boot (enabled is 2)",
            Err(_) => "not permitted: run as root in the initial pid namespace, or with CAP_AUDIT_CONTROL",
        },
        Some(libc::ECONNREFUSED) => {
            "the kernel's audit system does not answer: a container's user namespace, or audit=0"
        }
        Some(libc::EPROTONOSUPPORT) => "this kernel has no audit system",
        None if error.kind() == io::ErrorKind::TimedOut => "the kernel does not answer",
        _ => return None,
    };
    Some(reason.to_owned())
}

/// What the kernel meant with this errno.
fn explain(command: &Command, error: &io::Error) -> String {
    match (command, error.raw_os_error()) {
        (Command::Add(rule), Some(libc::ENOENT)) => missing(rule),
        (Command::Delete(_), Some(libc::ENOENT)) => "the kernel holds no such rule to delete".to_owned(),
        (Command::Add(_) | Command::Delete(_), Some(libc::EINVAL)) => {
            "the kernel does not take this rule: a field or operator that it does not know, or not on this list"
                .to_owned()
        }
        (Command::Set(field, value), Some(libc::EINVAL)) => {
            format!("the kernel does not take {value} as {}", field.name())
        }
        (Command::Set(field, value), _) => format!("cannot set {} to {value}: {error}", field.name()),
        (Command::Send { .. }, _) => format!("the kernel does not do this: {error}"),
        (Command::Add(_), _) => format!("cannot add the rule: {error}"),
        _ => format!("cannot delete the rule: {error}"),
    }
}

/// Which path of the rule the kernel did not find: a watch and an exe need their directory, `dir` itself.
fn missing(rule: &Rule) -> String {
    for condition in &rule.fields {
        let Value::Text(text) = &condition.value else { continue };
        let text = String::from_utf8_lossy(text);
        let path = Path::new(text.as_ref());
        let needed = match condition.number {
            field::DIR => Some(path),
            field::WATCH | field::EXE => path.parent(),
            _ => None,
        };
        if let Some(needed) = needed
            && !needed.exists()
        {
            let needed = quoted(&needed.to_string_lossy());
            return format!("{needed} does not exist: make it before the rule is loaded");
        }
    }
    "a path in the rule does not exist".to_owned()
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
