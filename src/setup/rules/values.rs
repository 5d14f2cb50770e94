//! The value of a `-F` into what the kernel compares with. All comparisons in the kernel are of unsigned
//! 32-bit numbers (kernel/auditfilter.c, audit_comparator), which makes some rules mean other things than
//! they say: those are warned about here.

use super::accounts::Accounts;
use super::fields::{Kind, Spec};
use crate::config::{did_you_mean, quoted};
use crate::wire::rule::{Field, Op, Value, field};
use crate::wire::tables::{errno_name, errno_names, errno_number, record_type_names, record_type_number};

/// auid and sessionid of a process without login (AUDIT_UID_UNSET).
const UNSET: u32 = u32::MAX;
/// The longest path with its NUL (PATH_MAX).
const PATH_MAX: usize = 4096;

/// `S_IFMT` values of inode(7) by auditctl's names.
pub(super) const FILE_TYPES: [(&str, u32); 7] = [
    ("file", 0o100_000),
    ("dir", 0o040_000),
    ("socket", 0o140_000),
    ("link", 0o120_000),
    ("character", 0o020_000),
    ("block", 0o060_000),
    ("fifo", 0o010_000),
];

/// Magic numbers of include/uapi/linux/magic.h by auditctl's names.
pub(super) const FS_TYPES: [(&str, u32); 2] = [("debugfs", 0x6462_6720), ("tracefs", 0x7472_6163)];

/// AUDIT_SADDR_FAM is compared with AF_* of include/linux/socket.h.
const FAMILIES: [(&str, u32); 9] = [
    ("unix", 1),
    ("local", 1),
    ("inet", 2),
    ("inet6", 10),
    ("netlink", 16),
    ("packet", 17),
    ("bluetooth", 31),
    ("alg", 38),
    ("vsock", 40),
];

/// AF_MAX is 46 in Linux 6.18; this leaves room.
const FAMILY_LIMIT: u32 = 64;

/// Reads the value of every kind but [`Kind::Arch`]. The error says what is wrong.
pub(super) fn read(spec: &Spec, op: Op, text: &str, accounts: &Accounts) -> Result<Value, String> {
    let uid = |name: &str| accounts.uid(name);
    let number = match spec.kind {
        Kind::Number => unsigned(spec.name, text)?,
        Kind::RecordType if !starts_as_number(text) => record_type(text)?,
        Kind::RecordType => unsigned(spec.name, text)?,
        Kind::User => real_id(spec.name, id(spec.name, text, &uid)?)?,
        Kind::Group => real_id(spec.name, id(spec.name, text, &|name| accounts.gid(name))?)?,
        Kind::LoginUser => login(op, if text == "unset" { UNSET } else { id(spec.name, text, &uid)? })?,
        Kind::Session if text == "unset" => UNSET,
        Kind::Session => id(spec.name, text, &|_| Err("sessionid must be a number or unset".to_owned()))?,
        Kind::Exit => exit(text)?,
        Kind::Low32 => low32(spec.name, text, false)?,
        Kind::Argument => low32(spec.name, text, true)?,
        Kind::Perm => perm(text)?,
        // auditctl shows the number, and does not read it.
        Kind::FileType if starts_as_number(text) => file_type(unsigned(spec.name, text)?, text)?,
        Kind::FileType => named("file type", &FILE_TYPES, text)?,
        Kind::Family if starts_as_number(text) => family(unsigned(spec.name, text)?, text)?,
        Kind::Family => named("address family", &FAMILIES, text)?,
        Kind::FsType if starts_as_number(text) => unsigned(spec.name, text)?,
        Kind::FsType => named("file system type", &FS_TYPES, text)?,
        Kind::Text => return Ok(Value::Text(text.as_bytes().to_vec())),
        Kind::Path => {
            path(spec, text)?;
            return Ok(Value::Text(text.as_bytes().to_vec()));
        }
        Kind::Arch => return Err("arch is read elsewhere".to_owned()),
    };
    Ok(Value::Number(number))
}

/// Letters of `rwxa` to AUDIT_PERM_* bits.
pub(super) fn perm(text: &str) -> Result<u32, String> {
    if text.is_empty() || text.len() > 4 {
        return Err(format!(
            "permissions are one to four of the letters r, w, x and a, not {}",
            quoted(text)
        ));
    }
    text.chars().try_fold(0, |bits, letter| match letter.to_ascii_lowercase() {
        'x' => Ok(bits | 1),
        'w' => Ok(bits | 2),
        'r' => Ok(bits | 4),
        'a' => Ok(bits | 8),
        _ => Err(format!("permissions are of the letters r, w, x and a, not {}", quoted(text))),
    })
}

