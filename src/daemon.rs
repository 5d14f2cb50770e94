//! The daemon's life: the order of the start, the main thread's loop, and the stop that loses nothing.

use crate::capture::reader::{Link, Reader};
use crate::capture::registration::{self, Registration};
use crate::capture::ring::{self, BLOCK};
use crate::config::{self, Config, OnError, Problem, Source};
use crate::filter;
use crate::loaded::Loaded;
use crate::log::{self, Level};
use crate::output::{OpenError, Outputs};
use crate::rules::{Compiled, Planned};
use crate::ruleset;
use crate::stats::Stats;
use crate::supervise::{self, Parent, Service};
use crate::sys::poll::{Alarm, Wait, poll};
use crate::sys::signal::{Signal, Signals};
use crate::sys::thread::{STACK, spawn};
use crate::writer::{self, Lines, Requests, Writer};
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a stop waits for each thing that the kernel may still do.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// Why the daemon does not run, or no longer.
#[derive(Debug)]
pub enum Error {
    /// The config or its rules are wrong.
    Config(Vec<Problem>),
    /// Outputs cannot be opened.
    Outputs(Vec<OpenError>),
    /// The kernel does not give its events.
    Kernel(registration::Error),
    /// Something that the system refuses.
    System(&'static str, io::Error),
    /// A second signal came before the stop was done.
    Hurried,
}

impl Error {
    /// 1 run-time failure, 2 config or rules, 3 not permitted or no audit, 4 another daemon.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Outputs(_) | Self::System(..) | Self::Hurried => 1,
            Self::Kernel(registration::Error::Taken(..)) => 4,
            Self::Kernel(registration::Error::Call(..)) => 1,
            Self::Kernel(_) => 3,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => lines(f, problems),
            Self::Outputs(errors) => lines(f, errors),
            Self::Kernel(error) => error.fmt(f),
            Self::System(what, error) => write!(f, "failed to {what}: {error}"),
            Self::Hurried => f.write_str("stopped at once by a second signal; events may be lost"),
        }
    }
}

fn lines<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    items.iter().try_for_each(|item| writeln!(f, "{item}"))
}

impl std::error::Error for Error {}

/// A config that was found right on this system, and its rules as commands.
struct Prepared {
    source: Source,
    config: Config,
    rules: Compiled,
}

impl Prepared {
    /// Reads the config and its rules; all that is wrong with both is told together. Files of rules with an error
    /// are so only where nothing is to be left out.
    fn read(path: Option<&Path>, on_error: Option<OnError>) -> Result<Self, Error> {
        let source = Source::find(path);
        let config::Loaded { config, warnings } = source.read().map_err(Error::Config)?;
        let user = |name: &str| id_of("/etc/passwd", name);
        let mut problems = config::check(&config, user, |name| id_of("/etc/group", name));
        let mut rules = ruleset::read(&config.rules)?;
        rules.warnings.splice(0..0, warnings);
        if cfg!(feature = "rules") {
            ruleset::warn_of_overrides(&mut rules, &config.kernel);
        }
        problems.extend(writer::check(&config));
        let (own, refuse) =
            (source.to_string(), on_error.unwrap_or(config.rules.on_error) == OnError::Refuse);
        for error in std::mem::take(&mut rules.errors) {
            let is_config = refuse || error.place.file == own;
            if is_config { &mut problems } else { &mut rules.errors }.push(error);
        }
        Problem::sort(&mut problems);
        match problems.is_empty() {
            true => Ok(Self { source, config, rules }),
            false => Err(Error::Config(problems)),
        }
    }
}

/// `ringaudit check`: what would be used, as a config that can be read again; warnings go to standard error. All
/// errors are told, also those of which a running daemon would leave out no more than a rule.
/// With `toml` they stand in the text as well, so that a file that is made of it keeps them.
#[inline(never)]
pub fn check(path: Option<&Path>, toml: bool) -> Result<String, Error> {
    let prepared = Prepared::read(path, Some(OnError::Refuse))?;
    log::each(Level::Warning, &prepared.rules.warnings);
    let mut text = String::new();
    if toml {
        // A name may hold any character; a comment is one line.
        let comment =
            |what: &dyn fmt::Display| format!("# {}\n", what.to_string().replace(char::is_control, "?"));
        text += &comment(&format_args!("Made by ringaudit of {}.", prepared.source));
        text.extend(prepared.rules.warnings.iter().map(|warning| comment(warning)));
        text.push('\n');
    }
    Ok(text + &config::show(&prepared.config))
}

fn id_of(table: &str, name: &str) -> Option<u32> {
    config::id_in(&std::fs::read_to_string(table).unwrap_or_default(), name)
}

