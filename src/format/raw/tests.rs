use super::*;
use crate::config;
use crate::event::Sink;
use crate::event::assemble::Assembler;
use crate::event::own::Own;
use crate::wire::logline;
use ringaudit_facts::stats::Stats;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PLAIN: Settings = Settings { node: false, enriched: false };
const NODE: Settings = Settings { node: true, enriched: false };
const ENRICHED_ON: Settings = Settings { node: false, enriched: true };

struct Shown {
    settings: Settings,
    text: String,
}

impl Sink for Shown {
    fn event(&mut self, event: &Event<'_>) {
        let mut line = Line::new(64 * 1024).unwrap();
        write(event, &self.settings, b"host", &Names::new(Instant::now()), true, &mut line);
        assert!(!line.overflowed());
        self.text.push_str(&String::from_utf8_lossy(line.as_bytes()));
    }
}

/// The lines of one captured record, without the part that all have.
fn captured(settings: Settings, kind: u16, fields: &str) -> String {
    let mut own = Own::new(Duration::from_millis(1_002));
    own.record(RecordType(kind), format_args!("{fields}"));
    let mut shown = Shown { settings, text: String::new() };
    shown.event(&own.event());
    shown.text.replace(" msg=audit(1.002:0): ", "|")
}

/// What is appended to a record, which must stand before it as it was.
fn appended(kind: u16, fields: &str) -> String {
    let text = captured(ENRICHED_ON, kind, fields);
    let (_, text) = text.split_once('|').unwrap();
    let suffix = text.strip_prefix(fields).unwrap().strip_suffix('\n').unwrap();
    suffix.replace('\x1d', "^")
}

/// What comes of a log's lines.
fn replayed(settings: Settings, log: &str) -> String {
    let mut assembler = Assembler::for_log(&config::Event::default(), Arc::new(Stats::default())).unwrap();
    let mut shown = Shown { settings, text: String::new() };
    for line in log.lines() {
        assembler.add_line(&logline::parse(line.as_bytes()).unwrap(), Instant::now(), &mut shown);
    }
    assembler.finish(&mut shown);
    shown.text
}

#[test]
fn a_record_is_trimmed_as_auditd_trims_it() {
    assert_eq!(captured(PLAIN, 1300, "arch=c000003e a=b"), "type=SYSCALL|arch=c000003e a=b\n");
    assert_eq!(captured(PLAIN, 1302, "a=b "), "type=PATH|a=b\n");
    assert_eq!(captured(PLAIN, 1302, "a=b  "), "type=PATH|a=b \n", "one blank, no more");
    assert_eq!(captured(PLAIN, 1112, "msg='a\nb'\n"), "type=USER_LOGIN|msg='a b'\n");
    assert_eq!(captured(PLAIN, 1112, "msg='a\0b'"), "type=USER_LOGIN|msg='a\n");
    assert_eq!(captured(PLAIN, 1112, "msg='\t\u{1b}ä'"), "type=USER_LOGIN|msg='\t\u{1b}ä'\n");
    assert_eq!(captured(PLAIN, 1320, ""), "type=EOE|\n");
    // With a node's name auditd ends the line before it trims: the blank stays.
    assert_eq!(captured(NODE, 1302, "a=b "), "node=host type=PATH|a=b \n");
}

#[test]
fn types_that_auditd_does_not_know_go_by_number() {
    assert_eq!(captured(PLAIN, 1345, "a=b"), "type=UNKNOWN[1345]|a=b\n");
    assert_eq!(captured(PLAIN, 1423, "a=b"), "type=UNKNOWN[1423]|a=b\n", "LANDLOCK_ACCESS");
    assert_eq!(captured(PLAIN, 1419, "a=b"), "type=MAC_CALIPSO_DEL|a=b\n");
}

