//! `ringaudit status` on this machine's kernel: what it counts beside what an outside count finds, each counter moved
//! by some scene, its three forms, its socket, and what is told unasked. Needs what tests/live needs.
#![cfg(feature = "status")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
#[path = "../live/daemon.rs"]
mod daemon;
#[allow(dead_code)]
#[path = "../live/flood.rs"]
mod flood;
#[path = "../live/forget.rs"]
mod forget;
#[allow(dead_code)]
#[path = "../live/machine.rs"]
mod machine;
#[path = "../stages/scenes.rs"]
mod scenes;
#[allow(dead_code)]
#[path = "../peers/validator.rs"]
mod validator;

mod answer;
mod forms;
mod others;
mod pipe;
mod place;
mod scene;
mod schema;
mod sum;
mod table;
mod witness;
