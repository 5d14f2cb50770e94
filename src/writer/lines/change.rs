//! Lines of another config, and lines that go on in the program that is executed in this one's place.

use super::{Lines, Wanted};
use crate::config::{self, Config};
use crate::filter;
use crate::output::Handle;
use crate::stats::Stats;
use ringaudit_setup::state::{self, Pen, Reading};
use std::sync::Arc;
use std::time::Instant;

/// What [`Lines::take_over`] needs to know of the old config and of the new one.
pub(in crate::writer) struct Difference {
    pub(in crate::writer) running: Vec<Handle>,
    outputs: Vec<config::Output>,
    filters: Vec<config::Filter>,
    filters_before: Vec<String>,
    same_context: bool,
    same_labels: bool,
}

impl Difference {
    pub(in crate::writer) fn of(old: &Config, new: &Config, running: &[Handle]) -> Self {
        Self {
            running: running.to_vec(),
            outputs: new.outputs.clone(),
            filters: new.filters.clone(),
            filters_before: filter::names(&old.filters),
            same_context: Wanted::of(old) == Wanted::of(new),
            same_labels: old.labels == new.labels,
        }
    }
}

impl Lines {
    /// Goes on where the lines of the old config were.
    pub(in crate::writer) fn take_over(&mut self, mut old: Self, difference: Difference, stats: &Arc<Stats>) {
        let Difference { running, outputs, filters, filters_before, same_context, same_labels } = difference;
        let now = Instant::now();
        if same_context {
            self.context = old.context.take();
        } else if let (Some(context), Some(old)) = (&mut self.context, &old.context) {
            let mut pen = Pen::default();
            old.save(now, &mut pen);
            // It was written by this program a moment ago.
            let _ = context.resume(now, same_labels, &mut Reading::of(&pen.body()));
        }
        let before = stats.outputs.each().clone();
        let Self { outputs: taps, .. } = self;
        taps.retire(old.outputs, &running, &outputs, stats);
        self.loss = old.loss;
        #[cfg(feature = "status")]
        {
            self.top = old.top;
        }
        self.loss.follow(&before, &stats.outputs.each());
        filter::follow(&filters_before, &filters, stats);
        self.refresh(now);
    }

    /// What waits for the outputs, what was reported, and what is known of processes.
    pub(in crate::writer) fn save(&self, config: &Config, running: &[Handle], now: Instant, pen: &mut Pen) {
        self.outputs.save(running, pen);
        self.loss.save(&self.stats, pen);
        let names = filter::names(&config.filters);
        pen.number(names.len() as u64);
        for (name, hits) in names.iter().zip(self.stats.filters.each()) {
            pen.text(name.as_bytes());
            pen.number(hits.get());
        }
        pen.number(labels(config));
        let mut known = Pen::default();
        if let Some(context) = &self.context {
            context.save(now, &mut known);
        }
        pen.text(&known.body());
    }

    /// Goes on with what [`save`](Self::save) wrote behind the outputs.
    pub(in crate::writer) fn resume(
        &mut self,
        config: &Config,
        now: Instant,
        from: &mut Reading<'_>,
    ) -> Option<()> {
        self.loss.resume(&self.stats, from)?;
        let names = filter::names(&config.filters);
        for _ in 0..from.size()? {
            let (name, hits) = (from.text()?, from.number()?);
            let counters = names.iter().zip(self.stats.filters.each());
            counters.filter(|(own, _)| own.as_bytes() == name).for_each(|(_, counter)| counter.set(hits));
        }
        let same_labels = from.number()? == labels(config);
        let known = from.text()?;
        match &mut self.context {
            Some(context) if !known.is_empty() => context.resume(now, same_labels, &mut Reading::of(known)),
            _ => Some(()),
        }
    }
}

/// A number that tells sets of labels apart.
fn labels(config: &Config) -> u64 {
    let config = Config { labels: config.labels.clone(), ..Config::default() };
    state::checksum(config::show(&config).as_bytes())
}
