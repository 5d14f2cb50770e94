//! ringaudit: the kernel's audit events, each as one line. DESIGN.md tells the whole of it; the modules of a
//! record's way stand in `lib.rs`, in its order.

pub mod daemon;
mod loaded;
pub mod ruleset;
#[cfg_attr(not(feature = "supervise"), path = "unsupervised.rs")]
pub mod supervise;

pub use ringaudit_way::*;
