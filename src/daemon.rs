//! The daemon's life: the order of the start, the main thread's loop, and the stop that loses nothing.

#[cfg(not(feature = "reload"))]
mod nothing_left;
mod threads;

#[cfg(feature = "status")]
use crate::ask::Server;
use crate::capture::reader::Link;
use crate::capture::registration::{self, Registration};
use crate::config::{Config, Problem, Source};
use crate::filter;
use crate::loaded::Loaded;
use crate::log;
use crate::output::OpenError;
use crate::prepared::Prepared;
pub use crate::prepared::check;
use crate::rules::Planned;
use crate::sandbox;
use crate::stats::Stats;
#[cfg(feature = "status")]
use crate::status::Periodic;
use crate::supervise::{self, Parent, Service};
use crate::sys::poll::{Wait, poll};
#[cfg(feature = "reload")]
use crate::sys::signal::Sender;
use crate::sys::signal::{Signal, Signals};
#[cfg(feature = "reload")]
use crate::upgrade::{self, Left};
#[cfg(feature = "reload")]
use crate::wire::rule::Rule;
#[cfg(not(feature = "reload"))]
use nothing_left::Left;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
#[cfg(feature = "reload")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
pub(crate) use threads::Threads;

/// How long a stop waits for each thing that the kernel may still do.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// What the main thread waits for: the place, signals, rules that were removed, and those who ask.
pub(crate) type Waits = heapless::Vec<Wait, 9>;

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

/// `ringaudit run`: captures until a signal ends it. `pid_file` goes before the config's; `parent` waits for the start.
pub fn run(path: Option<&Path>, pid_file: Option<&Path>, parent: &mut Parent) -> Result<(), Error> {
    // What the program before has left open is taken before anything else is opened.
    #[cfg(feature = "reload")]
    let left = Left::take();
    #[cfg(not(feature = "reload"))]
    let left: Option<Left> = None;
    let read = Instant::now();
    let prepared = Prepared::read(path, None)?;
    let mut service = Service::new(&prepared.config, pid_file, parent);
    let result = serve((path, prepared, read), left, &mut service);
    service.ended(result.as_ref().err());
    result
}

/// Whether this program was executed in the place of a daemon that has long been started.
#[must_use]
#[cfg(feature = "supervise")]
pub fn goes_on() -> bool {
    #[cfg(feature = "reload")]
    return Left::is_there();
    #[cfg(not(feature = "reload"))]
    false
}

fn serve(
    (path, mut prepared, read): (Option<&Path>, Prepared, Instant),
    mut left: Option<Left>,
    service: &mut Service<'_>,
) -> Result<(), Error> {
    prepared.tell();
    let Prepared { source, config, rules } = prepared;
    let signals = Signals::block().map_err(|e| Error::System("block signals", e))?;
    let stats = Arc::new(Stats::default());
    let link = Arc::new(Link::new().map_err(|e| Error::System("make an alarm", e))?);
    let place = left.as_mut().and_then(|left| left.registration(&config.kernel, &link, &stats));
    let (goes_on, registration) = match place {
        Some(registration) => (true, registration),
        None => (false, Registration::open(&config.kernel, Arc::clone(&link), Arc::clone(&stats))),
    };
    let mut registration = registration.map_err(Error::Kernel)?;
    registration.may_change(&config.kernel, !rules.planned.is_empty()).map_err(Error::Kernel)?;
    // From here on nothing is parsed but with the privileges that are left.
    sandbox::enter(&config).map_err(|e| Error::System("enter the sandbox", e))?;
    let threads = Threads::start(&config, &registration, &link, &stats, left.as_mut())?;
    let result = if goes_on { Ok(()) } else { registration.begin().map_err(Error::Kernel) };
    let is_captured = result.is_ok();
    let mut running = Running {
        #[cfg(feature = "reload")]
        path: path.map(Path::to_owned),
        source,
        config,
        stats: &stats,
        link: &link,
        registration,
        threads,
        planned: rules.planned,
        loaded: Loaded::default(),
        since: Instant::now(),
        read,
        #[cfg(feature = "reload")]
        asked_by: Sender::default(),
        #[cfg(feature = "reload")]
        upgrade: None,
    };
    #[cfg(not(feature = "reload"))]
    let _ = path;
    let result = result.and_then(|()| capture(&signals, &mut running, service, left));
    let mut hurried = false;
    let mut hurry = || {
        hurried |= asked(&signals, &running.threads).stop;
        hurried
    };
    if is_captured {
        supervise::stopping();
        running.loaded.leave(running.registration.control());
        running.registration.leave(LEAVE_LIMIT, &mut hurry);
    }
    link.stop();
    running.threads.requests.look();
    running.threads.wait(&signals, &mut hurry);
    if is_captured {
        tell_totals(&running.config, &stats);
    }
    if hurried { Err(Error::Hurried) } else { result }
}

