//! The program: words to an action, errors to exit codes. The only place that exits.

use ringaudit::cli::{self, Action};
#[cfg(feature = "replay")]
use ringaudit::operate::replay;
use ringaudit::supervise::Parent;
#[cfg(feature = "supervise")]
use ringaudit::supervise::{self, Detached};
use ringaudit::{daemon, ruleset};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

/// Bad usage, config or rules.
const USAGE: u8 = 2;

/// A command that was left out when this was built.
#[cfg(not(feature = "replay"))]
#[derive(Debug)]
struct NotInThisBuild;

#[cfg(not(feature = "replay"))]
impl std::fmt::Display for NotInThisBuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"replay\" is not in this build: it was made without the feature \"replay\"")
    }
}

#[cfg(not(feature = "replay"))]
impl std::error::Error for NotInThisBuild {}

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Action::Help(text) | Action::Version(text)) => print(text.as_bytes(), 0),
        Ok(Action::Check { config, toml }) => match daemon::check(config.as_deref(), toml) {
            Ok(text) => print(text.as_bytes(), 0),
            Err(error) => fail(&error, error.exit_code()),
        },
        // The command line refuses what is not in this build.
        Ok(Action::Rules(_)) if !cfg!(feature = "rules") => ExitCode::from(USAGE),
        Ok(Action::Rules(request)) => match ruleset::run(&request) {
            Ok(output) => print(&output.text, output.exit_code),
            Err(error) => fail(&error, error.exit_code()),
        },
        #[cfg(feature = "status")]
        Ok(Action::Ask(request)) => match ringaudit::ask::run(&request) {
            Ok(text) => print(text.as_bytes(), 0),
            Err(error) => fail(&error, error.exit_code()),
        },
        Ok(Action::Run { config, daemonize, pid_file }) => {
            run(config.as_deref(), daemonize, pid_file.as_deref())
        }
        #[cfg(not(feature = "replay"))]
        Ok(Action::Replay { .. }) => fail(&NotInThisBuild, USAGE),
        #[cfg(feature = "replay")]
        Ok(Action::Replay { config, format, files }) => {
            match replay::run(&replay::Request { config, format, files }) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error, error.exit_code()),
            }
        }
        // What is not in this build the command line has refused.
        #[cfg(not(feature = "status"))]
        #[allow(unreachable_patterns, reason = "there where another package has the feature")]
        Ok(_) => ExitCode::from(USAGE),
        Err(error) => fail(&error, USAGE),
    }
}

/// Captures, in the foreground or, with `daemonize`, in a process that has left it.
fn run(config: Option<&Path>, daemonize: bool, pid_file: Option<&Path>) -> ExitCode {
    let mut parent = Parent::default();
    #[cfg(feature = "supervise")]
    if daemonize && daemon::goes_on() {
        parent = Parent::Gone;
    } else if daemonize {
        match supervise::detach() {
            Ok(Detached::Daemon(waits)) => parent = waits,
            Ok(Detached::Ends(code)) => return ExitCode::from(code),
            Err(error) => return fail(&daemon::Error::System("start a daemon", error), 1),
        }
    }
    // The command line refuses what is not in this build.
    #[cfg(not(feature = "supervise"))]
    let _ = daemonize;
    match daemon::run(config, pid_file, &mut parent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = fail(&error, error.exit_code());
            #[cfg(feature = "supervise")]
            parent.tell(error.exit_code());
            code
        }
    }
}

/// Prints what was asked for; a reader that has gone is no reason to panic.
fn print(text: &[u8], code: u8) -> ExitCode {
    let mut line = text.strip_suffix(b"\n").unwrap_or(text).to_vec();
    if !line.is_empty() {
        line.push(b'\n');
    }
    // Written as a file: std's own buffer of lines is 2 KiB of code.
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().map(File::from);
    if stdout.and_then(|mut stdout| stdout.write_all(&line)).is_ok() {
        ExitCode::from(code)
    } else {
        ExitCode::FAILURE
    }
}

/// Each line of the error with the program's name before it.
fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    for line in error.to_string().lines() {
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(stderr, "ringaudit: {line}");
    }
    ExitCode::from(code)
}
