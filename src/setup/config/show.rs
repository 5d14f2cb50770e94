//! A config as TOML text, every key written out: what is in force, for `ringaudit check`. Read
//! back, it gives an equal config.

use std::fmt::{Display, Write};

use super::{
    Argv, AtExit, Config, Failure, FileTarget, Format, Fsync, KernelKey, Located, Overflow, Setting, Target,
    network,
};

/// Whether rules from files are in this build.
const FILES: bool = cfg!(feature = "rules");

/// The whole config as TOML.
#[must_use]
pub fn show(config: &Config) -> String {
    let mut text = String::new();
    // Writing into a String can't fail.
    let _ = write_config(&mut text, config);
    text
}

impl KernelKey {
    /// The setting's key in `[kernel]`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::BacklogLimit => "backlog_limit",
            Self::BacklogWaitTime => "backlog_wait_time",
            Self::Failure => "failure",
        }
    }
}

fn write_config(text: &mut String, config: &Config) -> std::fmt::Result {
    let kernel = &config.kernel;
    let restore: Vec<String> = kernel.restore.iter().map(|key| string(key.name())).collect();
    writeln!(text, "[kernel]")?;
    writeln!(text, "mode = \"unicast\"")?;
    writeln!(text, "enabled = {}", setting(kernel.enabled))?;
    writeln!(text, "backlog_limit = {}", setting(kernel.backlog_limit))?;
    writeln!(text, "backlog_wait_time = {}", setting(kernel.backlog_wait_time))?;
    writeln!(text, "failure = {}", failure(kernel.failure))?;
    writeln!(text, "restore = [{}]", restore.join(", "))?;
    writeln!(text, "receive_buffer_kib = {}", kernel.receive_buffer_kib)?;
    writeln!(text, "verify_s = {}", kernel.verify_s)?;

    writeln!(text, "\n[ring]")?;
    writeln!(text, "size_kib = {}", config.ring.size_kib)?;
    let overflow = match config.ring.overflow {
        Overflow::Drop => "drop",
        Overflow::Wait => "wait",
    };
    writeln!(text, "overflow = {}", string(overflow))?;

    writeln!(text, "\n[event]")?;
    writeln!(text, "timeout_ms = {}", config.event.timeout_ms)?;
    writeln!(text, "max_kib = {}", config.event.max_kib)?;
    writeln!(text, "types = [{}, {}]", config.event.types.0, config.event.types.1)?;

    writeln!(text, "\n[rules]")?;
    let files = ("files", &config.rules.files);
    for (key, values) in [files, ("lines", &config.rules.lines)].into_iter().skip(usize::from(!FILES)) {
        if values.is_empty() {
            writeln!(text, "{key} = []")?;
            continue;
        }
        writeln!(text, "{key} = [")?;
        for value in values {
            writeln!(text, "    {},", string(&value.value))?;
        }
        writeln!(text, "]")?;
    }
    if FILES {
        writeln!(text, "on_error = {}", string(config.rules.on_error.name()))?;
        writeln!(text, "restore_watches = {}", config.rules.restore_watches)?;
    }
    let at_exit = match config.rules.at_exit {
        AtExit::Leave => "leave",
        AtExit::Remove => "remove",
    };
    writeln!(text, "at_exit = {}", string(at_exit))?;

    if cfg!(feature = "json") {
        write_json(text, config)?;
    }
    if cfg!(feature = "replay") {
        writeln!(text, "\n[raw]")?;
        writeln!(text, "node = {}", config.raw.node)?;
        writeln!(text, "enriched = {}", config.raw.enriched)?;
    }

    for output in &config.outputs {
        writeln!(text, "\n[[output]]")?;
        let queue = &output.queue;
        let words = [
            ("type", output.target.kind()),
            ("name", &output.name),
            ("format", output.format.name()),
            ("overflow", queue.overflow.name()),
            ("long_line", queue.long_line.name()),
        ];
        // A GELF message of fields has no format of its own.
        let shown = |key: &str| key != "format" || output.format != Format::Gelf;
        let mut words = words.into_iter().filter(|(key, _)| shown(key));
        words.try_for_each(|(key, word)| writeln!(text, "{key} = \"{word}\""))?;
        let numbers = [("queue_kib", queue.kib), ("max_line", queue.max_line), ("flush_s", queue.flush_s)];
        numbers.into_iter().try_for_each(|(key, number)| writeln!(text, "{key} = {number}"))?;
        match &output.target {
            Target::Stdout => {}
            Target::File(file) => write_file(text, file)?,
            Target::Syslog(syslog) => network::show_syslog(text, syslog)?,
            Target::Gelf(gelf) => network::show_gelf(text, gelf)?,
            Target::Unix(peer) => network::show_peer(text, peer)?,
            Target::Pipe(command) => network::show_command(text, command)?,
        }
    }
    Ok(())
}

/// The format json, and all that it alone writes.
fn write_json(text: &mut String, config: &Config) -> std::fmt::Result {
    writeln!(text, "\n[json]")?;
    let argv = match config.json.argv {
        Argv::List => "list",
        Argv::Text => "string",
        Argv::Both => "both",
    };
    writeln!(text, "argv = {}", string(argv))?;
    writeln!(text, "argv_max_bytes = {}", config.json.argv_max_bytes)?;

    super::translate::show(text, config.translate)?;
    super::enrich::show(text, &config.enrich)?;
    super::labels::show(text, &config.labels)?;
    super::filters::show(text, &config.filters)
}

fn write_file(text: &mut String, file: &FileTarget) -> std::fmt::Result {
    // Lossless: the path came from a config, which is UTF-8.
    writeln!(text, "path = {}", string(&file.path.to_string_lossy()))?;
    writeln!(text, "mode = \"{:04o}\"", file.mode)?;
    let mut name = |key: &str, name: &Option<Located<String>>| match name {
        Some(name) => writeln!(text, "{key} = {}", string(&name.value)),
        None => Ok(()),
    };
    name("owner", &file.owner)?;
    name("group", &file.group)?;
    let numbers = [
        ("rotate_kib", file.rotate_kib),
        ("rotate_s", file.rotate_s),
        ("keep", file.keep),
        ("keep_mib", file.keep_mib),
        ("min_free_mib", file.min_free_mib),
    ];
    numbers.into_iter().try_for_each(|(key, number)| writeln!(text, "{key} = {number}"))?;
    writeln!(text, "compress = {}\nlow_space = \"{}\"", file.compress, file.low_space.name())?;
    match file.fsync {
        Fsync::None => writeln!(text, "fsync = \"none\""),
        Fsync::Each => writeln!(text, "fsync = \"each\""),
        Fsync::Every(millis) => writeln!(text, "fsync = {millis}"),
    }
}

fn setting<T: Display>(setting: Setting<T>) -> String {
    match setting {
        Setting::Leave => string("leave"),
        Setting::Set(value) => value.to_string(),
    }
}

fn failure(failure: Setting<Failure>) -> String {
    string(match failure {
        Setting::Leave => "leave",
        Setting::Set(Failure::Silent) => "silent",
        Setting::Set(Failure::Printk) => "printk",
        Setting::Set(Failure::Panic) => "panic",
    })
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
