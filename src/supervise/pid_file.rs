//! The file with the daemon's process id, for what starts it by a script. Source: daemon(7), hier(7).

use crate::log;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that is open, and later written.
pub(super) struct PidFile {
    path: PathBuf,
    file: Option<File>,
    /// Whether there was none before.
    is_made: bool,
}

impl PidFile {
    /// Opens it, for others to read, while the sandbox does not forbid it. What is in it stays: it may be of a daemon
    /// that runs. What can't be opened is told: the daemon goes on.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let path = path.to_owned();
        // The program before this one in the same process has written it.
        if is_own(&path) {
            return Some(Self { path, file: None, is_made: false });
        }
        let (made, is_made) = match options().create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (options().open(&path), false),
            made => (made, true),
        };
        let file = made.map_err(|error| not_written(&path, &error)).ok()?;
        Some(Self { path, file: Some(file), is_made })
    }

    /// Writes the id and a newline, in place; if the file has gone meanwhile, with a daemon that ended, into a new one.
    pub(super) fn write(&mut self) {
        let Some(file) = self.file.take() else { return };
        let file = if is_at(&self.path, &file) { Ok(file) } else { options().create(true).open(&self.path) };
        let written = file.and_then(|mut file| {
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            file.write_all(text_of_own().as_bytes())
        });
        if let Err(error) = written {
            not_written(&self.path, &error);
        }
    }

    /// Removes it, unless it is another daemon's by now. One that was made and not written has no owner.
    pub(super) fn remove(self) {
        let is_empty = |file: &File| file.metadata().is_ok_and(|about| about.len() == 0);
        let is_unused = || {
            self.is_made && self.file.as_ref().is_some_and(|file| is_empty(file) && is_at(&self.path, file))
        };
        if (is_own(&self.path) || is_unused())
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warning(format_args!("failed to remove the pid file \"{}\": {error}", self.path.display()));
        }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // What a link there leads to is not ours to write, and a pipe is not waited for.
    options.write(true).mode(0o644).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

/// Whether this is what is at the path.
fn is_at(path: &Path, file: &File) -> bool {
    let (Ok(there), Ok(open)) = (fs::symlink_metadata(path), file.metadata()) else { return false };
    (there.dev(), there.ino()) == (open.dev(), open.ino())
}

fn not_written(path: &Path, error: &io::Error) {
    log::error(format_args!("failed to write the pid file \"{}\": {error}", path.display()));
}

fn is_own(path: &Path) -> bool {
    // A pipe would be waited for.
    let is_file = fs::symlink_metadata(path).is_ok_and(|about| about.is_file());
    is_file && fs::read_to_string(path).is_ok_and(|text| text == text_of_own())
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
        // One that another daemon, which is about to write it, has made.
        let mut other = PidFile::open(&path).unwrap();
        PidFile::open(&path).unwrap().remove();
        assert!(path.exists());
        // And one that was removed with the daemon before.
        fs::remove_file(&path).unwrap();
        other.write();
        assert_eq!(fs::read_to_string(&path).unwrap(), text_of_own());
        other.remove();
        // No file: it takes what is written, and stays.
        let mut null = PidFile::open(Path::new("/dev/null")).unwrap();
        null.write();
        null.remove();
        assert!(Path::new("/dev/null").exists());
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
