//! This machine's audit system, held for one test and given back as it was found.

use crate::flood::Flood;
use ringaudit::capture::control::Control;
use ringaudit::wire::Transport;
use ringaudit::wire::rule::{AUDIT_DEL_RULE, AUDIT_LIST_RULES};
use ringaudit::wire::status::{Field, Status};
use std::fs::File;
use std::time::{Duration, Instant};

/// How long anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Machine {
    control: Control,
    pub(crate) found: Status,
    /// In a program of its own, so that a rule can name it.
    pub(crate) flood: Flood,
    _lock: File,
}

impl Machine {
    /// Waits for the other live tests of this machine.
    pub(crate) fn take() -> Self {
        let path = std::env::var("RINGAUDIT_TEST_LOCK");
        let path = path.unwrap_or_else(|_| "/run/lock/ringaudit-live.lock".to_owned());
        let lock = File::create(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        lock.lock().unwrap();
        let mut control = Control::open().expect("this kernel must have auditing");
        control.status().expect("the live tests need root (CAP_AUDIT_CONTROL)");
        wait("the end of another audit daemon (stop it first)", || {
            // One that was killed is noticed by the kernel only when it sends to it: at this probe.
            control.status().unwrap().pid == 0 || control.set(Field::Pid, 0).is_ok()
        });
        let found = control.status().unwrap();
        Self { control, found, flood: Flood::new(), _lock: lock }
    }

    pub(crate) fn status(&mut self) -> Status {
        self.control.status().unwrap()
    }

    pub(crate) fn set(&mut self, field: Field, value: u32) {
        self.control.set(field, value).unwrap();
    }

    /// The kernel's rules that name this test's program.
    pub(crate) fn own_rules(&mut self) -> Vec<Vec<u8>> {
        let name = self.flood.path().to_str().unwrap().as_bytes();
        let mut own = Vec::new();
        let dumped = self.control.dump(AUDIT_LIST_RULES, &mut |_, rule| {
            if rule.windows(name.len()).any(|part| part == name) {
                own.push(rule.to_vec());
            }
        });
        dumped.unwrap();
        own
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for rule in self.own_rules() {
            if let Err(error) = self.control.request(AUDIT_DEL_RULE, &rule) {
                eprintln!("a rule of the test stays in the kernel: {error}");
            }
        }
        let found = self.found;
        let fields = [Field::Enabled, Field::BacklogLimit, Field::BacklogWaitTime, Field::Failure];
        for (field, value) in fields.into_iter().filter_map(|field| Some((field, found.get(field)?))) {
            if let Err(error) = self.control.set(field, value) {
                eprintln!("{} is not put back: {error}", field.name());
            }
        }
    }
}

/// Waits until `what` holds.
pub(crate) fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
