use super::*;
use crate::config;
use crate::enrich::testing::{self, replay};
use crate::sys::counting::allocations;
use crate::sys::host;
use std::io::Write;
use std::process::{Child, Command, Stdio};

impl Context {
    /// What is known of a process.
    fn process(&self, pid: u32) -> Option<Process<'_>> {
        let entry = self.table.peek(pid).and_then(|slot| self.table.get(slot))?;
        let shown = self.settings.process && !entry.doubtful;
        shown.then_some(Process { entry, labels: &self.labels })
    }
}

/// A context as this config makes it.
fn context(text: &str, live: bool) -> Context {
    let config = config::read("f", text).unwrap();
    Context::new(&config.enrich, &config.labels, false, live).unwrap()
}

/// Notes each event of a log and gives what was found of it.
fn found(context: &mut Context, log: &str) -> Vec<String> {
    let mut shown = Vec::new();
    replay(log, |event| {
        let facts = Facts::of(event);
        context.note(event, &facts, Instant::now());
        context.complete(event, &facts);
        shown.push(show(&context.found()));
    });
    shown
}

fn show(found: &Found<'_>) -> String {
    let text =
        |bytes: Option<&[u8]>| bytes.map_or("-".to_owned(), |b| String::from_utf8_lossy(b).into_owned());
    let process = |process: Option<Process<'_>>| {
        process.map_or("-".to_owned(), |p| {
            let from = match (p.event(), p.spawned_by()) {
                (Some(stamp), None) => format!("exec {}", stamp.serial),
                (None, Some(stamp)) => format!("fork {}", stamp.serial),
                _ => format!("{:?}", p.origin()),
            };
            format!("{} {} of {} ({from})", p.pid(), text(p.exe()), p.ppid())
        })
    };
    let labels: Vec<&str> = found.labels().collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" [{}]", labels.join(" ")) };
    format!("{} < {}{labels}", process(found.process), process(found.parent))
}

/// A SYSCALL line: execve is 59, fork 57, vfork 58, clone 56, exit_group 231, fchmod 91.
fn call(serial: u32, syscall: u32, ids: (u32, u32), exe: &str, more: &str) -> String {
    let (pid, ppid) = ids;
    format!(
        "type=SYSCALL msg=audit(1700000000.{:03}:{serial}): arch=c000003e syscall={syscall} success=yes {more} \
         ppid={ppid} pid={pid} comm=\"c\" exe=\"{exe}\" key=(null)\n",
        serial % 1000
    )
}

#[test]
fn a_family_from_its_events_alone() {
    let mut context = context("", false);
    let log = call(1, 59, (10, 9), "/bin/sh", "exit=0")
        + &call(2, 56, (10, 9), "/bin/sh", "exit=11 a0=1200011")
        + &call(3, 91, (11, 10), "/bin/sh", "exit=0")
        + &call(4, 59, (11, 10), "/bin/ls", "exit=0")
        + &call(5, 91, (11, 10), "/bin/ls", "exit=0")
        + &call(6, 59, (11, 10), "/bin/failed", "exit=-2").replace("yes", "no").replace("failed", "ls");
    assert_eq!(
        found(&mut context, &log),
        [
            "10 /bin/sh of 9 (exec 1) < -",
            "10 /bin/sh of 9 (exec 1) < -",
            "11 /bin/sh of 10 (fork 2) < 10 /bin/sh of 9 (exec 1)",
            "11 /bin/ls of 10 (exec 4) < 10 /bin/sh of 9 (exec 1)",
            "11 /bin/ls of 10 (exec 4) < 10 /bin/sh of 9 (exec 1)",
            "11 /bin/ls of 10 (exec 4) < 10 /bin/sh of 9 (exec 1)",
        ]
    );
    assert_eq!(context.process(10).unwrap().exe(), Some(&b"/bin/sh"[..]));
    assert!(context.process(9).is_none());
}

#[test]
fn a_number_that_is_given_again() {
    let mut context = context("", false);
    let log = call(1, 59, (10, 9), "/bin/sh", "exit=0")
        // Another program without an execve: not the one of event 1.
        + &call(2, 91, (10, 8), "/bin/other", "exit=0")
        + &call(3, 231, (10, 8), "/bin/other", "")
        // After its end, the same number and program.
        + &call(4, 91, (10, 8), "/bin/other", "exit=0")
        + &call(5, 59, (10, 8), "/bin/sh", "exit=0")
        // Only its parent has changed: it was left to another one.
        + &call(6, 91, (10, 1), "/bin/sh", "exit=0");
    assert_eq!(
        found(&mut context, &log),
        [
            "10 /bin/sh of 9 (exec 1) < -",
            "10 /bin/other of 8 (Event) < -",
            "10 /bin/other of 8 (Event) < -",
            "10 /bin/other of 8 (Event) < -",
            "10 /bin/sh of 8 (exec 5) < -",
            "10 /bin/sh of 1 (exec 5) < -",
        ]
    );
}

