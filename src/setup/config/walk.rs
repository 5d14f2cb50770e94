//! The tree of a config text to plain data. Every key is looked at, and all that is wrong is
//! collected, so that a user sees the whole of it at once.

use super::keys::{FILTER, FILTER_KEYS, LABEL, LABEL_KEYS, LATER_KEYS, OUTPUT, OUTPUT_KEYS, SECTIONS};
use super::node::{Entry, Node, Pos, Value};
use super::suggest::{did_you_mean, listed, nearest, quoted};
use super::values::{Table, Walker};
use super::{
    Argv, AtExit, Config, Event, Failure, Json, Kernel, KernelKey, Located, OnError, Overflow, Place,
    Problem, Ring, Rules, Setting,
};

/// What the top level can hold.
const TABLES: [&str; 11] =
    ["kernel", "ring", "event", "rules", "json", "raw", "translate", "enrich", LABEL, FILTER, OUTPUT];
/// The record types that a message can have (`nlmsg_type` is 16 bits).
const TYPES: &str = "two record types, the lowest and the highest, such as [1300, 1399]";

/// The config that a tree holds, and what is wrong in it, in no order. The config is to be used
/// only when nothing is wrong.
pub(super) fn walk(file: &str, root: &Node) -> (Config, Vec<(Pos, String)>) {
    let mut walker = Walker { file, found: Vec::new() };
    let mut config = Config::default();
    if let Value::Table(entries) = &root.value {
        walker.repeated(entries, &TABLES);
        for entry in entries {
            walker.top(entry, &mut config);
        }
        walker.filters_names(&config);
    } else {
        walker.problem(root.pos, format!("the config must be a table, not {}", root.value.kind()));
    }
    (config, walker.found)
}

