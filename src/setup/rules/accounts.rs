//! Names of users and groups into numbers, from /etc/passwd and /etc/group as they stand: no name service
//! is asked, since a static binary has none (passwd(5), group(5)).

use crate::config::{did_you_mean, quoted};
use std::fs;
use std::path::PathBuf;

/// Where the names come from.
pub(super) struct Accounts {
    pub(super) passwd: PathBuf,
    pub(super) group: PathBuf,
}

impl Accounts {
    /// The system's own.
    pub(super) fn system() -> Self {
        Self { passwd: PathBuf::from("/etc/passwd"), group: PathBuf::from("/etc/group") }
    }

    /// The uid of a user name, or what is wrong.
    pub(super) fn uid(&self, name: &str) -> Result<u32, String> {
        find(&self.passwd, "user", name)
    }

    /// The gid of a group name, or what is wrong.
    pub(super) fn gid(&self, name: &str) -> Result<u32, String> {
        find(&self.group, "group", name)
    }
}

/// Both files hold `name:password:number:...` lines.
fn find(path: &PathBuf, what: &str, name: &str) -> Result<u32, String> {
    let bytes =
        fs::read(path).map_err(|e| format!("cannot look up {what} \"{name}\" in {}: {e}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut names = Vec::new();
    for line in text.lines() {
        let mut parts = line.split(':');
        let (Some(own), Some(number)) = (parts.next(), parts.nth(1)) else { continue };
        if own == name
            && let Ok(number) = number.parse()
        {
            return Ok(number);
        }
        names.push(own);
    }
    let hint = did_you_mean(name, &names);
    Err(format!("{what} {} is not in {}{hint}", quoted(name), path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts { passwd: dir.path().join("passwd"), group: dir.path().join("group") };
        assert!(accounts.uid("alice").unwrap_err().starts_with("cannot look up user \"alice\" in "));
        fs::write(&accounts.passwd, b"root:x:0:0::/:/bin/sh\nbroken\nalice:x:x:1\nalice:x:1001:5:\xff:/:\n")
            .unwrap();
        fs::write(&accounts.group, "wheel:x:10:root\n").unwrap();
        assert_eq!(accounts.uid("alice"), Ok(1001));
        assert_eq!(accounts.gid("wheel"), Ok(10));
        let message = accounts.uid("alcie").unwrap_err();
        assert!(message.ends_with("passwd; did you mean \"alice\"?"), "{message}");
        assert!(accounts.gid("root").is_err());
    }
}
