//! The kernel's answers are played here, since locked and refusing kernels can't be had at will; loading
//! into the running kernel is tested in tests/rules_live.rs.

use super::*;
use crate::rules::{compile, lines_of};
use crate::wire::tables::Machine;
use std::collections::VecDeque;

#[derive(Default)]
struct Script {
    /// An errno for each request, 0 for none; when empty, all succeed.
    answers: VecDeque<i32>,
    /// The errno of lists.
    list: i32,
    held: Vec<Vec<u8>>,
    sent: Vec<(u16, Vec<u8>)>,
}

impl Transport for Script {
    fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<()> {
        self.sent.push((kind, payload.to_vec()));
        match self.answers.pop_front() {
            None | Some(0) => Ok(()),
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    fn dump(&mut self, kind: u16, each: &mut dyn FnMut(u16, &[u8])) -> io::Result<()> {
        if self.list != 0 {
            return Err(io::Error::from_raw_os_error(self.list));
        }
        self.held.iter().for_each(|rule| each(kind, rule));
        Ok(())
    }
}

fn plan(text: &str) -> Vec<Planned> {
    let compiled = compile(&lines_of("t.rules", text), Machine::X86_64);
    assert_eq!(compiled.errors, []);
    compiled.planned
}

fn answered(text: &str, answers: &[i32]) -> (Report, Script) {
    let mut script = Script { answers: answers.iter().copied().collect(), ..Script::default() };
    let report = load(&mut script, &plan(text));
    (report, script)
}

fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

const TWO: &str = "-a always,exit -F pid=1 -F arch=b64 -S open\n-A always,exit -F pid=2\n";

#[test]
fn what_was_added_can_be_removed() {
    let (report, mut script) = answered(TWO, &[]);
    assert_eq!((report.added.len(), report.problems.len()), (2, 0));
    let added = std::mem::take(&mut script.sent);
    assert_eq!(added.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [AUDIT_ADD_RULE; 2]);
    assert!(Rule::parse(&added[1].1).unwrap().prepend);
    script.answers = VecDeque::from([libc::ENOENT, 0]);
    assert_eq!(remove(&mut script, &report), []);
    assert_eq!(script.sent.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [AUDIT_DEL_RULE; 2]);
    assert_eq!(script.sent[1].1, added[0].1);
    let last = Rule::parse(&script.sent[0].1).unwrap();
    assert_eq!(last, Rule { prepend: false, ..Rule::parse(&added[1].1).unwrap() });
}

#[test]
fn one_refused_rule_does_not_lose_the_others() {
    let text = format!("-w /no/such/file -p w\n  -w /tmp -p w\n-d always,exit -F pid=3\n-b 7\n{TWO}");
    let (report, script) =
        answered(&text, &[libc::ENOENT, libc::EINVAL, libc::ENOENT, libc::ENOMEM, libc::EEXIST]);
    assert_eq!(
        shown(&report.problems),
        [
            "t.rules:1:1: \"/no/such\" does not exist: make it before the rule is loaded",
            "t.rules:2:1: the kernel does not take this rule: a field or operator that it does not know, or not on this list",
            "t.rules:3:1: the kernel holds no such rule to delete",
            "t.rules:4:1: cannot set backlog_limit to 7: Cannot allocate memory (os error 12)",
        ]
    );
    assert_eq!(shown(&report.already), ["t.rules:5:1: the kernel holds this rule already"]);
    assert_eq!(report.added.len(), 1);
    assert_eq!(report.added[0].line, "-A always,exit -F pid=2");
    assert_eq!(script.sent.len(), 6);
}

#[test]
fn a_locked_kernel_and_a_missing_capability_are_told_once() {
    let (report, script) = answered(TWO, &[libc::EPERM]);
    let locked = "the audit configuration is locked until the next boot (enabled is 2)";
    assert_eq!(shown(&report.problems), [format!("t.rules:1:1: {locked}; the 1 after it were not tried")]);
    assert_eq!(script.sent.len(), 1);
    let mut script = Script { list: libc::EPERM, ..Script::default() };
    script.answers.push_back(libc::EPERM);
    let report = load(&mut script, &plan("-D\n-b 1\n"));
    let missing = "not permitted: run as root in the initial pid namespace, or with CAP_AUDIT_CONTROL";
    assert_eq!(shown(&report.problems), [format!("t.rules:1:1: {missing}; the 1 after it were not tried")]);
}

#[test]
fn deleting_all_forgets_what_was_added() {
    let mut script = Script { held: vec![b"one".to_vec(), b"two".to_vec()], ..Script::default() };
    script.answers = VecDeque::from([0, 0, 0, libc::ENOENT]);
    let report = load(&mut script, &plan(&format!("{TWO}-D\n-e 1\n")));
    assert_eq!((report.added.len(), report.deleted, report.set, report.problems.len()), (0, 1, 1, 0));
    let tail: Vec<&[u8]> = script.sent[2..4].iter().map(|(_, bytes)| bytes.as_slice()).collect();
    assert_eq!(tail, [b"one", b"two"]);
    let (kind, payload) = &script.sent[4];
    assert_eq!((*kind, payload.len(), payload[0], payload[4]), (nlmsg::SET, 44, 1, 1));
}

#[test]
fn a_rule_that_cannot_be_deleted_does_not_keep_the_others() {
    let mut script = Script { held: vec![b"one".to_vec(), b"two".to_vec()], ..Script::default() };
    script.answers = VecDeque::from([libc::ENOMEM, 0]);
    let report = load(&mut script, &plan("-D\n"));
    let expected = "t.rules:1:1: cannot delete the rules: Cannot allocate memory (os error 12)";
    assert_eq!((shown(&report.problems), report.deleted), (vec![expected.to_owned()], 1));
}

/// The kernel itself would take a second `-A` of the same rule.
#[test]
fn a_rule_at_the_head_is_not_added_twice() {
    let first = plan("-A always,exit -F pid=2\n");
    let Command::Add(rule) = &first[0].command else { panic!("{first:?}") };
    let kernels = Rule { prepend: false, mask: rule.mask.without_classes(), ..rule.clone() };
    let mut script = Script { held: vec![kernels.emit().unwrap()], ..Script::default() };
    let report = load(&mut script, &first);
    assert_eq!((report.added.len(), report.already.len(), script.sent.len()), (0, 1, 0));
    let report = load(&mut script, &plan("-A always,exit -F pid=3\n"));
    assert_eq!((report.added.len(), report.already.len(), script.sent.len()), (1, 0, 1));
}

#[test]
fn a_deleted_rule_is_not_ours_any_more() {
    let (report, _) = answered("-A always,exit -F pid=2\n-d always,exit -F pid=2\n", &[]);
    assert_eq!((report.added.len(), report.deleted), (0, 1));
}

#[test]
fn rules_with_a_key_are_deleted_and_the_others_stay() {
    let held = plan("-w /a -k one\n-w /b -k two\n-w /c\n-w /d -k none -k atone\n");
    let held = held.iter().map(|p| match &p.command {
        Command::Add(rule) => rule.emit().unwrap(),
        other => panic!("{other:?}"),
    });
    let mut script = Script { held: held.collect(), ..Script::default() };
    let report = load(&mut script, &plan("-w /e -k one\n-w /f -k two\n-D -k one\n"));
    assert_eq!((report.added.len(), report.deleted), (1, 2));
    let deleted: Vec<&Vec<u8>> = script.sent[2..].iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(deleted, [&script.held[0], &script.held[3]]);
}

#[test]
fn requests_are_sent_as_they_are() {
    let (report, script) = answered("-t\n-r 5\n--loginuid-immutable\n", &[0, 0, libc::EINVAL]);
    assert_eq!(script.sent[0], (1014, Vec::new()));
    assert_eq!((script.sent[1].0, script.sent[1].1[0], script.sent[1].1[16]), (nlmsg::SET, 8, 5));
    let expected = "t.rules:3:1: the kernel does not do this: Invalid argument (os error 22)";
    assert_eq!((report.set, shown(&report.problems)), (2, vec![expected.to_owned()]));
}
