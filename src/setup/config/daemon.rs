//! How the daemon stands to others: to another audit daemon, and to what starts it and keeps its messages.
//! `log` and `pid_file`, which stand before the first table, and of `[kernel]` what depends on `mode`.

use super::node::{Node, Value};
use super::suggest::quoted;
use super::values::{Table, Walker, pick};
use super::{Config, Kernel, Setting};
use std::path::PathBuf;

/// Whom the kernel sends to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// To this process alone: it is registered as the audit daemon.
    #[default]
    Unicast,
    /// To all who have joined the group (AUDIT_NLGRP_READLOG), beside an audit daemon or without one.
    Multicast,
}

/// What is done when another daemon holds the audit socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TakeOver {
    /// The start fails; a place that is lost later is asked for at each check.
    #[default]
    No,
    /// It is captured beside the other one until that has gone.
    Wait,
    /// The other one gets SIGTERM first.
    Replace,
}

/// Where the daemon's own messages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogTo {
    /// Standard error.
    #[default]
    Stderr,
    /// The socket /dev/log.
    Syslog,
    /// The kernel's log, /dev/kmsg.
    Kmsg,
}

impl LogTo {
    /// The words in the config, in this order.
    pub(super) const NAMES: [&str; 3] = ["stderr", "syslog", "kmsg"];

    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl Walker<'_> {
    /// `log` or `pid_file`.
    pub(super) fn top_key(&mut self, key: &str, node: &Node, config: &mut Config) {
        if key == "log" {
            if let Some(at) = self.choice("\"log\"", node, &LogTo::NAMES) {
                config.log = pick(&[LogTo::Stderr, LogTo::Syslog, LogTo::Kmsg], at);
            }
            return;
        }
        let not = match &node.value {
            Value::String(path) if path.starts_with('/') && !path.contains('\0') => {
                config.pid_file = Some(PathBuf::from(path));
                return;
            }
            Value::String(path) => quoted(path),
            other => other.kind().to_owned(),
        };
        self.problem(node.pos, format_args!("\"pid_file\" must be an absolute path, not {not}"));
    }

    /// What a listener must not do unless it is asked for: in multicast mode the kernel's settings stay as they are.
    pub(super) fn coexist(&mut self, table: Table<'_>, kernel: &mut Kernel) {
        if kernel.mode == Mode::Unicast {
            return;
        }
        if table.get("enabled").is_none() {
            kernel.enabled = Setting::Leave;
        }
        for (key, setting) in [
            ("backlog_limit", &mut kernel.backlog_limit),
            ("backlog_wait_time", &mut kernel.backlog_wait_time),
        ] {
            if table.get(key).is_none() {
                *setting = Setting::Leave;
            }
        }
        if kernel.take_over != TakeOver::No {
            let why =
                "\"kernel.take_over\" is for mode = \"unicast\": in multicast mode nobody's place is taken";
            self.refuse(table, "take_over", why);
        }
    }
}
