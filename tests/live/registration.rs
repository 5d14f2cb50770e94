//! A registration that is lost while the daemon runs: told, and regained at the next check.

use crate::daemon::{Daemon, Ended, losses, openings};
use crate::forget::connect;
use crate::machine::{Machine, wait};

#[test]
fn a_lost_registration_is_told_and_regained() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "");
    machine.flood.run(3);
    daemon.wait_for_openings(3);
    connect(daemon.pid(), 4_000_000_000);
    machine.flood.run(1);
    wait("the kernel to forget its daemon", || machine.status().pid == 0);
    connect(daemon.pid(), 0);
    wait("the registration", || machine.status().pid == daemon.pid());
    machine.flood.run(7);
    daemon.wait_for_openings(10);
    let Ended { code, stderr } = daemon.stop();
    let expected = "ringaudit: warning: the registration was lost: the kernel has no audit daemon; registering again\n\
                    ringaudit: registered again as the audit daemon\n";
    assert_eq!((code, stderr.as_str()), (Some(0), expected));
    let lines = daemon.lines();
    let losses = losses(&lines);
    assert!(
        losses.contains(&"op=loss place=registration lost=1 total=1 unit=times".to_owned()),
        "{losses:?}"
    );
    let openings = openings(&lines).len();
    assert!((10..=11).contains(&openings), "{openings}: the one between may be held back and come later");
}
