//! The files in contrib/ that service managers start the daemon from, in the hands of these managers: systemd (its
//! user instance, which root may run in a mount namespace where the machine seems to be booted with it), OpenRC and
//! runit (Debian's, unpacked and not installed), and the script for busybox; busybox's own init is in tests/boot. Each
//! starts, reloads, restarts and stops it. And what a service manager is told, by a socket in its place.
//! Needs what tests/live needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
#[path = "../live/flood.rs"]
mod flood;
#[allow(dead_code)]
#[path = "../live/machine.rs"]
mod machine;

mod background;
mod notify;

use machine::{Machine, wait};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_ringaudit");

/// A folder with all that `make install` puts on a machine, below it, and a config.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(machine: &Machine) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display();
        let words = [format!("BIN={BINARY}"), format!("PREFIX={path}"), format!("SYSCONFDIR={path}/etc")];
        let made = Command::new("make").arg("install").args(words).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let place = Self { dir };
        place.configure(&format!("[rules]\nat_exit = \"remove\"\nlines = ['{}']\n", machine.flood.rule()));
        place
    }

    fn configure(&self, text: &str) {
        let output = format!(
            "[status]\nsocket = '{}'\n[[output]]\ntype = \"file\"\nformat = \"go-audit\"\npath = '{}'\n",
            self.path("socket").display(),
            self.log().display()
        );
        fs::write(self.path("config.toml"), text.to_owned() + &output).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn log(&self) -> PathBuf {
        self.path("log")
    }

    /// The variable that all of the files read.
    fn options(&self) -> String {
        format!("-c {}", self.path("config.toml").display())
    }
}

fn openings(log: &Path) -> usize {
    fs::read_to_string(log).unwrap_or_default().matches(flood::NOWHERE).count()
}

/// What a manager can be asked for.
trait Manager {
    fn ask(&mut self, word: &str);
}

/// The daemon, ended when a test has failed.
struct Guard<'a>(&'a mut Machine);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let pid = self.0.status().pid;
        if pid != 0 && fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.ends_with("ringaudit")) {
            let _ = Command::new("kill").arg(pid.to_string()).status();
            wait("the end", || self.0.status().pid == 0);
        }
    }
}

