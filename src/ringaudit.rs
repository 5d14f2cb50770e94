//! ringaudit: the kernel's audit events, each as one line. DESIGN.md tells the whole of it; the modules of a
//! record's way stand in `lib.rs`, in its order.

#[cfg(feature = "status")]
pub mod ask;
pub mod daemon;
mod loaded;
mod prepared;
#[cfg(feature = "reload")]
mod reload;
pub mod ruleset;
#[cfg(feature = "status")]
pub mod status;
#[cfg_attr(not(feature = "supervise"), path = "unsupervised.rs")]
pub mod supervise;
#[cfg(feature = "status")]
mod top;
#[cfg(feature = "reload")]
mod upgrade;

pub use ringaudit_way::*;
