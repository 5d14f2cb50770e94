//! What the daemon gives up: from within, by a probe that a debug build has, what is forbidden is refused in each
//! thread; from outside, /proc tells what the documents say; and as another user it does its work as well.

use crate::daemon::{Daemon, losses, openings, quiet};
use crate::machine::Machine;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

const EPERM: i32 = 1;
const EACCES: i32 = 13;
/// What no thread may do, and by what it is refused.
const NEVER: [&str; 11] = [
    "ptrace",
    "make-node",
    "mount",
    "unshare",
    "setuid",
    "capset",
    "packet-socket",
    "vsock",
    "inet",
    "keyctl",
    "bpf",
];
const FILES: [&str; 3] = ["write-file", "make-file", "remove-file"];

/// What the probe said: for each thread what came of each act.
fn probed(daemon: &Daemon) -> BTreeMap<String, BTreeMap<String, i32>> {
    let mut found: BTreeMap<String, BTreeMap<String, i32>> = BTreeMap::new();
    for line in daemon.stderr().lines() {
        if let ["probe", thread, act, errno] = line.split(' ').collect::<Vec<_>>()[..] {
            found.entry(thread.to_owned()).or_default().insert(act.to_owned(), errno.parse().unwrap());
        }
    }
    found
}

/// A folder in which each thread has a file that it may try to change.
fn folders(dir: &Path) {
    for thread in ["main", "output", "reader", "writer"] {
        fs::create_dir(dir.join(thread)).unwrap();
        fs::write(dir.join(thread).join("there"), "").unwrap();
    }
}

fn start_probed(machine: &mut Machine, outside: &Path, more: &str) -> Daemon {
    folders(outside);
    let dir = tempfile::tempdir().unwrap();
    Daemon::start_in(machine, dir, more, |command| {
        command.env("RINGAUDIT_PROBE", outside);
    })
}

#[test]
fn what_is_forbidden_is_refused_in_each_thread() {
    let mut machine = Machine::take();
    let outside = tempfile::tempdir().unwrap();
    let mut daemon = start_probed(&mut machine, outside.path(), "");
    machine.flood.run(100);
    daemon.wait_for_openings(100);
    let found = probed(&daemon);
    let threads: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(threads, ["main", "output", "reader", "writer"]);
    for (thread, acts) in &found {
        for act in NEVER {
            assert_eq!(acts[act], EPERM, "{thread}: {act}");
        }
        // Landlock's refusal is EACCES; a call that is not in the list is EPERM.
        let (files, exec, memory) = match thread.as_str() {
            // It starts the program anew at an upgrade: the call is made, for a file that can't be executed.
            "main" => (0, EACCES, 0),
            "output" => (EACCES, EPERM, 0),
            _ => (EPERM, EPERM, EPERM),
        };
        for act in FILES {
            assert_eq!(acts[act], files, "{thread}: {act}");
        }
        assert_eq!(acts["exec"], exec, "{thread}: exec");
        assert_eq!(acts["process"], if thread == "main" { 0 } else { EPERM }, "{thread}: process");
        assert_eq!(acts["executable-memory"], memory, "{thread}: executable memory");
    }
    for thread in ["output", "reader", "writer"] {
        let folder = outside.path().join(thread);
        assert!(folder.join("there").exists() && !folder.join("made").exists(), "{thread} changed a file");
    }
    // It did its work meanwhile, and ends as ever.
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code, Some(0));
    assert_eq!(losses(&daemon.lines()), Vec::<String>::new());
}

#[test]
fn all_threads_can_be_fenced_in() {
    let mut machine = Machine::take();
    let outside = tempfile::tempdir().unwrap();
    let more = "[sandbox]\nlandlock = 'all'\nrequired = true\n";
    let mut daemon = start_probed(&mut machine, outside.path(), more);
    machine.flood.run(10);
    for (thread, acts) in probed(&daemon) {
        for act in FILES {
            assert!([EACCES, EPERM].contains(&acts[act]), "{thread}: {act} {}", acts[act]);
        }
        assert!([EACCES, EPERM].contains(&acts["exec"]), "{thread}: exec");
    }
    daemon.signal("HUP");
    machine.flood.run(10);
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code, Some(0), "{}", daemon.stderr());
    assert_eq!(openings(&daemon.lines()).len(), 20);
}

