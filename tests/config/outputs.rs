//! The outputs that send: what their keys mean, and each wrong one with its exact message.

use crate::{good, problems};
use ringaudit::config::{
    Carrier, Compression, Format, GelfTarget, Located, Output, Peer, Place, Protocol, SyslogTarget, Target,
    read, show,
};

/// One output of these keys.
fn output(keys: &str) -> Output {
    good(&format!("[[output]]\n{keys}\n")).outputs.remove(0)
}

fn peer(carrier: Carrier, address: &str) -> Peer {
    Peer { carrier, address: Located { place: Place::default(), value: address.to_owned() } }
}

#[test]
fn every_value_arrives() {
    let default = SyslogTarget {
        peer: peer(Carrier::UnixDatagram, "/dev/log"),
        protocol: Protocol::Rfc3164,
        facility: 10,
        severity: 6,
        tag: "ringaudit".to_owned(),
        hostname: None,
        octet_counting: false,
        cee: false,
        sd_id: None,
    };
    let local = output("type = 'syslog'");
    assert_eq!((&local.target, local.queue.max_line), (&Target::Syslog(default.clone()), 200_000));
    let tcp = "type = 'syslog'\nnetwork = 'tcp'\naddress = '[::1]:601'\n";
    let to_tcp = SyslogTarget {
        peer: peer(Carrier::Tcp, "[::1]:601"),
        protocol: Protocol::Rfc5424,
        octet_counting: true,
        ..default.clone()
    };
    assert_eq!((output(tcp).target, output(tcp).queue.max_line), (Target::Syslog(to_tcp.clone()), 0));
    let all = format!(
        "{tcp}facility = 'local7'\nseverity = 'panic'\ntag = 'x'\nhostname = 'h'\nframing = 'newline'\ncee = true\n\
         sd_id = 'a@1.2'\nprotocol = 'rfc5424'"
    );
    let (tag, hostname, sd_id) = ("x".to_owned(), Some("h".to_owned()), Some("a@1.2".to_owned()));
    let wanted = SyslogTarget {
        facility: 23,
        severity: 0,
        tag,
        hostname,
        octet_counting: false,
        cee: true,
        sd_id,
        ..to_tcp.clone()
    };
    assert_eq!(output(&all).target, Target::Syslog(wanted));
    let old = format!("{tcp}protocol = 'rfc3164'\nfacility = 13\nseverity = 7");
    let wanted = SyslogTarget {
        protocol: Protocol::Rfc3164,
        facility: 13,
        severity: 7,
        octet_counting: false,
        ..to_tcp
    };
    assert_eq!(output(&old).target, Target::Syslog(wanted));
    let udp = output("type = 'syslog'\nnetwork = 'udp'\naddress = 'h:1'\nprotocol = 'go-audit'");
    let wanted = SyslogTarget { peer: peer(Carrier::Udp, "h:1"), protocol: Protocol::GoAudit, ..default };
    assert_eq!((udp.target, udp.queue.max_line), (Target::Syslog(wanted), 65_000));

    let gelf = output("type = 'gelf'\naddress = 'h:12201'");
    let wanted = GelfTarget {
        peer: peer(Carrier::Udp, "h:12201"),
        compression: Compression::Gzip,
        chunk_bytes: 1420,
        fields: true,
        hostname: None,
    };
    assert_eq!((&gelf.target, gelf.format), (&Target::Gelf(wanted.clone()), Format::Gelf));
    let lines = "type = 'gelf'\naddress = 'h:12201'\npayload = 'line'\nformat = 'go-audit'\ncompression = 'zlib'\n\
                 chunk_bytes = 8192\nhostname = 'h'";
    let (compression, hostname) = (Compression::Zlib, Some("h".to_owned()));
    let by_line = GelfTarget { compression, chunk_bytes: 8192, fields: false, hostname, ..wanted.clone() };
    assert_eq!((output(lines).target, output(lines).format), (Target::Gelf(by_line), Format::GoAudit));
    let tcp = output("type = 'gelf'\nnetwork = 'tcp'\naddress = 'h:12201'");
    let wanted = GelfTarget { peer: peer(Carrier::Tcp, "h:12201"), compression: Compression::None, ..wanted };
    assert_eq!(tcp.target, Target::Gelf(wanted));

    assert_eq!(output("type = 'unix'\naddress = '/s'").target, Target::Unix(peer(Carrier::UnixStream, "/s")));
    let gram = output("type = 'unix'\nnetwork = 'unixgram'\naddress = '/s'\nmax_line = 0");
    assert_eq!((gram.target, gram.queue.max_line), (Target::Unix(peer(Carrier::UnixDatagram, "/s")), 0));
    let command = vec!["/bin/cat".to_owned(), String::new()];
    assert_eq!(output("type = 'pipe'\ncommand = ['/bin/cat', '']").target, Target::Pipe(command));
}

