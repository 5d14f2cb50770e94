//! The tree of a config text to plain data. Every key is looked at, and all that is wrong is
//! collected, so that a user sees the whole of it at once.

use super::keys::{FILTER, FILTER_KEYS, LABEL, LABEL_KEYS, OUTPUT, OUTPUT_KEYS, SECTIONS, TOP_KEYS};
use super::node::{Entry, Node, Pos, Value};
use super::suggest::{did_you_mean, listed, nearest, quoted};
use super::values::{Table, Walker};
use super::{Config, Event, Kernel, KernelKey, Located, Place, Problem, Ring, Rules, Section};

/// What the top level can hold.
const TABLES: [&str; 14] = [
    "kernel",
    "ring",
    "event",
    "rules",
    "json",
    "raw",
    "translate",
    "enrich",
    "sandbox",
    "memory",
    "status",
    LABEL,
    FILTER,
    OUTPUT,
];
/// The same for messages.
const LISTED: &str = "the tables are [kernel], [ring], [event], [rules], [json], [raw], [translate], [enrich], \
                      [sandbox], [memory], [status], [[label]], [[filter]] and [[output]]";
/// The record types that a message can have (`nlmsg_type` is 16 bits).
const TYPES: &str = "two record types, the lowest and the highest, such as [1300, 1399]";

/// The config that a tree holds, and what is wrong in it, in no order. The config is to be used
/// only when nothing is wrong.
#[inline(never)]
pub(super) fn walk(file: &str, root: &Node) -> (Config, Vec<(Pos, String)>) {
    let mut walker = Walker { file, found: Vec::new() };
    let mut config = Config::default();
    if let Value::Table(entries) = &root.value {
        walker.repeated(entries, &TABLES);
        if cfg!(feature = "supervise") {
            walker.repeated(entries, &TOP_KEYS);
        }
        for entry in entries {
            walker.top(entry, &mut config);
        }
        if cfg!(feature = "json") {
            walker.filters_names(&config);
        }
    } else {
        let kind = root.value.kind();
        walker.problem(root.pos, format_args!("the config must be a table, not {kind}"));
    }
    (config, walker.found)
}

/// What was found, in the order of the places, as problems of this file.
#[inline(never)]
pub(super) fn problems(file: &str, found: Vec<(Pos, String)>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (Pos { line, column }, message) in found {
        problems.push(Problem { place: Place { file: file.to_owned(), line, column }, message });
    }
    Problem::sort(&mut problems);
    problems.dedup();
    problems
}

/// The message for a key that stands twice in its table.
pub(super) fn twice(key: &str) -> String {
    match key {
        LABEL | FILTER | OUTPUT => format!("\"{key}\" is given twice; each {key} begins with [[{key}]]"),
        key => format!("{} is given twice; keep one", quoted(key)),
    }
}

