//! A kernel is played here as kernel/auditfilter.c behaves, since locked and refusing kernels can't be had at will,
//! nor every moment of a load be looked at; loading into the running kernel is tested in tests/load_live.rs.

use super::*;
use crate::rules::{compile, lines_of};
use crate::wire::tables::Machine;
use proptest::prelude::*;

/// A kernel's list of rules, and what it is asked.
#[derive(Default)]
struct Kernel {
    rules: Vec<Rule>,
    /// What it answers to some requests instead of doing them.
    refuse: Option<fn(u16, Option<&Rule>) -> i32>,
    /// The errno of lists.
    list: i32,
    sent: Vec<(u16, Vec<u8>)>,
    /// Rules that must be in force at each moment, themselves or with one more condition.
    watched: Vec<Rule>,
}

impl Kernel {
    fn of(text: &str) -> Self {
        let mut kernel = Self::default();
        let report = load(&mut kernel, &plan(text), false);
        assert_eq!(report.problems, []);
        kernel.sent.clear();
        kernel
    }

    fn one(&mut self, kind: u16, payload: &[u8]) -> i32 {
        self.sent.push((kind, payload.to_vec()));
        let rule = Rule::parse(payload).ok();
        if let Some(errno) = self.refuse.map(|refuse| refuse(kind, rule.as_ref())).filter(|errno| *errno != 0)
        {
            return errno;
        }
        let Some(rule) = rule else { return 0 };
        let mut bare = Rule { prepend: false, mask: rule.mask.without_classes(), ..rule.clone() };
        // The first class, of which this kernel knows one call.
        if rule.mask.has(2047) {
            bare.mask.set(87);
        }
        // The mark of -A is compared too: the kernel finds no rule with it.
        let found =
            self.rules.iter().position(|held| *held == Rule { prepend: rule.prepend, ..bare.clone() });
        match (kind, found) {
            (AUDIT_ADD_RULE, Some(_)) => return libc::EEXIST,
            (AUDIT_ADD_RULE, None) if rule.prepend => self.rules.insert(0, bare),
            (AUDIT_ADD_RULE, None) => self.rules.push(bare),
            (AUDIT_DEL_RULE, None) => return libc::ENOENT,
            (AUDIT_DEL_RULE, Some(at)) => {
                self.rules.remove(at);
            }
            _ => {}
        }
        for rule in &self.watched {
            let matches = |held: &Rule| {
                held.list == rule.list && held.action == rule.action && held.fields.ends_with(&rule.fields)
            };
            assert!(self.rules.iter().any(matches), "missing: {rule:?}");
        }
        0
    }
}

impl Transport for Kernel {
    fn requests(&mut self, kind: u16, payloads: &[&[u8]]) -> Vec<io::Result<()>> {
        let answer = |errno| if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) };
        payloads.iter().map(|payload| answer(self.one(kind, payload))).collect()
    }

    fn dump(&mut self, kind: u16, each: &mut dyn FnMut(u16, &[u8])) -> io::Result<()> {
        if self.list != 0 {
            return Err(io::Error::from_raw_os_error(self.list));
        }
        self.rules.iter().for_each(|rule| each(kind, &rule.emit().unwrap()));
        Ok(())
    }
}

fn plan(text: &str) -> Vec<Planned> {
    let compiled = compile(&lines_of("t.rules", text), Machine::X86_64);
    assert_eq!(compiled.errors, []);
    compiled.planned
}

fn rules(text: &str) -> Vec<Rule> {
    Kernel::of(text).rules
}

fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// How many requests of each kind were sent: rules added, rules deleted, values set.
fn sent(kernel: &Kernel) -> [usize; 3] {
    [AUDIT_ADD_RULE, AUDIT_DEL_RULE, nlmsg::SET]
        .map(|kind| kernel.sent.iter().filter(|(k, _)| *k == kind).count())
}

