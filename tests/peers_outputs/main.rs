//! The outputs that send, beside receivers that were not written here: rsyslogd, syslog-ng, and Graylog's own GELF
//! reader. Events come from a log that `ringaudit replay` reads, or from this test through the outputs as the daemon
//! opens them; only `together` takes them from this kernel, and needs what tests/live needs. All listen on this host
//! alone.
//! RINGAUDIT_TEST_EVENTS says how many events there are by each transport.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
#[path = "../live/flood.rs"]
mod flood;
#[allow(dead_code)]
#[path = "../live/machine.rs"]
mod machine;

mod feed;
mod graylog;
mod local;
mod restart;
mod rsyslog;
mod syslog;
mod syslog_ng;
mod together;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How many events by each transport, unless the environment says otherwise.
const EVENTS: u64 = 5_000;
/// How long anything that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn events() -> u64 {
    std::env::var("RINGAUDIT_TEST_EVENTS").map_or(EVENTS, |count| count.parse().unwrap())
}

/// Waits until `what` holds.
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A port on which nobody listens now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("[::]:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A program of the test's, ended with it.
struct Running(Child);

impl Running {
    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Asks it to end and waits for that.
    fn stop(mut self) {
        self.signal("TERM");
        wait("a receiver's end", || self.has_ended());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
