//! One record as a JSON object: each field by the class of its key, then what the fields mean, in upper-case
//! keys. What auditd appended to a replayed record is passed on, and not said twice.

use super::{Line, Writer, sockaddr, text};
use crate::config::{NameSource, Translate};
use crate::enrich::values::{self, Id, Text};
use crate::event::Record;
use crate::wire::class::{self, Class};
use crate::wire::fields::{self, Item, Value};
use crate::wire::record::RecordType;
use crate::wire::tables::Machine;
use std::fmt::Write as _;

/// Longest key that has an upper-case form.
const LONGEST_KEY: usize = 32;
/// Ids of one record that are named; a SYSCALL record has nine.
const IDS: usize = 32;
/// Other fields of one record that may mean something; a SYSCALL record has some 20.
const OTHERS: usize = 40;
/// The id of nobody, and what auditd calls it.
const UNSET: u32 = u32::MAX;

/// What was seen in a record and is written at its end.
#[derive(Default)]
struct Seen<'a> {
    arguments: bool,
    words: bool,
    /// Whether auditd has named arch, system call and ids already.
    appended: bool,
    machine: Option<Machine>,
    syscall: Option<u32>,
    args: [Option<u64>; 4],
    ids: heapless::Vec<(Class, &'a [u8], Value<'a>), IDS>,
    /// Fields that may mean something.
    others: heapless::Vec<(&'a [u8], Value<'a>), OTHERS>,
}

impl<'a> Seen<'a> {
    fn note(&mut self, class: Class, key: &'a [u8], value: Value<'a>) {
        match (class, key) {
            // What does not fit is not named: no record of the kernel's has so many.
            (Class::User | Class::Group, _) => drop(self.ids.push((class, key, value))),
            (Class::Hex, b"arch") => {
                let number = value.hexadecimal().and_then(|number| u32::try_from(number).ok());
                self.machine = number.and_then(Machine::of_audit_arch);
            }
            (Class::Decimal, b"syscall") => self.syscall = value.id(),
            (Class::Encoded, _) => {}
            _ => drop(self.others.push((key, value))),
        }
    }

    /// `a0` to `a3` of a system call.
    fn argument(&mut self, digit: u8, value: Value<'_>) {
        self.arguments = true;
        if let Some(argument) = self.args.get_mut(usize::from(digit.wrapping_sub(b'0'))) {
            *argument = value.hexadecimal();
        }
    }

    fn arch_name(&self) -> Option<&'static str> {
        self.machine.map(Machine::name)
    }

    fn syscall_name(&self) -> Option<&'static str> {
        self.machine?.syscall_name(self.syscall?)
    }
}

