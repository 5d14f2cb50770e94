//! Syslog messages: RFC 5424, RFC 3164, and the form of go-audit. A raw event gives one message for each record.
//! Source: RFC 5424, section 6; RFC 3164, section 4.1; RFC 6587, section 3.4; syslog(3); Go, log/syslog.

use super::super::Entry;
use super::{Encode, Messages, host_name};
use crate::config::{Protocol, SyslogTarget};
use crate::format::time::Rfc3339;
use crate::sys::clock::{Local, local};
use std::io::Write;

/// What a message needs beside its line: a header of at most 512 bytes, and its frame.
const OVERHEAD: usize = 1024;
/// Bytes of the shortest record in an event of several.
const SHORTEST: usize = 32;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How the time is written.
enum Clock {
    /// `2026-11-24T03:38:16.969Z`
    Utc(Rfc3339),
    /// `Nov 24 04:38:16`, where this host is.
    Bsd,
    /// `2026-11-24T04:38:16+01:00`
    Zoned,
}

/// The messages of one output.
pub(super) struct Syslog {
    clock: Clock,
    /// Local times are written once a second: the second, and its text.
    second: Option<u64>,
    text: Vec<u8>,
    /// What stands before the time, and behind it up to the event's structured data or the line.
    before: Vec<u8>,
    behind: Vec<u8>,
    /// `[audit@32473 id="`, if there is structured data.
    element: Option<Vec<u8>>,
    /// `@cee: `
    cookie: &'static [u8],
    frame: Frame,
    header: Vec<u8>,
}

/// How a message ends, or begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Datagram,
    /// With a newline behind it.
    Newline,
    /// With its length before it.
    Counted,
}

impl Syslog {
    pub(super) fn new(target: &SyslogTarget) -> Self {
        let carrier = target.peer.carrier;
        let priority = u32::from(target.facility) * 8 + u32::from(target.severity);
        let (tag, pid) = (&target.tag, std::process::id());
        let host = host_name(target.hostname.as_deref());
        let rfc5424 = target.protocol == Protocol::Rfc5424;
        let before = if rfc5424 { format!("<{priority}>1 ") } else { format!("<{priority}>") };
        let behind = match target.protocol {
            Protocol::Rfc5424 => format!(" {host} {tag} {pid} - "),
            // As syslog(3) writes it: who reads these sockets knows the host.
            _ if carrier.is_local() => format!(" {tag}[{pid}]: "),
            Protocol::GoAudit => format!(" {host} {tag}[{pid}]: "),
            Protocol::Rfc3164 => {
                // RFC 3164, section 4.1.2: without the domain.
                let short = host.split('.').next().filter(|short| !short.is_empty()).unwrap_or(&host);
                let name = target.hostname.as_deref().unwrap_or(short);
                format!(" {name} {tag}[{pid}]: ")
            }
        };
        let clock = match target.protocol {
            Protocol::Rfc5424 => Clock::Utc(Rfc3339::default()),
            Protocol::GoAudit if !carrier.is_local() => Clock::Zoned,
            Protocol::GoAudit | Protocol::Rfc3164 => Clock::Bsd,
        };
        let frame = match (carrier.is_datagram(), target.octet_counting) {
            (true, _) if target.protocol == Protocol::GoAudit => Frame::Newline,
            (true, _) => Frame::Datagram,
            (false, true) => Frame::Counted,
            (false, false) => Frame::Newline,
        };
        let element = target.sd_id.as_ref().map(|id| format!("[{id} id=\"").into_bytes());
        // RFC 5424's NILVALUE for no structured data.
        let behind = if rfc5424 && element.is_none() { behind + "- " } else { behind };
        Self {
            clock,
            second: None,
            text: Vec::new(),
            before: before.into_bytes(),
            behind: behind.into_bytes(),
            element,
            cookie: if target.cee { b"@cee: " } else { b"" },
            frame,
            header: Vec::with_capacity(OVERHEAD),
        }
    }

    /// Writes the header of an event's messages.
    fn make_header(&mut self, entry: &Entry<'_>) {
        let millis = entry.stamp.millis;
        self.header.clear();
        self.header.extend_from_slice(&self.before);
        match &mut self.clock {
            Clock::Utc(time) => self.header.extend_from_slice(time.of(millis)),
            Clock::Bsd | Clock::Zoned => {
                let second = millis / 1000;
                if self.second != Some(second) {
                    self.second = Some(second);
                    self.text.clear();
                    let is_bsd = matches!(self.clock, Clock::Bsd);
                    // A moment that the C library cannot place stands as 1970.
                    if let Some(time) = local(second).or_else(|| local(0)) {
                        write_local(&time, is_bsd, &mut self.text);
                    }
                }
                self.header.extend_from_slice(&self.text);
            }
        }
        self.header.extend_from_slice(&self.behind);
        if let Some(element) = &self.element {
            self.header.extend_from_slice(element);
            // Writing to a vector cannot fail.
            let _ = write!(self.header, "{}.{:03}:{}\"] ", millis / 1000, millis % 1000, entry.stamp.serial);
        }
        self.header.extend_from_slice(self.cookie);
    }
}

fn write_local(time: &Local, is_bsd: bool, text: &mut Vec<u8>) {
    let Local { year, month, day, hour, minute, second, offset } = *time;
    // Writing to a vector cannot fail.
    let _ = if is_bsd {
        let month =
            usize::try_from(month).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).unwrap_or(&"Jan");
        write!(text, "{month} {day:2} {hour:02}:{minute:02}:{second:02}")
    } else {
        write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}").and_then(|()| {
            if offset == 0 {
                return text.write_all(b"Z");
            }
            let (sign, minutes) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
            write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        })
    };
}

