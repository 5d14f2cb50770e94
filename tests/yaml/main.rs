//! go-audit's config, with the program: every variant of the example is taken by `check`, is the same when it is
//! read back as TOML, and makes `replay` write go-audit's lines, byte for byte (tests/golden has them, made by
//! its own encoder). What is wrong is refused with its place. tests/live/yaml.rs runs it on the kernel.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ringaudit::wire::tables::record_type_name;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const EXAMPLE: &str = include_str!("go-audit.yaml");
/// The example's output to standard output, and to a file.
const STDOUT: &str = "  stdout:\n    enabled: true\n    attempts: 2\n";
const FILE: &str = "  file:\n    enabled: false\n    attempts: 2\n    path: /var/log/go-audit/go-audit.log\n    mode: 0600\n";

/// How long nothing comes behind the last message: the program has ended.
const QUIET: Duration = Duration::from_millis(200);

struct Case {
    dir: tempfile::TempDir,
}

/// What the program said.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Case {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs the program; `DIR` is this case's folder.
    fn run(&self, words: &[&str]) -> Said {
        let words = words.iter().map(|word| word.replace("DIR", self.dir.path().to_str().unwrap()));
        let mut command = Command::new("timeout");
        command.arg("30").arg(env!("CARGO_BIN_EXE_ringaudit")).args(words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text =
            |bytes| String::from_utf8(bytes).unwrap().replace(self.dir.path().to_str().unwrap(), "DIR");
        Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// `check` of a YAML text: the TOML of it, which read back is the same, and what is said of it.
    fn check(&self, yaml: &str) -> (String, String) {
        let yaml = yaml.replace("DIR", self.dir.path().to_str().unwrap());
        self.file("go-audit.yaml", &yaml);
        let plain = self.run(&["check", "-config", "DIR/go-audit.yaml"]);
        assert_eq!(plain.code, Some(0), "{}", plain.stderr);
        let toml = self.run(&["check", "--toml", "-c", "DIR/go-audit.yaml"]);
        assert_eq!((toml.code, &toml.stderr), (Some(0), &plain.stderr));
        // The comments say where it is from, and what was said.
        let comments: String = toml
            .stdout
            .lines()
            .take_while(|line| line.starts_with('#'))
            .fold(String::new(), |text, line| text + line.trim_start_matches("# ") + "\n");
        let said: String =
            plain.stderr.lines().map(|line| line.replace("ringaudit: warning: ", "") + "\n").collect();
        assert_eq!(comments, format!("Made by ringaudit of DIR/go-audit.yaml.\n{said}"));
        assert_eq!(toml.stdout.split_once("\n\n").unwrap().1, plain.stdout);

        let toml = toml.stdout.replace("DIR", self.dir.path().to_str().unwrap());
        let toml = self.file("ringaudit.toml", &toml);
        let again = self.run(&["check", "-c", "DIR/ringaudit.toml"]);
        assert_eq!((again.code, &again.stdout), (Some(0), &plain.stdout), "{}", again.stderr);
        let of_yaml = ringaudit::config::read_file(&self.path("go-audit.yaml")).unwrap().config;
        assert_eq!(ringaudit::config::read_file(&toml).unwrap().config, of_yaml);
        (plain.stdout, plain.stderr)
    }

    /// What `replay` writes with a YAML config, to standard output.
    fn replay(&self, log: &str) -> String {
        self.file("audit.log", log);
        let said = self.run(&["replay", "-c", "DIR/go-audit.yaml", "DIR/audit.log"]);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        said.stdout
    }
}

/// Events that a kernel sent, as an audit.log, and go-audit's lines for them.
fn golden(name: &str) -> (String, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let read = |end: &str| fs::read_to_string(folder.join(format!("{name}.{end}"))).unwrap();
    let mut log = String::new();
    for line in read("records").lines().filter(|line| !line.starts_with('#')) {
        let (kind, text) = line.split_once(' ').unwrap();
        let text = text.replace("\\x20", " ").replace("\\\\", "\\");
        let kind = record_type_name(kind.parse().unwrap()).unwrap();
        log += &format!("type={kind} msg={text}\n");
    }
    (log, read("jsonl"))
}

/// Variants of the example, each with what it says on standard error but for its place.
fn variants() -> Vec<(&'static str, String, &'static str)> {
    let with = |from: &str, to: &str| {
        assert!(EXAMPLE.contains(from), "{from}");
        EXAMPLE.replace(from, to)
    };
    let upper = |line: &str| match line.split_once(':') {
        Some((key, rest)) if !key.contains(['#', ',']) => key.to_uppercase() + ":" + rest + "\n",
        _ => line.to_owned() + "\n",
    };
    let rules = EXAMPLE.find("rules:\n").unwrap();
    let filters = EXAMPLE.find("# Which events are dropped").unwrap();
    let (before, after) = (&EXAMPLE[..rules], &EXAMPLE[filters..]);
    vec![
        ("the example", EXAMPLE.to_owned(), ""),
        (
            "without attempts",
            with("    attempts: 2\n", "").replace("    attempts: 5\n", "").replace("    attempts: 3\n", ""),
            "",
        ),
        ("upper-case keys", EXAMPLE.lines().map(upper).collect(), ""),
        (
            "rules as one text",
            format!("{before}rules: |\n  -a exit,always -F arch=b64 -S execve\n  -e 1\n{after}"),
            "",
        ),
        ("one rule as a word", format!("{before}rules: -a exit,always -F arch=b64 -S execve\n{after}"), ""),
        ("rules in brackets", format!("{before}rules: [\"-e 1\", '-D']\n{after}"), ""),
        ("words for truth", with("    enabled: true", "    enabled: \"TRUE\""), ""),
        ("CRLF", EXAMPLE.replace('\n', "\r\n"), ""),
        ("a document's marker", format!("---\n{EXAMPLE}"), ""),
        ("least", "output: {stdout: {enabled: 1}}\nrules:\n- -e 1\n".to_owned(), ""),
        ("only what is asked", with("  receive: 16384", "").replace("  min: 1300\n  max: 1399\n", ""), ""),
        (
            "extras",
            with("docker: false", "docker: true"),
            "\"extras.containers.docker\" has no effect: no container daemon is asked",
        ),
        (
            "of an older version",
            format!("canary: true\n{EXAMPLE}"),
            "unknown key \"canary\" has no effect; the keys here are \"socket_buffer\", \"events\", \"message_tracking\", \"output\", \"log\", \"rules\", \"filters\" and \"extras\"",
        ),
    ]
}

#[test]
fn every_variant_is_taken_and_writes_go_audits_lines() {
    let names = ["real_execve", "real_open", "real_rename", "real_socket"];
    let (log, lines): (Vec<String>, Vec<String>) = names.iter().map(|name| golden(name)).unzip();
    // The filter takes connect, and not bind as in the example, since these events have one to IPv6.
    let dropped = |line: &&str| line.contains("syscall=42 ") && line.contains("saddr=0A");
    let (log, all) = (log.concat(), lines.concat());
    let left: String = all.split_inclusive('\n').filter(|line| !dropped(line)).collect();
    assert_eq!(all.lines().count(), left.lines().count() + 1);
    for (name, yaml, warning) in variants() {
        let case = Case::new();
        let yaml = yaml.replace("syscall: 49", "syscall: 42").replace("SYSCALL: 49", "SYSCALL: 42");
        let (toml, stderr) = case.check(&yaml);
        let message = stderr
            .split_once("yaml:")
            .and_then(|(_, rest)| rest.split_once(": "))
            .map_or("", |(_, message)| message);
        assert_eq!(message.trim_end(), warning, "{name}");
        let filtered = toml.contains("[[filter]]");
        assert_eq!(filtered, yaml.to_lowercase().contains("message_type"), "{name}");
        let expected = if filtered { &left } else { &all };
        // Not assert_eq: the lines are long.
        assert!(case.replay(&log) == *expected, "{name}: other lines");
    }
}

#[test]
fn a_file_is_written_with_its_mode() {
    let (log, lines) = golden("real_open");
    let group = Command::new("id").arg("-gn").output().unwrap().stdout;
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let (user, group) = (String::from_utf8(user).unwrap(), String::from_utf8(group).unwrap());
    let names = format!("    user: {user}    group: {group}");
    for (written, mode) in
        [("0600", 0o600), ("0644", 0o644), ("\"0640\"", 0o640), ("416", 0o640), ("", 0o600)]
    {
        let file = FILE.replace("false", "true").replace("/var/log/go-audit/go-audit.log", "DIR/out.log");
        let file = file.replace("0600", written);
        let yaml = EXAMPLE.replace(STDOUT, "").replace(FILE, &file);
        let yaml = yaml.replace("    user: root\n    group: root\n", &names);
        let case = Case::new();
        let (toml, stderr) = case.check(&yaml);
        assert_eq!(stderr, "", "{written}");
        assert!(toml.contains(&format!("mode = \"{mode:04o}\"\n")), "{written}: {toml}");
        assert_eq!(case.replay(&log), "");
        assert_eq!(fs::read_to_string(case.path("out.log")).unwrap(), lines, "{written}");
        let found = fs::metadata(case.path("out.log")).unwrap().mode() & 0o7777;
        assert_eq!(found, mode, "{written}");
    }
}

#[test]
fn more_than_one_output() {
    let (log, lines) = golden("real_rename");
    let file = FILE.replace("false", "true").replace("/var/log/go-audit/go-audit.log", "DIR/out.log");
    let yaml = EXAMPLE.replace(FILE, &file).replace("mode: 0600", "mode: 600");
    let case = Case::new();
    let (_, stderr) = case.check(&yaml);
    assert_eq!(
        stderr,
        "ringaudit: warning: DIR/go-audit.yaml:34:5: more than one output is enabled: all are written to; go-audit takes one\n\
         ringaudit: warning: DIR/go-audit.yaml:37:11: \"output.file.mode\" is 600, which is 1130 in octal, and makes the mode 0130 as in go-audit; did you mean 0600?\n"
    );
    assert_eq!(case.replay(&log), lines);
    assert_eq!(fs::read_to_string(case.path("out.log")).unwrap(), lines);
}

/// The example with another output than standard output: its block, enabled, with other values.
fn with_output(kind: &str, changes: &[(&str, &str)]) -> String {
    let begin = EXAMPLE.find(&format!("  {kind}:\n")).unwrap();
    let (before, block) = EXAMPLE.split_at(begin);
    let mut block = block.replacen("enabled: false", "enabled: true", 1);
    for (from, to) in changes {
        assert!(block.contains(from), "{from}");
        block = block.replacen(from, to, 1);
    }
    before.replace(STDOUT, "") + &block
}

/// What came at a socket of datagrams while `replay` ran.
fn received(
    case: &Case,
    log: &str,
    mut next: impl FnMut(&mut [u8]) -> std::io::Result<usize>,
) -> Vec<Vec<u8>> {
    assert_eq!(case.replay(log), "");
    let mut buffer = vec![0; 1 << 16];
    let mut all = Vec::new();
    while let Ok(length) = next(&mut buffer) {
        all.push(buffer[..length].to_vec());
    }
    all
}

#[test]
fn syslog_as_go_audit_sends_it() {
    let (log, lines) = golden("real_rename");
    let case = Case::new();
    let socket = UnixDatagram::bind(case.path("log")).unwrap();
    socket.set_read_timeout(Some(QUIET)).unwrap();
    let (toml, stderr) = case.check(&with_output("syslog", &[("/dev/log", "DIR/log")]));
    assert_eq!(stderr, "");
    for line in
        ["facility = \"local0\"", "severity = \"alert\"", "tag = \"audit-thing\"", "protocol = \"go-audit\""]
    {
        assert!(toml.contains(line), "{line}: {toml}");
    }
    let messages = received(&case, &log, |buffer| socket.recv(buffer));
    assert_eq!(messages.len(), lines.lines().count());
    for (message, line) in messages.iter().zip(lines.split_inclusive('\n')) {
        // <PRI>Jan _2 15:04:05 tag[pid]: JSON
        let message = std::str::from_utf8(message).unwrap();
        let rest = message.strip_prefix("<129>").unwrap();
        let (time, rest) = rest.split_at(15);
        assert!(time.as_bytes()[3] == b' ' && time.as_bytes()[9] == b':', "{time}");
        let rest = rest.strip_prefix(" audit-thing[").unwrap();
        let (pid, json) = rest.split_once("]: ").unwrap();
        assert!(pid.parse::<u32>().is_ok());
        assert!(json == line, "another line");
    }
    // Over a network, and what is there without keys.
    let (toml, _) = case.check(&with_output(
        "syslog",
        &[
            ("network: unixgram", "network: udp4"),
            ("/dev/log", "127.0.0.1:514"),
            ("    priority: 129", "    #"),
            ("    tag: \"audit-thing\"\n", ""),
        ],
    ));
    for line in
        ["network = \"udp\"", "address = \"127.0.0.1:514\"", "severity = \"warning\"", "tag = \"go-audit\""]
    {
        assert!(toml.contains(line), "{line}: {toml}");
    }
    let (toml, stderr) =
        case.check(&with_output("syslog", &[("    network: unixgram\n", ""), ("/dev/log", "/x")]));
    assert!(
        toml.contains("address = \"/dev/log\"") && stderr.contains("has no effect without a \"network\""),
        "{stderr}"
    );
}

#[test]
fn gelf_as_go_audit_sends_it() {
    let (log, lines) = golden("real_rename");
    let case = Case::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(QUIET)).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let (_, stderr) = case
        .check(&with_output("gelf", &[("localhost:12201", &address), ("      type: 0", "      type: 2")]));
    assert_eq!(stderr, "");
    let datagrams = received(&case, &log, |buffer| socket.recv(buffer));
    let (mut messages, mut chunks) = (Vec::new(), Vec::new());
    for datagram in datagrams {
        // 0x1e 0x0f, an id of 8 bytes, number and count.
        let Some(chunk) = datagram.strip_prefix(&[0x1e, 0x0f]) else {
            messages.push(datagram);
            continue;
        };
        assert!(datagram.len() <= 1420);
        chunks.extend_from_slice(&chunk[10..]);
        if chunk[8] + 1 == chunk[9] {
            messages.push(std::mem::take(&mut chunks));
        }
    }
    assert_eq!(messages.len(), lines.lines().count());
    for (message, line) in messages.iter().zip(lines.lines()) {
        let message: serde_json::Value = serde_json::from_slice(message).unwrap();
        assert_eq!((message["version"].as_str(), message["level"].as_u64()), (Some("1.1"), Some(6)));
        let short = message["short_message"].as_str().unwrap().trim_end();
        assert!(short == line, "another line");
    }
    let (toml, _) = case.check(&with_output("gelf", &[("      type: 0", "      type: 1")]));
    assert!(toml.contains("compression = \"zlib\"") && toml.contains("payload = \"line\""), "{toml}");
    let (toml, _) = case.check(&with_output("gelf", &[("network: udp", "network: tcp")]));
    assert!(toml.contains("network = \"tcp\"\naddress = \"localhost:12201\""), "{toml}");
    case.file("go-audit.yaml", &with_output("gelf", &[("    address: localhost:12201\n", "")]));
    let said = case.run(&["check", "-c", "DIR/go-audit.yaml"]);
    assert!(
        said.code == Some(2) && said.stderr.contains("\"output.gelf.address\" is missing"),
        "{}",
        said.stderr
    );
}

