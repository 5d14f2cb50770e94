//! The format `raw` and `replay` beside Debian's auditd on this machine's kernel: the same lines byte for byte, the
//! same meanings, and replay as auditd's plugin. Needs what tests/live needs, and auditd.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
#[path = "live/flood.rs"]
mod flood;
#[allow(dead_code)]
#[path = "live/machine.rs"]
mod machine;

use machine::{Machine, wait};
use ringaudit::capture::control::Control;
use ringaudit::wire::Transport;
use ringaudit::wire::status::Field;
use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_ringaudit");
/// USER_LOGIN and ADD_GROUP, include/uapi/linux/audit.h and libaudit.h.
const USER_LOGIN: u16 = 1112;
const ADD_GROUP: u16 = 1116;
/// The last message: what was made before it is there when it is.
const LAST: &str = "the end of the load";

/// What user space may write: odd bytes, odd words, and what libauparse makes of them.
const MESSAGES: [(u16, &[u8]); 15] = [
    (USER_LOGIN, b"op=login id=0 exe=\"/bin/x\" res=success"),
    (USER_LOGIN, b"op=login id=1000, uid=5: (gid=7) auid=-1 x"),
    (USER_LOGIN, b"op=PAM id=? acct=\"x\" uid=abc gid=99999999999999999999999 ID=5 Uid=6"),
    (USER_LOGIN, b"new\nline\nuid=3 "),
    (USER_LOGIN, b"trailing blanks  "),
    (USER_LOGIN, b"trailing newline\n"),
    (USER_LOGIN, b"tab\there \xff\xc3\xa4 \x01\x1b uid=1"),
    (ADD_GROUP, b"op=add-group id=7 res=success"),
    (USER_LOGIN, b"saddr=0200000A7F0000010000000000000000 arch=c000003e syscall=59 y"),
    (
        USER_LOGIN,
        b"saddr=0A0000090000000000000000000000000000000001020304000000000000 saddr=0100 saddr=FF00 z",
    ),
    (USER_LOGIN, b"arch=40000028 arch=c00000b7 arch=40000003 arch=8 arch=zz arch=14"),
    (USER_LOGIN, b"uid=0)  gid=(none) gid=(null) auid=+5 auid= 7 old-auid=65534 obj_gid=33 egid=65530 x"),
    (USER_LOGIN, b"avc:  denied  { a b } for uid=0 gid=5 x"),
    (USER_LOGIN, b"quote'uid=7' uid='8' \"uid=9\" uid=\"10\" x=y"),
    (USER_LOGIN, b"x"),
];

/// The system calls: in a process of its own, so that the rule names it and nothing else.
#[test]
fn load() {
    let Ok(dir) = std::env::var("RINGAUDIT_TEST_LOAD") else { return };
    for name in ["with a blank", "q\"uote", "ä", "plain"] {
        let _ = fs::File::open(format!("{dir}/none/{name}"));
    }
    for address in ["127.0.0.1:9", "[::1]:9"] {
        let _ = TcpStream::connect(address);
        let _ = UdpSocket::bind(address);
    }
    UnixListener::bind(format!("{dir}/socket")).unwrap();
    let _ = UnixDatagram::unbound().unwrap().connect(format!("{dir}/a socket that is not there"));
    let _ = Command::new(format!("{dir}/none")).arg("an argument").arg("x".repeat(5000)).spawn();
    fs::set_permissions(format!("{dir}/socket"), fs::Permissions::from_mode(0o600)).unwrap();
}

fn rule(machine: &Machine) -> String {
    let calls = "openat,connect,bind,execve,chmod,fchmodat,unlink";
    format!("-a always,exit -F arch=b64 -S {calls} -F exe={} -k raw", machine.flood.path().display())
}

/// Makes all that is made, and the last message.
fn make(machine: &Machine, dir: &Path) {
    let _ = fs::remove_file(dir.join("socket"));
    let mut command = Command::new(machine.flood.path());
    command.args(["--exact", "load"]).env("RINGAUDIT_TEST_LOAD", dir).env_remove("LD_LIBRARY_PATH");
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    let mut control = Control::open().unwrap();
    for (kind, text) in MESSAGES.into_iter().chain([(USER_LOGIN, LAST.as_bytes())]) {
        // The kernel takes the last byte for the end of a string.
        control.request(kind, &[text, b"\0"].concat()).unwrap();
    }
}

