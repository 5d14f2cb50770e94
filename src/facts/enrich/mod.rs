//! What an event means on this host, beyond what its records say.

mod cgroup;
pub mod context;
mod environ;
mod inode;
pub mod labels;
pub mod nscd;
mod proc;
mod process;
pub mod regex;
mod script;
#[cfg(any(test, feature = "testing"))]
#[allow(clippy::unwrap_used, reason = "tests alone have it")]
pub mod testing;
pub mod users;
pub mod values;

use crate::config::NameSource;
use crate::event::Event;
use crate::event::facts::Facts;
use crate::wire::class::{self, Class};
use crate::wire::fields::{self, Value};
use crate::wire::record::RecordType;
use crate::wire::tables::Machine;
use nscd::{Nscd, SOCKET, Table};
use std::time::Instant;
use users::Users;
use values::{Id, argument_is_id};

/// Where user names come from.
pub const PASSWD: &str = "/etc/passwd";
/// Where group names come from; its lines begin as those of passwd(5) do.
const GROUP: &str = "/etc/group";

/// Names of users and groups.
pub struct Names {
    /// From /etc/passwd.
    pub users: Users,
    /// From /etc/group.
    pub groups: Users,
    /// Whether nscd is asked.
    asks: bool,
}

impl Names {
    /// This system's names, read now.
    pub fn new(now: Instant) -> Self {
        let mut names = Self { users: Users::new(PASSWD), groups: Users::new(GROUP), asks: false };
        names.refresh(now);
        names
    }

    /// Names as the config wants them; with nscd, [`ask`](Self::ask) is to be called for each event.
    pub fn of(source: NameSource, now: Instant) -> Self {
        let Self { users, groups, .. } = Self::new(now);
        match source {
            NameSource::Nscd if cfg!(feature = "json") => Self {
                users: users.with_nscd(Nscd::new(SOCKET, Table::Users)),
                groups: groups.with_nscd(Nscd::new(SOCKET, Table::Groups)),
                asks: true,
            },
            _ => Self { users, groups, asks: false },
        }
    }

    /// Asks nscd, if it is to be asked, for the ids of an event that are not known yet.
    pub fn ask(&mut self, event: &Event<'_>, now: Instant) {
        if self.asks {
            self.ask_for(event, now);
        }
    }

    #[cold]
    fn ask_for(&mut self, event: &Event<'_>, now: Instant) {
        let end = Instant::now() + nscd::LIMIT;
        for record in event.records {
            for (key, value) in fields::items(record.fields).fields() {
                self.ask_field(record.kind, key, value, now, end);
                if let Value::Nested(inside) = value {
                    for (key, value) in fields::items(inside).fields() {
                        self.ask_field(RecordType::USER, key, value, now, end);
                    }
                }
            }
        }
        let Facts { arch: Some(arch), syscall: Some(syscall), args, .. } = Facts::of(event) else { return };
        let Some(machine) = Machine::of_audit_arch(arch) else { return };
        for (index, value) in args.into_iter().enumerate() {
            let value = value.and_then(|value| u32::try_from(value & u64::from(u32::MAX)).ok());
            if let (Some(id), Some(kind)) = (value, argument_is_id(machine, syscall, index)) {
                let table = if kind == Id::User { &mut self.users } else { &mut self.groups };
                table.ask(id, now);
            }
        }
    }

    /// Asks for the id of a field, until the event's time is over: what is left another event will ask for.
    fn ask_field(&mut self, kind: RecordType, key: &[u8], value: Value<'_>, now: Instant, end: Instant) {
        if Instant::now() >= end {
            return;
        }
        let table = match class::of(kind, key) {
            Class::User => &mut self.users,
            Class::Group => &mut self.groups,
            _ => return,
        };
        value.id().into_iter().for_each(|id| table.ask(id, now));
    }

    /// Reads again what changed since the last look.
    pub fn refresh(&mut self, now: Instant) {
        self.users.refresh(now);
        self.groups.refresh(now);
    }
}
