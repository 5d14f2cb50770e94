//! The daemon's binary on this machine's kernel: nothing lost, nothing left behind, and its trouble told.
//! Needs root and a kernel with auditing, with no audit daemon running; without them it fails. The audit
//! system is one for the whole machine: each test holds a lock, audits only a program of its own, and puts
//! back what it found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod daemon;
mod flood;
mod forget;
mod machine;

mod beside;
mod context;
mod faults;
mod filters;
mod idle;
mod inode;
mod loss;
mod memory;
mod refused;
mod registration;
mod reopen;
mod rules;
mod sandbox;
mod settings;
mod stdio;
mod stop;
mod yaml;
