//! The rule that is shown for the chosen line, given to auditctl as it stands: it excludes these events and no other.

use crate::load::{Load, MADE, OPENED, READ, USER, leads, rows};
use crate::terminal::Terminal;
use std::process::{Command, Stdio};

/// The keys of the loads and their rates, most first.
const KEYS: [(&str, u32); 3] = [("opened", OPENED), ("read", READ), ("made", MADE)];

/// A rule in force; it is taken back when this is dropped.
struct Excluded {
    undo: String,
}

impl Excluded {
    fn by(rule: &str, undo: &str) -> Self {
        let output = auditctl(rule).output().unwrap();
        assert!(output.status.success(), "{rule}: {}", String::from_utf8_lossy(&output.stderr));
        Self { undo: undo.to_owned() }
    }
}

impl Drop for Excluded {
    fn drop(&mut self) {
        let _ = auditctl(&self.undo).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn auditctl(rule: &str) -> Command {
    let mut command = Command::new("auditctl");
    command.args(rule.split(' '));
    command
}

/// Goes down to the line of this name, and gives the rule that is shown for it.
fn choose(top: &mut Terminal, name: &str) -> String {
    top.wait(name, |lines| rows(lines).iter().any(|row| row.name == name));
    let is_chosen = |lines: &[String]| rows(lines).iter().any(|row| row.is_chosen && row.name == name);
    // From the first line, which is the chosen one of a view that was just called; by both kinds of keys.
    let names: Vec<String> = rows(&top.look()).into_iter().map(|row| row.name).collect();
    let at = names.iter().position(|its| its == name).unwrap();
    let keys = ["j", "\x1b[B"];
    top.press(&keys.iter().cycle().take(at).copied().collect::<String>());
    let screen = top.wait(&format!("{name} as the chosen line"), is_chosen);
    let rule = &screen[screen.len() - 2];
    rule.strip_prefix("exclude: ").unwrap_or_else(|| panic!("no rule: {rule}")).to_owned()
}

#[test]
fn the_rule_that_is_shown_excludes_these_events_and_no_other() {
    let load = Load::start();
    let mut top = load.top();
    let [opened, read, made] = load.rules.each_ref().map(String::as_str);
    let alpha = load.alpha.path().display().to_string();
    // The view, the line, the rule that is to be shown, what takes it back, and the key whose events are no more.
    let cases = [
        ("2", alpha.as_str(), format!("-A never,exit -F exe={alpha}"), String::new(), "opened"),
        ("3", "b64 mkdir", "-A never,exit -F arch=b64 -S mkdir".to_owned(), String::new(), "made"),
        ("4", &USER.to_string(), format!("-A never,exit -F uid={USER}"), String::new(), "read"),
        ("5", opened, opened.replace("-a ", "-d "), opened.to_owned(), "opened"),
        ("1", "read", "-D -k read".to_owned(), read.to_owned(), "read"),
        ("1", "made", "-D -k made".to_owned(), made.to_owned(), "made"),
    ];
    for (view, name, wanted, undo, key) in cases {
        top.press("1");
        top.wait("all keys", |lines| lines[0].contains("by key") && leads(&rows(lines), &KEYS));
        top.press(view);
        let rule = choose(&mut top, name);
        assert_eq!(rule, wanted);
        let undo = if undo.is_empty() { rule.replace("-A ", "-d ") } else { undo };
        let excluded = Excluded::by(&rule, &undo);
        top.press("1");
        let rest: Vec<_> = KEYS.into_iter().filter(|(its, _)| *its != key).collect();
        top.wait(&format!("all keys but {key}, by {rule}"), |lines| {
            let rows = rows(lines);
            lines[0].contains("by key") && leads(&rows, &rest) && rows.iter().all(|row| row.name != key)
        });
        drop(excluded);
    }
    top.press("1");
    top.wait("all keys", |lines| leads(&rows(lines), &KEYS));
}
