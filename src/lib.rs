//! ringaudit: the kernel's audit events, each as one line. The modules stand in the order of a
//! record's journey; DESIGN.md tells the whole of it.

pub mod capture;
pub mod filter;
pub mod operate;
pub mod output;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(not(feature = "sandbox"))]
#[path = "no_sandbox.rs"]
pub mod sandbox;
pub mod writer;

pub use ringaudit_bytes::wire;
#[cfg(feature = "status")]
pub use ringaudit_facts::troubles;
pub use ringaudit_facts::{enrich, event, log, stats};
pub use ringaudit_format as format;
pub use ringaudit_setup::{cli, config, rules};
pub use ringaudit_sys as sys;
