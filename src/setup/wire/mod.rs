//! What is said to the kernel's audit system and what it answers, as packets read with checks.

pub mod nlmsg;
pub mod rule;
pub mod status;
pub mod tables;

use std::io;

/// The way to the kernel's audit system.
pub trait Transport {
    /// Sends one request and waits for its acknowledgement. Errors carry the kernel's errno.
    fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<()> {
        self.requests(kind, &[payload]).pop().unwrap_or(Ok(()))
    }
    /// Sends requests together, and gives what the kernel said to each, in their order. They must fit a
    /// message of 64 KiB.
    fn requests(&mut self, kind: u16, payloads: &[&[u8]]) -> Vec<io::Result<()>>;
    /// Sends a request for a list and gives each answer's type and payload until NLMSG_DONE.
    fn dump(&mut self, kind: u16, each: &mut dyn FnMut(u16, &[u8])) -> io::Result<()>;
}
