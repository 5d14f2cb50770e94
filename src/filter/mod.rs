//! Which events are written: the `[[filter]]` tables made ready. The writer asks for each event, after the
//! context has learnt from it and before anything is looked up or written for it alone. Filters are asked in
//! the config's order; the first that drops or keeps decides, and each counts its hits.

mod glob;

use crate::config::{self, Action, Condition, Located, Problem, Syscall, id_in};
use crate::enrich::context::Found;
use crate::enrich::labels::has_key;
use crate::enrich::regex::Regex;
use crate::event::Event;
use crate::event::facts::Facts;
use crate::stats::{Counter, Stats};
use crate::wire::fields::{self, Value};
use crate::wire::record::RecordType;
use crate::wire::sockaddr::{self, Address};
use crate::wire::tables::Machine;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// What a regex is tried on of each record, in bytes: all of it, since no longer one is kept.
const TRIED: usize = 16 * 1024;
/// The longest decoded path that a glob is tried on (PATH_MAX, linux/limits.h), and room for an event's keys.
const DECODED: usize = 4096;
/// A user that is not set.
const UNSET: u32 = u32::MAX;

/// All filters.
pub struct Filters {
    rules: Vec<Rule>,
    /// All outputs, a bit each.
    all: u64,
    stats: Arc<Stats>,
    keys: Vec<u8>,
    space: Vec<u8>,
    text: String,
}

struct Rule {
    action: Action,
    /// The outputs that it decides for, a bit each.
    outputs: u64,
    tests: Vec<Test>,
}

/// A condition, as it is tried.
enum Test {
    Plain(Condition),
    Syscall(Calls),
    Uid(Vec<u32>),
    Auid(Vec<u32>),
    /// Tried on the records of these types; of all types if there are none.
    Regex(Regex, Vec<u16>),
}

/// System calls.
#[derive(Default)]
struct Calls {
    /// No system call is one of them.
    none: bool,
    /// Numbers, on every arch.
    numbers: Vec<u32>,
    /// AUDIT_ARCH_* and the number there, of calls that have names.
    named: Vec<(u32, u32)>,
}

impl Calls {
    fn of(calls: &[Syscall]) -> Self {
        let mut made = Self::default();
        for call in calls {
            match call {
                Syscall::None => made.none = true,
                Syscall::Number(number) => made.numbers.push(*number),
                Syscall::Name(name) => {
                    let on =
                        |machine: Machine| Some((machine.audit_arch(), machine.syscall_number(name)?.into()));
                    made.named.extend(Machine::ALL.into_iter().filter_map(on));
                }
            }
        }
        made
    }

    fn have(&self, facts: &Facts<'_>) -> bool {
        match (facts.arch, facts.syscall) {
            _ if !facts.is_syscall => self.none,
            (_, Some(number)) if self.numbers.contains(&number) => true,
            (Some(arch), Some(number)) => self.named.contains(&(arch, number)),
            _ => false,
        }
    }
}

/// What is wrong with the filters on this system, each with its place: regexes that are none, and users that
/// are in no `passwd` (the text of /etc/passwd).
pub fn check(filters: &[config::Filter], passwd: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for condition in filters.iter().flat_map(|filter| &filter.conditions) {
        match condition {
            Condition::Regex(regex) => {
                let message = Regex::new(&regex.value).err();
                problems.extend(message.map(|message| Problem { place: regex.place.clone(), message }));
            }
            Condition::Uid(users) | Condition::Auid(users) => {
                let unknown = users.iter().filter(|user| id(&user.value, passwd).is_none());
                problems.extend(unknown.map(|user| Problem {
                    place: user.place.clone(),
                    message: format!(
                        "unknown user {}: not in /etc/passwd; give its number if it is kept elsewhere",
                        config::quoted(&user.value)
                    ),
                }));
            }
            _ => {}
        }
    }
    problems
}

