//! The line that is being made: a space for the longest one there can be, mapped once, touched only as far
//! as lines reach, and given back after a long one.

use crate::sys::memory::Region;
use std::io;

/// What stays resident after a long line.
const KEPT: usize = 64 * 1024;

/// A line, and room for more of it.
pub struct Line {
    space: Region,
    len: usize,
    /// Whether something did not fit.
    overflowed: bool,
}

impl Line {
    /// Room for so many bytes.
    ///
    /// Errors: no memory.
    pub fn new(capacity: usize) -> io::Result<Self> {
        Ok(Self { space: Region::new(capacity)?, len: 0, overflowed: false })
    }

    /// Begins a new line.
    pub fn clear(&mut self) {
        if self.len > KEPT {
            self.space.discard(KEPT);
        }
        self.len = 0;
        self.overflowed = false;
    }

    /// Appends bytes; all of them or, when they do not fit, none.
    pub fn push(&mut self, bytes: &[u8]) {
        match self.space.get_mut(self.len..self.len + bytes.len()) {
            Some(to) => {
                to.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.overflowed = true,
        }
    }

    /// Appends a number in decimal.
    pub fn push_number(&mut self, mut number: u64) {
        let mut digits = [0u8; 20];
        let mut start = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            start -= 1;
            if number == 0 {
                break;
            }
        }
        self.push(digits.get(start..).unwrap_or_default());
    }

    /// At least `len` bytes to write into, for a writer that then says with
    /// [`advance`](Self::advance) how many it wrote. `None`, and the line is marked, when there are fewer.
    pub(super) fn spare(&mut self, len: usize) -> Option<&mut [u8]> {
        let spare = self.space.get_mut(self.len..).filter(|spare| spare.len() >= len);
        self.overflowed |= spare.is_none();
        spare
    }

    /// Counts bytes that were written into [`spare`](Self::spare).
    pub(super) fn advance(&mut self, len: usize) {
        self.len = (self.len + len).min(self.space.len());
    }

    /// Its length so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in it yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes back what was appended after the line was so long.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The line so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.space.get(..self.len).unwrap_or_default()
    }

    /// Whether something did not fit: then the line must not be written.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal() {
        let mut line = Line::new(100).unwrap();
        for number in [0, 7, 10, 4_294_967_295, u64::MAX] {
            line.clear();
            line.push_number(number);
            assert_eq!(line.as_bytes(), number.to_string().as_bytes());
        }
    }

    #[test]
    fn what_does_not_fit_marks_the_line() {
        let mut line = Line::new(4).unwrap();
        line.push(b"abc");
        assert!(!line.overflowed());
        line.push(b"de");
        assert!(line.overflowed());
        assert_eq!(line.as_bytes(), b"abc");
        line.clear();
        assert!(!line.overflowed());
    }
}
