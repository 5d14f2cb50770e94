//! What the user asked for, as plain data with defaults. Nothing in these types opens, checks
//! against the system, or acts: `source` finds the text, `toml` makes a tree of it (`yaml` and `go_audit`
//! one of the same kind from go-audit's config), `walk` fills the types from the tree, `show` writes them
//! back as text, and the stages read them.

mod check;
mod cidr;
mod daemon;
mod enrich;
mod filters;
#[cfg(feature = "yaml")]
mod go_audit;
mod keys;
mod labels;
mod network;
mod node;
mod output;
mod plain;
#[cfg(feature = "sandbox")]
mod sandbox;
mod show;
mod source;
#[cfg(feature = "status")]
mod status;
mod suggest;
mod target;
mod toml;
mod translate;
mod values;
mod walk;
#[cfg(feature = "yaml")]
mod yaml;

pub use self::toml::read;
pub use check::{check, id_in};
pub use cidr::Network;
pub use daemon::{LogTo, Mode, TakeOver};
pub use enrich::{Enrich, MAX_ENV};
pub use filters::{Action, Condition, Filter, MAX_FILTERS, Syscall};
#[cfg(feature = "yaml")]
pub use go_audit::read_go_audit;
pub use keys::{FILTER_KEYS, LABEL_KEYS, OUTPUT_KEYS, SECTIONS, Section, TOP_KEYS};
pub use labels::{Label, LabelTest, MAX_LABELS};
pub use network::{Carrier, Compression, GelfTarget, Peer, Protocol, SyslogTarget, host_and_port};
#[cfg(feature = "sandbox")]
pub use sandbox::{Landlock, Memory, Sandbox, Seccomp};
pub use show::show;
pub use source::{BUILT_IN, DEFAULT_PATH, Loaded, MAX_BYTES, Source, embedded, read_file};
#[cfg(feature = "status")]
pub use status::{Status, TEXTFILE_S};
pub(crate) use suggest::did_you_mean;
pub use suggest::{listed, nearest, quoted};
pub use target::{FileTarget, Fsync, LongLine, LowSpace, MAX_OUTPUTS, Output, Queue, Target, WhenFull};
pub use translate::{NameSource, Translate};

use std::fmt;
use std::path::PathBuf;

/// A place in a text that the user wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the user named it; `(built-in)` for the embedded default config.
    pub file: String,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// Column in characters (Unicode code points, not bytes and not cells of a terminal), from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// Something wrong in the config or in a rule: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// What is wrong, and what was probably meant. Lower case, no full stop.
    pub message: String,
}

impl Problem {
    /// Puts problems into the order of their places.
    // Sorting is 2 KiB of code: once is enough.
    #[inline(never)]
    pub fn sort(problems: &mut [Self]) {
        problems.sort_by(|one, other| (&one.place, &one.message).cmp(&(&other.place, &other.message)));
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A value with the place where it was written. Two are equal when their values are: where a value
/// stands changes nothing in what the daemon does.
#[derive(Clone, Debug, Default)]
pub struct Located<T> {
    /// Where the value's own text begins (inside the quotes, for a string).
    pub place: Place,
    /// The value.
    pub value: T,
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl Located<String> {
    /// The place of the byte `offset` of the value, for an error about one word of it. Exact for
    /// text without escapes; behind a TOML escape such as `\"` it is one column short for each.
    #[must_use]
    pub fn at(&self, offset: usize) -> Place {
        let mut place = self.place.clone();
        for (_, c) in self.value.char_indices().take_while(|(at, _)| *at < offset) {
            if c == '\n' {
                place.line = place.line.saturating_add(1);
                place.column = 1;
            } else {
                place.column = place.column.saturating_add(1);
            }
        }
        place
    }
}

/// The whole config. The default is what an empty file means: no rules, one output to stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `log = "stderr" | "syslog" | "kmsg"`: where the daemon's own messages go; default "stderr".
    pub log: LogTo,
    /// `pid_file = "/run/ringaudit.pid"`: absolute; default none.
    pub pid_file: Option<PathBuf>,
    /// `[kernel]`: what is set in the kernel, and the receiving socket.
    pub kernel: Kernel,
    /// `[ring]`: the buffer between the two threads.
    pub ring: Ring,
    /// `[event]`: how records become events.
    pub event: Event,
    /// `[rules]`: what the kernel is asked to report.
    pub rules: Rules,
    /// `[json]`: the format "json".
    pub json: Json,
    /// `[raw]`: the format "raw".
    pub raw: Raw,
    /// `[translate]`: what is said beside the kernel's numbers.
    pub translate: Translate,
    /// `[enrich]`: what is added to events.
    pub enrich: Enrich,
    /// `[sandbox]`: what is given up after the start.
    #[cfg(feature = "sandbox")]
    pub sandbox: Sandbox,
    /// `[memory]`: how much may be taken.
    #[cfg(feature = "sandbox")]
    pub memory: Memory,
    /// `[status]`: where the daemon answers questions.
    #[cfg(feature = "status")]
    pub status: Status,
    /// `[[label]]`: names for processes, in the order in which they are tried.
    pub labels: Vec<Label>,
    /// `[[filter]]`: which events are written, in the order in which they are asked.
    pub filters: Vec<Filter>,
    /// `[[output]]`: where lines go. Never empty in a config that was read without a problem; a file
    /// without one writes to stdout.
    pub outputs: Vec<Output>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log: LogTo::Stderr,
            pid_file: None,
            kernel: Kernel::default(),
            ring: Ring::default(),
            event: Event::default(),
            rules: Rules::default(),
            json: Json::default(),
            raw: Raw::default(),
            translate: Translate::default(),
            enrich: Enrich::default(),
            #[cfg(feature = "sandbox")]
            sandbox: Sandbox::default(),
            #[cfg(feature = "sandbox")]
            memory: Memory::default(),
            #[cfg(feature = "status")]
            status: Status::default(),
            labels: Vec::new(),
            filters: Vec::new(),
            outputs: vec![Output::default()],
        }
    }
}

