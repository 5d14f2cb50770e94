//! The bytes of the events in flight: a small space for each place in the table, and a few large ones for
//! what outgrows it (a long command line). All of it is mapped at the start; pages are touched only when
//! used, and given back after a large event.
//!
//! A stored record is its type, its length, its fields, and behind a 0x1D what auditd appended to it, whose length,
//! that byte included, stands in the header, too:
//! ```text
//!  0      2          4        8
//!  | type | appended | length | fields ... | 0x1D | appended ...
//! ```

use super::Record;
use crate::sys::memory::Region;
use crate::wire::fields::ENRICHED;
use crate::wire::record::RecordType;
use std::io;

/// Bytes of records that an event may hold before it needs a large space.
pub(super) const SMALL: usize = 8 * 1024;
/// Large spaces: events that outgrow their small space at the same time.
const LARGE: usize = 8;
/// Small spaces that can be used below any ceiling over the memory.
const SMALL_FLOOR: usize = 16 * SMALL;
/// What stays resident of a large space after use.
const LARGE_KEPT: usize = 16 * 1024;
/// Type and both lengths.
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
        let small = Region::new(slots * SMALL, SMALL_FLOOR)?;
        let large = (0..LARGE).map(|_| Region::new(max, 0)).collect::<io::Result<Vec<_>>>()?;
        let free_large = (0..LARGE).filter_map(|index| u8::try_from(index).ok()).collect();
        Ok(Self { small, large, free_large, max, large_used: 0, large_limit: 2 * max })
    }

    /// Appends a record to the event in `slot`; false when there is no space for it.
    pub(super) fn push(&mut self, slot: usize, place: &mut Place, record: Record<'_>) -> bool {
        let size = HEADER + record.fields.len() + behind(record);
        let used = place.used + size;
        if place.large.is_none() && used > SMALL && !self.grow(slot, place, size) {
            return false;
        }
        if let Some(index) = place.large {
            if used > self.max || self.large_used + size > self.large_limit {
                return false;
            }
            let Some(space) = self.large.get_mut(usize::from(index)) else { return false };
            if !space.reserve(used) {
                return false;
            }
            put(space, place.used, record);
            self.large_used += size;
        } else {
            if !self.small.reserve((slot + 1) * SMALL) {
                return false;
            }
            let Some(space) = self.small.get_mut(slot * SMALL..(slot + 1) * SMALL) else { return false };
            put(space, place.used, record);
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

    /// The most bytes that one event may hold.
    #[cfg(feature = "reload")]
    pub(super) fn max(&self) -> usize {
        self.max
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
        let Some(&index) = self.free_large.last() else { return false };
        let from = self.small.get(slot * SMALL..slot * SMALL + place.used);
        let large = self.large.get_mut(usize::from(index));
        let (Some(from), Some(large)) = (from, large) else { return false };
        if !large.reserve(place.used + more) {
            return false;
        }
        let Some(to) = large.get_mut(..place.used) else { return false };
        self.free_large.pop();
        to.copy_from_slice(from);
        self.large_used += place.used;
        place.large = Some(index);
        true
    }
}

/// Bytes behind a record's own fields.
fn behind(record: Record<'_>) -> usize {
    record.appended.map_or(0, |appended| 1 + appended.len())
}

/// Writes one record at an offset that was checked to have room for it.
pub(super) fn put(space: &mut [u8], at: usize, record: Record<'_>) {
    let Some((header, rest)) = space.get_mut(at..).and_then(<[u8]>::split_first_chunk_mut::<HEADER>) else {
        return;
    };
    let Some((body, rest)) = rest.split_at_mut_checked(record.fields.len()) else { return };
    let [a, b] = record.kind.0.to_ne_bytes();
    let [c, d] = u16::try_from(behind(record)).unwrap_or_default().to_ne_bytes();
    // A record crosses the ring with a 32-bit length.
    let [e, f, g, h] = u32::try_from(body.len()).unwrap_or(u32::MAX).to_ne_bytes();
    *header = [a, b, c, d, e, f, g, h];
    body.copy_from_slice(record.fields);
    if let Some(appended) = record.appended
        && let Some((first, rest)) = rest.split_first_mut()
        && let Some(rest) = rest.get_mut(..appended.len())
    {
        *first = ENRICHED;
        rest.copy_from_slice(appended);
    }
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

    /// And those bytes.
    #[cfg(feature = "reload")]
    pub(super) fn stored(self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (&[a, b, c, d, e, f, g, h], rest) = self.rest.split_first_chunk::<HEADER>()?;
        let len = usize::try_from(u32::from_ne_bytes([e, f, g, h])).ok()?;
        let (fields, rest) = rest.split_at_checked(len)?;
        let (behind, rest) = rest.split_at_checked(u16::from_ne_bytes([c, d]).into())?;
        self.rest = rest;
        let appended = behind.split_first().map(|(_, appended)| appended);
        Some(Record { kind: RecordType(u16::from_ne_bytes([a, b])), fields, appended })
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
            assert!(store.push(1, &mut place, Record::captured(RecordType::EXECVE, &[b'x'; 5000])));
        }
        assert_eq!(kinds(store.records(1, place)), vec![(1309, 5000); 10]);
        assert!(store.records(1, place).all(|r| r.fields.iter().all(|&b| b == b'x')));
        store.release(place);
        assert_eq!(store.large_used, 0);
        assert_eq!(store.free_large.len(), LARGE);
    }

    #[test]
    fn what_auditd_appended_is_kept_apart() {
        let mut store = Store::new(1, 16 * 1024).unwrap();
        let mut place = Place::default();
        // A user's message.
        let texts = [&b"uid=0 \x1dUID=\"root\""[..], b"uid=0\x1d", b"uid=0", b"\x1d"];
        let records = texts.map(|text| Record::logged(RecordType::USER, text));
        for record in records {
            assert!(store.push(0, &mut place, record));
        }
        assert_eq!(store.records(0, place).collect::<Vec<_>>(), records);
        assert_eq!((records[0].fields, records[0].appended), (&b"uid=0 "[..], Some(&b"UID=\"root\""[..])));
        assert_eq!((records[1].appended, records[2].appended), (Some(&b""[..]), None));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_fits_still_goes_in() {
        let mut store = Store::new(1, 16 * 1024).unwrap();
        let mut place = Place::default();
        assert!(store.push(0, &mut place, Record::captured(RecordType::EXECVE, &[b'x'; 9000])));
        assert!(!store.push(0, &mut place, Record::captured(RecordType::EXECVE, &[b'x'; 9000])));
        assert!(store.push(0, &mut place, Record::captured(RecordType::CWD, b"cwd=\"/\"")));
        assert_eq!(kinds(store.records(0, place)), vec![(1309, 9000), (1307, 7)]);
    }

    #[test]
    fn large_spaces_have_a_limit_together() {
        let mut store = Store::new(3, 16 * 1024).unwrap();
        let mut places = [Place::default(); 3];
        let taken = places.iter_mut().enumerate().filter_map(|(slot, place)| {
            store.push(slot, place, Record::captured(RecordType::EXECVE, &[b'x'; 15_000])).then_some(())
        });
        assert_eq!(taken.count(), 2);
    }
}
