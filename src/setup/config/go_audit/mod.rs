//! go-audit 1.2.0's config to ours: its keys, from the tree that `yaml` makes, become the tree that a TOML file
//! with the same meaning has, and the walker reads that. What is not done here is told; nothing is passed
//! over in silence. docs/migrate-go-audit.md has it key by key.

mod filters;
mod keys;
mod outputs;
mod values;

use self::keys::{KEYS, split, why};
use super::node::{Entry, Integer, Node, Pos, Value};
use super::suggest::{listed, nearest, quoted};
use super::{Loaded, Problem, walk, yaml};

/// Reads a go-audit config. `name` is what problems call the file.
///
/// # Errors
///
/// The first place where the text is no YAML; else all that is wrong in it, in the order of the places.
pub fn read_go_audit(name: &str, text: &str) -> Result<Loaded, Vec<Problem>> {
    let root = yaml::parse(text).map_err(|fault| walk::problems(name, vec![fault]))?;
    let mut file = File::default();
    match &root.value {
        Value::Table(entries) => file.table(entries, ""),
        value => {
            let message = format!("a go-audit config must be a table, not {}", value.kind());
            return Err(walk::problems(name, vec![(root.pos, message)]));
        }
    }
    let tree = file.tree(root.pos);
    let (config, found) = walk::walk(name, &tree);
    // What is wrong with a key of theirs is told with its own name, and not again with ours.
    if file.found.is_empty() {
        file.found = found;
    }
    if !file.found.is_empty() {
        return Err(walk::problems(name, file.found));
    }
    Ok(Loaded { config, warnings: walk::problems(name, file.warnings) })
}

/// The values of a file by their paths, and what is to say of it.
#[derive(Default)]
struct File<'n> {
    /// Path, place of the key, value.
    values: Vec<(&'static str, Pos, &'n Node)>,
    found: Vec<(Pos, String)>,
    warnings: Vec<(Pos, String)>,
}

impl<'n> File<'n> {
    fn problem(&mut self, pos: Pos, message: String) {
        self.found.push((pos, message));
    }

    fn warning(&mut self, pos: Pos, message: String) {
        self.warnings.push((pos, message));
    }

