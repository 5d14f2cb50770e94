//! What a system call's argument means. tables/arguments.txt says which set or which way each argument has;
//! here are the ways.

use super::set::{self, put};
use super::{Text, low, push, push_hex, push_number};
use crate::wire::tables::Machine;

/// O_CREAT, and __O_TMPFILE: a file may be made, so the argument behind the flags is its mode.
const MAKES_A_FILE: u32 = 0o20_000_100;
/// AT_FDCWD of linux/fcntl.h, -100.
const AT_FDCWD: u32 = 0xffff_ff9c;
/// CLONE_NEWTIME, which shares the low byte with clone's signal (linux/sched.h).
const CLONE_NEWTIME: u32 = 0x80;
/// Calls whose only argument is a pointer to what others give as arguments: mmap on i386 and s390, and on the latter
/// of 31 bits mmap2 (arch/s390/kernel/syscall.c).
const OLD_MMAP: [(Machine, u32); 4] =
    [(Machine::I386, 90), (Machine::S390, 90), (Machine::S390, 192), (Machine::S390x, 90)];
/// clone, which has the stack before the flags on s390 (clone(2)).
const S390_CLONE: u32 = 120;

/// Whose number an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    /// A user's.
    User,
    /// A group's.
    Group,
}

/// Which of the sets and ways an argument has; `what::NOTHING_WAY` is none.
fn what(machine: Machine, syscall: u32, index: usize) -> u8 {
    if OLD_MMAP.contains(&(machine, syscall)) {
        return set::NOTHING_WAY;
    }
    if matches!(machine, Machine::S390 | Machine::S390x) && syscall == S390_CLONE {
        return if index == 1 { set::CLONE_WAY } else { set::NOTHING_WAY };
    }
    let call = machine.syscall_id(syscall).and_then(set::arguments_of);
    call.and_then(|arguments| arguments.get(index).copied()).unwrap_or(set::NOTHING_WAY)
}

/// Whether the argument `index` (0 to 3) of a system call is a user's or a group's number.
pub fn argument_is_id(machine: Machine, syscall: u32, index: usize) -> Option<Id> {
    match what(machine, syscall, index) {
        set::USER_WAY => Some(Id::User),
        set::GROUP_WAY => Some(Id::Group),
        _ => None,
    }
}

/// Appends what the argument `index` (0 to 3) of a system call means, as `ausearch -i` says it: openat's a2 of
/// 0x80000 is `O_RDONLY|O_CLOEXEC`. False when there is nothing to say; then nothing is appended.
///
/// What the kernel takes as an `int` is looked at as one. Bits without a name stand as one hexadecimal number.
pub fn argument(
    machine: Machine,
    syscall: u32,
    index: usize,
    args: &[Option<u64>; 4],
    text: &mut Text,
) -> bool {
    // PowerPC has numbers of its own for flags of open, mmap, sockets and others.
    if machine == Machine::Ppc64le {
        return false;
    }
    let Some(Some(value)) = args.get(index).copied() else { return false };
    let before = index.checked_sub(1).and_then(|index| args.get(index).copied().flatten()).map(low);
    let first = args.first().copied().flatten().map(low);
    let value = low(value);
    let wide = u64::from(value);
    match what(machine, syscall, index) {
        set::NOTHING_WAY | set::USER_WAY | set::GROUP_WAY => false,
        set::DIRFD_WAY => value == AT_FDCWD && said(text, b"AT_FDCWD"),
        set::OPEN_WAY => open(machine, wide, text),
        set::MODE_WAY => mode(value, text),
        set::MODE_IF_CREATE_WAY => before.is_some_and(|flags| flags & MAKES_A_FILE != 0) && mode(value, text),
        set::FILE_MODE_WAY => file_mode(value, text),
        set::FCNTL_WAY => fcntl(machine, before, wide, text),
        set::PROT_WAY => put(set::PROT, wide, text),
        set::MMAP_WAY => map(machine, value, text),
        set::IPC_WAY => ipc(set::IPC, value, text),
        set::SHM_WAY => ipc(set::SHM, value, text),
        set::CLONE_WAY => clone(value, text),
        set::UNSHARE_WAY => unshare(value, text),
        set::PTRACE_WAY => ptrace(machine, wide, text),
        set::PRCTL_WAY => prctl(before, wide, text),
        set::PERSONALITY_WAY => personality(value, text),
        set::SCHED_WAY => scheduler(value, text),
        set::SOCKTYPE_WAY => socket_type(value, text),
        set::PROTOCOL_WAY => protocol(first, wide, text),
        set::LEVEL_WAY => level(wide, text),
        set::SOCKOPT_WAY => option(before, wide, text),
        set::ASKED_SOCKOPT_WAY => asked_option(before, wide, text),
        set::MOUNT_WAY => mount(value, text),
        plain => put(plain, wide, text),
    }
}