/// Starts it, reloads, restarts and stops it; each with what it is for.
fn life(machine: &mut Machine, place: &Place, manager: &mut dyn Manager) {
    let log = place.log();
    let guard = Guard(machine);
    let machine = &mut *guard.0;
    manager.ask("start");
    wait("the registration", || machine.status().pid != 0 && !machine.own_rules().is_empty());
    let first = machine.status().pid;
    machine.flood.run(10);
    wait("10 events", || openings(&log) >= 10);
    fs::rename(&log, place.path("old")).unwrap();
    manager.ask("reload");
    wait("the file's reopening", || log.exists());
    machine.flood.run(10);
    wait("10 events", || openings(&log) >= 10);
    assert_eq!(machine.status().pid, first, "a reload ends nothing");
    manager.ask("restart");
    wait("another registration", || {
        let pid = machine.status().pid;
        pid != 0 && pid != first && !machine.own_rules().is_empty()
    });
    wait("the end of the first one", || !Path::new(&format!("/proc/{first}/exe")).exists());
    let second = machine.status().pid;
    machine.flood.run(10);
    wait("10 events", || openings(&log) >= 20);
    manager.ask("stop");
    // A zombie has no program; not every first process of a machine is quick to bury it.
    wait("the end", || !Path::new(&format!("/proc/{second}/exe")).exists());
    assert_eq!(machine.status().pid, 0);
    assert!(machine.own_rules().is_empty());
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Debian's programs, unpacked.
fn tools() -> PathBuf {
    let output = Command::new("tests/services_live/tools").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // A manager that gets SIGTERM ends what it has started.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        for _ in 0..100 {
            if self.0.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Runit {
    service: PathBuf,
    sv: PathBuf,
    _runsv: Killed,
}

impl Manager for Runit {
    fn ask(&mut self, word: &str) {
        let word = if word == "reload" { "hup" } else { word };
        let output = Command::new(&self.sv).args(["-w", "30", word]).arg(&self.service).output().unwrap();
        assert!(output.status.success(), "sv {word}: {}", said(&output));
    }
}

#[test]
fn runit() {
    let mut machine = Machine::take();
    let (place, tools) = (Place::new(&machine), tools());
    let service = place.path("share/ringaudit/runit");
    fs::write(service.join("conf"), format!("RINGAUDIT_OPTS='{}'\n", place.options())).unwrap();
    fs::write(service.join("down"), "").unwrap();
    let runsv =
        Command::new(tools.join("usr/bin/runsv")).arg(&service).stdout(Stdio::null()).spawn().unwrap();
    let _runsv = Killed(runsv);
    wait("runsv", || service.join("supervise/ok").exists());
    let mut runit = Runit { service: service.clone(), sv: tools.join("usr/bin/sv"), _runsv };
    life(&mut machine, &place, &mut runit);
    // A wrong config is not tried again and again.
    place.configure("[kernel]\nmode = \"unicats\"\n");
    let mut sv = Command::new(&runit.sv);
    let _ = sv.args(["-w", "1", "start"]).arg(&service).output().unwrap();
    let status = || fs::read_to_string(service.join("supervise/stat")).unwrap_or_default();
    wait("runit to give it up", || status().trim() == "down");
}

struct Openrc {
    child: Killed,
    answers: BufReader<ChildStdout>,
    dir: PathBuf,
}

impl Manager for Openrc {
    fn ask(&mut self, word: &str) {
        writeln!(self.child.0.stdin.as_mut().unwrap(), "{word}").unwrap();
        let mut code = String::new();
        self.answers.read_line(&mut code).unwrap();
        let said = || fs::read_to_string(self.dir.join("out")).unwrap_or_default();
        assert_eq!(code.trim(), "0", "{word}: {}", said());
    }
}

#[test]
fn openrc() {
    let mut machine = Machine::take();
    let (place, tools) = (Place::new(&machine), tools());
    let dir = place.path("openrc");
    fs::create_dir(&dir).unwrap();
    fs::copy(place.path("share/ringaudit/openrc/ringaudit"), dir.join("ringaudit")).unwrap();
    let pid = dir.join("pid");
    let conf = format!("RINGAUDIT_OPTS='{}'\nRINGAUDIT_PIDFILE='{}'\n", place.options(), pid.display());
    fs::write(dir.join("conf"), conf).unwrap();
    let mut command = Command::new("tests/services_live/openrc");
    command.arg(tools).arg(&dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    let answers = BufReader::new(child.0.stdout.take().unwrap());
    let mut openrc = Openrc { child, answers, dir };
    life(&mut machine, &place, &mut openrc);
    openrc.ask("start");
    // It works when the start is over, and says so.
    assert_eq!(fs::read_to_string(&pid).unwrap(), format!("{}\n", machine.status().pid));
    openrc.ask("status");
    openrc.ask("stop");
    assert!(!pid.exists());
    place.configure("[kernel]\nmode = \"unicats\"\n");
    writeln!(openrc.child.0.stdin.as_mut().unwrap(), "start").unwrap();
    let mut code = String::new();
    openrc.answers.read_line(&mut code).unwrap();
    assert_ne!(code.trim(), "0", "a wrong config is the error of the start");
}

struct Script(PathBuf, PathBuf);

impl Manager for Script {
    fn ask(&mut self, word: &str) {
        let mut command = Command::new(&self.0);
        let output = command.arg(word).env("RINGAUDIT_PIDFILE", &self.1).output().unwrap();
        assert!(output.status.success(), "{word}: {}", said(&output));
    }
}

#[test]
fn the_script_for_busybox() {
    let mut machine = Machine::take();
    let place = Place::new(&machine);
    let path = place.path("share/ringaudit/busybox/S02ringaudit");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("/etc/default/ringaudit", &place.path("default").display().to_string());
    fs::write(&path, text).unwrap();
    fs::write(place.path("default"), format!("RINGAUDIT_OPTS='{}'\n", place.options())).unwrap();
    life(&mut machine, &place, &mut Script(path, place.path("pid")));
}

struct Systemd {
    manager: Killed,
}

impl Systemd {
    fn start(place: &Place) -> Self {
        let home = place.path("home");
        let units = home.join(".config/systemd/user");
        fs::create_dir_all(units.join("ringaudit.service.d")).unwrap();
        fs::copy(place.path("lib/systemd/system/ringaudit.service"), units.join("ringaudit.service"))
            .unwrap();
        fs::write(units.join("ringaudit.service.d/test.conf"), "[Service]\nWatchdogSec=4\n").unwrap();
        let inside = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/x && chmod 700 /run/x && \
                      exec /lib/systemd/systemd --user --log-target=console --unit=basic.target";
        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-c", inside]);
        command.env("HOME", &home).env("XDG_RUNTIME_DIR", "/run/x").stdin(Stdio::null());
        command.stderr(fs::File::create(place.path("systemd")).unwrap()).stdout(Stdio::null());
        let systemd = Self { manager: Killed(command.spawn().unwrap()) };
        wait("systemd", || systemd.ctl(&["is-active", "basic.target"]).status.success());
        let options = format!("RINGAUDIT_OPTS={}", place.options());
        assert!(systemd.ctl(&["set-environment", &options]).status.success());
        systemd
    }

    fn ctl(&self, words: &[&str]) -> Output {
        let mount = format!("--mount=/proc/{}/ns/mnt", self.manager.0.id());
        let mut command = Command::new("nsenter");
        command.args([&mount, "systemctl", "--user"]).args(words).env("XDG_RUNTIME_DIR", "/run/x");
        command.output().unwrap()
    }

    fn show(&self, property: &str) -> String {
        let shown = self.ctl(&["show", "--value", "-p", property, "ringaudit.service"]);
        String::from_utf8(shown.stdout).unwrap().trim().to_owned()
    }
}

impl Manager for Systemd {
    fn ask(&mut self, word: &str) {
        let output = self.ctl(&[word, "ringaudit.service"]);
        assert!(output.status.success(), "systemctl {word}: {}", said(&output));
    }
}

#[test]
fn systemd() {
    let mut machine = Machine::take();
    let place = Place::new(&machine);
    let mut systemd = Systemd::start(&place);
    life(&mut machine, &place, &mut systemd);
    systemd.ask("start");
    // Type=notify: it works when the start is over.
    let pid = machine.status().pid;
    assert_eq!(
        (systemd.show("MainPID"), systemd.show("StatusText")),
        (pid.to_string(), "capturing".to_owned())
    );
    // The watchdog is content for longer than its time, and not with a daemon that stands still.
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(machine.status().pid, pid);
    assert!(Command::new("kill").args(["-s", "STOP", &pid.to_string()]).status().unwrap().success());
    wait("the watchdog's restart", || ![0, pid].contains(&machine.status().pid));
    systemd.ask("stop");
    // A wrong config is not tried again and again.
    place.configure("[kernel]\nmode = \"unicats\"\n");
    assert!(!systemd.ctl(&["start", "ringaudit.service"]).status.success());
    assert_eq!((systemd.show("ExecMainStatus"), systemd.show("NRestarts")), ("2".to_owned(), "0".to_owned()));
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ringaudit.service");
    let text = fs::read_to_string("contrib/ringaudit.service").unwrap();
    fs::write(&path, text.replace("/usr/local/sbin/ringaudit", BINARY)).unwrap();
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .args(["--man=no", "--recursive-errors=no"])
        .arg(&path)
        .output();
    let output = output.unwrap();
    assert!(output.status.success() && !said(&output).contains("ringaudit"), "{}", said(&output));
}
