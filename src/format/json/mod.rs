//! The structured line: one JSON object an event, in the shape that laurel-about(7) documents, with `TIME`,
//! `NODE` and `LOSS` added. Takes assembled events, appends to the line. docs/format.md has all of it.

mod argv;
mod context;
mod record;
mod sockaddr;

use super::{Line, text, time};
use crate::config::{Json as Settings, Translate};
use crate::enrich::Names;
use crate::enrich::context::Found;
use crate::event::{Event, Origin, Record, Records};
use crate::sys::host;
use crate::sys::memory::Region;
use crate::wire::fields::{self, Value};
use crate::wire::record::RecordType;
use crate::wire::tables::{self, Machine};
pub use context::OVERHEAD as CONTEXT;
use std::io;
use std::time::Instant;

/// Different record types in one event; the kernel's have eight or so. Records of further ones are written
/// each for itself.
const TYPES: usize = 32;
/// What stays resident of the space for decoded values after a long one.
const KEPT: usize = 16 * 1024;
/// What a line needs beside its records, and the translations of a usual event.
pub const OVERHEAD: usize = 64 * 1024;
/// How much longer a record's JSON can be than its text: a field of four bytes, `a=1 `, has eight there,
/// `"a":"1",`; a byte that is percent-encoded has three for two hexadecimal digits.
pub const WORST: usize = 4;

/// The format's own state: its settings and the space in which values are decoded.
pub struct Json {
    settings: Settings,
    translate: Translate,
    /// For one decoded value at a time.
    space: Region,
    /// The system's name.
    node: Vec<u8>,
    time: time::Rfc3339,
    boot: Boot,
}

impl Json {
    /// The format for events of at most `max` bytes of records, on the host of this name.
    ///
    /// Errors: no memory.
    pub fn new(settings: &Settings, translate: Translate, max: usize, node: &[u8]) -> io::Result<Self> {
        Ok(Self {
            settings: settings.clone(),
            translate,
            space: Region::new(max, crate::FLOOR)?,
            node: node.to_vec(),
            time: time::Rfc3339::default(),
            boot: Boot::of(settings),
        })
    }

    /// The lines from here on are of events that were read now.
    pub fn at(&mut self, now: Instant) {
        self.boot.now = now;
    }

    /// Appends the line, its newline included. `translate` adds the upper-case keys.
    pub fn write(&mut self, event: &Event<'_>, names: &Names, translate: bool, line: &mut Line) {
        self.write_with(event, names, None, translate, line);
    }

    /// The same, with what the context found: at most [`CONTEXT`] bytes more.
    pub fn write_with(
        &mut self,
        event: &Event<'_>,
        names: &Names,
        found: Option<&Found<'_>>,
        translate: bool,
        line: &mut Line,
    ) {
        line.push(b"{\"ID\":\"");
        line.push(event.time);
        line.push(b":");
        line.push_number(u64::from(event.stamp.serial));
        line.push(b"\",\"TIME\":\"");
        line.push(self.time.of(event.stamp.millis));
        line.push(b"\",\"NODE\":");
        text::push_string(line, event.origin.node().unwrap_or(&self.node));
        if event.origin == Origin::Here {
            self.boot.write(line);
        }
        let mut seen: heapless::Vec<Group, TYPES> = heapless::Vec::new();
        let mut machine = None;
        let mut records = event.records;
        for (index, record) in event.records.enumerate() {
            let _ = records.next();
            let group = Group::of(&record);
            if seen.contains(&group) {
                continue;
            }
            let known = seen.push(group).is_ok();
            let rest = if known { records } else { Records::default() };
            line.push(b",\"");
            group.push_name(line);
            line.push(b"\":");
            let mut writer = Writer { json: self, names, found, translate, machine, line: &mut *line };
            writer.group(group, Members { group, index, first: Some(record), rest });
            machine = writer.machine;
        }
        line.push(b"}\n");
        // No decoded value is longer than its record, and giving memory back is a system call.
        let mut records = event.records;
        if records.any(|record| record.fields.len() > KEPT) {
            self.space.discard(KEPT);
        }
    }
}

/// What orders events although the clock of their stamps is set: which boot it is, and a clock that only goes on.
struct Boot {
    /// `/proc/sys/kernel/random/boot_id`; empty when it is not asked for, or not there.
    id: String,
    /// A moment, and the same one in microseconds of CLOCK_MONOTONIC; `None` when it is not asked for.
    began: Option<(Instant, u64)>,
    now: Instant,
}

impl Boot {
    fn of(settings: &Settings) -> Self {
        // Without the format nothing of this is in the binary.
        let Settings { boot_id, monotonic, .. } =
            if cfg!(feature = "json") { settings.clone() } else { Settings::default() };
        let id = boot_id.then(|| std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok());
        // Both looks at the clock side by side.
        let began = monotonic.then(|| host::monotonic_us().ok()).flatten();
        let now = Instant::now();
        let id = id.flatten().unwrap_or_default().trim().to_owned();
        Self { id, began: began.map(|micros| (now, micros)), now }
    }

