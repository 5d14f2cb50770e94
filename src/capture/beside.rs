//! Beside another audit daemon: listening to the kernel's multicast group, for good (`mode = "multicast"`) or until
//! the other daemon's place is free (`take_over`). The group has every record that the kernel's daemon gets, so that
//! none is missed between the other one's end and our registration.
//! Source: kernel/audit.c, audit_multicast_bind, kauditd_send_multicast_skb, audit_receive_msg; audit.h.

use super::registration::{
    Error, Registration, Standing, control, in_user_namespace, process_name, refused, sets_any,
};
use crate::capture::control::Control;
use crate::config::{self, Mode, Setting, TakeOver};
use crate::log;
use crate::sys::netlink::Socket;
use crate::sys::pidfd::Process;
use crate::sys::poll::{Wait, poll};
use crate::wire::status::{Field, Status};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// AUDIT_NLGRP_READLOG, linux/audit.h.
const READLOG: libc::c_int = 1;
/// How long a daemon that was asked to end may take for it.
const END: Duration = Duration::from_secs(10);
/// How often it is looked whether the place is free: the end of its holder is told at once anyway, but where the
/// kernel has no pidfd (before Linux 5.3).
const LOOK: Duration = Duration::from_secs(10);
const LOOK_BLIND: Duration = Duration::from_secs(1);
/// How long the other daemon may take to read what the kernel gave it before we listened, and how long the kernel may
/// take for what it had in its queue before we were registered.
const CATCH_UP: Duration = Duration::from_secs(2);
/// How often that is looked at.
const SOON: Duration = Duration::from_millis(5);
/// How long the kernel may have a record in its hands that it does not count as waiting any more.
const IN_HAND: Duration = Duration::from_millis(20);

/// Who holds the place that we want.
struct Holder {
    pid: u32,
    name: String,
    process: Option<Process>,
    since: Instant,
    /// Until when it was asked to end.
    asked: Option<Instant>,
}

/// What there is beside the registration.
pub(super) struct Beside {
    mode: Mode,
    take_over: TakeOver,
    /// Whether auditing is to be on.
    enables: bool,
    /// Whether the kernel tells its status, and takes settings and rules: a listener may lack the capability.
    has_control: bool,
    /// Whether the data socket is in the group.
    member: bool,
    /// What its kernel had dropped at the last look.
    dropped: u32,
    holder: Option<Holder>,
}

impl Beside {
    /// `dropped`: what its kernel had dropped at the last look, where the socket is older than this.
    pub(super) fn new(settings: &config::Kernel, has_control: bool, dropped: u32) -> Self {
        let config::Kernel { mode, take_over, enabled, .. } = *settings;
        let enables = enabled == Setting::Set(true);
        Self { mode, take_over, enables, has_control, member: false, dropped, holder: None }
    }

