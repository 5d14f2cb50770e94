//! Outputs in trouble: a file that vanishes, a disk that is full. The stream goes on, and what is lost is counted.

use crate::stage::{Stage, lines, losses, parse, serials};
use ringaudit::config::{self, Config, FileTarget, Format, Output, Overflow, Queue, Ring, Target, WhenFull};
use ringaudit::sys::signal::Sender;
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

#[test]
fn a_file_that_vanishes_is_there_again_with_the_next_event() {
    let mut stage = Stage::new(Config::default());
    stage.send_event(1);
    stage.wait("the first", |stage| serials(&stage.lines()) == [1]);
    fs::remove_file(&stage.path).unwrap();
    stage.send_event(2);
    stage.wait("the second", |stage| stage.path.exists() && serials(&stage.lines()) == [2]);
    fs::remove_file(&stage.path).unwrap();
    stage.requests.reopen(Sender { pid: std::process::id(), uid: 0 });
    stage.wait("the file", |stage| stage.path.exists());
    stage.send_event(3);
    stage.wait("the third", |stage| serials(&stage.lines()) == [3]);
    stage.end();
    assert_eq!(losses(&stage.lines()), []);
    assert_eq!(stage.stats.outputs.dropped(), 0);
}

#[test]
fn a_rotation_loses_and_repeats_nothing() {
    let mut stage = Stage::new(Config::default());
    let mut files = Vec::new();
    for round in 0..20u32 {
        (1..=50).for_each(|serial| stage.send_event(round * 50 + serial));
        let rotated = stage.dir.path().join(format!("log.{round}"));
        fs::rename(&stage.path, &rotated).unwrap();
        files.push(rotated);
        stage.requests.reopen(Sender { pid: std::process::id(), uid: 0 });
        stage.wait("the new file", |stage| stage.path.exists());
    }
    stage.end();
    files.push(stage.path.clone());
    let all: Vec<_> = files.iter().flat_map(|file| lines(file)).collect();
    assert_eq!(serials(&all), (1..=1000).collect::<Vec<_>>());
    assert_eq!(losses(&all), []);
}

#[test]
fn a_folder_that_vanishes_leaves_the_open_file_in_use_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("log");
    let mut stage = Stage::reader_alone(Config::default(), UnixDatagram::pair().unwrap(), dir, path);
    stage.start_writer();
    stage.send_event(1);
    stage.wait("the first", |stage| serials(&stage.lines()) == [1]);
    let moved = stage.dir.path().join("moved");
    fs::rename(&folder, &moved).unwrap();
    stage.requests.reopen(Sender { pid: std::process::id(), uid: 0 });
    stage.send_event(2);
    stage.wait("the second, in the file that is open", |_| serials(&lines(&moved.join("log"))) == [1, 2]);
    fs::create_dir(&folder).unwrap();
    stage.requests.reopen(Sender { pid: std::process::id(), uid: 0 });
    stage.wait("the file", |stage| stage.path.exists());
    stage.send_event(3);
    stage.wait("the third", |stage| serials(&stage.lines()) == [3]);
    stage.end();
    assert_eq!(stage.stats.outputs.dropped(), 0);
}

#[test]
fn a_full_disk_loses_only_what_the_buffer_cannot_hold_and_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let full = PathBuf::from("/dev/full");
    let mut stage = Stage::reader_alone(Config::default(), UnixDatagram::pair().unwrap(), dir, full);
    stage.start_writer();
    let sent = 2000;
    (1..=sent).for_each(|serial| stage.send_event(serial));
    stage.wait("all events", |stage| stage.stats.events.get() == u64::from(sent));
    assert!(stage.stats.outputs.errors() > 0);
    stage.end();
    let stats = &stage.stats;
    assert_eq!(stats.outputs.written(), 0);
    assert_eq!(stats.outputs.dropped(), stats.events.get() + stats.loss_reports.get(), "each is counted");
    assert_eq!(stats.records.get(), 3 * u64::from(sent), "the reader never noticed");
}

/// A pipe in the file system, with a reader that does not read until it is told to.
fn pipe(stage_dir: &std::path::Path, overflow: WhenFull) -> (Output, fs::File) {
    let path = stage_dir.join(overflow.name());
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
    let output = Output {
        name: overflow.name().to_owned(),
        format: Format::GoAudit,
        queue: Queue { kib: 64, overflow, ..Queue::default() },
        target: Target::File(FileTarget { path, ..FileTarget::default() }),
        ..Output::default()
    };
    (output, reader)
}

fn read_all(reader: &mut fs::File, text: &mut Vec<u8>) {
    let mut piece = [0; 65_536];
    while let Ok(len @ 1..) = reader.read(&mut piece) {
        text.extend_from_slice(&piece[..len]);
    }
}