/// Taken from a log that auditd 3.0.9 wrote with log_format = ENRICHED.
#[test]
fn meanings_are_auditds() {
    let call = "success=no exit=-14 a0=2 a1=10000000 a2=0 a3=0";
    assert_eq!(appended(1300, &format!("arch=c000003e syscall=59 {call}")), "^ARCH=x86_64 SYSCALL=execve");
    assert_eq!(appended(1300, &format!("arch=c000003e syscall=17 {call}")), "^ARCH=x86_64 SYSCALL=pread");
    assert_eq!(
        appended(1300, &format!("arch=40000003 syscall=102 {call}")),
        "^ARCH=i386 SYSCALL=socketcall(bind)"
    );
    assert_eq!(
        appended(1300, &format!("arch=40000003 syscall=117 {call}")),
        "^ARCH=i386 SYSCALL=ipc(semget)"
    );
    assert_eq!(
        appended(1300, &format!("arch=c000003e syscall=9999 {call}")),
        "^ARCH=x86_64 SYSCALL=unknown-syscall(9999)"
    );
    // libauparse looks for a call at two places only.
    assert_eq!(
        appended(
            1326,
            "auid=4294967295 uid=0 gid=0 ses=1 pid=2 comm=\"p\" exe=\"p\" sig=9 arch=c000003e syscall=39"
        ),
        "^AUID=\"unset\" UID=\"root\" GID=\"root\" ARCH=x86_64 SYSCALL=unknown-syscall(-1)"
    );
    assert_eq!(
        appended(
            1112,
            "pid=1 uid=0 auid=4294967295 msg='op=login id=-1, uid=? (gid=0) gid=0)  gid=(none) ID=5 x='"
        ),
        "^UID=\"root\" AUID=\"unset\" ID=\"unset\" UID=\"root\" GID=\"root\" GID=\"root\" GID=\"root\""
    );
    assert_eq!(
        appended(1112, "gid=99999999999999999999999 old-auid=4294967294"),
        "^GID=636F6E76657273696F6E206572726F7228393939393939393939393939393939393939393939393929 \
         OLD-AUID=\"unknown(-2)\""
    );
    assert_eq!(
        appended(1112, "arch=40000028 arch=c00000b7 arch=14 arch=zz"),
        // libauparse takes the first for the record's own, at that place.
        "^ARCH=armeb ARCH=armeb ARCH=armeb ARCH=armeb"
    );
    assert_eq!(
        appended(1112, "x=1 arch=c00000b7 arch=14 arch=zz"),
        "^ARCH=aarch64 ARCH=ppc ARCH=unknown-elf-type(zz)"
    );
    assert_eq!(appended(1309, "argc=2 a0=\"id\" auid=5"), "", "an argument is no id");
    assert_eq!(appended(1116, "id=0 res=success"), "^ID=\"root\"");
    assert_eq!(appended(1400, "saddr=1.2.3.4"), "");
    assert_eq!(appended(1302, "item=0 name=\"x\""), "");
}

/// The same.
#[test]
#[cfg(target_endian = "little")]
fn addresses_are_auditds() {
    let cases = [
        ("0200000A7F0000010000000000000000", "{ saddr_fam=inet laddr=127.0.0.1 lport=10 }"),
        ("020000", "{ saddr_fam=inet sockaddr len too short }"),
        ("01004142", "{ saddr_fam=local path=AB }"),
        ("0100004142", "{ saddr_fam=local path=AB }"),
        ("0100", "{ saddr_fam=local sockaddr len too short }"),
        ("0A000009000000000000000000000000000000000000000100000000", "{ saddr_fam=inet6 laddr=::1 lport=9 }"),
        (
            "0A000009000000000000000000000000000000000001000200000000",
            "{ saddr_fam=inet6 laddr=::0.1.0.2 lport=9 }",
        ),
        (
            "0A0000090000000000000000000000000000FFFF0102030400000000",
            "{ saddr_fam=inet6 laddr=::ffff:1.2.3.4 lport=9 }",
        ),
        (
            "0A00000900000000FE8000000000000000000000000000010000000A",
            "{ saddr_fam=inet6 laddr=fe80::1%167772160 lport=9 }",
        ),
        ("0A00000900", "{ saddr_fam=inet6 sockaddr6 len too short }"),
        ("100000000000000000000000", "{ saddr_fam=netlink nlnk-fam=16 nlnk-pid=0 }"),
        ("1000", "{ saddr_fam=netlink len too short }"),
        ("1100000301000000000000000000000000000000", "{ saddr_fam=packet (unsupported) }"),
        ("28000000D2040000FFFFFFFF00000000", "{ saddr_fam=vsock (unsupported) }"),
        ("0000000000000000", "unknown-family(0)"),
        ("FF00", "unknown-family(255)"),
        ("xyz", "malformed-host(xyz)"),
    ];
    for (hex, shown) in cases {
        assert_eq!(appended(1306, &format!("saddr={hex}")), format!("^SADDR={shown}"));
    }
    // auditd writes the newline, and the rest becomes a line of its own.
    assert_eq!(appended(1306, "saddr=01002F610A62"), "^SADDR={ saddr_fam=local path=/a b }");
    let long = format!("saddr=0100{}", "41".repeat(126));
    assert_eq!(appended(1306, &long), format!("^SADDR={{ saddr_fam=local path={} }}", "A".repeat(108)));
}

#[test]
fn a_replayed_record_stays_as_it_is() {
    let log = "type=DAEMON_START msg=audit(1.002:7): op=start  \n\
               node=other type=USER_LOGIN msg=audit(1.002:8): uid=0 \x1dUID=\"somebody\"\n\
               type=UNKNOWN[1345] msg=audit(1.002:9): a=\u{1b}\n";
    for settings in [PLAIN, ENRICHED_ON] {
        assert_eq!(replayed(settings, log), log);
    }
    let with_node = replayed(NODE, log);
    let nodes: Vec<_> = with_node.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(nodes, ["node=host", "node=other", "node=host"]);
}

#[test]
fn records_of_two_nodes_with_one_stamp_stay_apart() {
    let log = "node=a type=SYSCALL msg=audit(1.002:7): a\n\
               node=b type=SYSCALL msg=audit(1.002:7): b\n\
               type=SYSCALL msg=audit(1.002:7): c\n\
               node=a type=CWD msg=audit(1.002:7): d\n";
    let first: Vec<_> = replayed(PLAIN, log).lines().map(|line| line.chars().next_back().unwrap()).collect();
    assert_eq!(first, ['a', 'd', 'b', 'c']);
}