impl Writer<'_> {
    /// The record's object.
    pub(super) fn record(&mut self, index: usize, record: &Record<'_>, loss: bool) {
        self.line.push(b"{");
        let start = self.line.len();
        let mut seen = Seen::default();
        // What auditd appended says the same, but it comes behind what would be left out.
        let drop_raw = self.json.translate.drop_raw && !record.fields.contains(&fields::ENRICHED);
        let mut items = fields::items(record.fields);
        if record.kind == RecordType::AVC {
            self.decision(&mut items);
        }
        for item in items.by_ref() {
            match item {
                Item::Enriched => {
                    seen.appended = true;
                    break;
                }
                Item::Word(_) => seen.words = true,
                Item::Field(b"op", _) if loss => {}
                Item::Field([b'a', digit @ b'0'..=b'3'], value) if record.kind == RecordType::SYSCALL => {
                    seen.argument(*digit, value);
                }
                Item::Field(key, value) => {
                    let class = class::of(record.kind, key);
                    seen.note(class, key, value);
                    if !(drop_raw && self.is_translated(&seen, class, key)) {
                        self.field(record.kind, class, (key, value), start);
                    }
                }
            }
        }
        if seen.arguments {
            self.arguments(record.fields, start);
        }
        if seen.words {
            self.words(record.fields, start);
        }
        self.appended(items, start);
        if self.translate {
            self.machine = seen.machine.or(self.machine);
            self.translations(record.kind, &seen, start);
        }
        self.context(index, record, start);
        self.line.push(b"}");
    }

    /// Whether the record's end says the same as this field.
    fn is_translated(&self, seen: &Seen<'_>, class: Class, key: &[u8]) -> bool {
        let values = self.translate && self.json.translate.values;
        match (class, key) {
            (Class::User | Class::Group, _) => self.translate && self.json.translate.names != NameSource::Off,
            (Class::Hex, b"arch") => values && seen.arch_name().is_some(),
            (Class::Decimal, b"syscall") => values && seen.syscall_name().is_some(),
            _ => false,
        }
    }

    /// `,` before all but the first member, and the key.
    pub(super) fn key(&mut self, key: &[u8], start: usize) {
        let first = self.line.len() == start;
        text::push_key(self.line, key, first);
    }

    /// A key in upper case.
    fn upper_key(&mut self, key: &[u8], start: usize) {
        let mut upper: heapless::Vec<u8, LONGEST_KEY> = heapless::Vec::new();
        upper.extend(key.iter().take(LONGEST_KEY).map(u8::to_ascii_uppercase));
        self.key(&upper, start);
    }

    fn field(&mut self, kind: RecordType, class: Class, (key, value): (&[u8], Value<'_>), start: usize) {
        if kind == RecordType::SOCKADDR && key == b"saddr" && self.sockaddr(value, start) {
            return;
        }
        self.key(key, start);
        match (class, value) {
            _ if value.is_null() => self.line.push(b"null"),
            (_, Value::Nested(inside)) => self.nested(inside),
            (Class::Encoded, _) if key == b"key" => self.keys(value),
            (Class::Encoded, _) => self.encoded(value),
            (Class::Decimal | Class::User | Class::Group, Value::Bare(digits)) => number(digits, self.line),
            (Class::Hex, Value::Bare(digits)) => hexadecimal(digits, self.line),
            (Class::Octal, Value::Bare(digits)) => octal(digits, self.line),
            _ => text::push_string(self.line, value.bytes()),
        }
    }

    /// A user's text: an object if it is fields, else the text as it stands.
    fn nested(&mut self, inside: &[u8]) {
        let is_fields = matches!(fields::items(inside).next(), Some(Item::Field(..)));
        if !is_fields {
            return text::push_string(self.line, inside);
        }
        self.line.push(b"{");
        let start = self.line.len();
        let mut words = false;
        for item in fields::items(inside) {
            match item {
                Item::Field(key, value) => {
                    self.field(RecordType::USER, class::of(RecordType::USER, key), (key, value), start);
                }
                Item::Word(_) => words = true,
                Item::Enriched => break,
            }
        }
        if words {
            self.words(inside, start);
        }
        self.line.push(b"}");
    }

    /// `key`: one is a string, several are a list.
    fn keys(&mut self, value: Value<'_>) {
        let decoded = value.decode(&mut self.json.space).unwrap_or_else(|| value.bytes());
        if !decoded.contains(&1) {
            return text::push_string(self.line, decoded);
        }
        for (index, key) in decoded.split(|&b| b == 1).enumerate() {
            self.line.push(if index == 0 { b"[" } else { b"," });
            text::push_string(self.line, key);
        }
        self.line.push(b"]");
    }

    /// `a0` to `a3` of a system call.
    fn arguments(&mut self, record: &[u8], start: usize) {
        self.key(b"ARGV", start);
        let arguments = fields::items(record).fields().filter(|(key, _)| matches!(key, [b'a', b'0'..=b'3']));
        for (index, (_, value)) in arguments.enumerate() {
            self.line.push(if index == 0 { b"[" } else { b"," });
            hexadecimal(value.bytes(), self.line);
        }
        self.line.push(b"]");
    }

    /// Words that belong to no key.
    fn words(&mut self, record: &[u8], start: usize) {
        self.key(b"WORDS", start);
        let words = fields::items(record).take_while(|item| *item != Item::Enriched);
        let words = words.filter_map(|item| if let Item::Word(word) = item { Some(word) } else { None });
        for (index, word) in words.enumerate() {
            self.line.push(if index == 0 { b"[" } else { b"," });
            text::push_string(self.line, word);
        }
        self.line.push(b"]");
    }

    /// `avc:  denied  { open read } for`: what was decided, and on what.
    fn decision(&mut self, items: &mut fields::Items<'_>) {
        let mut ahead = items.clone();
        let (Some(Item::Word(b"avc:")), Some(Item::Word(decided)), Some(Item::Word(b"{"))) =
            (ahead.next(), ahead.next(), ahead.next())
        else {
            return;
        };
        self.line.push(b"\"");
        text::push(self.line, decided);
        self.line.push(b"\":[");
        let mut first = true;
        for item in ahead.by_ref() {
            match item {
                Item::Word(b"}") => break,
                Item::Word(word) => {
                    self.line.push(if std::mem::take(&mut first) { b"\"" } else { b",\"" });
                    text::push(self.line, word);
                    self.line.push(b"\"");
                }
                _ => {}
            }
        }
        self.line.push(b"]");
        if let Some(Item::Word(b"for")) = ahead.clone().next() {
            let _ = ahead.next();
        }
        *items = ahead;
    }

    /// What auditd appended: upper-case keys, their values as text. An address in braces is left to our own.
    fn appended(&mut self, items: fields::Items<'_>, start: usize) {
        let mut braces = false;
        for item in items {
            match item {
                Item::Field(_, Value::Bare(b"{")) => braces = true,
                Item::Word(b"}") => braces = false,
                Item::Field(key, value) if !braces => {
                    self.key(key, start);
                    text::push_string(self.line, value.bytes());
                }
                _ => {}
            }
        }
    }

    /// What the fields mean; what auditd has said is not said again.
    fn translations(&mut self, kind: RecordType, seen: &Seen<'_>, start: usize) {
        let Translate { values, names, .. } = self.json.translate;
        let names = names != NameSource::Off;
        if values && !seen.appended {
            for (key, name) in [(b"ARCH".as_slice(), seen.arch_name()), (b"SYSCALL", seen.syscall_name())] {
                if let Some(name) = name {
                    self.key(key, start);
                    text::push_string(self.line, name.as_bytes());
                }
            }
        }
        if values {
            self.meanings(kind, seen, start);
        }
        if names && !seen.appended {
            for (class, key, value) in &seen.ids {
                if let Some(id) = value.id() {
                    self.upper_key(key, start);
                    self.name(*class, id, value.bytes());
                }
            }
        }
    }

    /// What arguments and other fields mean.
    fn meanings(&mut self, kind: RecordType, seen: &Seen<'_>, start: usize) {
        let mut meaning = Text::new();
        for (key, value) in &seen.others {
            // No capabilities are not worth a word: a PATH record has two sets of them.
            if values::field(self.machine, kind, key, *value, &mut meaning) && meaning != *b"none" {
                self.upper_key(key, start);
                text::push_string(self.line, &meaning);
            }
            meaning.clear();
        }
        let (true, Some(machine), Some(syscall)) = (seen.arguments, seen.machine, seen.syscall) else {
            return;
        };
        for (index, (key, argument)) in [b"A0", b"A1", b"A2", b"A3"].iter().zip(seen.args).enumerate() {
            if values::argument(machine, syscall, index, &seen.args, &mut meaning) {
                self.key(*key, start);
                text::push_string(self.line, &meaning);
                meaning.clear();
            } else if let (Some(id), Some(argument)) =
                (values::argument_is_id(machine, syscall, index), argument)
            {
                // As the kernel takes it: an unsigned 32-bit number, of which -1 is "as it is".
                let id32 = argument as u32;
                let mut digits: heapless::String<10> = heapless::String::new();
                let _ = write!(digits, "{id32}");
                self.key(*key, start);
                self.name(if id == Id::User { Class::User } else { Class::Group }, id32, digits.as_bytes());
            }
        }
    }

    /// The name of a user or a group, as a string.
    fn name(&mut self, class: Class, id: u32, digits: &[u8]) {
        let names = if class == Class::User { &self.names.users } else { &self.names.groups };
        match names.name_of(digits) {
            _ if id == UNSET => self.line.push(b"\"unset\""),
            Some(name) => text::push_string(self.line, name),
            // As auditd has it.
            None => {
                self.line.push(b"\"unknown(");
                self.line.push_number(u64::from(id));
                self.line.push(b")\"");
            }
        }
    }

    /// `saddr` as `SADDR`, an object; false when it is of no known form and stays as it is.
    fn sockaddr(&mut self, value: Value<'_>, start: usize) -> bool {
        if !self.json.translate.values {
            return false;
        }
        let Some(bytes) = value.decode(&mut self.json.space) else { return false };
        let before = self.line.len();
        self.line.push(if before == start { b"\"SADDR\":" } else { b",\"SADDR\":" });
        let known = sockaddr::write(bytes, self.line);
        if !known {
            self.line.truncate(before);
        }
        known
    }
}

