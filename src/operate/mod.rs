//! What is done beside capture, by hand or by another program.

mod input;
pub mod replay;
mod stages;
