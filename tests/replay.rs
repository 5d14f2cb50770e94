//! `ringaudit replay` as it is run: logs in, events out, what is said on standard error, and the exit code. The
//! wrong logs are in tests/bad_input.rs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn replay(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringaudit"));
    command.arg("replay").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Standard output and standard error of a replay that must succeed.
fn replayed(words: &[&str]) -> (String, String) {
    let output = replay(words).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A failing openat's lines, as auditd writes them.
fn open_event(millis: u64, serial: u64) -> Vec<String> {
    let stamp = format!("audit({}.{:03}:{serial})", millis / 1000, millis % 1000);
    vec![
        format!(
            "type=SYSCALL msg={stamp}: arch=c000003e syscall=257 success=no exit=-2 a0=ffffff9c a1=7ffd a2=0 a3=0 \
             items=1 ppid=1 pid=2 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) \
             ses=4294967295 comm=\"cat\" exe=\"/usr/bin/cat\" key=\"k{serial}\""
        ),
        format!("type=CWD msg={stamp}: cwd=\"/\""),
        format!("type=PATH msg={stamp}: item=0 name=\"/nonexistent\" nametype=UNKNOWN"),
        format!("type=PROCTITLE msg={stamp}: proctitle=636174002F6E6F6E6578697374656E74"),
    ]
}

/// The serials of JSON lines, in their order.
fn serials(json: &str) -> Vec<u64> {
    let id = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["ID"].as_str().unwrap().split_once(':').unwrap().1.parse().unwrap()
    };
    json.lines().map(id).collect()
}

#[test]
fn a_log_becomes_json_and_interleaved_events_stay_apart() {
    let (one, two) = (open_event(1_700_000_000_001, 7), open_event(1_700_000_000_001, 8));
    let mixed: Vec<String> = one.iter().zip(&two).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let case = Case::new();
    let log = case.file("audit.log", mixed.join("\n") + "\n");
    let (json, said) = replayed(&[text(&log)]);
    assert_eq!(said, "ringaudit: replayed; lines: 8, records: 8, events: 2\n");
    assert_eq!(serials(&json), [7, 8]);
    for line in json.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["TIME"], "2023-11-14T22:13:20.001Z");
        assert_eq!(event["SYSCALL"]["SYSCALL"], "openat");
        assert_eq!(event["CWD"]["cwd"], "/");
        assert_eq!(event["PATH"].as_array().unwrap().len(), 1);
        assert_eq!(event["PROCTITLE"]["ARGV"][1], "/nonexistent");
    }
}

#[test]
fn the_same_log_from_a_file_a_pipe_and_piecemeal_is_the_same() {
    let case = Case::new();
    let lines: String =
        (1..=3000).flat_map(|n| open_event(1_700_000_000_000 + n * 7, n)).map(|l| l + "\n").collect();
    let log = case.file("audit.log", &lines);
    let (from_file, _) = replayed(&[text(&log)]);
    assert_eq!(serials(&from_file), (1..=3000).collect::<Vec<_>>());
    for words in [&[][..], &["-"]] {
        let mut child = replay(words).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn({
            let lines = lines.clone();
            // Pieces that end anywhere in a line.
            move || lines.as_bytes().chunks(77_777).for_each(|piece| stdin.write_all(piece).unwrap())
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert_eq!(output.stdout, from_file.as_bytes());
    }
}

#[test]
fn enriched_lines_node_names_and_numbers_for_types() {
    let case = Case::new();
    let log = case.file(
        "audit.log",
        "node=web-1 type=USER_LOGIN msg=audit(1700000000.001:7): pid=1 uid=0 msg='op=login res=success'\x1dUID=\"root\"\n\
         type=1112 msg=audit(1700000000.001:8): pid=1\n\
         type=UNKNOWN[1345] msg=audit(1700000000.001:9): a=b\n",
    );
    let (json, _) = replayed(&[text(&log)]);
    let events: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["NODE"], "web-1");
    assert_eq!(events[0]["USER_LOGIN"]["UID"], "root");
    assert_eq!(events[1]["USER_LOGIN"]["pid"], 1);
    assert_ne!(events[1]["NODE"], "web-1");
    assert!(events[2].get("UNKNOWN[1345]").is_some());
    let (raw, _) = replayed(&["-f", "raw", text(&log)]);
    assert_eq!(raw, fs::read_to_string(&log).unwrap().replace("type=1112", "type=USER_LOGIN"));
    let (go_audit, _) = replayed(&["--format=go-audit", text(&log)]);
    assert!(go_audit.starts_with("{\"sequence\":7,\"timestamp\":\"1700000000.001\","), "{go_audit}");
}

#[test]
fn a_process_of_one_host_is_not_anothers() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    let call = |node, serial, syscall| {
        format!(
            "node={node} type=SYSCALL msg=audit(1700000000.00{serial}:{serial}): arch=c000003e syscall={syscall} \
             success=yes exit=0 a0=3 a1=0 a2=0 a3=0 ppid=9 pid=10 comm=\"sh\" exe=\"/bin/sh\" key=(null)\n"
        )
    };
    fs::write(&log, call("a", 1, 59) + &call("a", 2, 91) + &call("b", 3, 91)).unwrap();
    let (json, _) = replayed(&[text(&log)]);
    let started: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let started: Vec<&Value> =
        started.iter().map(|event: &Value| &event["SYSCALL"]["PID"]["EVENT_ID"]).collect();
    let first = Value::from("1700000000.001:1");
    assert_eq!(started, [&first, &first, &Value::Null]);
}

