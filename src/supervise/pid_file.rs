//! The file with the daemon's process id, for what starts it by a script. Source: daemon(7), hier(7).

use crate::log;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that was written.
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes the id and a newline; in place, for others to read. What can't be written is told: the daemon goes on.
    pub(super) fn write(path: &Path) -> Option<Self> {
        match write(path) {
            Ok(()) => Some(Self(path.to_owned())),
            Err(error) => {
                log::error(format_args!("failed to write the pid file \"{}\": {error}", path.display()));
                None
            }
        }
    }

    /// Removes it, unless it is another daemon's by now.
    pub(super) fn remove(self) {
        if fs::read_to_string(&self.0).is_ok_and(|text| text == text_of_own())
            && let Err(error) = fs::remove_file(&self.0)
        {
            log::warning(format_args!("failed to remove the pid file \"{}\": {error}", self.0.display()));
        }
    }
}

fn text_of_own() -> String {
    format!("{}\n", std::process::id())
}

fn write(path: &Path) -> io::Result<()> {
    // What a link there leads to is not ours to write.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o644).custom_flags(libc::O_NOFOLLOW);
    options.open(path)?.write_all(text_of_own().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_removed_unless_it_is_anothers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        fs::write(&path, "an old one, which is longer\n").unwrap();
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text_of_own());
        file.remove();
        assert!(!path.exists());
        let file = PidFile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        file.remove();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        assert!(PidFile::write(&path).is_none());
        assert!(!dir.path().join("elsewhere").exists());
    }
}
