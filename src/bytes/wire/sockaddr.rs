//! A socket's address as a SOCKADDR record holds it: the bytes that the program gave to the kernel. Takes
//! them decoded. Source: sys/socket.h, ip(7), ipv6(7), unix(7), netlink(7), packet(7), vsock(7).

/// Address families, linux/socket.h, and their names in laurel's and our lines.
const FAMILIES: [(u16, &str); 14] = [
    (0, "unspecified"),
    (UNIX, "local"),
    (INET, "inet"),
    (3, "ax25"),
    (4, "ipx"),
    (5, "appletalk"),
    (9, "x25"),
    (INET6, "inet6"),
    (NETLINK, "netlink"),
    (PACKET, "packet"),
    (31, "bluetooth"),
    (38, "alg"),
    (VSOCK, "vsock"),
    (44, "xdp"),
];
const UNIX: u16 = 1;
const INET: u16 = 2;
const INET6: u16 = 10;
const NETLINK: u16 = 16;
const PACKET: u16 = 17;
const VSOCK: u16 = 40;

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// IPv4.
    Inet {
        /// In network order.
        addr: [u8; 4],
        /// Its number.
        port: u16,
    },
    /// IPv6.
    Inet6 {
        /// In network order.
        addr: [u8; 16],
        /// Its number.
        port: u16,
        /// Flow information, as a number.
        flowinfo: u32,
        /// The interface of a link-local address.
        scope_id: u32,
    },
    /// A socket with a name in the file system.
    Unix {
        /// Up to the first NUL.
        path: &'a [u8],
    },
    /// A socket with a name that begins with NUL.
    UnixAbstract {
        /// What follows that NUL, further NULs included.
        name: &'a [u8],
    },
    /// A unix socket without a name.
    UnixUnnamed,
    /// Netlink.
    Netlink {
        /// The port's id.
        pid: u32,
        /// The multicast groups' mask.
        groups: u32,
    },
    /// Link layer.
    Packet {
        /// An ETH_P_* number.
        protocol: u16,
        /// The interface.
        ifindex: u32,
        /// The hardware address.
        addr: &'a [u8],
    },
    /// Between a virtual machine and its host.
    Vsock {
        /// The machine.
        cid: u32,
        /// Its number.
        port: u32,
    },
    /// Another family, or too short for its own.
    Other {
        /// AF_*
        family: u16,
    },
}

impl Address<'_> {
    /// AF_*
    pub fn family(&self) -> u16 {
        match self {
            Self::Inet { .. } => INET,
            Self::Inet6 { .. } => INET6,
            Self::Unix { .. } | Self::UnixAbstract { .. } | Self::UnixUnnamed => UNIX,
            Self::Netlink { .. } => NETLINK,
            Self::Packet { .. } => PACKET,
            Self::Vsock { .. } => VSOCK,
            Self::Other { family } => *family,
        }
    }
}

/// Reads an address; `None` when it is too short for a family. The family, and the numbers that are not in
/// network order, are in this machine's order.
pub fn parse(bytes: &[u8]) -> Option<Address<'_>> {
    let (family, body) = bytes.split_first_chunk::<2>()?;
    let family = u16::from_ne_bytes(*family);
    Some(known(family, body).unwrap_or(Address::Other { family }))
}

/// The name of a family.
pub fn family_name(family: u16) -> Option<&'static str> {
    FAMILIES.iter().find(|(number, _)| *number == family).map(|(_, name)| *name)
}

fn known(family: u16, body: &[u8]) -> Option<Address<'_>> {
    Some(match family {
        UNIX => match body {
            [] | [0] => Address::UnixUnnamed,
            [0, name @ ..] => Address::UnixAbstract { name },
            path => Address::Unix { path: path.split(|&b| b == 0).next().unwrap_or_default() },
        },
        INET => Address::Inet { port: u16::from_be_bytes(array(body, 0)?), addr: array(body, 2)? },
        INET6 => Address::Inet6 {
            port: u16::from_be_bytes(array(body, 0)?),
            flowinfo: u32::from_be_bytes(array(body, 2)?),
            addr: array(body, 6)?,
            scope_id: u32::from_ne_bytes(array(body, 22)?),
        },
        NETLINK => Address::Netlink {
            pid: u32::from_ne_bytes(array(body, 2)?),
            groups: u32::from_ne_bytes(array(body, 6)?),
        },
        PACKET => {
            let [len] = array(body, 9)?;
            Address::Packet {
                protocol: u16::from_be_bytes(array(body, 0)?),
                ifindex: u32::from_ne_bytes(array(body, 2)?),
                addr: body.get(10..10 + usize::from(len)).or_else(|| body.get(10..)).unwrap_or_default(),
            }
        }
        VSOCK => Address::Vsock {
            port: u32::from_ne_bytes(array(body, 2)?),
            cid: u32::from_ne_bytes(array(body, 6)?),
        },
        _ => return None,
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;
    use crate::wire::fields::decode_hex;
    use proptest::prelude::*;

    fn parsed(hex: &str, check: impl Fn(Option<Address<'_>>)) {
        let mut space = [0; 200];
        check(parse(decode_hex(hex.as_bytes(), &mut space).unwrap()));
    }

    /// Taken from a kernel's SOCKADDR records.
    #[test]
    fn addresses_of_every_family() {
        parsed("020000090A000001000000000000000000", |a| {
            assert_eq!(a, Some(Address::Inet { addr: [10, 0, 0, 1], port: 9 }));
        });
        parsed("0A0000350000000000000000000000000000000000000001000000000000", |a| {
            let addr = std::net::Ipv6Addr::LOCALHOST.octets();
            assert_eq!(a, Some(Address::Inet6 { addr, port: 53, flowinfo: 0, scope_id: 0 }));
        });
        parsed("01002F746D702F7300AABB", |a| assert_eq!(a, Some(Address::Unix { path: b"/tmp/s" })));
        parsed("010000616273", |a| assert_eq!(a, Some(Address::UnixAbstract { name: b"abs" })));
        parsed("0100", |a| assert_eq!(a, Some(Address::UnixUnnamed)));
        parsed("100000000000000000000000", |a| assert_eq!(a, Some(Address::Netlink { pid: 0, groups: 0 })));
        parsed("1100000301000000000000000000000000000000", |a| {
            assert_eq!(a, Some(Address::Packet { protocol: 3, ifindex: 1, addr: &[] }));
        });
        parsed("28000000D2040000FFFFFFFF00000000", |a| {
            assert_eq!(a, Some(Address::Vsock { cid: u32::MAX, port: 1234 }));
        });
        parsed("FF00", |a| assert_eq!(a, Some(Address::Other { family: 255 })));
        parsed("02000009", |a| assert_eq!(a, Some(Address::Other { family: 2 }), "too short for its family"));
        assert_eq!(parse(&[2]), None);
        assert_eq!((family_name(1), family_name(255)), (Some("local"), None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..140)) {
            let _ = parse(&bytes);
        }
    }
}
