//! The words of the command line to an `Action`. Nothing is done and nothing is printed here: the
//! texts go to main with the action.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use getopts::{Fail, Matches, Options};

use crate::config::{DEFAULT_PATH, Format, listed, nearest, quoted};

/// The commands of this version.
pub const COMMANDS: [&str; 3] = ["run", "check", "replay"];
/// Commands that later versions have.
const LATER: [&str; 5] = ["rules", "status", "top", "reload", "upgrade"];
/// The flags, short and long.
pub const FLAGS: [(&str, &str); 4] = [("c", "config"), ("f", "format"), ("h", "help"), ("V", "version")];
/// The flags that have no short form.
pub const LONG_FLAGS: [&str; 1] = ["toml"];

/// The flags whose next word is their value.
const TAKES_VALUE: [&str; 4] = ["-c", "--config", "-f", "--format"];

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Capture. Without a path: [`crate::config::Source::find`].
    Run {
        /// `-c`
        config: Option<PathBuf>,
    },
    /// Read config and rules, print what would be used.
    Check {
        /// `-c`
        config: Option<PathBuf>,
        /// `--toml`: to be kept as a file, so what was not taken over is said in it too.
        toml: bool,
    },
    /// Read logs and write their events.
    Replay {
        /// `-c`; without it no config is read.
        config: Option<PathBuf>,
        /// `-f`: in place of the outputs' own.
        format: Option<Format>,
        /// The logs; `-` or none is standard input.
        files: Vec<PathBuf>,
    },
    /// Print this text, with exit code 0.
    Help(String),
    /// Print this text, with exit code 0.
    Version(String),
}

/// Why the command line can't be followed, and what to do; for exit code 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// The action that the words ask for. `words` begin behind the program's own name.
///
/// # Errors
///
/// An unknown command or flag, a flag without its value, a word too many.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Action, UsageError> {
    let words = long_flags(words)?;
    let mut options = Options::new();
    options.optopt("c", "config", "", "FILE").optopt("f", "format", "", "FORMAT");
    options.optflag("h", "help", "").optflag("V", "version", "").optflag("", "toml", "");
    // A later version's command is told before its flags, which would all be unknown.
    if let Some(command) = first_free(&words).filter(|word| LATER.contains(word)) {
        return Err(UsageError(format!("\"{command}\" is not in this version; see \"ringaudit --help\"")));
    }
    let matches = options.parse(&words).map_err(|fail| UsageError(explain(&fail)))?;
    if matches.opt_present("help") {
        return Ok(Action::Help(help()));
    }
    if matches.opt_present("version") {
        return Ok(Action::Version(version()));
    }
    let config = config_path(&matches)?;
    let format = matches.opt_str("format").map(|word| format_of(&word)).transpose()?;
    let toml = matches.opt_present("toml");
    if toml && matches.free.first().is_none_or(|command| command != "check") {
        return Err(UsageError("\"--toml\" belongs to \"check\"; see \"ringaudit --help\"".to_owned()));
    }
    if let [command, files @ ..] = matches.free.as_slice()
        && command == "replay"
    {
        return Ok(Action::Replay { config, format, files: files.iter().map(PathBuf::from).collect() });
    }
    if format.is_some() {
        return Err(UsageError("\"--format\" belongs to \"replay\"; see \"ringaudit --help\"".to_owned()));
    }
    if let [_, extra, ..] = matches.free.as_slice() {
        return Err(UsageError(format!("unexpected argument {}; see \"ringaudit --help\"", quoted(extra))));
    }
    match matches.free.first().map(String::as_str) {
        None | Some("run") => Ok(Action::Run { config }),
        Some("check") => Ok(Action::Check { config, toml }),
        Some(other) => Err(UsageError(unknown_command(other))),
    }
}

