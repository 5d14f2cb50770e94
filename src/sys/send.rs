//! Sending to a peer without waiting for it: many datagrams in one call, a piece of a stream, and how much of what
//! was sent the peer has not taken yet. Source: sendmmsg(2), recv(2), tcp(7), unix(7), pipe(7).

use super::{cerr, retry};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Datagrams that one call sends at most.
pub const MESSAGES: usize = 32;

/// Sends datagrams, at most [`MESSAGES`], from the first on; gives how many were sent.
///
/// Errors: those of sendmsg(2) for the first one; `WouldBlock` when the peer takes none now.
pub fn datagrams(socket: BorrowedFd<'_>, messages: &[&[u8]]) -> io::Result<usize> {
    let count = messages.len().min(MESSAGES);
    // SAFETY: an iovec is a pointer and a length; all zeros is valid.
    let mut pieces: [libc::iovec; MESSAGES] = unsafe { std::mem::zeroed() };
    // SAFETY: an mmsghdr is integers and pointers; all zeros is valid.
    let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { std::mem::zeroed() };
    for ((header, piece), message) in headers.iter_mut().zip(&mut pieces).zip(messages) {
        // The kernel only reads what an iovec of a sent message points to.
        *piece = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
        header.msg_hdr.msg_iov = piece;
        header.msg_hdr.msg_iovlen = 1;
    }
    let flags = (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _;
    let sent = retry(|| {
        // SAFETY: the first `count` headers point to live iovecs, and those to live messages of their lengths.
        cerr(unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as _, flags) })
    })?;
    Ok(usize::try_from(sent).unwrap_or_default())
}

/// Sends what a stream takes now, and gives its length.
///
/// Errors: those of send(2); `WouldBlock` when it takes nothing.
pub fn stream(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the pointer is to live memory of the length beside it.
    let sent =
        retry(|| cerr(unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) }))?;
    Ok(sent.unsigned_abs())
}

/// Whether the peer of a stream is still there; what it has sent is read and thrown away.
pub fn is_connected(socket: BorrowedFd<'_>) -> bool {
    let mut space = [0u8; 512];
    for _ in 0..64 {
        let (to, len) = (space.as_mut_ptr().cast(), space.len());
        // SAFETY: the buffer is live and of the length beside it.
        let got = retry(|| cerr(unsafe { libc::recv(socket.as_raw_fd(), to, len, libc::MSG_DONTWAIT) }));
        match got {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
    true
}

/// Bytes that were sent on a socket and not taken yet (SIOCOUTQ). TCP: not acknowledged by the peer's kernel. A unix
/// socket: not read by its program, and more than that: the kernel counts its own bookkeeping too.
pub fn not_taken(socket: BorrowedFd<'_>) -> io::Result<usize> {
    ask(socket, libc::TIOCOUTQ as _)
}

/// Bytes that were written to a pipe and not read yet (FIONREAD).
pub fn not_read(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    ask(pipe, libc::FIONREAD as _)
}

fn ask(fd: BorrowedFd<'_>, what: libc::c_ulong) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: both requests write one integer, to which the pointer is.
    cerr(unsafe { libc::ioctl(fd.as_raw_fd(), what as _, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Gives up a TCP connection on which the peer's kernel has acknowledged nothing for so long (TCP_USER_TIMEOUT).
pub fn set_patience(socket: BorrowedFd<'_>, time: Duration) -> io::Result<()> {
    let millis = libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX);
    set(socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, millis)
}

/// Has a lone message sent at once (TCP_NODELAY).
pub fn set_no_delay(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)
}

/// Asks for room for so many bytes on their way, past wmem_max where CAP_NET_ADMIN allows it. A unix datagram can't
/// be longer than that.
pub fn set_send_buffer(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, wanted)
        .or_else(|_| set(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, wanted))
}

fn set(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = libc::socklen_t::try_from(size_of_val(&value)).unwrap_or_default();
    let at = (&raw const value).cast();
    // SAFETY: the pointer is to a live integer and the length is its size.
    cerr(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, at, len) }).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    #[test]
    fn datagrams_arrive_one_by_one_and_in_order() {
        let (one, other) = UnixDatagram::pair().unwrap();
        assert_eq!(datagrams(one.as_fd(), &[b"a", b"bc", b""]).unwrap(), 3);
        let mut space = [0; 10];
        for expected in [&b"a"[..], b"bc", b""] {
            let len = other.recv(&mut space).unwrap();
            assert_eq!(&space[..len], expected);
        }
        // Until its queue is full.
        let full = loop {
            if let Err(error) = datagrams(one.as_fd(), &[b"x".as_slice(); 1000]) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let long = vec![0; 1 << 22];
        drop(other);
        // A program that another test is about to start has the other end, which is full, until it is executed.
        let refused = (0..1000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            let error = datagrams(one.as_fd(), &[b"x"]).unwrap_err();
            (error.kind() != io::ErrorKind::WouldBlock).then_some(error)
        });
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::ConnectionRefused);
        let (one, _other) = UnixDatagram::pair().unwrap();
        assert_eq!(datagrams(one.as_fd(), &[&long]).unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    }

    #[test]
    fn what_a_peer_has_not_taken() {
        let (one, mut other) = UnixStream::pair().unwrap();
        assert_eq!(stream(one.as_fd(), b"12345").unwrap(), 5);
        assert!(not_taken(one.as_fd()).unwrap() >= 5);
        other.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(not_taken(one.as_fd()).unwrap(), 0);
        other.write_all(b"who are you?").unwrap();
        assert!(is_connected(one.as_fd()));
        drop(other);
        // As above.
        let has_gone = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            !is_connected(one.as_fd())
        });
        assert!(has_gone);

        let listener = TcpListener::bind("[::1]:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        set_patience(socket.as_fd(), Duration::from_secs(30)).unwrap();
        let (peer, _) = listener.accept().unwrap();
        assert_eq!(stream(socket.as_fd(), b"12345").unwrap(), 5);
        while not_taken(socket.as_fd()).unwrap() > 0 {}
        drop(peer);
        while is_connected(socket.as_fd()) {}

        let (mut reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"123").unwrap();
        reader.read_exact(&mut [0; 1]).unwrap();
        assert_eq!(not_read(writer.as_fd()).unwrap(), 2);
    }
}
