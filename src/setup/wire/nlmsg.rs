//! The netlink message header and the types that the audit protocol uses.
//! Source: netlink(7), include/uapi/linux/netlink.h, include/uapi/linux/audit.h.
//!
//! ```text
//!  0       4      6       8       12      16
//!  | len   | type | flags | seq   | pid   | payload ...     host byte order
//! ```

/// Bytes before the payload.
pub const HEADER: usize = 16;

/// The sender wants something (NLM_F_REQUEST).
pub const REQUEST: u16 = 1;
/// The sender wants an acknowledgement (NLM_F_ACK).
pub const ACK: u16 = 4;

/// NLMSG_ERROR: an acknowledgement; the payload starts with a negative errno, or 0.
pub const ERROR: u16 = 2;
/// NLMSG_DONE: the end of a list.
pub const DONE: u16 = 3;
/// The lowest type that is not netlink's own (NLMSG_MIN_TYPE).
pub const MIN_TYPE: u16 = 16;

/// AUDIT_GET: the kernel's status.
pub const GET: u16 = 1000;
/// AUDIT_SET: set one of the status's values.
pub const SET: u16 = 1001;
/// AUDIT_REPLACE: another process tries to register; four binary bytes, its pid.
pub const REPLACE: u16 = 1329;

/// A message header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The length that the sender states. Records state theirs without the header: use what was received.
    pub len: u32,
    /// The message's type.
    pub kind: u16,
    /// NLM_F_*.
    pub flags: u16,
    /// The request's number; 0 in records.
    pub seq: u32,
    /// The sender's port id.
    pub pid: u32,
}

impl Header {
    /// Reads the first [`HEADER`] bytes; `None` when there are fewer.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            len: u32_at(bytes, 0)?,
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            seq: u32_at(bytes, 8)?,
            pid: u32_at(bytes, 12)?,
        })
    }
}

/// Appends a request with this payload to `out`, up to where the next one may begin.
pub fn emit(out: &mut Vec<u8>, kind: u16, flags: u16, seq: u32, payload: &[u8]) {
    let len = u32::try_from(HEADER + payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&seq.to_ne_bytes());
    out.extend_from_slice(&0u32.to_ne_bytes());
    out.extend_from_slice(payload);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The errno of an NLMSG_ERROR's payload: 0 for success, positive otherwise.
///
/// An AUDIT_SET that resets `lost` answers with a positive number, the old value: also a success.
pub fn errno(payload: &[u8]) -> Option<i32> {
    let raw = i32::from_ne_bytes(payload.get(..4)?.try_into().ok()?);
    Some(if raw < 0 { raw.checked_neg().unwrap_or(libc::EIO) } else { 0 })
}

/// The host-order number at an offset.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_emitted_is_parsed() {
        let mut out = Vec::new();
        emit(&mut out, SET, REQUEST | ACK, 7, b"abc");
        let header = Header::parse(&out).unwrap();
        assert_eq!(header, Header { len: 19, kind: SET, flags: 5, seq: 7, pid: 0 });
        assert_eq!(&out[HEADER..], b"abc\0");
        assert_eq!(Header::parse(&out[..15]), None);
    }

    #[test]
    fn an_errno_is_negative_on_the_wire() {
        assert_eq!(errno(&(-17i32).to_ne_bytes()), Some(17));
        assert_eq!(errno(&0i32.to_ne_bytes()), Some(0));
        assert_eq!(errno(&5i32.to_ne_bytes()), Some(0));
        assert_eq!(errno(&i32::MIN.to_ne_bytes()), Some(libc::EIO));
        assert_eq!(errno(&[0, 0, 0]), None);
    }
}