#[test]
fn readers_that_do_not_read_hold_nobody_back_and_each_policy_keeps_its_word() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let policies = [WhenFull::DropNewest, WhenFull::DropOldest];
    let (more, mut readers): (Vec<Output>, Vec<fs::File>) =
        policies.iter().map(|&overflow| pipe(dir.path(), overflow)).unzip();
    let config = Config { outputs: more, ..Config::default() };
    let mut stage = Stage::reader_alone(config, UnixDatagram::pair().unwrap(), dir, path);
    stage.start_writer();
    let sent = 5000;
    (1..=sent).for_each(|serial| stage.send_event(serial));
    stage.wait("all in the file", |stage| serials(&stage.lines()).len() == sent as usize);
    let mut texts = [Vec::new(), Vec::new()];
    stage.wait("the queues to be empty", |stage| {
        readers.iter_mut().zip(&mut texts).for_each(|(reader, text)| read_all(reader, text));
        stage.stats.outputs.each().iter().all(|output| output.queued() == 0)
    });
    stage.end();
    readers.iter_mut().zip(&mut texts).for_each(|(reader, text)| read_all(reader, text));
    let [newest, oldest] = texts.map(|text| parse(&text));
    let whole: Vec<u64> = (1..=u64::from(sent)).collect();
    let (kept, last) = (serials(&newest), serials(&oldest));
    assert!(kept.len() > 400 && kept.len() < sent as usize);
    assert_eq!(kept, whole[..kept.len()], "the newest were dropped");
    assert_eq!(last.last(), whole.last(), "the oldest were dropped");
    let first = last.windows(2).position(|two| two[1] != two[0] + 1).unwrap() + 1;
    assert!(last[first..] == whole[whole.len() - (last.len() - first)..], "all behind the hole are there");
    for (output, lines) in stage.stats.outputs.each().iter().skip(1).zip([newest, oldest]) {
        assert_eq!(output.written.get(), lines.len() as u64, "{output:?}");
        assert_eq!(output.received.get(), output.written.get() + output.dropped(), "{output:?}");
    }
}

/// The writer may be held up for longer than an event waits for its end, in the middle of a block of the ring: the rest
/// of the event is in the next one, and comes.
#[test]
fn an_event_whose_end_waits_in_the_ring_is_not_late() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (output, mut reader) = pipe(dir.path(), WhenFull::Wait);
    let event = config::Event { timeout_ms: 100, ..Default::default() };
    let config = Config { outputs: vec![output], event, ..Config::default() };
    let mut stage = Stage::reader_alone(config, UnixDatagram::pair().unwrap(), dir, path);
    let sent = 2_000;
    (1..=sent).for_each(|serial| stage.send_event(serial));
    stage.wait("the ring", |stage| stage.stats.records.get() == 3 * u64::from(sent));
    stage.start_writer();
    let (mut text, mut piece) = (Vec::new(), [0; 16_384]);
    stage.wait("all", |stage| {
        // One that takes little at a time.
        std::thread::sleep(std::time::Duration::from_millis(150));
        while let Ok(len @ 1..) = reader.read(&mut piece) {
            text.extend_from_slice(&piece[..len]);
            if stage.stats.assembled.get() < u64::from(sent) {
                break;
            }
        }
        stage.stats.outputs.each().iter().all(|o| o.written.get() >= u64::from(sent))
    });
    let ended = stage.stop();
    assert_eq!(serials(&ended.lines), (1..=u64::from(sent)).collect::<Vec<_>>());
    assert_eq!(losses(&ended.lines), []);
}

#[test]
fn an_output_that_waits_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (output, mut reader) = pipe(dir.path(), WhenFull::Wait);
    let ring = Ring { overflow: Overflow::Wait, ..Ring::default() };
    let config = Config { outputs: vec![output], ring, ..Config::default() };
    let mut stage = Stage::reader_alone(config, UnixDatagram::pair().unwrap(), dir, path);
    stage.start_writer();
    let (sent, kernel) = (10_000, stage.kernel.try_clone().unwrap());
    let sender =
        std::thread::spawn(move || (1..=sent).for_each(|serial| crate::stage::send_event(&kernel, serial)));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(serials(&stage.lines()).len() < sent as usize, "the others wait too");
    let mut text = Vec::new();
    stage.wait("all", |stage| {
        read_all(&mut reader, &mut text);
        sender.is_finished() && stage.stats.outputs.each().iter().all(|o| o.written.get() >= u64::from(sent))
    });
    stage.end();
    read_all(&mut reader, &mut text);
    assert_eq!(serials(&parse(&text)), (1..=u64::from(sent)).collect::<Vec<_>>());
    assert_eq!(stage.stats.outputs.dropped(), 0);
}
