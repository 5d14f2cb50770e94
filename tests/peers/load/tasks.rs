//! Calls on processes: identities, capabilities, signals, traces, namespaces. What changes a process happens in a
//! child of its own.

use super::World;
use super::call::{child, spawn, sys, wait};
use super::odd::{c, odd};
use super::sockets;
use libc::{AT_FDCWD, O_RDONLY};
use std::time::Duration;

/// daemon, www-data and nobody, and two without a name.
const IDS: [i64; 5] = [1, 33, 65534, 61235, 4_294_967_294];

fn look_around() {
    let _ = sys!(SYS_openat, AT_FDCWD, c"/etc/shadow", O_RDONLY, 0);
}

pub(crate) fn identities(world: &mut World) {
    let (id, other) = (*world.chance.pick(&IDS), *world.chance.pick(&IDS));
    let way = world.chance.below(5);
    child(|| {
        let groups: Vec<u8> = [1u32, 33].into_iter().flat_map(u32::to_ne_bytes).collect();
        let _ = sys!(SYS_setgroups, 2, &groups[..]);
        let _ = sys!(SYS_setgid, other);
        let _ = match way {
            0 => sys!(SYS_setuid, id),
            1 => sys!(SYS_setreuid, id, other),
            2 => sys!(SYS_setresuid, id, 0, other),
            3 => sys!(SYS_setfsuid, id),
            _ => sys!(SYS_setresgid, -1, id, -1),
        };
        look_around();
        let _ = sys!(SYS_setuid, 0);
        let _ = sys!(SYS_setregid, 0, -1);
        let _ = sys!(SYS_kill, 1, 0);
    });
}

pub(crate) fn capabilities(world: &mut World) {
    let dropped = world.chance.below(40);
    child(|| {
        // _LINUX_CAPABILITY_VERSION_3, this process.
        let header: Vec<u8> = [0x2008_0522u32, 0].into_iter().flat_map(u32::to_ne_bytes).collect();
        let mut data = [0u8; 24];
        let _ = sys!(SYS_capget, &header[..], &mut data[..]);
        // Effective is the first of the three words of each half.
        data[12 * (dropped / 32) + (dropped % 32) / 8] &= !(1 << (dropped % 8));
        let _ = sys!(SYS_capset, &header[..], &data[..]);
        let _ = sys!(SYS_prctl, libc::PR_CAPBSET_DROP, dropped, 0, 0, 0);
    });
}

pub(crate) fn signals(world: &mut World) {
    let one = spawn(|| std::thread::sleep(Duration::from_secs(30)));
    let _ = sys!(SYS_kill, one, 0);
    let _ = sys!(SYS_tkill, one, libc::SIGURG);
    let _ = sys!(SYS_tgkill, one, one, *world.chance.pick(&[libc::SIGWINCH, libc::SIGCHLD, libc::SIGKILL]));
    let _ = sys!(SYS_kill, one, libc::SIGKILL);
    wait(one);
    let _ = sys!(SYS_kill, one, libc::SIGTERM);
    // A group: an OBJ_PID record each.
    let group: Vec<i32> = (0..3).map(|_| spawn(|| std::thread::sleep(Duration::from_secs(30)))).collect();
    for member in &group {
        let _ = sys!(SYS_setpgid, *member, group[0]);
    }
    let _ = sys!(SYS_kill, -group[0], libc::SIGKILL);
    for member in group {
        wait(member);
    }
}

pub(crate) fn traces(world: &mut World) {
    let traced = spawn(|| std::thread::sleep(Duration::from_secs(30)));
    let way = *world.chance.pick(&[libc::PTRACE_SEIZE, libc::PTRACE_ATTACH]);
    let _ = sys!(SYS_ptrace, way, traced, 0, 0);
    let _ = sys!(SYS_ptrace, libc::PTRACE_INTERRUPT, traced, 0, 0);
    let _ = sys!(SYS_ptrace, libc::PTRACE_PEEKDATA, 0x7fff_fff0, 0, 0);
    let _ = sys!(SYS_kill, traced, libc::SIGKILL);
    // An attached one first says that it has stopped.
    while libc::WIFSTOPPED(wait(traced)) {}
}

