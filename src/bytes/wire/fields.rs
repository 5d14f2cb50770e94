//! A record's fields: `key=value` words, each value quoted, bare, or a nested list between single quotes.
//! Takes the text behind a record's header, gives borrowed pieces of it; judges nothing, allocates nothing.
//! Source: kernel/audit.c, audit_log_untrustedstring and audit_log_n_string; libaudit,
//! audit_log_user_message; auditd-event.c for what stands behind 0x1D.

use crate::escape::{HIGH, LOW, zero};

/// Stands before what auditd's ENRICHED format appends to a record (auditd.conf(5), log_format).
pub const ENRICHED: u8 = 0x1d;

/// A value as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Between double quotes: text as it is, never hex.
    Quoted(&'a [u8]),
    /// Without quotes: a number, a word, hex, `(null)`. May be empty.
    Bare(&'a [u8]),
    /// Between single quotes: fields again (`msg='...'` of user space's records).
    Nested(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes as they stand, without quotes.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Quoted(bytes) | Self::Bare(bytes) | Self::Nested(bytes) => bytes,
        }
    }

    /// Whether the kernel or user space says that there is no value: `(null)` or `?`.
    pub fn is_null(self) -> bool {
        matches!(self, Self::Bare(b"(null)" | b"?"))
    }

    /// As a decimal number, with its sign.
    pub fn decimal(self) -> Option<i64> {
        match self {
            Self::Bare([b'-', digits @ ..]) => decimal(digits).and_then(|n| 0i64.checked_sub_unsigned(n)),
            Self::Bare(digits) => decimal(digits).and_then(|n| i64::try_from(n).ok()),
            _ => None,
        }
    }

    /// As a decimal number of at most 32 bits; `-1` is the largest, as the kernel writes an unset id
    /// in OBJ_PID (`%d`).
    pub fn id(self) -> Option<u32> {
        match self {
            Self::Bare(b"-1") => Some(u32::MAX),
            Self::Bare(digits) => decimal(digits).and_then(|n| u32::try_from(n).ok()),
            _ => None,
        }
    }

    /// As a hexadecimal number, with or without `0x`.
    pub fn hexadecimal(self) -> Option<u64> {
        let Self::Bare(digits) = self else { return None };
        let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
        if digits.is_empty() || digits.len() > 16 {
            return None;
        }
        digits.iter().try_fold(0, |sum, &digit| Some(sum << 4 | u64::from(nibble(digit)?)))
    }

    /// The bytes of an encoded field (a name, a path, an argument): text between quotes as it is, bare
    /// hex decoded into `space`. `None` for a bare value that is no hex, or too long for `space`.
    pub fn decode<'b>(self, space: &'b mut [u8]) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        match self {
            Self::Quoted(text) => Some(text),
            Self::Bare(hex) => decode_hex(hex, space),
            Self::Nested(_) => None,
        }
    }
}

/// The number that decimal digits write; `None` when there are none, others, or too many.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, &digit| {
        let value = digit.wrapping_sub(b'0');
        if value > 9 { None } else { sum.checked_mul(10)?.checked_add(u64::from(value)) }
    })
}

/// The value of a hexadecimal digit, in either case.
pub fn nibble(digit: u8) -> Option<u8> {
    match NIBBLES.get(usize::from(digit)) {
        Some(&value) if value < 16 => Some(value),
        _ => None,
    }
}

/// Digits to values; 255 is no digit.
const NIBBLES: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// Hex to bytes; `None` when a digit is none, their count is odd, or `space` is too short.
pub fn decode_hex<'b>(hex: &[u8], space: &'b mut [u8]) -> Option<&'b [u8]> {
    let (pairs, odd) = hex.as_chunks::<2>();
    if !odd.is_empty() || pairs.is_empty() {
        return None;
    }
    let bytes = space.get_mut(..pairs.len())?;
    let mut wrong = 0;
    for (to, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (NIBBLES[usize::from(*high)], NIBBLES[usize::from(*low)]);
        wrong |= high | low;
        *to = high << 4 | (low & 15);
    }
    if wrong > 15 { None } else { Some(bytes) }
}

/// One piece of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// `key=value`
    Field(&'a [u8], Value<'a>),
    /// A word without `=`.
    Word(&'a [u8]),
}

