//! Reaching a peer: a socket of this host, or a name that is looked up anew each time and whose addresses, of IPv6
//! and IPv4, are tried one after the other.

use crate::config::{Carrier, host_and_port};
use crate::sys::{local, send};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
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
    pub(super) fn connect(&self) -> Result<OwnedFd, String> {
        let failed = |error: &io::Error| format!("failed to connect to {}: {error}", self.address);
        let path = Path::new(&self.address);
        match self.carrier {
            Carrier::UnixDatagram => {
                let socket = UnixDatagram::unbound().map_err(|error| failed(&error))?;
                // What it refuses is only a smaller limit.
                let _ = send::set_send_buffer(socket.as_fd(), SEND_BUFFER);
                socket.connect(path).map_err(|error| failed(&error))?;
                Ok(socket.into())
            }
            Carrier::UnixStream => local::connect(path).map(OwnedFd::from).map_err(|error| failed(&error)),
            Carrier::Udp | Carrier::Tcp => self.connect_to_any(),
        }
    }

    fn connect_to_any(&self) -> Result<OwnedFd, String> {
        let (host, port) = host_and_port(&self.address).unwrap_or_default();
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|error| format!("failed to find the address of \"{host}\": {error}"))?;
        let mut last = format!("\"{host}\" has no address");
        for address in addresses {
            match self.connect_to(address) {
                Ok(socket) => return Ok(socket),
                Err(error) => {
                    last = format!("failed to connect to {} ({}): {error}", self.address, address.ip());
                }
            }
        }
        Err(last)
    }

    fn connect_to(&self, address: SocketAddr) -> io::Result<OwnedFd> {
        if self.carrier == Carrier::Tcp {
            let stream = TcpStream::connect_timeout(&address, CONNECT)?;
            // Both are for the better and not needed.
            let _ = stream.set_nodelay(true);
            let _ = send::set_patience(stream.as_fd(), PATIENCE);
            return Ok(stream.into());
        }
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(socket.into())
    }
}
