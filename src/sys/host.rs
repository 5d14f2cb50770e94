//! Facts about this process and this host. Source: uname(2), capabilities(7), clock_gettime(2).

use super::cerr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// CAP_AUDIT_CONTROL, capabilities(7).
const CAP_AUDIT_CONTROL: u32 = 30;
/// _LINUX_CAPABILITY_VERSION_3, linux/capability.h.
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// The machine's name as `uname -m` prints it, such as `x86_64` or `armv7l`; empty when unknown.
pub fn machine() -> String {
    uname().map(|names| text(&names.machine)).unwrap_or_default()
}

/// The host's name as `uname -n` prints it; empty when unknown.
pub fn node() -> String {
    uname().map(|names| text(&names.nodename)).unwrap_or_default()
}

/// The kernel's release as `uname -r` prints it; empty when unknown.
pub fn release() -> String {
    uname().map(|names| text(&names.release)).unwrap_or_default()
}

fn uname() -> io::Result<libc::utsname> {
    // SAFETY: utsname is character arrays; all zeros is a valid value of it.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live structure.
    cerr(unsafe { libc::uname(&raw mut names) })?;
    Ok(names)
}

fn text(field: &[libc::c_char]) -> String {
    field.iter().take_while(|&&c| c != 0).map(|&c| char::from(c.cast_unsigned_byte())).collect()
}

/// `c_char` is signed on x86 and unsigned on ARM; a byte is a byte.
trait CharByte {
    fn cast_unsigned_byte(self) -> u8;
}
impl CharByte for i8 {
    fn cast_unsigned_byte(self) -> u8 {
        self.cast_unsigned()
    }
}
impl CharByte for u8 {
    fn cast_unsigned_byte(self) -> u8 {
        self
    }
}

/// Puts the calling thread behind all others that want to run (setpriority(2), nice 19).
pub fn lower_priority() {
    // SAFETY: takes three integers. Who 0 is the calling thread on Linux. A refusal changes nothing.
    let _ = cerr(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) });
}

/// The bytes that are free on a file's file system for everybody (fstatvfs(3)).
///
/// Errors: those of fstatvfs.
pub fn free_bytes(file: BorrowedFd<'_>) -> io::Result<u64> {
    // SAFETY: statvfs is integers; all zeros is a valid value of it.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, the pointer is to a live structure.
    cerr(unsafe { libc::fstatvfs(file.as_raw_fd(), &raw mut found) })?;
    #[allow(clippy::useless_conversion, reason = "the fields are of 32 bits where longs are")]
    Ok(u64::from(found.f_bavail).saturating_mul(u64::from(found.f_frsize)))
}

/// Whether the root is a file system in memory, as in an initramfs (statfs(2); linux/magic.h).
#[cfg(feature = "sandbox")]
pub fn is_root_in_memory() -> bool {
    const RAMFS: libc::c_ulong = 0x8584_58f6;
    const TMPFS: libc::c_ulong = 0x0102_1994;
    // SAFETY: statfs is integers; all zeros is a valid value of it.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a C string, the pointer is to a live structure.
    let asked = cerr(unsafe { libc::statfs(c"/".as_ptr(), &raw mut found) });
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "signed on some targets")]
    let kind = found.f_type as libc::c_ulong & 0xffff_ffff;
    asked.is_ok() && (kind == RAMFS || kind == TMPFS)
}

/// Whether something is mounted on this process's root, as after switch_root(8), which moves the real root onto the
/// initramfs': then only processes that were there before see this root, and `/..` leads to the other one
/// (path_resolution(7) has `..` stay at the root, where mounts on it are then crossed).
pub fn is_root_left() -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |path: &str| std::fs::metadata(path).map(|about| (about.dev(), about.ino())).ok();
    place("/") != place("/..")
}

/// Whether CAP_AUDIT_CONTROL is in force; false too when the kernel would not say.
pub fn has_audit_control() -> bool {
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
    let mut header = Header { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 reads one header and writes two data structures; both are live.
    let asked = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    cerr(asked).is_ok() && data[0].effective & (1 << CAP_AUDIT_CONTROL) != 0
}

/// CPU time used by this whole process so far, in nanoseconds (CLOCK_PROCESS_CPUTIME_ID).
pub fn cpu_time_ns() -> io::Result<u64> {
    // SAFETY: timespec is integers; all zeros is a valid value of it.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live structure.
    cerr(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) })?;
    #[allow(clippy::unnecessary_cast)] // time_t and long are 32 bits wide on some targets
    Ok((time.tv_sec as i64).unsigned_abs() * 1_000_000_000 + (time.tv_nsec as i64).unsigned_abs())
}

/// The clock since 1970 and the clock since the machine's boot, in milliseconds (CLOCK_REALTIME, CLOCK_BOOTTIME).
pub fn clocks() -> io::Result<(i64, i64)> {
    Ok((clock(libc::CLOCK_REALTIME)?, clock(libc::CLOCK_BOOTTIME)?))
}

/// The clock that is never set, in microseconds since some time before this boot's first program (CLOCK_MONOTONIC): it
/// stands still while the machine sleeps. journald's `__MONOTONIC_TIMESTAMP` and systemd's `MONOTONIC_USEC` are of it.
pub fn monotonic_us() -> io::Result<u64> {
    // SAFETY: timespec is integers; all zeros is a valid value of it.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live structure.
    cerr(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) })?;
    #[allow(clippy::unnecessary_cast)] // time_t and long are 32 bits wide on some targets
    Ok((time.tv_sec as i64).unsigned_abs() * 1_000_000 + (time.tv_nsec as i64).unsigned_abs() / 1000)
}

/// The kernel's clock tick in milliseconds, rounded up: how far CLOCK_REALTIME_COARSE lags (1 to 10); 10 if it would
/// not say.
pub fn tick() -> i64 {
    // SAFETY: timespec is integers; all zeros is a valid value of it.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live structure.
    match cerr(unsafe { libc::clock_getres(libc::CLOCK_REALTIME_COARSE, &raw mut time) }) {
        #[allow(clippy::unnecessary_cast)] // long is 32 bits wide on some targets
        Ok(_) => (time.tv_nsec as i64).saturating_add(999_999) / 1_000_000,
        Err(_) => 10,
    }
}

fn clock(id: libc::clockid_t) -> io::Result<i64> {
    // SAFETY: timespec is integers; all zeros is a valid value of it.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live structure.
    cerr(unsafe { libc::clock_gettime(id, &raw mut time) })?;
    #[allow(clippy::unnecessary_cast)] // time_t and long are 32 bits wide on some targets
    Ok((time.tv_sec as i64).saturating_mul(1000).saturating_add(time.tv_nsec as i64 / 1_000_000))
}
