//! What an event means on this host, beyond what its records say.

mod cgroup;
pub mod context;
mod environ;
mod inode;
pub mod labels;
mod proc;
mod process;
mod script;
#[cfg(test)]
pub(crate) mod testing;
pub mod users;
pub mod values;

use std::time::Instant;
use users::Users;

/// Where user names come from.
const PASSWD: &str = "/etc/passwd";
/// Where group names come from; its lines begin as those of passwd(5) do.
const GROUP: &str = "/etc/group";

/// Names of users and groups.
pub struct Names {
    /// From /etc/passwd.
    pub users: Users,
    /// From /etc/group.
    pub groups: Users,
}

impl Names {
    /// This system's names, read now.
    pub fn new(now: Instant) -> Self {
        let mut names = Self { users: Users::new(PASSWD), groups: Users::new(GROUP) };
        names.refresh(now);
        names
    }

    /// Reads again what changed since the last look.
    pub fn refresh(&mut self, now: Instant) {
        self.users.refresh(now);
        self.groups.refresh(now);
    }
}