/// A kernel setting that is either set or left as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting<T> {
    /// `"leave"`: as found.
    Leave,
    /// Set to this.
    Set(T),
}

impl<T> Setting<T> {
    /// The same setting of another kind of value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        match self {
            Self::Leave => Setting::Leave,
            Self::Set(value) => Setting::Set(change(value)),
        }
    }
}

/// What the kernel does when a record is lost (AUDIT_SET failure, auditctl -f).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 0: nothing.
    Silent,
    /// 1: a line in the kernel log.
    Printk,
    /// 2: panic.
    Panic,
}

/// `[kernel]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `mode = "unicast" | "multicast"`: as the kernel's audit daemon, or beside it; default "unicast".
    pub mode: Mode,
    /// `enabled = true | false | "leave"`; default true.
    pub enabled: Setting<bool>,
    /// `backlog_limit = 8192 | "leave"`: records that the kernel may hold for us; 0 to 4294967295, and 0
    /// is no limit at all (kernel/audit.c, `audit_queue_full`).
    pub backlog_limit: Setting<u32>,
    /// `backlog_wait_time = 0 | "leave"`, in jiffies: how long an audited process may be put to sleep; 0
    /// to 600000. The kernel takes at most ten minutes (kernel/audit.c, `audit_receive_msg`), which is
    /// fewer jiffies where HZ is below 1000.
    pub backlog_wait_time: Setting<u32>,
    /// `failure = "leave" | "silent" | "printk" | "panic"`; default "leave".
    pub failure: Setting<Failure>,
    /// `restore = ["enabled", ...]`: the settings put back at exit; default all four.
    pub restore: Vec<KernelKey>,
    /// `receive_buffer_kib = 4096`: what the data socket may hold (the kernel's memory, used only in a
    /// burst); 16 to 1048576, the most that SO_RCVBUFFORCE takes (socket(7), net/core/sock.c).
    pub receive_buffer_kib: u32,
    /// `verify_s = 30`: how often the registration is checked, in seconds; 30 to 86400.
    pub verify_s: u32,
    /// `take_over = "no" | "wait" | "replace"`: what is done when another daemon holds the audit socket; default "no".
    pub take_over: TakeOver,
}

/// The settings that can be restored at exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelKey {
    /// `enabled`
    Enabled,
    /// `backlog_limit`
    BacklogLimit,
    /// `backlog_wait_time`
    BacklogWaitTime,
    /// `failure`
    Failure,
}

impl KernelKey {
    /// All of them, in the order in which they are set.
    pub const ALL: [Self; 4] = [Self::BacklogLimit, Self::BacklogWaitTime, Self::Failure, Self::Enabled];

    /// The setting's key in `[kernel]`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::BacklogLimit => "backlog_limit",
            Self::BacklogWaitTime => "backlog_wait_time",
            Self::Failure => "failure",
        }
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Self {
            mode: Mode::Unicast,
            enabled: Setting::Set(true),
            backlog_limit: Setting::Set(8192),
            backlog_wait_time: Setting::Set(0),
            failure: Setting::Leave,
            restore: KernelKey::ALL.to_vec(),
            receive_buffer_kib: 4096,
            verify_s: 30,
            take_over: TakeOver::No,
        }
    }
}

