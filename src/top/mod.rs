//! What events come from, live: the daemon's answer to `top` (here), the screen and the client's loop. An answer is
//! what came in the time that was asked for; the daemon counts in that time alone.

mod client;
mod rules;
mod screen;

use crate::ask::Reply;
use crate::cli::View;
use crate::config::quoted;
use crate::daemon::Running;
use crate::writer::top::{By, Row, Seat, Tally};
pub(crate) use client::run;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The times that can be asked for, in milliseconds.
const TIMES: std::ops::RangeInclusive<u64> = 100..=60_000;

/// `top MILLISECONDS [rules]`. The answer's lines have fields with tabs between them:
///
/// ```text
/// total  MILLISECONDS  EVENTS  BYTES
/// view   NAME          DISPLACED             for each view, and then its rows
///        EVENTS  BYTES  UNSURE  NAME  RULE
/// ```
pub(crate) fn answer(running: &mut Running<'_>, words: &str) -> Reply {
    let (time, with_rules) = match words.split_once(' ') {
        Some((time, "rules")) => (time, true),
        _ => (words, false),
    };
    let Some(time) = time.parse().ok().filter(|time| TIMES.contains(time)) else {
        let (low, high) = TIMES.into_inner();
        let wanted = format!("\"top\" is asked with milliseconds, {low} to {high}, and \"rules\" or nothing");
        return Reply::Failed(format!("{wanted}, not {}", quoted(words)));
    };
    let seat = running.threads.requests.top.look();
    let then = move |running: &mut Running<'_>| finish(seat, running, with_rules);
    Reply::Later(Instant::now() + Duration::from_millis(time), Box::new(then))
}

fn finish(seat: Seat, running: &mut Running<'_>, with_rules: bool) -> Reply {
    let Some((tally, time)) = seat.end() else { return Reply::Failed("nothing was counted".to_owned()) };
    let mut text = String::new();
    let _ = writeln!(text, "total\t{}\t{}\t{}", time.as_millis(), tally.events, tally.bytes);
    let Tally { tables, .. } = &tally;
    for (by, table) in By::ALL.into_iter().zip(tables) {
        let view = match by {
            By::Key => View::Key,
            By::Exe => View::Exe,
            By::Syscall => View::Syscall,
            By::Uid => View::Uid,
        };
        head(view, table.displaced, &mut text);
        for found in &table.rows {
            row(found, &rules::exclude(by, &found.name), &mut text);
        }
    }
    if let (true, [keys, ..]) = (with_rules && cfg!(feature = "rules"), tables) {
        head(View::Rule, keys.displaced, &mut text);
        match rules::by_rule(&keys.rows, running.registration.control()) {
            Ok(rows) => rows.iter().for_each(|(found, exclude)| row(found, exclude, &mut text)),
            Err(error) => return Reply::Failed(format!("failed to list the kernel's rules: {error}")),
        }
    }
    Reply::Done(text)
}

fn head(view: View, displaced: u64, text: &mut String) {
    let _ = writeln!(text, "view\t{}\t{displaced}", view.name());
}

fn row(row: &Row, exclude: &str, text: &mut String) {
    let Row { name, events, bytes, unsure } = row;
    let name = name.replace(char::is_control, "?");
    let _ = writeln!(text, "{events}\t{bytes}\t{unsure}\t{name}\t{exclude}");
}
