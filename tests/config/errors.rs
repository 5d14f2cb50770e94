//! Wrong configs with their exact messages.

use std::collections::BTreeSet;

use crate::{one_key, problems, tables};
use ringaudit::config::{MAX_ENV, MAX_FILTERS, MAX_LABELS};

const WRONG_TYPES: &[(&str, &str, &str, &str)] = &[
    ("kernel", "mode", "1", "\"kernel.mode\" must be \"unicast\" or \"multicast\", not a whole number"),
    ("kernel", "enabled", "1", "\"kernel.enabled\" must be true, false or \"leave\", not a whole number"),
    ("kernel", "enabled", "'yes'", "\"kernel.enabled\" must be true, false or \"leave\", not a string"),
    (
        "kernel",
        "backlog_limit",
        "'8192'",
        "\"kernel.backlog_limit\" must be a whole number or \"leave\", not a string",
    ),
    (
        "kernel",
        "backlog_wait_time",
        "0.5",
        "\"kernel.backlog_wait_time\" must be a whole number or \"leave\", not a number with a fraction",
    ),
    (
        "kernel",
        "failure",
        "1",
        "\"kernel.failure\" must be \"leave\", \"silent\", \"printk\" or \"panic\", not a whole number",
    ),
    (
        "kernel",
        "restore",
        "true",
        "\"kernel.restore\" must be a list of settings, such as [\"enabled\"], not a boolean",
    ),
    (
        "kernel",
        "receive_buffer_kib",
        "'4 MiB'",
        "\"kernel.receive_buffer_kib\" must be a whole number, not a string",
    ),
    ("kernel", "verify_s", "00:00:30", "\"kernel.verify_s\" must be a whole number, not a date or time"),
    ("ring", "size_kib", "[512]", "\"ring.size_kib\" must be a whole number, not a list"),
    ("ring", "overflow", "true", "\"ring.overflow\" must be \"drop\" or \"wait\", not a boolean"),
    ("event", "timeout_ms", "{ ms = 1 }", "\"event.timeout_ms\" must be a whole number, not a table"),
    ("event", "max_kib", "2026-01-01", "\"event.max_kib\" must be a whole number, not a date or time"),
    (
        "event",
        "types",
        "1300",
        "\"event.types\" must be two record types, the lowest and the highest, such as [1300, 1399], \
             not a whole number",
    ),
    (
        "rules",
        "lines",
        "'-D'",
        "\"rules.lines\" must be a list of rules, each a string, such as [\"-w /etc/passwd -p wa\"], \
             not a string",
    ),
    ("rules", "at_exit", "false", "\"rules.at_exit\" must be \"leave\" or \"remove\", not a boolean"),
    (
        "rules",
        "files",
        "'/etc/audit/rules.d'",
        "\"rules.files\" must be a list of files and directories, such as [\"/etc/audit/rules.d\"], not a string",
    ),
    (
        "rules",
        "on_error",
        "1",
        "\"rules.on_error\" must be \"skip-rule\", \"skip-file\" or \"refuse\", not a whole number",
    ),
    ("rules", "restore_watches", "'yes'", "\"rules.restore_watches\" must be true or false, not a string"),
    ("enrich", "process", "1", "\"enrich.process\" must be true or false, not a whole number"),
    ("enrich", "script", "'yes'", "\"enrich.script\" must be true or false, not a string"),
    ("enrich", "container", "'docker'", "\"enrich.container\" must be true or false, not a string"),
    ("enrich", "unit", "[]", "\"enrich.unit\" must be true or false, not a list"),
    (
        "enrich",
        "env",
        "'HOME'",
        "\"enrich.env\" must be a list of variables, such as [\"LD_PRELOAD\"], not a string",
    ),
    ("enrich", "inode_path", "0", "\"enrich.inode_path\" must be true or false, not a whole number"),
    (
        "status",
        "socket",
        "'run/x'",
        "\"status.socket\" must be an absolute path, or \"\" for none, not \"run/x\"",
    ),
    (
        "status",
        "mode",
        "600",
        "\"status.mode\" must be octal text such as \"0600\", not 600: without quotes it is decimal, which is 1130 in octal",
    ),
    (
        "status",
        "group",
        "5",
        "\"status.group\" must be a group's name or number in quotes, not a whole number",
    ),
    (
        "status",
        "textfile",
        "true",
        "\"status.textfile\" must be an absolute path, or \"\" for none, not a boolean",
    ),
    ("status", "interval_s", "'1m'", "\"status.interval_s\" must be a whole number, not a string"),
    ("enrich", "processes", "true", "\"enrich.processes\" must be a whole number, not a boolean"),
    ("filter", "outputs", "1", "\"filter.outputs\" must be the name of an [[output]], not 1"),
    ("filter", "name", "1", "\"filter.name\" must be text, not a whole number"),
    (
        "filter",
        "action",
        "1",
        "\"filter.action\" must be \"drop\", \"keep\" or \"count\", not a whole number",
    ),
    (
        "filter",
        "type",
        "true",
        "\"filter.type\" must be a record type's name, or its number up to 65535, not a boolean",
    ),
    (
        "filter",
        "syscall",
        "1.5",
        "\"filter.syscall\" must be a system call's name or number, or \"none\", not a number with a fraction",
    ),
    ("filter", "key", "1", "\"filter.key\" must be a key of a rule, not 1"),
    ("filter", "uid", "true", "\"filter.uid\" must be a user's name or number, not a boolean"),
    (
        "filter",
        "auid",
        "1.5",
        "\"filter.auid\" must be a user's name or number, or \"unset\", not a number with a fraction",
    ),
    ("filter", "exe", "1", "\"filter.exe\" must be a glob, not 1"),
    ("filter", "comm", "true", "\"filter.comm\" must be a glob, not a boolean"),
    ("filter", "success", "'yes'", "\"filter.success\" must be true or false, not a string"),
    (
        "filter",
        "address",
        "10",
        "\"filter.address\" must be an address or a network, such as \"10.0.0.0/8\", not 10",
    ),
    (
        "filter",
        "port",
        "true",
        "\"filter.port\" must be a port from 0 to 65535 or a range such as \"8000-8100\", not a boolean",
    ),
    ("filter", "regex", "[]", "\"filter.regex\" is an empty list; leave it out"),
    ("filter", "label", "1", "\"filter.label\" must be the name of a [[label]], not 1"),
    (
        "filter",
        "first_of_process",
        "1",
        "\"filter.first_of_process\" must be true or false, not a whole number",
    ),
    ("label", "name", "1", "\"label.name\" must be text, not a whole number"),
    ("label", "key", "1", "\"label.key\" must be a key of a rule, not a whole number"),
    ("label", "exe", "[]", "\"label.exe\" must be a regex, not a list"),
    ("label", "argv", "true", "\"label.argv\" must be a regex, not a boolean"),
    ("label", "script", "1", "\"label.script\" must be a regex, not a whole number"),
    ("label", "action", "true", "\"label.action\" must be \"set\" or \"remove\", not a boolean"),
    ("label", "propagate", "'yes'", "\"label.propagate\" must be true or false, not a string"),
    (
        "output",
        "type",
        "1",
        "\"output.type\" must be \"stdout\", \"file\", \"syslog\", \"gelf\", \"unix\" or \"pipe\", not a whole number",
    ),
    (
        "output",
        "format",
        "1",
        "\"output.format\" must be \"json\", \"go-audit\" or \"raw\", not a whole number",
    ),
    ("json", "argv", "1", "\"json.argv\" must be \"list\", \"string\" or \"both\", not a whole number"),
    ("", "log", "1", "\"log\" must be \"stderr\", \"syslog\" or \"kmsg\", not a whole number"),
    ("", "pid_file", "[]", "\"pid_file\" must be an absolute path, not a list"),
    ("json", "boot_id", "1", "\"json.boot_id\" must be true or false, not a whole number"),
    ("json", "monotonic", "'x'", "\"json.monotonic\" must be true or false, not a string"),
    (
        "kernel",
        "take_over",
        "true",
        "\"kernel.take_over\" must be \"no\", \"wait\" or \"replace\", not a boolean",
    ),
    ("json", "argv_max_bytes", "'1k'", "\"json.argv_max_bytes\" must be a whole number, not a string"),
    ("raw", "node", "'web'", "\"raw.node\" must be true or false, not a string"),
    ("raw", "enriched", "1", "\"raw.enriched\" must be true or false, not a whole number"),
    ("sandbox", "enabled", "1", "\"sandbox.enabled\" must be true or false, not a whole number"),
    ("sandbox", "required", "'yes'", "\"sandbox.required\" must be true or false, not a string"),
    ("sandbox", "capabilities", "[]", "\"sandbox.capabilities\" must be true or false, not a list"),
    ("sandbox", "no_new_privs", "0", "\"sandbox.no_new_privs\" must be true or false, not a whole number"),
    (
        "sandbox",
        "user",
        "0",
        "\"sandbox.user\" must be a user's name or number in quotes, not a whole number",
    ),
    (
        "sandbox",
        "group",
        "0",
        "\"sandbox.group\" must be a group's name or number in quotes, not a whole number",
    ),
    ("sandbox", "seccomp", "true", "\"sandbox.seccomp\" must be \"on\", \"log\" or \"off\", not a boolean"),
    (
        "sandbox",
        "landlock",
        "true",
        "\"sandbox.landlock\" must be \"threads\", \"all\" or \"off\", not a boolean",
    ),
    ("sandbox", "limits", "64", "\"sandbox.limits\" must be true or false, not a whole number"),
    ("sandbox", "core_dumps", "'no'", "\"sandbox.core_dumps\" must be true or false, not a string"),
    ("sandbox", "lock_memory", "1", "\"sandbox.lock_memory\" must be true or false, not a whole number"),
    ("memory", "max_kib", "'4M'", "\"memory.max_kib\" must be a whole number, not a string"),
    ("translate", "values", "1", "\"translate.values\" must be true or false, not a whole number"),
    (
        "translate",
        "names",
        "true",
        "\"translate.names\" must be \"files\", \"nscd\" or \"off\", not a boolean",
    ),
    ("translate", "drop_raw", "'no'", "\"translate.drop_raw\" must be true or false, not a string"),
    ("output", "path", "1", "\"output.path\" must be the path of a file, not a whole number"),
    (
        "output",
        "mode",
        "6.0",
        "\"output.mode\" must be octal text such as \"0600\", not a number with a fraction",
    ),
    (
        "output",
        "owner",
        "0",
        "\"output.owner\" must be a user's name or number in quotes, not a whole number",
    ),
    (
        "output",
        "name",
        "1",
        "\"output.name\" must be at most 32 letters, digits, \".\", \"_\" and \"-\", not a whole number",
    ),
    ("output", "queue_kib", "'1'", "\"output.queue_kib\" must be a whole number, not a string"),
    (
        "output",
        "overflow",
        "true",
        "\"output.overflow\" must be \"drop-newest\", \"drop-oldest\" or \"wait\", not a boolean",
    ),
    ("output", "max_line", "'1'", "\"output.max_line\" must be a whole number, not a string"),
    (
        "output",
        "long_line",
        "1",
        "\"output.long_line\" must be \"truncate\", \"split\" or \"drop\", not a whole number",
    ),
    ("output", "flush_s", "0.5", "\"output.flush_s\" must be a whole number, not a number with a fraction"),
    ("output", "rotate_kib", "'1M'", "\"output.rotate_kib\" must be a whole number, not a string"),
    ("output", "rotate_s", "'1d'", "\"output.rotate_s\" must be a whole number, not a string"),
    ("output", "keep", "true", "\"output.keep\" must be a whole number, not a boolean"),
    ("output", "keep_mib", "[]", "\"output.keep_mib\" must be a whole number, not a list"),
    ("output", "compress", "'gzip'", "\"output.compress\" must be true or false, not a string"),
    ("output", "fsync", "true", "\"output.fsync\" must be \"none\", \"each\" or milliseconds, not a boolean"),
    ("output", "min_free_mib", "'1'", "\"output.min_free_mib\" must be a whole number, not a string"),
    (
        "output",
        "low_space",
        "1",
        "\"output.low_space\" must be \"warn\", \"rotate\", \"delete\" or \"stop\", not a whole number",
    ),
    (
        "output",
        "network",
        "1",
        "\"output.network\" must be \"unixgram\", \"unix\", \"udp\" or \"tcp\", not a whole number",
    ),
    (
        "output",
        "address",
        "1",
        "\"output.address\" must be an absolute path of at most 107 bytes, not a whole number",
    ),
    (
        "output",
        "protocol",
        "1",
        "\"output.protocol\" must be \"rfc5424\", \"rfc3164\" or \"go-audit\", not a whole number",
    ),
    (
        "output",
        "facility",
        "1.5",
        "\"output.facility\" must be a name or 0 to 23, not a number with a fraction",
    ),
    ("output", "severity", "[]", "\"output.severity\" must be a name or 0 to 7, not a list"),
    ("output", "tag", "1", "\"output.tag\" must be a string, not a whole number"),
    ("output", "hostname", "1", "\"output.hostname\" must be a string, not a whole number"),
    (
        "output",
        "framing",
        "true",
        "\"output.framing\" must be \"octet-counting\" or \"newline\", not a boolean",
    ),
    (
        "output",
        "sd_id",
        "1",
        "\"output.sd_id\" must be a name, @ and your enterprise number, such as \"audit@32473\", of at most 32 characters, not a whole number",
    ),
    ("output", "cee", "1", "\"output.cee\" must be true or false, not a whole number"),
    ("output", "payload", "1", "\"output.payload\" must be \"fields\" or \"line\", not a whole number"),
    (
        "output",
        "compression",
        "true",
        "\"output.compression\" must be \"gzip\", \"zlib\" or \"none\", not a boolean",
    ),
    ("output", "chunk_bytes", "'1k'", "\"output.chunk_bytes\" must be a whole number, not a string"),
    (
        "output",
        "command",
        "'cat'",
        "\"output.command\" must be a program and its arguments, such as [\"/usr/bin/logger\", \"-t\", \"audit\"], not a string",
    ),
    ("output", "group", "[]", "\"output.group\" must be a group's name or number in quotes, not a list"),
];