/// What a rule's author should know about this condition, though the kernel takes it.
pub(super) fn doubt(spec: &Spec, op: Op, value: &Value) -> Option<String> {
    let name = spec.name;
    let number = match value {
        Value::Number(number) => *number,
        Value::Text(bytes) if spec.kind == Kind::Path => return path_doubt(bytes),
        Value::Text(_) => return None,
    };
    let exit = spec.kind == Kind::Exit;
    if (op == Op::LESS && number == 0) || (op == Op::GREATER && number == u32::MAX) {
        let hint = if exit { ": the kernel compares without sign, use success=0 for failures" } else { "" };
        return Some(format!("this never matches{hint}"));
    }
    if (op == Op::GREATER_OR_EQUAL && number == 0) || (op == Op::LESS_OR_EQUAL && number == u32::MAX) {
        let hint = if exit { ": the kernel compares without sign, use success=1 for successes" } else { "" };
        return Some(format!("this always matches{hint}"));
    }
    if exit && (op == Op::LESS || op == Op::LESS_OR_EQUAL) && number > i32::MAX.unsigned_abs() {
        return Some("this matches successes too: the kernel compares exit without sign".to_owned());
    }
    if spec.number == field::SUCCESS && number > 1 {
        return Some(format!("{name} is 0 or 1: this never equals {number}"));
    }
    None
}

/// Whether no value of a field fulfils both conditions.
pub(super) fn exclude(one: &Field, other: &Field) -> bool {
    let (Value::Number(a), Value::Number(b)) = (&one.value, &other.value) else {
        let equal = [one.op, other.op].iter().filter(|op| **op == Op::EQUAL).count();
        return (equal == 2 && one.value != other.value) || (equal == 1 && one.value == other.value);
    };
    match (span(one.op, *a), span(other.op, *b)) {
        (Some((low, high)), Some((low2, high2))) => low.max(low2) > high.min(high2),
        // A != leaves a hole of one.
        (Some(span), None) => span == (*b, *b) && other.op == Op::NOT_EQUAL,
        (None, Some(span)) => span == (*a, *a) && one.op == Op::NOT_EQUAL,
        (None, None) => false,
    }
}

/// The lowest and the highest value that fulfil a condition; none for those that are no span.
fn span(op: Op, value: u32) -> Option<(u32, u32)> {
    Some(match op {
        Op::EQUAL => (value, value),
        Op::LESS => (0, value.saturating_sub(1)),
        Op::LESS_OR_EQUAL => (0, value),
        Op::GREATER => (value.saturating_add(1), u32::MAX),
        Op::GREATER_OR_EQUAL => (value, u32::MAX),
        _ => return None,
    })
}

/// `exit=EACCES` without its minus.
pub(super) fn exit_doubt(text: &str) -> Option<String> {
    let number = errno_number(text)?;
    let name = errno_name(number.into())?;
    Some(format!("this compares with the return value {number}: for the error write exit=-{name}"))
}

/// An absolute path, as the kernel takes it for `-F path`, `dir` and `exe`.
pub(super) fn path(spec: &Spec, text: &str) -> Result<(), String> {
    if !text.starts_with('/') {
        return Err(must(spec.name, "an absolute path", text));
    }
    if text.len() >= PATH_MAX {
        return Err(format!("{} is longer than {} bytes", spec.name, PATH_MAX - 1));
    }
    if text.contains('\0') {
        return Err(format!("{} must not hold a NUL", spec.name));
    }
    if spec.number != field::DIR && text.ends_with('/') {
        let hint = if spec.number == field::WATCH && text.len() > 1 { ", or use -F dir=" } else { "" };
        return Err(format!("{} must not end with a slash: remove it{hint}", spec.name));
    }
    Ok(())
}

/// What auditctl warns about: the kernel takes both literally.
pub(super) fn path_doubt(bytes: &[u8]) -> Option<String> {
    if bytes.split(|b| *b == b'/').any(|part| part == b"..") {
        return Some("\"..\" in a path is not resolved: name the real path".to_owned());
    }
    if bytes.iter().any(|b| matches!(b, b'*' | b'?')) {
        return Some("* and ? in a path stand for themselves: there are no wildcards".to_owned());
    }
    None
}

/// A number as strtol reads it with base 0: decimal, 0x and hex, 0 and octal, with an optional minus.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match hex {
        Some(hex) => (hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if !digits.as_bytes().first().is_some_and(u8::is_ascii_hexdigit) {
        return None;
    }
    // 20 digits hold every number of 64 bits in base 10, 22 in base 8.
    let number = i128::from(u64::from_str_radix(digits, base).ok()?);
    Some(if negative { -number } else { number })
}

