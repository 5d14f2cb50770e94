//! Commands to the kernel, one request each, over the control socket. What the kernel refuses is told with
//! the place of its line, and the rest goes on; what was added is kept so that it can be removed at exit.
//! Source: kernel/audit.c, audit_receive_msg; kernel/auditfilter.c, audit_rule_change.

use super::{Command, Planned};
use crate::config::{Place, Problem, quoted};
use crate::wire::rule::{AUDIT_ADD_RULE, AUDIT_DEL_RULE, AUDIT_LIST_RULES, Rule, Value, field};
use crate::wire::status;
use crate::wire::{Transport, nlmsg};
use std::io;
use std::path::Path;

/// A rule that is in the kernel because of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Where its line begins.
    pub place: Place,
    /// Its line.
    pub line: String,
    /// The AUDIT_DEL_RULE payload that deletes it.
    request: Vec<u8>,
}

/// What became of the commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The rules that were added and not deleted again by a later line.
    pub added: Vec<Added>,
    /// Rules that the kernel held already. They are in force, but not ours to remove.
    pub already: Vec<Problem>,
    /// What was refused, and why.
    pub problems: Vec<Problem>,
    /// How many rules were deleted by `-D`, `-d` and `-W`.
    pub deleted: usize,
    /// How many values were set.
    pub set: usize,
}

/// Sends the commands in their order. Where one can't go on because none will be taken (the rules are
/// locked, a missing capability), the rest is not tried and one problem says so.
pub fn load(transport: &mut impl Transport, planned: &[Planned]) -> Report {
    let mut report = Report::default();
    for (done, plan) in planned.iter().enumerate() {
        let Err(error) = send(transport, plan, &mut report) else { continue };
        if let Some(reason) = hopeless(transport, &error) {
            let rest = planned.len() - done - 1;
            let rest =
                if rest == 0 { String::new() } else { format!("; the {rest} after it were not tried") };
            report.problems.push(Problem { place: plan.place.clone(), message: format!("{reason}{rest}") });
            break;
        }
        let message = explain(&plan.command, &error);
        let problem = Problem { place: plan.place.clone(), message };
        if matches!(plan.command, Command::Add(_)) && error.raw_os_error() == Some(libc::EEXIST) {
            report.already.push(problem);
        } else {
            report.problems.push(problem);
        }
    }
    report
}

/// Deletes the rules that this load added, the last one first. A rule that is not there any more is no
/// problem. Gives what could not be deleted.
pub fn remove(transport: &mut impl Transport, report: &Report) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (left, added) in report.added.iter().enumerate().rev() {
        let Err(error) = transport.request(AUDIT_DEL_RULE, &added.request) else { continue };
        if error.raw_os_error() == Some(libc::ENOENT) {
            continue;
        }
        let place = added.place.clone();
        if let Some(reason) = hopeless(transport, &error) {
            let message = format!("{} rules stay in the kernel: {reason}", left + 1);
            problems.push(Problem { place, message });
            break;
        }
        problems.push(Problem { place, message: format!("the rule stays in the kernel: {error}") });
    }
    problems
}

fn send(transport: &mut impl Transport, plan: &Planned, report: &mut Report) -> io::Result<()> {
    match &plan.command {
        Command::DeleteAll => delete(transport, report, ""),
        Command::DeleteKey(key) => delete(transport, report, key),
        Command::Add(rule) => {
            if rule.prepend && holds(transport, rule)? {
                return Err(io::Error::from_raw_os_error(libc::EEXIST));
            }
            transport.request(AUDIT_ADD_RULE, &bytes(rule)?)?;
            let request = delete_request(rule)?;
            report.added.push(Added { place: plan.place.clone(), line: plan.line.clone(), request });
            Ok(())
        }
        Command::Delete(rule) => {
            let request = delete_request(rule)?;
            transport.request(AUDIT_DEL_RULE, &request)?;
            report.added.retain(|added| added.request != request);
            report.deleted += 1;
            Ok(())
        }
        Command::Set(field, value) => {
            transport.request(nlmsg::SET, &status::emit(*field, *value))?;
            report.set += 1;
            Ok(())
        }
        Command::Send { kind, payload } => {
            transport.request(*kind, payload)?;
            report.set += 1;
            Ok(())
        }
    }
}

