//! The binary as a process of its own, with a config in a folder of its own.

use crate::flood::NOWHERE;
use crate::machine::{Machine, PATIENCE, wait};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The program: RINGAUDIT_BIN, such as a static one, or the one that was built with these tests.
pub(crate) static BINARY: LazyLock<&str> = LazyLock::new(|| {
    std::env::var("RINGAUDIT_BIN").map_or(env!("CARGO_BIN_EXE_ringaudit"), |path| path.leak())
});

pub(crate) struct Daemon {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) log: PathBuf,
    child: Child,
}

/// What it says when it has begun; how many rules were added and how many were there, `settings` looks at.
const CAPTURING: &str = "ringaudit: capturing; ";
/// And at its end; `filters` and `faults` look at the counts.
const STOPPED: &str = "ringaudit: stopped; ";
/// What a reload did, which a SIGHUP is; `reload_live` looks at it.
const RELOADED: &str = "ringaudit: reloaded ";
/// What it gave up; `sandbox` looks at it.
const SANDBOX: &str = "ringaudit: sandbox: ";
/// What a flood needs of the kernel: other work on this machine may take the processors away from the daemon for longer
/// than the default of 8192 records lasts.
pub(crate) const ROOM: &str = "[kernel]\nbacklog_limit = 131072\n";
/// What an output that is to lose nothing needs: a disk that is away for a moment is not what is tested, and a queue
/// takes no more memory than it holds.
pub(crate) const QUEUE: &str = "queue_kib = 65536\n";
const OUTPUTS: (&str, &str) = ("ringaudit: output ", ": received: ");

/// How it ended, and what it said but that it captures and that it has stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

/// An ending without anything to say.
pub(crate) fn quiet() -> Ended {
    Ended { code: Some(0), stderr: String::new() }
}

impl Daemon {
    /// With the flood's rule and one file; `more` is config that comes first.
    pub(crate) fn start(machine: &mut Machine, more: &str) -> Self {
        Self::start_in(machine, tempfile::tempdir().unwrap(), more, |_| {})
    }

    /// In a folder that is there already, and with changes to its command.
    pub(crate) fn start_in(
        machine: &mut Machine,
        dir: tempfile::TempDir,
        more: &str,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        Self::start_until(machine, dir, more, change, |machine, daemon| {
            machine.status().pid == daemon.pid() && !machine.own_rules().is_empty()
        })
    }

    /// The same, until it has begun as the caller wants it.
    pub(crate) fn start_until(
        machine: &mut Machine,
        dir: tempfile::TempDir,
        more: &str,
        change: impl FnOnce(&mut Command),
        mut has_begun: impl FnMut(&mut Machine, &Self) -> bool,
    ) -> Self {
        let log = dir.path().join("log");
        let config = write_config(dir.path(), machine, more);
        let mut command = Command::new(*BINARY);
        command.arg("-c").arg(config).stdin(Stdio::null());
        command.stderr(File::create(dir.path().join("stderr")).unwrap());
        change(&mut command);
        let mut daemon = Self { log, child: command.spawn().unwrap(), dir };
        let start = Instant::now();
        while !has_begun(machine, &daemon) {
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none(), "the daemon ended at its start: {}", daemon.stderr());
            assert!(start.elapsed() < PATIENCE, "the daemon does not start: {}", daemon.stderr());
            std::thread::sleep(Duration::from_millis(1));
        }
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// All that it said so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.dir.path().join("stderr")).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self) -> Ended {
        let mut status = None;
        wait("the daemon's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let stderr = self.stderr();
        let counts = |line: &str| line.starts_with(OUTPUTS.0) && line.contains(OUTPUTS.1);
        let known =
            |line: &str| [CAPTURING, STOPPED, RELOADED, SANDBOX].iter().any(|begin| line.starts_with(begin));
        let said = |line: &&str| !known(line) && !counts(line);
        let rest = stderr.split_inclusive('\n').filter(said).collect();
        Ended { code: status.and_then(|status| status.code()), stderr: rest }
    }

