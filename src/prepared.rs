//! The config and its rules, read and checked as one, for a start, a reload and `ringaudit check`.

use crate::config::{self, Config, OnError, Problem, Source};
use crate::daemon::Error;
use crate::log::{self, Level};
use crate::rules::Compiled;
#[cfg(feature = "reload")]
use crate::upgrade;
use crate::{ruleset, sandbox, writer};
use std::fmt;
#[cfg(feature = "reload")]
use std::io;
use std::path::Path;

/// A config that was found right on this system, and its rules as commands.
pub(crate) struct Prepared {
    pub(crate) source: Source,
    pub(crate) config: Config,
    pub(crate) rules: Compiled,
}

impl Prepared {
    /// Reads the config and its rules; all that is wrong with both is told together. Files of rules with an error
    /// are so only where nothing is to be left out.
    pub(crate) fn read(path: Option<&Path>, on_error: Option<OnError>) -> Result<Self, Error> {
        let source = Source::find(path);
        let config::Loaded { config, warnings } = source.read().map_err(Error::Config)?;
        let user = |name: &str| id_of("/etc/passwd", name);
        let mut problems = config::check(&config, user, |name| id_of("/etc/group", name));
        let mut rules = ruleset::read(&config.rules)?;
        rules.warnings.splice(0..0, warnings);
        if cfg!(feature = "rules") {
            ruleset::warn_of_overrides(&mut rules, &config.kernel);
        }
        problems.extend(writer::check(&config));
        problems.extend(sandbox::check(&config));
        let (own, refuse) =
            (source.to_string(), on_error.unwrap_or(config.rules.on_error) == OnError::Refuse);
        for error in std::mem::take(&mut rules.errors) {
            let is_config = refuse || error.place.file == own;
            if is_config { &mut problems } else { &mut rules.errors }.push(error);
        }
        Problem::sort(&mut problems);
        match problems.is_empty() {
            true => Ok(Self { source, config, rules }),
            false => Err(Error::Config(problems)),
        }
    }

    /// Tells what is dubious, and leaves out what an error in a file of rules leaves out.
    pub(crate) fn tell(&mut self) {
        let Self { source, config, rules } = self;
        // The built-in rules name both of a machine's sides, and are right to be left out where there is one.
        if *source != Source::BuiltIn {
            log::each(Level::Warning, &rules.warnings);
        }
        log::each(Level::Error, &rules.errors);
        if let Some(left_out) = ruleset::leave_out(rules, config.rules.on_error) {
            log::error(left_out);
        }
    }
}

/// `ringaudit check`: what would be used, as a config that can be read again; warnings go to standard error. All
/// errors are told, also those of which a running daemon would leave out no more than a rule.
/// With `toml` they stand in the text as well, so that a file that is made of it keeps them.
pub fn check(path: Option<&Path>, toml: bool) -> Result<String, Error> {
    #[cfg(feature = "reload")]
    if let Some(says) = upgrade::tried() {
        // As a start would find it.
        Prepared::read(path, None)?;
        return says.map_err(|why| Error::System("take a running daemon's place", io::Error::other(why)));
    }
    let prepared = Prepared::read(path, Some(OnError::Refuse))?;
    log::each(Level::Warning, &prepared.rules.warnings);
    let mut text = String::new();
    if toml {
        // A name may hold any character; a comment is one line.
        let comment =
            |what: &dyn fmt::Display| format!("# {}\n", what.to_string().replace(char::is_control, "?"));
        text += &comment(&format_args!("Made by ringaudit of {}.", prepared.source));
        text.extend(prepared.rules.warnings.iter().map(|warning| comment(warning)));
        text.push('\n');
    }
    Ok(text + &config::show(&prepared.config))
}

fn id_of(table: &str, name: &str) -> Option<u32> {
    config::id_in(&std::fs::read_to_string(table).unwrap_or_default(), name)
}
