//! In place of `upgrade`'s, in a build without the feature `reload`: no program goes on in another one's place.

use super::Running;
use crate::capture::reader::Link;
use crate::capture::registration::{self, Registration};
use crate::config::{self, Config};
use crate::output::{OpenError, Outputs};
use crate::stats::Stats;
use crate::writer::Writer;
use std::sync::Arc;

/// What the program before has left: nothing.
pub(super) enum Left {}

impl Left {
    pub(super) fn registration(
        &mut self,
        _: &config::Kernel,
        _: &Arc<Link>,
        _: &Arc<Stats>,
    ) -> Option<Result<Registration, registration::Error>> {
        match *self {}
    }

    pub(super) fn go_on(&self, _: &mut Running<'_>) {
        match *self {}
    }

    pub(super) fn writer(&mut self) -> Option<Self> {
        match *self {}
    }

    pub(super) fn outputs(
        &mut self,
        _: &Config,
        _: usize,
        _: &Arc<Stats>,
    ) -> Result<Outputs, Vec<OpenError>> {
        match *self {}
    }

    pub(super) fn resume(self, _: &Config, _: &mut Writer) {
        match self {}
    }

    pub(super) fn answer(self) {
        match self {}
    }
}