impl Walker<'_> {
    /// One entry of the top level: a table, the outputs, or something unknown.
    fn top(&mut self, entry: &Entry, config: &mut Config) {
        let node = &entry.node;
        let left_out = match entry.key.as_str() {
            "json" | "translate" | "enrich" | LABEL | FILTER => !cfg!(feature = "json"),
            "raw" => !cfg!(feature = "replay"),
            "sandbox" | "memory" => !cfg!(feature = "sandbox"),
            "status" => !cfg!(feature = "status"),
            "log" | "pid_file" => !cfg!(feature = "supervise"),
            _ => false,
        };
        if left_out {
            return self.problem(entry.pos, format_args!("{} is not in this build", quoted(&entry.key)));
        }
        match entry.key.as_str() {
            OUTPUT => config.outputs = self.outputs(node),
            LABEL if cfg!(feature = "json") => config.labels = self.labels(node),
            FILTER if cfg!(feature = "json") => config.filters = self.filters(node),
            key if cfg!(feature = "supervise") && TOP_KEYS.contains(&key) => self.top_key(key, node, config),
            name => match SECTIONS.iter().find(|section| section.name == name) {
                Some(section) => self.section(section, node, config),
                None => self.unknown_top(entry),
            },
        }
    }

    #[inline(never)]
    fn section(&mut self, section: &Section, node: &Node, config: &mut Config) {
        let Some(table) = self.table(section.name, node, section.keys) else {
            let message = format_args!("[{}] must be a table, not {}", section.name, node.value.kind());
            return self.problem(node.pos, message);
        };
        match section.name {
            "kernel" => self.kernel(table, &mut config.kernel),
            "ring" => self.ring(table, &mut config.ring),
            "event" => self.event(table, &mut config.event),
            "json" if cfg!(feature = "json") => self.read(table, &mut config.json),
            "translate" if cfg!(feature = "json") => self.read(table, &mut config.translate),
            "raw" if cfg!(feature = "replay") => self.read(table, &mut config.raw),
            #[cfg(feature = "sandbox")]
            "sandbox" => self.sandbox(table, &mut config.sandbox),
            #[cfg(feature = "sandbox")]
            "memory" => self.memory(table, &mut config.memory),
            "enrich" if cfg!(feature = "json") => self.enrich(table, &mut config.enrich),
            #[cfg(feature = "status")]
            "status" => self.status(table, &mut config.status),
            _ => self.rules(table, &mut config.rules),
        }
    }

    #[inline(never)]
    fn kernel(&mut self, table: Table<'_>, kernel: &mut Kernel) {
        self.read(table, kernel);
        if cfg!(feature = "coexist") {
            self.coexist(table, kernel);
        }
        let wanted = "a list of settings, such as [\"enabled\"]";
        let Some(nodes) = self.list(table, "restore", wanted) else { return };
        kernel.restore.clear();
        for node in nodes {
            let at = self.choice("each of \"kernel.restore\"", node, &KernelKey::ALL.map(KernelKey::name));
            let at = at.and_then(|at| usize::try_from(at).ok());
            let Some(&key) = at.and_then(|at| KernelKey::ALL.get(at)) else { continue };
            if kernel.restore.contains(&key) {
                let message = format_args!("\"{}\" stands twice in \"kernel.restore\"", key.name());
                self.problem(node.pos, message);
            } else {
                kernel.restore.push(key);
            }
        }
    }

    #[inline(never)]
    fn ring(&mut self, table: Table<'_>, ring: &mut Ring) {
        self.read(table, ring);
        let size = ring.size_kib;
        if !size.is_multiple_of(32) {
            let near = size.next_multiple_of(32);
            let wrong = format!("{size}; {near} is one");
            self.must(table, "size_kib", table.pos("size_kib"), "a multiple of 32", &wrong);
        }
    }

    #[inline(never)]
    fn event(&mut self, table: Table<'_>, event: &mut Event) {
        self.read(table, event);
        let Some(nodes) = self.list(table, "types", TYPES) else { return };
        let mut types = Vec::new();
        for node in nodes {
            let not = match &node.value {
                Value::Integer(integer) => match integer.value.and_then(|value| u16::try_from(value).ok()) {
                    Some(number) => {
                        types.push(number);
                        continue;
                    }
                    None => integer.written.as_str(),
                },
                other => other.kind(),
            };
            let message = format_args!("a record type in \"event.types\" must be from 0 to 65535, not {not}");
            self.problem(node.pos, message);
        }
        let pos = table.pos("types");
        match *types.as_slice() {
            _ if nodes.len() != 2 => self.must(table, "types", pos, TYPES, &nodes.len().to_string()),
            [low, high] if low <= high => event.types = (low, high),
            [low, high] => self.problem(
                pos,
                format_args!("\"event.types\" begins above its end: write [{high}, {low}], the lowest first"),
            ),
            _ => {}
        }
    }

    #[inline(never)]
    fn rules(&mut self, table: Table<'_>, rules: &mut Rules) {
        self.read(table, rules);
        if cfg!(feature = "rules") {
            let wanted = "a list of files and directories, such as [\"/etc/audit/rules.d\"]";
            self.texts_of(table, "files", wanted, &mut rules.files);
        } else {
            for key in ["files", "on_error", "restore_watches"] {
                self.refuse(table, key, &format!("\"rules.{key}\" is not in this build"));
            }
        }
        let wanted = "a list of rules, each a string, such as [\"-w /etc/passwd -p wa\"]";
        self.texts_of(table, "lines", wanted, &mut rules.lines);
    }

    fn texts_of(&mut self, table: Table<'_>, key: &str, wanted: &str, into: &mut Vec<Located<String>>) {
        let Some(nodes) = self.list(table, key, wanted) else { return };
        self.strings(table, key, "each", nodes, &mut |walker, pos, text| {
            into.push(Located { place: walker.place(pos), value: text.to_owned() });
        });
    }

    /// Keys that stand more than once in their table. An unknown one is reported as often as it
    /// stands there anyway.
    pub(super) fn repeated(&mut self, entries: &[Entry], keys: &[&str]) {
        for key in keys {
            let mut is_first = true;
            for entry in entries {
                if entry.key == *key {
                    if !is_first {
                        self.problem(entry.pos, format_args!("{}", twice(key)));
                    }
                    is_first = false;
                }
            }
        }
    }

    /// A key that its table does not have: a later version's, another table's, or a slip.
    #[inline(never)]
    pub(super) fn unknown(&mut self, entry: &Entry, table: &str, keys: &[&str]) {
        let key = entry.key.as_str();
        let homes = homes(key);
        let mut meant = did_you_mean(key, keys);
        if cfg!(feature = "supervise") && TOP_KEYS.contains(&key) {
            meant = "; it stands before the first table".to_owned();
        } else if !homes.is_empty() {
            meant = "; it belongs in ".to_owned() + &homes;
        } else if meant.is_empty() {
            meant = "; its keys are ".to_owned() + &listed(keys, "and");
        }
        let (key, table) = (quoted(key), label(table));
        self.problem(entry.pos, format_args!("unknown key {key} in {table}{meant}"));
    }

    #[inline(never)]
    fn unknown_top(&mut self, entry: &Entry) {
        let key = entry.key.as_str();
        let is_table = match &entry.node.value {
            Value::Table(_) => true,
            Value::List(nodes) => nodes.iter().any(|node| matches!(node.value, Value::Table(_))),
            _ => false,
        };
        let homes = homes(key);
        let (pos, quoted, bracketed) = (entry.pos, quoted(key), bracketed(key));
        let top = if cfg!(feature = "supervise") && !is_table { nearest(key, &TOP_KEYS) } else { None };
        if let Some(near) = top {
            self.problem(pos, format_args!("unknown key {quoted}; did you mean \"{near}\"?"));
        } else if let Some(near) = nearest(key, &TABLES) {
            let near = label(near);
            self.problem(pos, format_args!("unknown table {bracketed}; did you mean {near}?"));
        } else if is_table {
            self.problem(pos, format_args!("unknown table {bracketed}; {LISTED}"));
        } else if homes.is_empty() {
            self.problem(pos, format_args!("unknown key {quoted} outside of any table; {LISTED}"));
        } else {
            self.problem(pos, format_args!("{quoted} stands outside of any table; it belongs in {homes}"));
        }
    }
}

