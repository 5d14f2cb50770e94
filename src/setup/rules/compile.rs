//! Lines of rules into commands. Every line is read, and what is wrong with any of them comes together;
//! a line with an error gives no command, the others do.

use super::accounts::Accounts;
use super::draft::{Draft, Notes, Verb};
use super::options::{self, Kind, Opt};
use super::values::integer;
use super::{Command, Planned, overlap, words};
use crate::config::{Located, Place, Problem, quoted};
use crate::wire::rule::{AUDIT_MAKE_EQUIV, AUDIT_SET_FEATURE, AUDIT_TRIM, LOGINUID_IMMUTABLE};
use crate::wire::status::Field;
use crate::wire::tables::Machine;

/// What became of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compiled {
    /// The commands of the lines that have no error, in their order.
    pub planned: Vec<Planned>,
    /// What is wrong.
    pub errors: Vec<Problem>,
    /// What is taken, and probably does not do what was meant, or not on this machine.
    pub warnings: Vec<Problem>,
}

/// The lines of a rules file, each with its place. Both line ends are taken.
pub fn lines_of(file: &str, text: &str) -> Vec<Located<String>> {
    let located = |(number, line): (u32, &str)| Located {
        place: Place { file: file.to_owned(), line: number, column: 1 },
        value: line.to_owned(),
    };
    (1..).zip(text.lines()).map(located).collect()
}

/// Compiles lines for this machine's kernel. A line's place is where its first character stands; problems
/// name the place of the word that is wrong. Users and groups are looked up in /etc/passwd and /etc/group,
/// and the paths of watches are looked at, since a directory makes another rule than a file.
pub fn compile(lines: &[Located<String>], machine: Machine) -> Compiled {
    compile_with(lines, machine, &Accounts::system())
}

fn compile_with(lines: &[Located<String>], machine: Machine, accounts: &Accounts) -> Compiled {
    let mut compiled = Compiled::default();
    let mut ignore = false;
    for line in lines {
        let mut notes = Notes::default();
        let commands = one(&line.value, machine, accounts, &mut notes);
        ignore |= notes.ignore;
        if notes.errors.is_empty() {
            let planned =
                |command| Planned { place: line.place.clone(), line: line.value.trim().to_owned(), command };
            compiled.planned.extend(commands.into_iter().map(planned));
        }
        let errors = placed(&line.place, notes.errors);
        if ignore {
            compiled.warnings.extend(errors.map(|mut error| {
                error.message.push_str(" (left out, as -i or -c says)");
                error
            }));
        } else {
            compiled.errors.extend(errors);
        }
        compiled.warnings.extend(placed(&line.place, notes.warnings));
    }
    // It only warns, and the smallest build has no room for it.
    if cfg!(feature = "rules") {
        overlap::check(&mut compiled);
    }
    compiled
}

/// Notes of a line as problems.
fn placed(line: &Place, notes: Vec<(usize, String)>) -> impl Iterator<Item = Problem> {
    notes.into_iter().map(|(at, message)| {
        let column = line.column.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        Problem { place: Place { column, ..line.clone() }, message }
    })
}

fn one(line: &str, machine: Machine, accounts: &Accounts, notes: &mut Notes) -> Vec<Command> {
    let words = match words::split(line) {
        Ok(words) => words,
        Err((at, message)) => {
            notes.error(at, &message);
            return Vec::new();
        }
    };
    let start = words.first().map_or(0, |word| word.at);
    let mut options = options::read(words, notes);
    if let Some(option) = options.iter().find(|o| o.kind == Kind::DeleteAll) {
        match options.as_slice() {
            [_] => return vec![Command::DeleteAll],
            [_, key] if key.kind == Kind::Key && !key.value.text.is_empty() => {
                return vec![Command::DeleteKey(key.value.text.clone().into_owned())];
            }
            _ => notes.error(option.at, &"-D needs a line of its own, or one -k after it"),
        }
        return Vec::new();
    }
    // auditctl takes -S before its rule too.
    let early = options.iter().take_while(|o| o.kind == Kind::Syscall).count();
    options.rotate_left(early);
    let mut commands = Vec::new();
    let mut draft = Draft::new(machine, accounts);
    for option in &options {
        if option.kind == Kind::Ignore {
            notes.ignore = true;
            continue;
        }
        match setting(option) {
            Some(Ok(command)) => commands.push(command),
            Some(Err(message)) => notes.error(option.value.at, &message),
            None => draft.take(option, notes),
        }
    }
    commands.extend(draft.finish(start, notes).map(|(verb, rule)| match verb {
        Verb::Append | Verb::Insert => Command::Add(rule),
        Verb::Delete => Command::Delete(rule),
    }));
    commands
}

/// The options that ask something of the kernel without a rule; none for the others.
fn setting(option: &Opt<'_>) -> Option<Result<Command, String>> {
    let (field, most) = match option.kind {
        Kind::Enabled => (Field::Enabled, 2),
        Kind::Failure => (Field::Failure, 2),
        Kind::BacklogLimit => (Field::BacklogLimit, u32::MAX),
        Kind::BacklogWaitTime => (Field::BacklogWaitTime, u32::MAX),
        Kind::Rate => (Field::RateLimit, u32::MAX),
        Kind::ResetLost => return Some(Ok(Command::Set(Field::Lost, 0))),
        Kind::ResetWaited => return Some(Ok(Command::Set(Field::BacklogWaitTimeActual, 0))),
        Kind::Trim => return Some(Ok(Command::Send { kind: AUDIT_TRIM, payload: Vec::new() })),
        // The version of the structure, then mask, features and lock: set, and for good.
        Kind::LoginuidImmutable => {
            let words = [1, LOGINUID_IMMUTABLE, LOGINUID_IMMUTABLE, LOGINUID_IMMUTABLE];
            return Some(Ok(Command::Send { kind: AUDIT_SET_FEATURE, payload: bytes(&words) }));
        }
        Kind::Equivalent => return Some(equivalent(&option.value.text)),
        _ => return None,
    };
    let number = integer(&option.value.text).and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= most);
    Some(number.map(|value| Command::Set(field, value)).ok_or_else(|| {
        let range = if most == 2 { "0, 1 or 2".to_owned() } else { format!("a number from 0 to {most}") };
        format!("{} must be {range}, not {}", option.name, quoted(&option.value.text))
    }))
}

/// `-q mount,subtree`: what is watched at the mount point is watched in the subtree too.
fn equivalent(text: &str) -> Result<Command, String> {
    let wrong = || format!("-q takes two absolute paths, -q /mount,/subtree, not {}", quoted(text));
    let (mount, subtree) = text.split_once(',').ok_or_else(wrong)?;
    if !mount.starts_with('/') || !subtree.starts_with('/') || subtree.contains(',') {
        return Err(wrong());
    }
    let length = |path: &str| u32::try_from(path.len()).map_err(|_| wrong());
    let mut payload = bytes(&[length(mount)?, length(subtree)?]);
    payload.extend(mount.bytes().chain(subtree.bytes()));
    Ok(Command::Send { kind: AUDIT_MAKE_EQUIV, payload })
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
