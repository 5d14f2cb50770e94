//! From an event to the outputs: it is written once in each format that an output has.

#[cfg(feature = "reload")]
pub(super) mod change;

use super::loss::Loss;
use crate::config::{self, Condition, Config, Enrich, Format, Label, Mode, Problem, TakeOver};
use crate::enrich::context::Context;
use crate::enrich::{Names, PASSWD, labels};
use crate::event::facts::Facts;
use crate::event::own::Own;
use crate::event::{Event, Sink};
use crate::filter::{self, Filters};
use crate::format::gelf::{self, Gelf};
use crate::format::json::Json;
use crate::format::{Line, escape, go_audit, json, raw};
use crate::output::Outputs;
use crate::stats::Stats;
use crate::sys::host;
use crate::wire::record::RecordType;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Whether these formats are in this build.
const JSON: bool = cfg!(feature = "json");
const RAW: bool = cfg!(feature = "replay");
/// What an output can have.
const FORMATS: [Format; 4] = [Format::Json, Format::GoAudit, Format::Raw, Format::Gelf];

/// What is wrong with a config's labels and filters on this system.
pub fn check(config: &Config) -> Vec<Problem> {
    if !JSON {
        return Vec::new();
    }
    let mut problems = labels::check(&config.labels);
    problems.extend(filter::check(&config.filters, &passwd()));
    problems
}

/// The text of /etc/passwd; without one nobody has a name.
fn passwd() -> String {
    std::fs::read_to_string(PASSWD).unwrap_or_default()
}

/// What this config's formats and filters ask of the context, if they ask for any: what is looked up, the labels, and
/// whether first events are told.
#[derive(PartialEq, Eq)]
struct Wanted<'a> {
    enrich: Enrich,
    labels: &'a [Label],
    firsts: bool,
}

impl<'a> Wanted<'a> {
    fn of(config: &'a Config) -> Option<Self> {
        let asks =
            |is: fn(&Condition) -> bool| config.filters.iter().any(|filter| filter.conditions.iter().any(is));
        let firsts = asks(|condition| matches!(condition, Condition::First(_)));
        let labels = asks(|condition| matches!(condition, Condition::Label(_)));
        let Enrich { processes, .. } = config.enrich;
        // With all of it off, no event's facts are read for it.
        let none = Enrich { processes, ..Enrich::none() };
        let enriched = config.enrich != none || !config.labels.is_empty();
        let is_json = config.outputs.iter().any(|output| output.format == Format::Json);
        if is_json && (enriched || firsts) {
            Some(Self { enrich: config.enrich.clone(), labels: &config.labels, firsts })
        } else if firsts || labels {
            let labels = if labels { config.labels.as_slice() } else { &[] };
            Some(Self { enrich: none, labels, firsts })
        } else {
            None
        }
    }

    fn context(&self, live: bool) -> io::Result<Context> {
        Context::new(&self.enrich, self.labels, self.firsts, live)
    }
}

/// What is kept between two events.
pub struct Lines {
    /// The time of the last look at the clock.
    pub(crate) now: Instant,
    pub(crate) outputs: Outputs,
    pub(super) loss: Loss,
    names: Names,
    /// None where nobody asks for it.
    context: Option<Context>,
    filters: Filters,
    json: Json,
    gelf: Gelf,
    raw: config::Raw,
    /// This host's name.
    node: Vec<u8>,
    /// This process, where its own system calls may be audited: the kernel spares only its registered daemon.
    own: Option<u32>,
    line: Line,
    pub(super) stats: Arc<Stats>,
    #[cfg(feature = "status")]
    pub(super) top: Arc<super::top::Top>,
}

impl Lines {
    /// Allocates all that will be needed. `live`: the events are of this host and of now, so that it can be asked
    /// about their processes and files.
    ///
    /// Errors: no memory.
    pub(crate) fn new(
        config: &Config,
        outputs: Outputs,
        stats: Arc<Stats>,
        now: Instant,
        live: bool,
    ) -> io::Result<Self> {
        let records = records_space(config);
        let longest = Self::longest(config);
        let node = host::node().into_bytes();
        let wanted = if JSON { Wanted::of(config) } else { None };
        let context = wanted.map(|wanted| wanted.context(live)).transpose()?;
        // Where there are no filters their code is left out.
        let filters = if JSON { config.filters.as_slice() } else { &[] };
        Ok(Self {
            now,
            outputs,
            loss: Loss::new(&stats),
            names: Names::of(config.translate.names, now),
            context,
            filters: Filters::new(filters, &config.outputs, &passwd(), Arc::clone(&stats))?,
            json: Json::new(&config.json, config.translate, records, &node)?,
            gelf: Gelf::new(records, &node)?,
            raw: config.raw,
            node,
            own: (live && can_see_itself(&config.kernel)).then(std::process::id),
            line: Line::new(longest)?,
            stats,
            #[cfg(feature = "status")]
            top: Arc::default(),
        })
    }

    /// The longest that an event's lines can be in any format.
    pub fn longest(config: &Config) -> usize {
        let raw_worst = raw::WORST + if config.raw.node { raw::WORST_NODE } else { 0 };
        let worst = escape::WORST.max(json::WORST).max(raw_worst);
        records_space(config) * worst
            + go_audit::OVERHEAD.max(json::OVERHEAD + json::CONTEXT).max(raw::OVERHEAD).max(gelf::OVERHEAD)
    }

