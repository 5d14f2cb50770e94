//! For tests: lines of an audit.log as events, by way of the assembler, and processes that have begun.

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
pub fn replay(log: &str, each: impl FnMut(&Event<'_>)) {
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

/// Waits until a process of ours has started its program. Its environment is the last that /proc tells of it:
/// empty from the exchange of the memory until the stack is made (fs/binfmt_elf.c, `create_elf_tables`).
pub fn executed(pid: u32) {
    let ours = std::env::current_exe().unwrap();
    while std::fs::read_link(format!("/proc/{pid}/exe")).unwrap() == ours
        || std::fs::read(format!("/proc/{pid}/environ")).unwrap().is_empty()
    {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
