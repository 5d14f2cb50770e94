//! What numbers mean, against `ausearch -i` of Debian's auditd, which shares no code with this project: one log
//! with a SYSCALL record for each system call of three machines and each of many values, fixed and random, and
//! one with other fields. Each difference that is meant stands here with its reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ringaudit::enrich::users::Users;
use ringaudit::enrich::values::{Id, Text, argument, argument_is_id, field};
use ringaudit::wire::fields::Value;
use ringaudit::wire::record::RecordType;
use ringaudit::wire::tables::{self, Machine};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Everything random comes from here; a failure prints what it was about.
const SEED: u64 = 0x5eed_2026;
/// How many differences a failure shows.
const SHOWN: usize = 40;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number with few bits set, as flags have.
    fn flags(&mut self) -> u64 {
        (self.next() & self.next() & self.next()) & 0xffff_ffff
    }
}

struct Case {
    machine: Machine,
    syscall: u32,
    args: [u64; 4],
}

/// What `ausearch -i` prints for the lines of a log, by the serial.
fn ausearch(log: &str) -> BTreeMap<usize, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let need = Command::new(root.join("cross/need")).arg("ausearch=auditd").status().unwrap();
    assert!(need.success(), "ausearch is needed");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    std::fs::write(&path, log).unwrap();
    let mut command = Command::new("ausearch");
    let output = command.arg("-if").arg(&path).arg("-i").env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let of_line = |line: &str| {
        let (head, fields) = line.split_once(") : ")?;
        Some((head.rsplit_once(':')?.1.parse().ok()?, fields.to_owned()))
    };
    text.lines().filter_map(of_line).collect()
}

/// The text between two fields' names.
fn between<'a>(fields: &'a str, from: &str, to: &str) -> &'a str {
    let start = fields.find(from).unwrap() + from.len();
    let end = fields[start..].find(to).unwrap();
    &fields[start..start + end]
}

fn ours(case: &Case, index: usize) -> Option<String> {
    let mut text = Text::new();
    let said = argument(case.machine, case.syscall, index, &case.args.map(Some), &mut text);
    assert!(said || text.is_empty(), "nothing to say, and yet {text:?}");
    assert!(text.is_ascii());
    said.then(|| String::from_utf8(text.to_vec()).unwrap())
}

/// Values at which every set has its names, and some that none has.
fn values(random: &mut Random, dense: u64, random_count: usize) -> Vec<u64> {
    let mut values: Vec<u64> = (0..dense).collect();
    values.extend((0..32).map(|bit| 1u64 << bit));
    values.extend([0xffff_ff9c, 0xffff_ffff_ffff_ff9c, 0xffff_ffff, u64::MAX, 0x8000_0000_0000_0001]);
    values.extend([0x81a4, 0x41ed, 0x21b6, 0xc1ff, 0x89ed, 0xa1ff, 0x63ff, 0x80001, 0x80802]);
    values.extend((0..random_count).map(|_| random.next() & 0xffff_ffff));
    values.extend((0..random_count).map(|_| random.flags()));
    values
}

/// Further numbers of the sets that lie apart.
fn far_values() -> Vec<u64> {
    let ranges =
        [0x400..0x414, 0x4200..0x4214, 0x4b00..0x4b50, 0x5300..0x5330, 0x5400..0x5470, 0x8900..0x89b0];
    let mut values: Vec<u64> = ranges.into_iter().flatten().collect();
    values.extend([0x8004_5430, 0x4004_5431, 0x5961_6d61, 0x4000_0001, 0x4008_6602, 0x0123_4567]);
    values
}

