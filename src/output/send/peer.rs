//! Reaching a peer: a socket of this host, or a name that is looked up anew each time and whose addresses, of IPv6
//! and IPv4, are tried one after the other.

use crate::config::{Carrier, host_and_port};
use crate::sys::connect::{Kind, connect};
use crate::sys::{local, send};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// How long one address is waited for.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a TCP peer may leave everything unacknowledged before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Room for a long unix datagram.
const SEND_BUFFER: usize = 1024 * 1024;

/// Where to, and how.
pub(super) struct Peer {
    pub(super) carrier: Carrier,
    pub(super) address: String,
}

impl Peer {
    /// A socket that is connected.
    ///
    /// Errors: what could not be done, in words.
    #[cold]
    pub(super) fn connect(&self) -> Result<OwnedFd, String> {
        let path = Path::new(&self.address);
        let socket = match self.carrier {
            Carrier::UnixDatagram => to_datagrams(path),
            Carrier::UnixStream => local::connect(path).map(OwnedFd::from),
            Carrier::Udp | Carrier::Tcp => {
                let (host, port) = host_and_port(&self.address).unwrap_or_default();
                let kind = if self.carrier == Carrier::Tcp { Kind::Stream } else { Kind::Datagram };
                let socket = connect(host, port, kind, CONNECT)?;
                if kind == Kind::Stream {
                    // Both are for the better and not needed.
                    let _ = send::set_no_delay(socket.as_fd());
                    let _ = send::set_patience(socket.as_fd(), PATIENCE);
                }
                return Ok(socket);
            }
        };
        socket.map_err(|error| format!("failed to connect to {}: {error}", self.address))
    }
}

fn to_datagrams(path: &Path) -> io::Result<OwnedFd> {
    let socket = UnixDatagram::unbound()?;
    // What it refuses is only a smaller limit.
    let _ = send::set_send_buffer(socket.as_fd(), SEND_BUFFER);
    socket.connect(path)?;
    Ok(socket.into())
}
