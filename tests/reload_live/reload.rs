//! Reloads under load.

use crate::bench::{Bench, Peer, RATE, ROOM, file, ring, serials, socket, times};
use crate::daemon::{Ended, holes_and_doubles, losses, openings, parse};
use crate::machine::wait;
use ringaudit::wire::status::Field;
use std::fs;
use std::time::Duration;

/// A config for each turn: all have the output "main", with other keys, at other paths.
fn config(bench: &Bench, turn: u32) -> (String, String) {
    let dir = bench.dir();
    let counted = "[[filter]]\nname = \"all\"\naction = \"count\"\ntype = \"all\"\n";
    match turn % 6 {
        0 => (format!("{ROOM}{}", ring(8192)), file(dir, "log", "")),
        // A further output, another ring, another time-out.
        1 => (
            format!("{ROOM}{}[event]\ntimeout_ms = 3000\n", ring(4096)),
            file(dir, "log", "")
                + &file(dir, "other", "")
                    .replace("name = \"main\"", "name = \"other\"")
                    .replace("go-audit", "raw"),
        ),
        // The same path, but a changed output.
        2 => (format!("{ROOM}{}", ring(8192)), file(dir, "log", "rotate_kib = 4000000")),
        // Another space for events and lines, so that all outputs are new.
        3 => {
            (format!("{ROOM}{}[event]\nmax_kib = 2048\n", ring(8192)), file(dir, "log", "queue_kib = 32768"))
        }
        // Another path.
        4 => (format!("{ROOM}{}{counted}", ring(6144)), file(dir, "log2", "")),
        // Another rule, and only the limit of the lines.
        _ => (format!("{ROOM}{}{counted}", ring(6144)), file(dir, "log2", "max_line = 60000")),
    }
}

#[test]
fn reloads_under_load_lose_and_double_nothing() {
    let reloads = times("RINGAUDIT_RELOADS", 20);
    let mut bench = Bench::start("");
    // Twice as long as the reloads take.
    let count = reloads * RATE / 2;
    let mut flood = bench.machine.flood.start(count, RATE);
    for turn in 1..=reloads {
        let (first, more) = config(&bench, turn);
        bench.write(&first, &more);
        if turn % 5 == 0 {
            // A signal does the same; the next reload comes behind it.
            bench.daemon.signal("HUP");
            std::thread::sleep(Duration::from_millis(100));
        } else {
            let said = bench.reload();
            assert!(said.ends_with("rules added: 0, deleted: 0, unchanged: 1\n"), "{said}");
        }
        assert!(flood.try_wait().unwrap().is_none() || turn == reloads, "the load ended at reload {turn}");
        std::thread::sleep(Duration::from_millis(150));
    }
    assert!(flood.wait().unwrap().success());
    let lost = bench.machine.status().lost;
    assert_eq!(bench.daemon.stop().code, Some(0));
    assert_eq!(bench.machine.status().lost, lost);
    let lines = bench.lines(&["log", "log2"]);
    assert_eq!(losses(&lines), Vec::<String>::new(), "{}", bench.daemon.stderr());
    assert_eq!(openings(&lines).len(), count as usize, "{}", bench.daemon.stderr());
    assert_eq!(holes_and_doubles(&lines), (vec![], vec![]));
    for path in ["log", "log2", "other"].map(|name| bench.dir().join(name)) {
        let text = fs::read(path).unwrap();
        assert!(text.ends_with(b"\n") && !text.windows(2).any(|two| two == b"\n\n"), "a line is torn");
    }
}

#[test]
fn what_waits_for_an_output_that_takes_nothing_stays() {
    let mut bench = Bench::start("");
    let peer = Peer::new(bench.dir(), false);
    let all = |more: &str| file(bench.dir(), "log", "") + &socket(bench.dir(), more);
    let first = format!("{ROOM}{}", ring(8192));
    bench.write(&first, &all("queue_kib = 65536\nflush_s = 20"));
    bench.reload();
    bench.machine.flood.run(2000);
    // One that has to take over what waits, one that stays, one that is smaller than what waits.
    for more in [
        "queue_kib = 32768\nflush_s = 20",
        "queue_kib = 32768\nflush_s = 20\nmax_line = 100000",
        "queue_kib = 64\noverflow = \"wait\"\nflush_s = 20",
    ] {
        bench.write(&first, &all(more));
        bench.reload();
        bench.machine.flood.run(50);
    }
    // The writer waits for this one now, and a reload does not wait for it.
    bench.machine.flood.run(1000);
    bench.write(&first, &all("queue_kib = 65536\nflush_s = 20"));
    bench.reload();
    bench.machine.flood.run(1000);
    peer.read();
    wait("the file's events", || openings(&bench.lines(&["log"])).len() == 4150);
    assert_eq!(bench.daemon.stop().code, Some(0), "{}", bench.daemon.stderr());
    let texts = peer.end();
    let lines: Vec<_> = texts.iter().flat_map(|text| whole(text)).collect();
    let (there, written) = (serials(&lines), serials(&bench.lines(&["log"])));
    assert_eq!(written.len(), 4150);
    assert_eq!(written.difference(&there).count(), 0, "{}", bench.daemon.stderr());
}

