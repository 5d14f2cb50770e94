//! What is read once, at the start: the command line, the config, the rules, and the kernel's messages that
//! carry them. A crate of its own so that it is compiled for size, while what is on a record's way is
//! compiled for speed; it knows nothing of that way.

pub mod cli;
pub mod config;
pub mod rules;
#[cfg(feature = "reload")]
pub mod state;
pub mod values;
pub mod wire;
