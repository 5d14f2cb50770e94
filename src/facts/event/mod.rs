//! Records become events: grouped by their stamp, completed, and given to whoever formats them.

pub mod assemble;
pub mod facts;
pub mod notices;
pub mod own;
pub mod serials;
mod store;

use crate::wire::fields;
use crate::wire::record::{RecordType, Stamp};
pub use store::Records;

/// Why an event was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its end record (EOE) came, or it is of a type that stands alone.
    Complete,
    /// Nothing more came in time, or the table was full, or the daemon stops. Right for events that have
    /// no end record; an event of a system call is incomplete.
    GivenUp,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// It was captured, or made, by this daemon: what this host says of its processes now may be true of it.
    Here,
    /// It was read from a log.
    Log {
        /// What its lines have as `node=`; empty when they have none.
        node: &'a [u8],
    },
}

impl<'a> Origin<'a> {
    /// The name that the log's lines have as `node=`, if they have one.
    pub fn node(self) -> Option<&'a [u8]> {
        match self {
            Self::Log { node } if !node.is_empty() => Some(node),
            _ => None,
        }
    }
}

/// A whole event, borrowed from the table for as long as it takes to write it.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// Time and serial as numbers.
    pub stamp: Stamp,
    /// The time as the kernel wrote it.
    pub time: &'a [u8],
    /// Why it is given out.
    pub ending: Ending,
    /// Records that are missing from it for lack of space.
    pub left_out: u32,
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// Its records in the order of arrival, without EOE.
    pub records: Records<'a>,
}

/// One record of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its type.
    pub kind: RecordType,
    /// What follows the header, trailing blanks included.
    pub fields: &'a [u8],
    /// What auditd's ENRICHED format appended to it, without the 0x1D before that: only a log's record has that.
    pub appended: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// As the kernel gives it. A byte 0x1D in it is part of a user's text.
    pub fn captured(kind: RecordType, fields: &'a [u8]) -> Self {
        Self { kind, fields, appended: None }
    }

    /// As a log has it.
    pub fn logged(kind: RecordType, text: &'a [u8]) -> Self {
        let (fields, appended) = fields::without_appended(text, kind.is_by_user());
        Self { kind, fields, appended }
    }
}

/// Where finished events go.
pub trait Sink {
    /// Takes one event.
    fn event(&mut self, event: &Event<'_>);
}