/// `ringaudit run`: captures until a signal ends it. `pid_file` goes before the config's; `parent` waits for the start.
pub fn run(path: Option<&Path>, pid_file: Option<&Path>, parent: &mut Parent) -> Result<(), Error> {
    let Prepared { source, config, rules } = Prepared::read(path, None)?;
    let mut service = Service::new(&config, pid_file, parent);
    let result = capture(&config, source == Source::BuiltIn, rules, &mut service);
    service.ended(result.as_ref().err());
    result
}

fn capture(
    config: &Config,
    is_built_in: bool,
    mut rules: Compiled,
    service: &mut Service<'_>,
) -> Result<(), Error> {
    // The built-in rules name both of a machine's sides, and are right to be left out where there is one.
    if !is_built_in {
        log::each(Level::Warning, &rules.warnings);
    }
    log::each(Level::Error, &rules.errors);
    if let Some(left_out) = ruleset::leave_out(&mut rules, config.rules.on_error) {
        log::error(left_out);
    }
    let signals = Signals::block().map_err(|e| Error::System("block signals", e))?;
    let stats = Arc::new(Stats::default());
    let link = Arc::new(Link::new().map_err(|e| Error::System("make an alarm", e))?);
    let mut registration =
        Registration::open(&config.kernel, Arc::clone(&link), Arc::clone(&stats)).map_err(Error::Kernel)?;
    registration.may_change(&config.kernel, !rules.planned.is_empty()).map_err(Error::Kernel)?;
    let outputs = Outputs::open(&config.outputs, Lines::longest(config), &stats).map_err(Error::Outputs)?;
    let threads = Threads::start(config, outputs, &registration, &link, &stats)
        .map_err(|e| Error::System("start the threads", e))?;
    let mut hurried = false;
    let mut hurry = || {
        hurried |= stop_asked(&signals, &threads);
        hurried
    };
    let mut result = registration.begin().map_err(Error::Kernel);
    let captured = result.is_ok();
    if captured {
        // While another daemon has the place, settings and rules are its own business.
        let (planned, loaded) = match registration.take_begun() || !cfg!(feature = "coexist") {
            true => (Vec::new(), begin(config, &mut registration, rules.planned)),
            false => (rules.planned, Loaded::default()),
        };
        let mut watch = Watch {
            config,
            signals: &signals,
            threads: &threads,
            link: &link,
            registration: &mut registration,
            planned,
            loaded,
            service,
        };
        result = watch.run();
        supervise::stopping();
        let mut loaded = watch.loaded;
        loaded.leave(registration.control());
        registration.leave(LEAVE_LIMIT, &mut hurry);
    }
    link.stop();
    threads.requests.look();
    threads.wait(&signals, &mut hurry);
    if captured {
        tell_totals(config, &stats);
    }
    if hurried { Err(Error::Hurried) } else { result }
}

/// Settings and rules, once there is somebody who has a say in them.
#[inline(never)]
fn begin(config: &Config, registration: &mut Registration, planned: Vec<Planned>) -> Loaded {
    registration.apply(&config.kernel);
    // A listener without rules of its own leaves the kernel's alone, and may not even be allowed to look at them.
    if registration.is_listener() && planned.is_empty() {
        return Loaded::default();
    }
    Loaded::load(&config.rules, planned, registration.control())
}

/// What came of it all.
#[inline(never)]
fn tell_totals(config: &Config, stats: &Stats) {
    log::info(format_args!(
        "stopped; records: {}, events: {}, written: {}, filtered: {}, last serial: {}",
        stats.records.get(),
        stats.assembled.get(),
        stats.events.get(),
        stats.filtered.get(),
        stats.last_serial.get()
    ));
    for output in stats.outputs.each().iter() {
        log::info(format_args!(
            "output {}: received: {}, written: {}, filtered: {}, dropped: {}",
            output.name,
            output.received.get(),
            output.written.get(),
            output.filtered.get(),
            output.dropped()
        ));
    }
    if let Some(hits) = filter::hits(&config.filters, stats) {
        log::info(format_args!("filters: {hits}"));
    }
}

/// The main thread's work while events flow: signals, rules that vanish, whoever watches us and, now and then, the
/// registration.
struct Watch<'a, 'p> {
    config: &'a Config,
    signals: &'a Signals,
    threads: &'a Threads,
    link: &'a Link,
    registration: &'a mut Registration,
    /// Until they are loaded.
    planned: Vec<Planned>,
    loaded: Loaded,
    service: &'a mut Service<'p>,
}

