//! In place of `beside`, in a build without the feature `coexist`: the kernel's audit daemon, or none.

use super::control::Control;
use super::registration::{self, Error, Registration};
use crate::config;
use crate::sys::poll::Wait;
use crate::wire::status::Status;
use std::time::Duration;

/// Nothing is beside the registration, which needs the control socket's answers.
pub(super) struct Beside(bool);

impl Beside {
    pub(super) fn new(_: &config::Kernel, has_control: bool, _: u32) -> Self {
        Self(has_control)
    }

    #[cfg(feature = "reload")]
    #[expect(clippy::unused_self, reason = "as `beside` has it")]
    pub(super) fn dropped(&self) -> u32 {
        0
    }
}

/// As [`registration::control`].
pub(super) fn open(_: &config::Kernel) -> Result<(Control, Option<Status>), Error> {
    registration::control().map(|(control, status)| (control, Some(status)))
}

impl Registration {
    /// As [`register`](Self::register).
    pub fn begin(&mut self) -> Result<(), Error> {
        self.register().map(|()| self.has_begun())
    }

    /// Goes on in the place of the program before.
    #[cfg(feature = "reload")]
    pub fn go_on(&mut self) {
        self.has_begun();
        self.begun.1 = false;
        self.verify();
    }

    /// Nothing to refuse.
    pub fn may_change(&self, _: &config::Kernel, _: bool) -> Result<(), Error> {
        Ok(())
    }

    /// Nobody.
    pub fn beside(&self) -> Option<(u32, &str, Duration)> {
        None
    }

    /// Nobody.
    pub fn holder(&self) -> Wait {
        Wait::never()
    }

    /// No.
    pub fn is_listener(&self) -> bool {
        false
    }

    pub(super) fn has_control(&self) -> bool {
        self.beside.0
    }

    pub(super) fn is_member(&self) -> bool {
        false
    }

    pub(super) fn takes_over(&self) -> bool {
        false
    }

    pub(super) fn stand_beside(&mut self, _: u32, _: String) {}

    pub(super) fn look_beside(&mut self, _: &Status) {}

    pub(super) fn quit_group(&mut self) {}

    pub(super) fn count_dropped(&mut self) {}
}
