//! The `[[filter]]` tables: which events are written, dropped or only counted.

use super::cidr::Network;
use super::keys::{FILTER, FILTER_KEYS, LABEL, OUTPUT};
use super::node::{Node, Pos, Value};
use super::show::{Values, keys, pair};
use super::suggest::{did_you_mean, listed, quoted};
use super::values::{Key, Table, Walker, pick, switch, word};
use super::{Config, Located, Place};
use crate::wire::tables::{Machine, record_type_name, record_type_names, record_type_number};

/// The most `[[filter]]` tables: each has a counter.
pub const MAX_FILTERS: usize = 64;

/// The word for an event of any type, and for a user that is not set.
const ALL: &str = "all";
const UNSET: &str = "unset";
/// The word for an event without a SYSCALL record.
const NONE: &str = "none";

/// `[[filter]]`. Two are equal when they do the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Where the table stands.
    pub place: Place,
    /// `name`: what the counters call it.
    pub name: Option<String>,
    /// `action = "drop" | "keep" | "count"`; default "drop".
    pub action: Action,
    /// What an event must be, all of it. Never empty in a config that was read without a problem.
    pub conditions: Vec<Condition>,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.action, &self.conditions) == (&other.name, other.action, &other.conditions)
    }
}

impl Eq for Filter {}

/// What is done with an event that a filter takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It is not written.
    #[default]
    Drop,
    /// It is written, whatever later filters say.
    Keep,
    /// It is counted, and the next filter is asked.
    Count,
}

impl Action {
    /// All of them.
    const ALL: [Self; 3] = [Self::Drop, Self::Keep, Self::Count];

    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Keep => "keep",
            Self::Count => "count",
        }
    }
}

/// One condition. Where it has several values, one of them is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `type = "all"`: every event.
    All,
    /// `type`: the event has a record of one of these types.
    Type(Vec<u16>),
    /// `syscall`: the event's system call is one of these.
    Syscall(Vec<Syscall>),
    /// `key`: one of the event's keys is one of these.
    Key(Vec<String>),
    /// `uid`: a user's name or number.
    Uid(Vec<Located<String>>),
    /// `auid`: the same, or `unset`.
    Auid(Vec<Located<String>>),
    /// `exe`: a glob that the whole path fits.
    Exe(Vec<String>),
    /// `comm`: a glob that the whole name fits.
    Comm(Vec<String>),
    /// `success`
    Success(bool),
    /// `address`: a socket address of the event lies in one of these networks.
    Address(Vec<Network>),
    /// `port`: a socket address of the event has a port in one of these ranges, the ends included.
    Port(Vec<(u16, u16)>),
    /// `regex`: found in the data of one of the event's records; of those of `type`, where that is given.
    Regex(Located<String>),
    /// `label`: the event's process has one of these labels.
    Label(Vec<Located<String>>),
    /// `outputs`: the filter decides for the outputs of these names alone. Not asked of an event.
    Outputs(Vec<Located<String>>),
    /// `first_of_process`: the event is, or is not, the first that is seen of its process and program.
    First(bool),
}

/// A system call in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syscall {
    /// `"none"`: the event has no SYSCALL record.
    None,
    /// By its number, on every arch.
    Number(u32),
    /// By its name, on every arch that has it.
    Name(String),
}

const ACTION: [Key; 1] = [word("action", &["drop", "keep", "count"])];

