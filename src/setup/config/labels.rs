//! The `[[label]]` tables: names that are put on processes, or taken from them.

use std::fmt::Write;

use super::keys::{LABEL, LABEL_KEYS};
use super::node::{Node, Value};
use super::show::string;
use super::suggest::listed;
use super::values::{Table, Walker};
use super::walk::label;
use super::{Located, Place};

/// The most `[[label]]` tables: a process has one bit for each.
pub const MAX_LABELS: usize = 64;

/// The longest name of a label, in bytes.
const MAX_NAME: usize = 64;

/// What a process is looked at for.
const TESTS: [&str; 4] = ["key", "exe", "argv", "script"];

/// `[[label]]`. Two are equal when they do the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Label {
    /// Where the table stands.
    pub place: Place,
    /// `name`: required.
    pub name: String,
    /// Exactly one of `key`, `exe`, `argv` and `script`.
    pub test: LabelTest,
    /// `action = "set" | "remove"`; true is remove.
    pub remove: bool,
    /// `propagate = false`: whether it goes on to the process's children and through its execve.
    pub propagate: bool,
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        let of = |label: &Self| (label.remove, label.propagate);
        (&self.name, &self.test, of(self)) == (&other.name, &other.test, of(other))
    }
}

impl Eq for Label {}

/// Which processes a label is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelTest {
    /// `key`: those with an event of this key.
    Key(String),
    /// `exe`: a regex on the program's path.
    Exe(Located<String>),
    /// `argv`: a regex on the arguments, joined by blanks.
    Argv(Located<String>),
    /// `script`: a regex on the script's path.
    Script(Located<String>),
}

impl Walker<'_> {
    /// All labels.
    pub(super) fn labels(&mut self, node: &Node) -> Vec<Label> {
        let nodes = self.tables(node, LABEL, "label");
        if let Some(beyond) = nodes.get(MAX_LABELS) {
            self.problem(
                beyond.pos,
                format!("more than {MAX_LABELS} [[label]] tables; join some by a regex"),
            );
        }
        let mut labels = Vec::new();
        for node in nodes {
            let Value::Table(entries) = &node.value else { continue };
            labels.extend(self.label(Table { name: LABEL, pos: node.pos, entries }));
        }
        labels
    }

    fn label(&mut self, table: Table<'_>) -> Option<Label> {
        self.repeated(table.entries, &LABEL_KEYS);
        for entry in table.entries.iter().filter(|entry| !LABEL_KEYS.contains(&entry.key.as_str())) {
            self.unknown(entry, &label(LABEL), &LABEL_KEYS);
        }
        if table.get("name").is_none() {
            self.problem(table.pos, "[[label]] needs a \"name\"".to_owned());
        }
        let name = self.text(table, "name", "text");
        if let Some(name) = name.as_ref().filter(|name| name.value.len() > MAX_NAME) {
            let pos = table.get("name").map_or(table.pos, |node| node.pos);
            let len = name.value.len();
            self.problem(pos, format!("\"label.name\" must have at most {MAX_NAME} bytes, not {len}"));
        }
        let test = self.label_test(table);
        let (mut remove, mut propagate) = (false, false);
        self.choice(table, "action", &[("set", false), ("remove", true)], &mut remove);
        self.bool(table, "propagate", &mut propagate);
        if let (true, true, Some(node)) = (remove, propagate, table.get("propagate")) {
            let message = "\"label.propagate\" belongs to a label that is set; leave it out";
            self.problem(node.pos, message.to_owned());
        }
        Some(Label { place: self.place(table.pos), name: name?.value, test: test?, remove, propagate })
    }

    fn label_test(&mut self, table: Table<'_>) -> Option<LabelTest> {
        let mut given = TESTS.into_iter().filter(|key| table.get(key).is_some());
        let Some(key) = given.next() else {
            self.problem(table.pos, format!("[[label]] needs one of {}", listed(&TESTS, "and")));
            return None;
        };
        for more in given {
            if let Some(entry) = table.entries.iter().find(|entry| entry.key == more) {
                let message = format!(
                    "\"{key}\" and \"{more}\" stand in one [[label]]; write a [[label]] of the same name for each"
                );
                self.problem(entry.pos, message);
            }
        }
        let wanted = if key == "key" { "a key of a rule" } else { "a regex" };
        let text = self.text(table, key, wanted)?;
        Some(match key {
            "key" => LabelTest::Key(text.value),
            "exe" => LabelTest::Exe(text),
            "argv" => LabelTest::Argv(text),
            _ => LabelTest::Script(text),
        })
    }
}

/// Writes the tables as TOML.
pub(super) fn show(text: &mut String, labels: &[Label]) -> std::fmt::Result {
    for label in labels {
        let (key, test) = match &label.test {
            LabelTest::Key(key) => ("key", key),
            LabelTest::Exe(regex) => ("exe", &regex.value),
            LabelTest::Argv(regex) => ("argv", &regex.value),
            LabelTest::Script(regex) => ("script", &regex.value),
        };
        writeln!(text, "\n[[label]]\nname = {}", string(&label.name))?;
        writeln!(text, "{key} = {}", string(test))?;
        writeln!(text, "action = {}", string(if label.remove { "remove" } else { "set" }))?;
        writeln!(text, "propagate = {}", label.propagate)?;
    }
    Ok(())
}
