//! Names of users from /etc/passwd, or of groups from /etc/group, whose lines begin alike; read again when the
//! file changes. A static binary has no name service switch: what only a directory server knows has a name
//! here when nscd is asked for it, and else none. Source: passwd(5), group(5).

use super::nscd::Nscd;
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How often the file's date is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A larger file is not read: the table must not grow without bound.
const MAX_LEN: u64 = 1024 * 1024;

/// The table.
pub struct Users {
    path: PathBuf,
    /// (uid, where its name starts, its length), sorted by uid.
    entries: Vec<(u32, u32, u8)>,
    names: Vec<u8>,
    /// Where the id of the last search stands.
    last: Cell<usize>,
    stamp: Option<(SystemTime, u64)>,
    looked: Option<Instant>,
    /// For the ids that the file does not have.
    nscd: Option<Nscd>,
}

impl Users {
    /// An empty table of this file; [`refresh`](Self::refresh) fills it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            entries: Vec::new(),
            names: Vec::new(),
            last: Cell::new(0),
            stamp: None,
            looked: None,
            nscd: None,
        }
    }

    /// The same, and what nscd says of the ids that the file does not have.
    pub fn with_nscd(self, nscd: Nscd) -> Self {
        Self { nscd: Some(nscd), ..self }
    }

    /// Asks nscd for an id that the file does not have and that was not asked for lately: for at most 20 ms.
    /// The next [`name_of`](Self::name_of) has its name.
    pub fn ask(&mut self, id: u32, now: Instant) {
        if self.nscd.is_some() && id != u32::MAX && self.in_file(id).is_none() {
            self.nscd.as_mut().into_iter().for_each(|nscd| nscd.ask(id, now));
        }
    }

    /// Reads the file if it changed since the last look, which is at least a second ago.
    pub fn refresh(&mut self, now: Instant) {
        if self.looked.is_some_and(|at| now.duration_since(at) < LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        let Ok(metadata) = fs::metadata(&self.path) else { return };
        let stamp = metadata.modified().ok().map(|time| (time, metadata.len()));
        if stamp == self.stamp || metadata.len() > MAX_LEN {
            return;
        }
        // A file that cannot be read now leaves the names as they were.
        if let Ok(text) = fs::read(&self.path) {
            self.load(&text);
            self.stamp = stamp;
        }
    }

    fn load(&mut self, text: &[u8]) {
        self.entries.clear();
        self.names.clear();
        for line in text.split(|&b| b == b'\n') {
            let mut fields = line.split(|&b| b == b':');
            let (Some(name), Some(_), Some(uid)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let (Some(uid), Ok(len), Ok(start)) =
                (number(uid), u8::try_from(name.len()), u32::try_from(self.names.len()))
            else {
                continue;
            };
            self.names.extend_from_slice(name);
            self.entries.push((uid, start, len));
        }
        // Stable: of two names for one id the first one counts, as getpwuid(3) has it.
        self.entries.sort_by_key(|entry| entry.0);
        self.entries.dedup_by_key(|entry| entry.0);
        self.entries.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    /// The name of the user whose id is written so, in decimal.
    pub fn name_of(&self, uid: &[u8]) -> Option<&[u8]> {
        self.name_of_id(number(uid)?)
    }

    /// The name of the user with this id.
    pub fn name_of_id(&self, uid: u32) -> Option<&[u8]> {
        self.in_file(uid).or_else(|| self.nscd.as_ref()?.name_of(uid))
    }

    fn in_file(&self, uid: u32) -> Option<&[u8]> {
        // A record has four ids of users that are mostly the same, and four of groups.
        let last = self.entries.get(self.last.get()).filter(|entry| entry.0 == uid);
        let &(_, start, len) = match last {
            Some(entry) => entry,
            None => {
                let index = self.entries.binary_search_by_key(&uid, |entry| entry.0).ok()?;
                self.last.set(index);
                self.entries.get(index)?
            }
        };
        self.names.get(start as usize..start as usize + usize::from(len))
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |sum, &digit| {
        let value = digit.wrapping_sub(b'0');
        if value > 9 { None } else { sum.checked_mul(10)?.checked_add(u32::from(value)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_change_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwd");
        fs::write(&path, "root:x:0:0::/root:/bin/sh\nsecond:x:0:0::/:\n# a comment\nbob:x:1000:1::/:\n")
            .unwrap();
        let mut users = Users::new(&path);
        let now = Instant::now();
        users.refresh(now);
        assert_eq!(users.name_of(b"0"), Some(&b"root"[..]));
        assert_eq!(users.name_of(b"1000"), Some(&b"bob"[..]));
        for none in [&b"33"[..], b"", b"4294967295", b"4294967296", b"\"0\"", b"-1"] {
            assert_eq!(users.name_of(none), None);
        }
        fs::write(&path, "alice:x:1000:1::/:\n").unwrap();
        users.refresh(now + LOOK_EVERY / 2);
        assert_eq!(users.name_of(b"1000"), Some(&b"bob"[..]), "not looked at yet");
        users.refresh(now + LOOK_EVERY);
        assert_eq!(users.name_of(b"1000"), Some(&b"alice"[..]));
        fs::remove_file(&path).unwrap();
        users.refresh(now + 2 * LOOK_EVERY);
        assert_eq!(users.name_of(b"1000"), Some(&b"alice"[..]), "a missing file forgets nothing");
    }
}