/// Splits a log's record into its own text and what auditd appended to it, without the 0x1D between them. What the
/// kernel writes has none, but what is appended to it may (a socket's path): there it is the first. A user's text may
/// have one (`by_user`): there it is the last. And auditd's keys are in upper case.
pub fn without_appended(text: &[u8], by_user: bool) -> (&[u8], Option<&[u8]>) {
    // Most logs have none.
    let first = find_far(text, [ENRICHED; 3]);
    let last = text.get(first..).and_then(|rest| rest.iter().rposition(|&byte| byte == ENRICHED));
    let at = if by_user { first + last.unwrap_or_default() } else { first };
    match text.split_at_checked(at) {
        // Longer ones are no interpretation of numbers.
        Some((own, [_, appended @ ..]))
            if matches!(appended.first(), None | Some(b'A'..=b'Z')) && appended.len() < 0xffff =>
        {
            (own, Some(appended))
        }
        _ => (text, None),
    }
}

/// The pieces of a record, from left to right.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
}

/// The pieces of the text behind a record's header, or of a nested value.
pub fn items(text: &[u8]) -> Items<'_> {
    Items { rest: text }
}

impl<'a> Items<'a> {
    /// The fields alone.
    pub fn fields(self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        self.filter_map(|item| match item {
            Item::Field(key, value) => Some((key, value)),
            Item::Word(_) => None,
        })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    // Not `#[inline]`: it would be compiled again in the caller's crate, and for size where that is.
    fn next(&mut self) -> Option<Item<'a>> {
        let mut text = self.rest;
        while let [b' ' | b'\n' | b'\0', rest @ ..] = text {
            text = rest;
        }
        let end = find(text, [b'=', b' ', b' ']);
        let (word, rest) = text.split_at_checked(end)?;
        let text = match rest {
            [b'=', text @ ..] if end > 0 => text,
            // A lone `=`, or one without a key: a word of somebody's text.
            [b'=', ..] => {
                let (word, rest) = text.split_at_checked(find(text, [b' '; 3]))?;
                self.rest = rest;
                return Some(Item::Word(word));
            }
            _ if end == 0 => return None,
            _ => {
                self.rest = rest;
                return Some(Item::Word(word));
            }
        };
        let (value, rest) = value(text);
        self.rest = rest;
        Some(Item::Field(word, value))
    }
}

/// The value at the start of `text`, and what follows it.
#[inline(always)]
fn value(text: &[u8]) -> (Value<'_>, &[u8]) {
    match text.first() {
        Some(b'"') => {
            let inside = text.get(1..).unwrap_or_default();
            // The kernel never writes a quote inside quotes; one that is never closed is taken to the end.
            let end = find(inside, [b'"'; 3]);
            (Value::Quoted(inside.get(..end).unwrap_or_default()), inside.get(end + 1..).unwrap_or_default())
        }
        Some(b'\'') => {
            let inside = text.get(1..).unwrap_or_default();
            let end = nested_end(inside);
            (Value::Nested(inside.get(..end).unwrap_or_default()), inside.get(end + 1..).unwrap_or_default())
        }
        _ => {
            let end = find(text, [b' ', b'\n', b' ']);
            text.split_at_checked(end).map_or((Value::Bare(text), &[]), |(v, rest)| (Value::Bare(v), rest))
        }
    }
}

/// Where the first of these bytes stands; the length when none does. Eight bytes at a time.
#[inline(always)]
fn find(text: &[u8], wanted: [u8; 3]) -> usize {
    // Most keys and values are shorter than that.
    match text.first_chunk::<8>().map(|chunk| marks(*chunk, wanted)) {
        Some(found @ 1..) => (found.trailing_zeros() / 8) as usize,
        _ => find_far(text, wanted),
    }
}

#[inline(never)]
fn find_far(text: &[u8], wanted: [u8; 3]) -> usize {
    let (chunks, rest) = text.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let found = marks(*chunk, wanted);
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let at = rest.iter().position(|byte| wanted.contains(byte)).unwrap_or(rest.len());
    chunks.len() * 8 + at
}

/// The high bit of each byte that is one of these; bits above the lowest such one may be wrong.
#[inline(always)]
fn marks(chunk: [u8; 8], wanted: [u8; 3]) -> u64 {
    let word = u64::from_le_bytes(chunk);
    let [a, b, c] = wanted.map(|byte| zero(word ^ (LOW * u64::from(byte))));
    (a | b | c) & HIGH
}

