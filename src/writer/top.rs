//! What events come from, counted while somebody looks: by key, program, system call and user. It costs one look
//! at a flag for each event while nobody does.

use crate::event::Event;
use crate::event::facts::Facts;
use crate::wire::fields::Value;
use crate::wire::tables::{ARCH_64BIT, record_type_name};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Rows of a table. When all are taken, a new name takes the place of the one with the fewest events, and goes on
/// counting from there: the most frequent are never lost ("space saving", Metwally, Agrawal, El Abbadi, 2005).
pub const ROWS: usize = 256;
/// The longest path, PATH_MAX.
const LONGEST: usize = 4096;

/// What a table counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The keys of an event; one with several counts for each.
    Key,
    /// The program.
    Exe,
    /// `b64 openat`, or the record type of an event without a system call.
    Syscall,
    /// The user's number.
    Uid,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Key, Self::Exe, Self::Syscall, Self::Uid];
}

/// One name and its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What they have in common; empty for those that have none.
    pub name: String,
    /// How many there are, at most.
    pub events: u64,
    /// The bytes of their records' texts, at most.
    pub bytes: u64,
    /// Of those events, how many may be others'.
    pub unsure: u64,
}

/// A table.
#[derive(Default)]
pub struct Table {
    /// Of each row's name, side by side.
    hashes: Vec<u64>,
    /// In no order.
    pub rows: Vec<Row>,
    /// Names whose place another one took.
    pub displaced: u64,
}

impl Table {
    fn add(&mut self, name: &[u8], bytes: u64) {
        // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/. Two names with one hash are taken for one.
        let step = |sum: u64, &byte: &u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325, step);
        let mut at = self.hashes.iter().position(|its| *its == hash);
        if at.is_none() {
            let name = String::from_utf8_lossy(name).into_owned();
            if self.rows.len() < ROWS {
                at = Some(self.rows.len());
                self.hashes.push(hash);
                self.rows.push(Row { name, ..Row::default() });
            } else {
                let fewest = self.rows.iter_mut().zip(&mut self.hashes).enumerate();
                let fewest = fewest.min_by_key(|(_, (row, _))| row.events);
                at = fewest.map(|(at, (row, its))| {
                    (row.name, row.unsure, *its) = (name, row.events, hash);
                    at
                });
                self.displaced += 1;
            }
        }
        if let Some(row) = at.and_then(|at| self.rows.get_mut(at)) {
            row.events += 1;
            row.bytes += bytes;
        }
    }
}

/// What came since one looks.
pub struct Tally {
    seat: u64,
    since: Instant,
    /// All events.
    pub events: u64,
    /// The bytes of their records' texts.
    pub bytes: u64,
    /// In the order of [`By::ALL`].
    pub tables: [Table; 4],
    space: Vec<u8>,
}

impl Tally {
    fn count(&mut self, event: &Event<'_>, facts: &Facts<'_>, bytes: u64) {
        self.events += 1;
        self.bytes += bytes;
        let Self { tables: [keys, exes, syscalls, uids], space, .. } = self;
        let mut decode = |value: Option<Value<'_>>, table: &mut Table, end: Option<u8>| {
            let text = value.and_then(|value| value.decode(space)).unwrap_or_default();
            text.split(|byte| Some(*byte) == end).for_each(|name| table.add(name, bytes));
        };
        // Several keys are joined by 0x01.
        decode(facts.key, keys, Some(1));
        decode(facts.exe.filter(|exe| !exe.is_null()), exes, None);
        let mut name = heapless::String::<64>::new();
        let mut records = event.records;
        let _ = match (facts.arch, facts.syscall) {
            (Some(arch), Some(number)) if facts.is_syscall => {
                let bits = if arch & ARCH_64BIT == 0 { "b32" } else { "b64" };
                match facts.syscall_name() {
                    Some(call) => write!(name, "{bits} {call}"),
                    None => write!(name, "{bits} {number}"),
                }
            }
            _ => match records.next().map(|record| record.kind.0) {
                None => Ok(()),
                Some(kind) => match record_type_name(kind) {
                    Some(word) => name.write_str(word),
                    None => write!(name, "{kind}"),
                },
            },
        };
        syscalls.add(name.as_bytes(), bytes);
        name.clear();
        let _ = facts.uid.map(|uid| write!(name, "{uid}"));
        uids.add(name.as_bytes(), bytes);
    }
}

