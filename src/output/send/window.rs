//! What was put on a stream and may still be lost with it: bytes not sent yet, and bytes sent that the peer has not
//! taken. When the stream breaks, they are sent again on the next one, from the beginning of the first event of which
//! anything is missing.

use crate::format::FLOOR;
use crate::sys::memory::Region;
use std::collections::VecDeque;
use std::io;

/// Bytes that are kept at most, but for one event that is longer.
const LIMIT: usize = 256 * 1024;
/// Events that are kept at most.
const EVENTS: usize = 4096;

/// The bytes. Positions are counted from the first byte ever.
pub(super) struct Window {
    space: Region,
    /// The position of the first byte in the space.
    base: u64,
    /// Of the first byte that the peer may not have: an event's first.
    first: u64,
    /// Of the first byte that was not sent.
    sent: u64,
    /// Behind the last byte.
    end: u64,
    /// Where each event ends.
    ends: VecDeque<u64>,
}

impl Window {
    /// Room for events of at most so many bytes.
    ///
    /// Errors: no memory.
    pub(super) fn new(longest: usize) -> io::Result<Self> {
        let space = Region::new(longest.max(2 * LIMIT), FLOOR)?;
        Ok(Self { space, base: 0, first: 0, sent: 0, end: 0, ends: VecDeque::with_capacity(EVENTS) })
    }

    /// Takes an event's bytes; false when there is no room for them now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let is_full = self.held() + bytes.len() > LIMIT || self.ends.len() == EVENTS;
        if is_full && !self.ends.is_empty() {
            return false;
        }
        if !self.space.reserve(self.offset(self.end) + bytes.len()) {
            let kept = self.offset(self.first)..self.offset(self.end);
            self.space.copy_within(kept, 0);
            self.base = self.first;
        }
        let at = self.offset(self.end);
        if !self.space.reserve(at + bytes.len()) {
            return false;
        }
        let Some(room) = self.space.get_mut(at..at + bytes.len()) else { return false };
        room.copy_from_slice(bytes);
        self.end += bytes.len() as u64;
        self.ends.push_back(self.end);
        true
    }

    /// The bytes that were not sent.
    pub(super) fn unsent(&self) -> &[u8] {
        self.space.get(self.offset(self.sent)..self.offset(self.end)).unwrap_or_default()
    }

    /// So many of them were sent.
    pub(super) fn advance(&mut self, len: usize) {
        self.sent = (self.sent + len as u64).min(self.end);
    }

    /// Of what was sent, the peer has taken all but so many bytes; gives the events that it now has.
    pub(super) fn taken_but(&mut self, left: usize) -> u64 {
        let taken = self.sent.saturating_sub(left as u64);
        let mut events = 0;
        while let Some(&end) = self.ends.front().filter(|end| **end <= taken) {
            self.first = end;
            self.ends.pop_front();
            events += 1;
        }
        if self.ends.is_empty() {
            if self.offset(self.end) > LIMIT {
                self.space.discard(LIMIT);
            }
            self.base = self.end;
        }
        events
    }

    /// The stream is broken: what the peer may not have is sent again.
    pub(super) fn rewind(&mut self) {
        self.sent = self.first;
    }

    /// Whether the peer has all.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of each event that the peer may not have.
    #[cfg(feature = "reload")]
    pub(super) fn each(&self, give: &mut dyn FnMut(&[u8])) {
        let mut start = self.first;
        for &end in &self.ends {
            give(self.space.get(self.offset(start)..self.offset(end)).unwrap_or_default());
            start = end;
        }
    }

    fn held(&self) -> usize {
        usize::try_from(self.end - self.first).unwrap_or(usize::MAX)
    }

    fn offset(&self, position: u64) -> usize {
        usize::try_from(position - self.base).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_is_sent_again_from_an_event_s_beginning() {
        let mut window = Window::new(10).unwrap();
        assert!(window.push(b"one\n") && window.push(b"two\n") && window.push(b"three\n"));
        window.advance(10);
        assert_eq!(window.unsent(), b"ree\n".split_at(0).1.get(0..4).unwrap());
        assert_eq!(window.taken_but(5), 1, "the first, and one byte of the second");
        window.rewind();
        assert_eq!(window.unsent(), b"two\nthree\n");
        window.advance(10);
        assert_eq!(window.taken_but(0), 2);
        assert!(window.is_empty());
    }

    #[test]
    fn it_is_bounded_but_takes_one_long_event() {
        let mut window = Window::new(3 * LIMIT).unwrap();
        let long = vec![b'x'; 3 * LIMIT];
        assert!(window.push(&long));
        assert!(!window.push(b"y"));
        window.advance(3 * LIMIT);
        assert_eq!(window.taken_but(0), 1);
        let mut pushed = 0;
        while window.push(&[b'a'; 1000]) {
            pushed += 1;
        }
        assert_eq!(pushed, LIMIT / 1000);
        // Round and round through its space.
        for round in 0..5000u32 {
            let len = window.unsent().len();
            window.advance(len);
            assert!(window.taken_but(500_000 / 1000 * 100) > 0 || round > 0);
            let text = format!("{round:1000}");
            while window.push(text.as_bytes()) {}
            let unsent = window.unsent();
            assert!(unsent.is_empty() || unsent.ends_with(text.as_bytes()));
        }
    }

    #[test]
    fn many_short_events_are_bounded_too() {
        let mut window = Window::new(10).unwrap();
        assert_eq!((0..10_000).filter(|_| window.push(b"x")).count(), EVENTS);
    }
}
