//! A config as TOML text, every key written out: what is in force, for `ringaudit check`. Read
//! back, it gives an equal config.

use std::fmt::Write;

use super::plain::Plain;
use super::values::{Key, Kind, NONE};
use super::{Config, FileTarget, Fsync, Located, Target, network};

/// The whole config as TOML.
#[must_use]
#[inline(never)]
pub fn show(config: &Config) -> String {
    let mut text = String::new();
    if cfg!(feature = "supervise") {
        pair(&mut text, "log", config.log.name());
        if let Some(path) = &config.pid_file {
            // Lossless: the path came from a config, which is UTF-8.
            pair(&mut text, "pid_file", &path.to_string_lossy());
        }
        text.push('\n');
    }
    let kernel = &config.kernel;
    header(&mut text, "[kernel]", kernel);
    let mut restore = Values::default();
    for key in &kernel.restore {
        restore.text(key.name());
    }
    restore.give(&mut text, "restore", false);

    header(&mut text, "\n[ring]", &config.ring);
    header(&mut text, "\n[event]", &config.event);
    let (low, high) = config.event.types;
    line(&mut text, "types", &format!("[{low}, {high}]"));

    header(&mut text, "\n[rules]", &config.rules);
    if cfg!(feature = "rules") {
        lines(&mut text, "files", &config.rules.files);
    }
    lines(&mut text, "lines", &config.rules.lines);

    if cfg!(feature = "json") {
        header(&mut text, "\n[json]", &config.json);
        header(&mut text, "\n[translate]", &config.translate);
        header(&mut text, "\n[enrich]", &config.enrich);
        strings(&mut text, "env", &config.enrich.env);
        super::labels::show(&mut text, &config.labels);
        super::filters::show(&mut text, &config.filters);
    }
    if cfg!(feature = "replay") {
        header(&mut text, "\n[raw]", &config.raw);
    }
    #[cfg(feature = "sandbox")]
    {
        header(&mut text, "\n[sandbox]", &config.sandbox);
        super::sandbox::show(&mut text, &config.sandbox);
        header(&mut text, "\n[memory]", &config.memory);
    }

    #[cfg(feature = "status")]
    {
        header(&mut text, "\n[status]", &config.status);
        super::status::show(&mut text, config);
    }

    for output in &config.outputs {
        text.push_str("\n[[output]]\n");
        pair(&mut text, "type", output.target.kind());
        pair(&mut text, "name", &output.name);
        plain(&mut text, output);
        match &output.target {
            Target::Stdout => {}
            Target::File(file) => show_file(&mut text, file),
            Target::Syslog(syslog) => network::show_syslog(&mut text, syslog),
            Target::Gelf(gelf) => network::show_gelf(&mut text, gelf),
            Target::Unix(peer) => network::show_peer(&mut text, peer),
            Target::Pipe(command) => strings(&mut text, "command", command),
        }
    }
    text
}

fn show_file(text: &mut String, file: &FileTarget) {
    // Lossless: the path came from a config, which is UTF-8.
    pair(text, "path", &file.path.to_string_lossy());
    pair(text, "mode", &format!("{:04o}", file.mode));
    for (key, name) in [("owner", &file.owner), ("group", &file.group)] {
        if let Some(name) = name {
            pair(text, key, &name.value);
        }
    }
    plain(text, file);
    match file.fsync {
        Fsync::None => pair(text, "fsync", "none"),
        Fsync::Each => pair(text, "fsync", "each"),
        Fsync::Every(millis) => line(text, "fsync", &millis.to_string()),
    }
}

fn header<const N: usize>(text: &mut String, header: &str, table: &impl Plain<N>) {
    text.push_str(header);
    text.push('\n');
    plain(text, table);
}

/// The plain keys of a table.
fn plain<const N: usize, P: Plain<N>>(text: &mut String, table: &P) {
    keys(text, P::KEYS, &table.values());
}

/// Keys with their values; without those that have none.
#[inline(never)]
pub(super) fn keys(text: &mut String, keys: &[Key], values: &[u64]) {
    for (key, value) in keys.iter().zip(values) {
        match key.kind {
            _ if *value == NONE => {
                if key.leave {
                    pair(text, key.name, "leave");
                }
            }
            Kind::Number(..) => line(text, key.name, &value.to_string()),
            Kind::Switch => line(text, key.name, if *value == 0 { "false" } else { "true" }),
            Kind::Word(words) | Kind::Level(words) => {
                let word = usize::try_from(*value).ok().and_then(|at| words.get(at));
                pair(text, key.name, word.unwrap_or(&""));
            }
        }
    }
}

/// `key = "value"`
#[inline(never)]
pub(super) fn pair(text: &mut String, key: &str, value: &str) {
    line(text, key, &string(value));
}

/// `key = value`, of a value that is TOML.
#[inline(never)]
pub(super) fn line(text: &mut String, key: &str, value: &str) {
    for part in [key, " = ", value, "\n"] {
        text.push_str(part);
    }
}

/// `key = ["a", "b"]`
pub(super) fn strings(text: &mut String, key: &str, values: &[String]) {
    let mut shown = Values::default();
    for value in values {
        shown.text(value);
    }
    shown.give(text, key, false);
}

/// The values of a list.
#[derive(Default)]
pub(super) struct Values {
    shown: String,
    count: usize,
}

impl Values {
    /// A value that is TOML.
    #[inline(never)]
    pub(super) fn push(&mut self, value: &str) {
        self.shown.push_str(if self.count == 0 { "" } else { ", " });
        self.shown.push_str(value);
        self.count += 1;
    }

    /// A string.
    #[inline(never)]
    pub(super) fn text(&mut self, value: &str) {
        self.push(&string(value));
    }

    /// Writes them as `key = [a, b]`; one value without the brackets where it `may_be_bare`.
    #[inline(never)]
    pub(super) fn give(&self, text: &mut String, key: &str, may_be_bare: bool) {
        if may_be_bare && self.count == 1 {
            line(text, key, &self.shown);
        } else {
            line(text, key, &["[", &self.shown, "]"].concat());
        }
    }
}

/// A list with a line for each string.
fn lines(text: &mut String, key: &str, values: &[Located<String>]) {
    let mut shown = String::from("[");
    for value in values {
        for part in ["\n    ", &string(&value.value), ","] {
            shown.push_str(part);
        }
    }
    shown.push_str(if values.is_empty() { "]" } else { "\n]" });
    line(text, key, &shown);
}

/// A TOML basic string.
pub(super) fn string(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
