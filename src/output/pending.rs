//! The bytes that an output has taken and not yet written: whole events, each one line or, in the format raw,
//! several; but for the first one, of which a part may be written already.

use crate::stats::Stats;
use crate::sys::memory::Region;
use std::collections::VecDeque;
use std::io;

/// No event is shorter, so this decides how many a buffer may hold.
const SHORTEST: usize = 32;

/// The buffer.
pub(super) struct Pending {
    space: Region,
    start: usize,
    end: usize,
    /// The lengths of what is buffered, event by event; of the first one, what is left of it. Reserved
    /// once.
    lens: VecDeque<usize>,
    /// Whether the bytes written last end inside an event.
    torn: bool,
    /// Whether they end inside a line.
    torn_line: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Buffered or written.
    Whole,
    /// No room: nothing of it was taken, or what was begun can't be ended.
    Refused,
}

impl Pending {
    /// Room for so many bytes; touched only as far as used.
    pub(super) fn new(capacity: usize) -> io::Result<Self> {
        let mut lens = VecDeque::new();
        lens.try_reserve_exact(capacity / SHORTEST + 1).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let space = Region::new(capacity)?;
        Ok(Self { space, start: 0, end: 0, lens, torn: false, torn_line: false })
    }

    /// Appends an event if there is room.
    pub(super) fn push(&mut self, event: &[u8]) -> Taken {
        if self.space.len() - self.end < event.len() && self.start > 0 {
            self.space.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if event.is_empty() {
            return Taken::Whole;
        }
        match self.space.get_mut(self.end..self.end + event.len()) {
            Some(to) if self.lens.len() < self.lens.capacity() => {
                to.copy_from_slice(event);
                self.end += event.len();
                self.lens.push_back(event.len());
                Taken::Whole
            }
            _ => Taken::Refused,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether an event was begun and its rest is neither written nor buffered.
    pub(super) fn is_torn(&self) -> bool {
        self.torn && self.is_empty()
    }

    /// What ends the line that such an event left.
    pub(super) fn line_end(&self) -> &'static [u8] {
        if self.torn_line { b"\n" } else { b"" }
    }

    /// Writes all that is buffered, as far as `write` takes it; each call gives how many bytes it took.
    ///
    /// Errors: the first of `write`; what it did not take stays.
    pub(super) fn drain(
        &mut self,
        stats: &Stats,
        mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        while let Some(bytes) = self.space.get(self.start..self.end).filter(|bytes| !bytes.is_empty()) {
            let len = write(bytes)?;
            if len == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.torn_line = ends_inside_a_line(bytes.get(..len).unwrap_or_default());
            self.start += len;
            stats.output_written.add(self.forget(len));
        }
        self.start = 0;
        self.end = 0;
        Ok(())
    }

    /// Writes an event past the buffer, which must be empty: for one that is longer than the buffer. What
    /// is not taken at once is buffered, if it fits.
    pub(super) fn write_through(
        &mut self,
        mut event: &[u8],
        stats: &Stats,
        mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> (Taken, io::Result<()>) {
        let mut result = Ok(());
        while !event.is_empty() && result.is_ok() {
            match write(event) {
                Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    self.torn_line = ends_inside_a_line(event.get(..len).unwrap_or_default());
                    event = event.get(len..).unwrap_or_default();
                    self.torn = !event.is_empty();
                    stats.output_written.add(u64::from(event.is_empty()));
                }
                Err(error) => result = Err(error),
            }
        }
        (self.push(event), result)
    }

    /// Forgets what is buffered and gives the number of events that are lost by it.
    pub(super) fn abandon(&mut self) -> u64 {
        let lost = self.lens.len() as u64;
        self.lens.clear();
        self.start = 0;
        self.end = 0;
        lost
    }

    /// The next bytes go to another file, or after a newline that was added. The buffered rest of an event
    /// that was begun elsewhere is of no use there: gives 1 when one is forgotten, else 0.
    pub(super) fn mend(&mut self) -> u64 {
        self.torn_line = false;
        if !std::mem::take(&mut self.torn) {
            return 0;
        }
        match self.lens.pop_front() {
            Some(rest) => {
                self.start += rest;
                1
            }
            None => 0,
        }
    }

    /// Takes bytes that were written from the lengths; gives how many events end in them.
    fn forget(&mut self, mut len: usize) -> u64 {
        let mut ended = 0;
        while let Some(first) = self.lens.front_mut() {
            if *first > len {
                *first -= len;
                // None of an event's bytes written is an event that is not begun.
                self.torn = len > 0 || (self.torn && ended == 0);
                return ended;
            }
            len -= *first;
            self.lens.pop_front();
            ended += 1;
        }
        self.torn = false;
        ended
    }
}

fn ends_inside_a_line(bytes: &[u8]) -> bool {
    bytes.last().is_some_and(|&last| last != b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_when_they_are_written() {
        let (stats, mut pending) = (Stats::default(), Pending::new(64).unwrap());
        assert_eq!(pending.push(b"one\n"), Taken::Whole);
        assert_eq!(pending.push(b"two\n"), Taken::Whole);
        assert_eq!(stats.output_written.get(), 0);
        let mut out = Vec::new();
        let mut room = 6;
        let error = pending.drain(&stats, |bytes| {
            let len = bytes.len().min(room);
            out.extend_from_slice(&bytes[..len]);
            room -= len;
            if len == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(len) }
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!((&out[..], stats.output_written.get()), (&b"one\ntw"[..], 1));
        assert_eq!(pending.abandon(), 1);
        assert!(pending.is_torn());
    }

    #[test]
    fn the_rest_of_a_line_begun_elsewhere_is_forgotten() {
        let (stats, mut pending) = (Stats::default(), Pending::new(64).unwrap());
        pending.push(b"one\n");
        pending.push(b"two\n");
        let mut first = true;
        let _ = pending.drain(&stats, |_| {
            if std::mem::take(&mut first) { Ok(2) } else { Err(io::ErrorKind::StorageFull.into()) }
        });
        assert_eq!(pending.mend(), 1);
        let mut out = Vec::new();
        pending
            .drain(&stats, |bytes| {
                out.extend_from_slice(bytes);
                Ok(bytes.len())
            })
            .unwrap();
        assert_eq!(out, b"two\n");
        assert_eq!(pending.mend(), 0);
    }

    #[test]
    fn an_event_of_several_lines_counts_once_and_is_torn_between_them() {
        let (stats, mut pending) = (Stats::default(), Pending::new(64).unwrap());
        pending.push(b"a1\na2\n");
        pending.push(b"b1\nb2\n");
        let mut rooms = [3, 6].into_iter();
        let error = pending.drain(&stats, |bytes| match rooms.next() {
            Some(room) => Ok(bytes.len().min(room)),
            None => Err(io::ErrorKind::StorageFull.into()),
        });
        assert!(error.is_err());
        assert_eq!(stats.output_written.get(), 1, "the first is whole");
        assert_eq!((pending.torn, pending.torn_line, pending.line_end()), (true, false, &b""[..]));
        pending.push(b"c\n");
        assert_eq!(pending.mend(), 1, "the rest of the second");
        let mut out = Vec::new();
        pending
            .drain(&stats, |bytes| {
                out.extend_from_slice(bytes);
                Ok(bytes.len())
            })
            .unwrap();
        assert_eq!((&out[..], stats.output_written.get(), pending.torn), (&b"c\n"[..], 2, false));
        for _ in 0..2 {
            pending.push(b"d1\nd2\n");
        }
        assert_eq!(pending.abandon(), 2);
    }

    #[test]
    fn a_full_buffer_refuses_whole_lines() {
        let (stats, mut pending) = (Stats::default(), Pending::new(10).unwrap());
        assert_eq!(pending.push(b"12345\n"), Taken::Whole);
        assert_eq!(pending.push(b"67890\n"), Taken::Refused);
        pending.drain(&stats, |bytes| Ok(bytes.len())).unwrap();
        assert_eq!(pending.push(b"67890\n"), Taken::Whole);
    }

    #[test]
    fn a_line_longer_than_the_buffer_goes_through_or_is_torn() {
        let (stats, mut pending) = (Stats::default(), Pending::new(10).unwrap());
        let long = [&[b'x'; 50][..], b"\n"].concat();
        let (taken, result) = pending.write_through(&long, &stats, |bytes| Ok(bytes.len()));
        assert_eq!((taken, result.is_ok(), stats.output_written.get()), (Taken::Whole, true, 1));
        let mut first = true;
        let (taken, result) = pending.write_through(&long, &stats, |_| {
            if std::mem::take(&mut first) { Ok(20) } else { Err(io::ErrorKind::WouldBlock.into()) }
        });
        assert_eq!((taken, result.is_err(), pending.is_torn()), (Taken::Refused, true, true));
    }
}
