//! The other forms of the answer: metrics that promtool finds no fault in (Debian's, unpacked and not installed) and
//! the table for people, each with the numbers that JSON has.

use crate::answer::{DEFAULT_TIMEOUT_MS, Rest, text};
use crate::daemon::Daemon;
use crate::machine::Machine;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the metrics' names begin with, for each section of the document, and what tells its rows apart.
const SECTIONS: [(&str, &str, &str); 8] = [
    ("daemon", "", ""),
    ("kernel", "kernel_", ""),
    ("counters", "", ""),
    ("types", "type_", "type"),
    ("filters", "filter_", "filter"),
    ("outputs", "output_", "output"),
    ("sandbox", "sandbox_", ""),
    ("last_errors", "error_", "part"),
];
/// Numbers that are no metrics, and those that change while nothing happens.
const FACTS: [&str; 1] = ["pid"];
const CHANGING: [&str; 6] = [
    "uptime_seconds",
    "config_age_seconds",
    "age_seconds",
    "resident_memory_bytes",
    "resident_memory_peak_bytes",
    "memory_counted_bytes",
];

/// A number of the document: its section, its row's name, its key, its reason, and itself.
struct Number<'a> {
    section: (&'static str, &'static str, &'static str),
    row: String,
    key: &'a str,
    reason: &'a str,
    value: u64,
}

fn numbers(document: &Value) -> Vec<Number<'_>> {
    let mut all = Vec::new();
    assert_eq!(document.as_object().unwrap().len(), SECTIONS.len(), "each section is looked at");
    for section in SECTIONS {
        let rows = match &document[section.0] {
            Value::Array(rows) => rows.iter().collect(),
            row => vec![row],
        };
        for row in rows {
            let name = row[section.2].as_str().unwrap_or_default();
            let mut note = |key, reason, value: &Value| {
                if let Some(value) = value.as_u64() {
                    all.push(Number { section, row: name.to_owned(), key, reason, value });
                }
            };
            for (key, value) in row.as_object().unwrap() {
                match value.as_object() {
                    Some(reasons) => reasons.iter().for_each(|(reason, value)| note(key, reason, value)),
                    None => note(key, "", value),
                }
            }
        }
    }
    all
}

/// Fails with what promtool says, if it says anything.
pub(crate) fn promtool(metrics: &str) {
    let tools = Command::new("tests/status_live/tools").output().unwrap();
    assert!(tools.status.success(), "{}", String::from_utf8_lossy(&tools.stderr));
    let path = String::from_utf8(tools.stdout).unwrap();
    let mut command = Command::new(path.trim());
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!((output.status.code(), said), (Some(0), [String::new(), String::new()]), "{metrics}");
}

/// The metrics by name and labels, as they stand.
fn metrics(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pair = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    let all: Vec<_> = lines.map(pair).collect();
    let count = all.len();
    let map: BTreeMap<_, _> = all.into_iter().collect();
    assert_eq!(map.len(), count, "one of the metrics is there twice: {text}");
    map
}

/// The names that a number can have as a metric: of a gauge and of a counter.
fn names(number: &Number<'_>) -> [String; 2] {
    let (_, prefix, label) = number.section;
    let mut labels = Vec::new();
    if !label.is_empty() {
        labels.push(format!("{label}=\"{}\"", number.row));
    }
    if !number.reason.is_empty() {
        labels.push(format!("reason=\"{}\"", number.reason));
    }
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    ["", "_total"].map(|end| format!("ringaudit_{prefix}{}{end}{labels}", number.key))
}

/// The cells of a row of the table.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

/// The cell of a number: in a section of one row, or of many values, a line is a value's; else it is a row's.
fn cell<'a>(table: &'a str, number: &Number<'_>) -> &'a str {
    let head = |line: &&str| !line.starts_with(' ') && cells(line).first() == Some(&number.section.0);
    let mut lines = table.lines().skip_while(|line| !head(line)).take_while(|line| !line.is_empty());
    let heads = cells(lines.next().unwrap_or_else(|| panic!("no {} in {table}", number.section.0)));
    let name = match number.reason {
        "" => number.key.to_owned(),
        reason => format!("{} ({reason})", number.key),
    };
    let (line, column) = match heads.iter().position(|head| *head == name) {
        Some(column) => (number.row.as_str(), column),
        None => (name.as_str(), heads.iter().position(|head| *head == number.row).unwrap_or(1)),
    };
    let row = lines.map(cells).find(|cells| cells[0] == line);
    row.unwrap_or_else(|| panic!("no {line} in {table}"))[column]
}

