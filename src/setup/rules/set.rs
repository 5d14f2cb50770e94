//! What commands make of the kernel's rules, before anything is sent: the rules that are to be there, in their order,
//! each with its place among those that are there.

use super::Command;
use crate::wire::Transport;
use crate::wire::rule::{AUDIT_LIST_RULES, MASK_WORDS, Rule, Value};
use std::io;

/// A rule that the kernel holds.
pub(super) struct Held {
    /// As the kernel lists it, which is also what deletes it.
    pub(super) payload: Vec<u8>,
    /// Its meaning; `None` for one that this program can't read.
    pub(super) rule: Option<Rule>,
    digest: u64,
}

/// A rule that is to be there.
pub(super) struct Wanted<'a> {
    pub(super) rule: &'a Rule,
    /// The command that asks for it; `None` for one that just stays.
    pub(super) plan: Option<usize>,
    /// Its position among the rules that are there.
    pub(super) held: Option<usize>,
    digest: u64,
}

impl<'a> Wanted<'a> {
    /// A rule that is not there.
    pub(super) fn new(rule: &'a Rule, plan: Option<usize>) -> Self {
        Self { rule, plan, held: None, digest: digest(rule) }
    }
}

/// The rules of all lists, each list in its order.
pub(super) struct Set<'a> {
    held: &'a [Held],
    pub(super) wanted: Vec<Wanted<'a>>,
    /// The digests of all that ever was wanted: most rules are new, and this is quickly looked through.
    digests: Vec<u64>,
    /// For each rule that is there whether it stays.
    pub(super) stays: Vec<bool>,
    /// Commands that delete a rule that is not there.
    pub(super) unknown: Vec<usize>,
}

/// Asks the kernel for its rules.
pub(super) fn list(transport: &mut dyn Transport) -> io::Result<Vec<Held>> {
    let mut rules = Vec::new();
    transport.dump(AUDIT_LIST_RULES, &mut |kind, payload| {
        if kind == AUDIT_LIST_RULES {
            let rule = Rule::parse(payload).ok();
            let digest = rule.as_ref().map_or(0, digest);
            rules.push(Held { payload: payload.to_vec(), rule, digest });
        }
    })?;
    Ok(rules)
}

impl<'a> Set<'a> {
    /// What is there; with `exact` nothing of it is wanted but what a command asks for.
    pub(super) fn new(held: &'a [Held], exact: bool) -> Self {
        let mut set = Self {
            held,
            wanted: Vec::new(),
            digests: Vec::new(),
            stays: vec![!exact; held.len()],
            unknown: Vec::new(),
        };
        for (index, old) in held.iter().enumerate().filter(|_| !exact) {
            if let Some(rule) = &old.rule {
                set.digests.push(old.digest);
                set.wanted.push(Wanted { rule, plan: None, held: Some(index), digest: old.digest });
            }
        }
        set
    }

    /// Follows one command.
    pub(super) fn take(&mut self, index: usize, command: &'a Command) {
        match command {
            Command::Add(rule) => self.add(index, rule),
            Command::Delete(rule) => {
                if !self.forget(rule) {
                    self.unknown.push(index);
                }
            }
            Command::DeleteKey(text) => {
                self.delete(&|wanted| wanted.rule.key_has(text));
            }
            Command::DeleteAll => {
                self.wanted.clear();
                self.stays.fill(false);
            }
            Command::Set(..) | Command::Send { .. } => {}
        }
    }

    fn add(&mut self, index: usize, rule: &'a Rule) {
        let digest = digest(rule);
        let is_it = |wanted: &&mut Wanted<'_>| wanted.digest == digest && same(wanted.rule, rule);
        // The kernel holds a rule once.
        if self.digests.contains(&digest)
            && let Some(wanted) = self.wanted.iter_mut().find(is_it)
        {
            wanted.plan = wanted.plan.or(Some(index));
            return;
        }
        let held = self.find(digest, rule);
        if let Some(stays) = held.and_then(|at| self.stays.get_mut(at)) {
            *stays = true;
        }
        self.digests.push(digest);
        let at = if rule.prepend { 0 } else { self.wanted.len() };
        self.wanted.insert(at, Wanted { rule, plan: Some(index), held, digest });
    }

    /// Wants this rule no more; whether it was wanted.
    pub(super) fn forget(&mut self, rule: &Rule) -> bool {
        let digest = digest(rule);
        self.delete(&|wanted| wanted.digest == digest && same(wanted.rule, rule))
    }

    /// Wants no rule any more that is meant; whether there was one.
    fn delete(&mut self, is_meant: &dyn Fn(&Wanted<'_>) -> bool) -> bool {
        let before = self.wanted.len();
        let stays = &mut self.stays;
        self.wanted.retain(|wanted| {
            let goes = is_meant(wanted);
            if let Some(stays) = wanted.held.filter(|_| goes).and_then(|at| stays.get_mut(at)) {
                *stays = false;
            }
            !goes
        });
        self.wanted.len() < before
    }

    /// Where the kernel holds this rule. Sets are mostly there in their own order, so the search begins behind the
    /// last one that was found.
    fn find(&self, digest: u64, rule: &Rule) -> Option<usize> {
        let start = self.wanted.last().and_then(|wanted| wanted.held).map_or(0, |at| at + 1);
        let places = (start..self.held.len()).chain(0..start.min(self.held.len()));
        let is_it = |old: &Held| old.digest == digest && old.rule.as_ref().is_some_and(|old| same(old, rule));
        places
            .into_iter()
            .find(|&at| self.held.get(at).is_some_and(is_it) && self.stays.get(at) == Some(&false))
    }
}

/// Whether the kernel takes both for the same rule: it clears the mask's bits for classes (kernel/auditfilter.c,
/// audit_to_entry_common, audit_compare_rule).
pub fn same(one: &Rule, other: &Rule) -> bool {
    (one.list, one.action) == (other.list, other.action)
        && one.fields == other.fields
        && one.mask.without_classes() == other.mask.without_classes()
}

/// A number that is equal for equal rules (FNV-1a over the fields).
fn digest(rule: &Rule) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut note = |word: u32| sum = (sum ^ u64::from(word)).wrapping_mul(0x0000_0100_0000_01b3);
    note(rule.list.0);
    note(rule.action.0);
    rule.mask.0.iter().take(MASK_WORDS - 1).for_each(|word| note(*word));
    for field in &rule.fields {
        note(field.number);
        match &field.value {
            Value::Number(number) => note(*number),
            Value::Text(text) => text.iter().for_each(|byte| note(u32::from(*byte))),
        }
    }
    sum
}
