use super::*;
use crate::config;
use crate::event::Sink;
use crate::event::assemble::Assembler;
use crate::event::own::Own;
use crate::wire::logline;
use ringaudit_facts::stats::Stats;
use serde_json::{Value as J, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Shown(Vec<J>);

impl Sink for Shown {
    fn event(&mut self, event: &Event<'_>) {
        let mut line = Line::new(1 << 20).unwrap();
        let mut format = Gelf::new(1 << 17, b"web1").unwrap();
        format.write(event, &Names::new(Instant::now()), &mut line);
        assert!(!line.overflowed());
        assert!(line.as_bytes().ends_with(b"}\n"));
        let message: J = serde_json::from_slice(line.as_bytes()).unwrap();
        let names = message.as_object().unwrap().keys();
        let keys = String::from_utf8_lossy(line.as_bytes()).matches("\":").count();
        assert!(names.len() <= keys, "a member stands twice");
        self.0.push(message);
    }
}

fn messages(log: &str) -> Vec<J> {
    let mut assembler = Assembler::for_log(&config::Event::default(), Arc::new(Stats::default())).unwrap();
    let mut shown = Shown(Vec::new());
    for line in log.lines() {
        assembler.add_line(&logline::parse(line.as_bytes()).unwrap(), Instant::now(), &mut shown);
    }
    assembler.finish(&mut shown);
    shown.0
}

const SYSCALL: &str = "type=SYSCALL msg=audit(1700000000.007:42): arch=c000003e";

#[test]
fn an_execve_as_fields_and_as_a_sentence() {
    let log = format!(
        "{SYSCALL} syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2 ppid=7 pid=8 auid=4294967295 uid=0 \
         gid=0 tty=(none) ses=3 comm=\"perl\" exe=\"/usr/bin/perl\" subj=unconfined key=\"exec\"\n\
         type=EXECVE msg=audit(1700000000.007:42): argc=3 a0=\"perl\" a1=612062 a2_len=4 a2[0]=\"ab\" a2[1]=\"cd\"\n\
         type=CWD msg=audit(1700000000.007:42): cwd=\"/root\"\n\
         type=PATH msg=audit(1700000000.007:42): item=0 name=\"/usr/bin/perl\" nametype=NORMAL\n\
         type=PATH msg=audit(1700000000.007:42): item=1 name=\"/lib64/ld.so\" nametype=NORMAL\n\
         type=PROCTITLE msg=audit(1700000000.007:42): proctitle=7065726C006120C3A4\n"
    );
    let message = messages(&log).remove(0);
    let expected = json!({
        "version": "1.1", "host": "web1", "short_message": "root executed /usr/bin/perl",
        "timestamp": 1_700_000_000.007, "level": 6, "_event_id": "1700000000.007:42", "_type": "SYSCALL",
        "_arch": "c000003e", "_syscall": "execve", "_success": "yes", "_exit": 0, "_items": 2, "_ppid": 7,
        "_pid": 8, "_auid": 4_294_967_295u32, "_auid_name": "unset", "_uid": 0, "_uid_name": "root", "_gid": 0,
        "_tty": "(none)", "_ses": 3, "_comm": "perl", "_exe": "/usr/bin/perl", "_subj": "unconfined",
        "_key": "exec", "_path": "/usr/bin/perl", "_path_2": "/lib64/ld.so", "_cwd": "/root",
        "_proctitle": "perl a ä", "_argv": "perl a b abcd"
    });
    assert_eq!(message, expected);
}

#[test]
fn sentences() {
    let said = |fields: &str, others: &str| {
        let log = format!("{SYSCALL} {fields}\n{others}");
        messages(&log).remove(0)["short_message"].as_str().unwrap().to_owned()
    };
    let path = "type=PATH msg=audit(1700000000.007:42): item=0 name=\"/etc\" nametype=PARENT\n\
                type=PATH msg=audit(1700000000.007:42): item=1 name=2F6574632F6120\" nametype=NORMAL\n"
        .replace("20\"", "62");
    let cat = "uid=0 comm=\"cat\" exe=\"/usr/bin/cat\"";
    assert_eq!(
        said(&format!("syscall=257 success=yes exit=3 auid=0 {cat}"), &path),
        "root (auid root) opened /etc/ab with /usr/bin/cat"
    );
    assert_eq!(
        said(&format!("syscall=257 success=no exit=-13 auid=61234 {cat}"), &path),
        "root (auid 61234) called openat on /etc/ab with /usr/bin/cat: EACCES"
    );
    assert_eq!(said("syscall=59 success=no exit=-2 uid=0", &path), "root called execve on /etc/ab: ENOENT");
    assert_eq!(said("syscall=101 success=yes exit=0 uid=0", ""), "root called ptrace");
    assert_eq!(said("syscall=9999 success=yes exit=0", ""), "? called system call 9999");
    let address = "type=SOCKADDR msg=audit(1700000000.007:42): saddr=020000357F0000010000000000000000\n";
    assert_eq!(
        said("syscall=42 success=yes exit=0 uid=0 exe=\"/x\"", address),
        "root connected to 127.0.0.1 port 53 with /x"
    );
}

#[test]
fn addresses_and_what_user_space_says() {
    let log = format!(
        "{SYSCALL} syscall=42 success=no exit=-111 uid=0\n\
         type=SOCKADDR msg=audit(1700000000.007:42): saddr=020000357F0000010000000000000000\n\
         type=USER_LOGIN msg=audit(1700000000.009:43): pid=1 uid=0 auid=0 ses=1 msg='op=login id=0 acct=\"bob\" exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.1 terminal=ssh res=success'\n"
    );
    let messages = messages(&log);
    assert_eq!((&messages[0]["_addr"], &messages[0]["_port"]), (&json!("127.0.0.1"), &json!(53)));
    assert_eq!(messages[0]["_error"], "ECONNREFUSED");
    let login = &messages[1];
    assert_eq!(
        (&login["_type"], &login["_acct"], &login["_id_"], &login["_addr"], &login["_res"]),
        (&json!("USER_LOGIN"), &json!("bob"), &json!("0"), &json!("192.0.2.1"), &json!("success"))
    );
    assert!(login.get("_id").is_none() && login.get("_hostname").is_none());
    assert!(login["short_message"].as_str().unwrap().starts_with("USER_LOGIN: pid=1 uid=0"));
}

#[test]
fn what_is_too_long_is_cut_and_said() {
    let long = "41".repeat(40_000);
    let log = format!(
        "{SYSCALL} syscall=59 success=yes exit=0 uid=0\n\
         type=EXECVE msg=audit(1700000000.007:42): argc=2 a0=\"x\" a1={long} a2=\"y\"\n"
    );
    let message = messages(&log).remove(0);
    assert_eq!(message["_argv"].as_str().unwrap().len(), LONGEST + 1);
    assert_eq!(message["_truncated"], 40_000 + 2 - LONGEST);
}

#[test]
fn a_loss_is_a_warning() {
    let mut own = Own::new(Duration::from_millis(1_002));
    own.record(RecordType::DAEMON_ERR, format_args!("op=loss place=ring lost=3 total=3 unit=records"));
    own.record(RecordType::DAEMON_ERR, format_args!("op=loss place=output lost=1 total=1 unit=events"));
    let mut shown = Shown(Vec::new());
    shown.event(&own.event());
    assert_eq!(shown.0[0]["level"], 4);
    assert_eq!(
        shown.0[0]["short_message"],
        "DAEMON_ERR: op=loss place=ring lost=3 total=3 unit=records; \
         DAEMON_ERR: op=loss place=output lost=1 total=1 unit=events"
    );
}
