//! Connecting to a host by its name: every address that it has is tried. Source: getaddrinfo(3), connect(2), RFC 6724.

use super::poll::{Wait, poll};
use super::{cerr, retry};
use std::ffi::{CStr, CString};
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// What kind of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UDP.
    Datagram,
    /// TCP.
    Stream,
}

/// The addresses of a name, to be freed.
struct Addresses(*mut libc::addrinfo);

impl Drop for Addresses {
    fn drop(&mut self) {
        // SAFETY: the list is getaddrinfo's own and is freed once.
        unsafe { libc::freeaddrinfo(self.0) };
    }
}

/// A socket that is connected to this host and port, and never waits. Each address is waited for so long at most.
///
/// Errors: what could not be done, in words.
#[cold]
pub fn connect(host: &str, port: u16, kind: Kind, time: Duration) -> Result<OwnedFd, String> {
    let no_address = |why: &str| format!("failed to find the address of \"{host}\": {why}");
    let name = CString::new(host).map_err(|_| no_address("it holds a NUL"))?;
    let addresses = look_up(&name, port, kind).map_err(|why| no_address(&why))?;
    let mut next = addresses.0;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    // SAFETY: the list ends in null, and its nodes are live as long as `addresses` is.
    while let Some(address) = unsafe { next.as_ref() } {
        match connect_to(address, time).and_then(not_to_itself) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
        next = address.ai_next;
    }
    Err(format!("failed to connect to {host}, port {port}: {last}"))
}

fn look_up(name: &CStr, port: u16, kind: Kind) -> Result<Addresses, String> {
    // SAFETY: addrinfo is integers and pointers; all zeros, with null for the pointers, is valid.
    let mut wanted: libc::addrinfo = unsafe { std::mem::zeroed() };
    wanted.ai_socktype = if kind == Kind::Stream { libc::SOCK_STREAM } else { libc::SOCK_DGRAM };
    wanted.ai_flags = libc::AI_NUMERICSERV;
    let service = CString::new(port.to_string()).unwrap_or_default();
    let mut found = std::ptr::null_mut();
    // SAFETY: both names end in NUL, and both structures are live.
    let error =
        unsafe { libc::getaddrinfo(name.as_ptr(), service.as_ptr(), &raw const wanted, &raw mut found) };
    match error {
        0 => Ok(Addresses(found)),
        libc::EAI_SYSTEM => Err(io::Error::last_os_error().to_string()),
        _ => {
            // SAFETY: takes an integer.
            let text = unsafe { libc::gai_strerror(error) };
            // SAFETY: the text ends in NUL and is never freed.
            let why = unsafe { CStr::from_ptr(text) };
            Err(why.to_string_lossy().into_owned())
        }
    }
}

fn connect_to(address: &libc::addrinfo, time: Duration) -> io::Result<OwnedFd> {
    let kind = address.ai_socktype | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes three integers and returns a new descriptor or -1.
    let raw = cerr(unsafe { libc::socket(address.ai_family, kind, address.ai_protocol) })?;
    // SAFETY: the descriptor was just returned by socket() and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    // SAFETY: getaddrinfo's address is live and of the length beside it.
    let begun = retry(|| cerr(unsafe { libc::connect(raw, address.ai_addr, address.ai_addrlen) }));
    match begun {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        other => return other.map(|_| socket),
    }
    if poll(&mut [Wait::writable(socket.as_fd())], Some(time))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut error: libc::c_int = 0;
    let mut len = libc::socklen_t::try_from(size_of_val(&error)).unwrap_or_default();
    let at = (&raw mut error).cast();
    let fd = socket.as_raw_fd();
    // SAFETY: value and length point to live variables, and the length says the value's size.
    cerr(unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, at, &raw mut len) })?;
    if error == 0 { Ok(socket) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// Where nobody listens, the kernel may give the socket that connects the very port that it connects to; it would then
/// talk to itself (RFC 9293 section 3.5, simultaneous initiation), and keep the port from its owner.
fn not_to_itself(socket: OwnedFd) -> io::Result<OwnedFd> {
    // The type only asks for two addresses, which datagrams have too.
    let socket = TcpStream::from(socket);
    let (local, peer) = (socket.local_addr().ok(), socket.peer_addr().ok());
    if local.is_some() && local == peer {
        return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
    }
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    const TIME: Duration = Duration::from_secs(3);

    #[test]
    fn both_families_and_both_kinds() {
        for host in ["127.0.0.1", "::1"] {
            let listener = TcpListener::bind((host, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let socket = connect(host, port, Kind::Stream, TIME).unwrap();
            let (peer, _) = listener.accept().unwrap();
            crate::send::stream(socket.as_fd(), b"x").unwrap();
            drop(peer);
            // Where nobody ever listens: a process that another test forks would keep our listener's port open.
            let error = connect(host, 1, Kind::Stream, TIME).unwrap_err();
            assert_eq!(
                error,
                format!("failed to connect to {host}, port 1: Connection refused (os error 111)")
            );
            let receiver = UdpSocket::bind((host, 0)).unwrap();
            let socket = connect(host, receiver.local_addr().unwrap().port(), Kind::Datagram, TIME).unwrap();
            crate::send::datagrams(socket.as_fd(), &[b"one"]).unwrap();
            assert_eq!(receiver.recv(&mut [0; 9]).unwrap(), 3);
        }
        let error = connect("no-such-host.invalid", 1, Kind::Stream, TIME).unwrap_err();
        assert!(error.starts_with("failed to find the address of \"no-such-host.invalid\": "), "{error}");
    }

    #[test]
    fn a_socket_that_reached_itself_is_refused() {
        for (host, kind) in
            [("127.0.0.1", Kind::Stream), ("::1", Kind::Stream), ("127.0.0.1", Kind::Datagram)]
        {
            let found = look_up(&CString::new(host).unwrap(), 0, kind).unwrap();
            // SAFETY: a list that was found has a first node, live as long as `found` is.
            let any = unsafe { &*found.0 };
            // SAFETY: takes three integers and returns a new descriptor or -1.
            let raw = cerr(unsafe { libc::socket(any.ai_family, any.ai_socktype, 0) }).unwrap();
            // SAFETY: the descriptor was just returned by socket() and nobody else owns it.
            let socket = unsafe { OwnedFd::from_raw_fd(raw) };
            // SAFETY: the address is live and of the length beside it.
            cerr(unsafe { libc::bind(raw, any.ai_addr, any.ai_addrlen) }).unwrap();
            let socket = TcpStream::from(socket);
            let port = socket.local_addr().unwrap().port();
            let own = look_up(&CString::new(host).unwrap(), port, kind).unwrap();
            // SAFETY: as above.
            let own = unsafe { &*own.0 };
            // SAFETY: the address is live and of the length beside it.
            cerr(unsafe { libc::connect(raw, own.ai_addr, own.ai_addrlen) }).unwrap();
            let error = not_to_itself(socket.into()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED), "{host} {kind:?}");
        }
    }
}