/// Each filter's hits so far, in words: `"cron" dropped 12, filter 2 kept 3`. `None` without filters.
pub fn hits(filters: &[config::Filter], stats: &Stats) -> Option<String> {
    let words = |(number, (filter, hits)): (usize, (&config::Filter, &Counter))| {
        let done = match filter.action {
            Action::Drop => "dropped",
            Action::Keep => "kept",
            Action::Count => "counted",
        };
        let name = filter.name.as_deref().map(config::quoted);
        format!("{} {done} {}", name.unwrap_or_else(|| format!("filter {}", number + 1)), hits.get())
    };
    let all: Vec<String> = filters.iter().zip(stats.filters.each()).enumerate().map(words).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// A filter's count is another one's now: those that are called the same keep theirs, and the others begin with 0.
#[cfg(feature = "reload")]
pub fn follow(before: &[String], filters: &[config::Filter], stats: &Stats) {
    let counts: Vec<u64> = stats.filters.each().map(Counter::get).collect();
    let names = names(filters);
    for (at, counter) in stats.filters.each().enumerate() {
        let name = names.get(at);
        let old = before.iter().position(|before| Some(before) == name);
        counter.set(old.and_then(|old| counts.get(old)).copied().unwrap_or_default());
    }
}

/// What the counters call each filter: its name, or its number.
#[cfg(feature = "reload")]
pub fn names(filters: &[config::Filter]) -> Vec<String> {
    let name =
        |(at, filter): (usize, &config::Filter)| filter.name.clone().unwrap_or_else(|| format!("{}", at + 1));
    filters.iter().enumerate().map(name).collect()
}

fn id(user: &str, passwd: &str) -> Option<u32> {
    if user == "unset" { Some(UNSET) } else { id_in(passwd, user) }
}

impl Filters {
    /// Allocates all that it will need. Users are those of `passwd`, outputs are numbered as in `outputs`.
    ///
    /// Errors: InvalidInput for what [`check`] finds.
    pub fn new(
        filters: &[config::Filter],
        outputs: &[config::Output],
        passwd: &str,
        stats: Arc<Stats>,
    ) -> io::Result<Self> {
        let mut rules = Vec::with_capacity(filters.len());
        for filter in filters {
            let (mut types, mut mask) = (Vec::new(), u64::MAX);
            let mut tests = Vec::with_capacity(filter.conditions.len());
            for condition in &filter.conditions {
                tests.push(match condition {
                    Condition::Uid(users) => Test::Uid(ids(users, passwd)?),
                    Condition::Auid(users) => Test::Auid(ids(users, passwd)?),
                    Condition::Regex(regex) => {
                        let regex = Regex::new(&regex.value).map_err(invalid)?;
                        Test::Regex(regex, std::mem::take(&mut types))
                    }
                    Condition::Syscall(calls) => Test::Syscall(Calls::of(calls)),
                    Condition::Outputs(wanted) => {
                        mask = bits(outputs, wanted);
                        continue;
                    }
                    Condition::Type(given) => {
                        types.clone_from(given);
                        Test::Plain(condition.clone())
                    }
                    other => Test::Plain(other.clone()),
                });
            }
            rules.push(Rule { action: filter.action, outputs: mask, tests });
        }
        let room = |bytes: usize| if rules.is_empty() { 0 } else { bytes };
        // A byte that is no UTF-8 becomes U+FFFD, three bytes.
        let (keys, space) = (Vec::with_capacity(room(DECODED)), vec![0; room(DECODED)]);
        let text = String::with_capacity(room(3 * TRIED));
        let all = outputs.iter().fold(0, |all, _| all << 1 | 1).max(1);
        Ok(Self { rules, all, stats, keys, space, text })
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The outputs that an event is kept from, a bit each: all ones, and it is not written at all. `found` is what
    /// the context knows of it.
    pub fn kept_from(&mut self, event: &Event<'_>, facts: &Facts<'_>, found: Option<&Found<'_>>) -> u64 {
        let mut tried = Tried { keys: &mut self.keys, space: &mut self.space, text: &mut self.text };
        // For the others it is decided already.
        let (mut open, mut kept) = (self.all, 0);
        for (rule, hits) in self.rules.iter().zip(self.stats.filters.each()) {
            let asked = open & rule.outputs;
            if asked == 0 || !rule.tests.iter().all(|test| tried.fits(test, event, facts, found)) {
                continue;
            }
            hits.add(1);
            match rule.action {
                Action::Drop => kept |= asked,
                Action::Keep => {}
                Action::Count => continue,
            }
            open &= !asked;
            if open == 0 {
                break;
            }
        }
        if kept == self.all { u64::MAX } else { kept }
    }
}

/// A bit for each of these names.
fn bits(outputs: &[config::Output], wanted: &[Located<String>]) -> u64 {
    let is_wanted = |output: &config::Output| wanted.iter().any(|name| name.value == output.name);
    outputs.iter().enumerate().filter(|(_, output)| is_wanted(output)).fold(0, |bits, (at, _)| bits | 1 << at)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn ids(users: &[Located<String>], passwd: &str) -> io::Result<Vec<u32>> {
    users
        .iter()
        .map(|user| id(&user.value, passwd).ok_or_else(|| invalid(format!("no user {}", user.value))))
        .collect()
}

/// The space that tests need.
struct Tried<'a> {
    keys: &'a mut Vec<u8>,
    space: &'a mut Vec<u8>,
    text: &'a mut String,
}

impl Tried<'_> {
    fn fits(&mut self, test: &Test, event: &Event<'_>, facts: &Facts<'_>, found: Option<&Found<'_>>) -> bool {
        match test {
            Test::Uid(ids) => facts.uid.is_some_and(|uid| ids.contains(&uid)),
            Test::Auid(ids) => facts.auid.is_some_and(|auid| ids.contains(&auid)),
            Test::Regex(regex, types) => event
                .records
                .filter(|record| types.is_empty() || types.contains(&record.kind.0))
                .any(|record| regex.hits(record.fields, TRIED, self.text)),
            Test::Syscall(calls) => calls.have(facts),
            Test::Plain(condition) => self.plain(condition, event, facts, found),
        }
    }

    fn plain(
        &mut self,
        condition: &Condition,
        event: &Event<'_>,
        facts: &Facts<'_>,
        found: Option<&Found<'_>>,
    ) -> bool {
        match condition {
            Condition::All => true,
            Condition::Type(types) => event.records.into_iter().any(|record| types.contains(&record.kind.0)),
            Condition::Key(keys) => match facts.key {
                Some(value) => self.key(value, keys),
                None => self.key_of_a_change(event, keys),
            },
            Condition::Exe(globs) => self.glob(facts.exe, globs),
            Condition::Comm(globs) => self.glob(facts.comm, globs),
            Condition::Success(success) => facts.success == Some(*success),
            Condition::Address(networks) => {
                self.any_address(event, |address, _| networks.iter().any(|network| network.holds(address)))
            }
            Condition::Port(ranges) => self.any_address(event, |_, port| {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&port))
            }),
            Condition::Label(names) => found.is_some_and(|found| {
                found.labels().any(|label| names.iter().any(|name| name.value == label))
            }),
            Condition::First(first) => found.is_some_and(|found| found.first == *first),
            // These are tests of their own.
            Condition::Syscall(_)
            | Condition::Uid(_)
            | Condition::Auid(_)
            | Condition::Regex(_)
            | Condition::Outputs(_) => false,
        }
    }

    fn key(&mut self, value: Value<'_>, keys: &[String]) -> bool {
        keys.iter().any(|key| has_key(value, key.as_bytes(), self.keys))
    }

    /// Whether the event tells of a rule with such a key that came or went. Where auditing was on when the process
    /// that did it began, a SYSCALL record without a key of its own is with it.
    fn key_of_a_change(&mut self, event: &Event<'_>, keys: &[String]) -> bool {
        event.records.filter(|record| record.kind == RecordType::CONFIG_CHANGE).any(|record| {
            fields::items(record.fields).fields().any(|(name, value)| name == b"key" && self.key(value, keys))
        })
    }

    fn glob(&mut self, value: Option<Value<'_>>, globs: &[String]) -> bool {
        let text = value.and_then(|value| value.decode(self.space));
        text.is_some_and(|text| globs.iter().any(|glob| glob::fits(glob.as_bytes(), text)))
    }

    /// Whether an IP address and its port of one of the event's SOCKADDR records are such.
    fn any_address(&mut self, event: &Event<'_>, is: impl Fn(IpAddr, u16) -> bool) -> bool {
        event.records.filter(|record| record.kind == RecordType::SOCKADDR).any(|record| {
            let saddr = fields::items(record.fields).fields().find(|(key, _)| *key == b"saddr");
            let bytes = saddr.and_then(|(_, value)| value.decode(self.space));
            match bytes.and_then(sockaddr::parse) {
                Some(Address::Inet { addr, port }) => is(addr.into(), port),
                Some(Address::Inet6 { addr, port, .. }) => is(addr.into(), port),
                _ => false,
            }
        })
    }
}

#[cfg(test)]
mod tests;
