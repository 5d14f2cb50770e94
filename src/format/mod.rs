//! Events become lines. A format only appends bytes; it never sees an output.

pub mod gelf;
pub mod go_audit;
pub mod json;
pub mod raw;
pub(crate) mod time;

pub use ringaudit_bytes::{Line, escape, text};
