//! Records become events: grouped by their stamp, completed, and given to whoever formats them.

pub mod assemble;
pub mod facts;
pub mod own;
pub mod serials;
mod store;

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
}

/// Where finished events go.
pub trait Sink {
    /// Takes one event.
    fn event(&mut self, event: &Event<'_>);
}
