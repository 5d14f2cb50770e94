//! Bytes to meaning and back: what crosses the netlink socket, as packets read with checks.

pub mod nlmsg;
pub mod record;
pub mod rule;
pub mod status;
pub mod tables;
