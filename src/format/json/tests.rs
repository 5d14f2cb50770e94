//! Records as the kernel and user space write them, against the shape that laurel-about(7) documents. The
//! values here were compared with what laurel 0.5.1 writes for the same records.

use super::*;
use crate::event::own::Own;
use serde_json::{Value as J, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A key that has names and is not marked so would never be asked for them.
#[test]
fn every_key_that_has_names_is_marked() {
    let source = include_str!("../../setup/values/fields.rs");
    let (_, body) = source.split_once("pub fn field(").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let words = body.split("b\"").skip(1).filter_map(|rest| rest.split('"').next());
    let keys: Vec<&str> =
        words.filter(|word| !matches!(*word, "yes" | "no" | "unset" | "4294967295")).collect();
    assert!(keys.len() > 40, "{keys:?}");
    for key in keys {
        assert!(crate::wire::class::known(RecordType::USER, key.as_bytes()).is_named, "{key}");
    }
}

/// The object of an event with these records, without its ID, TIME and NODE.
fn object(records: &[(u16, &str)], translate: bool) -> J {
    let mut json = Json::new(&Settings::default(), Translate::default(), 1 << 16, b"host").unwrap();
    let mut own = Own::new(Duration::from_millis(1_795_491_496_969));
    for (kind, fields) in records {
        own.record(RecordType(*kind), format_args!("{fields}"));
    }
    let mut line = Line::new(1 << 16).unwrap();
    json.write(&own.event(), &Names::new(Instant::now()), translate, &mut line);
    assert!(!line.overflowed());
    let mut value: J = serde_json::from_slice(line.as_bytes()).unwrap();
    let object = value.as_object_mut().unwrap();
    assert_eq!(object.remove("ID").unwrap(), "1795491496.969:0");
    assert_eq!(object.remove("TIME").unwrap(), "2026-11-24T03:38:16.969Z");
    assert_eq!(object.remove("NODE").unwrap(), "host");
    value
}

#[test]
fn a_system_call_has_its_arguments_as_a_list_and_its_translations_at_the_end() {
    let syscall = "arch=c000003e syscall=59 success=yes exit=0 a0=55c094deb5c0 a1=0 a2=55c094dbf1b0 \
                   a3=fffffffffffff286 items=3 ppid=1 pid=2 auid=4294967295 uid=0 gid=0 tty=(none) ses=3 \
                   comm=\"perl\" exe=\"/usr/bin/perl\" subj==unconfined key=(null)";
    assert_eq!(
        object(&[(1300, syscall)], true),
        json!({"SYSCALL": {
            "arch": "0xc000003e", "syscall": 59, "success": "yes", "exit": 0, "items": 3, "ppid": 1, "pid": 2,
            "auid": 4_294_967_295_u32, "uid": 0, "gid": 0, "tty": "(none)", "ses": 3, "comm": "perl",
            "exe": "/usr/bin/perl", "subj": "=unconfined", "key": null,
            "ARGV": ["0x55c094deb5c0", "0x0", "0x55c094dbf1b0", "0xfffffffffffff286"],
            "ARCH": "x86_64", "SYSCALL": "execve", "AUID": "unset", "UID": "root", "GID": "root"
        }})
    );
    let plain = object(&[(1300, "arch=c000003e syscall=59 exit=-13 uid=0 key=6101622B63")], false);
    assert_eq!(
        plain,
        json!({"SYSCALL": {"arch": "0xc000003e", "syscall": 59, "exit": -13, "uid": 0, "key": ["a", "b%2bc"]}})
    );
}

#[test]
fn lists_and_objects_as_laurel_has_them() {
    let records = [
        (1307, "cwd=\"/tmp\""),
        (
            1302,
            "item=0 name=612062 inode=1 dev=fe:00 mode=0100644 ouid=0 rdev=00:00 cap_fi=0000003fffffffff cap_fe=0 cap_frootid=0",
        ),
        (1327, "proctitle=6C73002D6C00612062"),
        (1302, "item=1 name=(null) mode=040700"),
        (1305, "op=set audit_backlog_limit=8192 old=64 auid=4294967295 ses=4294967295 res=1"),
    ];
    assert_eq!(
        object(&records, false),
        json!({
            "CWD": {"cwd": "/tmp"},
            "PATH": [
                {"item": 0, "name": "a b", "inode": 1, "dev": "fe:00", "mode": "0o100644", "ouid": 0,
                 "rdev": "00:00", "cap_fi": "0x3fffffffff", "cap_fe": 0, "cap_frootid": "0"},
                {"item": 1, "name": null, "mode": "0o40700"}
            ],
            "PROCTITLE": {"ARGV": ["ls", "-l", "a b"]},
            "CONFIG_CHANGE": [{"op": "set", "audit_backlog_limit": 8192, "old": 64, "auid": 4_294_967_295_u32,
                               "ses": 4_294_967_295_u32, "res": 1}]
        })
    );
    assert_eq!(
        object(&[(1307, "cwd=\"/a\""), (1307, "cwd=\"/b\"")], false)["CWD"],
        json!([{"cwd": "/a"}, {"cwd": "/b"}])
    );
    assert_eq!(
        object(&[(1345, "a=1 b=0x7F c=\"3005\"")], false),
        json!({"UNKNOWN[1345]": [{"a": "1", "b": "0x7F", "c": "3005"}]})
    );
    assert_eq!(object(&[(1327, "proctitle=(null)")], false), json!({"PROCTITLE": {"proctitle": null}}));
}

#[test]
fn records_of_user_space() {
    let login = "pid=12 uid=0 auid=1000 ses=1 msg='op=PAM:authentication grantors=? acct=\"root\" \
                 exe=\"/usr/bin/su\" hostname=? terminal=/dev/pts/0 res=success'";
    assert_eq!(
        object(&[(1100, login)], false),
        json!({"USER_AUTH": {"pid": 12, "uid": 0, "auid": 1000, "ses": 1, "msg": {
            "op": "PAM:authentication", "grantors": null, "acct": "root", "exe": "/usr/bin/su", "hostname": null,
            "terminal": "/dev/pts/0", "res": "success"}}})
    );
    assert_eq!(object(&[(1107, "pid=1 msg='hello wörld a=b'")], false)["USER_AVC"]["msg"], "hello wörld a=b");
    let words = object(&[(1319, "tty pid=3 comm=\"bash\" data=6C730D")], false);
    assert_eq!(words["TTY"][0], json!({"pid": 3, "comm": "bash", "data": "ls%0d", "WORDS": ["tty"]}));
}

#[test]
fn a_decision_of_the_security_module() {
    let avc =
        "avc:  denied  { open read } for  pid=1 comm=\"x\" path=\"/a b\" scontext=a:b:c:s0 permissive=0";
    assert_eq!(
        object(&[(1400, avc)], false),
        json!({"AVC": [{"denied": ["open", "read"], "pid": 1, "comm": "x", "path": "/a b",
                        "scontext": "a:b:c:s0", "permissive": 0}]})
    );
}

/// The object of an event that a log has.
fn logged(kind: u16, text: &str) -> J {
    struct Shown(J);
    impl crate::event::Sink for Shown {
        fn event(&mut self, event: &Event<'_>) {
            let mut json = Json::new(&Settings::default(), Translate::default(), 1 << 16, b"host").unwrap();
            let mut line = Line::new(1 << 16).unwrap();
            json.write(event, &Names::new(Instant::now()), true, &mut line);
            self.0 = serde_json::from_slice(line.as_bytes()).unwrap();
        }
    }
    let mut shown = Shown(J::Null);
    let settings = crate::config::Event::default();
    let mut assembler = crate::event::assemble::Assembler::for_log(&settings, Arc::default()).unwrap();
    let line = format!("type=UNKNOWN[{kind}] msg=audit(1.000:1): {text}");
    let line = crate::wire::logline::parse(line.as_bytes()).unwrap();
    assembler.add_line(&line, Instant::now(), &mut shown);
    assembler.finish(&mut shown);
    shown.0
}

#[test]
fn a_users_text_has_one_level() {
    let nested = object(&[(1107, "pid=1 msg='op=x cmd='a=b' c=''d=e'''")], false);
    assert_eq!(nested["USER_AVC"]["msg"], json!({"op": "x", "cmd": "a=b' c=''d=e'"}));
    // As deep as a message may be, on a thread with the writer's stack.
    let deep = format!("pid=1 msg='{}{}'", "a='".repeat(2000), "'".repeat(2000));
    let thread = std::thread::Builder::new().stack_size(128 << 10);
    let written = thread.spawn(move || logged(1107, &deep)).unwrap().join().unwrap();
    assert_eq!(written["USER_AVC"]["msg"]["a"].as_str().unwrap().len(), 3 * 1999 + 1999);
}

#[test]
fn a_users_text_does_not_pass_for_what_others_say() {
    let text = "pid=4711 uid=1000 msg='op=login res=success\u{1d}UID=\"root\" pid=1 uid=0 x='";
    let said = json!({"op": "login", "res": "success%1dUID=\"root\"", "pid": 1, "uid": 0, "x": ""});
    let captured = object(&[(1112, text)], true);
    assert_eq!(captured["USER_LOGIN"]["msg"], said);
    assert_eq!(
        (&captured["USER_LOGIN"]["pid"], &captured["USER_LOGIN"]["uid"]),
        (&json!(4711), &json!(1000))
    );
    // auditd's own comes last.
    let of_log = logged(1112, &format!("{text}'\u{1d}UID=\"alice\""));
    assert_eq!((&of_log["USER_LOGIN"]["UID"], &of_log["USER_LOGIN"]["uid"]), (&json!("alice"), &json!(1000)));
    // In a log that is not ENRICHED it can't be told; but numbers stay the kernel's.
    let of_log = logged(1112, "uid=1000 msg='op=x\u{1d}UID=\"root\" uid=0 x='");
    assert_eq!((&of_log["USER_LOGIN"]["UID"], &of_log["USER_LOGIN"]["uid"]), (&json!("root"), &json!(1000)));
}

#[test]
fn names_that_apparmor_encodes() {
    let record = "apparmor=\"DENIED\" operation=\"open\" profile=2F6F70742F6D7920617070 name=2F612062 pid=7";
    let avc = &object(&[(1400, record)], false)["AVC"][0];
    assert_eq!((&avc["profile"], &avc["name"]), (&json!("/opt/my app"), &json!("/a b")));
}

#[test]
fn what_auditd_appended_is_passed_on_and_not_said_twice() {
    let record = "arch=c000003e syscall=59 uid=0 key=(null)\u{1d}ARCH=x86_64 SYSCALL=execve UID=\"bob\"";
    assert_eq!(
        logged(1300, record)["SYSCALL"],
        json!({"arch": "0xc000003e", "syscall": 59, "uid": 0, "key": null, "ARCH": "x86_64",
               "SYSCALL": "execve", "UID": "bob"})
    );
    let path = "saddr=01002F746D702F61\u{1d}SADDR={ saddr_fam=local path=/tmp/a\u{1d}UID=\"x\" }";
    assert_eq!(
        logged(1306, path)["SOCKADDR"][0],
        if cfg!(target_endian = "little") {
            json!({"SADDR": {"saddr_fam": "local", "path": "/tmp/a"}})
        } else {
            J::Null
        }
    );
    let address = "saddr=0200003500000000\u{1d}SADDR={ saddr_fam=inet laddr=0.0.0.0 lport=53 }";
    assert_eq!(
        logged(1306, address)["SOCKADDR"][0]["SADDR"]["saddr_fam"],
        if cfg!(target_endian = "little") { json!("inet") } else { J::Null }
    );
}

#[test]
fn addresses() {
    let inet = object(&[(1306, "saddr=020000350A000001AABBCCDDEEFF0011")], false);
    assert_eq!(inet["SOCKADDR"][0], json!({"SADDR": {"saddr_fam": "inet", "addr": "10.0.0.1", "port": 53}}));
    let path = object(&[(1306, "saddr=01002F746D702F7300")], false);
    assert_eq!(path["SOCKADDR"][0], json!({"SADDR": {"saddr_fam": "local", "path": "/tmp/s"}}));
    let unknown = object(&[(1306, "saddr=FF000102")], false);
    assert_eq!(unknown["SOCKADDR"][0], json!({"saddr": "%ff%00%01%02"}));
}

#[test]
fn a_loss_event() {
    let loss = [
        (1209, "op=loss place=ring lost=3 total=5 unit=records"),
        (1209, "op=loss place=kernel lost=1 total=1 unit=records"),
    ];
    assert_eq!(
        object(&loss, true),
        json!({"LOSS": [
            {"place": "ring", "lost": 3, "total": 5, "unit": "records"},
            {"place": "kernel", "lost": 1, "total": 1, "unit": "records"}
        ]})
    );
    let other = object(&[(1209, "op=send_msg res=failed")], false);
    assert_eq!(other, json!({"DAEMON_ERR": {"op": "send_msg", "res": "failed"}}));
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever stands in records, the line is one JSON object, and fits its space.
        #[test]
        fn make_a_valid_line(
            records in proptest::collection::vec((prop_oneof![Just(1300u16), Just(1309), Just(1306), Just(1327), Just(1400), Just(1100), any::<u16>()],
                "([a-z][a-z0-9_]{0,4}(\\[[0-9]\\])?=)?(\"[^\"]{0,8}\"|'[^']{0,8}'?|[0-9a-fA-F]{0,8}|\\PC{0,6}|\\x1d| ){0,6}"), 0..6),
        ) {
            let records: Vec<(u16, &str)> = records.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
            object(&records, true);
        }

        #[test]
        fn fit_four_times_their_length(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut json = Json::new(&Settings::default(), Translate::default(), 1 << 12, b"").unwrap();
            let text = String::from_utf8_lossy(&text).into_owned();
            let mut own = Own::new(Duration::ZERO);
            own.record(RecordType(1345), format_args!("{text}"));
            let mut line = Line::new(text.len() * WORST + OVERHEAD).unwrap();
            json.write(&own.event(), &Names::new(Instant::now()), false, &mut line);
            prop_assert!(!line.overflowed());
            let written: J = serde_json::from_slice(line.as_bytes()).unwrap();
            prop_assert!(written.is_object());
        }
    }
}

