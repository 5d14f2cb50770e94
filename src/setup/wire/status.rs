//! `struct audit_status`: what AUDIT_GET answers and AUDIT_SET takes.
//! Source: include/uapi/linux/audit.h; kernel/audit.c, audit_receive_msg.
//!
//! ```text
//!  0    4       8       12  16         20            24   28      32        36                40
//!  mask enabled failure pid rate_limit backlog_limit lost backlog (version) backlog_wait_time actual
//! ```
//! 32 bytes before Linux 3.14, 40 until 5.8, 44 since.

use super::nlmsg::u32_at;

/// Bytes of the present structure; older kernels answer with fewer and ignore what is more.
pub const LEN: usize = 44;

/// The oldest structure: what is shorter is no status.
const LEN_MIN: usize = 32;

/// A value that AUDIT_SET can set: one a message, since they apply in order and the first error stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 0 off, 1 on, 2 locked until reboot.
    Enabled,
    /// 0 silent, 1 printk, 2 panic.
    Failure,
    /// The registered daemon; 0 none.
    Pid,
    /// Records that may wait in the kernel; 0 is without limit.
    BacklogLimit,
    /// Jiffies that an audited process may be made to wait when the backlog is full.
    BacklogWaitTime,
    /// Records a second; 0 is without limit.
    RateLimit,
    /// The count of lost records: any value sets it to 0. The old one comes back in place of an errno.
    Lost,
    /// The jiffies that were waited: any value sets them to 0.
    BacklogWaitTimeActual,
}

impl Field {
    /// (AUDIT_STATUS_* bit, offset of the value)
    fn layout(self) -> (u32, usize) {
        match self {
            Self::Enabled => (0x01, 4),
            Self::Failure => (0x02, 8),
            Self::Pid => (0x04, 12),
            Self::BacklogLimit => (0x10, 20),
            Self::BacklogWaitTime => (0x20, 36),
            Self::RateLimit => (0x08, 16),
            Self::Lost => (0x40, 24),
            Self::BacklogWaitTimeActual => (0x80, 40),
        }
    }

    /// The kernel's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Failure => "failure",
            Self::Pid => "pid",
            Self::BacklogLimit => "backlog_limit",
            Self::BacklogWaitTime => "backlog_wait_time",
            Self::RateLimit => "rate_limit",
            Self::Lost => "lost",
            Self::BacklogWaitTimeActual => "backlog_wait_time_actual",
        }
    }
}

/// The payload of an AUDIT_SET that sets this one value.
pub fn emit(field: Field, value: u32) -> [u8; LEN] {
    let (mask, offset) = field.layout();
    let mut out = [0; LEN];
    let mut put = |at: usize, value: u32| {
        if let Some(bytes) = out.get_mut(at..at + 4) {
            bytes.copy_from_slice(&value.to_ne_bytes());
        }
    };
    put(0, mask);
    put(offset, value);
    out
}

/// The kernel's status, as AUDIT_GET tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// 0 off, 1 on, 2 locked until reboot.
    pub enabled: u32,
    /// 0 silent, 1 printk, 2 panic.
    pub failure: u32,
    /// The registered daemon; 0 none.
    pub pid: u32,
    /// Records a second; 0 is without limit.
    pub rate_limit: u32,
    /// Records that may wait.
    pub backlog_limit: u32,
    /// Records lost since boot, or since the counter was reset.
    pub lost: u32,
    /// Records that wait in the main queue.
    pub backlog: u32,
    /// In jiffies; `None` where the kernel is too old to tell.
    pub backlog_wait_time: Option<u32>,
}

impl Status {
    /// Reads an AUDIT_GET answer; `None` when it is too short for one.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        if payload.len() < LEN_MIN {
            return None;
        }
        Some(Self {
            enabled: u32_at(payload, 4)?,
            failure: u32_at(payload, 8)?,
            pid: u32_at(payload, 12)?,
            rate_limit: u32_at(payload, 16)?,
            backlog_limit: u32_at(payload, 20)?,
            lost: u32_at(payload, 24)?,
            backlog: u32_at(payload, 28)?,
            backlog_wait_time: u32_at(payload, 36),
        })
    }

    /// The value of a settable field; `None` where this kernel does not tell it, or we do not keep it.
    pub fn get(&self, field: Field) -> Option<u32> {
        match field {
            Field::Enabled => Some(self.enabled),
            Field::Failure => Some(self.failure),
            Field::Pid => Some(self.pid),
            Field::BacklogLimit => Some(self.backlog_limit),
            Field::BacklogWaitTime => self.backlog_wait_time,
            Field::RateLimit => Some(self.rate_limit),
            Field::Lost => Some(self.lost),
            Field::BacklogWaitTimeActual => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_lands_where_the_status_reads_it() {
        let fields = [
            Field::Enabled,
            Field::Failure,
            Field::Pid,
            Field::BacklogLimit,
            Field::BacklogWaitTime,
            Field::RateLimit,
            Field::Lost,
        ];
        for field in fields {
            let out = emit(field, 0x0102_0304);
            assert_eq!(u32_at(&out, 0).unwrap().count_ones(), 1, "{field:?}");
            assert_eq!(Status::parse(&out).unwrap().get(field), Some(0x0102_0304), "{field:?}");
        }
    }

    #[test]
    fn old_kernels_answer_with_less() {
        assert_eq!(Status::parse(&[0; 31]), None);
        assert_eq!(Status::parse(&[0; 32]).unwrap().backlog_wait_time, None);
        assert_eq!(Status::parse(&[0; 40]).unwrap().backlog_wait_time, Some(0));
    }
}
