//! Landlock: what this thread may read, write and connect to, by files and ports. Source: landlock(7),
//! linux/landlock.h. A right that a kernel does not know is not asked for.

use super::{cerr, handle};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The calls have one number on every machine (asm-generic/unistd.h, and x86's and ARM's tables).
const CREATE_RULESET: libc::c_long = 444;
const ADD_RULE: libc::c_long = 445;
const RESTRICT_SELF: libc::c_long = 446;
/// LANDLOCK_CREATE_RULESET_VERSION
const VERSION: libc::c_uint = 1;
/// LANDLOCK_RULE_PATH_BENEATH and LANDLOCK_RULE_NET_PORT
const PATH_BENEATH: libc::c_uint = 1;
const NET_PORT: libc::c_uint = 2;
/// LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF: what is refused makes no audit record, which would come back to us.
const NO_LOG: libc::c_uint = 1;

const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SOCK: u64 = 1 << 9;
/// All rights of the first version: up to MAKE_SYM.
const FIRST: u64 = (1 << 13) - 1;
/// REFER of version 2, TRUNCATE of version 3, IOCTL_DEV of version 5.
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// BIND_TCP and CONNECT_TCP of version 4.
const BIND_TCP: u64 = 1;
const CONNECT_TCP: u64 = 1 << 1;

/// struct landlock_ruleset_attr, of version 4.
#[repr(C)]
struct Handled {
    files: u64,
    ports: u64,
}

/// struct landlock_path_beneath_attr
#[repr(C, packed)]
struct Beneath {
    rights: u64,
    parent: i32,
}

/// struct landlock_net_port_attr
#[repr(C)]
struct Port {
    rights: u64,
    port: u64,
}

/// The version of this kernel's Landlock; 0 is none.
pub fn version() -> u32 {
    let none = std::ptr::null::<Handled>();
    // SAFETY: with this flag the kernel reads nothing.
    let version = unsafe { libc::syscall(CREATE_RULESET, none, 0usize, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// What is allowed; all else is not, once it is in force.
pub struct Fence {
    fd: OwnedFd,
    version: u32,
    files: u64,
}

impl Fence {
    /// Allows nothing yet.
    ///
    /// Errors: ENOSYS, EOPNOTSUPP where the kernel has no Landlock.
    pub fn new() -> io::Result<Self> {
        let version = version();
        let files = FIRST
            | if version >= 2 { REFER } else { 0 }
            | if version >= 3 { TRUNCATE } else { 0 }
            | if version >= 5 { IOCTL_DEV } else { 0 };
        let handled = Handled { files, ports: BIND_TCP | CONNECT_TCP };
        // An older kernel's structure is shorter.
        let size = if version >= 4 { size_of::<Handled>() } else { size_of::<u64>() };
        // SAFETY: the kernel reads `size` bytes of the live structure.
        let raw = cerr(unsafe { libc::syscall(CREATE_RULESET, &raw const handled, size, 0u32) })?;
        let raw = libc::c_int::try_from(raw).map_err(|_| io::ErrorKind::InvalidData)?;
        // SAFETY: the descriptor was just returned and nobody else owns it; it is close-on-exec.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(raw) }, version, files })
    }

    /// Whether ports are limited.
    pub fn has_ports(&self) -> bool {
        self.version >= 4
    }

    /// Everything below this can be read. What is not there is passed over.
    ///
    /// Errors: those of the kernel.
    pub fn read(&self, path: &Path) -> io::Result<()> {
        self.path(path, READ_FILE | READ_DIR)
    }

    /// Files and sockets can be made, written, renamed and removed below this folder; or this file can be written.
    ///
    /// Errors: those of the kernel.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        self.path(path, READ_FILE | READ_DIR | WRITE_FILE | MAKE_REG | MAKE_SOCK | REMOVE_FILE | TRUNCATE)
    }

    fn path(&self, path: &Path, rights: u64) -> io::Result<()> {
        let name = CString::new(path.as_os_str().as_bytes())?;
        let Ok(held) = handle::at(&name) else { return Ok(()) };
        // Only a folder can have the rights of one.
        let rights = if path.is_dir() { rights } else { rights & (WRITE_FILE | READ_FILE | TRUNCATE) };
        let rule = Beneath { rights: rights & self.files, parent: held.as_raw_fd() };
        match self.add(PATH_BENEATH, (&raw const rule).cast()) {
            // A pipe or a socket, which Landlock leaves alone.
            Err(error) if error.raw_os_error() == Some(libc::EBADFD) => Ok(()),
            other => other,
        }
    }

    /// TCP connections to this port are allowed, where the kernel limits them.
    ///
    /// Errors: those of the kernel.
    pub fn connect(&self, port: u16) -> io::Result<()> {
        let rule = Port { rights: CONNECT_TCP, port: port.into() };
        if self.has_ports() { self.add(NET_PORT, (&raw const rule).cast()) } else { Ok(()) }
    }

    fn add(&self, kind: libc::c_uint, rule: *const u8) -> io::Result<()> {
        // SAFETY: both callers give a live structure of the kind that they name, as long as the kernel reads it.
        cerr(unsafe { libc::syscall(ADD_RULE, self.fd.as_raw_fd(), kind, rule, 0u32) }).map(|_| ())
    }

    /// Puts it into force for this thread, and for the threads and programs that it starts from then on, for good.
    ///
    /// Errors: EPERM without no_new_privs and CAP_SYS_ADMIN; E2BIG at the seventeenth one.
    pub fn enter(&self) -> io::Result<()> {
        let flags = if self.version >= 7 { NO_LOG } else { 0 };
        // SAFETY: takes two integers.
        cerr(unsafe { libc::syscall(RESTRICT_SELF, self.fd.as_raw_fd(), flags) }).map(|_| ())
    }
}
