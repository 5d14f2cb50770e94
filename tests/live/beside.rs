//! Beside another daemon: listening to the multicast group, and taking the other one's place, with every event.

use crate::daemon::{
    BINARY, Daemon, Ended, ROOM, holes_and_doubles, losses, openings, quiet, run, write_config,
};
use crate::machine::{Machine, wait};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::time::Duration;

const LISTEN: &str = "[kernel]\nmode = \"multicast\"\n[rules]\n";
const LISTENING: &str = "ringaudit: capturing by multicast";

/// With room for all that a flood makes: what does not fit is not sent again by the kernel.
fn listen(machine: &mut Machine, more: &str) -> Daemon {
    let room = if more.contains("receive") { "" } else { "receive_buffer_kib = 65536\n" };
    let config = LISTEN.replace("[rules]", &format!("{room}{more}\n[rules]"));
    let dir = tempfile::tempdir().unwrap();
    Daemon::start_until(machine, dir, &config, |_| {}, |_, daemon| daemon.stderr().starts_with(LISTENING))
}

/// One that wants another one's place, once it has said that it stands beside it.
fn challenge(machine: &mut Machine, how: &str) -> Daemon {
    let config = format!("[kernel]\ntake_over = \"{how}\"\nreceive_buffer_kib = 65536\n");
    let dir = tempfile::tempdir().unwrap();
    Daemon::start_until(
        machine,
        dir,
        &config,
        |_| {},
        |_, daemon| daemon.stderr().contains("; capturing by multicast until it "),
    )
}

fn serials(lines: &[Value]) -> BTreeSet<u64> {
    openings(lines).iter().map(|line| line["sequence"].as_u64().unwrap()).collect()
}

/// What a log has, each event once and whole.
fn whole(daemon: &Daemon) -> Vec<Value> {
    let lines = daemon.lines();
    let (holes, doubles) = holes_and_doubles(&lines);
    assert_eq!((holes, doubles), (vec![], vec![]), "{}", daemon.stderr());
    assert_eq!(losses(&lines), Vec::<String>::new());
    for line in openings(&lines) {
        let kinds: Vec<u64> =
            line["messages"].as_array().unwrap().iter().map(|r| r["type"].as_u64().unwrap()).collect();
        assert_eq!(kinds, [1300, 1307, 1302, 1327], "{line}");
    }
    lines
}

#[test]
fn a_listener_has_what_the_daemon_has_and_changes_nothing() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, ROOM);
    let before = machine.status();
    let rules = machine.own_rules();
    let mut listener = listen(&mut machine, "");
    let told = format!("{LISTENING} beside the audit daemon, pid {} (ringaudit)\n", daemon.pid());
    assert!(listener.stderr().starts_with(&told), "{}", listener.stderr());
    machine.flood.run(5_000);
    daemon.wait_for_openings(5_000);
    listener.wait_for_openings(5_000);
    assert_eq!((machine.status().pid, machine.own_rules()), (before.pid, rules));
    assert_eq!(machine.status().backlog_limit, before.backlog_limit);
    let Ended { code, stderr } = listener.stop();
    assert_eq!((code, stderr), (Some(0), told));
    assert_eq!(machine.status().pid, daemon.pid(), "the daemon stays registered");
    assert_eq!(daemon.stop(), quiet());
    assert_eq!(serials(&whole(&daemon)), serials(&whole(&listener)));
    assert_eq!(serials(&listener.lines()).len(), 5_000);
}

#[test]
fn a_listener_that_was_too_slow_counts_what_it_missed() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "");
    let mut whole = listen(&mut machine, "");
    let mut slow = listen(&mut machine, "receive_buffer_kib = 256");
    slow.signal("STOP");
    let flood = |count| assert!(machine.flood.start(count, 2_000).wait().unwrap().success());
    flood(2_000);
    whole.wait_for_openings(2_000);
    slow.signal("CONT");
    flood(10);
    whole.wait_for_openings(2_010);
    // As the kernel counts it, so to the record; the two began one record apart.
    assert_eq!(whole.stop().code, Some(0));
    assert_eq!(slow.stop().code, Some(0));
    let records = |daemon: &Daemon| -> u64 {
        let text = daemon.stderr().split_once("stopped; records: ").unwrap().1.to_owned();
        text.split(',').next().unwrap().parse().unwrap()
    };
    let losses = losses(&slow.lines());
    let lost = losses.iter().rfind(|loss| loss.starts_with("op=loss place=multicast ")).expect("a loss");
    let lost: u64 = lost.split_once("total=").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(lost > 1_000, "{losses:?}");
    let (expected, found) = (records(&whole), records(&slow) + lost);
    assert!(expected.abs_diff(found) <= 8, "{expected} records, {found} of them read or counted as lost");
    assert!(losses.iter().any(|loss| loss.starts_with("op=loss place=serial-gap ")), "{losses:?}");
    assert_eq!(daemon.stop(), quiet());
}

