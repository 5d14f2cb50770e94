//! Single values of a table, each read into the plain data or reported. A key whose value is one
//! number, a switch or a word stands in a table of [`Key`]s, which is read and shown by one loop.

use std::fmt::Arguments;

use super::node::{Entry, Node, Pos, Value};
use super::suggest::{did_you_mean, listed, quoted};
use super::{Located, Place};

/// A table in the hands of the walker.
#[derive(Clone, Copy)]
pub(super) struct Table<'t> {
    pub(super) name: &'t str,
    pub(super) pos: Pos,
    pub(super) entries: &'t [Entry],
}

impl<'t> Table<'t> {
    /// The value of a key; of a key given twice the first.
    pub(super) fn get(&self, key: &str) -> Option<&'t Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Where a key's value begins; where the table does, if it is not there.
    pub(super) fn pos(&self, key: &str) -> Pos {
        self.get(key).map_or(self.pos, |node| node.pos)
    }
}

/// A key whose value is one number: a number itself, 0 or 1 of a switch, a word's place among its words.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether it takes "leave" too, which is [`NONE`].
    pub(super) leave: bool,
}

/// What a [`Key`] takes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A whole number from the lowest to the highest.
    Number(u32, u32),
    /// True or false.
    Switch,
    /// One of these.
    Word(&'static [&'static str]),
    /// One of these, or its number.
    Level(&'static [&'static str]),
}

/// The value of a [`Key`] that is left as it is, or not given; no number of a config is as large.
pub(super) const NONE: u64 = u64::MAX;

/// A key for a number in a range.
pub(super) const fn number(name: &'static str, low: u32, high: u32) -> Key {
    Key { name, kind: Kind::Number(low, high), leave: false }
}

/// A key for true or false.
pub(super) const fn switch(name: &'static str) -> Key {
    Key { name, kind: Kind::Switch, leave: false }
}

/// A key for one of some words.
pub(super) const fn word(name: &'static str, words: &'static [&'static str]) -> Key {
    Key { name, kind: Kind::Word(words), leave: false }
}

impl Key {
    pub(super) const fn or_leave(self) -> Self {
        Self { leave: true, ..self }
    }
}

/// A value as a number of 32 bits, which any of [`Kind::Number`] is.
pub(super) fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

/// The value at a word's place.
pub(super) fn pick<T: Copy + Default>(all: &[T], at: u64) -> T {
    usize::try_from(at).ok().and_then(|at| all.get(at)).copied().unwrap_or_default()
}

/// The file's name and what was found wrong in it.
pub(super) struct Walker<'f> {
    pub(super) file: &'f str,
    pub(super) found: Vec<(Pos, String)>,
}

/// Other words for a level: those of syslog(3) that mean one of RFC 5424's.
const ALIASES: [(&str, &str); 4] =
    [("panic", "emerg"), ("error", "err"), ("warn", "warning"), ("security", "auth")];

