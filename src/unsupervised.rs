//! In place of `supervise`, in a build without that feature: nobody is told anything.

use crate::capture::reader::Link;
use crate::config::Config;
use crate::daemon::Error;
use crate::writer::Requests;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Instant;

/// Nobody waits for the daemon's start.
#[derive(Default)]
pub struct Parent(());

/// The daemon, which nobody watches.
pub struct Service<'a>(PhantomData<&'a mut Parent>);

impl<'a> Service<'a> {
    /// Nothing is set up.
    pub fn new(_: &Config, _: Option<&Path>, _: &'a mut Parent) -> Self {
        Self(PhantomData)
    }

    /// None.
    #[cfg(feature = "reload")]
    pub fn words(&self) -> Vec<std::ffi::CString> {
        Vec::new()
    }

    /// Nobody is told.
    pub fn ready(&mut self, _: &Config, _: &dyn fmt::Display) {}

    /// Never.
    pub fn due(&self) -> Option<Instant> {
        None
    }

    /// Nobody watches.
    pub fn watch(&mut self, _: &Link, _: &Requests) {}

    /// Nothing is left behind.
    pub fn ended(&mut self, _: Option<&Error>) {}
}

/// Nobody is told.
pub fn ready(_: &dyn fmt::Display) {}

/// Nobody is told.
pub fn status(_: &dyn fmt::Display) {}

/// Nobody is told.
pub fn reloading() {}

/// Nobody is told.
pub fn stopping() {}