#[test]
fn a_rule_with_a_class_of_calls_stays_at_the_second_load() {
    let text = "-a always,exit -F pid=1 -S 1 -S 2047\n";
    let mut kernel = Kernel::of(&format!("{text}-a always,exit -F pid=1 -S 2\n"));
    let report = load(&mut kernel, &plan(text), true);
    assert_eq!((report.problems, report.already, report.deleted), (vec![], vec![0], 1));
    assert_eq!(kernel.rules, rules("-a always,exit -F pid=1 -S 1,87\n"));
}

const TWO: &str = "-a always,exit -F pid=1 -F arch=b64 -S open\n-A always,exit -F pid=2\n";

#[test]
fn what_was_added_can_be_removed() {
    let mut kernel = Kernel::of("-a always,exit -F pid=7\n");
    let planned = plan(TWO);
    let report = load(&mut kernel, &planned, false);
    assert_eq!((report.added.as_slice(), report.problems.len()), (&[1, 0][..], 0));
    assert_eq!(
        kernel.rules,
        rules(
            "-a always,exit -F pid=2\n-a always,exit -F pid=7\n-a always,exit -F pid=1 -F arch=b64 -S open\n"
        )
    );
    kernel.rules.remove(0);
    assert_eq!(remove(&mut kernel, &planned, &report), []);
    assert_eq!(kernel.rules, rules("-a always,exit -F pid=7\n"));
}

#[test]
fn one_refused_rule_does_not_lose_the_others() {
    let text = format!("-w /no/such/file -p w\n  -w /tmp -p w\n-d always,exit -F pid=3\n-b 7\n{TWO}");
    let mut kernel = Kernel::of("-A always,exit -F pid=2\n");
    kernel.refuse = Some(|kind, rule| match rule.map(|rule| rule.fields[0].number) {
        Some(field::WATCH) => libc::ENOENT,
        Some(field::DIR) => libc::EINVAL,
        None if kind == nlmsg::SET => libc::ENOMEM,
        _ => 0,
    });
    let report = load(&mut kernel, &plan(&text), false);
    assert_eq!(
        shown(&report.problems),
        [
            "t.rules:3:1: the kernel holds no such rule to delete",
            "t.rules:4:1: cannot set backlog_limit to 7: Cannot allocate memory (os error 12)",
            "t.rules:1:1: \"/no/such\" does not exist: make it before the rule is loaded",
            "t.rules:2:1: the kernel does not take this rule: a field or operator that it does not know, or not on this list",
        ]
    );
    assert_eq!((report.added, report.already, report.missing), (vec![4], vec![5], vec![0]));
}

#[test]
fn a_locked_kernel_and_a_missing_capability_are_told_once() {
    let locked = "the audit configuration is locked until the next boot (enabled is 2)";
    let refuse: fn(u16, Option<&Rule>) -> i32 = |_, _| libc::EPERM;
    let mut kernel = Kernel { refuse: Some(refuse), ..Kernel::of("-A always,exit -F pid=2\n") };
    let report = load(&mut kernel, &plan(&format!("-D\n{TWO}-e 2\n")), false);
    assert_eq!(shown(&report.problems), [format!("t.rules:2:1: {locked}; of 2 rules 1 are in force")]);
    assert_eq!(sent(&kernel), [1, 0, 0]);
    // What is there needs no leave.
    let report = load(&mut kernel, &plan("-a always,exit -F pid=2\n"), true);
    assert_eq!((report.already, report.problems), (vec![0], vec![]));
    let mut kernel = Kernel { refuse: Some(refuse), list: libc::EPERM, ..Kernel::default() };
    let report = load(&mut kernel, &plan("-D\n-b 1\n"), false);
    let missing = "not permitted: run as root in the initial pid namespace, or with CAP_AUDIT_CONTROL";
    assert_eq!(shown(&report.problems), [format!("t.rules:1:1: {missing}; of 0 rules 0 are in force")]);
    assert_eq!(sent(&kernel), [0, 0, 0]);
}

