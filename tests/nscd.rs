//! Names from Debian's own nscd, in a mount namespace of its own with users and groups that this host does not
//! have. Its socket is reached through /proc/PID/root, so that no other program here meets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ringaudit::enrich::nscd::{Nscd, Table};
use ringaudit::enrich::users::Users;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SCRIPT: &str = "set -e
mount -t tmpfs none /var/cache/nscd
mkdir -p /run/nscd
mount -t tmpfs none /run/nscd
mount --bind passwd /etc/passwd
mount --bind group /etc/group
exec timeout 60 nscd -F -f conf";
const CONF: &str = "paranoia no
enable-cache passwd yes
enable-cache group yes
persistent passwd no
persistent group no
shared passwd no
shared group no
";
const PASSWD: &str = "root:x:0:0::/root:/bin/sh
from-afar:x:70001:70001:of a directory:/home:/bin/sh
";
const GROUP: &str = "root:x:0:
crowd:x:70002:root,from-afar,one,two,three
empty:x:70003:
";

/// Ends the daemon, and nothing else.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // To `timeout`, which ends nscd with the same signal.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// nscd is left alone for 30 s after an answer that came later than it is waited for.
const PAUSE: Duration = Duration::from_secs(31);

/// Goes on until it holds. `act` asks, by the time that it is given; where a busy machine makes an answer late, that
/// time goes on past the pause, so that nobody waits for it.
fn until(
    users: &mut Users,
    now: &mut Instant,
    act: impl Fn(&mut Users, Instant),
    holds: impl Fn(&Users) -> bool,
) {
    let start = Instant::now();
    loop {
        act(users, *now);
        if holds(users) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "nscd does not answer in time");
        std::thread::sleep(Duration::from_millis(1));
        *now += PAUSE;
    }
}

/// Asks for an id until its name is there.
fn ask(users: &mut Users, id: u32, name: &str, now: &mut Instant) {
    let is_there = |users: &Users| users.name_of_id(id) == Some(name.as_bytes());
    until(users, now, |users, now| users.ask(id, now), is_there);
}

#[test]
fn nscd_knows_what_the_files_do_not() {
    let need = Path::new(env!("CARGO_MANIFEST_DIR")).join("cross/need");
    assert!(Command::new(need).args(["nscd=nscd", "unshare=util-linux"]).status().unwrap().success());
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("conf", CONF), ("passwd", PASSWD), ("group", GROUP)] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", SCRIPT]).current_dir(dir.path()).stdin(Stdio::null());
    let daemon = Daemon(command.spawn().unwrap());
    let socket = format!("/proc/{}/root/run/nscd/socket", daemon.0.id());
    let start = Instant::now();
    while !Path::new(&socket).exists() {
        assert!(start.elapsed() < Duration::from_secs(10), "nscd does not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The socket is there before it is listened on.
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "nscd does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }

    let mut now = Instant::now();
    let table = |table| Users::new("/nonexistent").with_nscd(Nscd::new(&socket, table));
    let (mut users, mut groups) = (table(Table::Users), table(Table::Groups));
    assert_eq!(users.name_of_id(70001), None, "not asked yet");
    let asked = Instant::now();
    for id in [0, 70001, 70009, u32::MAX] {
        users.ask(id, now);
    }
    for id in [0, 70002, 70003, 70009] {
        groups.ask(id, now);
    }
    println!("eight questions in {:?}", asked.elapsed());
    for (id, name) in [(0, "root"), (70001, "from-afar")] {
        ask(&mut users, id, name, &mut now);
    }
    for (id, name) in [(0, "root"), (70002, "crowd"), (70003, "empty")] {
        ask(&mut groups, id, name, &mut now);
    }
    assert_eq!(users.name_of_id(0), Some(&b"root"[..]));
    assert_eq!(users.name_of(b"70001"), Some(&b"from-afar"[..]));
    assert_eq!((users.name_of_id(70009), users.name_of_id(u32::MAX)), (None, None));
    assert_eq!(groups.name_of_id(0), Some(&b"root"[..]));
    assert_eq!(groups.name_of_id(70002), Some(&b"crowd"[..]), "behind its members' lengths");
    assert_eq!(groups.name_of_id(70003), Some(&b"empty"[..]));
    assert_eq!(groups.name_of_id(70009), None);

    // More ids than are kept: the latest are there, the oldest are not.
    now += Duration::from_secs(1);
    let all = |users: &mut Users, now| (1..=256).for_each(|id| users.ask(id, now));
    until(&mut users, &mut now, all, |users| {
        users.name_of_id(0).is_none() && users.name_of_id(70001).is_none()
    });
    now += Duration::from_secs(1);
    ask(&mut users, 70001, "from-afar", &mut now);
    assert_eq!(users.name_of_id(70001), Some(&b"from-afar"[..]));

    // When it has gone, what it said stays.
    drop(daemon);
    users.ask(70001, now + Duration::from_secs(120));
    assert_eq!(users.name_of_id(70001), Some(&b"from-afar"[..]));
}
