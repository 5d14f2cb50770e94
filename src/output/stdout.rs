//! Standard output: a terminal, a pipe or a file that others may share. It is never waited for: what does
//! not fit the pipe is buffered, what does not fit the buffer is dropped and counted, and a reader that has
//! gone is told once.

use super::pending::{Pending, Taken};
use super::{Output, Patience, RETRY};
use crate::log;
use crate::stats::Stats;
use crate::sys::start;
use crate::sys::write::NonBlocking;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

/// What may wait for a slow reader; touched only as far as it is used.
const BUFFER: usize = 256 * 1024;
/// What is gathered before a write, while there is more to come.
const BATCH: usize = 64 * 1024;

/// The output.
pub(super) struct Stdout {
    out: NonBlocking,
    pending: Pending,
    buffered: usize,
    stats: Arc<Stats>,
    state: State,
    /// Whether its lines must not be dropped: then a failure is final.
    is_final: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The last write found it full; it is waited for with poll.
    Full,
    /// The last write failed: when to try again.
    Failed(Instant),
    /// The reader has gone for good (EPIPE).
    Gone,
}

impl Stdout {
    pub(super) fn open(patience: Patience, stats: Arc<Stats>) -> Result<Self, String> {
        if !start::stdout_was_open() {
            return Err("standard output is closed; open it, or name an output of type \"file\"".to_owned());
        }
        let out = NonBlocking::duplicate(io::stdout().as_fd())
            .map_err(|error| format!("failed to use standard output: {error}"))?;
        let pending = Pending::new(patience.buffer(BUFFER));
        let pending = pending.map_err(|error| format!("failed to get a buffer: {error}"))?;
        Ok(Self {
            out,
            pending,
            buffered: 0,
            stats,
            state: State::Open,
            is_final: patience != Patience::Drop,
        })
    }

    fn note(&mut self, result: io::Result<()>, now: Instant) {
        let Err(error) = result else {
            if matches!(self.state, State::Failed(_)) {
                log::info("standard output: writing again");
            }
            self.state = State::Open;
            return;
        };
        match error.kind() {
            io::ErrorKind::WouldBlock => self.state = State::Full,
            kind if self.is_final => {
                self.stats.output_errors.add(1);
                // A reader that wants no more, such as head(1), is no error to tell.
                if kind != io::ErrorKind::BrokenPipe {
                    log::error(format_args!("failed to write to standard output: {error}"));
                }
                self.state = State::Gone;
                self.stats.output_dropped.add(self.pending.abandon());
            }
            io::ErrorKind::BrokenPipe => {
                self.stats.output_errors.add(1);
                log::error("standard output: its reader has gone; events for it are dropped and counted");
                self.state = State::Gone;
                self.abandon();
            }
            _ => {
                self.stats.output_errors.add(1);
                if !matches!(self.state, State::Failed(_)) {
                    log::error(format_args!(
                        "failed to write to standard output: {error}; trying again every second"
                    ));
                }
                self.state = State::Failed(now + RETRY);
            }
        }
    }

    fn may_try(&self, now: Instant) -> bool {
        match self.state {
            State::Open | State::Full => true,
            State::Failed(at) => now >= at,
            State::Gone => false,
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        let out = &self.out;
        if self.pending.is_torn() {
            // The rest of a line was dropped: end it, so that the next one is whole.
            let end = self.pending.line_end();
            if !end.is_empty() {
                out.write(end)?;
            }
            self.pending.mend();
        }
        self.pending.drain(&self.stats, |bytes| out.write(bytes))
    }
}

impl Output for Stdout {
    fn write(&mut self, line: &[u8], now: Instant) {
        if self.state == State::Gone {
            return self.stats.output_dropped.add(1);
        }
        if self.buffered + line.len() > BATCH && self.state == State::Open {
            self.flush(now);
        }
        let mut taken = self.pending.push(line);
        if taken == Taken::Refused && self.may_try(now) {
            self.flush(now);
            taken = self.pending.push(line);
            if taken == Taken::Refused && self.pending.is_empty() && !self.pending.is_torn() {
                let out = &self.out;
                let (through, result) =
                    self.pending.write_through(line, &self.stats, |bytes| out.write(bytes));
                taken = through;
                self.note(result, now);
            }
        }
        match taken {
            Taken::Whole => self.buffered += line.len(),
            Taken::Refused => self.stats.output_dropped.add(1),
        }
    }

    fn flush(&mut self, now: Instant) {
        if self.pending.is_empty() || !self.may_try(now) {
            return;
        }
        self.buffered = 0;
        let result = self.drain();
        self.note(result, now);
    }

    fn reopen(&mut self, _now: Instant) {}

    fn blocked_on(&self) -> Option<BorrowedFd<'_>> {
        (self.state == State::Full && !self.pending.is_empty()).then(|| self.out.as_fd())
    }

    fn retry_at(&self) -> Option<Instant> {
        match self.state {
            State::Failed(at) if !self.pending.is_empty() => Some(at),
            _ => None,
        }
    }

    fn has_gone(&self) -> bool {
        self.state == State::Gone
    }

    fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn abandon(&mut self) {
        let lost = self.pending.abandon();
        self.stats.output_dropped.add(lost);
        if lost > 0 {
            log::error(format_args!("standard output: {lost} events could not be written"));
        }
    }
}
