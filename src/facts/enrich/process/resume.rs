//! What is known of processes, handed to another table: one of another size, or that of the program that is executed
//! in this one's place.

use super::{Entry, Origin, Slot, Table, Text};
use crate::wire::record::Stamp;
use ringaudit_setup::state::{Pen, Reading};

/// What an entry is, as bits of one number.
const ENDED: u64 = 1;
const TOLD: u64 = 2;
const DOUBTFUL: u64 = 4;
const INHERITED: u64 = 8;

/// Where knowledge comes from, by number.
const ORIGINS: [Origin; 4] = [Origin::Proc, Origin::Event, Origin::Fork, Origin::Exec];

impl Table {
    /// All entries.
    #[cold]
    #[inline(never)]
    pub(in crate::enrich) fn save(&self, pen: &mut Pen) {
        pen.number(self.entries.len() as u64);
        for entry in &self.entries {
            // The parent's place, from 1.
            let parent = entry.parent.filter(|&slot| self.get(slot).is_some());
            let origin = ORIGINS.iter().position(|origin| *origin == entry.origin).unwrap_or(0);
            let bit = |is: bool, bit| if is { bit } else { 0 };
            let bits = bit(entry.ended, ENDED)
                | bit(entry.told, TOLD)
                | bit(entry.doubtful, DOUBTFUL)
                | bit(entry.inherited, INHERITED);
            let (stamp, parent) = (entry.stamp, parent.map_or(0, |slot| u64::from(slot.index) + 1));
            let (pid, ppid, serial) = (entry.pid.into(), entry.ppid.into(), stamp.serial.into());
            let (checked, labels) = (entry.checked.into(), entry.labels);
            let numbers =
                [pid, ppid, origin as u64, stamp.millis, serial, entry.start, checked, bits, labels, parent];
            numbers.into_iter().for_each(|number| pen.number(number));
            pen.text(entry.container.as_ref().map_or(&[], |id| id));
            [entry.comm.get(), entry.exe.get(), entry.unit.get()]
                .into_iter()
                .for_each(|text| pen.text(text.unwrap_or_default()));
        }
    }

    /// Adds them to an empty table, as many as it has places for; their labels too, if those mean the same here.
    #[cold]
    #[inline(never)]
    pub(in crate::enrich) fn resume(&mut self, keeps_labels: bool, from: &mut Reading<'_>) -> Option<()> {
        let mut places: Vec<(Slot, usize)> = Vec::new();
        for _ in 0..from.size()? {
            let pid = from.small()?;
            let made = Entry {
                ppid: from.small()?,
                origin: *ORIGINS.get(from.size()?)?,
                stamp: Stamp { millis: from.number()?, serial: from.small()? },
                start: from.number()?,
                checked: from.small()?,
                ..Entry::new(pid, 0)
            };
            let (bits, labels, parent) = (from.number()?, from.number()?, from.size()?);
            let container = from.text()?.try_into().ok();
            let texts = [from.text()?, from.text()?, from.text()?];
            self.begin();
            let slot = self.add(pid)?;
            places.push((slot, parent));
            let entry = self.get_mut(slot)?;
            let (generation, used, next) = (entry.generation, entry.used, entry.next);
            let [comm, exe, unit] = texts;
            *entry = Entry {
                ended: bits & ENDED != 0,
                told: bits & TOLD != 0,
                doubtful: bits & DOUBTFUL != 0,
                inherited: bits & INHERITED != 0,
                container,
                labels: if keeps_labels { labels } else { 0 },
                comm: Text::of(comm),
                exe: Text::of(exe),
                unit: Text::of(unit),
                generation,
                used,
                next,
                ..made
            };
        }
        for &(slot, parent) in &places {
            let parent = parent.checked_sub(1).and_then(|at| places.get(at)).map(|(parent, _)| *parent);
            let parent = parent.filter(|&parent| self.get(parent).is_some());
            if let Some(entry) = self.get_mut(slot) {
                entry.parent = parent;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(table: &Table, places: usize, keeps_labels: bool) -> Table {
        let mut pen = Pen::default();
        table.save(&mut pen);
        let mut other = Table::new(places);
        other.resume(keeps_labels, &mut Reading::of(&pen.body())).unwrap();
        other
    }

    #[test]
    fn another_table_knows_the_same() {
        let mut table = Table::new(8);
        let parent = table.add(10).unwrap();
        let child = table.add(20).unwrap();
        let entry = table.get_mut(child).unwrap();
        (entry.ppid, entry.parent, entry.labels, entry.told) = (10, Some(parent), 5, true);
        (entry.container, entry.comm) = (Some([7; 32]), Text::of(b"sh"));
        (entry.origin, entry.stamp) = (Origin::Exec, Stamp { millis: 9, serial: 3 });
        let other = handed(&table, 4, true);
        let entry = other.get(other.peek(20).unwrap()).unwrap();
        assert_eq!((entry.ppid, entry.labels, entry.told, entry.ended), (10, 5, true, false));
        assert_eq!((entry.container, entry.comm.get()), (Some([7; 32]), Some(&b"sh"[..])));
        assert_eq!((entry.origin, entry.stamp), (Origin::Exec, Stamp { millis: 9, serial: 3 }));
        assert_eq!(other.get(entry.parent.unwrap()).unwrap().pid, 10);
        let other = handed(&table, 4, false);
        assert_eq!(other.get(other.peek(20).unwrap()).unwrap().labels, 0);
    }

    #[test]
    fn a_smaller_table_knows_the_last_ones() {
        let mut table = Table::new(8);
        let first = table.add(1).unwrap();
        for pid in 2..=8 {
            let slot = table.add(pid).unwrap();
            table.get_mut(slot).unwrap().parent = Some(first);
        }
        let other = handed(&table, 4, true);
        let known = (1..=8).filter(|&pid| other.peek(pid).is_some()).count();
        assert_eq!(known, 4);
        for slot in (1..=8).filter_map(|pid| other.peek(pid)) {
            let parent = other.get(slot).unwrap().parent;
            assert!(parent.is_none_or(|parent| other.get(parent).unwrap().pid == 1));
        }
    }
}
