//! What kind of value a record's key has: the kernel and user space write decimal, hexadecimal and octal
//! numbers and encoded text without saying which. Source: the kernel's audit_log_format calls (kernel/audit.c,
//! auditsc.c, audit_watch.c, ipc/mqueue.c, security/commoncap.c, security/apparmor), audit-documentation's field dictionary.

use super::record::RecordType;
use crate::pen::filled_up;

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As it stands.
    Text,
    /// Text in quotes, or its bytes in hex.
    Encoded,
    /// A decimal number.
    Decimal,
    /// A hexadecimal number, mostly without `0x`.
    Hex,
    /// An octal number, mostly with one leading 0.
    Octal,
    /// A user's number, decimal.
    User,
    /// A group's number, decimal.
    Group,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The kind of its value.
    pub class: Class,
    /// Whether its value may have a name beside it, other than those of users, groups, arch and system calls.
    pub is_named: bool,
    /// Whether the key is one of the table: letters, digits, `-` and `_`, which stand in JSON as they are.
    pub is_plain: bool,
}

/// What is known of this key in a record of this type. Keys that are not known are text: a number that could
/// be decimal or hexadecimal is passed on as it stands.
pub fn known(kind: RecordType, key: &[u8]) -> Known {
    let plain = |class| Known { class, is_named: false, is_plain: true };
    match (kind, key) {
        (RecordType::SYSCALL | RecordType::SOCKETCALL, [b'a', b'0'..=b'9']) => plain(Class::Hex),
        // Elsewhere, in NETFILTER_PKT, an address in its usual form.
        (RecordType::SOCKADDR, b"saddr") => plain(Class::Encoded),
        _ => lookup(key),
    }
}

/// The class alone.
pub fn of(kind: RecordType, key: &[u8]) -> Class {
    known(kind, key).class
}

macro_rules! keys {
    ($($class:ident: $($key:literal)+;)+) => {
        const KEYS: &[(&[u8], Class)] = &[$($(($key, Class::$class),)+)+];
    };
}

keys! {
    Text:
        b"action" b"hook" b"icmptype" b"macproto" b"nametype" b"perm" b"resp" b"result" b"saddr" b"subj" b"success" b"tty"
        b"cap_frootid" b"obj" b"dev" b"rdev";
    Encoded:
        b"acct" b"cgroup" b"cmd" b"comm" b"cwd" b"data" b"device" b"dir" b"exe" b"file" b"fstype" b"grp"
        b"invalid_context" b"key" b"name" b"namespace" b"new-chardev" b"new-disk" b"new-fs" b"new-net" b"new-rng"
        b"new_group" b"ocomm" b"old-chardev" b"old-disk" b"old-fs" b"old-net" b"old-rng" b"path" b"peer" b"proctitle"
        b"profile" b"root_dir" b"srcname" b"sw" b"target" b"trans" b"vm" b"watch";
    Decimal:
        b"abs_timeout_nsec" b"abs_timeout_sec" b"argc" b"audit_backlog_limit" b"audit_backlog_wait_time"
        b"audit_enabled" b"audit_failure" b"audit_pid" b"audit_rate_limit" b"cap_fe" b"capability" b"code_signature"
        b"compat" b"cid" b"dport" b"entries" b"errno" b"exit" b"family" b"fd" b"fd0" b"fd1" b"fe" b"feature_lock"
        b"ino" b"inode" b"item" b"items" b"kernel_lost" b"list" b"lost" b"lport" b"major" b"minor" b"mq_curmsgs"
        b"mq_maxmsg" b"mq_msgsize" b"mqdes" b"msg_len" b"msg_prio" b"nargs" b"net" b"new" b"nlnk-fam" b"nlnk-grp"
        b"nlnk-pid" b"old" b"old_enforcing" b"enforcing" b"old-lock" b"new_lock" b"old_lock" b"old-ses" b"opid"
        b"oses" b"permissive" b"pid" b"old_prom" b"port" b"ppid" b"prog-id" b"prom" b"proto" b"removed" b"added" b"res" b"rport"
        b"seqno" b"ses" b"sig" b"sigev_signo" b"sport" b"spid" b"subj_count" b"syscall" b"total" b"uring_op"
        b"val" b"vm-pid";
    Hex:
        b"arch" b"cap_fi" b"cap_fp" b"cap_fver" b"cap_pa" b"cap_pe" b"cap_pi" b"cap_pp" b"code" b"fi" b"flags"
        b"fp" b"fver" b"ioctlcmd" b"ip" b"mark" b"mq_flags" b"new_pa" b"new_pe" b"new_pi" b"new_pp" b"old_pa"
        b"old_pe" b"old_pi" b"old_pp" b"pa" b"pe" b"per" b"pi" b"pp" b"qbytes" b"resolve" b"spi";
    Octal: b"mode" b"oflag";
    User:
        b"auid" b"euid" b"fsuid" b"inode_uid" b"iuid" b"loginuid" b"oauid" b"obj_uid" b"old-auid" b"ouid" b"sauid"
        b"suid" b"uid";
    Group:
        b"egid" b"fsgid" b"gid" b"igid" b"inode_gid" b"new_gid" b"obj_gid" b"ogid" b"sgid";
}