fn said(text: &mut Text, word: &[u8]) -> bool {
    push(text, word);
    true
}

/// Open flags; four of them have other bits on ARM.
pub(super) fn open(machine: Machine, flags: u64, text: &mut Text) -> bool {
    let arm = matches!(machine, Machine::Arm | Machine::Aarch64);
    put(if arm { set::OPEN_ARM } else { set::OPEN }, flags, text)
}

/// Appends further flags; as a number when none has a name.
fn more(flags: u8, value: u32, text: &mut Text) {
    if value != 0 {
        push(text, b"|");
        if !put(flags, u64::from(value), text) {
            push_hex(text, u64::from(value));
        }
    }
}

/// `suid,sgid,sticky,`, as far as they are set.
fn special_bits(mode: u32, text: &mut Text) {
    for (bit, name) in [(0o4000, &b"suid,"[..]), (0o2000, b"sgid,"), (0o1000, b"sticky,")] {
        if mode & bit != 0 {
            push(text, name);
        }
    }
}

/// A mode without a type: `0644`, `suid,0755`.
pub(super) fn mode(mode: u32, text: &mut Text) -> bool {
    special_bits(mode, text);
    push_number(text, u64::from(mode & 0o777), 8, 4);
    true
}

/// A mode with its type: `file,644`, `dir,sticky,777`; `000,` and the like for a type that is none.
pub(super) fn file_mode(mode: u32, text: &mut Text) -> bool {
    let kind = u64::from(mode >> 12 & 0o17);
    if !put(set::FILETYPE, kind, text) {
        push_number(text, kind, 8, 3);
    }
    push(text, b",");
    special_bits(mode, text);
    push_number(text, u64::from(mode & 0o777), 8, 3);
    true
}

/// fcntl's third argument, by its command (fcntl(2)).
fn fcntl(machine: Machine, command: Option<u32>, value: u64, text: &mut Text) -> bool {
    match command {
        // F_SETFD, F_SETFL, F_SETSIG, F_SETLEASE, F_ADD_SEALS
        Some(2) => put(set::FD_FLAGS, value, text),
        Some(4) => open(machine, value, text),
        Some(10) => put(set::SIGNAL, value, text),
        Some(1024) => put(set::LOCK, value, text),
        Some(1033) => put(set::SEALS, value, text),
        _ => false,
    }
}

/// mount's flags. In the upper half may stand a number instead, which the kernel takes away (linux/mount.h).
fn mount(flags: u32, text: &mut Text) -> bool {
    const MAGIC: u32 = 0xc0ed_0000;
    const MAGIC_MASK: u32 = 0xffff_0000;
    if flags & MAGIC_MASK != MAGIC {
        return put(set::MOUNT, u64::from(flags), text);
    }
    push(text, b"MS_MGC_VAL");
    more(set::MOUNT, flags & !MAGIC_MASK, text);
    true
}

