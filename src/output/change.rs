//! The outputs of another config: those that stay the same go on as they are, with their queue and their thread; new
//! ones are opened before anything is changed; others end when they have written what waits for them. And outputs that
//! are handed to the program that is executed in this one's place.

use super::patience::Daemons;
use super::queue::{Queue, Stage};
use super::{Common, OpenError, Outputs, Room, Tap, start, wait_for_opening, wrong};
use crate::config::{self, Target};
use crate::log;
use crate::stats::{OutputStats, Stats};
use ringaudit_setup::state::{self, Pen, Reading};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a thread may be in a call, such as the look-up of a name, before an upgrade is given up for it.
const READY_LIMIT: Duration = Duration::from_secs(15);
/// How long outputs may write before they are handed over: all that is read meanwhile waits in memory.
const FLUSH: Duration = Duration::from_millis(200);
/// And how long one that is in a call then.
const LAST: Duration = Duration::from_secs(2);

/// An output that runs, and the config that it runs by.
#[derive(Clone)]
pub struct Handle {
    config: config::Output,
    queue: Arc<Queue>,
}

impl Handle {
    /// Whether its thread can go on with another config: what differs is none of its business.
    fn stays(&self, config: &config::Output, longest: usize) -> bool {
        let (old, new) = (&self.config, config);
        let queue = |config: &config::Output| (config.queue.kib, config.queue.overflow);
        (&old.name, &old.target) == (&new.name, &new.target)
            && queue(old) == queue(new)
            && longest <= self.queue.longest()
    }
}

impl Outputs {
    /// All of them, with the configs that they were opened by.
    pub fn handles(&self, configs: &[config::Output]) -> Vec<Handle> {
        let running = |(config, tap): (&config::Output, &Tap)| Handle {
            config: config.clone(),
            queue: Arc::clone(&tap.queue),
        };
        configs.iter().zip(&self.taps).map(running).collect()
    }

    /// The outputs of another config. Nothing is changed yet: until [`retire`](Self::retire) these end when they are
    /// dropped, and the old ones stay in use.
    ///
    /// # Errors
    ///
    /// What is wrong with each that is new or changed.
    pub fn changed(
        old: &[Handle],
        configs: &[config::Output],
        longest: usize,
        room: &Arc<Room>,
    ) -> Result<Self, Vec<OpenError>> {
        let common = Common { longest, all: false, room };
        let (mut taps, mut errors) = (Vec::new(), Vec::new());
        for config in configs {
            let same = old.iter().find(|old| old.config.name == config.name);
            let tap = match same {
                Some(old) if old.stays(config, longest) => {
                    Ok((Tap::new(config, Arc::clone(&old.queue), false), false))
                }
                other => start(config, &common, other.map(|old| &old.queue.stats), &[]),
            };
            match tap {
                Ok(tap) => taps.push(tap),
                Err(message) => errors.push(wrong(config, message)),
            }
        }
        if errors.is_empty() {
            // The room's alarm is the writer's.
            let wait = &|_| std::thread::sleep(Duration::from_millis(2));
            let fresh = configs.iter().zip(&taps).filter(|(_, (tap, _))| tap.is_own);
            wait_for_opening(fresh, wait, &mut errors);
        }
        let taps = taps.into_iter().map(|(tap, _)| tap).collect();
        let outputs = Self::of(taps, Arc::clone(room), Daemons::patience(configs), false, longest);
        if errors.is_empty() { Ok(outputs) } else { Err(errors) }
    }

    /// Takes these outputs into use in place of the old ones, of which `running` has the configs: what waits for one
    /// that was changed goes to its successor, and one that is gone ends when it has written what waits for it.
    pub fn retire(&mut self, mut old: Self, running: &[Handle], configs: &[config::Output], stats: &Stats) {
        let now = Instant::now();
        self.taps.iter_mut().for_each(|tap| tap.is_own = true);
        self.retired.append(&mut old.retired);
        for mut tap in old.taps.drain(..) {
            if self.queues.iter().any(|queue| Arc::ptr_eq(queue, &tap.queue)) {
                continue;
            }
            let target = |queue: &Arc<Queue>| running.iter().find(|old| Arc::ptr_eq(&old.queue, queue));
            let heir =
                self.taps.iter().zip(configs).find(|(new, _)| new.queue.stats.name == tap.queue.stats.name);
            if let Some((heir, config)) = heir {
                let is_same = target(&tap.queue).is_some_and(|old| old.config.target == config.target);
                tap.queue.bequeath(&heir.queue, now + tap.flush, is_same);
            } else {
                tap.queue.flush();
                tap.queue.stop(now + tap.flush);
            }
            tap.is_own = true;
            self.retired.push(tap);
        }
        self.retired.retain(|tap| !matches!(tap.queue.stage(), Stage::Ended | Stage::Gone));
        let mut all: Vec<Arc<OutputStats>> =
            self.taps.iter().map(|tap| Arc::clone(&tap.queue.stats)).collect();
        // What one that ends can't write is told by its counters.
        let ending = self.retired.iter().map(|tap| &tap.queue.stats);
        let is_new = |all: &[Arc<OutputStats>], one| !all.iter().any(|stats| Arc::ptr_eq(stats, one));
        for stats in ending {
            if is_new(&all, stats) {
                all.push(Arc::clone(stats));
            }
        }
        *stats.outputs.each() = all;
    }

