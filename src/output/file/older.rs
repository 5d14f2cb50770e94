//! The older files of one output, made by rotation: `path.1` is the youngest, `path.2` the one before it. Each may
//! be compressed, `path.2.gz`. Whoever compresses works beside the threads that write to the path (at a reload there
//! are two for a while): they share one [`Older`], whose [`busy`](Older::busy) keeps them apart.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
#[cfg(feature = "compress")]
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The most that are looked for.
const MOST: u32 = 10_000;

/// Those of all paths in use.
static ALL: Mutex<Vec<Weak<Older>>> = Mutex::new(Vec::new());

/// Older files.
pub(super) struct Older {
    path: PathBuf,
    /// The number of the file that is being compressed; it changes with the file's name, and is gone with the file.
    busy: Mutex<Option<u32>>,
    /// Whether there is a thread that compresses.
    #[cfg(feature = "compress")]
    pub(super) is_packed: AtomicBool,
}

impl Older {
    /// Those of this path.
    pub(super) fn of(path: &Path) -> Arc<Self> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|older| older.strong_count() > 0);
        if let Some(older) = all.iter().filter_map(Weak::upgrade).find(|older| older.path == path) {
            return older;
        }
        let older = Arc::new(Self {
            path: path.to_owned(),
            busy: Mutex::new(None),
            #[cfg(feature = "compress")]
            is_packed: AtomicBool::new(false),
        });
        all.push(Arc::downgrade(&older));
        older
    }

    pub(super) fn busy(&self) -> MutexGuard<'_, Option<u32>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name with something behind it.
    pub(super) fn name(&self, suffix: std::fmt::Arguments<'_>) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(suffix.to_string());
        name.into()
    }

    fn plain(&self, number: u32) -> PathBuf {
        self.name(format_args!(".{number}"))
    }

    fn packed(&self, number: u32) -> PathBuf {
        self.name(format_args!(".{number}.gz"))
    }

    /// The file of this number, if there is one.
    fn at(&self, number: u32) -> Option<(PathBuf, u64)> {
        let size = |path: PathBuf| Some((path.symlink_metadata().ok()?.len(), path));
        let (len, path) = size(self.plain(number)).or_else(|| size(self.packed(number)))?;
        Some((path, len))
    }

    /// How many there are.
    fn count(&self) -> u32 {
        (1..MOST).take_while(|number| self.at(*number).is_some()).count() as u32
    }

    /// The oldest that is not compressed; its number is noted as busy.
    #[cfg(feature = "compress")]
    pub(super) fn next_to_pack(&self) -> Option<fs::File> {
        let mut busy = self.busy();
        let mut files = (1..=self.count()).rev().map(|number| (number, self.plain(number)));
        let (number, path) = files.find(|(_, path)| path.exists())?;
        let file = fs::File::open(path).ok()?;
        *busy = Some(number);
        Some(file)
    }

    /// The file that was busy is compressed in `packed`: takes its place, unless it is gone by now.
    #[cfg(feature = "compress")]
    pub(super) fn replace(&self, packed: &Path) -> io::Result<()> {
        let mut busy = self.busy();
        match busy.take() {
            Some(number) => {
                fs::rename(packed, self.packed(number))?;
                fs::remove_file(self.plain(number).as_path())
            }
            None => fs::remove_file(packed),
        }
    }

    /// Makes the current file the youngest of the older ones, and deletes those that are too many to keep.
    ///
    /// Errors: what could not be renamed; nothing is lost then.
    pub(super) fn shift(&self, keep: u32) -> io::Result<()> {
        let mut busy = self.busy();
        for number in (1..=self.count()).rev() {
            for (from, to) in
                [(self.plain(number), self.plain(number + 1)), (self.packed(number), self.packed(number + 1))]
            {
                if number >= keep {
                    ignore_missing(fs::remove_file(from.as_path()))?;
                } else {
                    ignore_missing(fs::rename(from, to))?;
                }
            }
        }
        *busy = busy.filter(|number| *number < keep).map(|number| number + 1);
        fs::rename(&self.path, self.plain(1))
    }

    /// Deletes the oldest; false when there is none.
    pub(super) fn delete_oldest(&self) -> io::Result<bool> {
        let mut busy = self.busy();
        let number = self.count();
        let Some((path, _)) = self.at(number) else { return Ok(false) };
        fs::remove_file(path.as_path())?;
        if *busy == Some(number) {
            *busy = None;
        }
        Ok(true)
    }

    /// Deletes the oldest until they have together at most so many bytes.
    pub(super) fn prune(&self, bytes: u64) -> io::Result<()> {
        let mut sum: u64 = (1..=self.count()).filter_map(|number| self.at(number)).map(|(_, len)| len).sum();
        while sum > bytes {
            let len = self.at(self.count()).map_or(0, |(_, len)| len);
            if !self.delete_oldest()? {
                break;
            }
            sum -= len;
        }
        Ok(())
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
