//! What the process was given at its very start, before the standard library opened /dev/null in the
//! place of closed standard descriptors (std does so on every unix): the truth about stdin, stdout and stderr.

use std::sync::atomic::{AtomicU8, Ordering};

/// Bit n: descriptor n was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

#[used]
// SAFETY: .init_array holds pointers to functions that the C library calls before main; this is one,
// it takes no arguments, and it only asks the kernel about three integers.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    for fd in 0..3u8 {
        // SAFETY: F_GETFD only asks whether the descriptor is open.
        let flags = unsafe { libc::fcntl(i32::from(fd), libc::F_GETFD) };
        if flags < 0 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

/// Whether standard output was open when the process started.
pub fn stdout_was_open() -> bool {
    CLOSED.load(Ordering::Relaxed) & 2 == 0
}