    /// Ends all threads for a hand-over, each at the latest when its present call returns; what they can't write at
    /// once waits in the queues.
    pub(crate) fn hand_over(&self) {
        let by = Instant::now() + FLUSH;
        self.all_taps().for_each(|tap| tap.queue.hand_over(by));
    }

    /// Whether all threads have ended.
    pub(crate) fn have_ended(&self) -> bool {
        self.all_taps().all(|tap| matches!(tap.queue.stage(), Stage::Ended | Stage::Gone))
    }

    /// When nothing is waited for any more after [`hand_over`](Self::hand_over).
    pub(crate) fn last_wait() -> Instant {
        Instant::now() + FLUSH + LAST
    }

    fn all_taps(&self) -> impl Iterator<Item = &Tap> {
        self.taps.iter().chain(&self.retired)
    }

    /// What waits, and the counters, for the program that is executed in this one's place.
    pub(crate) fn save(&self, running: &[Handle], pen: &mut Pen) {
        // Before any counter is written: one that is about to end counts with its successor.
        self.all_taps().for_each(|tap| tap.queue.let_go());
        pen.number(self.all_taps().count() as u64);
        for (at, tap) in self.all_taps().enumerate() {
            let stats = &tap.queue.stats;
            let running = running.iter().find(|running| Arc::ptr_eq(&running.queue, &tap.queue));
            pen.text(stats.name.as_bytes());
            pen.number(running.map_or(0, |running| print(&running.config.target)));
            tap.queue.save(pen);
            let is_told = self.all_taps().take(at).any(|other| Arc::ptr_eq(&other.queue.stats, stats));
            pen.numbers(&if is_told { Vec::new() } else { stats.values() });
        }
    }

    /// As [`open`](Self::open), going on with what [`save`](Self::save) wrote; one that can't be opened is tried again.
    /// What waits for an output that is not there any more is lost, and told. `None` when it can't be read.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), for lack of memory.
    pub fn resume(
        configs: &[config::Output],
        longest: usize,
        stats: &Arc<Stats>,
        from: &mut Reading<'_>,
    ) -> Option<Result<Self, Vec<OpenError>>> {
        let mut saved = Vec::new();
        for _ in 0..from.size()? {
            let name = std::str::from_utf8(from.text()?).ok()?;
            saved.push(Saved { name, print: from.number()?, events: from.text()?, values: from.numbers()? });
        }
        for saved in saved.iter().filter(|saved| !configs.iter().any(|config| config.name == saved.name)) {
            let stats = OutputStats::default();
            stats.resume(&saved.values);
            if stats.queued() > 0 {
                let lost = stats.queued();
                log::error(format_args!(
                    "{}: the config has no such output any more: {lost} events are lost",
                    saved.name
                ));
            }
        }
        Some(Self::open_all(configs, longest, stats, false, Daemons::patience(configs), &saved))
    }
}

/// What an output had when the program that ran before ended.
pub(super) struct Saved<'a> {
    name: &'a str,
    print: u64,
    events: &'a [u8],
    values: Vec<u64>,
}

impl Saved<'_> {
    /// Gives an output that is about to begin what those of its name had.
    pub(super) fn give(all: &[Self], config: &config::Output, queue: &Queue) {
        for saved in all.iter().filter(|saved| saved.name == config.name) {
            queue.stats.resume(&saved.values);
            let lost = queue.resume(saved.events, print(&config.target) == saved.print);
            if lost > 0 {
                log::error(format_args!(
                    "output {}: {lost} events that waited for it are lost: they were made for another receiver",
                    config.name
                ));
            }
        }
    }
}

impl Handle {
    /// Takes others into use for those that run. Those that end by it are `retired`, until they have.
    pub fn replace(running: &mut Vec<Self>, retired: &mut Vec<Self>, new: Vec<Self>) {
        let old = std::mem::replace(running, new);
        let stays = |old: &Self| running.iter().any(|new| Arc::ptr_eq(&new.queue, &old.queue));
        retired.extend(old.into_iter().filter(|old| !stays(old)));
        retired.retain(|old| !matches!(old.queue.stage(), Stage::Ended | Stage::Gone));
    }

    /// Makes all threads ready to be handed over: none begins anything that may last.
    ///
    /// # Errors
    ///
    /// The name of one that is in a call which does not return; then all go on as before.
    pub fn prepare(running: &[Self], retired: &[Self]) -> Result<(), String> {
        let all = || running.iter().chain(retired);
        all().for_each(|output| output.queue.prepare(true));
        let until = Instant::now() + READY_LIMIT;
        let late = loop {
            let late = all().find(|output| !output.queue.is_ready());
            if late.is_none() || Instant::now() >= until {
                break late;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let Some(late) = late else { return Ok(()) };
        all().for_each(|output| output.queue.prepare(false));
        Err(late.config.name.clone())
    }
}

/// A number that tells targets apart.
fn print(target: &Target) -> u64 {
    let output = config::Output { target: target.clone(), ..config::Output::default() };
    let config = config::Config { outputs: vec![output], ..config::Config::default() };
    state::checksum(config::show(&config).as_bytes())
}