fn wait_for_last(log: &Path) {
    wait("the last message", || {
        let text = fs::read(log).unwrap_or_default();
        text.ends_with(b"\n") && text.windows(LAST.len()).any(|part| part == LAST.as_bytes())
    });
}

/// A daemon, ended by SIGTERM.
struct Daemon(Child);

impl Daemon {
    fn start(machine: &mut Machine, command: &mut Command) -> Self {
        let mut daemon = Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        wait("the daemon's start", || {
            assert!(daemon.0.try_wait().unwrap().is_none(), "the daemon ended at its start");
            machine.status().pid == daemon.0.id()
        });
        daemon
    }

    fn stop(mut self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        wait("the daemon's end", || self.0.try_wait().unwrap().is_some());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What auditd writes of the load, in this format, with these plugins.
fn auditd(machine: &mut Machine, dir: &Path, format: &str, plugin: Option<&str>) -> Vec<u8> {
    let write = |name: &str, text: &str| {
        fs::write(dir.join(name), text).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o640)).unwrap();
    };
    let shown = dir.display();
    write(
        "auditd.conf",
        &format!(
            "log_file = {shown}/audit.log\nlog_format = {format}\nlog_group = root\nflush = NONE\nmax_log_file = 200\n\
             max_log_file_action = ignore\nspace_left = 2\nadmin_space_left = 1\nspace_left_action = ignore\n\
             admin_space_left_action = ignore\ndisk_full_action = ignore\ndisk_error_action = ignore\n\
             plugin_dir = {shown}/plugins\n"
        ),
    );
    fs::create_dir_all(dir.join("plugins")).unwrap();
    fs::set_permissions(dir.join("plugins"), fs::Permissions::from_mode(0o750)).unwrap();
    if let Some(text) = plugin {
        write("plugins/ringaudit.conf", text);
    }
    let mut command = Command::new("auditd");
    command.args(["-n", "-s", "nochange", "-c"]).arg(dir).stderr(Stdio::null());
    let daemon = Daemon::start(machine, &mut command);
    machine.set(Field::Enabled, 1);
    machine.set(Field::BacklogLimit, 8192);
    let added = Command::new("auditctl").args(rule(machine).split(' ')).status().unwrap();
    assert!(added.success());
    make(machine, dir);
    wait_for_last(&dir.join("audit.log"));
    if plugin.is_some() {
        wait_for_last(&dir.join("plugin.jsonl"));
    }
    daemon.stop();
    fs::read(dir.join("audit.log")).unwrap()
}

/// Without what only the living system can tell.
const ENRICH_OFF: &str = "[enrich]\nprocess = false\nscript = false\ncontainer = false\nunit = false\nenv = []\ninode_path = false\n";

/// What ringaudit writes of the load, in the formats raw and json.
fn ringaudit(machine: &mut Machine, dir: &Path) -> (Vec<u8>, Vec<u8>) {
    let shown = dir.display();
    let config = format!(
        "{ENRICH_OFF}[rules]\nat_exit = \"remove\"\nlines = ['{}']\n\
         [[output]]\ntype = \"file\"\nformat = \"raw\"\npath = '{shown}/raw'\n\
         [[output]]\ntype = \"file\"\nformat = \"json\"\npath = '{shown}/json'\n",
        rule(machine)
    );
    fs::write(dir.join("config.toml"), config).unwrap();
    let mut command = Command::new(BINARY);
    let daemon = Daemon::start(machine, command.arg("-c").arg(dir.join("config.toml")).stderr(Stdio::null()));
    wait("the rule", || !machine.own_rules().is_empty());
    make(machine, dir);
    wait_for_last(&dir.join("raw"));
    wait_for_last(&dir.join("json"));
    daemon.stop();
    (fs::read(dir.join("raw")).unwrap(), fs::read(dir.join("json")).unwrap())
}

