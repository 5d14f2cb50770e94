//! Questions to the running daemon, over a unix socket: `status`, `top` and others. A connection is one question: a
//! line, of which the first word is the request; the answer is a line, `ok` or `error`, and then a text to its end.
//! docs/config.md, [status], has the protocol.

mod client;
mod server;

use crate::daemon::Running;
#[cfg(feature = "reload")]
use crate::{reload, upgrade};
use crate::{status, top};
pub use client::{Error, run};
pub(crate) use client::{begin, question, verdict};
pub(crate) use server::Server;
use std::time::Instant;

/// What can be asked for.
struct Request {
    /// The first word of the line.
    word: &'static str,
    /// Whether it changes something, and is root's alone; others may read what the socket's mode lets them.
    is_for_root: bool,
    /// Makes the answer, of the words behind the first one. It must not wait: events are not held up by it, but
    /// signals and the watch over the registration are.
    answer: fn(&mut Running<'_>, &str) -> Reply,
}

/// All requests.
const REQUESTS: &[Request] = &[
    Request { word: "status", is_for_root: false, answer: status::answer },
    #[cfg(feature = "reload")]
    Request { word: "reload", is_for_root: true, answer: reload::answer },
    #[cfg(feature = "reload")]
    Request { word: "upgrade", is_for_root: true, answer: upgrade::answer },
    Request { word: "top", is_for_root: false, answer: top::answer },
];

/// What comes of a request.
pub(crate) enum Reply {
    /// It was done; the text for the user.
    Done(String),
    /// It was not; why.
    Failed(String),
    /// The answer comes later: this is asked at that time, and may put it off again. It is dropped unasked when the
    /// client goes, or the daemon ends.
    Later(Instant, Then),
    /// The program that is executed next answers.
    #[cfg(feature = "reload")]
    Upgrade,
}

/// Makes an answer at a later time.
pub(crate) type Then = Box<dyn FnOnce(&mut Running<'_>) -> Reply>;
