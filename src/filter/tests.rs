use super::*;
use crate::enrich::context::Context;
use crate::enrich::testing::replay;
use crate::sys::counting::allocations;
use std::time::Instant;

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nmallory:x:1000:1000::/:/bin/sh\n";

/// Three programs' events, two of user space, and one that connects.
const LOG: &str = "
    type=SYSCALL msg=audit(1700000000.001:1): arch=c000003e syscall=59 success=yes exit=0 a0=0 items=1 ppid=1 pid=10 auid=1000 uid=0 comm=\"ls\" exe=\"/usr/bin/ls\" key=\"exec\"
    type=EXECVE msg=audit(1700000000.001:1): argc=2 a0=\"ls\" a1=\"-l\"
    type=PATH msg=audit(1700000000.001:1): item=0 name=\"/usr/bin/ls\" nametype=NORMAL
    type=SYSCALL msg=audit(1700000000.002:2): arch=c000003e syscall=257 success=no exit=-2 a0=0 items=1 ppid=1 pid=10 auid=1000 uid=0 comm=\"ls\" exe=\"/usr/bin/ls\" key=6F70656E01666F6F
    type=PATH msg=audit(1700000000.002:2): item=0 name=\"/none\" nametype=UNKNOWN
    type=SYSCALL msg=audit(1700000000.003:3): arch=40000003 syscall=11 success=yes exit=0 a0=0 items=1 ppid=1 pid=11 auid=4294967295 uid=1000 comm=6120FF exe=2F746D702F6120FF key=(null)
    type=USER_LOGIN msg=audit(1700000000.004:4): pid=12 uid=0 auid=1000 ses=1 msg='op=login exe=\"/usr/sbin/sshd\" addr=10.1.2.3 res=success'
    type=CRED_ACQ msg=audit(1700000000.005:5): pid=12 uid=0 auid=1000 ses=1 msg='op=PAM exe=\"/usr/sbin/cron\" res=success'
    type=SYSCALL msg=audit(1700000000.006:6): arch=c000003e syscall=42 success=yes exit=0 a0=0 items=0 ppid=1 pid=13 auid=1000 uid=33 comm=\"curl\" exe=\"/usr/bin/curl\" key=\"net\"
    type=SOCKADDR msg=audit(1700000000.006:6): saddr=020000350A010203
    type=SYSCALL msg=audit(1700000000.007:7): arch=c000003e syscall=42 success=yes exit=0 a0=0 items=0 ppid=1 pid=13 auid=1000 uid=33 comm=\"curl\" exe=\"/usr/bin/curl\" key=\"net\"
    type=SOCKADDR msg=audit(1700000000.007:7): saddr=0A0001BB0000000000000000000000000000FFFF0A01020300000000
    type=SYSCALL msg=audit(1700000000.008:8): arch=c000003e syscall=42 success=yes exit=0 a0=0 items=0 ppid=1 pid=13 auid=1000 uid=33 comm=\"curl\" exe=\"/usr/bin/curl\" key=\"net\"
    type=SOCKADDR msg=audit(1700000000.008:8): saddr=0A0001BB00000000FE80000000000000000000000000000102000000";

/// The serials of the log's events that these tables let pass, and each table's hits.
fn passed(tables: &str) -> (Vec<u32>, Vec<u64>) {
    passed_of(LOG, tables)
}

fn passed_of(log: &str, tables: &str) -> (Vec<u32>, Vec<u64>) {
    let config = config::read("f", tables).unwrap();
    assert_eq!(check(&config.filters, PASSWD), []);
    let stats = Arc::new(Stats::default());
    let mut filters = Filters::new(&config.filters, &config.outputs, PASSWD, Arc::clone(&stats)).unwrap();
    let mut context = Context::new(&config.enrich, &config.labels, true, false).unwrap();
    let mut serials = Vec::new();
    replay(log, |event| {
        let facts = Facts::of(event);
        context.note(event, &facts, Instant::now());
        if filters.kept_from(event, &facts, Some(&context.found())) != u64::MAX {
            serials.push(event.stamp.serial);
        }
    });
    let hits = stats.filters.each().take(config.filters.len()).map(crate::stats::Counter::get).collect();
    (serials, hits)
}

