//! Lines that are longer than an output's `max_line`: cut and marked, or in pieces that are marked and numbered, so
//! that what a receiver gets is what its format promises: JSON stays JSON, a line of audit.log stays one. The shapes
//! are in docs/format.md.

use crate::config::{Format, LongLine};
use crate::format::Line;
use crate::wire::record::Stamp;

/// Room for what ends a piece: a mark with a number.
const TAIL: usize = 40;

/// Whether one of an event's lines is longer than `max` bytes, without its newline.
pub(super) fn is_long(lines: &[u8], max: usize) -> bool {
    lines.len() > max && lines.split(|&byte| byte == b'\n').any(|line| line.len() > max)
}

/// Writes the lines so that none is longer than `max`, which is at least 256.
#[cold]
#[inline(never)]
pub(super) fn fit(format: Format, lines: &[u8], stamp: Stamp, max: usize, how: LongLine, out: &mut Line) {
    out.clear();
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if text.len() <= max {
            out.push(line);
        } else if format == Format::Raw {
            records(text, max, how, out);
        } else {
            objects(format, text, stamp, max, how, out);
        }
    }
}

/// JSON objects that have the line's text as a string: `{"ID":"1.234:5","PART":1,"TEXT":"...","MORE":true}`.
fn objects(format: Format, mut text: &[u8], stamp: Stamp, max: usize, how: LongLine, out: &mut Line) {
    let is_json = format == Format::Json;
    for part in 1.. {
        let start = out.len();
        if is_json {
            out.push(b"{\"ID\":\"");
            time(stamp, out);
            out.push(b":");
            out.push_number(stamp.serial.into());
            out.push(b"\",\"PART\":");
        } else {
            out.push(b"{\"sequence\":");
            out.push_number(stamp.serial.into());
            out.push(b",\"timestamp\":\"");
            time(stamp, out);
            out.push(b"\",\"messages\":[],\"uid_map\":{},\"part\":");
        }
        out.push_number(part);
        out.push(if is_json { b",\"TEXT\":\"" } else { b",\"text\":\"" });
        let room = (start + max).saturating_sub(out.len() + TAIL);
        text = string(text, room, out);
        let (more, cut): (&[u8], &[u8]) = if is_json {
            (b"\",\"MORE\":true}\n", b"\",\"CUT\":")
        } else {
            (b"\",\"more\":true}\n", b"\",\"cut\":")
        };
        if text.is_empty() {
            return out.push(b"\"}\n");
        }
        if how == LongLine::Truncate {
            out.push(cut);
            out.push_number(text.len() as u64);
            return out.push(b"}\n");
        }
        out.push(more);
    }
}

fn time(stamp: Stamp, out: &mut Line) {
    let millis = stamp.millis % 1000;
    out.push_number(stamp.millis / 1000);
    out.push(b".");
    out.push([&b"00"[..], b"0", b""][usize::from(millis >= 10) + usize::from(millis >= 100)]);
    out.push_number(millis);
}

/// Appends as much of a JSON text as a string's inside as `room` bytes hold, whole characters; gives the rest.
fn string<'a>(text: &'a [u8], room: usize, out: &mut Line) -> &'a [u8] {
    let mut used = 0;
    let mut end = 0;
    let mut at = 0;
    // No byte of JSON text is below a blank: only quotes and backslashes are to be escaped.
    while let Some(&byte) = text.get(at) {
        used += 1 + usize::from(matches!(byte, b'"' | b'\\'));
        if used > room {
            break;
        }
        at += 1;
        // A character is whole before a byte that does not go on with one.
        if text.get(at).is_none_or(|next| next & 0xc0 != 0x80) {
            end = at;
        }
    }
    let (taken, rest) = text.split_at(end);
    for piece in taken.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
        match piece.split_last() {
            Some((last @ (b'"' | b'\\'), head)) => {
                out.push(head);
                out.push(&[b'\\', *last]);
            }
            _ => out.push(piece),
        }
    }
    rest
}

