//! Opening a file for append, and saying what is wrong with its path.

use crate::config::{FileTarget, Located, id_in};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// What is set at each opening.
pub(super) struct Access {
    mode: u32,
    uid: Option<u32>,
    gid: Option<u32>,
}

impl Access {
    /// Looks up owner and group.
    pub(super) fn of(target: &FileTarget) -> Result<Self, String> {
        Ok(Self {
            mode: target.mode,
            uid: id("user", "/etc/passwd", target.owner.as_ref())?,
            gid: id("group", "/etc/group", target.group.as_ref())?,
        })
    }

    /// Gives a file mode and owner.
    pub(super) fn set(&self, file: &fs::File, metadata: &fs::Metadata) -> io::Result<()> {
        if metadata.permissions().mode() & 0o7777 != self.mode {
            file.set_permissions(fs::Permissions::from_mode(self.mode))?;
        }
        if self.uid.is_some() || self.gid.is_some() {
            fchown(file, self.uid, self.gid)?;
        }
        Ok(())
    }
}

/// The number of a user or group that the config names.
fn id(what: &str, table: &str, name: Option<&Located<String>>) -> Result<Option<u32>, String> {
    let Some(name) = name else { return Ok(None) };
    let text = fs::read_to_string(table).unwrap_or_default();
    let unknown = || format!("unknown {what} \"{}\": not in {table}", name.value);
    id_in(&text, &name.value).map(Some).ok_or_else(unknown)
}

/// Which file it is: file system and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

/// Where a write was broken off inside a line: the file and its length. While both are still so, the line can be
/// ended as if nothing had been.
pub(super) type Torn = (Identity, u64);

/// Opens for append and sets mode and owner. A last line that is torn is ended, unless it is the one of `torn`,
/// which goes on (then gives true), or `may_end` says that somebody may be writing it.
pub(super) fn open(
    path: &Path,
    access: &Access,
    torn: Option<Torn>,
    may_end: bool,
) -> io::Result<(fs::File, bool)> {
    let mut options = OpenOptions::new();
    // O_NONBLOCK means nothing to a regular file. A FIFO that is full is an error with it, not a wait; opened for reading
    // as well (fifo(7)), it keeps what a reader had not read for the next one, instead of losing it with the reader.
    options.append(true).create(true).mode(access.mode).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let mut file = match options.clone().read(true).open(path) {
        Ok(file) => file,
        // A log that we may write but not read is still a log.
        Err(_) => options.open(path)?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok((file, torn.is_some()));
    }
    access.set(&file, &metadata)?;
    if torn == Some((Identity::of(&metadata), metadata.len())) {
        return Ok((file, true));
    }
    let mut last = [b'\n'];
    if may_end && metadata.len() > 0 && file.seek(SeekFrom::End(-1)).is_ok() && file.read(&mut last).is_ok() {
        // A line that was torn by a crash must not swallow the next one.
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
    }
    Ok((file, false))
}

/// Whether it is a mistake in the config, and not of the moment, that a file can't be opened.
pub(super) fn is_mistake(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    !matches!(error.kind(), QuotaExceeded | ReadOnlyFilesystem | StorageFull)
        && !matches!(error.raw_os_error(), Some(libc::EIO | libc::ENODEV | libc::ESTALE))
}

/// Says what about the path is wrong, since "no such file or directory" tells nobody which one.
pub(super) fn explain(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match error.kind() {
        io::ErrorKind::NotFound if !parent.exists() => {
            format!(
                "failed to open \"{shown}\": the directory \"{}\" does not exist; make it first",
                parent.display()
            )
        }
        io::ErrorKind::NotADirectory => {
            format!("failed to open \"{shown}\": \"{}\" is not a directory", parent.display())
        }
        io::ErrorKind::IsADirectory => {
            format!("failed to open \"{shown}\": it is a directory; name a file in it")
        }
        _ => format!("failed to open \"{shown}\": {error}"),
    }
}
