//! A command line from the EXECVE records of an event. The kernel names arguments `a0`, `a1` and so on; a
//! long one has `a2_len=` once and then its pieces, `a2[0]=`, `a2[1]=`, over as many records as it takes.
//! Source: kernel/auditsc.c, audit_log_execve_info.

use super::{Line, text};
use crate::config::{Argv, Json as Settings};
use crate::sys::memory::Region;
use crate::wire::fields::{self, Value};

/// What an EXECVE field is.
enum Piece<'a> {
    /// A whole argument.
    Whole(Value<'a>),
    /// A piece of the argument of this number.
    Part(u64, Value<'a>),
    /// `argc`, or the length of what comes in pieces.
    Other,
}

/// Appends the object but for its end: `argc`, then `ARGV`, `ARGV_STR` or both, and `ARGV_CUT` when the limit cut something.
pub(super) fn write<'a>(
    records: impl Iterator<Item = &'a [u8]> + Clone,
    settings: &Settings,
    space: &mut Region,
    line: &mut Line,
) {
    line.push(b"{\"argc\":");
    let mut all = records.clone().flat_map(|record| fields::items(record).fields());
    let argc = all.find(|(key, _)| *key == b"argc").and_then(|(_, value)| fields::decimal(value.bytes()));
    match argc {
        Some(argc) => line.push_number(argc),
        None => line.push(b"null"),
    }
    let mut cut = Cut::default();
    if settings.argv != Argv::Text {
        line.push(b",\"ARGV\":[");
        let mut first = true;
        cut = each(records.clone(), settings.argv_max_bytes, space, |argument| {
            if !std::mem::take(&mut first) {
                line.push(b",");
            }
            text::push_string(line, argument);
        });
        line.push(b"]");
    }
    if settings.argv != Argv::List {
        line.push(b",\"ARGV_STR\":\"");
        let mut first = true;
        cut = each(records, settings.argv_max_bytes, space, |argument| {
            if !std::mem::take(&mut first) {
                line.push(b" ");
            }
            text::push(line, argument);
        });
        line.push(b"\"");
    }
    if cut.bytes > 0 || cut.args > 0 {
        line.push(b",\"ARGV_CUT\":{\"args\":");
        line.push_number(cut.args);
        line.push(b",\"bytes\":");
        line.push_number(cut.bytes);
        line.push(b"}");
    }
}

/// What the limit left out: arguments of which nothing is written, and bytes in all.
#[derive(Default)]
struct Cut {
    args: u64,
    bytes: u64,
}

/// Gives each argument's bytes, whole, as far as the limit goes (0 is no limit).
fn each<'a>(
    records: impl Iterator<Item = &'a [u8]>,
    limit: u32,
    space: &mut Region,
    mut give: impl FnMut(&[u8]),
) -> Cut {
    let mut left = if limit == 0 { usize::MAX } else { limit as usize };
    let mut cut = Cut::default();
    let mut limited = |argument: &[u8]| {
        let kept = argument.get(..left).map_or(argument, whole_characters);
        let lost = argument.len() - kept.len();
        left = if lost > 0 { 0 } else { left - kept.len() };
        cut.bytes += lost as u64;
        if kept.is_empty() && lost > 0 { cut.args += 1 } else { give(kept) }
    };
    // The argument that comes in pieces, and how much of it is in `space`.
    let mut open: Option<(u64, usize)> = None;
    let (longest, mut missing) = (space.capacity(), 0);
    for (key, value) in records.flat_map(|record| fields::items(record).fields()) {
        let piece = piece(key, value);
        if let Piece::Part(number, value) = piece {
            let used = open.filter(|(of, _)| *of == number).map_or(0, |(_, used)| used);
            if let (0, Some((_, len))) = (used, open.take()) {
                limited(space.get(..len).unwrap_or_default());
            }
            let wanted = used + value.bytes().len();
            let room = space.room(wanted);
            if room.len() < wanted.min(longest) {
                // A ceiling over the memory: the argument ends here, and what is missing is said.
                missing += value.bytes().len() as u64;
                open = Some((number, used));
                continue;
            }
            open = Some((number, used + append(value, room.get_mut(used..).unwrap_or_default())));
            continue;
        }
        if let Some((_, len)) = open.take() {
            limited(space.get(..len).unwrap_or_default());
        }
        if let Piece::Whole(value) = piece {
            limited(value.decode(space).unwrap_or_else(|| value.bytes()));
        }
    }
    if let Some((_, len)) = open {
        limited(space.get(..len).unwrap_or_default());
    }
    cut.bytes += missing;
    cut
}

