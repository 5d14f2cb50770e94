//! A stream to a socket of this host, connected without ever waiting. Source: unix(7), connect(2).

use super::{cerr, retry};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Connects to the socket of this name; reads and writes do not wait either.
///
/// Errors: `InvalidInput` for a path that does not fit (107 bytes), `WouldBlock` when too many others wait there,
/// and those of connect(2).
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    // SAFETY: sockaddr_un is an integer and an array of characters; all zeros is a valid value of it.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or_default();
    let name = OsStr::as_bytes(path.as_os_str());
    // One byte is left for the NUL at the end.
    if name.is_empty() || name.contains(&0) || name.len() >= address.sun_path.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in address.sun_path.iter_mut().zip(name) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes three integers and returns a new descriptor or -1.
    let raw = cerr(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })?;
    // SAFETY: the descriptor was just returned by socket() and nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_un>()).unwrap_or_default();
    let pointer = (&raw const address).cast();
    // SAFETY: the pointer is to a live sockaddr_un, and the length is its size.
    retry(|| cerr(unsafe { libc::connect(fd.as_raw_fd(), pointer, length) }))?;
    Ok(UnixStream::from(fd))
}