    #[cfg(feature = "reload")]
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// As [`control`], where a listener may be refused the status: to listen needs another capability.
pub(super) fn open(settings: &config::Kernel) -> Result<(Control, Option<Status>), Error> {
    if settings.mode == Mode::Unicast {
        return control().map(|(control, status)| (control, Some(status)));
    }
    let mut control = Control::open().map_err(|e| refused("open an audit socket", e))?;
    match control.status() {
        Ok(status) => Ok((control, Some(status))),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok((control, None)),
        Err(error) => Err(refused("ask the kernel for its audit status", error)),
    }
}

/// Whether the network namespace is not the initial one: of the settings in /proc/sys/net/core it has some, and not
/// those that are the whole machine's (net/core/sysctl_net_core.c, `netns_core_table` and `net_core_table`).
fn in_net_namespace() -> bool {
    let has = |name: &str| Path::new("/proc/sys/net/core").join(name).exists();
    has("somaxconn") && !has("netdev_budget")
}

fn join(data: &Socket) -> Result<(), Error> {
    if in_net_namespace() {
        return Err(Error::NetNamespace);
    }
    data.set_member(READLOG, true).map_err(|error| match error.raw_os_error() {
        Some(libc::EPERM) if in_user_namespace() => Error::UserNamespace,
        Some(libc::EPERM) => Error::ReadCapability,
        _ => Error::Call("join the audit multicast group", error),
    })
}

impl Registration {
    /// Begins to capture as the config has it: registers, joins the group, or both, one after the other.
    ///
    /// Errors: as [`register`](Self::register), and what the group refuses.
    pub fn begin(&mut self) -> Result<(), Error> {
        if self.beside.mode == Mode::Multicast {
            self.standing = Standing::Lost(0);
            self.join()?;
            self.tell_multicast();
            self.has_begun();
            return Ok(());
        }
        match self.register() {
            Ok(()) => self.has_begun(),
            Err(Error::Taken(pid, name)) if self.beside.take_over != TakeOver::No => {
                self.stand_beside(pid, name);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Goes on with the socket of the program before, which may be registered or in the group, whatever the config
    /// wants of this one.
    #[cfg(feature = "reload")]
    pub fn go_on(&mut self) {
        self.beside.member = self.data.is_member(READLOG).unwrap_or(false);
        self.begun = (true, false);
        if self.is_listener() {
            self.standing = Standing::Lost(0);
            if !self.beside.member {
                self.listen_instead();
            }
            return;
        }
        if self.beside.member {
            self.link.expect_twins();
            self.standing = Standing::Lost(0);
        }
        self.verify();
        if self.beside().is_some() {
            self.begun = (false, false);
        } else if self.standing == Standing::Held {
            self.quit_group();
        }
    }

    /// Joins the group, and only then gives the registration back.
    #[cfg(feature = "reload")]
    fn listen_instead(&mut self) {
        self.link.expect_twins();
        if let Err(error) = self.join() {
            return log::error(error);
        }
        let registered = self.control.status().is_ok_and(|status| status.pid == std::process::id());
        if registered && let Err(error) = self.control.set(Field::Pid, 0) {
            log::warning(format_args!("failed to unregister: {error}"));
        }
    }

    /// Whether this process listens for good.
    pub fn is_listener(&self) -> bool {
        self.beside.mode == Mode::Multicast
    }

    pub(super) fn has_control(&self) -> bool {
        self.beside.has_control
    }

    /// Whether the data socket is in the group.
    pub(super) fn is_member(&self) -> bool {
        self.beside.member
    }

    /// Whether the place of another daemon is taken when it is free.
    pub(super) fn takes_over(&self) -> bool {
        self.beside.take_over != TakeOver::No
    }

    /// That the kernel takes the settings and rules that the config has: a listener needs no capability for the rest.
    ///
    /// Errors: the capability is missing.
    pub fn may_change(&self, settings: &config::Kernel, has_rules: bool) -> Result<(), Error> {
        if self.has_control() || !(has_rules || sets_any(settings)) {
            return Ok(());
        }
        Err(refused("", io::Error::from_raw_os_error(libc::EPERM)))
    }

    fn join(&mut self) -> Result<(), Error> {
        join(&self.data)?;
        self.beside.member = true;
        self.beside.dropped = self.data.dropped().unwrap_or_default();
        Ok(())
    }

    fn tell_multicast(&mut self) {
        let Ok(status) = self.control.status() else { return log::info("capturing by multicast") };
        match status.pid {
            0 => log::info(
                "capturing by multicast; the kernel has no audit daemon, so it writes records to its own log too",
            ),
            pid => log::info(format_args!(
                "capturing by multicast beside the audit daemon, pid {pid} ({})",
                process_name(pid)
            )),
        }
        if status.enabled == 0 && !self.beside.enables {
            log::warning(
                "auditing is off in the kernel; a listener leaves it so unless the config has \"enabled\"",
            );
        }
    }

    /// Another daemon has the place: listens beside it, and does what `take_over` says.
    pub(super) fn stand_beside(&mut self, pid: u32, name: String) {
        self.standing = Standing::Lost(pid);
        if !self.beside.member {
            // Before the first record of the group comes, its twin must be known.
            self.link.expect_twins();
            if let Err(error) = self.join() {
                log::warning(format_args!(
                    "no listening beside the other daemon, so that events may be missed when it ends: {error}"
                ));
            }
        }
        let process = Process::open(pid).ok();
        let mut holder = Holder { pid, name, process, since: Instant::now(), asked: None };
        let heard = if self.beside.member { "capturing by multicast" } else { "waiting" };
        let (pid, name) = (holder.pid, &holder.name);
        match self.beside.take_over {
            TakeOver::Replace if pid == 1 => {
                log::warning(format_args!(
                    "pid 1 ({name}) holds the kernel's audit socket and is never asked to end; {heard}"
                ));
            }
            TakeOver::Replace => match catch_up_and_end(&holder) {
                Ok(()) => {
                    holder.asked = Some(Instant::now() + END);
                    log::warning(format_args!(
                        "replacing the audit daemon: SIGTERM was sent to pid {pid} ({name}); {heard} until it has ended"
                    ));
                }
                Err(error) => log::error(format_args!(
                    "failed to send SIGTERM to the audit daemon, pid {pid} ({name}): {error}; {heard} until it ends"
                )),
            },
            _ => log::warning(format_args!(
                "another audit daemon holds the kernel's audit socket: pid {pid} ({name}); {heard} until it ends"
            )),
        }
        self.beside.holder = Some(holder);
    }

    /// Whom we stand beside, and until when it is to be looked whether its place is free.
    pub fn beside(&self) -> Option<(u32, &str, Duration)> {
        let holder = self.beside.holder.as_ref()?;
        let mut pace = if holder.process.is_some() { LOOK } else { LOOK_BLIND };
        if let Some(asked) = holder.asked {
            pace = pace.min(asked.saturating_duration_since(Instant::now()));
        }
        Some((holder.pid, &holder.name, pace))
    }

    /// What becomes ready when the holder of the place has ended.
    pub fn holder(&self) -> Wait {
        let process = self.beside.holder.as_ref().and_then(|holder| holder.process.as_ref());
        process.map_or_else(Wait::never, |process| Wait::readable(process.as_fd()))
    }

    /// Takes the place if it is free; tells who has it if that is somebody else by now.
    pub(super) fn look_beside(&mut self, status: &Status) {
        let Some(holder) = &mut self.beside.holder else { return };
        let was = holder.pid;
        if holder.asked.is_some_and(|until| until <= Instant::now()) {
            holder.asked = None;
            log::error(format_args!(
                "the audit daemon, pid {} ({}), has not ended {} s after SIGTERM; waiting until it does",
                holder.pid,
                holder.name,
                END.as_secs()
            ));
        }
        // One that was killed is still registered as far as the kernel knows: only a try can tell.
        let has_ended = holder.process.as_ref().is_some_and(|process| {
            poll(&mut [Wait::readable(process.as_fd())], Some(Duration::ZERO)).unwrap_or(0) > 0
        });
        if status.pid == holder.pid && !has_ended {
            return;
        }
        match self.register() {
            Ok(()) => self.took_over(),
            Err(Error::Taken(pid, name)) if pid != was => self.stand_beside(pid, name),
            Err(error) => {
                // Its end can't be waited for any more: from now on it is looked often.
                if let Some(holder) = &mut self.beside.holder
                    && holder.process.take().is_some()
                {
                    log::warning(format_args!(
                        "pid {} ({}) has ended, but: {error}",
                        holder.pid, holder.name
                    ));
                }
            }
        }
    }

    /// Registered, after another daemon was.
    fn took_over(&mut self) {
        let member = self.beside.member;
        if member {
            self.stay_until_sure();
        }
        self.quit_group();
        let lost = self.stats.kernel_lost.get();
        if let Ok(status) = self.control.status() {
            self.count_lost(&status);
        }
        let lost = self.stats.kernel_lost.get().wrapping_sub(lost);
        let Some(holder) = self.beside.holder.take() else { return };
        let heard = match member {
            true => "what came meanwhile was captured by multicast",
            false => "what the kernel sent before this was not seen",
        };
        log::info(format_args!(
            "registered as the audit daemon in the place of pid {} ({}), {:.1} s after it was found there; {heard}; \
             lost by the kernel in between: {lost}",
            holder.pid,
            holder.name,
            holder.since.elapsed().as_secs_f64()
        ));
        self.has_begun();
    }

    /// Waits until the kernel sends to the registered socket for sure. Its thread goes through its queue with the daemon
    /// that it knew when it began; what it finds none for it gives to the group, and then drops unless it was booted with
    /// `audit=1`. What comes both ways meanwhile is known. Source: kernel/audit.c, kauditd_thread, kauditd_hold_skb.
    fn stay_until_sure(&mut self) {
        self.work_off(Instant::now() + CATCH_UP, &mut || false);
        std::thread::sleep(IN_HAND);
    }

    /// Leaves the group, if the socket is in it.
    pub(super) fn quit_group(&mut self) {
        self.count_dropped();
        if std::mem::take(&mut self.beside.member)
            && let Err(error) = self.data.set_member(READLOG, false)
        {
            log::warning(format_args!("failed to leave the audit multicast group: {error}"));
        }
    }

    /// Counts what the kernel had for the group and found no room for in our socket.
    pub(super) fn count_dropped(&mut self) {
        let Some(now) = self.data.dropped().filter(|_| self.beside.member) else { return };
        let new = now.wrapping_sub(self.beside.dropped);
        self.beside.dropped = now;
        if new > 0 {
            self.stats.multicast_dropped.add(u64::from(new));
            self.news = true;
        }
    }
}

/// Asks the holder to end, when it has read what came before this daemon listened: what it leaves is in nobody's log.
fn catch_up_and_end(holder: &Holder) -> io::Result<()> {
    let until = Instant::now() + CATCH_UP;
    while Instant::now() < until && unread(holder.pid) != Some(0) {
        std::thread::sleep(SOON);
    }
    terminate(holder)
}

/// How many bytes wait in a process' audit socket, whose port is its pid as a rule; `None` when that is not known.
/// Source: net/netlink/af_netlink.c, netlink_native_seq_show.
fn unread(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/net/netlink").ok()?;
    let (family, port) = (libc::NETLINK_AUDIT.to_string(), pid.to_string());
    text.lines().find_map(|line| {
        // sk Eth Pid Groups Rmem ...
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next() == Some(&family) && fields.next() == Some(&port);
        fields.nth(1).filter(|_| is_it)?.parse().ok()
    })
}

/// Asks the holder to end.
fn terminate(holder: &Holder) -> io::Result<()> {
    match &holder.process {
        Some(process) => process.terminate(),
        // Without a descriptor another process might have the number by now.
        None => Err(io::ErrorKind::Unsupported.into()),
    }
}
