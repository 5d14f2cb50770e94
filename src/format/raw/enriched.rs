//! What auditd's ENRICHED format appends to a record: 0x1D, and the meaning of its users, groups, arch,
//! system call and socket address, under the fields' names in upper case. Takes a record that was just
//! written, appends to its line. It cuts a record at blanks alone, as libauparse does, and not as
//! `wire::fields`, so that what user space writes means the same to both.
//! Source: auditd 3.0.9, src/auditd-event.c, format_enrich; auparse/ellist.c, parse_up_record;
//! auparse/interpret.c; auparse/typetab.h.

use super::super::Line;
use crate::enrich::Names;
use crate::event::Record;
use crate::wire::fields::{ENRICHED, decode_hex, nibble};
use crate::wire::record::RecordType;
use crate::wire::sockaddr::{self, Address};
use crate::wire::tables::Machine;
use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest field name here, and to spare.
const NAME: usize = 16;
/// An address that the kernel takes is at most 128 bytes (struct sockaddr_storage).
const ADDRESS: usize = 128;
/// What auditd shows of a unix socket's path.
const PATH: usize = 108;

/// Fields that hold a user's id.
const USERS: [&[u8]; 13] = [
    b"auid",
    b"uid",
    b"euid",
    b"suid",
    b"fsuid",
    b"ouid",
    b"oauid",
    b"old-auid",
    b"iuid",
    b"id",
    b"inode_uid",
    b"sauid",
    b"obj_uid",
];
/// Fields that hold a group's id.
const GROUPS: [&[u8]; 9] =
    [b"obj_gid", b"gid", b"egid", b"sgid", b"fsgid", b"ogid", b"igid", b"inode_gid", b"new_gid"];
/// The calls behind i386's socketcall, from 1 (linux/net.h), and behind its ipc (linux/ipc.h).
const SOCKET_CALLS: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];
const IPC_CALLS: [(u64, &str); 12] = [
    (1, "semop"),
    (2, "semget"),
    (3, "semctl"),
    (4, "semtimedop"),
    (11, "msgsnd"),
    (12, "msgrcv"),
    (13, "msgget"),
    (14, "msgctl"),
    (21, "shmat"),
    (22, "shmdt"),
    (23, "shmget"),
    (24, "shmctl"),
];
/// Address families by number, as auparse/famtab.h names them.
const FAMILIES: [&str; 45] = [
    "",
    "local",
    "inet",
    "ax25",
    "ipx",
    "appletalk",
    "netrom",
    "bridge",
    "atmpvc",
    "x25",
    "inet6",
    "rose",
    "decnet",
    "netbeui",
    "security",
    "key",
    "netlink",
    "packet",
    "ash",
    "econet",
    "atmsvc",
    "rds",
    "sna",
    "irda",
    "pppox",
    "wanpipe",
    "llc",
    "",
    "",
    "can",
    "tipc",
    "bluetooth",
    "iucv",
    "rxrpc",
    "isdn",
    "phonet",
    "ieee802154",
    "caif",
    "alg",
    "nfc",
    "vsock",
    "kcm",
    "qipcrtr",
    "smc",
    "xdp",
];
/// AUDIT_ARCH_* of machines that have no table here, and the names of all.
const MACHINES: [(u32, &str); 9] = [
    (0x4000_0003, "i386"),
    (0xc000_003e, "x86_64"),
    (0x8000_0015, "ppc64"),
    (0xc000_0015, "ppc64le"),
    (0x14, "ppc"),
    (0x8000_0016, "s390x"),
    (0x16, "s390"),
    (0x4000_0028, "armeb"),
    (0xc000_00b7, "aarch64"),
];