pub(crate) fn manners(world: &mut World) {
    let (name, title) = (c(odd(&mut world.chance)), odd(&mut world.chance));
    let way = *world.chance.pick(&[0x0008_0000_u32, 0x0004_0000, 8, 0xffff_ffff]);
    child(|| {
        let _ = sys!(SYS_prctl, libc::PR_SET_NAME, &name, 0, 0, 0);
        let _ = sys!(SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let _ = sys!(SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGTERM, 0, 0, 0);
        let _ = sys!(SYS_personality, way);
        let _ = sys!(SYS_personality, 0);
        look_around();
        let _ = sys!(SYS_setsid);
        let _ = sys!(SYS_setpriority, 0, 0, 19);
    });
    // The title is read once in a task's life, at its first event.
    child(|| retitle(&title));
}

/// Makes a process's title: words, each ended by a NUL.
fn retitle(word: &[u8]) {
    let mut title: Vec<u8> = [word, b"\0", b"second word\0\0", word, b"\xff\0"].concat();
    title.resize(title.len().max(160), b'x');
    let (start, end) = (title.as_ptr() as i64, title.as_ptr() as i64 + i64::try_from(title.len()).unwrap());
    // Both ends are checked against each other at each change, so the wider first.
    for (field, at) in
        [(libc::PR_SET_MM_ARG_END, end), (libc::PR_SET_MM_ARG_START, start), (libc::PR_SET_MM_ARG_END, end)]
    {
        let _ = sys!(SYS_prctl, libc::PR_SET_MM, field, at, 0, 0);
    }
    look_around();
}

pub(crate) fn login(_: &mut World) {
    child(|| {
        std::fs::write("/proc/thread-self/loginuid", super::AUID.to_string()).unwrap();
        look_around();
    });
}

pub(crate) fn namespaces(world: &mut World) {
    let (point, source) = (c("mount point"), c(odd(&mut world.chance)));
    let host = odd(&mut world.chance);
    let _ = sys!(SYS_mkdir, &point, 0o755);
    child(|| {
        let _ = sys!(SYS_unshare, libc::CLONE_NEWNS | libc::CLONE_NEWUTS);
        let _ = sys!(SYS_mount, c"none", c"/", 0, libc::MS_REC | libc::MS_PRIVATE, 0);
        let _ = sys!(SYS_mount, &source, &point, c"tmpfs", libc::MS_NOSUID | libc::MS_NODEV, c"size=1m");
        let _ = sys!(SYS_mount, &source, c"/nonexistent", c"bind", libc::MS_BIND, 0);
        let _ = sys!(SYS_sethostname, &host[..], host.len().min(64));
        let _ = sys!(SYS_openat, AT_FDCWD, c"mount point/file", libc::O_CREAT | libc::O_RDWR, 0o600);
        let _ = sys!(SYS_umount2, &point, libc::MNT_DETACH);
        let _ = sys!(SYS_umount2, &point, 0);
        let _ = sys!(SYS_chroot, &point);
        let _ = sys!(SYS_openat, AT_FDCWD, c"/outside", O_RDONLY, 0);
    });
    let _ = sys!(SYS_rmdir, &point);
    if world.chance.below(2) == 0 {
        // A network of its own, whose loopback may listen to everything: ANOM_PROMISCUOUS.
        let mut inner = World::new(world.chance.next());
        child(|| {
            let _ = sys!(SYS_unshare, libc::CLONE_NEWNET);
            sockets::promiscuous(&mut inner);
        });
    }
}

/// A signal that leaves a core, were cores allowed: ANOM_ABEND.
pub(crate) fn abends(world: &mut World) {
    let signal = *world.chance.pick(&[libc::SIGABRT, libc::SIGSEGV, libc::SIGSYS]);
    let name = c(odd(&mut world.chance));
    child(|| {
        let _ = sys!(SYS_prctl, libc::PR_SET_NAME, &name, 0, 0, 0);
        let _ = sys!(SYS_prctl, libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        let _ = sys!(SYS_rt_sigaction, signal, &[0u8; 32][..], 0, 8);
        let _ = sys!(SYS_kill, i64::from(std::process::id()), signal);
    });
}

/// A filter that kills, or only logs, a call: SECCOMP.
pub(crate) fn filters(world: &mut World) {
    let verdict: u32 = *world.chance.pick(&[0x8000_0000, 0, 0x7ffc_0000]);
    child(|| {
        let number = u32::try_from(libc::SYS_getppid).unwrap();
        // ld [nr]; jeq getppid, 0, 1; ret verdict; ret ALLOW
        let program: Vec<u8> =
            [(0x20u16, 0u8, 0u8, 0u32), (0x15, 0, 1, number), (6, 0, 0, verdict), (6, 0, 0, 0x7fff_0000)]
                .into_iter()
                .flat_map(|(code, yes, no, k)| {
                    [&code.to_ne_bytes()[..], &[yes, no], &k.to_ne_bytes()].concat()
                })
                .collect();
        let filter = [4usize.to_ne_bytes(), (program.as_ptr() as usize).to_ne_bytes()].concat();
        let _ = sys!(SYS_prctl, libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        let _ = sys!(SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let _ = sys!(SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &filter[..]);
        let _ = sys!(SYS_getppid);
    });
}
