//! ringaudit: the kernel's audit events, each as one line. The modules stand in the order of a
//! record's journey; DESIGN.md tells the whole of it.

pub mod capture;
pub mod config;
pub mod event;
pub mod log;
pub mod stats;
pub mod sys;
pub mod wire;
