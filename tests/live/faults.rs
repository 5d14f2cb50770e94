//! Outputs in trouble, each under load: a disk that is full, read-only, frozen; a file or a folder that is removed;
//! logrotate. The other output goes on, nothing is torn, what was lost is counted to the event, writing resumes.
//! Mounts and loop devices are in folders of their own. Needs e2fsprogs, util-linux and logrotate.

use crate::daemon::{Daemon, QUEUE, lines, losses, openings};
use crate::machine::{Machine, wait};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Events a second.
const RATE: u32 = 5000;

/// Runs a program that must succeed.
fn run(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file system of its own, gone with this value.
struct Mount {
    at: PathBuf,
    image: Option<PathBuf>,
}

impl Mount {
    /// In memory, of so many MiB.
    fn tmpfs(at: PathBuf, mib: u32) -> Self {
        fs::create_dir(&at).unwrap();
        run(&["mount", "-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs", text(&at)]);
        Self { at, image: None }
    }

    /// ext4 in a file.
    fn ext4(at: PathBuf, mib: u32) -> Self {
        fs::create_dir(&at).unwrap();
        let image = at.with_extension("image");
        File::create(&image).unwrap().set_len(u64::from(mib) << 20).unwrap();
        run(&["mkfs.ext4", "-q", "-F", text(&image)]);
        let mount = Self { at, image: Some(image) };
        mount.mount();
        mount
    }

    fn mount(&self) {
        let image = self.image.as_deref().unwrap();
        run(&["mount", "-o", "loop,errors=remount-ro", text(image), text(&self.at)]);
    }

    /// The loop device.
    fn device(&self) -> String {
        run(&["findmnt", "-n", "-o", "SOURCE", text(&self.at)]).trim().to_owned()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A test that failed may leave it frozen or in use.
        if self.image.is_some() {
            let _ = Command::new("fsfreeze").args(["-u", text(&self.at)]).stderr(Stdio::null()).status();
        }
        let _ = Command::new("umount").args(["-l", text(&self.at)]).status();
        // The test's folder, whose own end came too early: it can't be removed while something is mounted in it.
        if let Some(folder) = self.at.parent() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// What the daemon says at its end of one output.
#[derive(Debug)]
struct Totals {
    received: usize,
    written: usize,
    dropped: usize,
}

struct Faulty {
    daemon: Daemon,
    flood: Option<Child>,
}

impl Faulty {
    /// The flood's rule, the outputs `more`, and the good file, which the daemon's config has last.
    fn start(machine: &mut Machine, dir: tempfile::TempDir, more: &str) -> Self {
        let rules = format!("[rules]\nat_exit = \"remove\"\nlines = ['{}']\n{more}", machine.flood.rule());
        let daemon = Daemon::start_in(machine, dir, &rules, |command| {
            command.stdout(Stdio::piped());
        });
        Self { daemon, flood: None }
    }

    /// Begins so many seconds of load.
    fn flood(&mut self, machine: &Machine, seconds: u32, rate: u32) {
        self.flood = Some(machine.flood.start(seconds * rate, rate));
    }

    /// Waits for the load's end.
    fn flooded(&mut self) {
        assert!(self.flood.take().unwrap().wait().unwrap().success());
    }

    /// Whether the daemon has said this.
    fn said(&self, words: &str) -> usize {
        self.daemon.stderr().matches(words).count()
    }

    fn wait_for(&self, words: &str) {
        wait(words, || self.said(words) > 0);
    }

    /// Stops it; the good file has all, and each output's counters add up.
    fn stop(&mut self, sent: usize) -> (Vec<Value>, Vec<(String, Totals)>) {
        let ended = self.daemon.stop();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let good = self.daemon.lines();
        let said = self.daemon.stderr();
        let totals: Vec<(String, Totals)> = said.lines().filter_map(totals).collect();
        for (name, totals) in &totals {
            println!("{name}: {totals:?}");
            assert_eq!(totals.received, totals.written + totals.dropped, "{name}");
            assert_eq!(totals.received, good.len(), "{name}: all events came to each");
        }
        let (_, of_good) = totals.iter().find(|(name, _)| name == "file").expect("the good file's totals");
        assert_eq!((of_good.written, of_good.dropped), (good.len(), 0), "the good file has all");
        // What the kernel or the ring lost before any output is told in the stream.
        let lost = losses(&good).iter().any(|loss| !loss.contains("place=output"));
        assert!(openings(&good).len() == sent || lost, "{} of {sent}", openings(&good).len());
        (good, totals)
    }
}

/// Of a line such as `ringaudit: output web: received: 3, written: 2, filtered: 0, dropped: 1`.
fn totals(line: &str) -> Option<(String, Totals)> {
    let (name, counts) = line.strip_prefix("ringaudit: output ")?.split_once(": received: ")?;
    let mut numbers = counts.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    let [received, written, _, dropped] = std::array::from_fn(|_| numbers.next().unwrap());
    Some((name.to_owned(), Totals { received, written, dropped }))
}

fn of<'a>(totals: &'a [(String, Totals)], name: &str) -> &'a Totals {
    &totals.iter().find(|(of, _)| of == name).unwrap().1
}

/// A file's lines, each once, and how many of them came twice: what an fsync that failed had written may be on the
/// disk all the same, and the same lines, written again, stand right behind it.
fn each_once(path: &Path) -> (Vec<Value>, usize) {
    let mut all = lines(path);
    let texts: Vec<String> = all.iter().map(Value::to_string).collect();
    let mut seen = HashMap::new();
    let again =
        texts.iter().enumerate().find_map(|(at, text)| seen.insert(text, at).map(|before| before..at));
    let again = again.unwrap_or_default();
    let count = again.len();
    assert_eq!(texts[again.clone()], texts[again.end..][..count], "the same lines, one behind the other");
    all.drain(again);
    assert_eq!(
        all.iter().map(Value::to_string).collect::<HashSet<_>>().len(),
        all.len(),
        "no other comes twice"
    );
    (all, count)
}

fn output(path: &Path, more: &str) -> String {
    format!("[[output]]\ntype = 'file'\nname = 'bad'\nformat = 'go-audit'\npath = {path:?}\n{more}\n")
}

#[test]
fn a_disk_that_is_full_and_freed() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let small = Mount::tmpfs(dir.path().join("small"), 32);
    let (filler, log) = (small.at.join("filler"), small.at.join("log"));
    fs::write(&filler, vec![1; 29 << 20]).unwrap();
    let mut faulty = Faulty::start(&mut machine, dir, &output(&log, "queue_kib = 256"));
    faulty.flood(&machine, 5, RATE);
    faulty.wait_for("output bad: failed to write to");
    std::thread::sleep(Duration::from_millis(1500));
    fs::remove_file(&filler).unwrap();
    faulty.wait_for("output bad: writing again");
    faulty.flooded();
    let (good, totals) = faulty.stop(5 * RATE as usize);
    let bad = lines(&log);
    assert_eq!(of(&totals, "bad").written, bad.len());
    assert_eq!(good.len() - bad.len(), of(&totals, "bad").dropped);
    assert!(of(&totals, "bad").dropped > 0, "the disk was full for long enough");
    assert_eq!((faulty.said("failed to write to"), faulty.said("No space left")), (1, 1));
}

