//! Events, and what is known about them besides: records put together, and what processes, files and accounts have to
//! say of them. With the counters and the daemon's own diagnostics, which all that follows needs too.

pub mod enrich;
pub mod event;
pub mod log;
#[cfg(feature = "supervise")]
mod log_to;
pub mod stats;
#[cfg(feature = "status")]
pub mod troubles;
#[cfg(feature = "status")]
mod types;

use ringaudit_bytes::wire;
use ringaudit_setup::config;
use ringaudit_sys as sys;
