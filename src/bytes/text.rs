//! JSON strings as laurel writes them: what is text stays text, and what is not is percent-encoded, so that
//! every byte can be told. Source: laurel-about(7), "Encoding of invalid UTF-8 strings and binary data".

use super::Line;
use super::escape::{HIGH, LOW, character, filled_up, push_by, write, zero};

/// The longest form of one byte: `%xx`.
pub const WORST: usize = 3;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as the inside of a JSON string: bytes below 0x20, 0x7f, `%`, `+` and each byte that is
/// not part of a UTF-8 sequence become `%xx`; `"` and `\` get their backslash.
pub fn push(line: &mut Line, text: &[u8]) {
    push_by(line, text, WORST, special_bytes, one);
}

/// Appends `text` as a whole JSON string, with its quotes.
pub fn push_string(line: &mut Line, text: &[u8]) {
    line.push_byte(b'"');
    push(line, text);
    line.push_byte(b'"');
}

/// Appends a member's key with its quotes and its colon, and a comma before it if it is not the first.
pub fn push_key(line: &mut Line, key: &[u8], first: bool) {
    line.push(if first { b"\"" } else { b",\"" });
    push(line, key);
    line.push(b"\":");
}

/// The same for a key that stands in JSON as it is, such as those of [`class`](crate::wire::class).
pub fn push_plain_key(line: &mut Line, key: &[u8], first: bool) {
    push_changed_key(line, key, first, |word| word);
}

/// The same in upper case, for a key of letters, digits, `_` and `-`.
pub fn push_upper_key(line: &mut Line, key: &[u8], first: bool) {
    // Of those bytes, letters and `_` have the bit 0x40, and lower case has 0x20 as well.
    push_changed_key(line, key, first, |word| word & !((word & (LOW * 0x40)) >> 1));
}

#[inline(always)]
fn push_changed_key(line: &mut Line, mut key: &[u8], first: bool, change: impl Fn(u64) -> u64) {
    // The comma is written over where there is none; the last eight bytes of a key are written whole.
    let Some(out) = line.spare(key.len() + 4 + 8) else { return };
    let mut at = if first { 0 } else { 1 };
    let mut put = |at: usize, word: u64| {
        if let Some(to) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<8>) {
            *to = word.to_le_bytes();
        }
    };
    put(0, u64::from(b','));
    put(at, u64::from(b'"'));
    at += 1;
    while !key.is_empty() {
        let len = key.len().min(8);
        put(at, change(u64::from_le_bytes(filled_up(key))));
        at += len;
        key = key.get(len..).unwrap_or_default();
    }
    put(at, u64::from(b'"') | u64::from(b':') << 8);
    line.advance(at + 2);
}

/// The longest decimal number that JSON readers take as one: what fits 64 bits with a sign.
const LONGEST_NUMBER: usize = 20;

/// Whether decimal digits, perhaps with a sign, are a JSON number: no needless zeros, no more digits than 64 bits
/// have.
pub fn is_number(digits: &[u8]) -> bool {
    let plain = digits.strip_prefix(b"-").unwrap_or(digits);
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
