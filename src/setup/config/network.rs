//! The outputs that send: syslog, GELF, a unix socket, a pipe to a program. Their keys, and what is wrong with them.

use super::node::{Node, Value};
use super::show::{keys, pair};
use super::suggest::quoted;
use super::values::{Key, Kind, NONE, Table, Walker, number, small, switch, word};
use super::{Format, Located, Target};

/// How bytes travel. Source: unix(7), udp(7), tcp(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `"unixgram"`: datagrams to a socket of this host.
    UnixDatagram,
    /// `"unix"`: a stream to a socket of this host.
    UnixStream,
    /// `"udp"`
    Udp,
    /// `"tcp"`
    Tcp,
}

impl Carrier {
    const ALL: [Self; 4] = [Self::UnixDatagram, Self::UnixStream, Self::Udp, Self::Tcp];

    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnixDatagram => "unixgram",
            Self::UnixStream => "unix",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    /// Whether its addresses are paths.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::UnixDatagram | Self::UnixStream)
    }

    /// The longest line that certainly fits a message of its own, in bytes; 0 is no limit.
    #[must_use]
    pub const fn longest_line(self) -> u32 {
        match self {
            // 65,507 over IPv4, with the header.
            Self::Udp => 65_000,
            // A little less than a socket's usual send buffer (net.core.wmem_default).
            Self::UnixDatagram => 200_000,
            Self::UnixStream | Self::Tcp => 0,
        }
    }

    /// Whether it goes to other hosts.
    #[must_use]
    pub const fn is_internet(self) -> bool {
        matches!(self, Self::Udp | Self::Tcp)
    }

    /// Whether it has messages of its own, which need no frame.
    #[must_use]
    pub const fn is_datagram(self) -> bool {
        matches!(self, Self::UnixDatagram | Self::Udp)
    }
}

/// Where to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// `network = ...`
    pub carrier: Carrier,
    /// `address`: a path, or `host:port`, `[2001:db8::1]:port`.
    pub address: Located<String>,
}

/// What a syslog message looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `"rfc5424"`: UTC with milliseconds.
    Rfc5424,
    /// `"rfc3164"`: local time to the second; on sockets of this host without a host name, as syslog(3) writes it.
    Rfc3164,
    /// `"go-audit"`: as go-audit 1.2.0 sends it, by Go's log/syslog.
    GoAudit,
}

const PROTOCOLS: [&str; 3] = ["rfc5424", "rfc3164", "go-audit"];

/// `type = "syslog"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogTarget {
    /// `network` (default "unixgram") and `address` (default "/dev/log" on this host).
    pub peer: Peer,
    /// `protocol`: default "rfc3164" on this host, else "rfc5424".
    pub protocol: Protocol,
    /// `facility = "authpriv"`: a name or 0 to 23.
    pub facility: u8,
    /// `severity = "info"`: a name or 0 to 7.
    pub severity: u8,
    /// `tag = "ringaudit"`: 1 to 48 printable ASCII characters (APP-NAME, RFC 5424, section 6.2.5).
    pub tag: String,
    /// `hostname`: this host's name when absent.
    pub hostname: Option<String>,
    /// `framing`: whether each message on a stream is preceded by its length (RFC 6587, section 3.4.1) instead of
    /// followed by a newline; default so for "rfc5424" over "tcp".
    pub octet_counting: bool,
    /// `cee = true`: `@cee: ` before the JSON.
    pub cee: bool,
    /// `sd_id = "audit@32473"`: the SD-ID of the structured data; none when absent.
    pub sd_id: Option<String>,
}

/// How a GELF datagram is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `"gzip"`
    Gzip,
    /// `"zlib"`
    Zlib,
    /// `"none"`
    None,
}

const COMPRESSIONS: [&str; 3] = ["gzip", "zlib", "none"];

/// `type = "gelf"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GelfTarget {
    /// `network` ("udp" or "tcp") and `address`.
    pub peer: Peer,
    /// `compression`: default "gzip" over udp; none over tcp.
    pub compression: Compression,
    /// `chunk_bytes = 1420`: the largest datagram; 512 to 65507.
    pub chunk_bytes: u32,
    /// `payload = "fields" | "line"`: whether the event's fields are the message's, or its line is the `short_message`.
    pub fields: bool,
    /// `hostname`: this host's name when absent.
    pub hostname: Option<String>,
}

