//! What /proc says of a process: when it began, its parent, names, control group. Each look holds the process's
//! folder, so that all of it is of one and the same process. Source: proc_pid_stat(5), proc_pid_exe(5).

use super::cgroup::{ID, group};
use super::process::{COMM, EXE, Text, UNIT};
use crate::sys::{handle, host};
use crate::wire::fields::decimal;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};

/// The most that is read of a stat or cgroup file, in bytes; what a control group's path needs beyond it is
/// not known.
const SPACE: usize = 8 * 1024;
/// Ticks of `starttime` in a second: USER_HZ, 100 on every machine that has a syscall table here.
const TICKS: i64 = 100;
/// How much later than its event a process may seem to have begun, in milliseconds: the clocks are coarse, and
/// set by others.
const SLACK: i64 = 1000;
/// Longest name in /proc: `/proc/4294967295/fd/4294967295`.
const NAME: usize = 48;

/// A name below /proc as a C string in place.
pub(super) struct Name([u8; NAME]);

impl Name {
    /// `/proc/PID`
    pub(super) fn of(pid: u32) -> Self {
        let mut name = [0; NAME];
        // It fits: NAME is made for the longest.
        let _ = write!(&mut name[..NAME - 1], "/proc/{pid}");
        Self(name)
    }

    /// `fd/N`, below a process.
    pub(super) fn of_fd(fd: u32) -> Self {
        let mut name = [0; NAME];
        let _ = write!(&mut name[..NAME - 1], "fd/{fd}");
        Self(name)
    }

    /// The name.
    pub(super) fn get(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// What a look is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    /// The program's path.
    pub(super) exe: bool,
    /// Container and unit.
    pub(super) group: bool,
}

/// What was seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `starttime`, in 1/100 s since boot.
    pub(super) start: u64,
    /// It has ended and waits for its parent: the rest of what it was has gone.
    pub(super) is_zombie: bool,
    /// The parent, now.
    pub(super) ppid: u32,
    /// The name, now.
    pub(super) comm: Text<COMM>,
    /// The program's path, now.
    pub(super) exe: Text<EXE>,
    /// The container's id.
    pub(super) container: Option<[u8; ID]>,
    /// The systemd unit.
    pub(super) unit: Text<UNIT>,
}

/// The way to /proc, with its space.
pub(super) struct Proc {
    space: Vec<u8>,
}

impl Proc {
    /// With its space.
    pub(super) fn new() -> Self {
        Self { space: vec![0; SPACE] }
    }

    /// Holds the folder of a process.
    pub(super) fn hold(&self, pid: u32) -> Option<OwnedFd> {
        handle::folder(Name::of(pid).get()).ok()
    }

    /// Looks at the process whose folder is held, as of an event's time (milliseconds since 1970). `None` when it has
    /// gone, or began after the event and so is another one.
    pub(super) fn look(&mut self, held: BorrowedFd<'_>, at: u64, want: Want) -> Option<Seen> {
        let mut seen = stat(handle::read(held, c"stat", &mut self.space).ok()?)?;
        if !could_be(seen.start, at) {
            return None;
        }
        if want.exe {
            // One that fills the space was cut; a kernel thread has none.
            let path = handle::link(held, c"exe", &mut self.space).unwrap_or_default();
            seen.exe = Text::of(path);
        }
        if want.group && !seen.is_zombie {
            let text = handle::read(held, c"cgroup", &mut self.space).unwrap_or_default();
            let group = group(text);
            seen.container = group.container;
            seen.unit = Text::of(group.unit.unwrap_or_default());
        }
        Some(seen)
    }
}

/// Whether a process that began then can be one of an event of that time.
fn could_be(start: u64, at: u64) -> bool {
    let Ok((now, boot)) = host::clocks() else { return false };
    let (Ok(start), Ok(at)) = (i64::try_from(start), i64::try_from(at)) else { return false };
    let began = (now - boot).saturating_add(start.saturating_mul(1000 / TICKS));
    began <= at.saturating_add(SLACK)
}

/// The fields of a stat file: `PID (COMM) STATE PPID ...`, where the name may hold anything.
fn stat(text: &[u8]) -> Option<Seen> {
    let open = text.iter().position(|&b| b == b'(')?;
    let close = text.iter().rposition(|&b| b == b')')?;
    let comm = text.get(open + 1..close)?;
    let mut fields = text.get(close + 1..)?.split(|&b| b == b' ').filter(|field| !field.is_empty());
    let is_zombie = matches!(fields.next()?, b"Z" | b"X" | b"x");
    let ppid = u32::try_from(decimal(fields.next()?)?).ok()?;
    // The 22nd field, and the 4th is taken.
    let start = decimal(fields.nth(17)?)?;
    let (comm, exe, unit) = (Text::of(comm), Text::of(b""), Text::of(b""));
    Some(Seen { start, is_zombie, ppid, comm, exe, container: None, unit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio, id};

    /// Milliseconds since 1970.
    fn now() -> u64 {
        u64::try_from(host::clocks().unwrap().0).unwrap()
    }

    #[test]
    fn a_name_with_anything_in_it() {
        let text = b"12 (a) R 7 (\n)) S 34 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3\n";
        let seen = stat(text).unwrap();
        assert_eq!((seen.ppid, seen.start), (34, 987_654));
        assert_eq!((seen.comm.get(), seen.is_zombie), (Some(&b"a) R 7 (\n)"[..]), false));
        let ended = b"12 (a) Z 34 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3\n";
        assert!(stat(ended).unwrap().is_zombie);
        for broken in ["", "12 (a", "12 (a) S", "12 (a) S x", "12 )a( S 3"] {
            assert!(stat(broken.as_bytes()).is_none(), "{broken}");
        }
    }

    #[test]
    fn a_process_of_this_machine() {
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let mut proc = Proc::new();
        let mut look = |pid, at, want| {
            let held = proc.hold(pid)?;
            proc.look(held.as_fd(), at, want)
        };
        let all = Want { exe: true, group: true };
        // The new process may still be this program for a moment.
        let mut seen = look(child.id(), now(), all).unwrap();
        while seen.comm.get() != Some(b"sleep") {
            std::thread::sleep(std::time::Duration::from_millis(1));
            seen = look(child.id(), now(), all).unwrap();
        }
        assert_eq!(seen.ppid, id());
        let exe = std::fs::read_link(format!("/proc/{}/exe", child.id())).unwrap();
        assert_eq!(seen.exe.get(), Some(exe.to_str().unwrap().as_bytes()));
        assert!(look(child.id(), now() - 60_000, all).is_none(), "it began after that");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(look(child.id(), now(), all).is_none());
    }
}