impl Condition {
    /// The condition of a key, without values yet.
    #[inline(never)]
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "type" => Self::Type(Vec::new()),
            "syscall" => Self::Syscall(Vec::new()),
            "key" => Self::Key(Vec::new()),
            "uid" => Self::Uid(Vec::new()),
            "auid" => Self::Auid(Vec::new()),
            "exe" => Self::Exe(Vec::new()),
            "comm" => Self::Comm(Vec::new()),
            "success" => Self::Success(false),
            "address" => Self::Address(Vec::new()),
            "port" => Self::Port(Vec::new()),
            "regex" => Self::Regex(Located::default()),
            "label" => Self::Label(Vec::new()),
            "outputs" => Self::Outputs(Vec::new()),
            "first_of_process" => Self::First(false),
            _ => return None,
        })
    }

    /// Its key, and its values as TOML.
    #[inline(never)]
    fn shown(&self) -> (&'static str, Values) {
        let mut values = Values::default();
        let key = match self {
            Self::All => {
                values.text(ALL);
                "type"
            }
            Self::Type(types) => {
                for number in types {
                    match record_type_name(*number) {
                        Some(name) => values.text(name),
                        None => values.push(&number.to_string()),
                    }
                }
                "type"
            }
            Self::Syscall(calls) => {
                for call in calls {
                    match call {
                        Syscall::None => values.text(NONE),
                        Syscall::Number(number) => values.push(&number.to_string()),
                        Syscall::Name(name) => values.text(name),
                    }
                }
                "syscall"
            }
            Self::Key(texts) | Self::Exe(texts) | Self::Comm(texts) => {
                for text in texts {
                    values.text(text);
                }
                match self {
                    Self::Key(_) => "key",
                    Self::Exe(_) => "exe",
                    _ => "comm",
                }
            }
            Self::Uid(texts) | Self::Auid(texts) | Self::Label(texts) | Self::Outputs(texts) => {
                for text in texts {
                    values.text(&text.value);
                }
                match self {
                    Self::Uid(_) => "uid",
                    Self::Auid(_) => "auid",
                    Self::Label(_) => "label",
                    _ => "outputs",
                }
            }
            Self::Success(on) | Self::First(on) => {
                values.push(if *on { "true" } else { "false" });
                if matches!(self, Self::Success(_)) { "success" } else { "first_of_process" }
            }
            Self::Address(networks) => {
                for network in networks {
                    values.text(&network.to_string());
                }
                "address"
            }
            Self::Port(ranges) => {
                for (low, high) in ranges {
                    values.text(&format!("{low}-{high}"));
                }
                "port"
            }
            Self::Regex(regex) => {
                values.text(&regex.value);
                "regex"
            }
        };
        (key, values)
    }
}

