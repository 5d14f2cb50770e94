//! auditctl as the judge of whole rule sets: a set is loaded by auditctl and by us, and the kernel must then list
//! the same rules, byte for byte; what we print of them must be what `auditctl -l` prints; and what we print to be
//! loaded again must make the same rules. What one of the two refuses, so does the other.
//!
//! Every rule is bound to a process that does not exist, or to a path in a folder of the test. Needs root, auditctl
//! and its example rules (package auditd) and a kernel with auditing; without them it fails.
//!
//! RINGAUDIT_TEST_RULES: how many rules are made up (500); RINGAUDIT_TEST_SEED: from which number (1).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the whole of it is tests

mod examples;
mod generate;
mod kernel;

use kernel::Kernel;
use ringaudit::rules::{Command, Form, print};
use ringaudit::wire::rule::{COMPARISONS, Rule};
use ringaudit::wire::tables::{Machine, errno_names, record_type_names, record_type_number};

/// Rules of one batch: the kernel drops a rule in 12 ms, and others wait for it meanwhile.
const BATCH: usize = 100;

/// What became of the rules of one or more sets.
#[derive(Debug, Default)]
struct Tally {
    /// Taken by both.
    taken: usize,
    /// Refused by both.
    refused: usize,
}

/// Judges these lines, all of them with an arch or none: auditctl 3.0.9 names the calls of a rule without arch by
/// the last arch that it has printed.
fn judge(lines: &[String], tally: &mut Tally) {
    let mut kernel = Kernel::take();
    let judged = kernel.by_auditctl(lines);
    let listed = kernel.auditctl_list();
    kernel.delete_by_line(lines);
    assert_eq!(kernel.added(), [], "what auditctl added is deleted by the same lines, as -d and -W");
    let taken = kernel.by_us(lines);
    let ours = kernel.added();
    kernel.clear();
    let texts: Vec<String> = judged.iter().map(|rule| text(rule, Form::Auditctl)).collect();
    let our_texts: Vec<String> = ours.iter().map(|rule| text(rule, Form::Auditctl)).collect();
    for rule in &texts {
        assert!(our_texts.contains(rule), "auditctl alone has {rule}\nof {lines:#?}");
    }
    for rule in &our_texts {
        assert!(texts.contains(rule), "we alone have {rule}\nof {lines:#?}");
    }
    assert!(judged == ours, "the same texts, but not the same rules\nof {lines:#?}");
    for (ours, auditctl) in texts.iter().zip(&listed) {
        // auditctl 3.0.9 prints exe= where the rule says exe!=.
        assert_eq!(&ours.replace(" exe!=", " exe="), auditctl, "as we and as auditctl print it");
    }
    assert_eq!(texts.len(), listed.len());
    let again: Vec<String> = judged.iter().map(|rule| text(rule, Form::Loadable)).collect();
    kernel.by_us(&again);
    let back = kernel.added();
    for (rule, line) in judged.iter().zip(&again) {
        assert!(back.contains(rule), "not loaded back: {line}\nfor {rule:?}");
    }
    assert!(back == judged, "loaded back, but in another order: {again:#?}");
    tally.taken += taken;
    tally.refused += lines.len() - taken;
}

fn text(rule: &Rule, form: Form) -> String {
    String::from_utf8(print(rule, kernel::machine(), form)).expect("the rules of this test are text")
}

/// The rules of all files that the package auditd ships, each bound to a process that does not exist.
#[test]
fn the_example_rules_are_loaded_and_printed_as_auditctl_does() {
    let root = tempfile::tempdir().unwrap();
    let examples = examples::read(root.path());
    let mut tally = Tally::default();
    kernel::compile(&examples.rules).errors.iter().for_each(|error| println!("refused: {error}"));
    let (with_arch, without): (Vec<String>, Vec<String>) =
        examples.rules.into_iter().partition(|line| line.contains("arch"));
    for batch in with_arch.chunks(BATCH).chain(without.chunks(BATCH)) {
        judge(batch, &mut tally);
    }
    println!("{} example rules in {} files: {tally:?}", tally.taken + tally.refused, examples.files);
    assert!(examples.files >= 25 && tally.taken >= 200, "{tally:?}");
    // What is no rule: what it asks for is tested in src/setup/rules; here, that it is read at all.
    let compiled = kernel::compile(&examples.others);
    assert_eq!(compiled.errors, []);
    let locks = |command: &&Command| matches!(command, Command::Send { .. });
    assert_eq!(compiled.planned.iter().map(|p| &p.command).filter(locks).count(), 1, "--loginuid-immutable");
}