/// A decimal number, as one if that is what it is: no needless zeros, no more digits than 64 bits have.
fn number(digits: &[u8], line: &mut Line) {
    if text::is_number(digits) {
        line.push(digits);
    } else if digits.starts_with(b"0x") {
        hexadecimal(digits, line);
    } else {
        text::push_string(line, digits);
    }
}

/// `"0x7f"`, without needless zeros; as it stands when it is no such number.
fn hexadecimal(digits: &[u8], line: &mut Line) {
    let plain = digits.strip_prefix(b"0x").unwrap_or(digits);
    if plain.is_empty() || plain.len() > 16 || !plain.iter().all(u8::is_ascii_hexdigit) {
        return text::push_string(line, digits);
    }
    line.push(b"\"0x");
    line.push(without_zeros(plain));
    line.push(b"\"");
}

/// `"0o644"`.
fn octal(digits: &[u8], line: &mut Line) {
    if digits.starts_with(b"0x") {
        return hexadecimal(digits, line);
    }
    if digits.is_empty() || !digits.iter().all(|b| matches!(b, b'0'..=b'7')) {
        return text::push_string(line, digits);
    }
    line.push(b"\"0o");
    line.push(without_zeros(digits));
    line.push(b"\"");
}

/// The digits from the first that is not 0; the last one in any case.
fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&b| b == b'0').count();
    digits.get(zeros.min(digits.len().saturating_sub(1))..).unwrap_or_default()
}
