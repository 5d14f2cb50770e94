//! This machine's audit system, taken for the time of the bench and given back as it was found.

use crate::Result;
use ringaudit::capture::control::Control;
use ringaudit::config::{Located, Place};
use ringaudit::rules;
use ringaudit::wire::status::{Field, Status};
use ringaudit::wire::tables::Machine;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// The control socket, what was found, and the rule that was added.
pub(crate) struct Kernel {
    control: Control,
    found: Status,
    planned: Vec<rules::Planned>,
    rules: rules::Report,
    _lock: File,
}

impl Kernel {
    /// Waits for the machine's other live tests, notes the settings, and adds the one rule: failing openat
    /// calls of this program.
    pub(crate) fn take() -> Result<Self> {
        let path = std::env::var_os("RINGAUDIT_TEST_LOCK")
            .map_or_else(|| PathBuf::from("/run/lock/ringaudit-live.lock"), PathBuf::from);
        let lock = File::create(&path)?;
        lock.lock()?;
        let mut control = Control::open()?;
        let mut found = control.status()?;
        // One that was killed is noticed by the kernel only when it sends to it: at this probe.
        if found.pid != 0 && control.set(Field::Pid, 0).is_ok() {
            found = control.status()?;
        }
        if found.pid != 0 {
            return Err(format!("pid {} holds the audit socket: stop it first", found.pid).into());
        }
        let exe = std::env::current_exe()?;
        let line =
            format!("-a always,exit -F arch=b64 -S openat -F exe={} -F success=0 -k bench", exe.display());
        let lines = [Located { place: Place::default(), value: line }];
        let machine = Machine::of_uname(&ringaudit::sys::host::machine()).ok_or("unknown machine")?;
        let compiled = rules::compile(&lines, machine);
        let rules = rules::load(&mut control, &compiled.planned, false);
        if rules.added.len() != 1 {
            return Err(format!("the rule was not added: {:?} {:?}", compiled.errors, rules.problems).into());
        }
        Ok(Self { control, found, planned: compiled.planned, rules, _lock: lock })
    }

    /// The settings under which all receivers are measured.
    pub(crate) fn prepare(&mut self) -> Result<()> {
        self.control.set(Field::BacklogLimit, 8192)?;
        self.control.set(Field::BacklogWaitTime, 0)?;
        self.control.set(Field::Enabled, 1)?;
        Ok(())
    }

    /// The registered daemon.
    pub(crate) fn daemon(&mut self) -> Result<u32> {
        Ok(self.control.status()?.pid)
    }

    /// Records lost since boot.
    pub(crate) fn lost(&mut self) -> Result<u32> {
        Ok(self.control.status()?.lost)
    }

    /// Waits until the kernel holds no record and the receiver had time to deal with its own.
    pub(crate) fn settle(&mut self) -> Result<()> {
        while self.control.status()?.backlog > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(500));
        Ok(())
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        for (field, value) in [
            (Field::Enabled, Some(self.found.enabled)),
            (Field::BacklogLimit, Some(self.found.backlog_limit)),
            (Field::BacklogWaitTime, self.found.backlog_wait_time),
        ] {
            if let Some(Err(error)) = value.map(|value| self.control.set(field, value)) {
                eprintln!("bench: failed to restore {}: {error}", field.name());
            }
        }
        for problem in rules::remove(&mut self.control, &self.planned, &self.rules) {
            eprintln!("bench: {problem}");
        }
    }
}