/// The outputs that each event is kept from, of those of the names a, b and c.
fn kept(tables: &str) -> Vec<u64> {
    let outputs =
        ["a", "b", "c"].map(|name| format!("[[output]]\ntype = 'file'\npath = '{name}'\nname = '{name}'\n"));
    let config = config::read("f", &(tables.to_owned() + &outputs.concat())).unwrap();
    let mut filters = Filters::new(&config.filters, &config.outputs, PASSWD, Arc::default()).unwrap();
    let mut kept = Vec::new();
    replay(LOG, |event| kept.push(filters.kept_from(event, &Facts::of(event), None)));
    kept
}

#[test]
fn a_filter_of_some_outputs_decides_for_them_alone() {
    const ALL: u64 = u64::MAX;
    assert_eq!(kept("[[filter]]\noutputs = 'b'\nuid = 33\n"), [0, 0, 0, 0, 0, 2, 2, 2]);
    assert_eq!(
        kept(
            "[[filter]]\naction = 'keep'\noutputs = ['a', 'c']\ntype = 'path'\n\
             [[filter]]\nuid = 0\n[[filter]]\noutputs = 'c'\ntype = 'all'\n"
        ),
        [2, 2, 4, ALL, ALL, 4, 4, 4]
    );
    let each = "[[filter]]\noutputs = 'a'\nuid = 33\n[[filter]]\noutputs = ['b', 'c']\nuid = 33\n";
    assert_eq!(kept(each), [0, 0, 0, 0, 0, ALL, ALL, ALL], "kept from each is kept from all");
}

/// The serials that these conditions take.
fn taken(conditions: &str) -> Vec<u32> {
    let (passed, hits) = passed(&format!("[[filter]]\n{conditions}\n"));
    let taken: Vec<u32> = (1..=8).filter(|serial| !passed.contains(serial)).collect();
    assert_eq!(hits, [taken.len() as u64]);
    taken
}

#[test]
fn each_condition_takes_what_it_names() {
    for (conditions, serials) in [
        ("type = 'all'", &[1, 2, 3, 4, 5, 6, 7, 8][..]),
        ("type = 'path'", &[1, 2]),
        ("type = ['EXECVE', 1112]", &[1, 4]),
        ("syscall = 'execve'", &[1, 3]),
        ("syscall = [257, 'ConnecT']", &[2, 6, 7, 8]),
        ("syscall = '11'", &[3]),
        ("syscall = 'none'", &[4, 5]),
        ("key = 'exec'", &[1]),
        ("key = ['foo', 'net']", &[2, 6, 7, 8]),
        ("uid = 'root'", &[1, 2, 4, 5]),
        ("uid = [33, 'mallory']", &[3, 6, 7, 8]),
        ("auid = 'unset'", &[3]),
        ("auid = ['unset', 1000]", &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("exe = '/usr/bin/*'", &[1, 2, 6, 7, 8]),
        ("exe = ['*/cron', '/tmp/a ?']", &[3, 5]),
        ("comm = ['l?', 'a*']", &[1, 2, 3]),
        ("success = true", &[1, 3, 6, 7, 8]),
        ("success = false", &[2]),
        ("address = '10.0.0.0/8'", &[6, 7]),
        ("address = '0.0.0.0/0'", &[6, 7]),
        ("address = ['fe80::/10', '10.1.2.4']", &[8]),
        ("address = '::/0'", &[8]),
        ("port = 443", &[7, 8]),
        ("port = [1, '50-60']", &[6]),
        ("address = '10.1.2.3'\nport = '443'", &[7]),
        ("first_of_process = true", &[1, 3, 6]),
        ("first_of_process = false\nsyscall = ['execve', 'openat', 'connect']", &[2, 7, 8]),
        ("key = 'exec'\nuid = 33", &[]),
    ] {
        assert_eq!(taken(conditions), serials, "{conditions}");
    }
}

#[cfg(feature = "regex")]
#[test]
fn regexes_and_labels() {
    // go-audit's filter: a regex on the records of one type, and the system call.
    assert_eq!(taken("type = 'EXECVE'\nsyscall = 59\nregex = '^argc=2 a0=\"ls\"'"), [1]);
    assert_eq!(taken("type = 'SYSCALL'\nregex = 'argc'"), [0; 0]);
    assert_eq!(taken("syscall = 'none'\nregex = 'op=PAM'"), [5]);
    assert_eq!(taken("regex = 'ls'"), [1, 2]);
    let label = "[[label]]\nname = 'web'\nexe = 'curl$'\n";
    assert_eq!(passed(&format!("{label}[[filter]]\nlabel = 'web'\n")).0, [1, 2, 3, 4, 5]);
}

#[test]
fn the_first_that_drops_or_keeps_decides() {
    let tables = "[[filter]]\nname = 'all'\naction = 'count'\ntype = 'all'\n\
                  [[filter]]\naction = 'keep'\nfirst_of_process = true\n\
                  [[filter]]\nuid = [0, 33]\n\
                  [[filter]]\naction = 'count'\ntype = 'all'\n\
                  [[filter]]\naction = 'keep'\nsyscall = 'execve'\n";
    assert_eq!(passed(tables), (vec![1, 3, 6], vec![8, 3, 5, 0, 0]));
    assert_eq!(passed(""), ((1..=8).collect(), vec![]));
}

#[test]
fn what_this_system_does_not_have_is_told_with_its_place() {
    let text = "[[filter]]\nuid = ['root', 'nobdy']\nregex = '(a'\n[[filter]]\nauid = 'unset'\n";
    let config = config::read("f", text).unwrap();
    let shown: Vec<String> = check(&config.filters, PASSWD).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "f:2:17: unknown user \"nobdy\": not in /etc/passwd; give its number if it is kept elsewhere",
            #[cfg(feature = "regex")]
            "f:3:10: not a valid regex: found open group without closing ')'",
            #[cfg(not(feature = "regex"))]
            "f:3:10: this build has no regexes (feature \"regex\")",
        ]
    );
}