/// mmap's flags. The two lowest bits are its type: 3 is one of its own.
pub(super) fn map(machine: Machine, flags: u32, text: &mut Text) -> bool {
    const TYPE: u32 = 15;
    const VALIDATE: u32 = 3;
    const X86_ONLY: u32 = 0x40;
    let x86 = matches!(machine, Machine::X86_64 | Machine::I386);
    if flags & TYPE > VALIDATE {
        // There is no such type.
        return false;
    }
    if flags & TYPE == VALIDATE {
        push(text, b"MAP_SHARED_VALIDATE");
        // The set would name the two bits, each for itself.
        let mut rest = Text::new();
        if flags & !TYPE != 0 && put(set::MMAP, u64::from(flags & !TYPE), &mut rest) {
            push(text, b"|");
            push(text, rest.strip_prefix(b"MAP_FILE|").unwrap_or(&rest));
        }
        return true;
    }
    if !x86 && flags & X86_ONLY != 0 {
        put(set::MMAP, u64::from(flags & !X86_ONLY), text);
        return said(text, b"|0x40");
    }
    put(set::MMAP, u64::from(flags), text)
}

/// IPC flags over a mode: `IPC_CREAT|0600`.
fn ipc(flags: u8, value: u32, text: &mut Text) -> bool {
    const MODE: u32 = 0o777;
    if put(flags, u64::from(value & !MODE), text) {
        push(text, b"|");
    }
    push_number(text, u64::from(value & MODE), 8, 4);
    true
}

/// clone's flags, and in the low byte the signal at the child's end.
fn clone(flags: u32, text: &mut Text) -> bool {
    let named = put(set::CLONE, u64::from(flags & !0xff), text);
    let signal = flags & 0xff;
    if signal == 0 {
        return named;
    }
    if named {
        push(text, b"|");
    }
    if !put(set::SIGNAL, u64::from(signal), text) {
        push_hex(text, u64::from(signal));
    }
    true
}

/// The flags of unshare and setns: the low byte is no signal.
fn unshare(flags: u32, text: &mut Text) -> bool {
    if flags & CLONE_NEWTIME == 0 {
        return put(set::CLONE, u64::from(flags), text);
    }
    push(text, b"CLONE_NEWTIME");
    more(set::CLONE, flags & !CLONE_NEWTIME, text);
    true
}

/// ptrace's request; some are the machine's own.
fn ptrace(machine: Machine, request: u64, text: &mut Text) -> bool {
    let own = match machine {
        Machine::X86_64 | Machine::I386 => set::PTRACE_X86,
        Machine::Arm => set::PTRACE_ARM,
        _ => return put(set::PTRACE, request, text),
    };
    put(set::PTRACE, request, text) || put(own, request, text)
}

/// prctl's second argument, by its option (prctl(2)).
fn prctl(option: Option<u32>, value: u64, text: &mut Text) -> bool {
    match option {
        // PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_READ and _DROP, PR_CAP_AMBIENT
        Some(1) => put(set::SIGNAL, value, text),
        Some(22) => put(set::SECCOMP_MODE, value, text),
        Some(23 | 24) => capability(value, text),
        Some(47) => put(set::CAP_AMBIENT, value, text),
        _ => false,
    }
}

/// One capability's name, by its number.
pub(super) fn capability(number: u64, text: &mut Text) -> bool {
    let bit = u32::try_from(number).ok().and_then(|number| 1u64.checked_shl(number));
    bit.is_some_and(|bit| put(set::CAPABILITIES, bit, text))
}

/// A personality: a number in the low byte, and flags.
pub(super) fn personality(value: u32, text: &mut Text) -> bool {
    const NUMBER: u32 = 0xff;
    // What personality(2) asks with.
    if value == u32::MAX || !put(set::PERSONALITY, u64::from(value & NUMBER), text) {
        return false;
    }
    more(set::PERSONALITY_FLAGS, value & !NUMBER, text);
    true
}

/// A scheduling policy and its only flag (sched_setscheduler(2)).
fn scheduler(value: u32, text: &mut Text) -> bool {
    const RESET_ON_FORK: u32 = 0x4000_0000;
    if !put(set::SCHED, u64::from(value & !RESET_ON_FORK), text) {
        return false;
    }
    if value & RESET_ON_FORK != 0 {
        push(text, b"|SCHED_RESET_ON_FORK");
    }
    true
}

