//! Events become lines. A format only appends bytes; it never sees an output.

pub mod gelf;
pub mod go_audit;
pub mod json;
pub mod raw;
pub mod time;

pub use ringaudit_bytes::{Line, escape, text};

use ringaudit_bytes::{digits, wire};
use ringaudit_facts::{enrich, event};
use ringaudit_setup::config;
use ringaudit_sys as sys;
