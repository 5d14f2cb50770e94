//! Rules from files and directories, by running the program: what is read in which order, and what is told of what is
//! wrong. Nothing here reaches the kernel's rules; loading them is in tests/live. augenrules (package auditd) is the
//! judge of the order, in a mount namespace of its own, so it needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ringaudit::config::{Located, Place};
use ringaudit::rules;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `ringaudit` with these words; gives its standard output, standard error with the folder as `DIR`, and its code.
fn run(dir: &Path, words: &[&str]) -> (String, String, Option<i32>) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ringaudit")).args(words).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(dir.to_str().unwrap(), "DIR");
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// Ten files, the fifth of which has two errors.
fn ten_files(dir: &Path) {
    for n in 1..=10 {
        let bad = if n == 5 { "-a always,exit -F piid=1\n-b x\n" } else { "" };
        let text = format!("## {n}\n-w /etc/file{n} -p wa\n{bad}-a always,exit -F pid={n} -F uid=7\n");
        fs::write(dir.join(format!("{n}-part.rules")), text).unwrap();
    }
    fs::write(dir.join("README"), "no rules").unwrap();
}

#[test]
fn a_directory_with_one_bad_file_among_ten() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules.d");
    fs::create_dir(&rules).unwrap();
    ten_files(&rules);
    let errors = "DIR/rules.d/5-part.rules:3:19: unknown field \"piid\"; did you mean \"pid\"?\n\
                  DIR/rules.d/5-part.rules:4:4: -b must be a number from 0 to 4294967295, not \"x\"\n";
    let prefixed: String = errors.lines().map(|line| format!("ringaudit: {line}\n")).collect();
    let words = ["rules", "check", rules.to_str().unwrap()];
    let summary = "rules: 20, other commands: 0, warnings: 0, errors: 2\n".to_owned();
    assert_eq!(run(dir.path(), &words), (summary, prefixed.clone(), Some(2)));
    let words = ["rules", "load", rules.to_str().unwrap()];
    assert_eq!(run(dir.path(), &words), ("nothing was changed\n".to_owned(), prefixed.clone(), Some(2)));
    // `check` of a config tells them whatever would be left out.
    for on_error in ["skip-rule", "skip-file", "refuse"] {
        let config = dir.path().join("config.toml");
        let text = format!("[rules]\nfiles = ['{}']\non_error = '{on_error}'\n", rules.display());
        fs::write(&config, text).unwrap();
        let words = ["check", "-c", config.to_str().unwrap()];
        assert_eq!(run(dir.path(), &words), (String::new(), prefixed.clone(), Some(2)), "{on_error}");
    }
    fs::write(rules.join("5-part.rules"), "-b 8192\n-D\n").unwrap();
    let words = ["rules", "check", rules.to_str().unwrap()];
    let summary = "rules: 18, other commands: 2, warnings: 0, errors: 0\n".to_owned();
    assert_eq!(run(dir.path(), &words), (summary, String::new(), Some(0)));
}

#[test]
fn a_file_that_is_missing_and_lines_of_a_config() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    fs::write(&config, "[kernel]\nbacklog_limit = 64\n[rules]\nfiles = ['/nonexistent/rules.d', '/dev/null']\nlines = ['-b 65']\n").unwrap();
    let (_, stderr, code) = run(dir.path(), &["check", "-c", config.to_str().unwrap()]);
    let expected = "ringaudit: DIR/config.toml:4:11: cannot read \"/nonexistent/rules.d\": no such file or directory\n\
                    ringaudit: DIR/config.toml:4:35: cannot read \"/dev/null\": not a regular file\n";
    assert_eq!((stderr.as_str(), code), (expected, Some(2)));
    let (stdout, stderr, code) = run(dir.path(), &["rules", "check", "/nonexistent/x.rules"]);
    assert_eq!(stderr, "ringaudit: /nonexistent/x.rules: cannot read it: no such file or directory\n");
    assert_eq!((stdout.as_str(), code), ("rules: 0, other commands: 0, warnings: 0, errors: 1\n", Some(2)));
    // What the rules set against [kernel] is told.
    fs::write(&config, "[kernel]\nbacklog_limit = 64\n[rules]\nlines = ['-b 65', '--backlog_wait_time 0']\n")
        .unwrap();
    let (_, stderr, code) = run(dir.path(), &["check", "-c", config.to_str().unwrap()]);
    let expected = "ringaudit: warning: DIR/config.toml:4:11: this sets backlog_limit to 65, and overrides 64 from \"kernel.backlog_limit\"\n";
    assert_eq!((stderr.as_str(), code), (expected, Some(0)));
}

/// augenrules joins the files of /etc/audit/rules.d into /etc/audit/audit.rules; here both are a folder of the test's.
#[test]
fn a_set_is_in_the_order_of_augenrules() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules.d");
    fs::create_dir(&rules).unwrap();
    let file = |name: &str, text: &str| fs::write(rules.join(name), text).unwrap();
    file("9-late.rules", "-w /etc/nine -p wa\n-e 1\n-f 1\n# -w /no\n");
    // Not behind blanks: mawk, Debian's awk, does not know the \s with which augenrules looks for them.
    file("10-more.rules", "-e 0\n-D\n-a always,exit -F pid=10\n-b 100\n\n-i\n");
    file("audit.rules", "-D\n-b 8192\n-f 2\n-w /etc/a -p r\n-D -k x\n");
    file("10-a.rules", "-w /etc/ten -p w\n");
    file("x.rules.bak", "-w /etc/bak\n");
    file("01.rules", "-a never,exit -F uid=7\n");
    let script = format!("mount --bind {} /etc/audit && augenrules", dir.path().display());
    let status =
        Command::new("unshare").args(["-m", "sh", "-c", &script]).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "unshare and augenrules (package auditd) must run as root");
    let theirs = fs::read_to_string(dir.path().join("audit.rules")).unwrap();
    let theirs: Vec<&str> =
        theirs.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let name = Located {
        place: Place { file: "t".to_owned(), line: 0, column: 0 },
        value: rules.to_str().unwrap().to_owned(),
    };
    let mut lines = rules::read(&[name]).lines;
    rules::arrange(&mut lines);
    let mut ours: Vec<&str> = lines
        .iter()
        .map(|line| line.value.trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    // Of each of these augenrules keeps the last one alone: what is done last is in force.
    for option in ["-D", "-b", "-f", "-e"] {
        let is_it = |line: &str| line.split(' ').next() == Some(option) && line != "-D -k x";
        let last = ours.iter().rposition(|line| is_it(line)).unwrap();
        let mut at = 0;
        ours.retain(|line| {
            at += 1;
            !is_it(line) || at - 1 == last
        });
    }
    // It keeps the order -D, -b, -f; ours is that of the files.
    assert_eq!(theirs[..3], ["-D", "-b 8192", "-f 2"]);
    let mut values = ours[1..3].to_vec();
    values.sort_unstable();
    assert_eq!((ours[0], values.as_slice(), &ours[3..]), ("-D", &theirs[1..3], &theirs[3..]));
}
