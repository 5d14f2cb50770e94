//! Leaving the terminal and the process that started us, before there are any threads. Source: fork(2), setsid(2),
//! dup2(2), daemon(3), daemon(7).

use super::{cerr, retry};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Which process we are after a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that was there before.
    Parent,
    /// The new one.
    Child,
}

/// A second process that goes on here. Call while there is one thread.
///
/// Errors: EAGAIN, ENOMEM.
pub fn fork() -> io::Result<Side> {
    // SAFETY: there is one thread, as the caller sees to, so the child has no lock that nobody holds.
    let pid = cerr(unsafe { libc::fork() })?;
    Ok(if pid == 0 { Side::Child } else { Side::Parent })
}

/// Makes this process the leader of a session without a terminal.
///
/// Errors: EPERM for a leader of a process group.
pub fn new_session() -> io::Result<()> {
    // SAFETY: takes nothing.
    cerr(unsafe { libc::setsid() }).map(|_| ())
}

/// Puts /dev/null, or what else is open, in the place of a standard descriptor.
///
/// Errors: none that is known.
pub fn put(null: BorrowedFd<'_>, standard: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both descriptors are open; the standard one stays open all the time.
    retry(|| cerr(unsafe { libc::dup2(null.as_raw_fd(), standard.as_raw_fd()) })).map(|_| ())
}
