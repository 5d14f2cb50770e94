//! Calls on the kernel's own things: modules, BPF, io_uring, message queues, and what user space tells the audit
//! system.

use super::World;
use super::call::{call_i386, map, read_word, sys, write_bytes};
use super::odd::{c, odd};
use libc::{AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR};
use ringaudit::capture::control::Control;
use ringaudit::wire::Transport;
use std::process::Command;

pub(crate) fn modules(world: &mut World) {
    let image = world.chance.bytes(64);
    let null = sys!(SYS_openat, AT_FDCWD, c"/dev/null", O_RDONLY, 0).unwrap();
    let refused = [
        sys!(SYS_init_module, &image[..], image.len(), c"param=1"),
        sys!(SYS_finit_module, null, c"", 0),
        sys!(SYS_delete_module, c"no_such_module", libc::O_NONBLOCK),
    ];
    for (at, result) in refused.into_iter().enumerate() {
        world.note("module call", i64::try_from(at).unwrap(), result.unwrap_err());
    }
    let _ = sys!(SYS_close, null);
}

/// Loads the program `return 0` as a socket filter; its end is an event too.
pub(crate) fn bpf(world: &mut World) {
    let code: Vec<u8> = [0xb7u64, 0x95].into_iter().flat_map(u64::to_ne_bytes).collect();
    let license = c"GPL";
    // union bpf_attr of BPF_PROG_LOAD: type, instructions, where; license; log level and size, where; version.
    let mut attr = Vec::new();
    attr.extend([1u32, 2].into_iter().flat_map(u32::to_ne_bytes));
    attr.extend([code.as_ptr() as u64, license.as_ptr() as u64].into_iter().flat_map(u64::to_ne_bytes));
    attr.resize(72, 0);
    match sys!(SYS_bpf, 5, &attr[..], attr.len()) {
        Ok(fd) => {
            let _ = sys!(SYS_close, fd);
        }
        Err(errno) => world.note("bpf", 5, errno),
    }
    let _ = sys!(SYS_bpf, 99, &attr[..], attr.len());
}