const WRONG_VALUES: &[(&str, &str, &str, &str)] = &[
    (
        "kernel",
        "mode",
        "'anycast'",
        "\"kernel.mode\" must be \"unicast\" or \"multicast\", not \"anycast\"; did you mean \"unicast\"?",
    ),
    (
        "kernel",
        "mode",
        "'unicats'",
        "\"kernel.mode\" must be \"unicast\" or \"multicast\", not \"unicats\"; did you mean \"unicast\"?",
    ),
    (
        "kernel",
        "backlog_limit",
        "-1",
        "\"kernel.backlog_limit\" must be from 0 to 4294967295 or \"leave\", not -1",
    ),
    (
        "kernel",
        "backlog_limit",
        "99999999999999999999",
        "\"kernel.backlog_limit\" must be from 0 to 4294967295 or \"leave\", not 99999999999999999999",
    ),
    (
        "kernel",
        "backlog_limit",
        "'leav'",
        "\"kernel.backlog_limit\" must be a whole number or \"leave\", not \"leav\"; did you mean \"leave\"?",
    ),
    (
        "kernel",
        "backlog_wait_time",
        "600_001",
        "\"kernel.backlog_wait_time\" must be from 0 to 600000 or \"leave\", not 600_001",
    ),
    (
        "kernel",
        "failure",
        "'panik'",
        "\"kernel.failure\" must be \"leave\", \"silent\", \"printk\" or \"panic\", not \"panik\"; did you mean \"panic\"?",
    ),
    (
        "kernel",
        "receive_buffer_kib",
        "15",
        "\"kernel.receive_buffer_kib\" must be from 16 to 1048576, not 15",
    ),
    ("kernel", "verify_s", "29", "\"kernel.verify_s\" must be from 30 to 86400, not 29"),
    ("ring", "size_kib", "32", "\"ring.size_kib\" must be from 64 to 8192, not 32"),
    ("ring", "size_kib", "100", "\"ring.size_kib\" must be a multiple of 32, not 100; 128 is one"),
    ("ring", "overflow", "'block'", "\"ring.overflow\" must be \"drop\" or \"wait\", not \"block\""),
    ("event", "timeout_ms", "99", "\"event.timeout_ms\" must be from 100 to 60000, not 99"),
    ("event", "max_kib", "8193", "\"event.max_kib\" must be from 16 to 8192, not 8193"),
    (
        "event",
        "types",
        "[1399, 1300]",
        "\"event.types\" begins above its end: write [1300, 1399], the lowest first",
    ),
    (
        "event",
        "types",
        "[1]",
        "\"event.types\" must be two record types, the lowest and the highest, such as [1300, 1399], not 1",
    ),
    ("rules", "at_exit", "'delete'", "\"rules.at_exit\" must be \"leave\" or \"remove\", not \"delete\""),
    ("sandbox", "user", "''", "\"sandbox.user\" is empty; it must be a user's name or number in quotes"),
    ("sandbox", "seccomp", "'kill'", "\"sandbox.seccomp\" must be \"on\", \"log\" or \"off\", not \"kill\""),
    ("memory", "max_kib", "-1", "\"memory.max_kib\" must be from 0 to 1048576, not -1"),
    ("enrich", "processes", "63", "\"enrich.processes\" must be from 64 to 32768, not 63"),
    (
        "filter",
        "name",
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
        "\"filter.name\" must have at most 64 bytes, not 65",
    ),
    ("filter", "type", "'SYSCAL'", "unknown record type \"SYSCAL\"; did you mean \"SYSCALL\"?"),
    ("filter", "type", "'NO_SUCH'", "unknown record type \"NO_SUCH\"; give its number if it is a new one"),
    (
        "filter",
        "type",
        "65536",
        "\"filter.type\" must be a record type's name, or its number up to 65535, not 65536",
    ),
    ("filter", "syscall", "'conect'", "unknown system call \"conect\"; did you mean \"connect\"?"),
    ("filter", "syscall", "'99999999999'", "\"filter.syscall\" must be a system call, not \"99999999999\""),
    ("filter", "key", "[]", "\"filter.key\" is an empty list; leave it out"),
    ("filter", "key", "''", "\"filter.key\" must be a key of a rule, not an empty string"),
    ("filter", "uid", "4294967295", "\"filter.uid\" must be a user's name or number, not 4294967295"),
    ("filter", "uid", "'unset'", "\"filter.uid\" must be a user's name or number, not \"unset\""),
    (
        "filter",
        "address",
        "'10.0.0.300'",
        "\"filter.address\": \"10.0.0.300\" is no address or network, such as \"10.0.0.0/8\" or \"fe80::/10\"",
    ),
    (
        "filter",
        "address",
        "'10.0.0.0/33'",
        "\"filter.address\": \"10.0.0.0/33\" must have a prefix from 0 to 32 behind its /",
    ),
    (
        "filter",
        "address",
        "'fe80::1/10'",
        "\"filter.address\": \"fe80::1/10\" has bits behind its prefix; write \"fe80::/10\"",
    ),
    (
        "filter",
        "port",
        "'90-80'",
        "\"filter.port\" must be a port from 0 to 65535 or a range such as \"8000-8100\", not \"90-80\"",
    ),
    ("filter", "label", "'x'", "no [[label]] has the name \"x\""),
    ("label", "name", "''", "\"label.name\" is empty; it must be text"),
    (
        "label",
        "name",
        "'12345678901234567890123456789012345678901234567890123456789012345'",
        "\"label.name\" must have at most 64 bytes, not 65",
    ),
    ("label", "exe", "''", "\"label.exe\" is empty; it must be a regex"),
    ("label", "action", "'unset'", "\"label.action\" must be \"set\" or \"remove\", not \"unset\""),
    (
        "output",
        "type",
        "'fiel'",
        "\"output.type\" must be \"stdout\", \"file\", \"syslog\", \"gelf\", \"unix\" or \"pipe\", not \"fiel\"; did you mean \"file\"?",
    ),
    (
        "output",
        "name",
        "'a b'",
        "\"output.name\" must be at most 32 letters, digits, \".\", \"_\" and \"-\", not \"a b\"",
    ),
    ("output", "queue_kib", "63", "\"output.queue_kib\" must be from 64 to 1048576, not 63"),
    (
        "output",
        "overflow",
        "'drop'",
        "\"output.overflow\" must be \"drop-newest\", \"drop-oldest\" or \"wait\", not \"drop\"",
    ),
    ("output", "max_line", "255", "\"output.max_line\" must be 0 or at least 256, not 255"),
    ("output", "max_line", "16777217", "\"output.max_line\" must be from 0 to 16777216, not 16777217"),
    (
        "output",
        "long_line",
        "'splitt'",
        "\"output.long_line\" must be \"truncate\", \"split\" or \"drop\", not \"splitt\"; did you mean \"split\"?",
    ),
    ("output", "flush_s", "3601", "\"output.flush_s\" must be from 0 to 3600, not 3601"),
    ("output", "rotate_kib", "63", "\"output.rotate_kib\" must be 0 or at least 64, not 63"),
    ("output", "keep", "0", "\"output.keep\" must be from 1 to 9999, not 0"),
    ("output", "keep_mib", "5", "\"output.keep_mib\" needs a \"rotate_kib\" that is less"),
    ("output", "fsync", "0", "\"output.fsync\" must be from 1 to 3600000, not 0"),
    (
        "output",
        "fsync",
        "'always'",
        "\"output.fsync\" must be \"none\", \"each\" or milliseconds, not \"always\"",
    ),
    (
        "output",
        "low_space",
        "'suspend'",
        "\"output.low_space\" must be \"warn\", \"rotate\", \"delete\" or \"stop\", not \"suspend\"",
    ),
    ("output", "format", "'xml'", "\"output.format\" must be \"json\", \"go-audit\" or \"raw\", not \"xml\""),
    (
        "output",
        "format",
        "'goaudit'",
        "\"output.format\" must be \"json\", \"go-audit\" or \"raw\", not \"goaudit\"; did you mean \"go-audit\"?",
    ),
    ("output", "path", "''", "\"output.path\" is empty; it must be the path of a file"),
    ("output", "path", "\"\\u0000\"", "\"output.path\" holds a NUL character; it must be the path of a file"),
    (
        "output",
        "mode",
        "600",
        "\"output.mode\" must be octal text such as \"0600\", not 600: without quotes it is decimal, which is 1130 in octal",
    ),
    ("output", "mode", "'0680'", "\"output.mode\" must be octal text such as \"0600\", not \"0680\""),
    ("output", "mode", "'rw-'", "\"output.mode\" must be octal text such as \"0600\", not \"rw-\""),
    ("output", "mode", "''", "\"output.mode\" must be octal text such as \"0600\", not \"\""),
    ("output", "mode", "'4755'", "\"output.mode\" must be from \"0000\" to \"0777\", not \"4755\""),
    ("output", "mode", "0o1777", "\"output.mode\" must be from \"0000\" to \"0777\", not 0o1777"),
    (
        "output",
        "mode",
        "'777777777777777777777777'",
        "\"output.mode\" must be from \"0000\" to \"0777\", not \"777777777777777777777777\"",
    ),
    ("output", "owner", "''", "\"output.owner\" is empty; it must be a user's name or number in quotes"),
    ("output", "group", "''", "\"output.group\" is empty; it must be a group's name or number in quotes"),
];

