//! The second thread: takes records from the ring, makes events of them and lines of those, and gives them
//! to the outputs. It sleeps when nothing is due; what it holds, the outputs have within 100 ms.

#[cfg(feature = "reload")]
mod change;
#[cfg(feature = "reload")]
mod hand_over;
mod lines;
mod loss;
#[cfg(feature = "status")]
pub mod top;

use crate::capture::ring::{Bell, Outlet};
use crate::config::Config;
use crate::event::assemble::Assembler;
use crate::event::notices::{self, Process};
use crate::output::{Outputs, Room};
use crate::stats::Stats;
use crate::sys::host;
use crate::sys::poll::Alarm;
use crate::sys::signal::Sender;
use crate::wire::record::RecordType;
#[cfg(feature = "reload")]
pub use change::{Change, ChangeError};
pub use lines::{Lines, check};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long the outputs may hold lines back while more is coming.
const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// Records of rules that the kernel removed, kept until they are taken, at most.
const MAX_REMOVED: usize = 1024;

/// What other threads ask of the writer, and what it has for them.
pub struct Requests {
    bell: Bell,
    room: Arc<Room>,
    asked: Mutex<Asked>,
    /// Rung when the kernel has removed rules.
    removed: Alarm,
    /// Rung when a change was made.
    #[cfg(feature = "reload")]
    changed: Alarm,
    /// Those who look at what events come from.
    #[cfg(feature = "status")]
    pub top: Arc<top::Top>,
}

/// What was asked, and by whom. The main thread writes it on a signal.
#[derive(Default)]
struct Asked {
    reopen: Option<Process>,
    stop: Option<Process>,
    /// Records of rules that the kernel removed, for the main thread.
    removed: Vec<Vec<u8>>,
    #[cfg(feature = "reload")]
    change: change::Asked,
    #[cfg(feature = "reload")]
    hand_over: hand_over::Asked,
}

impl Requests {
    /// Asks for the files to be opened again.
    pub fn reopen(&self, by: Sender) {
        self.asked().reopen = Some(Process::of(by));
        self.bell.ring();
    }

    /// Says whose signal ends the daemon; the writer ends when the reader does.
    pub fn stop(&self, by: Sender) {
        self.asked().stop = Some(Process::of(by));
        self.room.stop();
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes readable when the kernel has removed rules.
    pub fn removed(&self) -> BorrowedFd<'_> {
        self.removed.as_fd()
    }

    /// The records of rules that were removed since the last call.
    pub fn take_removed(&self) -> Vec<Vec<u8>> {
        self.removed.hush();
        std::mem::take(&mut self.asked().removed)
    }

    /// Keeps a CONFIG_CHANGE record that tells of a rule which was removed, by somebody or by the kernel.
    #[cold]
    #[inline(never)]
    fn note_change(&self, text: &[u8]) {
        const WORD: &[u8] = b"remove_rule ";
        let mut asked = self.asked();
        if asked.removed.len() < MAX_REMOVED && text.windows(WORD.len()).any(|part| part == WORD) {
            asked.removed.push(text.to_vec());
            self.removed.ring();
        }
    }

    /// Whether the writer has shown that it is alive since the last call.
    #[cfg(feature = "supervise")]
    pub fn is_alive(&self) -> bool {
        self.room.pulse.ask()
    }

    /// Wakes the writer wherever it waits, so that it shows that it is alive.
    #[cfg(feature = "supervise")]
    pub fn wake(&self) {
        self.room.ring();
        self.bell.ring();
    }

    /// Makes the writer look at the counters: something was counted elsewhere.
    pub fn look(&self) {
        self.bell.ring();
    }
}

/// The thread's whole state.
pub struct Writer {
    outlet: Outlet,
    assembler: Assembler,
    lines: Lines,
    requests: Arc<Requests>,
    flushed: Instant,
    /// The first output's format, for the daemon's own records.
    format: &'static str,
    /// What the program that ran before has left.
    #[cfg(feature = "reload")]
    left: Option<hand_over::Left>,
}

impl Writer {
    /// Allocates all that the thread will need.
    ///
    /// Errors: no memory.
    pub fn new(config: &Config, outlet: Outlet, outputs: Outputs, stats: Arc<Stats>) -> io::Result<Self> {
        let now = Instant::now();
        let (bell, removed) = (outlet.bell(), Alarm::new()?);
        let room = outputs.room();
        let assembler = Assembler::new(&config.event, Arc::clone(&stats))?;
        let lines = Lines::new(config, outputs, stats, now, true)?;
        let requests = Arc::new(Requests {
            bell,
            room,
            asked: Mutex::default(),
            removed,
            #[cfg(feature = "status")]
            top: Arc::clone(&lines.top),
            #[cfg(feature = "reload")]
            changed: Alarm::new()?,
        });
        Ok(Self {
            outlet,
            assembler,
            lines,
            requests,
            flushed: now,
            format: config.outputs.first().map_or("none", |output| output.format.name()),
            #[cfg(feature = "reload")]
            left: None,
        })
    }

    /// What the other threads need to talk to this one.
    pub fn requests(&self) -> Arc<Requests> {
        Arc::clone(&self.requests)
    }

    /// Works until the reader has closed the ring, then writes what is left.
    pub fn run(mut self) {
        let format = self.format;
        if !self.goes_on() {
            self.lines.own(|| notices::start(since_1970(), format, &host::release(), &Process::own()));
        }
        loop {
            #[cfg(feature = "reload")]
            if let Some(order) = self.is_handed_over() {
                return self.hand_over(&order);
            }
            self.requests.room.beat();
            let more = self.take_block();
            if more && self.flushed.elapsed() < FLUSH_EVERY {
                continue;
            }
            self.housekeeping(more);
            if !more {
                if self.outlet.is_finished() {
                    break;
                }
                self.sleep();
            }
        }
        self.finish();
    }

