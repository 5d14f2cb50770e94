//! Being the kernel's audit daemon: the settings that are made for it and undone after it, the
//! registration of the data socket, its check, and the leaving without losing what is on its way.
//! Source: kernel/audit.c, audit_receive_msg, auditd_set, auditd_reset, kauditd_thread.

#[cfg(feature = "reload")]
mod resume;

use super::beside::{self, Beside};
use super::control::Control;
use super::reader::Link;
use crate::config::{self, Failure, KernelKey, Setting};
use crate::log::kernel as log;
use crate::stats::Stats;
use crate::sys::host;
use crate::sys::netlink::Socket;
use crate::sys::poll::{Wait, poll};
use crate::wire::nlmsg;
use crate::wire::status::{self, Field, Status};
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the answer to a registration may take on its way through the reader.
const PATIENCE: Duration = Duration::from_secs(5);
/// The whole user namespace, as the initial one maps it (user_namespaces(7)).
const WHOLE_MAP: [&str; 3] = ["0", "0", "4294967295"];

/// Why events cannot be had from this kernel.
#[derive(Debug)]
pub enum Error {
    /// No audit in this kernel, or switched off at boot.
    NoAudit,
    /// In a user namespace of a container.
    UserNamespace,
    /// In a process id namespace of a container.
    PidNamespace,
    /// CAP_AUDIT_CONTROL is missing.
    Capability,
    /// CAP_AUDIT_READ is missing.
    #[cfg(feature = "coexist")]
    ReadCapability,
    /// In a network namespace, to which no group is sent.
    #[cfg(feature = "coexist")]
    NetNamespace,
    /// Another daemon holds the audit socket: its pid and, where /proc tells, its name.
    Taken(u32, String),
    /// What else a call said, and which call that was.
    Call(&'static str, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAudit => f.write_str(
                "this kernel has no auditing: it was built without CONFIG_AUDIT or booted with audit=0",
            ),
            Self::UserNamespace => f.write_str(
                "this process is in a container's user namespace, from which the kernel refuses auditing; \
                 run it in the initial one",
            ),
            Self::PidNamespace => f.write_str(
                "this process is in a container's pid namespace, from which the kernel refuses auditing; \
                 run it in the initial one",
            ),
            Self::Capability => {
                f.write_str("the capability CAP_AUDIT_CONTROL is missing; run as root or grant it")
            }
            #[cfg(feature = "coexist")]
            Self::ReadCapability => {
                f.write_str("the capability CAP_AUDIT_READ is missing; run as root or grant it")
            }
            #[cfg(feature = "coexist")]
            Self::NetNamespace => f.write_str(
                "this process is in a container's network namespace, to which the kernel sends no records by \
                 multicast; run it in the initial one",
            ),
            Self::Taken(pid, name) => write!(
                f,
                "another audit daemon holds the kernel's audit socket: pid {pid} ({name}); stop it first"
            ),
            Self::Call(what, error) => write!(f, "failed to {what}: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// Tells apart why the kernel refused a request.
pub(super) fn refused(what: &'static str, error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT) => Error::NoAudit,
        Some(libc::ECONNREFUSED) if in_user_namespace() => Error::UserNamespace,
        Some(libc::ECONNREFUSED) => Error::NoAudit,
        Some(libc::EPERM) if host::has_audit_control() => Error::PidNamespace,
        Some(libc::EPERM) => Error::Capability,
        _ => Error::Call(what, error),
    }
}

pub(super) fn in_user_namespace() -> bool {
    std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !map.split_whitespace().eq(WHOLE_MAP))
}

/// The name of a process as /proc tells it.
pub(super) fn process_name(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "name unknown".to_owned(), |name| name.trim_end().to_owned())
}

/// Opens a control socket and asks the kernel for its status: all that can be refused for good is refused here,
/// before anything is changed.
pub fn control() -> Result<(Control, Status), Error> {
    let mut control = Control::open().map_err(|e| refused("open an audit socket", e))?;
    let status = control.status().map_err(|e| refused("ask the kernel for its audit status", e))?;
    Ok((control, status))
}

/// What the last check of the registration found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Held,
    /// Lost to this pid, or to nobody (0).
    Lost(u32),
}

