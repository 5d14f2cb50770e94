//! Paths for records that name a file by its inode alone: a thousand calls on descriptors by a process of its own,
//! with the files renamed, removed and their inodes given again at once. Found and right in nearly all, and in
//! none wrong.

use crate::context::whole_lines;
use crate::daemon::{Daemon, parse, quiet};
use crate::machine::{Machine, wait};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The folder in which the process works.
const VARIABLE: &str = "RINGAUDIT_TEST_INODE";
const FILES: usize = 1000;
const RULE: &str = "-a always,exit -F arch=b64 -S fchmod,fchown -k inode -F exe=";

/// What becomes of a file directly after its call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Renamed,
    /// And another one made, which is often given its inode.
    Removed,
}

fn fate(number: usize) -> Fate {
    match number % 10 {
        3 => Fate::Renamed,
        7 => Fate::Removed,
        _ => Fate::Stays,
    }
}

fn path_of(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("d {}", number % 7)).join(format!("file-{number}"))
}

/// The process itself; among the tests, a look that its calls succeed.
#[test]
fn process() {
    let own = tempfile::tempdir().unwrap();
    let given = std::env::var_os(VARIABLE).map(PathBuf::from);
    let count = if given.is_some() { FILES } else { 20 };
    let dir = given.unwrap_or_else(|| {
        make_files(own.path(), count);
        own.path().to_owned()
    });
    let mut open = Vec::new();
    for number in 0..count {
        let path = path_of(&dir, number);
        let file = File::open(&path).unwrap();
        if number % 2 == 0 {
            file.set_permissions(Permissions::from_mode(0o750)).unwrap();
        } else {
            fchown(&file, Some(0), Some(0)).unwrap();
        }
        // Most are closed at once, so that nothing is left but the inode.
        if number % 5 == 0 {
            open.push(file);
        } else {
            drop(file);
        }
        match fate(number) {
            Fate::Stays => {}
            Fate::Renamed => fs::rename(&path, path.with_extension("renamed")).unwrap(),
            Fate::Removed => {
                fs::remove_file(&path).unwrap();
                fs::write(path.with_extension("next"), "x").unwrap();
            }
        }
    }
    std::thread::sleep(Duration::from_millis(if count == FILES { 300 } else { 0 }));
}

fn make_files(dir: &Path, count: usize) {
    for number in 0..count {
        let path = path_of(dir, number);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Some are folders.
        if number % 20 == 4 { fs::create_dir(path).unwrap() } else { fs::write(path, "x").unwrap() }
    }
}

/// The nameless PATH records among the lines.
fn nameless(lines: &[Value]) -> Vec<&Value> {
    let records = lines.iter().filter(|line| line["SYSCALL"]["key"] == "inode");
    let records = records.flat_map(|line| line["PATH"].as_array().into_iter().flatten());
    records.filter(|record| record["name"].is_null()).collect()
}

#[test]
fn a_thousand_calls_on_descriptors() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dir = dir.path().canonicalize().unwrap();
    make_files(&dir, FILES);
    let inodes: BTreeMap<u64, usize> =
        (0..FILES).map(|number| (fs::metadata(path_of(&dir, number)).unwrap().ino(), number)).collect();
    let out = tempfile::tempdir().unwrap();
    let json = out.path().join("json");
    let config = format!(
        "[[output]]\ntype = \"file\"\nformat = \"json\"\npath = '{}'\n\
         [rules]\nat_exit = \"remove\"\nlines = ['{RULE}{}']\n",
        json.display(),
        machine.flood.path().display()
    );
    let mut daemon = Daemon::start(&mut machine, &config);
    // The files are older than any call on them.
    std::thread::sleep(Duration::from_millis(50));
    let mut command = Command::new(machine.flood.path());
    command.args(["--exact", "inode::process"]).env(VARIABLE, &dir).stdout(Stdio::null());
    assert!(command.status().unwrap().success());
    wait("the events", || nameless(&whole_lines(&json)).len() >= FILES);
    assert_eq!(daemon.stop(), quiet());

    let lines = parse(&fs::read(&json).unwrap());
    let records = nameless(&lines);
    assert_eq!(records.len(), FILES);
    let (mut right, mut removed, mut how) = (0, 0, BTreeMap::<&str, usize>::new());
    for record in records {
        let number = inodes[&record["inode"].as_u64().unwrap()];
        let found = &record["NAME_FOUND"];
        let expected = match fate(number) {
            Fate::Removed => {
                removed += 1;
                assert!(found.is_null() || found["unsure"] == true, "{number} was removed: {record}");
                continue;
            }
            Fate::Renamed => path_of(&dir, number).with_extension("renamed"),
            Fate::Stays => path_of(&dir, number),
        };
        if !found.is_null() {
            // A look between the call and the renaming is right too.
            let names = [Some(expected.as_path()), Some(&path_of(&dir, number))];
            assert!(names.contains(&found["path"].as_str().map(Path::new)), "{number}: {record}");
            assert_eq!(found["unsure"], Value::Null, "{number}: {record}");
            *how.entry(found["how"].as_str().unwrap()).or_default() += 1;
            right += 1;
        }
    }
    assert_eq!(removed, FILES / 10);
    let known = FILES - removed;
    assert!(right * 100 >= known * 95, "{right} of {known} were found: {how:?}");
    assert!(how.values().all(|&count| count > 50) && how.len() == 2, "both ways: {how:?}");
    println!("{right} of {known} paths found, none wrong: {how:?}");
}
