//! The context of real events: a script started in a control group that looks like a container's, with its
//! environment, its labels, its parent, and the signal that ends it.

use crate::daemon::{Daemon, parse, quiet};
use crate::machine::{Machine, wait};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};

const CONTAINER: &str = "47335b04ebb4aefdc353dda62ddd38e5e1e00fc1372f0c8d0138417f0ccb9e6c";

/// A control group of this test's own, in systemd's hierarchy or version 2's.
struct Group(Vec<PathBuf>);

impl Group {
    fn new() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let hierarchy = mounts.lines().find_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let fits = right.starts_with("cgroup2 ") || right.contains("name=systemd");
            fits.then(|| PathBuf::from(left.split(' ').nth(4).unwrap()))
        });
        let root = hierarchy.expect("a control group hierarchy must be mounted");
        let service = root.join(format!("ringaudit-{}.service", id()));
        let paths = vec![service.clone(), service.join(format!("docker-{CONTAINER}.scope"))];
        for path in &paths {
            fs::create_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        Self(paths)
    }

    fn path(&self) -> &Path {
        self.0.last().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // A process that has just ended may still be in it.
            for _ in 0..100 {
                if fs::remove_dir(path).is_ok() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
    }
}

#[test]
fn a_script_in_a_container() {
    let mut machine = Machine::take();
    let group = Group::new();
    let dir = tempfile::tempdir().unwrap();
    let (script, json) = (dir.path().join("a script.sh"), dir.path().join("json"));
    fs::write(&script, "#!/bin/sh -e\nsleep 30 &\nwait\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let config = format!(
        "[enrich]\nenv = ['RINGAUDIT_TEST']\n\
         [[label]]\nname = 'keyed'\nkey = 'context'\npropagate = true\n\
         [[label]]\nname = 'shell'\nexe = '/(da|ba|busybo)(sh|x)$'\n\
         [[label]]\nname = 'script'\nscript = '/a script[.]sh$'\n\
         [[label]]\nname = 'argument'\nargv = 'x  y$'\n\
         [[output]]\ntype = \"file\"\nformat = \"json\"\npath = '{}'\n\
         [rules]\nat_exit = \"remove\"\nlines = ['{}', '-a always,exit -F arch=b64 -S execve,kill -F ppid={} -k context']\n",
        json.display(),
        machine.flood.rule(),
        id()
    );
    let mut daemon = Daemon::start(&mut machine, &config);
    let mut command = Command::new("sh");
    command.args(["-c", "read _; echo $$ > \"$0/cgroup.procs\" && exec \"./a script.sh\" \"x  y\""]);
    command.arg(group.path()).current_dir(dir.path()).env("RINGAUDIT_TEST", "a \"b\"").stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It joins the group when it gets a line: once the daemon has looked where it was before.
    wait("the shell's event", || event(&json, "EXECVE", "-c").is_some());
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    wait("the script's event", || event(&json, "EXECVE", "./a script.sh").is_some());
    // Its own program is asked for the signal, so that the signal is an event.
    let kill = fs::canonicalize("/bin/kill").unwrap();
    assert!(Command::new(kill).arg(child.id().to_string()).status().unwrap().success());
    child.wait().unwrap();
    wait("the signal's event", || signal(&json).is_some());
    assert_eq!(daemon.stop(), quiet());

    let exec = event(&json, "EXECVE", "./a script.sh").unwrap();
    let call = &exec["SYSCALL"];
    assert_eq!(call["SCRIPT"], script.to_str().unwrap());
    assert_eq!(call["CONTAINER_INFO"], json!({"ID": CONTAINER}));
    assert_eq!(call["UNIT"], format!("ringaudit-{}.service", id()));
    assert_eq!(call["LABELS"], json!(["keyed", "shell", "script", "argument"]));
    assert_eq!(call["PID"], json!({"EVENT_ID": exec["ID"]}));
    assert_eq!(call["PPID"]["exe"], std::env::current_exe().unwrap().to_str().unwrap());
    assert_eq!(exec["EXECVE"]["ENV"], json!({"RINGAUDIT_TEST": "a \"b\""}));
    let opid = &signal(&json).unwrap()["OBJ_PID"][0];
    assert_eq!(opid["opid"], child.id());
    let script = json!({"EVENT_ID": exec["ID"], "comm": call["comm"], "exe": call["exe"], "ppid": id()});
    assert_eq!(opid["OPID"], script);
    // The first shell was not in the group yet.
    let shell = event(&json, "EXECVE", "-c").unwrap();
    assert_eq!(shell["SYSCALL"]["CONTAINER_INFO"], Value::Null);
    assert_eq!(shell["SYSCALL"]["LABELS"], json!(["keyed", "shell"]));
}

/// The event with an argument.
fn event(path: &Path, record: &str, argument: &str) -> Option<Value> {
    let has =
        |line: &Value| line[record]["ARGV"].as_array().is_some_and(|argv| argv.iter().any(|a| a == argument));
    whole_lines(path).into_iter().find(has)
}

/// The event of the signal.
fn signal(path: &Path) -> Option<Value> {
    whole_lines(path).into_iter().find(|line| line["SYSCALL"]["SYSCALL"] == "kill")
}

/// The whole lines of a file that is being written.
pub(crate) fn whole_lines(path: &Path) -> Vec<Value> {
    let text = fs::read(path).unwrap_or_default();
    let whole = text.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    parse(&text[..whole])
}
