//! Zeroed pages that cost memory only once touched, and can be given back. Source: mmap(2), madvise(2).

use super::cerr;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A page's size everywhere that matters here; a larger page makes `discard` keep a little more.
const PAGE: usize = 4096;

/// A private, anonymous mapping of a fixed length; reads as bytes.
pub struct Region {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone; the pointer is never shared.
unsafe impl Send for Region {}

impl Region {
    /// Maps `len` bytes (at least 1) of zeros.
    ///
    /// Errors: ENOMEM.
    pub fn new(len: usize) -> io::Result<Self> {
        let len = len.max(1);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: asks for new pages anywhere; no existing memory is touched.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(at.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { start, len })
    }

    /// Gives the pages past the first `keep` bytes back to the system; they read as zeros afterwards.
    pub fn discard(&mut self, keep: usize) {
        let keep = keep.next_multiple_of(PAGE);
        if keep < self.len {
            // SAFETY: `keep` is inside the mapping.
            let from = unsafe { self.start.as_ptr().add(keep) };
            // SAFETY: the range lies inside this value's own mapping, which is borrowed mutably.
            // A failure leaves the pages as they are, which is only less thrifty.
            let _ = cerr(unsafe { libc::madvise(from.cast(), self.len - keep, libc::MADV_DONTNEED) });
        }
    }
}

impl Deref for Region {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is readable, initialised (zeros) and `len` bytes long while `self` lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Region {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: unmaps exactly what `new` mapped, once.
        let _ = cerr(unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_zeroed_writable_and_zero_again_after_discard() {
        let mut region = Region::new(10 * PAGE + 5).unwrap();
        assert!(region.iter().all(|&byte| byte == 0));
        region.fill(7);
        region.discard(PAGE + 1);
        assert!(region[..2 * PAGE].iter().all(|&byte| byte == 7));
        assert!(region[2 * PAGE..].iter().all(|&byte| byte == 0));
        assert_eq!(region.len(), 10 * PAGE + 5);
    }
}
