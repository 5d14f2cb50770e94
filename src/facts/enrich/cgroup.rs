//! The container and the systemd unit that a control group's path names. Takes the text of /proc/PID/cgroup,
//! version 1, 2 or both; the process table keeps what is found. Source: cgroups(7), systemd.unit(5), and the
//! paths that docker, containerd, podman, cri-o and kubelet make (in the tests).

use crate::wire::fields::nibble;

/// Bytes of a container's id: 64 hexadecimal digits.
pub(super) const ID: usize = 32;

/// What a control group says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Group<'a> {
    /// The container's id; of nested containers the outermost, which is the one that this host started.
    pub(super) container: Option<[u8; ID]>,
    /// The innermost `.service` or `.scope` that is not a container's own.
    pub(super) unit: Option<&'a [u8]>,
}

/// Reads the text: a line is `ID:CONTROLLERS:PATH`. Units are systemd's hierarchy's alone, version 2 or
/// `name=systemd`.
pub(super) fn group(text: &[u8]) -> Group<'_> {
    let mut found = Group::default();
    for line in text.split(|&b| b == b'\n') {
        let mut parts = line.splitn(3, |&b| b == b':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let mut container = None;
        let mut unit = None;
        // Of a process that has ended.
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        for name in path.split(|&b| b == b'/') {
            if let Some(id) = container_of(name) {
                container = container.or(Some(id));
            } else if name.ends_with(b".service") || name.ends_with(b".scope") {
                unit = Some(name);
            }
        }
        found.container = found.container.or(container);
        if matches!(controllers, b"" | b"name=systemd") {
            found.unit = found.unit.or(unit);
        }
    }
    found
}

/// The id in one part of a path: 64 hexadecimal digits, alone or behind a prefix such as `docker-` or
/// `cri-containerd:`. What watches a container (`conmon`) is not in it.
fn container_of(name: &[u8]) -> Option<[u8; ID]> {
    let name = name.strip_suffix(b".scope").unwrap_or(name);
    let (prefix, digits) = name.split_at_checked(name.len().checked_sub(2 * ID)?)?;
    if !matches!(prefix.last(), None | Some(b'-' | b':')) || prefix.ends_with(b"conmon-") {
        return None;
    }
    let mut id = [0; ID];
    let (pairs, _) = digits.as_chunks::<2>();
    for (to, [high, low]) in id.iter_mut().zip(pairs) {
        *to = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID1: &str = "47335b04ebb4aefdc353dda62ddd38e5e1e00fc1372f0c8d0138417f0ccb9e6c";
    const ID2: &str = "974a75c8cf45648fcc6e718ba92ee1f2034463674f0d5b0c50f5cab041a4cbd6";

    /// `1` and `2` stand for the ids.
    fn found(text: &str) -> (Option<&'static str>, Option<String>) {
        let text = text.replace("<1>", ID1).replace("<2>", ID2);
        let group = group(text.as_bytes());
        let hex = |id: [u8; ID]| id.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let id = group.container.map(|id| [ID1, ID2].into_iter().find(|known| *known == hex(id)).unwrap());
        (id, group.unit.map(|unit| String::from_utf8(unit.to_vec()).unwrap()))
    }

    #[test]
    fn containers_as_their_runtimes_name_them() {
        let pod = "kubepods-burstable-pod2f7c9ad3_5a5e_4f4d_9f0b_2f3a4d5e6f70.slice";
        let uid = "pod2f7c9ad3-5a5e-4f4d-9f0b-2f3a4d5e6f70";
        for (what, text) in [
            ("docker, systemd, v2", "0::/system.slice/docker-<1>.scope\n".to_owned()),
            (
                "docker, cgroupfs, v1",
                "12:pids:/docker/<1>\n11:memory:/docker/<1>\n1:name=systemd:/docker/<1>\n".to_owned(),
            ),
            (
                "containerd of kubelet",
                format!("0::/kubepods.slice/kubepods-burstable.slice/{pod}/cri-containerd-<1>.scope\n"),
            ),
            ("the same on cgroupfs", format!("5:cpu,cpuacct:/kubepods/besteffort/{uid}/<1>\n0::/\n")),
            ("containerd with the drivers mixed up", format!("0::/{pod}:cri-containerd:<1>\n")),
            ("cri-o", format!("0::/kubepods.slice/{pod}/crio-<1>.scope\n")),
            ("cri-o with a sub-cgroup", format!("0::/kubepods.slice/{pod}/crio-<1>.scope/container\n")),
            ("podman as root", "0::/machine.slice/libpod-<1>.scope/container\n".to_owned()),
            ("podman on cgroupfs", "9:devices:/libpod_parent/libpod-<1>\n".to_owned()),
            ("nerdctl", "0::/system.slice/nerdctl-<1>.scope\n".to_owned()),
            (
                "a node of kind: the outer one",
                "0::/system.slice/docker-<1>.scope/kubelet/kubepods/<2>\n".to_owned(),
            ),
        ] {
            assert_eq!(found(&text), (Some(ID1), None), "{what}");
        }
    }

    #[test]
    fn units_and_containers_of_users() {
        for (text, container, unit) in [
            ("0::/system.slice/ssh.service\n", None, Some("ssh.service")),
            ("0::/user.slice/user-1000.slice/session-3.scope\n", None, Some("session-3.scope")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-x-12.scope\n",
                None,
                Some("app-gnome-x-12.scope"),
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-<2>.scope/container\n",
                Some(ID2),
                Some("user@1000.service"),
            ),
            (
                "0::/system.slice/docker-<1>.scope/system.slice/nginx.service\n",
                Some(ID1),
                Some("nginx.service"),
            ),
            ("0::/init.scope\n", None, Some("init.scope")),
            ("0::/system.slice/ssh.service (deleted)\n", None, Some("ssh.service")),
            (
                "3:memory:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service\n0::/\n",
                None,
                Some("cron.service"),
            ),
            ("4:memory:/some.service\n", None, None),
            ("0::/\n", None, None),
            ("", None, None),
            ("nonsense\n0:\n::\n", None, None),
        ] {
            assert_eq!(found(text), (container, unit.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_container() {
        let conmon = format!("libpod-conmon-{ID1}.scope");
        for (text, unit) in [
            (format!("0::/machine.slice/{conmon}\n"), Some(conmon.as_str())),
            (format!("0::/x{ID1}\n"), None),
            (format!("0::/{}\n", &ID1[1..]), None),
            (format!("0::/{}g\n", &ID1[1..]), None),
            (format!("0::/{ID1}.slice\n"), None),
        ] {
            assert_eq!(found(&text), (None, unit.map(str::to_owned)), "{text}");
        }
    }
}