/// The whole lines of a connection: one that was broken off ends anywhere, and goes on with the next one.
pub(crate) fn whole(text: &[u8]) -> Vec<serde_json::Value> {
    let end = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    parse(&text[..end])
}

#[test]
fn rules_and_settings_are_changed_by_difference() {
    let mut bench = Bench::start("");
    let before = bench.machine.own_rules();
    let found = bench.machine.found;
    let exe = bench.machine.flood.path().display().to_string();
    let more = file(bench.dir(), "log", "");
    let rule = bench.machine.flood.rule();
    let two = format!("{rule}', '-a always,exit -F arch=b64 -S mkdir -F exe={exe} -k u");
    let write = |settings: &str, rules: &str| {
        bench.write(settings, &more);
        let text = fs::read_to_string(bench.config()).unwrap().replace(&rule, rules);
        fs::write(bench.config(), text).unwrap();
    };
    write("[kernel]\nbacklog_limit = 4321\nreceive_buffer_kib = 2048\n", &two);
    assert!(bench.reload().ends_with("rules added: 1, deleted: 0, unchanged: 1\n"));
    assert_eq!(bench.machine.own_rules().len(), 2);
    assert_eq!(bench.machine.status().get(Field::BacklogLimit), Some(4321));
    // What the config leaves as it was found becomes so.
    write_leave(&bench, &more);
    assert!(bench.reload().ends_with("rules added: 0, deleted: 1, unchanged: 1\n"));
    assert_eq!(bench.machine.own_rules(), before);
    assert_eq!(bench.machine.status().get(Field::BacklogLimit), found.get(Field::BacklogLimit));
    // Nothing is new.
    assert!(bench.reload().ends_with("rules added: 0, deleted: 0, unchanged: 1\n"));
    bench.machine.flood.run(10);
    bench.daemon.wait_for_openings(10);
    assert_eq!(bench.daemon.stop().code, Some(0));
    assert_eq!(bench.machine.own_rules().len(), 0);
    let now = bench.machine.status();
    for field in [Field::Enabled, Field::BacklogLimit, Field::BacklogWaitTime, Field::Failure] {
        assert_eq!(now.get(field), found.get(field));
    }
}

fn write_leave(bench: &Bench, more: &str) {
    bench.write("[kernel]\nbacklog_limit = \"leave\"\n", more);
}

#[test]
fn filters_that_are_called_the_same_go_on_counting() {
    let mut bench = Bench::start("");
    let filter = |name: &str| format!("[[filter]]\nname = \"{name}\"\naction = \"count\"\nkey = \"t\"\n");
    let more = file(bench.dir(), "log", "");
    bench.write(&format!("{ROOM}{}", filter("one") + &filter("two")), &more);
    bench.reload();
    bench.machine.flood.run(30);
    bench.daemon.wait_for_openings(30);
    bench.write(&format!("{ROOM}{}", filter("three") + &filter("one")), &more);
    bench.reload();
    bench.machine.flood.run(20);
    bench.daemon.wait_for_openings(50);
    let Ended { code, stderr } = bench.daemon.stop();
    // Each rule that goes has an event with its key, too.
    assert_eq!(code, Some(0));
    let counts = stderr.lines().find(|line| line.contains("filters: ")).unwrap();
    let count = |name: &str| -> u32 {
        let at = counts.split(&format!("\"{name}\" counted ")).nth(1).unwrap();
        at.split(',').next().unwrap().parse().unwrap()
    };
    assert_eq!(count("one") - count("three"), 30, "{counts}");
}
