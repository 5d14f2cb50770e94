//! A socket's address as an object: `{"saddr_fam":"inet","addr":"127.0.0.1","port":53}`.

use super::{Line, text};
use crate::wire::sockaddr::{self, Address};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest text of an IPv6 address, 45 bytes, and to spare.
const ADDRESS: usize = 64;

/// Appends the object; false, perhaps with a part of it appended, for an address of no known form.
pub(super) fn write(bytes: &[u8], line: &mut Line) -> bool {
    let Some(address) = sockaddr::parse(bytes) else { return false };
    let Some(family) = sockaddr::family_name(address.family()) else { return false };
    line.push(b"{\"saddr_fam\":\"");
    line.push(family.as_bytes());
    line.push(b"\"");
    match address {
        Address::Inet { addr, port } => {
            ip(format_args!("{}", Ipv4Addr::from(addr)), line);
            member("port", u64::from(port), line);
        }
        Address::Inet6 { addr, port, flowinfo, scope_id } => {
            ip(format_args!("{}", Ipv6Addr::from(addr)), line);
            member("port", u64::from(port), line);
            member("flowinfo", u64::from(flowinfo), line);
            member("scope_id", u64::from(scope_id), line);
        }
        Address::Unix { path } => string("path", path, line),
        Address::UnixAbstract { name } => string("abstract", name, line),
        Address::UnixUnnamed => {}
        Address::Netlink { pid, groups } => {
            member("pid", u64::from(pid), line);
            hex("groups", u64::from(groups), line);
        }
        Address::Packet { protocol, ifindex, addr } => {
            hex("protocol", u64::from(protocol), line);
            member("ifindex", u64::from(ifindex), line);
            string("addr", addr, line);
        }
        Address::Vsock { cid, port } => {
            member("cid", u64::from(cid), line);
            member("port", u64::from(port), line);
        }
        Address::Other { .. } => return false,
    }
    line.push(b"}");
    true
}

fn ip(address: std::fmt::Arguments<'_>, line: &mut Line) {
    let mut shown: heapless::String<ADDRESS> = heapless::String::new();
    // An address is never longer than its space.
    let _ = shown.write_fmt(address);
    string("addr", shown.as_bytes(), line);
}

fn key(key: &str, line: &mut Line) {
    line.push(b",\"");
    line.push(key.as_bytes());
    line.push(b"\":");
}

fn member(name: &str, number: u64, line: &mut Line) {
    key(name, line);
    line.push_number(number);
}

fn hex(name: &str, number: u64, line: &mut Line) {
    let mut shown: heapless::String<ADDRESS> = heapless::String::new();
    let _ = write!(shown, "\"0x{number:x}\"");
    key(name, line);
    line.push(shown.as_bytes());
}

fn string(name: &str, value: &[u8], line: &mut Line) {
    key(name, line);
    text::push_string(line, value);
}
