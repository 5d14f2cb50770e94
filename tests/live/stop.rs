//! The end: a stop loses nothing, and a kill leaves a file that the next start can go on with.

use crate::daemon::{Daemon, Ended, losses, openings, parse, quiet};
use crate::machine::{Machine, wait};
use std::fs;
use std::io::Write;

#[test]
fn a_stop_loses_nothing_a_hundred_times() {
    let mut machine = Machine::take();
    for round in 0..100 {
        let mut daemon = Daemon::start(&mut machine, "");
        let count = 200 + round * 10;
        machine.flood.run(count);
        assert_eq!(daemon.stop(), quiet(), "round {round}");
        let lines = daemon.lines();
        assert_eq!(openings(&lines).len(), count as usize, "round {round}; {:?}", losses(&lines));
        assert_eq!(losses(&lines), Vec::<String>::new(), "round {round}");
    }
}

#[test]
fn a_stop_writes_what_the_socket_still_holds() {
    let mut machine = Machine::take();
    for round in 0..10 {
        let mut daemon = Daemon::start(&mut machine, "");
        // It cannot read one record of these before it is told to stop: 4000 records fit its socket.
        daemon.signal("STOP");
        machine.flood.run(800);
        daemon.signal("TERM");
        daemon.signal("CONT");
        assert_eq!(daemon.ended(), quiet(), "round {round}");
        let lines = daemon.lines();
        assert_eq!(losses(&lines), Vec::<String>::new(), "round {round}");
        assert_eq!(openings(&lines).len(), 800, "round {round}");
    }
}

#[test]
fn interrupt_stops_as_terminate_does() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "");
    machine.flood.run(10);
    daemon.signal("INT");
    assert_eq!(daemon.ended(), quiet());
    assert_eq!(openings(&daemon.lines()).len(), 10);
}

#[test]
fn a_kill_leaves_whole_lines_and_the_next_start_goes_on() {
    let mut machine = Machine::take();
    let mut dir = tempfile::tempdir().unwrap();
    let mut before: Vec<u8> = Vec::new();
    for round in 0..5 {
        let mut daemon = Daemon::start_in(&mut machine, dir, "", |_| {});
        let mut flood = machine.flood.start(100_000, 0);
        wait("the flood", || fs::metadata(&daemon.log).unwrap().len() > before.len() as u64 + 50_000);
        daemon.child().kill().unwrap();
        assert_eq!(daemon.ended(), Ended { code: None, stderr: String::new() });
        flood.kill().unwrap();
        flood.wait().unwrap();
        // The file stays when the daemon's folder goes.
        let text = fs::read(&daemon.log).unwrap();
        let kept = tempfile::tempdir().unwrap();
        fs::copy(&daemon.log, kept.path().join("log")).unwrap();
        dir = kept;
        assert!(text.starts_with(&before), "round {round}: what was written stays");
        let whole = text.iter().rposition(|&b| b == b'\n').unwrap() + 1;
        let mut added = &text[before.len()..whole];
        if before.last().is_some_and(|&last| last != b'\n') {
            added = added.strip_prefix(b"\n").expect("a line that the kill tore is closed");
        }
        assert!(!parse(added).is_empty(), "round {round}");
        before = text;
    }
    // A kill in the middle of a write is rare: a torn line is certain now.
    let log = dir.path().join("log");
    let torn = b"{\"sequence\":1,\"timest";
    fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(torn).unwrap();
    let text = fs::read(&log).unwrap();
    let mut daemon = Daemon::start_in(&mut machine, dir, "", |_| {});
    machine.flood.run(10);
    assert_eq!(daemon.stop(), quiet());
    let after = fs::read(&daemon.log).unwrap();
    let rest = after.strip_prefix(&text[..]).expect("what was there stays");
    let rest = rest.strip_prefix(b"\n").expect("the torn line is closed");
    assert_eq!(openings(&parse(rest)).len(), 10);
}