fn start(machine: &mut Machine) -> Daemon {
    let dir = tempfile::tempdir().unwrap();
    let nobody = dir.path().join("nobody");
    let config = format!(
        "[memory]\nmax_kib = 16384\n[[filter]]\nname = 'a \"b\"'\naction = 'count'\ntype = 'all'\n\
         [[filter]]\nuid = 65530\n\
         [[output]]\ntype = 'unix'\naddress = '{}'\nqueue_kib = 64\nmax_line = 256\nlong_line = 'drop'\n",
        nobody.display()
    );
    Daemon::start_in(machine, dir, &config, |_| {})
}

#[test]
fn metrics_and_table_have_the_numbers_of_json() {
    let mut machine = Machine::take();
    let mut daemon = start(&mut machine);
    machine.flood.run(1_000);
    daemon.wait_for_openings(1_000);
    let socket = daemon.dir.path().join("socket");
    let answer = Rest::new(socket.clone(), DEFAULT_TIMEOUT_MS).answer();
    let [prometheus, table] = ["--prometheus", "--table"]
        .map(|form| text(&socket, if form == "--table" { &[] } else { std::slice::from_ref(&form) }));
    println!("{table}");
    promtool(&prometheus);
    let mut metrics = metrics(&prometheus);
    let mut compared = 0;
    for number in numbers(&answer.0) {
        let shown = format!("{} of {} {}", number.key, number.section.0, number.row);
        let changes =
            CHANGING.contains(&number.key) || number.section.0 == "last_errors" || number.key == "failures";
        let cell = cell(&table, &number);
        let cell: u64 = cell.parse().unwrap_or_else(|_| panic!("{shown}: {cell}"));
        assert!(changes || cell == number.value, "{shown}: {cell} in the table, {}", number.value);
        if FACTS.contains(&number.key) {
            continue;
        }
        let row = number.row.replace('"', "\\\"");
        let found = names(&Number { row, ..number }).iter().find_map(|name| metrics.remove(name));
        let found = found.unwrap_or_else(|| panic!("{shown} is no metric: {prometheus}"));
        assert!(changes || found == number.value, "{shown}: {found} as a metric, {}", number.value);
        compared += 1;
    }
    assert!(compared > 70, "{compared}");
    // What is left says what runs, in words.
    let left: Vec<_> = metrics.into_iter().collect();
    assert!(left.iter().all(|(name, one)| name.contains("_info{") && *one == 1), "{left:?}");
    assert_eq!(daemon.stop().code, Some(0));
}

/// A name's last word is its unit, as Prometheus wants it; promtool knows counters without `_total` and units that
/// are no base units, not that there is one.
#[test]
fn each_metric_has_its_unit() {
    const UNITS: [&str; 13] = [
        "records", "bytes", "seconds", "events", "messages", "serials", "reports", "errors", "attempts",
        "jiffies", "hits", "failures", "openings",
    ];
    /// States and a count of times, which have none.
    const NONE: [&str; 6] = ["info", "changed", "enabled", "failure", "registered", "lost"];
    let mut machine = Machine::take();
    let mut daemon = start(&mut machine);
    let text = text(&daemon.dir.path().join("socket"), &["--prometheus"]);
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let name = words[2].trim_end_matches("_total");
        assert_eq!(words[2].ends_with("_total"), words[3] == "counter", "{line}");
        let last = name.rsplit('_').next().unwrap();
        let has_unit = UNITS.contains(&last) || last == "lost" && name.ends_with("registrations_lost");
        assert!(has_unit || NONE.contains(&last), "{name}");
    }
    assert_eq!(daemon.stop().code, Some(0));
}

/// A file with metrics is whole, and promtool finds no fault in it.
pub(crate) fn is_whole(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    promtool(&text);
    assert!(text.ends_with('\n'));
    text
}
