//! A build without the feature `sandbox`: nothing is given up.

use crate::config::{Config, Problem, Target};

/// Where an output writes: nobody asks.
#[derive(Default)]
pub struct Place(());

impl Place {
    /// Of this output.
    #[must_use]
    pub fn of(_: &Target) -> Self {
        Self(())
    }
}

/// What a config can't be right for: nothing.
pub fn check(_: &Config) -> Option<Problem> {
    None
}

/// Does nothing.
///
/// # Errors
///
/// None.
pub fn enter(_: &Config) -> std::io::Result<()> {
    Ok(())
}

/// Says nothing.
pub fn tell() {}

/// Does nothing.
pub fn confine_reader(_: bool) {}

/// Does nothing.
pub fn confine_output(_: &Place) {}

/// It need not.
#[must_use]
pub fn must_begin_anew(_: &Place) -> bool {
    false
}

/// Gives it back.
///
/// # Errors
///
/// `run` itself.
pub fn begin_anew(_: &str, _: usize, run: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>> {
    Err(run)
}

/// Nothing.
#[must_use]
pub fn hint(_: &str) -> &'static str {
    ""
}
