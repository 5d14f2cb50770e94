//! The keys of go-audit 1.2.0's config, as its example file has them, and what is not done with them here.

/// All keys that hold no table, in the order of the example file, one a line: the names of its tables and its own,
/// joined by dots, in lower case (case makes no difference in go-audit). A key with nothing behind it is taken
/// over. Behind the others stand a value and a letter: with any other value it is told that the key has no
/// effect, and by the letter why ([`why`]); `+` is a whole number from 1 on. As text, which needs no addresses: it
/// is 3 KiB smaller than a table.
pub(super) const KEYS: &str = "\
socket_buffer.receive
events.min
events.max
message_tracking.enabled true g
message_tracking.log_out_of_order false o
message_tracking.max_out_of_order 500 m
output.stdout.enabled
output.stdout.attempts + a
output.syslog.enabled
output.syslog.attempts + a
output.syslog.network
output.syslog.address
output.syslog.priority
output.syslog.tag
output.file.enabled
output.file.attempts + a
output.file.path
output.file.mode
output.file.user
output.file.group
output.gelf.enabled
output.gelf.attempts + a
output.gelf.network
output.gelf.address
output.gelf.compression.level 1 c
output.gelf.compression.type
log.flags 0 l
rules
filters
extras.containers.enabled false e
extras.containers.containerd false d
extras.containers.containerd_sock /run/containerd/containerd.sock d
extras.containers.containerd_namespace k8s.io d
extras.containers.containerd_cache 0 d
extras.containers.docker false d
extras.containers.docker_api_version 1.24 d
extras.containers.docker_cache 0 d
extras.containers.pid_cache 0 p
extras.cgroups.enabled false e";

/// A key's path, and what stands behind it.
pub(super) fn split(line: &'static str) -> (&'static str, &'static str) {
    line.split_once(' ').unwrap_or((line, ""))
}

/// Why a key has no effect.
pub(super) fn why(letter: &str) -> &'static str {
    match letter {
        "a" => "a failed write is tried again for as long as there is room, and never ends the daemon",
        "c" => "the level is always the same",
        "d" => "no container daemon is asked",
        "e" => "the format \"go-audit\" has no extras here; the format \"json\" tells a process's container",
        "g" => "gaps are always looked for, and told by an event of their own",
        "l" => "messages have no time and no place in the source before them",
        "m" => "a gap is told when 1024 later events have come, or a time-out",
        "o" => "records out of order are put in order, and not told",
        _ => "a process is looked up once",
    }
}
