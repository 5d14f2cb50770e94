//! What a user may get wrong, by running the program: the whole of its standard error and its exit code.
//! Nothing here reaches the kernel's audit system but a question for its status; a second daemon, missing
//! capabilities and namespaces are in tests/live.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::env::consts::ARCH;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A config file with this text.
    fn config(&self, text: &str) -> PathBuf {
        let path = self.path("config.toml");
        fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the program with these words; gives its exit code and, with this case's folder as `DIR`, its
    /// standard error. It must print nothing to standard output.
    fn run(&self, words: &[&Path]) -> (Option<i32>, String) {
        self.run_under(&[], words)
    }

    /// The same under other programs.
    fn run_under(&self, wrapper: &[&str], words: &[&Path]) -> (Option<i32>, String) {
        // Should it start after all, it must not keep the machine's audit socket.
        let mut command = Command::new("timeout");
        command.arg("20").args(wrapper).arg(env!("CARGO_BIN_EXE_ringaudit")).args(words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), stderr.replace(self.dir.path().to_str().unwrap(), "DIR"))
    }
}

/// A wrong config is refused by `run` and by `check`, with the same words.
fn refused(text: &str, expected: &[&str]) {
    let case = Case::new();
    let config = case.config(text);
    let stderr: String = expected.iter().map(|line| format!("ringaudit: DIR/config.toml:{line}\n")).collect();
    for command in ["run", "check"] {
        let got = case.run(&[Path::new(command), Path::new("-c"), &config]);
        assert_eq!(got, (Some(2), stderr.clone()), "{command}");
    }
}

/// A file that cannot be opened: known only at the start. Gives the message behind the place.
fn not_opened(case: &Case, path: &Path, more: &str, message: &str) {
    let config = case.config(&format!("[[output]]\ntype = \"file\"\npath = \"{}\"\n{more}", path.display()));
    let stderr = format!("ringaudit: DIR/config.toml:1:1: {message}\n");
    assert_eq!(case.run(&[Path::new("-c"), &config]), (Some(1), stderr));
}

#[test]
fn an_unknown_key() {
    refused(
        "[kernel]\nbakclog_limit = 1\n",
        &["2:1: unknown key \"bakclog_limit\" in [kernel]; did you mean \"backlog_limit\"?"],
    );
}

#[test]
fn a_wrong_type() {
    refused(
        "[ring]\nsize_kib = \"large\"\noverflow = \"block\"\n",
        &[
            "2:13: \"ring.size_kib\" must be a whole number, not a string",
            "3:13: \"ring.overflow\" must be \"drop\" or \"wait\", not \"block\"",
        ],
    );
}

#[test]
fn broken_toml() {
    refused("[kernel\nenabled = true\n", &["1:8: not valid TOML: unclosed table, expected `]`"]);
}

#[test]
fn a_bad_rule() {
    refused(
        "[rules]\nlines = [\n    \"-a always,exit -F arch=b64 -S opneat -k x\",\n    \"-w relative -p wa\",\n]\n",
        &[
            &format!("3:36: unknown system call \"opneat\" on {ARCH}; did you mean \"openat\"?"),
            "4:9: the path of a watch must be an absolute path, not \"relative\"",
        ],
    );
}

#[test]
fn an_unknown_user_or_group() {
    refused(
        "[[output]]\ntype = \"file\"\npath = \"/nonexistent/log\"\nowner = \"no-such-user\"\ngroup = \"no-such-group\"\n",
        &[
            "4:10: unknown user \"no-such-user\": not in /etc/passwd; give its number if it is kept elsewhere",
            "5:10: unknown group \"no-such-group\": not in /etc/group; give its number if it is kept elsewhere",
        ],
    );
}

#[test]
fn a_file_in_a_missing_directory() {
    let case = Case::new();
    let message = "failed to open \"DIR/none/log\": the directory \"DIR/none\" does not exist; make it first";
    not_opened(&case, &case.path("none/log"), "", message);
    assert!(!case.path("none").exists(), "it is not made");
}

