//! The real root that is moved onto an initramfs' root, as switch_root(8) does it, in a mount namespace of its own: the
//! daemon that was started before goes on in the real root's program, with the real root's config.

use crate::bench::{ROOM, file, ring};
use crate::daemon::{BINARY, Daemon, holes_and_doubles, losses, openings, parse};
use crate::machine::Machine;
use std::fs;
use std::process::Command;

/// Makes a root of a file system in memory, with this system's programs, and starts the daemon beside it.
const PREPARE: &str = r#"
set -e
mount --make-rprivate /
mkdir "$DIR/new"
mount -t tmpfs tmpfs "$DIR/new"
cd "$DIR/new"
for name in bin sbin lib lib64 usr etc dev; do
    if [ -L /$name ]; then cp -a /$name .; elif [ -d /$name ]; then mkdir $name; mount --rbind /$name $name; fi
done
mkdir -p proc run "./$DIR"
mount --bind "$DIR" "./$DIR"
cp "$PROGRAM" next
sed "s|/log'|/log2'|" "$DIR/config.toml" > real.toml
echo real > marker
cd /
exec "$@"
"#;

/// What an initramfs does last, and what the real root's init does first.
const SWITCH: &str = r#"
set -e
cd "$DIR/new"
mount --move /proc proc
mount --move . /
exec chroot . /next upgrade -s "$DIR/socket" -c /real.toml /next
"#;

#[test]
fn the_daemon_follows_a_switch_of_the_root() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let (folder, rule) = (dir.path().display().to_string(), machine.flood.rule());
    let config = format!(
        "[status]\nsocket = '{folder}/socket'\n{ROOM}{}[sandbox]\nenabled = false\n[rules]\n\
         at_exit = \"remove\"\nlines = ['{rule}']\n{}",
        ring(8192),
        file(dir.path(), "log", "")
    );
    let mut daemon = Daemon::start_in(&mut machine, dir, "", |command| {
        let path = command.get_args().last().unwrap().to_owned();
        fs::write(path, config).unwrap();
        let words: Vec<_> = std::iter::once(command.get_program().to_owned())
            .chain(command.get_args().map(ToOwned::to_owned))
            .collect();
        let stderr = fs::File::create(format!("{folder}/stderr")).unwrap();
        *command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", PREPARE, "sh"]).args(words);
        command.env("DIR", &folder).env("PROGRAM", *BINARY).stderr(stderr);
    });
    let pid = daemon.pid();
    let mut flood = machine.flood.start(10_000, 5000);
    daemon.wait_for_openings(1000);
    let output = Command::new("nsenter")
        .args(["--target", &pid.to_string(), "--mount", "sh", "-c", SWITCH])
        .env("DIR", daemon.dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}; {}", daemon.stderr());
    // The same process, in the new root, with its program and its config.
    assert_eq!(machine.status().pid, pid);
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/root/marker")).unwrap(), "real\n");
    assert!(fs::read_link(format!("/proc/{pid}/exe")).unwrap().ends_with("next"));
    assert!(flood.wait().unwrap().success());
    assert_eq!(daemon.stop().code, Some(0), "{}", daemon.stderr());
    let read = |name: &str| parse(&fs::read(daemon.dir.path().join(name)).unwrap());
    let (before, after) = (read("log"), read("log2"));
    assert!(openings(&before).len() >= 1000 && !openings(&after).is_empty());
    let lines: Vec<_> = before.into_iter().chain(after).collect();
    assert_eq!(losses(&lines), Vec::<String>::new(), "{}", daemon.stderr());
    assert_eq!(openings(&lines).len(), 10_000);
    assert_eq!(holes_and_doubles(&lines), (vec![], vec![]));
}
