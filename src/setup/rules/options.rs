//! Words into options, as getopt_long reads them for auditctl: `-k key`, `-kkey`, `--name value`,
//! `--name=value`.

use super::draft::Notes;
use super::words::Word;
use crate::config::{nearest, quoted};

/// What an option asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Append,
    Insert,
    Delete,
    DeleteAll,
    Syscall,
    Field,
    Compare,
    Key,
    Watch,
    Unwatch,
    Perm,
    Enabled,
    Failure,
    BacklogLimit,
    BacklogWaitTime,
    Rate,
    ResetLost,
    ResetWaited,
    LoginuidImmutable,
    Equivalent,
    Trim,
    /// `-i` and `-c`: lines with errors are left out.
    Ignore,
    /// Another file of rules.
    Nested,
    /// A question or an order to auditctl itself, which does not belong into rules.
    Order,
}

struct Spec {
    /// `-a` or `--name`.
    name: &'static str,
    takes_value: bool,
    kind: Kind,
}

const fn spec(name: &'static str, takes_value: bool, kind: Kind) -> Spec {
    Spec { name, takes_value, kind }
}

/// All options of auditctl 3.0 and 4.x.
static SPECS: [Spec; 30] = [
    spec("-a", true, Kind::Append),
    spec("-A", true, Kind::Insert),
    spec("-d", true, Kind::Delete),
    spec("-D", false, Kind::DeleteAll),
    spec("-S", true, Kind::Syscall),
    spec("-F", true, Kind::Field),
    spec("-C", true, Kind::Compare),
    spec("-k", true, Kind::Key),
    spec("-w", true, Kind::Watch),
    spec("-W", true, Kind::Unwatch),
    spec("-p", true, Kind::Perm),
    spec("-e", true, Kind::Enabled),
    spec("-f", true, Kind::Failure),
    spec("-b", true, Kind::BacklogLimit),
    spec("-r", true, Kind::Rate),
    spec("-q", true, Kind::Equivalent),
    spec("-t", false, Kind::Trim),
    spec("-i", false, Kind::Ignore),
    spec("-c", false, Kind::Ignore),
    spec("-h", false, Kind::Order),
    spec("-l", false, Kind::Order),
    spec("-s", false, Kind::Order),
    spec("-v", false, Kind::Order),
    spec("-m", true, Kind::Order),
    spec("-R", true, Kind::Nested),
    spec("--backlog_wait_time", true, Kind::BacklogWaitTime),
    spec("--loginuid-immutable", false, Kind::LoginuidImmutable),
    spec("--reset-lost", false, Kind::ResetLost),
    spec("--reset_backlog_wait_time_actual", false, Kind::ResetWaited),
    spec("--signal", true, Kind::Order),
];

/// An option with its value; an option that takes none has an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opt<'l> {
    pub(super) kind: Kind,
    /// Where the option stands.
    pub(super) at: usize,
    /// As it is written, for messages.
    pub(super) name: &'static str,
    pub(super) value: Word<'l>,
}

/// The options of a line's words; what is wrong is noted.
pub(super) fn read<'l>(words: Vec<Word<'l>>, notes: &mut Notes) -> Vec<Opt<'l>> {
    let mut found = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match one(&word, &mut words) {
            Ok(option) => found.push(option),
            Err(message) => {
                notes.error(word.at, &message);
                if word.text.starts_with('#') {
                    break;
                }
            }
        }
    }
    found
}

fn one<'l>(word: &Word<'l>, rest: &mut impl Iterator<Item = Word<'l>>) -> Result<Opt<'l>, String> {
    let text = &*word.text;
    let (name, attached) = if text.starts_with("--") {
        match text.split_once('=') {
            Some((name, _)) => (name, Some(word.tail(name.len() + 1))),
            None => (text, None),
        }
    } else {
        // `-` and one character; what follows is its value.
        let end = text.char_indices().nth(2).map_or(text.len(), |(end, _)| end);
        (text.get(..end).unwrap_or(text), (end < text.len()).then(|| word.tail(end)))
    };
    let Some(spec) = find(name) else { return Err(unknown(text, name)) };
    if matches!(spec.kind, Kind::Order | Kind::Nested) {
        if spec.takes_value && attached.is_none() {
            rest.next();
        }
        let name = spec.name;
        return Err(if spec.kind == Kind::Nested {
            format!("{name}: a rules file cannot read another: name it in rules.files")
        } else {
            format!("{name} is an order to auditctl, not a rule: remove it")
        });
    }
    let value = match (spec.takes_value, attached) {
        (true, Some(value)) => value,
        (true, None) => rest.next().ok_or_else(|| format!("{} needs a value after it", spec.name))?,
        (false, None) => Word::default(),
        (false, Some(value)) => {
            return Err(format!("{} takes no value: remove {}", spec.name, quoted(&value.text)));
        }
    };
    Ok(Opt { kind: spec.kind, at: word.at, name: spec.name, value })
}

