//! The file with the daemon's process id, for what starts it by a script. Source: daemon(7), hier(7).

use crate::log;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that is open, and later written.
pub(super) struct PidFile {
    path: PathBuf,
    file: Option<File>,
}

impl PidFile {
    /// Opens it, for others to read, while the sandbox does not forbid it. What is in it stays: it may be of a daemon
    /// that runs. What can't be opened is told: the daemon goes on.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let path = path.to_owned();
        // The program before this one in the same process has written it.
        if is_own(&path) {
            return Some(Self { path, file: None });
        }
        // What a link there leads to is not ours to write.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o644).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(&path).map_err(|error| not_written(&path, &error)).ok()?;
        Some(Self { path, file: Some(file) })
    }

    /// Writes the id and a newline, in place.
    pub(super) fn write(&mut self) {
        let write = |mut file: File| file.set_len(0).and_then(|()| file.write_all(text_of_own().as_bytes()));
        if let Some(Err(error)) = self.file.take().map(write) {
            not_written(&self.path, &error);
        }
    }

    /// Removes it, unless it is another daemon's by now. Where the start failed it is another's, or empty.
    pub(super) fn remove(self) {
        let is_empty = || fs::metadata(&self.path).is_ok_and(|about| about.len() == 0);
        if (is_own(&self.path) || is_empty())
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warning(format_args!("failed to remove the pid file \"{}\": {error}", self.path.display()));
        }
    }
}

fn not_written(path: &Path, error: &io::Error) {
    log::error(format_args!("failed to write the pid file \"{}\": {error}", path.display()));
}

fn is_own(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text == text_of_own())
}

fn text_of_own() -> String {
    format!("{}\n", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_removed_unless_it_is_anothers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        fs::write(&path, "an old one, which is longer\n").unwrap();
        let mut file = PidFile::open(&path).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with("an old one"));
        file.write();
        assert_eq!(fs::read_to_string(&path).unwrap(), text_of_own());
        file.remove();
        assert!(!path.exists());
        PidFile::open(&path).unwrap().remove();
        assert!(!path.exists(), "the start failed");
        let mut file = PidFile::open(&path).unwrap();
        file.write();
        fs::write(&path, "1\n").unwrap();
        file.remove();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        assert!(PidFile::open(&path).is_none());
        assert!(!dir.path().join("elsewhere").exists());
    }
}
