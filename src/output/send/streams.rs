//! Messages on a stream: a TCP connection, a socket of this host, the standard input of a program. An event counts
//! as written when the peer has taken it: TCP, when the peer's kernel has acknowledged it; on this host, when its
//! program has read it. Until then it is kept, and sent again when the stream breaks.

#[cfg(feature = "reload")]
use super::super::queue::push_made;
use super::super::{Batch, Entry, Fault, Output};
use super::peer::Peer;
use super::window::Window;
use super::{Encode, LONGEST_PAUSE, Messages};
use crate::sys::poll::is_broken;
use crate::sys::program::{Ended, Program, words};
use crate::sys::send;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long after a write the peer is first asked what it has taken; each further time it is twice as long.
const FIRST_LOOK: Duration = Duration::from_millis(4);
const LAST_LOOK: Duration = Duration::from_millis(500);
/// How long a program may take to end when its input is closed, and when it is asked to.
const END: Duration = Duration::from_secs(1);

/// What a stream leads to.
pub(super) enum Line {
    /// A socket.
    Peer(Peer),
    /// A program and its arguments.
    Program(Vec<String>),
}

/// A stream that is open.
enum Link {
    Socket(OwnedFd),
    Pipe(Program),
}

/// The output.
pub(super) struct Streams {
    encode: Box<dyn Encode>,
    line: Line,
    link: Option<Link>,
    messages: Messages,
    window: Window,
    /// When the peer is asked next, and how long the pause before that was.
    look: Option<(Instant, Duration)>,
    events: u64,
}

impl Streams {
    /// For events of at most so many bytes.
    ///
    /// Errors: no memory.
    pub(super) fn new(encode: Box<dyn Encode>, line: Line, longest: usize) -> io::Result<Self> {
        let longest = encode.longest(longest);
        let (messages, window) = (Messages::new(longest)?, Window::new(longest)?);
        Ok(Self { encode, line, link: None, messages, window, look: None, events: 0 })
    }

    /// Moves events from the batch to the window, as far as there is room.
    fn fill(&mut self, batch: &mut Batch) {
        let mut moved = 0;
        for (number, entry) in (self.events..).zip(batch.entries()) {
            self.messages.clear();
            let made = if is_made(entry) {
                self.messages.push(entry.lines);
                while self.messages.grow(0, 0) {
                    self.messages.push(entry.lines);
                }
                true
            } else {
                let mut made = self.encode.encode(number, entry, &mut self.messages);
                while self.messages.grow(0, 0) {
                    made = self.encode.encode(number, entry, &mut self.messages);
                }
                made
            };
            if !made || self.messages.bytes.overflowed() || !self.window.push(self.messages.bytes.as_bytes())
            {
                break;
            }
            moved += 1;
        }
        self.events += moved as u64;
        batch.hold(moved);
        if moved == 0 && self.window.is_empty() {
            // It does not fit where there is nothing else.
            batch.refuse();
            self.events += 1;
        }
    }