/// `[ring]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// `size_kib = 512`: a multiple of 32, from 64 to 8192.
    pub size_kib: u32,
    /// `overflow = "drop" | "wait"`; default "drop".
    pub overflow: Overflow,
}

/// What the reader does when the ring is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Count the record and drop it.
    Drop,
    /// Stop reading: the kernel's backlog fills and its own policy applies.
    Wait,
}

impl Default for Ring {
    fn default() -> Self {
        Self { size_kib: 512, overflow: Overflow::Drop }
    }
}

/// `[event]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `timeout_ms = 2000`: how long after its first record's arrival an event is given up as incomplete;
    /// 100 to 60000.
    pub timeout_ms: u32,
    /// `max_kib = 1024`: the bytes of records that one event may hold; 16 to 8192. What is more is cut and counted.
    pub max_kib: u32,
    /// `types = [0, 65535]`: the lowest and the highest record type that is kept; go-audit's default is
    /// `[1300, 1399]`.
    pub types: (u16, u16),
}

impl Default for Event {
    fn default() -> Self {
        Self { timeout_ms: 2000, max_kib: 1024, types: (0, u16::MAX) }
    }
}

/// `[rules]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `files = ["/etc/audit/rules.d"]`: files of rules, and directories of files `*.rules`; default none.
    pub files: Vec<Located<String>>,
    /// `lines = ["-a always,exit ..."]`: the audit.rules language, behind the files' rules; default none.
    pub lines: Vec<Located<String>>,
    /// `on_error = "skip-rule" | "skip-file" | "refuse"`: what is left out when a file has an error; default
    /// "skip-rule".
    pub on_error: OnError,
    /// `at_exit = "leave" | "remove"`: whether the rules that this run added stay in the kernel; default "leave".
    pub at_exit: AtExit,
    /// `restore_watches = false`: whether rules that the kernel dropped with their path are set again.
    pub restore_watches: bool,
}

/// What is left out when a file of rules has an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The rule that has it.
    #[default]
    SkipRule,
    /// The whole file.
    SkipFile,
    /// All rules: nothing is changed.
    Refuse,
}

impl OnError {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SkipRule, Self::SkipFile, Self::Refuse];

    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SkipRule => "skip-rule",
            Self::SkipFile => "skip-file",
            Self::Refuse => "refuse",
        }
    }
}

/// What happens at exit to the rules that were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtExit {
    /// They stay.
    #[default]
    Leave,
    /// They are deleted; rules that were there before stay.
    Remove,
}

/// `[json]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json {
    /// `argv = "list" | "string" | "both"`: how a command line is written; default "list".
    pub argv: Argv,
    /// `argv_max_bytes = 0`: the bytes of a command line that are written; 0 is no limit.
    pub argv_max_bytes: u32,
    /// `boot_id = false`: whether a line has `BOOT_ID`, this boot's random number.
    pub boot_id: bool,
    /// `monotonic = false`: whether a line has `MONOTONIC`, when it was read, by the clock that nobody sets.
    pub monotonic: bool,
}

/// How the arguments of a program are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Argv {
    /// `ARGV`, a list.
    #[default]
    List,
    /// `ARGV_STR`, one string with a blank between two arguments.
    Text,
    /// Both.
    Both,
}

/// `[raw]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// `node = true`: each line begins with `node=` and the host's name, as auditd's name_format has it.
    pub node: bool,
    /// `enriched = true`: each record ends with what its numbers mean, as auditd's log_format ENRICHED has it.
    pub enriched: bool,
}

/// How an event is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One structured JSON object an event, as laurel writes it.
    #[cfg_attr(feature = "json", default)]
    Json,
    /// go-audit 1.2.0's JSON line.
    #[cfg_attr(not(feature = "json"), default)]
    GoAudit,
    /// auditd's lines of audit.log.
    Raw,
    /// A GELF message of the event's fields: not by this name, but by `payload = "fields"` of a GELF output.
    Gelf,
}

impl Format {
    /// Those that a config can name.
    pub const ALL: [Self; 3] = [Self::Json, Self::GoAudit, Self::Raw];

    /// Whether it is in this build.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::Json | Self::Gelf => cfg!(feature = "json"),
            Self::GoAudit => true,
            Self::Raw => cfg!(feature = "replay"),
        }
    }

    /// What is said of one that is not.
    pub(crate) fn not_built(self) -> String {
        format!("format \"{}\" is not in this build; use \"go-audit\"", self.name())
    }

    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::GoAudit => "go-audit",
            Self::Raw => "raw",
            Self::Gelf => "gelf",
        }
    }
}
