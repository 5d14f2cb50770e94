//! A file: opened for append, its mode and owner set at each opening, written in batches of whole lines.

use super::{Batch, Fault, Output};
use crate::config::{FileTarget, Located, id_in};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is set at each opening.
struct Access {
    mode: u32,
    uid: Option<u32>,
    gid: Option<u32>,
}

/// The output.
pub(super) struct File {
    path: PathBuf,
    access: Access,
    file: Option<fs::File>,
}

impl File {
    /// Looks up owner and group; nothing is opened yet.
    pub(super) fn new(target: &FileTarget) -> Result<Self, String> {
        let access = Access {
            mode: target.mode,
            uid: id("user", "/etc/passwd", target.owner.as_ref())?,
            gid: id("group", "/etc/group", target.group.as_ref())?,
        };
        Ok(Self { path: target.path.clone(), access, file: None })
    }

    fn write_failed(&self, error: &io::Error) -> Fault {
        Fault::Failed(format!("failed to write to \"{}\": {error}", self.path.display()))
    }
}

impl Output for File {
    fn open(&mut self) -> Result<(), Fault> {
        if self.file.is_none() {
            let file = open(&self.path, &self.access);
            self.file = Some(file.map_err(|error| Fault::Wrong(explain(&self.path, &error)))?);
        }
        Ok(())
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        while let (false, Some(file)) = (batch.is_empty(), &mut self.file) {
            match file.write(batch.rest()) {
                Ok(0) => return Err(self.write_failed(&io::ErrorKind::WriteZero.into())),
                Ok(len) => batch.advance(len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.write_failed(&error)),
            }
        }
        Ok(())
    }

    fn reopen(&mut self, batch: &mut Batch) -> Result<bool, Fault> {
        let file = open(&self.path, &self.access).map_err(|error| {
            Fault::Failed(format!("{}; the file that was open stays in use", explain(&self.path, &error)))
        })?;
        batch.restart();
        self.file = Some(file);
        Ok(true)
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(4)
    }

    fn is_local(&self) -> bool {
        true
    }
}

/// The number of a user or group that the config names.
fn id(what: &str, table: &str, name: Option<&Located<String>>) -> Result<Option<u32>, String> {
    let Some(name) = name else { return Ok(None) };
    let text = fs::read_to_string(table).unwrap_or_default();
    let unknown = || format!("unknown {what} \"{}\": not in {table}", name.value);
    id_in(&text, &name.value).map(Some).ok_or_else(unknown)
}

/// Opens for append, sets mode and owner, and ends a last line that a crash left torn.
fn open(path: &Path, access: &Access) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    // O_NONBLOCK: a FIFO without a reader is an error, not a wait. It means nothing to a regular file.
    options.append(true).create(true).mode(access.mode).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let mut file = match options.clone().read(true).open(path) {
        Ok(file) => file,
        // A log that we may write but not read is still a log.
        Err(_) => options.open(path)?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(file);
    }
    if metadata.permissions().mode() & 0o7777 != access.mode {
        file.set_permissions(fs::Permissions::from_mode(access.mode))?;
    }
    if access.uid.is_some() || access.gid.is_some() {
        fchown(&file, access.uid, access.gid)?;
    }
    let mut last = [b'\n'];
    if metadata.len() > 0 && file.seek(SeekFrom::End(-1)).is_ok() && file.read(&mut last).is_ok() {
        // A line that was torn by a crash must not swallow the next one.
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// Says what about the path is wrong, since "no such file or directory" tells nobody which one.
fn explain(path: &Path, error: &io::Error) -> String {
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
