//! Each kind of filter on real events: it drops exactly what it names, and the counts add up to the event.

use crate::daemon::{BINARY, Daemon, losses};
use crate::machine::Machine;
use ringaudit::capture::control::Control;
use ringaudit::wire::Transport;
use ringaudit::wire::status::Field;
use serde_json::Value;
use std::fs::File;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Makes `load` work.
const VARIABLE: &str = "RINGAUDIT_TEST_FILTERS";
/// A user that no process here has, and a login user that nobody is.
const USER: u32 = 65534;
const LOGIN: &str = "4242";
/// USER_AUTH and USER_LOGIN, include/uapi/linux/audit.h.
const MESSAGES: [(u16, usize); 2] = [(1100, 3), (1112, 4)];
/// Events that a filter can take whose number is not this test's alone.
const SOME: Option<u64> = None;

/// What two processes do, each: its execve, 7 and 5 openings that fail, and 6 datagram sockets that are connected.
#[test]
fn load() {
    if std::env::var(VARIABLE).is_err() {
        return;
    }
    for (name, count) in [("a", 7), ("b", 5)] {
        for _ in 0..count {
            File::open(format!("/nonexistent/filter-{name}")).unwrap_err();
        }
    }
    for (address, count) in [("10.9.8.7:53", 3), ("[::1]:443", 2), ("127.0.0.1:8080", 1)] {
        for _ in 0..count {
            let any = if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
            // Where there is no such network it fails, and is an event all the same.
            let _ = UdpSocket::bind(any).unwrap().connect(address);
        }
    }
}

/// The load of two processes, of which one has another user and another login user; and of user space.
fn make(machine: &Machine) {
    let path = machine.flood.path();
    let mut own = Command::new(path);
    let mut other = Command::new("sh");
    other.args(["-c", &format!("echo {LOGIN} > /proc/self/loginuid && exec \"$0\" \"$@\"")]);
    other.arg(path).uid(USER);
    for command in [&mut own, &mut other] {
        command.args(["--exact", "filters::load"]).env(VARIABLE, "1").env_remove("LD_LIBRARY_PATH");
        assert!(command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().success());
    }
    let mut control = Control::open().unwrap();
    for (kind, count) in MESSAGES {
        for _ in 0..count {
            control.request(kind, b"op=filters exe=\"/test/filters\" res=success\0").unwrap();
        }
    }
}

/// An event's line in the go-audit format.
struct Line(Value);

impl Line {
    fn records(&self) -> &[Value] {
        self.0["messages"].as_array().unwrap()
    }

    fn has(&self, kind: u32) -> bool {
        self.records().iter().any(|record| record["type"] == kind)
    }

    fn says(&self, text: &str) -> bool {
        self.records().iter().any(|record| format!("{} ", record["data"].as_str().unwrap()).contains(text))
    }

    /// Its SYSCALL record says so.
    fn calls(&self, text: &str) -> bool {
        let mut calls = self.records().iter().filter(|record| record["type"] == 1300);
        calls.any(|record| record["data"].as_str().unwrap().contains(text))
    }

    /// Its SOCKADDR record begins with this hex.
    fn connects(&self, hex: &str) -> bool {
        self.says(&format!("saddr={hex}"))
    }
}

