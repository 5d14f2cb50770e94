//! An output's own thread: takes from its queue, opens and writes, waits and tries again after a failure, and tells
//! of it. What is the same for all outputs is here; what an output itself does is behind [`Output`].

use super::batch::Batch;
use super::queue::{Orders, Queue, Stage};
use super::{Fault, Output, STACK};
use crate::log;
use crate::sandbox::{self, Place};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first pause after a failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// After so long without anything to write, memory is given back: once, until there is something again.
const REST_AFTER: Duration = Duration::from_millis(200);
/// The pause while the daemon waits for the output to stop.
const PAUSE_AT_STOP: Duration = Duration::from_millis(250);

/// Since the first failure.
struct Trouble {
    since: Instant,
    retry_at: Instant,
    pause: Duration,
    /// What was dropped before.
    dropped: u64,
}

/// The thread's whole state.
pub(super) struct Driver {
    output: Box<dyn Output>,
    queue: Arc<Queue>,
    batch: Batch,
    is_open: bool,
    /// Whether a first opening that fails as the config is wrong is tried again: the daemon is running already.
    is_sure: bool,
    /// Whether it waits for its predecessor's end.
    is_held: bool,
    trouble: Option<Trouble>,
    is_stopping: bool,
    /// When memory is given back, if nothing comes until then.
    rest_at: Option<Instant>,
    /// Where it writes, for the sandbox of its thread.
    place: Place,
    /// Whether what it opens next is in its thread's sandbox for sure, as the thread has just begun.
    is_fresh: bool,
    /// Whether it is to open anew as soon as that is so.
    reopens: bool,
}

/// What becomes of the thread after a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
    /// Goes on in a new thread.
    BeginAnew,
}

impl Driver {
    pub(super) fn new(output: Box<dyn Output>, queue: Arc<Queue>, batch: Batch, is_sure: bool) -> Self {
        Self {
            output,
            queue,
            batch,
            is_open: false,
            is_sure,
            is_held: false,
            trouble: None,
            is_stopping: false,
            rest_at: None,
            place: Place::default(),
            is_fresh: true,
            reopens: false,
        }
    }

