//! What `make install` puts on a machine, and the script for busybox, without the kernel: services_live has the rest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// Installs this binary below the folder; gives config, unit and the script for OpenRC.
fn installed(dir: &Path, binary: &Path) -> [String; 3] {
    let root = dir.display();
    let words =
        [format!("BIN={}", binary.display()), format!("PREFIX={root}"), format!("SYSCONFDIR={root}/etc")];
    let made = Command::new("make").arg("install").args(words).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    ["etc/ringaudit.toml", "lib/systemd/system/ringaudit.service", "share/ringaudit/openrc/ringaudit"]
        .map(|path| fs::read_to_string(dir.join(path)).unwrap())
}

/// A binary with few features is played: it refuses the example, and its help does not know the flag.
#[test]
fn what_is_installed_suits_the_binary() {
    let dir = tempfile::tempdir().unwrap();
    let few = dir.path().join("few");
    script(&few, "[ \"$1\" != check ] || exit 2");
    let foreign = dir.path().join("foreign");
    script(&foreign, "exit 126");
    for (name, binary) in [("a", few), ("b", foreign)] {
        let [config, unit, openrc] = installed(&dir.path().join(name), &binary);
        assert_eq!(config, fs::read_to_string("contrib/ringaudit-small.toml").unwrap());
        assert!(unit.contains("\nType=exec\n") && !unit.contains("\nWatchdogSec="), "{unit}");
        let lines = ["\ncommand_background=yes\n", "\ncommand_args=\"run $RINGAUDIT_OPTS\"\n"];
        assert!(lines.iter().all(|line| openrc.contains(line)) && !openrc.contains("daemonize"), "{openrc}");
    }
    if cfg!(all(feature = "status", feature = "sandbox", feature = "coexist", feature = "supervise")) {
        let [config, unit, openrc] =
            installed(&dir.path().join("c"), Path::new(env!("CARGO_BIN_EXE_ringaudit")));
        assert_eq!(config, fs::read_to_string("contrib/ringaudit.toml").unwrap());
        assert!(unit.contains("\nType=notify\n") && unit.contains("\nWatchdogSec="), "{unit}");
        assert!(openrc.contains("--daemonize"), "{openrc}");
    }
}

/// This one has the features that the test was built with; `tests/run static` asks the static ones.
#[test]
fn the_small_config_suits_each_binary() {
    let output = Command::new(env!("CARGO_BIN_EXE_ringaudit"))
        .args(["check", "-c", "contrib/ringaudit-small.toml"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `check` refuses what `run` leaves out. Daemon and start-stop-daemon are played.
#[test]
fn the_script_for_busybox_starts_what_check_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let text = fs::read_to_string("contrib/busybox/S02ringaudit").unwrap();
    let text = text.replace("/usr/local/sbin", dir.path().to_str().unwrap());
    let text = text.replace("/etc/default/ringaudit", path("default").to_str().unwrap());
    script(&path("S02ringaudit"), &text);
    // The process whose id is in the file stands for the daemon: this one runs, the highest id is nobody's.
    for (pid, code) in [(std::process::id(), 0), (0x7fff_ffff, 1)] {
        script(&path("ringaudit"), "echo \"a rule is wrong\" >&2; exit 2");
        script(&path("start-stop-daemon"), &format!("echo {pid} >\"$RINGAUDIT_PIDFILE\""));
        let _ = fs::remove_file(path("pid"));
        let started = Command::new(path("S02ringaudit"))
            .arg("start")
            .env("RINGAUDIT_PIDFILE", path("pid"))
            .env("PATH", format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap()))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&started.stderr), "a rule is wrong\n");
        assert_eq!(started.status.code(), Some(code), "{pid}");
    }
}