fn replay(words: &[&Path]) -> Vec<u8> {
    let output = Command::new(BINARY).arg("replay").args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn lines(log: &[u8]) -> Vec<&[u8]> {
    log.strip_suffix(b"\n").unwrap().split(|&byte| byte == b'\n').collect()
}

fn shown(line: &[u8]) -> String {
    line.escape_ascii().to_string().replace("\\\"", "\"")
}

#[test]
fn the_meanings_of_an_enriched_log_are_auditds() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let log = auditd(&mut machine, dir.path(), "ENRICHED", None);
    drop(machine);
    let lines = lines(&log);
    let plain: Vec<&[u8]> =
        lines.iter().map(|line| line.split(|&byte| byte == 0x1d).next().unwrap()).collect();
    let (plain_log, config) = (dir.path().join("plain.log"), dir.path().join("config.toml"));
    fs::write(&plain_log, [&plain.join(&b'\n')[..], b"\n"].concat()).unwrap();
    fs::write(&config, "[raw]\nenriched = true\n[[output]]\ntype = \"stdout\"\nformat = \"raw\"\n").unwrap();
    let ours = replay(&[Path::new("-c"), &config, &plain_log]);
    // Records of one event stand together here, so the order may be another one.
    let mut ours = self::lines(&ours);
    let mut theirs = lines.clone();
    ours.sort_unstable();
    theirs.sort_unstable();
    for (our, their) in ours.iter().zip(&theirs) {
        assert_eq!(shown(our), shown(their));
    }
    assert_eq!(ours.len(), theirs.len());
    let seen = |what: &str| theirs.iter().filter(|line| shown(line).contains(what)).count();
    for (what, least) in [
        ("SYSCALL=openat ", 4),
        ("SYSCALL=connect ", 3),
        ("SADDR={ saddr_fam=inet laddr=127.0.0.1 lport=9 }", 1),
        ("SADDR={ saddr_fam=inet6 laddr=::1 lport=9 }", 1),
        ("SADDR={ saddr_fam=local path=", 2),
        ("OGID=\"root\"", 1),
        ("UID=\"root\"", 30),
    ] {
        assert!(seen(what) >= least, "{what} {} times", seen(what));
    }
}

/// The messages' lines, without their stamps, which differ.
fn messages(log: &[u8]) -> Vec<String> {
    let is_message =
        |line: &&[u8]| line.starts_with(b"type=USER_LOGIN") || line.starts_with(b"type=ADD_GROUP");
    let text = |line: &[u8]| shown(line).split_once("): ").unwrap().1.to_owned();
    lines(log).into_iter().filter(is_message).map(text).collect()
}

/// Of the load's system calls each record's type and its fields that do not change from run to run.
fn calls(log: &[u8]) -> Vec<String> {
    let varies = ["ppid=", "pid=", "a0=", "a1=", "a2=", "a3=", "inode=", "exit="];
    let mut serials = BTreeMap::new();
    for line in lines(log) {
        let line = shown(line);
        let (head, fields) = line.split_once("): ").unwrap();
        let (kind, stamp) = head.split_once(" msg=").unwrap();
        let fields: Vec<&str> =
            fields.split(' ').filter(|word| !varies.iter().any(|start| word.starts_with(start))).collect();
        let serial: u64 = stamp.rsplit(':').next().unwrap().parse().unwrap();
        let event: &mut Vec<String> = serials.entry(serial).or_default();
        event.push(format!("{kind} {}", fields.join(" ")));
    }
    serials.retain(|_, records| records[0].starts_with("type=SYSCALL") && records[0].contains("key=\"raw\""));
    serials.into_values().map(|records| records.join("\n")).collect()
}

