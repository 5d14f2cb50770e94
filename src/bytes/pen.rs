//! Short pieces for a line, eight bytes at a time, behind each other in a space that was asked for once.

use super::escape::LOW;

/// What a pen may write behind the last byte that counts.
pub(super) const MARGIN: usize = 8;

/// Where the next piece goes. What does not fit is not written, and still counted: who asks for the space asks for
/// [`MARGIN`] bytes more than it writes.
pub(super) struct Pen<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Pen<'a> {
    /// Writes from the start of `out`.
    #[inline(always)]
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    /// The bytes that were written.
    #[inline(always)]
    pub(super) fn written(&self) -> usize {
        self.at
    }

    /// Writes the first `len` of these bytes, at most eight.
    #[inline(always)]
    pub(super) fn short<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        self.word(u64::from_le_bytes(filled_up(bytes)), len);
    }

    /// The same for eight bytes in a word, the first one lowest.
    #[inline(always)]
    fn word(&mut self, word: u64, len: usize) {
        if let Some(to) = self.out.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut::<8>) {
            *to = word.to_le_bytes();
        }
        self.at += len;
    }

    /// Writes text, each eight bytes of it changed: the last of them may be filled up.
    #[inline(always)]
    pub(super) fn changed(&mut self, mut text: &[u8], change: impl Fn(u64) -> u64) {
        while !text.is_empty() {
            let len = text.len().min(8);
            self.word(change(u64::from_le_bytes(filled_up(text))), len);
            text = text.get(len..).unwrap_or_default();
        }
    }

    /// Writes text as it is.
    #[inline(always)]
    pub(super) fn plain(&mut self, text: &[u8]) {
        self.changed(text, |word| word);
    }

    /// Writes text of which some bytes are not to stay as they are. `special` marks those by their high bits, where
    /// bits above the lowest may be wrong; `one` writes one such character at the start of a space, moves the text
    /// past it, and gives the bytes written.
    #[inline(always)]
    pub(super) fn escaped(
        &mut self,
        mut text: &[u8],
        special: impl Fn(u64) -> u64,
        one: impl Fn(&mut [u8], &mut &[u8]) -> usize,
    ) {
        while !text.is_empty() {
            // All eight are written, and only the plain ones before the first other byte are kept.
            let word = u64::from_le_bytes(filled_up(text));
            let special = special(word);
            if special == 0 {
                let len = text.len().min(8);
                self.word(word, len);
                text = text.get(len..).unwrap_or_default();
            } else {
                let plain = (special.trailing_zeros() / 8) as usize;
                self.word(word, plain);
                text = text.get(plain..).unwrap_or_default();
                self.at += one(self.out.get_mut(self.at..).unwrap_or_default(), &mut text);
            }
        }
    }
}

/// At most eight bytes, and blanks behind them; of longer text the first eight.
#[inline(always)]
pub(super) fn filled_up(text: &[u8]) -> [u8; 8] {
    const BLANKS: u64 = LOW * b' ' as u64;
    let len = text.len();
    // Two halves that overlap where there are fewer than eight bytes: no loop over them.
    let word = match (text.first_chunk::<8>(), text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some(all), ..) => return *all,
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4))
        }
        _ => match text {
            [first, .., last] => {
                let middle = text.get(len / 2).copied().unwrap_or(0);
                u64::from(*first) | u64::from(middle) << (8 * (len / 2)) | u64::from(*last) << (8 * (len - 1))
            }
            [one] => u64::from(*one),
            [] => 0,
        },
    };
    (word | BLANKS << (8 * len)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_any_length() {
        let text = b"abcdefghij";
        for len in 0..=text.len() {
            let mut wanted = [b' '; 8];
            wanted.iter_mut().zip(&text[..len]).for_each(|(to, from)| *to = *from);
            assert_eq!(filled_up(&text[..len]), wanted, "{len}");
        }
    }

    #[test]
    fn pieces_lie_behind_each_other() {
        let mut space = [0; 40];
        let mut pen = Pen::new(&mut space);
        pen.short(b",\"", 2);
        pen.plain(b"twelve bytes");
        pen.short(b"\":", 2);
        assert_eq!(pen.written(), 16);
        assert_eq!(&space[..16], b",\"twelve bytes\":");
    }
}
