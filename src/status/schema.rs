//! docs/status.schema.json beside what is told: tests/status_live holds real answers to it.

use super::counters::{COUNTERS, OUTPUT};
use super::document::{Metric, gauge};
use serde_json::Value;
use std::collections::BTreeSet;

/// An object's schema: it has these keys and no other, all of them required. `texts` are not among the metrics.
fn holds(schema: &Value, texts: &[&str], metrics: &[Metric]) {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    let expected: BTreeSet<String> =
        texts.iter().copied().chain(metrics.iter().map(|metric| metric.name)).map(str::to_owned).collect();
    assert_eq!(keys(&schema["properties"]), expected);
    let required: BTreeSet<String> =
        schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
    assert_eq!(required, expected);
    assert_eq!(schema["additionalProperties"], false);
    for metric in metrics {
        let of = &schema["properties"][metric.name];
        assert_eq!(of["description"], metric.help, "{}", metric.name);
        if !metric.reason.is_empty() {
            assert!(of["properties"][metric.reason]["description"].is_string(), "{}", metric.reason);
        }
    }
}

#[test]
fn each_counter_has_its_place_in_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/status.schema.json")).unwrap();
    let mut way: Vec<Metric> = COUNTERS.iter().map(|(metric, _)| *metric).collect();
    way.push(gauge("ring_bytes", "The ring's size."));
    holds(&schema["properties"]["counters"], &[], &way);
    let output: Vec<Metric> = OUTPUT.iter().map(|(metric, _)| *metric).collect();
    let items = &schema["properties"]["outputs"]["items"];
    holds(items, &["output", "type", "format"], &output);
    let reasons = items["properties"]["dropped_events"]["properties"].as_object().unwrap();
    assert_eq!(reasons.len(), output.iter().filter(|metric| !metric.reason.is_empty()).count());
}
