//! Records counted by their type.

use crate::stats::Counter;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// A counter for each record type that was seen: a table of fixed size, since a type may be any number.
#[derive(Debug)]
pub struct ByType {
    places: [(AtomicU16, Counter); Self::PLACES],
    /// Records of types for which there was no place.
    pub others: Counter,
}

impl ByType {
    /// Types that it can hold. A kernel has some 150, of which a host sees a few.
    pub const PLACES: usize = 128;

    /// Counts a record of this type, which is not 0. One thread does so.
    pub fn add(&self, kind: u16) {
        self.count(kind, 1);
    }

    #[inline]
    fn count(&self, kind: u16, count: u64) {
        let (begin, end) = self.places.split_at(usize::from(kind) % Self::PLACES);
        for (place, counter) in end.iter().chain(begin) {
            let found = place.load(Relaxed);
            if found == kind {
                return counter.add(count);
            }
            if found == 0 {
                counter.add(count);
                return place.store(kind, Relaxed);
            }
        }
        self.others.add(count);
    }

    /// All counts, for [`resume`](Self::resume): a type and its count, one after the other; 0 is the others.
    #[cfg(feature = "reload")]
    pub fn values(&self) -> Vec<u64> {
        let others = (0, self.others.get());
        self.each().into_iter().chain([others]).flat_map(|(kind, count)| [kind.into(), count]).collect()
    }

    /// Goes on where another run's counts were.
    #[cfg(feature = "reload")]
    pub fn resume(&self, values: &[u64]) {
        for pair in values.chunks_exact(2) {
            match *pair {
                [0, count] => self.others.add(count),
                [kind, count] => u16::try_from(kind).into_iter().for_each(|kind| self.count(kind, count)),
                _ => {}
            }
        }
    }

    /// The types that were seen, each with its count, in the order of their numbers.
    pub fn each(&self) -> Vec<(u16, u64)> {
        let seen = self.places.iter().map(|(kind, count)| (kind.load(Relaxed), count.get()));
        let mut seen: Vec<_> = seen.filter(|(kind, _)| *kind != 0).collect();
        seen.sort_unstable_by_key(|(kind, _)| *kind);
        seen
    }
}

impl Default for ByType {
    fn default() -> Self {
        let places = std::array::from_fn(|_| Default::default());
        Self { places, others: Counter::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_count() {
        let types = ByType::default();
        for kind in [1300, 1302, 1300, 1300 + 128, 5, 1302, 1300] {
            types.add(kind);
        }
        assert_eq!(types.each(), [(5, 1), (1300, 3), (1302, 2), (1428, 1)]);
        (1..=200).for_each(|kind| types.add(kind));
        assert_eq!((types.each().len(), types.others.get()), (128, 200 - 125));
        #[cfg(feature = "reload")]
        {
            let next = ByType::default();
            next.resume(&types.values());
            assert_eq!((next.each(), next.others.get()), (types.each(), types.others.get()));
        }
    }
}