/// What was found, in the order of the places, as problems of this file.
pub(super) fn problems(file: &str, mut found: Vec<(Pos, String)>) -> Vec<Problem> {
    found.sort();
    found.dedup();
    let place = |pos: Pos| Place { file: file.to_owned(), line: pos.line, column: pos.column };
    found.into_iter().map(|(pos, message)| Problem { place: place(pos), message }).collect()
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
        if entry.key == OUTPUT {
            config.outputs = self.outputs(&entry.node);
            return;
        }
        let left_out = match entry.key.as_str() {
            "json" | "translate" | "enrich" | LABEL | FILTER => !cfg!(feature = "json"),
            "raw" => !cfg!(feature = "replay"),
            _ => false,
        };
        if left_out {
            return self.problem(entry.pos, format!("{} is not in this build", quoted(&entry.key)));
        }
        if entry.key == LABEL {
            config.labels = self.labels(&entry.node);
            return;
        }
        if entry.key == FILTER {
            config.filters = self.filters(&entry.node);
            return;
        }
        let Some(section) = SECTIONS.iter().find(|section| section.name == entry.key) else {
            self.unknown_top(entry);
            return;
        };
        let Value::Table(entries) = &entry.node.value else {
            let message = format!("[{}] must be a table, not {}", section.name, entry.node.value.kind());
            self.problem(entry.node.pos, message);
            return;
        };
        let table = Table { name: section.name, pos: entry.node.pos, entries };
        self.repeated(entries, section.keys);
        for entry in entries.iter().filter(|entry| !section.keys.contains(&entry.key.as_str())) {
            self.unknown(entry, &label(table.name), section.keys);
        }
        match section.name {
            "kernel" => self.kernel(table, &mut config.kernel),
            "ring" => self.ring(table, &mut config.ring),
            "event" => self.event(table, &mut config.event),
            "json" if cfg!(feature = "json") => self.json(table, &mut config.json),
            "translate" if cfg!(feature = "json") => self.translate(table, &mut config.translate),
            "raw" => {
                self.bool(table, "node", &mut config.raw.node);
                self.bool(table, "enriched", &mut config.raw.enriched);
            }
            "enrich" if cfg!(feature = "json") => self.enrich(table, &mut config.enrich),
            _ => self.rules(table, &mut config.rules),
        }
    }

    fn kernel(&mut self, table: Table<'_>, kernel: &mut Kernel) {
        self.kernel_mode(table);
        self.bool_or_leave(table, "enabled", &mut kernel.enabled);
        self.number_or_leave(table, "backlog_limit", 0..=u32::MAX, &mut kernel.backlog_limit);
        self.number_or_leave(table, "backlog_wait_time", 0..=600_000, &mut kernel.backlog_wait_time);
        let failures = [
            ("leave", Setting::Leave),
            ("silent", Setting::Set(Failure::Silent)),
            ("printk", Setting::Set(Failure::Printk)),
            ("panic", Setting::Set(Failure::Panic)),
        ];
        self.choice(table, "failure", &failures, &mut kernel.failure);
        self.restore(table, &mut kernel.restore);
        self.number(table, "receive_buffer_kib", 16..=1_048_576, &mut kernel.receive_buffer_kib);
        self.number(table, "verify_s", 30..=86_400, &mut kernel.verify_s);
    }

    /// `mode` has one value so far.
    fn kernel_mode(&mut self, table: Table<'_>) {
        match table.get("mode") {
            Some(Node { pos, value: Value::String(mode) }) if mode == "multicast" => self.problem(
                *pos,
                "\"kernel.mode\" = \"multicast\" is not supported by this version; use \"unicast\""
                    .to_owned(),
            ),
            _ => self.choice(table, "mode", &[("unicast", ())], &mut ()),
        }
    }

    fn restore(&mut self, table: Table<'_>, into: &mut Vec<KernelKey>) {
        let Some(node) = table.get("restore") else { return };
        let Value::List(nodes) = &node.value else {
            self.wrong(table, "restore", "a list of settings, such as [\"enabled\"]", node);
            return;
        };
        let names = KernelKey::ALL.map(KernelKey::name);
        into.clear();
        for node in nodes {
            let chosen = self.choose("each of \"kernel.restore\"", node, &names);
            let Some(&key) = chosen.and_then(|at| KernelKey::ALL.get(at)) else { continue };
            if into.contains(&key) {
                self.problem(node.pos, format!("\"{}\" stands twice in \"kernel.restore\"", key.name()));
            } else {
                into.push(key);
            }
        }
    }

    fn ring(&mut self, table: Table<'_>, ring: &mut Ring) {
        self.number(table, "size_kib", 64..=8192, &mut ring.size_kib);
        if let (false, Some(node)) = (ring.size_kib.is_multiple_of(32), table.get("size_kib")) {
            let near = ring.size_kib.next_multiple_of(32);
            let message =
                format!("\"ring.size_kib\" must be a multiple of 32, not {}; {near} is one", ring.size_kib);
            self.problem(node.pos, message);
        }
        let choices = [("drop", Overflow::Drop), ("wait", Overflow::Wait)];
        self.choice(table, "overflow", &choices, &mut ring.overflow);
    }

    fn event(&mut self, table: Table<'_>, event: &mut Event) {
        self.number(table, "timeout_ms", 100..=60_000, &mut event.timeout_ms);
        self.number(table, "max_kib", 16..=8192, &mut event.max_kib);
        let Some(node) = table.get("types") else { return };
        let Value::List(nodes) = &node.value else {
            self.wrong(table, "types", TYPES, node);
            return;
        };
        let (types, bad): (Vec<_>, Vec<_>) = nodes.iter().map(record_type).partition(Result::is_ok);
        let types: Vec<u16> = types.into_iter().flatten().collect();
        for bad in bad {
            self.found.extend(bad.err());
        }
        match types.as_slice() {
            [low, high] if nodes.len() == 2 && low <= high => event.types = (*low, *high),
            [low, high] if nodes.len() == 2 => self.problem(
                node.pos,
                format!("\"event.types\" begins above its end: write [{high}, {low}], the lowest first"),
            ),
            _ if nodes.len() == 2 => {}
            _ => self.problem(node.pos, format!("\"event.types\" must be {TYPES}, not {}", nodes.len())),
        }
    }

    fn json(&mut self, table: Table<'_>, json: &mut Json) {
        let choices = [("list", Argv::List), ("string", Argv::Text), ("both", Argv::Both)];
        self.choice(table, "argv", &choices, &mut json.argv);
        self.number(table, "argv_max_bytes", 0..=u32::MAX, &mut json.argv_max_bytes);
    }

    fn rules(&mut self, table: Table<'_>, rules: &mut Rules) {
        self.choice(
            table,
            "at_exit",
            &[("leave", AtExit::Leave), ("remove", AtExit::Remove)],
            &mut rules.at_exit,
        );
        if cfg!(feature = "rules") {
            let choices = OnError::ALL.map(|choice| (choice.name(), choice));
            self.choice(table, "on_error", &choices, &mut rules.on_error);
            self.bool(table, "restore_watches", &mut rules.restore_watches);
            let wanted = "a list of files and directories, such as [\"/etc/audit/rules.d\"]";
            self.strings(table, "files", wanted, &mut rules.files);
        } else {
            for key in ["files", "on_error", "restore_watches"] {
                if let Some(node) = table.get(key) {
                    self.problem(node.pos, format!("\"rules.{key}\" is not in this build"));
                }
            }
        }
        let wanted = "a list of rules, each a string, such as [\"-w /etc/passwd -p wa\"]";
        self.strings(table, "lines", wanted, &mut rules.lines);
    }

    fn strings(&mut self, table: Table<'_>, key: &str, wanted: &str, into: &mut Vec<Located<String>>) {
        let Some(node) = table.get(key) else { return };
        let Value::List(nodes) = &node.value else { return self.wrong(table, key, wanted, node) };
        for node in nodes {
            match &node.value {
                Value::String(text) => {
                    into.push(Located { place: self.place(node.pos), value: text.clone() });
                }
                other => {
                    let message =
                        format!("each of \"{}.{key}\" must be a string, not {}", table.name, other.kind());
                    self.problem(node.pos, message);
                }
            }
        }
    }

    /// Keys that stand more than once in their table. An unknown one is reported as often as it
    /// stands there anyway.
    pub(super) fn repeated(&mut self, entries: &[Entry], keys: &[&str]) {
        for key in keys {
            for again in entries.iter().filter(|entry| entry.key == *key).skip(1) {
                self.problem(again.pos, twice(key));
            }
        }
    }

    /// A key that its table does not have: a later version's, another table's, or a slip.
    pub(super) fn unknown(&mut self, entry: &Entry, table: &str, keys: &[&str]) {
        let key = entry.key.as_str();
        if let Some((section, _, instead)) =
            LATER_KEYS.iter().find(|(section, name, _)| label(section) == table && *name == key)
        {
            self.problem(entry.pos, format!("\"{section}.{key}\" is not supported by this version{instead}"));
            return;
        }
        let homes = homes(key);
        let meant = if !homes.is_empty() {
            format!("; it belongs in {}", homes.join(" or "))
        } else if nearest(key, keys).is_some() {
            did_you_mean(key, keys)
        } else {
            format!("; its keys are {}", listed(keys, "and"))
        };
        self.problem(entry.pos, format!("unknown key {} in {table}{meant}", quoted(key)));
    }

    fn unknown_top(&mut self, entry: &Entry) {
        let key = entry.key.as_str();
        if let Some((_, _, instead)) =
            LATER_KEYS.iter().find(|(section, name, _)| section.is_empty() && *name == key)
        {
            self.problem(entry.pos, format!("\"{key}\" is not supported by this version{instead}"));
            return;
        }
        let (last, rest) = TABLES.split_last().unwrap_or((&OUTPUT, &[]));
        let rest: Vec<String> = rest.iter().map(|name| label(name)).collect();
        let tables = format!("; the tables are {} and {}", rest.join(", "), label(last));
        let is_table = match &entry.node.value {
            Value::Table(_) => true,
            Value::List(nodes) => nodes.iter().any(|node| matches!(node.value, Value::Table(_))),
            _ => false,
        };
        let homes = homes(key);
        let message = match nearest(key, &TABLES) {
            Some(near) => format!("unknown table {}; did you mean {}?", bracketed(key), label(near)),
            None if is_table => format!("unknown table {}{tables}", bracketed(key)),
            None if homes.is_empty() => format!("unknown key {} outside of any table{tables}", quoted(key)),
            None => {
                format!("{} stands outside of any table; it belongs in {}", quoted(key), homes.join(" or "))
            }
        };
        self.problem(entry.pos, message);
    }
}

