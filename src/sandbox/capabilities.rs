//! The capabilities that a config needs after the start, and why. Source: capabilities(7).

#[cfg(feature = "coexist")]
use crate::config::{self, Mode, TakeOver};
use crate::config::{Carrier, Condition, Config, Enrich, Format, SyslogTarget, Target};
use crate::sys::host;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Those that can be needed, by their numbers (linux/capability.h), with their names.
const NAMES: [(u8, &str); 11] = [
    (AUDIT_CONTROL, "audit_control"),
    (AUDIT_READ, "audit_read"),
    (DAC_READ_SEARCH, "dac_read_search"),
    (SYS_PTRACE, "sys_ptrace"),
    (DAC_OVERRIDE, "dac_override"),
    (CHOWN, "chown"),
    (FOWNER, "fowner"),
    (NET_ADMIN, "net_admin"),
    (IPC_LOCK, "ipc_lock"),
    (SYS_CHROOT, "sys_chroot"),
    (KILL, "kill"),
];
const CHOWN: u8 = 0;
const DAC_OVERRIDE: u8 = 1;
const DAC_READ_SEARCH: u8 = 2;
const FOWNER: u8 = 3;
const KILL: u8 = 5;
const NET_ADMIN: u8 = 12;
const IPC_LOCK: u8 = 14;
const SYS_CHROOT: u8 = 18;
const SYS_PTRACE: u8 = 19;
const AUDIT_CONTROL: u8 = 30;
const AUDIT_READ: u8 = 37;

/// Their names, with commas between.
pub(super) fn names(set: u64) -> String {
    let mut names = String::new();
    for (_, name) in NAMES.iter().filter(|(number, _)| set >> number & 1 == 1) {
        names.push_str(if names.is_empty() { "" } else { "," });
        names.push_str(name);
    }
    names
}

/// What this config needs, run by this user and group.
pub(super) fn needed(config: &Config, (uid, gid): (u32, u32)) -> u64 {
    let mut set = 0;
    let mut need = |number: u8, is: bool| set |= u64::from(is) << number;
    need(AUDIT_CONTROL, true);
    #[cfg(feature = "coexist")]
    {
        let config::Kernel { mode, take_over, .. } = config.kernel;
        need(AUDIT_READ, mode == Mode::Multicast || take_over != TakeOver::No);
        need(KILL, take_over == TakeOver::Replace && uid != 0);
    }
    need(IPC_LOCK, config.sandbox.lock_memory);
    // The real root comes later, and then is to be this process's too.
    need(SYS_CHROOT, host::is_root_in_memory());
    let (looks, opens) = looks_at_others(config);
    // A process of another user, or with more capabilities than these, shows its program, environment and files only
    // to who could trace it (fs/proc/base.c, ptrace_may_access).
    need(SYS_PTRACE, looks);
    need(DAC_READ_SEARCH, opens);
    // What is written, and whether it is a socket that somebody else makes.
    let mut paths: Vec<(&Path, bool)> = Vec::new();
    for output in &config.outputs {
        if let Target::Syslog(SyslogTarget { peer, .. }) | Target::Unix(peer) = &output.target {
            // A longer datagram needs a larger buffer than everybody may have (SO_SNDBUFFORCE).
            let longest = output.queue.max_line;
            let is_long = longest == 0 || longest > peer.carrier.longest_line();
            need(NET_ADMIN, peer.carrier == Carrier::UnixDatagram && is_long);
        }
        match &output.target {
            Target::File(file) => {
                need(CHOWN, file.owner.is_some() || file.group.is_some());
                need(FOWNER, file.owner.is_some());
                need(DAC_OVERRIDE, file.owner.is_some());
                paths.push((file.path.as_path(), false));
                paths.push((super::fence::folder(&file.path), false));
            }
            Target::Syslog(SyslogTarget { peer, .. }) | Target::Unix(peer) if !peer.carrier.is_internet() => {
                paths.push((Path::new(&peer.address.value), true));
            }
            _ => {}
        }
    }
    #[cfg(feature = "supervise")]
    paths.extend(config.pid_file.as_deref().map(|path| (super::fence::folder(path), false)));
    #[cfg(feature = "status")]
    {
        need(CHOWN, config.status.group.is_some());
        let made =
            [&config.status.socket, &config.status.textfile].into_iter().filter(|path| !path.is_empty());
        paths.extend(made.map(|path| (super::fence::folder(Path::new(path)), false)));
    }
    // Somebody who named a user has to give it what it needs; root had it without asking.
    for (path, is_socket) in paths.into_iter().filter(|_| uid == 0) {
        let found = fs::metadata(path);
        let strange = match &found {
            Ok(metadata) => !may_write(metadata, uid, gid),
            // Who will make the socket, and for whom, nobody knows.
            Err(_) => is_socket,
        };
        need(DAC_OVERRIDE, strange || !may_reach(path, uid, gid));
        need(FOWNER, found.is_ok_and(|metadata| metadata.is_file() && metadata.uid() != uid));
    }
    set
}