#[test]
fn a_rotated_set_is_read_from_its_oldest_and_an_event_may_go_on_in_the_next() {
    let case = Case::new();
    let event = open_event(1_700_000_000_001, 2);
    let join = |lines: &[String]| lines.iter().map(|line| line.clone() + "\n").collect::<String>();
    let oldest = case.file("audit.log.10", join(&open_event(1_700_000_000_000, 1)));
    let middle = case.file("audit.log.2", join(&event[..2]));
    let newest = case.file("audit.log", join(&event[2..]));
    let (json, _) = replayed(&[text(&newest), text(&oldest), text(&middle)]);
    assert_eq!(serials(&json), [1, 2]);
    let last: Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!((last["CWD"]["cwd"].as_str(), last["PATH"].is_array()), (Some("/"), true));
}

#[test]
fn time_that_goes_back_or_far_ahead_loses_nothing() {
    let case = Case::new();
    let times = [1_700_000_000_000, 1_600_000_000_000, 99_999_999_999_999, 1_700_000_100_000, 5];
    let lines = times.iter().zip(1..).flat_map(|(&time, serial)| open_event(time, serial));
    let log = case.file("audit.log", lines.map(|line| line + "\n").collect::<String>());
    let (json, said) = replayed(&[text(&log)]);
    assert_eq!(serials(&json), [1, 2, 3, 4, 5]);
    assert_eq!(said, "ringaudit: replayed; lines: 20, records: 20, events: 5\n");
}

#[test]
fn an_event_is_complete_when_the_logs_time_has_gone_on() {
    let case = Case::new();
    let mut lines = open_event(1_700_000_000_000, 1);
    let late = lines.pop().unwrap();
    // Two seconds later in the log, whatever the clock says.
    lines.extend(open_event(1_700_000_001_999, 2));
    let within =
        case.file("within.log", [&lines[..], std::slice::from_ref(&late)].concat().join("\n") + "\n");
    lines.extend(open_event(1_700_000_002_000, 3));
    let after = case.file("after.log", [&lines[..], &[late]].concat().join("\n") + "\n");
    assert_eq!(serials(&replayed(&[text(&within)]).0), [1, 2]);
    assert_eq!(serials(&replayed(&[text(&after)]).0), [1, 2, 3, 1]);
}