#[test]
fn raw_lines_are_auditds_byte_for_byte() {
    let mut machine = Machine::take();
    // One folder, so that the paths in the records are the same.
    let dir = tempfile::tempdir().unwrap();
    let theirs = auditd(&mut machine, dir.path(), "RAW", None);
    let removed = Command::new("auditctl").args(rule(&machine).replacen("-a", "-d", 1).split(' ')).status();
    assert!(removed.unwrap().success());
    let (ours, _) = ringaudit(&mut machine, dir.path());
    drop(machine);
    let (our, their) = (messages(&ours), messages(&theirs));
    assert_eq!(our, their);
    assert_eq!(our.len(), MESSAGES.len() + 1);
    let (our, their) = (calls(&ours), calls(&theirs));
    // The test program's own openings at its start need not be the same.
    let is_load = |event: &&String| event.contains(dir.path().to_str().unwrap()) || event.contains("saddr=");
    let (our, their): (Vec<_>, Vec<_>) =
        (our.iter().filter(is_load).collect(), their.iter().filter(is_load).collect());
    assert!(our.len() >= 9, "{our:#?}");
    assert_eq!(our, their);
}

#[test]
fn our_raw_log_replayed_is_the_json_of_the_capture() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let (raw, json) = ringaudit(&mut machine, dir.path());
    drop(machine);
    let config = dir.path().join("replay.toml");
    fs::write(&config, ENRICH_OFF).unwrap();
    let replayed = replay(&[Path::new("-c"), &config, &dir.path().join("raw")]);
    // A newline in a message is a blank in a log, auditd's and ours: that message is another one then.
    let newlines = ["uid=3 ", "auid\":\"3\"", "trailing newline"];
    let is_same = |line: &&[u8]| !newlines.iter().any(|text| shown(line).contains(text));
    let same = |json| -> Vec<&[u8]> { lines(json).into_iter().filter(is_same).collect() };
    let (replayed, json) = (same(&replayed), same(&json));
    for (ours, captured) in replayed.iter().zip(&json) {
        assert_eq!(shown(ours), shown(captured));
    }
    assert_eq!(replayed.len(), json.len());
    assert!(json.len() > MESSAGES.len() + 10);
    fs::write(dir.path().join("again"), &raw).unwrap();
    assert_eq!(replay(&[Path::new("-f"), Path::new("raw"), &dir.path().join("again")]), raw);
}

/// Whether a process executes this file. One that has ended and was not buried yet has no program.
fn is_running(program: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| fs::read_link(entry.path().join("exe")).ok()).any(|exe| exe == program)
}

#[test]
fn as_auditds_plugin_it_writes_what_the_log_has() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    // The plugin file of contrib/, with the paths of this test.
    let binary = dir.path().canonicalize().unwrap().join("ringaudit");
    fs::copy(BINARY, &binary).unwrap();
    let config = dir.path().join("plugin.toml");
    let output = include_str!("../contrib/ringaudit-plugin.toml");
    let path = dir.path().join("plugin.jsonl");
    let output = output.replace("/var/log/audit/ringaudit.jsonl", path.to_str().unwrap());
    assert!(output.contains(path.to_str().unwrap()));
    fs::write(&config, output).unwrap();
    let plugin = include_str!("../contrib/ringaudit-plugin.conf")
        .replace("/usr/local/sbin/ringaudit", binary.to_str().unwrap())
        .replace("/etc/ringaudit-plugin.toml", config.to_str().unwrap());
    auditd(&mut machine, dir.path(), "RAW", Some(&plugin));
    drop(machine);
    wait("the plugin's end", || !is_running(&binary));
    let by_id = |json: &[u8]| -> BTreeMap<String, String> {
        let id = |line: &[u8]| shown(line).split('"').nth(3).unwrap().to_owned();
        lines(json).into_iter().map(|line| (id(line), shown(line))).collect()
    };
    let theirs = by_id(&replay(&[&dir.path().join("audit.log")]));
    let ours = by_id(&fs::read(&path).unwrap());
    assert!(ours.len() > MESSAGES.len() + 10);
    // auditd may start its plugins after it wrote its own start. At its end it waits 10 ms for them, and throws away
    // what they have not read by then.
    let missing: Vec<_> =
        theirs.iter().filter(|(id, _)| !ours.contains_key(*id)).map(|(_, line)| line).collect();
    let is_of_auditd = |line: &&String| line.contains("DAEMON_START") || line.contains("DAEMON_END");
    assert!(missing.iter().all(is_of_auditd), "{missing:#?}");
    for (id, line) in &ours {
        assert_eq!(Some(line), theirs.get(id));
    }
}