    /// Sends what the stream takes; then asks what the peer has taken. Whether it got anywhere.
    fn pump(&mut self, batch: &mut Batch) -> Result<bool, Fault> {
        let Some(link) = &self.link else { return Ok(false) };
        let (mut sent, mut taken) = (0, 0);
        let mut result = if link.is_connected() { Ok(()) } else { Err(None) };
        while result.is_ok() && !self.window.unsent().is_empty() {
            match link.send(self.window.unsent()) {
                Ok(len) => {
                    self.window.advance(len);
                    sent += len;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => result = Err(Some(error)),
            }
        }
        if result.is_ok() {
            // What a peer had not read is forgotten when it goes: only the answer of one that is there counts.
            let left = link.not_taken();
            result = if link.is_connected() { left.map_err(Some) } else { Err(None) }
                .map(|left| taken = self.window.taken_but(left));
            batch.count(taken);
        }
        match result {
            Ok(()) => {
                let again = self.look.map_or(FIRST_LOOK, |(_, pause)| (pause * 2).min(LAST_LOOK));
                let pause = if sent > 0 { FIRST_LOOK } else { again };
                self.look = (!self.window.is_empty()).then(|| (Instant::now() + pause, pause));
                Ok(sent > 0 || taken > 0)
            }
            Err(error) => Err(self.broken(error.as_ref(), batch)),
        }
    }

    #[cold]
    fn broken(&mut self, error: Option<&io::Error>, batch: &mut Batch) -> Fault {
        let link = self.link.take();
        // A pipe keeps what its program has not read, also when that has gone.
        if let Some(Link::Pipe(program)) = &link
            && let Ok(left) = send::not_read(program.as_fd())
        {
            batch.count(self.window.taken_but(left));
        }
        self.window.rewind();
        self.look = None;
        Fault::Failed(match (&self.line, link, error) {
            (Line::Peer(peer), _, None) => format!("{} has closed the connection", peer.address),
            (Line::Peer(peer), _, Some(error)) => format!("failed to send to {}: {error}", peer.address),
            (Line::Program(words), Some(Link::Pipe(program)), _) => {
                let name = words.first().map_or("", String::as_str);
                match end(program) {
                    Some(Ended::Status(status)) => format!("{name} has ended with status {status}"),
                    Some(Ended::Signal(signal)) => format!("{name} was ended by signal {signal}"),
                    None => format!("{name} reads no more and does not end"),
                }
            }
            (Line::Program(_), _, _) => "the program has gone".to_owned(),
        })
    }
}

impl Output for Streams {
    #[cold]
    fn open(&mut self) -> Result<(), Fault> {
        let link = match &self.line {
            Line::Peer(peer) => peer.connect().map(Link::Socket).map_err(Fault::Failed)?,
            Line::Program(command) => {
                let started = words(command).and_then(|words| Program::start(&words));
                let name = command.first().map_or("", String::as_str);
                started.map(Link::Pipe).map_err(|error| {
                    let message = format!("failed to start \"{name}\": {error}");
                    match error.kind() {
                        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Fault::Wrong(message),
                        _ => Fault::Failed(message),
                    }
                })?
            }
        };
        self.link = Some(link);
        Ok(())
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        loop {
            let before = batch.len();
            if before > 0 {
                self.fill(batch);
            }
            let goes_on = self.pump(batch)? || batch.len() < before;
            if batch.is_empty() || !goes_on {
                return Ok(());
            }
        }
    }

    fn blocked_on(&self) -> Option<BorrowedFd<'_>> {
        // With all sent, it is the peer's answer that is waited for, and `due` says how long.
        if self.window.unsent().is_empty() {
            return None;
        }
        match &self.link {
            Some(Link::Socket(socket)) => Some(socket.as_fd()),
            Some(Link::Pipe(program)) => Some(program.as_fd()),
            None => None,
        }
    }

    fn wants_write(&self) -> bool {
        !self.window.unsent().is_empty() || self.due().is_some_and(|at| at <= Instant::now())
    }

    fn holds(&self) -> bool {
        !self.window.is_empty()
    }

    fn due(&self) -> Option<Instant> {
        self.look.map(|(at, _)| at)
    }

    fn longest_pause(&self) -> Duration {
        LONGEST_PAUSE
    }

    fn is_local(&self) -> bool {
        matches!(self.line, Line::Program(_))
    }

    #[cfg(feature = "reload")]
    fn give_back(&mut self, batch: &mut Batch, events: &mut Vec<u8>) {
        self.window.each(&mut |bytes| push_made(events, bytes));
        batch.restart();
    }

    fn close(&mut self) {
        if let Some(Link::Pipe(program)) = self.link.take() {
            end(program);
        }
    }
}

/// Whether it is no event's lines, but what a stream made of an event before.
#[cfg(feature = "reload")]
fn is_made(entry: Entry<'_>) -> bool {
    entry.stamp == super::super::carried::MADE
}

#[cfg(not(feature = "reload"))]
fn is_made(_: Entry<'_>) -> bool {
    false
}

impl Link {
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => send::stream(socket.as_fd(), bytes),
            Self::Pipe(program) => program.write(bytes),
        }
    }

    fn is_connected(&self) -> bool {
        match self {
            Self::Socket(socket) => send::is_connected(socket.as_fd()),
            Self::Pipe(program) => !is_broken(program.as_fd()),
        }
    }

    fn not_taken(&self) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => send::not_taken(socket.as_fd()),
            Self::Pipe(program) => send::not_read(program.as_fd()),
        }
    }
}

/// Closes a program's input and waits until it has ended; asks it to, when that takes long.
#[cold]
fn end(program: Program) -> Option<Ended> {
    let process = program.close();
    for signal in [None, Some(libc::SIGTERM), Some(libc::SIGKILL)] {
        signal.into_iter().for_each(|signal| process.send(signal));
        let by = Instant::now() + END;
        while Instant::now() < by {
            if let Some(ended) = process.ended() {
                return Some(ended);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    None
}
