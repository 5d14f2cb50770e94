//! Waiting for descriptors, and a descriptor to be woken by. Source: poll(2), eventfd(2), clock_gettime(2).

use super::{cerr, retry};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// One descriptor to wait for.
#[repr(transparent)]
pub struct Wait(libc::pollfd);

impl Wait {
    /// Until it can be read (or its peer has gone).
    pub fn readable(fd: BorrowedFd<'_>) -> Self {
        Self::new(fd.as_raw_fd(), libc::POLLIN)
    }

    /// Until it can be written (or its peer has gone).
    pub fn writable(fd: BorrowedFd<'_>) -> Self {
        Self::new(fd.as_raw_fd(), libc::POLLOUT)
    }

    /// Until it has something out of the ordinary: a file of /proc that changed.
    pub fn urgent(fd: BorrowedFd<'_>) -> Self {
        Self::new(fd.as_raw_fd(), libc::POLLPRI)
    }

    /// Until its peer has gone.
    pub fn broken(fd: BorrowedFd<'_>) -> Self {
        Self::new(fd.as_raw_fd(), 0)
    }

    /// For ever: a place that nothing is waited for in (a negative descriptor is passed over, poll(2)).
    pub fn never() -> Self {
        Self::new(-1, 0)
    }

    fn new(fd: RawFd, events: libc::c_short) -> Self {
        Self(libc::pollfd { fd, events, revents: 0 })
    }

    /// Whether anything is to be done with it after [`poll`].
    pub fn ready(&self) -> bool {
        self.0.revents != 0
    }
}

/// Waits until one is ready or the time is over (`None`: for ever); gives how many are ready.
/// An interruption by a signal counts as the time being over.
pub fn poll(waits: &mut [Wait], timeout: Option<Duration>) -> io::Result<usize> {
    // Rounded up, so that a deadline has passed when its wait ends.
    let millis = timeout.map_or(-1, |time| {
        libc::c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
    });
    for wait in waits.iter_mut() {
        wait.0.revents = 0;
    }
    // SAFETY: `Wait` is a pollfd and nothing else (repr(transparent)), and the slice is live and writable.
    let ready = unsafe { libc::poll(waits.as_mut_ptr().cast(), waits.len() as libc::nfds_t, millis) };
    match cerr(ready) {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
        Err(error) => Err(error),
    }
}

/// Whether nobody reads from a pipe any more (POLLERR), or the peer has gone.
pub fn is_broken(fd: BorrowedFd<'_>) -> bool {
    let mut waits = [Wait::broken(fd)];
    poll(&mut waits, Some(Duration::ZERO)).is_ok_and(|ready| ready > 0)
}

/// A counter that makes a sleeping `poll` return.
pub struct Alarm {
    fd: OwnedFd,
}

impl Alarm {
    /// A silent one.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes two integers and returns a new descriptor or -1.
        let raw = cerr(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the descriptor was just returned by eventfd() and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(raw) } })
    }

    /// Makes it ready. Cannot fail in a way that matters: a counter at its limit is ready already.
    pub fn ring(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: writes eight live bytes to a descriptor that this value owns.
        let _ = retry(|| cerr(unsafe { libc::write(self.fd.as_raw_fd(), one.as_ptr().cast(), one.len()) }));
    }

    /// Makes it silent again.
    pub fn hush(&self) {
        let mut count = [0u8; 8];
        let to = count.as_mut_ptr().cast();
        // SAFETY: reads at most eight bytes into a live buffer of eight.
        let _ = retry(|| cerr(unsafe { libc::read(self.fd.as_raw_fd(), to, count.len()) }));
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