const WHOLE_TEXTS: &[(&str, &[&str])] = &[
    (
        "[kernel]\nxyzzy = 1\nsize_kib = 1\nrestore = ['enabled', 'enabled', 'failre', 1]\n",
        &[
            "f:2:1: unknown key \"xyzzy\" in [kernel]; its keys are \"mode\", \"enabled\", \"backlog_limit\", \"backlog_wait_time\", \"failure\", \"restore\", \"receive_buffer_kib\", \"verify_s\" and \"take_over\"",
            "f:3:1: unknown key \"size_kib\" in [kernel]; it belongs in [ring]",
            "f:4:24: \"enabled\" stands twice in \"kernel.restore\"",
            "f:4:35: each of \"kernel.restore\" must be \"backlog_limit\", \"backlog_wait_time\", \"failure\" or \"enabled\", not \"failre\"; did you mean \"failure\"?",
            "f:4:44: each of \"kernel.restore\" must be \"backlog_limit\", \"backlog_wait_time\", \"failure\" or \"enabled\", not a whole number",
        ],
    ),
    (
        "backlog_limit = 3\nmode = 'x'\nlog = 'syslog'\nfoo = 1\n[kernal]\n[foo2]\n[[outputs]]\n",
        &[
            "f:1:1: \"backlog_limit\" stands outside of any table; it belongs in [kernel]",
            "f:2:1: \"mode\" stands outside of any table; it belongs in [kernel] or [status] or [[output]]",
            "f:4:1: unknown key \"foo\" outside of any table; the tables are [kernel], [ring], [event], [rules], [json], [raw], [translate], [enrich], [sandbox], [memory], [status], [[label]], [[filter]] and [[output]]",
            "f:5:2: unknown table [kernal]; did you mean [kernel]?",
            "f:6:2: unknown table [foo2]; the tables are [kernel], [ring], [event], [rules], [json], [raw], [translate], [enrich], [sandbox], [memory], [status], [[label]], [[filter]] and [[output]]",
            "f:7:3: unknown table [outputs]; did you mean [[output]]?",
        ],
    ),
    (
        "log = 'sylsog'\npidfile = '/x'\npid_file = 'x'\nlog = 'kmsg'\n[kernel]\nlog = 'kmsg'\n",
        &[
            "f:1:8: \"log\" must be \"stderr\", \"syslog\" or \"kmsg\", not \"sylsog\"; did you mean \"syslog\"?",
            "f:2:1: unknown key \"pidfile\"; did you mean \"pid_file\"?",
            "f:3:13: \"pid_file\" must be an absolute path, not \"x\"",
            "f:4:1: \"log\" is given twice; keep one",
            "f:6:1: unknown key \"log\" in [kernel]; it stands before the first table",
        ],
    ),
    (
        "log = 1\npid_file = []\n",
        &[
            "f:1:7: \"log\" must be \"stderr\", \"syslog\" or \"kmsg\", not a whole number",
            "f:2:12: \"pid_file\" must be an absolute path, not a list",
        ],
    ),
    (
        "[kernel]\nmode = 'multicast'\ntake_over = 'wait'\n",
        &[
            "f:3:14: \"kernel.take_over\" is for mode = \"unicast\": in multicast mode nobody's place is taken",
        ],
    ),
    ("kernel = 'x'\n", &["f:1:11: [kernel] must be a table, not a string"]),
    ("[[ring]]\n", &["f:1:1: [ring] must be a table, not a list"]),
    (
        // What was given twice hides nothing else.
        "[kernel]\nverify_s = 30\nverify_s = 31\n[ring]\nsize_kib = 1\n[kernel]\n",
        &[
            "f:3:1: \"verify_s\" is given twice; keep one",
            "f:5:12: \"ring.size_kib\" must be from 64 to 8192, not 1",
            "f:6:2: \"kernel\" is given twice; keep one",
        ],
    ),
    (
        "[output]\ntype = 'stdout'\n[[output]]\ntype = 'stdout'\n",
        &[
            "f:1:1: \"output\" is a list of outputs; write [[output]], not [output]",
            "f:3:3: \"output\" is given twice; each output begins with [[output]]",
        ],
    ),
    (
        "output = []\n",
        &["f:1:10: \"output\" is an empty list: events would go nowhere; leave it out for stdout"],
    ),
    (
        "output = 'stdout'\n",
        &["f:1:11: \"output\" must be a list of tables, each under [[output]], not a string"],
    ),
    ("output = ['stdout']\n", &["f:1:12: an output must be a table under [[output]], not a string"]),
    (
        "[[output]]\n[[output]]\ntype = 'file'\n",
        &[
            "f:1:1: [[output]] needs a \"type\": \"stdout\", \"file\", \"syslog\", \"gelf\", \"unix\" or \"pipe\"",
            "f:2:1: [[output]] of type \"file\" needs a \"path\"",
        ],
    ),
    (
        "[[output]]\ntype = 'stdout'\npath = '/x'\nnetwork = 'tcp'\n\n[[output]]\ntype = 'file'\npath = '/x'\nnonsense = 1\n",
        &[
            "f:3:1: \"path\" belongs to an output of type \"file\", not \"stdout\"",
            "f:4:1: \"network\" belongs to an output of type \"syslog\", \"gelf\" or \"unix\", not \"stdout\"",
            "f:9:1: unknown key \"nonsense\" in [[output]]; its keys are \"type\", \"name\", \"format\", \"queue_kib\", \"overflow\", \"max_line\", \"long_line\", \"flush_s\", \"path\", \"mode\", \"owner\", \"group\", \"rotate_kib\", \"rotate_s\", \"keep\", \"keep_mib\", \"compress\", \"fsync\", \"min_free_mib\" and \"low_space\"",
        ],
    ),
    (
        "[[output]]\ntype = 'file'\npath = '/x'\n[[output]]\ntype = 'file'\npath = '/x'\nmode = '0640'\n",
        &["f:4:1: [[output]] writes where the one on line 1 does; keep one"],
    ),
    (
        "[[filter]]\noutputs = ['web', 'file-1']\nkey = 'k'\n[[filter]]\noutputs = 'web'\n\
         [[output]]\ntype = 'file'\npath = '/x'\n[[output]]\ntype = 'stdout'\nname = 'web'\n\
         [[output]]\ntype = 'file'\npath = '/y'\nname = 'web'\n[[output]]\ntype = 'file'\npath = '/z'\n\
         rotate_kib = 2048\nkeep_mib = 2\n",
        &[
            "f:2:20: no [[output]] has the name \"file-1\"; did you mean \"file-2\"?",
            "f:4:1: [[filter]] needs a condition, one of \"type\", \"syscall\", \"key\", \"uid\", \"auid\", \
             \"exe\", \"comm\", \"success\", \"address\", \"port\", \"regex\", \"label\" and \"first_of_process\"; \
             type = \"all\" is every event",
            "f:15:9: two outputs have the name \"web\"",
            "f:20:12: \"output.keep_mib\" needs a \"rotate_kib\" that is less",
        ],
    ),
    (
        "[rules]\nfiles = ['/etc/audit/rules.d', true]\nlines = ['-D', 1]\n",
        &[
            "f:2:32: each of \"rules.files\" must be a string, not a boolean",
            "f:3:16: each of \"rules.lines\" must be a string, not a whole number",
        ],
    ),
    (
        "[event]\ntypes = [-1, 1.5]\n",
        &[
            "f:2:10: a record type in \"event.types\" must be from 0 to 65535, not -1",
            "f:2:14: a record type in \"event.types\" must be from 0 to 65535, not a number with a fraction",
        ],
    ),
    (
        "[enrich]\nenv = ['A=', '', 1, 'B']\n[[label]]\nexe = 'a'\nkey = 'b'\n[[label]]\nname = 'x'\nscrpt = 1\n\
             [[label]]\nname = 'x'\nkey = 'k'\naction = 'remove'\npropagate = true\n",
        &[
            "f:2:9: \"A=\" can't be the name of a variable",
            "f:2:15: \"\" can't be the name of a variable",
            "f:2:18: each of \"enrich.env\" must be a string, not a whole number",
            "f:3:1: [[label]] needs a \"name\"",
            "f:4:1: \"key\" and \"exe\" stand in one [[label]]; write a [[label]] of the same name for each",
            "f:6:1: [[label]] needs one of \"key\", \"exe\", \"argv\" and \"script\"",
            "f:8:1: unknown key \"scrpt\" in [[label]]; did you mean \"script\"?",
            "f:13:13: \"label.propagate\" belongs to a label that is set; leave it out",
        ],
    ),
    (
        "[[filter]]\nuid = [0, -1]\n[[filter]]\nname = 'n'\n[[filter]]\nlable = 'x'\n[[filter]]\nlabel = 'net'\n\
             [[label]]\nname = 'nets'\nkey = 'k'\n[[filter]]\n",
        &[
            "f:2:11: \"filter.uid\" must be a user's name or number, not -1",
            "f:3:1: [[filter]] needs a condition, one of \"type\", \"syscall\", \"key\", \"uid\", \"auid\", \
             \"exe\", \"comm\", \"success\", \"address\", \"port\", \"regex\", \"label\" and \
             \"first_of_process\"; type = \"all\" is every event",
            "f:6:1: unknown key \"lable\" in [[filter]]; did you mean \"label\"?",
            "f:8:10: no [[label]] has the name \"net\"; did you mean \"nets\"?",
            "f:12:1: [[filter]] needs a condition, one of \"type\", \"syscall\", \"key\", \"uid\", \"auid\", \
             \"exe\", \"comm\", \"success\", \"address\", \"port\", \"regex\", \"label\" and \
             \"first_of_process\"; type = \"all\" is every event",
        ],
    ),
    (
        "[label]\nname = 'n'\nkey = 'k'\n[[label]]\n",
        &[
            "f:1:1: \"label\" is a list of labels; write [[label]], not [label]",
            "f:4:1: [[label]] needs a \"name\"",
            "f:4:1: [[label]] needs one of \"key\", \"exe\", \"argv\" and \"script\"",
            "f:4:3: \"label\" is given twice; each label begins with [[label]]",
        ],
    ),
    ("label = 'x'\n", &["f:1:10: \"label\" must be a list of tables, each under [[label]], not a string"]),
    ("label = ['x']\n", &["f:1:11: a label must be a table under [[label]], not a string"]),
    (
        "\u{feff}x = 1\n",
        &[
            "f:1:1: unknown key \"x\" outside of any table; the tables are [kernel], [ring], [event], [rules], [json], [raw], [translate], [enrich], [sandbox], [memory], [status], [[label]], [[filter]] and [[output]]",
        ],
    ),
    (
        "\"\\u001b[31m\" = 1\r\n'ä\"' = {}\r\n",
        &[
            "f:1:1: unknown key \"\\u{1b}[31m\" outside of any table; the tables are [kernel], [ring], [event], [rules], [json], [raw], [translate], [enrich], [sandbox], [memory], [status], [[label]], [[filter]] and [[output]]",
            "f:2:1: unknown table [ä\\\"]; the tables are [kernel], [ring], [event], [rules], [json], [raw], [translate], [enrich], [sandbox], [memory], [status], [[label]], [[filter]] and [[output]]",
        ],
    ),
];

