//! Debian's auditd, which writes what the load makes to a log of its own.

use crate::load::{self, Kind, Report, Rules};
use crate::machine::{Machine, PATIENCE, wait};
use ringaudit::wire::status::Field;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The last record of a run: what comes before it is in the log when it is.
const LAST: &str = "the-load-is-over";
/// Records that may wait: the load is made to wait rather than lose any.
const BACKLOG: u32 = 8192;

/// A log of auditd's, and what made it.
pub(crate) struct Log {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) report: Report,
}

/// auditd, until it is dropped.
pub(crate) struct Auditd(Child);

impl Auditd {
    pub(crate) fn start(machine: &mut Machine, dir: &Path) -> Self {
        let config = format!(
            "log_file = {}/audit.log\nlog_format = RAW\nlog_group = root\nwrite_logs = yes\nlocal_events = yes\n\
             flush = NONE\nmax_log_file = 2000\nmax_log_file_action = ignore\nspace_left = 2\n\
             admin_space_left = 1\nspace_left_action = ignore\nadmin_space_left_action = ignore\n\
             disk_full_action = ignore\ndisk_error_action = ignore\nplugin_dir = {}/plugins\n",
            dir.display(),
            dir.display()
        );
        write(&dir.join("auditd.conf"), &config);
        fs::create_dir_all(dir.join("plugins")).unwrap();
        set_mode(&dir.join("plugins"), 0o750);
        let mut command = Command::new("auditd");
        command.args(["-n", "-s", "nochange", "-c"]).arg(dir).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(dir.join("stderr")).unwrap());
        let mut auditd = Self(command.spawn().expect("auditd: apt-get install auditd"));
        wait("auditd's start", || {
            let ended = auditd.0.try_wait().unwrap();
            assert!(ended.is_none(), "auditd ended: {:?}", fs::read_to_string(dir.join("stderr")));
            machine.status().pid == auditd.0.id()
        });
        auditd
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    pub(crate) fn stop(mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        wait("auditd's end", || self.0.try_wait().unwrap().is_some());
    }
}

impl Drop for Auditd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    set_mode(path, 0o640);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Says that the load is over, as a record, and waits until a log has it.
pub(crate) fn wait_for_the_last(log: &Path) {
    assert!(Command::new("auditctl").args(["-m", LAST]).status().unwrap().success());
    wait("the load's last record", || {
        std::thread::sleep(PATIENCE / 600);
        let text = fs::read(log).unwrap_or_default();
        let end = &text[text.len().saturating_sub(20_000)..];
        end.windows(LAST.len()).any(|part| part == LAST.as_bytes())
    });
}

/// Turns auditing on, so that nothing is lost: whoever makes too many events waits.
pub(crate) fn enable(machine: &mut Machine) {
    machine.set(Field::BacklogLimit, BACKLOG);
    machine.set(Field::BacklogWaitTime, 60_000);
    machine.set(Field::Enabled, 1);
}

/// auditd's log of a load of at least so many calls, RAW.
pub(crate) fn capture(seed: u64, calls: u64) -> Log {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = Machine::take();
    let auditd = Auditd::start(&mut machine, dir.path());
    enable(&mut machine);
    let before = machine.status().lost;
    let path = dir.path().join("audit.log");
    let rules = Rules::load();
    let report = load::run(Kind::Calls, seed, calls);
    drop(rules);
    wait_for_the_last(&path);
    auditd.stop();
    assert_eq!(machine.status().lost, before, "the kernel lost records");
    Log { dir, path, report }
}
