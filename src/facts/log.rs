//! The daemon's own diagnostics: to standard error or where `log` says, never waited for, at most so many a second,
//! and what was left out is said. The reader thread never calls this.

#[cfg(feature = "supervise")]
use super::log_to::Place;
#[cfg(feature = "supervise")]
use crate::config::LogTo;
use crate::config::Problem;
use crate::sys::write::NonBlocking;
use std::fmt;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Messages within [`WINDOW`] before the rest is left out.
const BURST: u32 = 20;
/// How long a burst is counted.
const WINDOW: Duration = Duration::from_secs(5);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It cannot be mended without the user.
    Error,
    /// Something is lost or not as asked for.
    Warning,
    /// What an operator likes to know.
    Info,
}

impl Level {
    /// The word for it.
    #[cfg(feature = "status")]
    pub fn name(self) -> &'static str {
        self.word().trim_end_matches(": ")
    }

    fn word(self) -> &'static str {
        match self {
            Self::Error => "error: ",
            Self::Warning => "warning: ",
            Self::Info => "",
        }
    }
}

struct State {
    out: Option<NonBlocking>,
    #[cfg(feature = "supervise")]
    place: Option<Place>,
    window: Option<Instant>,
    sent: u32,
    suppressed: u64,
}

static STATE: Mutex<State> = Mutex::new(State {
    out: None,
    #[cfg(feature = "supervise")]
    place: None,
    window: None,
    sent: 0,
    suppressed: 0,
});

impl State {
    /// Writes to where the messages go; to standard error when that can't be reached.
    fn write(&mut self, level: Level, lines: &str) -> bool {
        #[cfg(feature = "supervise")]
        if let Some(place) = &mut self.place
            && place.send(level, lines).is_ok()
        {
            return true;
        }
        #[cfg(not(feature = "supervise"))]
        let _ = level;
        if self.out.is_none() {
            self.out = NonBlocking::duplicate(std::io::stderr().as_fd()).ok();
        }
        self.out.as_ref().is_some_and(|out| out.write(lines.as_bytes()).is_ok())
    }
}

/// Messages go there from now on; those that can't, to standard error.
#[cfg(feature = "supervise")]
pub fn to(target: LogTo) {
    if let Ok(mut state) = STATE.lock() {
        // What is open there stays: the sandbox may not let it be opened again.
        if state.place.as_ref().map_or(LogTo::Stderr, Place::to) != target {
            state.place = Place::of(target);
        }
        // Standard error may be another one than it was.
        state.out = None;
    }
}

/// Says one thing: a line `ringaudit: error: ...` on standard error, or a message where `log` says. One that can't be
/// taken at once, or that comes in a flood, is counted and the count is said with the next one.
pub fn say(level: Level, message: &dyn fmt::Display) {
    say_of("daemon", level, message);
}

/// [`say`], of this part of the daemon.
fn say_of(part: &str, level: Level, message: &dyn fmt::Display) {
    #[cfg(feature = "status")]
    crate::troubles::note(part, level, &message.to_string());
    #[cfg(not(feature = "status"))]
    let _ = part;
    let Ok(mut state) = STATE.lock() else { return };
    let now = Instant::now();
    if state.window.is_none_or(|start| now.duration_since(start) >= WINDOW) {
        state.window = Some(now);
        state.sent = 0;
    }
    if state.sent >= BURST {
        state.suppressed += 1;
        return;
    }
    let word = level.word();
    let mut line = String::new();
    if state.suppressed > 0 {
        line = format!("ringaudit: {} messages suppressed\n", state.suppressed);
    }
    line.push_str(&format!("ringaudit: {word}{message}\n"));
    if state.write(level, &line) {
        state.sent += 1;
        state.suppressed = 0;
    } else {
        state.suppressed += 1;
    }
}

/// Says it where `log` says, unless that is standard error: the error that ends the program, which is told there anyway.
#[cfg(feature = "supervise")]
pub fn elsewhere(level: Level, message: &dyn fmt::Display) {
    let is_elsewhere = STATE.lock().is_ok_and(|state| state.place.is_some());
    if is_elsewhere {
        say(level, message);
    }
}

/// Says things that belong together, as one: none is left out for their number.
pub fn each(level: Level, problems: &[Problem]) {
    let Some((first, rest)) = problems.split_first() else { return };
    let mut text = first.to_string();
    for problem in rest {
        text.push_str(&format!("\nringaudit: {}{problem}", level.word()));
    }
    say_of("rules", level, &text);
}

/// The same for what has to do with the kernel.
#[cfg(not(feature = "status"))]
pub mod kernel {
    pub use super::{error, info, warning};
}

/// The same for what has to do with the kernel.
#[cfg(feature = "status")]
pub mod kernel {
    use super::{Level, fmt, say_of};

    const PART: &str = "kernel";

    /// [`say`](super::say) at [`Level::Error`].
    pub fn error(message: impl fmt::Display) {
        say_of(PART, Level::Error, &message);
    }

    /// [`say`](super::say) at [`Level::Warning`].
    pub fn warning(message: impl fmt::Display) {
        say_of(PART, Level::Warning, &message);
    }

    /// [`say`](super::say) at [`Level::Info`].
    pub fn info(message: impl fmt::Display) {
        say_of(PART, Level::Info, &message);
    }
}

/// [`say`] at [`Level::Error`].
pub fn error(message: impl fmt::Display) {
    say(Level::Error, &message);
}

/// [`say`] at [`Level::Warning`].
pub fn warning(message: impl fmt::Display) {
    say(Level::Warning, &message);
}

/// [`say`] at [`Level::Info`].
pub fn info(message: impl fmt::Display) {
    say(Level::Info, &message);
}
