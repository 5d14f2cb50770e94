//! What is told, as data: sections of rows of values, and the three forms in which they are written. Each value
//! stands in one table with its name, its unit (the name's last word), its kind and what it means.
//! Source: Prometheus' text format 0.0.4, and its rules for names.

use crate::cli::Form;
use std::fmt::Write;

/// What all metrics begin with.
const PREFIX: &str = "ringaudit_";

/// A value's name and meaning.
#[derive(Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) kind: Kind,
    /// With its unit: `written_events`.
    pub(crate) name: &'static str,
    /// Which of several of this name, which stand side by side: `queue_full`; else empty.
    pub(crate) reason: &'static str,
    pub(crate) help: &'static str,
}

/// What a value does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It is of no use as a metric.
    Fact,
}

/// A counter.
pub(crate) const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { kind: Kind::Counter, name, reason: "", help }
}

/// A gauge.
pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { kind: Kind::Gauge, name, reason: "", help }
}

/// A fact.
pub(crate) const fn fact(name: &'static str, help: &'static str) -> Metric {
    Metric { kind: Kind::Fact, name, reason: "", help }
}

/// Values that belong together: one row of them, or one for each of something.
pub(crate) struct Section {
    /// The name in the document.
    pub(crate) name: &'static str,
    /// What its metrics' names begin with.
    pub(crate) prefix: &'static str,
    /// What tells the rows apart, `output`; empty where there is but one.
    pub(crate) label: &'static str,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) rows: Vec<Row>,
}

/// One row.
#[derive(Default)]
pub(crate) struct Row {
    /// Which one, as the section's `label` says.
    pub(crate) is: String,
    /// What is no number. No metric has it, but for a section without a label: its `info` has all of them.
    pub(crate) texts: Vec<(&'static str, String)>,
    /// A value for each of the section's metrics; `None` for what is not known.
    pub(crate) values: Vec<Option<u64>>,
}

/// The sections in this form.
pub(crate) fn write(sections: &[Section], form: Form) -> String {
    let mut text = String::new();
    match form {
        Form::Table => sections.iter().for_each(|section| table(section, &mut text)),
        Form::Json => json(sections, &mut text),
        Form::Prometheus => sections.iter().for_each(|section| prometheus(section, &mut text)),
    }
    text
}

/// An object of sections; one of rows is a list.
fn json(sections: &[Section], text: &mut String) {
    let mut before = "{";
    for section in sections {
        text.push_str(before);
        before = ",\n";
        key(section.name, text);
        let is_list = !section.label.is_empty();
        text.push_str(if is_list { "[" } else { "" });
        for (number, row) in section.rows.iter().enumerate() {
            text.push_str(if number > 0 { ",\n" } else { "" });
            object(section, row, text);
        }
        text.push_str(if is_list { "]" } else { "" });
    }
    text.push_str("}\n");
}

fn object(section: &Section, row: &Row, text: &mut String) {
    let label = Some((section.label, &row.is)).filter(|(label, _)| !label.is_empty());
    let texts = row.texts.iter().map(|(name, value)| (*name, value));
    let mut before = "{";
    for (name, value) in label.into_iter().chain(texts) {
        text.push_str(before);
        before = ",";
        key(name, text);
        quote(value, true, text);
    }
    let mut last = Metric { kind: Kind::Fact, name: "", reason: "", help: "" };
    for (metric, value) in section.metrics.iter().zip(&row.values) {
        let goes_on = metric.name == last.name;
        // Values of one name are an object of their own.
        text.push_str(if !last.reason.is_empty() && !goes_on { "}" } else { "" });
        text.push_str(before);
        before = ",";
        if !goes_on {
            key(metric.name, text);
        }
        if !metric.reason.is_empty() {
            text.push_str(if goes_on { "" } else { "{" });
            key(metric.reason, text);
        }
        match value {
            Some(value) => number(*value, text),
            None => text.push_str("null"),
        }
        last = *metric;
    }
    text.push_str(if last.reason.is_empty() { "}" } else { "}}" });
}

fn key(name: &str, text: &mut String) {
    quote(name, true, text);
    text.push(':');
}

/// All rows of a metric together, as the format wants it.
fn prometheus(section: &Section, text: &mut String) {
    let mut last = "";
    if let ("", Some(row)) = (section.label, section.rows.first().filter(|row| !row.texts.is_empty())) {
        let name = [PREFIX, section.prefix, "info"].concat();
        head(&name, "gauge", "What runs; always 1.", text);
        let mut before = '{';
        text.push_str(&name);
        for (label, value) in &row.texts {
            text.push(before);
            before = ',';
            pair(label, value, text);
        }
        text.push_str("} 1\n");
    }
    for (at, metric) in section.metrics.iter().enumerate() {
        let (kind, end) = match metric.kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Fact => continue,
        };
        let name = [PREFIX, section.prefix, metric.name, end].concat();
        for row in &section.rows {
            let Some(value) = row.values.get(at).copied().flatten() else { continue };
            if metric.name != last {
                head(&name, kind, metric.help, text);
                last = metric.name;
            }
            text.push_str(&name);
            let labels = [(section.label, row.is.as_str()), ("reason", metric.reason)];
            let mut before = '{';
            for (label, value) in labels {
                if !(label.is_empty() || label == "reason" && value.is_empty()) {
                    text.push(before);
                    before = ',';
                    pair(label, value, text);
                }
            }
            text.push_str(if before == ',' { "} " } else { " " });
            number(value, text);
            text.push('\n');
        }
    }
}

