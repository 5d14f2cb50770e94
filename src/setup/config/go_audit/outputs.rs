//! go-audit's `output`: each one that is enabled, in its format.

use super::super::node::{Entry, Node, Pos, Value};
use super::{File, integer, string, table};

/// local0 and warning.
const PRIORITY: i64 = 132;
/// Kinds of output, in the order of the example file, each with its switch.
const KINDS: [(&str, &str); 4] = [
    ("stdout", "output.stdout.enabled"),
    ("syslog", "output.syslog.enabled"),
    ("file", "output.file.enabled"),
    ("gelf", "output.gelf.enabled"),
];

impl File<'_> {
    /// `output = [...]`. go-audit needs exactly one; here all that are enabled are written to.
    pub(super) fn outputs(&mut self, root: Pos) -> Option<Entry> {
        let mut outputs: Vec<Node> = Vec::new();
        let mut all_read = true;
        for (kind, switch) in KINDS {
            let before = self.found.len();
            if self.switch(switch) {
                let pos = self.get(switch).map_or(root, |(pos, _)| pos);
                let mut entries = vec![string("type", pos, kind), string("format", pos, "go-audit")];
                match kind {
                    "file" => self.file(pos, &mut entries),
                    "syslog" => self.syslog(&mut entries),
                    "gelf" => self.gelf(pos, &mut entries),
                    _ => {}
                }
                if !outputs.is_empty() {
                    self.warning(
                        pos,
                        "more than one output is enabled: all are written to; go-audit takes one".to_owned(),
                    );
                }
                outputs.push(table("", pos, entries).node);
            }
            all_read &= self.found.len() == before;
        }
        if outputs.is_empty() {
            if all_read {
                let first = self.values.iter().find(|(path, _, _)| path.starts_with("output."));
                self.problem(
                    first.map_or(root, |(_, pos, _)| *pos),
                    "no output is enabled; write \"enabled: true\" in one, such as \"output.stdout\""
                        .to_owned(),
                );
            }
            return None;
        }
        Some(Entry {
            key: "output".to_owned(),
            pos: root,
            node: Node { pos: root, value: Value::List(outputs) },
        })
    }

    fn file(&mut self, pos: Pos, entries: &mut Vec<Entry>) {
        match self.word("output.file.path") {
            Some((pos, path)) => entries.push(string("path", pos, path)),
            None => self.problem(pos, "\"output.file.path\" is missing: the file to write to".to_owned()),
        }
        if let Some((pos, mode)) = self.number("output.file.mode") {
            self.mode(pos, mode, entries);
        }
        for (path, key) in [("output.file.user", "owner"), ("output.file.group", "group")] {
            entries.extend(self.word(path).map(|(pos, name)| string(key, pos, name)));
        }
    }

    /// `mode`: a number, which YAML reads as octal behind a 0 and else as decimal. Go gives chmod(2) its nine
    /// lowest bits.
    fn mode(&mut self, pos: Pos, mode: i64, entries: &mut Vec<Entry>) {
        if !(1..=0o7777).contains(&mode) {
            let message = format!("\"output.file.mode\" must be from 0001 to 0777, with the 0, not {mode}");
            return self.problem(pos, message);
        }
        let bits = mode & 0o777;
        if bits != mode {
            let digits = format!("0{mode}");
            let meant = if digits.len() == 4 && digits.bytes().all(|digit| digit < b'8') {
                digits
            } else {
                "0600".to_owned()
            };
            let message = format!(
                "\"output.file.mode\" is {mode}, which is {mode:o} in octal, and makes the mode {bits:04o} as in go-audit; \
                 did you mean {meant}?"
            );
            self.warning(pos, message);
        }
        entries.push(string("mode", pos, &format!("{bits:04o}")));
    }

    /// The keys of a syslog output, in go-audit's own framing. Source: Go's log/syslog.
    fn syslog(&mut self, entries: &mut Vec<Entry>) {
        let address = self.word("output.syslog.address");
        if let Some((pos, network)) = self.word("output.syslog.network") {
            // Go has the address families apart; the address says the same.
            entries.push(string("network", pos, network.trim_end_matches(['4', '6'])));
            entries.extend(address.map(|(pos, address)| string("address", pos, address)));
        } else if let Some((pos, _)) = address.filter(|(_, address)| *address != "/dev/log") {
            let message = "\"output.syslog.address\" has no effect without a \"network\": go-audit too writes to /dev/log then";
            self.warning(pos, message.to_owned());
        }
        let (pos, priority) =
            self.number("output.syslog.priority").unwrap_or((Pos { line: 1, column: 1 }, PRIORITY));
        if !(0..=191).contains(&priority) {
            self.problem(pos, format!("\"output.syslog.priority\" must be from 0 to 191, not {priority}"));
        }
        entries.push(integer("facility", pos, (priority >> 3) & 31));
        entries.push(integer("severity", pos, priority & 7));
        let (pos, tag) = self.word("output.syslog.tag").unwrap_or((pos, "go-audit"));
        entries.push(string("tag", pos, tag));
        entries.push(string("protocol", pos, "go-audit"));
    }

    /// The keys of a GELF output, with the line as its message.
    fn gelf(&mut self, pos: Pos, entries: &mut Vec<Entry>) {
        let (network_pos, network) = self.word("output.gelf.network").unwrap_or((pos, "udp"));
        entries.push(string("network", network_pos, network));
        entries.push(string("payload", pos, "line"));
        match self.word("output.gelf.address") {
            Some((pos, address)) => entries.push(string("address", pos, address)),
            None => {
                self.problem(pos, "\"output.gelf.address\" is missing: host:port of the server".to_owned());
            }
        }
        match self.number("output.gelf.compression.type") {
            // gzip is the default, and TCP has none.
            None | Some((_, 0)) => {}
            Some((pos, number @ 1..=2)) if network == "udp" => {
                entries.push(string("compression", pos, if number == 1 { "zlib" } else { "none" }));
            }
            Some((_, 1..=2)) => {}
            Some((pos, number)) => {
                let message = format!(
                    "\"output.gelf.compression.type\" must be 0 (gzip), 1 (zlib) or 2 (none), not {number}"
                );
                self.problem(pos, message);
            }
        }
    }
}
