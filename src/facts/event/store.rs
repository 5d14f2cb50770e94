//! The bytes of the events in flight: a small space for each place in the table, and a few large ones for
//! what outgrows it (a long command line). All of it is mapped at the start; pages are touched only when
//! used, and given back after a large event.
//!
//! A stored record is its type, its length and its fields:
//! ```text
//!  0      2       4        8
//!  | type | unused | length | fields ...
//! ```

use super::Record;
use crate::sys::memory::Region;
use crate::wire::record::RecordType;
use std::io;

/// Bytes of records that an event may hold before it needs a large space.
pub(super) const SMALL: usize = 8 * 1024;
/// Large spaces: events that outgrow their small space at the same time.
const LARGE: usize = 8;
/// What stays resident of a large space after use.
const LARGE_KEPT: usize = 16 * 1024;
/// Type, unused, length.
pub(super) const HEADER: usize = 8;

/// Where an event's records lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    large: Option<u8>,
    used: usize,
}

impl Place {
    /// Whether it has outgrown its small space.
    pub(super) fn is_large(self) -> bool {
        self.large.is_some()
    }
}

/// The spaces.
pub(super) struct Store {
    small: Region,
    large: Vec<Region>,
    free_large: heapless::Vec<u8, LARGE>,
    /// The most bytes that one event may hold.
    max: usize,
    /// Bytes in use in large spaces, and their limit.
    large_used: usize,
    large_limit: usize,
}

impl Store {
    /// Spaces for `slots` events of at most `max` bytes each, twice that in all the large ones together.
    pub(super) fn new(slots: usize, max: usize) -> io::Result<Self> {
        let small = Region::new(slots * SMALL)?;
        let large = (0..LARGE).map(|_| Region::new(max)).collect::<io::Result<Vec<_>>>()?;
        let free_large = (0..LARGE).filter_map(|index| u8::try_from(index).ok()).collect();
        Ok(Self { small, large, free_large, max, large_used: 0, large_limit: 2 * max })
    }

    /// Appends a record to the event in `slot`; false when there is no space for it.
    pub(super) fn push(&mut self, slot: usize, place: &mut Place, kind: RecordType, fields: &[u8]) -> bool {
        let size = HEADER + fields.len();
        let used = place.used + size;
        if place.large.is_none() && used > SMALL && !self.grow(slot, place, size) {
            return false;
        }
        if let Some(index) = place.large {
            if used > self.max || self.large_used + size > self.large_limit {
                return false;
            }
            let Some(space) = self.large.get_mut(usize::from(index)) else { return false };
            put(space, place.used, kind, fields);
            self.large_used += size;
        } else {
            let Some(space) = self.small.get_mut(slot * SMALL..(slot + 1) * SMALL) else { return false };
            put(space, place.used, kind, fields);
        }
        place.used = used;
        true
    }

    /// The event's records.
    pub(super) fn records(&self, slot: usize, place: Place) -> Records<'_> {
        let space = match place.large {
            Some(index) => self.large.get(usize::from(index)).map(|region| &region[..]),
            None => self.small.get(slot * SMALL..(slot + 1) * SMALL),
        };
        Records { rest: space.and_then(|bytes| bytes.get(..place.used)).unwrap_or_default() }
    }

    /// Takes the event's space back.
    pub(super) fn release(&mut self, place: Place) {
        let Some(index) = place.large else { return };
        if let Some(region) = self.large.get_mut(usize::from(index)) {
            region.discard(LARGE_KEPT);
        }
        self.large_used = self.large_used.saturating_sub(place.used);
        let _ = self.free_large.push(index);
    }

    /// Moves an event from its small to a large space, if there is one with room for `more` bytes.
    fn grow(&mut self, slot: usize, place: &mut Place, more: usize) -> bool {
        if self.large_used + place.used + more > self.large_limit {
            return false;
        }
        let Some(index) = self.free_large.pop() else { return false };
        let from = self.small.get(slot * SMALL..slot * SMALL + place.used);
        let to = self.large.get_mut(usize::from(index)).and_then(|region| region.get_mut(..place.used));
        let (Some(from), Some(to)) = (from, to) else { return false };
        to.copy_from_slice(from);
        self.large_used += place.used;
        place.large = Some(index);
        true
    }
}

/// Writes one record at an offset that was checked to have room for it.
pub(super) fn put(space: &mut [u8], at: usize, kind: RecordType, fields: &[u8]) {
    let Some((header, rest)) = space.get_mut(at..).and_then(<[u8]>::split_first_chunk_mut::<HEADER>) else {
        return;
    };
    let Some(body) = rest.get_mut(..fields.len()) else { return };
    let [a, b] = kind.0.to_ne_bytes();
    // A record crosses the ring with a 32-bit length.
    let [c, d, e, f] = u32::try_from(fields.len()).unwrap_or(u32::MAX).to_ne_bytes();
    *header = [a, b, 0, 0, c, d, e, f];
    body.copy_from_slice(fields);
}

/// An event's records, in the order of arrival.
#[derive(Clone, Copy, Default)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records that [`put`] wrote one behind the other.
    pub(super) fn of(stored: &'a [u8]) -> Self {
        Self { rest: stored }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (&[a, b, _, _, c, d, e, f], rest) = self.rest.split_first_chunk::<HEADER>()?;
        let len = usize::try_from(u32::from_ne_bytes([c, d, e, f])).ok()?;
        let (fields, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(Record { kind: RecordType(u16::from_ne_bytes([a, b])), fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(records: Records<'_>) -> Vec<(u16, usize)> {
        records.map(|r| (r.kind.0, r.fields.len())).collect()
    }

    #[test]
    fn an_event_outgrows_its_small_space_and_keeps_its_records() {
        let mut store = Store::new(2, 64 * 1024).unwrap();
        let mut place = Place::default();
        for _ in 0..10 {
            assert!(store.push(1, &mut place, RecordType::EXECVE, &[b'x'; 5000]));
        }
        assert_eq!(kinds(store.records(1, place)), vec![(1309, 5000); 10]);
        assert!(store.records(1, place).all(|r| r.fields.iter().all(|&b| b == b'x')));
        store.release(place);
        assert_eq!(store.large_used, 0);
        assert_eq!(store.free_large.len(), LARGE);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_fits_still_goes_in() {
        let mut store = Store::new(1, 16 * 1024).unwrap();
        let mut place = Place::default();
        assert!(store.push(0, &mut place, RecordType::EXECVE, &[b'x'; 9000]));
        assert!(!store.push(0, &mut place, RecordType::EXECVE, &[b'x'; 9000]));
        assert!(store.push(0, &mut place, RecordType::CWD, b"cwd=\"/\""));
        assert_eq!(kinds(store.records(0, place)), vec![(1309, 9000), (1307, 7)]);
    }

    #[test]
    fn large_spaces_have_a_limit_together() {
        let mut store = Store::new(3, 16 * 1024).unwrap();
        let mut places = [Place::default(); 3];
        let taken = places.iter_mut().enumerate().filter_map(|(slot, place)| {
            store.push(slot, place, RecordType::EXECVE, &[b'x'; 15_000]).then_some(())
        });
        assert_eq!(taken.count(), 2);
    }
}