/// The facilities by number (RFC 5424, table 1), with the names of syslog(3) where it has one.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
/// The severities by number (RFC 5424, table 2), with the names of syslog(3).
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const AUTHPRIV: u64 = 10;
const INFO: u64 = 6;

/// Where syslog messages go on this host.
const DEV_LOG: &str = "/dev/log";
/// Bytes of a socket's path (unix(7): 108 with the NUL).
const MAX_PATH: usize = 107;
/// The most that a UDP datagram can hold over IPv4.
const MAX_DATAGRAM: u32 = 65_507;
/// Arguments of a program, itself included.
const MAX_WORDS: usize = 64;

const SYSLOG: [Key; 5] = [
    word("protocol", &PROTOCOLS),
    Key { name: "facility", kind: Kind::Level(&FACILITIES), leave: false },
    Key { name: "severity", kind: Kind::Level(&SEVERITIES), leave: false },
    word("framing", &["octet-counting", "newline"]),
    switch("cee"),
];
const GELF: [Key; 3] = [
    word("compression", &COMPRESSIONS),
    number("chunk_bytes", 512, MAX_DATAGRAM),
    word("payload", &["fields", "line"]),
];

impl Walker<'_> {
    #[inline(never)]
    pub(super) fn syslog(&mut self, table: Table<'_>, format: Format) -> Option<Target> {
        let peer = self.peer(table, &Carrier::ALL, Some(DEV_LOG));
        let network = peer.as_ref().map(|peer| peer.carrier);
        let mut values = [NONE, AUTHPRIV, INFO, NONE, 0];
        self.plain(table, &SYSLOG, &mut values);
        let [protocol, facility, severity, framing, cee] = values;
        let protocol = match protocol {
            0 => Protocol::Rfc5424,
            1 => Protocol::Rfc3164,
            2 => Protocol::GoAudit,
            _ if network.is_none_or(Carrier::is_local) => Protocol::Rfc3164,
            _ => Protocol::Rfc5424,
        };
        if let Some(network) = network.filter(|network| network.is_datagram()) {
            let stream = "\"framing\" belongs to a stream, network \"tcp\" or \"unix\", not ";
            self.refuse(table, "framing", &[stream, &quoted(network.name())].concat());
        }
        let counts = network == Some(Carrier::Tcp) && protocol == Protocol::Rfc5424;
        if cee != 0 && format == Format::Raw {
            self.refuse(table, "cee", "\"cee\" announces JSON; it does not go with format \"raw\"");
        }
        let sd_id = self.sd_id(table, protocol);
        let tag = self.printable(table, "tag", 48);
        let hostname = self.printable(table, "hostname", 255);
        Some(Target::Syslog(SyslogTarget {
            protocol,
            facility: level(facility),
            severity: level(severity),
            tag: tag.unwrap_or_else(|| "ringaudit".to_owned()),
            hostname,
            octet_counting: framing == 0 || framing == NONE && counts,
            cee: cee != 0,
            sd_id,
            peer: peer?,
        }))
    }

    #[inline(never)]
    pub(super) fn gelf(&mut self, table: Table<'_>) -> Option<Target> {
        let peer = self.peer(table, &[Carrier::Udp, Carrier::Tcp], None);
        let hostname = self.printable(table, "hostname", 255);
        let tcp = peer.as_ref().is_some_and(|peer| peer.carrier == Carrier::Tcp);
        let (compress, json) = (cfg!(feature = "compress"), cfg!(feature = "json"));
        let default = [if compress && !tcp { 0 } else { 2 }, 1420, u64::from(!json)];
        let mut values = default;
        self.plain(table, &GELF, &mut values);
        let [compression, chunk_bytes, payload] = values;
        let compression = match compression {
            0 => Compression::Gzip,
            1 => Compression::Zlib,
            _ => Compression::None,
        };
        if compression != Compression::None && tcp {
            let why =
                "GELF over \"tcp\" can't be compressed; leave \"compression\" out, or use network \"udp\"";
            self.refuse(table, "compression", why);
        } else if compression != Compression::None && !compress {
            self.refuse(table, "compression", "compression is not in this build; use \"none\"");
        }
        if tcp {
            self.refuse(table, "chunk_bytes", "\"chunk_bytes\" belongs to network \"udp\", not \"tcp\"");
        }
        if payload == 0 {
            self.fields(table, json);
        }
        let (chunk_bytes, fields) = (small(chunk_bytes), payload == 0);
        Some(Target::Gelf(GelfTarget { compression, chunk_bytes, fields, hostname, peer: peer? }))
    }

    /// What goes with `payload = "fields"`.
    #[inline(never)]
    fn fields(&mut self, table: Table<'_>, built: bool) {
        if !built {
            self.refuse(table, "payload", "payload \"fields\" is not in this build; use \"line\"");
        }
        let why = "\"format\" belongs to payload \"line\": with \"fields\" the message is made of the event's fields";
        self.refuse(table, "format", why);
        let is_0 = |node: &Node| matches!(&node.value, Value::Integer(number) if number.value == Some(0));
        if !table.get("max_line").is_some_and(is_0) {
            let why = "\"max_line\" belongs to payload \"line\": with \"fields\" each value has at most 32000 bytes";
            self.refuse(table, "max_line", why);
        }
    }

    pub(super) fn unix(&mut self, table: Table<'_>) -> Option<Target> {
        self.peer(table, &[Carrier::UnixStream, Carrier::UnixDatagram], None).map(Target::Unix)
    }

    /// `command`: a program and its arguments.
    #[inline(never)]
    pub(super) fn command(&mut self, table: Table<'_>) -> Option<Target> {
        let wanted = "a program and its arguments, such as [\"/usr/bin/logger\", \"-t\", \"audit\"]";
        if table.get("command").is_none() {
            let message = format_args!("[[output]] of type \"pipe\" needs a \"command\": {wanted}");
            self.problem(table.pos, message);
        }
        let nodes = self.list(table, "command", wanted)?;
        if nodes.is_empty() || nodes.len() > MAX_WORDS {
            let len = nodes.len();
            let message = format_args!("\"output.command\" must have 1 to {MAX_WORDS} words, not {len}");
            self.problem(table.pos("command"), message);
            return None;
        }
        let mut words = Vec::new();
        self.strings(table, "command", "each word", nodes, &mut |walker, pos, word| {
            if word.contains('\0') {
                walker.problem(pos, format_args!("a word of \"output.command\" holds a NUL character"));
                return;
            }
            if words.is_empty() && !word.starts_with('/') {
                let found = quoted(word);
                let message = format_args!(
                    "\"output.command\" must begin with the program's absolute path, not {found}: neither a shell nor \
                     PATH is used"
                );
                walker.problem(pos, message);
            }
            words.push(word.to_owned());
        });
        (words.len() == nodes.len()).then_some(Target::Pipe(words))
    }

    /// `network` and `address`; the first network is the default, and so is `local` as the address on this host.
    #[inline(never)]
    fn peer(&mut self, table: Table<'_>, networks: &[Carrier], local: Option<&str>) -> Option<Peer> {
        let mut words = Vec::new();
        for network in networks {
            words.push(network.name());
        }
        let at = match self.word(table, "network", &words) {
            None if table.get("network").is_none() => 0,
            at => at?,
        };
        let carrier = *networks.get(usize::try_from(at).ok()?)?;
        let wanted = if carrier.is_local() {
            "an absolute path of at most 107 bytes"
        } else {
            "a host and a port, such as \"logs.example:601\" or \"[2001:db8::1]:601\""
        };
        if table.get("address").is_none() {
            if let Some(path) = local.filter(|_| carrier.is_local()) {
                let address = Located { place: self.place(table.pos), value: path.to_owned() };
                return Some(Peer { carrier, address });
            }
            let name = carrier.name();
            self.problem(table.pos, format_args!("network \"{name}\" needs an \"address\": {wanted}"));
        }
        let address = self.located(table, "address", wanted)?;
        let right = if carrier.is_local() {
            address.value.starts_with('/') && address.value.len() <= MAX_PATH
        } else {
            host_and_port(&address.value).is_some()
        };
        if !right {
            self.must(table, "address", table.pos("address"), wanted, &quoted(&address.value));
            return None;
        }
        Some(Peer { carrier, address })
    }

    /// Text of printable ASCII characters without blanks.
    #[inline(never)]
    fn printable(&mut self, table: Table<'_>, key: &str, most: usize) -> Option<String> {
        let text = self.text(table, key, "a string")?;
        if text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(text.to_owned());
        }
        let found = quoted(text);
        let message = format_args!(
            "\"output.{key}\" must have at most {most} printable ASCII characters without blanks, not {found}"
        );
        self.problem(table.pos(key), message);
        None
    }

    /// `sd_id`: a name with a private enterprise number (RFC 5424, section 6.3.2).
    #[inline(never)]
    fn sd_id(&mut self, table: Table<'_>, protocol: Protocol) -> Option<String> {
        let wanted =
            "a name, @ and your enterprise number, such as \"audit@32473\", of at most 32 characters";
        let text = self.text(table, "sd_id", wanted)?;
        let named = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'=' | b']' | b'"' | b'@'))
        };
        let right = text.len() <= 32
            && text.split_once('@').is_some_and(|(name, number)| {
                named(name)
                    && number
                        .split('.')
                        .all(|part| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit()))
            });
        if !right {
            self.must(table, "sd_id", table.pos("sd_id"), wanted, &quoted(text));
            return None;
        }
        if protocol != Protocol::Rfc5424 {
            let why = "\"sd_id\" belongs to protocol \"rfc5424\", not ";
            self.refuse(table, "sd_id", &[why, &quoted(protocol.name())].concat());
        }
        Some(text.to_owned())
    }
}

