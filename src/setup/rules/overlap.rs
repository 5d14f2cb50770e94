//! Rules that do nothing because of the rules around them. The kernel takes the first rule of a list that
//! matches, also between rules with a path and rules without one, which it keeps apart but numbers together
//! (kernel/auditfilter.c, audit_add_rule: prio); and it holds no rule twice.

use super::compile::Compiled;
use super::{Command, Planned};
use crate::config::Problem;
use crate::wire::rule::{Field, List, Op, Rule, Value, field};

/// A rule as it is held, in the order in which the kernel asks.
struct Held<'a> {
    plan: &'a Planned,
    rule: &'a Rule,
    /// Two bits for each condition, by which most rules are told apart at once.
    sketch: u64,
}

/// Warns about each rule that is there twice, and each that another one makes useless.
pub(super) fn check(compiled: &mut Compiled) {
    // The lists mixed.
    let mut held: Vec<Held<'_>> = Vec::new();
    let mut found = Vec::new();
    for plan in &compiled.planned {
        match &plan.command {
            Command::DeleteAll => held.clear(),
            Command::DeleteKey(key) => held.retain(|other| !other.rule.key_has(key)),
            Command::Delete(gone) => held.retain(|other| !same(other.rule, gone)),
            Command::Add(rule) => {
                let own = Held { plan, rule, sketch: sketch(rule) };
                // Of a thousand rules few are left to be looked at.
                let near: Vec<_> = held.iter().filter(|other| other.sketch & !own.sketch == 0).collect();
                if let Some(first) = near.iter().find(|other| same(other.rule, rule)) {
                    let message = format!("the same rule as {}: the kernel holds it once", first.plan.place);
                    found.push(Problem { place: plan.place.clone(), message });
                } else if rule.prepend {
                    found.extend(held.iter().filter(|later| covers(&own, later)).map(|l| shadowed(l, &own)));
                    held.insert(0, own);
                } else {
                    found.extend(near.iter().find(|first| covers(first, &own)).map(|f| shadowed(&own, f)));
                    held.push(own);
                }
            }
            Command::Set(..) | Command::Send { .. } => {}
        }
    }
    compiled.warnings.append(&mut found);
}

fn shadowed(rule: &Held<'_>, by: &Held<'_>) -> Problem {
    let message =
        format!("this rule does nothing: {} comes first and matches all that it would", by.plan.place);
    Problem { place: rule.plan.place.clone(), message }
}

/// A rule that covers another has no bit that the other lacks. Permissions can differ, keys do not count.
fn sketch(rule: &Rule) -> u64 {
    rule.fields.iter().filter(|f| f.number != field::FILTERKEY).fold(0, |sketch, field| {
        let (number, text) = match &field.value {
            Value::Number(number) if field.number != field::PERM => (*number, &[][..]),
            Value::Number(_) => (0, &[][..]),
            Value::Text(text) => (0, text.as_slice()),
        };
        // FNV-1a
        let numbers = [field.number, number].into_iter().flat_map(u32::to_le_bytes);
        let bytes = numbers.chain(text.iter().copied());
        let hash =
            bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        sketch | 1 << ((hash >> 16) % 64) | 1 << ((hash >> 24) % 64)
    })
}

/// What the kernel takes for the same rule.
fn same(one: &Rule, other: &Rule) -> bool {
    one.list == other.list
        && one.action == other.action
        && one.fields == other.fields
        && one.mask == other.mask
}

/// Whether all that `other` matches is matched by `first`.
fn covers(first: &Held<'_>, other: &Held<'_>) -> bool {
    if first.sketch & !other.sketch != 0 {
        return false;
    }
    let (rule, other) = (first.rule, other.rule);
    let needed = |wanted: &Field| {
        wanted.number == field::FILTERKEY || other.fields.iter().any(|given| implies(given, wanted))
    };
    let called = || {
        !matches!(rule.list, List::EXIT | List::IO_URING)
            || rule.mask.0.iter().zip(&other.mask.0).all(|(all, some)| some & !all == 0)
    };
    rule.list == other.list && rule.fields.iter().all(needed) && called()
}

/// Whether an event that fulfils `given` fulfils `wanted`.
fn implies(given: &Field, wanted: &Field) -> bool {
    let (Value::Number(have), Value::Number(want)) = (&given.value, &wanted.value) else {
        return given == wanted;
    };
    given == wanted || {
        let bits = given.number == field::PERM && wanted.number == field::PERM;
        bits && given.op == Op::EQUAL && wanted.op == Op::EQUAL && have & !want == 0
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{compile, lines_of};
    use crate::wire::tables::Machine;

    fn warnings(text: &str) -> Vec<String> {
        let compiled = compile(&lines_of("t", text), Machine::X86_64);
        assert_eq!(compiled.errors, []);
        compiled.warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_that_is_there_twice_is_told_with_both_places() {
        let text = "-w /x -p wa -k a\n-a always,exit -F pid=1\n  -w /x -p wa -k a\n-A always,exit -F pid=1";
        let expected = [
            "t:3:1: the same rule as t:1:1: the kernel holds it once",
            "t:4:1: the same rule as t:2:1: the kernel holds it once",
        ];
        assert_eq!(warnings(text), expected);
        assert_eq!(warnings("-w /x\n-D\n-w /x\n-W /x\n-w /x"), [""; 0]);
        assert_eq!(warnings("-w /x -k aa\n-D -k a\n-w /x -k aa"), [""; 0]);
    }

    #[test]
    fn a_rule_behind_one_that_matches_all_of_it_is_told() {
        let text = "-a always,exit -F arch=b64 -S execve,openat -F uid=0 -k a
-a always,exit -F arch=b64 -S execve -F auid=5 -F uid=0 -k b
-a never,exit -F arch=b32 -S execve -F uid=0
-a always,exit -F arch=b64 -S execve,close -F uid=0
-A never,exit -F arch=b64 -S close";
        let expected = ["t:2:1: this rule does nothing: t:1:1 comes first and matches all that it would"];
        assert_eq!(warnings(text), expected);
        let text = "-w /x -p w\n-a never,exit -F dir=/y -F perm=rwa\n-A never,exit -F path=/x -F perm=wa\n\
                    -a always,exit -F arch=b64 -F dir=/y -F perm=w";
        let expected = [
            "t:1:1: this rule does nothing: t:3:1 comes first and matches all that it would",
            "t:4:1: this rule does nothing: t:2:1 comes first and matches all that it would",
        ];
        assert_eq!(warnings(text), expected);
    }
}
