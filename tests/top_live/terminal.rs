//! A program on a pseudo-terminal of its own, and what its screen shows, as text. Source: pty(7), ioctl_tty(2).

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything on the screen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a terminal has that does not tell its size.
const USUAL: (u16, u16) = (80, 24);

/// The terminal and its program. The program waits when nobody looks at the screen for long.
pub(crate) struct Terminal {
    /// The side of who looks and types.
    master: File,
    /// The side of the program, for the terminal's settings.
    line: OwnedFd,
    screen: vt100::Parser,
    child: Child,
}

impl Terminal {
    /// Starts the program as the leader of a session whose terminal this is, of so many columns and lines; of 0 and 0
    /// it does not tell its size.
    pub(crate) fn start(program: &str, words: &[impl AsRef<OsStr>], size: (u16, u16)) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        let line = ioctl_tiocgptpeer(&master, flags).unwrap();
        tcsetwinsize(&line, window(size)).unwrap();
        let end = || Stdio::from(line.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program).args(words).stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        drop(command);
        Self { master: File::from(master), line, screen: emulator(size), child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Another size, which the program hears of as SIGWINCH; all that was on the screen is gone, so that what is there
    /// later was drawn later.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.look();
        self.screen = emulator(size);
        tcsetwinsize(&self.master, window(size)).unwrap();
    }

    /// The screen's lines, now.
    pub(crate) fn look(&mut self) -> Vec<String> {
        let mut bytes = [0; 4096];
        // At the end of the program it would block too, since this side of the line is open.
        while let Ok(len @ 1..) = self.master.read(&mut bytes) {
            self.screen.process(&bytes[..len]);
        }
        let screen = self.screen.screen();
        screen.rows(0, screen.size().1.get()).collect()
    }

    /// Waits until the screen is as wanted; gives it.
    pub(crate) fn wait(&mut self, what: &str, holds: impl Fn(&[String]) -> bool) -> Vec<String> {
        let start = Instant::now();
        loop {
            let lines = self.look();
            if holds(&lines) {
                return lines;
            }
            assert!(start.elapsed() < PATIENCE, "{what} did not come on the screen:\n{}", lines.join("\n"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether a line of the screen goes on in the next one, since it was too long.
    pub(crate) fn wraps(&self) -> bool {
        let screen = self.screen.screen();
        (0..screen.size().0.get()).any(|row| screen.row_wrapped(row))
    }

    pub(crate) fn shows_the_cursor(&self) -> bool {
        !self.screen.screen().hide_cursor()
    }

    /// The terminal's settings, as text.
    pub(crate) fn settings(&self) -> String {
        format!("{:?}", tcgetattr(&self.line).unwrap())
    }

    /// Waits for the program's end: its exit code, and the screen then.
    pub(crate) fn ended(&mut self) -> (Option<i32>, Vec<String>) {
        let start = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap();
            let lines = self.look();
            if let Some(status) = ended {
                return (status.code(), lines);
            }
            assert!(start.elapsed() < PATIENCE, "the program does not end:\n{}", lines.join("\n"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Takes the terminal away from the program.
    pub(crate) fn hang_up(&mut self) {
        self.master = File::open("/dev/null").unwrap();
        self.line = File::open("/dev/null").unwrap().into();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn emulator((columns, lines): (u16, u16)) -> vt100::Parser {
    let of = |count, usual| NonZeroU16::new(count).or(NonZeroU16::new(usual)).unwrap();
    vt100::Parser::new(of(lines, USUAL.1), of(columns, USUAL.0), 0)
}

fn window((columns, lines): (u16, u16)) -> Winsize {
    Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
