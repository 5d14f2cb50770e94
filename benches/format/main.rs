//! What a line costs in each format: nanoseconds an event and megabytes of records a second, the median of
//! several rounds, for the five records of a failing openat and for a program's start with a long command line.
//! No kernel is asked, and no root needed. RINGAUDIT_BENCH="openat json" does that alone, RINGAUDIT_BENCH_ROUNDS
//! says how often: once is enough where a tool such as callgrind counts instructions.
#![allow(clippy::unwrap_used)]

use ringaudit::config;
use ringaudit::enrich::Names;
use ringaudit::event::{Event, Sink, assemble::Assembler};
use ringaudit::format::{Line, go_audit, json::Json};
use ringaudit::stats::Stats;
use ringaudit::wire::record::RecordType;
use std::env;
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 11;
const EVENTS: u32 = 20_000;

/// Type and fields of an event's records.
type Records = Vec<(u16, String)>;

fn openat() -> Records {
    let syscall = "arch=c000003e syscall=257 success=no exit=-2 a0=ffffff9c a1=7ffd1c23a0b0 a2=80000 a3=0 items=1 \
                   ppid=4100 pid=4101 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 \
                   tty=(none) ses=4294967295 comm=\"load\" exe=\"/usr/bin/load\" key=\"t\"";
    let path = "item=0 name=\"/nonexistent/file\" nametype=UNKNOWN cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0";
    [
        (1300, syscall),
        (1307, "cwd=\"/root\""),
        (1302, path),
        (1327, "proctitle=2F7573722F62696E2F6C6F6164002D6E"),
        (1320, ""),
    ]
    .map(|(kind, fields)| (kind, fields.to_owned()))
    .to_vec()
}

fn execve() -> Records {
    let mut records = openat();
    let arguments: String = (1..200).map(|n| format!(" a{n}=\"--argument={n}\"")).collect();
    records.insert(1, (1309, format!("argc=200 a0=\"/usr/bin/load\"{arguments}")));
    records
}

enum Formatter {
    GoAudit,
    Json(Box<Json>),
    Nothing,
}

struct Lines {
    formatter: Formatter,
    names: Names,
    line: Line,
    bytes: u64,
}

impl Sink for Lines {
    fn event(&mut self, event: &Event<'_>) {
        self.line.clear();
        match &mut self.formatter {
            Formatter::GoAudit => go_audit::write(event, &self.names.users, &mut self.line),
            Formatter::Json(json) => json.write(event, &self.names, true, &mut self.line),
            Formatter::Nothing => {}
        }
        self.bytes += self.line.len() as u64;
    }
}

fn round(lines: &mut Lines, records: &Records) -> f64 {
    let stats = Arc::new(Stats::default());
    let mut assembler = Assembler::new(&config::Event::default(), stats).unwrap();
    let texts: Vec<Vec<(RecordType, String)>> = (1..=64)
        .map(|serial| {
            let text = |fields: &str| format!("audit(1700000000.123:{serial}): {fields}");
            records.iter().map(|(kind, fields)| (RecordType(*kind), text(fields))).collect()
        })
        .collect();
    let now = Instant::now();
    for number in 0..EVENTS as usize {
        for (kind, text) in &texts[number % texts.len()] {
            assembler.add(*kind, text.as_bytes(), now, lines);
        }
    }
    now.elapsed().as_nanos() as f64 / f64::from(EVENTS)
}

fn main() {
    let rounds = env::var("RINGAUDIT_BENCH_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let only = env::var("RINGAUDIT_BENCH").unwrap_or_default();
    for (what, records) in [("openat", openat()), ("execve", execve())] {
        let size: usize = records.iter().map(|(_, fields)| fields.len() + 30).sum();
        let json =
            Json::new(&config::Json::default(), config::Translate::default(), 1 << 20, b"host").unwrap();
        let formatters = [
            ("assembled only", Formatter::Nothing),
            ("go-audit", Formatter::GoAudit),
            ("json", Formatter::Json(Box::new(json))),
        ];
        for (name, formatter) in formatters {
            if !only.is_empty() && only != format!("{what} {name}") {
                continue;
            }
            let names = Names::new(Instant::now());
            let mut lines = Lines { formatter, names, line: Line::new(1 << 22).unwrap(), bytes: 0 };
            let mut times: Vec<f64> = (0..rounds).map(|_| round(&mut lines, &records)).collect();
            times.sort_by(f64::total_cmp);
            let median = times[rounds / 2];
            let bytes = lines.bytes / (rounds as u64 * u64::from(EVENTS));
            println!(
                "{what:7} {name:15} {median:8.0} ns  {:6.0} MB/s  {bytes:6} bytes a line",
                size as f64 * 1e3 / median
            );
        }
    }
}
