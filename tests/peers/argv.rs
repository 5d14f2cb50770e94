//! Command lines come back byte for byte: random ones are executed for real, and read from our JSON.

use crate::load::odd::Chance;

/// How many bytes and arguments one command line has at most: the kernel takes 2 MiB.
const MOST_BYTES: usize = 300_000;

/// The command lines of a seed; none is empty, since the kernel would add an empty argument.
pub(crate) fn vectors(seed: u64, count: usize) -> Vec<Vec<Vec<u8>>> {
    let mut chance = Chance(seed);
    (0..count).map(|_| vector(&mut chance)).collect()
}

fn vector(chance: &mut Chance) -> Vec<Vec<u8>> {
    let count = match chance.below(100) {
        0 => 1 + chance.below(5000),
        1..10 => 1 + chance.below(200),
        _ => 1 + chance.below(8),
    };
    let (mut vector, mut left) = (Vec::new(), MOST_BYTES);
    for _ in 0..count {
        let len = match chance.below(200) {
            0..20 => 0,
            20..22 => 7400 + chance.below(200),
            22 => chance.below(130_000),
            23..40 => chance.below(2000),
            _ => chance.below(40),
        };
        let argument = argument(chance, len.min(left));
        left -= argument.len();
        vector.push(argument);
    }
    vector
}

/// Random bytes, or printable ones with few exceptions: the kernel writes these and those in two ways.
fn argument(chance: &mut Chance, len: usize) -> Vec<u8> {
    match chance.below(4) {
        0 => chance.bytes(len),
        1 => (0..len).map(|_| b'!' + u8::try_from(chance.below(94)).unwrap()).collect(),
        2 => (0..len).map(|_| *chance.pick(b"0123456789ABCDEF")).collect(),
        _ => std::iter::repeat_with(|| {
            *chance.pick(&["a", "é", "€", "𝄞", "%", "+", " ", "\u{7f}", "\n", "\\", "\""])
        })
        .flat_map(str::bytes)
        .take(len)
        .collect(),
    }
}

/// The encoding of docs/format.md back into bytes: `%xx` is a byte, all else is itself.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (digits, tail) = tail.split_at_checked(2).expect("two digits");
            let digits = std::str::from_utf8(digits).unwrap();
            assert!(!digits.bytes().any(|digit| digit.is_ascii_uppercase()), "lower case: {digits}");
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = tail;
        } else {
            assert!((0x20..0x7f).contains(&byte) && byte != b'+' || byte >= 0x80, "{byte:#x} is not encoded");
            bytes.push(byte);
        }
    }
    bytes
}
