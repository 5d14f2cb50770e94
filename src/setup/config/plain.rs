//! The keys whose values are plain numbers, switches and words: what each takes, and where its value
//! stands in the data. One loop reads all of them, and one shows them.

use super::values::{Key, NONE, Table, Walker, number, pick, small, switch, word};
use super::{
    Argv, AtExit, Enrich, Event, Failure, FileTarget, Format, Json, Kernel, LongLine, LowSpace, Mode,
    NameSource, OnError, Output, Overflow, Raw, Ring, Rules, Setting, TakeOver, Translate, WhenFull,
};

/// A table of which `N` keys are plain.
pub(super) trait Plain<const N: usize> {
    /// The keys of this build.
    const KEYS: &'static [Key];

    /// Their values, in the same order.
    fn values(&self) -> [u64; N];

    /// Takes values that are as the keys want them.
    fn set(&mut self, values: [u64; N]);
}

impl Walker<'_> {
    /// Reads the plain keys of a table.
    pub(super) fn read<const N: usize>(&mut self, table: Table<'_>, into: &mut impl Plain<N>) {
        fn keys<const N: usize, P: Plain<N>>(_: &P) -> &'static [Key] {
            P::KEYS
        }
        let mut values = into.values();
        self.plain(table, keys(into), &mut values);
        into.set(values);
    }
}

/// The keys of `[kernel]`, the last of which is the feature coexist's.
const KERNEL: &[Key] = &[
    word("mode", if cfg!(feature = "coexist") { &["unicast", "multicast"] } else { &["unicast"] }),
    switch("enabled").or_leave(),
    number("backlog_limit", 0, u32::MAX).or_leave(),
    number("backlog_wait_time", 0, 600_000).or_leave(),
    word("failure", &["leave", "silent", "printk", "panic"]),
    number("receive_buffer_kib", 16, 1_048_576),
    number("verify_s", 30, 86_400),
    word("take_over", &["no", "wait", "replace"]),
];

impl Plain<8> for Kernel {
    const KEYS: &'static [Key] =
        if cfg!(feature = "coexist") { KERNEL } else { KERNEL.split_at(KERNEL.len() - 1).0 };

    fn values(&self) -> [u64; 8] {
        let failure = match self.failure {
            Setting::Leave => 0,
            Setting::Set(failure) => failure as u64 + 1,
        };
        [
            self.mode as u64,
            from_setting(self.enabled.map(u32::from)),
            from_setting(self.backlog_limit),
            from_setting(self.backlog_wait_time),
            failure,
            self.receive_buffer_kib.into(),
            self.verify_s.into(),
            self.take_over as u64,
        ]
    }

    fn set(&mut self, [mode, enabled, limit, wait, failure, buffer, verify, take_over]: [u64; 8]) {
        self.mode = if mode == 0 { Mode::Unicast } else { Mode::Multicast };
        self.enabled = to_setting(enabled).map(|on| on != 0);
        self.backlog_limit = to_setting(limit);
        self.backlog_wait_time = to_setting(wait);
        self.failure = match failure {
            0 => Setting::Leave,
            1 => Setting::Set(Failure::Silent),
            2 => Setting::Set(Failure::Printk),
            _ => Setting::Set(Failure::Panic),
        };
        self.receive_buffer_kib = small(buffer);
        self.verify_s = small(verify);
        self.take_over = pick(&[TakeOver::No, TakeOver::Wait, TakeOver::Replace], take_over);
    }
}

fn from_setting(setting: Setting<u32>) -> u64 {
    match setting {
        Setting::Leave => NONE,
        Setting::Set(value) => value.into(),
    }
}

fn to_setting(value: u64) -> Setting<u32> {
    u32::try_from(value).map_or(Setting::Leave, Setting::Set)
}

impl Plain<2> for Ring {
    const KEYS: &'static [Key] = &[number("size_kib", 64, 8192), word("overflow", &["drop", "wait"])];

    fn values(&self) -> [u64; 2] {
        [self.size_kib.into(), self.overflow as u64]
    }

    fn set(&mut self, [size, overflow]: [u64; 2]) {
        self.size_kib = small(size);
        self.overflow = if overflow == 0 { Overflow::Drop } else { Overflow::Wait };
    }
}

impl Plain<2> for Event {
    const KEYS: &'static [Key] = &[number("timeout_ms", 100, 60_000), number("max_kib", 16, 8192)];

    fn values(&self) -> [u64; 2] {
        [self.timeout_ms.into(), self.max_kib.into()]
    }

    fn set(&mut self, [timeout, max]: [u64; 2]) {
        self.timeout_ms = small(timeout);
        self.max_kib = small(max);
    }
}

impl Plain<3> for Rules {
    const KEYS: &'static [Key] = if cfg!(feature = "rules") {
        &[AT_EXIT, word("on_error", &["skip-rule", "skip-file", "refuse"]), switch("restore_watches")]
    } else {
        &[AT_EXIT]
    };

    fn values(&self) -> [u64; 3] {
        [self.at_exit as u64, self.on_error as u64, self.restore_watches.into()]
    }

    fn set(&mut self, [at_exit, on_error, restore]: [u64; 3]) {
        self.at_exit = if at_exit == 0 { AtExit::Leave } else { AtExit::Remove };
        self.on_error = pick(&OnError::ALL, on_error);
        self.restore_watches = restore != 0;
    }
}