#[test]
fn what_is_shown_reads_back() {
    for keys in [
        "type = 'syslog'",
        "type = 'syslog'\nnetwork = 'tcp'\naddress = 'h:1'\nsd_id = 'a@1'\ncee = true\nhostname = 'h'\nseverity = 3",
        "type = 'syslog'\nnetwork = 'udp'\naddress = 'h:1'\nprotocol = 'go-audit'\nformat = 'raw'",
        "type = 'syslog'\nnetwork = 'unix'\nprotocol = 'rfc5424'\nframing = 'octet-counting'",
        "type = 'gelf'\naddress = 'h:1'\ncompression = 'none'",
        "type = 'gelf'\nnetwork = 'tcp'\naddress = 'h:1'\npayload = 'line'\nformat = 'raw'",
        "type = 'unix'\nnetwork = 'unixgram'\naddress = '/s \\ s'",
        "type = 'pipe'\ncommand = ['/bin/a b', '\"', 'c\\d']",
    ] {
        let config = good(&format!("[[output]]\n{keys}\n"));
        let shown = show(&config);
        assert_eq!(read("shown", &shown).as_ref(), Ok(&config), "{shown}");
    }
}

/// Keys of one output, and what is said of them.
const WRONG: &[(&str, &[&str])] = &[
    (
        "type = 'syslog'\nnetwork = 'tls'",
        &["f:3:12: \"output.network\" must be \"unixgram\", \"unix\", \"udp\" or \"tcp\", not \"tls\""],
    ),
    (
        "type = 'gelf'\nnetwork = 'unix'",
        &["f:3:12: \"output.network\" must be \"udp\" or \"tcp\", not \"unix\""],
    ),
    (
        "type = 'unix'\nnetwork = 'udp'",
        &["f:3:12: \"output.network\" must be \"unix\" or \"unixgram\", not \"udp\""],
    ),
    (
        "type = 'syslog'\nnetwork = 1",
        &[
            "f:3:11: \"output.network\" must be \"unixgram\", \"unix\", \"udp\" or \"tcp\", not a whole number",
        ],
    ),
    (
        "type = 'syslog'\nnetwork = 'udp'",
        &[
            "f:1:1: network \"udp\" needs an \"address\": a host and a port, such as \"logs.example:601\" or \"[2001:db8::1]:601\"",
        ],
    ),
    (
        "type = 'gelf'",
        &[
            "f:1:1: network \"udp\" needs an \"address\": a host and a port, such as \"logs.example:601\" or \"[2001:db8::1]:601\"",
        ],
    ),
    (
        "type = 'unix'",
        &["f:1:1: network \"unix\" needs an \"address\": an absolute path of at most 107 bytes"],
    ),
    (
        "type = 'gelf'\naddress = 'graylog'",
        &[
            "f:3:12: \"output.address\" must be a host and a port, such as \"logs.example:601\" or \"[2001:db8::1]:601\", not \"graylog\"",
        ],
    ),
    (
        "type = 'gelf'\naddress = '2001:db8::1:601'",
        &[
            "f:3:12: \"output.address\" must be a host and a port, such as \"logs.example:601\" or \"[2001:db8::1]:601\", not \"2001:db8::1:601\"",
        ],
    ),
    (
        "type = 'gelf'\naddress = 'h:65536'",
        &[
            "f:3:12: \"output.address\" must be a host and a port, such as \"logs.example:601\" or \"[2001:db8::1]:601\", not \"h:65536\"",
        ],
    ),
    (
        "type = 'gelf'\naddress = ''",
        &[
            "f:3:12: \"output.address\" is empty; it must be a host and a port, such as \"logs.example:601\" or \"[2001:db8::1]:601\"",
        ],
    ),
    (
        "type = 'syslog'\naddress = 601",
        &["f:3:11: \"output.address\" must be an absolute path of at most 107 bytes, not a whole number"],
    ),
    (
        "type = 'syslog'\naddress = 'logs.example:601'",
        &[
            "f:3:12: \"output.address\" must be an absolute path of at most 107 bytes, not \"logs.example:601\"",
        ],
    ),
    (
        "type = 'syslog'\nprotocol = 'rfc5425'",
        &[
            "f:3:13: \"output.protocol\" must be \"rfc5424\", \"rfc3164\" or \"go-audit\", not \"rfc5425\"; did you mean \"rfc5424\"?",
        ],
    ),
    (
        "type = 'syslog'\nfacility = 'audt'",
        &[
            "f:3:13: \"output.facility\" must be \"kern\", \"user\", \"mail\", \"daemon\", \"auth\", \"syslog\", \"lpr\", \"news\", \"uucp\", \"cron\", \"authpriv\", \"ftp\", \"ntp\", \"audit\", \"alert\", \"clock\", \"local0\", \"local1\", \"local2\", \"local3\", \"local4\", \"local5\", \"local6\" or \"local7\", not \"audt\"; did you mean \"audit\"?",
        ],
    ),
    ("type = 'syslog'\nfacility = 24", &["f:3:12: \"output.facility\" must be a name or 0 to 23, not 24"]),
    (
        "type = 'syslog'\nfacility = true",
        &["f:3:12: \"output.facility\" must be a name or 0 to 23, not a boolean"],
    ),
    ("type = 'syslog'\nseverity = -1", &["f:3:12: \"output.severity\" must be a name or 0 to 7, not -1"]),
    (
        "type = 'syslog'\nseverity = 'wrning'",
        &[
            "f:3:13: \"output.severity\" must be \"emerg\", \"alert\", \"crit\", \"err\", \"warning\", \"notice\", \"info\" or \"debug\", not \"wrning\"; did you mean \"warning\"?",
        ],
    ),
    (
        "type = 'syslog'\ntag = 'a b'",
        &[
            "f:3:8: \"output.tag\" must have at most 48 printable ASCII characters without blanks, not \"a b\"",
        ],
    ),
    ("type = 'syslog'\ntag = 1", &["f:3:7: \"output.tag\" must be a string, not a whole number"]),
    (
        "type = 'gelf'\naddress = 'h:1'\nhostname = 'ä'",
        &[
            "f:4:13: \"output.hostname\" must have at most 255 printable ASCII characters without blanks, not \"ä\"",
        ],
    ),
    (
        "type = 'syslog'\nframing = 'newline'",
        &["f:3:12: \"framing\" belongs to a stream, network \"tcp\" or \"unix\", not \"unixgram\""],
    ),
    (
        "type = 'syslog'\nnetwork = 'unix'\nframing = 'octet'",
        &["f:4:12: \"output.framing\" must be \"octet-counting\" or \"newline\", not \"octet\""],
    ),
    (
        "type = 'syslog'\nsd_id = 'audit'\nprotocol = 'rfc5424'",
        &[
            "f:3:10: \"output.sd_id\" must be a name, @ and your enterprise number, such as \"audit@32473\", of at most 32 characters, not \"audit\"",
        ],
    ),
    (
        "type = 'syslog'\nsd_id = 'a@x'\nprotocol = 'rfc5424'",
        &[
            "f:3:10: \"output.sd_id\" must be a name, @ and your enterprise number, such as \"audit@32473\", of at most 32 characters, not \"a@x\"",
        ],
    ),
    (
        "type = 'syslog'\nsd_id = 'a@1'",
        &["f:3:10: \"sd_id\" belongs to protocol \"rfc5424\", not \"rfc3164\""],
    ),
    ("type = 'syslog'\ncee = 'yes'", &["f:3:8: \"output.cee\" must be true or false, not a string"]),
    (
        "type = 'syslog'\ncee = true\nformat = 'raw'",
        &["f:3:7: \"cee\" announces JSON; it does not go with format \"raw\""],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\npayload = 'field'",
        &[
            "f:4:12: \"output.payload\" must be \"fields\" or \"line\", not \"field\"; did you mean \"fields\"?",
        ],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\nformat = 'raw'",
        &[
            "f:4:11: \"format\" belongs to payload \"line\": with \"fields\" the message is made of the event's fields",
        ],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\nmax_line = 5000",
        &[
            "f:4:12: \"max_line\" belongs to payload \"line\": with \"fields\" each value has at most 32000 bytes",
        ],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\ncompression = 'gz'",
        &["f:4:16: \"output.compression\" must be \"gzip\", \"zlib\" or \"none\", not \"gz\""],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\nnetwork = 'tcp'\ncompression = 'gzip'",
        &["f:5:16: GELF over \"tcp\" can't be compressed; leave \"compression\" out, or use network \"udp\""],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\nnetwork = 'tcp'\nchunk_bytes = 1420",
        &["f:5:15: \"chunk_bytes\" belongs to network \"udp\", not \"tcp\""],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\nchunk_bytes = 65508",
        &["f:4:15: \"output.chunk_bytes\" must be from 512 to 65507, not 65508"],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\nchunk_bytes = '1k'",
        &["f:4:16: \"output.chunk_bytes\" must be a whole number, not a string"],
    ),
    (
        "type = 'pipe'",
        &[
            "f:1:1: [[output]] of type \"pipe\" needs a \"command\": a program and its arguments, such as [\"/usr/bin/logger\", \"-t\", \"audit\"]",
        ],
    ),
    (
        "type = 'pipe'\ncommand = 'cat'",
        &[
            "f:3:12: \"output.command\" must be a program and its arguments, such as [\"/usr/bin/logger\", \"-t\", \"audit\"], not a string",
        ],
    ),
    ("type = 'pipe'\ncommand = []", &["f:3:11: \"output.command\" must have 1 to 64 words, not 0"]),
    (
        "type = 'pipe'\ncommand = ['cat']",
        &[
            "f:3:13: \"output.command\" must begin with the program's absolute path, not \"cat\": neither a shell nor PATH is used",
        ],
    ),
    (
        "type = 'pipe'\ncommand = ['/bin/cat', 1]",
        &["f:3:24: each word of \"output.command\" must be a string, not a whole number"],
    ),
    (
        "type = 'pipe'\ncommand = [\"/bin/cat\", \"\\u0000\"]",
        &["f:3:25: a word of \"output.command\" holds a NUL character"],
    ),
    (
        "type = 'file'\npath = '/x'\nnetwork = 'tcp'",
        &["f:4:1: \"network\" belongs to an output of type \"syslog\", \"gelf\" or \"unix\", not \"file\""],
    ),
    (
        "type = 'gelf'\naddress = 'h:1'\nfacility = 1",
        &["f:4:1: \"facility\" belongs to an output of type \"syslog\", not \"gelf\""],
    ),
    (
        "type = 'syslog'\ncommand = ['/x']\npath = '/x'",
        &[
            "f:3:1: \"command\" belongs to an output of type \"pipe\", not \"syslog\"",
            "f:4:1: \"path\" belongs to an output of type \"file\", not \"syslog\"",
        ],
    ),
    (
        "type = 'syslog'\nadress = '/dev/log'",
        &["f:3:1: unknown key \"adress\" in [[output]]; did you mean \"address\"?"],
    ),
];

#[test]
fn every_wrong_option_with_its_message() {
    let mut seen = Vec::new();
    for (keys, expected) in WRONG {
        let said = problems(&format!("[[output]]\n{keys}\n"));
        assert_eq!(said, *expected, "{keys}");
        seen.push(*keys);
    }
    // Each key of these outputs is among them.
    for (key, types) in ringaudit::config::OUTPUT_KEYS {
        if types.iter().any(|kind| *kind != "file") {
            assert!(seen.iter().any(|keys| keys.contains(&format!("\n{key} = "))), "{key}");
        }
    }
}
