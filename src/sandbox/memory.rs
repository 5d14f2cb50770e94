//! `memory.max_kib`: what the config needs at least is added up before the start, and what grows by what comes stays
//! below the ceiling by refusing, which is counted where it happens: `event-space`, `line-space`, or the output's own
//! counters. Not counted are the kernel's: the socket's buffer and the pages that map this memory.

use crate::config::{Compression, Config, Format, Problem, Target};
use crate::sys::batch::{SLOT, SLOTS};
use crate::sys::memory;

/// The binary's pages, the allocator, the three threads and their stacks: measured, with some to spare.
const PROGRAM: usize = 640;
/// Events' spaces, and those of one line in each format and of decoded values.
const EVENTS: usize = 128 + 4 * 32;
/// A place in the process table, and its index.
const PLACE: usize = 416;
/// An output's queue and batch; its thread.
const QUEUE: usize = 64 + 64;
const STACK: usize = 24;
/// What one that sends has besides: messages, what is on its way, and GELF's payload.
const SENDS: usize = 3 * 32 + 64;
/// A compressor and the stack on which it is made.
const PACKER: usize = 700;

/// Gives what each part needs, in KiB, and which output it is; and whether it asks for its memory itself.
fn each_need(config: &Config, give: &mut dyn FnMut(&'static str, &str, usize, bool)) {
    give("the program", "", PROGRAM, false);
    give("ring.size_kib", "", config.ring.size_kib as usize, true);
    give("received messages", "", (SLOTS * SLOT).div_ceil(1024), true);
    give("events and lines", "", EVENTS, true);
    if config.outputs.iter().any(|output| output.format == Format::Json) {
        give("enrich.processes", "", (config.enrich.processes as usize * PLACE).div_ceil(1024), false);
    }
    for output in &config.outputs {
        let (asks, other) = match &output.target {
            Target::Stdout => (0, 0),
            Target::File(file) => (0, if file.compress { PACKER } else { 0 }),
            Target::Gelf(gelf) if gelf.compression != Compression::None => (SENDS, PACKER),
            _ => (SENDS, 0),
        };
        give("output", &output.name, QUEUE + asks, true);
        give("its thread", "", STACK + other, false);
    }
}

/// Whether the ceiling is too low for what the config needs in any case.
#[must_use]
pub(super) fn check(config: &Config) -> Option<Problem> {
    let max = config.memory.max_kib.value as usize;
    let (mut sum, mut parts) = (0, String::new());
    each_need(config, &mut |what, output, kib, _| {
        sum += kib;
        let kib = kib.to_string();
        let before = if parts.is_empty() { "" } else { ", " };
        for word in [before, what, if output.is_empty() { "" } else { " " }, output, " ", &kib] {
            parts.push_str(word);
        }
    });
    if max == 0 || sum <= max {
        return None;
    }
    let message = format!(
        "\"memory.max_kib\" is {max}, but this config needs at least {sum} KiB: {parts}; raise it, or lower what \
         is named"
    );
    Some(Problem { place: config.memory.max_kib.place.clone(), message })
}

/// Puts the ceiling up, below which nothing was taken so far, and pays for what does not ask itself.
pub(super) fn limit(config: &Config) {
    let max = config.memory.max_kib.value as usize;
    if max == 0 {
        return;
    }
    memory::set_ceiling(max * 1024);
    let mut own = 0;
    each_need(config, &mut |_, _, kib, asks| own += if asks { 0 } else { kib });
    memory::pay(own * 1024);
}
