//! `struct audit_rule_data` of include/uapi/linux/audit.h: what AUDIT_ADD_RULE and AUDIT_DEL_RULE take and
//! what AUDIT_LIST_RULES gives. [`Rule`] holds its meaning, [`Rule::emit`] and [`Rule::parse`] go to and
//! from the bytes. All numbers are in the machine's own byte order.
//!
//! ```text
//! flags  action  field_count  mask[64]  fields[64]  values[64]  fieldflags[64]  buflen  buf[buflen]
//! ```

use std::fmt;

/// Words of the system call mask; bit n of word w is system call 32 w + n (AUDIT_BITMASK_SIZE).
pub const MASK_WORDS: usize = 64;
/// Fields that a rule can have (AUDIT_MAX_FIELDS).
pub const MAX_FIELDS: usize = 64;
/// Bytes of all keys of a rule together, with their separators (AUDIT_MAX_KEY_LEN).
pub const MAX_KEY_LEN: usize = 256;
/// Between the keys of a rule (AUDIT_KEY_SEPARATOR).
pub const KEY_SEPARATOR: u8 = 0x01;
/// Bytes before `buf`.
pub const HEADER_LEN: usize = 4 * (3 + MASK_WORDS + 3 * MAX_FIELDS + 1);
/// Set in `flags`: the rule goes to the head of its list (AUDIT_FILTER_PREPEND).
pub const PREPEND: u32 = 0x10;

/// Message type: lists the rules.
pub const AUDIT_LIST_RULES: u16 = 1013;
/// Message type: adds a rule.
pub const AUDIT_ADD_RULE: u16 = 1011;
/// Message type: deletes a rule.
pub const AUDIT_DEL_RULE: u16 = 1012;

/// Message type: forgets the directories of rules that are gone; no payload.
pub const AUDIT_TRIM: u16 = 1014;
/// Message type: makes a subtree part of what is watched at a mount point: two lengths of 32 bits, then the two
/// paths without NUL.
pub const AUDIT_MAKE_EQUIV: u16 = 1015;
/// Message type: `struct audit_features`: version, mask, features, lock, 32 bits each.
pub const AUDIT_SET_FEATURE: u16 = 1018;
/// AUDIT_FEATURE_LOGINUID_IMMUTABLE as a mask.
pub const LOGINUID_IMMUTABLE: u32 = 1 << 1;

/// Where a rule is asked (AUDIT_FILTER_*). Other numbers than the named are kept as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List(pub u32);

impl List {
    /// Records that come from user space.
    pub const USER: Self = Self(0);
    /// At a task's creation.
    pub const TASK: Self = Self(1);
    /// At a system call's exit.
    pub const EXIT: Self = Self(4);
    /// Records that are not made.
    pub const EXCLUDE: Self = Self(5);
    /// Inodes of a kind of file system.
    pub const FILESYSTEM: Self = Self(6);
    /// io_uring operations.
    pub const IO_URING: Self = Self(7);

    /// Each list with its name in a rule.
    pub const NAMED: [(&'static str, Self); 6] = [
        ("task", Self::TASK),
        ("exit", Self::EXIT),
        ("user", Self::USER),
        ("exclude", Self::EXCLUDE),
        ("filesystem", Self::FILESYSTEM),
        ("io_uring", Self::IO_URING),
    ];

    /// Its name in a rule.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, list)| *list == self).map_or("unknown", |(name, _)| name)
    }
}

/// What a match means (AUDIT_NEVER, AUDIT_ALWAYS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action(pub u32);

impl Action {
    /// No record.
    pub const NEVER: Self = Self(0);
    /// Always a record.
    pub const ALWAYS: Self = Self(2);
}

/// How a field is compared (AUDIT_EQUAL and others). Comparisons of order are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op(pub u32);

