//! Who waits for room in a queue, and for how long.

use super::Room;
use crate::config;
use std::time::{Duration, Instant};

/// How long the writer waits in a second for an output that is only behind.
const SLACK: Duration = Duration::from_millis(50);

/// What came of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Something may have changed.
    Again,
    /// The outputs are to be opened anew.
    Reopen,
    /// Nobody wants to wait any longer.
    Enough,
    /// Somebody waits for the writer: what does not fit is carried until there is room.
    #[cfg(feature = "reload")]
    Carry,
}

/// Who waits for room in the queue of an output with `overflow = "wait"`.
pub trait Patience: Send {
    /// Waits until something has changed.
    fn wait(&mut self, room: &Room) -> Waited;
}

/// The daemon's: as long as it takes, and at a stop as long as the outputs may flush.
pub(super) struct Daemons {
    flush: Duration,
    until: Option<Instant>,
}

impl Daemons {
    pub(super) fn patience(configs: &[config::Output]) -> Box<dyn Patience> {
        let flush = configs.iter().map(|config| config.queue.flush_s).max().unwrap_or(0);
        Box::new(Self { flush: Duration::from_secs(flush.into()), until: None })
    }
}

impl Patience for Daemons {
    fn wait(&mut self, room: &Room) -> Waited {
        #[cfg(feature = "reload")]
        if room.is_called() {
            return Waited::Carry;
        }
        if room.is_stopping() {
            self.until.get_or_insert_with(|| Instant::now() + self.flush);
        }
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Waited::Enough;
        }
        room.wait(None, left);
        Waited::Again
    }
}

/// How long the writer waits for outputs that are behind, as they are after a burst that came faster than they were
/// given the CPU: not for one that is stuck, and not longer than [`SLACK`] in a second.
pub(super) struct Slack {
    since: Instant,
    spent: Duration,
    /// Whether waiting was no use.
    pub(super) is_late: bool,
}

impl Slack {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), spent: Duration::ZERO, is_late: false }
    }

    /// Waits for a moment; false when there was enough of it.
    pub(super) fn wait(&mut self, room: &Room) -> bool {
        let start = Instant::now();
        if start.duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.spent) = (start, Duration::ZERO);
        }
        let left = SLACK.saturating_sub(self.spent);
        if self.is_late || left.is_zero() {
            return false;
        }
        room.wait(None, Some(left));
        self.spent += start.elapsed();
        true
    }
}
