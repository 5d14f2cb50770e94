//! Messages as datagrams: up to 32 in one call. One that its socket can never take is refused and counted, and never
//! holds up the next.

use super::super::{Batch, Fault, Output};
use super::peer::Peer;
use super::{Encode, LONGEST_PAUSE, Messages};
use crate::log;
use crate::sys::send;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Bytes of messages that are made before a call.
const GATHERED: usize = 64 * 1024;

/// The output.
pub(super) struct Datagrams {
    encode: Box<dyn Encode>,
    peer: Peer,
    socket: Option<OwnedFd>,
    messages: Messages,
    /// For each message that is made, whether it is the last of its event.
    lasts: Vec<bool>,
    /// Events that were sent or refused, ever.
    events: u64,
    /// Messages of the first event in the batch that were sent.
    begun: usize,
    /// Whether a refusal was told since the last opening.
    told: bool,
}

impl Datagrams {
    /// For events of at most so many bytes.
    ///
    /// Errors: no memory.
    pub(super) fn new(encode: Box<dyn Encode>, peer: Peer, longest: usize) -> io::Result<Self> {
        let messages = Messages::new(GATHERED + encode.longest(longest.max(GATHERED)))?;
        let lasts = Vec::with_capacity(send::MESSAGES);
        Ok(Self { encode, peer, socket: None, messages, lasts, events: 0, begun: 0, told: false })
    }

    /// Makes messages of the first events; false when there are none, as the first event can't be sent.
    fn gather(&mut self, batch: &Batch) -> bool {
        self.messages.clear();
        self.lasts.clear();
        for (number, entry) in (self.events..).zip(batch.entries()) {
            let (before, start) = (self.messages.ends.len(), self.messages.bytes.len());
            let mut made = self.encode.encode(number, entry, &mut self.messages);
            while self.messages.grow(before, start) {
                made = self.encode.encode(number, entry, &mut self.messages);
            }
            if !made || self.messages.bytes.overflowed() {
                self.messages.ends.truncate(before);
                self.messages.bytes.truncate(start);
                break;
            }
            let made = self.messages.ends.len() - before;
            self.lasts.extend((1..=made).map(|message| message == made));
            if self.messages.bytes.len() >= GATHERED || self.lasts.len() >= send::MESSAGES {
                break;
            }
        }
        !self.lasts.is_empty()
    }

    /// Sends what was gathered; gives how many events are done, and the error that ended it.
    fn send(&mut self, socket: BorrowedFd<'_>) -> (usize, Option<io::Error>) {
        let mut done = 0;
        let mut next = self.begun;
        while next < self.lasts.len() {
            let mut few: heapless::Vec<&[u8], { send::MESSAGES }> = heapless::Vec::new();
            few.extend(self.messages.from(next).take(send::MESSAGES));
            let sent = match send::datagrams(socket, &few) {
                Ok(sent) => sent,
                Err(error) => return (done, Some(error)),
            };
            for last in self.lasts.iter().skip(next).take(sent) {
                self.begun += 1;
                if *last {
                    (done, self.begun) = (done + 1, 0);
                }
            }
            next += sent;
        }
        (done, None)
    }

    /// The first event in the batch can't be sent.
    #[cold]
    fn refuse(&mut self, batch: &mut Batch, why: &str) {
        if !std::mem::replace(&mut self.told, true) {
            let len = batch.entries().next().map_or(0, |entry| entry.lines.len());
            log::warning(format_args!(
                "{}: an event of {len} bytes {why}; such events are dropped and counted (see max_line)",
                self.peer.address
            ));
        }
        batch.refuse();
        self.events += 1;
        self.begun = 0;
    }
}

impl Output for Datagrams {
    #[cold]
    fn open(&mut self) -> Result<(), Fault> {
        self.socket = None;
        self.told = false;
        self.socket = Some(self.peer.connect().map_err(Fault::Failed)?);
        Ok(())
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let Some(socket) = self.socket.take() else { return Ok(()) };
        while !batch.is_empty() {
            if !self.gather(batch) {
                self.refuse(batch, "has more than GELF's 128 chunks");
                continue;
            }
            let (done, error) = self.send(socket.as_fd());
            self.events += done as u64;
            batch.done(done);
            match error {
                None => {}
                Some(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Some(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                    self.refuse(batch, "is too long for a datagram");
                }
                Some(error) => {
                    return Err(Fault::Failed(format!("failed to send to {}: {error}", self.peer.address)));
                }
            }
        }
        self.socket = Some(socket);
        Ok(())
    }

    fn blocked_on(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    fn longest_pause(&self) -> Duration {
        LONGEST_PAUSE
    }
}