/// The option of this name; a long one also by a beginning that no other has.
fn find(name: &str) -> Option<&'static Spec> {
    let whole = SPECS.iter().find(|s| s.name == name);
    if whole.is_some() || name.len() < 3 {
        return whole;
    }
    let mut longer = SPECS.iter().filter(|s| s.name.starts_with(name));
    longer.next().filter(|_| longer.next().is_none())
}

fn unknown(text: &str, name: &str) -> String {
    if text.starts_with("--") {
        let known: Vec<_> = SPECS.iter().map(|s| s.name).filter(|n| n.starts_with("--")).collect();
        let hint = nearest(name, &known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return format!("unknown option {}{hint}", quoted(name));
    }
    if text.starts_with('-') {
        return format!("unknown option {}", quoted(text));
    }
    if text.starts_with('#') {
        return "a comment needs a line of its own".to_owned();
    }
    format!("{} stands without an option before it; quote a value that has blanks", quoted(text))
}

#[cfg(test)]
mod tests {
    use super::super::words::split;
    use super::*;

    fn read_line(line: &str) -> (Vec<Opt<'_>>, Vec<(usize, String)>) {
        let mut notes = Notes::default();
        (read(split(line).unwrap(), &mut notes), notes.errors)
    }

    fn values(line: &str) -> Vec<(Kind, usize, String, usize)> {
        let (options, errors) = read_line(line);
        assert_eq!(errors, []);
        options.into_iter().map(|o| (o.kind, o.at, o.value.text.into_owned(), o.value.at)).collect()
    }

    #[test]
    fn values_follow_or_are_attached() {
        let expected = [(Kind::Key, 0, "a".to_owned(), 3), (Kind::Key, 5, "b".to_owned(), 7)];
        assert_eq!(values("-k a -kb"), expected);
        let expected =
            [(Kind::BacklogWaitTime, 0, "5".to_owned(), 20), (Kind::BacklogWaitTime, 22, "6".to_owned(), 42)];
        assert_eq!(values("--backlog_wait_time 5 --backlog_wait_time=6"), expected);
        assert_eq!(values("--log")[0].0, Kind::LoginuidImmutable);
        assert!(read_line("--reset").1[0].1.starts_with("unknown option"), "two begin so");
        assert_eq!(values("-D"), [(Kind::DeleteAll, 0, String::new(), 0)]);
        assert_eq!(values("-k -x"), [(Kind::Key, 0, "-x".to_owned(), 3)]);
    }

    #[test]
    fn each_wrong_word_is_told() {
        let errors = read_line("-x --backlog_wiat_time=1 word -R /x -l --signal HUP -k").1;
        let expected = [
            (0, "unknown option \"-x\""),
            (3, "unknown option \"--backlog_wiat_time\"; did you mean --backlog_wait_time?"),
            (25, "\"word\" stands without an option before it; quote a value that has blanks"),
            (30, "-R: a rules file cannot read another: name it in rules.files"),
            (36, "-l is an order to auditctl, not a rule: remove it"),
            (39, "--signal is an order to auditctl, not a rule: remove it"),
            (52, "-k needs a value after it"),
        ];
        assert_eq!(errors, expected.map(|(at, message)| (at, message.to_owned())));
        assert_eq!(read_line("-D # all of them").1, [(3, "a comment needs a line of its own".to_owned())]);
        assert_eq!(read_line("-Dx").1, [(0, "-D takes no value: remove \"x\"".to_owned())]);
        assert_eq!(read_line("-ä").1, [(0, "unknown option \"-ä\"".to_owned())]);
    }
}