#[test]
fn which_boot_and_when_by_the_clock_that_is_not_set() {
    let settings = Settings { boot_id: true, monotonic: true, ..Settings::default() };
    let before = host::monotonic_us().unwrap();
    let mut json = Json::new(&settings, Translate::default(), 1 << 16, b"host").unwrap();
    json.at(Instant::now() + Duration::from_secs(5));
    let own = Own::new(Duration::from_millis(7));
    let names = Names::new(Instant::now());
    let mut line = Line::new(1 << 16).unwrap();
    json.write(&own.event(), &names, true, &mut line);
    let value: J = serde_json::from_slice(line.as_bytes()).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(value["BOOT_ID"], boot.trim());
    let micros = value["MONOTONIC"].as_u64().unwrap();
    let after = host::monotonic_us().unwrap() + 5_000_000;
    assert!((before + 5_000_000..=after).contains(&micros), "{before} {micros} {after}");
    // A log is of another boot, or of another time of this one.
    line.clear();
    json.write(&Event { origin: Origin::Log { node: b"" }, ..own.event() }, &names, true, &mut line);
    let value: J = serde_json::from_slice(line.as_bytes()).unwrap();
    assert!(value.get("BOOT_ID").is_none() && value.get("MONOTONIC").is_none(), "{value}");
}
