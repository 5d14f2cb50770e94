//! Counters that the real kernel does not move on demand; tests/status_live has the others, and asks for all of them.

/// As `ringaudit status --json` names them; an output's behind `output/`, and `dropped_events` with the reason.
pub(crate) const BY_STAGES: [&str; 7] = [
    "receive_errors",
    "foreign_messages",
    "malformed_messages",
    "truncated_records",
    "malformed_records",
    "displaced_events",
    "output/dropped_events/unflushed",
];