const BROKEN: &[(&str, &[&str])] = &[
    (
        "[kernel\nverify_s\n[ring]\nsize_kib = \noverflow = drop\n[[output]]\nmode = 0600\nx = yes\n",
        &[
            "f:1:8: not valid TOML: unclosed table, expected `]`",
            "f:2:9: not valid TOML: key with no value, expected `=`",
            "f:4:12: not valid TOML: the value is missing",
            "f:5:12: not valid TOML: text must be in quotes: write \"drop\"",
            "f:7:8: not valid TOML: a number can't begin with 0; a file mode is written in quotes, as \"0600\"",
        ],
    ),
    ("x = yes\n", &["f:1:5: not valid TOML: write true"]),
    ("x = off\n", &["f:1:5: not valid TOML: write false"]),
    ("a = \"x\n", &["f:1:7: not valid TOML: invalid basic string, expected `\"`"]),
    ("= 3\n", &["f:1:1: not valid TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"]),
    ("x = [1,\n2", &["f:2:2: not valid TOML: unclosed array, expected `]`"]),
    ("[sandbox]\ngroup = 'adm'\n", &["f:2:10: \"sandbox.group\" needs a \"user\""]),
    ("ä = 'ö' 'ü'\n", &["f:1:1: not valid TOML: invalid unquoted key, expected letters, numbers, `-`, `_`"]),
    ("{\"json\": true}\n", &["f:1:1: not valid TOML: invalid key-value pair, expected key"]),
];

