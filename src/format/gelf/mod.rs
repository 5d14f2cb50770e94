//! The event as a GELF 1.1 message: a sentence as its `short_message`, and the event's fields flattened, each with a
//! `_` before its name. Takes assembled events, appends to the line. docs/format.md has all of it.
//! Source: the GELF specification, "GELF Payload Specification".

use super::{Line, escape, text};
use crate::enrich::Names;
use crate::enrich::values::{self, Text};
use crate::event::facts::Facts;
use crate::event::{Event, Record};
use crate::sys::memory::Region;
use crate::wire::class::{self, Class};
use crate::wire::fields::{self, Item, Value};
use crate::wire::record::RecordType;
use crate::wire::sockaddr::{self, Address};
use crate::wire::tables;
use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a message needs beside its records' bytes.
pub const OVERHEAD: usize = 64 * 1024;
/// Bytes of one value that are written: the search engines behind Graylog refuse a longer term (Lucene: 32766).
const LONGEST: usize = 32_000;
/// Bytes of one record that the sentence of a user space event quotes.
const QUOTED: usize = 256;
/// Fields of one message; a system call's event has some 40.
const FIELDS: usize = 96;
/// Paths of one event that get a field; a rename has four or five.
const PATHS: u32 = 8;
/// The id of nobody.
const UNSET: u32 = u32::MAX;
/// Severities, syslog's.
const WARNING: &[u8] = b"4";
const INFO: &[u8] = b"6";

/// What calls did to the path or address behind them, by the beginning of their names.
const VERBS: [(&str, &str); 22] = [
    ("execve", "executed"),
    ("open", "opened"),
    ("creat", "created"),
    ("unlink", "removed"),
    ("rmdir", "removed"),
    ("rename", "renamed"),
    ("mkdir", "made"),
    ("mknod", "made"),
    ("link", "linked"),
    ("symlink", "linked"),
    ("chmod", "changed the mode of"),
    ("fchmod", "changed the mode of"),
    ("chown", "changed the owner of"),
    ("lchown", "changed the owner of"),
    ("fchown", "changed the owner of"),
    ("truncate", "truncated"),
    ("mount", "mounted"),
    ("umount", "unmounted"),
    ("connect", "connected to"),
    ("bind", "bound to"),
    ("setxattr", "changed an attribute of"),
    ("chroot", "changed the root to"),
];

/// The format's own state.
pub struct Gelf {
    /// For one decoded value at a time.
    space: Region,
    /// This host's name.
    node: Vec<u8>,
}

impl Gelf {
    /// The format for events of at most `max` bytes of records, on the host of this name.
    ///
    /// Errors: no memory.
    pub fn new(max: usize, node: &[u8]) -> io::Result<Self> {
        Ok(Self { space: Region::new(max, super::FLOOR)?, node: node.to_vec() })
    }

    /// Appends the message and a newline.
    pub fn write(&mut self, event: &Event<'_>, names: &Names, line: &mut Line) {
        let facts = Facts::of(event);
        line.push(b"{\"version\":\"1.1\",\"host\":\"");
        escape::push(line, event.origin.node().unwrap_or(&self.node));
        line.push(b"\",\"short_message\":\"");
        let mut writer = Writer { space: &mut self.space, names, line, seen: heapless::Vec::new(), cut: 0 };
        if facts.is_syscall {
            writer.sentence(event, &facts);
        } else {
            writer.quotation(event);
        }
        let source = event.records.into_iter().find(|record| record.kind == RecordType::SYSCALL);
        let source = source.or_else(|| event.records.into_iter().next());
        writer.line.push(b"\",\"timestamp\":");
        writer.line.push_number(event.stamp.millis / 1000);
        let digit = |number: u64| b'0' + (number % 10) as u8;
        let millis = event.stamp.millis % 1000;
        writer.line.push(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis)]);
        writer.line.push(b",\"level\":");
        let alarming = source.is_some_and(|record| matches!(record.kind.0, 1209 | 1700..=1799));
        writer.line.push(if alarming { WARNING } else { INFO });
        writer.line.push(b",\"_event_id\":\"");
        writer.line.push(event.time);
        writer.line.push(b":");
        writer.line.push_number(u64::from(event.stamp.serial));
        writer.line.push(b"\"");
        if let Some(source) = source {
            writer.source(&source, &facts);
        }
        writer.others(event);
        writer.line.push(b"}\n");
    }
}