const AT_EXIT: Key = word("at_exit", &["leave", "remove"]);

impl Plain<4> for Json {
    const KEYS: &'static [Key] = &[
        word("argv", &["list", "string", "both"]),
        number("argv_max_bytes", 0, u32::MAX),
        switch("boot_id"),
        switch("monotonic"),
    ];

    fn values(&self) -> [u64; 4] {
        [self.argv as u64, self.argv_max_bytes.into(), self.boot_id.into(), self.monotonic.into()]
    }

    fn set(&mut self, [argv, max, boot_id, monotonic]: [u64; 4]) {
        self.argv = pick(&[Argv::List, Argv::Text, Argv::Both], argv);
        self.argv_max_bytes = small(max);
        self.boot_id = boot_id != 0;
        self.monotonic = monotonic != 0;
    }
}

impl Plain<2> for Raw {
    const KEYS: &'static [Key] = &[switch("node"), switch("enriched")];

    fn values(&self) -> [u64; 2] {
        [self.node.into(), self.enriched.into()]
    }

    fn set(&mut self, [node, enriched]: [u64; 2]) {
        self.node = node != 0;
        self.enriched = enriched != 0;
    }
}

#[cfg(feature = "status")]
impl Plain<1> for super::Status {
    const KEYS: &'static [Key] = &[number("interval_s", 0, 86_400)];

    fn values(&self) -> [u64; 1] {
        [self.interval_s.into()]
    }

    fn set(&mut self, [interval]: [u64; 1]) {
        self.interval_s = small(interval);
    }
}

impl Plain<3> for Translate {
    const KEYS: &'static [Key] =
        &[switch("values"), word("names", &["files", "nscd", "off"]), switch("drop_raw")];

    fn values(&self) -> [u64; 3] {
        [self.values.into(), self.names as u64, self.drop_raw.into()]
    }

    fn set(&mut self, [values, names, drop_raw]: [u64; 3]) {
        self.values = values != 0;
        self.names = match names {
            0 => NameSource::Files,
            1 => NameSource::Nscd,
            _ => NameSource::Off,
        };
        self.drop_raw = drop_raw != 0;
    }
}

impl Plain<6> for Enrich {
    const KEYS: &'static [Key] = &[
        switch("process"),
        switch("script"),
        switch("container"),
        switch("unit"),
        switch("inode_path"),
        number("processes", 64, 32_768),
    ];

    fn values(&self) -> [u64; 6] {
        [
            self.process.into(),
            self.script.into(),
            self.container.into(),
            self.unit.into(),
            self.inode_path.into(),
            self.processes.into(),
        ]
    }

    fn set(&mut self, [process, script, container, unit, inode_path, processes]: [u64; 6]) {
        self.process = process != 0;
        self.script = script != 0;
        self.container = container != 0;
        self.unit = unit != 0;
        self.inode_path = inode_path != 0;
        self.processes = small(processes);
    }
}

/// The format and the queue.
impl Plain<6> for Output {
    const KEYS: &'static [Key] = &[
        word("format", &["json", "go-audit", "raw"]),
        number("queue_kib", 64, 1_048_576),
        word("overflow", &["drop-newest", "drop-oldest", "wait"]),
        number("max_line", 0, 16_777_216),
        word("long_line", &["truncate", "split", "drop"]),
        number("flush_s", 0, 3600),
    ];

    fn values(&self) -> [u64; 6] {
        let queue = &self.queue;
        [
            // A GELF message of fields has no format of its own.
            if self.format == Format::Gelf { NONE } else { self.format as u64 },
            queue.kib.into(),
            queue.overflow as u64,
            queue.max_line.into(),
            queue.long_line as u64,
            queue.flush_s.into(),
        ]
    }

    fn set(&mut self, [format, kib, overflow, max_line, long_line, flush]: [u64; 6]) {
        self.format = pick(&Format::ALL, format);
        self.queue.kib = small(kib);
        self.queue.overflow = pick(&WhenFull::ALL, overflow);
        self.queue.max_line = small(max_line);
        self.queue.long_line = pick(&LongLine::ALL, long_line);
        self.queue.flush_s = small(flush);
    }
}

impl Plain<7> for FileTarget {
    const KEYS: &'static [Key] = &[
        number("rotate_kib", 0, 4_194_303),
        number("rotate_s", 0, 31_622_400),
        number("keep", 1, 9999),
        number("keep_mib", 0, 1_048_576),
        number("min_free_mib", 0, 1_048_576),
        switch("compress"),
        word("low_space", &["warn", "rotate", "delete", "stop"]),
    ];

    fn values(&self) -> [u64; 7] {
        [
            self.rotate_kib.into(),
            self.rotate_s.into(),
            self.keep.into(),
            self.keep_mib.into(),
            self.min_free_mib.into(),
            self.compress.into(),
            self.low_space as u64,
        ]
    }

    fn set(&mut self, [rotate_kib, rotate_s, keep, keep_mib, min_free_mib, compress, low]: [u64; 7]) {
        self.rotate_kib = small(rotate_kib);
        self.rotate_s = small(rotate_s);
        self.keep = small(keep);
        self.keep_mib = small(keep_mib);
        self.min_free_mib = small(min_free_mib);
        self.compress = compress != 0;
        self.low_space = pick(&LowSpace::ALL, low);
    }
}
