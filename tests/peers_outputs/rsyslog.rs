//! rsyslogd, by each transport and in each form.

use crate::syslog::{self, Way};
use crate::{PATIENCE, Running, events, feed, free_port, wait};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Where it listens.
pub(crate) struct Ports {
    pub(crate) udp: u16,
    pub(crate) tcp: u16,
}

/// Starts it in this folder, where it writes the messages of each tag to a file of that name.
pub(crate) fn start(dir: &Path, ports: &Ports) -> Running {
    let at = dir.display();
    let Ports { udp, tcp } = ports;
    // The row of syslog::Received.
    let row = "%timereported:::date-unixtimestamp%\\t%timereported:::date-subseconds%\\t%hostname%\\t\
               %syslogfacility-text%\\t%syslogseverity-text%\\t%procid%\\t%structured-data%\\t%msg%\\n";
    let text = format!(
        "global(workDirectory=\"{at}\" maxMessageSize=\"256k\")\n\
         main_queue(queue.size=\"500000\" queue.timeoutEnqueue=\"60000\" queue.timeoutShutdown=\"20000\")\n\
         module(load=\"imuxsock\" sysSock.use=\"off\")\n\
         module(load=\"imudp\")\nmodule(load=\"imtcp\" maxSessions=\"100\")\nmodule(load=\"imptcp\")\n\
         input(type=\"imuxsock\" socket=\"{at}/dgram\" ignoreTimestamp=\"off\" useSysTimeStamp=\"off\" usePIDFromSystem=\"off\" rateLimit.interval=\"0\")\n\
         input(type=\"imuxsock\" socket=\"{at}/dgram5424\" ignoreTimestamp=\"off\" useSysTimeStamp=\"off\" useSpecialParser=\"off\" \
         parseHostname=\"on\" rateLimit.interval=\"0\")\n\
         input(type=\"imptcp\" path=\"{at}/stream\")\n\
         input(type=\"imudp\" address=\"::1\" port=\"{udp}\" rcvbufSize=\"64m\")\n\
         input(type=\"imudp\" address=\"127.0.0.1\" port=\"{udp}\" rcvbufSize=\"64m\")\n\
         input(type=\"imtcp\" port=\"{tcp}\")\n\
         template(name=\"row\" type=\"string\" string=\"{row}\")\n\
         template(name=\"file\" type=\"string\" string=\"{at}/%programname%\")\n\
         action(type=\"omfile\" dynaFile=\"file\" template=\"row\" dynaFileCacheSize=\"30\")\n"
    );
    let config = dir.join("rsyslog.conf");
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new("rsyslogd");
    command.args(["-n", "-f"]).arg(&config).arg("-i").arg(dir.join("rsyslog.pid")).stdin(Stdio::null());
    let log = std::fs::File::create(dir.join("rsyslog.log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let mut running = Running(command.spawn().expect("rsyslogd: apt-get install rsyslog"));
    wait("rsyslogd's start", || {
        assert!(!running.has_ended(), "{:?}", std::fs::read_to_string(dir.join("rsyslog.log")));
        std::net::TcpStream::connect(("::1", *tcp)).is_ok() && dir.join("stream").exists()
    });
    running
}

/// Issue 5, "Show", 1.
#[test]
fn rsyslog_gets_all_by_each_transport() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports { udp: free_port(), tcp: free_port() };
    let rsyslogd = start(dir.path(), &ports);
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let Ports { udp, tcp } = ports;
    let way = |tag, network, address: &str, protocol, keys, host| Way {
        tag,
        network,
        address: address.to_owned(),
        protocol,
        keys,
        host,
    };
    let ways = [
        way("unixgram-3164", "unixgram", &at("dgram"), "rfc3164", "", ""),
        way(
            "unixgram-5424",
            "unixgram",
            &at("dgram5424"),
            "rfc5424",
            "sd_id = 'audit@32473'",
            "web1.example",
        ),
        way("unix-5424", "unix", &at("stream"), "rfc5424", "", "web1"),
        way("udp-3164", "udp", &format!("127.0.0.1:{udp}"), "rfc3164", "", "web1"),
        way("udp-5424", "udp", &format!("[::1]:{udp}"), "rfc5424", "cee = true", "web1"),
        way("tcp-3164", "tcp", &format!("localhost:{tcp}"), "rfc3164", "", "web1"),
        way(
            "tcp-3164-counted",
            "tcp",
            &format!("127.0.0.1:{tcp}"),
            "rfc3164",
            "framing = 'octet-counting'",
            "web1",
        ),
        way("tcp-5424", "tcp", &format!("[::1]:{tcp}"), "rfc5424", "sd_id = 'audit@32473'", "web1"),
        way("tcp-5424-lines", "tcp", &format!("[::1]:{tcp}"), "rfc5424", "framing = 'newline'", "web1"),
        way("tcp-go-audit", "tcp", &format!("[::1]:{tcp}"), "go-audit", "", "web1"),
    ];
    let count = events();
    feed::replay(dir.path(), &syslog::config(dir.path(), &ways), count, 30_000);
    let begun = Instant::now();
    let all = || ways.iter().all(|way| syslog::rows(&dir.path().join(way.tag)) >= count);
    while !all() && begun.elapsed() < PATIENCE / 3 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    rsyslogd.stop();
    ways.iter().for_each(|way| syslog::check(dir.path(), way, count));
}
