//! Reader, ring and writer as the daemon runs them, with a socket pair as the kernel: what the real kernel
//! does seldom or never can be sent here at will. The threads, the clock and the files are real.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(feature = "status")]
mod scenes;
mod stage;

#[cfg(feature = "status")]
mod counters;
mod malformed;
mod outputs;
mod overflow;
mod timing;
