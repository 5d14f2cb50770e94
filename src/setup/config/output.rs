//! The `[[output]]` tables of a config's tree: the type decides which keys belong.

use std::path::PathBuf;

use super::keys::{OUTPUT, OUTPUT_KEYS, TYPES};
use super::node::{Node, Value};
use super::suggest::{listed, quoted};
use super::values::{Key, Table, Walker, number, small};
use super::{FileTarget, Format, Fsync, MAX_OUTPUTS, Output, Queue, Target};

/// Whether the outputs that send are in this build.
const SENDS: bool = cfg!(feature = "send");
/// The highest mode: no set-user-ID, set-group-ID or sticky bit.
const HIGHEST_MODE: u32 = 0o777;
/// The least that a line may be limited to: what marks a cut needs some of it.
const MIN_LINE: u32 = 256;
/// The longest name of an output, in bytes.
const MAX_NAME: usize = 32;
/// The least size of a file at which a new one is begun, in KiB.
const MIN_ROTATE_KIB: u32 = 64;
/// What `fsync` can be, for messages, and where it is a number.
const FSYNC: &str = "\"none\", \"each\" or milliseconds";
const FSYNC_MILLIS: [Key; 1] = [number("fsync", 1, 3_600_000)];
/// What `mode` can be, for messages.
const MODE: &str = "octal text such as \"0600\"";
/// What a name is, for messages.
const NAME: &str = "at most 32 letters, digits, \".\", \"_\" and \"-\"";

