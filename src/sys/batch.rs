//! Many datagrams in one call: the slots that `recvmmsg` fills. Each slot's text lies in two pieces, a
//! short head packed beside the other slots' heads, and a long tail that only a long record touches:
//! so a burst of common records stays in 32 KiB of cache, and 16 KiB records still fit.
//! Source: recvmmsg(2).

use super::memory::Region;
use super::{cerr, retry};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Messages taken in one call.
pub const SLOTS: usize = 32;
/// Bytes of a message in the packed area.
pub const HEAD: usize = 1024;
/// Bytes of a message in all: the longest record seen is about 9 KiB, and what is longer is counted as truncated.
pub const SLOT: usize = 16 * 1024 + 16;

/// The slots and the kernel's descriptors of them.
pub struct Batch {
    heads: Region,
    tails: Region,
    headers: Box<[libc::mmsghdr; SLOTS]>,
    addresses: Box<[libc::sockaddr_nl; SLOTS]>,
    // Only the kernel reads these; `headers` points into them.
    _pieces: Box<[[libc::iovec; 2]; SLOTS]>,
}

// SAFETY: the raw pointers in `headers` and `_pieces` point into memory that this value owns, so they
// move between threads together with it.
unsafe impl Send for Batch {}

/// One received message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The first bytes, up to [`HEAD`].
    pub head: &'a [u8],
    /// What follows, up to [`SLOT`] in all.
    pub tail: &'a [u8],
    /// Whether the message was longer than the slot.
    pub truncated: bool,
    /// The sender's port id; 0 is the kernel.
    pub sender: u32,
    /// The groups that it was sent to, as bits; 0 for one to this socket alone.
    pub groups: u32,
}

impl Batch {
    /// Allocates the slots; their pages are touched only when messages fill them.
    ///
    /// Errors: ENOMEM.
    pub fn new() -> io::Result<Self> {
        // The kernel fills them, and asks nobody.
        let mut heads = Region::new(SLOTS * HEAD, usize::MAX)?;
        let mut tails = Region::new(SLOTS * (SLOT - HEAD), usize::MAX)?;
        // SAFETY: sockaddr_nl, iovec and mmsghdr are integers and pointers; all zeros is valid for each.
        let mut addresses: Box<[libc::sockaddr_nl; SLOTS]> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: as above.
        let mut pieces: Box<[[libc::iovec; 2]; SLOTS]> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: as above.
        let mut headers: Box<[libc::mmsghdr; SLOTS]> = Box::new(unsafe { std::mem::zeroed() });
        let areas = heads.chunks_exact_mut(HEAD).zip(tails.chunks_exact_mut(SLOT - HEAD));
        let parts = pieces.iter_mut().zip(addresses.iter_mut()).zip(headers.iter_mut());
        for ((head, tail), ((piece, address), header)) in areas.zip(parts) {
            piece[0] = libc::iovec { iov_base: head.as_mut_ptr().cast(), iov_len: head.len() };
            piece[1] = libc::iovec { iov_base: tail.as_mut_ptr().cast(), iov_len: tail.len() };
            header.msg_hdr.msg_iov = piece.as_mut_ptr();
            header.msg_hdr.msg_iovlen = 2;
            header.msg_hdr.msg_name = std::ptr::from_mut(address).cast();
        }
        Ok(Self { heads, tails, headers, addresses, _pieces: pieces })
    }

    /// Takes what the socket holds, at most [`SLOTS`] messages, without waiting; 0 when it holds none.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        for header in self.headers.iter_mut() {
            #[allow(clippy::cast_possible_truncation)]
            {
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
            }
        }
        let taken = retry(|| {
            // SAFETY: `headers` holds SLOTS descriptors whose pointers are to buffers that this value
            // owns and that nobody borrows while it is borrowed mutably.
            cerr(unsafe {
                libc::recvmmsg(
                    socket.as_raw_fd(),
                    self.headers.as_mut_ptr(),
                    SLOTS as libc::c_uint,
                    (libc::MSG_DONTWAIT | libc::MSG_TRUNC) as _,
                    std::ptr::null_mut(),
                )
            })
        });
        match taken {
            Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The `index`th message of the last [`receive`](Self::receive); `None` past [`SLOTS`].
    pub fn message(&self, index: usize) -> Option<Message<'_>> {
        let header = self.headers.get(index)?;
        let whole = header.msg_len as usize;
        let len = whole.min(SLOT);
        let head_start = index * HEAD;
        let tail_start = index * (SLOT - HEAD);
        let address = self.addresses.get(index)?;
        Some(Message {
            head: self.heads.get(head_start..head_start + len.min(HEAD))?,
            tail: self.tails.get(tail_start..tail_start + len.saturating_sub(HEAD))?,
            truncated: whole > SLOT,
            sender: address.nl_pid,
            groups: address.nl_groups,
        })
    }
}