fn cases() -> Vec<Case> {
    let mut random = Random(SEED);
    let mut cases = Vec::new();
    for machine in [Machine::X86_64, Machine::I386, Machine::Aarch64] {
        for syscall in (0..500).filter(|number| machine.syscall_name(*number).is_some()) {
            let covered = (0..4).any(|index| {
                argument_is_id(machine, syscall, index).is_some()
                    || far_values()
                        .iter()
                        .chain(&values(&mut Random(1), 70, 9))
                        .any(|value| ours(&Case { machine, syscall, args: [*value; 4] }, index).is_some())
            });
            let (dense, randoms) = match (covered, machine) {
                (true, Machine::X86_64) => (300, 100),
                (true, _) => (80, 20),
                (false, _) => (4, 4),
            };
            let mut values = values(&mut random, dense, randoms);
            if covered {
                values.extend(far_values());
            }
            for &value in &values {
                cases.push(Case { machine, syscall, args: [value; 4] });
            }
            // Arguments that depend on the one before them.
            if covered && machine == Machine::X86_64 {
                for _ in 0..2000 {
                    let small = |random: &mut Random| {
                        let limit = [4, 20, 64, 300][(random.next() % 4) as usize];
                        if random.next().is_multiple_of(4) { random.flags() } else { random.next() % limit }
                    };
                    let args = [(); 4].map(|()| small(&mut random));
                    cases.push(Case { machine, syscall, args });
                }
            }
        }
    }
    let numbers = |name: &str| u32::from(Machine::X86_64.syscall_number(name).unwrap());
    let mut each = |name: &str, first: u64, options: std::ops::Range<u64>, values: &[u64]| {
        for option in options {
            for &value in values {
                let args = [first, option, value, 0];
                let args = if name == "prctl" { [option, value, 0, 0] } else { args };
                cases.push(Case { machine: Machine::X86_64, syscall: numbers(name), args });
            }
        }
    };
    let options: Vec<u64> = (0..140).collect();
    for level in [0, 1, 2, 6, 17, 41, 58, 255, 263, 270] {
        each("setsockopt", 3, level..level + 1, &options);
        each("getsockopt", 3, level..level + 1, &options);
    }
    each("fcntl", 3, 0..40, &[0, 1, 2, 9, 0x400, 0x8802]);
    each("fcntl", 3, 1024..1044, &[0, 1, 2, 9, 0x400, 0x8802]);
    each("prctl", 0, 0..70, &options[..50]);
    cases
}

/// Where ausearch takes an argument for something else than it is, or knows another machine's numbers: the call,
/// the argument, the reason why we do not, and whether that holds for these arguments on this machine.
type Meant = (&'static str, usize, &'static str, fn(Machine, [u64; 4]) -> bool);
const MEANT: [Meant; 23] = [
    ("clone", 2, "the flags are a0 on all our machines", |_, _| true),
    ("readlinkat", 2, "a2 is no directory", |_, _| true),
    ("exit", 0, "only 0 and 1 have names", |_, args| args[0] > 1),
    ("exit_group", 0, "only 0 and 1 have names", |_, args| args[0] > 1),
    ("mknodat", 2, "the type is told, as ausearch has it for mknod", |_, _| true),
    ("mmap", 2, "i386's mmap has a pointer as its only argument", |machine, _| machine == Machine::I386),
    ("mmap", 3, "i386's mmap has a pointer as its only argument", |machine, _| machine == Machine::I386),
    ("mmap", 3, "there is no such type", |_, args| args[3] & 12 != 0),
    ("mmap", 3, "MAP_32BIT is x86's", |machine, args| machine == Machine::Aarch64 && args[3] & 64 != 0),
    ("open", 1, ARM_FLAGS, has_arm_flags::<1>),
    ("mq_open", 1, ARM_FLAGS, has_arm_flags::<1>),
    ("openat", 2, ARM_FLAGS, has_arm_flags::<2>),
    ("open_by_handle_at", 2, ARM_FLAGS, has_arm_flags::<2>),
    ("ptrace", 0, "ausearch has x86's requests for all", |machine, _| machine == Machine::Aarch64),
    ("lseek", 2, "ausearch looks at the low byte alone", |_, args| args[2] > 0xff),
    ("sched_setscheduler", 1, "ausearch looks at four bits alone", |_, args| args[1] & 0xbfff_fff0 != 0),
    ("socket", 2, "the number means something else in each family", |_, args| ![2, 10].contains(&args[0])),
    ("fcntl", 2, "F_SETOWN has a process, not a user", |_, args| args[1] == 8),
    ("fcntl64", 2, "F_SETOWN has a process, not a user", |_, args| args[1] == 8),
    ("setsockopt", 2, OPTIONS, is_odd_option),
    ("getsockopt", 2, OPTIONS, is_odd_option),
    ("getsockopt", 2, "what netfilter is asked has other names than what it is told", |_, args| {
        matches!((args[1], args[2]), (0 | 41, 64 | 65))
    }),
    ("socketcall", 0, "a number of 64 bits in a 32-bit call", |_, args| args[0] > 0xffff_ffff),
];
const ARM_FLAGS: &str = "ausearch has x86's four flags for all";

