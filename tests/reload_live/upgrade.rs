//! Another program in the daemon's place, under load.

use crate::bench::{Bench, Peer, RATE, ROOM, file, ring, serials, socket, times};
use crate::daemon::{BINARY, holes_and_doubles, losses, openings};
use crate::machine::wait;
use crate::reload::whole;
use ringaudit::wire::status::Field;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// A copy of the program in the daemon's folder.
fn copy(bench: &Bench, name: &str) -> PathBuf {
    let path = bench.dir().join(name);
    fs::copy(*BINARY, &path).unwrap();
    path
}

#[test]
fn upgrades_under_load_lose_and_tear_nothing() {
    let upgrades = times("RINGAUDIT_UPGRADES", 5);
    let mut bench = Bench::start("");
    bench.machine.set(Field::BacklogLimit, 131_072);
    let found = bench.machine.found;
    let peer = Peer::new(bench.dir(), true);
    let outputs = file(bench.dir(), "log", "") + &socket(bench.dir(), "queue_kib = 65536\nflush_s = 20");
    bench.write(&format!("{ROOM}{}", ring(8192)), &outputs);
    bench.reload();
    let count = upgrades * RATE;
    let mut flood = bench.machine.flood.start(count, RATE);
    let (pid, programs) = (bench.daemon.pid(), ["a", "b"].map(|name| copy(&bench, name)));
    for turn in 0..upgrades {
        let said = bench.upgrade(&programs[turn as usize % 2]);
        assert!(said.starts_with("upgraded from "), "{said}");
        assert_eq!(bench.machine.status().pid, pid);
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
        assert_eq!(exe, programs[turn as usize % 2]);
        std::thread::sleep(Duration::from_millis(400));
    }
    assert!(flood.wait().unwrap().success());
    let status = bench.ask(&["status", "--json"]).stdout;
    let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
    assert_eq!(bench.daemon.stop().code, Some(0), "{}", bench.daemon.stderr());
    let lines = bench.lines(&["log"]);
    assert_eq!(losses(&lines), Vec::<String>::new(), "{}", bench.daemon.stderr());
    assert_eq!(openings(&lines).len(), count as usize, "{}", bench.daemon.stderr());
    assert_eq!(holes_and_doubles(&lines), (vec![], vec![]));
    // The stream: nothing is missing; what came twice is what a connection was broken off in.
    let texts = peer.end();
    let came: Vec<_> = texts.iter().flat_map(|text| whole(text)).collect();
    assert_eq!(serials(&lines).difference(&serials(&came)).count(), 0);
    // The counters go on, and at the end all is as it was found before the first start.
    assert!(status.to_string().contains("\"uptime_seconds\""), "{status}");
    assert_eq!(bench.machine.own_rules().len(), 0);
    assert_eq!(bench.machine.status().pid, 0);
    let now = bench.machine.status();
    for field in [Field::Enabled, Field::BacklogWaitTime, Field::Failure, Field::BacklogLimit] {
        assert_eq!(now.get(field), found.get(field));
    }
}

#[test]
fn what_waits_for_an_output_that_takes_nothing_comes_through_an_upgrade() {
    let mut bench = Bench::start("");
    let peer = Peer::new(bench.dir(), false);
    let outputs = |more| file(bench.dir(), "log", "") + &socket(bench.dir(), more);
    bench.write(&format!("{ROOM}{}", ring(8192)), &outputs("queue_kib = 65536\nflush_s = 20"));
    bench.reload();
    bench.machine.flood.run(2000);
    wait("the file's events", || openings(&bench.lines(&["log"])).len() == 2000);
    let program = copy(&bench, "next");
    bench.upgrade(&program);
    bench.machine.flood.run(500);
    // A queue that is smaller than what waits, and one that the writer waits for.
    bench.write(
        &format!("{ROOM}{}", ring(8192)),
        &outputs("queue_kib = 64\noverflow = \"wait\"\nflush_s = 20"),
    );
    bench.upgrade(&program);
    bench.machine.flood.run(500);
    bench.daemon.signal("USR2");
    std::thread::sleep(Duration::from_secs(1));
    peer.read();
    wait("all events", || openings(&bench.lines(&["log"])).len() == 3000);
    assert_eq!(bench.daemon.stop().code, Some(0), "{}", bench.daemon.stderr());
    let texts = peer.end();
    let came: Vec<_> = texts.iter().flat_map(|text| whole(text)).collect();
    let written = serials(&bench.lines(&["log"]));
    assert_eq!(written.difference(&serials(&came)).count(), 0, "{}", bench.daemon.stderr());
    assert!(bench.daemon.stderr().contains("upgraded from"));
}

#[test]
fn a_program_that_can_not_be_executed_leaves_the_old_one_at_work() {
    let mut bench = Bench::start("");
    // It answers as one that can go on, and is empty when it is to be executed.
    let program = bench.dir().join("gone");
    fs::write(&program, "#!/bin/sh\necho ringaudit 99.9\n: > \"$0\"\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut flood = bench.machine.flood.start(10_000, RATE);
    std::thread::sleep(Duration::from_millis(300));
    let output = bench.ask(&["upgrade", program.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("not upgraded: failed to execute it: Exec format error"), "{said}");
    // It goes on as if nothing had been, and can be upgraded.
    let next = copy(&bench, "next");
    bench.upgrade(&next);
    assert!(flood.wait().unwrap().success());
    assert_eq!(bench.daemon.stop().code, Some(0), "{}", bench.daemon.stderr());
    let lines = bench.lines(&["log"]);
    assert_eq!(losses(&lines), Vec::<String>::new(), "{}", bench.daemon.stderr());
    assert_eq!(openings(&lines).len(), 10_000, "{}", bench.daemon.stderr());
    assert_eq!(holes_and_doubles(&lines), (vec![], vec![]));
}
