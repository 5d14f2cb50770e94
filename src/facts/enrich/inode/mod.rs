//! A path for PATH records that have none: those of calls on descriptors. First the descriptor in /proc is
//! looked at, then the inode is opened on its file system; what is found counts only if it is the record's file
//! and was there before the event. It is a path of that file at the time of the look. DESIGN.md says why.

mod mounts;

use super::proc::{Name, Proc};
use crate::event::facts::Facts;
use crate::event::{Event, Record};
use crate::sys::handle::{self, Identity};
use crate::sys::host;
use crate::wire::fields::{self, Value};
use crate::wire::record::RecordType;
use mounts::Mounts;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Records of one event that are looked up.
pub(super) const MAX_PATHS: usize = 4;
/// The longest path that is given (PATH_MAX); a longer one is not.
const PATH_MAX: usize = 4096;
/// S_IFMT and S_IFDIR, inode(7).
const FILE_TYPE: u16 = 0o170_000;
const DIRECTORY: u16 = 0o040_000;
/// What the kernel puts behind the path of a removed file (fs/d_path.c). A file that is really called so is
/// not found.
const DELETED: &[u8] = b" (deleted)";
/// Clock ticks by which an event's time can be behind its file's birth: its own, and one that a busy machine has
/// not counted yet.
const TICKS: i64 = 2;
/// The highest number that a descriptor can have (sysctl fs.nr_open's own limit).
const MAX_FD: u64 = i32::MAX as u64;

/// How a path was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The process still held the file: the path is the one that it has for the process, from the root of its
    /// mount namespace.
    Fd,
    /// By its inode, on the file system as it is mounted for this daemon.
    Handle,
}

/// A path that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathFound<'a> {
    /// From the root.
    pub path: &'a [u8],
    /// How.
    pub how: How,
    /// The file was made within two clock ticks of the event, or its file system does not say when: it may be
    /// another one that was given the number of a file removed since.
    pub unsure: bool,
}

/// The lookups, with their space.
pub(super) struct Inodes {
    mounts: Mounts,
    space: Vec<u8>,
    found: heapless::Vec<Found, MAX_PATHS>,
    /// How exact the clocks are, in milliseconds.
    tick: i64,
}

struct Found {
    record: usize,
    end: usize,
    how: How,
    unsure: bool,
}

/// What a record names: its file system and inode, and when it was reported.
#[derive(Clone, Copy)]
struct Target {
    device: (u32, u32),
    inode: u64,
    at: i64,
    tick: i64,
}

impl Inodes {
    /// With their space.
    ///
    /// Errors: no memory.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            mounts: Mounts::new(),
            space: Vec::with_capacity((MAX_PATHS + 1) * PATH_MAX),
            found: heapless::Vec::new(),
            tick: TICKS * host::tick(),
        })
    }

    /// Forgets what was found.
    pub(super) fn clear(&mut self) {
        self.space.clear();
        self.found.clear();
    }

    /// The path found for the event's record of this number, from 0.
    pub(super) fn get(&self, record: usize) -> Option<PathFound<'_>> {
        let at = self.found.iter().position(|found| found.record == record)?;
        let start =
            at.checked_sub(1).and_then(|before| self.found.get(before)).map_or(0, |before| before.end);
        let found = self.found.get(at)?;
        Some(PathFound { path: self.space.get(start..found.end)?, how: found.how, unsure: found.unsure })
    }

    /// Looks for the paths of an event's nameless records.
    pub(super) fn look(&mut self, event: &Event<'_>, facts: &Facts<'_>, proc: &Proc) {
        self.clear();
        let mut process: Option<Option<OwnedFd>> = None;
        let mut looks = 0;
        for (index, record) in event.records.enumerate() {
            if record.kind != RecordType::PATH {
                continue;
            }
            let Some(target) = target(&record, event.stamp.millis, self.tick) else { continue };
            if looks == MAX_PATHS {
                break;
            }
            looks += 1;
            if looks == 1 {
                self.mounts.refresh();
            }
            if !self.mounts.is_local(target.device) {
                continue;
            }
            let held = process.get_or_insert_with(|| facts.pid.and_then(|pid| proc.hold(pid))).as_ref();
            let by_fd = held.and_then(|held| self.by_fd(held.as_fd(), facts, target));
            let found = match by_fd {
                Some(unsure) => Some((How::Fd, unsure)),
                None => self.by_inode(target).map(|unsure| (How::Handle, unsure)),
            };
            if let Some((how, unsure)) = found {
                let _ = self.found.push(Found { record: index, end: self.space.len(), how, unsure });
            }
        }
    }

    /// Through the process's descriptors; gives whether it is unsure.
    fn by_fd(&mut self, process: BorrowedFd<'_>, facts: &Facts<'_>, target: Target) -> Option<bool> {
        descriptors(facts).find_map(|fd| {
            let file = handle::file(process, Name::of_fd(fd).get()).ok()?;
            let identity = target.identity_of(file.as_fd())?;
            let unsure = target.is_unsure(identity)?;
            self.push_path(file.as_fd(), identity).then_some(unsure)
        })
    }

    /// By its inode; gives whether it is unsure.
    fn by_inode(&mut self, target: Target) -> Option<bool> {
        let inode = u32::try_from(target.inode).ok()?;
        let mount = handle::mount(self.mounts.point(target.device)?).ok()?;
        let file = handle::by_inode(mount.as_fd(), inode).ok()?;
        // Something else can be mounted above; then this is another file system's file.
        let identity = target.identity_of(file.as_fd())?;
        // The generation was not compared, so the birth must be known.
        identity.birth?;
        let unsure = target.is_unsure(identity)?;
        self.push_path(file.as_fd(), identity).then_some(unsure)
    }

    /// Appends the file's path; false when the kernel has none, or it was removed.
    fn push_path(&mut self, file: BorrowedFd<'_>, identity: Identity) -> bool {
        let before = self.space.len();
        self.space.resize(before + PATH_MAX, 0);
        let space = self.space.get_mut(before..).unwrap_or_default();
        let path = handle::path_of(file, space).unwrap_or_default();
        let is_directory = identity.mode & FILE_TYPE == DIRECTORY;
        // One that fills the space was cut. `/` alone is also what a file without a known name has.
        let good = path.starts_with(b"/")
            && path.len() < PATH_MAX
            && (path.len() > 1 || is_directory)
            && !path.ends_with(DELETED);
        let len = if good { path.len() } else { 0 };
        self.space.truncate(before + len);
        good
    }
}

