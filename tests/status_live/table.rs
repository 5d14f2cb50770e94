//! Every counter that `ringaudit status --json` has, and what shows that it moves.

use crate::answer::Answer;
use crate::scenes::BY_STAGES;
use std::collections::BTreeSet;

/// What moves a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// `sum`: drops forced at each place.
    Sum,
    /// `others::one_that_loses_its_place`
    Place,
    /// `others::a_listener_that_is_too_slow`
    Listener,
    /// `others::a_line_without_memory`
    Memory,
    /// tests/stages/counters.rs, a socket pair as the kernel: the real one never sends it, or not on demand; or, for
    /// what is given up at a stop, nobody can ask any more.
    Stages,
}
use Shown::{Listener, Memory, Place, Stages, Sum};

const TABLE: [(&str, Shown); 38] = [
    ("received_records", Sum),
    ("received_bytes", Sum),
    ("kernel_lost_records", Sum),
    ("registrations_lost", Place),
    ("replace_attempts", Place),
    ("receive_errors", Stages),
    ("foreign_messages", Stages),
    ("malformed_messages", Stages),
    ("truncated_records", Stages),
    ("ring_dropped_records", Sum),
    ("multicast_dropped_records", Listener),
    ("ring_highest_bytes", Sum),
    ("malformed_records", Stages),
    ("filtered_records", Sum),
    ("missing_serials", Sum),
    ("assembled_events", Sum),
    ("complete_events", Sum),
    ("timed_out_events", Sum),
    ("displaced_events", Stages),
    ("incomplete_events", Sum),
    ("truncated_events", Sum),
    ("truncated_event_records", Sum),
    ("filtered_events", Sum),
    ("formatted_events", Sum),
    ("unformatted_events", Memory),
    ("loss_reports", Sum),
    ("ring_bytes", Sum),
    ("output/received_events", Sum),
    ("output/written_events", Sum),
    ("output/filtered_events", Sum),
    ("output/dropped_events/queue-full", Sum),
    ("output/dropped_events/too-long", Sum),
    ("output/dropped_events/refused", Sum),
    ("output/dropped_events/unflushed", Stages),
    ("output/queued_events", Sum),
    ("output/long_events", Sum),
    ("output/failures", Sum),
    ("output/openings", Sum),
];

/// Each counter that is shown so has moved in one of these answers, and no answer has a counter that is not in the
/// table.
pub(crate) fn moved(shown: Shown, answers: &[&Answer]) {
    let every: Vec<_> = answers.iter().flat_map(|answer| answer.every()).collect();
    let known: BTreeSet<&str> = TABLE.iter().map(|row| row.0).collect();
    let told: BTreeSet<&str> = every.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(told, known, "each counter is in the table");
    for (name, _) in TABLE.iter().filter(|row| row.1 == shown) {
        assert!(every.iter().any(|(of, value)| of == name && *value > 0), "{name} does not move");
    }
    let stages: BTreeSet<&str> = TABLE.iter().filter(|row| row.1 == Stages).map(|row| row.0).collect();
    assert_eq!(stages, BTreeSet::from(BY_STAGES));
}