    /// The counters.
    #[cfg(feature = "reload")]
    pub(super) fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Looks at what may have changed on this host.
    pub(crate) fn refresh(&mut self, now: Instant) {
        self.now = now;
        self.names.refresh(now);
    }

    /// Writes what was lost since the last report into the stream, if that is due.
    pub(super) fn report_loss(&mut self, last: bool) {
        let Some(report) = self.loss.report(&self.stats, self.now, last) else { return };
        self.stats.loss_reports.add(1);
        self.write_as(&FORMATS, &report.event(), 0);
        self.loss.settle(&self.stats);
    }

    /// Writes an event of this daemon's own: a start or an end. Not as go-audit writes events: it has none.
    pub(super) fn own(&mut self, own: impl FnOnce() -> Own) {
        if JSON || RAW {
            self.write_as(&[Format::Json, Format::Raw, Format::Gelf], &own().event(), 0);
        }
    }

    /// Takes from an event what the context keeps, asks the filters, and looks up what is needed to write it.
    /// Gives the outputs that it is kept from.
    fn learn(&mut self, event: &Event<'_>) -> u64 {
        let mut kept = 0;
        if self.context.is_some() || !self.filters.is_empty() {
            let facts = Facts::of(event);
            if let Some(context) = &mut self.context {
                context.note(event, &facts, self.now);
            }
            let found = self.context.as_ref().map(Context::found);
            kept = self.filters.kept_from(event, &facts, found.as_ref());
            if kept == u64::MAX {
                return kept;
            }
            if let Some(context) = &mut self.context {
                context.complete(event, &facts);
            }
        }
        self.names.ask(event, self.now);
        kept
    }

    /// Writes an event in each of these formats that is in use, but for the outputs `kept`; false when one of its
    /// lines did not fit.
    // Three callers: inlined, all formats would stand in the binary as often.
    #[inline(never)]
    fn write_as(&mut self, formats: &[Format], event: &Event<'_>, kept: u64) -> bool {
        let mut fits = true;
        for &format in formats {
            if self.outputs.wants(format, kept) {
                fits &= self.format(format, event);
                if !self.line.overflowed() {
                    self.outputs.write(format, self.line.as_bytes(), event.stamp, kept);
                }
            }
        }
        // A long line's memory is the outputs' now.
        self.line.clear();
        fits
    }

    /// Whether it is an event of what this process itself did, which would make another one when it is written. What
    /// has a record of its own before that of the system call, such as a change of rules, is told all the same.
    fn is_own(&self, event: &Event<'_>) -> bool {
        self.own.is_some_and(|own| {
            let mut records = event.records;
            records.next().is_some_and(|first| first.kind == RecordType::SYSCALL)
                && Facts::of(event).pid == Some(own)
        })
    }

    /// Makes the line; false when it does not fit.
    fn format(&mut self, format: Format, event: &Event<'_>) -> bool {
        self.line.clear();
        self.make(format, event, true);
        while self.line.overflowed() && self.line.grow(0) {
            self.make(format, event, true);
        }
        if self.line.overflowed() {
            // Many short fields, each with a long name: without the names it fits.
            self.line.clear();
            self.make(format, event, false);
        }
        !self.line.overflowed()
    }

    /// Appends the line, with what its numbers mean where that is asked for.
    #[inline(never)]
    fn make(&mut self, format: Format, event: &Event<'_>, translate: bool) {
        match format {
            Format::GoAudit => go_audit::write(event, &self.names.users, &mut self.line),
            Format::Json if JSON => {
                self.json.at(self.now);
                let found = self.context.as_ref().map(Context::found);
                let found = found.as_ref().filter(|_| event.stamp.serial != 0);
                self.json.write_with(event, &self.names, found, translate, &mut self.line);
            }
            Format::Gelf if JSON => self.gelf.write(event, &self.names, &mut self.line),
            Format::Raw if RAW => {
                raw::write(event, &self.raw, &self.node, &self.names, translate, &mut self.line);
            }
            // The config refuses what is not in this build.
            Format::Json | Format::Raw | Format::Gelf => {}
        }
    }
}

/// Whether the kernel may audit this process: it listens to the group, now or while another one is registered.
fn can_see_itself(kernel: &config::Kernel) -> bool {
    cfg!(feature = "coexist") && (kernel.mode == Mode::Multicast || kernel.take_over != TakeOver::No)
}

/// The most that the records of an event can be.
fn records_space(config: &Config) -> usize {
    config.event.max_kib as usize * 1024
}

impl Sink for Lines {
    fn event(&mut self, event: &Event<'_>) {
        self.stats.assembled.add(1);
        #[cfg(feature = "status")]
        self.top.count(event);
        let kept = match cfg!(feature = "coexist") && self.is_own(event) {
            true => u64::MAX,
            false if JSON => self.learn(event),
            false => 0,
        };
        self.outputs.filtered(kept);
        if kept == u64::MAX {
            return self.stats.filtered.add(1);
        }
        if self.write_as(&FORMATS, event, kept) {
            self.stats.events.add(1);
        } else {
            // The space is made for the longest event: the ceiling over the memory is too low for it, or this is a
            // defect of ours.
            self.stats.unformatted.add(1);
        }
    }
}
