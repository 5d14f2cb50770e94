//! A netlink socket of the audit family: opened, sized, sent on, received from one message at a time.
//! Source: netlink(7), socket(7).

use super::{cerr, retry};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

/// A socket of NETLINK_AUDIT with a port id of the kernel's choice.
pub struct Socket {
    fd: OwnedFd,
    /// Whether its receive buffer's use is known: that of netlink sockets is.
    accounted: bool,
}

/// What one receive call brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The message's whole length; more than the buffer's when it was truncated (MSG_TRUNC).
    pub len: usize,
    /// The sender's port id; 0 is the kernel.
    pub sender: u32,
}

impl Socket {
    /// Opens and binds a close-on-exec socket.
    ///
    /// Errors: EPROTONOSUPPORT when this kernel was built without auditing; EMFILE and ENOMEM as usual.
    pub fn open() -> io::Result<Self> {
        // SAFETY: takes three integers and returns a new descriptor or -1.
        let raw = cerr(unsafe {
            libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_AUDIT)
        })?;
        // SAFETY: the descriptor was just returned by socket() and nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        let address = kernel_address();
        // SAFETY: the pointer is to a live sockaddr_nl and the length is its size.
        cerr(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), ADDRESS_LEN) })?;
        Ok(Self { fd, accounted: true })
    }

    /// Takes the socket that the program which was executed before has left open under this number, and closes it at
    /// the next execution. To be called before anything else is opened.
    ///
    /// Errors: EBADF, ENOTSOCK; InvalidInput for a socket that is not of NETLINK_AUDIT.
    #[cfg(feature = "reload")]
    pub fn adopt(raw: libc::c_int) -> io::Result<Self> {
        for (name, wanted) in [(libc::SO_DOMAIN, libc::AF_NETLINK), (libc::SO_PROTOCOL, libc::NETLINK_AUDIT)]
        {
            let (mut value, mut len): (libc::c_int, _) = (0, INT_LEN);
            let at = (&raw mut value).cast();
            // SAFETY: value and length point to live variables, and the length says the value's size.
            cerr(unsafe { libc::getsockopt(raw, libc::SOL_SOCKET, name, at, &raw mut len) })?;
            if value != wanted {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
        // SAFETY: it is an audit socket, this program has opened none before, and the one that did is gone: nobody
        // else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        super::image::keep(fd.as_fd(), false)?;
        Ok(Self { fd, accounted: true })
    }

    /// Takes a datagram socket that was made elsewhere, such as one end of a socketpair that plays the kernel.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self { fd, accounted: false }
    }

    /// Asks for a receive buffer of so many bytes, past rmem_max where CAP_NET_ADMIN allows it, and
    /// gives what the kernel granted (it doubles the figure for its own bookkeeping, socket(7)). Without that capability,
    /// as at a reload and after an upgrade, it never gets smaller.
    pub fn set_receive_buffer(&self, bytes: usize) -> io::Result<usize> {
        let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        if self.set_option(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, wanted).is_err() {
            // The kernel cuts it to rmem_max then, which may be less than there is: another socket is asked first.
            let other = Self::from_fd(UnixDatagram::unbound()?.into());
            other.set_option(libc::SOL_SOCKET, libc::SO_RCVBUF, wanted)?;
            if self.receive_buffer()? < other.receive_buffer()? {
                self.set_option(libc::SOL_SOCKET, libc::SO_RCVBUF, wanted)?;
            }
        }
        self.receive_buffer()
    }

    fn receive_buffer(&self) -> io::Result<usize> {
        let [granted] = self.option(libc::SOL_SOCKET, libc::SO_RCVBUF)?;
        Ok(usize::try_from(granted).unwrap_or(0))
    }

    /// Turns ENOBUFS reports off: for a unicast audit socket they are stalls, not losses
    /// (net/netlink/af_netlink.c, netlink_overrun).
    pub fn set_no_enobufs(&self) -> io::Result<()> {
        self.set_option(libc::SOL_NETLINK, libc::NETLINK_NO_ENOBUFS, 1)
    }

    /// Whether more than seven eighths of the receive buffer are in use (SO_MEMINFO, Linux 4.12). `None` where the
    /// kernel does not account a reader's memory, as for a socketpair.
    pub fn is_nearly_full(&self) -> Option<bool> {
        /// SK_MEMINFO_RMEM_ALLOC and SK_MEMINFO_RCVBUF.
        const USED: usize = 0;
        const SIZE: usize = 1;
        let info = self.memory()?;
        self.accounted.then_some(info[USED] > info[SIZE] / 8 * 7)
    }

    /// SO_MEMINFO, in the order of SK_MEMINFO_*, linux/sock_diag.h.
    fn memory(&self) -> Option<[u32; MEMINFO]> {
        self.option(libc::SOL_SOCKET, libc::SO_MEMINFO).ok()
    }

    /// How many messages to a group did not fit this socket since it was opened (SO_MEMINFO, Linux 4.12). Each is one
    /// that the kernel did not deliver; for what it sends to this socket alone it is a stall
    /// (net/netlink/af_netlink.c, netlink_overrun). `None` where the kernel does not tell.
    #[cfg(feature = "coexist")]
    pub fn dropped(&self) -> Option<u32> {
        /// SK_MEMINFO_DROPS
        const DROPS: usize = 8;
        self.memory().map(|info| info[DROPS])
    }

    /// Joins a multicast group (NETLINK_ADD_MEMBERSHIP), or leaves it.
    ///
    /// Errors: EPERM without the capability that the group wants.
    #[cfg(feature = "coexist")]
    pub fn set_member(&self, group: libc::c_int, member: bool) -> io::Result<()> {
        let name = if member { libc::NETLINK_ADD_MEMBERSHIP } else { libc::NETLINK_DROP_MEMBERSHIP };
        self.set_option(libc::SOL_NETLINK, name, group)
    }

    /// Whether it is in this group (NETLINK_LIST_MEMBERSHIPS, netlink(7)); there is one group for audit, the first.
    ///
    /// Errors: as getsockopt(2).
    #[cfg(all(feature = "coexist", feature = "reload"))]
    pub fn is_member(&self, group: libc::c_int) -> io::Result<bool> {
        let [groups] = self.option(libc::SOL_NETLINK, libc::NETLINK_LIST_MEMBERSHIPS)?;
        Ok(groups >> (group - 1) & 1 == 1)
    }

    /// Sends one message to the kernel.
    ///
    /// Errors: ECONNREFUSED when no audit socket listens in this kernel or user namespace.
    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        let address = kernel_address();
        retry(|| {
            // SAFETY: both pointers are to live memory of the lengths given beside them.
            cerr(unsafe {
                libc::sendto(
                    self.fd.as_raw_fd(),
                    message.as_ptr().cast(),
                    message.len(),
                    0,
                    (&raw const address).cast(),
                    ADDRESS_LEN,
                )
            })
        })
        .map(|_| ())
    }

    /// Receives one message without waiting; `WouldBlock` when there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut address = kernel_address();
        let mut address_len = ADDRESS_LEN;
        let len = retry(|| {
            // SAFETY: buffer and address are live and writable for the lengths given beside them.
            cerr(unsafe {
                libc::recvfrom(
                    self.fd.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    libc::MSG_DONTWAIT | libc::MSG_TRUNC,
                    (&raw mut address).cast(),
                    &raw mut address_len,
                )
            })
        })?;
        Ok(Received { len: len.unsigned_abs(), sender: address.nl_pid })
    }

    /// An option that is an array of numbers; the kernel may fill less of it.
    fn option<const N: usize>(&self, level: libc::c_int, name: libc::c_int) -> io::Result<[u32; N]> {
        let mut value = [0; N];
        let mut len = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
        let at = value.as_mut_ptr().cast();
        // SAFETY: array and length are live, and the length says the array's size.
        cerr(unsafe { libc::getsockopt(self.fd.as_raw_fd(), level, name, at, &raw mut len) })?;
        Ok(value)
    }

    fn set_option(&self, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
        let at = (&raw const value).cast();
        // SAFETY: the pointer is to a live integer and the length is its size.
        cerr(unsafe { libc::setsockopt(self.fd.as_raw_fd(), level, name, at, INT_LEN) }).map(|_| ())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// SK_MEMINFO_VARS, linux/sock_diag.h.
const MEMINFO: usize = 9;
#[allow(clippy::cast_possible_truncation)]
const ADDRESS_LEN: libc::socklen_t = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
#[allow(clippy::cast_possible_truncation)]
const INT_LEN: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;

/// Port id 0, no groups: the kernel as a receiver, "choose one for me" when binding.
fn kernel_address() -> libc::sockaddr_nl {
    // SAFETY: sockaddr_nl is plain integers; all zeros is a valid value of it.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address
}

#[cfg(all(test, feature = "sandbox"))]
mod tests {
    use super::*;
    use crate::privilege::{capabilities, set_capabilities};

    /// Needs root for a buffer that is larger than rmem_max, which without CAP_NET_ADMIN can't be had again.
    #[test]
    fn without_the_capability_the_receive_buffer_never_gets_smaller() {
        const NET_ADMIN: u64 = 1 << 12;
        let socket = Socket::from_fd(UnixDatagram::unbound().unwrap().into());
        let large = socket.set_receive_buffer(64 << 20).unwrap();
        // Capabilities are the thread's own.
        let mut sets = capabilities().unwrap();
        sets.effective &= !NET_ADMIN;
        set_capabilities(sets).unwrap();
        for wanted in [128 << 20, 32 << 20] {
            assert!(socket.set_receive_buffer(wanted).unwrap() >= large, "{wanted}");
        }
        let other = Socket::from_fd(UnixDatagram::unbound().unwrap().into());
        other.set_option(libc::SOL_SOCKET, libc::SO_RCVBUF, 4096).unwrap();
        let small = other.receive_buffer().unwrap();
        assert!(other.set_receive_buffer(128 << 20).unwrap() > small);
    }
}
