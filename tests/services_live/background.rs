//! `--daemonize`: what the process that was started waits for and says, and what the daemon has left.

use crate::machine::{Machine, wait};
use crate::{BINARY, Guard, Place, said};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn daemonize(place: &Place, pid_file: &Path) -> Output {
    let mut command = Command::new("timeout");
    command.args(["60", BINARY, "run", "--daemonize", "-c"]).arg(place.path("config.toml"));
    command.arg("--pid-file").arg(pid_file).output().unwrap()
}

/// A zombie has no program; not every first process of a machine is quick to bury it.
fn has_ended(pid: u32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_err()
}

/// Its standard descriptors are nobody's.
fn has_let_go(pid: u32) {
    for fd in 0..3 {
        let open = fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
        assert_eq!(open, Path::new("/dev/null"), "{fd}");
    }
}

/// With a fence that has neither /dev/null nor the pid file's folder in it.
#[test]
fn what_the_start_ends_with_is_open_before_the_sandbox() {
    let mut machine = Machine::take();
    let place = Place::new(&machine);
    let guard = Guard(&mut machine);
    place.configure("[sandbox]\nlandlock = \"all\"\n");
    let other = tempfile::tempdir().unwrap();
    let pid_file = other.path().join("pid");
    let output = daemonize(&place, &pid_file);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("failed to"), "{}", said(&output));
    let pid = guard.0.status().pid;
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), format!("{pid}\n"));
    has_let_go(pid);
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    wait("the end", || has_ended(pid));
}

#[test]
fn it_works_when_the_parent_ends() {
    let mut machine = Machine::take();
    let place = Place::new(&machine);
    let guard = Guard(&mut machine);
    // All that it says before it works is for whoever started it. Nothing holds the pipes of that one open.
    let output = daemonize(&place, &place.path("pid"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = said(&output);
    let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with("ringaudit: sandbox: ")).collect();
    assert_eq!(lines, ["ringaudit: capturing; rules added: 1, already there: 0"]);
    let pid = guard.0.status().pid;
    assert_eq!(fs::read_to_string(place.path("pid")).unwrap(), format!("{pid}\n"));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Neither the leader of its session nor one with a terminal: ppid, session and tty_nr of proc_pid_stat(5).
    assert_ne!(fields[3], pid.to_string());
    assert_eq!(fields[4], "0");
    has_let_go(pid);
    // The second one is told why it can't start, by its parent's exit code too.
    fs::rename(place.path("pid"), place.path("first")).unwrap();
    let second = daemonize(&place, &place.path("pid"));
    assert_eq!(second.status.code(), Some(4));
    let why = format!(
        "another audit daemon holds the kernel's audit socket: pid {pid} (ringaudit); stop it first\n"
    );
    assert_eq!(said(&second), format!("ringaudit: {why}"));
    assert!(!place.path("pid").exists());
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    wait("the end", || has_ended(pid));
}

#[test]
fn a_wrong_config_is_the_parents_error() {
    let machine = Machine::take();
    let place = Place::new(&machine);
    place.configure("[kernel]\nverify_s = 1\n");
    let output = daemonize(&place, &place.path("pid"));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("\"kernel.verify_s\" must be from 30 to 86400, not 1"),
        "{}",
        said(&output)
    );
}

/// To the kernel's log, where the messages can be read back.
#[test]
fn messages_go_where_the_config_says() {
    let mut machine = Machine::take();
    let place = Place::new(&machine);
    let guard = Guard(&mut machine);
    place.configure("log = \"kmsg\"\n");
    let output = daemonize(&place, &place.path("pid"));
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    let pid = guard.0.status().pid;
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    wait("the end", || has_ended(pid));
    let log = Command::new("timeout").args(["1", "cat", "/dev/kmsg"]).output().unwrap();
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    // Facility daemon (3) and severity info (6) come first.
    let line = log.lines().find(|line| line.contains(&format!(";ringaudit[{pid}]: capturing; ")));
    assert!(line.is_some_and(|line| line.starts_with("30,")), "{line:?}");
    assert!(log.contains(&format!(";ringaudit[{pid}]: stopped; ")));
}
