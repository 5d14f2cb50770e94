//! The machines whose system calls have names here, and the names of system calls and error numbers.
//! The data comes from tables/ by way of build.rs; rules and formats ask.

// The statics NAMES, NAME_ENDS, and for each table its numbers and aliases.
include!(concat!(env!("OUT_DIR"), "/tables.in"));

/// A machine's system call table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86.
    I386,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM, EABI.
    Arm,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit PowerPC, little endian.
    Ppc64le,
    /// 64-bit z.
    S390x,
    /// 31-bit z.
    S390,
}

/// Set in the AUDIT_ARCH_* numbers of 64-bit machines (__AUDIT_ARCH_64BIT).
pub const ARCH_64BIT: u32 = 0x8000_0000;

impl Machine {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::X86_64,
        Self::I386,
        Self::Aarch64,
        Self::Arm,
        Self::Riscv64,
        Self::Ppc64le,
        Self::S390x,
        Self::S390,
    ];

    /// The kernel's machine by the name that uname(2) gives. A 32-bit program on a 64-bit ARM kernel sees
    /// `armv8l`, which is an aarch64 kernel.
    pub fn of_uname(machine: &str) -> Option<Self> {
        match machine {
            "armv8l" | "armv8b" => Some(Self::Aarch64),
            other => Self::of_name(other),
        }
    }

    /// The machine by its name in a rule (`-F arch=`), in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "x86_64" | "amd64" => Self::X86_64,
            "i386" | "i486" | "i586" | "i686" => Self::I386,
            "aarch64" | "arm64" => Self::Aarch64,
            "arm" | "armv5tejl" | "armv5tel" | "armv6l" | "armv7l" => Self::Arm,
            "riscv64" => Self::Riscv64,
            "ppc64le" | "powerpc64le" => Self::Ppc64le,
            "s390x" => Self::S390x,
            "s390" => Self::S390,
            _ => return None,
        })
    }

    /// The machine of an AUDIT_ARCH_* number.
    pub fn of_audit_arch(arch: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.audit_arch() == arch)
    }

    /// The name that uname(2) gives (for ARM the family's).
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
            Self::S390 => "s390",
        }
    }

    /// AUDIT_ARCH_* of include/uapi/linux/audit.h: the ELF machine, 64-bit (0x8000_0000), little endian
    /// (0x4000_0000).
    pub fn audit_arch(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
            Self::Riscv64 => 0xc000_00f3,
            Self::Ppc64le => 0xc000_0015,
            Self::S390x => 0x8000_0016,
            Self::S390 => 0x0000_0016,
        }
    }

    /// What `b64` means on this machine; none on a 32-bit one.
    pub fn b64(self) -> Option<Self> {
        (self.audit_arch() & ARCH_64BIT != 0).then_some(self)
    }

    /// What `b32` means on this machine. None where there is none (ppc64le) and where it has no table (riscv32).
    pub fn b32(self) -> Option<Self> {
        match self {
            Self::X86_64 | Self::I386 => Some(Self::I386),
            Self::Aarch64 | Self::Arm => Some(Self::Arm),
            Self::S390x | Self::S390 => Some(Self::S390),
            Self::Riscv64 | Self::Ppc64le => None,
        }
    }

    /// The number of a system call, by a kernel name or one of auditctl's, in any case.
    pub fn syscall_number(self, name: &str) -> Option<u16> {
        let id = id_of(&name.to_ascii_lowercase())?;
        number_of(self.tables(), id)
    }

    /// The id of a system call's name, by which src/setup/values knows the call.
    pub(crate) fn syscall_id(self, number: u32) -> Option<u16> {
        id_at(self.tables(), number)
    }

    /// The name of a system call.
    pub fn syscall_name(self, number: u32) -> Option<&'static str> {
        name_at(self.tables(), number)
    }

    /// The name that auditctl 3.0.9 and its kin show: the tables have those that are not the kernel's at their end,
    /// the shown one last.
    pub fn auditctl_name(self, number: u32) -> Option<&'static str> {
        let alias = self.tables().2.iter().rfind(|(_, its)| u32::from(*its) == number);
        alias.map_or_else(|| self.syscall_name(number), |(id, _)| name_of(*id))
    }

    /// Every name that [`Self::syscall_number`] knows, for suggestions.
    pub fn syscall_names(self) -> Vec<&'static str> {
        all_names(self.tables())
    }

    fn tables(self) -> Tables {
        match self {
            Self::X86_64 => (&X86_64, &[], &X86_64_ALIASES),
            Self::I386 => (&I386, &[], &I386_ALIASES),
            Self::Aarch64 => (&AARCH64, &[], &AARCH64_ALIASES),
            Self::Arm => (&ARM, &[], &ARM_ALIASES),
            Self::Riscv64 => (&AARCH64, &RISCV64_CHANGES, &RISCV64_ALIASES),
            Self::Ppc64le => (&PPC64LE, &[], &PPC64LE_ALIASES),
            Self::S390x => (&S390, &S390X_CHANGES, &S390X_ALIASES),
            Self::S390 => (&S390, &[], &S390_ALIASES),
        }
    }
}