/// Each event that it writes would make it write another one.
#[test]
fn a_listener_leaves_out_what_it_does_itself() {
    let mut machine = Machine::take();
    let mut listener = listen(&mut machine, "enabled = true");
    let rule = format!("-a always,exit -F arch=b64 -S openat -F pid={} -k own", listener.pid());
    let change = |action: &str| {
        let words = rule.replacen("-a", action, 1);
        let status = Command::new("auditctl").args(words.split(' ')).status().unwrap();
        assert!(status.success(), "auditctl {words}");
    };
    change("-a");
    for _ in 0..5 {
        listener.signal("USR1");
        std::thread::sleep(Duration::from_millis(400));
    }
    change("-d");
    let Ended { code, stderr } = listener.stop();
    assert_eq!(code, Some(0), "{stderr}");
    let told = listener.stderr();
    let filtered = told.split_once(", filtered: ").unwrap().1.lines().next().unwrap().to_owned();
    let filtered: u64 = filtered.split(',').next().unwrap().parse().unwrap();
    assert!((5..100).contains(&filtered), "{told}");
    let own = format!(" pid={} ", listener.pid());
    // That it listens is told (EVENT_LISTENER, since Linux 5.7), though it is its own doing.
    let lines = listener.lines();
    let others = lines.iter().filter(|line| line["messages"][0]["type"] != 1335);
    assert_eq!(others.filter(|line| line.to_string().contains(&own)).count(), 0, "{told}");
}

#[test]
fn a_listener_needs_one_capability_and_the_first_network() {
    let machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let with = |config: &str, wrapper: &[&str]| {
        let config = write_config(dir.path(), &machine, config);
        run(Command::new("timeout").arg("20").args(wrapper).arg(*BINARY).arg("-c").arg(config))
    };
    let code_3 = |message: &str| Ended { code: Some(3), stderr: format!("ringaudit: {message}\n") };
    let no_read = ["setpriv", "--bounding-set", "-audit_read"];
    let expected = code_3("the capability CAP_AUDIT_READ is missing; run as root or grant it");
    assert_eq!(with(LISTEN, &no_read), expected);
    let expected = "this process is in a container's network namespace, to which the kernel sends no records by \
                    multicast; run it in the initial one";
    assert_eq!(with(LISTEN, &["unshare", "-n"]), code_3(expected));
    // Rules and settings are another capability's business.
    let no_control = ["setpriv", "--bounding-set", "-audit_control"];
    let expected = code_3("the capability CAP_AUDIT_CONTROL is missing; run as root or grant it");
    for config in
        ["[kernel]\nmode = \"multicast\"\n", &LISTEN.replace("\n[rules]", "\nenabled = true\n[rules]")]
    {
        assert_eq!(with(config, &no_control), expected, "{config}");
    }
}

#[test]
fn a_listener_works_without_the_right_to_change_anything() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "");
    let change = |command: &mut Command| {
        let (program, words) = (command.get_program().to_owned(), command.get_args().map(Into::into));
        let words: Vec<std::ffi::OsString> = words.collect();
        let stderr = std::fs::File::create(std::path::Path::new(&words[1]).parent().unwrap().join("stderr"));
        *command = Command::new("setpriv");
        command.args(["--bounding-set", "-audit_control"]).arg(program).args(words).stderr(stderr.unwrap());
    };
    let dir = tempfile::tempdir().unwrap();
    let mut listener = Daemon::start_until(&mut machine, dir, LISTEN, change, |_, daemon| {
        daemon.stderr().starts_with(LISTENING)
    });
    machine.flood.run(100);
    listener.wait_for_openings(100);
    let Ended { code, stderr } = listener.stop();
    assert_eq!((code, stderr.as_str()), (Some(0), "ringaudit: capturing by multicast\n"));
    assert_eq!(daemon.stop(), quiet());
    whole(&listener);
}

/// Every opening is in the log of the one that took over, once; and all that it said.
fn all_of(flood: &mut Child, count: usize, daemon: &mut Daemon) -> String {
    assert!(flood.wait().unwrap().success());
    daemon.wait_for_openings(count);
    let Ended { code, stderr } = daemon.stop();
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(serials(&whole(daemon)).len(), count, "{stderr}");
    stderr
}

