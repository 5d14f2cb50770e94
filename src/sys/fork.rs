//! Leaving the terminal and the process that started us, before there are any threads. Source: fork(2), setsid(2),
//! dup2(2), daemon(3), daemon(7).

use super::{cerr, retry};
use std::fs::OpenOptions;
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

/// Puts /dev/null in the place of a standard descriptor.
///
/// Errors: those of open(2).
pub fn to_null(standard: BorrowedFd<'_>) -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    // SAFETY: both descriptors are open; the standard one stays open all the time.
    retry(|| cerr(unsafe { libc::dup2(null.as_raw_fd(), standard.as_raw_fd()) })).map(|_| ())
}