/// One of the two numbers of `event.types`.
fn record_type(node: &Node) -> Result<u16, (Pos, String)> {
    let not = match &node.value {
        Value::Integer(integer) => match integer.value.and_then(|value| u16::try_from(value).ok()) {
            Some(number) => return Ok(number),
            None => integer.written.as_str(),
        },
        other => other.kind(),
    };
    Err((node.pos, format!("a record type in \"event.types\" must be from 0 to 65535, not {not}")))
}

/// The tables that have a key of this name.
fn homes(key: &str) -> Vec<String> {
    let mut homes: Vec<String> = SECTIONS
        .iter()
        .filter(|section| section.keys.contains(&key))
        .map(|section| label(section.name))
        .collect();
    if LABEL_KEYS.contains(&key) {
        homes.push(label(LABEL));
    }
    if FILTER_KEYS.contains(&key) {
        homes.push(label(FILTER));
    }
    if OUTPUT_KEYS.iter().any(|(name, _)| *name == key) {
        homes.push(label(OUTPUT));
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
    use super::*;

    fn node(line: u32, value: Value) -> Node {
        Node { pos: Pos { line, column: 1 }, value }
    }

    fn entry(key: &str, line: u32, value: Value) -> Entry {
        Entry { key: key.to_owned(), pos: Pos { line, column: 1 }, node: node(line, value) }
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
