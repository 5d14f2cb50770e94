//! ringaudit: the kernel's audit events, each as one line. DESIGN.md tells the whole of it; the modules of a
//! record's way stand in `lib.rs`, in its order.

pub mod daemon;

pub use ringaudit_way::*;