/// The daemon's place at the kernel.
pub struct Registration {
    pub(super) control: Control,
    pub(super) data: Arc<Socket>,
    pub(super) link: Arc<Link>,
    pub(super) stats: Arc<Stats>,
    /// What was set here, with the value found before that, in the order of setting.
    undo: Vec<(Field, u32)>,
    /// What of it is put back at the end.
    restore: Vec<Field>,
    last_lost: u32,
    pub(super) standing: Standing,
    /// Something was counted that nobody was told of yet.
    pub(super) news: bool,
    /// Whether it captures, and whether that was new at the last look: then settings and rules are to be made.
    pub(super) begun: (bool, bool),
    pub(super) beside: Beside,
}

impl Registration {
    /// Opens both sockets; nothing is changed yet.
    ///
    /// Errors: as [`control`], and what the data socket refuses.
    pub fn open(settings: &config::Kernel, link: Arc<Link>, stats: Arc<Stats>) -> Result<Self, Error> {
        let (control, status) = beside::open(settings)?;
        let data = Socket::open().map_err(|e| refused("open an audit socket", e))?;
        data.set_no_enobufs().map_err(|e| Error::Call("set NETLINK_NO_ENOBUFS", e))?;
        let registration = Self {
            control,
            data: Arc::new(data),
            link,
            stats,
            undo: Vec::new(),
            restore: Vec::new(),
            last_lost: status.map_or(0, |status| status.lost),
            standing: Standing::Held,
            news: false,
            begun: (false, false),
            beside: Beside::new(settings, status.is_some(), 0),
        };
        registration.set_buffer(settings);
        Ok(registration)
    }

    fn set_buffer(&self, settings: &config::Kernel) {
        let wanted = settings.receive_buffer_kib as usize * 1024;
        match self.data.set_receive_buffer(wanted) {
            // The kernel gives twice what is asked for, for its own bookkeeping, and counts it as an int.
            Ok(granted) if granted / 2 < wanted.min(i32::MAX as usize / 2) => log::warning(format_args!(
                "the kernel grants a receive buffer of {} KiB, not {}: a burst may wait in its backlog",
                granted / 2048,
                settings.receive_buffer_kib
            )),
            Ok(_) => {}
            Err(error) => log::warning(format_args!("failed to set the receive buffer: {error}")),
        }
    }

    /// It captures; what the daemon sets and loads then is set and loaded once.
    pub(super) fn has_begun(&mut self) {
        self.begun = (true, !self.begun.0);
    }

