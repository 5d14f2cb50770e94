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
        let (begin, end) = self.places.split_at(usize::from(kind) % Self::PLACES);
        for (place, counter) in end.iter().chain(begin) {
            let found = place.load(Relaxed);
            if found == kind {
                return counter.add(1);
            }
            if found == 0 {
                counter.add(1);
                return place.store(kind, Relaxed);
            }
        }
        self.others.add(1);
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
    }
}
