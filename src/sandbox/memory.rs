//! `memory.max_kib`: what the config needs at least is added up before the start, and what grows by what comes stays
//! below the ceiling by refusing, which is counted where it happens: `event-space`, `line-space`, or the output's own
//! counters. Not counted are the kernel's: the socket's buffer and the pages that map this memory.

use crate::config::{Compression, Config, Format, Memory, Problem, Target};
use crate::sys::batch::{SLOT, SLOTS};
use crate::sys::memory;

/// The binary's pages, the allocator, the three threads and their stacks: measured, with some to spare.
const PROGRAM: usize = 640;
/// Events' spaces, and those of one line in each format and of decoded values.
const EVENTS: usize = 128 + 4 * 32;
/// A place in the process table, and its index.
const PLACE: usize = 416;
/// An output's queue, batch and stack.
const OUTPUT: usize = 64 + 64 + 24;
/// What one that sends has besides: messages, what is on its way, and GELF's payload.
const SENDS: usize = 3 * 32 + 64;
/// A compressor and the stack on which it is made.
const PACKER: usize = 700;

/// What each part needs, in KiB.
fn needs(config: &Config) -> Vec<(String, usize)> {
    let mut needs = vec![
        ("the program".to_owned(), PROGRAM),
        ("ring.size_kib".to_owned(), config.ring.size_kib as usize),
        ("received messages".to_owned(), (SLOTS * SLOT).div_ceil(1024)),
        ("events and lines".to_owned(), EVENTS),
    ];
    if config.outputs.iter().any(|output| output.format == Format::Json) {
        let places = config.enrich.processes as usize * PLACE;
        needs.push(("enrich.processes".to_owned(), places.div_ceil(1024)));
    }
    for output in &config.outputs {
        let more = match &output.target {
            Target::Stdout => 0,
            Target::File(file) => {
                if file.compress {
                    PACKER
                } else {
                    0
                }
            }
            Target::Gelf(gelf) if gelf.compression != Compression::None => SENDS + PACKER,
            _ => SENDS,
        };
        needs.push((format!("output \"{}\"", output.name), OUTPUT + more));
    }
    needs
}

/// Whether the ceiling is too low for what the config needs in any case.
#[must_use]
pub(super) fn check(config: &Config) -> Option<Problem> {
    let max = config.memory.max_kib.value as usize;
    let needs = needs(config);
    let sum: usize = needs.iter().map(|(_, kib)| kib).sum();
    if max == 0 || sum <= max {
        return None;
    }
    let each: Vec<String> = needs.iter().map(|(what, kib)| format!("{what} {kib}")).collect();
    let message = format!(
        "\"memory.max_kib\" is {max}, but this config needs at least {sum} KiB: {}; raise it, or lower what is named",
        each.join(", ")
    );
    Some(Problem { place: config.memory.max_kib.place.clone(), message })
}

/// Puts the ceiling up, below which nothing was taken so far, and pays for what does not ask itself.
pub(super) fn limit(config: &Config) {
    let Memory { max_kib } = &config.memory;
    if max_kib.value == 0 {
        return;
    }
    memory::set_ceiling(max_kib.value as usize * 1024);
    let asks = |what: &str| what == "received messages" || what == "events and lines";
    let fixed: usize = needs(config).iter().filter(|(what, _)| !asks(what)).map(|(_, kib)| kib).sum();
    // The outputs pay for their queues, batches and messages themselves.
    let outputs = config.outputs.len() * (64 + 64);
    let sends =
        config.outputs.iter().filter(|output| !matches!(output.target, Target::Stdout | Target::File(_)));
    let own = fixed.saturating_sub(outputs).saturating_sub(sends.count() * SENDS);
    memory::pay(own * 1024);
}
