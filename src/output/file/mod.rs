//! A file: opened for append, its mode and owner set at each opening, written in batches of whole lines; its
//! rotation, its fsync, and a look at the free space.

mod older;
mod open;
#[cfg(feature = "compress")]
mod pack;
mod space;
#[cfg(test)]
mod tests;

use super::{Batch, Fault, Output};
use crate::config::{FileTarget, Fsync};
use crate::log;
use crate::stats::OutputStats;
use crate::sys::host;
use older::Older;
use open::{Access, Identity, Torn, explain, open};
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How far looks at the path and at the free space are apart, while there is something to write.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a rotation that failed is left alone, and how far those by low space are apart.
const ROTATION_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause between two tries: a look at a disk costs nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The output.
pub(super) struct File {
    target: FileTarget,
    access: Arc<Access>,
    older: Arc<Older>,
    stats: Arc<OutputStats>,
    file: Option<Open>,
    /// A line that a failed write left without its end.
    torn: Option<Torn>,
    /// Whether that line can't go on, as it is elsewhere or was ended.
    restart: bool,
    next_look: Option<Instant>,
    /// Whether the path was gone at the last look.
    is_missing: bool,
    /// Whether there was too little free space at the last look.
    is_low: bool,
    /// Not before, as the last one failed; and by low space, which has a pause of its own.
    next_rotation: Option<Instant>,
    next_by_space: Option<Instant>,
    sync_at: Option<Instant>,
    /// Whether another thread may be writing to the path: then its last line is not ended here.
    is_shared: bool,
}

/// What is open.
struct Open {
    file: fs::File,
    identity: Identity,
    is_regular: bool,
    /// How old it was, as far as that is known, and since when it is open: a clock that is set meanwhile changes nothing.
    age: Duration,
    since: Instant,
}

impl Open {
    /// Brings what was written to the disk, where there is one.
    fn sync(&self) -> io::Result<()> {
        if self.is_regular { self.file.sync_data() } else { Ok(()) }
    }
}

impl File {
    /// Looks up owner and group; nothing is opened yet.
    pub(super) fn new(target: &FileTarget, stats: Arc<OutputStats>) -> Result<Self, String> {
        let access = Arc::new(Access::of(target)?);
        Ok(Self {
            older: Older::of(&target.path),
            target: target.clone(),
            access,
            stats,
            file: None,
            torn: None,
            restart: false,
            next_look: None,
            is_missing: false,
            is_low: false,
            next_rotation: None,
            next_by_space: None,
            sync_at: None,
            is_shared: false,
        })
    }

    fn failed(&self, what: &str, error: &io::Error) -> Fault {
        Fault::Failed(format!("failed to {what} \"{}\": {error}", self.target.path.display()))
    }

    /// Opens the path; what was open stays so until that has succeeded.
    fn open_anew(&mut self) -> io::Result<()> {
        let (file, goes_on) = open(&self.target.path, &self.access, self.torn, !self.is_shared)?;
        let metadata = file.metadata()?;
        self.restart |= self.torn.take().is_some() && !goes_on;
        let made = metadata.created().or_else(|_| metadata.modified()).ok();
        let age = made.and_then(|made| made.elapsed().ok()).unwrap_or_default();
        let identity = Identity::of(&metadata);
        self.file = Some(Open { file, identity, is_regular: metadata.is_file(), age, since: Instant::now() });
        self.is_missing = false;
        Ok(())
    }

    /// The open file's length; `None` where there is no such thing, as with a pipe.
    fn len(&self) -> Option<u64> {
        let open = self.file.as_ref().filter(|open| open.is_regular)?;
        open.file.metadata().ok().map(|metadata| metadata.len())
    }

    /// Before a batch: whether the open file is still the one of the path, is to be rotated for its age, and has
    /// free space.
    fn look(&mut self) -> Result<(), Fault> {
        let Some(open) = self.file.as_ref().filter(|open| open.is_regular) else { return Ok(()) };
        let metadata = open.file.metadata().map_err(|error| self.failed("look at", &error))?;
        let now = Instant::now();
        if metadata.nlink() == 0 {
            // What is written to it now nobody can read.
            self.follow()?;
        }
        if self.next_look.is_some_and(|at| now < at) {
            return Ok(());
        }
        self.next_look = Some(now + LOOK_EVERY);
        let identity = self.file.as_ref().map(|open| open.identity);
        match fs::metadata(self.target.path.as_path()) {
            Ok(there) if Some(Identity::of(&there)) == identity => self.is_missing = false,
            Ok(_) => self.follow()?,
            Err(_) => {
                // Whoever rotates may be about to make the new one: that is waited for. After a switch of the root the
                // file is where the old root's mounts were moved; what is made here instead nobody would find.
                if std::mem::replace(&mut self.is_missing, true) && !host::is_root_left() {
                    self.follow()?;
                }
            }
        }
        self.look_at_age();
        self.look_at_space()
    }

    /// The path has another file, or none: goes on with what is there, or is made there.
    fn follow(&mut self) -> Result<(), Fault> {
        self.sync();
        self.file = None;
        self.open_anew().map_err(|error| Fault::Failed(explain(&self.target.path, &error)))?;
        self.stats.opened.add(1);
        Ok(())
    }

    fn look_at_age(&mut self) {
        let age = Duration::from_secs(self.target.rotate_s.into());
        let is_old =
            self.file.as_ref().is_some_and(|open| open.age.saturating_add(open.since.elapsed()) >= age);
        if !age.is_zero() && is_old && self.len().is_some_and(|len| len > 0) {
            self.rotate();
        }
    }

    fn may_rotate(&self) -> bool {
        self.next_rotation.is_none_or(|at| Instant::now() >= at)
    }

