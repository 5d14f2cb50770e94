//! The file systems mounted here: which of them can be asked without waiting for a server, and where those are
//! mounted whose files can be opened by inode. Source: /proc/self/mountinfo, proc_pid_mountinfo(5).

use crate::sys::poll::{Wait, poll};
use crate::wire::fields::decimal;
use std::ffi::CStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::time::Duration;

/// File systems that are known at a time; further ones are not asked.
const MOUNTS: usize = 64;
/// Bytes of mount points that are kept.
const NAMES: usize = 4096;
/// The longest line that is read; an overlay's can be longer, and is then not known.
const LINE: usize = 4096;

/// File systems that answer from this machine's memory and disks. Not here: those of a server or of a program
/// (nfs, cifs, 9p, fuse), which may never answer.
const LOCAL: [&[u8]; 24] = [
    b"ext4",
    b"ext3",
    b"ext2",
    b"xfs",
    b"btrfs",
    b"f2fs",
    b"tmpfs",
    b"ramfs",
    b"rootfs",
    b"overlay",
    b"squashfs",
    b"erofs",
    b"vfat",
    b"exfat",
    b"msdos",
    b"ntfs3",
    b"bcachefs",
    b"zfs",
    b"ubifs",
    b"jffs2",
    b"iso9660",
    b"udf",
    b"devtmpfs",
    b"hugetlbfs",
];
/// Those whose file handle is an inode and a generation of which 0 is any.
const BY_INODE: [&[u8]; 4] = [b"ext4", b"ext3", b"ext2", b"f2fs"];

/// A file system.
#[derive(Clone, Copy, Debug)]
struct Mount {
    device: (u32, u32),
    /// Its mount point's place among the names, where the whole of it is mounted and it can be opened by inode.
    point: Option<(u16, u16)>,
}

/// What is mounted.
pub(super) struct Mounts {
    file: Option<File>,
    line: Vec<u8>,
    mounts: heapless::Vec<Mount, MOUNTS>,
    names: Vec<u8>,
    read: bool,
}

impl Mounts {
    /// Those of this process; nothing is known where /proc is not mounted.
    pub(super) fn new() -> Self {
        Self {
            file: File::open("/proc/self/mountinfo").ok(),
            line: Vec::with_capacity(LINE),
            mounts: heapless::Vec::new(),
            names: Vec::with_capacity(NAMES),
            read: false,
        }
    }

    /// Reads them again if they changed.
    pub(super) fn refresh(&mut self) {
        let Some(file) = &self.file else { return };
        let mut wait = [Wait::urgent(file.as_fd())];
        let changed = poll(&mut wait, Some(Duration::ZERO)).is_ok_and(|ready| ready > 0);
        if changed || !self.read {
            self.load();
        }
    }

    fn load(&mut self) {
        self.mounts.clear();
        self.names.clear();
        self.line.clear();
        self.read = true;
        let Some(mut file) = self.file.take() else { return };
        if file.rewind().is_ok() {
            let mut space = [0; 2048];
            let mut whole = true;
            while let Ok(count @ 1..) = file.read(&mut space) {
                for &byte in space.get(..count).unwrap_or_default() {
                    if byte != b'\n' {
                        whole &= self.line.len() < LINE;
                        if whole {
                            self.line.push(byte);
                        }
                        continue;
                    }
                    let line = std::mem::take(&mut self.line);
                    if whole {
                        self.note(&line);
                    }
                    self.line = line;
                    self.line.clear();
                    whole = true;
                }
            }
        }
        self.file = Some(file);
    }

    /// `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE OPTIONS`
    fn note(&mut self, line: &[u8]) {
        let mut fields = line.split(|&b| b == b' ');
        let (device, root, point) = (fields.nth(2), fields.next(), fields.next());
        let kind = fields.skip_while(|field| *field != b"-").nth(1);
        let (Some(device), Some(root), Some(point), Some(kind)) =
            (device.and_then(device_of), root, point, kind)
        else {
            return;
        };
        if !LOCAL.contains(&kind) {
            return;
        }
        let whole = root == b"/" && BY_INODE.contains(&kind);
        let known = self.mounts.iter().position(|mount| mount.device == device);
        if known.and_then(|at| self.mounts.get(at)).is_some_and(|mount| mount.point.is_some() || !whole) {
            return;
        }
        let point = if whole { self.keep(point) } else { None };
        match known.and_then(|at| self.mounts.get_mut(at)) {
            Some(mount) => mount.point = point,
            None => {
                let _ = self.mounts.push(Mount { device, point });
            }
        }
    }

