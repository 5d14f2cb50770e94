//! What the context costs: microseconds an event, the median of several rounds, for each of its lookups. It asks
//! this machine's /proc and file system; paths by inode need root (CAP_DAC_READ_SEARCH) and ext4 or f2fs.
#![allow(clippy::unwrap_used)]

use ringaudit::config;
use ringaudit::enrich::context::{Context, How};
use ringaudit::event::facts::Facts;
use ringaudit::event::{Event, Sink, assemble::Assembler};
use ringaudit::stats::Stats;
use ringaudit::wire::record::RecordType;
use std::fmt::Write;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const ROUNDS: usize = 11;
/// Events of a round.
const EVENTS: usize = 2000;
/// More processes than the smallest table has places, so that each of them is new each time.
const PROCESSES: usize = 200;

/// Gives each event to the context, and adds up the time.
struct Timed {
    context: Option<Context>,
    spent: Duration,
    events: usize,
    found: [usize; 2],
}

impl Sink for Timed {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        let start = Instant::now();
        if let Some(context) = &mut self.context {
            let facts = Facts::of(event);
            context.note(event, &facts, start);
            context.complete(event, &facts);
            self.spent += start.elapsed();
            match context.found().path(1).map(|path| path.how) {
                Some(How::Fd) => self.found[0] += 1,
                Some(How::Handle) => self.found[1] += 1,
                None => {}
            }
        }
    }
}

/// The median of the microseconds that an event takes, and how many paths were found each way.
fn measure(config: &str, mut fields: impl FnMut(usize) -> Vec<(u16, String)>) -> (f64, [usize; 2]) {
    let config = config::read("bench", config).unwrap();
    let context = Context::new(&config.enrich, &config.labels, true, true).unwrap();
    let mut sink = Timed { context: Some(context), spent: Duration::ZERO, events: 0, found: [0; 2] };
    let mut assembler = Assembler::new(&config.event, Arc::new(Stats::default())).unwrap();
    let mut times = Vec::new();
    let mut text = String::new();
    for round in 0..ROUNDS {
        sink.spent = Duration::ZERO;
        sink.found = [0; 2];
        for number in 0..EVENTS {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            for (kind, fields) in fields(number) {
                text.clear();
                let serial = round * EVENTS + number + 1;
                write!(text, "audit({}.{:03}:{serial}): {fields}", now.as_secs(), now.subsec_millis())
                    .unwrap();
                assembler.add(RecordType(kind), text.as_bytes(), Instant::now(), &mut sink);
            }
        }
        times.push(sink.spent.as_secs_f64() * 1e6 / EVENTS as f64);
    }
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], sink.found)
}

fn call(syscall: u32, pid: u32, a0: i32) -> (u16, String) {
    let fields = format!(
        "arch=c000003e syscall={syscall} success=yes exit=0 a0={a0:x} a1=1 a2=2 a3=3 items=1 ppid={} pid={pid} \
         auid=0 uid=0 comm=\"sleep\" exe=\"/usr/bin/sleep\" key=\"t\"",
        std::process::id()
    );
    (1300, fields)
}

fn path(file: &File) -> (u16, String) {
    let metadata = file.metadata().unwrap();
    let (dev, inode) = (metadata.dev(), metadata.ino());
    (1302, format!("item=0 name=(null) inode={inode} dev={:02x}:{:02x}", libc::major(dev), libc::minor(dev)))
}

fn main() {
    let children: Vec<Child> = (0..PROCESSES)
        .map(|_| Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
        .collect();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let files: Vec<File> =
        (0..EVENTS).map(|number| File::create(dir.path().join(number.to_string())).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(100));
    let (me, child) = (std::process::id(), children[0].id());
    let end = || (1320, String::new());
    let fd = |number: usize| files[number].as_raw_fd();
    let pid = |number: usize| children[number % PROCESSES].id();
    let off = "[enrich]\nprocess = false\nscript = false\ncontainer = false\nunit = false\nenv = []\ninode_path = false\n";
    let small = "[enrich]\nprocesses = 64\n";
    let labels = "[[label]]\nname = 'x'\nexe = '^/usr/(bin|sbin)/s[a-z]+p$'\npropagate = true\n";
    let print = |what: &str, (micros, found): (f64, [usize; 2])| {
        let paths = if found == [0; 2] {
            String::new()
        } else {
            format!("; found by fd {}, by inode {}", found[0], found[1])
        };
        println!("{what:34} {micros:8.2} us{paths}");
    };
    print("all off", measure(off, |_| vec![call(257, child, -100), end()]));
    print("a known process", measure("", |_| vec![call(257, child, -100), end()]));
    print("a new process", measure(small, |n| vec![call(257, pid(n), -100), end()]));
    print("execve, with its environment", measure("", |n| vec![call(59, pid(n), 0), end()]));
    print("execve, a label by regex", measure(labels, |n| vec![call(59, pid(n), 0), end()]));
    print(
        "a path through the descriptor",
        measure("", |n| vec![call(91, me, fd(n)), path(&files[n]), end()]),
    );
    print("a path by its inode", measure("", |n| vec![call(91, me, -1), path(&files[n]), end()]));
    for mut child in children {
        let _ = child.kill();
        let _ = child.wait();
    }
}
