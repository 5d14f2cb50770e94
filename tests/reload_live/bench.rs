//! A daemon whose config is written anew, and a receiver that reads when it is told to.

pub(crate) use crate::daemon::ROOM;
use crate::daemon::{BINARY, Daemon, QUEUE, openings, parse};
use crate::machine::Machine;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Events a second.
pub(crate) const RATE: u32 = 5000;

/// How often, by an environment variable.
pub(crate) fn times(variable: &str, default: u32) -> u32 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// A daemon that asks are sent to.
pub(crate) struct Bench {
    pub(crate) machine: Machine,
    pub(crate) daemon: Daemon,
}

impl Bench {
    /// With the flood's rule, one file, and `more` behind them.
    pub(crate) fn start(more: &str) -> Self {
        let mut machine = Machine::take();
        let dir = tempfile::tempdir().unwrap();
        let daemon = Daemon::start_in(&mut machine, dir, "", |command| {
            let config = PathBuf::from(command.get_args().last().unwrap());
            let dir = config.parent().unwrap().to_owned();
            let first = format!("{ROOM}{}", ring(8192));
            fs::write(
                &config,
                head(&dir, &first, &flood_rule(&config, &dir)) + &file(&dir, "log", "") + more,
            )
            .unwrap();
        });
        Self { machine, daemon }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.daemon.dir.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir().join("config.toml")
    }

    /// Another config: `first` before the tables that all have, `more` behind.
    pub(crate) fn write(&self, first: &str, more: &str) {
        let rule = self.machine.flood.rule();
        fs::write(self.config(), head(self.dir(), first, &rule) + more).unwrap();
    }

    /// The program with this command, and the config.
    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        let socket = self.dir().join("socket");
        let mut command = Command::new(*BINARY);
        command.args(words).arg("-s").arg(socket).output().unwrap()
    }

    /// A reload that must succeed.
    pub(crate) fn reload(&self) -> String {
        let output = self.ask(&["reload"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}; {}", self.daemon.stderr());
        String::from_utf8(output.stdout).unwrap()
    }

    /// An upgrade to this program that must succeed.
    pub(crate) fn upgrade(&self, program: &Path) -> String {
        let output = self.ask(&["upgrade", program.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}; {}", self.daemon.stderr());
        String::from_utf8(output.stdout).unwrap()
    }

    /// The lines of files.
    pub(crate) fn lines(&self, names: &[&str]) -> Vec<Value> {
        let read = |name: &&str| fs::read(self.dir().join(name)).unwrap_or_default();
        names.iter().flat_map(|name| parse(&read(name))).collect()
    }
}

/// The rule stands in the config that was written for the daemon.
fn flood_rule(config: &Path, _: &Path) -> String {
    let text = fs::read_to_string(config).unwrap();
    let line = text.lines().find(|line| line.starts_with("lines = ")).unwrap();
    line.trim_start_matches("lines = ['").trim_end_matches("']").to_owned()
}

fn head(dir: &Path, first: &str, rule: &str) -> String {
    let socket = dir.join("socket");
    format!(
        "[status]\nsocket = '{}'\n{first}\n[rules]\nat_exit = \"remove\"\nlines = ['{rule}']\n",
        socket.display()
    )
}

pub(crate) fn ring(kib: u32) -> String {
    format!("[ring]\nsize_kib = {kib}\n")
}

/// A file output, with a large queue unless `more` has one.
pub(crate) fn file(dir: &Path, name: &str, more: &str) -> String {
    let path = dir.join(name);
    let queue = if more.contains("queue_kib") { "" } else { QUEUE };
    format!(
        "[[output]]\ntype = \"file\"\nname = \"main\"\nformat = \"go-audit\"\npath = '{}'\n{queue}{more}\n",
        path.display()
    )
}

/// A unix stream output of this name.
pub(crate) fn socket(dir: &Path, more: &str) -> String {
    let path = dir.join("peer");
    format!("[[output]]\ntype = \"unix\"\nformat = \"go-audit\"\naddress = '{}'\n{more}\n", path.display())
}

/// Reads all connections to the end, once it may.
pub(crate) struct Peer {
    thread: JoinHandle<Vec<Vec<u8>>>,
    may_read: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
}

impl Peer {
    pub(crate) fn new(dir: &Path, may_read: bool) -> Self {
        let listener = UnixListener::bind(dir.join("peer")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let may_read = Arc::new(AtomicBool::new(may_read));
        let is_over = Arc::new(AtomicBool::new(false));
        let (reads, ends) = (Arc::clone(&may_read), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let mut streams = Vec::new();
            let mut texts: Vec<Vec<u8>> = Vec::new();
            loop {
                let over = ends.load(Ordering::SeqCst);
                if let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).unwrap();
                    streams.push(stream);
                    texts.push(Vec::new());
                }
                let mut got = false;
                for (stream, text) in streams.iter_mut().zip(&mut texts) {
                    let mut piece = [0; 65536];
                    if reads.load(Ordering::SeqCst)
                        && let Ok(len @ 1..) = stream.read(&mut piece)
                    {
                        text.extend(&piece[..len]);
                        got = true;
                    }
                }
                if over && !got {
                    return texts;
                }
                if !got {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        });
        Self { thread, may_read, is_over }
    }

    pub(crate) fn read(&self) {
        self.may_read.store(true, Ordering::SeqCst);
    }

    /// What came on each connection, once the daemon has ended.
    pub(crate) fn end(self) -> Vec<Vec<u8>> {
        self.read();
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// The serials of the flood's events.
pub(crate) fn serials(lines: &[Value]) -> BTreeSet<u64> {
    openings(lines).iter().map(|line| line["sequence"].as_u64().unwrap()).collect()
}
