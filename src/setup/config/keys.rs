//! The names that a config can hold: tables and keys.
//! The walker suggests from them; the tests compare them with the documents.

/// A table of the config and its keys, in the order of the documents.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The table's name.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [&'static str],
}

/// The keys that stand before the first table.
pub const TOP_KEYS: [&str; 2] = ["log", "pid_file"];

/// All tables but the lists, `[[label]]`, `[[filter]]` and `[[output]]`.
pub const SECTIONS: [Section; 11] = [
    Section {
        name: "kernel",
        keys: if cfg!(feature = "coexist") { &KERNEL_KEYS } else { KERNEL_KEYS.split_at(8).0 },
    },
    Section { name: "ring", keys: &["size_kib", "overflow"] },
    Section { name: "event", keys: &["timeout_ms", "max_kib", "types"] },
    Section { name: "rules", keys: &["files", "lines", "on_error", "at_exit", "restore_watches"] },
    Section { name: "json", keys: &["argv", "argv_max_bytes", "boot_id", "monotonic"] },
    Section { name: "raw", keys: &["node", "enriched"] },
    Section { name: "translate", keys: &["values", "names", "drop_raw"] },
    Section {
        name: "enrich",
        keys: &["process", "script", "container", "unit", "env", "inode_path", "processes"],
    },
    Section {
        name: "sandbox",
        // Without it the table is refused as a whole.
        keys: if !cfg!(feature = "sandbox") {
            &[]
        } else {
            &[
                "enabled",
                "required",
                "capabilities",
                "no_new_privs",
                "user",
                "group",
                "seccomp",
                "landlock",
                "limits",
                "core_dumps",
                "lock_memory",
            ]
        },
    },
    Section { name: "memory", keys: &["max_kib"] },
    Section {
        name: "status",
        keys: if cfg!(feature = "status") {
            &["socket", "mode", "group", "textfile", "interval_s"]
        } else {
            &[]
        },
    },
];

/// The keys of `[kernel]`, the last of which is the feature coexist's.
const KERNEL_KEYS: [&str; 9] = [
    "mode",
    "enabled",
    "backlog_limit",
    "backlog_wait_time",
    "failure",
    "restore",
    "receive_buffer_kib",
    "verify_s",
    "take_over",
];

/// The keys of `[[output]]`, each with the output types that take it; an empty list is all types.
pub const OUTPUT_KEYS: &[(&str, &[&str])] = &[
    ("type", &[]),
    ("name", &[]),
    ("format", &[]),
    ("queue_kib", &[]),
    ("overflow", &[]),
    ("max_line", &[]),
    ("long_line", &[]),
    ("flush_s", &[]),
    ("path", &["file"]),
    ("mode", &["file"]),
    ("owner", &["file"]),
    ("group", &["file"]),
    ("rotate_kib", &["file"]),
    ("rotate_s", &["file"]),
    ("keep", &["file"]),
    ("keep_mib", &["file"]),
    ("compress", &["file"]),
    ("fsync", &["file"]),
    ("min_free_mib", &["file"]),
    ("low_space", &["file"]),
    ("network", &["syslog", "gelf", "unix"]),
    ("address", &["syslog", "gelf", "unix"]),
    ("protocol", &["syslog"]),
    ("facility", &["syslog"]),
    ("severity", &["syslog"]),
    ("tag", &["syslog"]),
    ("hostname", &["syslog", "gelf"]),
    ("framing", &["syslog"]),
    ("sd_id", &["syslog"]),
    ("cee", &["syslog"]),
    ("payload", &["gelf"]),
    ("compression", &["gelf"]),
    ("chunk_bytes", &["gelf"]),
    ("command", &["pipe"]),
];

/// The keys of `[[label]]`.
pub const LABEL_KEYS: [&str; 7] = ["name", "key", "exe", "argv", "script", "action", "propagate"];

/// The keys of `[[filter]]`: the name, the action, and the conditions.
pub const FILTER_KEYS: [&str; 16] = [
    "name",
    "action",
    "outputs",
    "type",
    "syscall",
    "key",
    "uid",
    "auid",
    "exe",
    "comm",
    "success",
    "address",
    "port",
    "regex",
    "label",
    "first_of_process",
];

/// The name of the list of filters.
pub(super) const FILTER: &str = "filter";
/// The name of the list of labels.
pub(super) const LABEL: &str = "label";
/// The name of the list of outputs.
pub(super) const OUTPUT: &str = "output";

/// The output types.
pub(super) const TYPES: [&str; 6] = ["stdout", "file", "syslog", "gelf", "unix", "pipe"];
