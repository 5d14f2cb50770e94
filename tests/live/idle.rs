//! When nothing happens nothing runs: one look at the registration each 30 s.

use crate::daemon::{Daemon, quiet};
use crate::machine::Machine;
use std::fs;
use std::time::Duration;

#[test]
fn sixty_seconds_without_events_wake_it_six_times_at_most() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "");
    machine.flood.run(5);
    daemon.wait_for_openings(5);
    // The events of the start are over their time.
    std::thread::sleep(Duration::from_secs(4));
    let before = wake_ups(daemon.pid());
    std::thread::sleep(Duration::from_secs(60));
    let after = wake_ups(daemon.pid());
    assert_eq!(after.0, before.0, "the same five threads");
    assert_eq!(before.0, 5, "main, reader, writer, the output, and the keeper");
    assert!(after.1 - before.1 <= 6, "{} wake-ups", after.1 - before.1);
    machine.flood.run(5);
    daemon.wait_for_openings(10);
    assert!(wake_ups(daemon.pid()).1 > after.1, "this is what is counted");
    assert_eq!(daemon.stop(), quiet());
}

/// The number of threads, and how often all of them together gave the processor away to wait.
fn wake_ups(pid: u32) -> (usize, u64) {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let counts: Vec<u64> = tasks
        .map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .map(|status| {
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        })
        .collect();
    (counts.len(), counts.iter().sum())
}