/// The tables that have a key of this name: `[json] or [[output]]`.
fn homes(key: &str) -> String {
    let mut homes = String::new();
    for table in TABLES {
        let has = match table {
            LABEL => LABEL_KEYS.contains(&key),
            FILTER => FILTER_KEYS.contains(&key),
            OUTPUT => OUTPUT_KEYS.iter().any(|(name, _)| *name == key),
            _ => SECTIONS.iter().any(|section| section.name == table && section.keys.contains(&key)),
        };
        if has {
            homes.push_str(if homes.is_empty() { "" } else { " or " });
            homes.push_str(&label(table));
        }
    }
    homes
}

/// A table's name as its header.
pub(super) fn label(name: &str) -> String {
    if [LABEL, FILTER, OUTPUT].contains(&name) { format!("[[{name}]]") } else { format!("[{name}]") }
}

fn bracketed(name: &str) -> String {
    let quoted = quoted(name);
    let bare = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    format!("[{}]", bare.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::Setting;
    use super::*;

    fn node(line: u32, value: Value) -> Node {
        Node { pos: Pos { line, column: 1 }, value }
    }

    fn entry(key: &str, line: u32, value: Value) -> Entry {
        Entry { key: key.to_owned(), pos: Pos { line, column: 1 }, node: node(line, value) }
    }

    #[test]
    fn the_tables_are_listed() {
        let (last, rest) =
            TABLES.map(label).split_last().map(|(last, rest)| (last.clone(), rest.join(", "))).unwrap();
        assert_eq!(LISTED, format!("the tables are {rest} and {last}"));
    }

    /// The TOML parser keeps these from the tree; another format's reader may not.
    #[test]
    fn what_only_other_formats_can_hold() {
        let mode = |on| Value::Table(vec![entry("enabled", 2, on), entry("enabled", 3, Value::Bool(false))]);
        let root =
            Value::Table(vec![entry("kernel", 1, mode(Value::Bool(true))), entry("kernel", 4, Value::Date)]);
        let (config, found) = walk("f", &node(1, root));
        let shown: Vec<String> = problems("f", found).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "f:3:1: \"enabled\" is given twice; keep one",
                "f:4:1: \"kernel\" is given twice; keep one",
                "f:4:1: [kernel] must be a table, not a date or time",
            ]
        );
        assert_eq!(config.kernel.enabled, Setting::Set(true), "the first counts");
        let (_, found) = walk("f", &node(1, Value::Float));
        assert_eq!(
            found,
            [(
                Pos { line: 1, column: 1 },
                "the config must be a table, not a number with a fraction".to_owned()
            )]
        );
    }
}
