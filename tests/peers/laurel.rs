//! Debian's laurel, which makes JSON of auditd's log as we do.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

/// Lines of JSON by their event's ID, in the order of the lines.
pub(crate) type Events = BTreeMap<String, Vec<Value>>;

/// What laurel says of a log.
pub(crate) struct Said {
    pub(crate) events: Events,
    /// The records that it could not read, as they stand in the log.
    pub(crate) refused: String,
}

/// Everything on that needs no look at processes of the past.
pub(crate) fn read(dir: &Path, log: &Path) -> Said {
    let out = dir.join("laurel");
    fs::create_dir(&out).unwrap();
    let config = dir.join("laurel.toml");
    let text = format!(
        "directory = '{}'\nuser = 'root'\ninput = 'stdin'\n[auditlog]\nfile = 'audit.json'\nsize = 0\n\
         [translate]\nuniversal = true\nuser-db = true\n[enrich]\npid = false\ncontainer = false\n\
         script = false\nexecve-env = []\n[debug.parse-error-log]\nfile = 'refused.log'\n",
        out.display()
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new("laurel");
    command.arg("--config").arg(&config).stdin(Stdio::from(File::open(log).unwrap()));
    command.stdout(Stdio::null()).stderr(File::create(dir.join("laurel.stderr")).unwrap());
    let status = command.status().expect("laurel: apt-get install laurel");
    assert!(status.success(), "laurel: {:?}", fs::read_to_string(dir.join("laurel.stderr")));
    let refused = fs::read(out.join("refused.log")).unwrap_or_default();
    Said {
        events: events(&fs::read(out.join("audit.json")).unwrap()),
        refused: String::from_utf8_lossy(&refused).into_owned(),
    }
}

/// Lines of JSON, all whole and valid.
pub(crate) fn events(text: &[u8]) -> Events {
    assert!(text.is_empty() || text.ends_with(b"\n"), "the last line is torn");
    let mut events = Events::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let line: Value = serde_json::from_slice(line)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(line)));
        let id = line["ID"].as_str().unwrap_or_else(|| panic!("no ID: {line}")).to_owned();
        events.entry(id).or_default().push(line);
    }
    events
}