fn head(name: &str, kind: &str, help: &str, text: &mut String) {
    for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
        text.push_str(part);
    }
}

fn pair(label: &str, value: &str, text: &mut String) {
    text.push_str(label);
    text.push('=');
    quote(value, false, text);
}

/// For people: one row with what each value means, a few rows side by side, and many below each other.
fn table(section: &Section, text: &mut String) {
    if section.rows.is_empty() {
        return;
    }
    let mut heads = vec![section.name.to_owned()];
    let mut columns: Vec<Vec<String>> = Vec::new();
    for row in &section.rows {
        let mut column = vec![row.is.clone()];
        column.extend(row.texts.iter().map(|(_, value)| value.clone()));
        column.extend(row.values.iter().map(|value| value.map_or_else(|| "-".to_owned(), |v| v.to_string())));
        columns.push(column);
    }
    let names = section.rows.first().map_or(&[][..], |row| &row.texts);
    heads.extend(names.iter().map(|(name, _)| (*name).to_owned()));
    let texts = heads.len();
    heads.extend(section.metrics.iter().map(|metric| match metric.reason {
        "" => metric.name.to_owned(),
        reason => [metric.name, " (", reason, ")"].concat(),
    }));
    let mut lines: Vec<Vec<&str>> = Vec::new();
    if heads.len() > texts + 4 || section.label.is_empty() {
        for (at, head) in heads.iter().enumerate() {
            let mut line = vec![head.as_str()];
            line.extend(columns.iter().filter_map(|column| column.get(at)).map(String::as_str));
            if let (true, Some(at)) = (section.label.is_empty(), at.checked_sub(texts)) {
                line.extend(section.metrics.get(at).map(|metric| metric.help));
            }
            lines.push(line);
        }
    } else {
        lines.push(heads.iter().map(String::as_str).collect());
        lines.extend(columns.iter().map(|column| column.iter().map(String::as_str).collect()));
    }
    let width =
        |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..).map_while(width).collect();
    text.push_str(if text.is_empty() { "" } else { "\n" });
    for (number, line) in lines.iter().enumerate() {
        let mut shown = String::from(if number > 0 { "  " } else { "" });
        for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
            // The first column stands one step to the left of what is below it.
            let width = width + if number == 0 && at == 0 { 4 } else { 2 };
            // A control character of a name must not reach the terminal.
            let cell = cell.replace(char::is_control, "?");
            let _ = write!(shown, "{cell:width$}");
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
}

