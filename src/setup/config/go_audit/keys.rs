//! The keys of go-audit 1.2.0's config, as its example file has them, and what is not done with them here.

/// A key that holds no table.
pub(super) struct Key {
    /// The names of its tables and its own, joined by dots, in lower case: case makes no difference in
    /// go-audit.
    pub(super) path: &'static str,
    /// What becomes of it.
    pub(super) use_: Use,
}

/// What becomes of a key's value.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// It is taken over.
    Taken,
    /// Whole numbers from 1 on, which need nothing here: `not` says why.
    Needless,
    /// Nothing is done with it. It is told why, unless its value is this, which asks for nothing else than
    /// what is done anyway.
    Idle(&'static str, &'static str),
}

use Use::{Idle, Needless, Taken};

const fn key(path: &'static str, use_: Use) -> Key {
    Key { path, use_ }
}

/// Why no number of attempts is needed.
pub(super) const ATTEMPTS: &str =
    "a failed write is tried again for as long as there is room, and never ends the daemon";

const GAPS: &str = "gaps are always looked for, and told by an event of their own";
const EXTRAS: &str =
    "the format \"go-audit\" has no extras; the format \"json\" tells the container of a process";
const DAEMONS: &str = "no container daemon is asked";

/// All keys, in the order of the example file.
pub(super) const KEYS: [Key; 39] = [
    key("socket_buffer.receive", Taken),
    key("events.min", Taken),
    key("events.max", Taken),
    key("message_tracking.enabled", Idle("true", GAPS)),
    key(
        "message_tracking.log_out_of_order",
        Idle("false", "records out of order are put in order, and not told"),
    ),
    key(
        "message_tracking.max_out_of_order",
        Idle("500", "a gap is told when 1024 later events have come, or a time-out"),
    ),
    key("output.stdout.enabled", Taken),
    key("output.stdout.attempts", Needless),
    key("output.syslog.enabled", Taken),
    key("output.syslog.attempts", Needless),
    key("output.syslog.network", Taken),
    key("output.syslog.address", Taken),
    key("output.syslog.priority", Taken),
    key("output.syslog.tag", Taken),
    key("output.file.enabled", Taken),
    key("output.file.attempts", Needless),
    key("output.file.path", Taken),
    key("output.file.mode", Taken),
    key("output.file.user", Taken),
    key("output.file.group", Taken),
    key("output.gelf.enabled", Taken),
    key("output.gelf.attempts", Needless),
    key("output.gelf.network", Taken),
    key("output.gelf.address", Taken),
    key("output.gelf.compression.level", Taken),
    key("output.gelf.compression.type", Taken),
    key("log.flags", Idle("0", "messages have no time and no place in the source before them")),
    key("rules", Taken),
    key("filters", Taken),
    key("extras.containers.enabled", Idle("false", EXTRAS)),
    key("extras.containers.containerd", Idle("false", DAEMONS)),
    key("extras.containers.containerd_sock", Idle("/run/containerd/containerd.sock", DAEMONS)),
    key("extras.containers.containerd_namespace", Idle("k8s.io", DAEMONS)),
    key("extras.containers.containerd_cache", Idle("0", DAEMONS)),
    key("extras.containers.docker", Idle("false", DAEMONS)),
    key("extras.containers.docker_api_version", Idle("1.24", DAEMONS)),
    key("extras.containers.docker_cache", Idle("0", DAEMONS)),
    key("extras.containers.pid_cache", Idle("0", "a process is looked up once")),
    key("extras.cgroups.enabled", Idle("false", EXTRAS)),
];