#[test]
fn the_config_names_outputs_and_types_and_is_the_only_one_read() {
    let case = Case::new();
    let log = case.file("audit.log", open_event(1_700_000_000_000, 1).join("\n") + "\n");
    let dir = case.dir.path().display();
    let config = case.file(
        "ringaudit.toml",
        format!(
            "[event]\ntypes = [1300, 1307]\n[raw]\nnode = true\nenriched = true\n\
             [[output]]\ntype = \"file\"\npath = \"{dir}/json\"\n\
             [[output]]\ntype = \"file\"\nformat = \"raw\"\npath = \"{dir}/raw\"\n\
             [[output]]\ntype = \"stdout\"\nformat = \"go-audit\"\n"
        ),
    );
    let (out, said) = replayed(&["-c", text(&config), text(&log)]);
    assert_eq!(said, "ringaudit: replayed; lines: 4, records: 4, events: 1, records filtered: 1\n");
    assert_eq!(out.matches("\"type\":").count(), 3);
    let raw = fs::read_to_string(case.dir.path().join("raw")).unwrap();
    assert_eq!(raw.lines().count(), 3);
    assert!(raw.lines().all(|line| line.starts_with("node=")));
    assert!(
        raw.lines().next().unwrap().contains("\x1dARCH=x86_64 SYSCALL=openat AUID=\"unset\" UID=\"root\"")
    );
    assert_eq!(serials(&fs::read_to_string(case.dir.path().join("json")).unwrap()), [1]);
    let (out, _) = replayed(&["-c", text(&config), "-f", "json", text(&log)]);
    assert_eq!(serials(&out), [1]);
    let raw = fs::read_to_string(case.dir.path().join("raw")).unwrap();
    assert_eq!(serials(&raw.lines().skip(3).collect::<Vec<_>>().join("\n")), [1]);
}

#[test]
fn a_reader_that_is_slow_gets_all_and_one_that_leaves_ends_it_quietly() {
    let case = Case::new();
    let lines: String =
        (1..=5000).flat_map(|n| open_event(1_700_000_000_000 + n, n)).map(|l| l + "\n").collect();
    let log = case.file("audit.log", lines);
    let mut child = replay(&[text(&log)]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "5,000 events do not fit a pipe: it must wait");
    let mut json = String::new();
    child.stdout.take().unwrap().read_to_string(&mut json).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(serials(&json), (1..=5000).collect::<Vec<_>>());
    let mut child = replay(&[text(&log)]).spawn().unwrap();
    let mut some = [0; 1000];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), String::new()));
}