#[test]
fn unknown_keys_suggest_the_near_ones() {
    for (table, keys) in tables() {
        for key in keys {
            // One letter twice.
            let slip = format!("{}{key}", &key[..1]);
            let list = ["label", "filter", "output"].contains(&table);
            let label = if list { format!("[[{table}]]") } else { format!("[{table}]") };
            // A required key is then missing as well: only the slip's own message is looked at.
            let text = one_key(table, key, "1").replacen(&format!("{key} = "), &format!("{slip} = "), 1);
            let found = problems(&text);
            let place = if table.is_empty() { "f:1:1" } else { "f:2:1" };
            let home = if table.is_empty() { String::new() } else { format!(" in {label}") };
            let expected = format!("{place}: unknown key \"{slip}\"{home}; did you mean \"{key}\"?");
            assert!(found.contains(&expected), "{expected}\n{found:?}");
        }
    }
}

#[test]
fn wrong_types_have_their_exact_message() {
    let mut tried = BTreeSet::new();
    for &(table, key, value, message) in WRONG_TYPES {
        tried.insert((table, key));
        let column = key.len() + 4 + usize::from(value.starts_with('\''));
        let line = if table.is_empty() { 1 } else { 2 };
        assert_eq!(problems(&one_key(table, key, value)), [format!("f:{line}:{column}: {message}")]);
    }
    let all = tables().into_iter().flat_map(|(table, keys)| keys.into_iter().map(move |key| (table, key)));
    assert_eq!(tried, all.collect(), "each key has a case");
}

