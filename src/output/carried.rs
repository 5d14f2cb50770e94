//! Events that a queue was given by another one, or by the daemon that ran before: they go out before what the queue
//! was given itself, and its limit does not count for them, since nothing of them may be dropped.

use super::batch::Batch;
use crate::wire::record::Stamp;

/// Before each event: its length, and the stamp's two numbers.
pub(super) const HEADER: usize = 4 + 8 + 4;
/// In place of a stamp: not an event's lines but the bytes that a stream sends for it.
#[cfg(feature = "reload")]
pub(super) const MADE: Stamp = Stamp { millis: u64::MAX, serial: 0 };

/// What stands before an event.
pub(super) fn header(len: usize, stamp: Stamp) -> [u8; HEADER] {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    let mut header = [0; HEADER];
    let (to_len, to_stamp) = header.split_at_mut(4);
    let (to_millis, to_serial) = to_stamp.split_at_mut(8);
    to_len.copy_from_slice(&len.to_ne_bytes());
    to_millis.copy_from_slice(&stamp.millis.to_ne_bytes());
    to_serial.copy_from_slice(&stamp.serial.to_ne_bytes());
    header
}

/// The length of an event and its stamp.
pub(super) fn parse(header: [u8; HEADER]) -> (usize, Stamp) {
    let [a, b, c, d, rest @ ..] = header;
    let [e, f, g, h, i, j, k, l, m, n, o, p] = rest;
    let stamp = Stamp {
        millis: u64::from_ne_bytes([e, f, g, h, i, j, k, l]),
        serial: u32::from_ne_bytes([m, n, o, p]),
    };
    (u32::from_ne_bytes([a, b, c, d]) as usize, stamp)
}

/// The events, one behind the other as in a queue.
#[cfg(feature = "reload")]
#[derive(Default)]
pub(super) struct Carried {
    bytes: Vec<u8>,
    at: usize,
}

/// A build that can't hand over has none.
#[cfg(not(feature = "reload"))]
#[derive(Default)]
pub(super) struct Carried {}

#[cfg(not(feature = "reload"))]
impl Carried {
    pub(super) fn is_empty(&self) -> bool {
        true
    }

    pub(super) fn take(&mut self, _: &mut Batch) -> bool {
        false
    }

    pub(super) fn skip(&mut self) {}

    pub(super) fn clear(&mut self) {}
}

#[cfg(feature = "reload")]
impl Carried {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Moves the first event to the batch, or refuses it there; false when that has no room.
    pub(super) fn take(&mut self, batch: &mut Batch) -> bool {
        let Some((len, stamp)) = self.first() else { return false };
        let start = self.at + HEADER;
        let Some(event) = self.bytes.get(start..start + len) else {
            // Not by us: what was given is checked.
            self.clear();
            return false;
        };
        if let Some(room) = batch.room(len, stamp) {
            room.copy_from_slice(event);
        } else if !batch.refuses() {
            return false;
        }
        self.skip();
        true
    }

    /// Forgets the first event.
    pub(super) fn skip(&mut self) {
        let len = self.first().map_or(usize::MAX, |(len, _)| HEADER + len);
        self.at = self.at.saturating_add(len).min(self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Appends an event.
    pub(super) fn push(&mut self, stamp: Stamp, lines: &[u8]) {
        self.bytes.extend_from_slice(&header(lines.len(), stamp));
        self.bytes.extend_from_slice(lines);
    }

    /// Appends events, behind what is there or before it; gives how many they are. Those that are longer than
    /// `longest`, and with `no_made` those that a stream has made, are left out: how many is given too.
    pub(super) fn join(&mut self, events: &[u8], first: bool, longest: usize, no_made: bool) -> (u64, u64) {
        let mut more = Self::default();
        let (mut taken, mut left_out) = (0, 0);
        for (stamp, lines) in Events(events) {
            if lines.len() > longest || (no_made && stamp == MADE) {
                left_out += 1;
            } else {
                more.push(stamp, lines);
                taken += 1;
            }
        }
        if first {
            more.bytes.extend_from_slice(self.rest());
            *self = more;
        } else {
            self.bytes.append(&mut more.bytes);
        }
        (taken, left_out)
    }

    /// The events as bytes.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn first(&self) -> Option<(usize, Stamp)> {
        self.rest().first_chunk().map(|header| parse(*header))
    }
}

/// Events one behind the other.
#[cfg(feature = "reload")]
struct Events<'a>(&'a [u8]);

#[cfg(feature = "reload")]
impl<'a> Iterator for Events<'a> {
    type Item = (Stamp, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (header, rest) = self.0.split_first_chunk()?;
        let (len, stamp) = parse(*header);
        let (lines, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((stamp, lines))
    }
}