/// The text of `--version`, without a newline.
#[must_use]
pub fn version() -> String {
    concat!("ringaudit ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// The text of `--help`, without the last newline.
#[must_use]
pub fn help() -> String {
    format!(
        "\
{version}: the Linux kernel's audit events, each as one line

Usage:
  ringaudit [run] [-c FILE]   capture events and write them to the outputs
  ringaudit check [-c FILE] [--toml]
                              read config and rules, print what would be used
  ringaudit replay [-c FILE] [-f FORMAT] [FILE|-]...
                              read audit.log files or standard input, write
                              their events
  ringaudit --help | --version

Options:
  -c, --config FILE   the config, in TOML, or go-audit's in YAML. Without it:
                      {DEFAULT_PATH} if there is one, else the built-in
                      config, which writes each program execution as a JSON line
                      to stdout. \"replay\" reads no config but this one; without
                      it: JSON to stdout
      --toml          print a config file: what \"check\" prints anyway, and what
                      was not taken over from a go-audit config as comments
  -f, --format FORMAT replay in this format: {formats}
  -h, --help          print this and exit
  -V, --version       print the version and exit
go-audit's -config FILE and -version work too.

Signals:
  SIGTERM, SIGINT     stop: write what is pending, exit with 0; a second one
                      exits at once with 1
  SIGHUP, SIGUSR1     open the output files again, after they were rotated

Exit codes:
  0   done
  1   failed while running
  2   bad usage, config or rules
  3   not permitted, or no audit in this kernel
  4   another daemon holds the audit socket

Manual: ringaudit(8); all keys of the config: docs/config.md",
        version = version(),
        formats = Format::ALL.map(Format::name).join(", ")
    )
}

/// The words as getopts takes them: text, and go-audit's long flags of one dash with two.
fn long_flags(words: impl IntoIterator<Item = OsString>) -> Result<Vec<String>, UsageError> {
    let mut value_next = false;
    let mut flags_end = false;
    let mut texts = Vec::new();
    for word in words {
        let text = word.to_str().ok_or_else(|| UsageError(not_utf8(&word)))?;
        let one_dash =
            text == "-version" || text == "-help" || text == "-config" || text.starts_with("-config=");
        let text = if one_dash && !value_next && !flags_end { format!("-{text}") } else { text.to_owned() };
        flags_end = flags_end || (text == "--" && !value_next);
        value_next = !value_next && !flags_end && TAKES_VALUE.contains(&text.as_str());
        texts.push(text);
    }
    Ok(texts)
}

/// The first word that is neither a flag nor a flag's value.
fn first_free(words: &[String]) -> Option<&str> {
    let mut value_next = false;
    for word in words {
        if !value_next && !word.starts_with('-') {
            return Some(word);
        }
        value_next = !value_next && TAKES_VALUE.contains(&word.as_str());
    }
    None
}

fn config_path(matches: &Matches) -> Result<Option<PathBuf>, UsageError> {
    match matches.opt_str("config") {
        Some(path) if path.is_empty() => {
            Err(UsageError("\"--config\" needs a file, not an empty name".to_owned()))
        }
        path => Ok(path.map(PathBuf::from)),
    }
}

/// The format that `-f` names.
fn format_of(word: &str) -> Result<Format, UsageError> {
    let names = Format::ALL.map(Format::name);
    Format::ALL.into_iter().find(|format| format.name() == word).ok_or_else(|| {
        let meant = match nearest(word, &names) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("the formats are {}", listed(&names, "and")),
        };
        UsageError(format!("unknown format {}; {meant}", quoted(word)))
    })
}

fn unknown_command(word: &str) -> String {
    let flags = FLAGS.iter().find(|(_, long)| *long == word);
    let meant = if let Some((_, long)) = flags {
        format!("did you mean \"--{long}\"?")
    } else if word.contains(['/', '.']) {
        format!("did you mean \"-c {}\"?", quoted(word).trim_matches('"'))
    } else if let Some(near) = nearest(word, &COMMANDS) {
        format!("did you mean \"{near}\"?")
    } else {
        format!("the commands are {}", listed(&COMMANDS, "and"))
    };
    format!("unknown command {}; {meant}", quoted(word))
}

fn explain(fail: &Fail) -> String {
    match fail {
        Fail::ArgumentMissing(flag) => {
            let what = if matches!(flag.as_str(), "f" | "format") { "format" } else { "file" };
            format!("{} needs a {what}", dashed(flag))
        }
        Fail::OptionDuplicated(flag) => format!("{} is given twice", dashed(flag)),
        Fail::UnexpectedArgument(flag) => format!("{} takes no value", dashed(flag)),
        Fail::UnrecognizedOption(flag) | Fail::OptionMissing(flag) => {
            let one_letter = flag.chars().count() == 1;
            let known = FLAGS.iter().map(|(short, long)| if one_letter { *short } else { *long });
            let known: Vec<&str> = known.chain(LONG_FLAGS).collect();
            let meant = match nearest(flag, &known) {
                Some(near) => format!("did you mean {}?", dashed(near)),
                None => "see \"ringaudit --help\"".to_owned(),
            };
            format!("unknown flag {}; {meant}", dashed(flag))
        }
    }
}

fn dashed(flag: &str) -> String {
    let dashes = if flag.chars().count() == 1 { "-" } else { "--" };
    quoted(&format!("{dashes}{flag}"))
}

fn not_utf8(word: &OsStr) -> String {
    format!("argument {} is not UTF-8 text", quoted(&word.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn words(line: &str) -> Result<Action, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    fn error(line: &str) -> String {
        words(line).expect_err(line)
    }

    #[test]
    fn run_and_check() {
        let file = Some(PathBuf::from("a.toml"));
        for line in [
            "-c a.toml",
            "-ca.toml",
            "--config a.toml",
            "--config=a.toml",
            "-config a.toml",
            "-config=a.toml",
            "run -c a.toml",
            "-c a.toml run",
            "run -config a.toml",
        ] {
            assert_eq!(words(line), Ok(Action::Run { config: file.clone() }), "{line}");
        }
        for line in ["check -c a.toml", "-config=a.toml check", "check --config a.toml --"] {
            assert_eq!(words(line), Ok(Action::Check { config: file.clone(), toml: false }), "{line}");
        }
        assert_eq!(words(""), Ok(Action::Run { config: None }));
        assert_eq!(words("run"), Ok(Action::Run { config: None }));
        assert_eq!(words("check"), Ok(Action::Check { config: None, toml: false }));
        for line in ["check --toml -c a.toml", "--toml check -config a.toml"] {
            assert_eq!(words(line), Ok(Action::Check { config: file.clone(), toml: true }), "{line}");
        }
        // A file may be named as a command or a flag is.
        assert_eq!(
            words("check -c top"),
            Ok(Action::Check { config: Some(PathBuf::from("top")), toml: false })
        );
        assert_eq!(words("-c ./-config"), Ok(Action::Run { config: Some(PathBuf::from("./-config")) }));
    }

    #[test]
    fn replay_takes_files() {
        let replay = |config: Option<&str>, format, files: &[&str]| {
            let files = files.iter().map(PathBuf::from).collect();
            Ok(Action::Replay { config: config.map(PathBuf::from), format, files })
        };
        assert_eq!(words("replay"), replay(None, None, &[]));
        assert_eq!(words("replay -"), replay(None, None, &["-"]));
        assert_eq!(words("replay a.log -f raw top"), replay(None, Some(Format::Raw), &["a.log", "top"]));
        for line in ["replay --config=c --format go-audit a", "-c c -f go-audit replay a"] {
            assert_eq!(words(line), replay(Some("c"), Some(Format::GoAudit), &["a"]), "{line}");
        }
    }

    #[test]
    fn help_and_version() {
        for line in ["--help", "-h", "-help", "check --help", "run -h"] {
            assert_eq!(words(line), Ok(Action::Help(help())), "{line}");
        }
        for line in ["--version", "-V", "-version"] {
            assert_eq!(words(line), Ok(Action::Version(version())), "{line}");
        }
        assert_eq!(version(), format!("ringaudit {}", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn errors_say_what_was_meant() {
        let cases = [
            ("chekc", "unknown command \"chekc\"; did you mean \"check\"?"),
            ("help", "unknown command \"help\"; did you mean \"--help\"?"),
            ("a.toml", "unknown command \"a.toml\"; did you mean \"-c a.toml\"?"),
            (
                "frobnicate",
                "unknown command \"frobnicate\"; the commands are \"run\", \"check\" and \"replay\"",
            ),
            ("run me", "unexpected argument \"me\"; see \"ringaudit --help\""),
            ("--confg x", "unknown flag \"--confg\"; did you mean \"--config\"?"),
            ("--frobnicate", "unknown flag \"--frobnicate\"; see \"ringaudit --help\""),
            ("-v", "unknown flag \"-v\"; did you mean \"-V\"?"),
            ("-x", "unknown flag \"-x\"; see \"ringaudit --help\""),
            ("replay -f", "\"-f\" needs a format"),
            ("replay -f jsno", "unknown format \"jsno\"; did you mean \"json\"?"),
            (
                "replay --format=xml",
                "unknown format \"xml\"; the formats are \"json\", \"go-audit\" and \"raw\"",
            ),
            ("-f raw", "\"--format\" belongs to \"replay\"; see \"ringaudit --help\""),
            ("check -f raw", "\"--format\" belongs to \"replay\"; see \"ringaudit --help\""),
            ("--toml", "\"--toml\" belongs to \"check\"; see \"ringaudit --help\""),
            ("run --toml", "\"--toml\" belongs to \"check\"; see \"ringaudit --help\""),
            ("check --tmol", "unknown flag \"--tmol\"; did you mean \"--toml\"?"),
            ("-c", "\"-c\" needs a file"),
            ("--config", "\"--config\" needs a file"),
            ("-config", "\"--config\" needs a file"),
            ("--config=", "\"--config\" needs a file, not an empty name"),
            ("-c a -c b", "\"--config\" is given twice"),
            ("--help=x", "\"--help\" takes no value"),
        ];
        for (line, message) in cases {
            assert_eq!(error(line), message, "{line}");
        }
    }

    #[test]
    fn later_commands_are_told_before_their_flags() {
        for line in
            ["rules list", "status --json", "top", "reload", "upgrade", "-c a status --json", "-f raw top"]
        {
            let command = line.split(' ').find(|word| LATER.contains(word)).unwrap();
            let message = format!("\"{command}\" is not in this version; see \"ringaudit --help\"");
            assert_eq!(error(line), message, "{line}");
        }
    }

    #[test]
    fn an_argument_that_is_not_text() {
        let result = parse([OsString::from("-c"), OsString::from_vec(b"a\xff".to_vec())]);
        assert_eq!(result.unwrap_err().to_string(), "argument \"a\u{fffd}\" is not UTF-8 text");
    }

    #[test]
    fn help_fits_a_terminal_and_names_every_flag_and_command() {
        let help = help();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for (short, long) in FLAGS {
            assert!(help.contains(&format!("  -{short}, --{long}")), "{long}");
        }
        for long in LONG_FLAGS {
            assert!(help.contains(&format!("      --{long}")), "{long}");
        }
    }
}
