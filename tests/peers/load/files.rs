//! Calls on files: every kind of name, through paths and descriptors.

use super::World;
use super::call::sys;
use super::odd::{c, odd, odd_or_empty};
use libc::{AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use std::ffi::CString;

/// The longest path, with its NUL (PATH_MAX).
const PATH_MAX: usize = 4096;

/// A file that is there, with an odd name, and its descriptor.
fn made(world: &mut World) -> (CString, i64) {
    let name = c([b"f".to_vec(), odd(&mut world.chance)].concat().into_iter().take(255).collect::<Vec<u8>>());
    let fd = sys!(SYS_openat, AT_FDCWD, &name, O_RDWR | O_CREAT | O_TRUNC, 0o644).unwrap();
    (name, fd)
}

fn gone(name: &CString, fd: i64) {
    let _ = sys!(SYS_close, fd);
    let _ = sys!(SYS_unlink, name);
}

pub(crate) fn open(world: &mut World) {
    for _ in 0..4 {
        let name = c(odd_or_empty(&mut world.chance));
        let flags =
            *world.chance.pick(&[O_RDONLY, O_WRONLY, O_RDWR | libc::O_CLOEXEC, O_DIRECTORY, libc::O_PATH]);
        if let Ok(fd) = sys!(SYS_openat, AT_FDCWD, &name, flags, 0) {
            let _ = sys!(SYS_close, fd);
        }
    }
    let (name, fd) = made(world);
    gone(&name, fd);
    let _ = sys!(SYS_open, c"/nonexistent/ringaudit", O_RDONLY, 0);
    let made = sys!(SYS_creat, c"created", 0o600).unwrap();
    gone(&c("created"), made);
    // struct open_how: flags, mode, resolve.
    let how: Vec<u8> =
        [u64::try_from(O_RDONLY).unwrap(), 0, 8].into_iter().flat_map(u64::to_ne_bytes).collect();
    let _ = sys!(SYS_openat2, AT_FDCWD, c"/etc/passwd", &how[..], how.len());
    let root = sys!(SYS_openat, AT_FDCWD, c"/etc", O_DIRECTORY | O_RDONLY, 0).unwrap();
    if let Ok(fd) = sys!(SYS_openat, root, c"hostname", O_RDONLY, 0) {
        let _ = sys!(SYS_close, fd);
    }
    let _ = sys!(SYS_close, root);
}

/// Paths up to the limit and past it, plain ones and such as are written in hex.
pub(crate) fn long_paths(world: &mut World) {
    let (name, fd) = made(world);
    let rest = name.as_bytes();
    for len in [PATH_MAX - 1, PATH_MAX - 2, PATH_MAX, 4000] {
        let mut path = b"./".repeat(len / 2);
        path.truncate(len - rest.len() - usize::from((len - rest.len()) % 2 == 1));
        path.extend(rest);
        if let Ok(fd) = sys!(SYS_openat, AT_FDCWD, &c(path), O_RDONLY, 0) {
            let _ = sys!(SYS_close, fd);
        }
    }
    gone(&name, fd);
    for byte in [b"x", b"\xfc", b" ", b"%"] {
        let component = [b"/".to_vec(), byte.repeat(200)].concat();
        let _ = sys!(SYS_openat, AT_FDCWD, &c(component.repeat(20)), O_RDONLY, 0);
    }
}

pub(crate) fn names(world: &mut World) {
    let (name, fd) = made(world);
    let other =
        c([b"o".to_vec(), odd(&mut world.chance)].concat().into_iter().take(255).collect::<Vec<u8>>());
    let third = c(format!("third{}", world.chance.below(1000)));
    let _ = sys!(SYS_rename, &name, &other);
    let _ = sys!(SYS_renameat, AT_FDCWD, &other, AT_FDCWD, &name);
    let _ = sys!(SYS_link, &name, &third);
    let _ = sys!(SYS_renameat2, AT_FDCWD, &name, AT_FDCWD, &third, libc::RENAME_EXCHANGE);
    let _ = sys!(SYS_renameat2, AT_FDCWD, &name, AT_FDCWD, &third, libc::RENAME_NOREPLACE);
    let _ = sys!(SYS_rename, c"/nonexistent/a", &third);
    let _ = sys!(SYS_linkat, AT_FDCWD, &name, AT_FDCWD, &other, 0);
    let _ = sys!(SYS_unlink, &third);
    let _ = sys!(SYS_unlinkat, AT_FDCWD, &other, 0);
    let _ = sys!(SYS_symlink, &c(odd(&mut world.chance)), &third);
    let _ = sys!(SYS_readlink, &third, &mut [0; 512][..], 512);
    let _ = sys!(SYS_symlinkat, &name, AT_FDCWD, &other);
    let _ = sys!(SYS_openat, AT_FDCWD, &other, O_RDONLY | libc::O_NOFOLLOW, 0);
    let _ = sys!(SYS_unlink, &other);
    gone(&third, fd);
    let _ = sys!(SYS_unlink, &name);
    let _ = sys!(SYS_unlink, &name);
}

pub(crate) fn folders(world: &mut World) {
    let name = c([b"d".to_vec(), odd(&mut world.chance)].concat().into_iter().take(255).collect::<Vec<u8>>());
    let _ = sys!(SYS_mkdir, &name, 0o755);
    let _ = sys!(SYS_mkdirat, AT_FDCWD, &name, 0o700);
    let home = sys!(SYS_openat, AT_FDCWD, c".", O_DIRECTORY | O_RDONLY, 0).unwrap();
    // The event's CWD is the odd name now.
    let _ = sys!(SYS_chdir, &name);
    let _ = sys!(SYS_mknod, c"fifo", libc::S_IFIFO | 0o600, 0);
    let _ = sys!(SYS_mknodat, AT_FDCWD, c"device", libc::S_IFCHR | 0o600, 0x103);
    let _ = sys!(SYS_openat, AT_FDCWD, c"../nothing", O_RDONLY, 0);
    let _ = sys!(SYS_unlink, c"fifo");
    let _ = sys!(SYS_unlink, c"device");
    let _ = sys!(SYS_fchdir, home);
    let _ = sys!(SYS_close, home);
    let _ = sys!(SYS_rmdir, &name);
    let _ = sys!(SYS_rmdir, &name);
}

pub(crate) fn modes(world: &mut World) {
    let (name, fd) = made(world);
    let mode = *world.chance.pick(&[0o600, 0o4755, 0o2711, 0o1777, 0o7777, 0, 0o644]);
    let _ = sys!(SYS_chmod, &name, mode);
    let _ = sys!(SYS_fchmod, fd, mode);
    let _ = sys!(SYS_fchmodat, AT_FDCWD, &name, mode);
    let _ = sys!(SYS_fchmodat2, AT_FDCWD, &name, mode, libc::AT_SYMLINK_NOFOLLOW);
    let _ = sys!(SYS_chmod, c"/nonexistent/x", 0o777);
    gone(&name, fd);
}

pub(crate) fn owners(world: &mut World) {
    let (name, fd) = made(world);
    let owner = *world.chance.pick(&[0, 1, 33, 65534, 61235, -1]);
    let group = *world.chance.pick(&[0, 1, 33, 61235, -1]);
    let _ = sys!(SYS_chown, &name, owner, group);
    let _ = sys!(SYS_fchown, fd, group, owner);
    let _ = sys!(SYS_lchown, &name, owner, -1);
    let _ = sys!(SYS_fchownat, AT_FDCWD, &name, 0, group, libc::AT_SYMLINK_NOFOLLOW);
    let _ = sys!(SYS_fchownat, fd, c"", owner, 0, libc::AT_EMPTY_PATH);
    gone(&name, fd);
}

pub(crate) fn contents(world: &mut World) {
    let (name, fd) = made(world);
    let _ = sys!(SYS_truncate, &name, world.chance.below(100_000));
    let _ = sys!(SYS_ftruncate, fd, world.chance.below(100_000));
    let _ = sys!(SYS_truncate, &name, -1);
    let times = [0u8; 32];
    let _ = sys!(SYS_utimensat, AT_FDCWD, &name, &times[..], 0);
    let _ = sys!(SYS_utimensat, AT_FDCWD, &name, 0, libc::AT_SYMLINK_NOFOLLOW);
    let _ = sys!(SYS_fallocate, fd, 0, 0, 4096);
    gone(&name, fd);
}

pub(crate) fn attributes(world: &mut World) {
    let (name, fd) = made(world);
    let value = world.chance.bytes(20);
    let key = c([b"user.".to_vec(), odd(&mut world.chance)].concat());
    let _ = sys!(SYS_setxattr, &name, &key, &value[..], value.len(), 0);
    let _ = sys!(SYS_fsetxattr, fd, c"user.plain", &value[..], value.len(), 0);
    let _ = sys!(SYS_lsetxattr, &name, c"trusted.x", &value[..], value.len(), libc::XATTR_CREATE);
    let _ = sys!(SYS_removexattr, &name, c"user.plain");
    let _ = sys!(SYS_fremovexattr, fd, c"user.nothing");
    // A file capability: v2, cap_net_bind_service, permitted and effective. The PATH records then show it.
    let capability: Vec<u8> =
        [0x0200_0001u32, 1 << 10, 0, 0, 0].into_iter().flat_map(u32::to_le_bytes).collect();
    let _ = sys!(SYS_setxattr, &name, c"security.capability", &capability[..], capability.len(), 0);
    let _ = sys!(SYS_chmod, &name, 0o755);
    gone(&name, fd);
}

pub(crate) fn memory(world: &mut World) {
    let file = sys!(SYS_openat, AT_FDCWD, c"/proc/self/exe", O_RDONLY, 0).unwrap();
    for protection in [libc::PROT_READ | libc::PROT_EXEC, libc::PROT_EXEC] {
        if let Ok(at) = sys!(SYS_mmap, 0, 4096, protection, libc::MAP_PRIVATE, file, 0) {
            let _ = sys!(SYS_mprotect, at, 4096, libc::PROT_READ);
            let _ = sys!(SYS_munmap, at, 4096);
        }
    }
    let _ = sys!(SYS_mmap, 0, 4096, libc::PROT_EXEC, libc::MAP_PRIVATE, 99, 0);
    let _ = sys!(SYS_close, file);
    if let Ok(fd) = sys!(SYS_memfd_create, &c(odd(&mut world.chance)), libc::MFD_CLOEXEC) {
        let _ = sys!(SYS_close, fd);
    }
    let mut pair = [0u8; 8];
    let _ = sys!(SYS_pipe2, &mut pair[..], libc::O_CLOEXEC);
    for fd in pair.as_chunks::<4>().0 {
        let _ = sys!(SYS_close, i32::from_ne_bytes(*fd));
    }
    let _ = sys!(SYS_pipe, &mut pair[..]);
    for fd in pair.as_chunks::<4>().0 {
        let _ = sys!(SYS_close, i32::from_ne_bytes(*fd));
    }
}
