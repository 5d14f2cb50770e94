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
