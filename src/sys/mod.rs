//! The only room with `unsafe`: system calls behind safe functions that own what they are given.
//! Nothing here knows what audit is.
#![allow(unsafe_code)]

pub mod batch;
pub mod clock;
pub mod connect;
#[cfg(feature = "counting")]
pub mod counting;
#[cfg(feature = "supervise")]
pub mod fork;
pub mod handle;
pub mod host;
#[cfg(feature = "reload")]
pub mod image;
#[cfg(feature = "sandbox")]
pub mod landlock;
pub mod local;
pub mod memory;
pub mod netlink;
#[cfg(feature = "coexist")]
pub mod pidfd;
pub mod poll;
#[cfg(feature = "sandbox")]
pub mod privilege;
#[cfg(all(feature = "sandbox", debug_assertions))]
pub mod probe;
pub mod program;
#[cfg(feature = "sandbox")]
pub mod seccomp;
pub mod send;
pub mod signal;
#[cfg(all(target_env = "musl", feature = "send"))]
mod sort;
pub mod start;
pub mod terminal;
pub mod thread;
pub mod write;

use std::io;

/// Turns the C convention, -1 and errno, into a `Result`.
fn cerr<T: Copy + PartialOrd + From<i8>>(returned: T) -> io::Result<T> {
    if returned < T::from(0) { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// Calls again while the call is interrupted by a signal.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
