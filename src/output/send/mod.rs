//! The outputs that send to somebody: messages are made of events (`syslog`, `gelf`, or the lines themselves), and
//! go out as datagrams or on a stream.

mod datagrams;
mod gelf;
mod peer;
mod streams;
mod syslog;
mod window;

use super::{Entry, Output};
use crate::config::Target;
use crate::format::Line;
use crate::sys::host;
use datagrams::Datagrams;
use peer::Peer;
use std::io;
use std::time::Duration;
use streams::{Line as Plain, Streams};

/// The longest pause between two tries to reach a peer.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Messages of one event: GELF's chunks, or the records of a long raw event.
const MESSAGES: usize = 128;

/// Makes messages of an event.
trait Encode: Send {
    /// Appends the messages of the event of this number. False when there is none that its receiver takes.
    fn encode(&mut self, number: u64, entry: Entry<'_>, into: &mut Messages) -> bool;

    /// The longest that the messages of an event of so many bytes can be.
    fn longest(&self, event: usize) -> usize;
}

/// Messages one behind the other.
struct Messages {
    bytes: Line,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Messages {
    /// Room for so many bytes.
    fn new(capacity: usize) -> io::Result<Self> {
        Ok(Self { bytes: Line::new(capacity)?, ends: Vec::with_capacity(MESSAGES) })
    }

    /// Whether there is more room after a message did not fit; then what was there before it is left.
    fn grow(&mut self, messages: usize, bytes: usize) -> bool {
        let grows = self.bytes.overflowed() && self.bytes.grow(bytes);
        if grows {
            self.ends.truncate(messages);
        }
        grows
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.push(bytes);
    }

    /// Ends a message.
    fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// The messages from this one on.
    fn from(&self, first: usize) -> impl Iterator<Item = &[u8]> {
        let mut start =
            first.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default();
        self.ends.iter().skip(first).map(move |&end| {
            let message = self.bytes.as_bytes().get(start..end).unwrap_or_default();
            start = end;
            message
        })
    }
}

/// The output of a target that sends. `longest` is the longest that an event's lines can be.
///
/// Errors: no memory; InvalidInput for a target that does not send.
pub(super) fn output(target: &Target, longest: usize) -> io::Result<Box<dyn Output>> {
    let (encode, peer): (Box<dyn Encode>, &_) = match target {
        Target::Syslog(target) => (Box::new(syslog::Syslog::new(target)), &target.peer),
        Target::Gelf(target) => (Box::new(gelf::Gelf::new(target, longest)?), &target.peer),
        Target::Unix(peer) => (Box::new(Lines { is_datagram: peer.carrier.is_datagram() }), peer),
        Target::Pipe(words) => {
            let lines = Box::new(Lines { is_datagram: false });
            return Streams::new(lines, Plain::Program(words.clone()), longest).map(boxed);
        }
        Target::Stdout | Target::File(_) => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let to = Peer { carrier: peer.carrier, address: peer.address.value.clone() };
    if peer.carrier.is_datagram() {
        Datagrams::new(encode, to, longest).map(boxed)
    } else {
        Streams::new(encode, Plain::Peer(to), longest).map(boxed)
    }
}

fn boxed(output: impl Output + 'static) -> Box<dyn Output> {
    Box::new(output)
}

/// The lines as they are; a datagram without the last newline.
struct Lines {
    is_datagram: bool,
}

impl Encode for Lines {
    fn encode(&mut self, _: u64, entry: Entry<'_>, into: &mut Messages) -> bool {
        let lines = entry.lines.strip_suffix(b"\n").filter(|_| self.is_datagram);
        into.push(lines.unwrap_or(entry.lines));
        into.end();
        true
    }

    fn longest(&self, event: usize) -> usize {
        event
    }
}

/// The host's name in messages: the one that is configured, or this host's.
fn host_name(configured: Option<&str>) -> String {
    let name = configured.map_or_else(host::node, str::to_owned);
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_name { name } else { "localhost".to_owned() }
}
