//! Who may ask, and what is told unasked: the socket's mode and group, the textfile, the line of counters.

use crate::answer::{Answer, DEFAULT_TIMEOUT_MS, Rest, text};
use crate::daemon::{BINARY, Daemon};
use crate::forms;
use crate::machine::{Machine, wait};
use std::fs::{self, File, Permissions};
use std::io::{Read, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A user of whom this machine has no process, and a group of which only the test's own processes are.
const USER: u32 = 65_530;
const GROUP: u32 = 65_531;
const OTHERS: u32 = 65_532;

/// A folder that everybody may enter.
fn open_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    dir
}

/// The command, asked as this user of this group: its exit code, and what it says.
fn ask_as(program: &Path, command: &str, socket: &Path, uid: u32, gid: u32) -> (Option<i32>, String) {
    let mut asked = Command::new(program);
    let output = asked.arg(command).arg("-s").arg(socket).uid(uid).gid(gid).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_socket_is_for_those_that_the_config_says() {
    let mut machine = Machine::take();
    // The program, where everybody may execute it.
    let programs = open_folder();
    let program = programs.path().join("ringaudit");
    fs::copy(*BINARY, &program).unwrap();
    for (keys, mode, gid, allowed) in [
        ("", 0o600, 0, [false; 3]),
        ("mode = '0660'\ngroup = '65531'\n", 0o660, GROUP, [true, false, false]),
        ("mode = '0666'\n", 0o666, 0, [true, true, true]),
    ] {
        let dir = open_folder();
        let socket = dir.path().join("socket");
        let config = format!("[status]\nsocket = '{}'\n{keys}", socket.display());
        let mut daemon = Daemon::start_in(&mut machine, dir, &config, |_| {});
        wait("the socket", || socket.exists());
        let metadata = fs::metadata(&socket).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.uid(), metadata.gid()), (mode, 0, gid), "{keys}");
        let users = [(USER, GROUP), (USER, OTHERS), (OTHERS, OTHERS)];
        for ((uid, gid), allowed) in users.into_iter().zip(allowed) {
            let answer = ask_as(&program, "status", &socket, uid, gid);
            let refused = format!(
                "ringaudit: {}: not permitted; ask as root, or see status.mode and status.group\n",
                socket.display()
            );
            let expected = if allowed { (Some(0), String::new()) } else { (Some(3), refused) };
            assert_eq!(answer, expected, "{keys}{uid}:{gid}");
            if allowed {
                // What changes something is root's.
                let (code, said) = ask_as(&program, "reload", &socket, uid, gid);
                assert_eq!((code, said.as_str()), (Some(2), "ringaudit: only root may ask for \"reload\"\n"));
            }
        }
        Answer::of(&socket);
        assert_eq!(daemon.stop().code, Some(0));
        assert!(!socket.exists(), "the socket goes with its daemon");
    }
}

/// A line of counters of the daemon's own messages, by name.
fn counted(line: &str, name: &str) -> u64 {
    let rest = line.split_once(&format!("{name}: ")).unwrap_or_else(|| panic!("no {name} in {line}")).1;
    rest.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn what_is_told_unasked_is_true_and_whole() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let (socket, textfile) = (dir.path().join("socket"), dir.path().join("ringaudit.prom"));
    let config = format!(
        "[status]\nsocket = '{}'\ntextfile = '{}'\ninterval_s = 1\n",
        socket.display(),
        textfile.display()
    );
    let mut daemon = Daemon::start_in(&mut machine, dir, &config, |_| {});
    machine.flood.run(1_000);
    daemon.wait_for_openings(1_000);
    let answer = Rest::new(socket.clone(), DEFAULT_TIMEOUT_MS).answer();

    // Whoever has the file open keeps what it was: another one takes its name.
    let mut held = File::open(&textfile).unwrap();
    let inode = held.metadata().unwrap().ino();
    let mut before = String::new();
    held.read_to_string(&mut before).unwrap();
    wait("another file", || fs::metadata(&textfile).is_ok_and(|now| now.ino() != inode));
    let mut after = String::new();
    held.rewind().unwrap();
    held.read_to_string(&mut after).unwrap();
    assert_eq!(before, after);
    let now = forms::is_whole(&textfile);
    assert_ne!(before, now, "the uptime is another one");
    // It has what is told when asked for, but for what changes by itself.
    let steady = |text: &str| -> Vec<String> {
        let changes = |line: &&str| line.contains("_seconds") || line.contains("_memory_");
        text.lines().filter(|line| !changes(line)).map(str::to_owned).collect()
    };
    assert_eq!(steady(&now), steady(&text(&socket, &["--prometheus"])));

    let stderr = daemon.stderr();
    let lines: Vec<&str> = stderr.lines().filter(|line| line.starts_with("ringaudit: records: ")).collect();
    assert!(lines.len() >= 2, "{stderr}");
    let last = lines.last().unwrap();
    for (name, value) in [
        ("records", answer.count("received_records")),
        ("events", answer.count("assembled_events")),
        ("filtered", answer.count("filtered_events")),
        ("written", answer.output("file", "written_events")),
        ("lost by the kernel", answer.count("kernel_lost_records")),
        ("dropped by the ring", answer.count("ring_dropped_records")),
        ("dropped by outputs", answer.dropped("file")),
        ("failures of outputs", answer.output("file", "failures")),
    ] {
        assert_eq!(counted(last, name), value, "{name}: {last}");
    }
    daemon.signal("TERM");
    daemon.ended();
}

/// Neither is there unless the config names it.
#[test]
fn without_being_asked_for_nothing_is_told() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "");
    let files = |dir: &Path| {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|end| end == "prom")).collect::<Vec<PathBuf>>()
    };
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(files(daemon.dir.path()), Vec::<PathBuf>::new());
    assert!(!daemon.stderr().contains("records: "), "{}", daemon.stderr());
    assert_eq!(daemon.stop().code, Some(0));
}
