//! JSON strings as laurel writes them: what is text stays text, and what is not is percent-encoded, so that
//! every byte can be told. Source: laurel-about(7), "Encoding of invalid UTF-8 strings and binary data".

use super::Line;
use super::digits::hexadecimal;
use super::escape::{HIGH, LOW, character, write, zero};
use super::pen::{MARGIN, Pen};
use super::wire::class::Class;
use super::wire::fields::Value;

/// The longest form of one byte: `%xx`.
pub const WORST: usize = 3;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as the inside of a JSON string: bytes below 0x20, 0x7f, `%`, `+` and each byte that is
/// not part of a UTF-8 sequence become `%xx`; `"` and `\` get their backslash.
pub fn push(line: &mut Line, text: &[u8]) {
    write_with(line, text.len() * WORST, |pen| pen.escaped(text, special_bytes, one));
}

/// Appends `text` as a whole JSON string, with its quotes.
pub fn push_string(line: &mut Line, text: &[u8]) {
    write_with(line, text.len() * WORST + 2, |pen| string(pen, text));
}

/// Appends a member's key with its quotes and its colon, and a comma before it if it is not the first.
pub fn push_key(line: &mut Line, key: &[u8], first: bool) {
    write_with(line, key.len() * WORST + AROUND_KEY, |pen| {
        begin(pen, first);
        pen.escaped(key, special_bytes, one);
        pen.short(b"\":", 2);
    });
}

/// The same for a key that stands in JSON as it is, such as those of [`class`](crate::wire::class).
pub fn push_plain_key(line: &mut Line, key: &[u8], first: bool) {
    write_with(line, key.len() + AROUND_KEY, |pen| plain_key(pen, key, first));
}

/// The same in upper case, for a key of letters, digits, `_` and `-`.
pub fn push_upper_key(line: &mut Line, key: &[u8], first: bool) {
    write_with(line, key.len() + AROUND_KEY, |pen| {
        begin(pen, first);
        // Of those bytes, letters and `_` have the bit 0x40, and lower case has 0x20 as well.
        pen.changed(key, |word| word & !((word & (LOW * 0x40)) >> 1));
        pen.short(b"\":", 2);
    });
}

