//! The daemon's life: the order of the start, the main thread's loop, and the stop that loses nothing.

#[cfg(feature = "status")]
use crate::ask::Server;
use crate::capture::reader::{Link, Reader};
use crate::capture::registration::{self, Registration};
use crate::capture::ring::{self, BLOCK};
use crate::config::{self, Config, OnError, Problem, Source};
use crate::filter;
use crate::loaded::Loaded;
use crate::log::{self, Level};
use crate::output::{OpenError, Outputs};
use crate::rules::Compiled;
use crate::ruleset;
use crate::stats::Stats;
#[cfg(feature = "status")]
use crate::status::Periodic;
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

/// `ringaudit run`: captures until a signal ends it.
pub fn run(path: Option<&Path>) -> Result<(), Error> {
    let read = Instant::now();
    let Prepared { source, config, mut rules } = Prepared::read(path, None)?;
    // The built-in rules name both of a machine's sides, and are right to be left out where there is one.
    if source != Source::BuiltIn {
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
    let outputs = Outputs::open(&config.outputs, Lines::longest(&config), &stats).map_err(Error::Outputs)?;
    // Told only if this daemon has the kernel's place: else that is told.
    #[cfg(feature = "status")]
    let server = Server::open(&config.status);
    let threads = Threads::start(&config, outputs, &registration, &link, &stats)
        .map_err(|e| Error::System("start the threads", e))?;
    let mut hurried = false;
    let mut hurry = || {
        hurried |= stop_asked(&signals, &threads);
        hurried
    };
    let mut result = registration.register().map_err(Error::Kernel);
    let captured = result.is_ok();
    if captured {
        registration.apply(&config.kernel);
        let loaded = Loaded::load(&config.rules, rules.planned, registration.control());
        let (registration, threads) = (&mut registration, &threads);
        let mut running = Running {
            source,
            config: &config,
            stats: &stats,
            registration,
            threads,
            loaded,
            since: Instant::now(),
            read,
        };
        result = watch(
            &signals,
            &mut running,
            #[cfg(feature = "status")]
            server,
        );
        running.loaded.leave(running.registration.control());
        registration.leave(LEAVE_LIMIT, &mut hurry);
    }
    link.stop();
    threads.requests.look();
    threads.wait(&signals, &mut hurry);
    if captured {
        tell_totals(&config, &stats);
    }
    if hurried { Err(Error::Hurried) } else { result }
}

/// What came of it all.
fn tell_totals(config: &Config, stats: &Stats) {
    log::info(format_args!(
        "stopped; records: {}, events: {}, written: {}, filtered: {}",
        stats.records.get(),
        stats.assembled.get(),
        stats.events.get(),
        stats.filtered.get()
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

/// What the main thread has in its hands while events flow.
#[cfg_attr(not(feature = "status"), allow(dead_code, reason = "some of it is for those who ask"))]
pub(crate) struct Running<'a> {
    /// Where the config came from.
    pub(crate) source: Source,
    pub(crate) config: &'a Config,
    pub(crate) stats: &'a Stats,
    pub(crate) registration: &'a mut Registration,
    pub(crate) threads: &'a Threads,
    pub(crate) loaded: Loaded,
    /// When events began to flow, and when the config was read.
    pub(crate) since: Instant,
    pub(crate) read: Instant,
}

/// The main thread's work while events flow: signals, rules that vanish, questions and, now and then, the
/// registration.
fn watch(
    signals: &Signals,
    running: &mut Running<'_>,
    #[cfg(feature = "status")] server: Result<Option<Server>, String>,
) -> Result<(), Error> {
    let every = Duration::from_secs(u64::from(running.config.kernel.verify_s));
    let mut next = Instant::now() + every;
    #[cfg(feature = "status")]
    let mut server = server.unwrap_or_else(|why| {
        log::warning(why);
        None
    });
    #[cfg(feature = "status")]
    let mut periodic = Periodic::new(&running.config.status);
    let mut waits = Vec::new();
    loop {
        let Running { registration, threads, loaded, .. } = running;
        let due = loaded.due().map_or(next, |due| due.min(next));
        waits.clear();
        waits.extend([Wait::readable(signals.as_fd()), Wait::readable(threads.requests.removed())]);
        #[cfg(feature = "status")]
        let due = server.as_ref().map_or(due, |server| server.waits(due, &mut waits));
        #[cfg(feature = "status")]
        let due = periodic.as_ref().map_or(due, |periodic| periodic.due().min(due));
        let left = due.saturating_duration_since(Instant::now());
        let waited = poll(&mut waits, Some(left));
        waited.map_err(|e| Error::System("wait for signals", e))?;
        if stop_asked(signals, threads) {
            return Ok(());
        }
        let removed = threads.requests.take_removed();
        if cfg!(feature = "rules") {
            removed.iter().for_each(|record| loaded.removed(record));
        }
        if loaded.due().is_some_and(|due| due <= Instant::now()) {
            loaded.restore(registration.control());
        }
        if Instant::now() >= next {
            registration.verify();
            next = Instant::now() + every;
        }
        #[cfg(feature = "status")]
        if let Some(server) = &mut server {
            server.serve(running);
        }
        #[cfg(feature = "status")]
        if let Some(periodic) = &mut periodic {
            periodic.tell(running);
        }
        // What the kernel lost is reported by the writer.
        if running.registration.take_news() {
            running.threads.requests.look();
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
            Signal::Reopen => threads.requests.reopen(sender),
        }
    }
    stop
}

/// The reader and the writer.
pub(crate) struct Threads {
    pub(crate) requests: Arc<Requests>,
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
