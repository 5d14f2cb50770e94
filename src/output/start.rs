//! The beginning of an output: its queue, its thread, and what is wrong with it.

use super::driver::Driver;
use super::queue::{Queue, Stage};
#[cfg(feature = "send")]
use super::send;
use super::{Batch, OpenError, Output, Room, STACK, Saved, Tap, file, no_memory, stdout, wrong};
use crate::config::{self, Target, WhenFull};
use crate::log;
use crate::sandbox::Place;
use crate::stats::OutputStats;
use crate::sys::thread::spawn;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the start waits for an output that opens something on this host.
const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// What is the same for all outputs that are started together.
pub(super) struct Common<'a> {
    /// The longest that an event's lines can be.
    pub(super) longest: usize,
    /// No event may be dropped, and a failure of standard output is final.
    pub(super) all: bool,
    pub(super) room: &'a Arc<Room>,
}

/// Waits for those outputs that open something on this host, and notes what is wrong with them.
pub(super) fn wait_for_opening<'a>(
    outputs: impl Iterator<Item = (&'a config::Output, &'a (Tap, bool))>,
    wait: &dyn Fn(Duration),
    errors: &mut Vec<OpenError>,
) {
    let until = Instant::now() + OPEN_LIMIT;
    for (config, (tap, is_local)) in outputs {
        let mut stage = tap.queue.stage();
        while *is_local && stage == Stage::Opening && Instant::now() < until {
            wait(until.saturating_duration_since(Instant::now()));
            stage = tap.queue.stage();
        }
        match stage {
            Stage::Wrong(message) => errors.push(wrong(config, message)),
            Stage::Opening if *is_local => {
                log::warning(format_args!("output {}: it does not open; starting without it", config.name));
            }
            _ => {}
        }
    }
}

/// Makes an output, its queue and its thread; and whether it opens at once. Where it follows another one, it goes on
/// with that one's counters, and waits for its end; with what was `saved` it goes on whether it can be opened or not.
pub(super) fn start(
    config: &config::Output,
    common: &Common<'_>,
    follows: Option<&Arc<OutputStats>>,
    saved: &[Saved<'_>],
) -> Result<(Tap, bool), String> {
    let Common { longest, all, room } = *common;
    let counters = follows.map_or_else(|| Arc::new(OutputStats::new(config.name.clone())), Arc::clone);
    #[allow(unused_mut, reason = "what follows is shared first")]
    let mut output: Box<dyn Output> = match &config.target {
        Target::Stdout => Box::new(stdout::Stdout::new(all)),
        Target::File(target) => Box::new(file::File::new(target, Arc::clone(&counters))?),
        #[cfg(feature = "send")]
        target => send::output(target, longest).map_err(|error| no_memory(&error))?,
        // The config refuses what is not in this build.
        #[cfg(not(feature = "send"))]
        target => return Err(format!("output type \"{}\" is not in this build", target.kind())),
    };
    let is_local = output.is_local();
    let overflow = if all { WhenFull::Wait } else { config.queue.overflow };
    let limit = config.queue.kib as usize * 1024;
    let queue = Queue::new(limit, longest, overflow, Arc::clone(&counters), Arc::clone(room));
    let queue = Arc::new(queue.map_err(|error| no_memory(&error))?);
    #[cfg(feature = "reload")]
    {
        Saved::give(saved, config, &queue);
        if follows.is_some() {
            output.share();
            queue.hold();
        }
    }
    let batch = Batch::new(longest).map_err(|error| no_memory(&error))?;
    let driver = Driver::new(output, Arc::clone(&queue), batch, !saved.is_empty());
    let driver = driver.writes_to(Place::of(&config.target));
    let thread = spawn(&config.name, STACK, Box::new(move || driver.run()));
    thread.map_err(|error| format!("failed to start a thread: {error}"))?;
    Ok((Tap::new(config, queue, true), is_local))
}
