//! Another process, held by a descriptor: told of its end at once, and never mistaken for one that was given its
//! number later. Source: pidfd_open(2), pidfd_send_signal(2).

use super::cerr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The process. Its descriptor is readable once it has ended.
pub struct Process(OwnedFd);

impl Process {
    /// The process that has this id now.
    ///
    /// Errors: ESRCH when there is none, ENOSYS before Linux 5.3.
    pub fn open(pid: u32) -> io::Result<Self> {
        let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: takes two integers and returns a new descriptor or -1.
        let raw = cerr(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
        let raw = i32::try_from(raw).map_err(|_| io::ErrorKind::InvalidData)?;
        // SAFETY: the descriptor was just returned by pidfd_open() and nobody else owns it; it is close-on-exec.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(raw) }))
    }

    /// Sends it SIGTERM.
    ///
    /// Errors: EPERM, ESRCH when it has ended.
    pub fn terminate(&self) -> io::Result<()> {
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open; no information is given with the signal.
        let sent =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), libc::SIGTERM, none, 0) };
        cerr(sent).map(|_| ())
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::{Wait, poll};
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn the_end_of_a_process_is_seen() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(child.id()).unwrap();
        let ended = |time| poll(&mut [Wait::readable(process.as_fd())], Some(time)).unwrap() == 1;
        assert!(!ended(Duration::ZERO));
        process.terminate().unwrap();
        assert!(ended(Duration::from_secs(30)));
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        assert_eq!(process.terminate().unwrap_err().raw_os_error(), Some(libc::ESRCH));
        assert_eq!(Process::open(child.id()).err().unwrap().raw_os_error(), Some(libc::ESRCH));
    }
}
