//! The reader thread: takes records off the data socket as fast as they come and packs them into the ring.
//! It parses nothing, writes nothing, allocates nothing and waits for nobody but the kernel.
//!
//! After a burst begins, it looks again every [`NAP`] instead of being woken for each record, and
//! publishes what it has every [`HOLD`]: at any rate of events that bounds the wake-ups of both threads,
//! and the kernel's own thread, which fills the socket, then never has to wake anyone.

use super::ring::Inlet;
#[cfg(feature = "coexist")]
use super::twins::Twins;
use crate::config::Overflow;
#[cfg(feature = "supervise")]
use crate::stats::Pulse;
use crate::stats::Stats;
use crate::sys::batch::{Batch, Message, SLOTS};
use crate::sys::netlink::Socket;
use crate::sys::poll::{Alarm, Wait, poll};
use crate::wire::nlmsg::{self, HEADER, Header};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// How long the reader lets records gather in the socket between two looks.
pub const NAP: Duration = Duration::from_millis(2);
/// How long a record may wait in a block that is not full: well within the 100 ms that a line may take.
pub const HOLD: Duration = Duration::from_millis(20);
/// How long to leave a full ring alone before trying again.
const FULL_NAP: Duration = Duration::from_millis(1);
/// How long nothing may have come before the memory that a backlog took is given back.
const IDLE: Duration = Duration::from_millis(200);

/// No acknowledgement has come yet.
const NO_ANSWER: i32 = -1;

/// What the control side and the reader say to each other.
pub struct Link {
    /// Rung by the reader when an acknowledgement has come.
    pub answered: Alarm,
    /// Rung by the control side when `stop` was set.
    stop_alarm: Alarm,
    stop: AtomicBool,
    /// Whether a full ring is waited for (`overflow = "wait"`).
    waits: AtomicBool,
    /// Whether what the socket holds is left to the next program.
    #[cfg(feature = "reload")]
    leaves: AtomicBool,
    /// The errno of the last acknowledgement on the data socket; [`NO_ANSWER`] before it.
    answer: AtomicI32,
    /// Whether records can come twice, by multicast and by unicast.
    #[cfg(feature = "coexist")]
    twins: AtomicBool,
    /// Whether the reader is alive.
    #[cfg(feature = "supervise")]
    pub pulse: Pulse,
}