/// Appends to the line of this record, which was just written.
pub(super) fn append(record: &Record<'_>, names: &Names, line: &mut Line) {
    let call = Call::of(record.fields);
    let mut first = true;
    for (name, value) in words(record.fields) {
        let Some(meaning) = meaning(record.kind, name) else { continue };
        line.push(if first { &[ENRICHED] } else { b" " });
        first = false;
        push_upper(name, line);
        line.push(b"=");
        match meaning {
            Meaning::User => push_id(value, |id| names.users.name_of(id), line),
            Meaning::Group => push_id(value, |id| names.groups.name_of(id), line),
            Meaning::Arch => call.push_arch(value, line),
            Meaning::Syscall => call.push(line),
            Meaning::Address => push_address(value, line),
        }
    }
}

/// What is appended for a field.
#[derive(Clone, Copy)]
enum Meaning {
    User,
    Group,
    Arch,
    Syscall,
    Address,
}

fn meaning(kind: RecordType, name: &[u8]) -> Option<Meaning> {
    /// ADD_GROUP, DEL_GROUP and GRP_MGMT.
    const GROUPS_OWN: [u16; 3] = [1116, 1117, 1132];
    const TRUSTED_APP: u16 = 1121;
    const NETFILTER_PKT: u16 = 1324;
    let is = |known: &[u8]| known == name;
    match name.len() {
        0..2 | 10.. => return None,
        _ => {}
    }
    if kind.0 == TRUSTED_APP || (kind == RecordType::EXECVE && name.starts_with(b"a")) {
        return None;
    }
    if name == b"id" && GROUPS_OWN.contains(&kind.0) {
        return Some(Meaning::Group);
    }
    if is(b"saddr") {
        let is_text = kind == RecordType::AVC || kind.0 == NETFILTER_PKT;
        return (!is_text).then_some(Meaning::Address);
    }
    if is(b"syscall") {
        return Some(Meaning::Syscall);
    }
    if is(b"arch") {
        return Some(Meaning::Arch);
    }
    // All of the others end so, and few other fields do.
    if name.last_chunk::<2>() != Some(b"id") {
        return None;
    }
    if USERS.iter().any(|user| is(user)) {
        return Some(Meaning::User);
    }
    GROUPS.iter().any(|group| is(group)).then_some(Meaning::Group)
}

/// The words of a record that hold a field, each split into its name and its value, as libauparse cuts
/// them: at blanks alone, with the punctuation behind a value taken off.
fn words(fields: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let end = fields.iter().position(|&byte| byte == 0).unwrap_or(fields.len());
    let own = fields.get(..end).unwrap_or_default();
    own.split(|&byte| matches!(byte, b' ' | b'\n' | ENRICHED)).filter_map(|word| {
        let word = match word.strip_prefix(b"msg=") {
            Some([b'a', ..]) => return None,
            Some([b'\'', inside @ ..]) => inside,
            _ => word,
        };
        let equals = word.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (word.get(..equals)?, word.get(equals + 1..)?);
        if value.is_empty() {
            return None;
        }
        let value = value.strip_suffix(b":").unwrap_or(value);
        let value = value.strip_suffix(b",").unwrap_or(value);
        let value = value.strip_suffix(b"'").unwrap_or(value);
        let value = match value {
            b"(none)" | b"(null)" => value,
            _ => value.strip_suffix(b")").unwrap_or(value),
        };
        Some((name.strip_prefix(b"(").unwrap_or(name), value))
    })
}

/// What a record says of its system call, where libauparse looks for it: at certain places, counted from
/// `type=`, which is the first.
#[derive(Clone, Copy, Default)]
struct Call {
    arch: Option<u32>,
    number: Option<u32>,
    a0: u64,
}

impl Call {
    fn of(fields: &[u8]) -> Self {
        let mut call = Self::default();
        for ((name, value), place) in words(fields).zip(2u8..=12) {
            match (place, name) {
                (2 | 11, b"arch") => call.arch = number(value, 16).map(c_int),
                (3 | 12, b"syscall") => call.number = number(value, 10).map(c_int),
                (6, b"a0") => call.a0 = number(value, 16).unwrap_or(u64::MAX),
                _ => {}
            }
        }
        call
    }

