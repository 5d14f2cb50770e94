//! A line of audit.log, or of what auditd gives to its plugins: `type=NAME msg=audit(...): fields`, with
//! `node=NAME` before it where auditd's name_format asks for it. Takes a line without its newline, gives
//! borrowed pieces. Source: auditd 3.0.9, src/auditd-event.c, format_raw; lib/lookup_table.c.

use super::record::{self, RecordType, Split};
use super::tables;

/// The longest node name that is taken: what auditd writes (`_POSIX_HOST_NAME_MAX`).
const NODE_MAX: usize = 255;

/// A line, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// The value of `node=`; empty when there is none.
    pub node: &'a [u8],
    /// The number that `type=` names.
    pub kind: RecordType,
    /// The record's stamp and fields; what an ENRICHED log appends stays in the fields.
    pub record: Split<'a>,
}

/// Why a line is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused<'a> {
    /// It is not of the form.
    NoRecord,
    /// It is, but no type of this name is known.
    UnknownType(&'a [u8]),
}

/// Splits a line.
///
/// # Errors
///
/// Why it is no record.
pub fn parse(line: &[u8]) -> Result<LogLine<'_>, Refused<'_>> {
    split(line).ok_or(Refused::NoRecord).and_then(|(node, name, record)| {
        let kind = kind(name).ok_or(Refused::UnknownType(name))?;
        Ok(LogLine { node, kind, record })
    })
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8], Split<'_>)> {
    let (node, line) = match line.strip_prefix(b"node=") {
        Some(rest) => word(rest, NODE_MAX)?,
        None => (&line[..0], line),
    };
    // The longest is `UNKNOWN[65535]` or one of the names.
    let (name, line) = word(line.strip_prefix(b"type=")?, 64)?;
    let record = record::split(line.strip_prefix(b"msg=")?)?;
    Some((node, name, record))
}

/// What stands before the first blank, if that comes within so many bytes, and what follows it.
fn word(text: &[u8], longest: usize) -> Option<(&[u8], &[u8])> {
    let end = text.iter().take(longest + 1).position(|&byte| byte == b' ')?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// The number of a type: of its name, of `UNKNOWN[n]`, or written as it is.
fn kind(name: &[u8]) -> Option<RecordType> {
    // Most lines are of these, and a look into the table takes longer than the rest of a line.
    Some(match name {
        b"SYSCALL" => RecordType::SYSCALL,
        b"PATH" => RecordType::PATH,
        b"CWD" => RecordType::CWD,
        b"PROCTITLE" => RecordType::PROCTITLE,
        b"EXECVE" => RecordType::EXECVE,
        b"SOCKADDR" => RecordType::SOCKADDR,
        b"EOE" => RecordType::EOE,
        b"OBJ_PID" => RecordType::OBJ_PID,
        b"AVC" => RecordType::AVC,
        b"BPRM_FCAPS" => RecordType(1321),
        _ => return other_kind(name),
    })
}

fn other_kind(name: &[u8]) -> Option<RecordType> {
    let name = str::from_utf8(name).ok()?;
    let digits = name.strip_prefix("UNKNOWN[").and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    if digits.starts_with(|first: char| first.is_ascii_digit()) {
        return digits.parse().ok().map(RecordType);
    }
    tables::record_type_number(name).map(RecordType)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record::Stamp;
    use proptest::prelude::*;

    #[test]
    fn lines_of_every_form() {
        let cases: [(&str, &str, u16, &str); 7] = [
            ("type=SYSCALL msg=audit(1.002:3): arch=c000003e", "", 1300, "arch=c000003e"),
            ("node=web-1 type=PATH msg=audit(1.002:3): item=0", "web-1", 1302, "item=0"),
            ("type=UNKNOWN[1345] msg=audit(1.002:3): a=b ", "", 1345, "a=b "),
            ("type=1106 msg=audit(1.002:3): pid=1", "", 1106, "pid=1"),
            (
                "type=USER_END msg=audit(1.002:3): pid=1 \u{1d}UID=\"root\"",
                "",
                1106,
                "pid=1 \u{1d}UID=\"root\"",
            ),
            ("type=EOE msg=audit(1.002:3): ", "", 1320, ""),
            ("type=EOE msg=audit(1.002:3):", "", 1320, ""),
        ];
        for (line, node, kind, fields) in cases {
            let read = parse(line.as_bytes()).unwrap();
            assert_eq!(
                (read.node, read.kind.0, read.record.fields),
                (node.as_bytes(), kind, fields.as_bytes())
            );
            assert_eq!(read.record.stamp, Stamp { millis: 1002, serial: 3 });
        }
    }

    #[test]
    fn every_usual_name_is_the_tables() {
        for name in tables::record_type_names() {
            assert_eq!(kind(name.as_bytes()).map(|kind| kind.0), tables::record_type_number(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let long = format!("node={} type=PATH msg=audit(1.002:3): a", "n".repeat(256));
        for line in [
            "",
            "node=",
            "node=a",
            "type=SYSCALL",
            "type=SYSCALL msg=",
            "type=SYSCALL msg='op=x'",
            "msg=audit(1.002:3): a=b",
            "type= msg=audit(1.2:3): a=b",
            "type=SYSCALL msg=audit(11/24/25 03:38:16.969:567) : arch=x86_64",
            " type=SYSCALL msg=audit(1.002:3): a=b",
            &long,
        ] {
            assert_eq!(parse(line.as_bytes()), Err(Refused::NoRecord), "{line}");
        }
        for name in ["NEVER_HEARD", "UNKNOWN[65536]", "UNKNOWN[]", "99999999", "", "12a"] {
            let line = format!("type={name} msg=audit(1.002:3): a=b");
            assert_eq!(parse(line.as_bytes()), Err(Refused::UnknownType(name.as_bytes())));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&text);
            let _ = parse(&[b"type=PATH msg=audit(", &text[..]].concat());
        }
    }
}
