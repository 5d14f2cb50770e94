//! Rotation: both signals open the file again, and under load no event is lost or doubled.

use crate::daemon::{Daemon, ROOM, holes_and_doubles, lines, losses, openings, quiet};
use crate::machine::{Machine, wait};
use std::fs;

/// Openings: enough for the load to last until after the last rotation.
const COUNT: u32 = 60_000;

#[test]
fn a_rotation_under_load_loses_nothing() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, ROOM);
    let mut flood = machine.flood.start(COUNT, 10_000);
    let mut all = Vec::new();
    for (number, signal) in ["HUP", "USR1", "HUP", "USR1"].iter().enumerate() {
        wait("some lines", || fs::metadata(&daemon.log).unwrap().len() > 0);
        let rotated = daemon.dir.path().join(format!("log.{number}"));
        fs::rename(&daemon.log, &rotated).unwrap();
        daemon.signal(signal);
        wait("the new file", || daemon.log.exists());
        all.push(rotated);
    }
    assert!(flood.wait().unwrap().success());
    assert_eq!(daemon.stop(), quiet());
    all.push(daemon.log.clone());
    let all: Vec<_> = all.iter().flat_map(|path| lines(path)).collect();
    assert_eq!(openings(&all).len(), COUNT as usize);
    assert_eq!(losses(&all), Vec::<String>::new());
    assert_eq!(holes_and_doubles(&all), (vec![], vec![]));
}
