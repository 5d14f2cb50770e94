//! This machine's audit rules, held for one batch and given back as they were found.

use ringaudit::capture::control::Control;
use ringaudit::rules::{self, Command, Compiled};
use ringaudit::wire::Transport;
use ringaudit::wire::rule::{AUDIT_ADD_RULE, AUDIT_DEL_RULE, AUDIT_LIST_RULES, Rule};
use ringaudit::wire::tables::Machine;
use std::fs::File;
use std::process;

pub(crate) struct Kernel {
    control: Control,
    found: Vec<Vec<u8>>,
    _lock: File,
}

impl Kernel {
    /// Waits for the other live tests of this machine.
    pub(crate) fn take() -> Self {
        let path = std::env::var("RINGAUDIT_TEST_LOCK");
        let path = path.unwrap_or_else(|_| "/run/lock/ringaudit-live.lock".to_owned());
        let lock = File::create(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        lock.lock().unwrap();
        let mut control = Control::open().expect("this kernel must have auditing");
        let found = list(&mut control);
        Self { control, found, _lock: lock }
    }

    /// The rules that are there now and were not before, as the kernel lists them.
    fn added_bytes(&mut self) -> Vec<Vec<u8>> {
        let mut now = list(&mut self.control);
        now.retain(|rule| !self.found.contains(rule));
        now
    }

    pub(crate) fn added(&mut self) -> Vec<Rule> {
        self.added_bytes().iter().map(|bytes| Rule::parse(bytes).unwrap()).collect()
    }

    /// Loads the lines with auditctl, each for itself; gives what the kernel then has.
    pub(crate) fn by_auditctl(&mut self, lines: &[String]) -> Vec<Rule> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("judge.rules");
        std::fs::write(&path, format!("-i\n{}\n", lines.join("\n"))).unwrap();
        let output = process::Command::new("auditctl").arg("-R").arg(&path).output();
        output.expect("auditctl (package auditd) must be installed");
        self.added()
    }

    /// The same by us; gives how many the kernel took.
    pub(crate) fn by_us(&mut self, lines: &[String]) -> usize {
        let mut taken = 0;
        for plan in compile(lines).planned {
            let Command::Add(rule) = &plan.command else { panic!("not a rule: {}", plan.line) };
            let bytes = rule.emit().unwrap();
            taken += usize::from(self.control.request(AUDIT_ADD_RULE, &bytes).is_ok());
        }
        taken
    }

    /// Deletes by us what these lines add, a line each.
    pub(crate) fn delete_by_line(&mut self, lines: &[String]) {
        let lines = lines.iter().map(|line| match line.split_at(2) {
            ("-w", rest) => format!("-W{rest}"),
            (_, rest) => format!("-d{rest}"),
        });
        for plan in compile(&lines.collect::<Vec<_>>()).planned {
            let Command::Delete(rule) = &plan.command else { panic!("deletes nothing: {}", plan.line) };
            // Some were refused.
            let _ = self.control.request(AUDIT_DEL_RULE, &rule.emit().unwrap());
        }
    }

    /// What auditctl prints of the rules that were added.
    pub(crate) fn auditctl_list(&mut self) -> Vec<String> {
        assert_eq!(self.found, Vec::<Vec<u8>>::new(), "this test needs a kernel without rules");
        let output = process::Command::new("auditctl").arg("-l").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter(|line| *line != "No rules").map(str::to_owned).collect()
    }

    pub(crate) fn clear(&mut self) {
        for rule in self.added_bytes() {
            self.control.request(AUDIT_DEL_RULE, &rule).unwrap();
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        for rule in self.added_bytes() {
            if let Err(error) = self.control.request(AUDIT_DEL_RULE, &rule) {
                eprintln!("a rule of the test stays in the kernel: {error}");
            }
        }
    }
}

fn list(control: &mut Control) -> Vec<Vec<u8>> {
    let mut rules = Vec::new();
    control
        .dump(AUDIT_LIST_RULES, &mut |_, rule| rules.push(rule.to_vec()))
        .expect("listing rules needs root");
    rules
}

pub(crate) fn compile(lines: &[String]) -> Compiled {
    rules::compile(&rules::lines_of("test.rules", &lines.join("\n")), machine())
}

pub(crate) fn machine() -> Machine {
    Machine::of_uname(std::env::consts::ARCH).expect("a machine with tables")
}
