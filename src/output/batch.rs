//! The events that an output's thread has in its hands: taken out of the queue, side by side, the first of them
//! perhaps written in part. What an output has written it takes out; what is left is tried again.

use crate::sys::memory::Region;
use crate::wire::record::Stamp;
use std::io;

/// Bytes of lines that are taken at once; a longer event is taken alone.
pub const BATCH: usize = 64 * 1024;
/// Events that are taken at once: what one sendmmsg(2) can send.
pub const BATCH_EVENTS: usize = 1024;

/// One event as a line, or in the format raw several, each with its newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The event's own time and serial; the serial is 0 for the daemon's own events.
    pub stamp: Stamp,
    /// The line or lines.
    pub lines: &'a [u8],
}

/// Where an event ends in the space, and its stamp.
#[derive(Clone, Copy)]
struct Mark {
    end: usize,
    stamp: Stamp,
}

/// The events.
pub struct Batch {
    space: Region,
    marks: Vec<Mark>,
    /// Events taken out so far.
    first: usize,
    /// Bytes that were written, from the space's start.
    start: usize,
    /// What was taken out and is not counted yet.
    written: u64,
    refused: u64,
}

impl Batch {
    /// Room for an event of so many bytes; touched only as far as used.
    ///
    /// Errors: no memory.
    pub(super) fn new(longest: usize) -> io::Result<Self> {
        let mut marks = Vec::new();
        marks.try_reserve_exact(BATCH_EVENTS).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let space = Region::new(longest.max(BATCH), BATCH)?;
        Ok(Self { space, marks, first: 0, start: 0, written: 0, refused: 0 })
    }

    /// Space for one more event of so many bytes, if it may be taken now.
    pub(super) fn room(&mut self, len: usize, stamp: Stamp) -> Option<&mut [u8]> {
        let from = self.end();
        let is_enough = !self.marks.is_empty() && from + len > BATCH;
        if is_enough || self.marks.len() == self.marks.capacity() {
            return None;
        }
        if !self.space.reserve(from + len) {
            return None;
        }
        let room = self.space.get_mut(from..from + len)?;
        self.marks.push(Mark { end: from + len, stamp });
        Some(room)
    }

    /// There was no [`room`](Self::room) for an event: if nothing else is here there is no memory for it, and it is
    /// counted as refused, since nothing would end the waiting.
    pub(super) fn refuses(&mut self) -> bool {
        let is_alone = self.is_empty();
        self.refused += u64::from(is_alone);
        is_alone
    }

    fn end(&self) -> usize {
        self.marks.last().map_or(0, |mark| mark.end)
    }

    /// Gives all memory back, if nothing is left to write.
    pub(super) fn give_back(&mut self) {
        if self.is_empty() {
            self.space.discard(0);
        }
    }

    /// Whether nothing is left to write.
    pub fn is_empty(&self) -> bool {
        self.first == self.marks.len()
    }

    /// How many events are left.
    pub fn len(&self) -> usize {
        self.marks.len() - self.first
    }

    /// The events that are left, whole, also the one of which [`advance`](Self::advance) took a part.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut from = self.first_start();
        self.marks.iter().skip(self.first).map(move |mark| {
            let lines = self.space.get(from..mark.end).unwrap_or_default();
            from = mark.end;
            Entry { stamp: mark.stamp, lines }
        })
    }

    /// All bytes that are left, for a stream.
    pub fn rest(&self) -> &[u8] {
        self.space.get(self.start..self.end()).unwrap_or_default()
    }

    /// How many of the bytes that are left end with an event and are at most so many.
    pub fn fitting(&self, most: usize) -> usize {
        let left = self.marks.get(self.first..).unwrap_or_default();
        let fit = left.partition_point(|mark| mark.end - self.start <= most);
        fit.checked_sub(1).and_then(|last| left.get(last)).map_or(0, |mark| mark.end - self.start)
    }

    /// The bytes that are left of the first event.
    pub fn first_len(&self) -> usize {
        self.marks.get(self.first).map_or(0, |mark| mark.end - self.start)
    }

    /// Takes bytes out that a stream took. An event is written when its last byte is.
    pub fn advance(&mut self, len: usize) {
        self.start = (self.start + len).min(self.end());
        while self.marks.get(self.first).is_some_and(|mark| mark.end <= self.start) {
            self.first += 1;
            self.written += 1;
        }
        self.clear_if_done();
    }

    /// Takes the first events out: they are written.
    pub fn done(&mut self, events: usize) {
        let events = events.min(self.len());
        self.first += events;
        self.written += events as u64;
        self.start = self.first_start();
        self.clear_if_done();
    }

    /// Takes the first events out, to be [counted](Self::count) when their receiver has them.
    pub fn hold(&mut self, events: usize) {
        self.first += events.min(self.len());
        self.start = self.first_start();
        self.clear_if_done();
    }

    /// Counts events that were [held](Self::hold): they are written.
    pub fn count(&mut self, events: u64) {
        self.written += events;
    }

    /// Takes the first event out: its receiver can never take it.
    pub fn refuse(&mut self) {
        if !self.is_empty() {
            self.first += 1;
            self.refused += 1;
            self.start = self.first_start();
            self.clear_if_done();
        }
    }

    /// The bytes of the first event that were written already.
    pub fn begun(&self) -> usize {
        self.start - self.first_start()
    }

    /// The first event begins anew: what was written of it is elsewhere, or ended as a torn line.
    pub fn restart(&mut self) {
        self.start = self.first_start();
    }

    /// What was written and refused since this was asked last.
    pub(super) fn settle(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.written), std::mem::take(&mut self.refused))
    }

    /// Moves the events that are left behind others; of one that was begun what is left of it.
    #[cfg(feature = "reload")]
    pub(super) fn move_to(&mut self, events: &mut Vec<u8>) {
        let mut from = self.start;
        for mark in self.marks.iter().skip(self.first) {
            let lines = self.space.get(from..mark.end).unwrap_or_default();
            events.extend_from_slice(&super::carried::header(lines.len(), mark.stamp));
            events.extend_from_slice(lines);
            from = mark.end;
        }
        self.first = self.marks.len();
        self.clear_if_done();
    }

    /// Where the first event that is left begins.
    fn first_start(&self) -> usize {
        self.first.checked_sub(1).and_then(|last| self.marks.get(last)).map_or(0, |mark| mark.end)
    }

    fn clear_if_done(&mut self) {
        if self.is_empty() {
            if self.end() > BATCH {
                self.space.discard(BATCH);
            }
            self.marks.clear();
            self.first = 0;
            self.start = 0;
        }
    }
}
