//! A record's text and its header: `audit(SECONDS.MILLISECONDS:SERIAL): fields`.
//! Source: kernel/audit.c, audit_log_start; go-audit 1.2.0, parser.go.

/// A record's type, as a number: new ones keep being added, and unknown ones are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// USER: a message of user space of no other type.
    pub const USER: Self = Self(1005);
    /// LOGIN: a task's auid was set.
    pub const LOGIN: Self = Self(1006);
    /// SYSCALL: the record that makes an event one of a system call, and lets it end with EOE.
    pub const SYSCALL: Self = Self(1300);
    /// PATH
    pub const PATH: Self = Self(1302);
    /// SOCKETCALL: i386's one call for all of a socket's.
    pub const SOCKETCALL: Self = Self(1304);
    /// CONFIG_CHANGE
    pub const CONFIG_CHANGE: Self = Self(1305);
    /// SOCKADDR
    pub const SOCKADDR: Self = Self(1306);
    /// CWD
    pub const CWD: Self = Self(1307);
    /// EXECVE
    pub const EXECVE: Self = Self(1309);
    /// OBJ_PID: the process that a signal or ptrace went to.
    pub const OBJ_PID: Self = Self(1318);
    /// EOE: the end of an event; it says nothing else.
    pub const EOE: Self = Self(1320);
    /// PROCTITLE
    pub const PROCTITLE: Self = Self(1327);
    /// AVC: a decision of the security module.
    pub const AVC: Self = Self(1400);
    /// DAEMON_ERR: what an audit daemon has to say of its own trouble; our loss events.
    pub const DAEMON_ERR: Self = Self(1209);

    /// Whether the record is a whole event: user space's messages and the daemons' own never get an EOE
    /// (kernel/audit.c, audit_receive_msg; 2000 is AUDIT_KERNEL). LOGIN does where its task is audited
    /// (audit_log_set_loginuid): it waits for one.
    pub fn stands_alone(self) -> bool {
        matches!(self.0, 1000..=1299 | 2000..=2999) && self != Self::LOGIN
    }

    /// Whether its text is a user's (linux/audit.h: AUDIT_USER, AUDIT_FIRST_USER_MSG to AUDIT_LAST_USER_MSG2).
    pub fn is_by_user(self) -> bool {
        matches!(self.0, 1005 | 1100..=1199 | 2100..=2999)
    }

    /// Whether the record comes only with a SYSCALL record, whose event ends with EOE
    /// (kernel/auditsc.c, audit_log_exit).
    pub fn belongs_to_syscall(self) -> bool {
        matches!(self.0, 1300 | 1302 | 1303..=1304 | 1306..=1307 | 1309 | 1313..=1318 | 1321..=1324 | 1327)
    }
}

/// What identifies an event: the kernel's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Milliseconds since 1970.
    pub millis: u64,
    /// The event's serial since boot; it wraps and skips 0.
    pub serial: u32,
}

/// A record's text, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// Time and serial as numbers.
    pub stamp: Stamp,
    /// The time as it was written, `1700000000.123`.
    pub time: &'a [u8],
    /// What follows `): `, trailing blanks included.
    pub fields: &'a [u8],
}

const PREFIX: &[u8] = b"audit(";
/// `)`, `:` and a blank, as go-audit skips them whatever they are.
const AFTER: usize = 3;

/// Splits a record's text; `None` when its header is not one.
pub fn split(text: &[u8]) -> Option<Split<'_>> {
    let rest = text.strip_prefix(PREFIX)?;
    // A header is at most `u64.u3:u32`, 20 + 4 + 11 bytes: no need to search the whole text.
    let close = rest.iter().take(40).position(|&b| b == b')')?;
    let header = rest.get(..close)?;
    let colon = header.iter().position(|&b| b == b':')?;
    let (time, serial) = (header.get(..colon)?, header.get(colon + 1..)?);
    let dot = time.iter().position(|&b| b == b'.')?;
    let seconds = number(time.get(..dot)?)?;
    let fraction = time.get(dot + 1..)?;
    if fraction.len() != 3 {
        return None;
    }
    let millis = seconds.checked_mul(1000)?.checked_add(number(fraction)?)?;
    let serial = u32::try_from(number(serial)?).ok()?;
    let fields = rest.get(close + AFTER..).unwrap_or(&[]);
    Some(Split { stamp: Stamp { millis, serial }, time, fields })
}