impl Protocol {
    /// The word in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        PROTOCOLS[self as usize]
    }
}

/// Host and port of an address: `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`.
#[must_use]
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']').filter(|host| host.contains(':'))?,
        None if host.contains([':', ']', '/', ' ']) => return None,
        None => host,
    };
    if host.is_empty() { None } else { Some((host, port)) }
}

/// A facility or a severity.
fn level(value: u64) -> u8 {
    u8::try_from(value).unwrap_or_default()
}

/// Writes the keys of a syslog output as TOML.
pub(super) fn show_syslog(text: &mut String, target: &SyslogTarget) {
    show_peer(text, &target.peer);
    let framing = if target.peer.carrier.is_datagram() { NONE } else { u64::from(!target.octet_counting) };
    let (facility, severity) = (target.facility.into(), target.severity.into());
    keys(text, &SYSLOG, &[target.protocol as u64, facility, severity, framing, target.cee.into()]);
    pair(text, "tag", &target.tag);
    for (key, value) in [("hostname", &target.hostname), ("sd_id", &target.sd_id)] {
        if let Some(value) = value {
            pair(text, key, value);
        }
    }
}

/// Writes the keys of a GELF output as TOML.
pub(super) fn show_gelf(text: &mut String, target: &GelfTarget) {
    show_peer(text, &target.peer);
    let (mut compression, mut chunk_bytes) = (target.compression as u64, target.chunk_bytes.into());
    if target.peer.carrier != Carrier::Udp {
        (compression, chunk_bytes) = (NONE, NONE);
    }
    keys(text, &GELF, &[compression, chunk_bytes, u64::from(!target.fields)]);
    if let Some(hostname) = &target.hostname {
        pair(text, "hostname", hostname);
    }
}

/// Writes network and address as TOML.
pub(super) fn show_peer(text: &mut String, peer: &Peer) {
    pair(text, "network", peer.carrier.name());
    pair(text, "address", &peer.address.value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (address, host, port) in [
            ("logs.example:601", "logs.example", 601),
            ("192.0.2.1:514", "192.0.2.1", 514),
            ("[2001:db8::1]:12201", "2001:db8::1", 12201),
            ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        ] {
            assert_eq!(host_and_port(address), Some((host, port)));
        }
        for none in [
            "",
            "logs.example",
            ":514",
            "a:",
            "a:0",
            "a:65536",
            "a:x",
            "2001:db8::1:514",
            "[a]:1",
            "[::1]",
            "a b:1",
        ] {
            assert_eq!(host_and_port(none), None, "{none}");
        }
    }
}
