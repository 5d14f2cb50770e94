//! What a field's value means, by its key and its record's type, other than a0 to a3, arch, syscall and the
//! numbers of users and groups. Source: kernel/audit*.c and net/netfilter/xt_AUDIT.c for what stands where.

use super::arguments::{capability, file_mode, map, mode, open, personality};
use super::set::{self, put};
use super::{Text, low, push};
use crate::wire::tables::{Machine, errno_name};

/// Numbers of record types (linux/audit.h).
mod kind {
    pub(super) const CONFIG_CHANGE: u16 = 1305;
    pub(super) const MQ_OPEN: u16 = 1312;
    pub(super) const BPRM_FCAPS: u16 = 1321;
    pub(super) const MMAP: u16 = 1323;
    pub(super) const NETFILTER_PKT: u16 = 1324;
    pub(super) const NETFILTER_CFG: u16 = 1325;
    pub(super) const SECCOMP: u16 = 1326;
    pub(super) const FANOTIFY: u16 = 1331;
    pub(super) const URINGOP: u16 = 1336;
    pub(super) const AVC: u16 = 1400;
}

/// Appends what a bare value means: `mode=0100644` is `file,644`, `sig=9` is `SIGKILL`, `exit=-2` is `ENOENT`.
/// False when there is nothing to say; then nothing is appended. `machine` is the event's, where it is known.
pub fn field(machine: Machine, record: u16, key: &[u8], value: &[u8], text: &mut Text) -> bool {
    match (record, key) {
        (_, b"exit") => exit(value, text),
        (kind::MQ_OPEN, b"mode") => number(value, 8).is_some_and(|n| mode(low(n), text)),
        (_, b"mode") => number(value, 8).is_some_and(|n| file_mode(low(n), text)),
        (_, b"sig") => decimal(set::SIGNAL, value, text),
        (_, b"cap_fp" | b"cap_fi" | b"cap_pp" | b"cap_pi" | b"cap_pe" | b"cap_pa")
        | (
            kind::BPRM_FCAPS,
            b"fp" | b"fi" | b"pp" | b"pi" | b"pe" | b"pa" | b"old_pp" | b"old_pi" | b"old_pe" | b"old_pa"
            | b"new_pp" | b"new_pi" | b"new_pe",
        ) => hexadecimal(set::CAPABILITIES, value, text),
        (_, b"capability") => number(value, 10).is_some_and(|n| capability(n, text)),
        (_, b"per") => number(value, 16).is_some_and(|n| personality(low(n), text)),
        (_, b"res" | b"result") => switch(value, text),
        (_, b"prom" | b"old_prom") => number(value, 10).is_some_and(|n| {
            push(text, if n == 0 { b"no" } else { b"yes" });
            true
        }),
        (_, b"ses" | b"old-ses") => {
            value == b"4294967295" && {
                push(text, b"unset");
                true
            }
        }
        (kind::CONFIG_CHANGE, b"list") => decimal(set::LIST, value, text),
        (kind::CONFIG_CHANGE, b"perm") => decimal(set::PERM, value, text),
        (kind::MMAP, b"flags") => number(value, 16).is_some_and(|n| map(machine, low(n), text)),
        (kind::MQ_OPEN, b"oflag") => number(value, 16).is_some_and(|n| open(machine, n, text)),
        (kind::NETFILTER_PKT, b"proto") => decimal(set::PROTOCOL, value, text),
        (kind::NETFILTER_PKT, b"hook") => decimal(set::HOOK, value, text),
        (kind::NETFILTER_PKT, b"action") => decimal(set::ACTION, value, text),
        (kind::NETFILTER_PKT, b"icmptype") => decimal(set::ICMPTYPE, value, text),
        (kind::NETFILTER_PKT, b"macproto") => hexadecimal(set::MACPROTO, value, text),
        (kind::NETFILTER_CFG, b"family") => decimal(set::NFPROTO, value, text),
        // The action is the high half (linux/seccomp.h, SECCOMP_RET_ACTION_FULL).
        (kind::SECCOMP, b"code") => number(value, 16).is_some_and(|n| put(set::CODE, n >> 16, text)),
        (kind::FANOTIFY, b"resp") => decimal(set::RESP, value, text),
        (kind::URINGOP, b"uring_op") => decimal(set::URING_OP, value, text),
        (kind::AVC, b"ioctlcmd") => hexadecimal(set::IOCTL, value, text),
        _ => false,
    }
}

/// A number in digits of a base, with or without the base's own mark.
fn number(digits: &[u8], base: u32) -> Option<u64> {
    let digits = if base == 16 { digits.strip_prefix(b"0x").unwrap_or(digits) } else { digits };
    let first = digits.first()?;
    // from_str_radix takes a sign.
    first.is_ascii_hexdigit().then_some(())?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok()
}

fn decimal(set: u8, value: &[u8], text: &mut Text) -> bool {
    number(value, 10).is_some_and(|number| put(set, number, text))
}

fn hexadecimal(set: u8, value: &[u8], text: &mut Text) -> bool {
    number(value, 16).is_some_and(|number| put(set, number, text))
}

/// A negative errno's name; those above 511 are the kernel's own (include/linux/errno.h).
fn exit(value: &[u8], text: &mut Text) -> bool {
    let Some(number) = value.strip_prefix(b"-").and_then(|digits| number(digits, 10)) else { return false };
    let name = match number {
        512 => Some("ERESTARTSYS"),
        513 => Some("ERESTARTNOINTR"),
        514 => Some("ERESTARTNOHAND"),
        516 => Some("ERESTART_RESTARTBLOCK"),
        _ => u32::try_from(number).ok().and_then(errno_name),
    };
    name.is_some_and(|name| {
        push(text, name.as_bytes());
        true
    })
}

/// A result that is written as a number.
fn switch(value: &[u8], text: &mut Text) -> bool {
    let word: &[u8] = match value {
        b"0" => b"no",
        b"1" => b"yes",
        _ => return false,
    };
    push(text, word);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(record: u16, key: &str, value: &str) -> Option<String> {
        let mut text = Text::new();
        field(Machine::X86_64, record, key.as_bytes(), value.as_bytes(), &mut text)
            .then(|| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn what_is_no_number_means_nothing() {
        for value in ["", "-", "+1", "-+2", "x", "0x", "(null)", "?", "99999999999999999999999", "\u{ff}"] {
            for key in ["exit", "mode", "sig", "cap_fp", "capability", "per", "res", "prom", "ses"] {
                assert_eq!(meant(1300, key, value), None, "{key}={value}");
            }
        }
        assert_eq!(meant(1300, "exit", "2"), None);
        assert_eq!(meant(1300, "exit", "-4096"), None);
        assert_eq!(meant(1300, "exit", "-2").unwrap(), "ENOENT");
        assert_eq!(meant(1300, "exit", "-512").unwrap(), "ERESTARTSYS");
        assert_eq!(meant(1300, "fp", "1"), None, "another record's key");
    }
}
