//! The words of the command line to an `Action`. Nothing is done and nothing is printed here: the
//! texts go to main with the action.

#[cfg(feature = "status")]
mod ask;

#[cfg(feature = "status")]
pub use ask::{Ask, Form, Sort, View};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use getopts::{Fail, Matches, Options};

use crate::config::{DEFAULT_PATH, Format, OnError, listed, nearest, quoted};

/// The commands of this version.
pub const COMMANDS: [&str; 8] = ["run", "check", "replay", "rules", "status", "top", "reload", "upgrade"];
/// What can be done with rules.
pub const RULES: [&str; 4] = ["rules check", "rules load", "rules list", "rules clear"];
/// The commands that files can be given to.
const TAKES_FILES: [&str; 4] = ["replay", "rules check", "rules load", "upgrade"];
/// Commands that a build can be without, each with its feature.
const FEATURES: [(&str, &str, bool); 5] = [
    ("rules", "rules", cfg!(feature = "rules")),
    ("status", "status", cfg!(feature = "status")),
    ("top", "status", cfg!(feature = "status")),
    ("reload", "reload", cfg!(all(feature = "reload", feature = "status"))),
    ("upgrade", "reload", cfg!(all(feature = "reload", feature = "status"))),
];
/// The flags, short and long.
pub const FLAGS: &[(&str, &str)] = &[
    ("c", "config"),
    ("e", "on-error"),
    ("f", "format"),
    ("k", "key"),
    ("l", "loadable"),
    ("t", "toml"),
    #[cfg(feature = "status")]
    ("b", "by"),
    #[cfg(feature = "status")]
    ("i", "interval"),
    #[cfg(feature = "status")]
    ("j", "json"),
    #[cfg(feature = "status")]
    ("o", "once"),
    #[cfg(feature = "status")]
    ("p", "prometheus"),
    #[cfg(feature = "status")]
    ("S", "sort"),
    #[cfg(feature = "status")]
    ("s", "socket"),
    ("h", "help"),
    ("V", "version"),
    #[cfg(feature = "supervise")]
    ("d", "daemonize"),
    #[cfg(feature = "supervise")]
    ("P", "pid-file"),
];

/// The flags whose next word is their value.
const TAKES_VALUE: &[&str] = &[
    "-c",
    "--config",
    "-e",
    "--on-error",
    "-f",
    "--format",
    "-k",
    "--key",
    #[cfg(feature = "status")]
    "-b",
    #[cfg(feature = "status")]
    "--by",
    #[cfg(feature = "status")]
    "-i",
    #[cfg(feature = "status")]
    "--interval",
    #[cfg(feature = "status")]
    "-S",
    #[cfg(feature = "status")]
    "--sort",
    #[cfg(feature = "status")]
    "-s",
    #[cfg(feature = "status")]
    "--socket",
    #[cfg(feature = "supervise")]
    "-P",
    #[cfg(feature = "supervise")]
    "--pid-file",
];
/// The flags that only some commands take.
const BELONGS: &[(&str, &[&str])] = &[
    ("format", &["replay"]),
    ("on-error", &["rules load"]),
    ("key", &["rules list", "rules clear"]),
    ("loadable", &["rules list"]),
    ("toml", &["check"]),
    #[cfg(feature = "status")]
    ("json", &["status"]),
    #[cfg(feature = "status")]
    ("prometheus", &["status"]),
    #[cfg(feature = "status")]
    ("socket", ask::COMMANDS),
    #[cfg(feature = "status")]
    ("once", &["top"]),
    #[cfg(feature = "status")]
    ("interval", &["top"]),
    #[cfg(feature = "status")]
    ("by", &["top"]),
    #[cfg(feature = "status")]
    ("sort", &["top"]),
    #[cfg(feature = "supervise")]
    ("daemonize", &["run"]),
    #[cfg(feature = "supervise")]
    ("pid-file", &["run"]),
];

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Capture. Without a path: [`crate::config::Source::find`].
    Run {
        /// `-c`
        config: Option<PathBuf>,
        /// `-d`: in the background, without a terminal.
        daemonize: bool,
        /// `-P`: in place of the config's.
        pid_file: Option<PathBuf>,
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
    /// Look at rules, or change the kernel's.
    Rules(Rules),
    /// Ask the running daemon.
    #[cfg(feature = "status")]
    Ask(Ask),
    /// Print this text, with exit code 0.
    Help(String),
    /// Print this text, with exit code 0.
    Version(String),
}

