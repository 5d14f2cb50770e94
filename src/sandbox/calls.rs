//! The system calls in use, by who makes them: what the reader and the writer need, what outputs need besides, and
//! what the main thread does. The C library's own are among them, of glibc and of musl. `strace -f -c` finds them;
//! tests/sandbox_live holds the lists to what is refused.
#![allow(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    reason = "numbers of calls are small"
)]

use super::filter::{How, Test};

/// AUDIT_ARCH_*, linux/audit.h: the machine that this program is made for.
pub(super) const ARCH: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xc000_003e)
} else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
    Some(0xc000_00b7)
} else if cfg!(all(target_arch = "arm", target_endian = "little")) {
    Some(0x4000_0028)
} else if cfg!(target_arch = "riscv64") {
    Some(0xc000_00f3)
} else {
    None
};

macro_rules! calls {
    ($($name:ident)*) => { &[$(libc::$name as u16),*] };
}

/// Of the reader and the writer, the most frequent first.
const READ: &[u16] = calls! {
    SYS_recvmmsg SYS_write SYS_read SYS_ppoll SYS_clock_nanosleep SYS_nanosleep SYS_futex SYS_clock_gettime
    SYS_getsockopt SYS_madvise SYS_statx SYS_close SYS_readlinkat SYS_open_by_handle_at SYS_connect SYS_sendto
    SYS_recvfrom SYS_writev SYS_munmap SYS_brk SYS_mremap SYS_lseek SYS_pread64 SYS_getdents64 SYS_faccessat
    SYS_exit SYS_exit_group SYS_restart_syscall SYS_rt_sigprocmask SYS_rt_sigaction SYS_rt_sigreturn SYS_sigaltstack
    SYS_gettid SYS_getpid SYS_tgkill SYS_tkill SYS_sched_yield SYS_sched_getaffinity SYS_getrandom SYS_uname
    SYS_set_robust_list SYS_clock_getres SYS_geteuid SYS_getegid SYS_getuid SYS_getgid SYS_gettimeofday
};
#[cfg(target_arch = "x86_64")]
const READ_HERE: &[u16] = calls! {
    SYS_poll SYS_rseq SYS_stat SYS_lstat SYS_fstat SYS_newfstatat SYS_readlink SYS_access SYS_fcntl SYS_time
};
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const READ_HERE: &[u16] = calls! { SYS_rseq SYS_fstat SYS_newfstatat SYS_fcntl };
/// With the calls that take times of 64 bits, which musl tries first: recvmmsg, ppoll, futex, clock_nanosleep,
/// clock_gettime and clock_getres; and rseq.
#[cfg(target_arch = "arm")]
const READ_HERE: &[u16] = &[
    417,
    414,
    422,
    407,
    403,
    406,
    398,
    libc::SYS_poll as u16,
    libc::SYS_stat64 as u16,
    libc::SYS_lstat64 as u16,
    libc::SYS_fstat64 as u16,
    libc::SYS_fstatat64 as u16,
    libc::SYS_readlink as u16,
    libc::SYS_access as u16,
    libc::SYS_fcntl64 as u16,
    libc::SYS__llseek as u16,
    libc::SYS_send as u16,
    libc::SYS_recv as u16,
    libc::SYS_geteuid32 as u16,
    libc::SYS_getegid32 as u16,
    libc::SYS_getuid32 as u16,
    libc::SYS_getgid32 as u16,
    libc::SYS_sigreturn as u16,
];

