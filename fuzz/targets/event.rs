//! Records through assembly into every format. The input is lines of a type, a blank and a record's text, and of
//! audit.log. Each line that is written must be one JSON object and end with its only newline.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringaudit::config;
use ringaudit::enrich::Names;
use ringaudit::event::assemble::Assembler;
use ringaudit::event::facts::Facts;
use ringaudit::event::{Event, Sink};
use ringaudit::format::{Line, escape, go_audit, json};
use ringaudit::stats::Stats;
use ringaudit::wire::logline;
use ringaudit::wire::record::RecordType;
use std::sync::Arc;
use std::time::Instant;

const MAX_KIB: u32 = 64;

struct Lines {
    names: Names,
    json: json::Json,
    line: Line,
}

impl Sink for Lines {
    fn event(&mut self, event: &Event<'_>) {
        let _ = Facts::of(event);
        self.line.clear();
        go_audit::write(event, &self.names.users, &mut self.line);
        self.check();
        self.line.clear();
        self.json.write(event, &self.names, false, &mut self.line);
        self.check();
        self.line.clear();
        self.json.write(event, &self.names, true, &mut self.line);
        if !self.line.overflowed() {
            self.check();
        }
    }
}

impl Lines {
    fn check(&self) {
        assert!(!self.line.overflowed());
        let text = self.line.as_bytes().strip_suffix(b"\n").expect("a newline");
        let value: serde_json::Value = serde_json::from_slice(text).expect("JSON");
        assert!(value.is_object() && !text.contains(&b'\n'));
    }
}

fuzz_target!(|input: &[u8]| {
    let now = Instant::now();
    let settings = config::Event { max_kib: MAX_KIB, ..config::Event::default() };
    let mut assembler = Assembler::new(&settings, Arc::new(Stats::default())).expect("memory");
    let mut of_log = Assembler::for_log(&settings, Arc::new(Stats::default())).expect("memory");
    let max = MAX_KIB as usize * 1024;
    let json = json::Json::new(&config::Json::default(), config::Translate::default(), max, b"host")
        .expect("memory");
    let line = Line::new(max * escape::WORST + json::OVERHEAD.max(go_audit::OVERHEAD)).expect("memory");
    let mut lines = Lines { names: Names::new(now), json, line };
    for line in input.split(|&b| b == b'\n') {
        if let Ok(line) = logline::parse(line) {
            of_log.add_line(&line, now, &mut lines);
            continue;
        }
        let blank = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
        let (kind, text) = line.split_at(blank);
        let kind = std::str::from_utf8(kind).ok().and_then(|kind| kind.parse().ok()).unwrap_or(1300);
        assembler.add(RecordType(kind), text.get(1..).unwrap_or_default(), now, &mut lines);
    }
    assembler.finish(&mut lines);
    of_log.finish(&mut lines);
});
