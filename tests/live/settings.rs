//! The kernel's settings and rules: made as configured, and put back or left at the end.

use crate::daemon::{Daemon, Ended, quiet};
use crate::machine::Machine;
use ringaudit::wire::status::{Field, Status};

/// What a test may compare: neither counters nor the daemon.
fn settings(status: &Status) -> [u32; 4] {
    [Field::Enabled, Field::Failure, Field::BacklogLimit, Field::BacklogWaitTime]
        .map(|field| status.get(field).unwrap())
}

#[test]
fn the_defaults_are_set_and_all_is_put_back() {
    let mut machine = Machine::take();
    machine.set(Field::Enabled, 0);
    machine.set(Field::Failure, 1);
    machine.set(Field::BacklogLimit, 123);
    machine.set(Field::BacklogWaitTime, 4567);
    let mut daemon = Daemon::start(&mut machine, "");
    assert_eq!(settings(&machine.status()), [1, 1, 8192, 0]);
    assert_eq!(machine.own_rules().len(), 1);
    assert_eq!(daemon.stop(), quiet());
    assert_eq!(
        daemon.stderr().lines().find(|line| line.contains("capturing")),
        Some("ringaudit: capturing; rules added: 1, already there: 0")
    );
    assert_eq!(settings(&machine.status()), [0, 1, 123, 4567]);
    assert_eq!(machine.own_rules().len(), 0);
    assert_eq!(machine.status().pid, 0);
}

#[test]
fn settings_are_made_and_left_as_configured() {
    let mut machine = Machine::take();
    machine.set(Field::Enabled, 0);
    machine.set(Field::Failure, 1);
    machine.set(Field::BacklogLimit, 123);
    machine.set(Field::BacklogWaitTime, 4567);
    let config = format!(
        "[kernel]\nfailure = \"silent\"\nbacklog_limit = 77\nbacklog_wait_time = \"leave\"\n\
         restore = [\"failure\"]\n[rules]\nat_exit = \"leave\"\nlines = ['{}']\n",
        machine.flood.rule()
    );
    let mut daemon = Daemon::start(&mut machine, &config);
    assert_eq!(settings(&machine.status()), [1, 0, 77, 4567]);
    assert_eq!(daemon.stop(), quiet());
    assert_eq!(settings(&machine.status()), [1, 1, 77, 4567]);
    assert_eq!(machine.own_rules().len(), 1, "the rule stays");
    // Started again, the rule is there already; this is told.
    let config = config.replace("at_exit = \"leave\"", "at_exit = \"remove\"");
    let mut daemon = Daemon::start(&mut machine, &config);
    machine.flood.run(3);
    daemon.wait_for_openings(3);
    assert_eq!(daemon.stop(), quiet());
    assert_eq!(
        daemon.stderr().lines().find(|line| line.contains("capturing")),
        Some("ringaudit: capturing; rules added: 0, already there: 1")
    );
    assert_eq!(machine.own_rules().len(), 1, "it is not this daemon's to remove");
}

#[test]
fn a_rule_that_the_kernel_refuses_leaves_the_others_in_force() {
    let mut machine = Machine::take();
    let config = format!(
        "[rules]\nat_exit = \"remove\"\nlines = [\n'-w /nonexistent/parent/file -p wa',\n'{}',\n]\n",
        machine.flood.rule()
    );
    let mut daemon = Daemon::start(&mut machine, &config);
    machine.flood.run(5);
    daemon.wait_for_openings(5);
    let stderr = format!(
        "ringaudit: error: {}:4:2: \"/nonexistent/parent\" does not exist: make it before the rule is loaded\n",
        daemon.dir.path().join("config.toml").display()
    );
    assert_eq!(daemon.stop(), Ended { code: Some(0), stderr });
    assert_eq!(machine.own_rules().len(), 0);
}