#[test]
fn a_set_with_delete_all_is_all_that_is_there() {
    let mut kernel = Kernel::of(TWO);
    let report = load(&mut kernel, &plan("-D\n-a always,exit -F pid=2\n-e 1\n-b 5\n"), false);
    assert_eq!((report.added.len(), report.already.len(), report.deleted, report.set), (0, 1, 1, 2));
    assert_eq!(kernel.rules, rules("-a always,exit -F pid=2\n"));
    let kinds: Vec<(u16, u8)> = kernel.sent.iter().map(|(kind, payload)| (*kind, payload[0])).collect();
    assert_eq!(kinds, [(nlmsg::SET, 16), (AUDIT_DEL_RULE, 4), (nlmsg::SET, 1)], "-e is last");
}

#[test]
fn a_rule_that_cannot_be_deleted_does_not_keep_the_others() {
    let mut kernel = Kernel::of(TWO);
    kernel.refuse =
        Some(|_, rule| if rule.is_some_and(|rule| rule.fields.len() == 1) { libc::ENOMEM } else { 0 });
    let report = load(&mut kernel, &plan("-D\n"), false);
    let expected = "t.rules:1:1: cannot delete the rules: Cannot allocate memory (os error 12)";
    assert_eq!((shown(&report.problems), report.deleted), (vec![expected.to_owned()], 1));
}

#[test]
fn a_rule_is_there_once() {
    let mut kernel = Kernel::of("-A always,exit -F pid=2\n");
    let report = load(
        &mut kernel,
        &plan("-A always,exit -F pid=2\n-a always,exit -F pid=3\n-A exit,always -F pid=3\n"),
        false,
    );
    assert_eq!((report.added, report.already, sent(&kernel)), (vec![1], vec![0], [1, 0, 0]));
    let report = load(
        &mut kernel,
        &plan("-a always,exit -F pid=4 -k ab\n-d always,exit -F pid=4 -k ab\n-w /x -k abc\n-D -k b\n"),
        false,
    );
    assert_eq!(
        (report.added.len(), report.problems.len(), sent(&kernel)),
        (0, 0, [1, 0, 0]),
        "nothing comes of it"
    );
    let report = load(&mut kernel, &plan("-d always,exit -F pid=2\n"), false);
    assert_eq!((report.deleted, kernel.rules.len()), (1, 1));
}

#[test]
fn rules_with_a_key_are_deleted_and_the_others_stay() {
    let mut kernel = Kernel::of("-w /a -k one\n-w /b -k two\n-w /c\n-w /d -k none -k atone\n");
    let report = load(&mut kernel, &plan("-w /e -k one\n-w /f -k two\n-D -k one\n"), false);
    assert_eq!((report.added.as_slice(), report.deleted), (&[1][..], 2));
    assert_eq!(kernel.rules, rules("-w /b -k two\n-w /c\n-w /f -k two\n"));
}

#[test]
fn requests_are_sent_as_they_are() {
    let mut kernel =
        Kernel { refuse: Some(|kind, _| if kind == 1018 { libc::EINVAL } else { 0 }), ..Kernel::default() };
    let report = load(&mut kernel, &plan("-t\n-r 5\n--loginuid-immutable\n"), false);
    let sent: Vec<(u16, usize)> = kernel.sent.iter().map(|(kind, payload)| (*kind, payload.len())).collect();
    assert_eq!(sent, [(nlmsg::SET, 44), (1014, 0), (1018, 16)]);
    assert_eq!((kernel.sent[0].1[0], kernel.sent[0].1[16]), (8, 5));
    let expected = "t.rules:3:1: the kernel does not do this: Invalid argument (os error 22)";
    assert_eq!((report.set, shown(&report.problems)), (2, vec![expected.to_owned()]));
}

