//! Two readings of the same events beside each other, field by field.

use crate::laurel::{Events, Said};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many differences of one kind are shown.
const SHOWN: usize = 3;

/// Where two readings differ: `PATH[1].mode`, or the whole event (an empty path).
#[derive(Debug)]
pub(crate) struct Difference<'a> {
    pub(crate) id: &'a str,
    pub(crate) path: String,
    pub(crate) ours: Option<&'a Value>,
    pub(crate) theirs: Option<&'a Value>,
    /// The event's whole line, ours.
    pub(crate) event: &'a Value,
    /// The records that the other could not read.
    pub(crate) refused: &'a str,
}

impl Difference<'_> {
    /// The path's last name: `mode`.
    pub(crate) fn field(&self) -> &str {
        self.path.rsplit('.').next().unwrap()
    }

    /// The path's first name: `PATH`.
    pub(crate) fn record(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap()
    }
}

/// A difference that is meant to be.
pub(crate) struct Rule {
    /// As in docs/format.md.
    pub(crate) name: &'static str,
    /// Whether this is what it is.
    pub(crate) is: fn(&Difference<'_>) -> bool,
}

/// Compares; panics with what no rule explains. Gives how often each rule did.
pub(crate) fn compare(ours: &Events, theirs: &Said, rules: &[Rule]) -> BTreeMap<&'static str, usize> {
    let mut hits: BTreeMap<&'static str, usize> = rules.iter().map(|rule| (rule.name, 0)).collect();
    let mut unexplained = Vec::new();
    let ids: BTreeSet<&String> = ours.keys().chain(theirs.events.keys()).collect();
    for id in ids {
        let none = Vec::new();
        let (mine, other) = (ours.get(id).unwrap_or(&none), theirs.events.get(id).unwrap_or(&none));
        for at in 0..mine.len().max(other.len()) {
            let mut differences = Vec::new();
            let (mine, other) = (mine.get(at), other.get(at));
            let at = Place { id, event: mine.or(other).unwrap(), refused: &theirs.refused };
            walk(at, String::new(), (mine, other), &mut differences);
            for difference in differences {
                match rules.iter().find(|rule| (rule.is)(&difference)) {
                    Some(rule) => *hits.get_mut(rule.name).unwrap() += 1,
                    None => unexplained.push(describe(&difference)),
                }
            }
        }
    }
    assert!(
        unexplained.is_empty(),
        "{} differences without a rule:\n{}",
        unexplained.len(),
        kinds(&unexplained)
    );
    hits
}

/// Each kind of path, how many there are, and the first ones.
fn kinds(unexplained: &[String]) -> String {
    let mut kinds: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for text in unexplained {
        let path = text.split(' ').nth(1).unwrap();
        kinds.entry(path.chars().filter(|c| !c.is_ascii_digit()).collect()).or_default().push(text);
    }
    let mut shown = String::new();
    for (path, texts) in kinds {
        shown += &format!("{} {path}\n", texts.len());
        for text in texts.iter().take(SHOWN) {
            shown += &format!("    {text}\n");
        }
    }
    shown
}

fn describe(difference: &Difference<'_>) -> String {
    let show = |value: Option<&Value>| {
        let text = value.map_or("nothing".to_owned(), Value::to_string);
        text.chars().take(300).collect::<String>()
    };
    format!(
        "{} {} ours {} theirs {}",
        difference.id,
        difference.path,
        show(difference.ours),
        show(difference.theirs)
    )
}

/// The event that is compared.
#[derive(Clone, Copy)]
struct Place<'a> {
    id: &'a str,
    event: &'a Value,
    refused: &'a str,
}

fn walk<'a>(
    at: Place<'a>,
    path: String,
    (ours, theirs): (Option<&'a Value>, Option<&'a Value>),
    out: &mut Vec<Difference<'a>>,
) {
    match (ours, theirs) {
        (Some(Value::Object(mine)), Some(Value::Object(other))) => {
            let keys: BTreeSet<&String> = mine.keys().chain(other.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(at, path, (mine.get(key), other.get(key)), out);
            }
        }
        (Some(Value::Array(mine)), Some(Value::Array(other))) if mine.len() == other.len() => {
            for (number, pair) in mine.iter().zip(other).enumerate() {
                walk(at, format!("{path}[{number}]"), (Some(pair.0), Some(pair.1)), out);
            }
        }
        _ if ours == theirs => {}
        _ => {
            let Place { id, event, refused } = at;
            out.push(Difference { id, path, ours, theirs, event, refused });
        }
    }
}

#[test]
fn what_no_rule_explains_is_found() {
    let read = |text: &str| crate::laurel::events(text.as_bytes());
    let said = |text: &str| Said { events: read(text), refused: String::new() };
    let rule = |is| [Rule { name: "it", is }];
    let one = "{\"ID\":\"1.000:1\",\"PATH\":[{\"item\":0,\"mode\":\"0o644\"}],\"CWD\":{\"cwd\":\"/\"}}\n";
    assert_eq!(compare(&read(one), &said(one), &rule(|_| true))["it"], 0);
    for (other, path) in [
        (
            "{\"ID\":\"1.000:1\",\"PATH\":[{\"item\":0,\"mode\":420}],\"CWD\":{\"cwd\":\"/\"}}\n",
            "PATH[0].mode",
        ),
        ("{\"ID\":\"1.000:1\",\"PATH\":[{\"item\":0}],\"CWD\":{\"cwd\":\"/\"}}\n", "PATH[0].mode"),
        ("{\"ID\":\"1.000:1\",\"PATH\":[],\"CWD\":{\"cwd\":\"/\"}}\n", "PATH"),
        ("{\"ID\":\"1.000:1\",\"PATH\":[{\"item\":0,\"mode\":\"0o644\"}]}\n", "CWD"),
        ("", ""),
    ] {
        for (ours, theirs) in [(one, other), (other, one)] {
            assert_eq!(compare(&read(ours), &said(theirs), &rule(|_| true))["it"], 1, "{path}");
            let found = || compare(&read(ours), &said(theirs), &rule(|_| false));
            let text = std::panic::catch_unwind(found).unwrap_err().downcast::<String>().unwrap();
            assert!(text.starts_with("1 differences without a rule:"), "{text}");
            assert!(text.contains(&format!("1.000:1 {path} ours")), "{text}");
        }
    }
}