    fn write(&self, line: &mut Line) {
        if !self.id.is_empty() {
            line.push(b",\"BOOT_ID\":");
            text::push_string(line, self.id.as_bytes());
        }
        if let Some((began, micros)) = self.began {
            // An Instant is of CLOCK_MONOTONIC, so that no further look at the clock is needed.
            let since = self.now.saturating_duration_since(began).as_micros();
            line.push(b",\"MONOTONIC\":");
            line.push_number(micros.saturating_add(u64::try_from(since).unwrap_or(u64::MAX)));
        }
    }
}

/// Records that stand under one name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Kind(RecordType),
    /// What this daemon lost: DAEMON_ERR records of its own.
    Loss,
}

impl Group {
    fn of(record: &Record<'_>) -> Self {
        let is_loss = record.kind == RecordType::DAEMON_ERR && record.fields.starts_with(b"op=loss ");
        if is_loss { Self::Loss } else { Self::Kind(record.kind) }
    }

    fn push_name(self, line: &mut Line) {
        match self {
            Self::Loss => line.push(b"LOSS"),
            Self::Kind(kind) => match tables::record_type_name(kind.0) {
                Some(name) => line.push(name.as_bytes()),
                None => {
                    line.push(b"UNKNOWN[");
                    line.push_number(u64::from(kind.0));
                    line.push(b"]");
                }
            },
        }
    }

    /// Whether its value is always a list, as laurel has it: the kernel's types, but for the four of which
    /// an event has one.
    fn is_list(self) -> bool {
        match self {
            Self::Loss => true,
            Self::Kind(
                RecordType::SYSCALL | RecordType::EXECVE | RecordType::CWD | RecordType::PROCTITLE,
            ) => false,
            Self::Kind(kind) => matches!(kind.0, 1006..=1099 | 1300..=1999),
        }
    }
}

/// The records of one group, each with its index in the event.
#[derive(Clone)]
struct Members<'a> {
    group: Group,
    index: usize,
    first: Option<Record<'a>>,
    rest: Records<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (usize, Record<'a>);

    fn next(&mut self) -> Option<(usize, Record<'a>)> {
        if let Some(first) = self.first.take() {
            return Some((self.index, first));
        }
        loop {
            let record = self.rest.next()?;
            self.index += 1;
            if Group::of(&record) == self.group {
                return Some((self.index, record));
            }
        }
    }
}

/// Writes the records of one event.
struct Writer<'a> {
    json: &'a mut Json,
    names: &'a Names,
    found: Option<&'a Found<'a>>,
    translate: bool,
    /// That of the event's system call, once its record was seen.
    machine: Option<Machine>,
    line: &'a mut Line,
}

impl Writer<'_> {
    /// The records of one group, as one value.
    fn group(&mut self, group: Group, members: Members<'_>) {
        if group == Group::Kind(RecordType::EXECVE) {
            return self.execve(members.map(|(_, record)| record));
        }
        // A second record of a type that has one is not lost: the value becomes a list.
        let list = group.is_list() || members.clone().nth(1).is_some();
        if list {
            self.line.push(b"[");
        }
        for (place, (index, record)) in members.enumerate() {
            if place > 0 {
                self.line.push(b",");
            }
            match record.kind {
                RecordType::PROCTITLE => self.proctitle(record.fields),
                _ => self.record(index, &record, group == Group::Loss),
            }
        }
        if list {
            self.line.push(b"]");
        }
    }

    /// A value of an encoded field, decoded, as a JSON string; as it stands when it is no hex.
    fn encoded(&mut self, value: Value<'_>) {
        let decoded = value.decode(&mut self.json.space).unwrap_or_else(|| value.bytes());
        text::push_string(self.line, decoded);
    }

    /// `proctitle`: arguments between NULs.
    fn proctitle(&mut self, record: &[u8]) {
        let title = fields::items(record).fields().find(|(key, _)| *key == b"proctitle");
        let Some((_, value)) = title.filter(|(_, value)| !value.is_null()) else {
            return self.line.push(b"{\"proctitle\":null}");
        };
        let decoded = value.decode(&mut self.json.space).unwrap_or_else(|| value.bytes());
        let decoded = decoded.strip_suffix(b"\0").unwrap_or(decoded);
        self.line.push(b"{\"ARGV\":[");
        for (index, argument) in decoded.split(|&b| b == 0).enumerate() {
            if index > 0 {
                self.line.push(b",");
            }
            text::push_string(self.line, argument);
        }
        self.line.push(b"]}");
    }

    /// All EXECVE records: `argc` and the arguments.
    fn execve<'a>(&mut self, records: impl Iterator<Item = Record<'a>> + Clone) {
        let Json { settings, space, .. } = &mut *self.json;
        argv::write(records.map(|record| record.fields), settings, space, self.line);
        self.variables();
        self.line.push(b"}");
    }
}

#[cfg(test)]
mod tests;