#[test]
fn a_file_system_that_becomes_read_only_and_is_mounted_again() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let disk = Mount::ext4(dir.path().join("disk"), 64);
    // In a folder that only the disk has: while it is not mounted, the daemon must not make the file where it was. The
    // folder must be on the disk before the journal ends.
    let folder = disk.at.join("folder");
    fs::create_dir(&folder).unwrap();
    File::open(&folder).unwrap().sync_all().unwrap();
    let log = folder.join("log");
    // What counts as written is on the disk, so that an aborted journal takes nothing of it.
    let mut faulty = Faulty::start(&mut machine, dir, &output(&log, "fsync = 'each'"));
    faulty.flood(&machine, 5, RATE);
    wait("some lines", || fs::metadata(&log).unwrap().len() > 100_000);
    let name = disk.device().replace("/dev/", "");
    let trigger = format!("echo 1 2>/dev/null >/sys/fs/ext4/{name}/trigger_fs_error; true");
    run(&["sh", "-c", &trigger]);
    // Told is the first failure: of a write (EROFS), or of an fsync that was under way (EIO).
    faulty.wait_for("output bad: failed to");
    // The daemon keeps nothing open there: the file system can be repaired.
    run(&["umount", text(&disk.at)]);
    let _ = Command::new("e2fsck").args(["-p", text(disk.image.as_deref().unwrap())]).output().unwrap();
    disk.mount();
    faulty.wait_for("output bad: writing again");
    faulty.flooded();
    let (good, totals) = faulty.stop(5 * RATE as usize);
    let (bad, twice) = each_once(&log);
    println!("{} lines, {twice} of them twice; {}", bad.len(), faulty.daemon.stderr());
    assert_eq!(of(&totals, "bad").written, bad.len());
    assert_eq!(good.len() - bad.len(), of(&totals, "bad").dropped);
    assert_eq!(faulty.said("output bad: failed to"), 1);
    assert!(twice == 0 || faulty.said("output bad: failed to fsync") == 1, "{twice}");
}

