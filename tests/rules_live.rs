//! Rules in the running kernel, with auditctl as the judge: each line is loaded by auditctl and by us, and
//! what the kernel then lists must be the same, byte for byte. Needs root, auditctl and a kernel with
//! auditing; without them it fails. Every rule is bound to a process or file that does not exist.

#![allow(clippy::expect_used)] // the whole file is tests, and their helpers may fail too

use ringaudit::capture::control::Control;
use ringaudit::rules::{self, Planned, Report, Transport};
use ringaudit::wire::rule::{AUDIT_DEL_RULE, AUDIT_LIST_RULES, Rule};
use ringaudit::wire::tables::Machine;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// One test at a time on this machine: the audit system is one for all. `flock` waits for the lock and
/// holds it as long as its child reads our pipe.
struct Lock(Child);

impl Lock {
    fn take() -> Self {
        let path = std::env::var("RINGAUDIT_TEST_LOCK");
        let path = path.unwrap_or_else(|_| "/run/lock/ringaudit-live.lock".to_owned());
        let mut child = Command::new("flock")
            .args([path.as_str(), "sh", "-c", "echo locked; read _ || true"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("flock (package util-linux) must run");
        let mut line = String::new();
        let output = child.stdout.take().expect("the lock's output is piped");
        BufReader::new(output).read_line(&mut line).expect("the lock answers");
        assert_eq!(line, "locked\n", "no lock on {path}");
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The kernel's rules, and a promise to take away those that the test added.
struct Kernel {
    control: Control,
    found: Vec<Vec<u8>>,
}

impl Kernel {
    fn open() -> Self {
        let mut control = Control::open().expect("the kernel must have auditing");
        let found = list(&mut control);
        Self { control, found }
    }

    /// What is in the kernel now and was not before.
    fn added(&mut self) -> Vec<Vec<u8>> {
        let mut now = list(&mut self.control);
        now.retain(|rule| !self.found.contains(rule));
        now
    }

    fn clear(&mut self) {
        for rule in self.added() {
            self.control.request(AUDIT_DEL_RULE, &rule).expect("a test's rule can be deleted");
        }
    }

    fn load(&mut self, text: &str) -> Report {
        rules::load(&mut self.control, &plan(text), false)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        for rule in self.added() {
            let _ = self.control.request(AUDIT_DEL_RULE, &rule);
        }
    }
}

fn list(control: &mut Control) -> Vec<Vec<u8>> {
    let mut rules = Vec::new();
    Transport::dump(control, AUDIT_LIST_RULES, &mut |_, rule| rules.push(rule.to_vec()))
        .expect("listing rules needs root (CAP_AUDIT_CONTROL)");
    rules
}

fn plan(text: &str) -> Vec<Planned> {
    let compiled = rules::compile(&rules::lines_of("live.rules", text), machine());
    assert_eq!(compiled.errors, [], "{text}");
    compiled.planned
}

fn machine() -> Machine {
    let output = Command::new("uname").arg("-m").output().expect("uname runs");
    let name = String::from_utf8(output.stdout).expect("a machine's name is text");
    Machine::of_uname(name.trim()).expect("a machine with tables")
}

/// Loads a file as auditctl does; false when it refuses.
fn auditctl(dir: &Path, text: &str) -> bool {
    let path = dir.join("judge.rules");
    let mut file = File::create(&path).expect("the scratch file can be made");
    file.write_all(text.as_bytes()).expect("the scratch file can be written");
    drop(file);
    let status =
        Command::new("auditctl").arg("-R").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.expect("auditctl (package auditd) must be installed").success()
}

fn shown(rules: &[Vec<u8>]) -> Vec<Rule> {
    rules.iter().map(|bytes| Rule::parse(bytes).expect("the kernel's rule is whole")).collect()
}

/// The system calls and numbers are this machine's where they must be: `openat` is everywhere.
const LINES: &[&str] = &[
    "-a always,exit -F pid=4194305",
    "-a exit,always -F pid=4194305",
    "-a never,exit -F pid!=4194305 -F ppid=4194305",
    "-A always,exit -F pid=4194305 -S openat",
    "-a always,exit -S openat,close -S read -F pid=4194305",
    "-a always,exit -S 1 -S 2,0x3,010 -F pid=4194305",
    "-a always,exit -S all -F pid=4194305",
    "-a always,exit -F arch=b64 -S execve,execveat -F pid=4194305 -k exec",
    "-a always,exit -F arch=b32 -S execve -F pid=4194305 -k exec",
    "-a always,exit -F arch!=b64 -S openat -F pid=4194305",
    "-a always,exit -F arch=B64 -S OpenAt -F Pid=4194305",
    "-a always,exit -F arch=b64 -F pid=4194305 -S openat -k one -k two -F key=three",
    "-a always,exit -F arch=b64 -S openat -F exit=-EACCES -F pid=4194305",
    "-a always,exit -F arch=b64 -S openat -F exit=-13 -F pid=4194305",
    "-a always,exit -F arch=b64 -S openat -F exit!=-EWOULDBLOCK -F pid=4194305",
    "-a always,exit -F arch=b64 -S openat -F exit=EPERM -F pid=4194305",
    "-a always,exit -F exit>=0x10 -F exit<=020 -F pid=4194305",
    "-a always,exit -F success=0 -F pid=4194305",
    "-a always,exit -F success!=1 -F pid=4194305",
    "-a always,exit -F pid=4194305 -F uid=0 -F euid>1 -F suid<2 -F fsuid>=3",
    "-a always,exit -F pid=4194305 -F uid=root -F gid=root -F egid!=daemon",
    "-a always,exit -F pid=4194305 -F gid=5 -F egid=6 -F sgid=7 -F fsgid=8",
    "-a always,exit -F pid=4194305 -F auid>=1000 -F auid!=unset",
    "-a always,exit -F pid=4194305 -F auid!=4294967295",
    "-a always,exit -F pid=4194305 -F auid=-1 -F loginuid!=7",
    "-a always,exit -F pid=4194305 -F auid=root",
    "-a always,exit -F pid=4194305 -F sessionid=unset",
    "-a always,exit -F pid=4194305 -F sessionid!=5",
    "-a always,exit -F pid=4194305 -F pers=8 -F pers&4",
    "-a always,exit -F pid=4194305 -F devmajor=8 -F devminor&=1",
    "-a always,exit -F pid=4194305 -F inode=12345",
    "-a always,exit -F pid=4194305 -F obj_uid=0 -F obj_gid=root",
    "-a always,exit -F pid=4194305 -F filetype=file",
    "-a always,exit -F pid=4194305 -F filetype!=dir",
    "-a always,exit -F pid=4194305 -F saddr_fam=2",
    "-a always,exit -F pid=4194305 -F a0=0xffffffffffffff9c -F a1&0x40 -F a2&=3 -F a3!=-1",
    "-a always,exit -F pid=4194305 -F subj_type=a_t -F subj_user!=u -F obj_role=r -F subj_sen=s0",
    "-a always,exit -F pid=4194305 -F exe=/usr/bin/true -F perm=x",
    "-a always,exit -F exe!=/usr/bin/true -F pid=4194305 -S openat -k notexe",
    "-a always,exit -F path=/run/ringaudit-none -F perm=wa -k path",
    "-a always,exit -F path=/run/ringaudit-none -p rx -p a",
    "-a always,exit -F arch=b64 -F path=/run/ringaudit-none -F perm=wa -k path",
    "-a always,exit -F arch=b32 -F dir=DIR -F perm=r -k dir",
    "-a always,exit -F dir=DIR/ -F pid=4194305",
    "-a never,exit -F dir=DIR -F pid=4194305 -F success=1",
    "-w /run/ringaudit-none",
    "-w /run/ringaudit-none -p wa -k watch",
    "-w /run/ringaudit-none -k a -p r -k b",
    "-w /run/ringaudit-none/ -p x",
    "-w DIR",
    "-w DIR/ -p wa -k dir",
    "-w DIR/file -p WA",
    "-w DIR -p w -F auid=0 -F pid=4194305",
    "-w DIR/a\\ b -p w -k blank\\ key",
    "-a never,task -F pid=4194305",
    "-A never,task -F uid=12345 -F auid=12345",
    "-a always,user -F pid=4194305",
    "-a never,user -F uid=12345 -F msgtype=1100",
    "-a always,exclude -F msgtype=2999",
    "-a never,exclude -F msgtype>=2998 -F pid=4194305 -F exe=/usr/bin/true",
    "-a never,exclude -F auid=12345 -F uid=12345 -F gid=12345 -F subj_role=x",
    "-a never,filesystem -F fstype=debugfs",
    "-a never,filesystem -F fstype!=0x74726163 -k fs",
    "  -a   always,exit   -F pid=4194305  -Sopenat -kattached",
    "-a always,exit -S 2040 -F pid=4194305",
];

#[test]
fn the_kernel_holds_what_auditctl_would_have_loaded() {
    let _lock = Lock::take();
    let mut kernel = Kernel::open();
    let dir = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(dir.path().join("file"), "").expect("a scratch file");
    assert!(LINES.len() >= 40);
    for line in LINES {
        let line = line.replace("DIR", &dir.path().to_string_lossy());
        assert!(auditctl(dir.path(), &line), "auditctl refuses {line}");
        let judged = kernel.added();
        kernel.clear();
        assert_eq!(judged.len(), 1, "{line}");
        let report = kernel.load(&line);
        assert_eq!((report.problems.as_slice(), report.added.len()), (&[][..], 1), "{line}");
        let ours = kernel.added();
        assert!(judged == ours, "{line}\nauditctl {:#?}\nours {:#?}", shown(&judged), shown(&ours));
        assert_eq!(rules::remove(&mut kernel.control, &plan(&line), &report), [], "{line}");
        assert_eq!(kernel.added(), Vec::<Vec<u8>>::new(), "{line}: remove left it");
    }
}

/// What auditctl or the kernel refuses, and we must too, before or at loading.
const REFUSED: &[&str] = &[
    "-a always,exit -F pid=-1",
    "-a always,exit -F pid=x",
    "-a always,exit -F pid&1",
    "-a always,exit -F nosuch=1",
    "-a always,exit -F uid=-1 -F pid=4194305",
    "-a always,exit -F auid>unset -F pid=4194305",
    "-a always,exit -F uid=no-such-user",
    "-a always,exit -F gid=unset",
    "-a always,exit -F exit=ENOSUCH",
    "-a always,exit -F success=yes",
    "-a always,exit -F path=etc",
    "-a always,exit -F path=/etc/",
    "-a always,exit -F path!=/etc/passwd",
    "-a always,exit -F dir=/run/ringaudit-none",
    "-a always,exit -F path=/etc/passwd -F dir=/etc",
    "-a always,exit -F path=/run/ringaudit-none -F inode=5",
    "-a always,exit -F exe=/usr/bin/true -F exe=/usr/bin/false",
    "-a always,exit -F exe=relative",
    "-a always,exit -F perm=q",
    "-a always,exit -F filetype=pipe",
    "-a always,exit -F fstype=debugfs",
    "-a always,exit -F msgtype=1300",
    "-a always,exit -F arch=b46",
    "-a always,exit -F arch>b64",
    "-a always,exit -S nosuchcall",
    "-a always,exit -S 2048",
    "-a always,exit -S openat -F arch=b64",
    "-a always,task -S openat",
    "-a always,task -F success=1",
    "-a always,user -S openat",
    "-a always,user -F ppid=1",
    "-a always,exclude -F exit=1",
    "-a always,entry -S openat",
    "-a always,exit extra",
    "-a always,exit -a never,exit",
    "-a always",
    "-F pid=1",
    "-k lonely",
    "-w relative",
    "-w /run/none/none/none",
    "-w /etc -p q",
    "-d always,exit -F pid=4194305",
    "-W /run/ringaudit-none",
    "-e 3",
    "-f x",
    "-b x",
    "-x",
];

#[test]
fn what_auditctl_refuses_is_refused() {
    let _lock = Lock::take();
    let mut kernel = Kernel::open();
    let dir = tempfile::tempdir().expect("a scratch folder");
    for line in REFUSED {
        assert!(!auditctl(dir.path(), line), "auditctl takes {line}");
        kernel.clear();
        let compiled = rules::compile(&rules::lines_of("live.rules", line), machine());
        let report = rules::load(&mut kernel.control, &compiled.planned, false);
        assert!(compiled.errors.len() + report.problems.len() > 0, "{line} is taken");
        assert_eq!(kernel.added(), Vec::<Vec<u8>>::new(), "{line}");
    }
}

/// Loading again, deleting by line, and what the kernel refuses.
#[test]
fn the_kernels_answers_are_told_in_words() {
    let _lock = Lock::take();
    let mut kernel = Kernel::open();
    let dir = tempfile::tempdir().expect("a scratch folder");
    let dir = dir.path().to_string_lossy();
    let text = format!(
        "-w {dir} -p w\n-A always,exit -F pid=4194305 -F auid!=unset -F exe=/usr/bin/true -k a -k b\n"
    );
    let first = kernel.load(&text);
    assert_eq!((first.added.len(), first.already.len(), first.problems.len()), (2, 0, 0));
    let again = kernel.load(&text);
    assert_eq!((again.added.len(), again.already.len(), again.problems.len()), (0, 2, 0));
    assert_eq!(rules::remove(&mut kernel.control, &plan(&text), &again), []);
    assert_eq!(kernel.added().len(), 2, "rules that are not ours stay");
    let bad = format!(
        "-w {dir}/no/file -p w\n-a always,exit -F dir={dir}/no\n-W {dir} -p r\n-a always,exit -F pid=4194306\n"
    );
    let mixed = kernel.load(&bad);
    let problems: Vec<String> = mixed.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "live.rules:3:1: the kernel holds no such rule to delete".to_owned(),
        format!("live.rules:1:1: \"{dir}/no\" does not exist: make it before the rule is loaded"),
        format!("live.rules:2:1: \"{dir}/no\" does not exist: make it before the rule is loaded"),
    ];
    assert_eq!((problems.as_slice(), mixed.added.len()), (&expected[..], 1));
    let gone = kernel
        .load(&format!("-W {dir} -p w\n-d always,exit -F pid=4194305 -F auid!=unset -F exe=/usr/bin/true -k a -k b\n-d exit,always -F pid=4194306\n"));
    assert_eq!((gone.deleted, gone.problems.len()), (3, 0));
    assert_eq!(kernel.added(), Vec::<Vec<u8>>::new());
}

/// The settings that a line sets are what the kernel then tells; put back as they were found.
#[test]
fn settings_arrive_in_the_kernel() {
    let _lock = Lock::take();
    let mut kernel = Kernel::open();
    let found = kernel.control.status().expect("the kernel tells its status");
    let wait = found.backlog_wait_time.expect("kernels since 3.14 have it");
    let set = |limit: u32, wait: u32, enabled: u32| {
        format!("-b {limit} -f {}\n--backlog_wait_time {wait}\n-e {enabled}\n", found.failure)
    };
    let other = u32::from(found.enabled == 0);
    let report = kernel.load(&set(found.backlog_limit + 1, wait + 1, other));
    let then = kernel.control.status().expect("the kernel tells its status");
    let back = kernel.load(&set(found.backlog_limit, wait, found.enabled));
    assert_eq!((report.set, report.problems.len(), back.set), (4, 0, 4));
    assert_eq!(then.backlog_limit, found.backlog_limit + 1);
    assert_eq!(then.backlog_wait_time, Some(wait + 1));
    assert_eq!((then.enabled, then.failure), (other, found.failure));
    let after = kernel.control.status().expect("the kernel tells its status");
    assert_eq!((after.enabled, after.backlog_limit), (found.enabled, found.backlog_limit));
}

/// `-D` deletes all; only where there was nothing to begin with, so that nobody's rules are lost.
#[test]
fn all_rules_can_be_deleted() {
    let _lock = Lock::take();
    let mut kernel = Kernel::open();
    assert_eq!(kernel.found, Vec::<Vec<u8>>::new(), "this test needs a kernel without rules");
    let report = kernel
        .load("-a always,exit -F pid=4194305\n-a never,task -F pid=4194305\n-w /run/ringaudit-none\n-D\n");
    assert_eq!((report.added.len(), report.deleted, report.problems.len()), (0, 0, 0), "they cancel out");
    let report =
        kernel.load("-a always,exit -F pid=4194305\n-a never,task -F pid=4194305\n-w /run/ringaudit-none\n");
    assert_eq!((report.added.len(), list(&mut kernel.control).len()), (3, 3));
    let report = kernel.load("-D\n");
    assert_eq!((report.deleted, report.problems.len()), (3, 0));
    assert_eq!(list(&mut kernel.control), Vec::<Vec<u8>>::new());
}

/// Every name of auditctl's own tables means the same number to us, on the machines that both know.
#[test]
fn system_calls_are_named_as_auditctl_names_them() {
    let machines = [
        ("x86_64", Machine::X86_64),
        ("i386", Machine::I386),
        ("aarch64", Machine::Aarch64),
        ("arm", Machine::Arm),
    ];
    for (name, machine) in machines {
        let output = Command::new("ausyscall").args([name, "--dump"]).output();
        let output = output.expect("ausyscall (package auditd) must be installed").stdout;
        let text = String::from_utf8(output).expect("names are text");
        let mut compared = 0;
        for (number, call) in text.lines().filter_map(|line| line.split_once('\t')) {
            let Ok(number) = number.trim().parse() else { continue };
            assert_eq!(machine.syscall_number(call.trim()), Some(number), "{name} {call}");
            compared += 1;
        }
        assert!(compared > 280, "{name}: only {compared} compared");
    }
}