    /// Works through one block; false when there is none.
    fn take_block(&mut self) -> bool {
        let Some(block) = self.outlet.take() else { return false };
        self.lines.now = Instant::now();
        for frame in block.frames() {
            self.take(frame.kind, frame.text);
        }
        let used = self.outlet.give_back(block);
        self.lines.stats.ring_highest.note(used as u64);
        true
    }

    #[inline]
    fn take(&mut self, kind: u16, text: &[u8]) {
        self.lines.stats.types.add(kind);
        if kind == RecordType::CONFIG_CHANGE.0 {
            self.requests.note_change(text);
        }
        self.assembler.add(RecordType(kind), text, self.lines.now, &mut self.lines);
    }

    /// Whether this is not the daemon's start: then what was left is worked on first.
    #[cfg(not(feature = "reload"))]
    fn goes_on(&mut self) -> bool {
        false
    }

    /// All that is not on a record's way. With `more`, the ring may hold more.
    fn housekeeping(&mut self, more: bool) {
        let now = Instant::now();
        // An output may have held this thread up since the last block came; the rest of its last event is in the next.
        let come = if more { self.lines.now } else { now };
        self.flushed = now;
        self.lines.refresh(now);
        self.assembler.expire(come, &mut self.lines);
        let reopen = self.requests.asked().reopen.take();
        if reopen.is_some() {
            self.lines.outputs.reopen();
            self.lines.own(|| notices::rotate(since_1970(), reopen.as_ref()));
        }
        #[cfg(feature = "reload")]
        self.change();
        self.lines.report_loss(false);
        self.lines.outputs.flush();
    }

    fn sleep(&mut self) {
        let due = [self.assembler.deadline(), self.lines.loss.deadline()];
        let timeout = due.into_iter().flatten().min().map(|at| at.saturating_duration_since(Instant::now()));
        self.outlet.sleep(timeout);
    }

    /// Writes all that is left, and gives each output its time to do so.
    fn finish(&mut self) {
        self.assembler.finish(&mut self.lines);
        self.lines.report_loss(true);
        let by = self.requests.asked().stop.take();
        self.lines.own(|| notices::end(since_1970(), by.as_ref()));
        self.lines.outputs.finish(Duration::MAX);
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::reader::{Link, Reader};
    use crate::capture::ring::ring;
    use crate::config::{FileTarget, Format, Output, Overflow, Target};
    use crate::sys::counting::allocations;
    use crate::sys::netlink::Socket;
    use std::os::unix::net::UnixDatagram;

    /// A failing openat as the kernel sends it: type and text of its five records.
    fn event(serial: u32) -> [(u16, String); 5] {
        let syscall = "arch=c000003e syscall=257 success=no exit=-2 a0=ffffff9c a1=7ffd1c a2=80000 a3=0 items=1 \
                       ppid=1 pid=2 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 \
                       tty=(none) ses=4294967295 comm=\"load\" exe=\"/bin/load\" key=\"t\"";
        let path = "item=0 name=\"/nonexistent\" nametype=UNKNOWN cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0";
        [(1300, syscall), (1307, "cwd=\"/\""), (1302, path), (1327, "proctitle=\"load\""), (1320, "")]
            .map(|(kind, fields)| (kind, format!("audit(1700000000.123:{serial}): {fields}")))
    }

    fn datagram(kind: u16, text: &str) -> Vec<u8> {
        // As the kernel frames a record: its length without the header, sequence and port 0.
        let mut bytes = u32::try_from(text.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(text.as_bytes());
        bytes
    }

    #[test]
    fn no_allocation_for_a_record_on_its_way() {
        const EVENTS: u32 = 20_000;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let file = FileTarget { path: path.clone(), ..FileTarget::default() };
        // With all that the context can look up.
        let json = FileTarget { path: dir.path().join("json"), ..file.clone() };
        let output = |format, file| Output { format, target: Target::File(file), ..Output::default() };
        let outputs = vec![output(Format::GoAudit, file), output(Format::Json, json)];
        let config = Config { outputs, ..Config::default() };
        let stats = Arc::new(Stats::default());
        let outputs = Outputs::open(&config.outputs, Lines::longest(&config), &stats).unwrap();
        let (inlet, outlet) = ring(4).unwrap();
        let (kernel, ours) = UnixDatagram::pair().unwrap();
        let socket = Arc::new(Socket::from_fd(ours.into()));
        let link = Arc::new(Link::new().unwrap());
        let mut reader = Reader::new(socket, inlet, Overflow::Drop, Arc::clone(&stats), link).unwrap();
        let mut writer = Writer::new(&config, outlet, outputs, Arc::clone(&stats)).unwrap();
        let mut counted = 0;
        for serial in 1..=EVENTS {
            for (kind, text) in event(serial) {
                kernel.send(&datagram(kind, &text)).unwrap();
            }
            let before = allocations();
            reader.look();
            while writer.take_block() {}
            writer.housekeeping(false);
            // Not the first ones: the first look at the clock and at the users' file may allocate.
            counted += if serial > 10 { allocations() - before } else { 0 };
        }
        assert_eq!(counted, 0);
        writer.lines.outputs.finish(Duration::MAX);
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), EVENTS as usize);
        let before = allocations();
        drop(std::hint::black_box(Box::new(1)));
        assert_eq!(allocations() - before, 1, "the counter counts");
    }
}