    /// The arch where the call was found, if there it is known; else this value's.
    fn push_arch(self, value: &[u8], line: &mut Line) {
        let known = |arch: Option<u32>| arch.and_then(machine_name);
        match known(self.arch).or_else(|| known(number(value, 16).map(c_int))) {
            Some(name) => line.push(name.as_bytes()),
            None => {
                line.push(b"unknown-elf-type(");
                line.push(value);
                line.push(b")");
            }
        }
    }

    fn push(self, line: &mut Line) {
        // Without an arch it is taken to be this machine's.
        let machine = match self.arch.filter(|&arch| machine_name(arch).is_some()) {
            Some(arch) => Machine::of_audit_arch(arch),
            None => Machine::of_uname(std::env::consts::ARCH),
        };
        let name = machine.zip(self.number).and_then(|(machine, number)| machine.auditctl_name(number));
        let Some(name) = name else {
            line.push(b"unknown-syscall(");
            push_signed(self.number.map_or(-1, u32::cast_signed), line);
            return line.push(b")");
        };
        line.push(name.as_bytes());
        let inner = match name {
            "socketcall" => usize::try_from(self.a0).ok().and_then(|a0| SOCKET_CALLS.get(a0.checked_sub(1)?)),
            "ipc" => IPC_CALLS.iter().find(|(number, _)| *number == self.a0).map(|(_, name)| name),
            _ => None,
        };
        if let Some(inner) = inner {
            line.push(b"(");
            line.push(inner.as_bytes());
            line.push(b")");
        }
    }
}

/// strtoul(3) with this base; `None` when the number does not fit.
fn number(text: &[u8], base: u32) -> Option<u64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = match digits {
        [b'0', b'x' | b'X', rest @ ..] if base == 16 && rest.first().is_some_and(u8::is_ascii_hexdigit) => {
            rest
        }
        _ => digits,
    };
    let values = digits.iter().map_while(|&digit| nibble(digit).map(u32::from).filter(|&value| value < base));
    let sum = values
        .into_iter()
        .try_fold(0u64, |sum, value| sum.checked_mul(u64::from(base))?.checked_add(u64::from(value)))?;
    Some(if negative { sum.wrapping_neg() } else { sum })
}

/// The 32 bits of a number that C keeps in an int.
fn c_int(number: u64) -> u32 {
    (number & u64::from(u32::MAX)) as u32
}

/// The name of a user or group, in quotes.
fn push_id<'n>(value: &[u8], name_of: impl Fn(&[u8]) -> Option<&'n [u8]>, line: &mut Line) {
    let Some(id) = number(value, 10) else {
        // Only user space writes such a thing; what is appended has a blank, so it is hexadecimal.
        [&b"conversion error("[..], value, b")"].iter().for_each(|part| push_hex(part, line));
        return;
    };
    let id = c_int(id);
    if id == u32::MAX {
        return line.push(b"\"unset\"");
    }
    if id == 0 {
        return line.push(b"\"root\"");
    }
    let mut digits: heapless::String<10> = heapless::String::new();
    // A u32 has at most ten digits.
    let _ = write!(digits, "{id}");
    match name_of(digits.as_bytes()) {
        Some(name) if name.iter().any(|&byte| !(0x21..0x7f).contains(&byte) || byte == b'"') => {
            push_hex(name, line);
        }
        Some(name) => {
            line.push(b"\"");
            line.push(name);
            line.push(b"\"");
        }
        None => {
            line.push(b"\"unknown(");
            push_signed(id.cast_signed(), line);
            line.push(b")\"");
        }
    }
}

fn machine_name(arch: u32) -> Option<&'static str> {
    let known = MACHINES.iter().find(|(number, _)| *number == arch).map(|(_, name)| *name);
    // auditd 3.0.9 does not know riscv64; later ones name it so.
    known.or_else(|| Machine::of_audit_arch(arch).map(Machine::name))
}

