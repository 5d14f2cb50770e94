//! What context and filters want to know of an event, read once from its records: who did what, with which
//! result. Takes an assembled event, gives numbers and borrowed values.

use super::{Event, Record};
use crate::wire::fields::{self, Item, Value};
use crate::wire::record::RecordType;
use crate::wire::tables::Machine;

/// The facts of an event. What its records do not say is `None`; an event of user space has the ids of
/// its only record and no system call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Whether the event has a SYSCALL record.
    pub is_syscall: bool,
    /// `arch`, an AUDIT_ARCH_* number.
    pub arch: Option<u32>,
    /// `syscall`, its number on that arch.
    pub syscall: Option<u32>,
    /// `success=yes`
    pub success: Option<bool>,
    /// `exit`, a negative errno on failure.
    pub exit: Option<i64>,
    /// `a0` to `a3`.
    pub args: [Option<u64>; 4],
    /// `ppid`
    pub ppid: Option<u32>,
    /// `pid`
    pub pid: Option<u32>,
    /// `auid`; 4294967295 is unset.
    pub auid: Option<u32>,
    /// `uid`
    pub uid: Option<u32>,
    /// `comm`, encoded.
    pub comm: Option<Value<'a>>,
    /// `exe`, encoded.
    pub exe: Option<Value<'a>>,
    /// `key`, encoded; several are joined by 0x01.
    pub key: Option<Value<'a>>,
}

impl<'a> Facts<'a> {
    /// Reads them: from the SYSCALL record if there is one, else from the first record.
    pub fn of(event: &Event<'a>) -> Self {
        let mut records = event.records;
        let syscall = records.find(|record| record.kind == RecordType::SYSCALL);
        records = event.records;
        let source = syscall.or_else(|| records.next());
        source.map_or_else(Self::default, Self::of_record)
    }

    fn of_record(record: Record<'a>) -> Self {
        let mut facts = Self { is_syscall: record.kind == RecordType::SYSCALL, ..Self::default() };
        facts.read(record.fields);
        facts
    }

    fn read(&mut self, text: &'a [u8]) {
        for item in fields::items(text) {
            match item {
                Item::Field(b"msg", Value::Nested(inside)) if !self.is_syscall => {
                    // What the sender says does not overrule what the kernel said of the sender.
                    let Self { pid, ppid, uid, auid, .. } = *self;
                    fields::items(inside).fields().for_each(|(key, value)| self.note(key, value));
                    (self.pid, self.ppid) = (pid.or(self.pid), ppid.or(self.ppid));
                    (self.uid, self.auid) = (uid.or(self.uid), auid.or(self.auid));
                }
                Item::Field(key, value) => self.note(key, value),
                Item::Word(_) => {}
            }
        }
    }

    fn note(&mut self, key: &[u8], value: Value<'a>) {
        match key {
            b"arch" => self.arch = value.hexadecimal().and_then(|n| u32::try_from(n).ok()),
            b"syscall" => self.syscall = value.id(),
            b"success" => self.success = Some(value.bytes() == b"yes"),
            b"exit" => self.exit = value.decimal(),
            b"a0" => self.args[0] = value.hexadecimal(),
            b"a1" => self.args[1] = value.hexadecimal(),
            b"a2" => self.args[2] = value.hexadecimal(),
            b"a3" => self.args[3] = value.hexadecimal(),
            b"ppid" => self.ppid = value.id(),
            b"pid" => self.pid = value.id(),
            b"auid" => self.auid = value.id(),
            b"uid" => self.uid = value.id(),
            b"comm" => self.comm = Some(value),
            b"exe" => self.exe = Some(value),
            b"key" => self.key = Some(value).filter(|value| !value.is_null()),
            _ => {}
        }
    }

    /// The machine whose system call it is, and the call's name there.
    pub fn syscall_name(&self) -> Option<&'static str> {
        Machine::of_audit_arch(self.arch?)?.syscall_name(self.syscall?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_a_system_call_and_of_user_space() {
        let fields =
            b"arch=c000003e syscall=59 success=yes exit=0 a0=7f a1=0 a2=ffffffffffffff9c a3=1 items=2 \
                       ppid=7 pid=8 auid=1000 uid=0 tty=(none) comm=\"ls\" exe=2F62 key=(null)";
        let facts = Facts::of_record(Record::captured(RecordType::SYSCALL, fields));
        assert!(facts.is_syscall);
        assert_eq!((facts.pid, facts.ppid, facts.auid, facts.uid), (Some(8), Some(7), Some(1000), Some(0)));
        assert_eq!((facts.success, facts.exit), (Some(true), Some(0)));
        assert_eq!(facts.args, [Some(0x7f), Some(0), Some(0xffff_ffff_ffff_ff9c), Some(1)]);
        assert_eq!(facts.syscall_name(), Some("execve"));
        assert_eq!((facts.comm, facts.exe), (Some(Value::Quoted(b"ls")), Some(Value::Bare(b"2F62"))));
        assert_eq!(facts.key, None);
        let fields = b"pid=9 uid=0 auid=1000 ses=1 msg='op=login exe=\"/bin/su\" res=success'";
        let facts = Facts::of_record(Record::captured(RecordType(1112), fields));
        assert_eq!((facts.is_syscall, facts.pid, facts.auid), (false, Some(9), Some(1000)));
        assert_eq!(facts.exe, Some(Value::Quoted(b"/bin/su")));
    }

    #[test]
    fn a_sender_does_not_overrule_the_kernel() {
        // As systemd writes it, with the client's ids; and with what auditd would append, in a user's text.
        for fields in [
            &b"pid=1 uid=0 auid=4294967295 ses=4294967295 msg='avc:  denied  { start } for auid=n/a uid=471 pid=7'"[..],
            b"pid=1 uid=0 auid=4294967295 ses=4294967295 msg='op=x\x1dpid=7 uid=471 auid=471 x='",
        ] {
            let facts = Facts::of_record(Record::captured(RecordType(1107), fields));
            assert_eq!((facts.pid, facts.uid, facts.auid), (Some(1), Some(0), Some(u32::MAX)));
        }
    }
}