#[inline(never)]
fn starts_as_number(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

fn unsigned(name: &str, text: &str) -> Result<u32, String> {
    let number = integer(text).ok_or_else(|| {
        let hint = match (name, text) {
            ("success", "yes" | "true") => ": write 1",
            ("success", "no" | "false") => ": write 0",
            _ => "",
        };
        must_be_number(name, text) + hint
    })?;
    u32::try_from(number).map_err(|_| range(name, text))
}

/// A number of 32 bits with or without sign, or else a name.
#[inline(never)]
fn id(name: &str, text: &str, look_up: &dyn Fn(&str) -> Result<u32, String>) -> Result<u32, String> {
    if starts_as_number(text) || text.strip_prefix('-').is_some_and(starts_as_number) {
        let number = integer(text).ok_or_else(|| must_be_number(name, text))?;
        return bits32(number).ok_or_else(|| range(name, text));
    }
    look_up(text)
}

/// -1 is no user and no group (kernel/auditfilter.c, audit_data_to_entry: uid_valid).
fn real_id(name: &str, number: u32) -> Result<u32, String> {
    if number == UNSET {
        Err(format!("{name} can't be -1: only auid and sessionid can be unset"))
    } else {
        Ok(number)
    }
}

/// The kernel takes only `=` and `!=` with unset, which it turns into another field.
fn login(op: Op, number: u32) -> Result<u32, String> {
    if number == UNSET && op != Op::EQUAL && op != Op::NOT_EQUAL {
        return Err("auid takes only = and != with unset".to_owned());
    }
    Ok(number)
}

/// A number of inode(7) without bits that are not of the type, which the kernel refuses.
fn file_type(number: u32, text: &str) -> Result<u32, String> {
    if number & !0o170_000 == 0 {
        Ok(number)
    } else {
        Err(format!("filetype has no bits but 0170000: {} has others", quoted(text)))
    }
}

/// auditctl takes what its headers know (AF_MAX); the kernel takes all.
fn family(number: u32, text: &str) -> Result<u32, String> {
    if number < FAMILY_LIMIT {
        Ok(number)
    } else {
        Err(format!("no address family has the number {}", quoted(text)))
    }
}

fn record_type(text: &str) -> Result<u32, String> {
    record_type_number(text).map(u32::from).ok_or_else(|| {
        format!("unknown record type {}{}", quoted(text), did_you_mean(text, &record_type_names()))
    })
}

fn exit(text: &str) -> Result<u32, String> {
    let (negative, name) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if starts_as_number(name) {
        let number = integer(text).ok_or_else(|| must_be_number("exit", text))?;
        return bits32(number).ok_or_else(|| range("exit", text));
    }
    let Some(number) = errno_number(name) else {
        return Err(format!("unknown error name {}{}", quoted(name), did_you_mean(name, &errno_names())));
    };
    let number = u32::from(number);
    Ok(if negative { number.wrapping_neg() } else { number })
}

fn low32(name: &str, text: &str, sign: bool) -> Result<u32, String> {
    let number = integer(text).filter(|n| sign || *n >= 0);
    let number = number.ok_or_else(|| must_be_number(name, text))?;
    u32::try_from(number & i128::from(u32::MAX)).map_err(|_| range(name, text))
}

fn must_be_number(name: &str, text: &str) -> String {
    must(name, "a number", text)
}

#[inline(never)]
fn must(name: &str, wanted: &str, text: &str) -> String {
    format!("{name} must be {wanted}, not {}", quoted(text))
}

/// What fits 32 bits as signed or as unsigned.
fn bits32(number: i128) -> Option<u32> {
    u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))
}

fn range(name: &str, text: &str) -> String {
    format!("{name} holds 32 bits: {} does not fit", quoted(text))
}