impl Watch<'_, '_> {
    fn run(&mut self) -> Result<(), Error> {
        let requests = &self.threads.requests;
        self.service.ready(self.config, &self.standing());
        let mut next = self.next_look();
        loop {
            let due = [self.loaded.due(), self.service.due(), Some(next)].into_iter().flatten().min();
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            let mut waits = [
                Wait::readable(self.signals.as_fd()),
                Wait::readable(requests.removed()),
                self.registration.holder(),
            ];
            poll(&mut waits, left).map_err(|e| Error::System("wait for signals", e))?;
            if stop_asked(self.signals, self.threads) {
                return Ok(());
            }
            let removed = requests.take_removed();
            if cfg!(feature = "rules") {
                removed.iter().for_each(|record| self.loaded.removed(record));
            }
            if self.loaded.due().is_some_and(|due| due <= Instant::now()) {
                self.loaded.restore(self.registration.control());
            }
            self.service.watch(self.link, requests);
            if Instant::now() >= next || waits.last().is_some_and(Wait::ready) {
                self.look();
                next = self.next_look();
            }
        }
    }

    /// Looks at the registration.
    #[inline(never)]
    fn look(&mut self) {
        let before = self.registration.beside().map(|(pid, ..)| pid);
        self.registration.verify();
        // Alone it has begun, or not started at all.
        if cfg!(feature = "coexist") && self.registration.take_begun() {
            self.loaded = begin(self.config, self.registration, std::mem::take(&mut self.planned));
        }
        // What the kernel lost is reported by the writer.
        if self.registration.take_news() {
            self.threads.requests.look();
        }
        if cfg!(feature = "supervise") && before != self.registration.beside().map(|(pid, ..)| pid) {
            supervise::status(&self.standing());
        }
    }

    fn next_look(&self) -> Instant {
        let every = Duration::from_secs(u64::from(self.config.kernel.verify_s));
        Instant::now() + self.registration.beside().map_or(every, |(.., pace)| pace)
    }

    /// What it does, in a line.
    fn standing(&self) -> String {
        if cfg!(not(feature = "supervise")) {
            return String::new();
        }
        match self.registration.beside() {
            Some((pid, name, _)) => {
                format!("waiting for the end of the audit daemon with pid {pid} ({name})")
            }
            None if self.registration.is_listener() => "capturing by multicast".to_owned(),
            None => "capturing".to_owned(),
        }
    }
}

/// Deals with the signals that have come; true when one of them asks for a stop.
fn stop_asked(signals: &Signals, threads: &Threads) -> bool {
    let mut stop = false;
    while let Some((signal, sender)) = signals.next() {
        match signal {
            Signal::Stop => {
                threads.requests.stop(sender);
                stop = true;
            }
            Signal::Reopen => {
                supervise::reloading();
                threads.requests.reopen(sender);
                supervise::ready(&"the files are opened again");
            }
        }
    }
    stop
}

/// The reader and the writer.
struct Threads {
    requests: Arc<Requests>,
    /// Rung by the writer when it has written all.
    ended: Arc<Alarm>,
}

impl Threads {
    fn start(
        config: &Config,
        outputs: Outputs,
        registration: &Registration,
        link: &Arc<Link>,
        stats: &Arc<Stats>,
    ) -> io::Result<Self> {
        let blocks = config.ring.size_kib as usize * 1024 / BLOCK;
        let (inlet, outlet) = ring::ring(blocks)?;
        let writer = Writer::new(config, outlet, outputs, Arc::clone(stats))?;
        let overflow = config.ring.overflow;
        let reader = Reader::new(registration.data(), inlet, overflow, Arc::clone(stats), Arc::clone(link))?;
        let requests = writer.requests();
        let ended = Arc::new(Alarm::new()?);
        let at_end = Arc::clone(&ended);
        // The threads end by themselves: the reader closes the ring, and the writer then rings `ended`.
        let write = move || {
            writer.run();
            at_end.ring();
        };
        spawn("writer", STACK, Box::new(write))?;
        spawn("reader", STACK, Box::new(move || reader.run()))?;
        Ok(Self { requests, ended })
    }

    /// Waits until the writer has written all, or `hurry` says that nobody wants to wait.
    fn wait(&self, signals: &Signals, hurry: &mut dyn FnMut() -> bool) {
        while !hurry() {
            let mut waits = [Wait::readable(self.ended.as_fd()), Wait::readable(signals.as_fd())];
            if poll(&mut waits, None).is_err() {
                return log::error("failed to wait for the writer");
            }
            if waits.first().is_some_and(Wait::ready) {
                return;
            }
        }
    }
}
