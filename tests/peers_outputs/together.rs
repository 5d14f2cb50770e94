//! The daemon on this kernel with all kinds of outputs at once, one of which nobody reads.

use crate::machine::Machine;
use crate::rsyslog::{self, Ports};
use crate::{PATIENCE, Running, events, feed, flood, free_port, graylog, syslog, wait};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Events a second.
const RATE: u32 = 4_000;
/// What may wait for the output that is not read: less than it misses.
const STUCK_KIB: u64 = 1024;
/// What may wait for each of the others, which share two processors with their receivers.
const QUEUE_KIB: u64 = 8 * 1024;
/// What the daemon may have beside its queues, in a build for tests, which is larger than that for use.
const OWN_KIB: u64 = 8 * 1024;

/// An output's counters, as the daemon tells them at its end.
#[derive(Debug)]
struct Counts {
    received: u64,
    written: u64,
    filtered: u64,
    dropped: u64,
}

impl Counts {
    fn of(stderr: &str, output: &str) -> Self {
        let head = format!("ringaudit: output {output}: received: ");
        let line =
            stderr.lines().find_map(|line| line.strip_prefix(&head)).unwrap_or_else(|| panic!("{stderr}"));
        let numbers: Vec<u64> = line
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().unwrap())
            .collect();
        let [received, written, filtered, dropped] = numbers[..] else { panic!("{line}") };
        Self { received, written, filtered, dropped }
    }
}

/// Lines of a file that are an event of the flood.
fn floods(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| line.contains(flood::NOWHERE)).count() as u64
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The daemon's counters, what the reader of GELF says, and what the kernel dropped of datagrams: the second column of
/// softnet_stat, before they had a socket, and the receive errors of UDP.
fn where_the_rest_is(dir: &Path) -> String {
    let mut status = Command::new(env!("CARGO_BIN_EXE_ringaudit"));
    let status = status.args(["status", "--json", "-s"]).arg(dir.join("socket")).output().unwrap();
    let reader = std::fs::read_to_string(dir.join("gelf.log")).unwrap_or_default();
    let reader = reader.chars().take(2000).collect::<String>();
    let kernel = ["softnet_stat", "snmp"]
        .map(|name| std::fs::read_to_string(Path::new("/proc/net").join(name)).unwrap_or_default());
    let udp: Vec<&str> = kernel[1].lines().filter(|line| line.starts_with("Udp:")).collect();
    format!("{}; {reader}; {}{}", String::from_utf8_lossy(&status.stdout), kernel[0], udp.join("\n"))
}

/// Issue 5, "Show", 3.
#[test]
fn a_stopped_reader_of_one_holds_back_none_of_the_others() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let ports = Ports { udp: free_port(), tcp: free_port() };
    let rsyslogd = rsyslog::start(dir.path(), &ports);
    let gelf = format!("127.0.0.1:{}", free_port());
    let graylog = graylog::start(dir.path(), "udp", &gelf, "gelf");
    let text = format!(
        "[status]\nsocket = {:?}\n[ring]\nsize_kib = 8192\n[rules]\nat_exit = \"remove\"\nlines = ['{}']\n\
         [[output]]\ntype = \"file\"\npath = {:?}\nqueue_kib = {QUEUE_KIB}\n\
         [[output]]\ntype = \"syslog\"\nnetwork = \"tcp\"\naddress = \"127.0.0.1:{}\"\ntag = \"tcp\"\nqueue_kib = {QUEUE_KIB}\n\
         [[output]]\ntype = \"gelf\"\nnetwork = \"udp\"\naddress = \"{gelf}\"\nqueue_kib = {QUEUE_KIB}\n\
         [[output]]\ntype = \"stdout\"\nqueue_kib = {STUCK_KIB}\nflush_s = 1\n",
        at("socket"),
        machine.flood.rule(),
        at("lines"),
        ports.tcp,
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringaudit"));
    command.arg("-c").arg(feed::config(dir.path(), &text)).stdin(Stdio::null()).stdout(Stdio::piped());
    // Its standard output is a pipe that stays open and is not read.
    let mut daemon = Running(command.stderr(File::create(at("stderr")).unwrap()).spawn().unwrap());
    let pid = daemon.0.id();
    let said = || std::fs::read_to_string(at("stderr")).unwrap();
    wait("the capture", || {
        assert!(!daemon.has_ended(), "{}", said());
        machine.status().pid == pid && !machine.own_rules().is_empty()
    });
    let count = events();
    let mut load = machine.flood.start(u32::try_from(count).unwrap(), RATE);
    assert!(load.wait().unwrap().success());
    let end = Instant::now();
    wait("the file's last event", || floods(&at("lines")) >= count);
    let late = end.elapsed();
    wait("rsyslogd's last event", || floods(&at("tcp")) >= count);
    let begun = Instant::now();
    while floods(&at("gelf")) < count {
        let there = || format!("{} of {count} events as GELF", floods(&at("gelf")));
        assert!(begun.elapsed() < PATIENCE, "{}; {}", there(), where_the_rest_is(dir.path()));
        std::thread::sleep(Duration::from_millis(50));
    }
    let resident = resident_kib(pid);
    daemon.signal("TERM");
    wait("the daemon's end", || daemon.has_ended());
    rsyslogd.stop();
    drop(graylog);
    let stderr = said();
    println!("{count} events; in the file {late:?} after the last one; {resident} KiB resident\n{stderr}");
    assert!(resident < 3 * QUEUE_KIB + STUCK_KIB + OWN_KIB, "{resident} KiB");
    for name in ["lines", "tcp", "gelf"] {
        assert_eq!(floods(&at(name)), count, "{name}");
    }
    for output in ["file", "syslog", "gelf", "stdout"] {
        let Counts { received, written, filtered, dropped } = Counts::of(&stderr, output);
        assert_eq!(received, written + filtered + dropped, "{output}");
        assert!(received >= count, "{output}");
        assert_eq!(dropped > 0, output == "stdout", "{output}");
    }
    let wrote = |output| Counts::of(&stderr, output).written;
    assert_eq!((wrote("file"), wrote("syslog")), (syslog::rows(&at("lines")), syslog::rows(&at("tcp"))));
    assert_eq!(wrote("gelf"), syslog::rows(&at("gelf")));
}
