//! The kernel's rules by `ringaudit rules ...`, and those of a daemon: exactly what was asked for, and nothing missing
//! in between. The commands change all rules of the machine, so there must be none.

use crate::daemon::{BINARY, Daemon, Ended, openings, quiet};
use crate::machine::{Machine, wait};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a test has its files; its path is in the rules, so that they are found and deleted at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(machine: &Machine) -> Self {
        let path = PathBuf::from(format!("{}.d", machine.flood.path().display()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn take() -> Machine {
    let machine = Machine::take();
    assert_eq!(auditctl_list(), "No rules\n", "this test needs a kernel without rules");
    machine
}

fn auditctl_list() -> String {
    let output =
        Command::new("auditctl").arg("-l").output().expect("auditctl (package auditd) must be installed");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `ringaudit rules` with these words and this standard input; gives what it says and how it ends.
fn rules(words: &[&str], input: &str) -> (String, String, Option<i32>) {
    let mut command = Command::new(*BINARY);
    command.arg("rules").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn done(text: &str) -> (String, String, Option<i32>) {
    (format!("{text}\n"), String::new(), Some(0))
}

#[test]
fn the_commands_leave_exactly_what_was_asked_for() {
    let machine = take();
    let exe = machine.flood.path().display();
    let folder = Folder::new(&machine);
    let dir = folder.0.display();
    let rule = |n: u32, key: &str| {
        format!("-a always,exit -F arch=b64 -S openat -F pid={} -F exe={exe} -k {key}\n", 4_194_304 + n)
    };
    let set = |keys: &[&str]| -> String { (1..).zip(keys).map(|(n, key)| rule(n, key)).collect() };
    assert_eq!(
        rules(&["load", "-"], &set(&["a", "b", "c"])),
        done("rules added: 3, already there: 0, deleted: 0; values set: 0")
    );
    assert_eq!(rules(&["list"], ""), (auditctl_list(), String::new(), Some(0)));
    // Also without -D, what is not asked for goes.
    let next = set(&["a", "x", "c"]) + &format!("-w {dir} -p wa -k w\n");
    assert_eq!(
        rules(&["load", "-"], &next),
        done("rules added: 2, already there: 2, deleted: 1; values set: 0")
    );
    assert_eq!(rules(&["list"], ""), (auditctl_list(), String::new(), Some(0)));
    let (back, _, _) = rules(&["list", "--loadable"], "");
    assert_eq!(back.lines().count(), 4);
    assert_eq!(
        rules(&["load", "-"], &back),
        done("rules added: 0, already there: 4, deleted: 0; values set: 0")
    );
    let (of_key, _, _) = rules(&["list", "-k", "x"], "");
    assert!(of_key.contains("-F pid=4194306 ") && of_key.lines().count() == 1, "{of_key}");
    // auditctl can have the file too.
    assert_eq!(rules(&["clear"], ""), done("rules deleted: 4"));
    assert_eq!(rules(&["list"], ""), done("No rules"));
    let file = folder.write("back.rules", &back);
    assert!(Command::new("auditctl").arg("-R").arg(&file).stdout(Stdio::null()).status().unwrap().success());
    assert_eq!(rules(&["list", "-l"], "").0, back);
    assert_eq!(rules(&["clear", "--key", "x"], ""), done("rules deleted: 1"));
    assert_eq!(rules(&["list"], "").0.lines().count(), 3);
    // What the kernel refuses is told, and the rest is in force.
    let refused = format!("-w {dir}/no/file -p w\n{}", rule(1, "a"));
    let (out, err, code) = rules(&["load", "-"], &refused);
    assert_eq!(out, "rules added: 0, already there: 1, deleted: 2; values set: 0\n");
    assert_eq!(
        err,
        format!("ringaudit: (stdin):1:1: \"{dir}/no\" does not exist: make it before the rule is loaded\n")
    );
    assert_eq!(code, Some(1));
    // What is wrong changes nothing, unless it is to be left out.
    let wrong = folder.write("wrong.rules", &format!("{}-a always,exit -S opne\n", rule(2, "n")));
    let right = folder.write("right.rules", &rule(3, "n"));
    let load = |more: &[&str]| {
        let mut words = vec!["load", wrong.to_str().unwrap(), right.to_str().unwrap()];
        words.extend(more);
        let (out, err, code) = rules(&words, "");
        assert_eq!(err.matches("unknown system call").count(), 1, "{err}");
        (out, code)
    };
    assert_eq!(load(&[]), ("nothing was changed\n".to_owned(), Some(2)));
    assert_eq!(rules(&["list"], "").0.lines().count(), 1);
    let (out, code) = load(&["-e", "skip-file"]);
    assert!(out.ends_with("rules added: 1, already there: 0, deleted: 1; values set: 0\n"), "{out}");
    assert_eq!(code, Some(1));
    let (out, _) = load(&["-e", "skip-rule"]);
    assert!(out.ends_with("rules added: 1, already there: 1, deleted: 0; values set: 0\n"), "{out}");
    assert_eq!(rules(&["clear"], ""), done("rules deleted: 2"));
}

#[test]
fn a_rule_that_stays_or_moves_misses_nothing_while_others_change() {
    const EVENTS: u32 = 10_000;
    let mut machine = take();
    let exe = machine.flood.path().display().to_string();
    let folder = Folder::new(&machine);
    let flood = machine.flood.rule();
    // Every second load changes one rule in the middle, and the flood's own rule and another one that it does not
    // commute with change places.
    let set = |odd: bool| {
        let key = if odd { "odd" } else { "even" };
        let mut lines: Vec<String> = (1..=100)
            .map(|n| {
                let key = if n == 50 { key } else { "k" };
                format!("-a always,exit -F arch=b64 -S openat -F pid={} -F exe={exe} -k {key}", 4_194_304 + n)
            })
            .collect();
        let other = format!("-a always,exit -F arch=b64 -S openat -F exe={exe} -F success=1 -k other");
        let pair = [flood.clone(), other];
        if odd {
            lines.extend(pair);
        } else {
            lines.extend(pair.into_iter().rev());
        }
        lines.join("\n") + "\n"
    };
    let sets = [folder.write("odd", &set(true)), folder.write("even", &set(false))];
    let mut daemon = Daemon::start(&mut machine, "");
    let load = |at: usize| {
        let (out, err, code) = rules(&["load", sets[at % 2].to_str().unwrap()], "");
        assert_eq!((err.as_str(), code), ("", Some(0)), "{out}");
        out
    };
    load(0);
    let mut child = machine.flood.start(EVENTS, 5_000);
    let mut loads = 0;
    while child.try_wait().unwrap().is_none() {
        loads += 1;
        let out = load(loads);
        assert_eq!(out, "rules added: 1, already there: 101, deleted: 1; values set: 0\n");
    }
    assert!(loads >= 4, "only {loads} loads");
    daemon.wait_for_openings(EVENTS as usize);
    assert_eq!(rules(&["clear"], "").2, Some(0));
    assert_eq!(daemon.stop(), quiet());
    assert_eq!(openings(&daemon.lines()).len(), EVENTS as usize);
}

/// Ten files, the fifth of which has an error; each has two rules.
fn ten_files(folder: &Folder, exe: &str) -> PathBuf {
    let dir = folder.0.join("rules.d");
    fs::create_dir(&dir).unwrap();
    for n in 1..=10 {
        let rule = |pid: u32| format!("-a always,exit -F arch=b64 -S openat -F exe={exe} -F pid={pid}\n");
        let bad = if n == 5 { "-a always,exit -F arch=b64 -S opne\n" } else { "" };
        let text = format!("# {n}\n{}{bad}{}", rule(5_000_000 + n), rule(6_000_000 + n));
        fs::write(dir.join(format!("{n}0-part.rules")), text).unwrap();
    }
    dir
}

#[test]
fn of_ten_files_with_one_that_is_wrong_the_others_are_loaded_or_none() {
    let mut machine = take();
    let folder = Folder::new(&machine);
    let dir = ten_files(&folder, machine.flood.path().to_str().unwrap());
    let error = format!("{}:3:31: unknown system call \"opne\" on ", dir.join("50-part.rules").display());
    for (on_error, rules, left_out) in [("skip-rule", 20, 0), ("skip-file", 18, 2)] {
        let config =
            format!("[rules]\nfiles = ['{}']\non_error = '{on_error}'\nat_exit = 'remove'\n", dir.display());
        let mut daemon = Daemon::start(&mut machine, &config);
        wait("all rules", || machine.own_rules().len() == rules);
        let Ended { code, stderr } = daemon.stop();
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!((code, lines.len()), (Some(0), 2), "{stderr}");
        assert!(lines[0].starts_with(&format!("ringaudit: error: {error}")), "{stderr}");
        let expected = format!(
            "ringaudit: error: errors in rules: 1; on_error = \"{on_error}\": left out with them were {left_out} lines that are right, {rules} are used"
        );
        assert_eq!(lines[1], expected);
        assert!(daemon.stderr().contains(&format!("rules added: {rules}, already there: 0")));
        assert_eq!(machine.own_rules().len(), 0);
    }
    let config = folder
        .write("config.toml", &format!("[rules]\nfiles = ['{}']\non_error = 'refuse'\n", dir.display()));
    let ended = crate::daemon::run(Command::new(*BINARY).arg("-c").arg(&config));
    assert_eq!((ended.code, machine.own_rules().len()), (Some(2), 0));
    assert!(ended.stderr.starts_with(&format!("ringaudit: {error}")), "{}", ended.stderr);
}

/// A config with these rules.
fn config(lines: &[String], restore: bool) -> String {
    format!("[rules]\nat_exit = \"remove\"\nrestore_watches = {restore}\nlines = [\n{}]\n", {
        lines.iter().map(|line| format!("'{line}',\n")).collect::<String>()
    })
}

fn wait_for(daemon: &Daemon, text: &str) {
    wait(text, || daemon.stderr().contains(text));
}

#[test]
fn a_watch_that_vanishes_is_told_and_set_again() {
    let mut machine = take();
    let folder = Folder::new(&machine);
    let at = |name: &str| folder.0.join(name);
    for name in ["file", "tree", "mount"] {
        fs::create_dir(at(name)).unwrap();
    }
    let mount = |words: &[&str]| {
        assert!(Command::new(words[0]).args(&words[1..]).arg(at("mount")).status().unwrap().success());
    };
    mount(&["mount", "-t", "tmpfs", "none"]);
    let lines = [
        format!("-w {} -p wa -k one -k two", at("file/x").display()),
        format!("-w {} -p wa -k tree", at("tree").display()),
        format!("-w {} -p wa -k mount", at("mount/x").display()),
        format!("-w {} -p wa -k late", at("late/x").display()),
        machine.flood.rule(),
    ];
    let mut daemon = Daemon::start(&mut machine, &config(&lines, true));
    wait("the rules", || machine.own_rules().len() == 4);
    let gone = |name: &str, key: &str| {
        format!(
            "ringaudit: warning: the kernel has dropped a rule: its path, or what holds it, was removed, moved or unmounted: \"{}\", key \"{key}\"\n",
            at(name).display()
        )
    };
    fs::remove_dir(at("file")).unwrap();
    wait_for(&daemon, &gone("file/x", "one,two"));
    fs::rename(at("tree"), at("moved")).unwrap();
    fs::remove_dir(at("moved")).unwrap();
    wait_for(&daemon, &gone("tree", "tree"));
    mount(&["umount"]);
    wait_for(&daemon, &gone("mount/x", "mount"));
    // What stands below the mount is not what was watched.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(machine.own_rules().len(), 1);
    for name in ["file", "tree", "late"] {
        fs::create_dir(at(name)).unwrap();
    }
    mount(&["mount", "-t", "tmpfs", "none"]);
    for line in &lines[..4] {
        wait_for(&daemon, &format!(": set again: {line}\n"));
    }
    assert_eq!(machine.own_rules().len(), 5);
    // One that is deleted on purpose stays away.
    let list = || auditctl_list();
    let one = list().lines().find(|line| line.contains("late")).unwrap().replacen("-w", "-W", 1);
    assert!(Command::new("auditctl").args(one.split(' ')).status().unwrap().success());
    fs::remove_dir(at("tree")).unwrap();
    wait("the tree's second end", || daemon.stderr().matches(&gone("tree", "tree")).count() == 2);
    fs::create_dir(at("tree")).unwrap();
    wait("the tree's rule", || list().contains("tree"));
    assert!(!list().contains("late"));
    let Ended { code, stderr } = daemon.stop();
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(machine.own_rules().len(), 0, "those that were set again are removed too");
    mount(&["umount"]);
}

#[test]
fn a_watch_that_vanishes_is_only_told_unless_asked_for() {
    let mut machine = take();
    let folder = Folder::new(&machine);
    let sub = folder.0.join("sub");
    fs::create_dir(&sub).unwrap();
    let lines = [format!("-w {} -p wa", sub.join("x").display()), machine.flood.rule()];
    let mut daemon = Daemon::start(&mut machine, &config(&lines, false));
    wait("the rules", || machine.own_rules().len() == 2);
    fs::remove_dir(&sub).unwrap();
    wait_for(&daemon, &format!("unmounted: \"{}\"\n", sub.join("x").display()));
    fs::create_dir(&sub).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(machine.own_rules().len(), 1);
    assert_eq!(daemon.stop().code, Some(0));
}

/// The kernel audits no system call of the process that is registered, whatever the rules say.
#[test]
fn the_daemon_does_not_audit_itself() {
    let mut machine = take();
    let exe = fs::canonicalize(*BINARY).unwrap();
    let lines = [format!("-a always,exit -S all -F exe={}", exe.display()), machine.flood.rule()];
    let mut daemon = Daemon::start(&mut machine, &config(&lines, false));
    // Another process of the same program is audited.
    assert!(Command::new(&exe).arg("--version").stdout(Stdio::null()).status().unwrap().success());
    machine.flood.run(100);
    daemon.wait_for_openings(100);
    let pid = format!(" pid={} ", daemon.pid());
    assert_eq!(daemon.stop(), quiet());
    let text = fs::read_to_string(Path::new(&daemon.log)).unwrap();
    let own = text.lines().filter(|line| line.contains("\"type\":1300") && line.contains(&pid)).count();
    let others = text.lines().filter(|line| line.contains(&format!("exe=\\\"{}\\\"", exe.display()))).count();
    assert!(others > 10, "the rule matches: {others}");
    assert_eq!(own, 0, "{text}");
}