#[test]
fn who_waits_takes_the_place_with_every_event() {
    for signal in ["TERM", "KILL"] {
        let mut machine = Machine::take();
        let (dir, config) = (tempfile::tempdir().unwrap(), "[rules]\n[kernel]\nrestore = []\n");
        let mut first = Daemon::start_until(
            &mut machine,
            dir,
            config,
            |_| {},
            |machine, daemon| machine.status().pid == daemon.pid(),
        );
        let mut second = challenge(&mut machine, "wait");
        let (count, rate) = (10_000, 4_000);
        // The rule is the first one's to load here, since the second one loads its own later.
        let rule = machine.flood.rule();
        assert!(Command::new("auditctl").args(rule.split(' ')).status().unwrap().success());
        let mut flood = machine.flood.start(count, rate);
        std::thread::sleep(Duration::from_millis(500));
        let pid = first.pid();
        first.signal(signal);
        let _ = first.child().wait();
        wait("the second one's registration", || machine.status().pid == second.pid());
        let told = all_of(&mut flood, 10_000, &mut second);
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(
            lines[0],
            format!(
                "ringaudit: warning: another audit daemon holds the kernel's audit socket: pid {pid} (ringaudit); \
                 capturing by multicast until it ends"
            )
        );
        let took =
            format!("ringaudit: registered as the audit daemon in the place of pid {pid} (ringaudit), ");
        assert!(lines[1].starts_with(&took), "{told}");
        let end = "it was found there; what came meanwhile was captured by multicast; lost by the kernel in between: 0";
        assert!(lines[1].ends_with(end), "{told}");
        assert_eq!(lines.len(), 2, "{told}");
    }
}

#[test]
fn who_replaces_makes_the_other_one_end() {
    let mut machine = Machine::take();
    let mut first = Daemon::start(&mut machine, "[kernel]\nrestore = []\n");
    let (count, rate) = (10_000, 4_000);
    let mut flood = machine.flood.start(count, rate);
    // The first one's rule goes with it and comes with the second one.
    first.wait_for_openings(100);
    let config = "[kernel]\ntake_over = \"replace\"\nreceive_buffer_kib = 65536\n";
    let dir = tempfile::tempdir().unwrap();
    let mut second = Daemon::start_in(&mut machine, dir, config, |_| {});
    assert_eq!(first.ended(), quiet());
    assert!(flood.wait().unwrap().success());
    second.wait_for_openings(100);
    let Ended { code, stderr } = second.stop();
    let pid = first.pid();
    let asked = format!(
        "ringaudit: warning: replacing the audit daemon: SIGTERM was sent to pid {pid} (ringaudit); capturing by \
         multicast until it has ended\n"
    );
    assert!(code == Some(0) && stderr.starts_with(&asked), "{stderr}");
    // No hole in either, and none between: the second one had begun before the first one ended.
    let (one, other) = (whole(&first), whole(&second));
    let serials = |lines: &[Value]| -> BTreeSet<u64> {
        lines.iter().filter_map(|line| line["sequence"].as_u64()).filter(|&serial| serial != 0).collect()
    };
    let (one, other) = (serials(&one), serials(&other));
    assert!(other.first() <= one.last(), "{:?} {:?}", one.last(), other.first());
}

#[test]
fn a_place_that_was_taken_is_waited_for() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let config = "[kernel]\ntake_over = \"wait\"\n";
    let mut first = Daemon::start_in(&mut machine, dir, config, |_| {});
    // The kernel forgets the first one, and the second one is quicker.
    crate::forget::connect(first.pid(), 4_000_000_000);
    machine.flood.run(1);
    wait("the kernel to forget its daemon", || machine.status().pid == 0);
    let mut second = Daemon::start(&mut machine, "");
    crate::forget::connect(first.pid(), 0);
    let beside = format!("holds the kernel's audit socket: pid {} (ringaudit); capturing by", second.pid());
    wait("the first one's look", || first.stderr().contains(&beside));
    assert!(
        first.stderr().contains(&format!("the registration was lost to pid {} (ringaudit)", second.pid()))
    );
    machine.flood.run(10);
    assert_eq!(second.stop(), quiet());
    wait("the first one's registration", || machine.status().pid == first.pid());
    assert_eq!(first.stop().code, Some(0));
    let both = (serials(&first.lines()), serials(&second.lines()));
    assert!(both.0.is_superset(&both.1) && both.1.len() == 10, "{both:?}");
}