#[test]
fn a_file_that_cannot_be_written() {
    let case = Case::new();
    let folder = case.path("folder");
    fs::create_dir(&folder).unwrap();
    let message = "failed to open \"DIR/folder\": it is a directory; name a file in it";
    not_opened(&case, &folder, "", message);
    fs::write(case.path("file"), "").unwrap();
    let message = "failed to open \"DIR/file/log\": \"DIR/file\" is not a directory";
    not_opened(&case, &case.path("file/log"), "", message);
    // A running program's file: nobody may write to it, root neither.
    let program = case.path("program");
    fs::copy("/bin/sleep", &program).unwrap();
    let mut running = Command::new(&program).arg("60").spawn().unwrap();
    let message = "failed to open \"DIR/program\": Text file busy (os error 26)";
    not_opened(&case, &program, "", message);
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn a_file_that_its_user_may_not_write() {
    // A user with all that the daemon needs, but not this folder.
    let capabilities = "+audit_control,+net_admin";
    let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let wrapper = [&nobody[..], &["--inh-caps", capabilities, "--ambient-caps", capabilities]].concat();
    let case = Case::new();
    fs::set_permissions(case.dir.path(), Permissions::from_mode(0o755)).unwrap();
    let config = format!("[[output]]\ntype = \"file\"\npath = \"{}\"\n", case.path("log").display());
    let config = case.config(&config);
    fs::set_permissions(&config, Permissions::from_mode(0o644)).unwrap();
    let stderr =
        "ringaudit: DIR/config.toml:1:1: failed to open \"DIR/log\": Permission denied (os error 13)\n";
    assert_eq!(case.run_under(&wrapper, &[Path::new("-c"), &config]), (Some(1), stderr.to_owned()));
    fs::write(case.path("log"), "").unwrap();
    assert_eq!(case.run_under(&wrapper, &[Path::new("-c"), &config]), (Some(1), stderr.to_owned()));
    // A config that it may not read is as exact.
    fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
    let (code, stderr) = case.run_under(&wrapper, &[Path::new("-c"), &config]);
    assert_eq!(
        (code, stderr.as_str()),
        (Some(2), "ringaudit: DIR/config.toml: permission denied; run as root, or make it readable\n")
    );
}

#[test]
fn all_outputs_that_cannot_be_opened_are_told_together() {
    let case = Case::new();
    let output =
        |name: &str| format!("[[output]]\ntype = \"file\"\npath = \"{}\"\n", case.path(name).display());
    let config = case.config(&[output("none/a"), output("good"), output("none/b")].concat());
    let line = |at: u32, name: &str| {
        format!(
            "ringaudit: DIR/config.toml:{at}:1: failed to open \"DIR/none/{name}\": the directory \"DIR/none\" \
             does not exist; make it first\n"
        )
    };
    assert_eq!(case.run(&[Path::new("-c"), &config]), (Some(1), line(1, "a") + &line(7, "b")));
}

#[test]
fn a_config_that_is_not_there_or_no_text() {
    let case = Case::new();
    let none = case.path("none.toml");
    let stderr =
        "ringaudit: DIR/none.toml: no such file; without -c the built-in config is used\n".to_owned();
    assert_eq!(case.run(&[Path::new("-c"), &none]), (Some(2), stderr));
    let stderr = "ringaudit: DIR: is a directory; name the config file in it\n".to_owned();
    assert_eq!(case.run(&[Path::new("check"), Path::new("-c"), case.dir.path()]), (Some(2), stderr));
    let binary = case.path("binary");
    fs::write(&binary, b"\x7fELF\x00\xff").unwrap();
    let stderr =
        "ringaudit: DIR/binary:1:6: byte 0xff is not UTF-8; save the file as UTF-8 text\n".to_owned();
    assert_eq!(case.run(&[Path::new("-c"), &binary]), (Some(2), stderr));
}

#[test]
fn wrong_words() {
    let case = Case::new();
    let stderr = "ringaudit: unknown command \"chekc\"; did you mean \"check\"?\n".to_owned();
    assert_eq!(case.run(&[Path::new("chekc")]), (Some(2), stderr));
    let stderr = "ringaudit: unknown flag \"--confg\"; did you mean \"--config\"?\n".to_owned();
    assert_eq!(case.run(&[Path::new("--confg"), Path::new("x")]), (Some(2), stderr));
}

/// A record's line.
const GOOD: &str = "type=USER_LOGIN msg=audit(1700000000.001:7): pid=1 uid=0 res=success\n";

/// What `replay` says of this log, and which events come out of it, by their serials.
fn replayed(case: &Case, words: &[&Path]) -> (Option<i32>, String, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringaudit"));
    let output = command.arg("replay").args(words).stdin(Stdio::null()).output().unwrap();
    let serial = |line: &str| line.split(['"', ':']).nth(5).unwrap().to_owned();
    let serials = String::from_utf8(output.stdout).unwrap().lines().map(serial).collect();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), stderr.replace(case.dir.path().to_str().unwrap(), "DIR"), serials)
}

/// The same of a log with this text.
fn replayed_log(text: impl AsRef<[u8]>) -> (Option<i32>, String, Vec<String>) {
    let case = Case::new();
    let log = case.path("log");
    fs::write(&log, text).unwrap();
    replayed(&case, &[&log])
}

