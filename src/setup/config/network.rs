//! The outputs that send: syslog, GELF, a unix socket, a pipe to a program. Their keys, and what is wrong with them.

use std::fmt::Write;

use super::node::{Node, Value};
use super::show::string;
use super::suggest::quoted;
use super::values::{Table, Walker};
use super::{Format, Located};

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
/// Words that mean one of them too.
const ALIASES: [(&str, &str); 4] =
    [("panic", "emerg"), ("error", "err"), ("warn", "warning"), ("security", "auth")];
const AUTHPRIV: u8 = 10;
const INFO: u8 = 6;

/// Where syslog messages go on this host.
const DEV_LOG: &str = "/dev/log";
/// Bytes of a socket's path (unix(7): 108 with the NUL).
const MAX_PATH: usize = 107;
/// The most that a UDP datagram can hold over IPv4.
const MAX_DATAGRAM: u32 = 65_507;
/// Arguments of a program, itself included.
const MAX_WORDS: usize = 64;

impl Walker<'_> {
    pub(super) fn syslog(&mut self, table: Table<'_>, format: Format) -> Option<SyslogTarget> {
        let peer = self.peer(table, &Carrier::ALL, Some(DEV_LOG));
        let network = peer.as_ref().map(|peer| peer.carrier);
        let local = network.is_none_or(Carrier::is_local);
        let protocol = match self.word(table, "protocol", &PROTOCOLS) {
            Some(0) => Protocol::Rfc5424,
            Some(1) => Protocol::Rfc3164,
            Some(_) => Protocol::GoAudit,
            None if local => Protocol::Rfc3164,
            None => Protocol::Rfc5424,
        };
        let framing = self.word(table, "framing", &["octet-counting", "newline"]);
        if let (Some(node), Some(network)) = (table.get("framing"), network.filter(|n| n.is_datagram())) {
            let message = format!(
                "\"framing\" belongs to a stream, network \"tcp\" or \"unix\", not \"{}\"",
                network.name()
            );
            self.problem(node.pos, message);
        }
        let stream = network == Some(Carrier::Tcp) && protocol == Protocol::Rfc5424;
        let mut cee = false;
        self.bool(table, "cee", &mut cee);
        if let (true, Format::Raw, Some(node)) = (cee, format, table.get("cee")) {
            self.problem(node.pos, "\"cee\" announces JSON; it does not go with format \"raw\"".to_owned());
        }
        let sd_id = self.sd_id(table, protocol);
        Some(SyslogTarget {
            protocol,
            facility: self.level(table, "facility", &FACILITIES, AUTHPRIV),
            severity: self.level(table, "severity", &SEVERITIES, INFO),
            tag: self.printable(table, "tag", 48).unwrap_or_else(|| "ringaudit".to_owned()),
            hostname: self.printable(table, "hostname", 255),
            octet_counting: framing.map_or(stream, |at| at == 0),
            cee,
            sd_id,
            peer: peer?,
        })
    }

    pub(super) fn gelf(&mut self, table: Table<'_>) -> Option<GelfTarget> {
        let peer = self.peer(table, &[Carrier::Udp, Carrier::Tcp], None);
        let tcp = peer.as_ref().is_some_and(|peer| peer.carrier == Carrier::Tcp);
        let built = cfg!(feature = "compress");
        let compression = match self.word(table, "compression", &COMPRESSIONS) {
            Some(0) => Compression::Gzip,
            Some(1) => Compression::Zlib,
            None if built && !tcp => Compression::Gzip,
            Some(_) | None => Compression::None,
        };
        if let (true, Some(node)) = (compression != Compression::None, table.get("compression")) {
            if tcp {
                let message = "GELF over \"tcp\" can't be compressed; leave \"compression\" out, or use network \"udp\"";
                self.problem(node.pos, message.to_owned());
            } else if !built {
                self.problem(node.pos, "compression is not in this build; use \"none\"".to_owned());
            }
        }
        let mut chunk_bytes = 1420;
        self.number(table, "chunk_bytes", 512..=MAX_DATAGRAM, &mut chunk_bytes);
        if let (true, Some(node)) = (tcp, table.get("chunk_bytes")) {
            self.problem(node.pos, "\"chunk_bytes\" belongs to network \"udp\", not \"tcp\"".to_owned());
        }
        Some(GelfTarget {
            compression,
            chunk_bytes,
            fields: self.gelf_fields(table),
            hostname: self.printable(table, "hostname", 255),
            peer: peer?,
        })
    }

    /// `payload`, and what goes with it.
    fn gelf_fields(&mut self, table: Table<'_>) -> bool {
        let built = cfg!(feature = "json");
        let fields = self.word(table, "payload", &["fields", "line"]).map_or(built, |at| at == 0);
        if let (true, false, Some(node)) = (fields, built, table.get("payload")) {
            self.problem(node.pos, "payload \"fields\" is not in this build; use \"line\"".to_owned());
        }
        if let (true, Some(node)) = (fields, table.get("format")) {
            let message = "\"format\" belongs to payload \"line\": with \"fields\" the message is made of the event's fields";
            self.problem(node.pos, message.to_owned());
        }
        let is_none =
            |node: &Node| matches!(&node.value, Value::Integer(integer) if integer.value == Some(0));
        if let (true, Some(node)) = (fields, table.get("max_line").filter(|node| !is_none(node))) {
            let message = "\"max_line\" belongs to payload \"line\": with \"fields\" each value has at most 32000 bytes";
            self.problem(node.pos, message.to_owned());
        }
        fields
    }

    pub(super) fn unix(&mut self, table: Table<'_>) -> Option<Peer> {
        self.peer(table, &[Carrier::UnixStream, Carrier::UnixDatagram], None)
    }

    /// `command`: a program and its arguments.
    pub(super) fn command(&mut self, table: Table<'_>) -> Option<Vec<String>> {
        let wanted = "a program and its arguments, such as [\"/usr/bin/logger\", \"-t\", \"audit\"]";
        let Some(node) = table.get("command") else {
            self.problem(table.pos, format!("[[output]] of type \"pipe\" needs a \"command\": {wanted}"));
            return None;
        };
        let Value::List(nodes) = &node.value else {
            self.wrong(table, "command", wanted, node);
            return None;
        };
        if nodes.is_empty() || nodes.len() > MAX_WORDS {
            let message = format!("\"output.command\" must have 1 to {MAX_WORDS} words, not {}", nodes.len());
            self.problem(node.pos, message);
            return None;
        }
        let mut words = Vec::new();
        for node in nodes {
            match &node.value {
                Value::String(word) if word.contains('\0') => {
                    self.problem(node.pos, "a word of \"output.command\" holds a NUL character".to_owned());
                }
                Value::String(word) if words.is_empty() && !word.starts_with('/') => {
                    let message = format!(
                        "\"output.command\" must begin with the program's absolute path, not {}: neither a shell nor \
                         PATH is used",
                        quoted(word)
                    );
                    self.problem(node.pos, message);
                    words.push(word.clone());
                }
                Value::String(word) => words.push(word.clone()),
                other => {
                    let message =
                        format!("each word of \"output.command\" must be a string, not {}", other.kind());
                    self.problem(node.pos, message);
                }
            }
        }
        (words.len() == nodes.len()).then_some(words)
    }

    /// `network` and `address`; the first network is the default, and so is `local` as the address on this host.
    fn peer(&mut self, table: Table<'_>, networks: &[Carrier], local: Option<&str>) -> Option<Peer> {
        let words: Vec<&str> = networks.iter().map(|network| network.name()).collect();
        let at = match self.word(table, "network", &words) {
            Some(at) => at,
            None if table.get("network").is_none() => 0,
            None => return None,
        };
        let network = *networks.get(at)?;
        let wanted = if network.is_local() {
            "an absolute path of at most 107 bytes"
        } else {
            "a host and a port, such as \"logs.example:601\" or \"[2001:db8::1]:601\""
        };
        let Some(node) = table.get("address") else {
            if let Some(path) = local.filter(|_| network.is_local()) {
                let address = Located { place: self.place(table.pos), value: path.to_owned() };
                return Some(Peer { carrier: network, address });
            }
            let message = format!("network \"{}\" needs an \"address\": {wanted}", network.name());
            self.problem(table.pos, message);
            return None;
        };
        let address = self.text(table, "address", wanted)?;
        let right = if network.is_local() {
            address.value.starts_with('/') && address.value.len() <= MAX_PATH
        } else {
            host_and_port(&address.value).is_some()
        };
        if !right {
            let message = format!("\"output.address\" must be {wanted}, not {}", quoted(&address.value));
            self.problem(node.pos, message);
            return None;
        }
        Some(Peer { carrier: network, address })
    }

    /// A facility or a severity, by name or by number.
    fn level(&mut self, table: Table<'_>, key: &str, names: &[&str], default: u8) -> u8 {
        let Some(node) = table.get(key) else { return default };
        let at = match &node.value {
            Value::Integer(integer) => {
                let at = integer.value.and_then(|value| usize::try_from(value).ok());
                let at = at.filter(|at| *at < names.len());
                if at.is_none() {
                    let message = format!(
                        "\"output.{key}\" must be a name or 0 to {}, not {}",
                        names.len() - 1,
                        integer.written
                    );
                    self.problem(node.pos, message);
                }
                at
            }
            Value::String(word) => {
                let word =
                    ALIASES.iter().find(|(alias, _)| alias == word).map_or(word.as_str(), |(_, name)| name);
                match names.iter().position(|name| *name == word) {
                    None => {
                        self.choose(&format!("\"output.{key}\""), node, names);
                        None
                    }
                    at => at,
                }
            }
            _ => {
                self.wrong(table, key, &format!("a name or 0 to {}", names.len() - 1), node);
                None
            }
        };
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(default)
    }

    /// Text of printable ASCII characters without blanks.
    fn printable(&mut self, table: Table<'_>, key: &str, most: usize) -> Option<String> {
        let text = self.text(table, key, "a string")?;
        if text.value.len() <= most && text.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(text.value);
        }
        let message = format!(
            "\"output.{key}\" must have at most {most} printable ASCII characters without blanks, not {}",
            quoted(&text.value)
        );
        self.problem(table.get(key).map_or(table.pos, |node| node.pos), message);
        None
    }

    /// `sd_id`: a name with a private enterprise number (RFC 5424, section 6.3.2).
    fn sd_id(&mut self, table: Table<'_>, protocol: Protocol) -> Option<String> {
        let node = table.get("sd_id")?;
        let wanted =
            "a name, @ and your enterprise number, such as \"audit@32473\", of at most 32 characters";
        let text = self.text(table, "sd_id", wanted)?.value;
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
            self.problem(node.pos, format!("\"output.sd_id\" must be {wanted}, not {}", quoted(&text)));
            return None;
        }
        if protocol != Protocol::Rfc5424 {
            let message = format!("\"sd_id\" belongs to protocol \"rfc5424\", not \"{}\"", protocol.name());
            self.problem(node.pos, message);
        }
        Some(text)
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

