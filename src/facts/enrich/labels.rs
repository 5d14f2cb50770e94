//! The `[[label]]` tables made ready: which labels a process has after an event. The context keeps the labels,
//! one bit each; this file knows their names and tries their tests.

use super::regex::Regex;
use crate::config::{Label, LabelTest, Located, Problem};
use crate::event::Event;
use crate::wire::fields::{self, Value};
use crate::wire::record::RecordType;
use std::io;

/// The most bytes of a path or of arguments that a regex is tried on.
const TRIED: usize = 4096;

/// What a process's labels can hang on. What is not known is `None`.
#[derive(Clone, Copy, Default)]
pub struct Subject<'a> {
    /// The event's key, encoded.
    pub key: Option<Value<'a>>,
    /// The program's path.
    pub exe: Option<&'a [u8]>,
    /// The event of the execve, for its arguments.
    pub execve: Option<&'a Event<'a>>,
    /// The script's path.
    pub script: Option<&'a [u8]>,
}

/// All labels. A label's bit is its name's place among the names.
pub struct Labels {
    names: Vec<String>,
    rules: Vec<Rule>,
    propagated: u64,
    bytes: Vec<u8>,
    text: String,
}

struct Rule {
    bit: u64,
    remove: bool,
    test: Test,
}

enum Test {
    Key(Vec<u8>),
    Exe(Regex),
    Argv(Regex),
    Script(Regex),
}

/// What is wrong with the labels' regexes, each with its place in the config.
pub fn check(labels: &[Label]) -> Vec<Problem> {
    let problem = |regex: &Located<String>| {
        let message = Regex::new(&regex.value).err()?;
        Some(Problem { place: regex.place.clone(), message })
    };
    labels.iter().filter_map(|label| pattern(label).and_then(problem)).collect()
}

fn pattern(label: &Label) -> Option<&Located<String>> {
    match &label.test {
        LabelTest::Key(_) => None,
        LabelTest::Exe(regex) | LabelTest::Argv(regex) | LabelTest::Script(regex) => Some(regex),
    }
}

impl Labels {
    /// Makes them ready.
    ///
    /// Errors: InvalidInput for a regex that [`check`] would have told of.
    pub fn new(labels: &[Label]) -> io::Result<Self> {
        let mut names: Vec<String> = Vec::new();
        let mut rules = Vec::new();
        let mut propagated = 0;
        for label in labels {
            let place = names.iter().position(|name| *name == label.name).unwrap_or_else(|| {
                names.push(label.name.clone());
                names.len() - 1
            });
            let bit = 1u64.checked_shl(u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or(0);
            propagated |= if label.propagate { bit } else { 0 };
            let made = |regex: &Located<String>| {
                Regex::new(&regex.value).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))
            };
            let test = match &label.test {
                LabelTest::Key(key) => Test::Key(key.clone().into_bytes()),
                LabelTest::Exe(regex) => Test::Exe(made(regex)?),
                LabelTest::Argv(regex) => Test::Argv(made(regex)?),
                LabelTest::Script(regex) => Test::Script(made(regex)?),
            };
            rules.push(Rule { bit, remove: label.remove, test });
        }
        let any = !rules.is_empty();
        let room = |bytes: usize| if any { bytes } else { 0 };
        // A byte that is no UTF-8 becomes U+FFFD, three bytes.
        let (bytes, text) = (Vec::with_capacity(room(TRIED)), String::with_capacity(room(3 * TRIED)));
        Ok(Self { names, rules, propagated, bytes, text })
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether one looks at scripts.
    pub fn ask_for_script(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.test, Test::Script(_)))
    }

    /// The labels that go on to children and through execve.
    pub fn propagated(&self) -> u64 {
        self.propagated
    }

    /// The names of these labels, in the order of the config.
    pub fn names(&self, labels: u64) -> Names<'_> {
        Names { names: &self.names, labels }
    }

    /// The labels after all that fit were put on or taken away, in the order of the config.
    pub fn apply(&mut self, mut labels: u64, subject: &Subject<'_>) -> u64 {
        for rule in &self.rules {
            let hit = match &rule.test {
                Test::Key(key) => subject.key.is_some_and(|value| has_key(value, key, &mut self.bytes)),
                Test::Exe(regex) => subject.exe.is_some_and(|exe| regex.hits(exe, TRIED, &mut self.text)),
                Test::Script(regex) => {
                    subject.script.is_some_and(|path| regex.hits(path, TRIED, &mut self.text))
                }
                Test::Argv(regex) => subject.execve.is_some_and(|event| {
                    arguments(event, &mut self.bytes);
                    regex.hits(&self.bytes, TRIED, &mut self.text)
                }),
            };
            match (hit, rule.remove) {
                (false, _) => {}
                (true, false) => labels |= rule.bit,
                (true, true) => labels &= !rule.bit,
            }
        }
        labels
    }
}

/// The names of a set of labels.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    names: &'a [String],
    labels: u64,
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let place = self.labels.trailing_zeros();
        self.labels &= self.labels.wrapping_sub(1);
        self.names.get(usize::try_from(place).ok()?).map(String::as_str)
    }
}

/// Whether the event's keys, joined by 0x01 (AUDIT_KEY_SEPARATOR, linux/audit.h), have this one.
pub fn has_key(value: Value<'_>, key: &[u8], space: &mut Vec<u8>) -> bool {
    space.clear();
    push(value, space);
    space.split(|&b| b == 1).any(|one| one == key)
}