    /// Begins a new file. Where that fails the present one grows on.
    fn rotate(&mut self) {
        if !self.may_rotate() {
            return;
        }
        self.sync();
        let room = u64::from(self.target.keep_mib) << 20;
        // The new file grows, and beside a file stands for a while what it is compressed to.
        let reserve = (u64::from(self.target.rotate_kib) << 10) * (1 + u64::from(self.target.compress));
        let result =
            self.older.shift(self.target.keep).and_then(|()| self.open_anew()).and_then(|()| {
                if room > 0 { self.older.prune(room.saturating_sub(reserve)) } else { Ok(()) }
            });
        match result {
            Ok(()) => self.stats.opened.add(1),
            Err(error) => {
                self.stats.errors.add(1);
                self.next_rotation = Some(Instant::now() + ROTATION_PAUSE);
                log::error(format_args!(
                    "output {}: failed to rotate \"{}\": {error}; trying again in a minute",
                    self.stats.name,
                    self.target.path.display()
                ));
            }
        }
        #[cfg(feature = "compress")]
        if self.target.compress {
            pack::start(&self.older, &self.access);
        }
    }

    /// Writes bytes that end with an event; how many were written before a failure.
    fn write_all(&mut self, mut bytes: &[u8]) -> (usize, io::Result<()>) {
        let all = bytes.len();
        while let (false, Some(open)) = (bytes.is_empty(), &mut self.file) {
            let result = match open.file.write(bytes) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    bytes = bytes.get(len..).unwrap_or_default();
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                // A pipe that is full.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => Err(error),
            };
            if result.is_err() {
                return (all - bytes.len(), result);
            }
        }
        (all - bytes.len(), Ok(()))
    }

    /// Writes what is in the batch, file by file.
    fn write_batch(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        if std::mem::take(&mut self.restart) {
            batch.restart();
        }
        if batch.begun() == 0 {
            self.look()?;
        }
        let limit = match self.target.rotate_kib {
            0 => u64::MAX,
            kib => u64::from(kib) << 10,
        };
        let mut len = self.len();
        while !batch.is_empty() {
            let room = len.filter(|_| self.may_rotate()).map_or(u64::MAX, |len| limit.saturating_sub(len));
            let mut fitting = batch.fitting(usize::try_from(room).unwrap_or(usize::MAX));
            if fitting == 0 && batch.first_len() > 0 && batch.begun() == 0 && len.is_some_and(|len| len > 0) {
                self.rotate();
                len = self.len();
                continue;
            }
            // An event that is longer than a file may be, or begun, is written all the same.
            fitting = fitting.max(batch.first_len());
            let (written, result) = self.write_all(batch.rest().get(..fitting).unwrap_or_default());
            if written > 0
                && self.target.fsync == Fsync::Each
                && let Some(Err(error)) = self.file.as_ref().map(Open::sync)
            {
                // Not on the disk, as far as is known: it is written again, from the first event's start.
                self.restart = true;
                return Err(self.failed("fsync", &error));
            }
            batch.advance(written);
            if result.is_ok() && written < fitting {
                return Ok(());
            }
            len = len.map(|len| len + written as u64);
            if let Err(error) = result {
                if batch.begun() > 0 {
                    let metadata = self.file.as_ref().and_then(|open| open.file.metadata().ok());
                    self.torn = metadata.map(|metadata| (Identity::of(&metadata), metadata.len()));
                    self.restart = self.torn.is_none();
                }
                return Err(self.failed("write to", &error));
            }
        }
        if let Fsync::Every(millis) = self.target.fsync {
            self.sync_at.get_or_insert_with(|| Instant::now() + Duration::from_millis(millis.into()));
        }
        Ok(())
    }

    /// Brings what was written to the disk, if that is asked for at all.
    fn sync(&mut self) {
        self.sync_at = None;
        if self.target.fsync != Fsync::None {
            // A failure can't be mended any more here; while the file is in use it is told.
            let _ = self.file.as_ref().map(Open::sync);
        }
    }
}

impl Output for File {
    fn open(&mut self) -> Result<(), Fault> {
        // After a failure all is opened anew: what is at the path may be another file, or another file system.
        self.file = None;
        self.next_look = None;
        self.open_anew().map_err(|error| {
            let message = explain(&self.target.path, &error);
            if open::is_mistake(&error) { Fault::Wrong(message) } else { Fault::Failed(message) }
        })
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let result = self.write_batch(batch);
        if result.is_err() {
            // Nothing stays open in a file system that may have to be unmounted to be mended.
            self.file = None;
        }
        result
    }

    fn reopen(&mut self) -> Result<bool, Fault> {
        self.is_shared = false;
        self.next_look = None;
        self.sync();
        self.open_anew().map(|()| true).map_err(|error| {
            let stays = if self.file.is_some() { "; the file that was open stays in use" } else { "" };
            Fault::Failed(explain(&self.target.path, &error) + stays)
        })
    }

    fn blocked_on(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(|open| open.file.as_fd())
    }

    fn due(&self) -> Option<Instant> {
        self.sync_at
    }

    fn work(&mut self) -> Result<(), Fault> {
        self.sync_at = None;
        let synced = self.file.as_ref().map_or(Ok(()), Open::sync);
        synced.map_err(|error| self.failed("fsync", &error))
    }

    fn longest_pause(&self) -> Duration {
        LONGEST_PAUSE
    }

    fn is_local(&self) -> bool {
        true
    }

    fn close(&mut self) {
        self.sync();
    }

    #[cfg(feature = "reload")]
    fn share(&mut self) {
        self.is_shared = true;
    }
}
