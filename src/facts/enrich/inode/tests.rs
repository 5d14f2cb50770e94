use super::*;
use crate::enrich::testing::replay;
use crate::sys::host;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder of this test's own, with its one file.
struct Place {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "a").unwrap();
        Self { folder, path }
    }

    fn metadata(&self) -> fs::Metadata {
        fs::metadata(&self.path).unwrap()
    }

    /// Whether files are opened by inode here: not by everybody, and not on every file system. tests/live insists.
    fn opens_by_inode(&self) -> bool {
        let dev = self.metadata().dev();
        let mut mounts = Mounts::new();
        mounts.refresh();
        let mount =
            mounts.point((libc::major(dev), libc::minor(dev))).and_then(|point| handle::mount(point).ok());
        mount.is_some_and(|mount| handle::by_inode(mount.as_fd(), 2).is_ok())
    }
}

/// What is found for a descriptor call of this process on a file, of this time.
fn look(metadata: &fs::Metadata, fd: i32, at: i64) -> Option<(String, How, bool)> {
    let dev = metadata.dev();
    let log = format!(
        "type=SYSCALL msg=audit({}.{:03}:3): arch=c000003e syscall=91 success=yes exit=0 a0={fd:x} pid={} exe=\"/x\"\n\
         type=PATH msg=audit({}.{:03}:3): item=0 name=(null) inode={} dev={:02x}:{:02x} nametype=NORMAL\n",
        at / 1000,
        at % 1000,
        std::process::id(),
        at / 1000,
        at % 1000,
        metadata.ino(),
        libc::major(dev),
        libc::minor(dev)
    );
    let mut inodes = Inodes::new().unwrap();
    let mut found = None;
    replay(&log, |event| {
        inodes.look(event, &Facts::of(event), &Proc::new());
        assert!(inodes.get(0).is_none(), "the first record is no PATH");
        found = inodes.get(1).map(|f| (String::from_utf8(f.path.to_vec()).unwrap(), f.how, f.unsure));
    });
    found
}

fn now() -> i64 {
    host::clocks().unwrap().0
}

fn after_a_tick() -> i64 {
    std::thread::sleep(std::time::Duration::from_millis(30));
    now()
}

fn is(path: &Path, how: How) -> Option<(String, How, bool)> {
    Some((path.to_str().unwrap().to_owned(), how, false))
}

#[test]
fn through_the_descriptor_that_the_process_holds() {
    let place = Place::new();
    let file = File::open(&place.path).unwrap();
    let (held, fd, at) = (place.metadata(), file.as_raw_fd(), after_a_tick());
    assert_eq!(look(&held, fd, at), is(&place.path, How::Fd));
    let renamed = place.folder.path().join("b c");
    fs::rename(&place.path, &renamed).unwrap();
    assert_eq!(look(&held, fd, at), is(&renamed, How::Fd), "as it is called now");
    fs::remove_file(&renamed).unwrap();
    fs::write(&renamed, "another one").unwrap();
    assert_eq!(look(&held, fd, at), None, "removed, and its name taken by another file");
}

#[test]
fn a_descriptor_of_another_file_is_not_believed() {
    let (place, other) = (Place::new(), Place::new());
    let file = File::open(&other.path).unwrap();
    let at = after_a_tick();
    let expected = if place.opens_by_inode() { is(&place.path, How::Handle) } else { None };
    assert_eq!(look(&place.metadata(), file.as_raw_fd(), at), expected);
    assert_eq!(look(&place.metadata(), -1, at), expected, "no descriptor at all");
    let folder = fs::metadata(place.folder.path()).unwrap();
    let expected = expected.and_then(|_| is(place.folder.path(), How::Handle));
    assert_eq!(look(&folder, 1_000_000, at), expected);
}

#[test]
fn a_removed_file_is_not_found_by_its_inode_nor_one_that_has_its_number_now() {
    let place = Place::new();
    let (metadata, at) = (place.metadata(), after_a_tick());
    fs::remove_file(&place.path).unwrap();
    assert_eq!(look(&metadata, -1, at), None);
    // ext4 gives the number to the next file.
    let after = after_a_tick();
    let next = place.folder.path().join("next");
    fs::write(&next, "b").unwrap();
    assert!(after > at);
    if fs::metadata(&next).unwrap().ino() == metadata.ino() {
        assert_eq!(look(&metadata, -1, at), None, "born after the event");
        let file = File::open(&next).unwrap();
        assert_eq!(look(&metadata, file.as_raw_fd(), at), None, "nor through a descriptor");
    }
}

#[test]
fn a_file_made_in_the_moment_of_the_event_is_marked() {
    let place = Place::new();
    let file = File::open(&place.path).unwrap();
    let birth = handle::identity(file.as_fd()).unwrap().birth;
    let Some(birth) = birth else { return };
    let unsure = |at| look(&place.metadata(), file.as_raw_fd(), at).map(|found| found.2);
    let tick = TICKS * host::tick();
    assert!((2..=20).contains(&tick));
    assert_eq!([birth - tick - 1, birth - tick, birth].map(unsure), [None, Some(true), Some(true)]);
    assert_eq!(unsure(birth + 1), Some(false));
}

#[test]
fn what_is_no_file_with_a_path_is_not_found() {
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let at = now();
    let socket = fs::metadata(format!("/proc/self/fd/{}", one.as_raw_fd())).unwrap();
    assert_eq!(look(&socket, one.as_raw_fd(), at), None);
}

#[test]
fn records_with_and_without_a_name() {
    let of = |fields: &str| {
        let record = Record::captured(RecordType::PATH, fields.as_bytes());
        target(&record, 1, 1).map(|t| (t.device, t.inode))
    };
    assert_eq!(of("item=0 name=(null) inode=12 dev=fe:0a mode=0100644 x=1"), Some(((0xfe, 10), 12)));
    assert_eq!(of("item=0 name=\"(null)\" inode=12 dev=fe:00"), None);
    assert_eq!(of("item=0 name=2F20 inode=12 dev=fe:00"), None);
    assert_eq!(of("item=0 name=(null) inode=0 dev=fe:00"), None);
    assert_eq!(of("item=0 name=(null) nametype=UNKNOWN"), None);
    assert_eq!(of("item=0 name=(null) inode=12 dev=fe"), None);
}

#[test]
fn descriptors_by_system_call() {
    let of = |syscall, args: [u64; 4]| {
        let facts = Facts {
            arch: Some(0xc000_003e),
            syscall: Some(syscall),
            args: args.map(Some),
            ..Facts::default()
        };
        descriptors(&facts).collect::<Vec<_>>()
    };
    let at = 0xffff_ffff_ffff_ff9c;
    assert_eq!(of(91, [3, 4, 5, 6]), [3]);
    assert_eq!(of(316, [3, 4, 5, 6]), [3, 5], "renameat2");
    assert_eq!(of(266, [3, 4, 5, 6]), [4], "symlinkat");
    assert!(of(91, [at, 4, 5, 6]).is_empty());
}