    /// Takes the entries of a table; `prefix` is its path with a dot, or empty.
    fn table(&mut self, entries: &'n [Entry], prefix: &str) {
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let name = entry.key.to_lowercase();
            let path = format!("{prefix}{name}");
            let below = format!("{path}.");
            if names.contains(&name) {
                self.problem(entry.pos, walk::twice(&entry.key));
            } else if let Some((path, unused)) = KEYS.lines().map(split).find(|(key, _)| *key == path) {
                self.values.push((path, entry.pos, &entry.node));
                self.tell_unused(path, unused, entry);
            } else if KEYS.lines().any(|line| line.starts_with(&below)) {
                match &entry.node.value {
                    Value::Table(entries) => self.table(entries, &below),
                    value if values::is_null(value) => {}
                    value => {
                        let message = format!("\"{path}\" must be a table, not {}", value.kind());
                        self.problem(entry.node.pos, message);
                    }
                }
            } else {
                self.unknown(entry, prefix);
            }
            names.push(name);
        }
    }

    /// A key that has no effect, unless its value asks for nothing else than what is done anyway.
    fn tell_unused(&mut self, path: &str, unused: &str, entry: &Entry) {
        let Some((idle, letter)) = unused.split_once(' ') else { return };
        let text = values::text(&entry.node);
        let same = match idle {
            "+" => values::whole(&entry.node).is_some_and(|number| number > 0),
            "true" | "false" => text.and_then(values::truth) == Some(idle == "true"),
            _ => text == Some(idle),
        };
        if !same && !values::is_null(&entry.node.value) {
            self.warning(entry.pos, format!("\"{path}\" has no effect: {}", why(letter)));
        }
    }

    /// go-audit passes over a key that it does not have, so the file is good; but something was meant.
    fn unknown(&mut self, entry: &Entry, prefix: &str) {
        let mut siblings: Vec<&str> = Vec::new();
        for line in KEYS.lines() {
            let name = line.strip_prefix(prefix).and_then(|rest| rest.split(['.', ' ']).next());
            siblings.extend(name.filter(|name| !siblings.contains(name)));
        }
        let meant = match nearest(&entry.key, &siblings) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("the keys here are {}", listed(&siblings, "and")),
        };
        let place = if prefix.is_empty() {
            String::new()
        } else {
            format!(" in \"{}\"", prefix.trim_end_matches('.'))
        };
        self.warning(entry.pos, format!("unknown key {}{place} has no effect; {meant}", quoted(&entry.key)));
    }

    /// The tree that a TOML file of the same meaning has.
    fn tree(&mut self, pos: Pos) -> Node {
        let mut root = Vec::new();
        root.extend(self.kernel());
        root.extend(self.event());
        root.extend(self.rules());
        root.extend(self.filters());
        root.extend(self.outputs(pos));
        Node { pos, value: Value::Table(root) }
    }

    /// `socket_buffer.receive`, in bytes; nothing and 0 are the default.
    fn kernel(&mut self) -> Option<Entry> {
        let (pos, bytes) = self.number("socket_buffer.receive")?;
        if bytes <= 0 {
            return None;
        }
        // Our least, and what go-audit's example has.
        let kib = (bytes.saturating_add(1023) / 1024).max(16);
        if bytes < 16 * 1024 {
            self.warning(
                pos,
                format!("\"socket_buffer.receive\" is raised from {bytes} to 16384, the least"),
            );
        }
        Some(table("kernel", pos, vec![integer("receive_buffer_kib", pos, kib)]))
    }

    /// `events.min` and `events.max`, whose defaults leave out what is not of a system call.
    fn event(&mut self) -> Option<Entry> {
        let mut limit = |path, default| {
            let (pos, number) = self.number(path).unwrap_or((Pos { line: 1, column: 1 }, default));
            if u16::try_from(number).is_err() {
                self.problem(pos, format!("\"{path}\" must be a record type from 0 to 65535, not {number}"));
            }
            (pos, number)
        };
        let (low, high) = (limit("events.min", 1300), limit("events.max", 1399));
        if low.1 > high.1 {
            let message = format!(
                "\"events.min\" is above \"events.max\": no record type is from {} to {}",
                low.1, high.1
            );
            self.problem(low.0.max(high.0), message);
        }
        let nodes = [low, high].map(|(pos, number)| whole(pos, number)).into();
        Some(table(
            "event",
            low.0,
            vec![Entry {
                key: "types".to_owned(),
                pos: low.0,
                node: Node { pos: low.0, value: Value::List(nodes) },
            }],
        ))
    }

    /// `rules`: a list of command lines, or one text with a rule on each line. The kernel's own are flushed first.
    fn rules(&mut self) -> Option<Entry> {
        let Some((pos, node)) = self.get("rules") else {
            let pos = Pos { line: 1, column: 1 };
            self.warning(
                pos,
                "no \"rules\": the kernel's rules stay as they are; go-audit does not start".to_owned(),
            );
            return None;
        };
        let mut lines = Vec::new();
        let single = std::slice::from_ref(node);
        let nodes = if let Value::List(nodes) = &node.value { nodes.as_slice() } else { single };
        for node in nodes {
            let Some(text) = values::text(node) else {
                let message = format!(
                    "each of \"rules\" must be a rule, such as \"-w /etc/passwd -p wa\", not {}; a rule with a colon and a blank in it needs quotes",
                    node.value.kind()
                );
                self.problem(node.pos, message);
                continue;
            };
            for (line, number) in text.lines().zip(0..) {
                let pos = Pos { line: node.pos.line.saturating_add(number), ..node.pos };
                if !line.trim().is_empty() && !values::is_null(&node.value) {
                    lines.push(Node { pos, value: Value::String(line.to_owned()) });
                }
            }
        }
        if !matches!(lines.first(), Some(Node { value: Value::String(line), .. }) if line.trim() == "-D") {
            lines.insert(0, Node { pos: node.pos, value: Value::String("-D".to_owned()) });
        }
        let lines =
            Entry { key: "lines".to_owned(), pos, node: Node { pos: node.pos, value: Value::List(lines) } };
        Some(table("rules", pos, vec![lines]))
    }
}

/// `name = { entries }`
fn table(name: &str, pos: Pos, entries: Vec<Entry>) -> Entry {
    Entry { key: name.to_owned(), pos, node: Node { pos, value: Value::Table(entries) } }
}

/// `name = "text"`
fn string(name: &str, pos: Pos, text: &str) -> Entry {
    Entry { key: name.to_owned(), pos, node: Node { pos, value: Value::String(text.to_owned()) } }
}

/// `name = number`
fn integer(name: &str, pos: Pos, number: i64) -> Entry {
    Entry { key: name.to_owned(), pos, node: whole(pos, number) }
}

fn whole(pos: Pos, number: i64) -> Node {
    let integer = Integer { value: Some(number), octal: false, written: number.to_string() };
    Node { pos, value: Value::Integer(integer) }
}

#[cfg(test)]
mod tests;