/// What outputs do besides: files and their rotation, sockets, a thread that compresses.
const WRITE: &[u16] = calls! {
    SYS_sendmmsg SYS_sendmsg SYS_recvmsg SYS_fdatasync SYS_fsync SYS_openat SYS_setsockopt SYS_bind SYS_getsockname
    SYS_getpeername SYS_shutdown SYS_renameat2 SYS_unlinkat SYS_fchmod SYS_fchmodat SYS_fchown SYS_setpriority
    SYS_getpriority SYS_dup SYS_eventfd2
};
#[cfg(target_arch = "x86_64")]
const WRITE_HERE: &[u16] = calls! {
    SYS_open SYS_rename SYS_renameat SYS_unlink SYS_chmod SYS_fstatfs SYS_statfs SYS_ftruncate
};
#[cfg(target_arch = "aarch64")]
const WRITE_HERE: &[u16] = calls! { SYS_renameat SYS_fstatfs SYS_statfs SYS_ftruncate };
#[cfg(target_arch = "riscv64")]
const WRITE_HERE: &[u16] = calls! { SYS_fstatfs SYS_statfs SYS_ftruncate };
#[cfg(target_arch = "arm")]
const WRITE_HERE: &[u16] = calls! {
    SYS_open SYS_rename SYS_renameat SYS_unlink SYS_chmod SYS_fstatfs64 SYS_statfs64 SYS_ftruncate64 SYS_fchown32
};

/// What the main thread does besides: it serves sockets, reads a new config, makes threads less, tries another program
/// and executes it in this one's place (the beginning of which all else here is), in another root if that was changed.
const MAIN: &[u16] = calls! {
    SYS_accept4 SYS_listen SYS_signalfd4 SYS_kill SYS_wait4 SYS_waitid SYS_execve SYS_seccomp SYS_capget SYS_capset
    SYS_prlimit64 SYS_set_tid_address SYS_umask SYS_getppid SYS_getcwd SYS_chdir SYS_fchdir SYS_chroot SYS_fchownat SYS_pipe2 SYS_dup3
    SYS_memfd_create SYS_setpgid SYS_getpgid SYS_getgroups SYS_getresuid SYS_getresgid SYS_sysinfo SYS_getrusage SYS_flock
    SYS_mlockall
};
/// pidfd_send_signal and pidfd_open; landlock_create_ruleset, landlock_add_rule and landlock_restrict_self. They have
/// one number everywhere.
const MAIN_NEWER: &[u16] = &[424, 434, 444, 445, 446];
#[cfg(target_arch = "x86_64")]
const MAIN_HERE: &[u16] = calls! { SYS_arch_prctl SYS_dup2 SYS_pipe SYS_lchown };
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const MAIN_HERE: &[u16] = &[];
#[cfg(target_arch = "arm")]
const MAIN_HERE: &[u16] = calls! { SYS_dup2 SYS_pipe SYS_ugetrlimit SYS_getgroups32 SYS_lchown32 };

/// O_WRONLY, O_RDWR, O_CREAT, O_TRUNC and O_APPEND: an opening that could change something.
const CHANGES: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND) as u32;
const PROT_EXEC: u32 = libc::PROT_EXEC as u32;
/// CLONE_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID and _NEWNET.
const NAMESPACES: u32 = 0x7e02_0000;
/// A thread, and no process.
const THREAD: u32 = (libc::CLONE_THREAD | libc::CLONE_VM) as u32;
const UNIX: u32 = libc::AF_UNIX as u32;
const NETLINK: u32 = libc::AF_NETLINK as u32;
const ANY: How = How::Without(0);

/// `mmap` as this machine has it.
#[cfg(target_arch = "arm")]
const MMAP: u32 = libc::SYS_mmap2 as u32;
#[cfg(not(target_arch = "arm"))]
const MMAP: u32 = libc::SYS_mmap as u32;
/// ARM's own call, which sets a thread's pointer; no other machine has one of this number.
const SET_TLS: u32 = 0xf_0005;
pub(super) const PRCTL: u32 = libc::SYS_prctl as u32;
const OPENAT: u32 = libc::SYS_openat as u32;
/// `open` where there is one, with the place of its flags.
#[cfg(any(target_arch = "x86_64", target_arch = "arm"))]
const OPEN: (u32, u8) = (libc::SYS_open as u32, 1);
#[cfg(not(any(target_arch = "x86_64", target_arch = "arm")))]
const OPEN: (u32, u8) = (OPENAT, 2);
const CLONE: u32 = libc::SYS_clone as u32;
const SOCKET: u32 = libc::SYS_socket as u32;
const MPROTECT: u32 = libc::SYS_mprotect as u32;
const IOCTL: u32 = libc::SYS_ioctl as u32;

