//! ringaudit beside programs that were not written here: auditd's log read by laurel, ausearch and aureport, and
//! the same events by us. Needs what tests/live needs, and Debian's auditd and laurel. The load's calls are those of
//! x86_64.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
#[path = "../live/flood.rs"]
mod flood;
#[allow(dead_code)]
#[path = "../live/machine.rs"]
mod machine;

mod argv;
mod auditd;
mod ausearch;
mod beside;
mod compare;
mod differences;
mod laurel;
mod load;
mod ours;
mod schema;
mod validator;

use load::Kind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// How many events of a load there are at least; `make peers` asks for more.
const EVENTS: u64 = 5_000;
/// Kinds of system calls that must be among them.
const SYSCALLS: usize = 90;
/// Types of records that must be among them.
const TYPES: &[&str] = &[
    "ANOM_ABEND",
    "BPRM_FCAPS",
    "CAPSET",
    "CONFIG_CHANGE",
    "CWD",
    "EXECVE",
    "FD_PAIR",
    "IPC",
    "LOGIN",
    "MMAP",
    "OBJ_PID",
    "PATH",
    "PROCTITLE",
    "SECCOMP",
    "SOCKADDR",
    "SYSCALL",
    "USER",
];
/// Command lines that are executed.
const PROGRAMS: usize = 1_000;

fn events() -> u64 {
    std::env::var("RINGAUDIT_TEST_EVENTS").map_or(EVENTS, |count| count.parse().unwrap())
}

/// Calls that are surely enough for so many events.
fn calls() -> u64 {
    events() * 11 / 10
}

/// Enough events, system calls and record types (a kernel may lack what makes the others), the longest path and
/// long command lines; and nothing was lost.
fn is_rich(events: &laurel::Events) {
    let lines = || events.values().flatten();
    let calls: BTreeSet<String> = lines().map(|line| line["SYSCALL"]["syscall"].to_string()).collect();
    let types: BTreeSet<&String> = lines().flat_map(|line| line.as_object().unwrap().keys()).collect();
    println!("{} events, {} system calls, types: {types:?}", lines().count(), calls.len());
    assert!(lines().count() as u64 >= crate::events(), "{} events", lines().count());
    assert!(calls.len() >= SYSCALLS, "{} system calls: {calls:?}", calls.len());
    let missing: Vec<_> = TYPES.iter().filter(|name| !types.contains(&(**name).to_owned())).collect();
    assert!(missing.is_empty(), "no {missing:?}");
    assert!(!types.contains(&"LOSS".to_owned()), "something was lost");
    let len = |value: &Value| value.as_str().map_or(0, |text| argv::decode(text).len());
    let names = || {
        lines().flat_map(|line| line["PATH"].as_array().into_iter().flatten().map(|path| len(&path["name"])))
    };
    assert_eq!(names().max(), Some(4095), "the longest path");
    let command = |line: &Value| {
        line["EXECVE"]["ARGV"].as_array().map_or(0, |list| list.iter().map(len).sum::<usize>())
    };
    assert!(lines().map(command).max().unwrap() >= 200_000, "the longest command line");
}

/// Issue 3, "Show", 1.
#[test]
fn laurel_says_the_same_field_by_field() {
    let log = auditd::capture(1, calls());
    println!("refused by the kernel: {}", log.report.notes);
    let json = log.dir.path().join("json");
    ours::replay("json", &log.path, &json);
    schema::all_valid(&json, usize::try_from(events()).unwrap());
    let ours = laurel::events(&fs::read(&json).unwrap());
    is_rich(&ours);
    let theirs = laurel::read(log.dir.path(), &log.path);
    differences::only_meant(&ours, &theirs);
}

/// Issue 3, "Show", 2: the log as auditd wrote it and as we write it again.
#[test]
fn ausearch_and_aureport_read_our_raw_as_auditd_s() {
    let log = auditd::capture(2, calls());
    let raw = log.dir.path().join("raw");
    ours::replay("raw", &log.path, &raw);
    let lines = |path: &Path| {
        let text = fs::read(path).unwrap();
        let mut lines: Vec<Vec<u8>> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort_unstable();
        lines
    };
    assert!(lines(&log.path) == lines(&raw), "our raw has other lines than auditd's log");
    ausearch::same(&log.path, &raw);
    let (json, again) = (log.dir.path().join("json"), log.dir.path().join("again"));
    ours::replay("json", &log.path, &json);
    ours::replay("json", &raw, &again);
    assert!(fs::read(&json).unwrap() == fs::read(&again).unwrap(), "our raw says less than auditd's log");
}

/// Issue 3, "Show", 2: what was captured and what is read again from our own log.
#[test]
fn replay_of_our_raw_is_the_json_of_the_capture() {
    let live = ours::live(&["json", "raw"], Kind::Calls, 3, calls(), false);
    println!("refused by the kernel: {}", live.report.notes);
    schema::all_valid(&live.file("json"), usize::try_from(events()).unwrap());
    let again = live.dir.path().join("again");
    ours::replay("json", &live.file("raw"), &again);
    let (captured, replayed) = (fs::read(live.file("json")).unwrap(), fs::read(&again).unwrap());
    is_rich(&laurel::events(&captured));
    let lines = |text: &[u8]| text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (captured, replayed) = (lines(&captured), lines(&replayed));
    for (number, (one, other)) in captured.iter().zip(&replayed).enumerate() {
        let show = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
        assert!(one == other, "line {}:\nlive   {}\nreplay {}", number + 1, show(one), show(other));
    }
    assert_eq!(captured.len(), replayed.len());
    // Its own start and end are in the raw log alone, as DAEMON_START and DAEMON_END.
    let seen = ausearch::events(true, &live.file("raw"));
    println!("ausearch: {} events of {} lines of JSON", seen.len(), captured.len());
}

/// Issue 3, "Show", 3.
#[test]
fn command_lines_come_back_byte_for_byte() {
    let seed = 4;
    let live = ours::live(&["json"], Kind::Programs, seed, PROGRAMS as u64, true);
    schema::all_valid(&live.file("json"), PROGRAMS);
    let executed = argv::vectors(seed, PROGRAMS);
    let mut captured: Vec<(u64, Vec<Vec<u8>>)> = Vec::new();
    for line in laurel::events(&fs::read(live.file("json")).unwrap()).into_values().flatten() {
        let Some(arguments) = line["EXECVE"]["ARGV"].as_array() else { continue };
        assert_eq!(line["EXECVE"]["argc"].as_u64().unwrap(), arguments.len() as u64);
        assert_eq!(line["SYSCALL"]["auid"], load::AUID);
        let serial = line["ID"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        captured.push((
            serial,
            arguments.iter().map(Value::as_str).map(|text| argv::decode(text.unwrap())).collect(),
        ));
    }
    captured.sort_by_key(|(serial, _)| *serial);
    assert_eq!(captured.len(), executed.len());
    for (number, (wanted, (serial, got))) in executed.iter().zip(&captured).enumerate() {
        assert_eq!(wanted.len(), got.len(), "command line {number}, serial {serial}");
        for (at, (wanted, got)) in wanted.iter().zip(got).enumerate() {
            assert!(
                wanted == got,
                "command line {number}, serial {serial}, argument {at}: {wanted:?} {got:?}"
            );
        }
    }
    let long = executed.iter().flatten().filter(|argument| argument.len() > 7500).count();
    let most = executed.iter().map(Vec::len).max();
    println!(
        "{} command lines, {long} arguments over 7500 bytes, at most {most:?} arguments",
        executed.len()
    );
    assert!(long >= 10 && most.unwrap() > 1000);
}
