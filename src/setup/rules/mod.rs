//! Rules: lines of the audit.rules language (auditctl(8), audit.rules(7)) into messages for the kernel.
//! A line goes through `words` (blanks, quotes) and `options` (what auditctl takes) to `compile`, which
//! makes it a [`Command`]; [`load`] sends the commands and tells what the kernel said to each.

mod accounts;
mod compile;
mod draft;
mod fields;
mod load;
mod options;
mod order;
mod overlap;
mod print;
mod set;
mod source;
mod syscalls;
mod values;
mod words;

pub use crate::wire::Transport;
pub use compile::{Compiled, compile, lines_of};
pub use load::{Report, load, remove, replace, restore};
pub use print::{Form, print};
pub use set::same;
pub use source::{Text, arrange, read};

use crate::config::Place;
use crate::wire::rule::Rule;
use crate::wire::status::Field;

/// What a line asks of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `-D`: deletes every rule that the kernel holds.
    DeleteAll,
    /// `-a`, `-A`, `-w`: adds a rule.
    Add(Rule),
    /// `-d`, `-W`: deletes this rule.
    Delete(Rule),
    /// `-D -k text`: deletes every rule whose key has this text in it, as auditctl does.
    DeleteKey(String),
    /// `-e`, `-f`, `-b`, `-r`, `--backlog_wait_time` and the resets: sets one value.
    Set(Field, u32),
    /// `-t`, `-q`, `--loginuid-immutable`: a request that is sent as it is.
    Send {
        /// AUDIT_TRIM, AUDIT_MAKE_EQUIV or AUDIT_SET_FEATURE.
        kind: u16,
        /// Its bytes.
        payload: Vec<u8>,
    },
}

/// A command with the line it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Where the line begins.
    pub place: Place,
    /// The line as it was written.
    pub line: String,
    /// What it asks.
    pub command: Command,
}

#[cfg(test)]
mod wrong_tests;
