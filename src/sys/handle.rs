//! Files and folders held by a descriptor, so that what is read of them belongs to one and the same object
//! whatever happens to their names meanwhile. Source: openat(2), open_by_handle_at(2), statx(2), readlinkat(2).

use super::{cerr, retry};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// FILEID_INO32_GEN, include/linux/exportfs.h: a file handle of 32-bit inode and generation.
const FILEID_INO32_GEN: libc::c_int = 1;
/// The whole of `struct statx`, linux/stat.h.
const STATX_BYTES: usize = 256;
/// STATX_BASIC_STATS and STATX_BTIME.
const STATX_WANTED: libc::c_uint = 0x7ff | 0x800;
/// STATX_BTIME: the birth time is known.
const STATX_BTIME: u32 = 0x800;
/// AT_STATX_DONT_SYNC: never ask a server.
const AT_STATX_DONT_SYNC: libc::c_int = 0x4000;
/// Longest name of an own descriptor: `/proc/self/fd/` and ten digits.
const OWN_NAME: usize = 32;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Major and minor number of its file system.
    pub device: (u32, u32),
    /// Its inode.
    pub inode: u64,
    /// Type and permissions, as `st_mode`.
    pub mode: u16,
    /// Its names; 0 when it was removed.
    pub links: u32,
    /// When its inode was made, in milliseconds since 1970, rounded down; not every file system knows.
    pub birth: Option<i64>,
}

/// Opens a folder of /proc only to look below it.
///
/// Errors: ENOENT when it is gone.
pub fn folder(path: &CStr) -> io::Result<OwnedFd> {
    open(libc::AT_FDCWD, path, libc::O_PATH | libc::O_DIRECTORY)
}

/// Opens the folder on which a file system is mounted, for [`by_inode`]: older kernels want more than O_PATH.
///
/// Errors: ENOTDIR and those of open(2).
pub fn mount(path: &CStr) -> io::Result<OwnedFd> {
    open(libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NONBLOCK)
}

/// Opens what a path leads to, without opening the file itself.
///
/// Errors: ENOENT, EACCES.
pub fn at(path: &CStr) -> io::Result<OwnedFd> {
    open(libc::AT_FDCWD, path, libc::O_PATH)
}

/// Opens what a name below a folder leads to, without opening the file itself: nothing is started by it.
///
/// Errors: ENOENT, EACCES.
pub fn file(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    open(folder.as_raw_fd(), name, libc::O_PATH)
}

/// Opens a file by its inode, on the file system that `mount` lies on; the inode's generation is not looked at
/// (0), which ext4 and f2fs take.
///
/// Errors: ESTALE when there is none, or the file system has other handles; EPERM without CAP_DAC_READ_SEARCH.
pub fn by_inode(mount: BorrowedFd<'_>, inode: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Handle {
        bytes: libc::c_uint,
        kind: libc::c_int,
        inode: u32,
        generation: u32,
    }
    let mut handle = Handle { bytes: 8, kind: FILEID_INO32_GEN, inode, generation: 0 };
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    let at = &raw mut handle;
    // SAFETY: reads a file_handle of eight bytes of data, which is what the live structure holds, from the start
    // of it; the kernel checks the rest.
    let raw =
        unsafe { libc::syscall(libc::SYS_open_by_handle_at, mount.as_raw_fd(), at.cast::<u8>(), flags) };
    let raw = libc::c_int::try_from(cerr(raw)?).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    // SAFETY: the descriptor was just returned and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

fn open(folder: libc::c_int, name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the name is a live C string; the flags create nothing, so no mode is read.
    let raw = retry(|| cerr(unsafe { libc::openat(folder, name.as_ptr(), flags | libc::O_CLOEXEC) }))?;
    // SAFETY: the descriptor was just returned by openat() and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Reads a file below a folder from its start, as much of it as `space` holds.
///
/// Errors: those of open(2) and read(2), ESRCH for a process that has gone.
pub fn read<'s>(folder: BorrowedFd<'_>, name: &CStr, space: &'s mut [u8]) -> io::Result<&'s [u8]> {
    let file = open(folder.as_raw_fd(), name, libc::O_RDONLY | libc::O_NONBLOCK)?;
    let mut used = 0;
    while let Some(rest) = space.get_mut(used..).filter(|rest| !rest.is_empty()) {
        let (at, len) = (rest.as_mut_ptr().cast(), rest.len());
        // SAFETY: writes at most `len` bytes into the live buffer `rest`.
        let got = retry(|| cerr(unsafe { libc::read(file.as_raw_fd(), at, len) }))?;
        match usize::try_from(got) {
            Ok(count) if count > 0 => used += count,
            _ => break,
        }
    }
    Ok(space.get(..used).unwrap_or_default())
}

/// What a symbolic link below a folder says; at most as long as `space`, and as long only when it was cut.
///
/// Errors: those of readlinkat(2).
pub fn link<'s>(folder: BorrowedFd<'_>, name: &CStr, space: &'s mut [u8]) -> io::Result<&'s [u8]> {
    read_link(folder.as_raw_fd(), name, space)
}

/// The path of what a descriptor holds, as this process sees it now. ` (deleted)` stands behind a removed
/// one's, and one that the kernel can't name is `/`.
///
/// Errors: those of readlink(2), where /proc is not mounted.
pub fn path_of<'s>(held: BorrowedFd<'_>, space: &'s mut [u8]) -> io::Result<&'s [u8]> {
    let mut name = [0; OWN_NAME];
    let written =
        io::Write::write_fmt(&mut &mut name[..], format_args!("/proc/self/fd/{}", held.as_raw_fd()));
    written?;
    let name = CStr::from_bytes_until_nul(&name).map_err(io::Error::other)?;
    read_link(libc::AT_FDCWD, name, space)
}

fn read_link<'s>(folder: libc::c_int, name: &CStr, space: &'s mut [u8]) -> io::Result<&'s [u8]> {
    let (at, len) = (space.as_mut_ptr().cast(), space.len());
    // SAFETY: the name is a live C string, and at most `len` bytes are written into the live buffer.
    let got = cerr(unsafe { libc::readlinkat(folder, name.as_ptr(), at, len) })?;
    Ok(space.get(..usize::try_from(got).unwrap_or(0)).unwrap_or_default())
}

