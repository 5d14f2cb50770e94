//! What the context knows, beside the fields of the record that it belongs to: upper-case keys of their own.

use super::{Line, Writer, text};
use crate::enrich::context::{Found, How, Process};
use crate::event::Record;
use crate::wire::fields;
use crate::wire::record::{RecordType, Stamp};

/// The most that the context adds to a line: four paths of 4 KiB, a script of 8 KiB and values of 4 KiB, each byte
/// of which is percent-encoded, and 64 labels and 16 variables of which the config holds the names.
pub const OVERHEAD: usize = 160 * 1024;

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Writer<'_> {
    /// What belongs to the record that is the event's of this number, from 0.
    pub(super) fn context(&mut self, index: usize, record: &Record<'_>, start: usize) {
        let Some(found) = self.found else { return };
        match record.kind {
            RecordType::SYSCALL => self.syscall_context(found, start),
            RecordType::PATH => {
                let Some(path) = found.path(index) else { return };
                self.key(b"NAME_FOUND", start);
                self.line.push(b"{\"path\":");
                text::push_string(self.line, path.path);
                self.line.push(match path.how {
                    How::Fd => b",\"how\":\"fd\"",
                    How::Handle => b",\"how\":\"handle\"",
                });
                self.line.push(if path.unsure { b",\"unsure\":true}" } else { b"}" });
            }
            RecordType::OBJ_PID => {
                let opid = fields::items(record.fields).fields().find(|(key, _)| *key == b"opid");
                let process = opid.and_then(|(_, value)| value.id()).and_then(|pid| found.other(pid));
                if let Some(process) = process {
                    self.key(b"OPID", start);
                    self.process(process, true);
                }
            }
            _ => {}
        }
    }

    fn syscall_context(&mut self, found: &Found<'_>, start: usize) {
        if let Some(script) = found.script {
            self.key(b"SCRIPT", start);
            text::push_string(self.line, script);
        }
        // Its names and its parent stand in the record.
        if let Some(process) = found.process.filter(|process| origin(process).is_some()) {
            self.key(b"PID", start);
            self.process(process, false);
        }
        if let Some(parent) = found.parent {
            self.key(b"PPID", start);
            self.process(parent, true);
        }
        let mut labels = found.labels().peekable();
        if labels.peek().is_some() {
            self.key(b"LABELS", start);
            for (index, label) in labels.enumerate() {
                self.line.push(if index == 0 { b"[" } else { b"," });
                text::push_string(self.line, label.as_bytes());
            }
            self.line.push(b"]");
        }
        if let Some(id) = found.container {
            self.key(b"CONTAINER_INFO", start);
            self.line.push(b"{\"ID\":\"");
            for byte in id {
                self.line.push(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            self.line.push(b"\"}");
        }
        if let Some(unit) = found.unit {
            self.key(b"UNIT", start);
            text::push_string(self.line, unit);
        }
        if found.inherited && (found.container.is_some() || found.unit.is_some()) {
            self.key(b"INHERITED", start);
            self.line.push(b"true");
        }
    }

    /// A process; `whole` with its names and its parent.
    fn process(&mut self, process: Process<'_>, whole: bool) {
        self.line.push(b"{");
        let start = self.line.len();
        if let Some((key, stamp)) = origin(&process) {
            self.key(key, start);
            self.line.push(b"\"");
            push_stamp(self.line, stamp);
            self.line.push(b"\"");
        }
        if whole {
            for (key, name) in [(&b"comm"[..], process.comm()), (b"exe", process.exe())] {
                if let Some(name) = name {
                    self.key(key, start);
                    text::push_string(self.line, name);
                }
            }
            if process.ppid() != 0 {
                self.key(b"ppid", start);
                self.line.push_number(u64::from(process.ppid()));
            }
        }
        self.line.push(b"}");
    }

    /// The variables of a started program, behind its arguments.
    pub(super) fn variables(&mut self) {
        let Some(variables) = self.found.and_then(Found::env) else { return };
        self.line.push(b",\"ENV\":{");
        for (index, variable) in variables.clone().enumerate() {
            if index > 0 {
                self.line.push(b",");
            }
            text::push_string(self.line, variable.name.as_bytes());
            self.line.push(b":");
            text::push_string(self.line, variable.value);
        }
        self.line.push(b"}");
        let cut = variables.filter(|variable| variable.cut);
        for (index, variable) in cut.clone().enumerate() {
            self.line.push(if index == 0 { b",\"ENV_CUT\":[" } else { b"," });
            text::push_string(self.line, variable.name.as_bytes());
        }
        if cut.count() > 0 {
            self.line.push(b"]");
        }
    }
}

/// The event that a process is known from.
fn origin(process: &Process<'_>) -> Option<(&'static [u8], Stamp)> {
    let exec = process.event().map(|stamp| (&b"EVENT_ID"[..], stamp));
    exec.or_else(|| process.spawned_by().map(|stamp| (&b"SPAWNED_BY"[..], stamp)))
}

/// `SECONDS.MMM:SERIAL`
fn push_stamp(line: &mut Line, stamp: Stamp) {
    line.push_number(stamp.millis / 1000);
    line.push(b".");
    for power in [100, 10, 1] {
        line.push_number(stamp.millis / power % 10);
    }
    line.push(b":");
    line.push_number(u64::from(stamp.serial));
}

#[cfg(test)]
mod tests {
    use crate::Line;
    use crate::config;
    use crate::enrich::Names;
    use crate::enrich::context::Context;
    use crate::enrich::testing::replay;
    use crate::event::facts::Facts;
    use crate::json::{CONTEXT, Json};
    use crate::sys::host;
    use serde_json::{Value as J, json};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    use std::time::Instant;

    /// The objects of a log's events, and the most bytes that the context added to one.
    fn objects(config: &str, live: bool, log: &str) -> (Vec<J>, usize) {
        let config = config::read("f", config).unwrap();
        let mut context = Context::new(&config.enrich, &config.labels, false, live).unwrap();
        let mut json = Json::new(&config.json, config.translate, 1 << 20, b"host").unwrap();
        let (names, mut line) = (Names::new(Instant::now()), Line::new(1 << 22).unwrap());
        let (mut objects, mut longest) = (Vec::new(), 0);
        replay(log, |event| {
            let facts = Facts::of(event);
            context.note(event, &facts, Instant::now());
            context.complete(event, &facts);
            line.clear();
            json.write(event, &names, true, &mut line);
            let without = line.len();
            line.clear();
            json.write_with(event, &names, Some(&context.found()), true, &mut line);
            assert!(!line.overflowed());
            objects.push(serde_json::from_slice(line.as_bytes()).unwrap());
            longest = longest.max(line.len() - without);
        });
        (objects, longest)
    }

    #[test]
    fn where_each_piece_stands() {
        let log = "\
            type=SYSCALL msg=audit(1.002:3): arch=c000003e syscall=59 success=yes exit=0 a0=1 items=3 ppid=9 pid=10 comm=\"sh\" exe=\"/bin/dash\" key=\"k\"\n\
            type=EXECVE msg=audit(1.002:3): argc=2 a0=\"/bin/sh\" a1=\"./x\"\n\
            type=CWD msg=audit(1.002:3): cwd=\"/a\"\n\
            type=PATH msg=audit(1.002:3): item=0 name=\"./x\"\n\
            type=PATH msg=audit(1.002:3): item=1 name=\"/bin/sh\"\n\
            type=PATH msg=audit(1.002:3): item=2 name=\"/lib/ld.so\"\n\
            type=SYSCALL msg=audit(1.042:4): arch=c000003e syscall=57 success=yes exit=11 ppid=9 pid=10 comm=\"sh\" exe=\"/bin/dash\" key=(null)\n\
            type=SYSCALL msg=audit(2.000:5): arch=c000003e syscall=62 success=yes exit=0 ppid=10 pid=11 comm=\"sh\" exe=\"/bin/dash\" key=(null)\n\
            type=OBJ_PID msg=audit(2.000:5): opid=10 ocomm=\"sh\"\n\
            type=OBJ_PID msg=audit(2.000:5): opid=12 ocomm=\"sh\"\n";
        let config =
            "[[label]]\nname = 'b'\nkey = 'k'\npropagate = true\n[[label]]\nname = 'a'\nscript = 'x'\n";
        let (objects, _) = objects(config, false, log);
        let [exec, fork, kill] = objects.as_slice() else { panic!("three events") };
        assert_eq!(exec["SYSCALL"]["SCRIPT"], "/a/x");
        assert_eq!(exec["SYSCALL"]["PID"], json!({"EVENT_ID": "1.002:3"}));
        assert_eq!(exec["SYSCALL"]["LABELS"], json!(["b", "a"]));
        assert_eq!(exec["EXECVE"], json!({"argc": 2, "ARGV": ["/bin/sh", "./x"]}));
        let absent = ["PPID", "CONTAINER_INFO", "UNIT", "INHERITED"];
        assert!(absent.iter().all(|key| exec["SYSCALL"][key].is_null()));
        assert_eq!(fork["SYSCALL"]["SCRIPT"], J::Null);
        assert_eq!(kill["SYSCALL"]["PID"], json!({"SPAWNED_BY": "1.042:4"}));
        let sh = json!({"EVENT_ID": "1.002:3", "comm": "sh", "exe": "/bin/dash", "ppid": 9});
        assert_eq!(kill["SYSCALL"]["PPID"], sh);
        assert_eq!(kill["SYSCALL"]["LABELS"], json!(["b"]));
        assert_eq!((&kill["OBJ_PID"][0]["OPID"], &kill["OBJ_PID"][1]["OPID"]), (&sh, &J::Null));
    }

    /// A descriptor call and an execve of this process: a path, and this process's environment.
    #[test]
    fn what_is_asked_of_this_machine() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let metadata = file.as_file().metadata().unwrap();
        let (dev, now, pid) = (metadata.dev(), host::clocks().unwrap().0, std::process::id());
        let stamp = format!("{}.{:03}", now / 1000, now % 1000);
        let call = format!("success=yes exit=0 ppid=0 pid={pid} comm=\"x\" exe=\"/x\" key=(null)");
        let log = format!(
            "type=SYSCALL msg=audit({stamp}:1): arch=c000003e syscall=91 a0={:x} {call}\n\
             type=PATH msg=audit({stamp}:1): item=0 name=(null) inode={} dev={:02x}:{:02x}\n\
             type=PATH msg=audit({stamp}:1): item=1 name=\"x\" inode={} dev={:02x}:{:02x}\n\
             type=SYSCALL msg=audit({stamp}:2): arch=c000003e syscall=59 {call}\n\
             type=EXECVE msg=audit({stamp}:2): argc=1 a0=\"x\"\n",
            file.as_file().as_raw_fd(),
            metadata.ino(),
            libc::major(dev),
            libc::minor(dev),
            metadata.ino(),
            libc::major(dev),
            libc::minor(dev)
        );
        let (objects, _) = objects("[enrich]\nenv = ['CARGO_PKG_NAME', 'NONE']\n", true, &log);
        assert_eq!(objects[0]["PATH"][0]["NAME_FOUND"], json!({"path": file.path().to_str(), "how": "fd"}));
        assert_eq!(objects[0]["PATH"][1]["NAME_FOUND"], J::Null);
        assert_eq!(objects[1]["EXECVE"]["ENV"], json!({"CARGO_PKG_NAME": env!("CARGO_PKG_NAME")}));
        assert_eq!(objects[1]["EXECVE"]["ENV_CUT"], J::Null);
    }

    /// The longest script, labels and keys fit what is reserved for the context.
    #[test]
    fn the_longest_context_fits() {
        let labels: String = (0..64)
            .map(|n| format!("[[label]]\nname = \"{}{n:02}\"\nkey = 'k'\n", "\\u0001".repeat(62)))
            .collect();
        let part = "01".repeat(4000);
        let log = format!(
            "type=SYSCALL msg=audit(1.002:3): arch=c000003e syscall=59 success=yes exit=0 a0=1 items=3 ppid=9 pid=10 comm=\"sh\" exe=\"/bin/dash\" key=\"k\"\n\
             type=CWD msg=audit(1.002:3): cwd=2F{part}\n\
             type=PATH msg=audit(1.002:3): item=0 name={part}\n\
             type=PATH msg=audit(1.002:3): item=1 name=\"/bin/sh\"\n\
             type=PATH msg=audit(1.002:3): item=2 name=\"/lib/ld.so\"\n"
        );
        let (found, added) = objects(&labels, false, &log);
        assert_eq!(found[0]["SYSCALL"]["LABELS"].as_array().unwrap().len(), 64);
        assert_eq!(found[0]["SYSCALL"]["SCRIPT"].as_str().unwrap().len(), 3 * 8000 + 2);
        // Paths and variables come to it: four of 4 KiB, and 4 KiB of values.
        let paths = 4 * 3 * 4096 + 3 * 4096;
        assert!(added > 24_000 + 64 * 188 && added + paths <= CONTEXT, "{added}");
    }
}
