//! A rule while its line is read: each option adds to it or says what is wrong, in the order of the line,
//! since the order of fields is the rule's and names of system calls belong to the arch before them.

use super::accounts::Accounts;
use super::fields::{self, Kind, Pair, Spec};
use super::options::{self, Opt};
use super::syscalls::{Syscalls, Table};
use super::values;
use super::words::Word;
use crate::config::{did_you_mean, quoted};
use crate::wire::rule::{
    Action, Field, KEY_SEPARATOR, List, MAX_FIELDS, MAX_KEY_LEN, Mask, Op, Rule, Value, field,
};
use crate::wire::tables::Machine;
use std::{fmt, fs};

/// Machines that auditctl and others have names for, and we have no calls of: a set of rules for several machines
/// keeps its other rules.
const FOREIGN: [&str; 7] = ["ppc", "ppc64", "armeb", "ia64", "alpha", "mips", "loongarch64"];

/// What there is to say about a line, each with its offset in it, from left to right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) errors: Vec<(usize, String)>,
    pub(super) warnings: Vec<(usize, String)>,
    /// The line holds `-i` or `-c`.
    pub(super) ignore: bool,
}

impl Notes {
    pub(super) fn error(&mut self, at: usize, message: &dyn fmt::Display) {
        note(&mut self.errors, at, message);
    }

    fn take_error(&mut self, result: Result<(), (usize, String)>) {
        if let Err((at, message)) = result {
            self.error(at, &message);
        }
    }

    pub(super) fn warn(&mut self, at: usize, message: &dyn fmt::Display) {
        note(&mut self.warnings, at, message);
    }
}

/// Notes stand from left to right; two on one word in the order in which they come.
#[inline(never)]
fn note(notes: &mut Vec<(usize, String)>, at: usize, message: &dyn fmt::Display) {
    let place = notes.iter().take_while(|(other, _)| *other <= at).count();
    notes.insert(place, (at, message.to_string()));
}

/// What is done with the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Append,
    Insert,
    Delete,
}

/// What the line's first option fixes.
#[derive(Clone, Copy)]
struct Head {
    verb: Verb,
    list: List,
    action: Action,
    /// `-w` or `-W` rather than `-a`.
    watch: bool,
}