impl Encode for Syslog {
    fn encode(&mut self, _: u64, entry: Entry<'_>, into: &mut Messages) -> bool {
        self.make_header(&entry);
        for line in entry.lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            if self.frame == Frame::Counted {
                into.bytes.push_number((self.header.len() + line.len()) as u64);
                into.push(b" ");
            }
            into.push(&self.header);
            into.push(line);
            if self.frame == Frame::Newline {
                into.push(b"\n");
            }
            into.end();
        }
        true
    }

    fn longest(&self, event: usize) -> usize {
        // Of a raw event each record has a header, and none is shorter than its own type and stamp.
        event + (event / SHORTEST + 1) * (self.before.len() + self.behind.len() + 128)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Target};
    use crate::wire::record::Stamp;

    fn messages(keys: &str, lines: &str) -> Vec<String> {
        let config = config::read("f", &format!("[[output]]\ntype = 'syslog'\n{keys}\n")).unwrap();
        let Target::Syslog(target) = &config.outputs[0].target else { panic!("a syslog output") };
        let mut syslog = Syslog::new(target);
        let mut into = Messages::new(1 << 16).unwrap();
        let stamp = Stamp { millis: 1_700_000_000_042, serial: 7 };
        assert!(syslog.encode(0, Entry { stamp, lines: lines.as_bytes() }, &mut into));
        assert!(into.bytes.len() <= syslog.longest(lines.len()));
        let pid = format!("{}", std::process::id());
        into.from(0).map(|one| String::from_utf8(one.to_vec()).unwrap().replace(&pid, "PID")).collect()
    }

    const NET: &str = "network = 'udp'\naddress = 'h:1'\nhostname = 'web1.example'\n";

    fn date(format: &str) -> String {
        let date = std::process::Command::new("date").args(["-d", "@1700000000", format]).output().unwrap();
        String::from_utf8(date.stdout).unwrap().trim_end().to_owned()
    }

    #[test]
    fn rfc5424() {
        assert_eq!(
            messages(NET, "{\"a\":1}\n"),
            ["<86>1 2023-11-14T22:13:20.042Z web1.example ringaudit PID - - {\"a\":1}"]
        );
        let keys = format!(
            "{NET}facility = 'local0'\nseverity = 4\ntag = 'x'\nsd_id = 'audit@32473'\ncee = true\nprotocol = 'rfc5424'\n"
        );
        assert_eq!(
            messages(&keys, "{}\n"),
            [
                "<132>1 2023-11-14T22:13:20.042Z web1.example x PID - [audit@32473 id=\"1700000000.042:7\"] @cee: {}"
            ]
        );
    }

    #[test]
    fn rfc3164_and_go_audit() {
        let bsd = date("+%b %e %T");
        assert_eq!(messages("tag = 'x'\n", "{}\n"), [format!("<86>{bsd} x[PID]: {{}}")]);
        let net = NET.replace("hostname = 'web1.example'\n", "protocol = 'rfc3164'\n");
        let host = crate::sys::host::node();
        let host = host.split('.').next().unwrap();
        assert_eq!(messages(&net, "{}\n"), [format!("<86>{bsd} {host} ringaudit[PID]: {{}}")]);
        let local = "protocol = 'go-audit'\nfacility = 16\nseverity = 'warn'\ntag = 'go-audit'\n";
        assert_eq!(messages(local, "{}\n"), [format!("<132>{bsd} go-audit[PID]: {{}}\n")]);
        let zoned = date("+%FT%T%:z").replace("+00:00", "Z");
        assert_eq!(
            messages(&format!("{NET}protocol = 'go-audit'\n"), "{}\n"),
            [format!("<86>{zoned} web1.example ringaudit[PID]: {{}}\n")]
        );
    }

    #[test]
    fn frames_and_records() {
        let tcp = "network = 'tcp'\naddress = '[::1]:1'\nhostname = 'h'\n";
        let [message] = &messages(tcp, "{}\n")[..] else { panic!("one message") };
        let (len, rest) = message.split_once(' ').unwrap();
        let pid = std::process::id().to_string().len();
        assert_eq!(len.parse::<usize>().unwrap(), rest.len() - "PID".len() + pid);
        assert!(rest.ends_with(" - - {}"));
        let newline = format!("{tcp}framing = 'newline'\n");
        assert!(messages(&newline, "{}\n")[0].ends_with("{}\n"));
        let raw = messages(&format!("{newline}format = 'raw'\n"), "type=SYSCALL msg=a\ntype=CWD msg=b\n");
        assert_eq!(raw.len(), 2);
        assert!(raw[1].ends_with(" - - type=CWD msg=b\n"));
        assert!(messages("network = 'unix'\n", "{}\n")[0].ends_with("]: {}\n"));
    }

    #[test]
    fn zones() {
        let time = Local { year: 2026, month: 3, day: 4, hour: 5, minute: 6, second: 7, offset: -210 };
        let mut text = Vec::new();
        write_local(&time, false, &mut text);
        assert_eq!(text, b"2026-03-04T05:06:07-03:30");
        text.clear();
        write_local(&time, true, &mut text);
        assert_eq!(text, b"Mar  4 05:06:07");
    }
}
