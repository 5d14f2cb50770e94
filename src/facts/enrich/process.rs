//! The process table: what is known of each process seen, in a fixed number of places. The context fills it
//! from events and /proc and asks it; nothing here reads or decides anything.

use super::cgroup::ID;
use crate::wire::record::Stamp;

/// Longest name of a program (TASK_COMM_LEN, linux/sched.h).
pub(super) const COMM: usize = 16;
/// Longest path of a program that is kept, in bytes; a longer one is not known rather than cut.
pub(super) const EXE: usize = 192;
/// Longest name of a unit that is kept; systemd's own limit is 255.
pub(super) const UNIT: usize = 96;
/// Marks the end of a chain.
const NONE: u16 = u16::MAX;

#[cfg(feature = "reload")]
mod resume;

/// A short text in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// The text, if it is not empty and fits.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut made = Self { len: 0, bytes: [0; N] };
        if let (Ok(len), Some(to)) = (u8::try_from(text.len()), made.bytes.get_mut(..text.len())) {
            to.copy_from_slice(text);
            made.len = len;
        }
        made
    }

    /// `None` for an empty one.
    pub(super) fn get(&self) -> Option<&[u8]> {
        self.bytes.get(..usize::from(self.len)).filter(|text| !text.is_empty())
    }
}

/// Where the knowledge of a process comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// /proc, asked when it was first met.
    Proc,
    /// An event of its own that did not start a program: it was running before, or no rule reports execve.
    Event,
    /// The event of its parent's fork.
    Fork,
    /// The event of its last execve.
    Exec,
}

/// A place of the table that held a certain process; it holds another one if the generation differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    index: u16,
    generation: u32,
}

/// What is known of one process.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its process (thread group) id.
    pub(super) pid: u32,
    /// Its parent's; 0 is none.
    pub(super) ppid: u32,
    /// Where it comes from.
    pub(super) origin: Origin,
    /// The event that it comes from, for [`Origin::Exec`] and [`Origin::Fork`].
    pub(super) stamp: Stamp,
    /// When it began, in 1/100 s since boot (proc_pid_stat(5), `starttime`); 0 is not known.
    pub(super) start: u64,
    /// When it was last seen to be the process that it is said to be, in seconds of the context's clock.
    pub(super) checked: u32,
    /// It ended, as its own event says.
    pub(super) ended: bool,
    /// An event of its own was seen, of the program that it runs.
    pub(super) told: bool,
    /// Known from a fork's event alone, whose number may belong to a PID namespace.
    pub(super) doubtful: bool,
    /// Container and unit are its parent's, or of before its execve: it had gone before it could be asked.
    pub(super) inherited: bool,
    /// The container's id.
    pub(super) container: Option<[u8; ID]>,
    /// Its labels, one bit each.
    pub(super) labels: u64,
    /// Its parent's place.
    pub(super) parent: Option<Slot>,
    /// Its name.
    pub(super) comm: Text<COMM>,
    /// Its program's path.
    pub(super) exe: Text<EXE>,
    /// Its systemd unit.
    pub(super) unit: Text<UNIT>,
    generation: u32,
    used: u32,
    next: u16,
    recent: bool,
}

impl Entry {
    fn new(pid: u32, generation: u32) -> Self {
        Self {
            pid,
            ppid: 0,
            origin: Origin::Proc,
            stamp: Stamp { millis: 0, serial: 0 },
            start: 0,
            checked: 0,
            ended: false,
            told: false,
            doubtful: false,
            inherited: false,
            container: None,
            labels: 0,
            parent: None,
            comm: Text::of(b""),
            exe: Text::of(b""),
            unit: Text::of(b""),
            generation,
            used: 0,
            next: NONE,
            recent: true,
        }
    }
}

/// The table. Its memory is reserved at the start and touched as processes are met.
pub(super) struct Table {
    entries: Vec<Entry>,
    /// The first entry of each chain, by pid.
    heads: Vec<u16>,
    places: usize,
    hand: usize,
    epoch: u32,
}

impl Table {
    /// An empty table; at most 65535 places.
    pub(super) fn new(places: usize) -> Self {
        let places = places.clamp(1, usize::from(NONE));
        Self { entries: Vec::with_capacity(places), heads: vec![NONE; places], places, hand: 0, epoch: 0 }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.heads.fill(NONE);
        self.hand = 0;
    }

