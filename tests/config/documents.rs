//! The documents against the program: the example, the reference, the man page and the help name
//! every key and every flag, and no other.

use std::collections::BTreeSet;

use ringaudit::cli;
use ringaudit::config::{Config, Rules, Target, embedded, show};

use crate::{EXAMPLE, good, tables};

const MAN: &str = include_str!("../../docs/ringaudit.8");
const REFERENCE: &str = include_str!("../../docs/config.md");

/// The example with its commented keys switched on.
pub(crate) fn whole_example() -> String {
    EXAMPLE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The names that stand before a ` = ` in a TOML text, with their tables.
fn keys_of(text: &str) -> BTreeSet<(String, String)> {
    let mut table = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains(' ')) {
            keys.insert((table.clone(), key.to_owned()));
        }
    }
    keys
}

/// The table of a header in a document; "" for the keys outside of any.
fn of_header(header: &str) -> String {
    header.trim_matches(['[', ']']).replace("Outside of any table", "")
}

fn expected_keys() -> BTreeSet<(String, String)> {
    let owned = |(table, keys): (&str, Vec<&str>)| -> Vec<(String, String)> {
        keys.into_iter().map(|key| (table.to_owned(), key.to_owned())).collect()
    };
    tables().into_iter().flat_map(owned).collect()
}

#[test]
fn the_example_has_every_key_with_its_default() {
    let example = whole_example();
    assert_eq!(keys_of(&example), expected_keys());
    let config = good(&example);
    let default = Config::default();
    assert_eq!(
        (&config.kernel, &config.ring, &config.event, config.translate, &config.enrich),
        (&default.kernel, &default.ring, &default.event, default.translate, &default.enrich)
    );
    let good_example = good(EXAMPLE);
    assert_eq!((&good_example.sandbox, &good_example.memory), (&default.sandbox, &default.memory));
    let rules = |rules: &Rules| (rules.on_error, rules.at_exit, rules.restore_watches);
    assert_eq!(rules(&config.rules), rules(&default.rules));
    assert_eq!(config.rules.lines, embedded().rules.lines);
    let Target::File(file) = &config.outputs[0].target else { panic!("a file") };
    assert_eq!(file.mode, 0o600);
    assert_eq!(good(EXAMPLE).kernel, default.kernel);
    let plain = good(EXAMPLE);
    assert_eq!((plain.log, &plain.pid_file, &plain.json), (default.log, &default.pid_file, &default.json));
}

#[test]
fn show_prints_every_key() {
    assert_eq!(keys_of(&show(&good(&whole_example()))), expected_keys());
}

#[test]
fn the_reference_has_every_key_and_no_other() {
    let mut table = String::new();
    let mut keys = BTreeSet::new();
    for line in REFERENCE.lines() {
        if let Some(header) = line.strip_prefix("## ") {
            table = of_header(header);
        } else if let Some(key) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            keys.insert((table.clone(), key.to_owned()));
        }
    }
    assert_eq!(keys, expected_keys());
}

#[test]
fn the_man_page_has_every_key_and_no_other() {
    let begin = MAN.find(".SH CONFIGURATION").unwrap();
    let end = MAN.find(".SH SIGNALS").unwrap();
    let mut table = String::new();
    let mut keys = BTreeSet::new();
    let mut lines = MAN[begin..end].lines();
    while let Some(line) = lines.next() {
        if let Some(header) = line.strip_prefix(".SS ") {
            table = of_header(header);
        } else if line == ".TP" {
            // `.B key`, or `.BR key ", " key`.
            for key in lines.next().unwrap().split([' ', '"', ',']).skip(1).filter(|key| !key.is_empty()) {
                keys.insert((table.clone(), key.to_owned()));
            }
        }
    }
    assert_eq!(keys, expected_keys());
}

/// The words of a text that are flags, such as `-c` and `--config`.
fn flags_of(text: &str) -> BTreeSet<String> {
    let text = text.replace("\\-", "-").replace("\\fI", " ");
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with('-') && word.chars().any(char::is_alphabetic))
        .map(str::to_owned)
        .collect()
}

#[test]
fn help_and_man_page_have_every_flag_and_no_other() {
    let mut flags: BTreeSet<String> = BTreeSet::from(["-config".to_owned(), "-version".to_owned()]);
    for (short, long) in cli::FLAGS {
        flags.extend([format!("-{short}"), format!("--{long}")]);
    }
    assert_eq!(flags_of(&cli::help()), flags);
    let examples = MAN.find(".SH EXAMPLES").unwrap();
    assert_eq!(flags_of(&MAN[..examples]), flags);
    // Each one is taken.
    for flag in &flags {
        let words: &[&str] = match flag.trim_start_matches('-') {
            "c" | "config" => &[flag, "x"],
            "f" | "format" => &["replay", flag, "raw"],
            "e" | "on-error" => &["rules", "load", flag, "refuse"],
            "k" | "key" => &["rules", "clear", flag, "x"],
            "l" | "loadable" => &["rules", "list", flag],
            "t" | "toml" => &["check", flag],
            "s" | "socket" => &["status", flag, "x"],
            "j" | "json" | "p" | "prometheus" => &["status", flag],
            "o" | "once" => &["top", flag],
            "b" | "by" => &["top", flag, "key"],
            "S" | "sort" => &["top", flag, "bytes"],
            "i" | "interval" => &["top", flag, "2"],
            "P" | "pid-file" => &[flag, "/x"],
            _ => &[flag],
        };
        assert!(cli::parse(words.iter().map(Into::into)).is_ok(), "{flag}");
    }
    let commands = cli::COMMANDS.into_iter().filter(|command| *command != "rules");
    for command in commands.chain(cli::RULES) {
        assert!(cli::help().contains(&format!("ringaudit {command}").replace("run", "[run]")), "{command}");
        assert!(MAN.contains(&format!(".B {command}\n")), "{command}");
    }
    // The exit codes say the same.
    for code in ["0", "1", "2", "3", "4"] {
        let help = cli::help();
        let text = help.lines().find_map(|line| line.strip_prefix(&format!("  {code}   "))).unwrap();
        let man = MAN.split_once(&format!("\n.B {code}\n")).unwrap().1.lines().next().unwrap();
        assert_eq!(man.to_lowercase(), format!("{}.", text.to_lowercase()), "{code}");
    }
}
