//! Events become lines. A format only appends bytes; it never sees an output.

pub mod escape;
pub mod go_audit;
mod line;

pub use line::Line;
