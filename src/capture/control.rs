//! The control socket: requests to the kernel's audit system and their answers. Kept apart from the data
//! socket, so that answers never mix with records. Used by the main thread alone, since the kernel may
//! put its caller to sleep while records are congested.
//! Source: kernel/audit.c, audit_receive_msg, audit_send_reply, audit_send_list_thread.

use crate::sys::netlink::Socket;
use crate::sys::poll::{Wait, poll};
use crate::wire::Transport;
use crate::wire::nlmsg::{self, HEADER, Header};
use crate::wire::status::{self, Field, Status};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long the kernel may take to answer. It answers at once, but from a thread of its own.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer: a rule with all its strings.
const ANSWER: usize = 16 * 1024;
/// Room for the answers to a list; the kernel waits only 0.1 s for a full socket.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// How long the answers to a list may gather in it: to be woken for each costs more than to read it.
const GATHER: Duration = Duration::from_micros(500);

/// The socket and the number of its last request.
pub struct Control {
    socket: Socket,
    seq: u32,
    buffer: Box<[u8]>,
}

impl Transport for Control {
    /// Also `TimedOut`, when the kernel does not answer.
    fn requests(&mut self, kind: u16, payloads: &[&[u8]]) -> Vec<io::Result<()>> {
        let mut results: Vec<io::Result<()>> = payloads.iter().map(|_| Ok(())).collect();
        if let Err(error) = self.exchange(kind, payloads, &mut results) {
            // What ends the exchange is the answer to all that have none.
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                let errno = error.raw_os_error().map(io::Error::from_raw_os_error);
                *result = Err(errno.unwrap_or_else(|| error.kind().into()));
            }
        }
        results
    }

    fn dump(&mut self, kind: u16, each: &mut dyn FnMut(u16, &[u8])) -> io::Result<()> {
        self.ask(kind, GATHER, &mut |answer, payload| {
            if answer == nlmsg::DONE {
                return true;
            }
            each(answer, payload);
            false
        })
    }
}

impl Control {
    /// Errors: as [`Socket::open`].
    pub fn open() -> io::Result<Self> {
        let socket = Socket::open()?;
        // A smaller buffer only makes long lists less safe.
        let _ = socket.set_receive_buffer(RECEIVE_BUFFER);
        Ok(Self { socket, seq: 0, buffer: vec![0; ANSWER].into_boxed_slice() })
    }

    /// The kernel's status (AUDIT_GET).
    ///
    /// Errors: as [`Transport::request`]; `InvalidData` when the answer is too short.
    pub fn status(&mut self) -> io::Result<Status> {
        let mut status = None;
        self.ask(nlmsg::GET, Duration::ZERO, &mut |answer, payload| {
            if answer == nlmsg::GET {
                status = Some(Status::parse(payload));
            }
            answer == nlmsg::GET
        })?;
        let short = || io::Error::new(io::ErrorKind::InvalidData, "the kernel's audit status is too short");
        status.flatten().ok_or_else(short)
    }

    /// Sets one value (AUDIT_SET).
    ///
    /// Errors: as [`Transport::request`].
    pub fn set(&mut self, field: Field, value: u32) -> io::Result<()> {
        self.request(nlmsg::SET, &status::emit(field, value))
    }

    /// Sends a question, then receives until the acknowledgement has come and `each` has said that it has seen
    /// the last answer. When it has waited for some it lets more gather for so long.
    fn ask(
        &mut self,
        kind: u16,
        gather: Duration,
        each: &mut dyn FnMut(u16, &[u8]) -> bool,
    ) -> io::Result<()> {
        let first = self.send(kind, &[&[]])?;
        let deadline = Instant::now() + PATIENCE;
        let (mut acknowledged, mut complete) = (false, false);
        while !(acknowledged && complete) {
            let Some((header, len)) = self.receive(deadline, gather)? else { continue };
            let body = self.buffer.get(HEADER..len).unwrap_or_default();
            if header.kind != nlmsg::ERROR {
                complete |= each(header.kind, body);
            } else if header.seq == first {
                verdict(body)?;
                acknowledged = true;
            }
        }
        Ok(())
    }

    /// Sends requests, then receives until the last is acknowledged. Answers come in the order of the requests, so that
    /// those before it that have none by then were carried out.
    fn exchange(&mut self, kind: u16, payloads: &[&[u8]], results: &mut [io::Result<()>]) -> io::Result<()> {
        let first = self.send(kind, payloads)?;
        let deadline = Instant::now() + PATIENCE;
        let mut answered = 0;
        while answered < results.len() {
            if let Some((header, len)) = self.receive(deadline, Duration::ZERO)?
                && header.kind == nlmsg::ERROR
                && let Ok(at) = usize::try_from(header.seq.wrapping_sub(first))
                && let Some(result) = results.get_mut(at)
            {
                *result = verdict(self.buffer.get(HEADER..len).unwrap_or_default());
                answered = at + 1;
            }
        }
        Ok(())
    }

    /// Sends requests in one message; gives the number of the first. The last is acknowledged, and each that is
    /// refused.
    fn send(&mut self, kind: u16, payloads: &[&[u8]]) -> io::Result<u32> {
        // Late answers to a request that was given up must not be taken for this one's.
        while self.socket.receive(&mut self.buffer).is_ok() {}
        let first = self.seq.wrapping_add(1);
        let mut message = Vec::new();
        for (left, payload) in (0..payloads.len()).rev().zip(payloads) {
            self.seq = self.seq.wrapping_add(1);
            let flags = if left == 0 { nlmsg::REQUEST | nlmsg::ACK } else { nlmsg::REQUEST };
            nlmsg::emit(&mut message, kind, flags, self.seq, payload);
        }
        self.socket.send(&message)?;
        Ok(first)
    }

    /// One message from the kernel; `None` for what is from another sender or no message.
    fn receive(&mut self, deadline: Instant, gather: Duration) -> io::Result<Option<(Header, usize)>> {
        loop {
            match self.socket.receive(&mut self.buffer) {
                Ok(got) => {
                    let len = got.len.min(self.buffer.len());
                    let header = self.buffer.get(..len).and_then(Header::parse);
                    return Ok(header.filter(|_| got.sender == 0).map(|header| (header, len)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            poll(&mut [Wait::readable(self.socket.as_fd())], Some(left))?;
            if !gather.is_zero() {
                std::thread::sleep(gather);
            }
        }
    }
}

/// What an acknowledgement says.
fn verdict(body: &[u8]) -> io::Result<()> {
    match nlmsg::errno(body) {
        Some(0) => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno.unwrap_or(libc::EIO))),
    }
}