/// Those who look.
#[derive(Default)]
pub struct Top {
    is_watched: AtomicBool,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    seats: u64,
    tallies: Vec<Tally>,
}

impl Top {
    /// Counts from now on, until the seat is given back.
    pub fn look(self: &Arc<Self>) -> Seat {
        let mut watched = self.watched();
        watched.seats += 1;
        let seat = watched.seats;
        let (tables, space) = (Default::default(), vec![0; LONGEST]);
        watched.tallies.push(Tally { seat, since: Instant::now(), events: 0, bytes: 0, tables, space });
        self.is_watched.store(true, Relaxed);
        Seat { top: Arc::clone(self), seat }
    }

    /// Counts an event for those who look.
    pub fn count(&self, event: &Event<'_>) {
        if self.is_watched.load(Relaxed) {
            self.count_all(event);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_all(&self, event: &Event<'_>) {
        let facts = Facts::of(event);
        let bytes = event.records.map(|record| record.fields.len() as u64).sum();
        self.watched().tallies.iter_mut().for_each(|tally| tally.count(event, &facts, bytes));
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look that is going on; it ends when this is dropped.
pub struct Seat {
    top: Arc<Top>,
    seat: u64,
}

impl Seat {
    /// Ends it: what was counted, and for how long.
    pub fn end(self) -> Option<(Tally, Duration)> {
        self.take()
    }

    fn take(&self) -> Option<(Tally, Duration)> {
        let mut watched = self.top.watched();
        let at = watched.tallies.iter().position(|tally| tally.seat == self.seat)?;
        let tally = watched.tallies.swap_remove(at);
        self.top.is_watched.store(!watched.tallies.is_empty(), Relaxed);
        let time = tally.since.elapsed();
        Some((tally, time))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::own::Own;
    use crate::wire::record::RecordType;

    fn names(table: &Table) -> Vec<(&str, u64)> {
        let mut names: Vec<_> = table.rows.iter().map(|row| (row.name.as_str(), row.events)).collect();
        names.sort_unstable();
        names
    }

    fn record(kind: RecordType, fields: &str) -> Own {
        let mut own = Own::new(Duration::ZERO);
        own.record(kind, format_args!("{fields}"));
        own
    }

    #[test]
    fn events_are_counted_by_what_they_have() {
        let top = Arc::new(Top::default());
        let call = record(RecordType::SYSCALL, "arch=c000003e syscall=257 uid=5 exe=2F612062 key=6101620163");
        top.count(&call.event());
        let seat = top.look();
        let other = top.look();
        top.count(&call.event());
        drop(other);
        top.count(&record(RecordType::SYSCALL, "arch=40000003 syscall=9999 exe=\"/b\" key=(null)").event());
        top.count(&record(RecordType(1112), "pid=1 uid=0 msg='op=login exe=\"/b\"'").event());
        let (tally, _) = seat.end().unwrap();
        let [keys, exes, calls, uids] = &tally.tables;
        assert_eq!(names(keys), [("", 2), ("a", 1), ("b", 1), ("c", 1)]);
        assert_eq!(names(exes), [("/a b", 1), ("/b", 2)]);
        assert_eq!(names(calls), [("USER_LOGIN", 1), ("b32 9999", 1), ("b64 openat", 1)]);
        assert_eq!(names(uids), [("", 1), ("0", 1), ("5", 1)]);
        assert_eq!(tally.events, 3);
        assert!(!top.is_watched.load(Relaxed), "nobody looks");
    }

    #[test]
    fn the_most_frequent_stay_when_there_are_too_many() {
        let mut table = Table::default();
        for round in 0..1000 {
            table.add(b"often", 10);
            table.add(b"often too", 1);
            table.add(format!("once {round}").as_bytes(), 1);
        }
        assert_eq!(table.rows.len(), ROWS);
        assert_eq!(table.displaced, 1000 - (ROWS as u64 - 2));
        table.rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.events, row.bytes)));
        assert_eq!(
            (&table.rows[0].name[..], table.rows[0].events, table.rows[0].bytes, table.rows[0].unsure),
            ("often", 1000, 10_000, 0)
        );
        assert_eq!(
            (&table.rows[1].name[..], table.rows[1].events, table.rows[1].unsure),
            ("often too", 1000, 0)
        );
        assert!(table.rows[2].events <= 4 && table.rows[2].unsure > 0);
        assert_eq!(table.rows.iter().map(|row| row.events).sum::<u64>(), 3000);
    }
}