/// Which of the two a file is.
#[test]
fn a_file_is_yaml_by_its_name_or_by_its_beginning() {
    let small = "# said\n\nOutput:\n  stdout: {enabled: true}\nrules: [-e 1]\n";
    let case = Case::new();
    for name in ["a.yaml", "a.yml", "a.conf", "a"] {
        case.file(name, small);
        let said = case.run(&["check", "-c", &format!("DIR/{name}")]);
        assert_eq!(said.code, Some(0), "{name}: {}", said.stderr);
    }
    for (name, text, message) in [
        ("b.toml", small, "3:7: not valid TOML: "),
        ("b.conf", "[ring]\nsize_kib: 1\n", "2:9: not valid TOML: "),
        ("b.yaml", "[ring]\nsize_kib = 64\n", "2:1: "),
    ] {
        case.file(name, text);
        let said = case.run(&["check", "-c", &format!("DIR/{name}")]);
        let expected = format!("ringaudit: DIR/{name}:{message}");
        assert!(said.code == Some(2) && said.stderr.starts_with(&expected), "{name}: {}", said.stderr);
    }
}

/// Broken YAML, with the line, the column and the message.
#[test]
fn broken_yaml() {
    let invalid = "not valid YAML: ";
    let refused = ", which is not taken in a go-audit config";
    let goes_on =
        format!("{invalid}the line above goes on here; indent a key or an item as its neighbours are");
    let cases = [
        ("output:\n\tstdout: 1\n", 2, 1, format!("{invalid}a tab can't indent; use blanks")),
        ("rules:\n  - -e 1\n - -b 1\n", 3, 2, format!("{invalid}the indentation fits nothing above it")),
        ("events:\n  min: 1\n   max: 2\n", 3, 4, goes_on.clone()),
        ("events:\n  min: [1]\n   max: 2\n", 3, 4, format!("{invalid}the indentation fits nothing above it")),
        (
            "log: {flags: 0\nrules: []\n",
            2,
            1,
            format!("{invalid}a bracket is not closed, or this is not indented far enough"),
        ),
        ("log: {flags: 0\n", 2, 1, format!("{invalid}a bracket is not closed")),
        ("rules: [a b\n  c]\n", 2, 3, format!("{invalid}a comma or ']' must stand here")),
        ("log: {flags}\n", 1, 12, format!("{invalid}a colon must stand here, as in \"{{name: value}}\"")),
        (
            "events:\n  min: 1\n  max\n",
            3,
            3,
            format!("{invalid}a key with a colon behind it must stand here, as in \"name: value\""),
        ),
        (
            "tag: \"a\\qb\"\n",
            1,
            8,
            format!("{invalid}a backslash escape that is none; in single quotes it is a backslash"),
        ),
        ("tag: 'a\n  b'\n", 1, 6, format!("a quote that does not end on its line{refused}")),
        (
            "tag: 'a' b\n",
            1,
            10,
            format!("{invalid}the line goes on behind the value; put the whole of it in quotes"),
        ),
        ("a: b: c\n", 1, 5, format!("{invalid}a colon before a blank ends a key; put the text in quotes")),
        (
            "rules: - -e 1\n",
            1,
            8,
            format!("{invalid}a list can't begin on the line of its key; put it on the next one"),
        ),
        ("tag: @x\n", 1, 6, format!("{invalid}text can't begin with '@'; put it in quotes")),
        ("a: &x 1\n", 1, 4, format!("an anchor or alias{refused}")),
        ("a: *x\n", 1, 4, format!("an anchor or alias{refused}")),
        ("a: !!str 1\n", 1, 4, format!("a tag{refused}")),
        ("%YAML 1.2\n---\n", 1, 1, format!("a directive{refused}")),
        ("? a\n: b\n", 1, 1, format!("a key that begins with \"?\"{refused}")),
        ("a: 1\n---\nb: 2\n", 2, 1, format!("more than one document{refused}")),
        ("a: |2\n  x\n", 1, 5, format!("an indentation number{refused}")),
        ("ä: \"\u{7}\"\n", 1, 5, format!("{invalid}a control character")),
        ("a: b\n  - c\n", 2, 3, goes_on.clone()),
    ];
    let case = Case::new();
    for (text, line, column, message) in cases {
        case.file("go-audit.yaml", text);
        for command in ["run", "check"] {
            let said = case.run(&[command, "-c", "DIR/go-audit.yaml"]);
            let expected = format!("ringaudit: DIR/go-audit.yaml:{line}:{column}: {message}\n");
            assert_eq!((said.code, said.stdout.as_str(), said.stderr), (Some(2), "", expected), "{text}");
        }
    }
    let deep = "a: ".to_owned() + &"[".repeat(40);
    case.file("go-audit.yaml", &deep);
    let said = case.run(&["check", "-c", "DIR/go-audit.yaml"]);
    assert!(said.stderr.contains(":1:3") && said.stderr.contains("so deep a nesting"), "{}", said.stderr);
}

