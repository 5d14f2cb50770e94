//! What one run of the daemon leaves to the next, as bytes: numbers and texts one behind the other, in a seal that
//! tells whether they are whole and of this form. Both programs may be of different versions, so what is read is
//! never trusted to be there: a text that ends early is `None`, not a default.
//!
//! ```text
//!  0                16        20        28         36
//!  | MAGIC          | version | length  | checksum | body ...
//! ```
//! Numbers in the seal are little-endian, those in the body LEB128, and a text is its length and its bytes.

/// What a state begins with.
pub const MAGIC: [u8; 16] = *b"ringaudit state\0";
/// The form of the body. Another one is not read: counters, events and queues would be taken for each other.
pub const VERSION: u32 = 1;
/// Magic, version, length and checksum.
const SEAL: usize = 16 + 4 + 8 + 8;

/// A body in the making.
#[derive(Clone, Debug, Default)]
pub struct Pen(Vec<u8>);

impl Pen {
    /// Appends a number.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    /// Appends numbers, with how many they are before them.
    pub fn numbers(&mut self, numbers: &[u64]) {
        self.number(numbers.len() as u64);
        numbers.iter().for_each(|&number| self.number(number));
    }

    /// Appends a text.
    pub fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text);
    }

    /// The body.
    #[must_use]
    pub fn body(self) -> Vec<u8> {
        self.0
    }
}

/// A body as it is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a>(&'a [u8]);

impl<'a> Reading<'a> {
    /// Reads a body from its start.
    #[must_use]
    pub fn of(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// The next number.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// The next number, if it fits.
    pub fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// The next number as a length or a count.
    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// The next numbers, as many as were written.
    pub fn numbers(&mut self) -> Option<Vec<u64>> {
        // Each has at least a byte: a count that is more than what is left is a wrong one.
        let count = self.size().filter(|count| *count <= self.0.len())?;
        (0..count).map(|_| self.number()).collect()
    }

    /// The next text.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.size()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(text)
    }
}

/// FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, &byte: &u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// What stands before a body.
#[must_use]
pub fn seal(body: &[u8]) -> Vec<u8> {
    let mut seal = Vec::with_capacity(SEAL);
    seal.extend_from_slice(&MAGIC);
    seal.extend_from_slice(&VERSION.to_le_bytes());
    seal.extend_from_slice(&(body.len() as u64).to_le_bytes());
    seal.extend_from_slice(&checksum(body).to_le_bytes());
    seal
}

/// The body of a sealed state.
///
/// # Errors
///
/// Why it can't be used, as the end of a sentence.
pub fn open(state: &[u8]) -> Result<&[u8], String> {
    let after_magic = state.strip_prefix(&MAGIC).ok_or("it does not begin as a state does")?;
    let (version, rest) = after_magic.split_first_chunk().ok_or("it is cut off")?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(format!("it has version {version}, and this program reads version {VERSION}"));
    }
    let (length, rest) = rest.split_first_chunk().ok_or("it is cut off")?;
    let (sum, body) = rest.split_first_chunk().ok_or("it is cut off")?;
    if u64::from_le_bytes(*length) != body.len() as u64 {
        return Err("its length is not the one that it says".to_owned());
    }
    if u64::from_le_bytes(*sum) != checksum(body) {
        return Err("its checksum is wrong".to_owned());
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(body: &[u8]) -> Vec<u8> {
        [seal(body).as_slice(), body].concat()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            numbers in proptest::collection::vec(any::<u64>(), 0..20),
            text in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut pen = Pen::default();
            pen.numbers(&numbers);
            pen.text(&text);
            pen.number(7);
            let state = sealed(&pen.body());
            let mut reading = Reading::of(open(&state).unwrap());
            prop_assert_eq!(reading.numbers().unwrap(), numbers);
            prop_assert_eq!(reading.text().unwrap(), text.as_slice());
            prop_assert_eq!((reading.small(), reading.number()), (Some(7), None));
        }

        /// Whatever bytes there are, nothing panics, and nothing large is allocated for a wrong count.
        #[test]
        fn garbage_is_read_as_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(open(&bytes).is_err());
            let mut reading = Reading::of(&bytes);
            while reading.numbers().is_some() || reading.text().is_some() {}
        }

        #[test]
        fn any_changed_byte_is_noticed(
            body in proptest::collection::vec(any::<u8>(), 1..100),
            at in any::<prop::sample::Index>(),
            by in 1u8..,
        ) {
            let mut state = sealed(&body);
            let at = at.index(state.len());
            state[at] ^= by;
            prop_assert!(open(&state).is_err());
        }
    }

    #[test]
    fn why_a_state_is_refused() {
        let state = sealed(b"body");
        assert_eq!(open(&state), Ok(&b"body"[..]));
        let mut other = state.clone();
        other[16] = 9;
        let said = |state: &[u8]| open(state).unwrap_err();
        assert_eq!(said(&other), "it has version 9, and this program reads version 1");
        assert_eq!(said(&state[..state.len() - 1]), "its length is not the one that it says");
        assert_eq!(said(&state[..30]), "it is cut off");
        assert_eq!(said(b""), "it does not begin as a state does");
    }
}