/// Puts a piece into `room`; gives its length there.
fn append(value: Value<'_>, room: &mut [u8]) -> usize {
    if let Value::Bare(hex) = value
        && let Some(bytes) = fields::decode_hex(hex, room)
    {
        return bytes.len();
    }
    let text = value.bytes();
    match room.get_mut(..text.len()) {
        Some(to) => {
            to.copy_from_slice(text);
            text.len()
        }
        None => 0,
    }
}

/// `text` without the beginning of a character at its end, so that a cut makes no bytes that are no text.
fn whole_characters(text: &[u8]) -> &[u8] {
    let tail = text.iter().rev().take(3).position(|&b| b >= 0xc0);
    match tail {
        Some(back) => {
            let start = text.len() - back - 1;
            let (before, last) = text.split_at_checked(start).unwrap_or((text, &[]));
            if std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none()) {
                before
            } else {
                text
            }
        }
        None => text,
    }
}

fn piece<'a>(key: &[u8], value: Value<'a>) -> Piece<'a> {
    let Some(name) = key.strip_prefix(b"a") else { return Piece::Other };
    let digits = name.iter().position(|b| !b.is_ascii_digit()).unwrap_or(name.len());
    let (number, rest) = name.split_at_checked(digits).unwrap_or((name, &[]));
    match (fields::decimal(number), rest) {
        (Some(_), []) => Piece::Whole(value),
        (Some(number), [b'[', .., b']']) => Piece::Part(number, value),
        _ => Piece::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as J, json};

    fn argv(records: &[&str], settings: &Settings) -> J {
        let mut line = Line::new(1 << 16).unwrap();
        let mut space = Region::new(1 << 12, 0).unwrap();
        write(records.iter().map(|r| r.as_bytes()), settings, &mut space, &mut line);
        line.push(b"}");
        serde_json::from_slice(line.as_bytes()).unwrap()
    }

    #[test]
    fn arguments_whole_and_in_pieces() {
        let settings = Settings::default();
        let one = ["argc=4 a0=\"ls\" a1=\"3005\" a2=612062 a3=\"\" "];
        assert_eq!(argv(&one, &settings), json!({"argc": 4, "ARGV": ["ls", "3005", "a b", ""]}));
        // The middle of a character lies between two pieces, and between two records.
        let pieces = ["argc=3 a0=\"x\" a1_len=7 a1[0]=61C3", " a1[1]=A420", "a1[2]=\"q\" a2=\"z\""];
        assert_eq!(argv(&pieces, &settings), json!({"argc": 3, "ARGV": ["x", "aä q", "z"]}));
        let two_long = ["argc=2 a0_len=4 a0[0]=\"ab\" a0[1]=\"cd\" a1_len=2 a1[0]=\"ef\""];
        assert_eq!(argv(&two_long, &settings), json!({"argc": 2, "ARGV": ["abcd", "ef"]}));
        assert_eq!(argv(&["a0=(null)"], &settings), json!({"argc": null, "ARGV": ["(null)"]}));
    }

    #[test]
    fn a_string_or_both() {
        let record = ["argc=2 a0=\"ls\" a1=2D6C25"];
        let settings = |argv| Settings { argv, ..Settings::default() };
        assert_eq!(argv(&record, &settings(Argv::Text)), json!({"argc": 2, "ARGV_STR": "ls -l%25"}));
        let both = json!({"argc": 2, "ARGV": ["ls", "-l%25"], "ARGV_STR": "ls -l%25"});
        assert_eq!(argv(&record, &settings(Argv::Both)), both);
    }

    #[test]
    fn a_limit_cuts_and_says_what() {
        let limit = |argv_max_bytes| Settings { argv_max_bytes, ..Settings::default() };
        let record = ["argc=4 a0=\"abc\" a1=C3A4C3A4 a2=\"de\" a3=\"\""];
        let cut = |args, bytes| json!({"args": args, "bytes": bytes});
        assert_eq!(argv(&record, &limit(9)), json!({"argc": 4, "ARGV": ["abc", "ää", "de", ""]}));
        assert_eq!(
            argv(&record, &limit(6)),
            json!({"argc": 4, "ARGV": ["abc", "ä", ""], "ARGV_CUT": cut(1, 4)}),
            "never inside a character"
        );
        assert_eq!(argv(&record, &limit(3))["ARGV_CUT"], cut(2, 6));
    }
}