    /// Asks it to stop, and waits for the end.
    pub(crate) fn stop(&mut self) -> Ended {
        self.signal("TERM");
        self.ended()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        lines(&self.log)
    }

    /// Waits until the file holds so many of the flood's events.
    pub(crate) fn wait_for_openings(&self, count: usize) {
        let (wanted, start) = (format!("name=\\\"{NOWHERE}\\\""), Instant::now());
        let mut seen = 0;
        while seen < count {
            std::thread::sleep(Duration::from_millis(20));
            let text = String::from_utf8(fs::read(&self.log).unwrap()).unwrap();
            seen = text.matches(&wanted).count();
            assert!(
                start.elapsed() < PATIENCE,
                "{seen} of {count} events came; {:?}; {}",
                losses(&self.lines()),
                self.stderr()
            );
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The config file: `more`, a status socket of its own, the flood's rule unless `more` has rules, and the file. The
/// ring is large, and the file's queue unless `more` is about memory, so that other work on this machine does not
/// change what comes through; `loss` is about what a flood needs.
pub(crate) fn write_config(dir: &Path, machine: &Machine, more: &str) -> PathBuf {
    let mut text = format!("{more}\n");
    if !more.contains("[status]") {
        text += &format!("[status]\nsocket = '{}'\n", dir.join("socket").display());
    }
    if !more.contains("[ring]") {
        text += "[ring]\nsize_kib = 8192\n";
    }
    if !more.contains("[rules]") {
        text += &format!("[rules]\nat_exit = \"remove\"\nlines = ['{}']\n", machine.flood.rule());
    }
    text += &format!(
        "[[output]]\ntype = \"file\"\nformat = \"go-audit\"\npath = '{}'\n",
        dir.join("log").display()
    );
    if !more.contains("[memory]") {
        text += QUEUE;
    }
    let path = dir.join("config.toml");
    fs::write(&path, text).unwrap();
    path
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    let Output { status, stderr, .. } = command.output().unwrap();
    Ended { code: status.code(), stderr: String::from_utf8(stderr).unwrap() }
}

/// A file's lines: all whole, all valid JSON.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    parse(&fs::read(path).unwrap())
}

pub(crate) fn parse(text: &[u8]) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with(b"\n"), "the last line is torn");
    text.split_inclusive(|&b| b == b'\n')
        .map(|line| {
            serde_json::from_slice(line)
                .unwrap_or_else(|e| panic!("{e} in {:?}", String::from_utf8_lossy(line)))
        })
        .collect()
}

/// The flood's events among the lines.
pub(crate) fn openings(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| is_opening(line)).collect()
}

fn is_opening(line: &Value) -> bool {
    let wanted = format!("name=\"{NOWHERE}\"");
    let records = line["messages"].as_array().unwrap();
    records.iter().any(|record| record["type"] == 1302 && record["data"].as_str().unwrap().contains(&wanted))
}

/// The data of the loss records among the lines.
pub(crate) fn losses(lines: &[Value]) -> Vec<String> {
    let reports = lines.iter().filter(|line| line["sequence"] == 0);
    let records = reports.flat_map(|line| line["messages"].as_array().unwrap());
    records.map(|record| record["data"].as_str().unwrap().to_owned()).collect()
}

/// Serials that are missing between the first and the last, and those that are there twice.
pub(crate) fn holes_and_doubles(lines: &[Value]) -> (Vec<u64>, Vec<u64>) {
    let mut serials: Vec<u64> = lines.iter().map(|line| line["sequence"].as_u64().unwrap()).collect();
    serials.retain(|&serial| serial != 0);
    serials.sort_unstable();
    let (mut holes, mut doubles) = (Vec::new(), Vec::new());
    for pair in serials.windows(2) {
        match pair[1] - pair[0] {
            0 => doubles.push(pair[0]),
            _ => holes.extend(pair[0] + 1..pair[1]),
        }
    }
    (holes, doubles)
}
