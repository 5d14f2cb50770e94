//! How the kernel is made to forget its daemon while that runs.

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
