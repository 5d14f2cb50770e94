//! The rules that config and files ask for, and the commands that look at the kernel's rules or change them
//! (`ringaudit rules ...`).

use crate::capture::control::Control;
use crate::capture::registration;
use crate::cli;
use crate::config::{self, KernelKey, Located, OnError, Place, Problem, Setting, Source};
use crate::daemon::Error;
use crate::rules::{self, Command, Compiled, Form, Planned, Report, Text, Transport};
use crate::sys::host;
use crate::wire::rule::{AUDIT_LIST_RULES, Rule};
use crate::wire::tables::Machine;
use std::io::{self, Write};

/// Whether rules from files are in this build.
const FILES: bool = cfg!(feature = "rules");

/// Exit codes, as main's table has them.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NOT_PERMITTED: u8 = 3;

/// What the sources of rules hold, compiled for this machine's kernel; all that is wrong and dubious is in the order
/// of its places.
///
/// Errors: this machine's system calls are not known, and there are rules.
pub fn read(rules: &config::Rules) -> Result<Compiled, Error> {
    let mut text = if FILES { rules::read(&rules.files) } else { Text::default() };
    text.lines.extend(rules.lines.iter().cloned());
    rules::arrange(&mut text.lines);
    let mut compiled = match machine() {
        Ok(machine) => rules::compile(&text.lines, machine),
        Err(_) if text.lines.is_empty() => Compiled::default(),
        Err(error) => return Err(error),
    };
    compiled.errors.append(&mut text.errors);
    compiled.warnings.append(&mut text.warnings);
    Problem::sort(&mut compiled.errors);
    Problem::sort(&mut compiled.warnings);
    Ok(compiled)
}

/// Leaves out what an error in a file leaves out, and says so; `None` when no file has an error.
pub fn leave_out(set: &mut Compiled, on_error: OnError) -> Option<String> {
    if set.errors.is_empty() || !FILES {
        return None;
    }
    let before = set.planned.len();
    if on_error == OnError::SkipFile {
        set.planned.retain(|plan| !set.errors.iter().any(|error| error.place.file == plan.place.file));
    }
    let (errors, right) = (set.errors.len(), before - set.planned.len());
    Some(format!(
        "errors in rules: {errors}; on_error = \"{}\": left out with them were {right} lines that are right, {} are used",
        on_error.name(),
        set.planned.len()
    ))
}

/// Warns about values that the rules set otherwise than the config's `[kernel]`: the rules come later.
pub fn warn_of_overrides(set: &mut Compiled, kernel: &config::Kernel) {
    let Compiled { planned, warnings, .. } = set;
    for (key, plan) in planned.iter().flat_map(|plan| KernelKey::ALL.map(|key| (key, plan))) {
        let (field, wanted) = registration::wanted(kernel, key);
        if let (Command::Set(set, value), Setting::Set(other)) = (&plan.command, wanted)
            && (*set, *value != other) == (field, true)
        {
            let name = key.name();
            let message =
                format!("this sets {name} to {value}, and overrides {other} from \"kernel.{name}\"");
            warnings.push(Problem { place: plan.place.clone(), message });
        }
    }
}

fn machine() -> Result<Machine, Error> {
    let name = host::machine();
    Machine::of_uname(&name).ok_or_else(|| {
        let what = "load rules on a machine whose system calls are not known";
        Error::System(what, io::Error::new(io::ErrorKind::Unsupported, name))
    })
}

/// What a command has to say, and its exit code.
pub struct Output {
    /// For standard output.
    pub text: Vec<u8>,
    /// 0 done, 1 the kernel refused something, 2 wrong rules, 3 not permitted.
    pub exit_code: u8,
}

/// `ringaudit rules ...`
///
/// Errors: the config is wrong, or the kernel's rules can't be had.
pub fn run(request: &cli::Rules) -> Result<Output, Error> {
    match request.command {
        "rules list" => list(request),
        "rules clear" => clear(request),
        command => {
            let (own, set) = asked_for(request)?;
            tell("warning: ", &set.warnings);
            tell("", &set.errors);
            if command == "rules check" { Ok(check(&set)) } else { load(request, &own, set) }
        }
    }
}

/// The rules of the files that are named, or else of the config, with the config's name.
fn asked_for(request: &cli::Rules) -> Result<(String, Compiled), Error> {
    if request.files.is_empty() {
        let source = Source::find(request.config.as_deref());
        let loaded = source.read().map_err(Error::Config)?;
        return Ok((source.to_string(), read(&loaded.config.rules)?));
    }
    let named = |name: &String| Located {
        place: Place { file: name.clone(), line: 0, column: 0 },
        value: name.clone(),
    };
    let files = request.files.iter().map(named).collect();
    Ok((String::new(), read(&config::Rules { files, ..config::Rules::default() })?))
}

