//! Small memory: under a ceiling, in a control group that gives no more, with command lines of 2 MB and every output
//! stuck. Nothing is killed, what does not fit is counted, and it goes on when the outputs do.

use crate::daemon::BINARY;
use crate::machine::{Machine, wait};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the control group has, and what of it the daemon may take.
const GROUP_KIB: u64 = 4096;
const MAX_KIB: u64 = 3584;
/// Command lines of 2 MB.
const EXECUTIONS: usize = 40;
const ARGUMENTS: usize = 16;
const ARGUMENT: usize = 124 * 1024;

/// A control group with so much memory, of version 1 or 2.
struct Group(PathBuf, bool);

impl Group {
    fn new(kib: u64) -> Self {
        let name = format!("ringaudit-test-{}", std::process::id());
        let is_second =
            fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").is_ok_and(|all| all.contains("memory"));
        let root = if is_second { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
        if is_second {
            fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory").unwrap();
        }
        let group = Self(Path::new(root).join(name), is_second);
        fs::create_dir(&group.0).expect("this test needs the memory controller of cgroups");
        let file = if is_second { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(group.0.join(file), (kib * 1024).to_string()).unwrap();
        group
    }

    fn read(&self, second: &str, first: &str) -> String {
        fs::read_to_string(self.0.join(if self.1 { second } else { first })).unwrap()
    }

    /// Processes that were killed for want of memory.
    fn kills(&self) -> u64 {
        let text = self.read("memory.events", "memory.oom_control");
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap().parse().unwrap()
    }

    /// The most that was in use, in KiB.
    fn peak(&self) -> u64 {
        self.read("memory.peak", "memory.max_usage_in_bytes").trim().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{} stays", self.0.display());
    }
}

/// Ends the daemon of a test that failed, before its group is removed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that comes to a reader, thrown away.
fn swallow(mut from: impl Read + Send + 'static) {
    std::thread::spawn(move || std::io::copy(&mut from, &mut std::io::sink()));
}

/// Of what comes to a reader, the reports of losses; the rest is thrown away.
fn losses(from: impl Read + Send + 'static) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let lines = BufReader::new(from).lines().map_while(Result::ok);
        lines.filter(|line| line.contains("op=loss ")).collect()
    })
}

fn config(dir: &Path, machine: &Machine) -> String {
    let shown = |name: &str| dir.join(name).display().to_string();
    format!(
        "[memory]\nmax_kib = {MAX_KIB}\n[ring]\nsize_kib = 256\n[enrich]\nprocesses = 512\n\
         [rules]\nat_exit = 'remove'\nlines = ['-a always,exit -F arch=b64 -S execve -F exe={}']\n\
         [[output]]\ntype = 'file'\nname = 'pipe'\npath = '{}'\nflush_s = 1\n\
         [[output]]\ntype = 'unix'\nname = 'local'\naddress = '{}'\nformat = 'go-audit'\nflush_s = 1\n\
         [[output]]\ntype = 'syslog'\nname = 'log'\nnetwork = 'unix'\naddress = '{}'\nflush_s = 1\n\
         [[output]]\ntype = 'stdout'\nformat = 'raw'\nflush_s = 1\n",
        machine.flood.path().display(),
        shown("fifo"),
        shown("socket"),
        shown("syslog"),
    )
}

/// A count of the daemon's last words: `word: 12`.
fn said(line: &str, word: &str) -> u64 {
    let rest = line.split_once(&format!("{word}: ")).unwrap_or_else(|| panic!("no {word} in {line}")).1;
    leading_number(rest)
}

fn leading_number(text: &str) -> u64 {
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn four_mib_and_two_megabytes_of_arguments_and_every_output_stuck() {
    let machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // All are open, and nobody reads.
    let reader: File = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let local = UnixListener::bind(dir.path().join("socket")).unwrap();
    let syslog = UnixListener::bind(dir.path().join("syslog")).unwrap();
    fs::write(dir.path().join("config.toml"), config(dir.path(), &machine)).unwrap();

    let group = Group::new(GROUP_KIB);
    let stderr = dir.path().join("stderr");
    let mut command = Command::new("sh");
    // The shell joins the group and becomes the daemon.
    command.args(["-c", "echo $$ > \"$1\"/cgroup.procs; exec \"$0\" -c \"$2\""]).arg(*BINARY).arg(&group.0);
    command
        .arg(dir.path().join("config.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&stderr).unwrap());
    let mut daemon = Running(command.spawn().unwrap());
    let said_so_far = || fs::read_to_string(&stderr).unwrap();
    wait("the capture", || said_so_far().contains("capturing"));
    let (local, syslog) = (local.accept().unwrap().0, syslog.accept().unwrap().0);
    let stdout = daemon.0.stdout.take().unwrap();

    let long = "x".repeat(ARGUMENT);
    let execute = |machine: &Machine, arguments: usize| {
        let mut command = Command::new(machine.flood.path());
        command.arg("--help").args(std::iter::repeat_n(&long, arguments)).stdout(Stdio::null());
        assert!(command.status().unwrap().success());
    };
    for _ in 0..EXECUTIONS {
        execute(&machine, ARGUMENTS);
    }
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((daemon.0.try_wait().unwrap(), group.kills()), (None, 0), "{}", said_so_far());
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).unwrap();
    let highest = status.lines().find(|line| line.starts_with("VmHWM")).unwrap().to_owned();

    // The outputs go on: what was held comes, and short events after it.
    swallow(reader);
    swallow(local);
    swallow(syslog);
    let losses = losses(stdout);
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..10 {
        execute(&machine, 0);
    }
    assert!(Command::new("kill").arg(daemon.0.id().to_string()).status().unwrap().success());
    assert!(daemon.0.wait().unwrap().success(), "{}", said_so_far());
    let text = said_so_far();
    let losses = losses.join().unwrap();
    println!("{losses:#?}\n{text}\nin the group at most {} KiB of {GROUP_KIB}; {highest}", group.peak());
    assert_eq!(group.kills(), 0);
    assert!(group.peak() <= GROUP_KIB);
    let stopped = text.lines().find(|line| line.contains("stopped; ")).unwrap();
    let (events, written) = (said(stopped, "events"), said(stopped, "written"));
    assert!(events >= EXECUTIONS as u64, "{text}");
    // What is not written for want of a line's memory never comes to the outputs; how much that is depends on how the
    // ceiling was shared out before.
    let report = losses.iter().rfind(|line| line.contains("place=line-space ")).map(String::as_str);
    let missed =
        report.and_then(|line| line.split_once("total=")).map_or(0, |(_, rest)| leading_number(rest));
    assert_eq!(events, written + missed);
    for output in ["pipe", "local", "log", "stdout"] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("ringaudit: output {output}: received")))
            .unwrap();
        let (received, written, dropped) =
            (said(line, "received"), said(line, "written"), said(line, "dropped"));
        assert_eq!(received, written + dropped, "{line}");
        assert!(written >= 10, "the last ones: {line}");
        assert!(dropped > 0 || missed > EXECUTIONS as u64 / 2, "it was stuck: {line}");
    }
}