/// The keys whose values may have a name: those that `ringaudit_setup::values::field` knows.
const NAMED: &[&[u8]] = &[
    b"action",
    b"cap_fi",
    b"cap_fp",
    b"cap_pa",
    b"cap_pe",
    b"cap_pi",
    b"cap_pp",
    b"capability",
    b"code",
    b"exit",
    b"family",
    b"fe",
    b"fi",
    b"flags",
    b"fp",
    b"hook",
    b"icmptype",
    b"ioctlcmd",
    b"list",
    b"macproto",
    b"mode",
    b"new_pe",
    b"new_pi",
    b"new_pp",
    b"oflag",
    b"old-ses",
    b"old_pa",
    b"old_pe",
    b"old_pi",
    b"old_pp",
    b"old_prom",
    b"pa",
    b"pe",
    b"per",
    b"perm",
    b"pi",
    b"pp",
    b"prom",
    b"proto",
    b"res",
    b"resp",
    b"result",
    b"ses",
    b"sig",
    b"uring_op",
];

/// For each of `KEYS`, whether it is one of `NAMED`.
static IS_NAMED: [bool; KEYS.len()] = {
    let mut named = [false; KEYS.len()];
    let mut index = 0;
    while index < KEYS.len() {
        let mut other = 0;
        while other < NAMED.len() {
            named[index] |= same(KEYS[index].0, NAMED[other]);
            other += 1;
        }
        index += 1;
    }
    named
};

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

/// Places in the table below; a power of two, above twice the number of keys.
const PLACES: usize = 512;

/// Where the key stands in `KEYS`, plus 1, by its hash; the next place when that one is taken.
static TABLE: [u8; PLACES] = {
    let mut table = [0; PLACES];
    let mut index = 0;
    while index < KEYS.len() {
        let mut place = hash(WORDS[index], KEYS[index].0.len());
        while table[place] != 0 {
            place = (place + 1) % PLACES;
        }
        index += 1;
        table[place] = index as u8;
    }
    table
};

/// The first eight bytes of each key, filled up with blanks: most keys are told by them and the length.
static WORDS: [u64; KEYS.len()] = {
    let mut words = [0; KEYS.len()];
    let mut index = 0;
    while index < KEYS.len() {
        let mut at = 8;
        while at > 0 {
            at -= 1;
            let byte = if at < KEYS[index].0.len() { KEYS[index].0[at] } else { b' ' };
            words[index] = words[index] << 8 | byte as u64;
        }
        index += 1;
    }
    words
};

/// The upper bits of a product (Knuth, The Art of Computer Programming 3, 6.4).
const fn hash(word: u64, len: usize) -> usize {
    (word.wrapping_add(len as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.trailing_zeros()))
        as usize
}

fn lookup(key: &[u8]) -> Known {
    let word = u64::from_le_bytes(filled_up(key));
    let mut place = hash(word, key.len());
    while let Some(&index) = TABLE.get(place)
        && index != 0
    {
        let index = usize::from(index) - 1;
        if let (Some((known, class)), Some(&is_named)) = (KEYS.get(index), IS_NAMED.get(index))
            && WORDS.get(index) == Some(&word)
            && known.len() == key.len()
            && known.get(8..) == key.get(8..)
        {
            return Known { class: *class, is_named, is_plain: true };
        }
        place = (place + 1) % PLACES;
    }
    Known { class: Class::Text, is_named: false, is_plain: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_stands_once() {
        assert!(KEYS.len() < PLACES / 2 && KEYS.len() < 255);
        for (index, (key, class)) in KEYS.iter().enumerate() {
            assert_eq!(lookup(key).class, *class);
            let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            assert!(key.iter().all(plain) && lookup(key).is_plain);
            assert!(KEYS[..index].iter().all(|(other, _)| other != key), "{:?}", str::from_utf8(key));
        }
        for unknown in [&b""[..], b"a", b"nothing", b"uidx", b"frootid"] {
            assert_eq!(lookup(unknown), Known { class: Class::Text, is_named: false, is_plain: false });
        }
        assert!(NAMED.iter().all(|key| lookup(key).is_named));
        assert_eq!(IS_NAMED.iter().filter(|named| **named).count(), NAMED.len());
    }

    #[test]
    fn the_record_decides_where_a_key_has_two_meanings() {
        assert_eq!(of(RecordType::SYSCALL, b"a1"), Class::Hex);
        assert_eq!(of(RecordType::EXECVE, b"a1"), Class::Text);
        assert_eq!(of(RecordType::SOCKADDR, b"saddr"), Class::Encoded);
        assert_eq!(of(RecordType(1324), b"saddr"), Class::Text);
    }

    #[test]
    fn usual_keys_are_found_at_once() {
        let far = KEYS.iter().filter(|(key, _)| {
            let index = TABLE[hash(u64::from_le_bytes(filled_up(key)), key.len())];
            index == 0 || KEYS[usize::from(index) - 1].0 != *key
        });
        let far: Vec<_> = far.map(|(key, _)| str::from_utf8(key).unwrap()).collect();
        assert!(far.len() < KEYS.len() / 4, "{} of {}: {far:?}", far.len(), KEYS.len());
    }
}