/// Rules that are made up, over all lists, fields, operators, forms of values and arches.
#[test]
fn made_up_rules_are_loaded_and_printed_as_auditctl_does() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
    };
    let count = usize::try_from(number("RINGAUDIT_TEST_RULES", 500)).unwrap();
    let seed = number("RINGAUDIT_TEST_SEED", 1);
    let dir = tempfile::tempdir().unwrap();
    let mut maker = generate::Maker::new(seed, dir.path());
    let mut tally = Tally::default();
    let mut made = 0;
    while made < count {
        let size = BATCH.min(count - made);
        let arch = (made / BATCH).is_multiple_of(2);
        let lines: Vec<String> = (0..size).map(|_| maker.line(arch)).collect();
        judge(&lines, &mut tally);
        made += size;
    }
    println!("{made} rules of seed {seed}: {tally:?}");
    assert!(tally.taken * 10 >= made * 8, "most must be taken: {tally:?}");
    let unused = maker.unused();
    assert!(made < 500 || unused.is_empty(), "fields that no rule had: {unused:?}");
}

/// Every name that auditctl knows: system calls of all machines, errors, record types, comparisons.
#[test]
fn every_name_is_read_and_printed_as_auditctl_does() {
    let (mut with_arch, mut without) = (Vec::new(), Vec::new());
    let mut pid = generate::NOBODY;
    let mut bound = |lines: &mut Vec<String>, start: &str, words: &[String]| {
        for words in words.chunks(30) {
            pid += 1;
            lines.push(format!("{start} -F pid={pid}{}", words.concat()));
        }
    };
    for (arch, machine) in generate::ARCHES.iter().chain(generate::FOREIGN).filter(|(name, _)| *name != "B64")
    {
        let ours = Machine::of_name(machine).unwrap();
        let calls = generate::calls(machine);
        assert!(calls.len() > 280, "{machine}");
        for (number, name) in &calls {
            assert_eq!(ours.syscall_number(name), u16::try_from(*number).ok(), "{machine} {name}");
            assert_eq!(ours.auditctl_name(*number), Some(name.as_str()), "{machine} {number}");
        }
        let words: Vec<String> = calls.iter().map(|(_, name)| format!(" -S {name}")).collect();
        let sign = if generate::FOREIGN.contains(&(*arch, *machine)) { "!=" } else { "=" };
        bound(&mut with_arch, &format!("-a always,exit -F arch{sign}{arch}"), &words);
    }
    // ENOTSUP is the C library's name, which auditctl does not know.
    let errors = errno_names().into_iter().filter(|name| *name != "ENOTSUP");
    let errors: Vec<String> = errors.map(|name| format!(" -F exit!=-{name}")).collect();
    bound(&mut without, "-a always,exit", &errors);
    // What is newer than auditctl 3.0.9 has a name with us alone.
    let newer = |name: &&str| matches!(record_type_number(name), Some(1338 | 1339 | 1420..=1426));
    let types: Vec<&str> = record_type_names().into_iter().filter(|name| !newer(name)).collect();
    let types: Vec<String> = types.iter().map(|name| format!(" -F msgtype!={name}")).collect();
    bound(&mut without, "-a never,exclude", &types);
    let pairs = COMPARISONS.map(|(one, other)| {
        let [one, other] = [one, other].map(generate::id_name);
        format!(" -C {one}={other} -C {other}!={one}")
    });
    bound(&mut without, "-a always,exit", &pairs);
    let mut tally = Tally::default();
    with_arch.chunks(BATCH).chain(without.chunks(BATCH)).for_each(|batch| judge(batch, &mut tally));
    println!("{tally:?}");
    assert_eq!((tally.taken, tally.refused), (with_arch.len() + without.len(), 0));
}

/// auditctl 3.0.9 of Debian does not know the list, so the kernel alone judges.
#[test]
fn rules_for_io_uring_are_held_and_printed() {
    let mut kernel = Kernel::take();
    let lines = [
        "-a always,io_uring -S openat,openat2,unlinkat -F pid=4194305 -F key=ring",
        "-a never,io_uring -S all -F pid=4194306 -F exe=/usr/bin/true",
        "-a always,io_uring -S uring_cmd -F pid=4194307 -F exit=-EACCES -F success=0",
    ];
    let taken = kernel.by_us(&lines.map(str::to_owned));
    assert_eq!(taken, lines.len());
    let held = kernel.added();
    for form in [Form::Auditctl, Form::Loadable] {
        let texts: Vec<String> = held.iter().map(|rule| text(rule, form)).collect();
        assert_eq!(texts, lines);
    }
}
