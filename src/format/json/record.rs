//! One record as a JSON object: each field by the class of its key, then what the fields mean, in upper-case
//! keys. What auditd appended to a replayed record is passed on, and not said twice.

use super::{Writer, sockaddr, text};
use crate::config::{NameSource, Translate};
use crate::digits;
use crate::enrich::values::{self, Id, Text};
use crate::event::Record;
use crate::wire::class::{self, Class, Known};
use crate::wire::fields::{self, Item, Value};
use crate::wire::record::RecordType;
use crate::wire::tables::Machine;

/// Ids of one record that are named; a SYSCALL record has nine.
const IDS: usize = 32;
/// Other fields of one record that may mean something; a BPRM_FCAPS record has 14.
const OTHERS: usize = 20;
/// `a0` to `a3` of a SYSCALL record.
const ARGUMENTS: usize = 4;
/// The id of nobody, and what auditd calls it.
const UNSET: u32 = u32::MAX;

/// What was seen in a record and is written at its end.
#[derive(Default)]
struct Seen<'a> {
    words: bool,
    /// Whether auditd has named arch, system call and ids already.
    appended: bool,
    machine: Option<Machine>,
    syscall: Option<u32>,
    /// `a0` to `a3`, as they stand and as numbers.
    arguments: heapless::Vec<&'a [u8], ARGUMENTS>,
    args: [Option<u64>; ARGUMENTS],
    ids: heapless::Vec<(Class, &'a [u8], Value<'a>), IDS>,
    /// Fields that may mean something.
    others: heapless::Vec<(&'a [u8], Value<'a>), OTHERS>,
}

impl<'a> Seen<'a> {
    fn note(&mut self, known: Known, key: &'a [u8], value: Value<'a>) {
        match (known.class, key) {
            // What does not fit is not named: no record of the kernel's has so many.
            (class @ (Class::User | Class::Group), _) => drop(self.ids.push((class, key, value))),
            (Class::Hex, b"arch") => {
                let number = value.hexadecimal().and_then(|number| u32::try_from(number).ok());
                self.machine = number.and_then(Machine::of_audit_arch);
            }
            (Class::Decimal, b"syscall") => self.syscall = value.id(),
            // No capabilities are not worth a word, and a PATH record has two sets of them.
            (Class::Hex, [b'c', b'a', b'p', b'_', ..]) if value == Value::Bare(b"0") => {}
            _ if known.is_named => drop(self.others.push((key, value))),
            _ => {}
        }
    }

