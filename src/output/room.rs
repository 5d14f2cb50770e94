//! Those who wait for outputs, and what they are woken by.

#[cfg(feature = "supervise")]
use crate::stats::Pulse;
use crate::sys::poll::{Alarm, Wait, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Those who wait for outputs: for room in a queue, for the first opening, for the end.
pub struct Room {
    alarm: Alarm,
    stopping: AtomicBool,
    /// Whether somebody waits for the writer, who therefore must not wait for room.
    #[cfg(feature = "reload")]
    is_called: AtomicBool,
    /// Whether the writer is alive.
    #[cfg(feature = "supervise")]
    pub pulse: Pulse,
}

impl Room {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            alarm: Alarm::new()?,
            stopping: AtomicBool::new(false),
            #[cfg(feature = "reload")]
            is_called: AtomicBool::new(false),
            #[cfg(feature = "supervise")]
            pulse: Pulse::default(),
        })
    }

    /// The daemon stops: nobody waits for room any longer than the output's time to flush.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.alarm.ring();
    }

    /// Whether it stops.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Shows that the writer is not stuck.
    pub fn beat(&self) {
        #[cfg(feature = "supervise")]
        self.pulse.beat();
    }

    /// Waits until something has changed, one of `others` is readable, or the time is over.
    pub fn wait(&self, others: Option<BorrowedFd<'_>>, timeout: Option<Duration>) {
        let mut waits: heapless::Vec<Wait, 2> = heapless::Vec::new();
        let _ = waits.push(Wait::readable(self.alarm.as_fd()));
        let _ = others.map(|fd| waits.push(Wait::readable(fd)));
        // A poll that fails is tried again by whoever waits.
        let _ = poll(&mut waits, timeout);
        if waits.first().is_some_and(Wait::ready) {
            self.alarm.hush();
        }
        self.beat();
    }
}

#[cfg(feature = "reload")]
impl Room {
    /// Makes the writer wait for no output (`true`), until that is over.
    pub fn call(&self, is_called: bool) {
        self.is_called.store(is_called, Ordering::SeqCst);
        if is_called {
            self.alarm.ring();
        }
    }

    /// Whether the writer must not wait.
    pub(super) fn is_called(&self) -> bool {
        self.is_called.load(Ordering::SeqCst)
    }
}

impl Room {
    /// Makes those who wait look again, and show that they are alive.
    pub fn ring(&self) {
        self.alarm.ring();
    }
}