#[test]
fn a_file_that_is_deleted_and_a_folder_that_is_removed_and_made_again() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let log = folder.join("log");
    let mut faulty = Faulty::start(&mut machine, dir, &output(&log, "queue_kib = 256"));
    faulty.flood(&machine, 6, RATE);
    // What was written to a file that is gone is read through a descriptor.
    let mut gone = Vec::new();
    let mut remove = |remove: &dyn Fn()| {
        wait("some lines", || fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 300_000));
        gone.push(File::open(&log).unwrap());
        remove();
    };
    remove(&|| fs::remove_file(&log).unwrap());
    // Away from its place, so that the daemon does not make the file anew in it while it is being removed.
    let away = folder.with_file_name("away");
    remove(&|| {
        fs::rename(&folder, &away).unwrap();
        fs::remove_dir_all(&away).unwrap();
    });
    faulty.wait_for("make it first");
    std::thread::sleep(Duration::from_secs(1));
    fs::create_dir(&folder).unwrap();
    faulty.wait_for("output bad: writing again");
    faulty.flooded();
    let (good, totals) = faulty.stop(6 * RATE as usize);
    let mut count = lines(&log).len();
    for file in &mut gone {
        let mut text = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut text).unwrap();
        count += crate::daemon::parse(&text).len();
    }
    assert_eq!(of(&totals, "bad").written, count);
    assert_eq!(good.len() - count, of(&totals, "bad").dropped);
    assert_eq!(faulty.said("output bad: failed to"), 1, "{}", faulty.daemon.stderr());
}