/// The lines of /proc/PID/status that tell of privileges, as the documents show them.
fn status(pid: u32) -> String {
    let names = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"];
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let is_told = |line: &&str| names.iter().any(|name| line.split(':').next() == Some(name));
    text.lines().filter(is_told).fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn proc_says_what_the_documents_say() {
    let mut machine = Machine::take();
    // As the config in README has it: JSON, with all that is looked up for it.
    let dir = tempfile::tempdir().unwrap();
    let more = format!("[[output]]\ntype = 'file'\npath = '{}'\n", dir.path().join("json").display());
    let mut daemon = Daemon::start(&mut machine, &more);
    let found = status(daemon.pid());
    for document in ["README.md", "docs/sandbox.md"] {
        let text = fs::read_to_string(document).unwrap();
        assert!(text.contains(&found), "{document} does not have\n{found}");
    }
    // And `status` says the same in words.
    let mut command = std::process::Command::new(*crate::daemon::BINARY);
    let asked = command.args(["status", "--json", "-c"]).arg(daemon.dir.path().join("config.toml")).output();
    let told: serde_json::Value = serde_json::from_slice(&asked.unwrap().stdout).unwrap();
    let capabilities = "audit_control,dac_read_search,sys_ptrace";
    for (part, word) in [("capabilities", capabilities), ("no_new_privs", "yes"), ("seccomp", "all")] {
        assert_eq!(told["sandbox"][part], word, "{told}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max open files"), ["1024", "1024"]);
    assert_eq!(limit("Max locked memory"), ["0", "0"]);
    // Every thread has the common filter, and most have one of their own behind it.
    for task in fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap() {
        let text = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(text.contains("Seccomp:\t2\n") && text.contains("NoNewPrivs:\t1\n"), "{text}");
    }
    assert_eq!(daemon.stop(), quiet());
}

#[test]
fn switched_off_nothing_is_given_up() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "[sandbox]\nenabled = false\n");
    assert_eq!(status(daemon.pid()), status(std::process::id()));
    assert_eq!(daemon.stop(), quiet());
}

/// Another user keeps what it needs: records are read, rules removed and settings put back at the end.
#[test]
fn as_another_user() {
    const USER: u32 = 65_534;
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    chown(dir.path(), Some(USER), Some(USER)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let json = dir.path().join("json");
    // Its directory is where it may make its socket, too.
    let more = format!(
        "[status]\nsocket = '{}'\n[sandbox]\nuser = '{USER}'\ngroup = '{USER}'\nrequired = true\n[[output]]\ntype = 'file'\npath = '{}'\n",
        dir.path().join("status").display(),
        json.display()
    );
    let before = machine.found;
    let mut daemon = Daemon::start_in(&mut machine, dir, &more, |_| {});
    let text = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let ids = format!("{USER}\t{USER}\t{USER}\t{USER}\n");
    assert!(text.contains(&format!("Uid:\t{ids}")) && text.contains(&format!("Gid:\t{ids}")), "{text}");
    assert!(text.contains("Groups:\t \n"), "supplementary groups: {text}");
    // audit_control, sys_ptrace, dac_read_search: kept over an execve, too.
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(text.contains(&format!("{name}:\t0000000040080004\n")), "{name}: {text}");
    }
    machine.flood.run(100);
    daemon.wait_for_openings(100);
    assert_eq!(daemon.stop(), quiet());
    assert_eq!(openings(&daemon.lines()).len(), 100);
    // What only the capabilities give: the program of a process of another user.
    let lines = fs::read_to_string(&json).unwrap();
    let opening = lines.lines().find(|line| line.contains("/nonexistent/ringaudit")).unwrap();
    let event: serde_json::Value = serde_json::from_str(opening).unwrap();
    assert!(event["SYSCALL"]["PPID"]["exe"].is_string(), "{opening}");
    assert_eq!(machine.own_rules(), Vec::<Vec<u8>>::new());
    assert_eq!(
        machine.status().get(ringaudit::wire::status::Field::BacklogLimit),
        before.get(ringaudit::wire::status::Field::BacklogLimit)
    );
}

#[test]
fn what_can_t_be_had_is_told_once_or_is_the_end() {
    let mut machine = Machine::take();
    // Without CAP_SETUID there is no other user.
    let without = |machine: &mut Machine, required: bool| {
        let dir = tempfile::tempdir().unwrap();
        let more = format!("[sandbox]\nuser = '65534'\ngroup = '65534'\nrequired = {required}\n");
        let config = crate::daemon::write_config(dir.path(), machine, &more);
        let mut command = std::process::Command::new("setpriv");
        command.args(["--bounding-set=-setuid", "--inh-caps=-setuid"]).arg(*crate::daemon::BINARY);
        command.arg("-c").arg(config);
        (dir, command)
    };
    let (_dir, mut command) = without(&mut machine, true);
    let ended = crate::daemon::run(&mut command);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.ends_with(
            "ringaudit: failed to enter the sandbox: user: Operation not permitted (os error 1)\n"
        ),
        "{}",
        ended.stderr
    );
    let (dir, mut command) = without(&mut machine, false);
    let stderr = dir.path().join("stderr");
    let mut child = command.stderr(fs::File::create(&stderr).unwrap()).spawn().unwrap();
    crate::machine::wait("the capture", || fs::read_to_string(&stderr).unwrap().contains("capturing"));
    std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    let text = fs::read_to_string(&stderr).unwrap();
    let told = "ringaudit: warning: sandbox.user is not in force: Operation not permitted (os error 1)\n";
    assert_eq!(text.matches(told).count(), 1, "{text}");
}
