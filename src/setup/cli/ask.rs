//! The commands that ask the running daemon.

use super::{Action, UsageError, quoted, word_of};
use getopts::Matches;
use std::path::PathBuf;

/// The commands of this kind.
pub(super) const COMMANDS: &[&str] = &[
    "status",
    "top",
    #[cfg(feature = "reload")]
    "reload",
    #[cfg(feature = "reload")]
    "upgrade",
];
/// How long `top` may count between two screens, in milliseconds.
const INTERVAL_MS: std::ops::RangeInclusive<u32> = 100..=60_000;

/// A question for the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// `status`, `top`, `reload`, `upgrade`.
    pub command: &'static str,
    /// `upgrade`: the program that is to go on; none is the daemon's own path.
    pub program: Option<PathBuf>,
    /// `-c`: the config that names the socket; of `upgrade` the one that the program is to have, too.
    pub config: Option<PathBuf>,
    /// `-s`: the socket itself.
    pub socket: Option<PathBuf>,
    /// `status`: `-j`, `-p`.
    pub form: Form,
    /// `top`: `-o`, one interval as text.
    pub once: bool,
    /// `top`: `-i`, in milliseconds.
    pub interval_ms: u32,
    /// `top`: `-b`.
    pub by: View,
    /// `top`: `-S`.
    pub sort: Sort,
}

/// How `status` is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For people.
    #[default]
    Table,
    /// The document itself.
    Json,
    /// Prometheus' text format 0.0.4.
    Prometheus,
}

/// What `top` counts events by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The keys of the rules.
    #[default]
    Key,
    /// The program.
    Exe,
    /// The system call; the record type of an event without one.
    Syscall,
    /// The user.
    Uid,
    /// The rule, where only one has the event's key.
    Rule,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Key, Self::Exe, Self::Syscall, Self::Uid, Self::Rule];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Exe => "exe",
            Self::Syscall => "syscall",
            Self::Uid => "uid",
            Self::Rule => "rule",
        }
    }
}

/// What `top` sorts by, the most first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Events.
    #[default]
    Events,
    /// Bytes of their records.
    Bytes,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Events, Self::Bytes];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Bytes => "bytes",
        }
    }
}

/// The action of one of [`COMMANDS`].
pub(super) fn action(
    command: &'static str,
    config: Option<PathBuf>,
    files: &[String],
    matches: &Matches,
) -> Result<Action, UsageError> {
    if let [_, extra, ..] = files {
        return Err(UsageError(format!("unexpected argument {}; see \"ringaudit --help\"", quoted(extra))));
    }
    let form = match (matches.opt_present("json"), matches.opt_present("prometheus")) {
        (true, true) => {
            return Err(UsageError("\"--json\" and \"--prometheus\" are two forms; choose one".to_owned()));
        }
        (true, false) => Form::Json,
        (false, true) => Form::Prometheus,
        (false, false) => Form::Table,
    };
    let by = word_of(matches, "by", "view", &View::ALL.map(View::name))?;
    let sort = word_of(matches, "sort", "order", &Sort::ALL.map(Sort::name))?;
    Ok(Action::Ask(Ask {
        command,
        program: files.first().map(PathBuf::from),
        config,
        socket: matches.opt_str("socket").map(PathBuf::from),
        form,
        once: matches.opt_present("once"),
        interval_ms: interval(matches)?,
        by: by.and_then(|at| View::ALL.get(at).copied()).unwrap_or_default(),
        sort: sort.and_then(|at| Sort::ALL.get(at).copied()).unwrap_or_default(),
    }))
}

/// Seconds with at most three places behind the point, as milliseconds. Not by way of a floating-point number: reading
/// and printing those is 20 KiB of code.
fn interval(matches: &Matches) -> Result<u32, UsageError> {
    let Some(text) = matches.opt_str("interval") else { return Ok(1000) };
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let millis = [whole, part, "00"].concat();
    let cut = millis.get(..whole.len() + 3).filter(|_| digits(whole) && digits(part) && part.len() <= 3);
    let millis = cut.and_then(|millis| millis.parse().ok()).filter(|millis| INTERVAL_MS.contains(millis));
    millis.ok_or_else(|| {
        UsageError(format!("\"--interval\" must be from 0.1 to 60 seconds, not {}", quoted(&text)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use std::ffi::OsString;

    fn words(line: &str) -> Result<Ask, String> {
        match parse(line.split_whitespace().map(OsString::from)) {
            Ok(Action::Ask(ask)) => Ok(ask),
            other => Err(other.expect_err(line).to_string()),
        }
    }

    #[test]
    fn questions() {
        let status = Ask {
            command: "status",
            program: None,
            config: None,
            socket: None,
            form: Form::Table,
            once: false,
            interval_ms: 1000,
            by: View::Key,
            sort: Sort::Events,
        };
        assert_eq!(words("status"), Ok(status.clone()));
        assert_eq!(
            words("status --json -c a"),
            Ok(Ask { form: Form::Json, config: Some("a".into()), ..status.clone() })
        );
        let prometheus = Ask { form: Form::Prometheus, socket: Some("b".into()), ..status.clone() };
        assert_eq!(words("-s b status -p"), Ok(prometheus));
        let top =
            Ask { command: "top", once: true, interval_ms: 250, by: View::Exe, sort: Sort::Bytes, ..status };
        assert_eq!(words("top -o -i 0.25 --by exe --sort bytes"), Ok(top));
    }

    #[test]
    fn wrong_questions() {
        let cases = [
            ("status -j -p", "\"--json\" and \"--prometheus\" are two forms; choose one"),
            ("status --once", "\"--once\" belongs to \"top\"; see \"ringaudit --help\""),
            ("top --json", "\"--json\" belongs to \"status\"; see \"ringaudit --help\""),
            (
                "run -s x",
                "\"--socket\" belongs to \"status\", \"top\", \"reload\" and \"upgrade\"; see \"ringaudit --help\"",
            ),
            ("top -i 0", "\"--interval\" must be from 0.1 to 60 seconds, not \"0\""),
            ("top -i 60.001", "\"--interval\" must be from 0.1 to 60 seconds, not \"60.001\""),
            ("top -i 1.0001", "\"--interval\" must be from 0.1 to 60 seconds, not \"1.0001\""),
            ("top -i +1", "\"--interval\" must be from 0.1 to 60 seconds, not \"+1\""),
            ("top -i nan", "\"--interval\" must be from 0.1 to 60 seconds, not \"nan\""),
            ("top --by sycall", "unknown view \"sycall\"; did you mean \"syscall\"?"),
            ("top --sort size", "unknown order \"size\"; the orders are \"events\" and \"bytes\""),
            ("status now", "unexpected argument \"now\"; see \"ringaudit --help\""),
            ("status -s", "\"-s\" needs a socket"),
            ("statsu", "unknown command \"statsu\"; did you mean \"status\"?"),
        ];
        for (line, message) in cases {
            assert_eq!(words(line), Err(message.to_owned()), "{line}");
        }
    }
}