impl Op {
    /// `&`: any of these bits.
    pub const BIT_MASK: Self = Self(0x0800_0000);
    /// `<`
    pub const LESS: Self = Self(0x1000_0000);
    /// `>`
    pub const GREATER: Self = Self(0x2000_0000);
    /// `!=`
    pub const NOT_EQUAL: Self = Self(0x3000_0000);
    /// `=`
    pub const EQUAL: Self = Self(0x4000_0000);
    /// `&=`: all of these bits.
    pub const BIT_TEST: Self = Self(0x4800_0000);
    /// `<=`
    pub const LESS_OR_EQUAL: Self = Self(0x5000_0000);
    /// `>=`
    pub const GREATER_OR_EQUAL: Self = Self(0x6000_0000);

    /// Each operator as it is written, the longer before the shorter that it begins with.
    pub const WRITTEN: [(&'static str, Self); 8] = [
        ("!=", Self::NOT_EQUAL),
        (">=", Self::GREATER_OR_EQUAL),
        ("<=", Self::LESS_OR_EQUAL),
        ("&=", Self::BIT_TEST),
        ("=", Self::EQUAL),
        (">", Self::GREATER),
        ("<", Self::LESS),
        ("&", Self::BIT_MASK),
    ];
}

/// Numbers of fields (AUDIT_PID and others).
#[allow(missing_docs)]
pub mod field {
    pub const PID: u32 = 0;
    pub const UID: u32 = 1;
    pub const EUID: u32 = 2;
    pub const SUID: u32 = 3;
    pub const FSUID: u32 = 4;
    pub const GID: u32 = 5;
    pub const EGID: u32 = 6;
    pub const SGID: u32 = 7;
    pub const FSGID: u32 = 8;
    pub const LOGINUID: u32 = 9;
    pub const PERS: u32 = 10;
    pub const ARCH: u32 = 11;
    pub const MSGTYPE: u32 = 12;
    pub const SUBJ_USER: u32 = 13;
    pub const SUBJ_ROLE: u32 = 14;
    pub const SUBJ_TYPE: u32 = 15;
    pub const SUBJ_SEN: u32 = 16;
    pub const SUBJ_CLR: u32 = 17;
    pub const PPID: u32 = 18;
    pub const OBJ_USER: u32 = 19;
    pub const OBJ_ROLE: u32 = 20;
    pub const OBJ_TYPE: u32 = 21;
    pub const OBJ_LEV_LOW: u32 = 22;
    pub const OBJ_LEV_HIGH: u32 = 23;
    pub const SESSIONID: u32 = 25;
    pub const FSTYPE: u32 = 26;
    pub const DEVMAJOR: u32 = 100;
    pub const DEVMINOR: u32 = 101;
    pub const INODE: u32 = 102;
    pub const EXIT: u32 = 103;
    pub const SUCCESS: u32 = 104;
    pub const WATCH: u32 = 105;
    pub const PERM: u32 = 106;
    pub const DIR: u32 = 107;
    pub const FILETYPE: u32 = 108;
    pub const OBJ_UID: u32 = 109;
    pub const OBJ_GID: u32 = 110;
    pub const FIELD_COMPARE: u32 = 111;
    pub const EXE: u32 = 112;
    pub const SADDR_FAM: u32 = 113;
    pub const ARG0: u32 = 200;
    pub const ARG1: u32 = 201;
    pub const ARG2: u32 = 202;
    pub const ARG3: u32 = 203;
    pub const FILTERKEY: u32 = 210;