#[test]
fn logrotate_both_ways() {
    let mut machine = Machine::take();
    for way in ["create", "copytruncate"] {
        let dir = tempfile::tempdir().unwrap();
        let (folder, config) = (dir.path().join("logs"), dir.path().join("logrotate"));
        fs::create_dir(&folder).unwrap();
        let (log, state) = (folder.join("log"), dir.path().join("state"));
        let mut faulty = Faulty::start(&mut machine, dir, &output(&log, QUEUE));
        let pid = faulty.daemon.pid();
        let after = format!("postrotate\nkill -USR1 {pid}\nendscript\n");
        let after = if way == "create" { &after } else { "" };
        fs::write(&config, format!("{log:?} {{\n{way}\nrotate 100\nsize 1\n{after}}}\n")).unwrap();
        faulty.flood(&machine, 4, RATE);
        for _ in 0..6 {
            std::thread::sleep(Duration::from_millis(500));
            run(&["logrotate", "-f", "-s", text(&state), text(&config)]);
        }
        faulty.flooded();
        let (good, totals) = faulty.stop(4 * RATE as usize);
        let of_bad = of(&totals, "bad");
        assert_eq!(of_bad.dropped, 0);
        let mut count = 0;
        for file in fs::read_dir(&folder).unwrap() {
            let mut text = fs::read(file.unwrap().path()).unwrap();
            if way == "copytruncate" {
                // cp may read the file in the middle of a write: the end of its copy is cp's.
                text.truncate(text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
            }
            count += crate::daemon::parse(&text).len();
        }
        println!("{way}: {} written, {count} in the files", of_bad.written);
        match way {
            "create" => assert_eq!((count, count), (of_bad.written, good.len())),
            // What is written between the copy and the truncation is lost by copytruncate(logrotate(8)).
            _ => assert!(count <= of_bad.written && count > of_bad.written / 2),
        }
        assert_eq!(faulty.said("failed"), 0, "{}", faulty.daemon.stderr());
    }
}

#[test]
fn a_disk_that_does_not_answer_and_a_reader_that_does_not_read() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let disk = Mount::ext4(dir.path().join("disk"), 256);
    let log = disk.at.join("log");
    let stdout = "[[output]]\ntype = 'stdout'\nformat = 'go-audit'\noverflow = 'drop-oldest'\n";
    let more = format!("{stdout}{}[ring]\nsize_kib = 512", output(&log, "flush_s = 20"));
    let mut faulty = Faulty::start(&mut machine, dir, &more);
    let count_good =
        |faulty: &Faulty| fs::read(&faulty.daemon.log).unwrap().iter().filter(|&&b| b == b'\n').count();
    faulty.flood(&machine, 12, RATE);
    wait("some lines", || fs::metadata(&log).unwrap().len() > 300_000);
    run(&["fsfreeze", "-f", text(&disk.at)]);
    let (frozen_at, frozen) = (Instant::now(), fs::metadata(&log).unwrap().len());
    let (mut before, mut most) = (count_good(&faulty), 0);
    while frozen_at.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_secs(1));
        let now = count_good(&faulty);
        assert!(now > before, "the good file goes on: {now} lines after {:?}", frozen_at.elapsed());
        before = now;
        most = most.max(resident_kib(faulty.daemon.pid()));
    }
    println!("resident at most while two outputs are stuck: {most} KiB");
    assert!(fs::metadata(&log).unwrap().len() <= frozen + 1, "it was frozen");
    run(&["fsfreeze", "-u", text(&disk.at)]);
    wait("the frozen file to go on", || fs::metadata(&log).unwrap().len() > frozen + 1_000_000);
    faulty.flooded();
    // Somebody reads again at the end: what is whole in the pipe and the queue comes out.
    let mut pipe = faulty.daemon.child().stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).unwrap();
        text
    });
    let (good, totals) = faulty.stop(12 * RATE as usize);
    let bad = lines(&log);
    assert_eq!(of(&totals, "bad").written, bad.len());
    assert_eq!(good.len() - bad.len(), of(&totals, "bad").dropped);
    assert!(of(&totals, "bad").dropped > 0, "10 s were longer than its queue");
    let piped = crate::daemon::parse(&reader.join().unwrap());
    assert_eq!(of(&totals, "stdout").written, piped.len());
    assert_eq!(good.last(), piped.last(), "the oldest were dropped, not the newest");
    assert_eq!(faulty.daemon.stderr().matches("error").count(), 0, "{}", faulty.daemon.stderr());
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn rotation_at_twenty_thousand_a_second_loses_and_tears_nothing() {
    const CAP: u64 = 40 << 20;
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let log = folder.join("log");
    let more = "queue_kib = 16384\nrotate_kib = 1024\nkeep = 1000\nkeep_mib = 40";
    let mut faulty = Faulty::start(&mut machine, dir, &output(&log, more));
    faulty.flood(&machine, 4, 20_000);
    let size = |folder: &Path| -> u64 {
        let files = fs::read_dir(folder).unwrap().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
    };
    let mut flood = faulty.flood.take().unwrap();
    let mut most = 0;
    while flood.try_wait().unwrap().is_none() {
        // Renames under the look may show a file twice.
        let now = size(&folder).min(size(&folder));
        assert!(now <= CAP + (1 << 20), "{now} bytes");
        most = most.max(now);
        std::thread::sleep(Duration::from_millis(5));
    }
    let (good, totals) = faulty.stop(80_000);
    assert_eq!((of(&totals, "bad").written, of(&totals, "bad").dropped), (good.len(), 0));
    let count = fs::read_dir(&folder).unwrap().count();
    assert!(size(&folder) <= CAP && count > 30, "{count} files");
    println!("{count} files, at most {most} bytes");
    // All files together, the oldest first, are the end of what the good file has.
    let mut all = Vec::new();
    for number in (1..count).rev() {
        let text = fs::read(folder.join(format!("log.{number}"))).unwrap();
        assert!(text.ends_with(b"\n") && text.len() <= 1 << 20);
        all.extend(text);
    }
    all.extend(fs::read(&log).unwrap());
    assert!(fs::read(&faulty.daemon.log).unwrap().ends_with(&all));
}
