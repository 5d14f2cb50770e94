//! Writing to a descriptor that others may share and that may be slow, without ever waiting for it.
//! Source: write(2), pipe(7), proc_pid_fd(5), send(2).

use super::poll::{Wait, poll};
use super::{cerr, retry};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// What a pipe takes whole once poll says it is writable (PIPE_BUF, pipe(7)).
const PIPE_BUF: usize = 4096;

/// A descriptor and the way to write to it without waiting.
pub struct NonBlocking {
    fd: OwnedFd,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A description of our own, opened with O_NONBLOCK; or a regular file.
    Write,
    /// A socket: MSG_DONTWAIT.
    Send,
    /// Shared with others, so its flags are not ours to change: ask poll, then write a small piece.
    AskFirst,
}

impl NonBlocking {
    /// Takes a duplicate of `fd`. A pipe or terminal is opened anew through /proc, so that O_NONBLOCK
    /// does not fall upon the other processes that share it.
    pub fn duplicate(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let own = fd.try_clone_to_owned()?;
        let metadata = File::from(own.try_clone()?).metadata()?;
        let kind = std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type());
        if kind {
            return Ok(Self { fd: own, way: Way::Send });
        }
        if metadata.is_file() {
            return Ok(Self { fd: own, way: Way::Write });
        }
        let path = format!("/proc/self/fd/{}", own.as_raw_fd());
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_APPEND;
        match OpenOptions::new().write(true).custom_flags(flags).open(path) {
            Ok(file) => Ok(Self { fd: file.into(), way: Way::Write }),
            Err(_) => Ok(Self { fd: own, way: Way::AskFirst }),
        }
    }

    /// Writes what fits now and gives its length; `WouldBlock` when nothing does.
    ///
    /// Errors: EPIPE when the reader has gone (std ignores SIGPIPE), and those of write(2).
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let raw = self.fd.as_raw_fd();
        let from = bytes.as_ptr().cast();
        let written = match self.way {
            // SAFETY: `from` is live for the length given beside it.
            Way::Write => retry(|| cerr(unsafe { libc::write(raw, from, bytes.len()) })),
            Way::Send => {
                let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                // SAFETY: `from` is live for the length given beside it.
                retry(|| cerr(unsafe { libc::send(raw, from, bytes.len(), flags) }))
            }
            Way::AskFirst => {
                let mut wait = [Wait::writable(self.fd.as_fd())];
                if poll(&mut wait, Some(Duration::ZERO))? == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let len = bytes.len().min(PIPE_BUF);
                // SAFETY: `from` is live for at least `len` bytes.
                retry(|| cerr(unsafe { libc::write(raw, from, len) }))
            }
        };
        written.map(isize::unsigned_abs)
    }
}

impl AsFd for NonBlocking {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