/// Writes the keys of a syslog output as TOML.
pub(super) fn show_syslog(text: &mut String, target: &SyslogTarget) -> std::fmt::Result {
    show_peer(text, &target.peer)?;
    pair(text, "protocol", target.protocol.name())?;
    pair(text, "facility", FACILITIES.get(usize::from(target.facility)).unwrap_or(&""))?;
    pair(text, "severity", SEVERITIES.get(usize::from(target.severity)).unwrap_or(&""))?;
    pair(text, "tag", &target.tag)?;
    show_hostname(text, target.hostname.as_deref())?;
    if !target.peer.carrier.is_datagram() {
        pair(text, "framing", if target.octet_counting { "octet-counting" } else { "newline" })?;
    }
    if let Some(sd_id) = &target.sd_id {
        pair(text, "sd_id", sd_id)?;
    }
    writeln!(text, "cee = {}", target.cee)
}

/// Writes the keys of a GELF output as TOML.
pub(super) fn show_gelf(text: &mut String, target: &GelfTarget) -> std::fmt::Result {
    show_peer(text, &target.peer)?;
    if target.peer.carrier == Carrier::Udp {
        pair(text, "compression", COMPRESSIONS[target.compression as usize])?;
        writeln!(text, "chunk_bytes = {}", target.chunk_bytes)?;
    }
    pair(text, "payload", if target.fields { "fields" } else { "line" })?;
    show_hostname(text, target.hostname.as_deref())
}

/// Writes network and address as TOML.
pub(super) fn show_peer(text: &mut String, peer: &Peer) -> std::fmt::Result {
    pair(text, "network", peer.carrier.name())?;
    pair(text, "address", &peer.address.value)
}

/// Writes a command as TOML.
pub(super) fn show_command(text: &mut String, command: &[String]) -> std::fmt::Result {
    let words: Vec<String> = command.iter().map(|word| string(word)).collect();
    writeln!(text, "command = [{}]", words.join(", "))
}

fn show_hostname(text: &mut String, hostname: Option<&str>) -> std::fmt::Result {
    hostname.map_or(Ok(()), |name| pair(text, "hostname", name))
}

fn pair(text: &mut String, key: &str, value: &str) -> std::fmt::Result {
    writeln!(text, "{key} = {}", string(value))
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
