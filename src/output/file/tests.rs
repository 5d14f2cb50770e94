//! One file without its thread: batches in, files out. The threads, and faults under load, are in tests/.

use super::*;
use crate::config::LowSpace;
use crate::wire::record::Stamp;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn batch(lines: &[&str]) -> Batch {
    let mut batch = Batch::new(1 << 20).unwrap();
    for line in lines {
        let stamp = Stamp { millis: 1, serial: 1 };
        batch.room(line.len(), stamp).unwrap().copy_from_slice(line.as_bytes());
    }
    batch
}

struct Case {
    file: File,
    path: PathBuf,
    dir: tempfile::TempDir,
}

impl Case {
    fn new(change: impl FnOnce(&mut FileTarget)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut target = FileTarget { path: path.clone(), mode: 0o640, ..FileTarget::default() };
        change(&mut target);
        let mut file = File::new(&target, Arc::default()).unwrap();
        file.open().unwrap();
        Self { file, path, dir }
    }

    fn write(&mut self, lines: &[&str]) {
        let mut batch = batch(lines);
        self.file.write(&mut batch).unwrap();
        assert!(batch.is_empty());
        assert_eq!(batch.settle(), (lines.len() as u64, 0));
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_else(|_| "(none)".to_owned())
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn lines_are_appended_with_the_mode_and_a_torn_one_is_closed() {
    let mut case = Case::new(|target| fs::write(&target.path, "whole\ntorn").unwrap());
    case.write(&["next\n"]);
    assert_eq!(case.text("log"), "whole\ntorn\nnext\n");
    assert_eq!(fs::metadata(&case.path).unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
fn the_path_that_is_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let opened = |path: &Path| {
        let target = FileTarget { path: path.to_owned(), ..FileTarget::default() };
        File::new(&target, Arc::default()).unwrap().open().unwrap_err()
    };
    let missing = dir.path().join("no/log");
    let expected = format!(
        "failed to open \"{}\": the directory \"{}\" does not exist; make it first",
        missing.display(),
        dir.path().join("no").display()
    );
    assert_eq!(opened(&missing), Fault::Wrong(expected));
    let Fault::Wrong(error) = opened(dir.path()) else { panic!("a mistake") };
    assert!(error.ends_with("it is a directory; name a file in it"), "{error}");
}

#[test]
fn a_file_is_rotated_by_size_between_events_and_so_many_are_kept() {
    let mut case = Case::new(|target| (target.rotate_kib, target.keep) = (64, 2));
    let line = |number: u32| format!("{number:0>9999}\n");
    for number in 0..20 {
        case.write(&[&line(number)]);
    }
    assert_eq!(case.names(), ["log", "log.1", "log.2"]);
    assert_eq!(case.text("log"), [18, 19].map(line).concat());
    assert_eq!(case.text("log.1"), [12, 13, 14, 15, 16, 17].map(line).concat());
    // A batch over two files, and an event that is longer than a file.
    let lines: Vec<String> = (20..26).map(line).collect();
    case.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(case.text("log.1"), (18..24).map(line).collect::<String>());
    assert_eq!(case.text("log"), (24..26).map(line).collect::<String>());
    let long = "x".repeat(100_000) + "\n";
    case.write(&[&long]);
    case.write(&["y\n"]);
    assert_eq!((case.text("log.1"), case.text("log")), (long, "y\n".to_owned()));
    assert_eq!(case.file.stats.opened.get(), 6);
}

#[test]
fn an_event_without_a_line_begins_no_file() {
    let mut case = Case::new(|_| {});
    case.write(&["one\n"]);
    case.write(&[""]);
    assert_eq!(case.names(), ["log"]);
}

#[test]
fn all_files_together_keep_below_their_cap() {
    let mut case = Case::new(|target| (target.rotate_kib, target.keep, target.keep_mib) = (256, 100, 1));
    let line = "x".repeat(9999) + "\n";
    for _ in 0..500 {
        case.write(&[&line]);
        let sum: u64 = fs::read_dir(&case.dir).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
        assert!(sum <= 1 << 20, "{sum}: {:?}", case.names());
    }
    assert_eq!(case.names(), ["log", "log.1", "log.2", "log.3"]);
}

#[test]
fn a_file_is_rotated_by_its_age_unless_it_is_empty() {
    let mut case = Case::new(|target| target.rotate_s = 1);
    std::thread::sleep(Duration::from_millis(1100));
    case.write(&["one\n"]);
    assert_eq!(case.names(), ["log"], "an empty file is not worth it");
    std::thread::sleep(Duration::from_millis(1100));
    case.write(&["two\n"]);
    assert_eq!((case.text("log.1"), case.text("log")), ("one\n".to_owned(), "two\n".to_owned()));
}

#[cfg(feature = "compress")]
#[test]
fn older_files_are_compressed_and_none_is_lost() {
    let mut case = Case::new(|target| (target.rotate_kib, target.keep, target.compress) = (64, 50, true));
    let line = |number: u32| format!("{number:0>999}\n");
    for number in 0..1500 {
        case.write(&[&line(number)]);
    }
    let start = Instant::now();
    while case.names().iter().any(|name| name != "log" && !name.ends_with(".gz")) {
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", case.names());
        // What a thread just missed the next rotation finds.
        pack::start(&case.file.older, &case.file.access);
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut all = String::new();
    for number in (1..case.names().len()).rev() {
        let path = case.dir.path().join(format!("log.{number}.gz"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        let output = std::process::Command::new("gzip").arg("-dc").arg(path).output().unwrap();
        assert!(output.status.success());
        all += std::str::from_utf8(&output.stdout).unwrap();
    }
    assert!(case.names().len() > 20);
    assert!(all + &case.text("log") == (0..1500).map(line).collect::<String>());
}

#[cfg(feature = "compress")]
#[test]
fn what_was_compressed_before_a_reload_takes_its_own_place_after_a_rotation_by_the_successor() {
    let mut case = Case::new(|target| fs::write(&target.path, "").unwrap());
    case.write(&["one\n"]);
    case.file.rotate();
    assert!(case.file.older.next_to_pack().is_some(), "as a thread that compresses it");
    let mut heir = File::new(&FileTarget { keep: 9, ..case.file.target.clone() }, Arc::default()).unwrap();
    heir.open().unwrap();
    heir.write(&mut batch(&["two\n"])).unwrap();
    heir.rotate();
    let half = case.dir.path().join("log.gz.tmp");
    fs::write(&half, "one, packed").unwrap();
    case.file.older.replace(&half).unwrap();
    assert_eq!(case.names(), ["log", "log.1", "log.2.gz"]);
    assert_eq!((case.text("log.1"), case.text("log.2.gz")), ("two\n".to_owned(), "one, packed".to_owned()));
}

#[test]
fn a_file_that_was_removed_replaced_or_moved_is_followed() {
    let mut case = Case::new(|_| {});
    case.write(&["one\n"]);
    fs::remove_file(&case.path).unwrap();
    case.write(&["two\n"]);
    assert_eq!(case.text("log"), "two\n", "at once");
    let moved = case.dir.path().join("moved");
    fs::rename(&case.path, &moved).unwrap();
    fs::write(&case.path, "").unwrap();
    std::thread::sleep(LOOK_EVERY);
    case.write(&["three\n"]);
    assert_eq!((case.text("log"), case.text("moved")), ("three\n".to_owned(), "two\n".to_owned()));
    fs::rename(&case.path, &moved).unwrap();
    std::thread::sleep(LOOK_EVERY);
    case.write(&["four\n"]);
    assert_eq!(case.names(), ["moved"], "whoever moved it may be about to make it");
    std::thread::sleep(LOOK_EVERY);
    case.write(&["five\n"]);
    assert_eq!((case.text("moved"), case.text("log")), ("three\nfour\n".to_owned(), "five\n".to_owned()));
}

#[test]
fn a_full_disk_is_a_failure_that_leaves_the_batch() {
    let target = FileTarget { path: PathBuf::from("/dev/full"), ..FileTarget::default() };
    let mut file = File::new(&target, Arc::default()).unwrap();
    file.open().unwrap();
    let mut batch = batch(&["one\n", "two\n"]);
    let fault = file.write(&mut batch).unwrap_err();
    assert_eq!(
        fault,
        Fault::Failed("failed to write to \"/dev/full\": No space left on device (os error 28)".into())
    );
    assert_eq!((batch.len(), batch.settle()), (2, (0, 0)));
}

#[test]
fn a_torn_line_goes_on_in_its_file_and_begins_anew_in_another() {
    for is_same in [true, false] {
        let mut case = Case::new(|_| {});
        let mut batch = batch(&["whole\n", "torn\n"]);
        // As a write that broke off would leave it.
        fs::write(&case.path, "whole\nto").unwrap();
        batch.advance(8);
        let metadata = fs::metadata(&case.path).unwrap();
        case.file.torn = Some((Identity::of(&metadata), metadata.len()));
        if !is_same {
            fs::write(&case.path, "other\nto").unwrap();
            fs::OpenOptions::new().append(true).open(&case.path).unwrap().write_all(b"o").unwrap();
        }
        case.file.open().unwrap();
        case.file.write(&mut batch).unwrap();
        let expected = if is_same { "whole\ntorn\n" } else { "other\ntoo\ntorn\n" };
        assert_eq!((case.text("log").as_str(), batch.settle()), (expected, (2, 0)));
    }
}

#[test]
fn what_may_not_be_on_the_disk_is_written_again_from_the_start_of_its_event() {
    let mut case = Case::new(|target| {
        // A regular file that takes what is written, and has no fsync (EINVAL).
        (target.path, target.mode, target.fsync) = ("/proc/thread-self/comm".into(), 0o644, Fsync::Each);
    });
    let mut batch = batch(&["begun\n", "whole\n"]);
    batch.advance(2);
    let fault = case.file.write(&mut batch).unwrap_err();
    let expected = "failed to fsync \"/proc/thread-self/comm\": Invalid argument (os error 22)";
    assert_eq!((fault, batch.len()), (Fault::Failed(expected.to_owned()), 2));
    assert_eq!(fs::read_to_string("/proc/thread-self/comm").unwrap(), "gun\nwhole\n\n", "it was written");
    case.file.target.path = case.dir.path().join("log");
    case.file.open().unwrap();
    case.file.write(&mut batch).unwrap();
    assert_eq!((case.text("log").as_str(), batch.settle()), ("begun\nwhole\n", (2, 0)));
}

#[test]
fn too_little_free_space() {
    let none = 1 << 20;
    let mut case = Case::new(|target| (target.min_free_mib, target.low_space) = (none, LowSpace::Stop));
    let mut one = batch(&["one\n"]);
    let fault = case.file.write(&mut one).unwrap_err();
    let path = case.path.display();
    assert_eq!(fault, Fault::Failed(format!("less than {none} MiB are free for \"{path}\"")));
    // A signal opens the file anew, and changes nothing.
    assert_eq!(case.file.reopen(), Ok(true));
    assert!(case.file.write(&mut one).is_err());
    for (action, names) in [
        (LowSpace::Warn, &["log", "log.1", "log.2"][..]),
        (LowSpace::Delete, &["log"]),
        (LowSpace::Rotate, &["log", "log.1", "log.2"]),
    ] {
        let mut case = Case::new(|target| {
            (target.min_free_mib, target.low_space, target.keep) = (none, action, 2);
            for suffix in ["", ".1", ".2"] {
                fs::write(target.path.with_file_name(format!("log{suffix}")), format!("{suffix}\n")).unwrap();
            }
        });
        case.write(&["one\n"]);
        assert_eq!(case.names(), names, "{action:?}");
        let rotated = action == LowSpace::Rotate;
        assert_eq!(case.text("log") == "one\n", rotated, "{action:?}");
        assert_eq!(case.text("log.2") == ".1\n", rotated, "{action:?}");
    }
}

#[test]
fn a_rotation_by_low_space_leaves_those_by_size_alone() {
    let mut case = Case::new(|target| {
        (target.min_free_mib, target.low_space) = (1 << 20, LowSpace::Rotate);
        (target.rotate_kib, target.keep) = (64, 9);
        fs::write(&target.path, "old\n").unwrap();
    });
    let line = "x".repeat(39_999) + "\n";
    for _ in 0..3 {
        case.write(&[&line]);
        case.file.next_look = None;
    }
    assert!(case.text("log.3") == "old\n" && case.text("log") == line);
    assert_eq!(case.names(), ["log", "log.1", "log.2", "log.3"]);
}

#[test]
fn what_is_synced_and_when() {
    let mut case = Case::new(|target| target.fsync = Fsync::Every(5));
    case.write(&["one\n"]);
    assert!(case.file.due().is_some_and(|due| due <= Instant::now() + Duration::from_millis(5)));
    case.file.work().unwrap();
    assert_eq!(case.file.due(), None);
    let mut case = Case::new(|target| target.fsync = Fsync::Each);
    case.write(&["one\n", "two\n"]);
    assert_eq!((case.text("log").as_str(), case.file.due()), ("one\ntwo\n", None));
}
