//! The bytes that an output has taken and not yet written: whole lines, but for the first one, of which a
//! part may be written already.

use crate::stats::Stats;
use crate::sys::memory::Region;
use std::io;

/// The buffer.
pub(super) struct Pending {
    space: Region,
    start: usize,
    end: usize,
    /// Whether the bytes written last end inside a line.
    torn: bool,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Buffered or written.
    Whole,
    /// No room: nothing of it was taken.
    Refused,
}

impl Pending {
    /// Room for so many bytes; touched only as far as used.
    pub(super) fn new(capacity: usize) -> io::Result<Self> {
        Ok(Self { space: Region::new(capacity)?, start: 0, end: 0, torn: false })
    }

    /// Appends a line if there is room.
    pub(super) fn push(&mut self, line: &[u8]) -> Taken {
        if self.space.len() - self.end < line.len() && self.start > 0 {
            self.space.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        match self.space.get_mut(self.end..self.end + line.len()) {
            Some(to) => {
                to.copy_from_slice(line);
                self.end += line.len();
                Taken::Whole
            }
            None => Taken::Refused,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether a line was begun and its rest is neither written nor buffered.
    pub(super) fn is_torn(&self) -> bool {
        self.torn && self.is_empty()
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
            self.torn = note_written(bytes.get(..len).unwrap_or_default(), stats);
            self.start += len;
        }
        self.start = 0;
        self.end = 0;
        Ok(())
    }

    /// Writes a line past the buffer, which must be empty: for one that is longer than the buffer. What
    /// is not taken at once is buffered, if it fits.
    pub(super) fn write_through(
        &mut self,
        mut line: &[u8],
        stats: &Stats,
        mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> (Taken, io::Result<()>) {
        let mut result = Ok(());
        while !line.is_empty() && result.is_ok() {
            match write(line) {
                Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    self.torn = note_written(line.get(..len).unwrap_or_default(), stats);
                    line = line.get(len..).unwrap_or_default();
                }
                Err(error) => result = Err(error),
            }
        }
        (self.push(line), result)
    }

    /// Forgets what is buffered and gives the number of lines that are lost by it.
    pub(super) fn abandon(&mut self) -> u64 {
        let lost = count_lines(self.space.get(self.start..self.end).unwrap_or_default());
        self.start = 0;
        self.end = 0;
        lost
    }

    /// The next bytes go to another file, or after a newline that was added. The buffered rest of a line
    /// that was begun elsewhere is of no use there: gives 1 when one is forgotten, else 0.
    pub(super) fn mend(&mut self) -> u64 {
        if !std::mem::take(&mut self.torn) {
            return 0;
        }
        let rest = self.space.get(self.start..self.end).unwrap_or_default();
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                self.start += end + 1;
                1
            }
            None => 0,
        }
    }
}

/// Counts the lines that end in `bytes`; gives whether the last one does not.
fn note_written(bytes: &[u8], stats: &Stats) -> bool {
    stats.output_written.add(count_lines(bytes));
    bytes.last().is_some_and(|&last| last != b'\n')
}

fn count_lines(bytes: &[u8]) -> u64 {
    // Small sums, so that many bytes are compared at once.
    let newlines = |part: &[u8]| part.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>();
    bytes.chunks(255).map(|part| u64::from(newlines(part))).sum()
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
