//! System calls as they are, whatever libc would make of them, and the little that they need: memory, a child,
//! a program. The only room of the load with unsafe code.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_long};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// One argument. Memory is given as what it is, so that a call reads and writes nothing else; numbers that are
/// addresses are only for what no type here describes, and are kept alive by the caller.
pub(crate) enum Arg<'a> {
    Number(i64),
    Text(&'a CStr),
    Bytes(&'a [u8]),
    Room(&'a mut [u8]),
}

macro_rules! numbers {
    ($($type:ty),*) => { $(impl From<$type> for Arg<'_> {
        fn from(value: $type) -> Self {
            Self::Number(i64::try_from(value).unwrap())
        }
    })* };
}
numbers!(i32, u32, i64, u64, usize);

impl<'a> From<&'a CString> for Arg<'a> {
    fn from(value: &'a CString) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a CStr> for Arg<'a> {
    fn from(value: &'a CStr) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a mut [u8]> for Arg<'a> {
    fn from(value: &'a mut [u8]) -> Self {
        Self::Room(value)
    }
}

/// `sys!(SYS_openat, AT_FDCWD, &name, O_RDONLY, 0)`: what the call gives, or its errno.
macro_rules! sys {
    ($number:ident $(, $arg:expr)* $(,)?) => {
        $crate::load::call::call(libc::$number, &mut [$($crate::load::call::Arg::from($arg)),*])
    };
}
pub(crate) use sys;

pub(crate) fn call(number: c_long, args: &mut [Arg<'_>]) -> Result<i64, i32> {
    let mut words = [0i64; 6];
    for (word, arg) in words.iter_mut().zip(args.iter_mut()) {
        *word = match arg {
            Arg::Number(number) => *number,
            Arg::Text(text) => text.as_ptr() as i64,
            Arg::Bytes(bytes) => bytes.as_ptr() as i64,
            Arg::Room(room) => room.as_mut_ptr() as i64,
        };
    }
    count();
    let [a, b, c, d, e, f] = words;
    // SAFETY: what is behind the pointers is borrowed by `args`, and the calls of the load give each buffer's length.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 { Err(errno()) } else { Ok(result) }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

/// A word that the load and all its children share.
fn counter() -> &'static AtomicU64 {
    static COUNTER: OnceLock<&'static AtomicU64> = OnceLock::new();
    COUNTER.get_or_init(|| {
        let at = map(4096, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0);
        // SAFETY: a page of zeros that is never unmapped, aligned for any type, used as this type alone.
        unsafe { AtomicU64::from_ptr(at.unwrap().cast()) }
    })
}

fn count() {
    counter().fetch_add(1, Ordering::Relaxed);
}

/// How many calls the load and its children have made.
pub(crate) fn counted() -> u64 {
    counter().load(Ordering::Relaxed)
}

/// Anonymous memory, or a file's; never unmapped.
pub(crate) fn map(len: usize, protection: i32, flags: i32, fd: i32, offset: i64) -> Result<*mut u8, i32> {
    // SAFETY: a new mapping at a place that the kernel chooses.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd, offset) };
    if at == libc::MAP_FAILED { Err(errno()) } else { Ok(at.cast()) }
}

/// A word in memory that the kernel shares, at so many bytes.
pub(crate) fn read_word(base: *const u8, offset: u32) -> u32 {
    // SAFETY: the offsets are the kernel's own, inside the mapping, and aligned.
    unsafe { base.wrapping_add(offset as usize).cast::<u32>().read_volatile() }
}

pub(crate) fn write_bytes(base: *mut u8, offset: u32, bytes: &[u8]) {
    // SAFETY: as in `read_word`; the caller writes whole words and entries.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), base.wrapping_add(offset as usize), bytes.len()) };
    std::sync::atomic::fence(Ordering::SeqCst);
}

/// A child that runs `work` and ends; its wait status.
pub(crate) fn child(work: impl FnOnce()) -> i32 {
    wait(spawn(work))
}

/// A child that runs `work` and ends.
pub(crate) fn spawn(work: impl FnOnce()) -> i32 {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            // SAFETY: ends the child without running what belongs to its parent.
            unsafe { libc::_exit(101) };
        }
    }
    count();
    // SAFETY: the only other thread waits for this one; glibc makes its allocator usable in the child.
    match unsafe { libc::fork() } {
        0 => {
            let _end = End;
            work();
            // SAFETY: as above.
            unsafe { libc::_exit(0) }
        }
        -1 => panic!("fork: errno {}", errno()),
        pid => pid,
    }
}

pub(crate) fn wait(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` is written by the call alone.
    let got = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(got, pid, "waitpid: errno {}", errno());
    status
}

/// Becomes another program; only comes back with an errno. `at` is a directory or, with an empty path, the program.
pub(crate) fn exec(at: Option<i32>, path: &CStr, argv: &[CString], envp: &[CString]) -> i32 {
    let pointers = |list: &[CString]| {
        list.iter()
            .map(|text| text.as_ptr() as usize)
            .chain([0])
            .flat_map(usize::to_ne_bytes)
            .collect::<Vec<u8>>()
    };
    let (argv, envp) = (pointers(argv), pointers(envp));
    let result = match at {
        None => sys!(SYS_execve, path, &argv[..], &envp[..]),
        Some(fd) => sys!(SYS_execveat, fd, path, &argv[..], &envp[..], libc::AT_EMPTY_PATH),
    };
    result.unwrap_err()
}

/// A system call of the other ABI: its number and first argument.
pub(crate) fn call_i386(number: u32, argument: u32) -> i32 {
    let result: i32;
    count();
    // SAFETY: rbx is put back; the calls made with it read no memory. The kernel clobbers r8 to r11.
    unsafe {
        std::arch::asm!(
            "push rbx", "mov ebx, {argument:e}", "int 0x80", "pop rbx",
            argument = in(reg) argument,
            inlateout("eax") number => result,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("ecx") _, out("edx") _,
        );
    }
    result
}
