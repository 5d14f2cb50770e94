//! Counters of `ringaudit status` that the real kernel does not move on demand, each moved by a scene of its own, to
//! the number that is known from what was sent.

use crate::scenes::BY_STAGES;
use crate::stage::{Stage, message};
use ringaudit::config::{Config, FileTarget, Format, Output, Queue, Target, WhenFull};
use ringaudit::stats::Stats;
use ringaudit::status;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

/// What the answer would say of this counter.
fn value(stats: &Stats, name: &str) -> u64 {
    if let Some((name, reason)) = name.strip_prefix("output/").and_then(|name| name.split_once('/')) {
        let outputs = stats.outputs.each();
        let all = outputs.iter().flat_map(|output| status::output_counters(output));
        return all.filter(|counter| (counter.0, counter.1) == (name, reason)).map(|counter| counter.2).sum();
    }
    let counters = status::counters(stats);
    counters.iter().find(|counter| counter.0 == name).unwrap_or_else(|| panic!("no counter {name}")).1
}

/// Runs the counter's scene; gives what is left and the number that it must have, if more than "some" is known.
fn play(name: &str) -> (Stage, Option<u64>) {
    match name {
        "receive_errors" => no_socket(),
        "foreign_messages" => strangers(),
        "malformed_messages" => sent(&[&[1; 15], &[], &[0; 4]], 3),
        "truncated_records" => {
            let long = [&b"audit(1.000:2): "[..], &[b'x'; 20_000]].concat();
            sent(&[&message(1112, &long), &message(1112, b"audit(1.000:3): short")], 1)
        }
        "malformed_records" => sent(&[&message(1300, b"no header"), &message(1300, b"")], 2),
        "displaced_events" => {
            // None with its end, and the whole one behind them needs a place too: there are 64.
            let begun: Vec<_> =
                (1..=70).map(|n| message(1300, format!("audit(1.000:{n}): a=b").as_bytes())).collect();
            sent(&begun.iter().map(Vec::as_slice).collect::<Vec<_>>(), 7)
        }
        "output/dropped_events/unflushed" => a_reader_that_never_reads(),
        other => panic!("no scene for {other}"),
    }
}

/// These messages of the kernel's.
fn sent(messages: &[&[u8]], expected: u64) -> (Stage, Option<u64>) {
    let stage = Stage::new(Config::default());
    for message in messages {
        stage.kernel.send(message).unwrap();
    }
    stage.send_event(4_000);
    stage.wait("what is behind it", |stage| stage.stats.complete.get() > 0);
    (stage, Some(expected))
}

/// A descriptor from which nothing can be received, ENOTSOCK each time.
fn no_socket() -> (Stage, Option<u64>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let none = UnixDatagram::from(OwnedFd::from(File::open("/dev/zero").unwrap()));
    let kernel = UnixDatagram::unbound().unwrap();
    let mut stage = Stage::reader_alone(Config::default(), (kernel, none), dir, path);
    stage.start_writer();
    stage.wait("an error", |stage| stage.stats.receive_errors.get() > 0);
    (stage, None)
}

/// A sender with an address, which the kernel's port 0 is not.
fn strangers() -> (Stage, Option<u64>) {
    let dir = tempfile::tempdir().unwrap();
    let (path, ours) = (dir.path().join("log"), dir.path().join("reader"));
    let end = UnixDatagram::bind(&ours).unwrap();
    let stranger = UnixDatagram::bind(dir.path().join("stranger")).unwrap();
    stranger.connect(&ours).unwrap();
    let mut stage =
        Stage::reader_alone(Config::default(), (UnixDatagram::unbound().unwrap(), end), dir, path);
    stage.start_writer();
    (0..4).for_each(|_| {
        stranger.send(&message(1112, b"audit(1.000:1): forged=1")).unwrap();
    });
    stage.wait("all four", |stage| stage.stats.foreign.get() == 4);
    (stage, Some(4))
}

/// A pipe whose reader reads nothing, and so more than it holds is there at the stop.
fn a_reader_that_never_reads() -> (Stage, Option<u64>) {
    let dir = tempfile::tempdir().unwrap();
    let (path, fifo) = (dir.path().join("log"), dir.path().join("fifo"));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&fifo).unwrap();
    let output = Output {
        name: "stuck".to_owned(),
        format: Format::GoAudit,
        queue: Queue { overflow: WhenFull::DropNewest, flush_s: 0, ..Queue::default() },
        target: Target::File(FileTarget { path: fifo, ..FileTarget::default() }),
        ..Output::default()
    };
    let config = Config { outputs: vec![output], ..Config::default() };
    let mut stage = Stage::reader_alone(config, UnixDatagram::pair().unwrap(), dir, path);
    stage.start_writer();
    (1..=1000).for_each(|serial| stage.send_event(serial));
    stage.wait("all events", |stage| stage.stats.events.get() == 1000);
    stage.end();
    drop(reader);
    let left = stage.stats.outputs.each().iter().map(|o| o.received.get() - o.written.get()).sum();
    (stage, Some(left))
}

#[test]
fn each_is_moved_by_its_scene() {
    for name in BY_STAGES {
        assert_eq!(value(&Stats::default(), name), 0, "{name}");
        let (mut stage, expected) = play(name);
        stage.end();
        let value = value(&stage.stats, name);
        assert!(
            value > 0 && expected.is_none_or(|expected| value == expected),
            "{name}: {value}, {expected:?}"
        );
    }
}
