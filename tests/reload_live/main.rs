//! Another config and another program for the daemon that runs, on this machine's kernel and under load: no event is
//! lost or doubled, what waits stays, and what is wrong changes nothing. Needs what tests/live needs.
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

mod bench;
mod refused;
mod reload;
mod root;
mod upgrade;