    /// Keeps a mount point as a C string. Blanks and the like stand there as `\040`.
    fn keep(&mut self, point: &[u8]) -> Option<(u16, u16)> {
        let start = self.names.len();
        if start + point.len() + 1 > NAMES {
            return None;
        }
        let mut rest = point;
        while let Some((&byte, after)) = rest.split_first() {
            match (byte, after) {
                (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                    self.names.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                    rest = after;
                }
                _ => {
                    self.names.push(byte);
                    rest = after;
                }
            }
        }
        self.names.push(0);
        Some((u16::try_from(start).ok()?, u16::try_from(self.names.len()).ok()?))
    }

    /// Whether this file system answers without waiting.
    pub(super) fn is_local(&self, device: (u32, u32)) -> bool {
        self.mounts.iter().any(|mount| mount.device == device)
    }

    /// Where it is mounted as a whole, if its files can be opened by inode.
    pub(super) fn point(&self, device: (u32, u32)) -> Option<&CStr> {
        let mount = self.mounts.iter().find(|mount| mount.device == device)?;
        let (start, end) = mount.point?;
        CStr::from_bytes_with_nul(self.names.get(usize::from(start)..usize::from(end))?).ok()
    }
}

/// `MAJOR:MINOR` in decimal.
fn device_of(text: &[u8]) -> Option<(u32, u32)> {
    let colon = text.iter().position(|&b| b == b':')?;
    let number = |text: Option<&[u8]>| u32::try_from(decimal(text?)?).ok();
    Some((number(text.get(..colon))?, number(text.get(colon + 1..))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo() {
        let mut mounts = Mounts { file: None, ..Mounts::new() };
        for line in [
            "22 27 0:21 / /proc rw,relatime - proc proc rw",
            "40 27 8:1 /sub /srv/bind rw shared:1 master:2 - ext4 /dev/sda1 rw",
            "27 1 8:1 / /mnt/a\\040b\\134 rw - ext4 /dev/sda1 rw,discard",
            "41 27 8:1 / /mnt/again rw - ext4 /dev/sda1 rw",
            "42 27 0:50 / /srv/nfs rw - nfs4 server:/ rw",
            "43 27 0:51 / /run rw - tmpfs tmpfs rw",
            "44 27 8:2 / /xfs rw - xfs /dev/sda2 rw",
            "45 27 0:52 / /home/u/f rw - fuse.sshfs x rw",
            "broken",
        ] {
            mounts.note(line.as_bytes());
        }
        assert_eq!(mounts.point((8, 1)), Some(c"/mnt/a b\\"));
        assert!([(8, 1), (0, 51), (8, 2)].into_iter().all(|device| mounts.is_local(device)));
        assert!(![(0, 21), (0, 50), (0, 52)].into_iter().any(|device| mounts.is_local(device)));
        assert_eq!((mounts.point((8, 2)), mounts.point((0, 51))), (None, None));
    }

    #[test]
    fn many_mounts_stay_in_their_space() {
        let mut mounts = Mounts { file: None, ..Mounts::new() };
        for n in 0..1000 {
            let line = format!("1 1 9:{n} / /{} rw - ext4 x rw", "m".repeat(n % 300));
            mounts.note(line.as_bytes());
        }
        assert_eq!((mounts.mounts.len(), mounts.names.capacity()), (MOUNTS, NAMES));
    }

    /// The root's file system as stat(2) tells it, and again after a look that finds no change.
    #[test]
    fn this_machines_mounts() {
        use std::os::unix::fs::MetadataExt;
        let mut mounts = Mounts::new();
        mounts.refresh();
        let count = mounts.mounts.len();
        let lines = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let root = lines.lines().rev().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
        let device = device_of(root.split(' ').nth(2).unwrap().as_bytes()).unwrap();
        let known = std::fs::metadata("/").unwrap().dev();
        if libc::makedev(device.0, device.1) == known {
            assert!(mounts.is_local(device));
        }
        mounts.refresh();
        assert_eq!(mounts.mounts.len(), count);
    }
}