/// A rule in the making.
pub(super) struct Draft<'a> {
    native: Machine,
    accounts: &'a Accounts,
    head: Option<Head>,
    /// The head was wrong and was told, so that what needs it keeps quiet.
    head_told: bool,
    /// Why the rule can't match on this machine, or is not one any more.
    void: Option<(usize, String)>,
    arch: Option<Machine>,
    arch_given: bool,
    syscalls: Syscalls,
    fields: Vec<Field>,
    key: Vec<u8>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(native: Machine, accounts: &'a Accounts) -> Self {
        Self {
            native,
            accounts,
            head: None,
            head_told: false,
            void: None,
            arch: None,
            arch_given: false,
            syscalls: Syscalls::new(),
            fields: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Takes an option that belongs to a rule.
    pub(super) fn take(&mut self, option: &Opt<'_>, notes: &mut Notes) {
        let value = &option.value;
        match option.kind {
            options::Kind::Append => self.begin(Verb::Append, option, notes),
            options::Kind::Insert => self.begin(Verb::Insert, option, notes),
            options::Kind::Delete => self.begin(Verb::Delete, option, notes),
            options::Kind::Watch => self.watch(Verb::Append, option, notes),
            options::Kind::Unwatch => self.watch(Verb::Delete, option, notes),
            _ if self.head.is_none() => {
                if !self.head_told {
                    let name = option.name;
                    notes.error(
                        option.at,
                        &format_args!("{name} needs a rule before it: begin with -a always,exit"),
                    );
                }
                self.head_told = true;
            }
            options::Kind::Syscall => self.syscall(option, notes),
            options::Kind::Field => {
                let read = self.field(value, notes);
                notes.take_error(read);
            }
            options::Kind::Compare => {
                let read = self.compare(option, notes);
                notes.take_error(read);
            }
            options::Kind::Key => self.key(value.at, &value.text, notes),
            options::Kind::Perm => match values::perm(&value.text) {
                Ok(bits) => self.perm(option.at, bits, notes),
                Err(message) => notes.error(value.at, &message),
            },
            _ => {}
        }
    }

    /// The rule, if the line held one that this machine can use. Conditions on the rule as a whole are
    /// checked here.
    pub(super) fn finish(mut self, at: usize, notes: &mut Notes) -> Option<(Verb, Rule)> {
        let head = self.head?;
        self.check_whole(at, notes);
        if !self.key.is_empty() {
            let value = Value::Text(std::mem::take(&mut self.key));
            self.push(at, Field { number: field::FILTERKEY, op: Op::EQUAL, value }, notes);
        }
        let machine = self.table().machine.name();
        if let Some((at, reason)) = self.void {
            notes.warn(at, &format_args!("{reason}: the rule is left out"));
            return None;
        }
        if let Some(names) = self.syscalls.left_out() {
            if !self.syscalls.any && notes.errors.is_empty() {
                notes.warn(at, &format_args!("{machine} has no system call {names}: the rule is left out"));
                return None;
            }
            notes.warn(at, &format_args!("{machine} has no system call {names}: left out of the rule"));
        }
        // auditctl's default, on every list but task.
        let all = head.list != List::TASK && (head.watch || !self.syscalls.given);
        let mask = if all { Mask::ALL } else { self.syscalls.mask };
        let prepend = head.verb == Verb::Insert;
        Some((head.verb, Rule { list: head.list, prepend, action: head.action, mask, fields: self.fields }))
    }

    /// Whether the line has its rule already, which is told.
    fn has_head(&self, option: &Opt<'_>, notes: &mut Notes) -> bool {
        let name = option.name;
        if self.head.is_some() {
            notes.error(
                option.at,
                &format_args!("{name} in a line that has its rule already: one rule a line"),
            );
        }
        self.head.is_some()
    }

    /// `-a list,action`, in either order.
    fn begin(&mut self, verb: Verb, option: &Opt<'_>, notes: &mut Notes) {
        if self.has_head(option, notes) {
            return;
        }
        self.head_told = true;
        let value = &option.value;
        let parts: Vec<&str> = value.text.split(',').collect();
        let [first, second] = parts.as_slice() else {
            let name = option.name;
            notes.error(
                value.at,
                &format_args!("{} is no list and action: write {name} always,exit", quoted(&value.text)),
            );
            return;
        };
        let second_at = value.position(first.len() + 1);
        let (action, list) = match (action(first), action(second)) {
            (Some(found), None) => (found, (second, second_at)),
            (None, Some(found)) => (found, (first, value.at)),
            (Some(_), Some(_)) => {
                notes.error(
                    value.at,
                    &format_args!("{} names no list: write always,exit", quoted(&value.text)),
                );
                return;
            }
            (None, None) => {
                let wrong = if list_named(first).is_some() { (second, second_at) } else { (first, value.at) };
                let hint = did_you_mean(wrong.0, &["always", "never"]);
                notes
                    .error(wrong.1, &format_args!("{} is no action: always or never{hint}", quoted(wrong.0)));
                return;
            }
        };
        let Some(list) = self.list(list.0, list.1, notes) else { return };
        if action == Act::Possible {
            let message = "the action \"possible\" is not in the kernel any more".to_owned();
            self.void.get_or_insert((value.at, message));
        }
        let action = if action == Act::Never { Action::NEVER } else { Action::ALWAYS };
        self.head = Some(Head { verb, list, action, watch: false });
    }

    fn list(&self, name: &str, at: usize, notes: &mut Notes) -> Option<List> {
        match list_named(name) {
            None if name == "entry" => {
                notes.error(at, &"the entry list is not in the kernel any more: use exit");
                None
            }
            None => {
                let names = List::NAMED.map(|(name, _)| name);
                let hint = did_you_mean(name, &names);
                notes.error(at, &format_args!("{} is no list: {}{hint}", quoted(name), names.join(", ")));
                None
            }
            found => found,
        }
    }

    /// `-w path`: a rule on exit for all system calls, with all permissions until `-p` says which.
    fn watch(&mut self, verb: Verb, option: &Opt<'_>, notes: &mut Notes) {
        if self.has_head(option, notes) {
            return;
        }
        self.head = Some(Head { verb, list: List::EXIT, action: Action::ALWAYS, watch: true });
        let (at, text) = (option.value.at, &*option.value.text);
        // As auditctl: slashes at the end go, and what is a directory now is watched as one.
        let path = if text.len() > 2 { text.trim_end_matches('/') } else { text };
        let path = if path.is_empty() && !text.is_empty() { "/" } else { path };
        let directory = fs::metadata(path).is_ok_and(|m| m.is_dir());
        let number = if directory { field::DIR } else { field::WATCH };
        let spec = Spec::of_watch(number);
        if let Err(message) = values::path(&spec, path) {
            notes.error(at, &message);
            return;
        }
        let value = Value::Text(path.as_bytes().to_vec());
        if let Some(doubt) = values::doubt(&spec, Op::EQUAL, &value) {
            notes.warn(at, &doubt);
        }
        self.push(at, Field { number, op: Op::EQUAL, value }, notes);
        self.perm(at, 15, notes);
    }

    fn syscall(&mut self, option: &Opt<'_>, notes: &mut Notes) {
        let Some(head) = self.head else { return };
        if head.list != List::EXIT && head.list != List::IO_URING {
            let list = head.list.name();
            notes.error(option.at, &format_args!("-S works only on the exit list, not on {list}"));
            return;
        }
        let table = self.table();
        self.syscalls.read(&option.value, table, notes);
    }

    /// `-C`: two fields of the event with each other.
    fn compare(&mut self, option: &Opt<'_>, notes: &mut Notes) -> Result<(), (usize, String)> {
        let Pair { name, op, value } = fields::pair(option.name, &option.value)?;
        fields::Ops::Equality.check(option.name, op).map_err(|message| (name.at, message))?;
        let number = fields::comparison(&name, &value)?;
        if self.head.is_some_and(|head| head.list != List::EXIT) {
            return Err((option.at, "-C works only on the exit list".to_owned()));
        }
        self.push(name.at, Field { number: field::FIELD_COMPARE, op, value: Value::Number(number) }, notes);
        Ok(())
    }

    fn field(&mut self, word: &Word<'_>, notes: &mut Notes) -> Result<(), (usize, String)> {
        let Pair { name, op, value } = fields::pair("-F", word)?;
        let spec = fields::find(&name.text).map_err(|message| (name.at, message))?;
        let Some(head) = self.head else { return Ok(()) };
        spec.check_list(head.list).map_err(|message| (name.at, message))?;
        spec.ops.check(spec.name, op).map_err(|message| (name.at, message))?;
        if spec.number == field::FILTERKEY {
            self.key(value.at, &value.text, notes);
            return Ok(());
        }
        let read = if spec.kind == Kind::Arch {
            Value::Number(self.arch(&value, op)?)
        } else {
            values::read(spec, op, &value.text, self.accounts).map_err(|message| (value.at, message))?
        };
        let doubt = values::doubt(spec, op, &read);
        let doubt =
            doubt.or_else(|| (spec.kind == Kind::Exit).then(|| values::exit_doubt(&value.text)).flatten());
        if let Some(doubt) = doubt {
            notes.warn(name.at, &doubt);
        }
        let read = Field { number: spec.number, op, value: read };
        if fields::has_one_value(spec.number)
            && self.fields.iter().any(|other| other.number == read.number && values::exclude(other, &read))
        {
            notes.warn(
                name.at,
                &format_args!("this never matches: not with what is said of {} before", spec.name),
            );
        }
        self.push(name.at, read, notes);
        Ok(())
    }

    /// `-F arch=`: b32, b64, a machine's name or an AUDIT_ARCH_* number, also in hex without 0x, as
    /// records show it.
    fn arch(&mut self, value: &Word<'_>, op: Op) -> Result<u32, (usize, String)> {
        let at = value.at;
        if self.syscalls.given {
            return Err((at, "-F arch must stand before -S: names of system calls depend on it".to_owned()));
        }
        if self.arch_given {
            return Err((at, "arch stands twice: write one rule for each".to_owned()));
        }
        self.arch_given = true;
        let (text, native) = (&*value.text, self.native);
        let machine = if text.eq_ignore_ascii_case("b64") {
            native.b64()
        } else if text.eq_ignore_ascii_case("b32") {
            native.b32()
        } else if op == Op::EQUAL && FOREIGN.iter().any(|name| text.eq_ignore_ascii_case(name)) {
            None
        } else {
            let number = values::integer(text).and_then(|n| u32::try_from(n).ok());
            let named = Machine::of_uname(text)
                .or_else(|| number.and_then(Machine::of_audit_arch))
                .or_else(|| u32::from_str_radix(text, 16).ok().and_then(Machine::of_audit_arch));
            let unknown = || {
                let names = Machine::ALL.map(Machine::name);
                let hint = did_you_mean(text, &names);
                (at, format!("unknown arch {}: b32, b64 or one of {}{hint}", quoted(text), names.join(", ")))
            };
            Some(named.ok_or_else(unknown)?)
        };
        self.arch = machine;
        let usable = machine.filter(|m| Some(*m) == native.b64() || Some(*m) == native.b32());
        if usable.is_none() && (op == Op::EQUAL || machine.is_none()) {
            self.void.get_or_insert((at, format!("arch={text} never matches on {}", native.name())));
        }
        Ok(machine.map_or(0, Machine::audit_arch))
    }

    /// Sets the permissions: in the field that has them, or in a new one.
    fn perm(&mut self, at: usize, bits: u32, notes: &mut Notes) {
        if self.head.is_some_and(|head| head.list != List::EXIT) {
            notes.error(at, &"-p works only on the exit list");
            return;
        }
        if let Some(present) = self.fields.iter_mut().find(|f| f.number == field::PERM) {
            present.value = Value::Number(bits);
            return;
        }
        self.push(at, Field { number: field::PERM, op: Op::EQUAL, value: Value::Number(bits) }, notes);
    }

    /// All keys become one field, the last of the rule.
    fn key(&mut self, at: usize, text: &str, notes: &mut Notes) {
        let list = self.head.map_or(List::EXIT, |head| head.list);
        if matches!(list, List::USER | List::EXCLUDE) {
            let list = list.name();
            notes.error(
                at,
                &format_args!("a key on the {list} list makes the kernel skip all rules after it: remove it"),
            );
            return;
        }
        if text.is_empty() {
            notes.error(at, &"the key is empty");
            return;
        }
        if text.bytes().any(|b| b == KEY_SEPARATOR || b == 0) {
            notes.error(at, &"a key must not hold the characters 0x00 and 0x01");
            return;
        }
        if !self.key.is_empty() {
            self.key.push(KEY_SEPARATOR);
        }
        self.key.extend_from_slice(text.as_bytes());
        if self.key.len() > MAX_KEY_LEN {
            notes.error(
                at,
                &format_args!("the keys of a rule hold {MAX_KEY_LEN} bytes, with one between two of them"),
            );
        }
    }

    fn push(&mut self, at: usize, field: Field, notes: &mut Notes) {
        if self.fields.len() == MAX_FIELDS {
            notes.error(at, &format_args!("a rule holds {MAX_FIELDS} fields, the key among them"));
            return;
        }
        self.fields.push(field);
    }

    /// The kernel answers EINVAL to these and does not say why (kernel/auditfilter.c,
    /// audit_data_to_entry, audit_to_watch, audit_make_tree).
    fn check_whole(&self, at: usize, notes: &mut Notes) {
        let count = |numbers: &[u32]| self.fields.iter().filter(|f| numbers.contains(&f.number)).count();
        if count(&[field::WATCH, field::DIR, field::INODE]) > 1 {
            notes.error(at, &"a rule has one of path, dir and inode: write one rule for each");
        }
        if count(&[field::EXE]) > 1 {
            notes.error(at, &"a rule has one exe: write one rule for each");
        }
    }

    /// Whose system calls `-S` names.
    fn table(&self) -> Table {
        let uring = self.head.is_some_and(|head| head.list == List::IO_URING);
        Table { machine: self.arch.unwrap_or(self.native), named: self.arch_given, uring }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Never,
    Possible,
    Always,
}

fn action(name: &str) -> Option<Act> {
    match name {
        "never" => Some(Act::Never),
        "possible" => Some(Act::Possible),
        "always" => Some(Act::Always),
        _ => None,
    }
}

fn list_named(name: &str) -> Option<List> {
    List::NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, list)| *list)
}