    /// `a0` to `a3` of a system call.
    fn argument(&mut self, digit: u8, value: Value<'a>) {
        // No record has a fifth.
        let _ = self.arguments.push(value.bytes());
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
        let drop_raw = self.json.translate.drop_raw && record.appended.is_none();
        let mut items = fields::items(record.fields);
        seen.appended = record.appended.is_some();
        if record.kind == RecordType::AVC {
            self.decision(&mut items);
        }
        for item in items {
            match item {
                Item::Word(_) => seen.words = true,
                Item::Field(b"op", _) if loss => {}
                Item::Field([b'a', digit @ b'0'..=b'3'], value) if record.kind == RecordType::SYSCALL => {
                    seen.argument(*digit, value);
                }
                Item::Field(key, value) => {
                    let known = class::known(record.kind, key);
                    seen.note(known, key, value);
                    if !(drop_raw && self.is_translated(&seen, known.class, key)) {
                        self.field(record.kind, known, (key, value), start);
                    }
                }
            }
        }
        if !seen.arguments.is_empty() {
            self.arguments(&seen.arguments, start);
        }
        if seen.words {
            self.words(record.fields, start);
        }
        self.appended(record.appended.unwrap_or_default(), start);
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

    /// The same for a key of our own, or of the table.
    fn plain_key(&mut self, key: &[u8], start: usize) {
        let first = self.line.len() == start;
        text::push_plain_key(self.line, key, first);
    }

    /// The same in upper case.
    fn upper_key(&mut self, key: &[u8], start: usize) {
        let first = self.line.len() == start;
        text::push_upper_key(self.line, key, first);
    }

    fn field(&mut self, kind: RecordType, known: Known, (key, value): (&[u8], Value<'_>), start: usize) {
        if kind == RecordType::SOCKADDR && key == b"saddr" && self.sockaddr(value, start) {
            return;
        }
        if known.is_plain {
            // Most fields end here. A rule's keys may be several.
            let first = self.line.len() == start;
            if key != b"key" && text::push_member(self.line, (known.class, key), value, first) {
                return;
            }
            self.plain_key(key, start);
        } else {
            self.key(key, start);
        }
        match (known.class, value) {
            _ if value.is_null() => self.line.push(b"null"),
            (_, Value::Nested(inside)) => self.nested(inside),
            (Class::Encoded, _) if key == b"key" => self.keys(value),
            (Class::Encoded, _) => self.encoded(value),
            (Class::Decimal | Class::User | Class::Group, Value::Bare(digits)) => {
                digits::push_decimal(self.line, digits);
            }
            (Class::Hex, Value::Bare(digits)) => digits::push_hexadecimal(self.line, digits),
            (Class::Octal, Value::Bare(digits)) => digits::push_octal(self.line, digits),
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
                // One level: what looks like more is a user's text as well, and a level costs stack.
                Item::Field(key, Value::Nested(inside)) => {
                    self.key(key, start);
                    text::push_string(self.line, inside);
                }
                Item::Field(key, value) => {
                    let known = class::known(RecordType::USER, key);
                    self.field(RecordType::USER, known, (key, value), start);
                }
                Item::Word(_) => words = true,
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
    fn arguments(&mut self, arguments: &[&[u8]], start: usize) {
        self.plain_key(b"ARGV", start);
        for (index, digits) in arguments.iter().enumerate() {
            self.line.push(if index == 0 { b"[" } else { b"," });
            digits::push_hexadecimal(self.line, digits);
        }
        self.line.push(b"]");
    }

    /// Words that belong to no key.
    fn words(&mut self, record: &[u8], start: usize) {
        self.plain_key(b"WORDS", start);
        let words = fields::items(record)
            .filter_map(|item| if let Item::Word(word) = item { Some(word) } else { None });
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
    fn appended(&mut self, text: &[u8], start: usize) {
        let mut braces = false;
        for item in fields::items(text) {
            match item {
                Item::Field(_, Value::Bare(b"{")) => braces = true,
                Item::Word(b"}") => braces = false,
                // auditd's keys; in a log that is not ENRICHED it may be a user's text.
                Item::Field(key @ [b'A'..=b'Z', ..], value) if !braces => {
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
                    self.plain_key(key, start);
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
                    self.name(*class, id);
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
        let (false, Some(machine), Some(syscall)) = (seen.arguments.is_empty(), seen.machine, seen.syscall)
        else {
            return;
        };
        for (index, (key, argument)) in [b"A0", b"A1", b"A2", b"A3"].iter().zip(seen.args).enumerate() {
            if values::argument(machine, syscall, index, &seen.args, &mut meaning) {
                self.plain_key(*key, start);
                text::push_string(self.line, &meaning);
                meaning.clear();
            } else if let (Some(id), Some(argument)) =
                (values::argument_is_id(machine, syscall, index), argument)
            {
                self.plain_key(*key, start);
                // As the kernel takes it: an unsigned 32-bit number, of which -1 is "as it is".
                self.name(if id == Id::User { Class::User } else { Class::Group }, argument as u32);
            }
        }
    }

    /// The name of a user or a group, as a string.
    fn name(&mut self, class: Class, id: u32) {
        let names = if class == Class::User { &self.names.users } else { &self.names.groups };
        match names.name_of_id(id) {
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