/// Writes one message.
struct Writer<'a, 'e> {
    space: &'a mut Region,
    names: &'a Names,
    line: &'a mut Line,
    /// The fields that it has.
    seen: heapless::Vec<&'e [u8], FIELDS>,
    /// Bytes that were left out of values.
    cut: u64,
}

impl<'e> Writer<'_, 'e> {
    /// `root (auid alice) opened /etc/shadow with /usr/bin/cat`
    fn sentence(&mut self, event: &Event<'e>, facts: &Facts<'e>) {
        self.user(facts.uid);
        if let Some(auid) = facts.auid.filter(|auid| *auid != UNSET) {
            self.line.push(b" (auid ");
            self.user(Some(auid));
            self.line.push(b")");
        }
        let name = facts.syscall_name();
        let done = facts.success != Some(false);
        let verb = VERBS.iter().find(|(start, _)| done && name.is_some_and(|name| name.starts_with(start)));
        let runs = done && name.is_some_and(|name| name.starts_with("execve"));
        self.line.push(b" ");
        match (verb, name) {
            (Some((_, verb)), _) => self.line.push(verb.as_bytes()),
            (None, Some(name)) => {
                self.line.push(b"called ");
                self.line.push(name.as_bytes());
            }
            (None, None) => {
                self.line.push(b"called system call ");
                self.line.push_number(u64::from(facts.syscall.unwrap_or_default()));
            }
        }
        let saddr = event.records.into_iter().find(|record| record.kind == RecordType::SOCKADDR);
        let path = if runs { facts.exe } else { paths(event).next() };
        let before = self.line.len();
        self.line.push(if verb.is_some() { b" " } else { b" on " });
        let said = match (saddr, path) {
            (Some(record), _) => self.address(&record),
            (None, Some(path)) => {
                self.encoded(path);
                true
            }
            (None, None) => false,
        };
        if !said {
            self.line.truncate(before);
        }
        if let Some(exe) = facts.exe.filter(|_| !runs) {
            self.line.push(b" with ");
            self.encoded(exe);
        }
        if !done {
            self.line.push(b": ");
            match facts.exit.and_then(|exit| u32::try_from(-exit).ok()).and_then(tables::errno_name) {
                Some(error) => self.line.push(error.as_bytes()),
                None => self.line.push(b"failed"),
            }
        }
    }

    /// `USER_LOGIN: pid=1 uid=0 ...`: the beginning of each record, one after the other.
    fn quotation(&mut self, event: &Event<'e>) {
        for (index, record) in event.records.enumerate().take(8) {
            if index > 0 {
                self.line.push(b"; ");
            }
            self.kind(record.kind);
            self.line.push(b": ");
            let quoted = record.fields.get(..QUOTED).unwrap_or(record.fields).trim_ascii_end();
            escape::push(self.line, quoted);
            if quoted.len() == QUOTED {
                self.line.push(b"...");
            }
        }
    }

    fn kind(&mut self, kind: RecordType) {
        match tables::record_type_name(kind.0) {
            Some(name) => self.line.push(name.as_bytes()),
            None => {
                self.line.push(b"UNKNOWN[");
                self.line.push_number(u64::from(kind.0));
                self.line.push(b"]");
            }
        }
    }

    /// A user's name, or number.
    fn user(&mut self, id: Option<u32>) {
        match id {
            None => self.line.push(b"?"),
            Some(UNSET) => self.line.push(b"unset"),
            Some(id) => match self.names.users.name_of_id(id) {
                Some(name) => escape::push(self.line, name),
                None => self.line.push_number(u64::from(id)),
            },
        }
    }

    /// A value's text, decoded, as far as it may be long.
    fn encoded(&mut self, value: Value<'_>) {
        let text = value.decode(self.space).unwrap_or_else(|| value.bytes());
        let kept = text.get(..LONGEST).unwrap_or(text);
        self.cut += (text.len() - kept.len()) as u64;
        escape::push(self.line, kept);
    }

    /// `192.0.2.1 port 53`, or a path; false, and nothing, for an address that is neither.
    fn address(&mut self, record: &Record<'e>) -> bool {
        let saddr = fields::items(record.fields).fields().find(|(key, _)| *key == b"saddr");
        let Some(bytes) = saddr.and_then(|(_, value)| value.decode(self.space)) else { return false };
        match sockaddr::parse(bytes) {
            Some(Address::Unix { path }) => escape::push(self.line, path),
            Some(address) => match internet(address) {
                Some((text, port)) => {
                    self.line.push(text.as_bytes());
                    self.line.push(b" port ");
                    self.line.push_number(u64::from(port));
                }
                None => return false,
            },
            None => return false,
        }
        true
    }

    /// `,"_key":`, unless the message has it already.
    fn key(&mut self, key: &'e [u8]) -> bool {
        if self.seen.contains(&key) || self.seen.push(key).is_err() {
            return false;
        }
        self.line.push(b",\"_");
        for &byte in key {
            let allowed = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
            self.line.push(&[if allowed { byte } else { b'_' }]);
        }
        // The specification reserves `_id`.
        self.line.push(if key == b"id" { b"_\":" } else { b"\":" });
        true
    }

    /// The fields of the SYSCALL record, or of the only one.
    fn source(&mut self, record: &Record<'e>, facts: &Facts<'e>) {
        if self.key(b"type") {
            self.line.push(b"\"");
            self.kind(record.kind);
            self.line.push(b"\"");
        }
        for (key, value) in fields::items(record.fields).fields() {
            match (key, value) {
                (_, Value::Nested(inside)) => {
                    for (key, value) in fields::items(inside).fields() {
                        self.field(RecordType::USER, key, value);
                    }
                }
                ([b'a', b'0'..=b'3'], _) if facts.is_syscall => {}
                (b"syscall", _) if facts.syscall_name().is_some() => {
                    self.word(b"syscall", facts.syscall_name().unwrap_or_default().as_bytes());
                }
                _ => self.field(record.kind, key, value),
            }
        }
    }

    /// One field, and what it means.
    fn field(&mut self, kind: RecordType, key: &'e [u8], value: Value<'e>) {
        if value.is_null() || !self.key(key) {
            return;
        }
        let class = class::of(kind, key);
        match (class, value) {
            (Class::Decimal | Class::User | Class::Group, Value::Bare(digits)) if text::is_number(digits) => {
                self.line.push(digits);
            }
            (Class::Encoded, _) => {
                self.line.push(b"\"");
                self.encoded(value);
                self.line.push(b"\"");
            }
            _ => {
                self.line.push(b"\"");
                self.encoded(Value::Quoted(value.bytes()));
                self.line.push(b"\"");
            }
        }
        match (class, value.id()) {
            (Class::User, Some(id)) => {
                self.line.push(b",\"_");
                self.line.push(key);
                self.line.push(b"_name\":\"");
                self.user(Some(id));
                self.line.push(b"\"");
            }
            (Class::Decimal, _) if key == b"exit" => {
                let mut meaning = Text::new();
                if values::field(None, kind, key, value, &mut meaning) {
                    self.word(b"error", &meaning);
                }
            }
            _ => {}
        }
    }

    fn word(&mut self, key: &'e [u8], word: &[u8]) {
        if self.key(key) {
            self.line.push(b"\"");
            escape::push(self.line, word);
            self.line.push(b"\"");
        }
    }

    /// What the other records say: working directory, paths, command line, address.
    fn others(&mut self, event: &Event<'e>) {
        let mut number = 0;
        for path in paths(event) {
            number += 1;
            if number > PATHS {
                break;
            }
            self.line.push(b",\"_path");
            if number > 1 {
                self.line.push(b"_");
                self.line.push_number(u64::from(number));
            }
            self.line.push(b"\":\"");
            self.encoded(path);
            self.line.push(b"\"");
        }
        for record in event.records {
            let wanted: &[u8] = match record.kind {
                RecordType::CWD => b"cwd",
                RecordType::PROCTITLE => b"proctitle",
                RecordType::SOCKADDR => {
                    self.internet(&record);
                    continue;
                }
                _ => continue,
            };
            let value = fields::items(record.fields).fields().find(|(key, _)| *key == wanted);
            if let Some((key, value)) = value.filter(|_| self.key(wanted)) {
                self.line.push(b"\"");
                if key == b"proctitle" {
                    self.title(value);
                } else {
                    self.encoded(value);
                }
                self.line.push(b"\"");
            }
        }
        self.argv(event);
        if self.cut > 0 {
            self.line.push(b",\"_truncated\":");
            self.line.push_number(self.cut);
        }
    }

    /// `_addr` and `_port` of an IP address, `_socket` of another.
    fn internet(&mut self, record: &Record<'e>) {
        let saddr = fields::items(record.fields).fields().find(|(key, _)| *key == b"saddr");
        let Some((_, value)) = saddr else { return };
        let known = value.decode(self.space).and_then(sockaddr::parse).and_then(internet);
        if let Some((text, port)) = known {
            self.word(b"addr", text.as_bytes());
            if self.key(b"port") {
                self.line.push_number(u64::from(port));
            }
        } else if self.key(b"socket") {
            self.line.push(b"\"");
            if !self.address(record) {
                self.line.push(value.bytes().get(..LONGEST).unwrap_or(value.bytes()));
            }
            self.line.push(b"\"");
        }
    }

    /// A title's words, between blanks instead of NULs.
    fn title(&mut self, value: Value<'e>) {
        let text = value.decode(self.space).unwrap_or_else(|| value.bytes());
        for (index, word) in text.split(|&byte| byte == 0).enumerate() {
            if index > 0 {
                self.line.push(b" ");
            }
            escape::push(self.line, word);
        }
    }

    /// `_argv`: the command line of an execve, its arguments between blanks.
    fn argv(&mut self, event: &Event<'e>) {
        let mut records = event.records.filter(|record| record.kind == RecordType::EXECVE).peekable();
        if records.peek().is_none() || !self.key(b"argv") {
            return;
        }
        self.line.push(b"\"");
        let (mut left, mut first) = (LONGEST, true);
        for item in records.flat_map(|record| fields::items(record.fields)) {
            let Item::Field([b'a', digit, rest @ ..], value) = item else { continue };
            if !digit.is_ascii_digit() || rest.ends_with(b"_len") {
                continue;
            }
            // Pieces of a long argument, `a1[0]`, `a1[1]`, belong together.
            let goes_on = rest.ends_with(b"]") && !rest.ends_with(b"[0]");
            let text = value.decode(self.space).unwrap_or_else(|| value.bytes());
            let kept = text.get(..left).unwrap_or(text);
            self.cut += (text.len() - kept.len()) as u64;
            let is_cut = kept.is_empty() && left == 0;
            if !(first || goes_on || is_cut) {
                self.line.push(b" ");
            }
            escape::push(self.line, kept);
            left -= kept.len();
            first = false;
        }
        self.line.push(b"\"");
    }
}

/// The names of an event's PATH records, but for those of the folders that they are in.
fn paths<'e>(event: &Event<'e>) -> impl Iterator<Item = Value<'e>> {
    event.records.filter(|record| record.kind == RecordType::PATH).filter_map(|record| {
        let mut name = None;
        for (key, value) in fields::items(record.fields).fields() {
            match (key, value) {
                (b"name", value) if !value.is_null() => name = Some(value),
                (b"nametype", Value::Bare(b"PARENT")) => return None,
                _ => {}
            }
        }
        name
    })
}

/// An IP address as text, and its port.
fn internet(address: Address<'_>) -> Option<(heapless::String<64>, u16)> {
    let mut text = heapless::String::new();
    // An address is never longer than its space.
    let port = match address {
        Address::Inet { addr, port } => {
            let _ = write!(text, "{}", Ipv4Addr::from(addr));
            port
        }
        Address::Inet6 { addr, port, .. } => {
            let _ = write!(text, "{}", Ipv6Addr::from(addr));
            port
        }
        _ => return None,
    };
    Some((text, port))
}

#[cfg(test)]
mod tests;
