//! What is told unasked: a line of the main counters among the daemon's own messages, and the textfile for
//! node_exporter. Both are off unless the config names them.

use super::document;
use crate::cli::Form;
use crate::config::{Status, TEXTFILE_S};
use crate::daemon::Running;
use crate::log;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// When to tell.
pub(crate) struct Periodic {
    every: Duration,
    next: Instant,
}

impl Periodic {
    /// None where nothing is told unasked.
    pub(crate) fn new(config: &Status) -> Option<Self> {
        let seconds = match config.interval_s {
            0 if config.textfile.is_empty() => return None,
            0 => TEXTFILE_S,
            seconds => seconds,
        };
        Some(Self { every: Duration::from_secs(seconds.into()), next: Instant::now() })
    }

    /// The next time.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// Tells, if it is time.
    pub(crate) fn tell(&mut self, running: &mut Running<'_>) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        // A machine that slept is not told of each time that it missed.
        self.next = now + self.every;
        let config = &running.config.status;
        let (path, has_line) = (config.textfile.clone(), config.interval_s > 0);
        if !path.is_empty() {
            let text = document::write(&super::sections(running), Form::Prometheus);
            if let Err(error) = write(Path::new(&path), &text) {
                log::warning(format_args!("failed to write \"{path}\" (status.textfile): {error}"));
            }
        }
        if has_line {
            line(running);
        }
    }
}

/// Writes it whole and gives it its name then, so that nobody reads half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    // node_exporter takes what ends in .prom alone.
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

fn line(running: &mut Running<'_>) {
    let lost = running.registration.status().map_or(0, |_| running.stats.kernel_lost.get());
    let stats = running.stats;
    let outputs = &stats.outputs;
    log::info(format_args!(
        "records: {}, events: {}, filtered: {}, written: {}, lost by the kernel: {lost}, dropped by the ring: {}, \
         dropped by outputs: {}, failures of outputs: {}",
        stats.records.get(),
        stats.assembled.get(),
        stats.filtered.get(),
        outputs.written(),
        stats.ring_dropped.get(),
        outputs.dropped(),
        outputs.errors(),
    ));
}
