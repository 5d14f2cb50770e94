//! Zeroed pages that cost memory only once touched, and can be given back; and a ceiling over all of them, for which
//! each says how far it is to be touched before that is done. Source: mmap(2), madvise(2).

use super::cerr;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A page's size everywhere that matters here; a larger page makes `discard` keep a little more.
const PAGE: usize = 4096;
/// linux/mman.h
const MADV_DONTNEED_LOCKED: libc::c_int = 24;

/// Whether there can be a ceiling.
pub const HAS_CEILING: bool = cfg!(feature = "sandbox");
/// What is paid for at once.
const STEP: usize = 16 * 1024;

/// Bytes that may be in use; what is above is no number of bytes but "without a ceiling".
static CEILING: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Bytes that are in use, or may be at any time.
static PAID: AtomicUsize = AtomicUsize::new(0);

/// Sets the ceiling, in bytes, over all regions that are made from now on, and over what is [paid](pay) for otherwise.
pub fn set_ceiling(bytes: usize) {
    CEILING.store(bytes, Ordering::Relaxed);
}

/// Bytes paid for; 0 without a ceiling.
pub fn paid() -> usize {
    PAID.load(Ordering::Relaxed)
}

/// Counts bytes that are in use elsewhere; false when they do not fit below the ceiling.
pub fn pay(bytes: usize) -> bool {
    let ceiling = CEILING.load(Ordering::Relaxed);
    let sum = |paid: usize| paid.checked_add(bytes).filter(|sum| *sum <= ceiling);
    PAID.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
}

fn has_ceiling() -> bool {
    HAS_CEILING && CEILING.load(Ordering::Relaxed) != usize::MAX
}

/// A private, anonymous mapping of a fixed length. Reads as the bytes of it that may be touched: all, or below a
/// ceiling those that were paid for.
pub struct Region {
    start: NonNull<u8>,
    len: usize,
    /// How far it may be touched.
    paid: usize,
    /// What stays paid for in any case.
    floor: usize,
}

// SAFETY: the mapping belongs to this value alone; the pointer is never shared.
unsafe impl Send for Region {}

impl Region {
    /// Maps `len` bytes (at least 1) of zeros. Below a ceiling the first `floor` of them may be touched at any time, and
    /// more of them after a [`reserve`](Self::reserve).
    ///
    /// Errors: ENOMEM, also where the ceiling is too low for the floor.
    pub fn new(len: usize, floor: usize) -> io::Result<Self> {
        let len = len.max(1);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: asks for new pages anywhere; no existing memory is touched.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(at.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let floor = if HAS_CEILING { floor.min(len) } else { 0 };
        let mut region = Self { start, len, paid: len, floor };
        if has_ceiling() {
            region.paid = 0;
            if !region.pay(region.floor) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        Ok(region)
    }

    /// Whether the first `end` bytes may be touched: pays for them where that is needed.
    #[inline]
    pub fn reserve(&mut self, end: usize) -> bool {
        end <= self.bytes() || (HAS_CEILING && self.pay(end))
    }

    /// How far it may be touched.
    #[inline]
    fn bytes(&self) -> usize {
        if HAS_CEILING { self.paid } else { self.len }
    }

    /// How far it can ever be touched.
    pub fn capacity(&self) -> usize {
        self.len
    }

    /// The bytes that may be touched: `wanted` of them and perhaps more, or fewer where that is not to be had.
    pub fn room(&mut self, wanted: usize) -> &mut [u8] {
        self.reserve(wanted.min(self.len));
        self
    }

    #[cold]
    #[inline(never)]
    fn pay(&mut self, end: usize) -> bool {
        if end > self.len {
            return false;
        }
        let end = end.next_multiple_of(STEP).min(self.len);
        let is_paid = pay(end - self.paid);
        if is_paid {
            self.paid = end;
        }
        is_paid
    }

    /// Takes back what was paid for more than so many bytes.
    fn pay_back(&mut self, keep: usize) {
        let keep = keep.max(self.floor);
        if has_ceiling() && keep < self.paid {
            PAID.fetch_sub(self.paid - keep, Ordering::Relaxed);
            self.paid = keep;
        }
    }

    /// Gives the pages past the first `keep` bytes back to the system; they read as zeros afterwards.
    pub fn discard(&mut self, keep: usize) {
        let keep = keep.next_multiple_of(PAGE);
        if keep < self.len {
            // SAFETY: `keep` is inside the mapping.
            let from = unsafe { self.start.as_ptr().add(keep) };
            // SAFETY: the range lies inside this value's own mapping, which is borrowed mutably.
            // A failure leaves the pages as they are, which is only less thrifty.
            let given = cerr(unsafe { libc::madvise(from.cast(), self.len - keep, libc::MADV_DONTNEED) });
            if HAS_CEILING && given.is_err() {
                // Memory that is locked says no, but for this, since Linux 5.18.
                // SAFETY: as above.
                let _ = cerr(unsafe { libc::madvise(from.cast(), self.len - keep, MADV_DONTNEED_LOCKED) });
            }
        }
        self.pay_back(keep);
    }
}

impl Deref for Region {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is readable, initialised (zeros) and at least `paid` bytes long while `self` lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes()) }
    }
}

impl DerefMut for Region {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes()) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: unmaps exactly what `new` mapped, once.
        let _ = cerr(unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) });
        self.floor = 0;
        self.pay_back(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_zeroed_writable_and_zero_again_after_discard() {
        let mut region = Region::new(10 * PAGE + 5, 0).unwrap();
        assert!(region.iter().all(|&byte| byte == 0));
        region.fill(7);
        region.discard(PAGE + 1);
        assert!(region[..2 * PAGE].iter().all(|&byte| byte == 7));
        assert!(region[2 * PAGE..].iter().all(|&byte| byte == 0));
        assert_eq!(region.len(), 10 * PAGE + 5);
    }
}
