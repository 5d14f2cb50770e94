//! auditd's lines of audit.log: one line a record, `type=SYSCALL msg=audit(1.002:3): arch=...`, which ausearch
//! and aureport read. Takes assembled events, appends to the line. docs/format.md has what differs.
//! Source: auditd 3.0.9, src/auditd-event.c, format_raw.

mod enriched;

use super::Line;
use crate::config::Raw as Settings;
use crate::enrich::Names;
use crate::event::{Event, Origin};
use crate::wire::fields::ENRICHED;
use crate::wire::record::RecordType;
use crate::wire::tables;

/// How much longer the lines can be than the records, as they are stored with 8 bytes before each:
/// `type=UNKNOWN[65535] msg=audit(1700000000.123:4294967295): ` and a newline before nothing.
pub const WORST: usize = 8;
/// What a node's name adds to the bytes of each record, as a share of them.
pub const WORST_NODE: usize = NODE_MAX / 8 + 1;
/// What enriched records need more, when an event's are few.
pub const OVERHEAD: usize = 64 * 1024;
/// `node=`, a host's name (HOST_NAME_MAX) and a blank.
const NODE_MAX: usize = 5 + 64 + 1;

/// Appends a line for each record, newlines included. `node` is this host's name; `suffix` says whether
/// what the numbers mean is appended, where the settings ask for it.
pub fn write(
    event: &Event<'_>,
    settings: &Settings,
    node: &[u8],
    names: &Names,
    suffix: bool,
    line: &mut Line,
) {
    // A log's own node is kept, and its records stand as auditd wrote them.
    let verbatim = event.origin != Origin::Here;
    let node = event.origin.node().or_else(|| settings.node.then_some(node));
    for record in event.records {
        if let Some(node) = node {
            line.push(b"node=");
            line.push(node);
            line.push(b" ");
        }
        line.push(b"type=");
        push_type(record.kind, line);
        line.push(b" msg=audit(");
        line.push(event.time);
        line.push(b":");
        line.push_number(u64::from(event.stamp.serial));
        line.push(b"): ");
        if verbatim {
            line.push(record.fields);
            if let Some(appended) = record.appended {
                line.push(&[ENRICHED]);
                line.push(appended);
            }
        } else {
            // With a node's name auditd ends the line itself, and trims that end instead of the record's.
            push_fields(record.fields, node.is_none(), line);
        }
        if settings.enriched && suffix && record.appended.is_none() {
            enriched::append(&record, names, line);
        }
        line.push(b"\n");
    }
}

/// The type's name. Types that auditd 3.0.9 does not know go by their number, which every ausearch
/// reads: an older one passes over a name that it does not know.
fn push_type(kind: RecordType, line: &mut Line) {
    let known = !matches!(kind.0, 1338 | 1339 | 1420..=1426);
    match tables::record_type_name(kind.0).filter(|_| known) {
        Some(name) => line.push(name.as_bytes()),
        None => {
            line.push(b"UNKNOWN[");
            line.push_number(u64::from(kind.0));
            line.push(b"]");
        }
    }
}

/// A record's text up to a NUL, each newline as a blank, and without the last blank if `trim`. A 0x1D is a blank, too:
/// what stands behind one readers take for auditd's own words, and here it is a user's.
fn push_fields(fields: &[u8], trim: bool, line: &mut Line) {
    let end = fields.iter().position(|&byte| byte == 0).unwrap_or(fields.len());
    let text = fields.get(..end).unwrap_or_default();
    let text = match text.split_last() {
        Some((b' ' | b'\n', rest)) if trim => rest,
        _ => text,
    };
    for (index, part) in text.split(|&byte| byte == b'\n' || byte == ENRICHED).enumerate() {
        if index > 0 {
            line.push(b" ");
        }
        line.push(part);
    }
}

#[cfg(test)]
mod tests;
