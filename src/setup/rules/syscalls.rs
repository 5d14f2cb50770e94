//! `-S`: names and numbers of system calls into a rule's mask.

use super::draft::Notes;
use super::values::integer;
use super::words::Word;
use crate::config::{did_you_mean, quoted};
use crate::wire::rule::{MASK_WORDS, Mask};
use crate::wire::tables::{Machine, uring_names, uring_number};

/// From here on the mask's bits are classes of system calls (AUDIT_SYSCALL_CLASSES = 16).
const CLASSES: u32 = 32 * MASK_WORDS as u32 - 16;

/// The system calls of a rule, as far as they were read.
pub(super) struct Syscalls {
    pub(super) mask: Mask,
    /// Whether there was a `-S`.
    pub(super) given: bool,
    /// Whether one of the names or numbers is in the mask.
    pub(super) any: bool,
    /// Names that this machine lacks.
    left_out: Vec<String>,
    /// It was already said that numbers mean other calls in 32-bit programs.
    mismatch_told: bool,
}

/// Whose system calls are meant.
#[derive(Clone, Copy)]
pub(super) struct Table {
    /// The machine.
    pub(super) machine: Machine,
    /// `-F arch=` named it, so the rule looks at this machine's programs alone.
    pub(super) named: bool,
    /// Operations of io_uring are meant, which are the same on all machines.
    pub(super) uring: bool,
}

impl Table {
    fn number(self, name: &str) -> Option<u16> {
        if self.uring { uring_number(name) } else { self.machine.syscall_number(name) }
    }

    fn unknown(self, name: &str) -> String {
        if self.uring {
            return format!(
                "unknown io_uring operation {}{}",
                quoted(name),
                did_you_mean(name, &uring_names())
            );
        }
        let hint = did_you_mean(name, &self.machine.syscall_names());
        format!("unknown system call {} on {}{hint}", quoted(name), self.machine.name())
    }
}

impl Syscalls {
    pub(super) fn new() -> Self {
        Self { mask: Mask::EMPTY, given: false, any: false, left_out: Vec::new(), mismatch_told: false }
    }

    /// Takes the value of a `-S`: names and numbers between commas, or `all`.
    pub(super) fn read(&mut self, word: &Word<'_>, table: Table, notes: &mut Notes) {
        self.given = true;
        let mut start = 0;
        let mut found = false;
        for item in word.text.split(',') {
            if !item.is_empty() {
                found = true;
                self.one(item, word.position(start), table, notes);
            }
            start += item.len() + 1;
        }
        if !found {
            notes.error(word.at, &"-S needs a system call after it");
        }
    }

    /// The names that were left out, for one warning a line.
    pub(super) fn left_out(&self) -> Option<String> {
        (!self.left_out.is_empty()).then(|| self.left_out.join(", "))
    }

    fn one(&mut self, item: &str, at: usize, table: Table, notes: &mut Notes) {
        if item == "all" {
            self.mask = Mask::ALL;
            self.any = true;
            return;
        }
        if item.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            let number = integer(item).and_then(|n| u32::try_from(n).ok());
            if number.is_none_or(|n| !self.mask.set(n)) {
                notes.error(
                    at,
                    &format_args!("{} is no system call's number: they are below {CLASSES}", quoted(item)),
                );
            } else if number >= Some(CLASSES) {
                notes.warn(
                    at,
                    &format_args!("{item} is a class of system calls: the kernel puts in what is in it"),
                );
            }
            self.any = true;
            return;
        }
        match table.number(item) {
            Some(number) => {
                self.mask.set(number.into());
                self.any = true;
                self.compare_with_32_bit(item, at, number, table, notes);
            }
            None if !table.uring && Machine::ALL.iter().any(|m| m.syscall_number(item).is_some()) => {
                self.left_out.push(item.to_owned());
            }
            None => notes.error(at, &table.unknown(item)),
        }
    }

    /// Without an arch the kernel compares numbers alone, in programs of either word size.
    fn compare_with_32_bit(&mut self, name: &str, at: usize, number: u16, table: Table, notes: &mut Notes) {
        let Some(other) = table.machine.b32().filter(|other| *other != table.machine) else { return };
        if table.named || table.uring || self.mismatch_told || other.syscall_number(name) == Some(number) {
            return;
        }
        self.mismatch_told = true;
        let meant = other.syscall_name(number.into()).unwrap_or("no system call");
        notes.warn(
            at,
            &format_args!(
                "without -F arch=b64 before -S this also looks at 32-bit programs, where {number} is {meant}, not {name}"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::split;
    use super::*;

    fn read(text: &str, machine: Machine, named: bool) -> (Syscalls, Notes) {
        let (mut syscalls, mut notes) = (Syscalls::new(), Notes::default());
        syscalls.read(&split(text).unwrap()[0], Table { machine, named, uring: false }, &mut notes);
        (syscalls, notes)
    }

    fn numbers(mask: &Mask) -> Vec<u32> {
        (0..2048).filter(|n| mask.has(*n)).collect()
    }

    #[test]
    fn names_and_numbers_become_bits() {
        let (syscalls, notes) = read("open,,close,0x2a,300", Machine::X86_64, true);
        assert_eq!(notes, Notes::default());
        assert_eq!(numbers(&syscalls.mask), [2, 3, 42, 300]);
        assert_eq!(read("all", Machine::X86_64, true).0.mask, Mask::ALL);
        assert_eq!(numbers(&read("open", Machine::I386, true).0.mask), [5]);
    }

    #[test]
    fn what_the_machine_lacks_is_left_out() {
        let (syscalls, notes) = read("open,openat", Machine::Aarch64, true);
        assert_eq!(notes, Notes::default());
        assert_eq!(numbers(&syscalls.mask), [56]);
        assert_eq!(syscalls.left_out().as_deref(), Some("open"));
        assert!(!read("open", Machine::Aarch64, true).0.any);
    }

    #[test]
    fn what_no_machine_has_is_an_error() {
        let (_, notes) = read("open,opnat,2048", Machine::X86_64, true);
        let expected = [
            (5, "unknown system call \"opnat\" on x86_64; did you mean \"openat\"?".to_owned()),
            (11, "\"2048\" is no system call's number: they are below 2032".to_owned()),
        ];
        assert_eq!(notes.errors, expected);
        assert_eq!(read(",", Machine::X86_64, true).1.errors.len(), 1);
        assert_eq!(read("2047", Machine::X86_64, true).1.warnings.len(), 1);
    }

    #[test]
    fn a_number_that_means_two_calls_is_told_once() {
        let (_, notes) = read("execve,open", Machine::X86_64, false);
        assert_eq!(notes.warnings.len(), 1);
        assert!(notes.warnings[0].1.contains("where 59 is oldolduname, not execve"), "{notes:?}");
        assert_eq!(read("open", Machine::X86_64, true).1, Notes::default());
        assert_eq!(read("open", Machine::I386, false).1, Notes::default());
        assert_eq!(read("landlock_create_ruleset", Machine::X86_64, false).1, Notes::default());
    }
}