/// What a descriptor holds. No server is asked, so a file system that does not answer holds nobody up.
///
/// Errors: those of statx(2); ENOSYS before Linux 4.11.
pub fn identity(held: BorrowedFd<'_>) -> io::Result<Identity> {
    let mut stat = [0u8; STATX_BYTES];
    let flags = libc::AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    let (raw, at) = (held.as_raw_fd(), stat.as_mut_ptr());
    // SAFETY: an empty name with AT_EMPTY_PATH asks for the descriptor itself; the kernel writes one
    // `struct statx`, which is as long as the live buffer and has no invalid values.
    let done = unsafe { libc::syscall(libc::SYS_statx, raw, c"".as_ptr(), flags, STATX_WANTED, at) };
    cerr(done)?;
    Ok(decode(&stat))
}

/// The members of `struct statx` by their offsets, linux/stat.h.
fn decode(stat: &[u8; STATX_BYTES]) -> Identity {
    let word = |at: usize| {
        stat.get(at..).and_then(|s| s.first_chunk::<4>()).map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    };
    let long = |at: usize| {
        stat.get(at..).and_then(|s| s.first_chunk::<8>()).map_or(0, |bytes| u64::from_ne_bytes(*bytes))
    };
    let mode = stat.get(28..).and_then(|s| s.first_chunk::<2>()).map_or(0, |b| u16::from_ne_bytes(*b));
    let birth = long(80).cast_signed().checked_mul(1000);
    let birth = birth.and_then(|seconds| seconds.checked_add(i64::from(word(88) / 1_000_000)));
    Identity {
        device: (word(136), word(140)),
        inode: long(32),
        mode,
        links: word(16),
        birth: birth.filter(|_| word(0) & STATX_BTIME != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::os::fd::AsFd;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn c(path: &std::path::Path) -> CString {
        CString::new(path.to_str().unwrap()).unwrap()
    }

    #[test]
    fn what_a_descriptor_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        let held = folder(&c(dir.path())).unwrap();
        let mut space = [0; 4];
        assert_eq!(read(held.as_fd(), c"a", &mut space).unwrap(), b"0123");
        let mut space = [0; 4096];
        assert_eq!(read(held.as_fd(), c"a", &mut space).unwrap(), b"0123456789");
        symlink("elsewhere", dir.path().join("b")).unwrap();
        assert_eq!(link(held.as_fd(), c"b", &mut space).unwrap(), b"elsewhere");
        assert_eq!(read(held.as_fd(), c"c", &mut space).unwrap_err().kind(), io::ErrorKind::NotFound);

        let file = file(held.as_fd(), c"a").unwrap();
        let (found, known) = (identity(file.as_fd()).unwrap(), std::fs::metadata(&path).unwrap());
        assert_eq!((found.inode, u32::from(found.mode), found.links), (known.ino(), known.mode(), 1));
        let device = libc::makedev(found.device.0, found.device.1);
        assert_eq!(device, known.dev());
        if let Ok(birth) = known.created() {
            let since = birth.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
            assert_eq!(found.birth, Some(i64::try_from(since).unwrap()));
        }
        let other = dir.path().join("other");
        std::fs::rename(&path, &other).unwrap();
        assert_eq!(path_of(file.as_fd(), &mut space).unwrap(), other.to_str().unwrap().as_bytes());
        std::fs::remove_file(&other).unwrap();
        let gone = format!("{} (deleted)", other.display());
        assert_eq!(path_of(file.as_fd(), &mut space).unwrap(), gone.as_bytes());
        assert_eq!(identity(file.as_fd()).unwrap().links, 0);
    }
}
