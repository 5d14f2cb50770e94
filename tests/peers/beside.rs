//! Issue 6, "Show", 4: beside Debian's auditd, and in its place and back.

use crate::auditd::{Auditd, enable, wait_for_the_last};
use crate::load::{self, Kind, Rules};
use crate::machine::{Machine, wait};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_ringaudit");

/// ringaudit with a raw log, until it is dropped.
struct Daemon {
    child: Child,
    dir: tempfile::TempDir,
}

impl Daemon {
    /// With these lines in `[kernel]`, no rules, and room for bursts.
    fn start(kernel: &str, begins: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display();
        let config = format!(
            "[kernel]\nreceive_buffer_kib = 262144\n{kernel}\n[ring]\nsize_kib = 8192\noverflow = \"wait\"\n[event]\n\
             max_kib = 4096\n[rules]\n[[output]]\ntype = \"file\"\nformat = \"raw\"\nqueue_kib = 65536\npath = '{path}/log'\n"
        );
        fs::write(dir.path().join("config.toml"), config).unwrap();
        let mut command = Command::new(BINARY);
        command.arg("-c").arg(dir.path().join("config.toml")).stdin(Stdio::null());
        command.stderr(File::create(dir.path().join("stderr")).unwrap());
        let daemon = Self { child: command.spawn().unwrap(), dir };
        wait("its begin", || daemon.said().contains(begins));
        daemon
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("stderr")).unwrap()
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Ends it; what it said.
    fn stop(&mut self) -> String {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        wait("its end", || self.child.try_wait().unwrap().is_some());
        self.said()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of each serial, sorted; without what daemons write of themselves.
fn events(log: &Path) -> BTreeMap<u64, Vec<String>> {
    let mut events: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&fs::read(log).unwrap()).lines() {
        if line.starts_with("type=DAEMON_") {
            let said = fs::read_to_string(log.with_file_name("stderr")).unwrap_or_default();
            assert!(!line.contains("op=loss"), "{}: {line}; {said}", log.display());
            continue;
        }
        let serial = line.split_once(':').unwrap().1.split_once(')').unwrap().0.parse().unwrap();
        events.entry(serial).or_default().push(line.trim_end().to_owned());
    }
    events.values_mut().for_each(|lines| lines.sort_unstable());
    events
}

#[test]
fn multicast_has_what_auditd_has() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = Machine::take();
    let auditd = Auditd::start(&mut machine, dir.path());
    enable(&mut machine);
    let beside = format!("capturing by multicast beside the audit daemon, pid {} (auditd)", auditd.pid());
    let mut listener = Daemon::start("mode = \"multicast\"", &beside);
    let lost = machine.status().lost;
    let rules = Rules::load();
    let report = load::run(Kind::Calls, 6, crate::calls());
    drop(rules);
    let log = dir.path().join("audit.log");
    wait_for_the_last(&log);
    wait_for_the_last(&listener.log());
    assert_eq!(machine.status().pid, auditd.pid());
    let said = listener.stop();
    auditd.stop();
    assert_eq!(machine.status().lost, lost, "the kernel lost records");
    let (theirs, ours) = (events(&log), events(&listener.log()));
    let marked = |events: &BTreeMap<u64, Vec<String>>| -> BTreeMap<u64, Vec<String>> {
        let auid = format!(" auid={} ", load::AUID);
        let of_load = |lines: &&Vec<String>| lines.iter().any(|line| line.contains(&auid));
        events.iter().filter(|(_, lines)| of_load(lines)).map(|(k, v)| (*k, v.clone())).collect()
    };
    let (theirs, ours) = (marked(&theirs), marked(&ours));
    println!("{} calls, {} events in auditd's log, {} in ours", report.calls, theirs.len(), ours.len());
    assert!(theirs.len() as u64 >= crate::events(), "{} events", theirs.len());
    for (serial, lines) in &theirs {
        assert_eq!(Some(lines), ours.get(serial), "serial {serial}; {said}");
    }
    assert_eq!(theirs.len(), ours.len(), "{said}");
}

/// A third one listens all the time and knows every serial.
#[test]
fn the_place_goes_from_auditd_to_us_and_back() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut machine = Machine::take();
    let mut first = Auditd::start(&mut machine, dirs[0].path());
    enable(&mut machine);
    let mut witness = Daemon::start("mode = \"multicast\"", "capturing by multicast");
    let rule: Vec<String> = machine.flood.rule().split(' ').map(str::to_owned).collect();
    assert!(Command::new("auditctl").args(&rule).status().unwrap().success());
    let mut flood = machine.flood.start(20_000, 2_000);
    std::thread::sleep(Duration::from_secs(2));
    let mut ours = Daemon::start("take_over = \"replace\"\nbacklog_wait_time = \"leave\"", "capturing; ");
    wait("auditd's end", || first.has_ended());
    assert_eq!(machine.status().pid, ours.child.id());
    std::thread::sleep(Duration::from_secs(3));
    let said = ours.stop();
    let second = Auditd::start(&mut machine, dirs[1].path());
    assert!(flood.wait().unwrap().success());
    wait_for_the_last(&dirs[1].path().join("audit.log"));
    wait_for_the_last(&witness.log());
    second.stop();
    let witnessed = witness.stop();
    let serials = |log: &Path| events(log).into_keys().collect::<BTreeSet<u64>>();
    let all = serials(&witness.log());
    let [one, three] = dirs.each_ref().map(|dir| serials(&dir.path().join("audit.log")));
    let two = serials(&ours.log());
    // To us: no gap, and it is told.
    let from = two.first().unwrap();
    assert!(one.last().unwrap() + 1 >= *from, "auditd's log ends at {:?}, ours begins at {from}", one.last());
    assert!(said.contains("replacing the audit daemon: SIGTERM was sent to pid "), "{said}");
    let told = "what came meanwhile was captured by multicast; lost by the kernel in between: 0";
    assert!(said.contains(told), "{said}");
    // Without a hole, and each record once.
    let to = two.last().unwrap();
    let missing: Vec<_> = all.range(from..=to).filter(|serial| !two.contains(serial)).collect();
    assert!(missing.is_empty(), "{missing:?}; {said}");
    assert_eq!(two.len() as u64, to - from + 1, "{said}");
    let (mine, theirs) = (events(&ours.log()), events(&witness.log()));
    for serial in two.iter().skip(1) {
        assert_eq!(mine[serial], theirs[serial], "{serial}");
    }
    // Back: our last serial is told, and what is between it and auditd's first one is in no daemon's log.
    assert!(said.contains(&format!("last serial: {to}\n")), "{said}");
    let again = three.first().unwrap();
    let between: Vec<_> = all.range(to + 1..*again).collect();
    println!("between our last serial {to} and auditd's first one {again}: {} events", between.len());
    assert_eq!(between.len() as u64, again - to - 1, "the witness has them all: {witnessed}");
    assert!(witnessed.contains("stopped; "), "{witnessed}");
}
