//! Events become lines. A format only appends bytes; it never sees an output.

pub mod escape;
pub mod gelf;
pub mod go_audit;
pub mod json;
mod line;
pub mod raw;
pub mod text;
pub(crate) mod time;

pub use line::Line;
