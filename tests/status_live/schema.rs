//! docs/status.schema.json: it takes real answers, and refuses what differs from one in a single thing.

use crate::answer::Answer;
use crate::daemon::Daemon;
use crate::machine::{Machine, wait};
use crate::validator;
use serde_json::Value;
use std::fs;
use std::process::Stdio;

const SCHEMA: &str = "docs/status.schema.json";
/// Sections with numbers that may be unknown.
const MAY_BE_UNKNOWN: [&str; 2] = ["daemon", "kernel"];

/// An output of each kind, in each format, a filter of each kind, and some trouble.
fn config(dir: &std::path::Path) -> String {
    let shown = |name: &str| dir.join(name).display().to_string();
    let output = |kind: &str, more: &str| format!("[[output]]\ntype = '{kind}'\n{more}\n");
    [
        "[[filter]]\nname = 'a'\naction = 'count'\ntype = 'all'\n[[filter]]\naction = 'keep'\nuid = 65530\n"
            .to_owned(),
        "[[filter]]\nuid = 65530\n".to_owned(),
        output("stdout", "format = 'raw'"),
        output("file", &format!("path = '{}'", shown("json"))),
        output("syslog", &format!("network = 'unix'\naddress = '{}'", shown("none"))),
        output("gelf", "address = '127.0.0.1:9'"),
        output("unix", &format!("address = '{}'", shown("none"))),
        output("pipe", "command = ['/bin/cat']"),
    ]
    .concat()
}

/// Every answer that differs in one thing: a key that is missing, one more, and each value of another kind.
fn wrong(answer: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for (section, value) in answer.as_object().unwrap() {
        let rows = value.as_array().map_or(1, Vec::len);
        for row in 0..rows {
            let of = if value.is_array() { &value[row] } else { value };
            let mut change = |how: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                let mut wrong = answer.clone();
                let object = if value.is_array() { &mut wrong[section][row] } else { &mut wrong[section] };
                how(object.as_object_mut().unwrap());
                all.push(wrong);
            };
            change(&|object| drop(object.insert("one_more".to_owned(), 0.into())));
            for (key, value) in of.as_object().unwrap() {
                change(&|object| drop(object.remove(key)));
                let other = if value.is_number() || value.is_null() { "text".into() } else { 7.into() };
                change(&|object| drop(object.insert(key.clone(), Value::clone(&other))));
                if value.is_number() {
                    change(&|object| drop(object.insert(key.clone(), (-1).into())));
                    change(&|object| drop(object.insert(key.clone(), 1.5.into())));
                }
                if !MAY_BE_UNKNOWN.contains(&section.as_str()) {
                    change(&|object| drop(object.insert(key.clone(), Value::Null)));
                }
            }
        }
        if section != "sandbox" {
            let mut without = answer.clone();
            without.as_object_mut().unwrap().remove(section);
            all.push(without);
        }
    }
    let mut more = answer.clone();
    more["one_more"] = serde_json::json!({});
    all.push(more);
    all
}

#[test]
fn it_takes_answers_and_nothing_else() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let mut daemon = Daemon::start_in(&mut machine, dir, &config, |command| {
        command.stdout(Stdio::null());
    });
    let socket = daemon.dir.path().join("socket");
    let ask = || Answer::of(&socket).0;
    let quiet = ask();
    machine.flood.run(500);
    daemon.wait_for_openings(500);
    wait("some trouble", || ask()["last_errors"].as_array().is_some_and(|errors| errors.len() >= 2));
    let busy = ask();
    let every = ["daemon", "kernel", "counters", "types", "filters", "outputs", "last_errors"];
    assert!(
        every.iter().all(|section| busy[section].as_array().is_none_or(|rows| rows.len() > 1)),
        "{busy:#}"
    );
    assert_eq!(daemon.stop().code, Some(0));

    // With the config that is built in, or a number that is not known.
    let mut unknown = busy.clone();
    unknown["daemon"]["config_age_seconds"] = Value::Null;
    unknown["kernel"]["enabled"] = Value::Null;
    let good = tempfile::NamedTempFile::new().unwrap();
    let lines = |all: &[Value]| all.iter().map(|value| format!("{value}\n")).collect::<String>();
    fs::write(good.path(), lines(&[quiet, busy.clone(), unknown])).unwrap();
    validator::all_valid(SCHEMA, good.path(), 3);
    let wrong = wrong(&busy);
    let bad = tempfile::NamedTempFile::new().unwrap();
    fs::write(bad.path(), lines(&wrong)).unwrap();
    validator::all_refused(SCHEMA, bad.path(), wrong.len());
    println!("{} answers that are wrong in one thing", wrong.len());
}