    /// Whether the field's value is a string in `buf` (kernel/auditfilter.c, audit_data_to_entry).
    pub fn is_text(number: u32) -> bool {
        matches!(number, SUBJ_USER..=SUBJ_CLR | OBJ_USER..=OBJ_LEV_HIGH | WATCH | DIR | EXE | FILTERKEY)
    }
}

/// What [`field::FIELD_COMPARE`] compares: the value `n` compares the fields of pair `n - 1`
/// (AUDIT_COMPARE_UID_TO_OBJ_UID and others).
pub const COMPARISONS: [(u32, u32); 25] = {
    use field::{EGID, EUID, FSGID, FSUID, GID, LOGINUID, OBJ_GID, OBJ_UID, SGID, SUID, UID};
    [
        (UID, OBJ_UID),
        (GID, OBJ_GID),
        (EUID, OBJ_UID),
        (EGID, OBJ_GID),
        (LOGINUID, OBJ_UID),
        (SUID, OBJ_UID),
        (SGID, OBJ_GID),
        (FSUID, OBJ_UID),
        (FSGID, OBJ_GID),
        (UID, LOGINUID),
        (UID, EUID),
        (UID, FSUID),
        (UID, SUID),
        (LOGINUID, FSUID),
        (LOGINUID, SUID),
        (LOGINUID, EUID),
        (EUID, SUID),
        (EUID, FSUID),
        (SUID, FSUID),
        (GID, EGID),
        (GID, FSGID),
        (GID, SGID),
        (EGID, FSGID),
        (EGID, SGID),
        (SGID, FSGID),
    ]
};

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number; signed ones in two's complement.
    Number(u32),
    /// A string without NUL; only in fields of [`field::is_text`].
    Text(Vec<u8>),
}

/// One condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// See [`field`].
    pub number: u32,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: Value,
}

/// The system calls of a rule, a bit each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mask(pub [u32; MASK_WORDS]);

impl Mask {
    /// No system call.
    pub const EMPTY: Self = Self([0; MASK_WORDS]);
    /// All of them, and all classes, as auditctl sends it.
    pub const ALL: Self = Self([u32::MAX; MASK_WORDS]);

    /// What the kernel gives back for a mask without classes: it clears the last 16 bits, which stand for
    /// classes of system calls (kernel/auditfilter.c, audit_to_entry_common).
    #[must_use]
    pub fn without_classes(mut self) -> Self {
        if let Some(last) = self.0.last_mut() {
            *last &= 0xffff;
        }
        self
    }

    /// Adds a system call. False if its number does not fit.
    pub fn set(&mut self, number: u32) -> bool {
        let Some(word) = usize::try_from(number / 32).ok().and_then(|w| self.0.get_mut(w)) else {
            return false;
        };
        *word |= 1 << (number % 32);
        true
    }

    /// Whether a system call is in.
    pub fn has(&self, number: u32) -> bool {
        usize::try_from(number / 32)
            .ok()
            .and_then(|w| self.0.get(w))
            .is_some_and(|w| w & (1 << (number % 32)) != 0)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("Mask(ALL)");
        }
        let numbers = (0..32 * u32::try_from(MASK_WORDS).unwrap_or(0)).filter(|n| self.has(*n));
        f.debug_set().entries(numbers).finish()
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its list.
    pub list: List,
    /// At the head of the list rather than at its end; only for AUDIT_ADD_RULE.
    pub prepend: bool,
    /// What a match means.
    pub action: Action,
    /// Its system calls.
    pub mask: Mask,
    /// Its conditions: all must hold, asked in this order. At most [`MAX_FIELDS`].
    pub fields: Vec<Field>,
}

/// Why bytes and rule do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Fewer bytes than the header or `buflen` ask for.
    Truncated,
    /// More than [`MAX_FIELDS`].
    TooManyFields,
    /// The lengths of the strings do not add up to `buflen`, or a string stands in a field that has none.
    Strings,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the rule is cut short",
            Self::TooManyFields => "the rule has more than 64 fields",
            Self::Strings => "the rule's strings do not fit its fields",
        })
    }
}

