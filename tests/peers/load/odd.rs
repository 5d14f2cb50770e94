//! Names and texts that formats stumble over, and the chance that picks them: one seed, one load.

use std::ffi::CString;

/// splitmix64.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Bytes without NUL.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| u8::try_from(1 + self.below(255)).unwrap()).collect()
    }
}

/// Texts without `/` and NUL, at most 255 bytes.
const ODD: &[&[u8]] = &[
    b"plain",
    b"new\nline",
    b"quo\"te",
    b"back\\slash",
    b"sp ace",
    b"trailing ",
    b" leading",
    b"per%cent",
    b"%41%",
    b"pl+us",
    b"tab\t",
    b"cr\r\n",
    b"\x7f",
    b"\x01\x02",
    b"\x1d",
    b"\x1b[31m",
    b"\xff\xfe",
    b"\xc3",
    b"caf\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\xaf",
    "ü€𝄞".as_bytes(),
    "\u{2028}\u{2029}\u{feff}\u{fffd}\u{85}".as_bytes(),
    b"3005",
    b"C3A4",
    b"(null)",
    b"(none)",
    b"?",
    b"0",
    b"-1",
    b"a=b",
    b"a,b;c",
    b"'single'",
    b"<tag>&amp;",
    b"{\"json\":1}",
    b"type=PATH msg=audit(1.000:1): item=0",
    b"key=(null)",
    b")",
    b"$(id)`id`",
];

/// A text without `/` and NUL, of 1 to 255 bytes.
pub(crate) fn odd(chance: &mut Chance) -> Vec<u8> {
    match chance.below(8) {
        0 => {
            let len = 1 + chance.below(64);
            chance.bytes(len).into_iter().map(|byte| if byte == b'/' { b'_' } else { byte }).collect()
        }
        1 => {
            let (first, second) = (*chance.pick(ODD), *chance.pick(ODD));
            [first, b"_", second].concat()
        }
        2 if chance.below(8) == 0 => vec![*chance.pick(b"x \xff"); 255],
        _ => chance.pick(ODD).to_vec(),
    }
}

/// Also the empty text.
pub(crate) fn odd_or_empty(chance: &mut Chance) -> Vec<u8> {
    if chance.below(16) == 0 { Vec::new() } else { odd(chance) }
}

pub(crate) fn c(text: impl Into<Vec<u8>>) -> CString {
    CString::new(text).unwrap()
}