fn check(set: &Compiled) -> Output {
    let rules = set.planned.iter().filter(|plan| matches!(plan.command, Command::Add(_))).count();
    let (others, warnings, errors) = (set.planned.len() - rules, set.warnings.len(), set.errors.len());
    let text = format!("rules: {rules}, other commands: {others}, warnings: {warnings}, errors: {errors}");
    Output { text: text.into_bytes(), exit_code: if errors == 0 { 0 } else { USAGE } }
}

/// Whether nothing may be left out for an error: it is in the config, or a name on the command line is wrong. With
/// that one left out, no rule would stay in the kernel.
fn is_our_own(error: &Problem, request: &cli::Rules, own: &str) -> bool {
    let Place { file, line, .. } = &error.place;
    file == own || *line == 0 && request.files.contains(file)
}

fn load(request: &cli::Rules, own: &str, mut set: Compiled) -> Result<Output, Error> {
    let left_out = leave_out(&mut set, request.on_error);
    let is_wrong = set.errors.iter().any(|error| is_our_own(error, request, own));
    if is_wrong || left_out.is_some() && request.on_error == OnError::Refuse {
        return Ok(Output { text: b"nothing was changed".to_vec(), exit_code: USAGE });
    }
    let report = rules::load(&mut control()?, &set.planned, true);
    let mut text = left_out.map(|left_out| left_out + "\n").unwrap_or_default();
    let (added, already) = (report.added.len(), report.already.len());
    let Report { deleted, set: values, .. } = report;
    text +=
        &format!("rules added: {added}, already there: {already}, deleted: {deleted}; values set: {values}");
    Ok(outcome(&report, text, set.errors.is_empty()))
}

fn clear(request: &cli::Rules) -> Result<Output, Error> {
    let command =
        if request.key.is_empty() { Command::DeleteAll } else { Command::DeleteKey(request.key.clone()) };
    let place = Place { file: "rules clear".to_owned(), line: 0, column: 0 };
    let report = rules::load(&mut control()?, &[Planned { place, line: String::new(), command }], false);
    Ok(outcome(&report, format!("rules deleted: {}", report.deleted), true))
}

/// Tells what the kernel refused.
fn outcome(report: &Report, text: String, is_right: bool) -> Output {
    tell("", &report.problems);
    let exit_code = match report.problems.as_slice() {
        [] if is_right => 0,
        _ if report.stopped => NOT_PERMITTED,
        _ => FAILED,
    };
    Output { text: text.into_bytes(), exit_code }
}

fn list(request: &cli::Rules) -> Result<Output, Error> {
    let (machine, mut text) = (machine()?, Vec::new());
    let form = if request.loadable { Form::Loadable } else { Form::Auditctl };
    let listed = control()?.dump(AUDIT_LIST_RULES, &mut |_, payload| match Rule::parse(payload) {
        Ok(rule) if request.key.is_empty() || rule.key_has(&request.key) => {
            text.extend(rules::print(&rule, machine, form));
            text.push(b'\n');
        }
        Ok(_) => {}
        Err(error) => text.extend(format!("# a rule that can't be read: {error}\n").into_bytes()),
    });
    listed.map_err(|error| Error::System("list the rules", error))?;
    if text.is_empty() && !request.loadable {
        text.extend(b"No rules");
    }
    Ok(Output { text, exit_code: 0 })
}

fn control() -> Result<Control, Error> {
    registration::control().map(|(control, _)| control).map_err(Error::Kernel)
}

/// Lines on standard error. Nobody is left to tell when it is gone.
fn tell(what: &str, problems: &[Problem]) {
    let mut stderr = io::stderr().lock();
    for problem in problems {
        let _ = writeln!(stderr, "ringaudit: {what}{problem}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loading would be the kernel's: what decides about it is asked.
    #[test]
    fn a_wrong_name_on_the_command_line_is_not_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let (folder, missing, wrong) = (path(""), path("missing"), path("wrong.rules"));
        std::fs::write(&wrong, "-a\n").unwrap();
        std::fs::create_dir(path("folder.rules")).unwrap();
        let is_refused = |file: &String| {
            let request = cli::Rules {
                command: "rules load",
                config: None,
                files: vec![file.clone()],
                on_error: OnError::SkipRule,
                key: String::new(),
                loadable: false,
            };
            let (own, set) = asked_for(&request).unwrap();
            assert!(!set.errors.is_empty(), "{file}");
            set.errors.iter().any(|error| is_our_own(error, &request, &own))
        };
        assert!(is_refused(&missing));
        // What is in a file is left out, and a file of a folder that can't be read.
        assert!(!is_refused(&wrong));
        std::fs::remove_file(&wrong).unwrap();
        assert!(!is_refused(&folder));
    }
}