#[test]
fn no_allocation_for_an_event() {
    let mut text = "[[label]]\nname = 'x'\nkey = 'x'\n[[filter]]\naction = 'count'\nkey = 'none'\n\
                    [[filter]]\naction = 'count'\nexe = '/none/*'\n[[filter]]\naddress = '1.2.3.4'\n\
                    [[filter]]\nsyscall = ['mount', 'none']\nuid = 7\n[[filter]]\nlabel = 'x'\n"
        .to_owned();
    if cfg!(feature = "regex") {
        text += "[[filter]]\nregex = 'none [a-z]+ (of|these) these'\n";
    }
    let config = config::read("f", &text).unwrap();
    let mut filters =
        Filters::new(&config.filters, &config.outputs, PASSWD, Arc::new(Stats::default())).unwrap();
    let mut context = Context::new(&config.enrich, &config.labels, true, false).unwrap();
    let mut counted = 0;
    for round in 0..20 {
        replay(LOG, |event| {
            let facts = Facts::of(event);
            context.note(event, &facts, Instant::now());
            let before = allocations();
            assert_eq!(filters.kept_from(event, &facts, Some(&context.found())), 0);
            counted += if round > 2 { allocations() - before } else { 0 };
        });
    }
    assert_eq!(counted, 0);
}

#[test]
fn a_rule_that_comes_or_goes_has_its_key_with_and_without_a_system_call() {
    const CHANGES: &str = "
        type=CONFIG_CHANGE msg=audit(1700000000.001:1): auid=0 ses=1 op=add_rule key=\"t\" list=4 res=1
        type=SYSCALL msg=audit(1700000000.001:1): arch=c000003e syscall=44 success=yes exit=1 a0=7 items=0 ppid=1 pid=2 auid=0 uid=0 comm=\"r\" exe=\"/r\" key=(null)
        type=CONFIG_CHANGE msg=audit(1700000000.002:2): auid=0 ses=1 op=remove_rule key=\"t\" list=4 res=1
        type=CONFIG_CHANGE msg=audit(1700000000.003:3): auid=0 ses=1 op=remove_rule key=(null) list=4 res=1";
    assert_eq!(passed_of(CHANGES, "[[filter]]\nkey = 't'\n"), (vec![3], vec![2]));
}