impl Rule {
    /// The bytes of `struct audit_rule_data`.
    pub fn emit(&self) -> Result<Vec<u8>, Error> {
        if self.fields.len() > MAX_FIELDS {
            return Err(Error::TooManyFields);
        }
        let mut text = Vec::new();
        let (mut numbers, mut values, mut ops) = ([0; MAX_FIELDS], [0; MAX_FIELDS], [0; MAX_FIELDS]);
        let slots = numbers.iter_mut().zip(&mut values).zip(&mut ops);
        for (field, ((number, value), op)) in self.fields.iter().zip(slots) {
            *number = field.number;
            *op = field.op.0;
            *value = match &field.value {
                Value::Number(n) if !field::is_text(field.number) => *n,
                Value::Text(bytes) if field::is_text(field.number) => {
                    text.extend_from_slice(bytes);
                    length(bytes)?
                }
                _ => return Err(Error::Strings),
            };
        }
        let flags = self.list.0 | if self.prepend { PREPEND } else { 0 };
        let count = u32::try_from(self.fields.len()).map_err(|_| Error::TooManyFields)?;
        let head = [flags, self.action.0, count];
        let buflen = [length(&text)?];
        let mut bytes = Vec::with_capacity(HEADER_LEN + text.len());
        for words in [&head[..], &self.mask.0, &numbers, &values, &ops, &buflen] {
            words.iter().for_each(|word| bytes.extend_from_slice(&word.to_ne_bytes()));
        }
        bytes.extend_from_slice(&text);
        Ok(bytes)
    }

    /// Whether this text is in the rule's keys, which auditctl takes as one text (`-D -k`, `-l -k`).
    pub fn key_has(&self, text: &str) -> bool {
        self.fields.iter().any(|field| match &field.value {
            Value::Text(key) if field.number == field::FILTERKEY => {
                key.windows(text.len().max(1)).any(|part| part == text.as_bytes())
            }
            _ => false,
        })
    }

    /// A rule from the kernel's bytes. Numbers that are not known are kept.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let flags = word(bytes, 0)?;
        let count = usize::try_from(word(bytes, 2)?).map_err(|_| Error::TooManyFields)?;
        if count > MAX_FIELDS {
            return Err(Error::TooManyFields);
        }
        let buflen =
            usize::try_from(word(bytes, FIELDS_AT + 3 * MAX_FIELDS)?).map_err(|_| Error::Truncated)?;
        let end = HEADER_LEN.checked_add(buflen).ok_or(Error::Truncated)?;
        let mut text = bytes.get(HEADER_LEN..end).ok_or(Error::Truncated)?;
        let mut mask = Mask::EMPTY;
        for (index, slot) in mask.0.iter_mut().enumerate() {
            *slot = word(bytes, 3 + index)?;
        }
        let mut fields = Vec::with_capacity(count);
        for index in 0..count {
            let number = word(bytes, FIELDS_AT + index)?;
            let raw = word(bytes, FIELDS_AT + MAX_FIELDS + index)?;
            let op = Op(word(bytes, FIELDS_AT + 2 * MAX_FIELDS + index)?);
            let value = if field::is_text(number) {
                let split = usize::try_from(raw).map_err(|_| Error::Strings)?;
                let (own, rest) = text.split_at_checked(split).ok_or(Error::Strings)?;
                text = rest;
                Value::Text(own.to_vec())
            } else {
                Value::Number(raw)
            };
            fields.push(Field { number, op, value });
        }
        if !text.is_empty() {
            return Err(Error::Strings);
        }
        let prepend = flags & PREPEND != 0;
        Ok(Self { list: List(flags & !PREPEND), prepend, action: Action(word(bytes, 1)?), mask, fields })
    }
}

/// The word at which `fields` begins.
const FIELDS_AT: usize = 3 + MASK_WORDS;

fn length(bytes: &[u8]) -> Result<u32, Error> {
    u32::try_from(bytes.len()).map_err(|_| Error::Strings)
}

