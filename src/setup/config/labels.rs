//! The `[[label]]` tables: names that are put on processes, or taken from them.

use super::keys::{LABEL, LABEL_KEYS};
use super::node::Node;
use super::show::{keys, pair};
use super::suggest::listed;
use super::values::{Key, Table, Walker, switch, word};
use super::{Located, Place};

/// The most `[[label]]` tables: a process has one bit for each.
pub const MAX_LABELS: usize = 64;

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

/// The keys about what is done.
const PLAIN: [Key; 2] = [word("action", &["set", "remove"]), switch("propagate")];

impl LabelTest {
    /// The key, and what it holds.
    fn shown(&self) -> (&'static str, &str) {
        match self {
            Self::Key(key) => ("key", key),
            Self::Exe(regex) => ("exe", &regex.value),
            Self::Argv(regex) => ("argv", &regex.value),
            Self::Script(regex) => ("script", &regex.value),
        }
    }
}

impl Walker<'_> {
    /// All labels.
    #[inline(never)]
    pub(super) fn labels(&mut self, node: &Node) -> Vec<Label> {
        let mut labels = Vec::new();
        for node in self.tables(node, LABEL, MAX_LABELS, "; join some by a regex") {
            if let Some(label) = self.label(node) {
                labels.push(label);
            }
        }
        labels
    }

    #[inline(never)]
    fn label(&mut self, node: &Node) -> Option<Label> {
        let table = self.table(LABEL, node, &LABEL_KEYS)?;
        if table.get("name").is_none() {
            self.problem(table.pos, format_args!("[[label]] needs a \"name\""));
        }
        let name = self.short_name(table);
        let test = self.label_test(table);
        let mut values = [0, 0];
        self.plain(table, &PLAIN, &mut values);
        let [remove, propagate] = values.map(|value| value != 0);
        if remove && propagate {
            let why = "\"label.propagate\" belongs to a label that is set; leave it out";
            self.refuse(table, "propagate", why);
        }
        Some(Label { place: self.place(table.pos), name: name?, test: test?, remove, propagate })
    }

    #[inline(never)]
    fn label_test(&mut self, table: Table<'_>) -> Option<LabelTest> {
        let mut given = None;
        for key in TESTS {
            let Some(entry) = table.entries.iter().find(|entry| entry.key == key) else { continue };
            match given {
                None => given = Some(key),
                Some(first) => self.problem(
                    entry.pos,
                    format_args!(
                        "\"{first}\" and \"{key}\" stand in one [[label]]; write a [[label]] of the same name for \
                         each"
                    ),
                ),
            }
        }
        let Some(key) = given else {
            self.problem(table.pos, format_args!("[[label]] needs one of {}", listed(&TESTS, "and")));
            return None;
        };
        let wanted = if key == "key" { "a key of a rule" } else { "a regex" };
        let text = self.located(table, key, wanted)?;
        Some(match key {
            "key" => LabelTest::Key(text.value),
            "exe" => LabelTest::Exe(text),
            "argv" => LabelTest::Argv(text),
            _ => LabelTest::Script(text),
        })
    }
}

/// Writes the tables as TOML.
pub(super) fn show(text: &mut String, labels: &[Label]) {
    for label in labels {
        text.push_str("\n[[label]]\n");
        pair(text, "name", &label.name);
        let (key, test) = label.test.shown();
        pair(text, key, test);
        keys(text, &PLAIN, &[label.remove.into(), label.propagate.into()]);
    }
}
