//! ringaudit's binary beside the others: live, with two formats at once, and on logs.

use crate::auditd::{enable, wait_for_the_last};
use crate::load::{self, Kind, Report, Rules};
use crate::machine::{Machine, wait};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_ringaudit");
/// Nothing is lost: when the ring is full, the kernel keeps the records, and whoever makes too many waits.
/// The rules are the load's, put there by the test.
const CONFIG: &str = "[kernel]\nbacklog_limit = 8192\nbacklog_wait_time = 60000\n[ring]\nsize_kib = 8192\n\
    overflow = \"wait\"\n[event]\nmax_kib = 4096\n[rules]\nlines = []\n";

/// No context: a replay can't have it, and laurel would ask this machine about processes of the past.
const NO_CONTEXT: &str = "[enrich]\nprocess = false\nscript = false\ncontainer = false\nunit = false\nenv = []\n\
    inode_path = false\n";

/// What a live run wrote: a file for each format, named after it.
pub(crate) struct Live {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) report: Report,
}

impl Live {
    pub(crate) fn file(&self, format: &str) -> PathBuf {
        self.dir.path().join(format)
    }
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs ringaudit while a load makes events.
pub(crate) fn live(formats: &[&str], kind: Kind, seed: u64, count: u64, context: bool) -> Live {
    let dir = tempfile::tempdir().unwrap();
    let (config, stderr) = (dir.path().join("config.toml"), dir.path().join("stderr"));
    // A disk that is away for a moment is not what is tested; a queue takes no more memory than it holds.
    let outputs = formats.iter().map(|format| {
        format!(
            "[[output]]\ntype = \"file\"\nformat = \"{format}\"\npath = '{}/{format}'\nqueue_kib = 65536\n",
            dir.path().display()
        )
    });
    let context = if context { "" } else { NO_CONTEXT };
    fs::write(&config, CONFIG.to_owned() + context + &outputs.collect::<String>()).unwrap();
    let mut machine = Machine::take();
    let mut command = Command::new(BINARY);
    command.arg("-c").arg(&config).stdin(Stdio::null()).stderr(File::create(&stderr).unwrap());
    let mut daemon = Daemon(command.spawn().unwrap());
    let said = || fs::read_to_string(&stderr).unwrap();
    wait("the daemon's start", || {
        assert!(daemon.0.try_wait().unwrap().is_none(), "it ended: {}", said());
        machine.status().pid == daemon.0.id()
    });
    enable(&mut machine);
    let before = machine.status().lost;
    let rules = Rules::load();
    let report = load::run(kind, seed, count);
    drop(rules);
    wait_for_the_last(&dir.path().join(formats[0]));
    let pid = daemon.0.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    let mut status = None;
    wait("the daemon's end", || {
        status = daemon.0.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success(), "{}", said());
    assert_eq!(machine.status().lost, before, "the kernel lost records");
    Live { dir, report }
}

/// `ringaudit replay -f FORMAT LOG` into a file.
pub(crate) fn replay(format: &str, log: &Path, to: &Path) {
    let (config, stderr) = (to.with_extension("toml"), to.with_extension("stderr"));
    fs::write(&config, NO_CONTEXT).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["replay", "-f", format, "-c"]).arg(&config).arg(log).stdin(Stdio::null());
    command.stdout(File::create(to).unwrap()).stderr(File::create(&stderr).unwrap());
    let status = command.status().unwrap();
    let said = fs::read_to_string(&stderr).unwrap();
    // One line: what it read, and nothing that it could not.
    let sums =
        said.strip_prefix("ringaudit: replayed; lines: ").is_some_and(|rest| rest.lines().count() == 1);
    let whole = !["malformed", "refused", "dropped", "longer", "cut"].iter().any(|word| said.contains(word));
    assert!(status.success() && sums && whole, "ringaudit replay -f {format}: {status}: {said}");
}
