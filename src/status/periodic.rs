//! What is told unasked: a line of the main counters among the daemon's own messages, and the textfile for
//! node_exporter. Both are off unless the config names them.

use super::document;
use crate::cli::Form;
use crate::config::{Status, TEXTFILE_S};
use crate::daemon::Running;
use crate::log;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// When to tell.
pub(crate) struct Periodic {
    every: Duration,
    next: Instant,
}

impl Periodic {
    /// None where nothing is told unasked.
    pub(crate) fn new(config: &Status) -> Option<Self> {
        let seconds = match config.interval_s {
            0 if config.textfile.is_empty() => return None,
            0 => TEXTFILE_S,
            seconds => seconds,
        };
        Some(Self { every: Duration::from_secs(seconds.into()), next: Instant::now() })
    }

    /// The next time.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// Tells, if it is time.
    pub(crate) fn tell(&mut self, running: &mut Running<'_>) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        // A machine that slept is not told of each time that it missed.
        self.next = now + self.every;
        let config = &running.config.status;
        let (path, has_line) = (config.textfile.clone(), config.interval_s > 0);
        if !path.is_empty() {
            let text = document::write(&super::sections(running), Form::Prometheus);
            if let Err(error) = write(Path::new(&path), &text) {
                log::warning(format_args!("failed to write \"{path}\" (status.textfile): {error}"));
            }
        }
        if has_line {
            line(running);
        }
    }
}

/// Writes it whole and gives it its name then, so that nobody reads half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    // node_exporter takes what ends in .prom alone.
    let beside = path.with_extension("new");
    // The folder may be another user's, and what is there a link of his.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(&beside)?;
    file.write_all(text.as_bytes())?;
    // It is another user's to read, whatever the umask is, which for events is a narrow one.
    file.set_permissions(Permissions::from_mode(0o644))?;
    fs::rename(&beside, path)
}

fn line(running: &mut Running<'_>) {
    let lost = running.registration.status().map_or(0, |_| running.stats.kernel_lost.get());
    let stats = running.stats;
    let outputs = &stats.outputs;
    log::info(format_args!(
        "records: {}, events: {}, filtered: {}, written: {}, lost by the kernel: {lost}, dropped by the ring: {}, \
         dropped by outputs: {}, failures of outputs: {}",
        stats.records.get(),
        stats.assembled.get(),
        stats.filtered.get(),
        outputs.written(),
        stats.ring_dropped.get(),
        outputs.dropped(),
        outputs.errors(),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textfile_is_for_all_to_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ringaudit.prom");
        // Such as what a umask of 077 makes; that is the whole process's, and other tests make files too.
        File::create(path.with_extension("new"))
            .unwrap()
            .set_permissions(Permissions::from_mode(0o600))
            .unwrap();
        write(&path, "a 1\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        // A link that the folder's owner has put there leads nowhere.
        let other = dir.path().join("other");
        fs::write(&other, "not ours").unwrap();
        std::os::unix::fs::symlink(&other, path.with_extension("new")).unwrap();
        write(&path, "a 1\n").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "not ours");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a 1\n");
        assert!(!path.with_extension("new").exists());
    }
}
