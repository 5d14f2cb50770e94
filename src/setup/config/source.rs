//! Where a config's text comes from: a file that the user named, /etc/ringaudit.toml, or the one
//! embedded in the program.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Config, Place, Problem, toml};

/// The config that is read when none is named and this file exists.
pub const DEFAULT_PATH: &str = "/etc/ringaudit.toml";
/// What the embedded config is called in messages.
pub const BUILT_IN: &str = "(built-in)";
/// The largest config file, in bytes: 1 MiB.
pub const MAX_BYTES: u64 = 1 << 20;

const EMBEDDED: &str = include_str!("default.toml");

/// A config that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// What the file asks for and is not done, or is done otherwise than its author may think: of go-audit's
    /// files only, since a key of ours is taken or an error.
    pub warnings: Vec<Problem>,
}

impl From<Config> for Loaded {
    fn from(config: Config) -> Self {
        Self { config, warnings: Vec::new() }
    }
}

/// Where the config is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This file.
    File(PathBuf),
    /// The embedded default.
    BuiltIn,
}

impl Source {
    /// The file that was named with `-c`; else [`DEFAULT_PATH`], if there is anything of that name
    /// (readable or not: a config that can't be read must not be passed over); else the embedded.
    #[must_use]
    pub fn find(named: Option<&Path>) -> Self {
        Self::find_or(named, Path::new(DEFAULT_PATH))
    }

    fn find_or(named: Option<&Path>, default: &Path) -> Self {
        let absent =
            || default.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        match named {
            Some(path) => Self::File(path.to_owned()),
            None if absent() => Self::BuiltIn,
            None => Self::File(default.to_owned()),
        }
    }

    /// Reads the config.
    ///
    /// # Errors
    ///
    /// As [`read_file`].
    pub fn read(&self) -> Result<Loaded, Vec<Problem>> {
        match self {
            Self::File(path) => read_file(path),
            Self::BuiltIn => Ok(embedded().into()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::BuiltIn => f.write_str(BUILT_IN),
        }
    }
}

/// Reads a config file: in TOML, or in go-audit's YAML.
///
/// # Errors
///
/// One problem when the file can't be read, is larger than [`MAX_BYTES`] or is not UTF-8; else all
/// that is wrong in its text, in the order of the places.
pub fn read_file(path: &Path) -> Result<Loaded, Vec<Problem>> {
    let name = path.display().to_string();
    let whole =
        |message: String| vec![Problem { place: Place { file: name.clone(), line: 0, column: 0 }, message }];
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| whole(unreadable(&error)))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(whole(
            "larger than 1 MiB, the most that a config may have; is this the right file?".to_owned(),
        ));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) if is_yaml(path, text) => read_yaml(&name, text),
        Ok(text) => toml::read(&name, text).map(Loaded::from),
        Err(error) => Err(vec![not_utf8(name, &bytes, error.valid_up_to())]),
    }
}

/// Whether a file is YAML: by its name's ending; of any other name but `.toml`, when it begins as no TOML can:
/// with the marker of a document, or with a bare key and a colon.
fn is_yaml(path: &Path, text: &str) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => return true,
        Some("toml") => return false,
        _ => {}
    }
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_end);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let bare = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let behind = first.split_once(':').filter(|(key, _)| !key.is_empty() && !key.contains(bare));
    first == "---" || behind.is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(feature = "yaml")]
fn read_yaml(name: &str, text: &str) -> Result<Loaded, Vec<Problem>> {
    super::read_go_audit(name, text)
}

#[cfg(not(feature = "yaml"))]
fn read_yaml(name: &str, _: &str) -> Result<Loaded, Vec<Problem>> {
    let message = "a YAML config, which this build can't read: it was made without the feature \"yaml\"; \
                   another build's \"check --toml\" makes TOML of it";
    let place = Place { file: name.to_owned(), line: 0, column: 0 };
    Err(vec![Problem { place, message: message.to_owned() }])
}

/// The embedded default config: program executions to stdout, and no trace left behind.
#[must_use]
pub fn embedded() -> Config {
    // The text is part of the program, and a test proves that it reads. Should both be wrong, the
    // defaults capture without adding a rule, which is still a config that is in order.
    toml::read(BUILT_IN, EMBEDDED).unwrap_or_default()
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file; without -c the built-in config is used".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory; name the config file in it".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; run as root, or make it readable".to_owned(),
        _ => format!("failed to read: {error}"),
    }
}

fn not_utf8(file: String, bytes: &[u8], valid: usize) -> Problem {
    let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    let (mut line, mut column) = (1, 1);
    for c in before.chars() {
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    let place = Place { file, line, column };
    let byte = bytes.get(valid).copied().unwrap_or_default();
    Problem { place, message: format!("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 text") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let default = dir.path().join("ringaudit.toml");
        assert_eq!(Source::find_or(None, &default), Source::BuiltIn);
        let named = Path::new("named.toml");
        assert_eq!(Source::find_or(Some(named), &default), Source::File(named.to_owned()));
        // A link to nothing is a config that can't be read, not one that is absent.
        std::os::unix::fs::symlink("nowhere", &default).unwrap();
        assert_eq!(Source::find_or(None, &default), Source::File(default.clone()));
        std::fs::remove_file(&default).unwrap();
        std::fs::write(&default, "").unwrap();
        assert_eq!(Source::find_or(None, &default), Source::File(default));
    }
}