const OPTIONS: &str = "another machine's number, or an option that the kernel no longer has";

fn is_odd_option(_: Machine, args: [u64; 4]) -> bool {
    matches!((args[1], args[2]), (1, 76..) | (6, 15) | (41, 63))
}

fn has_arm_flags<const INDEX: usize>(machine: Machine, args: [u64; 4]) -> bool {
    machine == Machine::Aarch64 && args[INDEX] & 0o740_000 != 0
}

/// Arguments of which we say something where ausearch prints the number: its table ends earlier, or it has none.
const OURS: &str = "accept4 3;chown 2;chown32 2;clock_adjtime 0;clock_adjtime64 0;clock_settime64 0;clone 0;\
    execveat 0;faccessat2 3;fchmodat2 0;fchmodat2 2;fchmodat2 3;fchown 1;fchown 2;fchown32 1;fchown32 2;\
    fchownat 2;fchownat 3;fcntl 2;fcntl64 2;file_setattr 0;finit_module 2;flock 1;fspick 0;fstatat64 0;\
    fstatat64 3;getsockopt 2;inotify_add_watch 0;io_uring_register 1;ioctl 1;keyctl 0;lchown 1;lchown 2;\
    lchown32 1;lchown32 2;madvise 2;memfd_create 1; mmap 3; setns 1; unshare 0;mmap2 2;mmap2 3;mount 3;mount_setattr 0;move_mount 0;\
    move_mount 2;mq_open 2;mremap 3;msgget 1;newfstatat 3;open 2;open_tree 0;openat 3;pidfd_send_signal 1;\
    pkey_mprotect 2;prctl 1;prlimit64 1;process_madvise 3;reboot 2;removexattrat 0;removexattrat 2;\
    rt_sigprocmask 0;rt_sigqueueinfo 1;rt_tgsigqueueinfo 2;seccomp 0;semget 2;setfsgid32 0;setfsuid32 0;\
    setgid32 0;setregid32 0;setregid32 1;setresgid32 0;setresgid32 1;setresgid32 2;setresuid32 0;setresuid32 1;\
    setresuid32 2;setreuid32 0;setreuid32 1;setsockopt 2;setuid32 0;setxattrat 0;setxattrat 2;shutdown 1;\
    sigaction 0;signal 0;socketpair 0;socketpair 1;socketpair 2;statx 0;statx 2;symlinkat 1;ugetrlimit 0;umask 0;\
    unlinkat 2;utimensat 3";

/// Names that ausearch does not know, or not there: it leaves such bits out, as it does with those that have
/// no name and that we write as a number. A socket's flags and the upper ones of a personality are among them.
const LEFT_OUT: [&str; 19] = [
    "O_LARGEFILE",
    "PROT_SEM",
    "PROT_GROWSDOWN",
    "PROT_GROWSUP",
    "SOCK_NONBLOCK",
    "SOCK_CLOEXEC",
    "CLONE_NEWTIME",
    "CLONE_PIDFD",
    "UNAME26",
    "FDPIC_FUNCPTRS",
    "MMAP_PAGE_ZERO",
    "ADDR_COMPAT_LAYOUT",
    "READ_IMPLIES_EXEC",
    "ADDR_LIMIT_32BIT",
    "SHORT_INODE",
    "WHOLE_SECONDS",
    "STICKY_TIMEOUTS",
    "ADDR_LIMIT_3GB",
    "MS_NOSYMFOLLOW",
];
/// What ausearch says where none of the bits has a name; we say nothing.
const NO_BIT: [&str; 2] = ["F_OK", "PROT_NONE"];

