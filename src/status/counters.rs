//! Every counter there is, with its name and what it means: those of a record's way, in its order, and an output's.

use super::document::{Metric, counter, gauge};
use crate::stats::{Dropped, OutputStats, Stats};

/// Where a value is.
type Of<T> = (Metric, fn(&T) -> u64);

/// A record's way.
pub(super) const COUNTERS: &[Of<Stats>] = &[
    (counter("received_records", "Records received from the kernel."), |s| s.records.get()),
    (counter("received_bytes", "Bytes of their texts."), |s| s.bytes.get()),
    (
        counter(
            "kernel_lost_records",
            "Records that the kernel lost since this daemon registered, as far as it was asked.",
        ),
        |s| s.kernel_lost.get(),
    ),
    (
        counter("registrations_lost", "Times that another daemon, or nobody, was found in this one's place."),
        |s| s.registration_lost.get(),
    ),
    (counter("replace_attempts", "Attempts of other daemons to take this one's place."), |s| {
        s.replace_attempts.get()
    }),
    (counter("receive_errors", "Receive calls that failed."), |s| s.receive_errors.get()),
    (counter("foreign_messages", "Messages that were not from the kernel, thrown away."), |s| {
        s.foreign.get()
    }),
    (counter("malformed_messages", "Messages shorter than a header, thrown away."), |s| {
        s.malformed_messages.get()
    }),
    (counter("truncated_records", "Records longer than 16 KiB, cut there."), |s| s.truncated_records.get()),
    (counter("ring_dropped_records", "Records dropped since the ring was full."), |s| s.ring_dropped.get()),
    (
        counter(
            "multicast_dropped_records",
            "Records for the multicast group that found no room in the socket, as the kernel counts them.",
        ),
        |s| s.multicast_dropped.get(),
    ),
    (
        gauge("ring_highest_bytes", "The most bytes of the ring that were in use at once, in its blocks."),
        |s| s.ring_highest.get(),
    ),
    (counter("malformed_records", "Records whose header could not be read, thrown away."), |s| {
        s.malformed.get()
    }),
    (counter("filtered_records", "Records left out by event.types."), |s| s.filtered_records.get()),
    (counter("missing_serials", "Events' serials that never came."), |s| s.serial_gaps.get()),
    (counter("assembled_events", "Events that records became."), |s| s.assembled.get()),
    (counter("complete_events", "Those of them whose end came, or that are one record."), |s| {
        s.complete.get()
    }),
    (counter("timed_out_events", "Those given out since nothing more came in event.timeout_ms."), |s| {
        s.timed_out.get()
    }),
    (counter("displaced_events", "Those given out since their place was needed."), |s| s.displaced.get()),
    (counter("incomplete_events", "Events of a system call that were given out without their end."), |s| {
        s.incomplete.get()
    }),
    (
        counter("truncated_events", "Events from which records were cut or left out, as event.max_kib says."),
        |s| s.truncated_events.get(),
    ),
    (counter("truncated_event_records", "Records cut or left out of those."), |s| {
        s.truncated_event_records.get()
    }),
    (counter("filtered_events", "Events that filters kept from all outputs."), |s| s.filtered.get()),
    (counter("formatted_events", "Events that became lines."), |s| s.events.get()),
    (
        counter(
            "unformatted_events",
            "Events without a line: memory.max_kib is too low, or a defect of ringaudit's.",
        ),
        |s| s.unformatted.get(),
    ),
    (counter("loss_reports", "Events that tell of losses, written among the others."), |s| {
        s.loss_reports.get()
    }),
];

/// An output's.
pub(super) const OUTPUT: &[Of<OutputStats>] = &[
    (counter("received_events", "Events that came to the output, the daemon's own among them."), |s| {
        s.received.get()
    }),
    (counter("written_events", "Those that it wrote."), |s| s.written.get()),
    (counter("filtered_events", "Those that filters kept from it."), |s| s.filtered.get()),
    (dropped(Dropped::Full), |s| s.dropped_for(Dropped::Full).get()),
    (dropped(Dropped::TooLong), |s| s.dropped_for(Dropped::TooLong).get()),
    (dropped(Dropped::Refused), |s| s.dropped_for(Dropped::Refused).get()),
    (dropped(Dropped::Unflushed), |s| s.dropped_for(Dropped::Unflushed).get()),
    (gauge("queued_events", "Those that wait for it."), OutputStats::queued),
    (counter("long_events", "Events that were cut or split, as max_line says."), |s| s.long.get()),
    (counter("failures", "Failed attempts to open it or to write to it."), |s| s.errors.get()),
    (
        counter(
            "openings",
            "Times that it was opened: the first, and each reconnection, reopening and rotation.",
        ),
        |s| s.opened.get(),
    ),
];

const fn dropped(reason: Dropped) -> Metric {
    Metric {
        reason: reason.name(),
        ..counter("dropped_events", "Those that it did not write, by the reason.")
    }
}
