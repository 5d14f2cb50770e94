//! The outside count: an output's file that has every event, read as it grows, and counted here.

use crate::flood::NOWHERE;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// What a marker's text begins with; its number follows.
pub(crate) const MARKER: &str = "ringaudit-marker=";
/// What other messages of the test hold.
pub(crate) const MESSAGE: &str = "ringaudit-message";

pub(crate) struct Witness {
    file: BufReader<File>,
    line: Vec<u8>,
}

/// What lines say, in the format go-audit.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Serials of the kernel's events, as they came.
    serials: Vec<u32>,
    /// Their records.
    pub(crate) records: u64,
    /// The flood's events.
    pub(crate) openings: u64,
    /// Messages of the test, markers among them.
    pub(crate) messages: u64,
    /// Executions, and their records.
    pub(crate) executions: (u64, u64),
    /// Events of others, and the records that the kernel sent for them.
    pub(crate) others: (u64, u64),
    /// The highest marker.
    pub(crate) marker: u32,
    /// The daemon's own events.
    pub(crate) own: u64,
    /// The losses that those tell, by place (`output:NAME` for an output).
    pub(crate) losses: BTreeMap<String, u64>,
    /// Each line's length, without its newline.
    pub(crate) lengths: Vec<u32>,
}

impl Witness {
    pub(crate) fn new(path: &Path) -> Self {
        Self { file: BufReader::with_capacity(1 << 20, File::open(path).unwrap()), line: Vec::new() }
    }

    /// Adds what is new.
    pub(crate) fn look(&mut self, seen: &mut Seen) {
        while self.file.read_until(b'\n', &mut self.line).unwrap() > 0 {
            if self.line.pop_if(|byte| *byte == b'\n').is_none() {
                // The rest of it is not written yet.
                return;
            }
            seen.take(std::str::from_utf8(&self.line).unwrap());
            self.line.clear();
        }
    }
}

impl Seen {
    fn take(&mut self, line: &str) {
        self.lengths.push(u32::try_from(line.len()).unwrap());
        let serial = line.strip_prefix("{\"sequence\":").expect(line).split(',').next().unwrap();
        let serial: u32 = serial.parse().unwrap();
        if serial == 0 {
            return self.take_own(&serde_json::from_str(line).expect(line));
        }
        // A quote within a record stands behind a backslash.
        let records = line.matches("{\"type\":").count() as u64;
        let has = |text: &str| line.contains(text);
        self.serials.push(serial);
        self.records += records;
        if let Some((_, rest)) = line.split_once(MARKER) {
            let number = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
            self.marker = self.marker.max(number.parse().unwrap());
            self.messages += 1;
        } else if has(MESSAGE) {
            self.messages += 1;
        } else if has("{\"type\":1309,") {
            self.executions = (self.executions.0 + 1, self.executions.1 + records);
        } else if has(NOWHERE)
            || (has("{\"type\":1300,") && has("key=\\\"t\\\""))
            || !has("{\"type\":1300,") && has("cwd=")
        {
            // One whose beginning or end was lost is the flood's too.
            self.openings += 1;
        } else {
            // PROCTITLE and EOE of a system call's event are not here.
            let more = if has("{\"type\":1300,") { 2 } else { 0 };
            self.others = (self.others.0 + 1, self.others.1 + records + more);
            println!("of others: {line}");
        }
    }

    fn take_own(&mut self, line: &Value) {
        self.own += 1;
        for record in line["messages"].as_array().unwrap() {
            let data = record["data"].as_str().unwrap();
            let field = |name: &str| data.split(' ').find_map(|word| word.strip_prefix(name));
            let place = match field("output=") {
                Some(output) => format!("output:{output}"),
                None => field("place=").unwrap().to_owned(),
            };
            *self.losses.entry(place).or_default() += field("lost=").unwrap().parse::<u64>().unwrap();
        }
    }

    /// The kernel's events.
    pub(crate) fn events(&self) -> u64 {
        self.serials.len() as u64
    }

    /// All lines.
    pub(crate) fn lines(&self) -> u64 {
        self.events() + self.own
    }

    /// Serials that are there more than once.
    pub(crate) fn doubles(&self) -> Vec<u32> {
        let mut serials = self.serials.clone();
        serials.sort_unstable();
        serials.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect()
    }

    /// The serials that the kernel gave from the first to the last of these.
    pub(crate) fn given(&self) -> u64 {
        let mut serials = self.serials.clone();
        serials.sort_unstable();
        serials.first().zip(serials.last()).map_or(0, |(first, last)| u64::from(last - first) + 1)
    }

    /// Lines that are longer.
    pub(crate) fn longer_than(&self, max: u32) -> u64 {
        self.lengths.iter().filter(|&&length| length > max).count() as u64
    }
}