/// The number of an operation of io_uring, in any case.
pub fn uring_number(name: &str) -> Option<u16> {
    number_of((&IO_URING, &[], &IO_URING_ALIASES), id_of(&name.to_ascii_lowercase())?)
}

/// The name of an operation of io_uring.
pub fn uring_name(number: u32) -> Option<&'static str> {
    name_at((&IO_URING, &[], &[]), number)
}

/// Every operation's name, for suggestions.
pub fn uring_names() -> Vec<&'static str> {
    all_names((&IO_URING, &[], &IO_URING_ALIASES))
}

/// The number of an error name such as `EACCES`, in any case; positive.
pub fn errno_number(name: &str) -> Option<u16> {
    number_of((&ERRNO, &[], &ERRNO_ALIASES), id_of(&name.to_ascii_uppercase())?)
}

/// The name of a positive error number.
pub fn errno_name(number: u32) -> Option<&'static str> {
    name_at((&ERRNO, &[], &[]), number)
}

/// Every error name, for suggestions.
pub fn errno_names() -> Vec<&'static str> {
    all_names((&ERRNO, &[], &ERRNO_ALIASES))
}

/// The name of a record type, as `type=` has it in audit.log.
pub fn record_type_name(number: u16) -> Option<&'static str> {
    let index = RECORD_TYPES.binary_search_by_key(&number, |(number, _)| *number).ok()?;
    RECORD_TYPES.get(index).and_then(|(_, id)| name_of(*id))
}

/// The number of a record type's name, in any case.
pub fn record_type_number(name: &str) -> Option<u16> {
    let number = |name: &str| {
        let id = id_of(name)?;
        RECORD_TYPES.iter().find(|(_, other)| *other == id).map(|(number, _)| *number)
    };
    // As it is written first: a log's lines have no time for a copy.
    number(name).or_else(|| number(&name.to_ascii_uppercase()))
}

/// Every record type's name, for suggestions.
pub fn record_type_names() -> Vec<&'static str> {
    RECORD_TYPES.iter().filter_map(|(_, id)| name_of(*id)).collect()
}

/// Name ids by number; the (number, name id) pairs that are otherwise; and further (name id, number) pairs.
type Tables = (&'static [u16], &'static [(u16, u16)], &'static [(u16, u16)]);

/// The name with this place in the blob; none for the mark of an empty slot.
fn name_of(id: u16) -> Option<&'static str> {
    let id = usize::from(id);
    let end = usize::from(*NAME_ENDS.get(id)?);
    let start = id.checked_sub(1).and_then(|before| NAME_ENDS.get(before)).map_or(0, |e| usize::from(*e));
    NAMES.get(start..end)
}

