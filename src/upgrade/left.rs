//! What the program before has left in this process: its socket at the kernel, and its state.

use super::{VARIABLE, VERSION};
use crate::capture::reader::Link;
use crate::capture::registration::{Error, Registration};
use crate::config::{self, Config};
use crate::daemon::Running;
use crate::event::notices::Process;
use crate::log;
use crate::output::{OpenError, Outputs};
use crate::stats::Stats;
use crate::sys::{image, local};
use crate::wire::rule::Rule;
use crate::writer::Writer;
use ringaudit_setup::state::{self, Reading};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What it has left.
pub(crate) struct Left {
    /// The number of its socket at the kernel.
    socket: i32,
    /// `None` when its state can't be used.
    known: Option<Known>,
    /// What those who wait are told.
    answer: String,
    clients: Vec<UnixStream>,
}

struct Known {
    from: String,
    by: Process,
    age: Duration,
    stats: Vec<u64>,
    #[cfg_attr(not(feature = "status"), allow(dead_code, reason = "the counters are status's"))]
    types: Vec<u64>,
    clients: Vec<u64>,
    rules: Vec<(Rule, bool)>,
    body: Vec<u8>,
    /// Where in it the registration begins, and the writer's part.
    registration: usize,
    writer: usize,
}

/// The writer's part, as far as it was read.
pub(crate) struct Rest<'a> {
    from: &'a str,
    by: &'a Process,
    reading: Reading<'a>,
}

/// The numbers of state and socket, where this program was executed in another one's place.
fn numbers() -> Option<(i32, i32)> {
    let value = std::env::var(VARIABLE).ok()?;
    let mut numbers = value.split(':').map(|number| number.parse::<i32>().ok());
    let (pid, file, socket) = (numbers.next()??, numbers.next()??, numbers.next()??);
    // A program that a daemon has started has the variable too.
    (u32::try_from(pid).ok() == Some(std::process::id())).then_some((file, socket))
}

impl Left {
    /// Whether there is something to [take](Self::take).
    #[cfg(feature = "supervise")]
    pub(crate) fn is_there() -> bool {
        numbers().is_some()
    }

    /// What there is, if this program was executed in another one's place. To be called before anything is opened.
    pub(crate) fn take() -> Option<Self> {
        let (file, socket) = numbers()?;
        let mut sealed = Vec::new();
        let read = image::sealed(file).and_then(|mut file| {
            use std::io::Seek;
            file.rewind()?;
            file.read_to_end(&mut sealed)
        });
        let known = match read {
            Err(error) => Err(error.to_string()),
            Ok(_) => state::open(&sealed).and_then(|body| {
                Known::read(body.to_vec()).ok_or_else(|| "it does not hold what it should".to_owned())
            }),
        };
        let known = known.map_err(|why| {
            log::error(format_args!(
                "the state of the program before can't be used: {why}; what it had in flight is lost"
            ));
        });
        let known = known.ok();
        let clients = known.as_ref().map_or(&[][..], |known| &known.clients);
        let adopt = |raw: &u64| local::adopt(i32::try_from(*raw).ok()?).ok();
        let clients = clients.iter().filter_map(adopt).collect();
        let from = known.as_ref().map_or("another program", |known| known.from.as_str());
        let answer = format!("ok\nupgraded from {from} to {VERSION}\n");
        Some(Self { socket, known, answer, clients })
    }

    /// The program that was to follow could not be executed.
    pub(super) fn back(body: Vec<u8>, clients: Vec<OwnedFd>, error: &str) -> Option<Self> {
        let clients = clients.into_iter().map(UnixStream::from).collect();
        let answer = format!("error\nnot upgraded: failed to execute it: {error}\n");
        Some(Self { socket: -1, known: Some(Known::read(body)?), answer, clients })
    }

    /// The place at the kernel, and the counters; `None` when there is none any more.
    pub(crate) fn registration(
        &mut self,
        settings: &config::Kernel,
        link: &Arc<Link>,
        stats: &Arc<Stats>,
    ) -> Option<Result<Registration, Error>> {
        let mut from = self.known.as_ref().map(|known| {
            stats.resume(&known.stats);
            #[cfg(feature = "status")]
            stats.types.resume(&known.types);
            Reading::of(known.body.get(known.registration..).unwrap_or_default())
        });
        Registration::resume(self.socket, settings, Arc::clone(link), Arc::clone(stats), from.as_mut())
    }

    /// Goes on with settings and rules: what the config of now wants otherwise is changed.
    pub(crate) fn go_on(&self, running: &mut Running<'_>) {
        running.registration.go_on();
        let Some(Known { from, age, rules: old, .. }) = &self.known else {
            if running.registration.is_begun() {
                running.begin();
            }
            return;
        };
        let told = running.begin_again(old);
        log::info(format_args!("upgraded from {from} to {VERSION}; {told}"));
        running.since = Instant::now().checked_sub(*age).unwrap_or(running.since);
    }

    /// What outputs and writer have left.
    pub(crate) fn writer(&mut self) -> Option<Rest<'_>> {
        let Known { from, by, body, writer, .. } = self.known.as_ref()?;
        Some(Rest { from, by, reading: Reading::of(body.get(*writer..).unwrap_or_default()) })
    }

    /// Tells those who wait what came of it.
    pub(crate) fn answer(mut self) {
        for client in &mut self.clients {
            // One that has gone needs no answer.
            let _ = client.write_all(self.answer.as_bytes());
        }
    }
}

impl Known {
    fn read(body: Vec<u8>) -> Option<Self> {
        let mut from = Reading::of(&body);
        let version = String::from_utf8_lossy(from.text()?).into_owned();
        let by = Process::resume(&mut from)?;
        let age = Duration::from_secs(from.number()?);
        let (stats, types, clients) = (from.numbers()?, from.numbers()?, from.numbers()?);
        let registration = body.len() - from.left();
        Registration::pass_over(&mut from)?;
        let mut rules = Vec::new();
        for _ in 0..from.size()? {
            let is_ours = from.number()? != 0;
            let rule = Rule::parse(from.text()?).ok();
            rules.extend(rule.map(|rule| (rule, is_ours)));
        }
        let writer = body.len() - from.left();
        Some(Self { from: version, by, age, stats, types, clients, rules, registration, writer, body })
    }
}

impl Rest<'_> {
    /// The outputs, with what waits for them.
    pub(crate) fn outputs(
        &mut self,
        config: &Config,
        longest: usize,
        stats: &Arc<Stats>,
    ) -> Result<Outputs, Vec<OpenError>> {
        Outputs::resume(&config.outputs, longest, stats, &mut self.reading).unwrap_or_else(|| {
            log::error("the state can't be read: what waited for outputs is lost");
            Outputs::open(&config.outputs, longest, stats)
        })
    }

    /// What else the writer had.
    pub(crate) fn resume(mut self, config: &Config, writer: &mut Writer) {
        if writer.resume(config, self.from, self.by.clone(), &mut self.reading).is_none() {
            log::error("the state can't be read: events in flight are lost");
        }
    }
}
