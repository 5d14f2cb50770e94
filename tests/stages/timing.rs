//! What depends on the clock: time-outs on a quiet host, late ends, how soon lines are written, and that
//! nothing runs when nothing happens.

use crate::stage::{Stage, loss, losses, send_event, serials};
use ringaudit::config::{self, Config};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
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

/// A board without a battery: it boots in 1970, finds a server, is set too far and back again. Events end by their
/// records, and those that have no end by the time since they came, whatever their stamps say.
#[test]
fn a_clock_that_is_set_completes_nothing_early_or_late() {
    const TIMES: [&str; 6] = ["0.004", "3.100", "1795491496.969", "4102444800.000", "978307200.500", "0.004"];
    let stage = with_timeout(1_000);
    let start = Instant::now();
    for (serial, time) in (1..).zip(TIMES) {
        // One that has its end, and one that never gets it.
        stage.send(1300, format!("audit({time}:{serial}): a=b"));
        stage.send(1320, format!("audit({time}:{serial}): "));
        stage.send(1300, format!("audit({time}:{}): a=b", serial + 6));
    }
    stage.wait("the whole ones", |stage| serials(&stage.lines()).len() == 6);
    assert!(start.elapsed() < Duration::from_millis(1_000), "at their ends: {:?}", start.elapsed());
    stage.wait("the others", |stage| serials(&stage.lines()).len() == 12);
    assert!(start.elapsed() >= Duration::from_millis(1_000), "not before their time: {:?}", start.elapsed());
    let ended = stage.stop();
    assert_eq!(serials(&ended.lines), (1..=12).collect::<Vec<_>>());
    let times = ended.lines.iter().filter(|line| line["sequence"] != 0).map(|line| line["timestamp"].clone());
    assert_eq!(times.collect::<Vec<_>>(), [TIMES, TIMES].concat(), "as the kernel wrote them");
    assert_eq!(losses(&ended.lines), [loss("incomplete", 6, "events")]);
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
fn a_stop_writes_the_events_that_have_no_end_yet() {
    let stage = with_timeout(60_000);
    stage.send_event(1);
    stage.send(1300, "audit(1.000:2): a=b");
    stage.send(1307, "audit(1.000:4): cwd=\"/\"");
    stage.send(1326, "audit(1.000:5): of no system call");
    stage.wait("the reader", |stage| stage.stats.records.get() == 6);
    let ended = stage.stop();
    assert_eq!(serials(&ended.lines), [1, 2, 4, 5]);
    assert_eq!(losses(&ended.lines), [loss("incomplete", 2, "events"), loss("serial-gap", 1, "serials")]);
}

#[test]
fn a_stop_reads_what_the_socket_still_holds() {
    let ends = UnixDatagram::pair().unwrap();
    // Nine messages: a socket of this kind holds ten (net.unix.max_dgram_qlen).
    (1..=3).for_each(|serial| send_event(&ends.0, serial));
    let ended = Stage::stopped(ends).stop();
    assert_eq!(serials(&ended.lines), [1, 2, 3]);
    assert_eq!(losses(&ended.lines), []);
}

#[test]
fn what_is_pending_is_in_the_file_within_100_ms() {
    let stage = with_timeout(2000);
    let waits = (1..=21).map(|serial| {
        stage.send_event(serial);
        until_written(&stage, serial)
    });
    assert_median(waits.collect());
    assert_eq!(losses(&stage.stop().lines), []);
}

#[test]
fn more_that_keeps_coming_does_not_hold_a_line_back() {
    let stage = with_timeout(2000);
    let (sent, stop) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // More often than the reader looks, and too little to fill a block of the ring soon.
        let (kernel, sent, stop) = (&stage.kernel, &sent, &stop);
        scope.spawn(move || {
            for serial in 1.. {
                send_event(kernel, serial);
                sent.store(serial, SeqCst);
                std::thread::sleep(Duration::from_micros(300));
                if stop.load(SeqCst) {
                    break;
                }
            }
        });
        let waits = (1..=21).map(|_| {
            std::thread::sleep(Duration::from_millis(7));
            until_written(&stage, sent.load(SeqCst))
        });
        let waits = waits.collect();
        stop.store(true, SeqCst);
        assert_median(waits);
    });
    assert_eq!(losses(&stage.stop().lines), []);
}

/// How long it takes from now until the event, or a later one, is in the file.
fn until_written(stage: &Stage, serial: u32) -> Duration {
    let start = Instant::now();
    stage.wait("the event", |stage| {
        let text = std::fs::read_to_string(&stage.path).unwrap();
        let last = text.rfind("{\"sequence\":").and_then(|at| text[at + 12..].split(',').next());
        last.is_some_and(|last| last.parse::<u32>().unwrap() >= serial)
    });
    start.elapsed()
}

/// The median of many: a single one may meet a busy machine.
fn assert_median(mut waits: Vec<Duration>) {
    waits.sort();
    let median = waits[waits.len() / 2];
    assert!(median < Duration::from_millis(100), "{median:?}");
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