#[test]
fn garbage_in_a_log_is_shown_and_the_good_events_around_it_come_out() {
    let good = |serial: u32| GOOD.replace(":7)", &format!(":{serial})"));
    let garbage = "\u{1b}[31mnot \"a\" record\n\ntype=NEW_TYPE msg=audit(1.002:3): a=b\n";
    let zeros = "\0".repeat(3000);
    let log = [&good(1), garbage, &good(2), &zeros, &good(3), &zeros, "\n"].concat();
    let stderr = "\
ringaudit: DIR/log:2: not an audit record: \"\\u{1b}[31mnot \\\"a\\\" record\"
ringaudit: DIR/log:4: unknown record type \"NEW_TYPE\", left out
ringaudit: DIR/log:6: zero bytes before a record, left out
ringaudit: DIR/log:7: zero bytes, left out
ringaudit: replayed; lines: 7, records: 3, events: 3, malformed: 4
";
    let serials = ["1", "2", "3"].map(str::to_owned).to_vec();
    assert_eq!(replayed_log(log), (Some(0), stderr.to_owned(), serials));
}

#[test]
fn a_log_of_nothing_but_garbage_shows_its_first_lines() {
    let (code, stderr, serials) = replayed_log("garbage\n".repeat(1000));
    let mut expected: String = (1..=10)
        .map(|line| format!("ringaudit: DIR/log:{line}: not an audit record: \"garbage\"\n"))
        .collect();
    expected += "ringaudit: further lines of this kind are counted, not shown\n";
    expected += "ringaudit: replayed; lines: 1000, records: 0, events: 0, malformed: 1000\n";
    assert_eq!((code, stderr, serials), (Some(0), expected, Vec::new()));
    // Bytes that are no text, in lines longer than a line may be.
    let (code, stderr, serials) = replayed_log([&vec![0xff; 3 << 20][..], b"\n", GOOD.as_bytes()].concat());
    let expected = "ringaudit: DIR/log:1: longer than event.max_kib, left out\n\
                    ringaudit: replayed; lines: 2, records: 1, events: 1, too long: 1\n";
    assert_eq!((code, stderr.as_str(), serials), (Some(0), expected, vec!["7".to_owned()]));
}

#[test]
fn an_empty_log_and_one_that_ends_inside_a_line() {
    let nothing = "ringaudit: replayed; lines: 0, records: 0, events: 0\n".to_owned();
    assert_eq!(replayed_log(""), (Some(0), nothing, Vec::new()));
    let cut = |len: usize| replayed_log([GOOD, &GOOD.replace(":7)", ":8)")[..len]].concat());
    let stderr = "ringaudit: DIR/log:2: the log ends inside this line; taken as far as it goes\n\
                  ringaudit: replayed; lines: 2, records: 2, events: 2\n";
    assert_eq!(cut(50), (Some(0), stderr.to_owned(), vec!["7".to_owned(), "8".to_owned()]));
    let stderr = "ringaudit: DIR/log:2: not an audit record: \"type=USER_LOGIN msg=audit(17\"\n\
                  ringaudit: replayed; lines: 2, records: 1, events: 1, malformed: 1\n";
    assert_eq!(cut(28), (Some(0), stderr.to_owned(), vec!["7".to_owned()]));
}

#[test]
fn logs_that_cannot_be_read_are_told_and_the_others_come_out() {
    let case = Case::new();
    let (good, packed, none) = (case.path("good"), case.path("packed.gz"), case.path("none"));
    fs::write(&good, GOOD).unwrap();
    fs::write(&packed, b"\x1f\x8b\x08\0 and so on").unwrap();
    let got = replayed(&case, &[&none, case.dir.path(), &packed, &good]);
    let stderr = "\
ringaudit: DIR/none: no such file
ringaudit: DIR: is a directory; name the log files in it
ringaudit: DIR/packed.gz: is compressed; unpack it: zcat FILE | ringaudit replay
ringaudit: replayed; lines: 1, records: 1, events: 1
";
    assert_eq!(got, (Some(1), stderr.to_owned(), vec!["7".to_owned()]));
}

#[test]
fn wrong_words_of_replay() {
    let case = Case::new();
    let usage = |words: &[&str], stderr: &str| {
        let words: Vec<&Path> = words.iter().map(Path::new).collect();
        assert_eq!(case.run(&words), (Some(2), format!("ringaudit: {stderr}\n")));
    };
    usage(&["replay", "-f", "jsno"], "unknown format \"jsno\"; did you mean \"json\"?");
    usage(
        &["replay", "-f", "xml"],
        "unknown format \"xml\"; the formats are \"json\", \"go-audit\" and \"raw\"",
    );
    usage(&["run", "-f", "raw"], "\"--format\" belongs to \"replay\"; see \"ringaudit --help\"");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let log = case.path("log");
    fs::write(&log, GOOD).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringaudit"));
    let output = command.arg("replay").arg(&log).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let stderr = "ringaudit: error: output stdout: failed to write to standard output: No space left on device (os error 28)\n";
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(1), stderr));
}
