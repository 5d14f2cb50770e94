//! What is done when the file system has too little free space.

use super::{File, LOOK_EVERY, Open, ROTATION_PAUSE};
use crate::config::LowSpace;
use crate::log;
use crate::output::Fault;
use crate::sys::host;
use std::os::fd::AsFd;
use std::time::Instant;

/// The bytes that are free where a file is; no limit where that can't be told.
fn free(file: Option<&Open>) -> u64 {
    file.and_then(|open| host::free_bytes(open.file.as_fd()).ok()).unwrap_or(u64::MAX)
}

impl File {
    /// Looks at the free space and does what is asked for when it is too little; the first time that is told.
    ///
    /// Errors: nothing is to be written.
    pub(super) fn look_at_space(&mut self) -> Result<(), Fault> {
        let least = u64::from(self.target.min_free_mib) << 20;
        if least == 0 {
            return Ok(());
        }
        let action = self.target.low_space;
        let was_low = std::mem::replace(&mut self.is_low, free(self.file.as_ref()) < least);
        if !self.is_low {
            return Ok(());
        }
        let path = self.target.path.display();
        let message = format!("less than {} MiB are free for \"{path}\"", self.target.min_free_mib);
        if action == LowSpace::Stop {
            return Err(Fault::Failed(message));
        }
        if !was_low {
            let (name, action) = (&self.stats.name, action.name());
            log::warning(format_args!("output {name}: {message}; low_space = \"{action}\""));
        }
        match action {
            LowSpace::Rotate if self.len().is_some_and(|len| len > 0) => {
                let now = Instant::now();
                if self.next_by_space.is_none_or(|at| now >= at) {
                    self.next_by_space = Some(now + ROTATION_PAUSE);
                    self.rotate();
                }
            }
            LowSpace::Delete => {
                while free(self.file.as_ref()) < least
                    && self.older.delete_oldest().is_ok_and(|deleted| deleted)
                {
                    // The space may come back a moment later: the next look sees what is still to be done.
                    self.next_look = Some(Instant::now() + LOOK_EVERY);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
