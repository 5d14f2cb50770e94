//! ringaudit: the kernel's audit events, each as one line. The modules stand in the order of a
//! record's journey; DESIGN.md tells the whole of it.

pub mod cli;
pub mod config;
