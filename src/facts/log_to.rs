//! The other places for the daemon's own messages: the system log and the kernel's. A message is one datagram, or one
//! write, and none is waited for. Source: RFC 3164; syslog(3); dev-kmsg (Documentation/ABI/testing/dev-kmsg).

use super::log::Level;
use crate::config::LogTo;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;

/// LOG_DAEMON, as the facility's part of a priority.
const DAEMON: u8 = 3 << 3;
/// Where syslog daemons listen (syslog(3)).
const DEV_LOG: &str = "/dev/log";
const DEV_KMSG: &str = "/dev/kmsg";

/// What is open.
enum Open {
    Socket(UnixDatagram),
    File(File),
}

/// The place that the config names.
pub(super) struct Place {
    to: LogTo,
    path: &'static str,
    open: Option<Open>,
}

impl Place {
    /// `None` for standard error.
    pub(super) fn of(to: LogTo) -> Option<Self> {
        let path = match to {
            LogTo::Stderr => return None,
            LogTo::Syslog => DEV_LOG,
            LogTo::Kmsg => DEV_KMSG,
        };
        // The kernel's log is opened while that is still allowed.
        let open = if to == LogTo::Kmsg { open(to, path).ok() } else { None };
        Some(Self { to, path, open })
    }

    /// What the config calls it.
    pub(super) fn to(&self) -> LogTo {
        self.to
    }

    /// Sends each line as a message of its own. The time is left to the receiver, as RFC 3164 (4.3.2) allows for a
    /// message without one: its clock and ours are the same.
    ///
    /// Errors: nobody listens; `WouldBlock` when the receiver is behind.
    pub(super) fn send(&mut self, level: Level, lines: &str) -> io::Result<()> {
        let severity = match level {
            Level::Error => 3,
            Level::Warning => 4,
            Level::Info => 6,
        };
        let head = format!("<{}>ringaudit[{}]: ", DAEMON | severity, std::process::id());
        for line in lines.lines() {
            let line = line.strip_prefix("ringaudit: ").unwrap_or(line);
            self.one(&[&head, line].concat())?;
        }
        Ok(())
    }

    fn one(&mut self, message: &str) -> io::Result<()> {
        // A log daemon that was started again has another socket at the same path.
        let is_new = self.open.is_none();
        match self.attempt(message) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                self.open = None;
                if is_new { Err(error) } else { self.attempt(message) }
            }
            other => other,
        }
    }

    fn attempt(&mut self, message: &str) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(open(self.to, self.path)?),
        };
        match open {
            Open::Socket(socket) => socket.send(message.as_bytes()).map(|_| ()),
            Open::File(file) => file.write_all(message.as_bytes()),
        }
    }
}

fn open(to: LogTo, path: &str) -> io::Result<Open> {
    if to == LogTo::Kmsg {
        let file =
            OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
        return Ok(Open::File(file));
    }
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(Open::Socket(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_message_and_a_new_receiver_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path: &'static str = Box::leak(dir.path().join("log").to_str().unwrap().into());
        let mut place = Place { path, ..Place::of(LogTo::Syslog).unwrap() };
        assert_eq!(place.send(Level::Error, "a").unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut buffer = [0; 100];
        for round in 0..2 {
            let _ = std::fs::remove_file(path);
            let receiver = UnixDatagram::bind(path).unwrap();
            place
                .send(Level::Warning, &format!("ringaudit: warning: {round}\nringaudit: warning: b\n"))
                .unwrap();
            for text in [format!("warning: {round}"), "warning: b".to_owned()] {
                let len = receiver.recv(&mut buffer).unwrap();
                let expected = format!("<28>ringaudit[{}]: {text}", std::process::id());
                assert_eq!(String::from_utf8_lossy(&buffer[..len]), expected);
            }
        }
        assert!(place.send(Level::Info, "x").is_err(), "it has gone");
    }
}