/// The longest header that is remembered: `audit(1700000000.123:4294967295): `.
const HEADER: usize = 40;

/// Splits records of which most have the header of the one before: an event's come one after the other.
#[derive(Debug)]
pub struct Splitter {
    header: [u8; HEADER],
    /// How much of it is one; 0 is none.
    len: usize,
    stamp: Stamp,
    /// The time's length, which stands behind [`PREFIX`].
    time: usize,
}

impl Splitter {
    /// Without a record before.
    pub fn new() -> Self {
        Self { header: [0; HEADER], len: 0, stamp: Stamp { millis: 0, serial: 0 }, time: 0 }
    }

    /// As [`split`].
    pub fn split<'a>(&mut self, text: &'a [u8]) -> Option<Split<'a>> {
        if let Some((header, fields)) = text.split_at_checked(self.len)
            && self.len > 0
            && self.header.get(..self.len) == Some(header)
        {
            let time = header.get(PREFIX.len()..PREFIX.len() + self.time)?;
            return Some(Split { stamp: self.stamp, time, fields });
        }
        let split = split(text)?;
        self.len = text.len() - split.fields.len();
        // One that ends with the text, or a longer one, is not worth it.
        match (text.get(..self.len), self.header.get_mut(..self.len)) {
            (Some(header), Some(place)) if !split.fields.is_empty() => place.copy_from_slice(header),
            _ => self.len = 0,
        }
        (self.stamp, self.time) = (split.stamp, split.time.len());
        Some(split)
    }
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

/// Decimal digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, &digit| {
        let value = digit.wrapping_sub(b'0');
        if value > 9 { None } else { sum.checked_mul(10)?.checked_add(u64::from(value)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_is_split_and_the_trailing_blank_kept() {
        let split = split(b"audit(1700000000.042:99): arch=c000003e ").unwrap();
        assert_eq!(split.stamp, Stamp { millis: 1_700_000_000_042, serial: 99 });
        assert_eq!(split.time, b"1700000000.042");
        assert_eq!(split.fields, b"arch=c000003e ");
    }

    #[test]
    fn an_empty_record_has_no_fields() {
        assert_eq!(split(b"audit(1.002:3): ").unwrap().fields, b"");
        assert_eq!(split(b"audit(1.002:3)").unwrap().fields, b"");
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for text in [
            &b""[..],
            b"audit(",
            b"audit()",
            b"audit(1.002:3",
            b"audit(1.002): a=b",
            b"audit(1:3): a=b",
            b"audit(1.02:3): a=b",
            b"audit(x.002:3): a=b",
            b"audit(1.002:): a=b",
            b"audit(1.002:4294967296): a=b",
            b"audit(99999999999999999999.002:4): a=b",
            b"Audit(1.002:3): a=b",
            b"\x00\x01\x02\xff",
        ] {
            assert_eq!(split(text), None, "{:?}", String::from_utf8_lossy(text));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_split_or_refused(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = split(&text);
            let mut splitter = Splitter::new();
            let mut with_prefix = PREFIX.to_vec();
            with_prefix.extend_from_slice(&text);
            let _ = split(&with_prefix);
            for text in [&text, &with_prefix, &with_prefix] {
                prop_assert_eq!(splitter.split(text), split(text));
            }
        }

        #[test]
        fn a_remembered_header_changes_nothing(
            records in proptest::collection::vec("audit\\([12]\\.00[0-2]:[1-3]{1,2}\\)(: [ab]{0,2})?", 1..20),
        ) {
            let mut splitter = Splitter::new();
            for record in &records {
                prop_assert_eq!(splitter.split(record.as_bytes()), split(record.as_bytes()), "{}", record);
            }
        }
    }
}
