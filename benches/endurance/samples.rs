//! Memory and descriptors of a process over its run. Source: proc(5).

use crate::Result;
use std::fs;

/// Events before the first look: by then all has been used that is used over and over.
const FIRST: u64 = 100_000;
/// Looks after it.
const LOOKS: u64 = 1000;
/// Lines that are shown of them.
const SHOWN: usize = 10;
/// By how much the resident memory may grow from the first tenth of the looks to the last one, in KiB (medians: the
/// queues of the outputs have now more in them and now less).
const GROWTH: u64 = 64;

/// One look.
#[derive(Clone, Copy)]
struct Sample {
    events: u64,
    /// VmRSS and VmHWM, in KiB.
    resident: u64,
    most: u64,
    descriptors: usize,
}

pub(crate) struct Samples {
    pid: u32,
    count: u64,
    taken: Vec<Sample>,
}

impl Samples {
    /// Of a process that is to read so many events.
    pub(crate) fn new(pid: u32, count: u64) -> Self {
        Self { pid, count, taken: Vec::new() }
    }

    /// Looks if it is time for it, when so many events are on their way.
    pub(crate) fn look(&mut self, events: u64) -> Result<()> {
        if events == FIRST || events > FIRST && events.is_multiple_of((self.count / LOOKS).max(1)) {
            self.take(events)?;
        }
        Ok(())
    }

    /// Looks for the last time; the process still runs.
    pub(crate) fn last(&mut self) -> Result<()> {
        self.take(self.count)
    }

    fn take(&mut self, events: u64) -> Result<()> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let field = |name: &str| -> Result<u64> {
            let value =
                text.lines().find_map(|line| line.strip_prefix(name)).ok_or("the process has ended")?;
            Ok(value.trim().trim_end_matches(" kB").parse()?)
        };
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.pid))?.count();
        self.taken.push(Sample { events, resident: field("VmRSS:")?, most: field("VmHWM:")?, descriptors });
        Ok(())
    }

    pub(crate) fn print(&self) {
        println!("      events  resident KiB  most KiB  descriptors");
        let step = self.taken.len().div_ceil(SHOWN).max(1);
        let last = self.taken.len().saturating_sub(1);
        for (at, Sample { events, resident, most, descriptors }) in self.taken.iter().enumerate() {
            if at % step == 0 || at == last {
                println!("  {events:>10}  {resident:>12}  {most:>8}  {descriptors:>11}");
            }
        }
        let range = |of: fn(&Sample) -> u64| {
            let (low, high) = (self.taken.iter().map(of).min(), self.taken.iter().map(of).max());
            format!("{} to {}", low.unwrap_or_default(), high.unwrap_or_default())
        };
        println!(
            "of {} looks: resident {} KiB, descriptors {}",
            self.taken.len(),
            range(|sample| sample.resident),
            range(|sample| sample.descriptors as u64)
        );
    }

    /// Errors: it has grown, or has more descriptors than at the first look.
    pub(crate) fn check(&self) -> Result<()> {
        let [first, .., last] = self.taken.as_slice() else {
            return Err("too few events for two looks".into());
        };
        let tenth = self.taken.len().div_ceil(10);
        let median = |looks: &[Sample]| -> u64 {
            let mut all: Vec<u64> = looks.iter().map(|look| look.resident).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        let (begin, end) = (median(&self.taken[..tenth]), median(&self.taken[self.taken.len() - tenth..]));
        println!(
            "resident, medians: {begin} KiB in the first tenth, {end} KiB in the last (at most {GROWTH} more)"
        );
        if end > begin + GROWTH {
            return Err("its memory grows".into());
        }
        // A file is open twice for the moment of a rotation.
        if last.descriptors > first.descriptors + 1 {
            return Err("it keeps descriptors".into());
        }
        Ok(())
    }
}