/// From the settings and the rules to the signal that ends it.
fn capture(
    signals: &Signals,
    running: &mut Running<'_>,
    service: &mut Service<'_>,
    left: Option<Left>,
) -> Result<(), Error> {
    sandbox::tell();
    if let Some(left) = &left {
        left.go_on(running);
    } else if running.registration.take_begun() || !cfg!(feature = "coexist") {
        running.begin();
    }
    watch(signals, running, service, left)?;
    #[cfg(feature = "reload")]
    while let Some(order) = running.upgrade.take() {
        // It returns only if the other program can't be executed.
        let mut back = order.execute(running, service);
        let Running { config, registration, link, stats, .. } = running;
        running.threads = Threads::start(config, registration, link, stats, back.as_mut())?;
        watch(signals, running, service, back)?;
    }
    Ok(())
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

/// What the main thread has in its hands while events flow.
#[cfg_attr(
    not(all(feature = "status", feature = "reload")),
    allow(dead_code, reason = "some of it is for those who ask")
)]
pub(crate) struct Running<'a> {
    /// The config that was named.
    #[cfg(feature = "reload")]
    pub(crate) path: Option<PathBuf>,
    /// Where the config came from.
    pub(crate) source: Source,
    pub(crate) config: Config,
    pub(crate) stats: &'a Arc<Stats>,
    pub(crate) link: &'a Arc<Link>,
    pub(crate) registration: Registration,
    pub(crate) threads: Threads,
    /// Rules until they are loaded: while another daemon has the place, they are its own business.
    pub(crate) planned: Vec<Planned>,
    pub(crate) loaded: Loaded,
    /// When events began to flow, and when the config was read.
    pub(crate) since: Instant,
    pub(crate) read: Instant,
    /// Who asked last.
    #[cfg(feature = "reload")]
    pub(crate) asked_by: Sender,
    /// Another program that is to go on in this one's place.
    #[cfg(feature = "reload")]
    pub(crate) upgrade: Option<upgrade::Order>,
}