/// Where a nested value ends: at the last single quote, since user space may write one inside.
fn nested_end(inside: &[u8]) -> usize {
    inside.iter().rposition(|&byte| byte == b'\'').unwrap_or(inside.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pieces = items(text.as_bytes()).map(|item| match item {
            Item::Field(key, Value::Bare(v)) => format!("{}={}", text_of(key), text_of(v)),
            Item::Field(key, Value::Quoted(v)) => format!("{}=\"{}\"", text_of(key), text_of(v)),
            Item::Field(key, Value::Nested(v)) => format!("{}='{}'", text_of(key), text_of(v)),
            Item::Word(word) => text_of(word),
        });
        pieces.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn records_as_the_kernel_writes_them() {
        assert_eq!(
            shown("arch=c000003e tty=(none) comm=\"a b\" exe=2F62 key=(null) "),
            "arch=c000003e|tty=(none)|comm=\"a b\"|exe=2F62|key=(null)"
        );
        assert_eq!(shown("name=\"\" a= b=\"=\" subj==unconfined"), "name=\"\"|a=|b=\"=\"|subj==unconfined");
        assert_eq!(
            shown("avc:  denied  { open } for  pid=1 path=\"/a\""),
            "avc:|denied|{|open|}|for|pid=1|path=\"/a\""
        );
        assert_eq!(shown("it is = so =b c=d"), "it|is|=|so|=b|c=d");
        assert_eq!(shown(""), "");
        assert_eq!(shown("   "), "");
        assert_eq!(shown("key=\"never closed"), "key=\"never closed\"");
    }

    #[test]
    fn records_of_user_space_and_what_auditd_appends() {
        assert_eq!(
            shown("pid=1 msg='op=a acct=\"x y\" res=success'"),
            "pid=1|msg='op=a acct=\"x y\" res=success'"
        );
        assert_eq!(shown("msg='it's a=b' "), "msg='it's a=b'");
        assert_eq!(shown("msg='open a=b"), "msg='open a=b'");
        assert_eq!(shown("uid=0 msg='op=x\u{1d}uid=1 x='"), "uid=0|msg='op=x\u{1d}uid=1 x='");
        let split = |text: &'static str| without_appended(text.as_bytes(), true);
        assert_eq!(split("key=(null)\u{1d}UID=\"root\""), (&b"key=(null)"[..], Some(&b"UID=\"root\""[..])));
        assert_eq!(split("a \u{1d}"), (&b"a "[..], Some(&b""[..])));
        assert_eq!(split("msg='a\u{1d}UID=\"x\"'\u{1d}UID=\"y\"").1, Some(&b"UID=\"y\""[..]), "the last");
        let address = "saddr=01\u{1d}SADDR={ saddr_fam=local path=/a\u{1d}UID=\"x\" }";
        assert_eq!(without_appended(address.as_bytes(), false).0, b"saddr=01", "the first");
        for text in ["", "a=b", "msg='op=x\u{1d}uid=1 x='"] {
            assert_eq!(split(text), (text.as_bytes(), None));
        }
    }

    #[test]
    fn values() {
        assert_eq!(Value::Bare(b"-13").decimal(), Some(-13));
        assert_eq!(Value::Bare(b"4294967295").id(), Some(u32::MAX));
        assert_eq!(Value::Bare(b"-1").id(), Some(u32::MAX));
        assert_eq!(Value::Bare(b"4294967296").id(), None);
        assert_eq!(Value::Quoted(b"1").decimal(), None);
        assert_eq!(Value::Bare(b"c000003e").hexadecimal(), Some(0xc000_003e));
        assert_eq!(Value::Bare(b"0x7F").hexadecimal(), Some(0x7f));
        assert_eq!(Value::Bare(b"").hexadecimal(), None);
        let mut space = [0; 8];
        assert_eq!(Value::Quoted(b"3005").decode(&mut space), Some(&b"3005"[..]), "text between quotes");
        assert_eq!(Value::Bare(b"3005").decode(&mut space), Some(&b"0\x05"[..]), "hex without them");
        assert_eq!(Value::Bare(b"(null)").decode(&mut space), None);
        assert_eq!(Value::Bare(b"300").decode(&mut space), None);
        assert_eq!(Value::Bare(b"000000000000000000").decode(&mut space), None, "longer than the space");
    }

    proptest! {
        #[test]
        fn any_bytes_end(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(items(&text).count() <= text.len());
        }

        #[test]
        fn the_fast_search_finds_what_the_slow_one_finds(text in "[a-c=\\x1d\"\\x3c\\x3e\\u{80}]{0,40}") {
            let wanted = [b'=', b'"', ENRICHED];
            let slow = text.bytes().position(|b| wanted.contains(&b)).unwrap_or(text.len());
            prop_assert_eq!(find(text.as_bytes(), wanted), slow);
        }

        #[test]
        fn pieces_lie_in_order(text in "[a=' \"\\x1d\\n]{0,60}") {
            let mut last = text.as_ptr() as usize;
            for item in items(text.as_bytes()) {
                let (Item::Field(key, _) | Item::Word(key)) = item;
                prop_assert!(key.as_ptr() as usize >= last);
                last = key.as_ptr() as usize;
            }
        }
    }
}
