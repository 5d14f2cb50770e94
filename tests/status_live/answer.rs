//! Answers of `ringaudit status --json`, and what is between two of them.

use crate::daemon::BINARY;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// `event.timeout_ms` where the config does not say it.
pub(crate) const DEFAULT_TIMEOUT_MS: u64 = 2000;

/// `ringaudit status` with these words.
pub(crate) fn status(socket: &Path, words: &[&str]) -> Output {
    Command::new(*BINARY).arg("status").arg("-s").arg(socket).args(words).output().unwrap()
}

/// Its text, which must come.
pub(crate) fn text(socket: &Path, words: &[&str]) -> String {
    let output = status(socket, words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer(pub(crate) Value);

impl Answer {
    pub(crate) fn of(socket: &Path) -> Self {
        Self(serde_json::from_str(&text(socket, &["--json"])).unwrap())
    }

    /// A number of `counters`.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.0["counters"][name].as_u64().unwrap_or_else(|| panic!("no counter {name}"))
    }

    /// What stands in a list under this name.
    fn of_list(&self, list: &str, label: &str, name: &str) -> Option<&Value> {
        self.0[list].as_array().unwrap().iter().find(|row| row[label] == name)
    }

    /// Records of a type that came through the ring.
    pub(crate) fn records(&self, kind: &str) -> u64 {
        self.of_list("types", "type", kind).map_or(0, |row| row["records"].as_u64().unwrap())
    }

    /// Records of all types.
    pub(crate) fn all_records(&self) -> u64 {
        self.0["types"].as_array().unwrap().iter().map(|row| row["records"].as_u64().unwrap()).sum()
    }

    pub(crate) fn hits(&self, filter: &str) -> u64 {
        self.of_list("filters", "filter", filter).unwrap()["hits"].as_u64().unwrap()
    }

    /// A number of an output; one of `dropped_events` is `dropped_events/REASON`.
    pub(crate) fn output(&self, output: &str, name: &str) -> u64 {
        let row = self.of_list("outputs", "output", output).unwrap_or_else(|| panic!("no output {output}"));
        let value = match name.split_once('/') {
            Some((name, reason)) => &row[name][reason],
            None => &row[name],
        };
        value.as_u64().unwrap_or_else(|| panic!("output {output} has no {name}"))
    }

    /// All that an output dropped.
    pub(crate) fn dropped(&self, output: &str) -> u64 {
        let row = self.of_list("outputs", "output", output).unwrap();
        row["dropped_events"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
    }

    /// Every counter's name and value; those of outputs as [`output`](Self::output) names them, behind `output/`, the
    /// highest of all outputs.
    pub(crate) fn every(&self) -> Vec<(String, u64)> {
        let way = self.0["counters"].as_object().unwrap();
        let mut every: Vec<_> =
            way.iter().map(|(name, count)| (name.clone(), count.as_u64().unwrap())).collect();
        let mut note = |name: String, count: &Value| {
            let count = count.as_u64().unwrap();
            match every.iter_mut().find(|(known, _)| *known == name) {
                Some((_, highest)) => *highest = count.max(*highest),
                None => every.push((name, count)),
            }
        };
        for output in self.0["outputs"].as_array().unwrap() {
            for (name, value) in output.as_object().unwrap().iter().filter(|(_, value)| !value.is_string()) {
                match value.as_object() {
                    Some(reasons) => {
                        reasons
                            .iter()
                            .for_each(|(reason, count)| note(format!("output/{name}/{reason}"), count));
                    }
                    None => note(format!("output/{name}"), value),
                }
            }
        }
        every
    }
}

/// A daemon's socket, asked until nothing moves any more.
pub(crate) struct Rest {
    socket: PathBuf,
    /// Longer than anything takes that is under way.
    still: Duration,
}

impl Rest {
    /// With an `event.timeout_ms` of so many; the shortest pause between two loss reports is a second.
    pub(crate) fn new(socket: PathBuf, timeout_ms: u64) -> Self {
        Self { socket, still: Duration::from_millis(timeout_ms.max(1000) + 200) }
    }

    /// The answer at rest.
    pub(crate) fn answer(&self) -> Answer {
        let (start, mut since) = (Instant::now(), Instant::now());
        let mut last = Answer::of(&self.socket);
        while since.elapsed() < self.still {
            std::thread::sleep(Duration::from_millis(100));
            let answer = Answer::of(&self.socket);
            if (&last.0["counters"], counts(&last.0)) != (&answer.0["counters"], counts(&answer.0)) {
                since = Instant::now();
            }
            assert!(start.elapsed() < Duration::from_secs(120), "it comes to no rest: {last:?}, {answer:?}");
            last = answer;
        }
        last
    }
}

/// An output that fails tries again; what it did with events does not change by it.
fn counts(answer: &Value) -> Vec<Value> {
    let of = |row: &Value| {
        let mut row = row.clone();
        row["failures"] = Value::Null;
        row["openings"] = Value::Null;
        row
    };
    answer["outputs"].as_array().unwrap().iter().map(of).collect()
}
