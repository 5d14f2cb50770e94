//! `ringaudit top` on a terminal, beside a daemon that takes 5,000 events a second of three loads: its screen, its keys,
//! and the rules that it tells. Needs what tests/live needs, and auditctl.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
#[path = "../live/daemon.rs"]
mod daemon;
#[allow(dead_code)]
#[path = "../live/flood.rs"]
mod flood;
#[allow(dead_code)]
#[path = "../live/machine.rs"]
mod machine;

mod load;
mod terminal;

mod exclude;
mod screen;
mod views;
