//! What the kernel's numbers mean, in the words of `ausearch -i`: system calls' arguments and other fields. Takes
//! numbers, appends ASCII to a text of fixed size. It stands on a record's way and yet in this crate, which is
//! compiled for size: its tables are most of it, and a record has one or two such values.

mod arguments;
mod fields;
mod set;

pub use arguments::{Id, argument, argument_is_id};
pub use fields::field;

/// The most that an interpretation can have, in bytes: all capabilities are 478.
pub const TEXT: usize = 512;
/// What stands at the end of a text that was cut.
pub const CUT: &[u8] = b"...";

/// Text of an interpretation: ASCII, ended by [`CUT`] when it was longer.
pub type Text = heapless::Vec<u8, TEXT>;

/// Appends, or cuts.
fn push(text: &mut Text, bytes: &[u8]) {
    let room = (TEXT - CUT.len()).saturating_sub(text.len());
    if let Some(cut) = bytes.get(..room).filter(|_| room < bytes.len()) {
        // A text that was cut before is full, so that this does nothing.
        let _ = text.extend_from_slice(cut).and_then(|()| text.extend_from_slice(CUT));
    } else {
        let _ = text.extend_from_slice(bytes);
    }
}

/// Appends a number with at least `digits` digits of this base.
fn push_number(text: &mut Text, mut number: u64, base: u64, digits: usize) {
    // Octal digits of 64 bits.
    let mut space = [b'0'; 22];
    let mut length = digits;
    for (index, digit) in space.iter_mut().rev().enumerate() {
        if number == 0 {
            break;
        }
        *digit = match number % base {
            ten @ 10.. => b'a' + low_byte(ten - 10),
            below => b'0' + low_byte(below),
        };
        number /= base;
        length = length.max(index + 1);
    }
    push(text, space.get(space.len().saturating_sub(length)..).unwrap_or_default());
}

/// `0x1f`
fn push_hex(text: &mut Text, number: u64) {
    push(text, b"0x");
    push_number(text, number, 16, 1);
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// The low half: all that the kernel looks at in an `int`.
fn low(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_cuts() {
        let mut text = Text::new();
        push_number(&mut text, 0o644, 8, 4);
        push(&mut text, b" ");
        push_number(&mut text, 0, 8, 3);
        push(&mut text, b" ");
        push_hex(&mut text, u64::MAX);
        push_hex(&mut text, 0);
        assert_eq!(text, b"0644 000 0xffffffffffffffff0x0");
        let mut text = Text::new();
        push(&mut text, &[b'a'; TEXT - 4]);
        push(&mut text, b"b");
        assert_eq!(text.len(), TEXT - 3);
        push(&mut text, b"cd");
        assert!(text.ends_with(b"ab..."));
        push(&mut text, b"e");
        push(&mut text, b"");
        assert!(text.ends_with(b"ab...") && text.len() == TEXT);
        let mut text = Text::new();
        push(&mut text, &[b'a'; 2 * TEXT]);
        assert!(text.ends_with(b"a...") && text.len() == TEXT);
    }
}