impl Running<'_> {
    /// Settings and rules, once there is somebody who has a say in them.
    #[inline(never)]
    pub(crate) fn begin(&mut self) {
        self.registration.apply(&self.config.kernel);
        // A listener without rules of its own leaves the kernel's alone, and may not even be allowed to look at them.
        if !self.registration.is_listener() || !self.planned.is_empty() {
            let planned = std::mem::take(&mut self.planned);
            self.loaded = Loaded::load(&self.config.rules, planned, self.registration.control());
        }
    }

    /// As [`begin`](Self::begin), in place of the settings and rules of before; what became of it, in words.
    #[cfg(feature = "reload")]
    pub(crate) fn begin_again(&mut self, old: &[(Rule, bool)]) -> String {
        let Self { registration, config, planned, .. } = self;
        if !registration.is_begun() {
            return "settings and rules wait for the place of the other daemon".to_owned();
        }
        registration.apply_again(&config.kernel);
        if registration.is_listener() && planned.is_empty() && old.is_empty() {
            return "rules are left alone".to_owned();
        }
        let planned = std::mem::take(planned);
        let (loaded, told) = Loaded::replace(&config.rules, planned, old, registration.control());
        self.loaded = loaded;
        told
    }

    /// Looks at the registration.
    #[inline(never)]
    fn look(&mut self) {
        let before = self.registration.beside().map(|(pid, ..)| pid);
        self.registration.verify();
        // Alone it has begun, or not started at all.
        if cfg!(feature = "coexist") && self.registration.take_begun() {
            self.begin();
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
    pub(crate) fn standing(&self) -> String {
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

/// The main thread's work while events flow: signals, rules that vanish, questions, whoever watches us and, now and
/// then, the registration. Ends for a stop or an upgrade.
fn watch(
    signals: &Signals,
    running: &mut Running<'_>,
    service: &mut Service<'_>,
    left: Option<Left>,
) -> Result<(), Error> {
    #[cfg(feature = "status")]
    let mut server = Server::open(&running.config.status).unwrap_or_else(|why| {
        log::warning(why);
        None
    });
    #[cfg(feature = "status")]
    let mut periodic = Periodic::new(&running.config.status);
    if let Some(left) = left {
        left.answer();
    }
    service.ready(&running.config, &running.standing());
    let mut next = running.next_look();
    let mut waits = Waits::new();
    loop {
        let Running { threads, loaded, registration, .. } = &*running;
        let due = [loaded.due(), service.due()].into_iter().flatten().fold(next, Instant::min);
        waits.clear();
        let _ = waits.push(registration.holder());
        let _ = waits.push(Wait::readable(signals.as_fd()));
        let _ = waits.push(Wait::readable(threads.requests.removed()));
        #[cfg(feature = "status")]
        let due = server.as_ref().map_or(due, |server| server.waits(due, &mut waits));
        #[cfg(feature = "status")]
        let due = periodic.as_ref().map_or(due, |periodic| periodic.due().min(due));
        let left = due.saturating_duration_since(Instant::now());
        let waited = poll(&mut waits, Some(left));
        waited.map_err(|e| Error::System("wait for signals", e))?;
        let is_free = waits.first().is_some_and(Wait::ready);
        let asked = asked(signals, &running.threads);
        if asked.stop {
            return Ok(());
        }
        let Running { registration, threads, loaded, .. } = running;
        let removed = threads.requests.take_removed();
        if cfg!(feature = "rules") {
            removed.iter().for_each(|record| loaded.removed(record));
        }
        if loaded.due().is_some_and(|due| due <= Instant::now()) {
            loaded.restore(registration.control());
        }
        service.watch(running.link, &running.threads.requests);
        if is_free || Instant::now() >= next {
            running.look();
            next = running.next_look();
        }
        #[cfg(all(feature = "status", feature = "reload"))]
        let before = running.config.status.clone();
        #[cfg(feature = "reload")]
        asked.answer(running);
        #[cfg(feature = "status")]
        if let Some(server) = &mut server {
            server.serve(running);
        }
        #[cfg(feature = "reload")]
        if running.upgrade.is_some() {
            #[cfg(feature = "status")]
            if let (Some(order), Some(server)) = (&mut running.upgrade, server) {
                order.keep(server.upgrading());
            }
            return Ok(());
        }
        #[cfg(all(feature = "status", feature = "reload"))]
        if running.config.status != before {
            periodic = Periodic::new(&running.config.status);
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

/// What signals ask for.
#[derive(Default)]
pub(crate) struct Asked {
    stop: bool,
    #[cfg(feature = "reload")]
    pub(crate) reload: Option<Sender>,
    #[cfg(feature = "reload")]
    pub(crate) upgrade: Option<Sender>,
}

/// Deals with the signals that have come; what is not done with that is given back.
#[inline(never)]
fn asked(signals: &Signals, threads: &Threads) -> Asked {
    let mut asked = Asked::default();
    while let Some((signal, sender)) = signals.next() {
        match signal {
            Signal::Stop => {
                threads.requests.stop(sender);
                asked.stop = true;
            }
            Signal::Reopen => threads.requests.reopen(sender),
            Signal::Reload => {
                #[cfg(not(feature = "reload"))]
                supervise::reloading();
                threads.requests.reopen(sender);
                #[cfg(not(feature = "reload"))]
                supervise::ready(&"the files are opened again");
                #[cfg(feature = "reload")]
                asked.reload.replace(sender);
            }
            #[cfg(feature = "reload")]
            Signal::Upgrade => drop(asked.upgrade.replace(sender)),
            #[cfg(not(feature = "reload"))]
            Signal::Upgrade => {}
            Signal::Resize => {}
        }
    }
    asked
}
