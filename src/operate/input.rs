//! The lines of one log: a file, or standard input. Read through a buffer of fixed size; what is longer than a
//! line may be is passed over and told. Gives lines without their newlines.

use crate::sys::memory::Region;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Bytes that are asked for at once.
const READ: usize = 256 * 1024;
/// What stays resident after a long line.
const KEPT: usize = 2 * READ;

/// The first bytes of compressed files: gzip (RFC 1952), xz, zstd (RFC 8878), bzip2; and who unpacks them.
const COMPRESSED: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "zcat"), (b"\xfd7zXZ\0", "xzcat"), (b"\x28\xb5\x2f\xfd", "zstdcat"), (b"BZh", "bzcat")];

/// An open log.
pub(super) struct Input {
    file: File,
    /// A file that is always there to be read; others are waited for.
    pub(super) is_regular: bool,
}

impl Input {
    /// Opens a file; `-` is standard input.
    ///
    /// Errors: what is wrong with it, and what to do.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let opened = match path.as_os_str().as_encoded_bytes() {
            b"-" => io::stdin().as_fd().try_clone_to_owned().map(File::from),
            _ => File::open(path),
        };
        let file = opened.map_err(|error| explain(&error))?;
        let metadata = file.metadata().map_err(|error| explain(&error))?;
        if metadata.is_dir() {
            return Err("is a directory; name the log files in it".to_owned());
        }
        Ok(Self { file, is_regular: metadata.is_file() })
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Why a log can't be read, in words.
pub(super) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; run as root, or make it readable".to_owned(),
        _ => format!("failed to read: {error}"),
    }
}

/// What the buffer holds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A line.
    Line(&'a [u8]),
    /// A line that was too long: it was passed over.
    TooLong,
}

/// The bytes that were read and not yet given out.
pub(super) struct Lines {
    space: Region,
    start: usize,
    end: usize,
    /// Up to here there is no newline.
    searched: usize,
    /// Whether the rest of a line is being passed over.
    skipping: bool,
    longest: usize,
}

impl Lines {
    /// For lines of at most `longest` bytes.
    ///
    /// Errors: no memory.
    pub(super) fn new(longest: usize) -> io::Result<Self> {
        let space = Region::new(longest + READ, usize::MAX)?;
        Ok(Self { space, start: 0, end: 0, searched: 0, skipping: false, longest })
    }

    /// Reads more; gives how much, 0 at the end. Call when [`next`](Self::next) has nothing.
    ///
    /// Errors: those of read(2).
    pub(super) fn fill(&mut self, input: &mut Input) -> io::Result<usize> {
        if self.skipping || self.end - self.start > self.longest {
            // No newline in all of it.
            self.skipping = true;
            self.start = self.end;
        }
        self.space.copy_within(self.start..self.end, 0);
        let used = std::mem::take(&mut self.end);
        self.end = used - self.start;
        self.searched = self.end;
        self.start = 0;
        if used > KEPT && self.end < KEPT {
            self.space.discard(KEPT);
        }
        let room = self.space.get_mut(self.end..self.end + READ).unwrap_or_default();
        let len = loop {
            match input.file.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += len;
        Ok(len)
    }

    /// The next line that is there as a whole.
    pub(super) fn next(&mut self) -> Option<Piece<'_>> {
        let text = self.space.get(self.searched..self.end)?;
        let Some(newline) = find_newline(text) else {
            self.searched = self.end;
            return None;
        };
        let line = self.start..self.searched + newline;
        self.start = line.end + 1;
        self.searched = self.start;
        if std::mem::take(&mut self.skipping) || line.len() > self.longest {
            return Some(Piece::TooLong);
        }
        self.space.get(line).map(Piece::Line)
    }

    /// What stands behind the last newline, at the end of a log. Nothing is left afterwards.
    pub(super) fn rest(&mut self) -> Option<Piece<'_>> {
        let rest = self.start..self.end;
        self.start = self.end;
        self.searched = self.end;
        if std::mem::take(&mut self.skipping) || rest.len() > self.longest {
            return Some(Piece::TooLong);
        }
        self.space.get(rest).filter(|rest| !rest.is_empty()).map(Piece::Line)
    }

    /// The program that unpacks what the log's first bytes show to be compressed.
    pub(super) fn unpacker(&self) -> Option<&'static str> {
        let text = self.space.get(self.start..self.end)?;
        COMPRESSED.iter().find(|(magic, _)| text.starts_with(magic)).map(|(_, unpacker)| *unpacker)
    }

    /// Forgets what was read.
    pub(super) fn clear(&mut self) {
        self.start = self.end;
        self.searched = self.end;
        self.skipping = false;
    }
}

/// Where the first newline stands; 32 bytes at a time.
fn find_newline(text: &[u8]) -> Option<usize> {
    let (chunks, rest) = text.as_chunks::<32>();
    // Whether there is one in a chunk is a comparison of all its bytes at once.
    let has = |chunk: &[u8; 32]| chunk.iter().fold(false, |found, &byte| found | (byte == b'\n'));
    let (start, text) = match chunks.iter().position(has) {
        Some(index) => (index * 32, chunks.get(index).map_or(rest, |chunk| &chunk[..])),
        None => (chunks.len() * 32, rest),
    };
    text.iter().position(|&byte| byte == b'\n').map(|at| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    /// All pieces of a text that comes in so many bytes at a time; `None` is a line that was too long.
    fn pieces(text: &[u8], longest: usize) -> Vec<Option<Vec<u8>>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut input = Input { file, is_regular: true };
        let mut lines = Lines::new(longest).unwrap();
        let mut seen = Vec::new();
        let own = |piece: Piece<'_>| match piece {
            Piece::Line(line) => Some(line.to_vec()),
            Piece::TooLong => None,
        };
        while lines.fill(&mut input).unwrap() > 0 {
            while let Some(piece) = lines.next() {
                seen.push(own(piece));
            }
        }
        seen.extend(lines.rest().map(own));
        seen
    }

    #[test]
    fn lines_longer_than_they_may_be_are_passed_over() {
        let some = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(pieces(b"", 10), []);
        assert_eq!(pieces(b"a\n\nb", 10), [some("a"), some(""), some("b")]);
        assert_eq!(pieces(b"12345678901\nb\n", 10), [None, some("b")]);
        let long = [&[b'x'; 3 * READ][..], b"\ngood\n", &[b'y'; 2 * READ]].concat();
        assert_eq!(pieces(&long, READ), [None, some("good"), None]);
        assert_eq!(
            pieces(&long, 4 * READ).iter().map(|l| l.as_ref().unwrap().len()).collect::<Vec<_>>(),
            [3 * READ, 4, 2 * READ]
        );
    }

    proptest! {
        #[test]
        fn lines_are_those_of_split(text in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300)) {
            let expected = text.split(|&b| b == b'\n').map(|line| Some(line.to_vec()));
            let mut expected: Vec<_> = expected.collect();
            // Behind the last newline there is no line.
            expected.pop_if(|last| last.as_ref().is_some_and(Vec::is_empty));
            prop_assert_eq!(pieces(&text, 1000), expected);
        }
    }
}
