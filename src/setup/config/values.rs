//! Single values of a table, each read into the plain data or reported: numbers with a range,
//! settings that can be left, choices, text.

use std::ops::RangeInclusive;

use super::node::{Entry, Node, Pos, Value};
use super::suggest::{did_you_mean, listed, quoted};
use super::{Located, Place, Setting};

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
}

/// The file's name and what was found wrong in it.
pub(super) struct Walker<'f> {
    pub(super) file: &'f str,
    pub(super) found: Vec<(Pos, String)>,
}

impl Walker<'_> {
    pub(super) fn place(&self, pos: Pos) -> Place {
        Place { file: self.file.to_owned(), line: pos.line, column: pos.column }
    }

    // Kept out of its many callers: nothing here is on a hot path, and inlined it costs 3 KiB.
    #[cold]
    #[inline(never)]
    pub(super) fn problem(&mut self, pos: Pos, message: String) {
        self.found.push((pos, message));
    }

    /// The tables of a list such as `[[label]]`; `of` is one of them, in words. What is none is reported.
    pub(super) fn tables<'n>(&mut self, node: &'n Node, name: &str, of: &str) -> &'n [Node] {
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            Value::Table(_) => {
                let message = format!("\"{name}\" is a list of {of}s; write [[{name}]], not [{name}]");
                self.problem(node.pos, message);
                return std::slice::from_ref(node);
            }
            other => {
                let message = format!(
                    "\"{name}\" must be a list of tables, each under [[{name}]], not {}",
                    other.kind()
                );
                self.problem(node.pos, message);
                return &[];
            }
        };
        for node in nodes.iter().filter(|node| !matches!(node.value, Value::Table(_))) {
            let article = if of.starts_with('o') { "an" } else { "a" };
            let message =
                format!("{article} {of} must be a table under [[{name}]], not {}", node.value.kind());
            self.problem(node.pos, message);
        }
        nodes
    }

    /// `"kernel.verify_s" must be a whole number, not a string`
    pub(super) fn wrong(&mut self, table: Table<'_>, key: &str, wanted: &str, node: &Node) {
        let message = format!("\"{}.{key}\" must be {wanted}, not {}", table.name, node.value.kind());
        self.problem(node.pos, message);
    }

    /// A whole number in a range.
    pub(super) fn number(&mut self, table: Table<'_>, key: &str, range: RangeInclusive<u32>, into: &mut u32) {
        let Some(node) = table.get(key) else { return };
        if matches!(node.value, Value::Integer(_)) {
            self.in_range(table, key, node, range, "", into);
        } else {
            self.wrong(table, key, "a whole number", node);
        }
    }

    /// A whole number in a range, or "leave".
    pub(super) fn number_or_leave(
        &mut self,
        table: Table<'_>,
        key: &str,
        range: RangeInclusive<u32>,
        into: &mut Setting<u32>,
    ) {
        let Some(node) = table.get(key) else { return };
        if matches!(node.value, Value::Integer(_)) {
            let mut number = 0;
            if self.in_range(table, key, node, range, " or \"leave\"", &mut number) {
                *into = Setting::Set(number);
            }
        } else if self.leave(table, key, "a whole number or \"leave\"", node) {
            *into = Setting::Leave;
        }
    }

    /// True or false.
    pub(super) fn bool(&mut self, table: Table<'_>, key: &str, into: &mut bool) {
        let Some(node) = table.get(key) else { return };
        match node.value {
            Value::Bool(value) => *into = value,
            _ => self.wrong(table, key, "true or false", node),
        }
    }

    /// True, false or "leave".
    pub(super) fn bool_or_leave(&mut self, table: Table<'_>, key: &str, into: &mut Setting<bool>) {
        let Some(node) = table.get(key) else { return };
        if let Value::Bool(value) = node.value {
            *into = Setting::Set(value);
        } else if self.leave(table, key, "true, false or \"leave\"", node) {
            *into = Setting::Leave;
        }
    }

    fn leave(&mut self, table: Table<'_>, key: &str, wanted: &str, node: &Node) -> bool {
        match &node.value {
            Value::String(word) if word == "leave" => return true,
            Value::String(word) if !did_you_mean(word, &["leave"]).is_empty() => {
                let message = format!(
                    "\"{}.{key}\" must be {wanted}, not {}; did you mean \"leave\"?",
                    table.name,
                    quoted(word)
                );
                self.problem(node.pos, message);
            }
            _ => self.wrong(table, key, wanted, node),
        }
        false
    }

    /// Reads an integer node into `into`; `or` is what else the key takes, for the message.
    fn in_range(
        &mut self,
        table: Table<'_>,
        key: &str,
        node: &Node,
        range: RangeInclusive<u32>,
        or: &str,
        into: &mut u32,
    ) -> bool {
        let Value::Integer(integer) = &node.value else { return false };
        let number = integer.value.and_then(|value| u32::try_from(value).ok());
        if let Some(number) = number.filter(|number| range.contains(number)) {
            *into = number;
            return true;
        }
        let (low, high) = (range.start(), range.end());
        let message =
            format!("\"{}.{key}\" must be from {low} to {high}{or}, not {}", table.name, integer.written);
        self.problem(node.pos, message);
        false
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        table: Table<'_>,
        key: &str,
        choices: &[(&str, T)],
        into: &mut T,
    ) {
        let Some(node) = table.get(key) else { return };
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let chosen = self.choose(&format!("\"{}.{key}\"", table.name), node, &words);
        if let Some((_, value)) = chosen.and_then(|at| choices.get(at)) {
            *into = *value;
        }
    }

    /// Which of the words a node holds; `subject` is what the message says of it.
    pub(super) fn choose(&mut self, subject: &str, node: &Node, words: &[&str]) -> Option<usize> {
        let wanted = listed(words, "or");
        let Value::String(word) = &node.value else {
            self.problem(node.pos, format!("{subject} must be {wanted}, not {}", node.value.kind()));
            return None;
        };
        let chosen = words.iter().position(|choice| choice == word);
        if chosen.is_none() {
            let meant = did_you_mean(word, words);
            self.problem(node.pos, format!("{subject} must be {wanted}, not {}{meant}", quoted(word)));
        }
        chosen
    }

    /// Text that is not empty and can be given to the system.
    pub(super) fn text(&mut self, table: Table<'_>, key: &str, wanted: &str) -> Option<Located<String>> {
        let node = table.get(key)?;
        let Value::String(text) = &node.value else {
            self.wrong(table, key, wanted, node);
            return None;
        };
        let fault = match text {
            text if text.is_empty() => "is empty",
            text if text.contains('\0') => "holds a NUL character",
            _ => return Some(Located { place: self.place(node.pos), value: text.clone() }),
        };
        self.problem(node.pos, format!("\"{}.{key}\" {fault}; it must be {wanted}", table.name));
        None
    }
}
