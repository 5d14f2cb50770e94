//! systemd's notifications: readiness, reload, stop, a line of status, and the watchdog. Other service managers speak
//! them too. Source: sd_notify(3), systemd.service(5), sd_watchdog_enabled(3).

use crate::log;
use crate::sys::host;
use std::env;
use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// It works, or works again after a reload.
pub fn ready(what: &dyn fmt::Display) {
    send(format_args!("READY=1\nSTATUS={what}"));
}

/// What it does now.
pub fn status(what: &dyn fmt::Display) {
    send(format_args!("STATUS={what}"));
}

/// A reload begins; [`ready`] ends it.
pub fn reloading() {
    // Without the time the message would be refused by a service of Type=notify-reload.
    let now = host::monotonic_us().unwrap_or_default();
    send(format_args!("RELOADING=1\nMONOTONIC_USEC={now}"));
}

/// It was told to stop.
pub fn stopping() {
    send(format_args!("STOPPING=1\nSTATUS=stopping"));
}

/// Sends to the socket of NOTIFY_SOCKET, if there is one. A failure is told once.
fn send(text: fmt::Arguments<'_>) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let Some(name) = env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send_to(name.as_bytes(), &text.to_string())
        && !TOLD.swap(true, Ordering::Relaxed)
    {
        log::warning(format_args!(
            "failed to notify the service manager at {}: {error}",
            name.to_string_lossy()
        ));
    }
}

fn send_to(name: &[u8], text: &str) -> io::Result<()> {
    let address = match name.split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        Some((b'/', _)) => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(text.as_bytes(), &address).map(|_| ())
}

/// Somebody who ends us when we do not say often enough that we are alive.
pub(super) struct Watchdog {
    every: Duration,
    next: Instant,
    /// Whether a silence was told.
    told: bool,
}

impl Watchdog {
    /// The one of WATCHDOG_USEC, if that is meant for this process (WATCHDOG_PID).
    pub(super) fn of_environment() -> Option<Self> {
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        env::var_os("NOTIFY_SOCKET")?;
        if number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id())) {
            return None;
        }
        let micros = number("WATCHDOG_USEC").filter(|&micros| micros > 0)?;
        let every = Duration::from_micros(micros / 2);
        Some(Self { every, next: Instant::now(), told: false })
    }

    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// Says it if both threads are alive. A thread that is not has until the whole time is over.
    pub(super) fn tell(&mut self, reader: bool, writer: bool) {
        self.next = Instant::now() + self.every;
        if reader && writer {
            self.told = false;
            return send(format_args!("WATCHDOG=1"));
        }
        if !std::mem::replace(&mut self.told, true) {
            let thread = if reader { "writer" } else { "reader" };
            log::error(format_args!("the {thread} shows no sign of life: the watchdog is told nothing"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 200];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    #[test]
    fn by_path_and_by_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        send_to(path.as_os_str().as_bytes(), "READY=1").unwrap();
        assert_eq!(receive(&socket), "READY=1");
        let name = format!("ringaudit-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send_to(format!("@{name}").as_bytes(), "STOPPING=1").unwrap();
        assert_eq!(receive(&socket), "STOPPING=1");
        for wrong in ["", "relative", "vsock:2:1"] {
            assert_eq!(send_to(wrong.as_bytes(), "x").unwrap_err().kind(), io::ErrorKind::Unsupported);
        }
    }
}
