//! Landlock for the threads: an output may write in its own directory and connect to its own port, the reader may open
//! nothing. The main thread stays outside, since it starts the program anew at an upgrade, which would inherit the
//! fence for good; and so does the writer, since who is fenced in may not look into other processes
//! (security/landlock/task.c, hook_ptrace_access_check): for it there is a filter of system calls that opens nothing
//! for writing.

use crate::config::{Config, Peer, Target, host_and_port};
use crate::sys::handle;
use crate::sys::landlock::Fence;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is read to resolve names and to tell the time.
const READ: [&str; 8] = ["/etc", "/usr", "/lib", "/lib64", "/run", "/proc", "/dev", "/sys"];
/// DNS over TCP, where an answer is too long for UDP.
const DNS: u16 = 53;
/// Where our own messages go, and lines for standard output.
const STDERR: &str = "/proc/self/fd/2";
const STDOUT: &str = "/proc/self/fd/1";

/// What one output needs.
pub(super) fn output(target: &Target) -> io::Result<Fence> {
    let fence = Fence::new()?;
    READ.iter().try_for_each(|path| fence.read(Path::new(path)))?;
    fence.write(Path::new(STDERR))?;
    allow(&fence, target)?;
    Ok(fence)
}

/// What all outputs need, and to read whatever a config may name.
pub(super) fn all(config: &Config) -> io::Result<Fence> {
    let fence = Fence::new()?;
    fence.read(Path::new("/"))?;
    fence.write(Path::new(STDERR))?;
    config.outputs.iter().try_for_each(|output| allow(&fence, &output.target))?;
    #[cfg(feature = "status")]
    for path in [&config.status.socket, &config.status.textfile].into_iter().filter(|path| !path.is_empty()) {
        fence.write(folder(Path::new(path)))?;
    }
    Ok(fence)
}

fn allow(fence: &Fence, target: &Target) -> io::Result<()> {
    match target {
        Target::Stdout => fence.write(Path::new(STDOUT)),
        Target::File(file) => {
            fence.write(folder(&file.path))?;
            // Where a symbolic link leads to.
            let mut space = [0; 4096];
            match real(&file.path, &mut space) {
                Some(path) => fence.write(folder(path)),
                None => Ok(()),
            }
        }
        Target::Syslog(syslog) => ports(fence, &syslog.peer),
        Target::Gelf(gelf) => ports(fence, &gelf.peer),
        Target::Unix(peer) => ports(fence, peer),
        Target::Pipe(_) => Ok(()),
    }
}

/// The path of what is there, without symbolic links.
fn real<'s>(path: &Path, space: &'s mut [u8]) -> Option<&'s Path> {
    let name = CString::new(path.as_os_str().as_bytes()).ok()?;
    let held = handle::at(&name).ok()?;
    let found = handle::path_of(held.as_fd(), space).ok()?;
    Some(Path::new(OsStr::from_bytes(found)))
}

/// The folder in which a file lies.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn ports(fence: &Fence, peer: &Peer) -> io::Result<()> {
    match host_and_port(&peer.address.value) {
        Some((_, port)) if peer.carrier.is_internet() => {
            fence.connect(port)?;
            fence.connect(DNS)
        }
        _ => Ok(()),
    }
}
