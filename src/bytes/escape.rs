//! JSON strings as Go's encoding/json writes them, eight bytes at a time.
//! Source: Go 1.22, src/encoding/json/encode.go, appendString with HTML escapes; RFC 8259, section 7.

use super::Line;
use super::pen::{MARGIN, Pen};

/// The longest escape of one byte: `\u00xx`.
pub const WORST: usize = 6;

pub(crate) const LOW: u64 = 0x0101_0101_0101_0101;
pub(crate) const HIGH: u64 = 0x8080_8080_8080_8080;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as the inside of a JSON string: `"`, `\`, `<`, `>`, `&`, control bytes, U+2028 and U+2029
/// are escaped, and each byte that is not UTF-8 becomes `\ufffd`.
pub fn push(line: &mut Line, text: &[u8]) {
    let Some(out) = line.spare(text.len() * WORST + MARGIN) else { return };
    let mut pen = Pen::new(out);
    pen.escaped(text, special_bytes, one);
    let written = pen.written();
    line.advance(written);
}

/// The high bit of the first byte that needs more than copying; bits above it may be wrong.
fn special_bytes(word: u64) -> u64 {
    // `"` and `&` differ in one bit, `<` and `>` in another: one test for each pair.
    let quote_or_and = zero((word & !(LOW * 0x04)) ^ (LOW * 0x22));
    let angle = zero((word & !(LOW * 0x02)) ^ (LOW * 0x3c));
    let backslash = zero(word ^ (LOW * 0x5c));
    let control = word.wrapping_sub(LOW * 0x20) & !word;
    (quote_or_and | angle | backslash | control | word) & HIGH
}

/// 0x80 where a byte is zero; exact for the lowest such byte (Hacker's Delight, 6-1).
pub(crate) fn zero(x: u64) -> u64 {
    x.wrapping_sub(LOW) & !x
}

/// Escapes one character at the start of `text`, moves `text` past it, and gives the bytes written.
fn one(out: &mut [u8], text: &mut &[u8]) -> usize {
    let Some((&byte, rest)) = text.split_first() else { return 0 };
    let escaped: [u8; WORST] = match byte {
        b'"' | b'\\' => return two(out, text, rest, byte),
        b'\n' => return two(out, text, rest, b'n'),
        b'\r' => return two(out, text, rest, b'r'),
        b'\t' => return two(out, text, rest, b't'),
        0x08 => return two(out, text, rest, b'b'),
        0x0c => return two(out, text, rest, b'f'),
        0..0x20 | b'<' | b'>' | b'&' => {
            [b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
        }
        0x20..0x80 => {
            *text = rest;
            return write(out, &[byte]);
        }
        _ => match character(text) {
            None => *b"\\ufffd",
            Some((character, rest)) => {
                *text = rest;
                return match character {
                    [0xe2, 0x80, last @ (0xa8 | 0xa9)] => {
                        write(out, if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" })
                    }
                    _ => write(out, character),
                };
            }
        },
    };
    *text = rest;
    write(out, &escaped)
}

fn two<'a>(out: &mut [u8], text: &mut &'a [u8], rest: &'a [u8], letter: u8) -> usize {
    *text = rest;
    write(out, &[b'\\', letter])
}

pub(super) fn write(out: &mut [u8], bytes: &[u8]) -> usize {
    match out.get_mut(..bytes.len()) {
        Some(to) => {
            to.copy_from_slice(bytes);
            bytes.len()
        }
        None => 0,
    }
}

/// The character of two to four bytes that `text` begins with, and what follows; `None` when it is no UTF-8.
pub(super) fn character(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = match text.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let (character, rest) = text.split_at_checked(len)?;
    std::str::from_utf8(character).ok().map(|_| (character, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &[u8]) -> String {
        let mut line = Line::new(text.len() * WORST + 8).unwrap();
        push(&mut line, text);
        assert!(!line.overflowed());
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    /// The same rule, one byte at a time, with the standard library's UTF-8.
    fn slow(text: &[u8]) -> String {
        let mut out = String::new();
        for chunk in text.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' => out.push_str("\\\""),
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    '\u{8}' => out.push_str("\\b"),
                    '\u{c}' => out.push_str("\\f"),
                    '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                        out.push_str(&format!("\\u{:04x}", c as u32));
                    }
                    _ => out.push(c),
                }
            }
            out.push_str(&"\\ufffd".repeat(chunk.invalid().len()));
        }
        out
    }

    #[test]
    fn every_byte_in_every_place() {
        for byte in 0..=255u8 {
            for place in 0..17 {
                let mut text = [b'a'; 17];
                text[place] = byte;
                assert_eq!(escaped(&text), slow(&text), "byte {byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn as_go_writes_them() {
        assert_eq!(escaped(b"<a href=\"x\">&\x7f"), "\\u003ca href=\\\"x\\\"\\u003e\\u0026\x7f");
        assert_eq!(escaped("\u{2028}\u{2029}é€😀".as_bytes()), "\\u2028\\u2029é€😀");
        assert_eq!(escaped(b"\xff\xfe\xe2\x82"), "\\ufffd\\ufffd\\ufffd\\ufffd");
        assert_eq!(escaped(b"\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd", "a surrogate is no UTF-8");
        assert_eq!(escaped(b"\x08\x0c\x00\x1f"), "\\b\\f\\u0000\\u001f");
    }

    proptest! {
        #[test]
        fn any_bytes_as_the_slow_way(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(escaped(&text), slow(&text));
        }

        #[test]
        fn any_text_reads_back(text in "\\PC{0,100}") {
            let json = format!("\"{}\"", escaped(text.as_bytes()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
