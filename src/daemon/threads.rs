//! The reader's and the writer's thread, with what is between them.

use super::{Error, Left};
use crate::capture::reader::{Link, Reader};
use crate::capture::registration::Registration;
use crate::capture::ring::{self, BLOCK};
use crate::config::Config;
use crate::log;
#[cfg(feature = "reload")]
use crate::output::Handle;
use crate::output::Outputs;
use crate::sandbox;
use crate::stats::Stats;
use crate::sys::poll::{Alarm, Wait, poll};
use crate::sys::signal::Signals;
use crate::sys::thread::{STACK, spawn};
use crate::writer::{Lines, Requests, Writer};
use std::os::fd::AsFd;
use std::sync::Arc;

/// The reader and the writer.
pub(crate) struct Threads {
    pub(crate) requests: Arc<Requests>,
    /// The outputs, for whoever changes them.
    #[cfg(feature = "reload")]
    pub(crate) outputs: Vec<Handle>,
    /// Those of an earlier config that may not have ended yet.
    #[cfg(feature = "reload")]
    pub(crate) retired: Vec<Handle>,
    /// Rung by the writer when it has written all.
    pub(crate) ended: Arc<Alarm>,
}

impl Threads {
    /// Opens the outputs and starts the threads, which go on with what is `left`.
    pub(super) fn start(
        config: &Config,
        registration: &Registration,
        link: &Arc<Link>,
        stats: &Arc<Stats>,
        left: Option<&mut Left>,
    ) -> Result<Self, Error> {
        let mut left = left.and_then(Left::writer);
        let longest = Lines::longest(config);
        let outputs = match &mut left {
            Some(left) => left.outputs(config, longest, stats),
            None => Outputs::open(&config.outputs, longest, stats),
        };
        let outputs = outputs.map_err(Error::Outputs)?;
        #[cfg(feature = "reload")]
        let handles = outputs.handles(&config.outputs);
        let failed = |e| Error::System("start the threads", e);
        let blocks = config.ring.size_kib as usize * 1024 / BLOCK;
        let (inlet, outlet) = ring::ring(blocks).map_err(failed)?;
        let mut writer = Writer::new(config, outlet, outputs, Arc::clone(stats)).map_err(failed)?;
        if let Some(left) = left {
            left.resume(config, &mut writer);
        }
        let (data, overflow) = (registration.data(), config.ring.overflow);
        let reader =
            Reader::new(data, inlet, overflow, Arc::clone(stats), Arc::clone(link)).map_err(failed)?;
        let requests = writer.requests();
        let ended = Arc::new(Alarm::new().map_err(failed)?);
        let at_end = Arc::clone(&ended);
        // The threads end by themselves: the reader closes the ring, and the writer then rings `ended`.
        let write = move || {
            sandbox::confine_reader(true);
            writer.run();
            at_end.ring();
        };
        let read = move || {
            sandbox::confine_reader(false);
            reader.run();
        };
        spawn("writer", STACK, Box::new(write)).map_err(failed)?;
        spawn("reader", STACK, Box::new(read)).map_err(failed)?;
        Ok(Self {
            requests,
            #[cfg(feature = "reload")]
            outputs: handles,
            #[cfg(feature = "reload")]
            retired: Vec::new(),
            ended,
        })
    }

    /// Waits until the writer has written all, or `hurry` says that nobody wants to wait.
    pub(super) fn wait(&self, signals: &Signals, hurry: &mut dyn FnMut() -> bool) {
        while !hurry() {
            let mut waits = [Wait::readable(self.ended.as_fd()), Wait::readable(signals.as_fd())];
            if poll(&mut waits, None).is_err() {
                return log::error("failed to wait for the writer");
            }
            if waits.first().is_some_and(Wait::ready) {
                return;
            }
        }
    }
}