    /// Begins with an event: what is touched from here on stays in its place until the next one.
    pub(super) fn begin(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// The process of this id, without touching it.
    pub(super) fn peek(&self, pid: u32) -> Option<Slot> {
        let mut index = *self.heads.get(self.chain(pid))?;
        // A chain is never longer than the table.
        for _ in 0..self.places {
            let entry = self.entries.get(usize::from(index))?;
            if entry.pid == pid {
                return Some(Slot { index, generation: entry.generation });
            }
            index = entry.next;
        }
        None
    }

    /// The process of this id.
    pub(super) fn find(&mut self, pid: u32) -> Option<Slot> {
        let slot = self.peek(pid)?;
        self.touch(slot);
        Some(slot)
    }

    /// What is known of it; `None` when its place was taken by another one.
    pub(super) fn get(&self, slot: Slot) -> Option<&Entry> {
        self.entries.get(usize::from(slot.index)).filter(|entry| entry.generation == slot.generation)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(usize::from(slot.index))?;
        (entry.generation == slot.generation).then_some(entry)
    }

    /// Keeps it in its place until the next event.
    pub(super) fn touch(&mut self, slot: Slot) {
        let epoch = self.epoch;
        if let Some(entry) = self.get_mut(slot) {
            entry.used = epoch;
            entry.recent = true;
        }
    }

    /// A new process in this id's place, or in a free one, or in that of one which ended or was not seen for long.
    pub(super) fn add(&mut self, pid: u32) -> Option<Slot> {
        let index = match self.peek(pid) {
            Some(old) => usize::from(old.index),
            None if self.entries.len() < self.places => {
                self.entries.push(Entry::new(pid, 0));
                self.link(self.entries.len() - 1);
                self.entries.len() - 1
            }
            None => {
                let victim = self.victim();
                self.unlink(victim);
                let entry = self.entries.get_mut(victim)?;
                entry.pid = pid;
                self.link(victim);
                victim
            }
        };
        let epoch = self.epoch;
        let entry = self.entries.get_mut(index)?;
        let fresh =
            Entry { next: entry.next, used: epoch, ..Entry::new(pid, entry.generation.wrapping_add(1)) };
        *entry = fresh;
        Some(Slot { index: u16::try_from(index).ok()?, generation: entry.generation })
    }

    fn chain(&self, pid: u32) -> usize {
        usize::try_from(pid).unwrap_or(0) % self.places
    }

    fn link(&mut self, index: usize) {
        let Some(chain) = self.entries.get(index).map(|entry| self.chain(entry.pid)) else { return };
        let (Some(head), Some(entry)) = (self.heads.get_mut(chain), self.entries.get_mut(index)) else {
            return;
        };
        entry.next = *head;
        *head = u16::try_from(index).unwrap_or(NONE);
    }

    fn unlink(&mut self, index: usize) {
        let Some((pid, next)) = self.entries.get(index).map(|entry| (entry.pid, entry.next)) else { return };
        let chain = self.chain(pid);
        let Some(mut at) = self.heads.get(chain).copied() else { return };
        if usize::from(at) == index {
            if let Some(head) = self.heads.get_mut(chain) {
                *head = next;
            }
            return;
        }
        for _ in 0..self.places {
            let Some(entry) = self.entries.get_mut(usize::from(at)) else { return };
            if usize::from(entry.next) == index {
                entry.next = next;
                return;
            }
            at = entry.next;
        }
    }

    /// The clock algorithm: the next one that ended, or that was not seen since the hand last passed. One that
    /// this event has touched is passed over.
    fn victim(&mut self) -> usize {
        for _ in 0..2 * self.places {
            self.hand = (self.hand + 1) % self.places;
            let epoch = self.epoch;
            let Some(entry) = self.entries.get_mut(self.hand) else { continue };
            if entry.used != epoch && (entry.ended || !std::mem::take(&mut entry.recent)) {
                break;
            }
        }
        self.hand
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What docs/config.md says of `processes`.
    #[test]
    fn a_place_is_as_small_as_documented() {
        assert!(size_of::<Entry>() <= 416, "{}", size_of::<Entry>());
    }

    #[test]
    fn text_is_kept_whole_or_not_at_all() {
        assert_eq!(Text::<4>::of(b"abcd").get(), Some(&b"abcd"[..]));
        assert_eq!(Text::<4>::of(b"abcde").get(), None);
        assert_eq!(Text::<4>::of(b"").get(), None);
    }

    #[test]
    fn a_place_taken_again_is_another_process() {
        let mut table = Table::new(4);
        let one = table.add(7).unwrap();
        table.get_mut(one).unwrap().ppid = 3;
        let two = table.add(7).unwrap();
        assert!(table.get(one).is_none());
        assert_eq!(table.get(two).unwrap().ppid, 0);
        assert_eq!(table.find(7), Some(two));
    }

    #[test]
    fn a_full_table_drops_the_ended_first_and_never_what_the_event_touched() {
        let mut table = Table::new(4);
        table.begin();
        let slots: Vec<Slot> = (1..=4).map(|pid| table.add(pid).unwrap()).collect();
        table.get_mut(slots[2]).unwrap().ended = true;
        table.begin();
        table.add(5).unwrap();
        assert_eq!(table.find(3), None);
        table.begin();
        for pid in [1, 2, 4] {
            assert!(table.find(pid).is_some());
        }
        table.add(6).unwrap();
        assert_eq!(table.find(5), None, "the only one that this event has not touched");
    }

    proptest! {
        /// Against a map: what the table has is what was put there last, and what was just added is there.
        #[test]
        fn as_a_map_of_bounded_size(pids in proptest::collection::vec(0..40u32, 1..300)) {
            let mut table = Table::new(8);
            let mut known = std::collections::BTreeMap::new();
            for (turn, &pid) in (1..).zip(&pids) {
                table.begin();
                let slot = table.add(pid).unwrap();
                table.get_mut(slot).unwrap().ppid = turn;
                known.insert(pid, turn);
                prop_assert_eq!(table.find(pid), Some(slot));
                let mut found = 0;
                for (&pid, &turn) in &known {
                    if let Some(slot) = table.peek(pid) {
                        prop_assert_eq!(table.get(slot).unwrap().ppid, turn);
                        found += 1;
                    }
                }
                prop_assert_eq!(found, known.len().min(8), "no place is lost");
            }
        }
    }
}
