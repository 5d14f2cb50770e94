//! Streams of this host, made and taken without ever waiting. Source: unix(7), connect(2), accept(2).

use super::{cerr, retry};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Who is at the other end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process id in this process's namespace; 0 for one outside of it.
    pub pid: u32,
    /// Its effective user when it connected.
    pub uid: u32,
}

/// Connects to the socket of this name; reads and writes do not wait either.
///
/// Errors: `InvalidInput` for a path that does not fit (107 bytes), `WouldBlock` when too many others wait there,
/// and those of connect(2).
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let address = address(path)?;
    let fd = socket()?;
    let pointer = (&raw const address).cast();
    // SAFETY: the pointer is to a live sockaddr_un, and the length is its size.
    retry(|| cerr(unsafe { libc::connect(fd.as_raw_fd(), pointer, length()) }))?;
    Ok(UnixStream::from(fd))
}

/// A socket of this name that takes up to `backlog` connections; the name must not be there yet. Until its mode is
/// set, only root may connect: the name gets what the socket has, here none (net/unix/af_unix.c, unix_bind_bsd).
///
/// Errors: `InvalidInput` as [`connect`], and those of bind(2).
pub fn listen(path: &Path, backlog: i32) -> io::Result<OwnedFd> {
    let address = address(path)?;
    let fd = socket()?;
    let pointer = (&raw const address).cast();
    // SAFETY: takes two integers.
    cerr(unsafe { libc::fchmod(fd.as_raw_fd(), 0) })?;
    // SAFETY: the pointer is to a live sockaddr_un, and the length is its size.
    cerr(unsafe { libc::bind(fd.as_raw_fd(), pointer, length()) })?;
    // SAFETY: takes two integers.
    cerr(unsafe { libc::listen(fd.as_raw_fd(), backlog) })?;
    Ok(fd)
}

/// The next connection, whose reads and writes do not wait.
///
/// Errors: `WouldBlock` when there is none, and those of accept4(2).
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<UnixStream> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let (fd, none) = (listener.as_raw_fd(), std::ptr::null_mut());
    // SAFETY: null asks for no address.
    let raw = retry(|| cerr(unsafe { libc::accept4(fd, none, std::ptr::null_mut(), flags) }))?;
    // SAFETY: the descriptor was just returned by accept4() and nobody else owns it.
    Ok(unsafe { UnixStream::from_raw_fd(raw) })
}

/// Who is at the other end (SO_PEERCRED, as the kernel noted it when the connection was made).
///
/// Errors: those of getsockopt(2).
pub fn peer(stream: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = libc::socklen_t::try_from(size_of_val(&found)).unwrap_or_default();
    let at = (&raw mut found).cast();
    let fd = stream.as_raw_fd();
    // SAFETY: value and length point to live variables, and the length says the value's size.
    cerr(unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, at, &raw mut len) })?;
    Ok(Peer { pid: found.pid.unsigned_abs(), uid: found.uid })
}

/// Takes the stream that the program which was executed before has left open under this number. To be called before
/// anything else is opened.
///
/// Errors: EBADF, ENOTSOCK; InvalidInput for a socket that is none of this host's.
#[cfg(feature = "reload")]
pub fn adopt(raw: libc::c_int) -> io::Result<UnixStream> {
    let mut domain: libc::c_int = 0;
    let mut len = libc::socklen_t::try_from(size_of_val(&domain)).unwrap_or_default();
    let at = (&raw mut domain).cast();
    // SAFETY: value and length point to live variables, and the length says the value's size.
    cerr(unsafe { libc::getsockopt(raw, libc::SOL_SOCKET, libc::SO_DOMAIN, at, &raw mut len) })?;
    if domain != libc::AF_UNIX || raw < 3 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is a socket of this host and no standard descriptor, this program has opened none before, and the one
    // that did is gone: nobody else owns it.
    let stream = unsafe { UnixStream::from_raw_fd(raw) };
    super::image::keep(std::os::fd::AsFd::as_fd(&stream), false)?;
    Ok(stream)
}

fn socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes three integers and returns a new descriptor or -1.
    let raw = cerr(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })?;
    // SAFETY: the descriptor was just returned by socket() and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

fn address(path: &Path) -> io::Result<libc::sockaddr_un> {
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
    Ok(address)
}

fn length() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<libc::sockaddr_un>()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::os::fd::AsFd;

    #[test]
    fn a_connection_is_taken_and_knows_who_made_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = listen(&path, 2).unwrap();
        assert_eq!(accept(listener.as_fd()).unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut one = connect(&path).unwrap();
        let mut other = accept(listener.as_fd()).unwrap();
        assert_eq!(peer(other.as_fd()).unwrap().pid, std::process::id());
        assert_eq!(other.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        one.write_all(b"x").unwrap();
        assert_eq!(other.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(listen(&path, 2).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        // A program that another test is about to start has the listener until it is executed.
        let refused = (0..1000).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            connect(&path).err()
        });
        assert_eq!(refused.unwrap().kind(), ErrorKind::ConnectionRefused);
        let long = dir.path().join("x".repeat(108));
        assert_eq!(listen(&long, 2).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
