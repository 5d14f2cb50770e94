//! Socket calls in every address family that a SOCKADDR record may show.

use super::World;
use super::call::sys;
use super::odd::odd;
use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_UNSPEC, AF_VSOCK, SOCK_CLOEXEC, SOCK_DGRAM,
    SOCK_RAW, SOCK_STREAM,
};

/// The discard port: nobody listens.
const NOBODY: u16 = 9;
/// AF_ALG and AF_BLUETOOTH: families that are shown as hex, if at all.
const OTHERS: [i32; 3] = [libc::AF_ALG, libc::AF_BLUETOOTH, libc::AF_XDP];

fn family(number: i32) -> Vec<u8> {
    u16::try_from(number).unwrap().to_ne_bytes().to_vec()
}

fn inet(address: [u8; 4], port: u16) -> Vec<u8> {
    [family(AF_INET), port.to_be_bytes().to_vec(), address.to_vec(), vec![0; 8]].concat()
}

fn inet6(address: [u8; 16], port: u16, scope: u32) -> Vec<u8> {
    let flow = 0u32.to_be_bytes();
    [
        family(AF_INET6),
        port.to_be_bytes().to_vec(),
        flow.to_vec(),
        address.to_vec(),
        scope.to_ne_bytes().to_vec(),
    ]
    .concat()
}

fn unix(path: &[u8]) -> Vec<u8> {
    [family(AF_UNIX), path.iter().copied().take(107).collect()].concat()
}

/// A socket for `work`; which families this kernel has not is noted.
fn with(world: &mut World, domain: i32, kind: i32, protocol: i32, work: impl FnOnce(&mut World, i64)) {
    match sys!(SYS_socket, domain, kind | SOCK_CLOEXEC | libc::SOCK_NONBLOCK, protocol) {
        Ok(fd) => {
            work(world, fd);
            let _ = sys!(SYS_close, fd);
        }
        Err(errno) => world.note("socket", i64::from(domain), errno),
    }
}

fn connect(fd: i64, address: &[u8]) {
    let _ = sys!(SYS_connect, fd, address, address.len());
}

fn bind(fd: i64, address: &[u8]) -> Result<i64, i32> {
    sys!(SYS_bind, fd, address, address.len())
}

pub(crate) fn internet(world: &mut World) {
    let mut loopback = [0; 16];
    loopback[15] = 1;
    let mut mapped = [0; 16];
    mapped[10..].copy_from_slice(&[0xff, 0xff, 127, 0, 0, 1]);
    with(world, AF_INET, SOCK_STREAM, 0, |world, fd| {
        let port = u16::try_from(world.chance.below(65536)).unwrap();
        let _ = bind(fd, &inet([127, 0, 0, 1], 0));
        connect(fd, &inet([127, 0, 0, 1], NOBODY));
        connect(fd, &inet([127, 200, 3, 4], port));
        // Shorter than its structure: with the address, and without its last byte.
        connect(fd, &inet([127, 0, 0, 1], NOBODY)[..8]);
        connect(fd, &inet([127, 0, 0, 1], NOBODY)[..7]);
    });
    with(world, AF_INET6, SOCK_STREAM, 0, |_, fd| {
        connect(fd, &inet6(loopback, NOBODY, 0));
        connect(fd, &inet6(mapped, NOBODY, 0));
        connect(fd, &inet6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9], NOBODY, 1));
        connect(fd, &inet6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1], NOBODY, 0)[..24]);
    });
    with(world, AF_INET, SOCK_DGRAM, 0, |_, fd| {
        let to = inet([127, 0, 0, 1], NOBODY);
        let _ = sys!(SYS_sendto, fd, &b"hello"[..], 5, 0, &to[..], to.len());
        connect(fd, &to);
        connect(fd, &[family(AF_UNSPEC), vec![0; 14]].concat());
        let _ = sys!(SYS_sendto, fd, &b"hello"[..], 5, 0, 0, 0);
    });
}

