//! What makes events: a program that opens a path that does not exist, or makes a directory where none can be. It is a
//! copy of this test binary, since a rule's `exe` names a file and the tests themselves must not match it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What is opened.
pub(crate) const NOWHERE: &str = "/nonexistent/ringaudit";
/// The variable that makes `process` work: how many, how many a second (0: flat out); and then, if it is to be so, by
/// which user, and the directory that it tries to make.
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
        Self::at(path)
    }

    /// The program at another place.
    pub(crate) fn at(path: PathBuf) -> Self {
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
        self.order(&format!("{count} {rate}"))
    }

    /// Begins what the variable is to say.
    pub(crate) fn order(&self, order: &str) -> Child {
        let mut command = Command::new(&self.path);
        command.args(["--exact", "flood::process"]).env(VARIABLE, order);
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
    let mut words = order.split(' ');
    let mut number = || words.next().map(|word| word.parse::<u32>().unwrap());
    let (count, rate, user) = (number().unwrap(), number().unwrap(), number());
    let directory = words.next();
    if let Some(user) = user {
        // Of this thread alone, which is what an event tells; the program need not be readable for that user.
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(user)).unwrap();
    }
    let start = Instant::now();
    let mut made = 0;
    while made < count {
        let due = match rate {
            0 => count,
            _ => u32::try_from(start.elapsed().as_micros() * u128::from(rate) / 1_000_000).unwrap() + 1,
        };
        while made < due.min(count) {
            let tried = match directory {
                None => File::open(NOWHERE).map(drop),
                Some(directory) => fs::create_dir(directory),
            };
            let error = tried.expect_err(NOWHERE);
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            made += 1;
        }
        if made < count {
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}
