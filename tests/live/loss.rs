//! Nothing is lost under load. Only the loss is asserted, never a time.

use crate::daemon::{Daemon, holes_and_doubles, losses, openings, quiet};
use crate::machine::Machine;
use serde_json::Value;
use std::collections::BTreeSet;

/// Floods with so many processes, stops, and looks that every event is in the file; gives its lines.
fn flooded(processes: u32, count: u32, rate: u32, config: &str) -> Vec<Value> {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, config);
    let before = machine.status().lost;
    let floods: Vec<_> = (0..processes).map(|_| machine.flood.start(count, rate)).collect();
    for mut flood in floods {
        assert!(flood.wait().unwrap().success());
    }
    // A stop waits for what the kernel still holds.
    assert_eq!(daemon.stop(), quiet());
    let lost = machine.status().lost - before;
    let lines = daemon.lines();
    assert_eq!(lost, 0, "the kernel's count; {} events came; {:?}", openings(&lines).len(), losses(&lines));
    assert_eq!(losses(&lines), Vec::<String>::new());
    assert_eq!(openings(&lines).len(), (processes * count) as usize);
    assert_eq!(holes_and_doubles(&lines), (vec![], vec![]));
    for line in openings(&lines) {
        let kinds: Vec<_> =
            line["messages"].as_array().unwrap().iter().map(|record| &record["type"]).collect();
        assert_eq!(kinds, [1300, 1307, 1302, 1327], "{line}");
    }
    lines
}

/// Flat out, this machine's other work may take the processors away from the daemon for longer than the
/// defaults (8192 records in the kernel, 512 KiB in the ring) can hold; benches/capture measures those.
const ROOM: &str = "[kernel]\nbacklog_limit = 131072\nbacklog_wait_time = 0\n[ring]\nsize_kib = 8192";
/// Two processes flat out leave a machine of two processors no time for anything else: here the kernel
/// must hold them back, and the ring the reader, or no limit is large enough.
const HELD_BACK: &str = "[kernel]\nbacklog_wait_time = 60000\n[ring]\noverflow = \"wait\"";

#[test]
fn fifty_thousand_events_of_one_process_flat_out() {
    flooded(1, 50_000, 0, ROOM);
}

#[test]
fn a_hundred_thousand_events_of_two_processes_interleaved() {
    let lines = flooded(2, 50_000, 0, HELD_BACK);
    let pids: Vec<String> = openings(&lines)
        .iter()
        .map(|line| {
            let data = line["messages"][0]["data"].as_str().unwrap();
            data.split(' ').find(|word| word.starts_with("pid=")).unwrap().to_owned()
        })
        .collect();
    assert_eq!(pids.iter().collect::<BTreeSet<_>>().len(), 2);
    let turns = pids.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(turns > 100, "the two did not run at once: {turns} turns");
}

#[test]
fn forty_thousand_events_a_second_for_five_seconds() {
    flooded(1, 200_000, 40_000, ROOM);
}
