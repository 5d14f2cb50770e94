//! Events become lines. A format only appends bytes; it never sees an output.

pub mod escape;
pub mod go_audit;
pub mod json;
mod line;
pub mod raw;
pub mod text;

pub use line::Line;
