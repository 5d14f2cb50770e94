//! A thread outside of the fences that starts others: a fence is for the directory that was there when it was put up,
//! so an output that is to open its file anew, after its directory was removed or its file system mounted again, goes
//! on in a new thread with a new fence. It sleeps until then.

use crate::log;
use crate::sys::poll::{Alarm, Wait, poll};
use crate::sys::thread::{STACK, spawn};
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A thread to be.
pub(super) type Run = Box<dyn FnOnce() + Send>;

struct Keeper {
    alarm: Alarm,
    waiting: Mutex<Vec<(String, usize, Run)>>,
}

static KEEPER: OnceLock<Keeper> = OnceLock::new();

/// Starts the thread, if there is none yet.
pub(super) fn start() -> io::Result<()> {
    if KEEPER.get().is_none() {
        let keeper = Keeper { alarm: Alarm::new()?, waiting: Mutex::default() };
        if KEEPER.set(keeper).is_ok() {
            spawn("keeper", STACK, Box::new(keep))?;
        }
    }
    Ok(())
}

/// Has a thread started that is in none of this one's fences. Gives it back where nobody does.
pub(super) fn begin(name: &str, stack: usize, run: Run) -> Result<(), Run> {
    let Some(keeper) = KEEPER.get() else { return Err(run) };
    let mut waiting = keeper.waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.push((name.to_owned(), stack, run));
    keeper.alarm.ring();
    Ok(())
}

fn keep() {
    while let Some(keeper) = KEEPER.get() {
        // A poll that fails is tried again.
        let _ = poll(&mut [Wait::readable(keeper.alarm.as_fd())], None);
        keeper.alarm.hush();
        let waiting = std::mem::take(&mut *keeper.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for (name, stack, run) in waiting {
            if let Err(error) = spawn(&name, stack, run) {
                log::error(format_args!("output {name}: failed to start a thread: {error}; it is lost"));
            }
        }
    }
}