#[test]
fn forks_that_must_not_be_believed() {
    let mut context = context("", false);
    let log = call(1, 59, (7, 1), "/sbin/init", "exit=0")
        + &call(2, 59, (300, 299), "/bin/sh", "exit=0")
        // In a container's PID namespace the new process may be number 7 too.
        + &call(3, 57, (300, 299), "/bin/sh", "exit=7")
        + &call(4, 91, (8, 7), "/bin/x", "exit=0")
        // A thread is no process.
        + &call(5, 56, (300, 299), "/bin/sh", "exit=301 a0=3d0f00")
        // The parent returns from vfork after its child's execve.
        + &call(7, 59, (302, 300), "/bin/ls", "exit=0")
        + &call(6, 58, (300, 299), "/bin/sh", "exit=302")
        + &call(8, 91, (302, 300), "/bin/ls", "exit=0")
        // Known from a fork alone: shown as nobody's parent before it has an event of its own.
        + &call(9, 57, (300, 299), "/bin/sh", "exit=303")
        + &call(10, 91, (304, 303), "/bin/y", "exit=0");
    assert_eq!(
        found(&mut context, &log)[3..],
        [
            "8 /bin/x of 7 (Event) < 7 /sbin/init of 1 (exec 1)",
            "300 /bin/sh of 299 (exec 2) < -",
            "302 /bin/ls of 300 (exec 7) < 300 /bin/sh of 299 (exec 2)",
            "300 /bin/sh of 299 (exec 2) < -",
            "302 /bin/ls of 300 (exec 7) < 300 /bin/sh of 299 (exec 2)",
            "300 /bin/sh of 299 (exec 2) < -",
            "304 /bin/y of 303 (Event) < -",
        ]
    );
    assert!(context.process(301).is_none());
    assert!(context.process(303).is_none());
}

#[test]
fn labels_go_to_children_and_through_execve_when_they_propagate() {
    let labels = "[[label]]\nname = 'p'\nkey = 'k'\npropagate = true\n[[label]]\nname = 'q'\nkey = 'k'\n\
                  [[label]]\nname = 'p'\nkey = 'off'\naction = 'remove'\n";
    let mut context = context(labels, false);
    let keyed = |line: String, key| line.replace("key=(null)", &format!("key=\"{key}\""));
    let log = keyed(call(1, 59, (10, 9), "/bin/sh", "exit=0"), "k")
        + &call(2, 91, (10, 9), "/bin/sh", "exit=0")
        + &call(3, 57, (10, 9), "/bin/sh", "exit=11")
        + &call(4, 91, (11, 10), "/bin/sh", "exit=0")
        + &call(5, 59, (12, 11), "/bin/ls", "exit=0")
        + &call(6, 59, (10, 9), "/bin/next", "exit=0")
        + &keyed(call(7, 91, (12, 11), "/bin/ls", "exit=0"), "off")
        + &call(8, 91, (12, 11), "/bin/ls", "exit=0")
        + &keyed(call(9, 91, (12, 11), "/bin/ls", "exit=0"), "k");
    let mut sets = Vec::new();
    replay(&log, |event| {
        context.note(event, &Facts::of(event), Instant::now());
        sets.push(context.found().labels().collect::<String>());
    });
    assert_eq!(sets, ["pq", "pq", "pq", "p", "p", "p", "", "", "pq"]);
}

/// A program of this machine that runs until it is dropped.
struct Running(Child);

impl Running {
    /// `sleep`, with this environment.
    fn new(name: &str, value: &str) -> Self {
        let mut command = Command::new("sleep");
        let child = command.arg("60").env(name, value).stdin(Stdio::null()).spawn().unwrap();
        testing::executed(child.id());
        Self(child)
    }

