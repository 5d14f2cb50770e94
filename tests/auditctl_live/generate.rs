//! Lines of rules that are made up, each harmless: bound to a process, a path or a file system of its own that is not
//! there. What auditctl 3.0.9 and we read otherwise on purpose is left out (docs/rules.md, "What differs").

use ringaudit::wire::tables::Machine;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const ORDER: &[&str] = &["=", "!=", "<", ">", "<=", ">="];
const EQUALITY: &[&str] = &["=", "!="];
const BITS: &[&str] = &["=", "!=", "<", ">", "<=", ">=", "&", "&="];
const NUMBERS: &[&str] = &["1", "0x10", "017", "2147483647", "4294967295", "1000"];
const USERS: &[&str] = &["1", "1000", "root", "daemon", "0x7d0", "4294967294"];
const GROUPS: &[&str] = &["1", "root", "adm", "0x7d0", "0100"];
const LABELS: &[&str] = &["a_t", "s0:c1,c2", "unconfined_u", "x-y.z"];

/// Above the largest pid that Linux gives (PID_MAX_LIMIT).
pub(crate) const NOBODY: u32 = 4_194_305;

/// A field, its operators and values, and whether it is for the exit list alone.
type Field = (&'static str, &'static [&'static str], &'static [&'static str], bool);

const FIELDS: &[Field] = &[
    ("ppid", ORDER, NUMBERS, true),
    ("uid", ORDER, USERS, false),
    ("euid", ORDER, USERS, false),
    ("suid", ORDER, USERS, false),
    ("fsuid", ORDER, USERS, false),
    ("auid", ORDER, USERS, false),
    ("auid", EQUALITY, &["unset", "-1", "4294967295"], false),
    ("loginuid", ORDER, USERS, false),
    ("obj_uid", ORDER, USERS, true),
    ("gid", ORDER, GROUPS, false),
    ("egid", ORDER, GROUPS, false),
    ("sgid", ORDER, GROUPS, false),
    ("fsgid", ORDER, GROUPS, false),
    ("obj_gid", ORDER, GROUPS, true),
    ("sessionid", ORDER, &["1", "unset", "-1", "0x20"], true),
    ("pers", ORDER, NUMBERS, true),
    ("subj_user", EQUALITY, LABELS, false),
    ("subj_role", EQUALITY, LABELS, false),
    ("subj_type", EQUALITY, LABELS, false),
    ("subj_sen", ORDER, LABELS, false),
    ("subj_clr", ORDER, LABELS, false),
    ("obj_user", EQUALITY, LABELS, true),
    ("obj_role", EQUALITY, LABELS, true),
    ("obj_type", EQUALITY, LABELS, true),
    ("obj_lev_low", ORDER, LABELS, true),
    ("obj_lev_high", ORDER, LABELS, true),
    ("devmajor", ORDER, NUMBERS, true),
    ("devminor", ORDER, NUMBERS, true),
    (
        "exit",
        ORDER,
        &["-EACCES", "-EPERM", "EPERM", "-13", "0", "5", "-EWOULDBLOCK", "-4000", "0x7fffffff"],
        true,
    ),
    ("success", ORDER, &["0", "1"], true),
    ("filetype", EQUALITY, &["file", "dir", "socket", "link", "character", "block", "fifo"], true),
    ("saddr_fam", ORDER, &["1", "2", "10", "16"], true),
    ("a0", BITS, &["1", "-1", "0xffffffffffffff9c", "0100", "-100", "4294967297"], true),
    ("a1", BITS, &["0", "0x40", "03"], true),
    ("a2", BITS, &["7", "0xFF"], true),
    ("a3", BITS, &["9", "-9"], true),
];

/// On the exclude and user lists other fields make the kernel skip the rules behind.
const CREDENTIALS: &[&str] =
    &["uid", "auid", "loginuid", "gid", "subj_user", "subj_role", "subj_type", "subj_sen", "subj_clr"];
const USER_IDS: &[&str] = &["uid", "euid", "suid", "fsuid", "auid", "obj_uid"];
const GROUP_IDS: &[&str] = &["gid", "egid", "sgid", "fsgid", "obj_gid"];
const KEYS: &[&str] = &["exec", "a-b", "time_change", "k#1", "x=y", "blank\\ key", "back\\\\slash", "ä"];
const PERMS: &[&str] = &["r", "w", "x", "a", "wa", "rwxa", "XR", "aw"];
/// Conditions that auditctl or the kernel refuses.
const REFUSED: &[&str] = &[
    "-F uid=-1",
    "-F auid>unset",
    "-F exe=/bin/a -F exe=/bin/b",
    "-F pid&1",
    "-F path=/etc/",
    "-F perm!=r",
    "-F inode>5",
    "-F gid=no-such-group",
    "-F msgtype=1300",
    "-F nosuch=1",
    "-C uid!=gid",
    "-S nosuchcall",
    "-F exit=-ENOSUCH",
    "-F fstype=debugfs",
    "-F dir=/no/such/folder",
    "-F path=/run/none -F inode=5",
    "-F filetype=pipe",
    "-F saddr_fam=70",
];

/// An arch as it is written, and the machine whose calls it has; those that are not this machine's only with `!=`.
pub(crate) const ARCHES: &[(&str, &str)] = &[
    ("b64", "x86_64"),
    ("b32", "i386"),
    ("x86_64", "x86_64"),
    ("i386", "i386"),
    ("i686", "i386"),
    ("0xC000003E", "x86_64"),
    ("B64", "x86_64"),
];
pub(crate) const FOREIGN: &[(&str, &str)] = &[
    ("aarch64", "aarch64"),
    ("ppc64le", "ppc64le"),
    ("s390x", "s390x"),
    ("s390", "s390"),
    ("armv7l", "arm"),
];

pub(crate) struct Maker {
    state: u64,
    next: u32,
    dir: PathBuf,
    used: BTreeSet<&'static str>,
    /// The calls of each machine.
    names: BTreeMap<&'static str, Vec<(u32, String)>>,
}

impl Maker {
    pub(crate) fn new(seed: u64, dir: &Path) -> Self {
        assert_eq!(std::env::consts::ARCH, "x86_64", "b32 and b64 are x86's here");
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self {
            state,
            next: 0,
            dir: dir.to_owned(),
            used: BTreeSet::new(),
            names: ARCHES.iter().chain(FOREIGN).map(|(_, machine)| (*machine, calls(machine))).collect(),
        }
    }

    /// Fields that no line had yet.
    pub(crate) fn unused(&self) -> Vec<&'static str> {
        FIELDS.iter().map(|field| field.0).filter(|name| !self.used.contains(name)).collect()
    }

    /// A number below `limit` (xorshift64).
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 11).unwrap() % limit
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A line with a number that no other has, so that no two rules are the same.
    pub(crate) fn line(&mut self, arch: bool) -> String {
        self.next += 1;
        let pid = NOBODY + self.next;
        match self.below(20) {
            0..=2 => self.watch(),
            3 => format!("{} -F pid={pid}{}", self.head("task"), self.fields(3, |f| !f.3)),
            4 | 5 => self.records("user", pid),
            6 | 7 => self.records("exclude", pid),
            8 => {
                let key = self.one(&["", " -k fs", " -F key=a -F key=b"]);
                format!("{} -F fstype=0x{:x}{key}", self.head("filesystem"), 0x1000_0000 + self.next)
            }
            _ => self.exit(pid, arch),
        }
    }

    fn head(&mut self, list: &str) -> String {
        let action = self.one(&["always", "never"]);
        let option = self.one(&["-a", "-a", "-a", "-A", "-a "]);
        if self.below(2) == 0 {
            format!("{option} {list},{action}")
        } else {
            format!("{option} {action},{list}")
        }
    }

    fn watch(&mut self) -> String {
        let path = self.dir.join(format!("w{}", self.next));
        let kind = self.below(3);
        if kind == 1 {
            std::fs::create_dir(&path).unwrap();
        } else if kind == 2 {
            std::fs::write(&path, "").unwrap();
        }
        let end = self.one(&["", "", "/"]);
        let perm = format!(" -p {}", self.one(PERMS));
        let perm = self.one(&["", &perm, &perm]).to_owned();
        let pid = self.one(&["", "", " -F pid=4194304"]);
        format!("-w {}{end}{perm}{pid}{}", path.display(), self.keys(" -k "))
    }

    /// A rule for records: the user and the exclude list.
    fn records(&mut self, list: &str, pid: u32) -> String {
        let types = ["1112", "USER_LOGIN", "CWD", "2500", "user_auth", "1300"];
        let kind = match self.below(3) {
            0 => String::new(),
            _ => format!(" -F msgtype{}{}", self.one(ORDER), self.one(&types)),
        };
        let exe = self.one(&["", "", " -F exe=/usr/bin/true"]);
        let rest = self.fields(2, |field| CREDENTIALS.contains(&field.0));
        format!("{} -F pid={pid}{kind}{exe}{rest}", self.head(list))
    }

    fn exit(&mut self, pid: u32, arch: bool) -> String {
        let mut line = self.head("exit");
        let guard = format!(" -F pid={pid}");
        let first = self.below(2) == 0;
        if first {
            line.push_str(&guard);
        }
        let mut machine = "x86_64";
        if arch {
            let not = self.below(4) == 0;
            let (name, of) = if not && self.below(2) == 0 { self.one(FOREIGN) } else { self.one(ARCHES) };
            machine = of;
            line.push_str(&format!(" -F arch{}{name}", if not { "!=" } else { "=" }));
        }
        let calls = self.calls(machine);
        line.push_str(&calls);
        if !first {
            line.push_str(&guard);
        }
        let perm = match self.below(8) {
            0 => format!(" -F perm={}", self.one(PERMS)),
            _ => String::new(),
        };
        let object = match self.below(12) {
            0 => format!(" -F path={}{perm}", self.dir.join("file").display()),
            1 => format!(" -F dir={}{perm}", self.dir.display()),
            2 => format!(" -F inode{}{}", self.one(EQUALITY), self.one(&["5", "0xffffffff", "4294967297"])),
            _ => perm,
        };
        line.push_str(&object);
        line.push_str(&self.fields(6, |_| true));
        for _ in 0..self.below(8).saturating_sub(5) {
            line.push_str(&self.comparison());
        }
        if self.below(6) == 0 {
            line.push_str(&format!(" -F exe{}/usr/bin/true", self.one(EQUALITY)));
        }
        if self.below(25) == 0 {
            line.push_str(&format!(" {}", self.one(REFUSED)));
        }
        // auditctl wants something besides a pid for a key.
        if line.contains(" -S") {
            line.push_str(&self.keys(" -k "));
        }
        line
    }

    fn calls(&mut self, machine: &str) -> String {
        let mut line = String::new();
        match self.below(6) {
            0 => {}
            1 => line.push_str(" -S all"),
            2 => {
                let (one, other) = (self.number(machine, 500), self.number(machine, 2032));
                line.push_str(&format!(" -S {one} -S {other}"));
            }
            _ => {
                for part in 0..=self.below(4) {
                    line.push_str(if part == 0 { " -S " } else { self.one(&[",", " -S ", ","]) });
                    let index = self.below(self.names[machine].len());
                    line.push_str(&self.names[machine][index].1);
                }
            }
        }
        line
    }

    /// A call's number that auditctl has a name for, or nobody.
    fn number(&mut self, machine: &str, limit: usize) -> u32 {
        let ours = Machine::of_name(machine).unwrap();
        loop {
            let number = u32::try_from(self.below(limit)).unwrap();
            let known = self.names[machine].iter().any(|(of, _)| *of == number);
            if known || ours.syscall_name(number).is_none() {
                return number;
            }
        }
    }

    fn fields(&mut self, most: usize, fits: impl Fn(&Field) -> bool) -> String {
        let fitting: Vec<&Field> = FIELDS.iter().filter(|field| fits(field)).collect();
        let mut line = String::new();
        for _ in 0..self.below(most + 1) {
            let (name, ops, values, _) = *self.one(&fitting);
            self.used.insert(name);
            line.push_str(&format!(" -F {name}{}{}", self.one(ops), self.one(values)));
        }
        line
    }

    fn comparison(&mut self) -> String {
        let of = self.one(&[USER_IDS, GROUP_IDS]);
        let one = self.one(of);
        let other = loop {
            let other = self.one(of);
            if other != one {
                break other;
            }
        };
        format!(" -C {one}{}{other}", self.one(EQUALITY))
    }

    fn keys(&mut self, option: &str) -> String {
        (0..self.below(4)).map(|_| format!("{option}{}", self.one(KEYS))).collect()
    }
}

/// The name of a user's or a group's number in an event.
pub(crate) fn id_name(number: u32) -> &'static str {
    use ringaudit::wire::rule::field;
    match number {
        field::LOGINUID => "auid",
        field::OBJ_UID => "obj_uid",
        field::OBJ_GID => "obj_gid",
        _ => ["uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid"]
            [usize::try_from(number).unwrap() - 1],
    }
}

/// The calls of a machine that auditctl knows, each number with its name.
pub(crate) fn calls(machine: &str) -> Vec<(u32, String)> {
    let output =
        Command::new("ausyscall").args([machine, "--dump"]).output().expect("ausyscall must be installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    pairs.filter_map(|(number, name)| Some((number.trim().parse().ok()?, name.trim().to_owned()))).collect()
}
