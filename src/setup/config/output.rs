//! The `[[output]]` tables of a config's tree: the type decides which keys belong.

use std::path::PathBuf;

use super::keys::{OUTPUT, OUTPUT_KEYS, TYPES};
use super::node::{Node, Value};
use super::suggest::{listed, quoted};
use super::values::{Table, Walker};
use super::walk::label;
use super::{
    FileTarget, Format, Fsync, LongLine, LowSpace, MAX_OUTPUTS, Output, Peer, Queue, Target, WhenFull,
};

/// The mode of a new file without `mode`: the owner alone, since events hold command lines.
pub(super) const DEFAULT_MODE: u32 = 0o600;
/// The highest mode: no set-user-ID, set-group-ID or sticky bit.
const HIGHEST_MODE: u32 = 0o777;
/// The least that a line may be limited to: what marks a cut needs some of it.
const MIN_LINE: u32 = 256;
/// The longest name of an output, in bytes.
const MAX_NAME: usize = 32;
/// The least size of a file at which a new one is begun, in KiB.
const MIN_ROTATE_KIB: u32 = 64;
/// What `fsync` can be, for messages.
const FSYNC: &str = "\"none\", \"each\" or milliseconds";
/// What a name is, for messages.
const NAME: &str = "at most 32 letters, digits, \".\", \"_\" and \"-\"";

