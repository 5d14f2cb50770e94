//! Threads: one way to start them all, and their names. Source: prctl(2), pthread_setname_np(3).

#[cfg(target_env = "musl")]
use std::ffi::{c_char, c_int};
use std::io;
use std::thread::{Builder, JoinHandle};

/// Stack of a thread that neither calls deeply nor keeps buffers there.
pub const STACK: usize = 128 * 1024;

/// Starts a thread. Not generic, since the standard library's part is 2 KiB for each kind of closure.
///
/// Errors: EAGAIN, no more threads or memory.
#[inline(never)]
pub fn spawn(name: &str, stack: usize, run: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).stack_size(stack).spawn(run)
}

/// Takes the place of musl's, which can name other threads too, through /proc, and brings printf for the path:
/// 9 KiB of the binary. The standard library names only the thread that it is on.
///
/// # Safety
///
/// As pthread_setname_np(3): `name` is a string that ends in a NUL.
#[cfg(target_env = "musl")]
// SAFETY: the one symbol of this name in the program: musl's is in an archive, from which the linker takes
// only what is still missing.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setname_np(_: libc::pthread_t, name: *const c_char) -> c_int {
    // SAFETY: the caller's string ends in a NUL; the kernel reads at most 16 bytes of it.
    unsafe { libc::prctl(libc::PR_SET_NAME, name) }
}