    /// Whether it has begun to capture since the last call, so that settings and rules are to be made.
    pub fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun.1)
    }

    /// Whether settings and rules are this daemon's business, and not yet that of one in whose place it is to be.
    #[cfg(feature = "reload")]
    pub fn is_begun(&self) -> bool {
        self.begun.0
    }

    /// The data socket, for the reader.
    pub fn data(&self) -> Arc<Socket> {
        Arc::clone(&self.data)
    }

    /// The control socket, for the rules.
    pub fn control(&mut self) -> &mut Control {
        &mut self.control
    }

    /// Registers the data socket. The reader must be running, since the answer comes to it.
    pub fn register(&mut self) -> Result<(), Error> {
        const WHAT: &str = "register as the audit daemon";
        let own = std::process::id();
        self.link.expect_answer();
        let mut message = Vec::new();
        let payload = status::emit(Field::Pid, own);
        nlmsg::emit(&mut message, nlmsg::SET, nlmsg::REQUEST | nlmsg::ACK, 1, &payload);
        self.data.send(&message).map_err(|e| refused(WHAT, e))?;
        let deadline = Instant::now() + PATIENCE;
        let errno = loop {
            if let Some(errno) = self.link.answer() {
                break errno;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Call(WHAT, io::ErrorKind::TimedOut.into()));
            }
            let waited = poll(&mut [Wait::readable(self.link.answered.as_fd())], Some(left));
            waited.map_err(|e| Error::Call(WHAT, e))?;
        };
        let status = self.control.status().map_err(|e| refused(WHAT, e))?;
        match errno {
            _ if status.pid == own => {
                self.standing = Standing::Held;
                Ok(())
            }
            0 | libc::EEXIST => Err(Error::Taken(status.pid, process_name(status.pid))),
            errno => Err(refused(WHAT, io::Error::from_raw_os_error(errno))),
        }
    }

    /// Makes the kernel's settings as configured, each with one message, remembering what was there.
    /// What the kernel refuses is said and left as it is.
    #[inline(never)]
    pub fn apply(&mut self, settings: &config::Kernel) {
        if let Some(found) = self.found(settings) {
            self.last_lost = found.lost;
            self.make(settings, &found);
        }
    }

    /// As [`apply`](Self::apply), of another config: what that leaves as it was found becomes so again.
    #[cfg(feature = "reload")]
    pub fn apply_again(&mut self, settings: &config::Kernel) {
        self.set_buffer(settings);
        if let Some(found) = self.found(settings) {
            self.make(settings, &found);
        }
    }

    /// The settings as they are; a listener without any of its own may not even be allowed to ask.
    fn found(&mut self, settings: &config::Kernel) -> Option<Status> {
        if cfg!(feature = "coexist") && !sets_any(settings) && self.undo.is_empty() {
            return None;
        }
        let status = self.control.status();
        let told = |error| log::error(format_args!("failed to read the kernel's settings: {error}"));
        status.map_err(told).ok()
    }

    fn make(&mut self, settings: &config::Kernel, found: &Status) {
        let mut stay = String::new();
        for key in KernelKey::ALL {
            let (field, wanted) = wanted(settings, key);
            let at_first = self.undo.iter().find(|(set, _)| *set == field).map(|(_, value)| *value);
            let value = match (wanted, at_first) {
                (Setting::Set(value), _) | (Setting::Leave, Some(value)) => value,
                (Setting::Leave, None) => continue,
            };
            let before = found.get(field);
            if before == Some(value) {
                continue;
            }
            if found.enabled == 2 {
                let before = before.map_or_else(|| "as it is".to_owned(), |v| v.to_string());
                stay.push_str(&format!(", {} stays {before}", field.name()));
            } else if let Err(error) = self.control.set(field, value) {
                log::warning(format_args!("failed to set {} to {value}: {error}", field.name()));
            } else if let (None, Some(before)) = (at_first, before) {
                self.undo.push((field, before));
            }
        }
        self.restore = settings.restore.iter().map(|&key| wanted(settings, key).0).collect();
        if !stay.is_empty() {
            log::warning(format_args!("audit is locked until the next boot (enabled 2){stay}"));
        }
    }

    /// Asks the kernel whether this process is still its daemon and what it lost, and tries to come back
    /// when it is not. Never registers while registered: each try would be a record.
    #[inline(never)]
    pub fn verify(&mut self) {
        self.count_dropped();
        if !self.has_control() {
            return;
        }
        let status = match self.status() {
            Ok(status) => status,
            Err(error) => return log::warning(format_args!("failed to check the registration: {error}")),
        };
        if self.is_listener() {
            return;
        }
        if status.pid == std::process::id() {
            self.standing = Standing::Held;
            return;
        }
        if self.beside().is_some() {
            return self.look_beside(&status);
        }
        if self.standing == Standing::Held {
            self.stats.registration_lost.add(1);
            self.news = true;
        }
        if self.standing != Standing::Lost(status.pid) {
            self.standing = Standing::Lost(status.pid);
            match status.pid {
                0 => log::warning(
                    "the registration was lost: the kernel has no audit daemon; registering again",
                ),
                pid => log::error(format_args!(
                    "the registration was lost to pid {pid} ({}); trying to come back",
                    process_name(pid)
                )),
            }
        }
        match self.register() {
            Ok(()) => log::info("registered again as the audit daemon"),
            Err(Error::Taken(pid, name)) if self.takes_over() => self.stand_beside(pid, name),
            Err(Error::Taken(..)) => {}
            Err(error) => log::warning(error),
        }
    }

    /// The kernel's status (AUDIT_GET); what it lost since the last look is counted.
    ///
    /// Errors: as [`Control::status`].
    pub fn status(&mut self) -> io::Result<Status> {
        self.count_dropped();
        let status = self.control.status()?;
        self.count_lost(&status);
        Ok(status)
    }

    /// Whether something was counted since the last call.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Leaves without losing what is on its way: settings back as found, the backlog waited for,
    /// unregistered, and what was still in the kernel's hands waited for. Gives up each wait after
    /// `limit`, and all of it once `hurry` says so.
    #[inline(never)]
    pub fn leave(&mut self, limit: Duration, hurry: &mut dyn FnMut() -> bool) {
        // A listener's records never end: what was on its way when it was told to stop is waited for.
        if self.is_member() {
            self.settle(limit, hurry);
            self.quit_group();
        }
        self.settle(limit, hurry);
        // `enabled` was set last, so it is undone first: nothing new begins while the rest is put back.
        // Its own CONFIG_CHANGE record also makes the kernel look at its retry queue.
        for (field, value) in std::mem::take(&mut self.undo).into_iter().rev() {
            if !self.restore.contains(&field) {
                continue;
            }
            if let Err(error) = self.control.set(field, value) {
                log::warning(format_args!("failed to set {} back to {value}: {error}", field.name()));
            }
        }
        self.settle(limit, hurry);
        if self.standing == Standing::Held
            && let Err(error) = self.control.set(Field::Pid, 0)
        {
            log::warning(format_args!("failed to unregister: {error}"));
        }
        self.quiet(limit, hurry);
        if let Ok(status) = self.control.status() {
            self.count_lost(&status);
        }
    }

    /// Waits until the kernel's backlog is empty and the reader has found nothing new for a while.
    fn settle(&mut self, limit: Duration, hurry: &mut dyn FnMut() -> bool) {
        let deadline = Instant::now() + limit;
        self.work_off(deadline, hurry);
        self.quiet(deadline.saturating_duration_since(Instant::now()), hurry);
    }

    /// Waits until the kernel's backlog is empty, but not beyond the deadline.
    pub(super) fn work_off(&mut self, deadline: Instant, hurry: &mut dyn FnMut() -> bool) {
        while Instant::now() < deadline && !hurry() {
            match self.control.status() {
                Ok(status) if status.backlog > 0 => std::thread::sleep(Duration::from_millis(1)),
                _ => break,
            }
        }
    }

    /// Waits until no record has come for [`QUIET`]. The backlog does not count the record that the kernel
    /// has in hand, nor tells when the reader has it.
    fn quiet(&self, limit: Duration, hurry: &mut dyn FnMut() -> bool) {
        const QUIET: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + limit;
        let mut seen = self.stats.records.get();
        while Instant::now() < deadline && !hurry() {
            std::thread::sleep(QUIET);
            let now = self.stats.records.get();
            if now == seen {
                return;
            }
            seen = now;
        }
    }

    #[inline(never)]
    pub(super) fn count_lost(&mut self, status: &Status) {
        // A smaller figure than before means that somebody reset the counter (auditctl --reset-lost).
        let new = status.lost.checked_sub(self.last_lost).unwrap_or(status.lost);
        self.last_lost = status.lost;
        if new > 0 {
            self.stats.kernel_lost.add(u64::from(new));
            self.news = true;
        }
    }
}

/// The kernel's field behind a key of the config, and what the config wants of it.
pub fn wanted(settings: &config::Kernel, key: KernelKey) -> (Field, Setting<u32>) {
    match key {
        KernelKey::BacklogLimit => (Field::BacklogLimit, settings.backlog_limit),
        KernelKey::BacklogWaitTime => (Field::BacklogWaitTime, settings.backlog_wait_time),
        KernelKey::Failure => (Field::Failure, settings.failure.map(failure_number)),
        KernelKey::Enabled => (Field::Enabled, settings.enabled.map(u32::from)),
    }
}

/// Whether any setting of the kernel is to be made.
pub(super) fn sets_any(settings: &config::Kernel) -> bool {
    KernelKey::ALL.iter().any(|&key| wanted(settings, key).1 != Setting::Leave)
}

fn failure_number(failure: Failure) -> u32 {
    match failure {
        Failure::Silent => 0,
        Failure::Printk => 1,
        Failure::Panic => 2,
    }
}