/// Both texts without what is left out on one side, and with one spelling.
fn alike(call: &str, text: &str) -> String {
    let shared = matches!(call, "unshare" | "setns");
    let part = |part: &str| match part {
        "SIGPWR" => Some("IGPWR".to_owned()),
        "MAP_SHARED_VALIDATE" => Some("MAP_SHARED|MAP_PRIVATE".to_owned()),
        // What the bit was before Linux 4.6.
        "CLONE_NEWCGROUP" => Some("CLONE_STOPPED".to_owned()),
        // Two names of one number.
        "IPT_SO_GET_REVISION_MATCH" => Some("IPT_SO_GET_REVISION_TARGET".to_owned()),
        "~ADDR_NO_RANDOMIZE" => Some("ADDR_NO_RANDOMIZE".to_owned()),
        // The low byte of these calls is no signal.
        _ if shared && !part.starts_with("CLONE_") => None,
        _ if part.starts_with("0x") || LEFT_OUT.contains(&part) => None,
        _ => Some(part.to_owned()),
    };
    text.split('|').filter_map(part).collect::<Vec<_>>().join("|")
}

/// Whether this difference is meant.
fn is_meant(case: &Case, index: usize, ours: Option<&str>, theirs: &str) -> bool {
    let name = case.machine.syscall_name(case.syscall).unwrap();
    let value = case.args[index];
    if MEANT
        .iter()
        .any(|(call, place, _, holds)| (*call, *place) == (name, index) && holds(case.machine, case.args))
    {
        return true;
    }
    let raw = theirs.strip_prefix("0x").is_some_and(|hex| {
        u64::from_str_radix(hex, 16).is_ok_and(|number| number == value || number == value & 0xffff_ffff)
    });
    let alone = || OURS.split(';').any(|place| place.trim() == format!("{name} {index}"));
    match ours {
        None if raw || theirs.starts_with("unknown-") => true,
        // A protocol of protocols(5) that linux/in.h does not have.
        None if (name.ends_with("sockopt") && index == 1) || (name == "socket" && index == 2) => true,
        None => (value != 0 && NO_BIT.contains(&theirs)) || alike(name, theirs).is_empty(),
        // A name that came after auditd 3.0.9.
        Some(_) if theirs.starts_with("unknown-") => true,
        Some(_) if raw => alone(),
        Some(ours) => {
            let (ours, theirs) = (alike(name, ours), alike(name, theirs));
            ours == theirs || (ours.is_empty() && NO_BIT.contains(&theirs.as_str()))
        }
    }
}

#[test]
fn arguments_are_what_ausearch_says() {
    let cases = cases();
    let mut log = String::new();
    for (index, case) in cases.iter().enumerate() {
        let (arch, [a0, a1, a2, a3]) = (case.machine.audit_arch(), case.args);
        writeln!(
            log,
            "type=SYSCALL msg=audit({}.000:{}): arch={arch:x} syscall={} success=yes exit=0 a0={a0:x} \
             a1={a1:x} a2={a2:x} a3={a3:x} items=0 ppid=1 pid=2 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 \
             sgid=0 fsgid=0 tty=(none) ses=1 comm=\"x\" exe=\"/x\" key=(null)",
            // Ten seconds apart: ausearch compares an event with all that are not over yet.
            1_700_000_000 + 10 * index,
            index + 1,
            case.syscall
        )
        .unwrap();
    }
    let theirs = ausearch(&log);
    assert_eq!(theirs.len(), cases.len());
    let mut users = Users::new("/etc/passwd");
    let mut groups = Users::new("/etc/group");
    users.refresh(Instant::now());
    groups.refresh(Instant::now());
    let mut wrong: BTreeMap<(&str, usize, &str), Vec<String>> = BTreeMap::new();
    let mut said = BTreeSet::new();
    for (serial, case) in (1..).zip(&cases) {
        let fields = &theirs[&serial];
        for index in 0..4 {
            let next = ["a1=", "a2=", "a3=", "items="][index];
            let theirs = between(fields, &format!(" a{index}="), &format!(" {next}"));
            let name = case.machine.syscall_name(case.syscall).unwrap();
            let ours = ours(case, index);
            let id = argument_is_id(case.machine, case.syscall, index);
            if ours.is_some() || id.is_some() {
                said.insert((case.machine.name(), name, index));
            }
            let ours = id.map_or(ours, |id| Some(id_text(id, case.args[index], &users, &groups)));
            if ours.as_deref() != Some(theirs) && !is_meant(case, index, ours.as_deref(), theirs) {
                wrong.entry((name, index, case.machine.name())).or_default().push(format!(
                    "{:x?}: ours {}, theirs {theirs}",
                    case.args,
                    ours.as_deref().unwrap_or("-")
                ));
            }
        }
    }
    println!("{} records, {} arguments of system calls", cases.len(), said.len());
    for ((name, index, machine), differences) in wrong.iter().take(SHOWN) {
        println!("{machine} {name} a{index}, {} times: {}", differences.len(), differences[0]);
    }
    assert!(wrong.is_empty(), "{} arguments differ", wrong.len());
}

