//! `[[output]]` as plain data: where lines go, and what each output does with what it can't write at once.

use std::path::PathBuf;

use super::{Format, GelfTarget, Located, Peer, Place, SyslogTarget};

/// The most `[[output]]` tables: filters name them in a word of 64 bits.
pub const MAX_OUTPUTS: usize = 64;

/// `[[output]]`. Two are equal when they do the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Output {
    /// Where the table stands, for errors at opening.
    pub place: Place,
    /// `name = "..."`: what messages, counters and filters call it; default its type, with a number if there are
    /// several: `file`, `file-2`.
    pub name: String,
    /// `format = "json" | "go-audit" | "raw"`; default "json".
    pub format: Format,
    /// What becomes of lines that can't be written at once.
    pub queue: Queue,
    /// `type = ...` (required) with its own keys.
    pub target: Target,
}

impl Default for Output {
    fn default() -> Self {
        let target = Target::default();
        let name = target.kind().to_owned();
        Self { place: Place::default(), name, format: Format::default(), queue: Queue::default(), target }
    }
}

impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.format, &self.queue, &self.target)
            == (&other.name, other.format, &other.queue, &other.target)
    }
}

impl Eq for Output {}

/// The keys of an output about its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// `queue_kib = 1024`: the bytes that may wait for the output; 64 to 1048576.
    pub kib: u32,
    /// `overflow = "drop-newest" | "drop-oldest" | "wait"`: what happens when they are reached.
    pub overflow: WhenFull,
    /// `max_line = 0`: the longest line, in bytes without its newline; 0 is no limit, else 256 to 16777216.
    pub max_line: u32,
    /// `long_line = "truncate" | "split" | "drop"`: what becomes of a longer one.
    pub long_line: LongLine,
    /// `flush_s = 2`: how long a stop waits for the output; 0 to 3600.
    pub flush_s: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            kib: 1024,
            overflow: WhenFull::default(),
            max_line: 0,
            long_line: LongLine::default(),
            flush_s: 2,
        }
    }
}

/// What happens to an event that does not fit an output's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It is dropped.
    #[default]
    DropNewest,
    /// Those that wait for longest make room for it.
    DropOldest,
    /// The writer waits until there is room, and so do all other outputs.
    Wait,
}

impl WhenFull {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DropNewest, Self::DropOldest, Self::Wait];

    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DropNewest => "drop-newest",
            Self::DropOldest => "drop-oldest",
            Self::Wait => "wait",
        }
    }
}

/// What happens to a line that is longer than `max_line`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongLine {
    /// Its beginning is written, marked.
    #[default]
    Truncate,
    /// It is written in pieces, marked and numbered.
    Split,
    /// It is dropped and counted.
    Drop,
}

impl LongLine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Truncate, Self::Split, Self::Drop];

    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncate => "truncate",
            Self::Split => "split",
            Self::Drop => "drop",
        }
    }
}

/// Where an output writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// `type = "stdout"`
    #[default]
    Stdout,
    /// `type = "file"`
    File(FileTarget),
    /// `type = "syslog"`
    Syslog(SyslogTarget),
    /// `type = "gelf"`
    Gelf(GelfTarget),
    /// `type = "unix"`: a socket of this host, by `network` ("unix" or "unixgram") and `address`.
    Unix(Peer),
    /// `type = "pipe"`: the `command`, a program's path and its arguments.
    Pipe(Vec<String>),
}

impl Target {
    /// Whether it sends to other hosts.
    #[must_use]
    pub const fn is_internet(&self) -> bool {
        match self {
            Self::Syslog(syslog) => syslog.peer.carrier.is_internet(),
            Self::Gelf(gelf) => gelf.peer.carrier.is_internet(),
            Self::Stdout | Self::File(_) | Self::Unix(_) | Self::Pipe(_) => false,
        }
    }

    /// The word in the config.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File(_) => "file",
            Self::Syslog(_) => "syslog",
            Self::Gelf(_) => "gelf",
            Self::Unix(_) => "unix",
            Self::Pipe(_) => "pipe",
        }
    }
}

/// `type = "file"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTarget {
    /// `path`: required, absolute or relative to the working directory.
    pub path: PathBuf,
    /// `mode = "0600"`: octal text from "0000" to "0777"; default 0600. Set at each opening.
    pub mode: u32,
    /// `owner = "name or number"`: left as created when absent.
    pub owner: Option<Located<String>>,
    /// `group = "name or number"`: left as created when absent.
    pub group: Option<Located<String>>,
    /// `rotate_kib = 0`: the size at which a new file is begun; 0 is never, else 64 to 4194303.
    pub rotate_kib: u32,
    /// `rotate_s = 0`: the age at which a new file is begun, at the first event after; 0 is never.
    pub rotate_s: u32,
    /// `keep = 5`: how many older files are kept, `path.1` the youngest; 1 to 9999.
    pub keep: u32,
    /// `keep_mib = 0`: what all files together may have; 0 is no limit. Needs `rotate_kib`.
    pub keep_mib: u32,
    /// `compress = false`: older files become `path.1.gz`.
    pub compress: bool,
    /// `fsync = "none" | "each" | milliseconds`: when what is written is brought to the disk.
    pub fsync: Fsync,
    /// `min_free_mib = 0`: free space below which something is done; 0 is none.
    pub min_free_mib: u32,
    /// `low_space = "warn" | "rotate" | "delete" | "stop"`: what.
    pub low_space: LowSpace,
}

impl Default for FileTarget {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            mode: 0o600,
            owner: None,
            group: None,
            rotate_kib: 0,
            rotate_s: 0,
            keep: 5,
            keep_mib: 0,
            compress: false,
            fsync: Fsync::None,
            min_free_mib: 0,
            low_space: LowSpace::Warn,
        }
    }
}

/// When a file's lines are brought to the disk (fdatasync(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// When the kernel likes.
    #[default]
    None,
    /// Before an event counts as written; events that came meanwhile share one.
    Each,
    /// At the latest so many milliseconds after a write.
    Every(u32),
}

/// What is done when there is too little free space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LowSpace {
    /// It is told.
    #[default]
    Warn,
    /// A new file is begun, so that the oldest goes.
    Rotate,
    /// Older files are deleted, the oldest first, until there is enough.
    Delete,
    /// Nothing is written until there is enough.
    Stop,
}

impl LowSpace {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Warn, Self::Rotate, Self::Delete, Self::Stop];

    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Rotate => "rotate",
            Self::Delete => "delete",
            Self::Stop => "stop",
        }
    }
}