impl Walker<'_> {
    /// All outputs.
    pub(super) fn outputs(&mut self, node: &Node) -> Vec<Output> {
        if matches!(&node.value, Value::List(nodes) if nodes.is_empty()) {
            let message = "\"output\" is an empty list: events would go nowhere; leave it out for stdout";
            self.problem(node.pos, message.to_owned());
        }
        let nodes = self.tables(node, OUTPUT, "output");
        let mut outputs: Vec<Output> = Vec::new();
        for node in nodes {
            let Value::Table(entries) = &node.value else { continue };
            let table = Table { name: OUTPUT, pos: node.pos, entries };
            let Some(mut output) = self.output(table) else { continue };
            self.name(table, &mut output, &outputs);
            if let Some(other) = outputs.iter().find(|other| same_place(&other.target, &output.target)) {
                let message =
                    format!("[[output]] writes where the one on line {} does; keep one", other.place.line);
                self.problem(node.pos, message);
            }
            outputs.push(output);
        }
        if let Some(beyond) = nodes.get(MAX_OUTPUTS) {
            self.problem(beyond.pos, format!("more than {MAX_OUTPUTS} [[output]] tables"));
        }
        outputs
    }

    /// The output's name: the one that is given, or its type with a number.
    fn name(&mut self, table: Table<'_>, output: &mut Output, others: &[Output]) {
        let is_taken = |name: &str| others.iter().any(|other| other.name == name);
        let Some(name) = self.text(table, "name", NAME) else {
            let kind = output.target.kind();
            output.name = kind.to_owned();
            let mut number = 1u32;
            while is_taken(&output.name) {
                number += 1;
                output.name = format!("{kind}-{number}");
            }
            return;
        };
        let pos = table.get("name").map_or(table.pos, |node| node.pos);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.value.len() > MAX_NAME || !name.value.bytes().all(fits) {
            self.problem(pos, format!("\"output.name\" must be {NAME}, not {}", quoted(&name.value)));
        } else if is_taken(&name.value) {
            self.problem(pos, format!("two outputs have the name {}", quoted(&name.value)));
        }
        output.name = name.value;
    }

    fn queue(&mut self, table: Table<'_>) -> Queue {
        let mut queue = Queue::default();
        let numbers = [
            ("queue_kib", 64, 1_048_576, &mut queue.kib),
            ("max_line", 0, 16_777_216, &mut queue.max_line),
            ("flush_s", 0, 3600, &mut queue.flush_s),
        ];
        self.numbers(table, numbers.into());
        if let Some(at) = self.word(table, "overflow", &WhenFull::ALL.map(WhenFull::name)) {
            queue.overflow = WhenFull::ALL.get(at).copied().unwrap_or_default();
        }
        if let (1..MIN_LINE, Some(node)) = (queue.max_line, table.get("max_line")) {
            let message =
                format!("\"output.max_line\" must be 0 or at least {MIN_LINE}, not {}", queue.max_line);
            self.problem(node.pos, message);
        }
        if let Some(at) = self.word(table, "long_line", &LongLine::ALL.map(LongLine::name)) {
            queue.long_line = LongLine::ALL.get(at).copied().unwrap_or_default();
        }
        queue
    }

    /// Whole numbers: key, lowest, highest, and where it goes.
    // Not inlined, as the next: a loop over data takes less room than as many calls.
    #[inline(never)]
    fn numbers(&mut self, table: Table<'_>, numbers: Vec<(&str, u32, u32, &mut u32)>) {
        for (key, low, high, into) in numbers {
            self.number(table, key, low..=high, into);
        }
    }

    /// Which of the words a key holds.
    #[inline(never)]
    pub(super) fn word(&mut self, table: Table<'_>, key: &str, words: &[&str]) -> Option<usize> {
        let node = table.get(key)?;
        self.choose(&format!("\"output.{key}\""), node, words)
    }

    fn output(&mut self, table: Table<'_>) -> Option<Output> {
        let keys: Vec<&str> = OUTPUT_KEYS.iter().map(|(key, _)| *key).collect();
        self.repeated(table.entries, &keys);
        let kind = self.output_type(table);
        self.output_keys(table, kind);
        let mut format = self.output_format(table);
        let mut queue = self.queue(table);
        let target = match kind? {
            "file" => Target::File(self.file(table)?),
            "syslog" => {
                let syslog = self.syslog(table, format)?;
                Self::limit(table, &syslog.peer, &mut queue);
                Target::Syslog(syslog)
            }
            "gelf" => {
                let gelf = self.gelf(table)?;
                format = if gelf.fields { Format::Gelf } else { format };
                Target::Gelf(gelf)
            }
            "unix" => {
                let peer = self.unix(table)?;
                Self::limit(table, &peer, &mut queue);
                Target::Unix(peer)
            }
            "pipe" => Target::Pipe(self.command(table)?),
            _ => Target::Stdout,
        };
        Some(Output { place: self.place(table.pos), name: String::new(), format, queue, target })
    }

    /// Lines that go out as datagrams have a limit, unless another is given.
    fn limit(table: Table<'_>, peer: &Peer, queue: &mut Queue) {
        if table.get("max_line").is_none() {
            queue.max_line = peer.carrier.longest_line();
        }
    }

    /// The type, if it is one.
    fn output_type(&mut self, table: Table<'_>) -> Option<&'static str> {
        let wanted = listed(&TYPES, "or");
        match table.get("type") {
            None => {
                self.problem(table.pos, format!("[[output]] needs a \"type\": {wanted}"));
                None
            }
            Some(node) => self.choose("\"output.type\"", node, &TYPES).and_then(|at| TYPES.get(at)).copied(),
        }
    }

    fn output_format(&mut self, table: Table<'_>) -> Format {
        let mut format = Format::default();
        self.choice(table, "format", &Format::ALL.map(|format| (format.name(), format)), &mut format);
        if let (false, Some(node)) = (format.is_built(), table.get("format")) {
            let message = format!("format \"{}\" is not in this build; use \"go-audit\"", format.name());
            self.problem(node.pos, message);
        }
        format
    }

    /// Keys that this output does not have. Without a known type only names that no type has are
    /// reported.
    fn output_keys(&mut self, table: Table<'_>, kind: Option<&str>) {
        let ours: Vec<&str> = OUTPUT_KEYS
            .iter()
            .filter(|(_, types)| types.is_empty() || kind.is_none_or(|kind| types.contains(&kind)))
            .map(|(key, _)| *key)
            .collect();
        for entry in table.entries.iter().filter(|entry| !ours.contains(&entry.key.as_str())) {
            let owner = OUTPUT_KEYS.iter().find(|(key, _)| *key == entry.key);
            match (owner, kind) {
                (Some((key, types)), Some(kind)) => {
                    let types = listed(types, "or");
                    let message = format!("\"{key}\" belongs to an output of type {types}, not \"{kind}\"");
                    self.problem(entry.pos, message);
                }
                (Some(_), None) => {}
                (None, _) => self.unknown(entry, &label(OUTPUT), &ours),
            }
        }
    }

    fn file(&mut self, table: Table<'_>) -> Option<FileTarget> {
        let path = self.text(table, "path", "the path of a file");
        if table.get("path").is_none() {
            self.problem(table.pos, "[[output]] of type \"file\" needs a \"path\"".to_owned());
        }
        let mode = self.mode(table);
        let owner = self.text(table, "owner", "a user's name or number in quotes");
        let group = self.text(table, "group", "a group's name or number in quotes");
        let mut file = FileTarget { mode, owner, group, ..FileTarget::default() };
        let numbers = [
            ("rotate_kib", 0, 4_194_303, &mut file.rotate_kib),
            ("rotate_s", 0, 31_622_400, &mut file.rotate_s),
            ("keep", 1, 9999, &mut file.keep),
            ("keep_mib", 0, 1_048_576, &mut file.keep_mib),
            ("min_free_mib", 0, 1_048_576, &mut file.min_free_mib),
        ];
        self.numbers(table, numbers.into());
        self.bool(table, "compress", &mut file.compress);
        if let Some(at) = self.word(table, "low_space", &LowSpace::ALL.map(LowSpace::name)) {
            file.low_space = LowSpace::ALL.get(at).copied().unwrap_or_default();
        }
        self.fsync(table, &mut file.fsync);
        self.sizes(table, &file);
        file.path = PathBuf::from(path?.value);
        Some(file)
    }

    /// What the sizes must be to each other.
    fn sizes(&mut self, table: Table<'_>, file: &FileTarget) {
        if let (1..MIN_ROTATE_KIB, Some(node)) = (file.rotate_kib, table.get("rotate_kib")) {
            let message = format!(
                "\"output.rotate_kib\" must be 0 or at least {MIN_ROTATE_KIB}, not {}",
                file.rotate_kib
            );
            self.problem(node.pos, message);
        }
        if let (true, Some(node)) = (file.keep_mib > 0, table.get("keep_mib"))
            && (file.rotate_kib == 0 || file.rotate_kib >= file.keep_mib.saturating_mul(1024))
        {
            let message = "\"output.keep_mib\" needs a \"rotate_kib\" that is less";
            self.problem(node.pos, message.to_owned());
        }
        if let (true, false, Some(node)) = (file.compress, cfg!(feature = "compress"), table.get("compress"))
        {
            self.problem(node.pos, "\"output.compress\" is not in this build".to_owned());
        }
    }

    /// `fsync`: a word, or milliseconds.
    fn fsync(&mut self, table: Table<'_>, into: &mut Fsync) {
        let Some(node) = table.get("fsync") else { return };
        *into = match &node.value {
            Value::String(word) if word == "none" => Fsync::None,
            Value::String(word) if word == "each" => Fsync::Each,
            Value::Integer(_) => {
                let mut millis = 0;
                self.number(table, "fsync", 1..=3_600_000, &mut millis);
                Fsync::Every(millis)
            }
            Value::String(word) => {
                let message = format!("\"output.fsync\" must be {FSYNC}, not {}", quoted(word));
                return self.problem(node.pos, message);
            }
            _ => return self.wrong(table, "fsync", FSYNC, node),
        };
    }

    /// `mode`: octal text, so that nobody's 600 becomes 01130.
    fn mode(&mut self, table: Table<'_>) -> u32 {
        let wanted = "octal text such as \"0600\"";
        let Some(node) = table.get("mode") else { return DEFAULT_MODE };
        let (mode, written) = match &node.value {
            Value::String(text) if !text.is_empty() && text.chars().all(|c| c.is_digit(8)) => {
                (i64::from_str_radix(text, 8).ok(), quoted(text))
            }
            Value::String(text) => {
                let message = format!("\"output.mode\" must be {wanted}, not {}", quoted(text));
                self.problem(node.pos, message);
                return DEFAULT_MODE;
            }
            Value::Integer(integer) if integer.octal => (integer.value, integer.written.clone()),
            Value::Integer(integer) => {
                let octal = integer.value.map(|value| format!(", which is {value:o} in octal"));
                let message = format!(
                    "\"output.mode\" must be {wanted}, not {}: without quotes it is decimal{}",
                    integer.written,
                    octal.unwrap_or_default()
                );
                self.problem(node.pos, message);
                return DEFAULT_MODE;
            }
            _ => {
                self.wrong(table, "mode", wanted, node);
                return DEFAULT_MODE;
            }
        };
        match mode.and_then(|mode| u32::try_from(mode).ok()) {
            Some(mode) if mode <= HIGHEST_MODE => mode,
            _ => {
                let message = format!("\"output.mode\" must be from \"0000\" to \"0777\", not {written}");
                self.problem(node.pos, message);
                DEFAULT_MODE
            }
        }
    }
}

fn same_place(a: &Target, b: &Target) -> bool {
    match (a, b) {
        (Target::Stdout, Target::Stdout) => true,
        (Target::File(a), Target::File(b)) => a.path == b.path,
        _ => false,
    }
}
