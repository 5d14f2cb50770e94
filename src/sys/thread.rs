//! Threads: one way to start them all, by the C library: what the standard library does besides, for handles, scopes
//! and overflowing stacks, is 8 KiB of the binary. Source: pthread_create(3), pthread_attr_init(3), prctl(2).

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;

/// Stack of a thread that neither calls deeply nor keeps buffers there.
pub const STACK: usize = 128 * 1024;

/// What a thread is to do.
pub type Run = Box<dyn FnOnce() + Send>;

/// Its name, which is at most 15 bytes, and what it does.
struct Begin(CString, Run);

/// Starts a thread that nobody waits for.
///
/// Errors: EAGAIN, no more threads or memory.
pub fn spawn(name: &str, stack: usize, run: Run) -> io::Result<()> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    let at = attributes.as_mut_ptr();
    // SAFETY: there is room for what it makes.
    checked(unsafe { libc::pthread_attr_init(at) })?;
    // SAFETY: it was made above.
    let sized = checked(unsafe { libc::pthread_attr_setstacksize(at, stack) });
    // SAFETY: as above.
    let detached = checked(unsafe { libc::pthread_attr_setdetachstate(at, libc::PTHREAD_CREATE_DETACHED) });
    let begin = Box::into_raw(Box::new(Begin(CString::new(name).unwrap_or_default(), run)));
    let created = sized.and(detached).and_then(|()| {
        // SAFETY: thread and attributes are as it wants them, and `main` takes what `begin` points to.
        checked(unsafe { libc::pthread_create(thread.as_mut_ptr(), at, main, begin.cast()) })
    });
    // SAFETY: it was made above, and no thread looks at it after its creation.
    unsafe { libc::pthread_attr_destroy(at) };
    if created.is_err() {
        // SAFETY: it was made by `into_raw`, and there is no thread that took it.
        drop(unsafe { Box::from_raw(begin) });
    }
    created
}

/// These calls give the error itself.
fn checked(error: c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// The thread.
extern "C" fn main(begin: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn` made it by `into_raw` and leaves it to this thread.
    let Begin(name, run) = *unsafe { Box::from_raw(begin.cast::<Begin>()) };
    // SAFETY: the kernel reads at most 16 bytes of a string that ends in a NUL.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    drop(name);
    run();
    std::ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn it_has_its_name_and_ends() {
        let (says, heard) = mpsc::channel();
        let run = move || {
            says.send(std::fs::read_to_string("/proc/thread-self/comm").unwrap()).unwrap();
        };
        spawn("a name that is longer", STACK, Box::new(run)).unwrap();
        assert_eq!(heard.recv().unwrap(), "a name that is \n");
        // The thread has dropped the sender.
        assert!(heard.recv().is_err());
    }

    #[test]
    fn no_stack_of_this_size() {
        let (says, heard) = mpsc::channel::<()>();
        let error = spawn("x", 1, Box::new(move || drop(says))).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        assert!(heard.recv().is_err(), "what it was to do was dropped");
    }
}
