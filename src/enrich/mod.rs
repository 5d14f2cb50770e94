//! What the host knows beside the records.

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