impl Walker<'_> {
    /// All outputs.
    #[inline(never)]
    pub(super) fn outputs(&mut self, node: &Node) -> Vec<Output> {
        if matches!(&node.value, Value::List(nodes) if nodes.is_empty()) {
            let message = "\"output\" is an empty list: events would go nowhere; leave it out for stdout";
            self.problem(node.pos, format_args!("{message}"));
        }
        let mut outputs: Vec<Output> = Vec::new();
        for node in self.tables(node, OUTPUT, MAX_OUTPUTS, "") {
            let Value::Table(entries) = &node.value else { continue };
            let table = Table { name: OUTPUT, pos: node.pos, entries };
            let Some(mut output) = self.output(table) else { continue };
            self.name(table, &mut output, &outputs);
            if let Some(other) = outputs.iter().find(|other| same_place(&other.target, &output.target)) {
                let line = other.place.line;
                let message = format_args!("[[output]] writes where the one on line {line} does; keep one");
                self.problem(node.pos, message);
            }
            outputs.push(output);
        }
        outputs
    }

    /// The output's name: the one that is given, or its type with a number.
    #[inline(never)]
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
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        output.name = name.to_owned();
        let (name, pos) = (&output.name, table.pos("name"));
        if name.len() > MAX_NAME || !name.bytes().all(fits) {
            self.must(table, "name", pos, NAME, &quoted(name));
        } else if is_taken(name) {
            self.problem(pos, format_args!("two outputs have the name {}", quoted(name)));
        }
    }

    /// Everything but the name.
    #[inline(never)]
    fn output(&mut self, table: Table<'_>) -> Option<Output> {
        let kind = self.output_type(table);
        self.output_keys(table, kind);
        let place = self.place(table.pos);
        let (format, queue) = (Format::default(), Queue::default());
        let mut output = Output { place, name: String::new(), format, queue, target: Target::Stdout };
        self.read(table, &mut output);
        self.at_least(table, "max_line", output.queue.max_line, MIN_LINE);
        if !output.format.is_built() {
            self.refuse(table, "format", &output.format.not_built());
        }
        output.target = match kind? {
            "file" => self.file(table)?,
            "syslog" if SENDS => self.syslog(table, output.format)?,
            "gelf" if SENDS => self.gelf(table)?,
            "unix" if SENDS => self.unix(table)?,
            "pipe" if SENDS => self.command(table)?,
            _ => Target::Stdout,
        };
        let peer = match &output.target {
            Target::Syslog(syslog) => Some(&syslog.peer),
            Target::Unix(peer) => Some(peer),
            _ => None,
        };
        // Lines that go out as datagrams have a limit, unless another is given.
        if let (Some(peer), None) = (peer, table.get("max_line")) {
            output.queue.max_line = peer.carrier.longest_line();
        }
        if matches!(&output.target, Target::Gelf(gelf) if gelf.fields) {
            output.format = Format::Gelf;
        }
        Some(output)
    }

    /// A number that is 0 or not too low.
    fn at_least(&mut self, table: Table<'_>, key: &str, value: u32, low: u32) {
        if (1..low).contains(&value) {
            let wanted = format!("0 or at least {low}");
            self.must(table, key, table.pos(key), &wanted, &value.to_string());
        }
    }

    /// The type, if it is one.
    #[inline(never)]
    fn output_type(&mut self, table: Table<'_>) -> Option<&'static str> {
        if table.get("type").is_none() {
            let wanted = listed(&TYPES, "or");
            self.problem(table.pos, format_args!("[[output]] needs a \"type\": {wanted}"));
        }
        let at = usize::try_from(self.word(table, "type", &TYPES)?).ok()?;
        let kind = *TYPES.get(at)?;
        if !SENDS && !matches!(kind, "stdout" | "file") {
            self.refuse(table, "type", &format!("output type \"{kind}\" is not in this build"));
        }
        Some(kind)
    }

    /// Keys that stand twice, and those that this output does not have. Without a known type only
    /// names that no type has are reported.
    #[inline(never)]
    fn output_keys(&mut self, table: Table<'_>, kind: Option<&str>) {
        let (mut all, mut ours) = (Vec::new(), Vec::new());
        for (key, types) in OUTPUT_KEYS {
            all.push(*key);
            if types.is_empty() || kind.is_none_or(|kind| types.contains(&kind)) {
                ours.push(*key);
            }
        }
        self.repeated(table.entries, &all);
        for entry in table.entries {
            if ours.contains(&entry.key.as_str()) {
                continue;
            }
            let owner = OUTPUT_KEYS.iter().find(|(key, _)| *key == entry.key);
            match (owner, kind) {
                (Some((key, types)), Some(kind)) => {
                    let types = listed(types, "or");
                    let message =
                        format_args!("\"{key}\" belongs to an output of type {types}, not \"{kind}\"");
                    self.problem(entry.pos, message);
                }
                (Some(_), None) => {}
                (None, _) => self.unknown(entry, OUTPUT, &ours),
            }
        }
    }

    #[inline(never)]
    fn file(&mut self, table: Table<'_>) -> Option<Target> {
        let path = self.text(table, "path", "the path of a file");
        if table.get("path").is_none() {
            self.problem(table.pos, format_args!("[[output]] of type \"file\" needs a \"path\""));
        }
        let mut file = FileTarget::default();
        self.mode(table, &mut file.mode);
        file.owner = self.located(table, "owner", "a user's name or number in quotes");
        file.group = self.located(table, "group", "a group's name or number in quotes");
        self.read(table, &mut file);
        self.fsync(table, &mut file.fsync);
        self.at_least(table, "rotate_kib", file.rotate_kib, MIN_ROTATE_KIB);
        if file.keep_mib > 0
            && (file.rotate_kib == 0 || file.rotate_kib >= file.keep_mib.saturating_mul(1024))
        {
            self.refuse(table, "keep_mib", "\"output.keep_mib\" needs a \"rotate_kib\" that is less");
        }
        if file.compress && !cfg!(feature = "compress") {
            self.refuse(table, "compress", "\"output.compress\" is not in this build");
        }
        file.path = PathBuf::from(path?);
        Some(Target::File(file))
    }

    /// `fsync`: a word, or milliseconds.
    #[inline(never)]
    fn fsync(&mut self, table: Table<'_>, into: &mut Fsync) {
        let Some(node) = table.get("fsync") else { return };
        match &node.value {
            Value::String(word) if word == "none" => *into = Fsync::None,
            Value::String(word) if word == "each" => *into = Fsync::Each,
            Value::Integer(_) => {
                let mut millis = [0];
                self.plain(table, &FSYNC_MILLIS, &mut millis);
                *into = Fsync::Every(small(millis[0]));
            }
            Value::String(word) => self.must(table, "fsync", node.pos, FSYNC, &quoted(word)),
            _ => self.wrong(table, "fsync", FSYNC, node),
        }
    }

    /// `mode`: octal text, so that nobody's 600 becomes 01130.
    #[inline(never)]
    pub(super) fn mode(&mut self, table: Table<'_>, into: &mut u32) {
        let Some(node) = table.get("mode") else { return };
        let (mode, written) = match &node.value {
            Value::String(text)
                if !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7')) =>
            {
                (i64::from_str_radix(text, 8).ok(), &quoted(text))
            }
            Value::Integer(integer) if integer.octal => (integer.value, &integer.written),
            other => {
                let found = match other {
                    Value::String(text) => quoted(text),
                    Value::Integer(integer) => {
                        let decimal = format!("{}: without quotes it is decimal", integer.written);
                        let octal = integer.value.map(|value| format!(", which is {value:o} in octal"));
                        decimal + &octal.unwrap_or_default()
                    }
                    _ => other.kind().to_owned(),
                };
                return self.must(table, "mode", node.pos, MODE, &found);
            }
        };
        match mode.and_then(|mode| u32::try_from(mode).ok()) {
            Some(mode) if mode <= HIGHEST_MODE => *into = mode,
            _ => self.must(table, "mode", node.pos, "from \"0000\" to \"0777\"", written),
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