fn named(what: &str, table: &[(&str, u32)], text: &str) -> Result<u32, String> {
    if let Some((_, number)) = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Ok(*number);
    }
    let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    Err(format!("unknown {what} {}: one of {}", quoted(text), names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::fields::find;
    use super::*;

    fn value(name: &str, op: Op, text: &str) -> Result<u32, String> {
        match read(find(name).unwrap(), op, text, &Accounts::system())? {
            Value::Number(number) => Ok(number),
            Value::Text(_) => Err("a text".to_owned()),
        }
    }

    fn equal(name: &str, text: &str) -> Result<u32, String> {
        value(name, Op::EQUAL, text)
    }

    #[test]
    fn numbers_are_read_as_strtol_does() {
        assert_eq!(integer("0x1F"), Some(31));
        assert_eq!(integer("017"), Some(15));
        assert_eq!(integer("-12"), Some(-12));
        assert_eq!(integer("0"), Some(0));
        for wrong in ["", "-", "+1", "0x", "08", "1a", "1 ", "0x+1", "--1", "99999999999999999999999"] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_kind_has_its_forms() {
        assert_eq!(equal("exit", "-EACCES"), Ok(0xffff_fff3));
        assert_eq!(equal("exit", "EACCES"), Ok(13));
        assert_eq!(equal("exit", "-13"), Ok(0xffff_fff3));
        assert_eq!(equal("auid", "unset"), Ok(u32::MAX));
        assert_eq!(equal("auid", "-1"), Ok(u32::MAX));
        assert_eq!(equal("auid", "4294967295"), Ok(u32::MAX));
        assert_eq!(equal("uid", "root"), Ok(0));
        assert_eq!(equal("gid", "root"), Ok(0));
        assert_eq!(equal("sessionid", "unset"), Ok(u32::MAX));
        assert_eq!(equal("perm", "aR"), Ok(12));
        assert_eq!(equal("filetype", "fifo"), Ok(0o010_000));
        assert_eq!(equal("filetype", "0100000"), Ok(0o100_000));
        assert_eq!(equal("saddr_fam", "INET6"), Ok(10));
        assert_eq!(equal("msgtype", "CWD"), Ok(1307));
        assert_eq!(equal("msgtype", "1307"), Ok(1307));
        assert_eq!(equal("a0", "0xffffffffffffff9c"), Ok(0xffff_ff9c));
        assert_eq!(equal("a1", "-100"), Ok(0xffff_ff9c));
        assert_eq!(equal("inode", "4294967297"), Ok(1));
        assert_eq!(equal("fstype", "tracefs"), Ok(0x7472_6163));
    }

    #[test]
    fn what_is_no_value_is_told() {
        let cases = [
            ("pid", "-1", "pid holds 32 bits: \"-1\" does not fit"),
            ("pid", "me", "pid must be a number, not \"me\""),
            ("success", "yes", "success must be a number, not \"yes\": write 1"),
            ("uid", "-1", "uid can't be -1: only auid and sessionid can be unset"),
            ("auid", "4294967296", "auid holds 32 bits: \"4294967296\" does not fit"),
            ("auid", "12x", "auid must be a number, not \"12x\""),
            ("exit", "-EACESS", "unknown error name \"EACESS\"; did you mean \"EACCES\"?"),
            ("perm", "rwq", "permissions are of the letters r, w, x and a, not \"rwq\""),
            ("perm", "rwxar", "permissions are one to four of the letters r, w, x and a, not \"rwxar\""),
            (
                "filetype",
                "pipe",
                "unknown file type \"pipe\": one of file, dir, socket, link, character, block, fifo",
            ),
            ("inode", "-1", "inode must be a number, not \"-1\""),
            ("path", "etc", "path must be an absolute path, not \"etc\""),
            ("path", "/etc/", "path must not end with a slash: remove it, or use -F dir="),
            ("exe", "/bin/", "exe must not end with a slash: remove it"),
            ("msgtype", "CDW", "unknown record type \"CDW\"; did you mean \"CWD\"?"),
            ("saddr_fam", "70", "no address family has the number \"70\""),
            ("filetype", "0100644", "filetype has no bits but 0170000: \"0100644\" has others"),
            (
                "saddr_fam",
                "ip",
                "unknown address family \"ip\": one of unix, local, inet, inet6, netlink, packet, bluetooth, alg, vsock",
            ),
        ];
        for (name, text, message) in cases {
            assert_eq!(equal(name, text), Err(message.to_owned()), "{name}={text}");
        }
        assert_eq!(value("auid", Op::GREATER, "unset"), Err("auid takes only = and != with unset".into()));
        assert_eq!(equal("dir", "/etc/"), Err("a text".into()));
    }

    #[test]
    fn comparisons_without_sign_are_doubted() {
        let doubt = |name: &str, op, number| doubt(find(name).unwrap(), op, &Value::Number(number));
        assert!(doubt("exit", Op::LESS, 0).unwrap().starts_with("this never matches: "));
        assert!(doubt("exit", Op::GREATER_OR_EQUAL, 0).unwrap().starts_with("this always matches: "));
        assert!(doubt("exit", Op::LESS, 0xffff_fff3).unwrap().contains("successes too"));
        assert_eq!(doubt("exit", Op::EQUAL, 0xffff_fff3), None);
        assert_eq!(doubt("exit", Op::GREATER, 0), None);
        assert_eq!(doubt("auid", Op::GREATER_OR_EQUAL, 1000), None);
        assert!(doubt("uid", Op::LESS, 0).is_some());
        assert!(exit_doubt("EACCES").unwrap().ends_with("exit=-EACCES"));
        assert_eq!(exit_doubt("-EACCES"), None);
        assert!(path_doubt(b"/a/../b").is_some() && path_doubt(b"/a/*").is_some());
        assert_eq!(path_doubt(b"/a..b"), None);
    }
}
