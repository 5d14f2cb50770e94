//! The two threads, put together as `daemon.rs` does, writing to a file in a folder of their own.

use ringaudit::capture::reader::{Link, Reader};
use ringaudit::capture::ring::{self, BLOCK};
use ringaudit::config::{Config, FileTarget, Format, Output, Target};
use ringaudit::output::Outputs;
use ringaudit::stats::Stats;
use ringaudit::sys::netlink::Socket;
use ringaudit::wire::nlmsg;
use ringaudit::writer::{Lines, Requests, Writer};
use serde_json::Value;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How long anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    /// The kernel's end.
    pub(crate) kernel: UnixDatagram,
    pub(crate) stats: Arc<Stats>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) path: PathBuf,
    pub(crate) dir: tempfile::TempDir,
    link: Arc<Link>,
    writer: Option<Writer>,
    threads: Vec<JoinHandle<()>>,
}

/// What is left when both threads have ended.
pub(crate) struct Ended {
    pub(crate) stats: Arc<Stats>,
    pub(crate) lines: Vec<Value>,
}

impl Stage {
    /// Both threads, with this config but for its outputs.
    pub(crate) fn new(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut stage = Self::reader_alone(config, UnixDatagram::pair().unwrap(), dir, path);
        stage.start_writer();
        stage
    }

    /// The reader, and the writer only when [`start_writer`](Self::start_writer) is called: until then the
    /// ring fills. `ends` are the kernel's and the reader's; lines go to `path`.
    pub(crate) fn reader_alone(
        config: Config,
        ends: (UnixDatagram, UnixDatagram),
        dir: tempfile::TempDir,
        path: PathBuf,
    ) -> Self {
        Self::build(config, ends, dir, path, false)
    }

    /// Both threads, told to stop before they begin; `ends` may hold messages already.
    pub(crate) fn stopped(ends: (UnixDatagram, UnixDatagram)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut stage = Self::build(Config::default(), ends, dir, path, true);
        stage.start_writer();
        stage
    }

    fn build(
        mut config: Config,
        ends: (UnixDatagram, UnixDatagram),
        dir: tempfile::TempDir,
        path: PathBuf,
        stopped: bool,
    ) -> Self {
        let target = FileTarget { path: path.clone(), ..FileTarget::default() };
        // Others come behind the file.
        let others = std::mem::take(&mut config.outputs);
        let (name, target) = ("file".to_owned(), Target::File(target));
        config.outputs = vec![Output { name, format: Format::GoAudit, target, ..Output::default() }];
        config.outputs.extend(others.into_iter().filter(|output| output.target != Target::Stdout));
        let stats = Arc::new(Stats::default());
        let link = Arc::new(Link::new().unwrap());
        let (inlet, outlet) = ring::ring(config.ring.size_kib as usize * 1024 / BLOCK).unwrap();
        let outputs = Outputs::open(&config.outputs, Lines::longest(&config), &stats).unwrap();
        let writer = Writer::new(&config, outlet, outputs, Arc::clone(&stats)).unwrap();
        let requests = writer.requests();
        let socket = Arc::new(Socket::from_fd(ends.1.into()));
        let reader =
            Reader::new(socket, inlet, config.ring.overflow, Arc::clone(&stats), Arc::clone(&link)).unwrap();
        if stopped {
            link.stop();
        }
        let thread = Builder::new().name("reader".into()).spawn(move || reader.run()).unwrap();
        let (writer, threads) = (Some(writer), vec![thread]);
        Self { kernel: ends.0, stats, requests, path, dir, link, writer, threads }
    }

    pub(crate) fn start_writer(&mut self) {
        let writer = self.writer.take().expect("the writer was started before");
        self.threads.push(Builder::new().name("writer".into()).spawn(move || writer.run()).unwrap());
    }

    /// One record.
    pub(crate) fn send(&self, kind: u16, text: impl AsRef<[u8]>) {
        send(&self.kernel, kind, text);
    }