/// Lines of audit.log, each with the record's header: `type=EXECVE msg=audit(1.234:5): ... part=1`.
fn records(text: &[u8], max: usize, how: LongLine, out: &mut Line) {
    let header = text.windows(3).position(|three| three == b"): ").map_or(0, |at| at + 3);
    // A header that leaves no room for anything else is not said again.
    let header = text.get(..header).filter(|header| header.len() <= max / 2).unwrap_or_default();
    let mut rest = text.get(header.len()..).unwrap_or_default();
    for part in 1.. {
        let (taken, left) = rest.split_at(rest.len().min(max - header.len() - TAIL));
        out.push(header);
        out.push(taken);
        rest = left;
        let is_cut = how == LongLine::Truncate;
        out.push(if is_cut { b" cut=" } else { b" part=" });
        out.push_number(if is_cut { rest.len() as u64 } else { part });
        out.push(b"\n");
        if is_cut || rest.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const STAMP: Stamp = Stamp { millis: 1_700_000_000_007, serial: 9 };

    fn fitted(format: Format, lines: &str, max: usize, how: LongLine) -> String {
        let mut out = Line::new(4 * lines.len() + 10_000).unwrap();
        fit(format, lines.as_bytes(), STAMP, max, how, &mut out);
        assert!(!out.overflowed());
        String::from_utf8(out.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_line_that_is_cut_says_so_and_stays_json() {
        let line = format!("{{\"ID\":\"1700000000.007:9\",\"X\":\"{}\"}}\n", "a\\\"ä".repeat(200));
        assert!(is_long(line.as_bytes(), 500) && !is_long(line.as_bytes(), line.len() - 1));
        let cut = fitted(Format::Json, &line, 500, LongLine::Truncate);
        assert!(cut.len() <= 501 && cut.len() > 450, "{}", cut.len());
        let value: Value = serde_json::from_str(&cut).unwrap();
        assert_eq!((&value["ID"], &value["PART"]), (&"1700000000.007:9".into(), &1.into()));
        let text = value["TEXT"].as_str().unwrap();
        assert!(line.starts_with(text));
        assert_eq!(value["CUT"], line.len() - 1 - text.len());
        let cut = fitted(Format::GoAudit, &line, 500, LongLine::Truncate);
        let value: Value = serde_json::from_str(&cut).unwrap();
        assert_eq!((&value["sequence"], &value["timestamp"]), (&9.into(), &"1700000000.007".into()));
        assert!(value["messages"].as_array().unwrap().is_empty() && value["cut"].as_u64().unwrap() > 0);
    }

    #[test]
    fn records_keep_their_header() {
        let header = "type=EXECVE msg=audit(1700000000.007:9): ";
        let lines = format!(
            "{header}argc=1 a0={}\ntype=CWD msg=audit(1700000000.007:9): cwd=\"/\"\n",
            "f".repeat(600)
        );
        let cut = fitted(Format::Raw, &lines, 300, LongLine::Truncate);
        let cut: Vec<&str> = cut.lines().collect();
        assert_eq!(cut.len(), 2);
        assert!(
            cut[0].starts_with(&format!("{header}argc=1 a0=fff")) && cut[0].ends_with(" cut=391"),
            "{}",
            cut[0]
        );
        assert_eq!(cut[1], "type=CWD msg=audit(1700000000.007:9): cwd=\"/\"");
        let split = fitted(Format::Raw, &lines, 300, LongLine::Split);
        let split: Vec<&str> = split.lines().collect();
        assert_eq!(split.len(), 4);
        assert!(split.iter().all(|line| line.len() <= 300));
        assert!(
            split[..3]
                .iter()
                .zip(1..)
                .all(|(line, part)| line.starts_with(header) && line.ends_with(&format!(" part={part}")))
        );
    }

    proptest! {
        /// The pieces are each short enough and valid JSON, and are the line when they are joined.
        #[test]
        fn pieces_are_the_whole(words in proptest::collection::vec("[ -~äß€𝄞]{0,40}", 0..60), max in 256usize..2000) {
            let line = serde_json::to_string(&words).unwrap() + "\n";
            for (format, text, more) in [(Format::Json, "TEXT", "MORE"), (Format::GoAudit, "text", "more")] {
                let pieces = fitted(format, &line, max, LongLine::Split);
                if line.len() <= max + 1 {
                    prop_assert_eq!(&pieces, &line);
                    continue;
                }
                let pieces: Vec<&str> = pieces.lines().collect();
                let mut joined = String::new();
                for (index, piece) in pieces.iter().enumerate() {
                    prop_assert!(piece.len() <= max);
                    let value: Value = serde_json::from_str(piece).unwrap();
                    joined += value[text].as_str().unwrap();
                    prop_assert_eq!(value[more].as_bool(), (index + 1 < pieces.len()).then_some(true));
                }
                prop_assert_eq!(joined + "\n", line.clone());
            }
        }
    }
}
