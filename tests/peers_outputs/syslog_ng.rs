//! syslog-ng, by each transport and in each form.

use crate::syslog::{self, Way};
use crate::{PATIENCE, Running, events, feed, free_port, wait};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Where its package is unpacked: it can't be installed beside rsyslog.
fn unpacked() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = root.join(".cache/syslog-ng");
    let mut command = Command::new(root.join("cross/unpack"));
    // All libraries that its package depends on.
    command.arg(&dir).args([
        "syslog-ng-core",
        "libcap2",
        "libglib2.0-0",
        "libivykis0",
        "libjson-c5",
        "libnet1",
    ]);
    command.args(["libpcre3", "libssl3", "libsystemd0", "libwrap0"]);
    assert!(command.status().unwrap().success(), "syslog-ng-core could not be unpacked");
    dir
}

fn start(dir: &Path, ports: [u16; 4]) -> Running {
    let at = dir.display();
    let [udp, tcp, udp5424, tcp5424] = ports;
    let source = |name: &str, inner: &str| format!("source s_{name} {{ {inner} }};\n");
    let sources = [
        ("dgram", format!("unix-dgram(\"{at}/dgram\");")),
        ("stream", format!("unix-stream(\"{at}/stream\");")),
        ("udp", format!("network(ip(127.0.0.1) port({udp}) transport(udp) so-rcvbuf(67108864));")),
        ("tcp", format!("network(ip-protocol(6) ip(\"::1\") port({tcp}) transport(tcp));")),
        (
            "udp5424",
            format!("syslog(ip-protocol(6) ip(\"::1\") port({udp5424}) transport(udp) so-rcvbuf(67108864));"),
        ),
        ("tcp5424", format!("syslog(ip-protocol(6) ip(\"::1\") port({tcp5424}) transport(tcp));")),
    ];
    let mut text = String::from(
        "@version: 3.38\noptions { log-msg-size(262144); keep-hostname(yes); use-dns(no); frac-digits(3); \
         log-fifo-size(1000000); stats-freq(0); chain-hostnames(no); };\n",
    );
    text += &format!(
        "destination d {{ file(\"{at}/${{PROGRAM}}\" template(\"${{S_UNIXTIME}}\\t${{S_MSEC}}\\t${{HOST}}\\t${{FACILITY}}\\t\
         ${{LEVEL}}\\t${{PID}}\\t${{SDATA}}\\t${{MSG}}\\n\")); }};\n"
    );
    for (name, inner) in &sources {
        text += &source(name, inner);
        text += &format!("log {{ source(s_{name}); destination(d); flags(flow-control); }};\n");
    }
    let config = dir.join("syslog-ng.conf");
    std::fs::write(&config, text).unwrap();
    let files = unpacked();
    let libraries = files.join("usr/lib/syslog-ng");
    let mut command = Command::new(files.join("usr/sbin/syslog-ng"));
    command.env("LD_LIBRARY_PATH", &libraries).arg("--module-path").arg(libraries.join("3.38"));
    command.args(["-F", "--no-caps", "--stderr", "-f"]).arg(&config).arg("-R").arg(dir.join("persist"));
    command.arg("-p").arg(dir.join("pid")).arg("-c").arg(dir.join("ctl")).stdin(Stdio::null());
    let log = std::fs::File::create(dir.join("syslog-ng.log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let mut running = Running(command.spawn().unwrap());
    wait("syslog-ng's start", || {
        assert!(!running.has_ended(), "{:?}", std::fs::read_to_string(dir.join("syslog-ng.log")));
        std::net::TcpStream::connect(("::1", tcp)).is_ok()
            && std::net::TcpStream::connect(("::1", tcp5424)).is_ok()
    });
    running
}

/// Issue 5, "Show", 1.
#[test]
fn syslog_ng_gets_all_by_each_transport() {
    let dir = tempfile::tempdir().unwrap();
    let ports = [(); 4].map(|()| free_port());
    let running = start(dir.path(), ports);
    let [udp, tcp, udp5424, tcp5424] = ports;
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let way = |tag, network, address: String, protocol, keys, host| Way {
        tag,
        network,
        address,
        protocol,
        keys,
        host,
    };
    let ways = [
        way("unixgram-3164", "unixgram", at("dgram"), "rfc3164", "", ""),
        way("unix-3164", "unix", at("stream"), "rfc3164", "", ""),
        way("unix-go-audit", "unix", at("stream"), "go-audit", "", ""),
        way("udp-3164", "udp", format!("127.0.0.1:{udp}"), "rfc3164", "cee = true", "web1"),
        way("tcp-3164", "tcp", format!("[::1]:{tcp}"), "rfc3164", "", "web1"),
        way("tcp-go-audit", "tcp", format!("[::1]:{tcp}"), "go-audit", "", "web1"),
        way("udp-5424", "udp", format!("[::1]:{udp5424}"), "rfc5424", "", "web1.example"),
        way(
            "tcp-5424",
            "tcp",
            format!("[::1]:{tcp5424}"),
            "rfc5424",
            "sd_id = 'audit@32473'",
            "web1.example",
        ),
    ];
    let count = events();
    feed::replay(dir.path(), &syslog::config(dir.path(), &ways), count, 30_000);
    let begun = Instant::now();
    let all = || ways.iter().all(|way| syslog::rows(&dir.path().join(way.tag)) >= count);
    while !all() && begun.elapsed() < PATIENCE / 3 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    running.stop();
    ways.iter().for_each(|way| syslog::check(dir.path(), way, count));
}