    /// Says where it writes, for the sandbox.
    pub(super) fn writes_to(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Works until it is told to stop and everything is written, or the time for that is over.
    pub(super) fn run(mut self) {
        sandbox::confine_output(&self.place);
        match self.open() {
            Err(Fault::Wrong(message)) if !self.is_sure => return self.queue.note(Stage::Wrong(message)),
            Err(fault) => {
                self.queue.note(Stage::Working);
                self.fail(fault);
            }
            Ok(()) => self.queue.note(Stage::Working),
        }
        self.go_on();
    }

    /// The rounds, and the end.
    fn go_on(mut self) {
        while !self.queue.has_gone() {
            match self.step() {
                Then::GoOn => {}
                Then::End => break,
                Then::BeginAnew => return self.begin_anew(),
            }
        }
        let lost = self.queue.end(&mut self.batch, &mut *self.output);
        if lost > 0 {
            log::error(format_args!("output {}: {lost} events could not be written", self.name()));
        }
        self.output.close();
        if !self.queue.has_gone() {
            self.queue.note(Stage::Ended);
        }
    }

    /// Goes on in a new thread, since this one's sandbox may be that of a directory which has gone.
    fn begin_anew(self) {
        let name = self.name().to_owned();
        let go_on = move || {
            sandbox::confine_output(&self.place);
            Self { is_fresh: true, ..self }.go_on();
        };
        // There is always somebody to start it: it was there before this thread.
        if let Err(go_on) = sandbox::begin_anew(&name, STACK, Box::new(go_on)) {
            go_on();
        }
    }

    fn name(&self) -> &str {
        &self.queue.stats.name
    }

    /// One round.
    fn step(&mut self) -> Then {
        let now = Instant::now();
        let is_resting = self.trouble.as_ref().is_some_and(|trouble| now < trouble.retry_at);
        let opens = self.trouble.is_some() && !is_resting && !self.is_open;
        if std::mem::take(&mut self.reopens) {
            return self.reopen(now);
        }
        if opens && !self.is_fresh && sandbox::must_begin_anew(&self.place) {
            return Then::BeginAnew;
        }
        let orders = self.queue.look(&mut self.batch, !is_resting, self.trouble.is_some());
        let is_resting = is_resting || (cfg!(feature = "reload") && self.is_kept_from_writing(&orders));
        if cfg!(feature = "reload")
            && std::mem::replace(&mut self.is_held, orders.hold_until.is_some())
            && !self.is_held
        {
            // What the predecessor has left is looked at now that it has ended.
            return self.begin_reopening();
        }
        if let Some(by) = orders.stop_by {
            if cfg!(feature = "reload") && orders.be_ready && !self.is_open && self.queue.passes_on() {
                return Then::End;
            }
            if (orders.is_empty && self.batch.is_empty() && !self.output.holds()) || now >= by {
                return Then::End;
            }
            if !std::mem::replace(&mut self.is_stopping, true) && is_resting {
                return self.retry_now(now);
            }
        }
        if orders.reopen {
            return self.begin_reopening();
        }
        if self.output.due().is_some_and(|due| due <= now)
            && let Err(fault) = self.output.work()
        {
            self.fail(fault);
        }
        let mut is_blocked = false;
        if !is_resting && (!self.batch.is_empty() || self.output.wants_write()) {
            self.rest_at = Some(now + REST_AFTER);
            let before = self.batch.len();
            let was_fresh = self.is_fresh;
            if let Err(fault) = self.write() {
                // The directory may be another one by now.
                if !was_fresh && fault.is_refused() && sandbox::must_begin_anew(&self.place) {
                    self.is_open = false;
                    return Then::BeginAnew;
                }
                self.fail(fault);
            } else if self.batch.is_empty() || self.batch.len() < before {
                self.recovered(now);
            }
            let is_left = !self.batch.is_empty() || self.output.wants_write();
            is_blocked = self.trouble.is_none() && is_left;
            if !is_left {
                return Then::GoOn;
            }
        }
        let is_idle = orders.is_empty && self.batch.is_empty() && !self.output.wants_write();
        if is_idle && self.rest_at.is_some_and(|at| at <= now) {
            self.rest_at = None;
            self.queue.give_back();
            self.batch.give_back();
        }
        self.sleep(is_blocked, is_idle, [orders.stop_by, orders.hold_until]);
        Then::GoOn
    }

    fn sleep(&self, is_blocked: bool, is_idle: bool, [stop_by, hold_until]: [Option<Instant>; 2]) {
        let retry = self.trouble.as_ref().map(|trouble| trouble.retry_at).filter(|_| !is_idle);
        let due = [retry, self.output.due(), stop_by, hold_until, self.rest_at.filter(|_| is_idle)]
            .into_iter()
            .flatten()
            .min();
        let timeout = due.map(|at| at.saturating_duration_since(Instant::now()));
        let fd = if is_blocked { self.output.blocked_on() } else { None };
        self.queue.sleep(fd, is_idle, timeout);
    }

    fn open(&mut self) -> Result<(), Fault> {
        self.is_fresh = false;
        self.output.open()?;
        self.is_open = true;
        self.queue.stats.opened.add(1);
        Ok(())
    }

    fn write(&mut self) -> Result<(), Fault> {
        if !self.is_open {
            self.open()?;
        }
        let result = self.output.write(&mut self.batch);
        self.queue.settle(&mut self.batch);
        result
    }

    /// An opening may last, and what waits for it can wait for the next program; and a predecessor comes first.
    fn is_kept_from_writing(&self, orders: &Orders) -> bool {
        (orders.be_ready && !self.is_open) || orders.hold_until.is_some()
    }

    fn begin_reopening(&mut self) -> Then {
        self.reopens = true;
        let anew = !self.is_fresh && sandbox::must_begin_anew(&self.place);
        if anew { Then::BeginAnew } else { Then::GoOn }
    }

    fn reopen(&mut self, now: Instant) -> Then {
        self.is_fresh = false;
        match self.output.reopen() {
            Ok(true) => {
                // Not once more: where a line that was torn goes on is known to this opening alone.
                self.is_open = true;
                self.queue.stats.opened.add(1);
            }
            Ok(false) => {}
            Err(Fault::Wrong(message) | Fault::Failed(message)) => {
                self.queue.stats.errors.add(1);
                log::error(format_args!("output {}: {message}", self.name()));
            }
            Err(Fault::Gone(_)) => {}
        }
        self.retry_now(now)
    }

    /// What was waited for is tried at once.
    fn retry_now(&mut self, now: Instant) -> Then {
        if let Some(trouble) = &mut self.trouble {
            trouble.retry_at = now;
            trouble.pause = PAUSE;
        }
        Then::GoOn
    }

    /// Notes a failure: the first is told.
    fn fail(&mut self, fault: Fault) {
        let stats = &self.queue.stats;
        stats.errors.add(1);
        self.is_open = false;
        let message = match fault {
            Fault::Wrong(message) | Fault::Failed(message) => message,
            Fault::Gone(message) => {
                if let Some(message) = message {
                    log::error(format_args!("output {}: {message}", stats.name));
                }
                return self.queue.note(Stage::Gone);
            }
        };
        let now = Instant::now();
        let hint = sandbox::hint(&message);
        let pause = match &self.trouble {
            Some(trouble) => (trouble.pause * 2).min(self.output.longest_pause()),
            None => {
                log::error(format_args!(
                    "output {}: {message}{hint}; trying again, what does not fit its queue is dropped and counted",
                    stats.name
                ));
                PAUSE
            }
        };
        let pause = if self.is_stopping { PAUSE_AT_STOP } else { pause };
        let (since, dropped) =
            self.trouble.as_ref().map_or((now, stats.dropped()), |trouble| (trouble.since, trouble.dropped));
        self.trouble = Some(Trouble { since, retry_at: now + pause, pause, dropped });
    }

    fn recovered(&mut self, now: Instant) {
        let Some(trouble) = self.trouble.take() else { return };
        let dropped = self.queue.stats.dropped() - trouble.dropped;
        let seconds = now.saturating_duration_since(trouble.since).as_secs();
        log::info(format_args!(
            "output {}: writing again after {seconds} s; {dropped} events were dropped meanwhile",
            self.name()
        ));
    }
}
