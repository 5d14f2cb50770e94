//! Graylog's own GELF reader (Debian's golang-github-graylog2-go-gelf-dev).

use crate::{PATIENCE, Running, events, feed, free_port, syslog, wait};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Where Debian has its packages of Go.
const GOPATH: &str = "/usr/share/gocode";
const PACKAGE: &str = "src/github.com/Graylog2/go-gelf/gelf";

/// Builds the reader, once for all tests.
fn built() -> &'static Path {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers_outputs");
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (program, overlay) = (dir.join("graylog-reader"), dir.join("graylog-overlay.json"));
        let added = Path::new(GOPATH).join(PACKAGE).join("open.go");
        let text =
            serde_json::json!({"Replace": {added.to_str().unwrap(): ours.join("open.go").to_str().unwrap()}});
        std::fs::write(&overlay, text.to_string()).unwrap();
        let mut command = Command::new("go");
        command
            .env("GOPATH", GOPATH)
            .env("GO111MODULE", "off")
            .env("GOFLAGS", "")
            .env("GOCACHE", dir.join("go-cache"));
        command.args(["build", "-overlay"]).arg(overlay).arg("-o").arg(&program).arg(ours.join("reader.go"));
        assert!(command.status().expect("go: apt-get install golang-go").success());
        program
    })
}

pub(crate) fn start(dir: &Path, network: &str, address: &str, name: &str) -> Running {
    let mut command = Command::new(built());
    let log = dir.join(format!("{name}.log"));
    command
        .args([network, address])
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(dir.join(name)).unwrap());
    let mut running = Running(command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap());
    wait("the reader's start", || {
        let said = std::fs::read_to_string(&log).unwrap();
        assert!(!running.has_ended(), "{said}");
        said.contains("reading")
    });
    running
}

/// One output and its reader.
struct Way {
    name: &'static str,
    network: &'static str,
    host: &'static str,
    keys: &'static str,
}

/// What the reader must have of a message of fields.
fn check_fields(name: &str, message: &Value, line: &Value) {
    let extra = &message["extra"];
    let (syscall, serial) = (&line["SYSCALL"], serial_of(line));
    assert_eq!(message["short"], "root executed /usr/bin/perl", "{name}");
    for (field, value) in [
        ("_event_id", &line["ID"]),
        ("_key", &syscall["key"]),
        ("_exe", &syscall["exe"]),
        ("_comm", &syscall["comm"]),
        ("_auid", &syscall["auid"]),
        ("_uid", &syscall["uid"]),
        ("_uid_name", &syscall["UID"]),
        ("_syscall", &syscall["SYSCALL"]),
        ("_success", &syscall["success"]),
        ("_exit", &syscall["exit"]),
        ("_pid", &syscall["pid"]),
        ("_ppid", &syscall["ppid"]),
        ("_cwd", &line["CWD"]["cwd"]),
        ("_path", &line["PATH"][0]["name"]),
    ] {
        assert_eq!(&extra[field], value, "{name}: {field} of event {serial}");
    }
    let argv: Vec<&str> =
        line["EXECVE"]["ARGV"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(argv[2], "ä\"%0a<", "the test's own argument");
    assert_eq!(extra["_argv"], format!("{} {} ä\"\n<", argv[0], argv[1]), "{name}: event {serial}");
    assert_eq!(extra.get("_truncated"), None);
}

fn serial_of(line: &Value) -> u64 {
    line["ID"].as_str().unwrap().split_once(':').unwrap().1.parse().unwrap()
}

fn check(dir: &Path, way: &Way, lines: &[String], count: u64) {
    let text = std::fs::read_to_string(dir.join(way.name)).unwrap();
    let mut seen = vec![false; lines.len()];
    for row in text.lines() {
        let message: Value = serde_json::from_str(row).unwrap();
        let time = message["time"].as_f64().unwrap();
        let fields = !way.keys.contains("line");
        let id = match fields {
            true => message["extra"]["_event_id"].as_str().unwrap().to_owned(),
            false => {
                let line: Value = serde_json::from_str(message["short"].as_str().unwrap()).unwrap();
                line["ID"].as_str().unwrap().to_owned()
            }
        };
        let serial: u64 = id.split_once(':').unwrap().1.parse().unwrap();
        let line = &lines[usize::try_from(serial).unwrap() - 1];
        assert!(
            !std::mem::replace(&mut seen[usize::try_from(serial).unwrap() - 1], true),
            "{}: twice",
            way.name
        );
        assert!((time - feed::millis(serial) as f64 / 1000.0).abs() < 0.0005, "{}: {time}", way.name);
        assert_eq!(
            (&message["version"], &message["level"]),
            (&Value::from("1.1"), &Value::from(6)),
            "{}",
            way.name
        );
        assert_eq!(message["host"], "web1", "{}", way.name);
        if fields {
            check_fields(way.name, &message, &serde_json::from_str(line).unwrap());
        } else {
            assert_eq!(message["short"].as_str().unwrap(), line, "{}", way.name);
        }
    }
    let got = seen.iter().filter(|seen| **seen).count() as u64;
    let log = std::fs::read_to_string(dir.join(format!("{}.log", way.name))).unwrap();
    assert_eq!(got, count, "{}: some are missing: {log}", way.name);
    println!("{}: {got} of {count} messages", way.name);
}

/// Issue 5, "Show", 2.
#[test]
fn graylog_s_reader_gets_all_by_each_transport() {
    let ways = [
        Way { name: "udp-gzip", network: "udp", host: "127.0.0.1", keys: "" },
        Way { name: "udp-zlib", network: "udp", host: "[::1]", keys: "compression = 'zlib'" },
        Way { name: "udp-none", network: "udp", host: "[::1]", keys: "compression = 'none'" },
        Way {
            name: "udp-line",
            network: "udp",
            host: "127.0.0.1",
            keys: "compression = 'none'\npayload = 'line'",
        },
        Way { name: "tcp", network: "tcp", host: "[::1]", keys: "" },
        Way { name: "tcp-line", network: "tcp", host: "127.0.0.1", keys: "payload = 'line'" },
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut text = format!("[[output]]\ntype = \"file\"\npath = {:?}\n", dir.path().join("lines"));
    let mut readers = Vec::new();
    for Way { name, network, host, keys } in &ways {
        let address = format!("{host}:{}", free_port());
        readers.push(start(dir.path(), network, &address, name));
        text += &format!(
            "[[output]]\ntype = \"gelf\"\nnetwork = \"{network}\"\naddress = \"{address}\"\nhostname = \"web1\"\n{keys}\n"
        );
    }
    let count = events();
    // 30 KB: some 20 chunks.
    feed::replay(dir.path(), &text, count, 30_000);
    let begun = Instant::now();
    let all = || ways.iter().all(|way| syslog::rows(&dir.path().join(way.name)) >= count);
    while !all() && begun.elapsed() < PATIENCE / 3 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(readers);
    let text = std::fs::read_to_string(dir.path().join("lines")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_by_key(|line| serial_of(&serde_json::from_str(line).unwrap()));
    ways.iter().for_each(|way| check(dir.path(), way, &lines, count));
}