fn all_names(tables: Tables) -> Vec<&'static str> {
    let own = (0..=u32::from(u16::MAX)).map_while(|number| id_at(tables, number));
    own.chain(tables.2.iter().map(|(id, _)| *id)).filter_map(name_of).collect()
}

/// The id of a number's name; none behind the last.
fn id_at((numbers, changes, _): Tables, number: u32) -> Option<u16> {
    let id = *numbers.get(usize::try_from(number).ok()?)?;
    let change = changes.iter().find(|(changed, _)| u32::from(*changed) == number);
    Some(change.map_or(id, |(_, id)| *id))
}

fn name_at(tables: Tables, number: u32) -> Option<&'static str> {
    id_at(tables, number).and_then(name_of)
}

/// The names are sorted, so this is a binary search.
fn id_of(name: &str) -> Option<u16> {
    let (mut low, mut high) = (0, u16::try_from(NAME_ENDS.len()).ok()?);
    while low < high {
        let middle = low + (high - low) / 2;
        match name_of(middle)?.cmp(name) {
            std::cmp::Ordering::Equal => return Some(middle),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}

/// The first number of a name's id.
fn number_of((numbers, changes, aliases): Tables, id: u16) -> Option<u16> {
    let is_changed = |number: &u16| changes.iter().any(|(changed, _)| changed == number);
    let mut slots = (0..).zip(numbers);
    let plain = slots.find(|(number, slot)| **slot == id && !is_changed(number)).map(|(number, _)| number);
    let changed = changes.iter().filter(|(_, slot)| *slot == id).map(|(number, _)| *number);
    let first = plain.into_iter().chain(changed).min();
    first.or_else(|| aliases.iter().find(|(alias, _)| *alias == id).map(|(_, number)| *number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text files are the source: every line of each must be found again, and nothing else.
    #[test]
    fn every_line_of_the_tables_is_found() {
        let files = [
            (Machine::X86_64, include_str!("../../../tables/syscalls-x86_64.txt")),
            (Machine::I386, include_str!("../../../tables/syscalls-i386.txt")),
            (Machine::Aarch64, include_str!("../../../tables/syscalls-aarch64.txt")),
            (Machine::Arm, include_str!("../../../tables/syscalls-arm.txt")),
            (Machine::Riscv64, include_str!("../../../tables/syscalls-riscv64.txt")),
            (Machine::Ppc64le, include_str!("../../../tables/syscalls-ppc64le.txt")),
            (Machine::S390x, include_str!("../../../tables/syscalls-s390x.txt")),
            (Machine::S390, include_str!("../../../tables/syscalls-s390.txt")),
        ];
        for (machine, text) in files {
            let mut shown = std::collections::BTreeMap::new();
            let mut lines = 0;
            for line in text.lines().filter(|l| !l.starts_with('#')) {
                let (number, name) = line.split_once(' ').unwrap();
                let number: u16 = number.parse().unwrap();
                assert_eq!(machine.syscall_number(name), Some(number), "{machine:?} {name}");
                shown.entry(number).or_insert(name);
                lines += 1;
            }
            assert_eq!(machine.syscall_names().len(), lines);
            for number in 0..3000 {
                let expected = shown.get(&u16::try_from(number).unwrap()).copied();
                assert_eq!(machine.syscall_name(number), expected, "{machine:?} {number}");
            }
        }
    }

    #[test]
    fn names_are_looked_up_in_any_case_and_wholly() {
        assert_eq!(Machine::X86_64.syscall_number("OpenAt"), Some(257));
        assert_eq!(Machine::X86_64.syscall_number("opena"), None);
        assert_eq!(Machine::X86_64.syscall_number(""), None);
        assert_eq!(Machine::X86_64.syscall_number("EACCES"), None);
        assert_eq!(Machine::X86_64.syscall_name(u32::MAX), None);
    }

    /// The numbers that differ most between machines, from the kernel's own tables.
    #[test]
    fn numbers_are_the_machines_own() {
        let execve = [59, 11, 221, 11, 221, 11, 11, 11];
        for (machine, number) in Machine::ALL.into_iter().zip(execve) {
            assert_eq!(machine.syscall_number("execve"), Some(number), "{machine:?}");
            assert_eq!(machine.syscall_number("file_setattr"), Some(469), "{machine:?}");
            assert_eq!(machine.syscall_number("fchmodat2"), Some(452), "{machine:?}");
        }
        assert_eq!(Machine::Aarch64.syscall_number("open"), None);
    }

    #[test]
    fn auditctls_own_names_are_known_and_not_shown() {
        assert_eq!(Machine::X86_64.syscall_number("pread"), Some(17));
        assert_eq!(Machine::X86_64.syscall_name(17), Some("pread64"));
        assert_eq!(Machine::X86_64.auditctl_name(17), Some("pread"));
        assert_eq!(Machine::Arm.auditctl_name(341), Some("sync_file_range"));
        assert_eq!(Machine::X86_64.auditctl_name(59), Some("execve"));
        assert_eq!(Machine::X86_64.auditctl_name(2000), None);
        assert_eq!(Machine::I386.syscall_number("sys_kexec_load"), Some(283));
        assert_eq!(Machine::I386.syscall_number("umount"), Some(22));
        assert_eq!(Machine::I386.syscall_number("umount2"), Some(52));
        assert_eq!(Machine::I386.syscall_number("_llseek"), Some(140));
    }

    #[test]
    fn errors_have_names_and_aliases() {
        assert_eq!(errno_number("EACCES"), Some(13));
        assert_eq!(errno_number("eperm"), Some(1));
        assert_eq!(errno_number("EWOULDBLOCK"), Some(11));
        assert_eq!(errno_name(11), Some("EAGAIN"));
        assert_eq!(errno_name(35), Some("EDEADLK"));
        assert_eq!(errno_name(0), None);
        assert_eq!(errno_number("execve"), None);
    }

    #[test]
    fn record_types_have_names() {
        let text = include_str!("../../../tables/record-types.txt");
        let lines: Vec<_> = text.lines().filter_map(|l| l.split_once(' ')).filter(|l| l.0 != "#").collect();
        assert_eq!(record_type_names().len(), lines.len());
        for (number, name) in lines {
            let number = number.parse().unwrap();
            assert_eq!((record_type_name(number), record_type_number(name)), (Some(name), Some(number)));
        }
        assert_eq!((record_type_name(1308), record_type_number("nothing")), (None, None));
        assert_eq!(record_type_number("execve"), Some(1309), "in any case");
    }

    #[test]
    fn operations_of_io_uring_have_names() {
        let text = include_str!("../../../tables/io_uring.txt");
        let lines: Vec<_> = text.lines().filter_map(|l| l.split_once(' ')).filter(|l| l.0 != "#").collect();
        assert_eq!(uring_names().len(), lines.len());
        for (number, name) in lines {
            let number: u16 = number.parse().unwrap();
            assert_eq!((uring_name(number.into()), uring_number(name)), (Some(name), Some(number)));
        }
        assert_eq!((uring_number("execve"), uring_number("OPENAT")), (None, Some(18)));
    }

    #[test]
    fn machines_know_their_word_sizes() {
        assert_eq!(Machine::of_uname("armv8l"), Some(Machine::Aarch64));
        assert_eq!(Machine::of_uname("armv7l"), Some(Machine::Arm));
        assert_eq!(Machine::of_uname("vax"), None);
        assert_eq!(Machine::X86_64.b32(), Some(Machine::I386));
        assert_eq!(Machine::Arm.b64(), None);
        assert_eq!(Machine::S390x.b32(), Some(Machine::S390));
        assert_eq!(Machine::Ppc64le.b32(), None);
        for machine in Machine::ALL {
            assert_eq!(Machine::of_audit_arch(machine.audit_arch()), Some(machine));
            assert_eq!(Machine::of_name(machine.name()), Some(machine));
            assert_eq!(machine.b64().is_some(), machine.audit_arch() & 0x8000_0000 != 0);
        }
    }
}