/// Reads lines until there are so many.
fn lines_of(child: &mut Child, count: usize) -> String {
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while seen.iter().filter(|&&byte| byte == b'\n').count() < count {
        let len = stdout.read(&mut piece).unwrap();
        assert!(len > 0, "only {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..len]);
    }
    child.stdout = Some(stdout);
    String::from_utf8(seen).unwrap()
}

#[test]
fn a_live_stream_does_not_wait_for_its_next_event() {
    let mut child = replay(&[]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut send = |lines: Vec<String>| stdin.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    let start = Instant::now();
    let mut ended = open_event(1_700_000_000_000, 1);
    ended.push("type=EOE msg=audit(1700000000.000:1): ".to_owned());
    send(ended);
    assert_eq!(serials(&lines_of(&mut child, 1)), [1]);
    assert!(start.elapsed() < PATIENCE);
    // An event that has no end record comes when the stream is silent for event.timeout_ms.
    let start = Instant::now();
    send(vec!["type=CONFIG_CHANGE msg=audit(1700000000.000:2): op=set".to_owned()]);
    assert_eq!(serials(&lines_of(&mut child, 1)), [2]);
    assert!((Duration::from_millis(1900)..PATIENCE).contains(&start.elapsed()), "{:?}", start.elapsed());
    // SIGTERM, as auditd sends it to its plugins: what was written is taken, and it ends well.
    send(open_event(1_700_000_000_000, 3));
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(serials(&String::from_utf8(output.stdout).unwrap()), [3], "{said}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), said.as_str()),
        (Some(0), "ringaudit: replayed; lines: 10, records: 10, events: 3, events without their end: 1\n")
    );
}

#[test]
fn memory_does_not_grow_with_the_log() {
    let case = Case::new();
    let peak = |events: u64| {
        let lines = (1..=events).flat_map(|n| open_event(1_700_000_000_000 + n, n)).map(|line| line + "\n");
        let log = case.file("audit.log", lines.collect::<String>());
        // The child's own high-water mark, which it can tell only while it lives: it waits for its reader.
        let mut child = replay(&[text(&log)]).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (mut seen, mut piece, mut most) = (0, [0; 65_536], 0);
        loop {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix(" kB"));
            most = most.max(kib.map_or(0, |kib| kib.trim().parse::<u64>().unwrap()));
            match stdout.read(&mut piece).unwrap() {
                0 => break,
                len => seen += piece[..len].iter().filter(|&&byte| byte == b'\n').count() as u64,
            }
        }
        assert_eq!((child.wait().unwrap().code(), seen), (Some(0), events));
        most
    };
    let (small, large) = (peak(2_000), peak(40_000));
    println!("peak of resident memory: {small} and {large} KiB");
    assert!(
        small > 0 && large < small + 512,
        "{small} KiB for a small log, {large} for one 20 times its size"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// However the events of a log are mixed, and wherever it is cut into files, no line is lost or changed.
    #[test]
    fn raw_to_raw_is_the_same_set_of_lines(
        gaps in proptest::collection::vec(0u64..200, 1..150),
        shuffle in proptest::collection::vec(0usize..6, 600),
        cut in 0usize..=100,
    ) {
        let mut time = 1_700_000_000_000;
        let events = gaps.iter().zip(1..).map(|(gap, serial)| { time += gap; open_event(time, serial) });
        let mut lines: Vec<String> = events.flatten().collect();
        // Neighbours change places, but the order within an event stays.
        for (index, far) in (0..lines.len()).zip(&shuffle) {
            let other = (index + far).min(lines.len() - 1);
            if (index..other).all(|at| stamp(&lines[at]) != stamp(&lines[other])) {
                let line = lines.remove(other);
                lines.insert(index, line);
            }
        }
        let case = Case::new();
        let (old, new) = lines.split_at(lines.len() * cut / 100);
        let old = case.file("audit.log.1", old.iter().map(|line| line.clone() + "\n").collect::<String>());
        let new = case.file("audit.log", new.iter().map(|line| line.clone() + "\n").collect::<String>());
        let (raw, _) = replayed(&["-f", "raw", text(&new), text(&old)]);
        let mut got: Vec<String> = raw.lines().map(str::to_owned).collect();
        // Each event is in one piece, its records in their order.
        let stamps: Vec<&str> = got.iter().map(|line| stamp(line)).collect();
        let mut seen = stamps.clone();
        seen.dedup();
        prop_assert_eq!(seen.len(), gaps.len());
        got.sort();
        lines.sort();
        prop_assert_eq!(got, lines);
    }
}

fn stamp(line: &str) -> &str {
    line.split_once("msg=").unwrap().1.split_once(')').unwrap().0
}

/// Fields are no line, whose format could be another one.
#[cfg(feature = "send")]
#[test]
fn another_format_leaves_gelf_messages_as_they_are() {
    let case = Case::new();
    let log = case.file("audit.log", open_event(1_700_000_000_000, 7).join("\n") + "\n");
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = receiver.local_addr().unwrap();
    let gelf = format!("type = 'gelf'\naddress = '{address}'\ncompression = 'none'\nchunk_bytes = 60000\n");
    let config = case.file("c.toml", format!("[[output]]\n{gelf}[[output]]\ntype = 'stdout'\n"));
    for format in ["raw", "go-audit", "json"] {
        let (stdout, _) = replayed(&["-c", text(&config), "-f", format, text(&log)]);
        assert_eq!(stdout.contains("type=SYSCALL msg="), format == "raw");
        let mut bytes = vec![0; 65536];
        let length = receiver.recv(&mut bytes).unwrap();
        let message: Value = serde_json::from_slice(&bytes[..length]).unwrap();
        assert_eq!(message["version"], "1.1", "{format}: {message}");
        assert!(message["host"].is_string() && message["short_message"].is_string(), "{message}");
    }
}