    /// A whole event of a system call.
    pub(crate) fn send_event(&self, serial: u32) {
        send_event(&self.kernel, serial);
    }

    /// The lines that are in the file by now.
    pub(crate) fn lines(&self) -> Vec<Value> {
        lines(&self.path)
    }

    /// Waits until `what` holds.
    pub(crate) fn wait(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "{what} did not come; {:?}", self.stats);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops as the daemon does; both threads must end.
    pub(crate) fn stop(mut self) -> Ended {
        self.end();
        Ended { stats: Arc::clone(&self.stats), lines: self.lines() }
    }

    /// Ends the threads and leaves the rest to look at.
    pub(crate) fn end(&mut self) {
        self.link.stop();
        self.requests.look();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

/// One record as the kernel sends it.
pub(crate) fn send(kernel: &UnixDatagram, kind: u16, text: impl AsRef<[u8]>) {
    kernel.send(&message(kind, text.as_ref())).unwrap();
}

/// A whole event of a system call.
pub(crate) fn send_event(kernel: &UnixDatagram, serial: u32) {
    send(kernel, 1300, format!("audit(1.000:{serial}): arch=c000003e uid=0 gid=0"));
    send(kernel, 1307, format!("audit(1.000:{serial}): cwd=\"/\""));
    send(kernel, 1320, format!("audit(1.000:{serial}): "));
}

/// A record's message: its length is stated without the header.
pub(crate) fn message(kind: u16, text: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    nlmsg::emit(&mut message, kind, 0, 0, text);
    // The kernel's records are not filled up to a multiple of four.
    message.truncate(nlmsg::HEADER + text.len());
    let len = u32::try_from(text.len()).unwrap();
    message[..4].copy_from_slice(&len.to_ne_bytes());
    message
}

/// A file's lines, each of which must be whole and valid JSON.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    parse(&std::fs::read(path).unwrap())
}

/// The whole lines of a text.
pub(crate) fn parse(text: &[u8]) -> Vec<Value> {
    let whole = text.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
    text[..whole]
        .split_inclusive(|&b| b == b'\n')
        .map(|line| {
            serde_json::from_slice(line)
                .unwrap_or_else(|e| panic!("{e} in {:?}", String::from_utf8_lossy(line)))
        })
        .collect()
}

/// The serials of the kernel's events, in the order of their lines.
pub(crate) fn serials(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["sequence"].as_u64().unwrap()).filter(|&serial| serial != 0).collect()
}

/// What the stream itself says was lost: (place, lost in all reports together, unit).
pub(crate) fn losses(lines: &[Value]) -> Vec<(String, u64, String)> {
    let mut found: Vec<(String, u64, String)> = Vec::new();
    for line in lines.iter().filter(|line| line["sequence"] == 0) {
        for record in line["messages"].as_array().unwrap() {
            assert_eq!(record["type"], 1209, "{line}");
            let data = record["data"].as_str().unwrap();
            let field = |name: &str| {
                let (_, rest) = data.split_once(&format!(" {name}=")).unwrap_or_else(|| panic!("{data}"));
                rest.split(' ').next().unwrap().to_owned()
            };
            assert!(data.starts_with("op=loss "), "{data}");
            let name = data.split_once(" output=").map_or(String::new(), |(_, name)| format!(":{name}"));
            let (place, lost, total) = (field("place") + &name, field("lost"), field("total"));
            let lost: u64 = lost.parse().unwrap();
            match found.iter_mut().find(|one| one.0 == place) {
                Some(one) => one.1 += lost,
                None => found.push((place.clone(), lost, field("unit"))),
            }
            let sum = found.iter().find(|one| one.0 == place).unwrap().1;
            assert_eq!(total, sum.to_string(), "the total is the sum of the reports: {data}");
        }
    }
    found.sort();
    found
}

/// One entry of [`losses`].
pub(crate) fn loss(place: &str, lost: u64, unit: &str) -> (String, u64, String) {
    (place.to_owned(), lost, unit.to_owned())
}
