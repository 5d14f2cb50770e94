//! A named pipe as an output's file, and a reader that can be stopped and counts the lines that it gets.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) struct Pipe {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    lines: AtomicU64,
    stopped: AtomicBool,
    ended: AtomicBool,
}

impl Pipe {
    pub(crate) fn new(path: &Path) -> Self {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap();
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = Some(std::thread::spawn(move || read(file, &of_thread)));
        Self { shared, thread }
    }

    /// From now on it reads nothing (`true`), or goes on.
    pub(crate) fn stop(&self, stopped: bool) {
        self.shared.stopped.store(stopped, SeqCst);
    }

    /// The lines that came so far.
    pub(crate) fn lines(&self) -> u64 {
        self.shared.lines.load(SeqCst)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn read(mut file: File, shared: &Shared) {
    let mut piece = vec![0; 1 << 16];
    while !shared.ended.load(SeqCst) {
        let read = if shared.stopped.load(SeqCst) { 0 } else { file.read(&mut piece).unwrap_or(0) };
        if read == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let lines = piece[..read].iter().filter(|&&byte| byte == b'\n').count();
        shared.lines.fetch_add(lines as u64, SeqCst);
    }
}