/// Appends a member whose key stands in JSON as it is, and whose value needs no more than its own bytes: null, a
/// number, or text that is not encoded. False, and nothing is appended, for other values.
// Compiled here, for speed: its only caller is compiled for size.
#[inline(never)]
pub fn push_member(line: &mut Line, (class, key): (Class, &[u8]), value: Value<'_>, first: bool) -> bool {
    enum As<'a> {
        Plain(&'a [u8]),
        Prefixed(&'a [u8; 3], &'a [u8]),
        Text(&'a [u8]),
    }
    let bytes = value.bytes();
    let written = match (class, value) {
        _ if value.is_null() => As::Plain(b"null"),
        (_, Value::Nested(_)) => return false,
        (Class::Encoded, Value::Bare(_)) => return false,
        (Class::Decimal | Class::User | Class::Group, Value::Bare(_)) if is_number(bytes) => As::Plain(bytes),
        (Class::Hex, Value::Bare(_)) => match hexadecimal(bytes) {
            Some(digits) => As::Prefixed(b"\"0x", digits),
            None => As::Text(bytes),
        },
        (Class::Octal | Class::Decimal | Class::User | Class::Group, Value::Bare(_)) => return false,
        _ => As::Text(bytes),
    };
    write_with(line, key.len() + AROUND_KEY + bytes.len() * WORST + 4, |pen| {
        plain_key(pen, key, first);
        match written {
            As::Plain(bytes) => pen.plain(bytes),
            As::Prefixed(prefix, digits) => {
                pen.short(prefix, 3);
                pen.plain(digits);
                pen.short(b"\"", 1);
            }
            As::Text(text) => string(pen, text),
        }
    });
    true
}

/// A comma, two quotes, a colon.
const AROUND_KEY: usize = 4;

/// Writes at most `len` bytes; all of them or, when there is no room for so many, none.
#[inline(always)]
fn write_with(line: &mut Line, len: usize, write: impl FnOnce(&mut Pen<'_>)) {
    let Some(out) = line.spare(len + MARGIN) else { return };
    let mut pen = Pen::new(out);
    write(&mut pen);
    let written = pen.written();
    line.advance(written);
}

#[inline(always)]
fn begin(pen: &mut Pen<'_>, first: bool) {
    pen.short(if first { b"\" " } else { b",\"" }, if first { 1 } else { 2 });
}

#[inline(always)]
fn plain_key(pen: &mut Pen<'_>, key: &[u8], first: bool) {
    begin(pen, first);
    pen.plain(key);
    pen.short(b"\":", 2);
}

#[inline(always)]
fn string(pen: &mut Pen<'_>, text: &[u8]) {
    pen.short(b"\"", 1);
    pen.escaped(text, special_bytes, one);
    pen.short(b"\"", 1);
}

/// The longest decimal number that JSON readers take as one: what fits 64 bits with a sign.
const LONGEST_NUMBER: usize = 20;

/// Whether decimal digits, perhaps with a sign, are a JSON number: no needless zeros, no more digits than 64 bits
/// have.
pub fn is_number(digits: &[u8]) -> bool {
    let plain = match digits {
        [b'-', plain @ ..] => plain,
        plain => plain,
    };
    match plain {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => plain.len() < LONGEST_NUMBER && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// The high bit of the first byte that needs more than copying; bits above it may be wrong.
fn special_bytes(word: u64) -> u64 {
    let quote = zero(word ^ (LOW * 0x22));
    let percent = zero(word ^ (LOW * 0x25));
    let plus = zero(word ^ (LOW * 0x2b));
    let backslash = zero(word ^ (LOW * 0x5c));
    let delete = zero(word ^ (LOW * 0x7f));
    let control = word.wrapping_sub(LOW * 0x20) & !word;
    (quote | percent | plus | backslash | delete | control | word) & HIGH
}

/// Writes one character at the start of `text`, moves `text` past it, and gives the bytes written.
fn one(out: &mut [u8], text: &mut &[u8]) -> usize {
    let Some((&byte, rest)) = text.split_first() else { return 0 };
    let (written, rest) = match byte {
        b'"' | b'\\' => (write(out, &[b'\\', byte]), rest),
        0..0x20 | b'%' | b'+' | 0x7f => (percent(out, byte), rest),
        0x20..0x7f => (write(out, &[byte]), rest),
        _ => match character(text) {
            Some((character, rest)) => (write(out, character), rest),
            None => (percent(out, byte), rest),
        },
    };
    *text = rest;
    written
}

fn percent(out: &mut [u8], byte: u8) -> usize {
    write(out, &[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(text: &[u8]) -> String {
        let mut line = Line::new(text.len() * WORST + 8).unwrap();
        push(&mut line, text);
        assert!(!line.overflowed());
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    /// What a reader does: JSON, then percent-decoding.
    fn decoded(text: &str) -> Vec<u8> {
        let json: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        let mut bytes = json.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            } else {
                out.push(byte);
            }
        }
        out
    }

    #[test]
    fn as_laurel_writes_them() {
        assert_eq!(encoded(b"a\nb\"\xff c%+\xc3\xa4\\\x7f"), "a%0ab\\\"%ff c%25%2bä\\\\%7f");
        assert_eq!(encoded(b"\xed\xa0\x80\xe2\x82"), "%ed%a0%80%e2%82");
    }

    proptest! {
        #[test]
        fn any_bytes_read_back(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decoded(&encoded(&text)), text);
        }

        #[test]
        fn every_byte_in_every_place(byte in any::<u8>(), place in 0usize..17) {
            let mut text = [b'a'; 17];
            text[place] = byte;
            prop_assert_eq!(decoded(&encoded(&text)), text.to_vec());
        }
    }
}
