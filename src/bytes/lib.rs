//! What goes over every byte of a record: a record's text taken apart, and a line put together. A crate of its own so
//! that it is compiled for speed, and all around it for size; it knows neither events nor formats.

pub mod digits;
pub mod escape;
mod line;
mod pen;
pub mod text;
pub mod wire;

pub use line::Line;

use ringaudit_sys as sys;