/// Lists the rules, then deletes each whose key has this text in it by the very bytes of its answer; with an
/// empty text all.
fn delete(transport: &mut impl Transport, report: &mut Report, key: &str) -> io::Result<()> {
    let mut rules = Vec::new();
    transport.dump(AUDIT_LIST_RULES, &mut |kind, payload| {
        if kind == AUDIT_LIST_RULES && has_key(payload, key) {
            rules.push(payload.to_vec());
        }
    })?;
    report.added.retain(|added| !has_key(&added.request, key));
    let mut refused = None;
    for rule in rules {
        match transport.request(AUDIT_DEL_RULE, &rule) {
            Ok(()) => report.deleted += 1,
            // Gone since the list was made: its file was removed, or somebody deleted it.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Err(error),
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(()), Err)
}

fn has_key(payload: &[u8], key: &str) -> bool {
    key.is_empty() || Rule::parse(payload).is_ok_and(|rule| rule.key_has(key))
}

/// Whether the kernel has this rule. Asked only for `-A`: there the kernel compares the mark that puts the
/// rule first too, so it would take the same rule again and again.
fn holds(transport: &mut impl Transport, rule: &Rule) -> io::Result<bool> {
    let wanted = Rule { prepend: false, mask: rule.mask.without_classes(), ..rule.clone() };
    let mut found = false;
    transport.dump(AUDIT_LIST_RULES, &mut |_, payload| {
        found |= Rule::parse(payload).as_ref() == Ok(&wanted);
    })?;
    Ok(found)
}

fn bytes(rule: &Rule) -> io::Result<Vec<u8>> {
    rule.emit().map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))
}

/// The kernel finds the rule by its list, action, mask and fields; with the mark of `-A` it finds none.
fn delete_request(rule: &Rule) -> io::Result<Vec<u8>> {
    bytes(&Rule { prepend: false, ..rule.clone() })
}

/// Why no other request will be taken either, if so.
fn hopeless(transport: &mut impl Transport, error: &io::Error) -> Option<String> {
    match error.raw_os_error() {
        // Locked rules can still be listed; without the capability they can't.
        Some(libc::EPERM) => Some(match transport.dump(AUDIT_LIST_RULES, &mut |_, _| {}) {
            Ok(()) => "the audit configuration is locked until the next boot (enabled is 2)".to_owned(),
            Err(_) => "not permitted: run as root in the initial pid namespace, or with CAP_AUDIT_CONTROL"
                .to_owned(),
        }),
        Some(libc::ECONNREFUSED) => Some(
            "the kernel's audit system does not answer: a container's user namespace, or audit=0".to_owned(),
        ),
        Some(libc::EPROTONOSUPPORT) => Some("this kernel has no audit system".to_owned()),
        None if error.kind() == io::ErrorKind::TimedOut => Some("the kernel does not answer".to_owned()),
        _ => None,
    }
}

/// What the kernel meant with this errno.
fn explain(command: &Command, error: &io::Error) -> String {
    match (command, error.raw_os_error()) {
        (Command::Add(_), Some(libc::EEXIST)) => "the kernel holds this rule already".to_owned(),
        (Command::Add(rule), Some(libc::ENOENT)) => missing(rule),
        (Command::Delete(_), Some(libc::ENOENT)) => "the kernel holds no such rule to delete".to_owned(),
        (Command::Add(_) | Command::Delete(_), Some(libc::EINVAL)) => {
            "the kernel does not take this rule: a field or operator that it does not know, or not on this list"
                .to_owned()
        }
        (Command::Set(field, value), Some(libc::EINVAL)) => {
            format!("the kernel does not take {value} as {}", field.name())
        }
        (Command::DeleteAll | Command::DeleteKey(_), _) => format!("cannot delete the rules: {error}"),
        (Command::Send { .. }, _) => format!("the kernel does not do this: {error}"),
        (Command::Set(field, value), _) => format!("cannot set {} to {value}: {error}", field.name()),
        (Command::Add(_), _) => format!("cannot add the rule: {error}"),
        (Command::Delete(_), _) => format!("cannot delete the rule: {error}"),
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
