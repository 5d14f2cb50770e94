//! The rules that config and files ask for, and the commands that look at the kernel's rules or change them
//! (`ringaudit rules ...`).

use crate::capture::control::Control;
use crate::capture::registration;
use crate::cli;
use crate::config::{self, KernelKey, Located, OnError, Place, Problem, Setting, Source};
use crate::daemon::Error;
use crate::rules::{self, Command, Compiled, Form, Planned, Report, Transport};
use crate::sys::host;
use crate::wire::rule::{AUDIT_LIST_RULES, Rule};
use crate::wire::tables::Machine;
use std::io::{self, Write};

/// Exit codes, as main's table has them.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NOT_PERMITTED: u8 = 3;

/// What the sources of rules hold, compiled for this machine's kernel.
#[derive(Debug, Default)]
pub struct Ruleset {
    /// The commands of all lines that are right, in the order in which they are done.
    pub planned: Vec<Planned>,
    /// What is wrong in the config's own lines.
    pub config_errors: Vec<Problem>,
    /// What is wrong with files.
    pub errors: Vec<Problem>,
    /// What is taken, and is probably not what was meant.
    pub warnings: Vec<Problem>,
    /// The files that have an error in their text.
    bad_files: Vec<String>,
}

impl Ruleset {
    /// Reads what a config names; `source` is the config's own name.
    ///
    /// Errors: this machine's system calls are not known, and there are rules.
    pub fn read(rules: &config::Rules, source: &str) -> Result<Self, Error> {
        let mut text = rules::read(&rules.files);
        text.lines.extend(rules.lines.iter().cloned());
        rules::arrange(&mut text.lines);
        let compiled = compile(&text.lines)?;
        let mut set = Self { planned: compiled.planned, warnings: text.warnings, ..Self::default() };
        set.warnings.extend(compiled.warnings);
        for error in compiled.errors.into_iter().chain(text.errors) {
            if error.place.file == source {
                set.config_errors.push(error);
            } else {
                set.bad_files.push(error.place.file.clone());
                set.errors.push(error);
            }
        }
        set.errors.extend(text.unreadable);
        Problem::sort(&mut set.errors);
        Problem::sort(&mut set.warnings);
        Ok(set)
    }

    /// Warns about values that the rules set otherwise than the config's `[kernel]`: the rules come later.
    pub fn warn_of_overrides(&mut self, kernel: &config::Kernel) {
        self.warnings.extend(overrides(kernel, &self.planned));
    }

    /// Leaves out what an error in a file leaves out, and says so; `None` when no file has an error.
    pub fn leave_out(&mut self, on_error: OnError) -> Option<String> {
        if self.errors.is_empty() {
            return None;
        }
        let before = self.planned.len();
        match on_error {
            OnError::SkipRule => {}
            OnError::SkipFile => self.planned.retain(|plan| !self.bad_files.contains(&plan.place.file)),
            OnError::Refuse => self.planned.clear(),
        }
        let (errors, right) = (self.errors.len(), before - self.planned.len());
        Some(format!(
            "{errors} errors in rules, on_error = \"{}\": left out with them were {right} lines that are right, {} are used",
            on_error.name(),
            self.planned.len()
        ))
    }
}

/// Values that the rules set otherwise than `[kernel]` does.
fn overrides(kernel: &config::Kernel, planned: &[Planned]) -> Vec<Problem> {
    let mut found = Vec::new();
    for (key, plan) in planned.iter().flat_map(|plan| KernelKey::ALL.map(|key| (key, plan))) {
        let (field, wanted) = registration::wanted(kernel, key);
        if let (Command::Set(set, value), Setting::Set(other)) = (&plan.command, wanted)
            && (*set, *value != other) == (field, true)
        {
            let name = key.name();
            let message =
                format!("this sets {name} to {value}, and overrides {other} from \"kernel.{name}\"");
            found.push(Problem { place: plan.place.clone(), message });
        }
    }
    found
}

/// The lines for this machine's kernel.
fn compile(lines: &[Located<String>]) -> Result<Compiled, Error> {
    match machine() {
        Ok(machine) => Ok(rules::compile(lines, machine)),
        Err(_) if lines.is_empty() => Ok(Compiled::default()),
        Err(error) => Err(error),
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
        "list" => list(request),
        "clear" => clear(request),
        command => {
            let set = asked_for(request)?;
            tell("warning: ", &set.warnings);
            tell("", &set.config_errors);
            tell("", &set.errors);
            if command == "check" { Ok(check(&set)) } else { load(set, request.on_error) }
        }
    }
}

/// The rules of the files that are named, or else of the config.
fn asked_for(request: &cli::Rules) -> Result<Ruleset, Error> {
    if request.files.is_empty() {
        let source = Source::find(request.config.as_deref());
        let config = source.read().map_err(Error::Config)?;
        return Ruleset::read(&config.rules, &source.to_string());
    }
    let named = |name: &String| Located {
        place: Place { file: name.clone(), line: 0, column: 0 },
        value: name.clone(),
    };
    let files = request.files.iter().map(named).collect();
    Ruleset::read(&config::Rules { files, ..config::Rules::default() }, "")
}

fn check(set: &Ruleset) -> Output {
    let rules = set.planned.iter().filter(|plan| matches!(plan.command, Command::Add(_))).count();
    let (others, warnings) = (set.planned.len() - rules, set.warnings.len());
    let errors = set.errors.len() + set.config_errors.len();
    let text = format!("rules: {rules}, other commands: {others}, warnings: {warnings}, errors: {errors}");
    Output { text: text.into_bytes(), exit_code: if errors == 0 { 0 } else { USAGE } }
}

fn load(mut set: Ruleset, on_error: OnError) -> Result<Output, Error> {
    let left_out = set.leave_out(on_error);
    if !set.config_errors.is_empty() || left_out.is_some() && on_error == OnError::Refuse {
        return Ok(Output { text: b"nothing was changed".to_vec(), exit_code: USAGE });
    }
    let mut control = control()?;
    let report = rules::load(&mut control, &set.planned, true);
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
