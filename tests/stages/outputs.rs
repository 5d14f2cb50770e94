//! Outputs in trouble: a file that vanishes, a disk that is full. The stream goes on, and what is lost is counted.

use crate::stage::{Stage, lines, losses, serials};
use ringaudit::config::Config;
use ringaudit::sys::signal::Sender;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

#[test]
fn a_file_that_vanishes_is_there_again_after_a_reopening() {
    let mut stage = Stage::new(Config::default());
    stage.send_event(1);
    stage.wait("the first", |stage| serials(&stage.lines()) == [1]);
    fs::remove_file(&stage.path).unwrap();
    stage.send_event(2);
    stage.wait("the second, into a file without a name", |stage| stage.stats.outputs.written() == 2);
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