impl Walker<'_> {
    #[inline(never)]
    pub(super) fn place(&self, pos: Pos) -> Place {
        Place { file: self.file.to_owned(), line: pos.line, column: pos.column }
    }

    // Kept out of its many callers, and the text is made here alone: nothing of it is on a hot path.
    #[cold]
    #[inline(never)]
    pub(super) fn problem(&mut self, pos: Pos, message: Arguments<'_>) {
        self.found.push((pos, message.to_string()));
    }

    /// `"kernel.verify_s" must be from 30 to 86400, not 7`
    #[inline(never)]
    pub(super) fn must(&mut self, table: Table<'_>, key: &str, pos: Pos, wanted: &str, found: &str) {
        self.problem(pos, format_args!("\"{}.{key}\" must be {wanted}, not {found}", table.name));
    }

    /// `"kernel.verify_s" must be a whole number, not a string`
    pub(super) fn wrong(&mut self, table: Table<'_>, key: &str, wanted: &str, node: &Node) {
        self.must(table, key, node.pos, wanted, node.value.kind());
    }

    /// A key that is there, and should not be so; `why` is the whole message.
    #[inline(never)]
    pub(super) fn refuse(&mut self, table: Table<'_>, key: &str, why: &str) {
        if let Some(node) = table.get(key) {
            self.problem(node.pos, format_args!("{why}"));
        }
    }

    /// The entries of a table, and its unknown and repeated keys.
    #[inline(never)]
    pub(super) fn table<'n>(&mut self, name: &'n str, node: &'n Node, keys: &[&str]) -> Option<Table<'n>> {
        let Value::Table(entries) = &node.value else { return None };
        self.repeated(entries, keys);
        for entry in entries {
            if !keys.contains(&entry.key.as_str()) {
                self.unknown(entry, name, keys);
            }
        }
        Some(Table { name, pos: node.pos, entries })
    }

    /// The tables of a list such as `[[label]]`. What is none is reported, and so is what is beyond
    /// the `most`, with `instead` for what to do.
    pub(super) fn tables<'n>(
        &mut self,
        node: &'n Node,
        name: &str,
        most: usize,
        instead: &str,
    ) -> &'n [Node] {
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            Value::Table(_) => {
                let message = format_args!("\"{name}\" is a list of {name}s; write [[{name}]], not [{name}]");
                self.problem(node.pos, message);
                return std::slice::from_ref(node);
            }
            other => {
                let kind = other.kind();
                let message =
                    format_args!("\"{name}\" must be a list of tables, each under [[{name}]], not {kind}");
                self.problem(node.pos, message);
                return &[];
            }
        };
        let article = if name.starts_with('o') { "an" } else { "a" };
        for node in nodes {
            if !matches!(node.value, Value::Table(_)) {
                let kind = node.value.kind();
                let message = format_args!("{article} {name} must be a table under [[{name}]], not {kind}");
                self.problem(node.pos, message);
            }
        }
        if let Some(beyond) = nodes.get(most) {
            self.problem(beyond.pos, format_args!("more than {most} [[{name}]] tables{instead}"));
        }
        nodes
    }

    /// `name`, of at most 64 bytes.
    pub(super) fn short_name(&mut self, table: Table<'_>) -> Option<String> {
        const MOST: usize = 64;
        let name = self.text(table, "name", "text")?;
        if name.len() > MOST {
            let (kind, len) = (table.name, name.len());
            let message = format_args!("\"{kind}.name\" must have at most {MOST} bytes, not {len}");
            self.problem(table.pos("name"), message);
        }
        Some(name.to_owned())
    }

    /// Reads those of the keys that are there into their values.
    pub(super) fn plain(&mut self, table: Table<'_>, keys: &[Key], values: &mut [u64]) {
        for (key, into) in keys.iter().zip(values) {
            if let Some(node) = table.get(key.name)
                && let Some(value) = self.value(table, key, node)
            {
                *into = value;
            }
        }
    }

    #[inline(never)]
    fn value(&mut self, table: Table<'_>, key: &Key, node: &Node) -> Option<u64> {
        let (low, high, mut wanted) = match key.kind {
            Kind::Word(words) => return self.word(table, key.name, words),
            Kind::Level(names) => (0, u32::try_from(names.len()).unwrap_or_default().saturating_sub(1), ""),
            Kind::Switch if key.leave => (1, 0, "true, false or \"leave\""),
            Kind::Switch => (1, 0, "true or false"),
            Kind::Number(low, high) if key.leave => (low, high, "a whole number or \"leave\""),
            Kind::Number(low, high) => (low, high, "a whole number"),
        };
        let range;
        if let Kind::Level(_) = key.kind {
            range = format!("a name or 0 to {high}");
            wanted = &range;
        } else if matches!(node.value, Value::Integer(_)) && low <= high {
            range = format!("from {low} to {high}{}", if key.leave { " or \"leave\"" } else { "" });
            wanted = &range;
        }
        match (&node.value, key.kind) {
            (Value::Bool(on), Kind::Switch) => return Some((*on).into()),
            (Value::Integer(integer), Kind::Number(..) | Kind::Level(_)) => {
                let number = integer.value.and_then(|value| u32::try_from(value).ok());
                if let Some(number) = number.filter(|number| (low..=high).contains(number)) {
                    return Some(number.into());
                }
                self.must(table, key.name, node.pos, wanted, &integer.written);
            }
            (Value::String(word), Kind::Level(names)) => {
                let alias = ALIASES.iter().find(|(alias, _)| alias == word);
                let name = alias.map_or(word.as_str(), |(_, name)| name);
                return self.choose(&subject(table, key.name), node, name, names);
            }
            (Value::String(word), _) if key.leave => {
                if word == "leave" {
                    return Some(NONE);
                }
                match did_you_mean(word, &["leave"]) {
                    near if near.is_empty() => self.wrong(table, key.name, wanted, node),
                    near => self.must(table, key.name, node.pos, wanted, &(quoted(word) + &near)),
                }
            }
            _ => self.wrong(table, key.name, wanted, node),
        }
        None
    }

    /// Which of the words a key holds.
    pub(super) fn word(&mut self, table: Table<'_>, key: &str, words: &[&str]) -> Option<u64> {
        self.choice(&subject(table, key), table.get(key)?, words)
    }

    /// Which of the words a node holds; `subject` is what the message says of it.
    pub(super) fn choice(&mut self, subject: &str, node: &Node, words: &[&str]) -> Option<u64> {
        if let Value::String(word) = &node.value {
            return self.choose(subject, node, word, words);
        }
        let message = format_args!("{subject} must be {}, not {}", listed(words, "or"), node.value.kind());
        self.problem(node.pos, message);
        None
    }

    fn choose(&mut self, subject: &str, node: &Node, word: &str, words: &[&str]) -> Option<u64> {
        let at = words.iter().position(|choice| *choice == word);
        if at.is_none() {
            let (wanted, meant, quoted) = (listed(words, "or"), did_you_mean(word, words), quoted(word));
            self.problem(node.pos, format_args!("{subject} must be {wanted}, not {quoted}{meant}"));
        }
        at.and_then(|at| u64::try_from(at).ok())
    }

    /// Text that is not empty and can be given to the system.
    #[inline(never)]
    pub(super) fn text<'n>(&mut self, table: Table<'n>, key: &str, wanted: &str) -> Option<&'n str> {
        let node = table.get(key)?;
        let Value::String(text) = &node.value else {
            self.wrong(table, key, wanted, node);
            return None;
        };
        let fault = if text.is_empty() {
            "is empty"
        } else if text.contains('\0') {
            "holds a NUL character"
        } else {
            return Some(text);
        };
        self.problem(node.pos, format_args!("\"{}.{key}\" {fault}; it must be {wanted}", table.name));
        None
    }

    /// The same with its place.
    #[inline(never)]
    pub(super) fn located(&mut self, table: Table<'_>, key: &str, wanted: &str) -> Option<Located<String>> {
        let value = self.text(table, key, wanted)?.to_owned();
        Some(Located { place: self.place(table.pos(key)), value })
    }

    /// The values of a list, if it is one.
    #[inline(never)]
    pub(super) fn list<'n>(&mut self, table: Table<'n>, key: &str, wanted: &str) -> Option<&'n [Node]> {
        let node = table.get(key)?;
        if let Value::List(nodes) = &node.value {
            return Some(nodes);
        }
        self.wrong(table, key, wanted, node);
        None
    }

    /// Gives each string of a list to `take`, with its place; what is none is reported. `each` is what
    /// the message calls one.
    #[inline(never)]
    pub(super) fn strings(
        &mut self,
        table: Table<'_>,
        key: &str,
        each: &str,
        nodes: &[Node],
        take: &mut dyn FnMut(&mut Self, Pos, &str),
    ) {
        for node in nodes {
            if let Value::String(text) = &node.value {
                take(self, node.pos, text);
            } else {
                let (table, kind) = (table.name, node.value.kind());
                let message = format_args!("{each} of \"{table}.{key}\" must be a string, not {kind}");
                self.problem(node.pos, message);
            }
        }
    }
}

/// What a message calls a key's value.
fn subject(table: Table<'_>, key: &str) -> String {
    ["\"", table.name, ".", key, "\""].concat()
}
