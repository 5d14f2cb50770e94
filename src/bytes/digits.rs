//! Numbers of records as JSON has them. Takes the digits as they stand; what is no such number is written as text.

use super::Line;
use super::text;
use super::wire::fields::nibble;

/// Appends a decimal number, as one if that is what it is: no needless zeros, no more digits than 64 bits have.
pub fn push_decimal(line: &mut Line, digits: &[u8]) {
    if text::is_number(digits) {
        line.push(digits);
    } else if digits.starts_with(b"0x") {
        push_hexadecimal(line, digits);
    } else {
        text::push_string(line, digits);
    }
}

/// Appends `"0x7f"`, without needless zeros.
pub fn push_hexadecimal(line: &mut Line, digits: &[u8]) {
    match hexadecimal(digits) {
        Some(plain) => push_prefixed(line, *b"\"0x", plain),
        None => text::push_string(line, digits),
    }
}

/// The digits of a hexadecimal number of at most 64 bits, with or without `0x`, but for needless zeros.
pub(super) fn hexadecimal(digits: &[u8]) -> Option<&[u8]> {
    let plain = match digits {
        [b'0', b'x', plain @ ..] => plain,
        plain => plain,
    };
    let is_number =
        !plain.is_empty() && plain.len() <= 16 && plain.iter().all(|&digit| nibble(digit).is_some());
    is_number.then(|| without_zeros(plain))
}

/// Appends `"0o644"`.
pub fn push_octal(line: &mut Line, digits: &[u8]) {
    if digits.starts_with(b"0x") {
        return push_hexadecimal(line, digits);
    }
    if digits.is_empty() || !digits.iter().all(|b| matches!(b, b'0'..=b'7')) {
        return text::push_string(line, digits);
    }
    push_prefixed(line, *b"\"0o", without_zeros(digits));
}

fn push_prefixed(line: &mut Line, prefix: [u8; 3], digits: &[u8]) {
    line.push(&prefix);
    line.push(digits);
    line.push(b"\"");
}

/// The digits from the first that is not 0; the last one in any case.
fn without_zeros(mut digits: &[u8]) -> &[u8] {
    while let [b'0', rest @ ..] = digits
        && !rest.is_empty()
    {
        digits = rest;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(push: impl Fn(&mut Line, &[u8]), digits: &str) -> String {
        let mut line = Line::new(1024).unwrap();
        push(&mut line, digits.as_bytes());
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn numbers_and_what_is_none() {
        for (digits, wanted) in [
            ("0", "0"),
            ("-13", "-13"),
            ("007", "\"007\""),
            ("", "\"\""),
            ("-", "\"-\""),
            ("1e3", "\"1e3\""),
            ("0x1F", "\"0x1F\""),
            ("18446744073709551615", "\"18446744073709551615\""),
        ] {
            assert_eq!(written(push_decimal, digits), wanted);
        }
        for (digits, wanted) in [
            ("0", "0x0"),
            ("0000", "0x0"),
            ("00ff", "0xff"),
            ("0xFF", "0xFF"),
            ("g", "g"),
            ("0x", "0x"),
            ("", ""),
        ] {
            assert_eq!(written(push_hexadecimal, digits), format!("\"{wanted}\""));
        }
        assert_eq!(written(push_hexadecimal, &"1".repeat(17)), format!("\"{}\"", "1".repeat(17)));
        for (digits, wanted) in
            [("0100644", "0o100644"), ("0", "0o0"), ("8", "8"), ("0x1b", "0x1b"), ("", "")]
        {
            assert_eq!(written(push_octal, digits), format!("\"{wanted}\""));
        }
    }
}