/// What a number of a user or a group is called, in ausearch's words.
fn id_text(id: Id, value: u64, users: &Users, groups: &Users) -> String {
    let number = value as u32;
    let names = if id == Id::User { users } else { groups };
    match names.name_of(number.to_string().as_bytes()) {
        _ if number == u32::MAX => "unset".to_owned(),
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => format!("unknown({})", number.cast_signed()),
    }
}

/// A record with one field, as it comes from the kernel: its type's name and number, key, value.
fn field_cases() -> Vec<(&'static str, &'static str, String)> {
    let mut random = Random(SEED);
    let decimal: Vec<String> = (0..70).map(|n: u32| n.to_string()).collect();
    let hexadecimal: Vec<String> =
        (0..60).map(|_| format!("{:016x}", random.flags() | random.next() >> 40)).collect();
    let octal: Vec<String> = (0..2000).map(|n: u32| format!("0{:o}", n * 33)).collect();
    let negative: Vec<String> = (1..140).map(|n: u32| format!("-{n}")).collect();
    let prefixed: Vec<String> = (0..200).map(|_| format!("0x{:x}", random.flags())).collect();
    let codes =
        ["0x80000000", "0x0", "0x30000", "0x50026", "0x7fc00000", "0x7ff00000", "0x7ffc0000", "0x7fff0000"];
    let codes = codes.map(str::to_owned);
    let types = ["0800", "0806", "86dd"].map(str::to_owned);
    let personalities = ["0", "8", "40000", "40008"].map(str::to_owned);
    let ids = ["4294967295", "3"].map(str::to_owned);
    let ioctls = ["0x5401", "0x8910", "0x5413", "0x4b3a"].map(str::to_owned);
    let all: [(&'static str, &'static str, &[String]); 33] = [
        ("CWD", "exit", &negative),
        ("PATH", "mode", &octal),
        ("MQ_OPEN", "mode", &octal),
        ("MQ_OPEN", "oflag", &prefixed),
        ("OBJ_PID", "sig", &decimal),
        ("ANOM_ABEND", "sig", &decimal),
        ("PATH", "cap_fp", &hexadecimal),
        ("PATH", "cap_fi", &hexadecimal),
        ("CAPSET", "cap_pi", &hexadecimal),
        ("CAPSET", "cap_pp", &hexadecimal),
        ("CAPSET", "cap_pe", &hexadecimal),
        ("CAPSET", "cap_pa", &hexadecimal),
        ("BPRM_FCAPS", "fp", &hexadecimal),
        ("BPRM_FCAPS", "fi", &hexadecimal),
        ("BPRM_FCAPS", "old_pp", &hexadecimal),
        ("BPRM_FCAPS", "old_pe", &hexadecimal),
        ("BPRM_FCAPS", "pi", &hexadecimal),
        ("BPRM_FCAPS", "pa", &hexadecimal),
        ("AVC", "capability", &decimal),
        ("AVC", "ioctlcmd", &ioctls),
        ("CONFIG_CHANGE", "list", &decimal),
        ("CONFIG_CHANGE", "res", &decimal),
        ("CONFIG_CHANGE", "ses", &ids),
        ("ANOM_PROMISCUOUS", "prom", &decimal),
        ("ANOM_PROMISCUOUS", "old_prom", &decimal),
        ("MMAP", "flags", &prefixed),
        ("NETFILTER_PKT", "proto", &decimal),
        ("NETFILTER_PKT", "hook", &decimal),
        ("NETFILTER_PKT", "icmptype", &decimal),
        ("NETFILTER_PKT", "macproto", &types),
        ("NETFILTER_CFG", "family", &decimal),
        ("SECCOMP", "code", &codes),
        ("CWD", "per", &personalities),
    ];
    let one = |&(kind, key, values): &(_, _, &[String])| {
        values.iter().map(|value| (kind, key, value.clone())).collect::<Vec<_>>()
    };
    all.iter().flat_map(one).collect()
}