/// A socket's type, and flags above its four bits (socket(2)).
fn socket_type(value: u32, text: &mut Text) -> bool {
    const TYPE: u32 = 15;
    if !put(set::SOCKTYPE, u64::from(value & TYPE), text) {
        return false;
    }
    more(set::SOCKFLAGS, value & !TYPE, text);
    true
}

/// A socket's protocol, by its family: a number means something else in each.
fn protocol(family: Option<u32>, value: u64, text: &mut Text) -> bool {
    match family {
        // AF_INET, AF_INET6, AF_NETLINK
        Some(2 | 10) => put(set::PROTOCOL, value, text),
        Some(16) => put(set::NETLINK, value, text),
        _ => false,
    }
}

/// A socket option's level: one of the socket layers, or a protocol.
fn level(value: u64, text: &mut Text) -> bool {
    put(set::LEVEL, value, text) || put(set::PROTOCOL, value, text)
}

/// A socket option, by its level.
fn option(level: Option<u32>, value: u64, text: &mut Text) -> bool {
    // The numbers of the levels: linux/in.h and include/linux/socket.h.
    let set = match level {
        Some(0) => set::IP,
        Some(1) => set::SO,
        Some(6) => set::TCP,
        Some(17) => set::UDP,
        Some(41) => set::IPV6,
        Some(263) => set::PACKET,
        _ => return false,
    };
    put(set, value, text)
}

/// The same where it is asked for: two of netfilter's have another name then (linux/netfilter_ipv4/ip_tables.h,
/// linux/netfilter_ipv6/ip6_tables.h).
fn asked_option(level: Option<u32>, value: u64, text: &mut Text) -> bool {
    match (level, value) {
        (Some(0), 64) => said(text, b"IPT_SO_GET_INFO"),
        (Some(0), 65) => said(text, b"IPT_SO_GET_ENTRIES"),
        (Some(41), 64) => said(text, b"IP6T_SO_GET_INFO"),
        (Some(41), 65) => said(text, b"IP6T_SO_GET_ENTRIES"),
        _ => option(level, value, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(machine: Machine, name: &str, index: usize, args: [u64; 4]) -> Option<String> {
        let number = machine.syscall_number(name).unwrap().into();
        let mut text = Text::new();
        let is_said = argument(machine, number, index, &args.map(Some), &mut text);
        is_said.then(|| String::from_utf8(text.to_vec()).unwrap())
    }

    /// The rest is held against ausearch's words in tests/values.rs; there these would be equally wrong.
    #[test]
    fn where_ausearch_is_wrong() {
        let x86 = |name, index, args| said_of(Machine::X86_64, name, index, args);
        assert_eq!(x86("mount", 3, [0, 0, 0, 0xc0ed_0000]).as_deref(), Some("MS_MGC_VAL"));
        assert_eq!(
            x86("mount", 3, [0, 0, 0, 0xc0ed_0003]).as_deref(),
            Some("MS_MGC_VAL|MS_RDONLY|MS_NOSUID")
        );
        assert_eq!(x86("mount", 3, [0, 0, 0, 0x1001]).as_deref(), Some("MS_RDONLY|MS_BIND"));
        assert_eq!(x86("getsockopt", 2, [3, 0, 64, 0]).as_deref(), Some("IPT_SO_GET_INFO"));
        assert_eq!(x86("setsockopt", 2, [3, 0, 64, 0]).as_deref(), Some("IPT_SO_SET_REPLACE"));
        assert_eq!(x86("getsockopt", 2, [3, 41, 65, 0]).as_deref(), Some("IP6T_SO_GET_ENTRIES"));
        let flags = [0x3_ffb0_c7f0, 0x11, 0x3_ffb0_c7f0, 0];
        assert_eq!(said_of(Machine::S390x, "clone", 0, flags), None, "the stack");
        assert_eq!(said_of(Machine::S390x, "clone", 1, flags).as_deref(), Some("SIGCHLD"));
        assert_eq!(said_of(Machine::S390x, "mmap", 2, [0x3_ffb0_c7f0, 0, 7, 0x22]), None, "a pointer");
    }
}
