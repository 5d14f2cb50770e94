//! Signals as a descriptor that the main thread reads. Source: signalfd(2), sigprocmask(2).

use super::{cerr, retry};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    Reopen,
    /// SIGUSR2.
    Upgrade,
    /// SIGWINCH: the terminal has another size.
    Resize,
}

/// Who sent a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Its process id in this process's namespace; 0 for one outside of it.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
}

/// The blocked signals, to be read.
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 and SIGWINCH in this thread and in those it starts from now
    /// on, so that only [`next`](Self::next) sees them. Call before any thread is started.
    pub fn block() -> io::Result<Self> {
        // SAFETY: sigset_t is plain integers; it is initialised by sigemptyset before use.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a live set.
        cerr(unsafe { libc::sigemptyset(&raw mut set) })?;
        let signals =
            [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2, libc::SIGWINCH];
        for signal in signals {
            // SAFETY: the pointer is to a live, initialised set.
            cerr(unsafe { libc::sigaddset(&raw mut set, signal) })?;
        }
        // SAFETY: the set is live and initialised; the old set is not asked for.
        let failed = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        // SAFETY: the set is live and initialised; -1 asks for a new descriptor.
        let raw =
            cerr(unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
        // SAFETY: the descriptor was just returned by signalfd() and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(raw) } })
    }

    /// The next signal that has arrived, without waiting.
    pub fn next(&self) -> Option<(Signal, Sender)> {
        // SAFETY: signalfd_siginfo is plain integers; all zeros is a valid value of it.
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let to = (&raw mut info).cast();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: reads at most the structure's size into the live structure.
        let read = retry(|| cerr(unsafe { libc::read(self.fd.as_raw_fd(), to, size) })).ok()?;
        if read.unsigned_abs() != size {
            return None;
        }
        let signal = match i32::try_from(info.ssi_signo) {
            Ok(libc::SIGHUP) => Signal::Reload,
            Ok(libc::SIGUSR1) => Signal::Reopen,
            Ok(libc::SIGUSR2) => Signal::Upgrade,
            Ok(libc::SIGWINCH) => Signal::Resize,
            _ => Signal::Stop,
        };
        Some((signal, Sender { pid: info.ssi_pid, uid: info.ssi_uid }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
