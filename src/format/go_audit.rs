//! go-audit 1.2.0's JSON line, byte for byte:
//! `{"sequence":1,"timestamp":"1.001","messages":[{"type":1300,"data":"..."}],"uid_map":{"0":"root"}}`.
//! Source: go-audit 1.2.0, parser.go and marshaller.go; Go's encoding/json.

use super::{Line, escape};
use crate::enrich::users::Users;
use crate::event::{Event, Record, Records};
use crate::wire::fields::ENRICHED;
use crate::wire::record::RecordType;

/// What go-audit writes for an id that has no name.
const UNKNOWN: &[u8] = b"UNKNOWN_USER";
/// Different ids in one event. Six or seven are usual; user space's records can hold any number.
const IDS: usize = 64;
/// A value at the end of a record that is longer than this is no id to go-audit.
const LAST_ID: usize = 5;

/// What the rest of a line needs beside the escaped records, at most: names, numbers, braces.
pub const OVERHEAD: usize = 32 * 1024;

/// Appends the line, its newline included.
pub fn write(event: &Event<'_>, users: &Users, line: &mut Line) {
    line.push(b"{\"sequence\":");
    line.push_number(u64::from(event.stamp.serial));
    line.push(b",\"timestamp\":\"");
    escape::push(line, event.time);
    line.push(b"\",\"messages\":[");
    for (index, record) in event.records.enumerate() {
        line.push(if index == 0 { b"{\"type\":" } else { b",{\"type\":" });
        line.push_number(u64::from(record.kind.0));
        line.push(b",\"data\":\"");
        escape::push(line, record.fields);
        if let Some(appended) = record.appended {
            escape::push(line, &[ENRICHED]);
            escape::push(line, appended);
        }
        line.push(b"\"}");
    }
    line.push(b"],\"uid_map\":{");
    write_users(event.records, users, line);
    line.push(b"}}\n");
}

/// The ids as keys, sorted as text, each with its user's name.
fn write_users(records: Records<'_>, users: &Users, line: &mut Line) {
    let mut ids: heapless::Vec<&[u8], IDS> = heapless::Vec::new();
    for record in records.filter(may_hold_ids) {
        collect_ids(record.fields, &mut ids);
    }
    for (index, id) in ids.iter().enumerate() {
        line.push(if index == 0 { b"\"" } else { b",\"" });
        escape::push(line, id);
        line.push(b"\":\"");
        escape::push(line, users.name_of(id).unwrap_or(UNKNOWN));
        line.push(b"\"");
    }
}

fn may_hold_ids(record: &Record<'_>) -> bool {
    !matches!(record.kind, RecordType::SOCKADDR | RecordType::CWD | RecordType::EXECVE)
}

/// The values of all `uid=` in a record (of `auid=`, `ouid=` and inside other words too, as go-audit finds
/// them), each once, kept sorted.
fn collect_ids<'a>(mut data: &'a [u8], ids: &mut heapless::Vec<&'a [u8], IDS>) {
    while let Some(start) = find_uid(data) {
        let value = data.get(start..).unwrap_or_default();
        let len = match value.iter().position(|&b| b == b' ') {
            Some(len) => len,
            None if value.len() > LAST_ID => return,
            None => value.len(),
        };
        let id = value.get(..len).unwrap_or_default();
        if let Err(place) = ids.binary_search(&id) {
            // What does not fit is left out; go-audit has no such limit.
            let _ = ids.insert(place, id);
        }
        data = value.get(len + 1..).unwrap_or_default();
    }
}

/// The offset behind the first `uid=`.
fn find_uid(data: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const EQUALS: u64 = LOW * b'=' as u64;
    let is_uid = |at: usize| at >= 3 && data.get(at - 3..at) == Some(b"uid");
    let mut start = 0;
    // Eight bytes at a time: only where an equals sign stands, the letters before it are looked at.
    while let Some(chunk) = data.get(start..).and_then(<[u8]>::first_chunk::<8>) {
        let other = u64::from_le_bytes(*chunk) ^ EQUALS;
        let mut equals = other.wrapping_sub(LOW) & !other & (LOW << 7);
        while equals != 0 {
            let at = start + (equals.trailing_zeros() / 8) as usize;
            // A byte after an equals sign may be marked wrongly, so it is looked at again.
            if data.get(at) == Some(&b'=') && is_uid(at) {
                return Some(at + 1);
            }
            equals &= equals - 1;
        }
        start += 8;
    }
    (start..data.len()).find(|&at| data.get(at) == Some(&b'=') && is_uid(at)).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(data: &str) -> Vec<String> {
        let mut ids = heapless::Vec::new();
        collect_ids(data.as_bytes(), &mut ids);
        ids.iter().map(|id| String::from_utf8_lossy(id).into_owned()).collect()
    }

    #[test]
    fn ids_are_found_as_go_audit_finds_them() {
        assert_eq!(ids("ppid=1 auid=1000 uid=0 gid=0 euid=0 suid=33 "), ["0", "1000", "33"]);
        assert_eq!(ids("a uid=5"), ["5"], "a short value at the end counts");
        assert_eq!(ids("uid=1 a ouid=123456"), ["1"], "a long one at the end does not");
        assert_eq!(ids("uid= x"), [""], "a value can be empty");
        assert_eq!(ids("squid=\"0\" fluid=x y"), ["\"0\"", "x"], "inside other words too");
        assert_eq!(ids("uid"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn the_fast_search_finds_what_the_slow_one_finds(text in "[uid= \u{3c}\u{3d}\u{3e}x]{0,60}") {
            let slow = text.find("uid=").map(|at| at + 4);
            prop_assert_eq!(find_uid(text.as_bytes()), slow);
        }
    }
}
