//! What makes events: a program that opens a path that does not exist. It is a copy of this test binary,
//! since a rule's `exe` names a file and the tests themselves must not match it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What is opened.
pub(crate) const NOWHERE: &str = "/nonexistent/ringaudit";
/// How many, and how many a second (0: flat out): the variable that makes `process` work.
const VARIABLE: &str = "RINGAUDIT_TEST_FLOOD";

pub(crate) struct Flood {
    path: PathBuf,
}

impl Flood {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("flood-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The rule that makes an event of each opening.
    pub(crate) fn rule(&self) -> String {
        format!("-a always,exit -F arch=b64 -S openat -F exe={} -F success=0 -k t", self.path.display())
    }

    /// Begins so many openings at so many a second.
    pub(crate) fn start(&self, count: u32, rate: u32) -> Child {
        let mut command = Command::new(&self.path);
        command.args(["--exact", "flood::process"]).env(VARIABLE, format!("{count} {rate}"));
        // Without the loader's own search for libraries, each failure of which is an event too.
        command.env_remove("LD_LIBRARY_PATH").stdout(Stdio::null()).spawn().unwrap()
    }

    /// Makes so many openings, flat out.
    pub(crate) fn run(&self, count: u32) {
        assert!(self.start(count, 0).wait().unwrap().success());
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The flood itself, in its own process; among the tests, a look whether it opens what is not there.
#[test]
fn process() {
    let order = std::env::var(VARIABLE).unwrap_or_else(|_| "3 0".to_owned());
    let (count, rate) = order.split_once(' ').unwrap();
    let (count, rate): (u32, u32) = (count.parse().unwrap(), rate.parse().unwrap());
    let start = Instant::now();
    let mut made = 0;
    while made < count {
        let due = match rate {
            0 => count,
            _ => u32::try_from(start.elapsed().as_micros() * u128::from(rate) / 1_000_000).unwrap() + 1,
        };
        while made < due.min(count) {
            let error = File::open(NOWHERE).expect_err(NOWHERE);
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            made += 1;
        }
        if made < count {
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}