/// `rules`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which of [`RULES`].
    pub command: &'static str,
    /// `-c`
    pub config: Option<PathBuf>,
    /// Files and directories of rules; `-` is standard input, and none are the config's rules.
    pub files: Vec<String>,
    /// `-e`; without it nothing is loaded when there is an error.
    pub on_error: OnError,
    /// `-k`: rules with this text in their key alone.
    pub key: String,
    /// `-l`: as lines that can be loaded.
    pub loadable: bool,
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
    for &(short, long) in FLAGS {
        if TAKES_VALUE.iter().any(|flag| flag.strip_prefix("--") == Some(long)) {
            options.optopt(short, long, "", "");
        } else {
            options.optflag(short, long, "");
        }
    }
    let matches = options.parse(&words).map_err(|fail| UsageError(explain(&fail)))?;
    if matches.opt_present("help") {
        return Ok(Action::Help(help()));
    }
    if matches.opt_present("version") {
        return Ok(Action::Version(version()));
    }
    let (command, files) = command_of(&matches.free)?;
    for &(flag, commands) in BELONGS {
        if matches.opt_present(flag) && !commands.contains(&command) {
            let commands = listed(commands, "and");
            return Err(UsageError(format!("\"--{flag}\" belongs to {commands}; see \"ringaudit --help\"")));
        }
    }
    if let (false, [extra, ..]) = (TAKES_FILES.contains(&command), files) {
        return Err(UsageError(format!("unexpected argument {}; see \"ringaudit --help\"", quoted(extra))));
    }
    let config = path_of(&matches, "config")?;
    let format = word_of(&matches, "format", "format", &Format::ALL.map(Format::name))?;
    let choice = word_of(&matches, "on-error", "choice", &OnError::ALL.map(OnError::name))?;
    Ok(match command {
        "run" => Action::Run {
            config,
            daemonize: cfg!(feature = "supervise") && matches.opt_present("daemonize"),
            pid_file: if cfg!(feature = "supervise") { path_of(&matches, "pid-file")? } else { None },
        },
        "check" => Action::Check { config, toml: matches.opt_present("toml") },
        "replay" => {
            let format = format.and_then(|at| Format::ALL.get(at).copied());
            if let Some(format) = format.filter(|format| !format.is_built()) {
                return Err(UsageError(format.not_built()));
            }
            Action::Replay { config, format, files: files.iter().map(PathBuf::from).collect() }
        }
        #[cfg(feature = "status")]
        command if ask::COMMANDS.contains(&command) => ask::action(command, config, files, &matches)?,
        command => Action::Rules(Rules {
            command,
            config,
            files: files.to_vec(),
            on_error: choice.and_then(|at| OnError::ALL.get(at).copied()).unwrap_or(OnError::Refuse),
            key: matches.opt_str("key").unwrap_or_default(),
            loadable: matches.opt_present("loadable"),
        }),
    })
}

/// The command of these words, one of [`COMMANDS`] or [`RULES`], and the words behind it.
fn command_of(words: &[String]) -> Result<(&'static str, &[String]), UsageError> {
    let left_out =
        |(word, _, is_built): &&(&str, &str, bool)| !is_built && words.first() == Some(&(*word).to_owned());
    if let Some((word, feature, _)) = FEATURES.iter().find(left_out) {
        let why = ["\"", word, "\" is not in this build: it was made without the feature \"", feature, "\""];
        return Err(UsageError(why.concat()));
    }
    let (prefix, known, words): (&str, &[&str], _) = match words {
        [] => return Ok(("run", words)),
        [first, rest @ ..] if cfg!(feature = "rules") && first == "rules" => ("rules ", &RULES, rest),
        words => ("", &COMMANDS, words),
    };
    let Some((word, rest)) = words.split_first() else {
        return Err(UsageError(format!("\"rules\" needs a command: {}", listed(&bare(known), "or"))));
    };
    match known.iter().find(|command| command.strip_prefix(prefix) == Some(word)) {
        Some(command) => Ok((command, rest)),
        None => Err(UsageError(unknown_command(word, &bare(known)))),
    }
}

