//! `[status]`: where the daemon answers questions, and what it tells of itself unasked.

use super::node::Value;
use super::show::pair;
use super::suggest::quoted;
use super::values::{Table, Walker};
use super::{Config, Located};

/// How often the textfile is written where nothing else is said, in seconds.
pub const TEXTFILE_S: u32 = 15;
/// What a path must be.
const PATH: &str = "an absolute path, or \"\" for none";

/// `[status]`. A path that is empty is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `socket = "/run/ringaudit.sock"`: the unix socket of `status`, `top` and others.
    pub socket: String,
    /// `mode = "0600"`: the socket's permission bits, 0 to 0o777.
    pub mode: u32,
    /// `group = "adm"`: the socket's group, a name or number; default that of the daemon.
    pub group: Option<Located<String>>,
    /// `textfile = ""`: the file for node_exporter.
    pub textfile: String,
    /// `interval_s = 0`: seconds between two lines of counters in the daemon's own messages, and between two
    /// writings of the textfile; 0 to 86400. 0 is no line, and [`TEXTFILE_S`] for the textfile.
    pub interval_s: u32,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            socket: "/run/ringaudit.sock".to_owned(),
            mode: 0o600,
            group: None,
            textfile: String::new(),
            interval_s: 0,
        }
    }
}

impl Walker<'_> {
    #[inline(never)]
    pub(super) fn status(&mut self, table: Table<'_>, status: &mut Status) {
        self.read(table, status);
        self.mode(table, &mut status.mode);
        status.group = self.located(table, "group", "a group's name or number in quotes");
        for (key, into) in [("socket", &mut status.socket), ("textfile", &mut status.textfile)] {
            let Some(node) = table.get(key) else { continue };
            match &node.value {
                Value::String(path) if path.is_empty() => into.clear(),
                Value::String(path) if !path.starts_with('/') => {
                    self.must(table, key, node.pos, PATH, &quoted(path));
                }
                // Of another name node_exporter would not read it.
                Value::String(path) if key == "textfile" && !path.ends_with(".prom") => {
                    self.must(table, key, node.pos, "a path that ends in \".prom\"", &quoted(path));
                }
                _ => {
                    if let Some(path) = self.text(table, key, PATH) {
                        path.clone_into(into);
                    }
                }
            }
        }
    }
}

/// The keys that are not plain.
pub(super) fn show(text: &mut String, config: &Config) {
    let status = &config.status;
    pair(text, "socket", &status.socket);
    pair(text, "mode", &format!("{:04o}", status.mode));
    if let Some(group) = &status.group {
        pair(text, "group", &group.value);
    }
    pair(text, "textfile", &status.textfile);
}
