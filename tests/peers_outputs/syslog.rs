//! What is the same for both syslog daemons: the outputs that send to them, and what they must have received.

use crate::feed;
use serde_json::Value;
use std::path::Path;

/// One way to a daemon.
#[derive(Clone)]
pub(crate) struct Way {
    /// The tag of its messages, by which they are told apart.
    pub(crate) tag: &'static str,
    pub(crate) network: &'static str,
    pub(crate) address: String,
    pub(crate) protocol: &'static str,
    /// Further keys.
    pub(crate) keys: &'static str,
    /// The host that the receiver must say; empty where the message has none.
    pub(crate) host: &'static str,
}

/// What a daemon wrote of a message.
pub(crate) struct Received {
    pub(crate) seconds: u64,
    pub(crate) millis: u64,
    pub(crate) host: String,
    pub(crate) facility: String,
    pub(crate) severity: String,
    pub(crate) procid: String,
    pub(crate) data: String,
    pub(crate) message: String,
}

impl Received {
    /// From a row: fields between tabs, the message last.
    pub(crate) fn of(row: &str) -> Self {
        let fields: Vec<&str> = row.splitn(8, '\t').collect();
        let [seconds, fraction, host, facility, severity, procid, data, message] = fields[..] else {
            panic!("{row}")
        };
        let fraction = format!("{fraction:0<3}");
        Self {
            seconds: seconds
                .split('.')
                .next()
                .unwrap_or_default()
                .parse()
                .unwrap_or_else(|e| panic!("{e}: {row}")),
            millis: fraction[..3].parse().unwrap_or_else(|e| panic!("{e}: {row}")),
            host: host.to_owned(),
            facility: facility.to_owned(),
            severity: severity.to_owned(),
            procid: procid.to_owned(),
            data: data.to_owned(),
            message: message.trim_start().to_owned(),
        }
    }
}

/// The `[[output]]` tables of all ways, and of a file that has every line.
pub(crate) fn config(dir: &Path, ways: &[Way]) -> String {
    let mut text = format!("[[output]]\ntype = \"file\"\npath = {:?}\n", dir.join("lines"));
    for Way { tag, network, address, protocol, keys, host } in ways {
        let host = if host.is_empty() { String::new() } else { format!("hostname = \"{host}\"\n") };
        text += &format!(
            "[[output]]\ntype = \"syslog\"\nnetwork = \"{network}\"\naddress = \"{address}\"\nprotocol = \"{protocol}\"\n\
             tag = \"{tag}\"\nfacility = \"local3\"\nseverity = \"notice\"\n{host}{keys}\n"
        );
    }
    text
}

/// How many rows a file has.
pub(crate) fn rows(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Compares what came by one way with the lines of the file, in any order.
pub(crate) fn check(dir: &Path, way: &Way, count: u64) {
    let lines = std::fs::read_to_string(dir.join("lines")).unwrap();
    let serial = |line: &str| -> u64 {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}: {line}", way.tag));
        event["ID"].as_str().unwrap().split_once(':').unwrap().1.parse().unwrap()
    };
    let mut expected: Vec<Option<&str>> = vec![None; usize::try_from(count).unwrap() + 1];
    for line in lines.lines() {
        expected[usize::try_from(serial(line)).unwrap()] = Some(line);
    }
    let rows = std::fs::read_to_string(dir.join(way.tag)).unwrap_or_else(|e| panic!("{}: {e}", way.tag));
    let exact = way.protocol == "rfc5424";
    let mut got = 0;
    for row in rows.lines() {
        let received = Received::of(row);
        let line = received.message.strip_prefix("@cee: ").unwrap_or(&received.message);
        assert_eq!(received.message.len() != line.len(), way.keys.contains("cee"), "{}", way.tag);
        let serial = serial(line);
        let wanted = expected[usize::try_from(serial).unwrap()].take();
        assert_eq!(wanted, Some(line), "{}: an event that was not sent, or twice", way.tag);
        let millis = feed::millis(serial);
        assert_eq!(received.seconds, millis / 1000, "{}: {row}", way.tag);
        if exact {
            assert_eq!(received.millis, millis % 1000, "{}: {row}", way.tag);
        }
        assert_eq!(
            (received.facility.as_str(), received.severity.as_str()),
            ("local3", "notice"),
            "{}",
            way.tag
        );
        if !way.host.is_empty() {
            assert_eq!(received.host, way.host, "{}", way.tag);
        }
        assert!(received.procid.parse::<u32>().is_ok(), "{}: {row}", way.tag);
        if way.keys.contains("sd_id") {
            let id = format!("id=\"{}.{:03}:{serial}\"", millis / 1000, millis % 1000);
            assert!(received.data.contains(&id), "{}: {}", way.tag, received.data);
        }
        got += 1;
    }
    assert_eq!(got, count, "{}: some are missing", way.tag);
    println!("{}: {got} of {count} events", way.tag);
}
