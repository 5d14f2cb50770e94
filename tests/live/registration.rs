//! A registration that is lost while the daemon runs: told, and regained at the next check.

use crate::daemon::{Daemon, Ended, losses, openings};
use crate::machine::{Machine, wait};
use std::process::Command;

/// Takes duplicates of a process's netlink sockets (pidfd_open, pidfd_getfd: 434 and 438 on every
/// architecture) and connects them elsewhere, so that the kernel's next record is refused (af_netlink.c,
/// netlink_getsockbyportid) and it forgets its daemon; or ends that again. Perl: a part of every Debian.
const CONNECT: &str = r#"
my ($pid, $port) = @ARGV;
my $handle = syscall(434, $pid + 0, 0);
die "pidfd_open: $!" if $handle < 0;
my $done = 0;
for my $path (glob "/proc/$pid/fd/*") {
    next unless (readlink($path) // "") =~ /^socket:/;
    my ($number) = $path =~ /(\d+)$/;
    my $own = syscall(438, $handle, $number + 0, 0);
    die "pidfd_getfd: $!" if $own < 0;
    open(my $socket, "+<&=", $own) or die "open: $!";
    next unless unpack("S", getsockname($socket)) == 16;
    connect($socket, pack("SSLL", $port ? 16 : 0, 0, $port, 0)) or die "connect: $!";
    $done++;
}
die "$done netlink sockets, not 2" unless $done == 2;
"#;

pub(crate) fn connect(pid: u32, port: u32) {
    let words = ["-e", CONNECT, &pid.to_string(), &port.to_string()];
    assert!(Command::new("perl").args(words).status().unwrap().success());
}

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