/// A socket's address between braces.
fn push_address(value: &[u8], line: &mut Line) {
    let hex = value.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(value.len());
    let mut space = [0; ADDRESS];
    let hex = value.get(..(hex & !1).min(2 * ADDRESS)).unwrap_or_default();
    let bytes = decode_hex(hex, &mut space).unwrap_or_default();
    let Some(address) = sockaddr::parse(bytes) else {
        line.push(b"malformed-host(");
        line.push(value);
        return line.push(b")");
    };
    let family = address.family();
    let Some(name) = FAMILIES.get(usize::from(family)).filter(|name| !name.is_empty()) else {
        line.push(b"unknown-family(");
        line.push_number(u64::from(family));
        return line.push(b")");
    };
    line.push(b"{ saddr_fam=");
    line.push(name.as_bytes());
    match address {
        _ if *name == "local" && bytes.len() < 4 => line.push(b" sockaddr len too short"),
        Address::Unix { path } => push_path(path, line),
        Address::UnixAbstract { name } => push_path(name, line),
        Address::UnixUnnamed => push_path(b"", line),
        Address::Inet { addr, port } => push_ip(format_args!("{}", Ipv4Addr::from(addr)), port, line),
        Address::Inet6 { addr, port, scope_id, .. } => push_ip6(addr, port, scope_id, line),
        Address::Netlink { pid, .. } => {
            line.push(b" nlnk-fam=16 nlnk-pid=");
            line.push_number(u64::from(pid));
        }
        _ if *name == "inet" => line.push(b" sockaddr len too short"),
        _ if *name == "inet6" => line.push(b" sockaddr6 len too short"),
        _ if *name == "netlink" => line.push(b" len too short"),
        _ => line.push(b" (unsupported)"),
    }
    line.push(b" }");
}

/// A path up to a NUL. auditd writes every byte as it is; a control byte could end the line here and begin
/// a forged record, so it becomes a blank.
fn push_path(path: &[u8], line: &mut Line) {
    line.push(b" path=");
    let shown = path.split(|&byte| byte == 0).next().unwrap_or_default();
    for &byte in shown.get(..PATH).unwrap_or(shown) {
        line.push(&[if byte < b' ' || byte == 0x7f { b' ' } else { byte }]);
    }
}

fn push_ip6(addr: [u8; 16], port: u16, scope_id: u32, line: &mut Line) {
    let ip = Ipv6Addr::from(addr);
    match addr {
        // inet_ntop(3) shows these as IPv4, the standard library does not.
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if (a, b) != (0, 0) => {
            push_ip(format_args!("::{a}.{b}.{c}.{d}"), port, line);
        }
        _ if scope_id != 0 => push_ip(format_args!("{ip}%{scope_id}"), port, line),
        _ => push_ip(format_args!("{ip}"), port, line),
    }
}

fn push_ip(address: fmt::Arguments<'_>, port: u16, line: &mut Line) {
    // 45 bytes for an IPv6 address, and its scope.
    let mut shown: heapless::String<64> = heapless::String::new();
    let _ = shown.write_fmt(address);
    line.push(b" laddr=");
    line.push(shown.as_bytes());
    line.push(b" lport=");
    line.push_number(u64::from(port));
}

fn push_upper(name: &[u8], line: &mut Line) {
    let mut upper = [0; NAME];
    upper.iter_mut().zip(name).for_each(|(to, from)| *to = from.to_ascii_uppercase());
    line.push(upper.get(..name.len().min(NAME)).unwrap_or_default());
}

fn push_signed(number: i32, line: &mut Line) {
    if number < 0 {
        line.push(b"-");
    }
    line.push_number(u64::from(number.unsigned_abs()));
}

fn push_hex(bytes: &[u8], line: &mut Line) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        line.push(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}
