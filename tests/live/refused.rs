//! Starts that the kernel refuses: each with its own message and exit code, and nothing changed.

use crate::daemon::{BINARY, Daemon, Ended, quiet, run, write_config};
use crate::machine::Machine;
use std::process::Command;

/// Runs the daemon under another program, and looks that the kernel is as before.
fn refused(machine: &mut Machine, wrapper: &[&str]) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), machine, "");
    let before = machine.status();
    let mut command = Command::new(wrapper.first().unwrap_or(&*BINARY));
    if !wrapper.is_empty() {
        command.args(&wrapper[1..]).arg(*BINARY);
    }
    let ended = run(command.arg("-c").arg(config));
    assert_eq!(machine.status(), before);
    assert!(machine.own_rules().is_empty());
    ended
}

fn code_3(message: &str) -> Ended {
    Ended { code: Some(3), stderr: format!("ringaudit: {message}\n") }
}

#[test]
fn a_second_daemon_names_the_first() {
    let mut machine = Machine::take();
    let mut first = Daemon::start(&mut machine, "");
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), &machine, "");
    let second = run(Command::new(*BINARY).arg("-c").arg(config));
    let stderr = format!(
        "ringaudit: another audit daemon holds the kernel's audit socket: pid {} (ringaudit); stop it first\n",
        first.pid()
    );
    assert_eq!(second, Ended { code: Some(4), stderr });
    // The first one is not disturbed.
    assert_eq!(machine.status().pid, first.pid());
    machine.flood.run(10);
    first.wait_for_openings(10);
    assert_eq!(first.stop(), quiet());
}

#[test]
fn without_the_capability() {
    let mut machine = Machine::take();
    let ended = refused(&mut machine, &["setpriv", "--bounding-set", "-audit_control"]);
    assert_eq!(ended, code_3("the capability CAP_AUDIT_CONTROL is missing; run as root or grant it"));
    // As another user, too.
    let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    assert_eq!(refused(&mut machine, &nobody), ended);
}

#[test]
fn in_a_user_namespace() {
    let mut machine = Machine::take();
    let message = "this process is in a container's user namespace, from which the kernel refuses auditing; \
                   run it in the initial one";
    assert_eq!(refused(&mut machine, &["unshare", "-U", "-r"]), code_3(message));
}

#[test]
fn in_a_pid_namespace() {
    let mut machine = Machine::take();
    let message = "this process is in a container's pid namespace, from which the kernel refuses auditing; \
                   run it in the initial one";
    assert_eq!(refused(&mut machine, &["unshare", "-p", "-f"]), code_3(message));
}