impl Walker<'_> {
    /// All filters.
    #[inline(never)]
    pub(super) fn filters(&mut self, node: &Node) -> Vec<Filter> {
        let mut filters = Vec::new();
        for node in self.tables(node, FILTER, MAX_FILTERS, "; join some by lists") {
            if let Some(filter) = self.filter(node) {
                filters.push(filter);
            }
        }
        filters
    }

    #[inline(never)]
    fn filter(&mut self, node: &Node) -> Option<Filter> {
        let before = self.found.len();
        let table = self.table(FILTER, node, &FILTER_KEYS)?;
        let name = self.short_name(table);
        let mut action = [0];
        self.plain(table, &ACTION, &mut action);
        let mut conditions = Vec::new();
        let mut is_bare = true;
        for key in FILTER_KEYS {
            if let Some(condition) = self.condition(table, key) {
                is_bare &= matches!(condition, Condition::Outputs(_));
                conditions.push(condition);
            }
        }
        if is_bare && self.found.len() == before {
            let keys = listed(FILTER_KEYS.get(3..).unwrap_or_default(), "and");
            let message =
                format_args!("[[filter]] needs a condition, one of {keys}; type = \"all\" is every event");
            self.problem(table.pos, message);
        }
        let action = pick(&Action::ALL, action[0]);
        Some(Filter { place: self.place(table.pos), name, action, conditions })
    }

    #[inline(never)]
    fn condition(&mut self, table: Table<'_>, key: &'static str) -> Option<Condition> {
        let node = table.get(key)?;
        let mut condition = Condition::of(key)?;
        let nodes = match &node.value {
            Value::String(word) if key == "type" && word == ALL => return Some(Condition::All),
            Value::List(nodes) if nodes.is_empty() => {
                self.problem(node.pos, format_args!("\"filter.{key}\" is an empty list; leave it out"));
                return None;
            }
            _ if key == "regex" => return self.located(table, key, "a regex").map(Condition::Regex),
            Value::List(nodes) if !matches!(condition, Condition::Success(_) | Condition::First(_)) => nodes,
            _ => std::slice::from_ref(node),
        };
        for node in nodes {
            self.add(table, key, &mut condition, node);
        }
        Some(condition)
    }

    /// Adds one value to a condition, or reports it.
    #[inline(never)]
    fn add(&mut self, table: Table<'_>, key: &'static str, condition: &mut Condition, node: &Node) {
        match condition {
            Condition::Type(types) => types.extend(self.record_type(table, node)),
            Condition::Syscall(calls) => calls.extend(self.syscall(table, node)),
            Condition::Key(texts) => texts.extend(self.member(table, key, node, "a key of a rule")),
            Condition::Exe(texts) | Condition::Comm(texts) => {
                texts.extend(self.member(table, key, node, "a glob"));
            }
            Condition::Uid(users) | Condition::Auid(users) => {
                let value = self.user(table, key, node);
                users.extend(value.map(|value| Located { place: self.place(node.pos), value }));
            }
            Condition::Label(names) | Condition::Outputs(names) => {
                let wanted =
                    if key == "label" { "the name of a [[label]]" } else { "the name of an [[output]]" };
                let value = self.member(table, key, node, wanted);
                names.extend(value.map(|value| Located { place: self.place(node.pos), value }));
            }
            Condition::Address(networks) => networks.extend(self.network(table, node)),
            Condition::Port(ranges) => ranges.extend(self.port(table, node)),
            Condition::Success(on) | Condition::First(on) => {
                let mut value = [0];
                self.plain(table, &[switch(key)], &mut value);
                *on = value != [0];
            }
            Condition::All | Condition::Regex(_) => {}
        }
    }

    /// Labels that no `[[label]]` gives, and outputs that no `[[output]]` is.
    #[inline(never)]
    pub(super) fn filters_names(&mut self, config: &Config) {
        let (mut labels, mut outputs) = (Vec::new(), Vec::new());
        for label in &config.labels {
            labels.push(label.name.as_str());
        }
        for output in &config.outputs {
            outputs.push(output.name.as_str());
        }
        for filter in &config.filters {
            for condition in &filter.conditions {
                match condition {
                    Condition::Label(wanted) => self.known(wanted, &labels, LABEL),
                    Condition::Outputs(wanted) => self.known(wanted, &outputs, OUTPUT),
                    _ => {}
                }
            }
        }
    }

    #[inline(never)]
    fn known(&mut self, wanted: &[Located<String>], names: &[&str], table: &str) {
        for name in wanted {
            if !names.contains(&name.value.as_str()) {
                let pos = Pos { line: name.place.line, column: name.place.column };
                let (name, meant) = (quoted(&name.value), did_you_mean(&name.value, names));
                self.problem(pos, format_args!("no [[{table}]] has the name {name}{meant}"));
            }
        }
    }

    /// Text that is not empty.
    fn member(&mut self, table: Table<'_>, key: &str, node: &Node, wanted: &str) -> Option<String> {
        match &node.value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => self.not(table, key, wanted, node),
        }
    }

    /// Reports a value; None, for the caller to give on.
    fn not<T>(&mut self, table: Table<'_>, key: &str, wanted: &str, node: &Node) -> Option<T> {
        let given = match &node.value {
            Value::String(text) if text.is_empty() => "an empty string",
            Value::String(text) => &quoted(text),
            Value::Integer(number) => &number.written,
            other => other.kind(),
        };
        self.must(table, key, node.pos, wanted, given);
        None
    }

    #[inline(never)]
    fn record_type(&mut self, table: Table<'_>, node: &Node) -> Option<u16> {
        match &node.value {
            Value::String(name) => {
                let given = record_type_number(name);
                if given.is_none() {
                    let near = did_you_mean(name, &record_type_names());
                    let near = if near.is_empty() { "; give its number if it is a new one" } else { &near };
                    self.problem(node.pos, format_args!("unknown record type {}{near}", quoted(name)));
                }
                return given;
            }
            Value::Integer(number) => {
                if let Some(number) = number.value.and_then(|value| u16::try_from(value).ok()) {
                    return Some(number);
                }
            }
            _ => {}
        }
        self.not(table, "type", "a record type's name, or its number up to 65535", node)
    }

    #[inline(never)]
    fn syscall(&mut self, table: Table<'_>, node: &Node) -> Option<Syscall> {
        let wanted = match &node.value {
            Value::String(name) if name == NONE => return Some(Syscall::None),
            Value::String(name) if Machine::ALL.iter().any(|m| m.syscall_number(name).is_some()) => {
                return Some(Syscall::Name(name.to_ascii_lowercase()));
            }
            // go-audit's configs have the number as text.
            Value::String(text) if is_digits(text) => {
                if let Ok(number) = text.parse() {
                    return Some(Syscall::Number(number));
                }
                "a system call"
            }
            Value::String(name) => {
                let mut names = Vec::new();
                for machine in Machine::ALL {
                    names.append(&mut machine.syscall_names());
                }
                let (near, name) = (did_you_mean(name, &names), quoted(name));
                self.problem(node.pos, format_args!("unknown system call {name}{near}"));
                return None;
            }
            Value::Integer(number) => {
                if let Some(number) = number.value.and_then(|value| u32::try_from(value).ok()) {
                    return Some(Syscall::Number(number));
                }
                "a system call's name or number"
            }
            _ => "a system call's name or number, or \"none\"",
        };
        self.not(table, "syscall", wanted, node)
    }

    #[inline(never)]
    fn user(&mut self, table: Table<'_>, key: &str, node: &Node) -> Option<String> {
        let or_unset = key == "auid";
        match &node.value {
            Value::String(name) if !name.is_empty() && (or_unset || name != UNSET) => {
                return Some(name.clone());
            }
            Value::Integer(number) => {
                let id = number.value.and_then(|value| u32::try_from(value).ok());
                if let Some(id) = id.filter(|id| *id != u32::MAX) {
                    return Some(id.to_string());
                }
            }
            _ => {}
        }
        let wanted =
            if or_unset { "a user's name or number, or \"unset\"" } else { "a user's name or number" };
        self.not(table, key, wanted, node)
    }

    #[inline(never)]
    fn network(&mut self, table: Table<'_>, node: &Node) -> Option<Network> {
        let Value::String(text) = &node.value else {
            return self.not(table, "address", "an address or a network, such as \"10.0.0.0/8\"", node);
        };
        match Network::parse(text) {
            Ok(network) => Some(network),
            Err(why) => {
                self.problem(node.pos, format_args!("\"filter.address\": {} {why}", quoted(text)));
                None
            }
        }
    }

    #[inline(never)]
    fn port(&mut self, table: Table<'_>, node: &Node) -> Option<(u16, u16)> {
        let range = match &node.value {
            Value::Integer(number) => {
                number.value.and_then(|value| u16::try_from(value).ok()).map(|port| (port, port))
            }
            Value::String(text) => {
                let (low, high) = text.split_once('-').unwrap_or((text, text));
                low.parse().ok().zip(high.parse().ok()).filter(|(low, high)| low <= high)
            }
            _ => None,
        };
        let wanted = "a port from 0 to 65535 or a range such as \"8000-8100\"";
        range.or_else(|| self.not(table, "port", wanted, node))
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes the tables as TOML.
pub(super) fn show(text: &mut String, filters: &[Filter]) {
    for filter in filters {
        text.push_str("\n[[filter]]\n");
        if let Some(name) = &filter.name {
            pair(text, "name", name);
        }
        keys(text, &ACTION, &[filter.action as u64]);
        for condition in &filter.conditions {
            let (key, values) = condition.shown();
            values.give(text, key, true);
        }
    }
}