#[test]
fn one_of_many_is_replaced_with_two_requests() {
    let set = |key: &str| -> String {
        let rule = |n: u32| {
            format!(
                "-a always,exit -F arch=b64 -S openat -F pid={n} -k {}\n",
                if n == 500 { key } else { "k" }
            )
        };
        (1..1000).map(rule).collect()
    };
    let mut kernel = Kernel::of(&set("old"));
    let report = load(&mut kernel, &plan(&set("new")), true);
    assert_eq!((report.added.len(), report.already.len(), report.deleted), (1, 998, 1));
    assert_eq!(sent(&kernel), [1, 1, 0]);
    assert_eq!(kernel.sent[0].0, AUDIT_ADD_RULE, "the new one is there before the old one goes");
}

#[test]
fn a_rule_that_moves_is_never_missing() {
    let (never, always) = ("-a never,exit -F uid=7\n", "-a always,exit -S openat -k a\n");
    let mut kernel = Kernel::of(&format!("{always}{never}"));
    kernel.watched = rules(&format!("{always}{never}"));
    let report = load(&mut kernel, &plan(&format!("{never}{always}")), true);
    assert_eq!(
        (report.already.len(), report.added.len(), report.deleted, report.problems.len()),
        (2, 0, 0, 0)
    );
    assert_eq!(kernel.rules, rules(&format!("{never}{always}")));
    assert_eq!(sent(&kernel), [2, 2, 0]);
    // A file system's rules take few fields; the kernel that refuses the cover loses nothing in the end.
    let (one, other) = ("-a never,filesystem -F fstype=0x9fa0\n", "-a always,filesystem -F fstype!=0x9fa0\n");
    let mut kernel = Kernel::of(&format!("{one}{other}"));
    kernel.watched = rules(one);
    load(&mut kernel, &plan(&format!("{other}{one}")), true);
    kernel.watched.clear();
    kernel.refuse =
        Some(|_, rule| if rule.is_some_and(|rule| rule.fields.len() > 1) { libc::EINVAL } else { 0 });
    let report = load(&mut kernel, &plan(&format!("{one}{other}")), true);
    assert_eq!((report.problems.len(), kernel.rules.len()), (0, 2));
}

fn any_set() -> impl Strategy<Value = Vec<String>> {
    let line =
        (any::<bool>(), 0..3_u8, 0..4_u32, 0..4_usize, 0..2_u8).prop_map(|(head, list, uid, key, call)| {
            let way = if head { "-A" } else { "-a" };
            let action = if key == 0 { "never" } else { "always" };
            match list {
                0 => format!("{way} {action},user -F uid={uid}"),
                _ => format!(
                    "{way} {action},exit -F arch=b64 -S {} -F auid>={uid} -k {key}",
                    ["open", "close"][usize::from(call)]
                ),
            }
        });
    proptest::collection::vec(line, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    /// From any set to any other: the rules are those of a fresh load, what both have is there at each moment, and
    /// done again nothing is sent.
    #[test]
    fn any_set_becomes_any_other(old in any_set(), new in any_set()) {
        let (old, new) = (old.join("\n"), new.join("\n"));
        let mut kernel = Kernel::of(&old);
        let fresh = rules(&new);
        kernel.watched = kernel.rules.iter().filter(|rule| fresh.contains(rule)).cloned().collect();
        let report = load(&mut kernel, &plan(&new), true);
        prop_assert_eq!(report.problems, []);
        prop_assert_eq!(kernel.rules.len(), fresh.len());
        prop_assert!(fresh.iter().all(|rule| kernel.rules.contains(rule)));
        for (at, one) in fresh.iter().enumerate() {
            for other in fresh.iter().skip(at + 1).filter(|other| other.list == one.list) {
                let position = |rule| kernel.rules.iter().position(|held| held == rule);
                prop_assert!(order::commute(one, other) || position(one) < position(other));
            }
        }
        kernel.sent.clear();
        load(&mut kernel, &plan(&new), true);
        prop_assert!(kernel.sent.is_empty());
    }
}