pub(crate) fn local(world: &mut World) {
    let name = [b"s".to_vec(), odd(&mut world.chance)].concat();
    with(world, AF_UNIX, SOCK_STREAM, 0, |world, fd| {
        let address = unix(&name);
        let bound = bind(fd, &address).is_ok();
        connect(fd, &unix(b"/nonexistent/socket"));
        connect(fd, &unix(b"/run/terminated\0"));
        connect(fd, &unix(&[b"\0abstract".to_vec(), odd(&mut world.chance)].concat()));
        connect(fd, &unix(&[b'p'; 107]));
        connect(fd, &family(AF_UNIX));
        if bound {
            let path = super::odd::c(&address[2..]);
            let _ = sys!(SYS_unlink, &path);
        }
    });
    with(world, AF_UNIX, SOCK_DGRAM, 0, |world, fd| {
        let _ = bind(fd, &unix(&[b"\0".to_vec(), odd(&mut world.chance)].concat()));
        let to = unix(b"/dev/nothing");
        let _ = sys!(SYS_sendto, fd, &b"x"[..], 1, 0, &to[..], to.len());
    });
    let mut pair = [0u8; 8];
    let _ = sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, &mut pair[..]);
    for fd in pair.as_chunks::<4>().0 {
        let _ = sys!(SYS_close, i32::from_ne_bytes(*fd));
    }
}

pub(crate) fn others(world: &mut World) {
    with(world, AF_NETLINK, SOCK_RAW, 0, |_, fd| {
        let _ = bind(fd, &[family(AF_NETLINK), vec![0; 10]].concat());
    });
    // One that joins the audit system's group makes an EVENT_LISTENER record.
    with(world, AF_NETLINK, SOCK_RAW, libc::NETLINK_AUDIT, |_, fd| {
        let _ = bind(fd, &[family(AF_NETLINK), vec![0; 6], 1u32.to_ne_bytes().to_vec()].concat());
    });
    with(world, AF_PACKET, SOCK_RAW, 0, |world, fd| {
        let mac: [u8; 6] = std::array::from_fn(|_| world.chance.bytes(1)[0]);
        // sockaddr_ll: protocol, interface, hatype, pkttype, halen, address.
        let ll = [
            family(AF_PACKET),
            0x0800u16.to_be_bytes().to_vec(),
            1i32.to_ne_bytes().to_vec(),
            1u16.to_ne_bytes().to_vec(),
            vec![0, 6],
            mac.to_vec(),
            vec![0; 2],
        ];
        let _ = bind(fd, &ll.concat());
    });
    with(world, AF_VSOCK, SOCK_STREAM, 0, |world, fd| {
        let port = u32::try_from(world.chance.below(0xffff_ffff)).unwrap();
        let address = [
            family(AF_VSOCK),
            vec![0; 2],
            port.to_ne_bytes().to_vec(),
            u32::MAX.to_ne_bytes().to_vec(),
            vec![0; 4],
        ];
        let _ = bind(fd, &address.concat());
    });
    for number in OTHERS {
        with(world, number, libc::SOCK_SEQPACKET, 0, |world, fd| {
            let _ = bind(fd, &[family(number), world.chance.bytes(30)].concat());
        });
    }
    // Any family in the address of a socket of another, and one that is gone.
    with(world, AF_INET, SOCK_DGRAM, 0, |world, fd| {
        let number = i32::try_from(world.chance.below(46)).unwrap();
        let len = world.chance.below(40);
        let _ = bind(fd, &[family(number), world.chance.bytes(len)].concat());
        let _ = bind(fd, &[family(libc::AF_IPX), world.chance.bytes(14)].concat());
    });
}

/// In a network namespace of the caller's own.
pub(crate) fn promiscuous(world: &mut World) {
    with(world, AF_PACKET, SOCK_RAW, 0, |_, fd| {
        // struct packet_mreq: lo, PACKET_MR_PROMISC.
        let request = [1i32.to_ne_bytes().to_vec(), 1u16.to_ne_bytes().to_vec(), vec![0; 10]].concat();
        let _ = sys!(
            SYS_setsockopt,
            fd,
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            &request[..],
            request.len()
        );
    });
}