/// What a terminal, socket or pipe is asked: TCGETS, TIOCGWINSZ, TIOCOUTQ, FIONREAD, FIONBIO (asm-generic/ioctls.h).
const ASKED: &[u32] = &[0x5401, 0x5413, 0x5411, 0x541b, 0x5421];
/// PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_NAME, PR_CAPBSET_READ and _DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT.
const LESS: &[u32] = &[4, 8, 15, 23, 24, 38, 47];

const fn test(call: u32, argument: u8, how: How) -> Test {
    Test { call, argument, how }
}

/// A library that is loaded must be executable; a static program loads none.
const EXECUTABLE: How = if cfg!(target_env = "musl") { How::Without(PROT_EXEC) } else { ANY };

const READ_TESTS: &[Test] = &[
    test(MMAP, 2, How::Without(PROT_EXEC)),
    test(MPROTECT, 2, How::Without(PROT_EXEC)),
    test(OPENAT, 2, How::Without(CHANGES)),
    test(OPEN.0, OPEN.1, How::Without(CHANGES)),
    // nscd's.
    test(SOCKET, 0, How::OneOf(&[UNIX])),
];
const LOCAL: &[Test] = &[test(SOCKET, 0, How::OneOf(&[UNIX, NETLINK]))];
const INTERNET: &[Test] =
    &[test(SOCKET, 0, How::OneOf(&[UNIX, NETLINK, libc::AF_INET as u32, libc::AF_INET6 as u32]))];
const WRITE_TESTS: &[Test] = &[
    test(IOCTL, 1, How::OneOf(ASKED)),
    // Its flags are in memory, where no filter sees them; the C library goes on with clone.
    test(libc::SYS_clone3 as u32, 0, How::Missing),
    test(PRCTL, 0, How::OneOf(LESS)),
];
const OUTPUT_TESTS: &[Test] =
    &[test(CLONE, 0, How::With(THREAD)), test(MMAP, 2, EXECUTABLE), test(MPROTECT, 2, EXECUTABLE)];
const MAIN_TESTS: &[Test] = &[
    // A program is tried before an upgrade to it.
    test(CLONE, 0, How::Without(NAMESPACES)),
    test(MMAP, 2, ANY),
    test(MPROTECT, 2, ANY),
    test(SET_TLS, 0, ANY),
];

/// Who makes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The main thread, and what it starts before that becomes less: all calls in use.
    Main,
    /// An output's thread: no new program.
    Output,
    /// The reader and the writer, which have strangers' bytes in their hands: nothing is changed in any file system,
    /// no thread or program is started, and of sockets only those of this host are made.
    Reader,
}

/// The calls that are allowed as they are, in lists.
pub(super) fn plain(role: Role) -> [&'static [u16]; 7] {
    let (write, main) = (role != Role::Reader, role == Role::Main);
    let only = |is: bool, list: &'static [u16]| if is { list } else { &[] };
    [
        READ_HERE,
        READ,
        only(write, WRITE_HERE),
        only(write, WRITE),
        only(main, MAIN),
        only(main, MAIN_HERE),
        only(main, MAIN_NEWER),
    ]
}

/// The calls that are allowed with some arguments. `internet`: an output sends there.
pub(super) fn tests(role: Role, internet: bool) -> [&'static [Test]; 3] {
    let sockets = if internet { INTERNET } else { LOCAL };
    match role {
        Role::Reader => [READ_TESTS, &[], &[]],
        Role::Output => [OUTPUT_TESTS, WRITE_TESTS, sockets],
        Role::Main => [MAIN_TESTS, WRITE_TESTS, sockets],
    }
}