/// Opens files through a ring: once in the caller's own thread, once in the kernel's worker.
pub(crate) fn ring(world: &mut World) {
    const SQ_ARRAY: i64 = 0;
    const SQES: i64 = 0x1000_0000;
    const OPENAT: u8 = 18;
    const ASYNC: u8 = 1 << 4;
    let mut params = [0u8; 120];
    let fd = match sys!(SYS_io_uring_setup, 4, &mut params[..]) {
        Ok(fd) => fd,
        Err(errno) => return world.note("io_uring_setup", 0, errno),
    };
    let number = i32::try_from(fd).unwrap();
    // struct io_sqring_offsets begins at byte 40: head, tail, ring_mask, ring_entries, flags, dropped, array.
    let offset = |at: usize| u32::from_ne_bytes(params[at..at + 4].try_into().unwrap());
    let (tail, array) = (offset(44), offset(64));
    let (protection, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    let ring = map(8192, protection, shared, number, SQ_ARRAY).unwrap();
    let entries = map(4 * 64, protection, shared, number, SQES).unwrap();
    for (flags, path) in
        [(0, c([b"u".to_vec(), odd(&mut world.chance)].concat())), (ASYNC, c("/nonexistent/ring"))]
    {
        // struct io_uring_sqe: opcode, flags, ioprio, fd, off, addr, len, open_flags, user_data.
        let mut entry = vec![OPENAT, flags, 0, 0];
        entry.extend(AT_FDCWD.to_ne_bytes());
        entry.extend(0u64.to_ne_bytes());
        entry.extend((path.as_ptr() as u64).to_ne_bytes());
        entry.extend([0u32, 0].into_iter().flat_map(u32::to_ne_bytes));
        entry.resize(64, 0);
        write_bytes(entries, 0, &entry);
        write_bytes(ring, array, &0u32.to_ne_bytes());
        let next = read_word(ring, tail) + 1;
        write_bytes(ring, tail, &next.to_ne_bytes());
        // IORING_ENTER_GETEVENTS: until it is done, since the worker reads the path.
        if let Err(errno) = sys!(SYS_io_uring_enter, fd, 1, next, 1, 0, 0) {
            world.note("io_uring_enter", i64::from(flags), errno);
        }
    }
    let _ = sys!(SYS_munmap, ring as i64, 8192);
    let _ = sys!(SYS_munmap, entries as i64, 4 * 64);
    let _ = sys!(SYS_close, fd);
}

pub(crate) fn queues(world: &mut World) {
    let name = c([b"q".to_vec(), odd(&mut world.chance)].concat().into_iter().take(200).collect::<Vec<u8>>());
    // struct mq_attr: flags, most messages, their size, messages now.
    let mut attr: Vec<u8> = [0i64, 4, 64, 0, 0, 0, 0, 0].into_iter().flat_map(i64::to_ne_bytes).collect();
    match sys!(SYS_mq_open, &name, O_CREAT | O_RDWR, 0o600, &attr[..]) {
        Ok(fd) => {
            let _ = sys!(SYS_mq_timedsend, fd, &b"hello"[..], 5, 7, 0);
            let _ = sys!(SYS_mq_timedreceive, fd, &mut [0; 64][..], 64, 0, 0);
            let _ = sys!(SYS_mq_notify, fd, 0);
            let _ = sys!(SYS_mq_getsetattr, fd, 0, &mut attr[..]);
            let _ = sys!(SYS_close, fd);
        }
        Err(errno) => world.note("mq_open", 0, errno),
    }
    let _ = sys!(SYS_mq_unlink, &name);
    if let Ok(id) = sys!(SYS_msgget, libc::IPC_PRIVATE, 0o600) {
        let mut state = [0u8; 120];
        let _ = sys!(SYS_msgctl, id, libc::IPC_STAT, &mut state[..]);
        let _ = sys!(SYS_msgctl, id, libc::IPC_SET, &state[..]);
        let _ = sys!(SYS_msgctl, id, libc::IPC_RMID, 0);
    }
    if let Ok(id) = sys!(SYS_shmget, libc::IPC_PRIVATE, 4096, 0o640) {
        let _ = sys!(SYS_shmctl, id, libc::IPC_RMID, 0);
    }
}

/// Records of user space as its programs send them: type and text.
const TOLD: &[(u16, &str)] = &[
    (
        1100,
        "op=PAM:authentication grantors=pam_unix acct=\"root\" exe=\"/usr/bin/su\" hostname=? addr=? terminal=/dev/pts/0 res=success",
    ),
    (
        1101,
        "op=PAM:accounting grantors=pam_unix acct=\"daemon\" exe=\"/usr/sbin/cron\" hostname=? addr=? terminal=cron res=success",
    ),
    (
        1103,
        "op=PAM:setcred grantors=pam_unix acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=10.0.0.7 addr=10.0.0.7 terminal=ssh res=success",
    ),
    (
        1105,
        "op=PAM:session_open grantors=pam_keyinit,pam_limits acct=\"root\" exe=\"/usr/bin/sudo\" hostname=? addr=? terminal=/dev/pts/1 res=success",
    ),
    (
        1106,
        "op=PAM:session_close grantors=? acct=\"no such user\" exe=\"/usr/bin/sudo\" hostname=? addr=? terminal=/dev/pts/1 res=failed",
    ),
    (
        1112,
        "op=login id=33 exe=\"/usr/sbin/sshd\" hostname=fe80::1 addr=fe80::1 terminal=/dev/pts/2 res=success",
    ),
    (
        1112,
        "op=login acct=28756E6B6E6F776E207573657229 exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.1 terminal=ssh res=failed",
    ),
    (1123, "cwd=\"/root\" cmd=6C73202D6C20C3A4FF exe=\"/usr/bin/sudo\" terminal=pts/0 res=success"),
    (1123, "cwd=2F726F6F742F6120 cmd=\"id\" exe=\"/usr/bin/sudo\" terminal=? res=success"),
    (
        1130,
        "unit=ssh comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success",
    ),
    (
        1131,
        "unit=user@0 comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" hostname=? addr=? terminal=? res=failed",
    ),
    (
        1107,
        "avc:  denied  { send_msg } for msgtype=method_call interface=org.x dest=org.y spid=1 tpid=2 scontext=a:b:c:s0 tcontext=d:e:f:s0 tclass=dbus permissive=0  exe=\"/usr/bin/dbus-daemon\" sauid=1 hostname=? addr=? terminal=?",
    ),
    (
        1138,
        "sw=\"bash-5.2 (x86)\" sw_type=dpkg key_enforce=0 gpg_res=1 root_dir=\"/\" comm=\"apt\" exe=\"/usr/bin/apt\" hostname=? addr=? terminal=? res=success",
    ),
    (
        2404,
        "op=destroy kind=server fp=SHA256:aa:bb:cc direction=? spid=4242 suid=0  exe=\"/usr/sbin/sshd\" hostname=? addr=? terminal=? res=success",
    ),
    (
        2500,
        "virt=kvm op=start reason=booted vm=\"a vm\" uuid=0 vm-pid=-1 exe=\"/usr/sbin/libvirtd\" hostname=? addr=? terminal=? res=success",
    ),
    (1113, "not key value at all"),
];

pub(crate) fn told(world: &mut World) {
    let mut control = Control::open().unwrap();
    let (kind, text) = *world.chance.pick(TOLD);
    if let Err(error) = control.request(kind, &[text.as_bytes(), b"\0"].concat()) {
        world.note("user record", i64::from(kind), error.raw_os_error().unwrap_or(0));
    }
    let texts: [&[u8]; 6] = [
        b"hello",
        b"hello \"world\"",
        "hello wörld".as_bytes(),
        b"it's",
        b"\xff\xfe",
        b"tab\there='x' y=\"z\"",
    ];
    let text = *world.chance.pick(&texts);
    control.request(1110, &[text, b"\0"].concat()).unwrap();
    if world.chance.below(4) == 0 {
        let status = Command::new("auditctl").args(["-m", "auditctl says: it is = so"]).status();
        assert!(status.is_ok_and(|status| status.success()), "auditctl -m");
    }
}

/// Calls in the 32-bit ABI: getpid, close.
pub(crate) fn other_abi(world: &mut World) {
    let got = call_i386(20, 0);
    if got < 0 {
        world.note("i386 getpid", 0, -got);
    }
    let _ = call_i386(6, 999);
}
