//! The `[[filter]]` tables: which events are written, dropped or only counted.

use std::fmt::{self, Write};
use std::net::IpAddr;

use super::keys::{FILTER, FILTER_KEYS, LABEL, OUTPUT};
use super::node::{Node, Value};
use super::show::string;
use super::suggest::{did_you_mean, listed, quoted};
use super::values::{Table, Walker};
use super::walk::label;
use super::{Config, Located, Place};
use crate::wire::tables::{Machine, record_type_name, record_type_names, record_type_number};

/// The most `[[filter]]` tables: each has a counter.
pub const MAX_FILTERS: usize = 64;

/// The longest name of a filter, in bytes.
const MAX_NAME: usize = 64;
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

/// A network: an address, and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The bits behind the prefix are 0.
    pub address: IpAddr,
    /// 0 to 32 or 128.
    pub prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fe80::/10` or a single address. Errors: what is wrong, for behind the text.
    fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err("is no address or network, such as \"10.0.0.0/8\" or \"fe80::/10\"".to_owned());
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let digits = prefix.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let prefix = match (prefix, digits.and_then(|text| text.parse::<u8>().ok())) {
            (None, _) => longest,
            (_, Some(prefix)) if prefix <= longest => prefix,
            _ => return Err(format!("must have a prefix from 0 to {longest} behind its /")),
        };
        let network = Self { address, prefix };
        let whole = network.masked();
        if whole == network {
            Ok(whole)
        } else {
            Err(format!("has bits behind its prefix; write \"{whole}\""))
        }
    }

    /// Without the bits behind the prefix.
    fn masked(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4((address.to_bits() & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((address.to_bits() & mask).into())
            }
        };
        Self { address, ..self }
    }

    /// Whether it holds an address. An IPv4 address in IPv6 (`::ffff:10.0.0.1`) is the IPv4 address to it.
    #[must_use]
    pub fn holds(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && Self { address, ..self }.masked().address == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Walker<'_> {
    /// All filters.
    pub(super) fn filters(&mut self, node: &Node) -> Vec<Filter> {
        let nodes = self.tables(node, FILTER, "filter");
        if let Some(beyond) = nodes.get(MAX_FILTERS) {
            self.problem(
                beyond.pos,
                format!("more than {MAX_FILTERS} [[filter]] tables; join some by lists"),
            );
        }
        let mut filters = Vec::new();
        for node in nodes {
            let Value::Table(entries) = &node.value else { continue };
            filters.push(self.filter(Table { name: FILTER, pos: node.pos, entries }));
        }
        filters
    }

    fn filter(&mut self, table: Table<'_>) -> Filter {
        let before = self.found.len();
        self.repeated(table.entries, &FILTER_KEYS);
        for entry in table.entries.iter().filter(|entry| !FILTER_KEYS.contains(&entry.key.as_str())) {
            self.unknown(entry, &label(FILTER), &FILTER_KEYS);
        }
        let name = self.text(table, "name", "text");
        if let Some(name) = name.as_ref().filter(|name| name.value.len() > MAX_NAME) {
            let len = name.value.len();
            let pos = table.get("name").map_or(table.pos, |node| node.pos);
            self.problem(pos, format!("\"filter.name\" must have at most {MAX_NAME} bytes, not {len}"));
        }
        let mut action = Action::default();
        self.choice(table, "action", &Action::ALL.map(|action| (action.name(), action)), &mut action);
        let conditions = FILTER_KEYS.iter().filter_map(|key| self.condition(table, key)).collect::<Vec<_>>();
        let is_bare = conditions.iter().all(|condition| matches!(condition, Condition::Outputs(_)));
        if is_bare && self.found.len() == before {
            let keys = FILTER_KEYS.get(3..).unwrap_or_default();
            let keys = listed(keys, "and");
            let message =
                format!("[[filter]] needs a condition, one of {keys}; type = \"all\" is every event");
            self.problem(table.pos, message);
        }
        Filter { place: self.place(table.pos), name: name.map(|name| name.value), action, conditions }
    }

    fn condition(&mut self, table: Table<'_>, key: &'static str) -> Option<Condition> {
        let node = table.get(key)?;
        let nodes = match &node.value {
            Value::List(nodes) if nodes.is_empty() => {
                self.problem(node.pos, format!("\"filter.{key}\" is an empty list; leave it out"));
                return None;
            }
            Value::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        Some(match key {
            "type" if matches!(&node.value, Value::String(word) if word == ALL) => Condition::All,
            "type" => Condition::Type(nodes.iter().filter_map(|node| self.record_type(node)).collect()),
            "syscall" => Condition::Syscall(nodes.iter().filter_map(|node| self.syscall(node)).collect()),
            "key" => {
                Condition::Key(self.texts(key, nodes, "a key of a rule").map(|text| text.value).collect())
            }
            "uid" => Condition::Uid(nodes.iter().filter_map(|node| self.user(key, node)).collect()),
            "auid" => Condition::Auid(nodes.iter().filter_map(|node| self.user(key, node)).collect()),
            "exe" => Condition::Exe(self.texts(key, nodes, "a glob").map(|text| text.value).collect()),
            "comm" => Condition::Comm(self.texts(key, nodes, "a glob").map(|text| text.value).collect()),
            "address" => Condition::Address(nodes.iter().filter_map(|node| self.network(node)).collect()),
            "port" => Condition::Port(nodes.iter().filter_map(|node| self.port(node)).collect()),
            "outputs" => Condition::Outputs(self.texts(key, nodes, "the name of an [[output]]").collect()),
            "label" => Condition::Label(self.texts(key, nodes, "the name of a [[label]]").collect()),
            "regex" => Condition::Regex(self.text(table, key, "a regex")?),
            "success" | "first_of_process" => {
                let mut on = false;
                self.bool(table, key, &mut on);
                if key == "success" { Condition::Success(on) } else { Condition::First(on) }
            }
            _ => return None,
        })
    }

    /// Labels that no `[[label]]` gives, and outputs that no `[[output]]` is.
    pub(super) fn filters_names(&mut self, config: &Config) {
        let labels: Vec<&str> = config.labels.iter().map(|label| label.name.as_str()).collect();
        let outputs: Vec<&str> = config.outputs.iter().map(|output| output.name.as_str()).collect();
        for condition in config.filters.iter().flat_map(|filter| &filter.conditions) {
            let (wanted, names, table) = match condition {
                Condition::Label(wanted) => (wanted, &labels, LABEL),
                Condition::Outputs(wanted) => (wanted, &outputs, OUTPUT),
                _ => continue,
            };
            for name in wanted.iter().filter(|name| !names.contains(&name.value.as_str())) {
                let meant = did_you_mean(&name.value, names);
                let message = format!("no [[{table}]] has the name {}", quoted(&name.value));
                let pos = super::node::Pos { line: name.place.line, column: name.place.column };
                self.problem(pos, message + &meant);
            }
        }
    }

    fn texts(&mut self, key: &str, nodes: &[Node], wanted: &str) -> std::vec::IntoIter<Located<String>> {
        let mut texts = Vec::new();
        for node in nodes {
            match &node.value {
                Value::String(text) if !text.is_empty() => {
                    texts.push(Located { place: self.place(node.pos), value: text.clone() });
                }
                other => self.not(key, wanted, node, other),
            }
        }
        texts.into_iter()
    }

    fn not(&mut self, key: &str, wanted: &str, node: &Node, value: &Value) {
        let given = match value {
            Value::String(text) if text.is_empty() => "an empty string".to_owned(),
            Value::String(text) => quoted(text),
            Value::Integer(number) => number.written.clone(),
            other => other.kind().to_owned(),
        };
        self.problem(node.pos, format!("\"filter.{key}\" must be {wanted}, not {given}"));
    }

    fn record_type(&mut self, node: &Node) -> Option<u16> {
        let given = match &node.value {
            Value::String(name) => record_type_number(name),
            Value::Integer(number) => number.value.and_then(|value| u16::try_from(value).ok()),
            _ => None,
        };
        if given.is_none() {
            match &node.value {
                Value::String(name) => {
                    let near = did_you_mean(name, &record_type_names());
                    let near = if near.is_empty() { "; give its number if it is a new one" } else { &near };
                    self.problem(node.pos, format!("unknown record type {}{near}", quoted(name)));
                }
                other => self.not("type", "a record type's name, or its number up to 65535", node, other),
            }
        }
        given
    }

    fn syscall(&mut self, node: &Node) -> Option<Syscall> {
        match &node.value {
            Value::String(name) if name == NONE => return Some(Syscall::None),
            Value::String(name) if Machine::ALL.iter().any(|m| m.syscall_number(name).is_some()) => {
                return Some(Syscall::Name(name.to_ascii_lowercase()));
            }
            // go-audit's configs have the number as text.
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => {
                if let Ok(number) = text.parse() {
                    return Some(Syscall::Number(number));
                }
                self.not("syscall", "a system call", node, &node.value);
            }
            Value::String(name) => {
                let names: Vec<&str> = Machine::ALL.iter().flat_map(|m| m.syscall_names()).collect();
                let near = did_you_mean(name, &names);
                self.problem(node.pos, format!("unknown system call {}{near}", quoted(name)));
            }
            Value::Integer(number) => match number.value.and_then(|value| u32::try_from(value).ok()) {
                Some(number) => return Some(Syscall::Number(number)),
                None => self.not("syscall", "a system call's name or number", node, &node.value),
            },
            other => self.not("syscall", "a system call's name or number, or \"none\"", node, other),
        }
        None
    }

    fn user(&mut self, key: &str, node: &Node) -> Option<Located<String>> {
        let given = match &node.value {
            Value::String(name) if !name.is_empty() && (key == "auid" || name != UNSET) => name.clone(),
            Value::Integer(number)
                if number.value.is_some_and(|value| (0..i64::from(u32::MAX)).contains(&value)) =>
            {
                number.value?.to_string()
            }
            other => {
                let or = if key == "auid" { ", or \"unset\"" } else { "" };
                self.not(key, &format!("a user's name or number{or}"), node, other);
                return None;
            }
        };
        Some(Located { place: self.place(node.pos), value: given })
    }

    fn network(&mut self, node: &Node) -> Option<Network> {
        let Value::String(text) = &node.value else {
            self.not("address", "an address or a network, such as \"10.0.0.0/8\"", node, &node.value);
            return None;
        };
        Network::parse(text)
            .map_err(|why| self.problem(node.pos, format!("\"filter.address\": {} {why}", quoted(text))))
            .ok()
    }

    fn port(&mut self, node: &Node) -> Option<(u16, u16)> {
        let number = |text: &str| text.parse::<u16>().ok();
        let range = match &node.value {
            Value::Integer(number) => {
                number.value.and_then(|value| u16::try_from(value).ok()).map(|port| (port, port))
            }
            Value::String(text) => match text.split_once('-') {
                Some((low, high)) => number(low).zip(number(high)).filter(|(low, high)| low <= high),
                None => number(text).map(|port| (port, port)),
            },
            _ => None,
        };
        if range.is_none() {
            self.not("port", "a port from 0 to 65535 or a range such as \"8000-8100\"", node, &node.value);
        }
        range
    }
}

/// Writes the tables as TOML.
pub(super) fn show(text: &mut String, filters: &[Filter]) -> fmt::Result {
    for filter in filters {
        writeln!(text, "\n[[filter]]")?;
        if let Some(name) = &filter.name {
            writeln!(text, "name = {}", string(name))?;
        }
        writeln!(text, "action = {}", string(filter.action.name()))?;
        filter.conditions.iter().try_for_each(|condition| show_condition(text, condition))?;
    }
    Ok(())
}

fn show_condition(text: &mut String, condition: &Condition) -> fmt::Result {
    let located = |texts: &[Located<String>]| texts.iter().map(|text| string(&text.value)).collect();
    let strings = |texts: &[String]| texts.iter().map(|text| string(text)).collect();
    let (key, values): (&str, Vec<String>) = match condition {
        Condition::All => ("type", vec![string(ALL)]),
        Condition::Type(types) => {
            let name = |number: &u16| record_type_name(*number).map_or_else(|| number.to_string(), string);
            ("type", types.iter().map(name).collect())
        }
        Condition::Syscall(calls) => ("syscall", calls.iter().map(show_syscall).collect()),
        Condition::Key(keys) => ("key", strings(keys)),
        Condition::Uid(users) => ("uid", located(users)),
        Condition::Auid(users) => ("auid", located(users)),
        Condition::Exe(globs) => ("exe", strings(globs)),
        Condition::Comm(globs) => ("comm", strings(globs)),
        Condition::Success(on) => ("success", vec![on.to_string()]),
        Condition::Address(networks) => {
            ("address", networks.iter().map(|network| string(&network.to_string())).collect())
        }
        Condition::Port(ranges) => {
            ("port", ranges.iter().map(|(low, high)| string(&format!("{low}-{high}"))).collect())
        }
        Condition::Regex(regex) => ("regex", vec![string(&regex.value)]),
        Condition::Label(names) => ("label", located(names)),
        Condition::Outputs(names) => ("outputs", located(names)),
        Condition::First(on) => ("first_of_process", vec![on.to_string()]),
    };
    match values.as_slice() {
        [one] => writeln!(text, "{key} = {one}"),
        many => writeln!(text, "{key} = [{}]", many.join(", ")),
    }
}

fn show_syscall(syscall: &Syscall) -> String {
    match syscall {
        Syscall::None => string(NONE),
        Syscall::Number(number) => number.to_string(),
        Syscall::Name(name) => string(name),
    }
}
