//! A file: opened for append, its mode and owner set at each opening, written in batches. A write that
//! fails keeps what is buffered and is tried again; what comes meanwhile and does not fit is counted.

use super::pending::{Pending, Taken};
use super::{Output, Patience, RETRY};
use crate::config::{FileTarget, Located, id_in};
use crate::log;
use crate::stats::Stats;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Bytes gathered before a write. The writer also flushes when it has nothing else to do.
const BUFFER: usize = 64 * 1024;

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
    file: fs::File,
    pending: Pending,
    stats: Arc<Stats>,
    /// Since the first failure: when to try again, and how many lines were dropped.
    trouble: Option<(Instant, u64)>,
}

impl File {
    /// Opens the file, making it if it is not there.
    pub(super) fn open(target: &FileTarget, patience: Patience, stats: Arc<Stats>) -> Result<Self, String> {
        let access = Access {
            mode: target.mode,
            uid: id("user", "/etc/passwd", target.owner.as_ref())?,
            gid: id("group", "/etc/group", target.group.as_ref())?,
        };
        let file = open(&target.path, &access).map_err(|error| explain(&target.path, &error))?;
        let pending = Pending::new(patience.buffer(BUFFER));
        let pending = pending.map_err(|error| format!("failed to get a buffer: {error}"))?;
        Ok(Self { path: target.path.clone(), access, file, pending, stats, trouble: None })
    }

    fn drop_line(&mut self) {
        self.stats.output_dropped.add(1);
        if let Some((_, dropped)) = &mut self.trouble {
            *dropped += 1;
        }
    }

    /// Notes how a write went: tells the first failure, and the first success after one.
    fn note(&mut self, result: io::Result<()>, now: Instant) {
        match result {
            Ok(()) => {
                if let Some((_, dropped)) = self.trouble.take() {
                    log::info(format_args!(
                        "{}: writing again; {dropped} events were dropped meanwhile",
                        self.path.display()
                    ));
                }
            }
            Err(error) => {
                self.stats.output_errors.add(1);
                let dropped = self.trouble.map_or(0, |(_, dropped)| dropped);
                if self.trouble.is_none() {
                    log::error(format_args!(
                        "failed to write to \"{}\": {error}; trying again every second, what does not fit the \
                         buffer is dropped and counted",
                        self.path.display()
                    ));
                }
                self.trouble = Some((now + RETRY, dropped));
            }
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        let file = &mut self.file;
        if self.pending.is_torn() {
            file.write_all(self.pending.line_end())?;
            self.pending.mend();
        }
        self.pending.drain(&self.stats, |bytes| file.write(bytes))
    }

    fn is_resting(&self, now: Instant) -> bool {
        self.trouble.is_some_and(|(at, _)| now < at)
    }
}

impl Output for File {
    fn write(&mut self, line: &[u8], now: Instant) {
        if self.pending.push(line) == Taken::Whole {
            return;
        }
        self.flush(now);
        if self.pending.push(line) == Taken::Whole {
            return;
        }
        if self.pending.is_empty() && !self.is_resting(now) {
            let file = &mut self.file;
            let (taken, result) = self.pending.write_through(line, &self.stats, |bytes| file.write(bytes));
            self.note(result, now);
            if taken == Taken::Whole {
                return;
            }
        }
        self.drop_line();
    }

    fn flush(&mut self, now: Instant) {
        if self.pending.is_empty() || self.is_resting(now) {
            return;
        }
        let result = self.drain();
        self.note(result, now);
    }

    fn reopen(&mut self, now: Instant) {
        // What was taken so far belongs to the old file, the end of a line begun there above all.
        if !self.pending.is_empty() {
            let result = self.drain();
            self.note(result, now);
        }
        match open(&self.path, &self.access) {
            Ok(file) => {
                self.stats.output_dropped.add(self.pending.mend());
                self.file = file;
            }
            Err(error) => log::error(format_args!(
                "{}; the file that was open stays in use",
                explain(&self.path, &error)
            )),
        }
    }

    fn blocked_on(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn retry_at(&self) -> Option<Instant> {
        self.trouble.filter(|_| !self.pending.is_empty()).map(|(at, _)| at)
    }

    fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn abandon(&mut self) {
        let lost = self.pending.abandon();
        self.stats.output_dropped.add(lost);
        if lost > 0 {
            log::error(format_args!("{}: {lost} events could not be written", self.path.display()));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &Path) -> FileTarget {
        FileTarget { path: path.to_owned(), mode: 0o640, owner: None, group: None }
    }

    #[test]
    fn lines_are_appended_with_the_mode_and_a_torn_one_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "whole\ntorn").unwrap();
        let stats = Arc::new(Stats::default());
        let mut file = File::open(&target(&path), Patience::Drop, Arc::clone(&stats)).unwrap();
        file.write(b"next\n", Instant::now());
        assert_eq!(fs::read(&path).unwrap(), b"whole\ntorn\n", "batched");
        file.flush(Instant::now());
        assert_eq!(fs::read(&path).unwrap(), b"whole\ntorn\nnext\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(stats.output_written.get(), 1);
    }

    #[test]
    fn what_is_pending_goes_to_the_old_file_at_a_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("log"), dir.path().join("log.1"));
        let mut file = File::open(&target(&path), Patience::Drop, Arc::default()).unwrap();
        let now = Instant::now();
        file.write(b"old\n", now);
        fs::rename(&path, &moved).unwrap();
        file.reopen(now);
        file.write(b"new\n", now);
        file.flush(now);
        assert_eq!(fs::read(&moved).unwrap(), b"old\n");
        assert_eq!(fs::read(&path).unwrap(), b"new\n");
    }

    #[test]
    fn a_full_disk_keeps_the_buffer_and_counts_the_rest() {
        let stats = Arc::new(Stats::default());
        let mut file =
            File::open(&target(Path::new("/dev/full")), Patience::Drop, Arc::clone(&stats)).unwrap();
        let (now, line) = (Instant::now(), [&[b'x'; 999][..], b"\n"].concat());
        for _ in 0..100 {
            file.write(&line, now);
        }
        assert_eq!(stats.output_errors.get(), 1, "one try, then a rest");
        assert_eq!(stats.output_dropped.get(), 100 - 65);
        assert_eq!(file.retry_at(), Some(now + RETRY));
        file.flush(now + RETRY);
        assert_eq!(stats.output_errors.get(), 2);
        file.abandon();
        assert_eq!(stats.output_dropped.get(), 100);
        assert_eq!(stats.output_written.get(), 0);
    }

    #[test]
    fn the_path_that_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("no/log");
        let error = File::open(&target(&missing), Patience::Drop, Arc::default()).err().unwrap();
        let parent = dir.path().join("no");
        let expected = format!(
            "failed to open \"{}\": the directory \"{}\" does not exist; make it first",
            missing.display(),
            parent.display()
        );
        assert_eq!(error, expected);
        let error = File::open(&target(dir.path()), Patience::Drop, Arc::default()).err().unwrap();
        assert!(error.ends_with("it is a directory; name a file in it"), "{error}");
    }
}
