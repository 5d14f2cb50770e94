//! For tests, in builds with debug assertions alone: acts that no part of this program does, tried where it stands.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Tries each, in a folder to which nothing is configured to be written; gives its name and its error number, 0 when
/// it was done.
pub fn acts(folder: &Path) -> Vec<(&'static str, i32)> {
    let path = |name: &str| CString::new(folder.join(name).as_os_str().as_bytes()).unwrap_or_default();
    let there = path("there");
    let mut done = Vec::new();
    let mut note = |name: &'static str, result: libc::c_long| {
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or_default();
        done.push((name, if result < 0 { errno } else { 0 }));
        result
    };
    let zero: libc::c_long = 0;
    let null = std::ptr::null::<u8>();
    // SAFETY: all that follow read no memory but the live strings, and write none.
    note("ptrace", unsafe { libc::syscall(libc::SYS_ptrace, zero, zero, zero, zero) });
    // SAFETY: as above; a file that can't be executed is none that takes this one's place.
    note("exec", unsafe { libc::syscall(libc::SYS_execve, there.as_ptr(), null, null) });
    let (at, flags) = (libc::AT_FDCWD, libc::O_WRONLY);
    // SAFETY: as above.
    note("write-file", unsafe { libc::syscall(libc::SYS_openat, at, there.as_ptr(), flags, zero) });
    let flags = libc::O_WRONLY | libc::O_CREAT;
    let made = path("made");
    // SAFETY: as above.
    note("make-file", unsafe { libc::syscall(libc::SYS_openat, at, made.as_ptr(), flags, 0o600) });
    // SAFETY: as above.
    note("remove-file", unsafe { libc::syscall(libc::SYS_unlinkat, at, there.as_ptr(), zero) });
    // SAFETY: as above.
    note("make-node", unsafe { libc::syscall(libc::SYS_mknodat, at, made.as_ptr(), libc::S_IFIFO, zero) });
    // SAFETY: as above.
    note("mount", unsafe { libc::syscall(libc::SYS_mount, null, null, null, zero, null) });
    // SAFETY: as above.
    note("unshare", unsafe { libc::syscall(libc::SYS_unshare, libc::CLONE_NEWNS) });
    // SAFETY: as above; a process that is made ends at once.
    let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, zero, zero, zero, zero) };
    if child == 0 {
        // SAFETY: ends the new process, which has done nothing.
        unsafe { libc::_exit(0) };
    }
    note("process", child);
    // SAFETY: as above.
    note("setuid", unsafe { libc::syscall(libc::SYS_setresuid, 1, 1, 1) });
    let mut header = [0x2008_0522u32, 0];
    let all = [u32::MAX, u32::MAX, 0, u32::MAX, u32::MAX, 0];
    // SAFETY: reads a header of two words and two structures of three, which are live.
    note("capset", unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), all.as_ptr()) });
    for (name, family) in
        [("packet-socket", libc::AF_PACKET), ("vsock", libc::AF_VSOCK), ("inet", libc::AF_INET)]
    {
        // SAFETY: takes three integers.
        let fd = note(name, unsafe { libc::syscall(libc::SYS_socket, family, libc::SOCK_STREAM, zero) });
        if let Ok(fd) = libc::c_int::try_from(fd) {
            // SAFETY: closes what was just opened, if anything.
            unsafe { libc::close(fd) };
        }
    }
    // SAFETY: takes integers.
    note("keyctl", unsafe { libc::syscall(libc::SYS_keyctl, zero, zero, zero) });
    // SAFETY: reads nothing where the number is 0.
    note("bpf", unsafe { libc::syscall(libc::SYS_bpf, zero, null, zero) });
    // SAFETY: asks for new memory that could be executed; none of ours is touched.
    let executable = unsafe {
        let (read, how) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        libc::mmap(std::ptr::null_mut(), 4096, read, how, -1, 0)
    };
    note("executable-memory", if executable == libc::MAP_FAILED { -1 } else { 0 });
    done
}
