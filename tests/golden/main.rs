//! go-audit's lines, byte for byte. Each `NAME.records` holds records as the kernel sends them, each
//! `NAME.jsonl` the lines that go-audit writes for them, made by `oracle.go` (see `make`), which shares no
//! code with this project. `real_*.records` were taken from a kernel by `capture`.
//!
//! A line of a `.records` file is a record's type, a blank, and its text, in which `\\`, `\n` and `\xHH`
//! stand for bytes; or `@timeout`, when the time of all that is pending is over; or `@types LOW HIGH`; or a
//! comment behind `#`. At the file's end the daemon stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ringaudit::config;
use ringaudit::enrich::users::Users;
use ringaudit::event::assemble::Assembler;
use ringaudit::event::{Event, Sink};
use ringaudit::format::{Line, go_audit};
use ringaudit::stats::Stats;
use ringaudit::wire::record::RecordType;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Lines {
    users: Users,
    line: Line,
    written: Vec<u8>,
}

impl Sink for Lines {
    fn event(&mut self, event: &Event<'_>) {
        self.line.clear();
        go_audit::write(event, &self.users, &mut self.line);
        assert!(!self.line.overflowed());
        self.written.extend_from_slice(self.line.as_bytes());
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// What the library writes for the records of a file, and its counters.
fn written(records: &str) -> (Vec<u8>, Arc<Stats>) {
    let mut now = Instant::now();
    let mut users = Users::new(folder().join("passwd"));
    users.refresh(now);
    let mut lines = Lines { users, line: Line::new(1 << 20).unwrap(), written: Vec::new() };
    let stats = Arc::new(Stats::default());
    let mut settings = config::Event::default();
    for line in records.lines() {
        if let Some(range) = line.strip_prefix("@types ") {
            let (low, high) = range.split_once(' ').unwrap();
            settings.types = (low.parse().unwrap(), high.parse().unwrap());
        }
    }
    let mut assembler = Assembler::new(&settings, Arc::clone(&stats)).unwrap();
    for line in records.lines().filter(|line| !line.is_empty() && !line.starts_with(['#'])) {
        if line == "@timeout" {
            now += Duration::from_millis(u64::from(settings.timeout_ms));
            assembler.expire(now, &mut lines);
        } else if !line.starts_with('@') {
            let (kind, text) = line.split_once(' ').unwrap();
            let kind = RecordType(kind.parse().unwrap());
            assembler.add(kind, &unescaped(text), now, &mut lines);
        }
    }
    assembler.finish(&mut lines);
    (lines.written, stats)
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&escape, after) = rest.split_first().unwrap();
        rest = after;
        match escape {
            b'\\' => out.push(b'\\'),
            b'n' => out.push(b'\n'),
            b'x' => {
                let (digits, after) = rest.split_at(2);
                out.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
                rest = after;
            }
            other => panic!("unknown escape {other:#x} in {text}"),
        }
    }
    out
}

/// Compares one pair, and gives the counters.
fn check(name: &str) -> Arc<Stats> {
    let read = |end: &str| std::fs::read(folder().join(format!("{name}.{end}"))).unwrap();
    let (written, stats) = written(&String::from_utf8(read("records")).unwrap());
    let expected = read("jsonl");
    let (ours, theirs) = (written.split(|&b| b == b'\n'), expected.split(|&b| b == b'\n'));
    for (number, (ours, theirs)) in ours.zip(theirs).enumerate() {
        // As text first, since that can be read; the bytes below decide.
        let (ours, theirs) = (String::from_utf8_lossy(ours), String::from_utf8_lossy(theirs));
        assert_eq!(ours, theirs, "{name}.jsonl:{}", number + 1);
    }
    assert_eq!(written, expected, "{name}");
    for line in written.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        serde_json::from_slice::<serde_json::Value>(line).expect(name);
    }
    stats
}

macro_rules! golden {
    ($($name:ident),+ $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($name)),+];
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })+
    };
}

golden!(
    after_eoe,
    avc,
    escapes,
    execve,
    execve_long,
    header,
    interleaved,
    malformed,
    no_eoe,
    order,
    range,
    real_execve,
    real_open,
    real_rename,
    real_socket,
    uid_map,
    uid_map_many,
    unknown_types,
);

#[test]
fn every_file_is_tested() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".records").map(str::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}

#[test]
fn what_is_malformed_incomplete_or_left_out_is_counted() {
    assert_eq!(check("malformed").malformed.get(), 9);
    assert_eq!(check("range").filtered_records.get(), 5);
    // Of its five events three are of a system call.
    assert_eq!(check("no_eoe").incomplete.get(), 3);
    assert_eq!(check("execve").incomplete.get(), 0);
}