impl Target {
    /// What the descriptor holds, if it is this file and still has a name.
    fn identity_of(self, file: BorrowedFd<'_>) -> Option<Identity> {
        let found = handle::identity(file).ok()?;
        (found.device == self.device && found.inode == self.inode && found.links > 0).then_some(found)
    }

    /// `None` for a file that was made after the event. The event happened in the clock tick that began at its
    /// time, and a file's birth can be the tick's beginning or a moment in it (multigrain timestamps, Linux 6.13):
    /// of a birth so near nobody can tell which was first.
    fn is_unsure(self, identity: Identity) -> Option<bool> {
        match identity.birth {
            Some(birth) if birth > self.at.saturating_add(self.tick) => None,
            Some(birth) => Some(birth >= self.at),
            None => Some(true),
        }
    }
}

/// The file that a record names by its inode alone.
fn target(record: &Record<'_>, at: u64, tick: i64) -> Option<Target> {
    let (mut device, mut inode) = (None, None);
    for (key, value) in fields::items(record.fields).fields() {
        match (key, value) {
            (b"name", Value::Bare(b"(null)")) | (b"item", _) => {}
            (b"name", _) => return None,
            (b"inode", Value::Bare(digits)) => inode = fields::decimal(digits),
            (b"dev", Value::Bare(text)) => {
                device = device_of(text);
                break;
            }
            _ => {}
        }
    }
    Some(Target {
        device: device?,
        inode: inode.filter(|&inode| inode != 0)?,
        at: i64::try_from(at).ok()?,
        tick,
    })
}

/// `MAJOR:MINOR` in hexadecimal, as in a record.
fn device_of(text: &[u8]) -> Option<(u32, u32)> {
    let colon = text.iter().position(|&b| b == b':')?;
    let number = |text| u32::try_from(Value::Bare(text).hexadecimal()?).ok();
    Some((number(text.get(..colon)?)?, number(text.get(colon + 1..)?)?))
}

/// The descriptors among a call's arguments: the first of nearly all that have one. A wrong guess costs a look
/// and finds nothing, since the file must be the record's.
fn descriptors(facts: &Facts<'_>) -> impl Iterator<Item = u32> {
    let places: &[usize] = match facts.syscall_name() {
        Some("renameat" | "renameat2" | "linkat" | "move_mount") => &[0, 2],
        Some("symlinkat") => &[1],
        _ => &[0],
    };
    let args = facts.args;
    places.iter().filter_map(move |&place| {
        let fd = args.get(place).copied().flatten().filter(|&fd| fd <= MAX_FD)?;
        u32::try_from(fd).ok()
    })
}

#[cfg(test)]
mod tests;