/// Whether the config has something looked up of other processes, and whether their files or files by inode are
/// opened for it.
pub(super) fn looks_at_others(config: &Config) -> (bool, bool) {
    let Enrich { process, script, container, unit, env, inode_path, .. } = &config.enrich;
    let mut conditions = config.filters.iter().flat_map(|filter| &filter.conditions);
    let is_asked = conditions.any(|one| matches!(one, Condition::First(_) | Condition::Label(_)));
    if !config.outputs.iter().any(|output| output.format == Format::Json) {
        return (is_asked, false);
    }
    let opens = *inode_path || !env.is_empty();
    (is_asked || opens || *process || *script || *container || *unit || !config.labels.is_empty(), opens)
}

/// Whether the mode lets this user write without CAP_DAC_OVERRIDE.
fn may_write(metadata: &Metadata, uid: u32, gid: u32) -> bool {
    allows(metadata, uid, gid, 2)
}

/// Whether the modes of all folders above let this user through.
fn may_reach(path: &Path, uid: u32, gid: u32) -> bool {
    path.ancestors()
        .skip(1)
        .all(|folder| fs::metadata(folder).map_or(true, |metadata| allows(&metadata, uid, gid, 1)))
}

fn allows(metadata: &Metadata, uid: u32, gid: u32, bit: u32) -> bool {
    let shift = if metadata.uid() == uid {
        6
    } else if metadata.gid() == gid {
        3
    } else {
        0
    };
    metadata.mode() >> shift & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown};

    fn need(text: &str) -> String {
        names(needed(&crate::config::read("f", text).unwrap(), (0, 0)))
    }

    #[test]
    fn what_a_config_needs() {
        let go_audit = "[[output]]\ntype = 'stdout'\nformat = 'go-audit'\n";
        assert_eq!(need(go_audit), "audit_control");
        let json = "[[output]]\ntype = 'stdout'\n";
        assert_eq!(need(json), "audit_control,dac_read_search,sys_ptrace");
        let few = "[enrich]\nenv = []\ninode_path = false\n";
        assert_eq!(need(&format!("{few}{json}")), "audit_control,sys_ptrace");
        let none = "process = false\nscript = false\ncontainer = false\nunit = false\n";
        assert_eq!(need(&format!("{few}{none}{json}")), "audit_control");
        assert_eq!(need(&format!("[sandbox]\nlock_memory = true\n{go_audit}")), "audit_control,ipc_lock");
        let first = "[[filter]]\nfirst_of_process = true\n";
        assert_eq!(need(&format!("{first}{go_audit}")), "audit_control,sys_ptrace");
    }

    /// But for another root, which comes from an initramfs: no service manager runs there.
    #[test]
    fn the_unit_leaves_what_a_config_can_need() {
        let unit = include_str!("../../contrib/ringaudit.service");
        let lines = unit.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
        let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
        for (number, name) in NAMES.iter().filter(|(number, _)| *number != SYS_CHROOT) {
            assert!(words.contains(&&*format!("CAP_{}", name.to_uppercase())), "{name}, {number}");
        }
    }

    /// Needs root, as the live tests do, for files of others.
    #[test]
    fn files_of_others_need_more() {
        let dir = tempfile::tempdir().unwrap();
        let file = |keys: &str| {
            let path = dir.path().join("log");
            let path = path.display();
            need(&format!("[[output]]\ntype = 'file'\nformat = 'go-audit'\npath = '{path}'\n{keys}"))
        };
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if !is_root {
            // The judgement is of modes; who runs the test must own the folder for the first case alone.
            return;
        }
        assert_eq!(file(""), "audit_control");
        assert_eq!(file("group = '4'\n"), "audit_control,chown");
        assert_eq!(file("owner = '1'\n"), "audit_control,dac_override,chown,fowner");
        fs::write(dir.path().join("log"), "").unwrap();
        chown(dir.path().join("log"), Some(1), None).unwrap();
        assert_eq!(file(""), "audit_control,dac_override,fowner");
        fs::remove_file(dir.path().join("log")).unwrap();
        chown(dir.path(), Some(1), None).unwrap();
        assert_eq!(file(""), "audit_control,dac_override");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(file(""), "audit_control");
        let unix = |path: &str| {
            need(&format!(
                "[[output]]\ntype = 'unix'\nformat = 'go-audit'\naddress = '{}/{path}'\n",
                dir.path().display()
            ))
        };
        assert_eq!(unix("missing"), "audit_control,dac_override");
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("there")).unwrap();
        assert_eq!(unix("there"), "audit_control");
    }
}