/// The arguments of an EXECVE's records joined by blanks, as many bytes as are tried. A long argument stands in
/// pieces, `a1[0]=`, `a1[1]=`.
fn arguments(event: &Event<'_>, space: &mut Vec<u8>) {
    space.clear();
    let mut last: Option<&[u8]> = None;
    for record in event.records.filter(|record| record.kind == RecordType::EXECVE) {
        for (key, value) in fields::items(record.fields).fields() {
            let Some(name) = key.strip_prefix(b"a") else { continue };
            let number = name.split(|&b| b == b'[').next().unwrap_or_default();
            // Neither `argc` nor `a1_len`.
            if fields::decimal(number).is_none() {
                continue;
            }
            if last.is_some_and(|last| last != number) && space.len() < TRIED {
                space.push(b' ');
            }
            last = Some(number);
            push(value, space);
        }
    }
}

/// Appends a decoded value, as far as there is room: the space never grows beyond what was reserved.
fn push(value: Value<'_>, space: &mut Vec<u8>) {
    let room = TRIED.saturating_sub(space.len());
    let part = |bytes: &'_ [u8], most: usize| bytes.len().min(most);
    match value {
        Value::Quoted(text) => space.extend_from_slice(text.get(..part(text, room)).unwrap_or_default()),
        Value::Bare(hex) => {
            let hex = hex.get(..part(hex, 2 * room)).unwrap_or_default();
            let before = space.len();
            space.resize(before + hex.len() / 2, 0);
            let decoded = space.get_mut(before..).and_then(|space| fields::decode_hex(hex, space)).is_some();
            if !decoded {
                space.truncate(before);
            }
        }
        Value::Nested(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::enrich::testing::replay;

    fn labels(text: &str) -> Labels {
        Labels::new(&config::read("f", text).unwrap().labels).unwrap()
    }

    fn names(labels: &Labels, bits: u64) -> Vec<String> {
        labels.names(bits).map(str::to_owned).collect()
    }

    #[test]
    fn keys_set_and_remove_in_order() {
        let mut labels = labels(
            "[[label]]\nname = 'a'\nkey = 'k'\npropagate = true\n[[label]]\nname = 'b'\nkey = 'l'\n\
             [[label]]\nname = 'a'\nkey = 'l'\naction = 'remove'\n",
        );
        let mut keyed = |bits, key| labels.apply(bits, &Subject { key: Some(key), ..Subject::default() });
        let a = keyed(0, Value::Quoted(b"k"));
        let both = keyed(a, Value::Quoted(b"none"));
        let without = keyed(a, Value::Bare(b"6B016C"));
        assert_eq!((a, both, without), (1, 1, 2), "several keys are joined by 0x01 and so in hex");
        assert_eq!(keyed(0, Value::Quoted(b"kk")), 0);
        assert_eq!(keyed(0, Value::Bare(b"(null)")), 0);
        assert_eq!(labels.propagated(), 1);
        assert_eq!(names(&labels, 3), ["a", "b"]);
        assert_eq!(names(&labels, 0), [""; 0]);
    }

    #[cfg(feature = "regex")]
    #[test]
    fn regexes_on_exe_argv_and_script() {
        let mut labels = labels(
            "[[label]]\nname = 'exe'\nexe = '^/usr/bin/.*sh$'\n[[label]]\nname = 'argv'\nargv = '^sh -c rm .b\\x01'\n\
             [[label]]\nname = 'script'\nscript = '/x\u{fffd}$'\n",
        );
        replay(
            "type=EXECVE msg=audit(1.002:3): argc=4 a0=\"sh\" a1=\"-c\" a2=\"rm\" a3_len=4 a3[0]=FF62\n\
             type=EXECVE msg=audit(1.002:3): a3[1]=01",
            |event| assert_eq!(labels.apply(0, &Subject { execve: Some(event), ..Subject::default() }), 2),
        );
        let mut apply = |subject: Subject<'_>| labels.apply(0, &subject);
        assert_eq!(apply(Subject { exe: Some(b"/usr/bin/dash"), ..Subject::default() }), 1);
        assert_eq!(apply(Subject { exe: Some(b"/opt/usr/bin/dash"), ..Subject::default() }), 0);
        assert_eq!(apply(Subject { script: Some(b"/x\xff"), ..Subject::default() }), 4);
        assert_eq!(apply(Subject { script: Some(b"/x"), ..Subject::default() }), 0);
    }

    #[test]
    fn arguments_are_tried_up_to_their_limit() {
        let long = format!("argc=3 a0=\"{}\" a1=\"{}\" a2=\"c\"", "a".repeat(4000), "b".repeat(4000));
        let of = |fields: &str, space: &mut Vec<u8>| {
            replay(&format!("type=EXECVE msg=audit(1.002:3): {fields}"), |event| arguments(event, space));
        };
        let mut space = Vec::with_capacity(TRIED);
        of(&long, &mut space);
        assert_eq!(space, format!("{} {}", "a".repeat(4000), "b".repeat(95)).as_bytes());
        assert_eq!(space.capacity(), TRIED);
        let hex = format!("argc=1 a0={}", "61".repeat(5000));
        of(&hex, &mut space);
        assert_eq!(space, [b'a'; TRIED]);
    }

    #[test]
    fn a_regex_that_is_none_is_told_with_its_place() {
        let text = "[[label]]\nname = 'x'\nexe = '^(a'\n[[label]]\nname = 'x'\nargv = \"[b\"\n";
        let problems = check(&config::read("f", text).unwrap().labels);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        #[cfg(feature = "regex")]
        assert_eq!(
            shown,
            [
                "f:3:8: not a valid regex: found open group without closing ')'",
                "f:6:9: not a valid regex: non-empty character class has no closing bracket"
            ]
        );
        #[cfg(not(feature = "regex"))]
        assert_eq!(shown[0], "f:3:8: this build has no regexes (feature \"regex\")");
    }
}
