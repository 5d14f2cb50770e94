//! Bytes to meaning and back. What is said to the kernel once is in `src/setup/wire`; here is what comes
//! all the time.

pub mod class;
pub mod fields;
pub mod logline;
pub mod record;
pub mod sockaddr;

pub use ringaudit_setup::wire::{Transport, nlmsg, rule, status, tables};