impl Link {
    /// A silent one.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            answered: Alarm::new()?,
            stop_alarm: Alarm::new()?,
            stop: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            #[cfg(feature = "reload")]
            leaves: AtomicBool::new(false),
            answer: AtomicI32::new(NO_ANSWER),
            #[cfg(feature = "coexist")]
            twins: AtomicBool::new(false),
            #[cfg(feature = "supervise")]
            pulse: Pulse::default(),
        })
    }

    /// Forgets an earlier acknowledgement: call before a request is sent on the data socket.
    pub fn expect_answer(&self) {
        self.answer.store(NO_ANSWER, Ordering::SeqCst);
        self.answered.hush();
    }

    /// The acknowledgement's errno, 0 for success, once it has come.
    pub fn answer(&self) -> Option<i32> {
        Some(self.answer.load(Ordering::SeqCst)).filter(|&errno| errno != NO_ANSWER)
    }

    /// Tells the reader to take what the socket still holds, and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.stop_alarm.ring();
    }

    /// What is done when the ring is full.
    pub fn set_overflow(&self, overflow: Overflow) {
        self.waits.store(overflow == Overflow::Wait, Ordering::Relaxed);
    }

    /// Tells the reader to leave what the socket still holds, and end; or that another one may begin.
    #[cfg(feature = "reload")]
    pub fn leave(&self, leaves: bool) {
        self.leaves.store(leaves, Ordering::SeqCst);
        if leaves {
            self.stop();
        } else {
            self.stop.store(false, Ordering::SeqCst);
            self.stop_alarm.hush();
        }
    }

    /// Whether the rest of the socket is to be read at a stop.
    fn drains(&self) -> bool {
        #[cfg(feature = "reload")]
        return !self.leaves.load(Ordering::SeqCst);
        #[cfg(not(feature = "reload"))]
        true
    }

    /// Makes the reader look whether a record has come before, until none does any more.
    #[cfg(feature = "coexist")]
    pub fn expect_twins(&self) {
        self.twins.store(true, Ordering::SeqCst);
    }

    /// Wakes the reader, so that it shows that it is alive.
    #[cfg(feature = "supervise")]
    pub fn wake(&self) {
        self.stop_alarm.ring();
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// The thread's whole state.
pub struct Reader {
    socket: Arc<Socket>,
    inlet: Inlet,
    batch: Batch,
    stats: Arc<Stats>,
    link: Arc<Link>,
    /// When the oldest record that is not published was packed.
    held_since: Option<Instant>,
    #[cfg(feature = "coexist")]
    twins: Twins,
}

impl Reader {
    /// Errors: no memory for the slots.
    pub fn new(
        socket: Arc<Socket>,
        inlet: Inlet,
        overflow: Overflow,
        stats: Arc<Stats>,
        link: Arc<Link>,
    ) -> io::Result<Self> {
        link.set_overflow(overflow);
        Ok(Self {
            socket,
            inlet,
            batch: Batch::new()?,
            stats,
            link,
            held_since: None,
            #[cfg(feature = "coexist")]
            twins: Twins::default(),
        })
    }

    /// Reads until told to stop, then until the socket is empty, and closes the ring.
    pub fn run(mut self) {
        while !self.link.stopping() {
            self.wait();
            self.burst();
        }
        if self.link.drains() {
            self.drain();
        }
        self.inlet.close();
    }

    fn wait(&mut self) {
        let mut waits = [Wait::readable(self.socket.as_fd()), Wait::readable(self.link.stop_alarm.as_fd())];
        match poll(&mut waits, self.inlet.is_deep().then_some(IDLE)) {
            Ok(0) => self.inlet.tidy(),
            Ok(_) => {}
            // Only ENOMEM is left here: try again soon rather than spin.
            Err(_) => std::thread::sleep(NAP),
        }
        #[cfg(feature = "supervise")]
        if !self.link.stopping() && waits[1].ready() {
            self.link.stop_alarm.hush();
        }
    }

    /// Shows that this thread is not stuck.
    fn beat(&self) {
        #[cfg(feature = "supervise")]
        self.link.pulse.beat();
    }

    /// Reads until a look after a nap finds nothing.
    fn burst(&mut self) {
        while !self.link.stopping() && self.drain() > 0 {
            if self.held_since.is_some_and(|since| since.elapsed() >= HOLD) {
                self.publish();
            }
            self.beat();
            std::thread::sleep(NAP);
        }
        self.publish();
        self.beat();
    }

    /// Takes what the socket holds now and publishes it: one look, without the thread.
    #[cfg(test)]
    pub(crate) fn look(&mut self) {
        self.drain();
        self.publish();
    }

    fn publish(&mut self) {
        self.inlet.publish();
        self.held_since = None;
    }

    /// Takes all that the socket holds now; gives how many messages that was.
    fn drain(&mut self) -> usize {
        let mut total = 0;
        loop {
            let taken = match self.batch.receive(self.socket.as_fd()) {
                Ok(taken) => taken,
                Err(_) => {
                    // Memory is short, or the like: try again soon rather than spin.
                    self.stats.receive_errors.add(1);
                    std::thread::sleep(NAP);
                    return total;
                }
            };
            for index in 0..taken {
                self.take(index);
            }
            total += taken;
            // A batch that is not full has emptied the socket. Under a steady flood the block in hand
            // must still be handed over in time.
            if taken < SLOTS {
                return total;
            }
            if self.held_since.is_some_and(|since| since.elapsed() >= HOLD) {
                self.publish();
            }
        }
    }

    /// Deals with one message of the batch.
    fn take(&mut self, index: usize) {
        let Some(message) = self.batch.message(index) else { return };
        let Message { head, tail, truncated, sender, .. } = message;
        if sender != 0 {
            return self.stats.foreign.add(1);
        }
        let (Some(header), Some(text)) = (Header::parse(head), head.get(HEADER..)) else {
            return self.stats.malformed_messages.add(1);
        };
        match header.kind {
            nlmsg::ERROR => {
                self.link.answer.store(nlmsg::errno(text).unwrap_or(libc::EIO), Ordering::SeqCst);
                self.link.answered.ring();
            }
            nlmsg::REPLACE => self.stats.replace_attempts.add(1),
            0..nlmsg::MIN_TYPE => {}
            kind => {
                #[cfg(feature = "coexist")]
                if self.link.twins.load(Ordering::Relaxed) {
                    if self.twins.has_come(message.groups, kind, [text, tail]) {
                        return;
                    }
                    if self.twins.is_over() {
                        self.link.twins.store(false, Ordering::Relaxed);
                    }
                }
                self.stats.records.add(1);
                self.stats.bytes.add((text.len() + tail.len()) as u64);
                if truncated {
                    self.stats.truncated_records.add(1);
                }
                while self.inlet.push(kind, truncated, text, tail).is_err() {
                    // What is not read stays in the socket, so there is no need to drop while that has
                    // room: the kernel's own backlog does not grow by it.
                    if !self.link.waits.load(Ordering::Relaxed) && self.socket.is_nearly_full() != Some(false)
                    {
                        return self.stats.ring_dropped.add(1);
                    }
                    self.beat();
                    std::thread::sleep(FULL_NAP);
                }
                if self.held_since.is_none() {
                    self.held_since = Some(Instant::now());
                }
            }
        }
    }
}