/// In quotes. JSON has escapes for control characters, Prometheus only for the newline.
fn quote(value: &str, is_json: bool, text: &mut String) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            c if c.is_control() && is_json => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c if c.is_control() => text.push('?'),
            c => text.push(c),
        }
    }
    text.push('"');
}

fn number(value: u64, text: &mut String) {
    let _ = write!(text, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> Vec<Section> {
        let row = |is: &str, texts: &[(&'static str, &str)], values: &[Option<u64>]| Row {
            is: is.to_owned(),
            texts: texts.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            values: values.to_vec(),
        };
        let dropped = |reason| Metric { reason, ..counter("dropped_events", "Not written.") };
        vec![
            Section {
                name: "daemon",
                prefix: "",
                label: "",
                metrics: vec![fact("pid", "Its number."), gauge("uptime_seconds", "Since the start.")],
                rows: vec![row("", &[("version", "1\"\\\u{1}")], &[Some(7), None])],
            },
            Section {
                name: "outputs",
                prefix: "output_",
                label: "output",
                metrics: vec![
                    counter("written_events", "Written."),
                    dropped("full"),
                    dropped("late"),
                    gauge("queued_events", "Waiting."),
                ],
                rows: vec![
                    row("a", &[("type", "file")], &[Some(1), Some(2), Some(3), Some(4)]),
                    row("b\n", &[("type", "pipe")], &[Some(10), Some(20), Some(30), Some(40)]),
                ],
            },
            Section { name: "errors", prefix: "error_", label: "part", metrics: vec![], rows: vec![] },
        ]
    }

    #[test]
    fn json_is_an_object_of_sections() {
        let text = write(&sections(), Form::Json);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "daemon": {"version": "1\"\\\u{1}", "pid": 7, "uptime_seconds": null},
            "outputs": [
                {"output": "a", "type": "file", "written_events": 1,
                 "dropped_events": {"full": 2, "late": 3}, "queued_events": 4},
                {"output": "b\n", "type": "pipe", "written_events": 10,
                 "dropped_events": {"full": 20, "late": 30}, "queued_events": 40},
            ],
            "errors": [],
        });
        assert_eq!(value, expected, "{text}");
    }

    #[test]
    fn prometheus_has_each_metric_once() {
        let expected = "\
# HELP ringaudit_info What runs; always 1.
# TYPE ringaudit_info gauge
ringaudit_info{version=\"1\\\"\\\\?\"} 1
# HELP ringaudit_output_written_events_total Written.
# TYPE ringaudit_output_written_events_total counter
ringaudit_output_written_events_total{output=\"a\"} 1
ringaudit_output_written_events_total{output=\"b\\n\"} 10
# HELP ringaudit_output_dropped_events_total Not written.
# TYPE ringaudit_output_dropped_events_total counter
ringaudit_output_dropped_events_total{output=\"a\",reason=\"full\"} 2
ringaudit_output_dropped_events_total{output=\"b\\n\",reason=\"full\"} 20
ringaudit_output_dropped_events_total{output=\"a\",reason=\"late\"} 3
ringaudit_output_dropped_events_total{output=\"b\\n\",reason=\"late\"} 30
# HELP ringaudit_output_queued_events Waiting.
# TYPE ringaudit_output_queued_events gauge
ringaudit_output_queued_events{output=\"a\"} 4
ringaudit_output_queued_events{output=\"b\\n\"} 40
";
        assert_eq!(write(&sections(), Form::Prometheus), expected);
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = "\
daemon
  version         1\"\\?
  pid             7     Its number.
  uptime_seconds  -     Since the start.

outputs  type  written_events  dropped_events (full)  dropped_events (late)  queued_events
";
        let text = write(&sections(), Form::Table);
        assert_eq!(
            text.lines().take(5).collect::<Vec<_>>(),
            expected.lines().take(5).collect::<Vec<_>>(),
            "{text}"
        );
    }
}
