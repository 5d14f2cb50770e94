//! Standard output: a terminal, a pipe or a file that others may share. What does not fit the pipe waits, and a
//! reader that has gone is told once.

use super::{Batch, Fault, Output};
use crate::sys::start;
use crate::sys::write::NonBlocking;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// The output.
pub(super) struct Stdout {
    out: Option<NonBlocking>,
    /// Whether its lines must not be dropped: then a failure is final.
    is_final: bool,
}

impl Stdout {
    pub(super) fn new(is_final: bool) -> Self {
        Self { out: None, is_final }
    }

    fn fault(&self, error: &io::Error) -> Fault {
        match error.kind() {
            // A reader that wants no more, such as head(1), is no error to tell.
            io::ErrorKind::BrokenPipe if self.is_final => Fault::Gone(None),
            io::ErrorKind::BrokenPipe => {
                Fault::Gone(Some("its reader has gone; events for it are dropped and counted".to_owned()))
            }
            _ if self.is_final => Fault::Gone(Some(format!("failed to write to standard output: {error}"))),
            _ => Fault::Failed(format!("failed to write to standard output: {error}")),
        }
    }
}

impl Output for Stdout {
    fn open(&mut self) -> Result<(), Fault> {
        if !start::stdout_was_open() {
            let message = "standard output is closed; open it, or name an output of type \"file\"";
            return Err(Fault::Wrong(message.to_owned()));
        }
        if self.out.is_none() {
            let out = NonBlocking::duplicate(io::stdout().as_fd());
            self.out =
                Some(out.map_err(|error| Fault::Wrong(format!("failed to use standard output: {error}")))?);
        }
        Ok(())
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let Some(out) = &self.out else { return Ok(()) };
        while !batch.is_empty() {
            match out.write(batch.rest()) {
                Ok(len) => batch.advance(len),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(self.fault(&error)),
            }
        }
        Ok(())
    }

    fn blocked_on(&self) -> Option<BorrowedFd<'_>> {
        self.out.as_ref().map(NonBlocking::as_fd)
    }

    fn is_local(&self) -> bool {
        true
    }

    /// Nothing: whoever goes on writes to the same descriptor, and ends the line that was begun.
    #[cfg(feature = "reload")]
    fn give_back(&mut self, _: &mut Batch, _: &mut Vec<u8>) {}
}