#[test]
fn wrong_values_have_their_exact_message() {
    for &(table, key, value, message) in WRONG_VALUES {
        let column = key.len() + 4 + usize::from(value.starts_with(['\'', '"']));
        assert_eq!(problems(&one_key(table, key, value)), [format!("f:2:{column}: {message}")]);
    }
}

#[test]
fn whole_texts_with_all_their_problems() {
    for &(text, expected) in WHOLE_TEXTS {
        assert_eq!(problems(text), *expected, "{text}");
    }
}

#[test]
fn lists_have_a_limit() {
    let label = "[[label]]\nname = 'n'\nkey = 'k'\n";
    assert_eq!(problems(&label.repeat(MAX_LABELS)), [""; 0]);
    assert_eq!(
        problems(&label.repeat(MAX_LABELS + 1)),
        ["f:193:1: more than 64 [[label]] tables; join some by a regex"]
    );
    let filter = "[[filter]]\nkey = 'k'\n";
    assert_eq!(problems(&filter.repeat(MAX_FILTERS)), [""; 0]);
    assert_eq!(
        problems(&filter.repeat(MAX_FILTERS + 1)),
        ["f:129:1: more than 64 [[filter]] tables; join some by lists"]
    );
    let names = |count| format!("[enrich]\nenv = ['A'{}]\n", ", 'B'".repeat(count - 1));
    assert_eq!(problems(&names(MAX_ENV)), [""; 0]);
    assert_eq!(
        problems(&names(MAX_ENV + 1)),
        ["f:2:7: \"enrich.env\" must have at most 16 variables, not 17"]
    );
}

#[test]
fn broken_toml() {
    for &(text, expected) in BROKEN {
        assert_eq!(problems(text), *expected, "{text}");
    }
}
