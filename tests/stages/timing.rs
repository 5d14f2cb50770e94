//! What depends on the clock: time-outs on a quiet host, late ends, how soon lines are written, and that
//! nothing runs when nothing happens.

use crate::stage::{Stage, loss, losses, serials};
use ringaudit::config::{self, Config};
use std::time::{Duration, Instant};

fn with_timeout(timeout_ms: u32) -> Stage {
    Stage::new(Config { event: config::Event { timeout_ms, ..Default::default() }, ..Default::default() })
}

#[test]
fn an_event_without_its_end_is_written_on_a_quiet_host() {
    let stage = with_timeout(400);
    let start = Instant::now();
    stage.send(1300, "audit(1.000:1): a=b");
    stage.send(1326, "audit(1.000:2): of no system call");
    stage.wait("both events", |stage| serials(&stage.lines()) == [1, 2]);
    assert!(start.elapsed() >= Duration::from_millis(400), "not before its time: {:?}", start.elapsed());
    stage.wait("the loss event", |stage| stage.lines().len() == 3);
    let ended = stage.stop();
    assert_eq!(losses(&ended.lines), [loss("incomplete", 1, "events")]);
}

#[test]
fn an_end_that_comes_late_writes_nothing_more() {
    let stage = with_timeout(100);
    stage.send(1300, "audit(1.000:1): a=b");
    stage.wait("the event", |stage| serials(&stage.lines()) == [1]);
    stage.send(1320, "audit(1.000:1): ");
    stage.send_event(2);
    stage.wait("the next event", |stage| serials(&stage.lines()) == [1, 2]);
    // A record that comes late, on the other hand, is not thrown away.
    stage.send(1327, "audit(1.000:1): proctitle=\"late\"");
    stage.wait("the late record", |stage| serials(&stage.lines()) == [1, 2, 1]);
    let ended = stage.stop();
    assert_eq!(losses(&ended.lines), [loss("incomplete", 2, "events")]);
}

#[test]
fn interleaved_events_are_put_together_and_written_at_their_ends() {
    let stage = with_timeout(60_000);
    for (kind, serial) in
        [(1300, 1), (1300, 2), (1307, 2), (1300, 3), (1307, 1), (1320, 3), (1320, 2), (1320, 1)]
    {
        stage.send(kind, format!("audit(1.000:{serial}): of={serial}"));
    }
    stage.wait("all three", |stage| serials(&stage.lines()) == [3, 2, 1]);
    let ended = stage.stop();
    for line in &ended.lines {
        let of = format!("of={}", line["sequence"]);
        assert!(line["messages"].as_array().unwrap().iter().all(|record| record["data"] == of), "{line}");
    }
    assert_eq!(losses(&ended.lines), []);
}

#[test]
fn a_hole_in_the_serials_is_told_on_a_quiet_host() {
    let stage = with_timeout(200);
    stage.send_event(10);
    stage.send_event(14);
    stage.wait("the loss event", |stage| losses(&stage.lines()) == [loss("serial-gap", 3, "serials")]);
    let line = stage.lines().pop().unwrap();
    let written: f64 = line["timestamp"].as_str().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 60.0..=now).contains(&written), "{line}");
    assert_eq!(line["uid_map"], serde_json::json!({}));
    assert_eq!(stage.stop().stats.loss_reports.get(), 1);
}

#[test]
fn what_is_pending_is_in_the_file_within_100_ms() {
    // The median of many: a single one may meet a busy machine.
    let median = |busy: bool| {
        let stage = with_timeout(2000);
        let mut waits = Vec::new();
        let mut serial = 0;
        for _ in 0..21 {
            serial += 1;
            let wanted = u64::from(serial);
            stage.send_event(serial);
            let start = Instant::now();
            stage.wait("the event", |stage| {
                if busy {
                    // More keeps coming: it must not hold the earlier lines back.
                    serial += 1;
                    stage.send_event(serial);
                }
                serials(&stage.lines()).contains(&wanted)
            });
            waits.push(start.elapsed());
        }
        assert_eq!(losses(&stage.stop().lines), []);
        waits.sort();
        waits[waits.len() / 2]
    };
    for busy in [false, true] {
        let median = median(busy);
        assert!(median < Duration::from_millis(100), "{median:?}, busy: {busy}");
    }
}

#[test]
fn nothing_runs_when_nothing_happens() {
    // The threads of other tests have the same names, so this one looks from a process of its own.
    let alone = "RINGAUDIT_TEST_IDLE";
    if std::env::var_os(alone).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "timing::nothing_runs_when_nothing_happens"])
            .env(alone, "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let stage = with_timeout(2000);
    stage.send_event(1);
    stage.wait("the event", |stage| serials(&stage.lines()) == [1]);
    // The reader's last look at its socket, and the writer's at its clock.
    std::thread::sleep(Duration::from_millis(500));
    let before = wake_ups();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(wake_ups(), before);
    assert_eq!(before.len(), 2, "{before:?}");
    stage.send_event(2);
    stage.wait("the event", |stage| serials(&stage.lines()) == [1, 2]);
    assert_ne!(wake_ups(), before, "this is what is counted");
}

/// (thread, how often it was switched away from) of the two threads.
fn wake_ups() -> Vec<(String, String)> {
    let mut found: Vec<_> = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path().join("status")).unwrap())
        .map(|status| {
            let field = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name)).unwrap();
                line[name.len() + 1..].trim().to_owned()
            };
            (field("Name"), field("voluntary_ctxt_switches"))
        })
        .filter(|(name, _)| name == "reader" || name == "writer")
        .collect();
    found.sort();
    found
}
