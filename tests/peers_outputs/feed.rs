//! Events for the outputs: a log as auditd writes it, given to `ringaudit replay` no faster than receivers without
//! flow control can take.

use crate::wait;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// Each so many-th event has a long command line.
const LONG_EVERY: u64 = 100;
/// Events a second.
const RATE: u64 = 5_000;

/// The time of an event, in milliseconds since 1970: an hour ago, as RFC 3164 has no year, and 7 ms between two.
pub(crate) fn millis(serial: u64) -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    let start = START.get_or_init(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        u64::try_from(now).unwrap() - 3_600_000
    });
    start + serial * 7
}

/// The lines of an execve, with an argument of at least `long` bytes if it is a long one.
pub(crate) fn event(serial: u64, long: usize, text: &mut String) {
    let (seconds, fraction) = (millis(serial) / 1000, millis(serial) % 1000);
    let stamp = format!("audit({seconds}.{fraction:03}:{serial})");
    let argument =
        if serial.is_multiple_of(LONG_EVERY) { argument(serial, long) } else { "\"-l\"".to_owned() };
    write!(
        text,
        "type=SYSCALL msg={stamp}: arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=8 items=1 \
         ppid=1 pid={} auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 \
         comm=\"perl\" exe=\"/usr/bin/perl\" key=\"k{serial}\"\n\
         type=EXECVE msg={stamp}: argc=3 a0=\"perl\" a1={argument} a2=C3A4220A3C\n\
         type=CWD msg={stamp}: cwd=\"/root\"\n\
         type=PATH msg={stamp}: item=0 name=\"/usr/bin/perl\" inode=18 dev=fe:00 mode=0100755 ouid=0 ogid=0 \
         rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0\n\
         type=PROCTITLE msg={stamp}: proctitle=7065726C\n\
         type=EOE msg={stamp}:\n",
        serial % 32_768 + 2,
    )
    .unwrap();
}

/// Text that does not repeat, so that it is still long when it is packed.
fn argument(serial: u64, long: usize) -> String {
    let mut state = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::from("\"");
    while text.len() < long {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        write!(text, "{state:016x}").unwrap();
    }
    text.push('"');
    text
}

/// The config in a file.
pub(crate) fn config(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("ringaudit.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// A replay of this config that reads standard input.
pub(crate) fn start(dir: &Path, text: &str) -> Child {
    let config = config(dir, text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringaudit"));
    command.args(["replay", "-c"]).arg(config).stdin(Stdio::piped()).stdout(Stdio::null());
    command.stderr(std::fs::File::create(dir.join("stderr")).unwrap()).spawn().unwrap()
}

/// Replays so many events, some with an argument of `long` bytes, and waits until all outputs have all.
pub(crate) fn replay(dir: &Path, text: &str, count: u64, long: usize) {
    let mut child = start(dir, text);
    let mut input = child.stdin.take().unwrap();
    let begun = Instant::now();
    let mut lines = String::new();
    for serial in 1..=count {
        lines.clear();
        event(serial, long, &mut lines);
        if input.write_all(lines.as_bytes()).is_err() {
            // It has ended: its status says why.
            break;
        }
        let due = Duration::from_micros(serial * 1_000_000 / RATE);
        if serial.is_multiple_of(50) {
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
    drop(input);
    let mut status = None;
    wait("the replay's end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    let stderr = std::fs::read_to_string(dir.join("stderr")).unwrap();
    assert!(status.unwrap().success(), "{stderr}");
    for word in ["error:", "warning:"] {
        assert!(!stderr.contains(word), "{stderr}");
    }
}