    /// An event of it, of now.
    fn call(&self, syscall: u32, ppid: u32, more: &str) -> String {
        let exe = std::fs::read_link(format!("/proc/{}/exe", self.0.id())).unwrap();
        now(&call(1, syscall, (self.0.id(), ppid), exe.to_str().unwrap(), more))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The line with this moment's time.
fn now(line: &str) -> String {
    let millis = host::clocks().unwrap().0;
    let stamp = format!("audit({}.{:03}:", millis / 1000, millis % 1000);
    line.replace("audit(1700000000.001:", &stamp)
}

#[test]
fn a_running_parent_and_the_environment_come_from_proc() {
    let config = "[enrich]\nenv = ['RINGAUDIT_TEST', 'RINGAUDIT_NONE']\n\
                  [[label]]\nname = 'test'\nexe = '/ringaudit[-_][^/]*$'\npropagate = true\n";
    let mut context = context(config, true);
    let running = Running::new("RINGAUDIT_TEST", "a b");
    let me = std::process::id();
    let exe = std::env::current_exe().unwrap();
    let line = running.call(59, me, "exit=0");
    let shown = found(&mut context, &line);
    assert!(shown[0].ends_with(" (Proc) [test]"), "{shown:?}: the parent's label, and its path");
    let of = context.found();
    let parent = of.parent.unwrap();
    assert_eq!((parent.pid(), parent.exe()), (me, Some(exe.to_str().unwrap().as_bytes())));
    assert_eq!(parent.labels().collect::<Vec<_>>(), ["test"]);
    let env: Vec<_> = of.env().unwrap().map(|v| (v.name, v.value, v.cut)).collect();
    assert_eq!(env, [("RINGAUDIT_TEST", &b"a b"[..], false)]);
    // Not of the next event.
    found(&mut context, &running.call(91, me, "exit=0"));
    assert!(context.found().env().is_none());
}

#[test]
fn another_process_of_the_same_number_is_not_taken_for_the_known_one() {
    let mut context = context("", true);
    let running = Running::new("A", "1");
    let me = std::process::id();
    let line = running.call(59, me, "exit=0");
    assert!(found(&mut context, &line)[0].contains("(exec 1)"));
    // As if it had been seen at another time, longer ago than it is trusted.
    let slot = context.table.find(running.0.id()).unwrap();
    context.table.get_mut(slot).unwrap().start += 1;
    context.begun -= std::time::Duration::from_secs(10);
    assert!(found(&mut context, &running.call(91, me, "exit=0"))[0].contains("(Event) <"));
    // The same for a process that is only named.
    let slot = context.table.find(running.0.id()).unwrap();
    context.table.get_mut(slot).unwrap().start += 1;
    context.begun -= std::time::Duration::from_secs(10);
    let object = now(&format!("type=OBJ_PID msg=audit(1700000000.001:1): opid={} ouid=0\n", running.0.id()));
    found(&mut context, &(now(&call(1, 62, (me, 1), "/x", "exit=0")) + &object));
    assert_eq!(context.process(running.0.id()).unwrap().origin(), Origin::Proc);
}

#[test]
fn what_is_switched_off_is_not_there() {
    let off = "[enrich]\nprocess = false\nscript = false\ncontainer = false\nunit = false\nenv = []\ninode_path = false\n";
    let mut context = context(off, true);
    let running = Running::new("LD_PRELOAD", "");
    assert_eq!(found(&mut context, &running.call(59, std::process::id(), "exit=0")), ["- < -"]);
    assert!(context.process(running.0.id()).is_none());
    assert_eq!(context.table.peek(running.0.id()), None, "nobody asks for the table");
    assert_eq!(context.looks, MAX_LOOKED_UP, "and nothing was looked up");
}

/// Every kind of event, with all on, from the second time on.
#[test]
fn no_allocation_for_an_event() {
    let config = "[[label]]\nname = 'e'\nexe = '^/usr/(bin|sbin)/s.*p$'\npropagate = true\n[[label]]\nname = 'k'\nkey = 'x'\n\
                  [[label]]\nname = 'a'\nargv = 'sleep [0-9]+'\n[[label]]\nname = 's'\nscript = 'sh$'\n";
    let mut context = context(config, true);
    let running = Running::new("LD_PRELOAD", "x");
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"x").unwrap();
    let me = std::process::id();
    let pid = running.0.id();
    let stamp = now("audit(1700000000.001:");
    let line =
        |serial: u32, rest: &str| format!("type={}\n", rest.replace("@", &format!("msg={stamp}{serial}):")));
    let mut counted = 0;
    for round in 0..200u32 {
        let exec = running.call(59, me, "exit=0").replace(":1):", &format!(":{}):", 4 * round + 1));
        let head = exec.split("msg=").nth(1).unwrap().split(": ").next().unwrap().to_owned();
        let log = exec
            + &format!("type=EXECVE msg={head}: argc=2 a0=\"sleep\" a1=3630\n")
            + &format!("type=CWD msg={head}: cwd=\"/\"\n")
            + &format!("type=PATH msg={head}: item=0 name=\"x.sh\" inode=1 dev=fe:00\n")
            + &format!("type=PATH msg={head}: item=1 name=\"/bin/sleep\" inode=1 dev=fe:00\n")
            + &format!("type=PATH msg={head}: item=2 name=\"/lib/ld.so\" inode=1 dev=fe:00\n")
            + &line(
                4 * round + 2,
                &format!(
                    "SYSCALL @ arch=c000003e syscall=57 success=yes exit={} ppid=1 pid={pid} comm=\"c\" exe=\"/x\" key=\"x\"",
                    50_000 + round
                ),
            )
            + &line(
                4 * round + 3,
                &format!(
                    "SYSCALL @ arch=c000003e syscall=62 success=yes exit=0 ppid=1 pid={me} comm=\"c\" exe=2F79 key=(null)"
                ),
            )
            + &line(4 * round + 3, &format!("OBJ_PID @ opid={pid}"))
            + &line(
                4 * round + 4,
                &format!(
                    "SYSCALL @ arch=c000003e syscall=91 success=yes exit=0 a0=3 ppid=1 pid={} comm=\"c\" exe=\"/z\" key=(null)",
                    60_000 + round
                ),
            )
            + &line(4 * round + 4, "PATH @ item=0 name=(null) inode=2 dev=fe:00 nametype=NORMAL");
        replay(&log, |event| {
            let facts = Facts::of(event);
            let before = allocations();
            context.note(event, &facts, Instant::now());
            context.complete(event, &facts);
            counted += if round > 2 { allocations() - before } else { 0 };
        });
    }
    assert_eq!(counted, 0);
}