/// A filter's conditions, how many events of the load they take, and the lines that must not be there then. The events
/// of rules that come and go are not of the load: a kernel that counts no rule makes one event of those that come
/// together, and one that does makes an event of each (kernel/auditsc.c, __audit_syscall_entry, audit_n_rules).
type Case = (&'static str, Option<u64>, fn(&Line) -> bool);

const CASES: [Case; 20] = [
    ("key = 't'", Some(24), |line| line.says("key=\"t\"")),
    ("key = ['net', 'run']", Some(14), |line| line.says("key=\"net\"") || line.says("key=\"run\"")),
    ("type = 'SOCKADDR'", Some(12), |line| line.has(1306)),
    ("type = ['USER_LOGIN', 1100]", Some(7), |line| line.has(1100) || line.has(1112)),
    ("syscall = 'execve'", Some(2), |line| line.has(1309)),
    ("syscall = 'none'", SOME, |line| !line.has(1300)),
    // Its LOGIN record too.
    ("uid = 65534", Some(20), |line| line.says(" uid=65534 ")),
    ("uid = 'root'\nkey = 'net'", Some(6), |line| line.says(" uid=0 ") && line.says("key=\"net\"")),
    ("auid = 4242", Some(20), |line| line.says(" auid=4242 ")),
    ("auid = 'unset'\nsyscall = 'connect'", Some(6), |line| {
        line.calls("key=\"net\"") && line.says(" auid=4294967295 ")
    }),
    ("exe = '*/tmp/flood-*'", Some(38), |line| line.has(1300) && line.says("/tmp/flood-")),
    ("exe = '/test/f?lters'", Some(7), |line| line.says("exe=\"/test/filters\"")),
    ("comm = ['filters::*', 'x']", Some(36), |line| line.says("comm=\"filters::load\"")),
    ("success = false\nsyscall = ['openat']", Some(24), |line| line.says("success=no") && line.has(1302)),
    ("address = '10.9.8.0/24'", Some(6), |line| line.connects("020000350A090807")),
    ("address = '::1'\nport = [443, 444]", Some(4), |line| line.connects("0A0001BB")),
    ("port = '8000-8100'", Some(2), |line| line.connects("02001F90")),
    // go-audit's: a record's type, the system call, and a regex on that record.
    ("type = 'PATH'\nsyscall = 'openat'\nregex = 'name=\"/nonexistent/filter-[ac]\"'", Some(14), |line| {
        line.says("/nonexistent/filter-a")
    }),
    // The key is that of the sixth system call from the end.
    ("label = 'net'", Some(12), |line| line.calls("key=\"net\"")),
    // The program: where auditing was on before, the daemon's own first event has the key of the rule that it adds.
    ("first_of_process = true\nkey = ['t', 'net', 'run']\nexe = '*/tmp/flood-*'", Some(2), |line| {
        line.has(1309)
    }),
];

/// Runs the load with these filters; gives the lines, and what was said at the stop.
fn filtered(machine: &mut Machine, filters: &str) -> (Vec<Line>, Counts, String) {
    let exe = machine.flood.path().display().to_string();
    let rules = format!(
        "[rules]\nat_exit = \"remove\"\nlines = ['{}', '-a always,exit -F arch=b64 -S connect -F exe={exe} -k net', \
         '-a always,exit -F arch=b64 -S execve -F exe={exe} -k run']\n",
        machine.flood.rule()
    );
    let label = "[[label]]\nname = 'net'\nkey = 'net'\n";
    let mut daemon = Daemon::start(machine, &format!("{rules}{label}{filters}"));
    make(machine);
    let ended = daemon.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines = daemon.lines();
    assert_eq!(losses(&lines), Vec::<String>::new());
    let stderr = daemon.stderr();
    (lines.into_iter().map(Line).collect(), Counts::of(&stderr), stderr)
}

/// What is said at the stop.
struct Counts {
    events: u64,
    written: u64,
    filtered: u64,
}

impl Counts {
    fn of(stderr: &str) -> Self {
        let line = stderr.lines().find(|line| line.starts_with("ringaudit: stopped; ")).expect(stderr);
        let count = |name: &str| {
            let (_, rest) = line.split_once(name).expect(name);
            rest.split(',').next().unwrap().parse().unwrap()
        };
        Self { events: count("events: "), written: count("written: "), filtered: count("filtered: ") }
    }
}

#[test]
fn each_kind_drops_exactly_what_it_names() {
    let mut machine = Machine::take();
    each_kind(&mut machine);
    // Where auditing was on before, the daemon's own system calls are with the rules that they add.
    machine.set(Field::Enabled, 1);
    each_kind(&mut machine);
}

fn each_kind(machine: &mut Machine) {
    for (conditions, expected, is_taken) in CASES {
        // First counted and written, so that it is seen that there is something to drop.
        let name = "name = 'it'\n";
        let counting = format!("[[filter]]\naction = 'count'\n{name}{conditions}\n");
        let (all, counts, stderr) = filtered(machine, &counting);
        let taken = all.iter().filter(|line| is_taken(line)).count() as u64;
        assert!(taken > 0, "{conditions}");
        let of_load = all.iter().filter(|line| is_taken(line) && !line.has(1305)).count() as u64;
        assert_eq!(of_load, expected.unwrap_or(of_load), "{conditions}");
        assert!(
            stderr.contains(&format!("ringaudit: filters: \"it\" counted {taken}\n")),
            "{conditions}: {stderr}"
        );
        assert_eq!((counts.filtered, counts.written), (0, counts.events));
        assert_eq!(all.len() as u64, counts.written);

        let (left, counts, stderr) = filtered(machine, &format!("[[filter]]\n{name}{conditions}\n"));
        assert_eq!(left.iter().filter(|line| is_taken(line)).count(), 0, "{conditions}");
        assert_eq!(counts.filtered, expected.map_or(counts.filtered, |_| taken), "{conditions}");
        assert_eq!(left.len() as u64, counts.written, "{conditions}");
        assert_eq!(counts.events, counts.written + counts.filtered, "{conditions}");
        assert!(stderr.contains(&format!("\"it\" dropped {}\n", counts.filtered)), "{conditions}: {stderr}");
    }
}

#[test]
fn the_first_event_of_each_process_is_kept() {
    let mut machine = Machine::take();
    let filters = "[[filter]]\naction = 'keep'\nkey = ['t', 'net', 'run']\nfirst_of_process = true\n\
                   exe = '*/tmp/flood-*'\n\
                   [[filter]]\ntype = 'all'\n";
    let (lines, counts, stderr) = filtered(&mut machine, filters);
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines.iter().all(|line| line.has(1309)));
    assert_eq!((counts.written, counts.events), (2, counts.filtered + 2));
    let told = format!("filters: filter 1 kept 2, filter 2 dropped {}\n", counts.filtered);
    assert!(stderr.contains(&told), "{stderr}");
}

#[test]
fn what_a_filter_cannot_be_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    std::fs::write(&path, "[[filter]]\nregex = '(a'\n[[filter]]\nuid = 'nobody-here'\nkey = 'k'\n").unwrap();
    let output = Command::new(*BINARY).arg("check").arg("-c").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let shown = path.display();
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "ringaudit: {shown}:2:10: not a valid regex: found open group without closing ')'\n\
             ringaudit: {shown}:4:8: unknown user \"nobody-here\": not in /etc/passwd; give its number if it is kept \
             elsewhere\n"
        )
    );
}
