//! A go-audit config on the running kernel, to standard output and to a file: the rules of the machine are flushed, as
//! go-audit does it, and each line is one that go-audit's encoder writes.

use crate::daemon::{BINARY, lines, openings};
use crate::flood::NOWHERE;
use crate::machine::{Machine, wait};
use ringaudit::capture::control::Control;
use ringaudit::wire::Transport;
use ringaudit::wire::rule::{AUDIT_ADD_RULE, AUDIT_LIST_RULES};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

const EXAMPLE: &str = include_str!("../yaml/go-audit.yaml");
/// Openings, each an event.
const COUNT: u32 = 20;

/// The rules of this machine, which come back.
struct Rules(Vec<Vec<u8>>);

impl Rules {
    fn keep() -> Self {
        let mut rules = Vec::new();
        Control::open().unwrap().dump(AUDIT_LIST_RULES, &mut |_, rule| rules.push(rule.to_vec())).unwrap();
        Self(rules)
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        for rule in &self.0 {
            if let Err(error) = Control::open().and_then(|mut control| control.request(AUDIT_ADD_RULE, rule))
            {
                eprintln!("a rule of this machine is not put back: {error}");
            }
        }
    }
}

/// The daemon; a test that failed does not leave it running.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the daemon with a config until the flood's events are in `out`.
fn capture(machine: &mut Machine, dir: &Path, yaml: &str, out: &Path) {
    let config = dir.join("go-audit.yaml");
    fs::write(&config, yaml).unwrap();
    let mut command = Command::new(*BINARY);
    command.arg("-config").arg(&config).stdin(Stdio::null());
    command.stdout(File::create(dir.join("stdout")).unwrap());
    command.stderr(File::create(dir.join("stderr")).unwrap());
    let mut child = Child(command.spawn().unwrap());
    let child = &mut child.0;
    wait("the daemon's rule", || {
        assert!(child.try_wait().unwrap().is_none(), "{}", fs::read_to_string(dir.join("stderr")).unwrap());
        machine.status().pid == child.id() && !machine.own_rules().is_empty()
    });
    machine.flood.run(COUNT);
    wait("the events", || {
        let text = String::from_utf8(fs::read(out).unwrap()).unwrap();
        text.matches(&format!("name=\\\"{NOWHERE}\\\"")).count() >= COUNT as usize
    });
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let stderr = fs::read_to_string(dir.join("stderr")).unwrap();
    assert!(!stderr.contains("warning") && !stderr.contains("error"), "{stderr}");
}

/// A string as Go's encoding/json writes it, of the characters that such records have.
fn go(text: &Value) -> String {
    let text = text.as_str().unwrap();
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// Each line is what go-audit writes of the same values, byte for byte.
fn look_at(path: &Path) {
    let values = lines(path);
    assert_eq!(openings(&values).len(), COUNT as usize);
    for (line, value) in fs::read_to_string(path).unwrap().lines().zip(&values) {
        let messages = value["messages"].as_array().unwrap().iter();
        let messages: Vec<String> =
            messages.map(|m| format!("{{\"type\":{},\"data\":{}}}", m["type"], go(&m["data"]))).collect();
        let users = value["uid_map"].as_object().unwrap().iter();
        let users: Vec<String> = users.map(|(id, name)| format!("\"{id}\":{}", go(name))).collect();
        let expected = format!(
            "{{\"sequence\":{},\"timestamp\":{},\"messages\":[{}],\"uid_map\":{{{}}}}}",
            value["sequence"],
            go(&value["timestamp"]),
            messages.join(","),
            users.join(",")
        );
        assert_eq!(line, expected);
        for message in value["messages"].as_array().unwrap() {
            let kind = message["type"].as_u64().unwrap();
            assert!((1300..=1399).contains(&kind) || value["sequence"] == 0, "{line}");
        }
    }
}

#[test]
fn a_go_audit_config_runs_and_writes_go_audits_lines() {
    let mut machine = Machine::take();
    // Dropped before the lock is.
    let _rules = Rules::keep();
    let dir = tempfile::tempdir().unwrap();
    let begin = EXAMPLE.find("rules:\n").unwrap();
    let end = EXAMPLE.find("# Which events are dropped").unwrap();
    let (before, after) = (&EXAMPLE[..begin], &EXAMPLE[end..]);
    let out = dir.path().join("out.log");
    let stdout = dir.path().join("stdout");
    // The example with another rule; as one text, upper-case keys, without attempts; and to a file.
    let rule = machine.flood.rule();
    let plain = format!("{before}rules:\n  - {rule}\n{after}");
    capture(&mut machine, dir.path(), &plain, &stdout);
    look_at(&stdout);
    let text = format!("{}RULES: |\n  {rule}\n{after}", before.replace("    attempts: 2\n", ""));
    capture(&mut machine, dir.path(), &text, &stdout);
    look_at(&stdout);
    let file = plain
        .replacen("    enabled: true", "    enabled: false", 1)
        .replacen("  file:\n    enabled: false", "  file:\n    enabled: true", 1)
        .replace("/var/log/go-audit/go-audit.log", out.to_str().unwrap())
        .replace("mode: 0600", "mode: 0640");
    File::create(&out).unwrap();
    capture(&mut machine, dir.path(), &file, &out);
    look_at(&out);
    assert_eq!(fs::metadata(&out).unwrap().mode() & 0o7777, 0o640);
}
