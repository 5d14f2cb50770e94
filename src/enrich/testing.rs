//! For tests: lines of an audit.log as events, by way of the assembler.

use crate::config;
use crate::event::assemble::Assembler;
use crate::event::{Event, Sink};
use crate::stats::Stats;
use crate::wire::record::RecordType;
use crate::wire::tables::record_type_number;
use std::sync::Arc;
use std::time::Instant;

struct Each<F>(F);

impl<F: FnMut(&Event<'_>)> Sink for Each<F> {
    fn event(&mut self, event: &Event<'_>) {
        (self.0)(event);
    }
}

/// Gives each event of `type=NAME msg=audit(...): ...` lines; an event ends where the next one begins.
pub(crate) fn replay(log: &str, each: impl FnMut(&Event<'_>)) {
    let mut assembler = Assembler::new(&config::Event::default(), Arc::new(Stats::default())).unwrap();
    let mut sink = Each(each);
    let mut last = "";
    for line in log.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (kind, text) = line.split_once(" msg=").unwrap();
        let kind = record_type_number(kind.strip_prefix("type=").unwrap()).unwrap();
        let stamp = &text[..=text.find(')').unwrap()];
        if stamp != last {
            assembler.finish(&mut sink);
            last = stamp;
        }
        assembler.add(RecordType(kind), text.as_bytes(), Instant::now(), &mut sink);
    }
    assembler.finish(&mut sink);
}