/// Whether a field's difference is meant: what ausearch says of numbers that have no name here, and what it
/// says in other words.
fn is_meant_field(key: &str, ours: Option<&str>, theirs: &str) -> bool {
    let Some(ours) = ours else {
        // A number stays a number. Protocols: see `is_meant`. A result that is neither 0 nor 1 is none.
        return theirs.contains("unknown-")
            || ["undefined protocol", "UNKNOWN", "unset"].contains(&theirs)
            || theirs.starts_with("(null)(")
            || key == "proto"
            // A mapping's type that is none.
            || key == "flags";
    };
    match key {
        // The name alone, without its text.
        "exit" => theirs.split_once('(').is_some_and(|(name, _)| name == ours || ours == "ENOTSUPP"),
        // ausearch says "kill" for both.
        "code" => theirs == ours || (theirs == "kill" && ours.starts_with("kill-")),
        // A capability without a name is a bit without a name.
        _ if theirs.starts_with("unknown-") || theirs == "UNKNOWN" => true,
        _ => {
            let named = ours.split(',').filter(|part| !part.starts_with("0x")).collect::<Vec<_>>().join(",");
            let comma = key.starts_with("cap_") || theirs.contains(',');
            (comma && named == theirs) || alike("", ours) == alike("", theirs)
        }
    }
}

#[test]
fn fields_are_what_ausearch_says() {
    let cases = field_cases();
    let mut log = String::new();
    for (index, (kind, key, value)) in cases.iter().enumerate() {
        let time = 1_700_000_000 + 10 * index;
        let serial = index + 1;
        // Without these words ausearch takes no AVC record.
        let words = if *kind == "AVC" { "avc:  denied  { ioctl } for  pid=1" } else { "pid=1 uid=0" };
        let rest = if *kind == "AVC" { " scontext=a:b:c tcontext=a:b:c tclass=file" } else { "" };
        writeln!(log, "type={kind} msg=audit({time}.000:{serial}): {words} {key}={value} end=1{rest}")
            .unwrap();
    }
    let theirs = ausearch(&log);
    assert_eq!(theirs.len(), cases.len());
    let (mut said, mut wrong) = (0, Vec::new());
    for (serial, (kind, key, value)) in (1..).zip(&cases) {
        let theirs = between(&theirs[&serial], &format!(" {key}="), " end=");
        let mut text = Text::new();
        let number = RecordType(tables::record_type_number(kind).unwrap());
        let value = Value::Bare(value.as_bytes());
        let is_said = field(Some(Machine::X86_64), number, key.as_bytes(), value, &mut text);
        said += usize::from(is_said);
        let ours = is_said.then(|| String::from_utf8(text.to_vec()).unwrap());
        let plain = ours.is_none() && theirs.as_bytes() == value.bytes();
        if !plain && ours.as_deref() != Some(theirs) && !is_meant_field(key, ours.as_deref(), theirs) {
            wrong.push(format!(
                "{kind} {key}={}: ours {ours:?}, theirs {theirs}",
                String::from_utf8_lossy(value.bytes())
            ));
        }
    }
    println!("{} fields, {said} of them said", cases.len());
    assert!(said * 2 > cases.len());
    wrong.iter().take(SHOWN).for_each(|line| println!("{line}"));
    assert!(wrong.is_empty(), "{} fields differ", wrong.len());
}
