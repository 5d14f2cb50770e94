//! The rule that would exclude what a line of `top` counts. An exception goes to the head of its list (-A), before the
//! rules that it is one of; one that deletes is a command of its own.

use crate::capture::control::Control;
use crate::rules::{self, Form};
use crate::sys::host;
use crate::wire::Transport;
use crate::wire::rule::{AUDIT_LIST_RULES, KEY_SEPARATOR, Rule, Value, field};
use crate::wire::tables::Machine;
use crate::writer::top::{By, Row};
use std::io;

/// The rule for a name of a table; empty where there can be none.
pub(super) fn exclude(by: By, name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    match by {
        By::Key => with("-D -k ", name),
        By::Exe if name.starts_with('/') => with("-A never,exit -F exe=", name),
        By::Exe => String::new(),
        By::Syscall => match name.split_once(' ') {
            Some((arch, call)) => format!("-A never,exit -F arch={arch} -S {call}"),
            None => format!("-a always,exclude -F msgtype={name}"),
        },
        By::Uid => format!("-A never,exit -F uid={name}"),
    }
}

/// The beginning of a rule, and a value as the end of its word; empty where no quotes can hold it.
fn with(begin: &str, value: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    let quote = if value.chars().all(is_plain) {
        ""
    } else if value.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return String::new();
    } else if !value.contains('\'') {
        "'"
    } else if !value.contains('"') {
        "\""
    } else {
        return String::new();
    };
    [begin, quote, value, quote].concat()
}

/// The events of the keys' rows by the kernel's rules, where only one rule has the key; each with what deletes it.
///
/// Errors: the kernel's rules can't be had.
pub(super) fn by_rule(keys: &[Row], control: &mut Control) -> io::Result<Vec<(Row, String)>> {
    let mut listed = Vec::new();
    control.dump(AUDIT_LIST_RULES, &mut |_, payload| listed.extend(Rule::parse(payload).ok()))?;
    let machine = Machine::of_uname(&host::machine());
    let mut rows: Vec<(Row, String)> = Vec::new();
    for key in keys {
        let having: Vec<&Rule> = listed.iter().filter(|rule| has(rule, &key.name)).collect();
        let (name, exclude) = match (having.as_slice(), machine) {
            _ if key.name.is_empty() => ("(no key)".to_owned(), String::new()),
            ([rule], Some(machine)) => {
                let line = rules::print(rule, machine, Form::Loadable);
                let line = String::from_utf8_lossy(&line).into_owned();
                let delete = line.strip_prefix("-a ").map(|rest| format!("-d {rest}"));
                (line, delete.unwrap_or_default())
            }
            (rules, _) => {
                let count = rules.len();
                (format!("{count} rules with the key {}", key.name), exclude(By::Key, &key.name))
            }
        };
        // A rule with two keys of its own.
        if rows.iter().all(|(row, _)| row.name != name) {
            rows.push((Row { name, ..key.clone() }, exclude));
        }
    }
    Ok(rows)
}

fn has(rule: &Rule, key: &str) -> bool {
    rule.fields.iter().any(|its| match &its.value {
        Value::Text(keys) if its.number == field::FILTERKEY => {
            keys.split(|byte| *byte == KEY_SEPARATOR).any(|one| one == key.as_bytes())
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{compile, lines_of};

    #[test]
    fn what_is_shown_is_a_rule() {
        let cases = [
            (By::Key, "exec", "-D -k exec"),
            (By::Key, "a b", "-D -k 'a b'"),
            (By::Exe, "/usr/bin/x", "-A never,exit -F exe=/usr/bin/x"),
            (By::Exe, "/usr/bin/my 'x'", "-A never,exit -F exe=\"/usr/bin/my 'x'\""),
            (By::Exe, "/usr/bin/\\x", "-A never,exit -F exe='/usr/bin/\\x'"),
            (By::Syscall, "b64 openat", "-A never,exit -F arch=b64 -S openat"),
            (By::Syscall, "b32 400", "-A never,exit -F arch=b32 -S 400"),
            (By::Syscall, "USER_LOGIN", "-a always,exclude -F msgtype=USER_LOGIN"),
            (By::Syscall, "1999", "-a always,exclude -F msgtype=1999"),
            (By::Uid, "1000", "-A never,exit -F uid=1000"),
        ];
        for (by, name, rule) in cases {
            assert_eq!(exclude(by, name), rule);
            let compiled = compile(&lines_of("f", rule), Machine::X86_64);
            assert!(compiled.errors.is_empty(), "{rule}: {:?}", compiled.errors);
        }
        for (by, name) in [
            (By::Key, ""),
            (By::Exe, ""),
            (By::Uid, ""),
            (By::Exe, "/'\""),
            (By::Exe, "/\u{7}"),
            (By::Exe, "/\u{fffd}"),
        ] {
            assert_eq!(exclude(by, name), "", "{name}");
        }
    }
}