/// Commands without the word that is common to all on rules.
fn bare<'a>(commands: &[&'a str]) -> Vec<&'a str> {
    let mut bare = Vec::new();
    for command in commands {
        bare.push(command.strip_prefix("rules ").unwrap_or(command));
    }
    bare
}

/// The text of `--version`, without a newline.
#[must_use]
pub fn version() -> String {
    concat!("ringaudit ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// What `--help` says of the commands that ask the daemon, and of their flags.
const HELP_COMMANDS: &str = "  \
  ringaudit status [-j|-p]    what the running daemon and the kernel count
  ringaudit top [-b VIEW] [-S ORDER] [-i SECONDS] [-o]
                              live: events and bytes a second, and the rule
                              that would exclude them
";
const HELP_CHANGES: &str = "  \
  ringaudit reload            have the running daemon read its config and rules
                              again; a wrong one changes nothing
  ringaudit upgrade [-c FILE] [PROGRAM]
                              have another program go on in the daemon's place,
                              without losing an event
";
const HELP_FLAGS: &str = "  \
  -j, --json          the document itself
  -p, --prometheus    as metrics in Prometheus' text format
  -b, --by VIEW       count by key, exe, syscall, uid or rule
  -S, --sort ORDER    by events or bytes
  -i, --interval SECONDS
                      from one screen to the next; 1 without it
  -o, --once          one interval as plain text, for scripts
  -s, --socket PATH   the daemon's socket; without it that of the config
";
/// The flags of the feature supervise in the help.
const SUPERVISE: &str = "  -d, --daemonize     go on in the background; ends with 0 once the daemon
                      works, or with its error
  -P, --pid-file FILE write the process id to this file, in place of the
                      config's \"pid_file\"
";

/// The text of `--help`, without the last newline.
#[must_use]
pub fn help() -> String {
    format!(
        "\
{version}: the Linux kernel's audit events, each as one line

Usage:
  ringaudit [run] [-c FILE]{run}
                              capture events and write them to the outputs
  ringaudit check [-c FILE] [-t]
                              read config and rules, print what would be used
  ringaudit replay [-c FILE] [-f FORMAT] [FILE|-]...
                              read audit.log files or standard input, write
                              their events
  ringaudit rules check [FILE|DIRECTORY|-]...
                              tell what is wrong with rules; without a file
                              with the config's
  ringaudit rules load [-e CHOICE] [FILE|DIRECTORY|-]...
                              make the kernel hold these rules and no other
  ringaudit rules list [-k KEY] [-l]
                              print the kernel's rules, as auditctl -l does
  ringaudit rules clear [-k KEY]
                              delete the kernel's rules
{ask_commands}{change_commands}  ringaudit --help | --version

Options:
  -c, --config FILE   the config, in TOML, or go-audit's in YAML. Without it:
                      {DEFAULT_PATH} if there is one, else the built-in
                      config, which writes each program execution as a JSON line
                      to stdout. \"replay\" reads no config but this one; without
                      it: JSON to stdout
{supervise}  -t, --toml          print a config file: what \"check\" prints anyway, and what
                      was not taken over from a go-audit config as comments
  -f, --format FORMAT replay in this format: {formats}
  -e, --on-error CHOICE
                      what to leave out when a file of rules has an error:
                      {choices} (the default: all)
  -k, --key KEY       only rules with this text in their key
  -l, --loadable      as lines that can be loaded again
{ask_flags}  -h, --help          print this and exit
  -V, --version       print the version and exit
go-audit's -config FILE and -version work too.

Signals:
  SIGTERM, SIGINT     stop: write what is pending, exit with 0; a second one
                      exits at once with 1
  SIGHUP              read config and rules again, and open the output files
                      again
  SIGUSR1             open the output files again, after they were rotated
  SIGUSR2             execute the program's file anew and go on in it, without
                      losing an event

Exit codes:
  0   done
  1   failed while running
  2   bad usage, config or rules
  3   not permitted, or no audit in this kernel
  4   another daemon holds the audit socket

Manual: ringaudit(8); all keys of the config: docs/config.md",
        version = version(),
        ask_commands = if cfg!(feature = "status") { HELP_COMMANDS } else { "" },
        change_commands = if cfg!(all(feature = "reload", feature = "status")) { HELP_CHANGES } else { "" },
        ask_flags = if cfg!(feature = "status") { HELP_FLAGS } else { "" },
        run = if cfg!(feature = "supervise") { " [-d] [-P FILE]" } else { "" },
        supervise = if cfg!(feature = "supervise") { SUPERVISE } else { "" },
        formats = Format::ALL.map(Format::name).join(", "),
        choices = OnError::ALL.map(OnError::name).join(", ")
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

fn path_of(matches: &Matches, flag: &str) -> Result<Option<PathBuf>, UsageError> {
    match matches.opt_str(flag) {
        Some(path) if path.is_empty() => {
            Err(UsageError(format!("\"--{flag}\" needs a file, not an empty name")))
        }
        path => Ok(path.map(PathBuf::from)),
    }
}

/// Which of these words a flag has.
fn word_of(matches: &Matches, flag: &str, what: &str, names: &[&str]) -> Result<Option<usize>, UsageError> {
    let Some(word) = matches.opt_str(flag) else { return Ok(None) };
    let chosen = names.iter().position(|name| *name == word);
    chosen.map(Some).ok_or_else(|| {
        let meant = match nearest(&word, names) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("the {what}s are {}", listed(names, "and")),
        };
        UsageError(format!("unknown {what} {}; {meant}", quoted(&word)))
    })
}

fn unknown_command(word: &str, commands: &[&str]) -> String {
    let flags = FLAGS.iter().find(|(_, long)| *long == word);
    let meant = if let Some((_, long)) = flags {
        format!("did you mean \"--{long}\"?")
    } else if word.contains(['/', '.']) {
        format!("did you mean \"-c {}\"?", quoted(word).trim_matches('"'))
    } else if let Some(near) = nearest(word, commands) {
        format!("did you mean \"{near}\"?")
    } else {
        format!("the commands are {}", listed(commands, "and"))
    };
    format!("unknown command {}; {meant}", quoted(word))
}

fn explain(fail: &Fail) -> String {
    match fail {
        Fail::ArgumentMissing(flag) => {
            let what = match flag.as_str() {
                "f" | "format" => "format",
                "k" | "key" => "key",
                "e" | "on-error" => "choice",
                #[cfg(feature = "status")]
                "b" | "by" => "view",
                #[cfg(feature = "status")]
                "i" | "interval" => "number of seconds",
                #[cfg(feature = "status")]
                "S" | "sort" => "order",
                #[cfg(feature = "status")]
                "s" | "socket" => "socket",
                _ => "file",
            };
            format!("{} needs a {what}", dashed(flag))
        }
        Fail::OptionDuplicated(flag) => format!("{} is given twice", dashed(flag)),
        Fail::UnexpectedArgument(flag) => format!("{} takes no value", dashed(flag)),
        Fail::UnrecognizedOption(flag) | Fail::OptionMissing(flag) => {
            let one_letter = flag.chars().count() == 1;
            let mut known = Vec::new();
            for (short, long) in FLAGS {
                known.push(if one_letter { *short } else { *long });
            }
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

    fn run(config: Option<PathBuf>) -> Action {
        Action::Run { config, daemonize: false, pid_file: None }
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
            assert_eq!(words(line), Ok(run(file.clone())), "{line}");
        }
        for line in ["check -c a.toml", "-config=a.toml check", "check --config a.toml --"] {
            assert_eq!(words(line), Ok(Action::Check { config: file.clone(), toml: false }), "{line}");
        }
        assert_eq!(words(""), Ok(run(None)));
        assert_eq!(words("run"), Ok(run(None)));
        let daemon =
            Action::Run { config: None, daemonize: true, pid_file: Some(PathBuf::from("/run/x.pid")) };
        for line in ["-d -P /run/x.pid", "run --pid-file=/run/x.pid --daemonize"] {
            assert_eq!(words(line), Ok(daemon.clone()), "{line}");
        }
        assert_eq!(words("check"), Ok(Action::Check { config: None, toml: false }));
        for line in ["check --toml -c a.toml", "--toml check -config a.toml"] {
            assert_eq!(words(line), Ok(Action::Check { config: file.clone(), toml: true }), "{line}");
        }
        // A file may be named as a command or a flag is.
        assert_eq!(
            words("check -c top"),
            Ok(Action::Check { config: Some(PathBuf::from("top")), toml: false })
        );
        assert_eq!(words("-c ./-config"), Ok(run(Some(PathBuf::from("./-config")))));
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
    fn rules_take_what_belongs_to_their_command() {
        let none = Rules {
            command: "rules check",
            config: None,
            files: Vec::new(),
            on_error: OnError::Refuse,
            key: String::new(),
            loadable: false,
        };
        let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let cases = [
            ("rules check", none.clone()),
            (
                "rules check -c a check",
                Rules { config: Some("a".into()), files: files(&["check"]), ..none.clone() },
            ),
            (
                "rules load -e skip-file d -",
                Rules {
                    command: "rules load",
                    files: files(&["d", "-"]),
                    on_error: OnError::SkipFile,
                    ..none.clone()
                },
            ),
            (
                "rules list -k rules -l",
                Rules { command: "rules list", key: "rules".to_owned(), loadable: true, ..none.clone() },
            ),
            ("--key=x rules clear", Rules { command: "rules clear", key: "x".to_owned(), ..none }),
        ];
        for (line, expected) in cases {
            assert_eq!(words(line), Ok(Action::Rules(expected)), "{line}");
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

    /// Fails without the check only in a build without the feature `json`.
    #[cfg(feature = "replay")]
    #[test]
    fn a_format_that_is_not_in_this_build_is_refused() {
        for format in Format::ALL {
            let parsed = parse(["replay", "-f", format.name()].map(OsString::from));
            let why = parsed.err().map(|UsageError(why)| why);
            assert_eq!(why, (!format.is_built()).then(|| format.not_built()));
        }
    }

    #[test]
    fn errors_say_what_was_meant() {
        let cases = [
            ("chekc", "unknown command \"chekc\"; did you mean \"check\"?"),
            ("help", "unknown command \"help\"; did you mean \"--help\"?"),
            ("a.toml", "unknown command \"a.toml\"; did you mean \"-c a.toml\"?"),
            (
                "frobnicate",
                "unknown command \"frobnicate\"; the commands are \"run\", \"check\", \"replay\", \"rules\", \"status\", \"top\", \"reload\" and \"upgrade\"",
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
            ("rules", "\"rules\" needs a command: \"check\", \"load\", \"list\" or \"clear\""),
            ("rules laod", "unknown command \"laod\"; did you mean \"load\"?"),
            (
                "rules run",
                "unknown command \"run\"; the commands are \"check\", \"load\", \"list\" and \"clear\"",
            ),
            ("rules list x", "unexpected argument \"x\"; see \"ringaudit --help\""),
            (
                "rules check -k x",
                "\"--key\" belongs to \"rules list\" and \"rules clear\"; see \"ringaudit --help\"",
            ),
            ("check -e refuse", "\"--on-error\" belongs to \"rules load\"; see \"ringaudit --help\""),
            (
                "rules load -e skip",
                "unknown choice \"skip\"; the choices are \"skip-rule\", \"skip-file\" and \"refuse\"",
            ),
            ("rules load -e skip-ruel", "unknown choice \"skip-ruel\"; did you mean \"skip-rule\"?"),
            ("rules load -e", "\"-e\" needs a choice"),
            ("rules clear --key", "\"--key\" needs a key"),
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
            ("check -d", "\"--daemonize\" belongs to \"run\"; see \"ringaudit --help\""),
            ("replay -P x", "\"--pid-file\" belongs to \"run\"; see \"ringaudit --help\""),
            ("-P", "\"-P\" needs a file"),
            ("--pid-file=", "\"--pid-file\" needs a file, not an empty name"),
        ];
        for (line, message) in cases {
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
    }
}
