//! Sets of names for numbers or bits, as tables/values.txt has them and build/values.rs encodes them. Takes a
//! number, appends its name or names.
//!
//! A set is: its style (0 enum, 1 flags, 2 flags whose two lowest bits are a number, 3 flags joined by commas);
//! the prefix and the name of 0, each behind its length; how many segments; and each segment: the first number
//! (32 bits, little endian), the count of names, and the names behind their lengths. The highest bit of a
//! length says that the prefix does not stand before the name; a length of 0 is a number without a name.

use super::{Text, push, push_hex};

include!(concat!(env!("OUT_DIR"), "/values.in"));

pub(super) use what::*;

const STYLE_ENUM: u8 = 0;
const STYLE_FLAGS3: u8 = 2;
const STYLE_LIST: u8 = 3;
/// In a length: the prefix does not stand before the name.
const BARE: u8 = 0x80;

/// What the arguments of a system call are, by the id of its name.
pub(super) fn arguments_of(call: u16) -> Option<[u8; 4]> {
    CALL_ARGUMENTS.get(CALLS.binary_search(&call).ok()?).copied()
}

/// Appends the name of a number, or of each of its bits; bits without a name are one hexadecimal number at the
/// end. False when it has no name at all, and then nothing is appended.
pub(super) fn put(set: u8, value: u64, text: &mut Text) -> bool {
    let start = SET_STARTS.get(usize::from(set)).map_or(SETS.len(), |start| usize::from(*start));
    let mut bytes = Bytes(SETS.get(start..).unwrap_or_default());
    let style = bytes.one();
    let (prefix, zero) = (bytes.text(), bytes.text());
    let before = text.len();
    let mut rest = value;
    let number = if style == STYLE_FLAGS3 { value & 3 } else { value };
    if style != STYLE_ENUM && number == 0 {
        push(text, zero);
    }
    let segments = bytes.one();
    'names: for _ in 0..segments {
        let first = u64::from(bytes.word());
        for number in first..first + u64::from(bytes.one()) {
            // A record has a set of no capabilities twice: its names are not walked for nothing.
            if style != STYLE_ENUM && rest == 0 {
                break 'names;
            }
            let length = bytes.one();
            let name = bytes.take(usize::from(length & !BARE));
            let bit = if number < 64 { 1u64 << number } else { 0 };
            let hit = if style == STYLE_ENUM { number == value } else { rest & bit != 0 };
            if !hit || length == 0 {
                continue;
            }
            join(text, before, style);
            push(text, if length & BARE == 0 { prefix } else { b"" });
            push(text, name);
            if style == STYLE_ENUM {
                return true;
            }
            rest &= !bit;
        }
    }
    if style == STYLE_ENUM || text.len() == before {
        return false;
    }
    if rest != 0 {
        join(text, before, style);
        push_hex(text, rest);
    }
    true
}

fn join(text: &mut Text, start: usize, style: u8) {
    if text.len() > start {
        push(text, if style == STYLE_LIST { b"," } else { b"|" });
    }
}

/// What is left of the stream. It was made by build.rs; past its end are zeros.
struct Bytes(&'static [u8]);

impl Bytes {
    fn take(&mut self, count: usize) -> &'static [u8] {
        let Some((taken, rest)) = self.0.split_at_checked(count) else { return &[] };
        self.0 = rest;
        taken
    }

    fn one(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u32 {
        self.take(4).first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    fn text(&mut self) -> &'static [u8] {
        let length = self.one();
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(set: u8, value: u64) -> Option<String> {
        let mut text = Text::new();
        put(set, value, &mut text).then(|| String::from_utf8(text.to_vec()).unwrap())
    }

    /// The text file is the source: every line of it must be found again.
    #[test]
    fn every_line_of_the_sets_is_found() {
        let text = include_str!("../../../tables/values.txt");
        let (mut set, mut style, mut lines, mut zero) = (None::<u8>, "", 0, "");
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(head) = line.strip_prefix('[') {
                set = Some(set.map_or(0, |set| set + 1));
                style = head.trim_end_matches(']').split(' ').nth(1).unwrap();
                zero = head.trim_end_matches(']').split_once(" zero ").map_or("", |(_, zero)| zero);
                continue;
            }
            let (number, name) = line.split_once(' ').unwrap();
            let number = number
                .strip_prefix("0x")
                .map_or_else(|| number.parse().unwrap(), |hex| u64::from_str_radix(hex, 16).unwrap());
            let expected = match style {
                "flags3" if number > 2 => format!("{zero}|{name}"),
                _ => name.to_owned(),
            };
            assert_eq!(named(set.unwrap(), number), Some(expected), "{line}");
            lines += 1;
        }
        assert_eq!(usize::from(set.unwrap()) + 1, SET_STARTS.len());
        assert!(lines > 900);
    }

    #[test]
    fn flags_and_what_has_no_name() {
        assert_eq!(named(OPEN, 0).unwrap(), "O_RDONLY");
        assert_eq!(named(OPEN, 0o1101).unwrap(), "O_WRONLY|O_CREAT|O_TRUNC");
        assert_eq!(named(OPEN, 0x8000_0010).unwrap(), "O_RDONLY|0x80000010");
        assert_eq!(named(MSG, 0), None);
        assert_eq!(named(MSG, 1 << 24), None);
        assert_eq!(named(MSG, 1 << 24 | 1).unwrap(), "MSG_OOB|0x1000000");
        assert_eq!(named(CAPABILITIES, 1 << 63 | 3).unwrap(), "chown,dac_override,0x8000000000000000");
        assert_eq!(named(CAPABILITIES, 0).unwrap(), "none");
        assert_eq!(named(PRCTL, 0x5961_6d61).unwrap(), "PR_SET_PTRACER");
        assert_eq!(named(PRCTL, 9999), None);
        assert_eq!(named(IP, 42).unwrap(), "MCAST_JOIN_GROUP", "a name without the prefix");
        assert_eq!(named(u8::MAX, 1), None);
        let all = named(CAPABILITIES, (1 << 41) - 1).unwrap();
        assert!(all.ends_with(",checkpoint_restore") && all.len() < super::super::TEXT, "{}", all.len());
    }
}