/// What is wrong behind the YAML: all of it at once, rules and regexes too.
#[test]
fn all_that_is_wrong_is_told_together() {
    let text = "output:\n  stdout:\n    enabled: maybe\nrules:\n  - -a always,exit -S nosuchcall\nevents:\n  min: x\n";
    let case = Case::new();
    case.file("go-audit.yaml", text);
    let said = case.run(&["check", "-c", "DIR/go-audit.yaml"]);
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "ringaudit: DIR/go-audit.yaml:3:14: \"output.stdout.enabled\" must be true or false, not \"maybe\"",
            "ringaudit: DIR/go-audit.yaml:7:8: \"events.min\" must be a whole number, not \"x\"",
        ]
    );
    let text = "output:\n  stdout: {enabled: true}\nrules:\n  - -w relative -p wa\nfilters:\n  - {regex: '(', message_type: 1300}\n";
    case.file("go-audit.yaml", text);
    let said = case.run(&["check", "-c", "DIR/go-audit.yaml"]);
    let places: Vec<&str> = said.stderr.lines().filter_map(|line| line.get(..32)).collect();
    assert_eq!(
        places,
        ["ringaudit: DIR/go-audit.yaml:4:8", "ringaudit: DIR/go-audit.yaml:6:1"],
        "{}",
        said.stderr
    );
}