/// The u32 with this index.
fn word(bytes: &[u8], index: usize) -> Result<u32, Error> {
    let four = bytes.get(4 * index..).and_then(<[u8]>::first_chunk).ok_or(Error::Truncated)?;
    Ok(u32::from_ne_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_field() -> impl Strategy<Value = Field> {
        (any::<u32>(), 0..250_u32, any::<bool>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(any, small, pick, op, text)| {
                let number = if pick { any } else { small };
                let value = if field::is_text(number) { Value::Text(text) } else { Value::Number(any) };
                Field { number, op: Op(op), value }
            })
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let mask = proptest::collection::vec(any::<u32>(), MASK_WORDS);
        let fields = proptest::collection::vec(any_field(), 0..=MAX_FIELDS);
        (0..16_u32, any::<bool>(), any::<u32>(), mask, fields).prop_map(
            |(list, prepend, action, mask, fields)| {
                let mask = Mask(mask.try_into().unwrap());
                Rule { list: List(list), prepend, action: Action(action), mask, fields }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(rule in any_rule()) {
            let bytes = rule.emit().unwrap();
            prop_assert_eq!(Rule::parse(&bytes), Ok(rule));
            for cut in [0, 3, HEADER_LEN - 1, bytes.len() - 1] {
                prop_assert_eq!(Rule::parse(&bytes[..cut]), Err(Error::Truncated));
            }
        }

        #[test]
        fn any_bytes_are_a_rule_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..1400), count in 0..70_u32) {
            let mut bytes = bytes;
            let _ = Rule::parse(&bytes);
            // Random counts are mostly too large: give it one that is not.
            if let Some(slot) = bytes.get_mut(8..12) {
                slot.copy_from_slice(&count.to_ne_bytes());
            }
            if let Some(slot) = bytes.get_mut(HEADER_LEN - 4..HEADER_LEN) {
                slot.copy_from_slice(&(count / 2).to_ne_bytes());
            }
            if let Ok(rule) = Rule::parse(&bytes) {
                prop_assert_eq!(rule.fields.len(), usize::try_from(count).unwrap());
                prop_assert!(rule.emit().is_ok());
            }
        }
    }

    /// The offsets of the C struct, counted by hand.
    #[test]
    fn the_layout_is_the_kernels() {
        let mut mask = Mask::EMPTY;
        assert!(mask.set(59));
        let key = Field { number: field::FILTERKEY, op: Op::EQUAL, value: Value::Text(b"exec".to_vec()) };
        let pid = Field { number: field::PID, op: Op::NOT_EQUAL, value: Value::Number(7) };
        let rule =
            Rule { list: List::EXIT, prepend: true, action: Action::ALWAYS, mask, fields: vec![pid, key] };
        let bytes = rule.emit().unwrap();
        let at = |offset: usize| u32::from_ne_bytes(bytes[offset..offset + 4].try_into().unwrap());
        assert_eq!(bytes.len(), 1044);
        assert_eq!([at(0), at(4), at(8)], [0x14, 2, 2]);
        assert_eq!([at(12), at(16)], [0, 1 << (59 - 32)]);
        assert_eq!([at(268), at(272)], [0, 210]);
        assert_eq!([at(524), at(528)], [7, 4]);
        assert_eq!([at(780), at(784)], [0x3000_0000, 0x4000_0000]);
        assert_eq!(at(1036), 4);
        assert_eq!(&bytes[1040..], b"exec");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let number = |number| Field { number, op: Op::EQUAL, value: Value::Number(0) };
        let rule = |fields| Rule {
            list: List::EXIT,
            prepend: false,
            action: Action::ALWAYS,
            mask: Mask::ALL,
            fields,
        };
        assert!(rule(vec![number(0); 64]).emit().is_ok());
        assert_eq!(rule(vec![number(0); 65]).emit(), Err(Error::TooManyFields));
        assert_eq!(rule(vec![number(field::EXE)]).emit(), Err(Error::Strings));
        let mut bytes = rule(vec![]).emit().unwrap();
        bytes[8] = 65;
        assert_eq!(Rule::parse(&bytes), Err(Error::TooManyFields));
        bytes[8] = 0;
        bytes[1036] = 1;
        assert_eq!(Rule::parse(&bytes), Err(Error::Truncated));
        bytes.push(b'x');
        assert_eq!(Rule::parse(&bytes), Err(Error::Strings));
    }

    #[test]
    fn the_mask_ends_at_2047() {
        let mut mask = Mask::EMPTY;
        assert!(mask.set(0) && mask.set(2047));
        assert!(!mask.set(2048) && !mask.set(u32::MAX));
        assert!(mask.has(0) && mask.has(2047) && !mask.has(1) && !mask.has(2048));
    }
}
