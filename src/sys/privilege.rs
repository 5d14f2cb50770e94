//! What this process may do, made less: capabilities, user, limits, core dumps. All of it is meant for a process that
//! has one thread so far, since most of it is a thread's own. Source: capabilities(7), prctl(2), credentials(7),
//! setrlimit(2), mlock(2).

use super::cerr;
use std::io;

/// _LINUX_CAPABILITY_VERSION_3, linux/capability.h.
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
/// More than any kernel has: the kernel's word for the last is EINVAL for the next.
const CAPABILITIES: u32 = 64;

/// The resources, of one type for all C libraries.
#[allow(clippy::unnecessary_cast, reason = "musl's are signed")]
const CORE: u32 = libc::RLIMIT_CORE as u32;
#[allow(clippy::unnecessary_cast, reason = "musl's are signed")]
const NOFILE: u32 = libc::RLIMIT_NOFILE as u32;
#[allow(clippy::unnecessary_cast, reason = "musl's are signed")]
const MEMLOCK: u32 = libc::RLIMIT_MEMLOCK as u32;

/// Sets of capabilities, bit n for the capability of number n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    /// In force now.
    pub effective: u64,
    /// What can be put into force.
    pub permitted: u64,
    /// What a program that asks for it gets at its start.
    pub inheritable: u64,
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The capabilities of this thread.
///
/// Errors: none that is known.
pub fn capabilities() -> io::Result<Sets> {
    let mut header = Header { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 reads one header and writes two data structures; both are live.
    cerr(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    let [low, high] = data;
    let both = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Ok(Sets {
        effective: both(low.effective, high.effective),
        permitted: both(low.permitted, high.permitted),
        inheritable: both(low.inheritable, high.inheritable),
    })
}

/// Sets the capabilities of this thread.
///
/// Errors: EPERM for one that is not permitted.
pub fn set_capabilities(sets: Sets) -> io::Result<()> {
    let mut header = Header { version: CAPABILITY_VERSION_3, pid: 0 };
    let half = |shift: u32| Data {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: (sets.inheritable >> shift) as u32,
    };
    let data = [half(0), half(32)];
    // SAFETY: version 3 reads one header and two data structures; all are live.
    cerr(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) }).map(|_| ())
}

/// Takes all but these out of the bounding set, so that no program that is executed can get them.
///
/// Errors: EPERM without CAP_SETPCAP.
pub fn bound_capabilities(keep: u64) -> io::Result<()> {
    for number in 0..CAPABILITIES {
        if keep >> number & 1 == 1 || !matches!(prctl(libc::PR_CAPBSET_READ, number, 0), Ok(1)) {
            continue;
        }
        prctl(libc::PR_CAPBSET_DROP, number, 0)?;
    }
    Ok(())
}

/// Makes these, which must be permitted and inheritable, the ambient ones, which a program that is executed keeps
/// without being root.
///
/// Errors: EPERM for one that is not in both sets; EINVAL before Linux 4.3.
pub fn set_ambient(set: u64) -> io::Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u32, 0)?;
    for number in (0..CAPABILITIES).filter(|number| set >> number & 1 == 1) {
        prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as u32, number)?;
    }
    Ok(())
}

/// Becomes another user and group, for good, without supplementary groups; the permitted capabilities stay, the
/// effective ones are to be set again.
///
/// Errors: EPERM without CAP_SETUID and CAP_SETGID.
pub fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    // On ARM and i386 the calls of these names take 16 bits.
    #[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
    use libc::{SYS_setgroups as SETGROUPS, SYS_setresgid as SETRESGID, SYS_setresuid as SETRESUID};
    #[cfg(any(target_arch = "arm", target_arch = "x86"))]
    use libc::{SYS_setgroups32 as SETGROUPS, SYS_setresgid32 as SETRESGID, SYS_setresuid32 as SETRESUID};
    prctl(libc::PR_SET_KEEPCAPS, 1, 0)?;
    // The C library's functions would do it for all threads, of which there is one.
    // SAFETY: no groups are read where their number is 0.
    cerr(unsafe { libc::syscall(SETGROUPS, 0, std::ptr::null::<u32>()) })?;
    // SAFETY: takes three integers.
    cerr(unsafe { libc::syscall(SETRESGID, gid, gid, gid) })?;
    // SAFETY: takes three integers.
    cerr(unsafe { libc::syscall(SETRESUID, uid, uid, uid) })?;
    prctl(libc::PR_SET_KEEPCAPS, 0, 0).map(|_| ())
}

/// The effective user and group.
pub fn user() -> (u32, u32) {
    // SAFETY: takes nothing and can't fail.
    let uid = unsafe { libc::geteuid() };
    // SAFETY: as above.
    (uid, unsafe { libc::getegid() })
}

/// No program that is executed gets more than this process has (PR_SET_NO_NEW_PRIVS).
///
/// Errors: none that is known.
pub fn set_no_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).map(|_| ())
}

/// No core dump, and nobody without CAP_SYS_PTRACE may look into this process (PR_SET_DUMPABLE).
///
/// Errors: none that is known.
pub fn set_undumpable() -> io::Result<()> {
    lower_limit(CORE, 0)?;
    prctl(libc::PR_SET_DUMPABLE, 0, 0).map(|_| ())
}

/// At most so many open files and, unless it locks its memory, none of that locked.
///
/// Errors: none that is known.
pub fn set_limits(files: u64, locks: bool) -> io::Result<()> {
    lower_limit(NOFILE, files)?;
    if locks { Ok(()) } else { lower_limit(MEMLOCK, 0) }
}

/// Lowers a limit, the soft and the hard one; one that is lower stays.
fn lower_limit(what: u32, to: u64) -> io::Result<()> {
    let mut limit = [0u64; 2];
    let none = std::ptr::null::<u64>();
    // SAFETY: writes two numbers of 64 bits (struct rlimit64), which the live array is.
    cerr(unsafe { libc::syscall(libc::SYS_prlimit64, 0, what, none, limit.as_mut_ptr()) })?;
    let lower = limit.map(|now| now.min(to));
    // SAFETY: reads two numbers of 64 bits, which the live array is.
    let set =
        unsafe { libc::syscall(libc::SYS_prlimit64, 0, what, lower.as_ptr(), std::ptr::null_mut::<u64>()) };
    cerr(set).map(|_| ())
}

/// Keeps the memory of this process out of the swap: what is mapped now and later, as soon as it is touched.
///
/// Errors: EPERM, ENOMEM without CAP_IPC_LOCK; EINVAL before Linux 4.4.
pub fn lock_memory() -> io::Result<()> {
    let flags = libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT;
    // SAFETY: takes an integer.
    cerr(unsafe { libc::mlockall(flags) }).map(|_| ())
}

/// prctl(2) with two numbers.
pub(super) fn prctl(option: libc::c_int, one: u32, two: u32) -> io::Result<libc::c_int> {
    let (one, two, zero): (libc::c_ulong, libc::c_ulong, libc::c_ulong) = (one.into(), two.into(), 0);
    // SAFETY: every option that is used in this crate takes integers alone.
    cerr(unsafe { libc::prctl(option, one, two, zero, zero) })
}
