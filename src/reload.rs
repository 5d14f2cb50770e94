//! Another config for the running daemon (SIGHUP, `ringaudit reload`): read and checked whole, its new outputs opened,
//! and only then taken into use; one that is wrong changes nothing. Events are not held up by it, and what waits for an
//! output stays.

#[cfg(feature = "status")]
use crate::ask::Reply;
use crate::config::Config;
use crate::daemon::{Asked, Error, Running};
use crate::event::notices::Process;
use crate::log;
use crate::output::Handle;
use crate::prepared::Prepared;
use crate::supervise;
use crate::writer::{Change, ChangeError};
use std::time::{Duration, Instant};

/// How long the writer may take: it comes between two blocks of records, some milliseconds, unless the machine is busy.
const LIMIT: Duration = Duration::from_secs(10);

/// A key whose new value needs a restart: its name, and what puts the old value back into a new config. Whether it
/// differs.
type Fixed = (&'static str, fn(old: &Config, new: &mut Config) -> bool);

/// All of them.
const FIXED: &[Fixed] = &[
    #[cfg(feature = "coexist")]
    ("kernel.mode", |old, new| put_back(&old.kernel.mode, &mut new.kernel.mode)),
    #[cfg(feature = "coexist")]
    ("kernel.take_over", |old, new| put_back(&old.kernel.take_over, &mut new.kernel.take_over)),
    #[cfg(feature = "supervise")]
    ("log", |old, new| put_back(&old.log, &mut new.log)),
    #[cfg(feature = "supervise")]
    ("pid_file", |old, new| put_back(&old.pid_file, &mut new.pid_file)),
    #[cfg(feature = "sandbox")]
    ("sandbox", |old, new| put_back(&old.sandbox, &mut new.sandbox)),
    #[cfg(feature = "sandbox")]
    ("memory", |old, new| put_back(&old.memory, &mut new.memory)),
    #[cfg(feature = "status")]
    ("status.socket", |old, new| put_back(&old.status.socket, &mut new.status.socket)),
    #[cfg(feature = "status")]
    ("status.mode", |old, new| put_back(&old.status.mode, &mut new.status.mode)),
    #[cfg(feature = "status")]
    ("status.group", |old, new| put_back(&old.status.group, &mut new.status.group)),
];

#[cfg(any(feature = "coexist", feature = "sandbox", feature = "status", feature = "supervise"))]
fn put_back<T: Clone + PartialEq>(old: &T, new: &mut T) -> bool {
    let differs = old != new;
    new.clone_from(old);
    differs
}

impl Asked {
    /// Does what signals asked for.
    pub(crate) fn answer(&self, running: &mut Running<'_>) {
        if let Some(sender) = self.reload {
            // It is told in the log.
            let _ = reload(running, Process::of(sender));
        }
        if let Some(sender) = self.upgrade {
            let _ = running.prepare_upgrade("", Process::of(sender));
        }
    }
}

/// `ringaudit reload`
#[cfg(feature = "status")]
pub(crate) fn answer(running: &mut Running<'_>, _: &str) -> Reply {
    let by = Process::of(running.asked_by);
    match reload(running, by) {
        Ok(done) => Reply::Done(done),
        Err(why) => Reply::Failed(why),
    }
}

/// Reads the config again and takes it into use; what came of it, in words, which are told in the log too.
pub(crate) fn reload(running: &mut Running<'_>, by: Process) -> Result<String, String> {
    supervise::reloading();
    let result = change(running, by.clone());
    match &result {
        Ok(done) => {
            log::info(done);
            supervise::ready(&running.standing());
        }
        Err(why) => {
            supervise::ready(&"the config is wrong: the old one stays in force");
            running.threads.requests.refuse(by);
            log::error(format_args!(
                "{why}\nringaudit: error: nothing was changed: the old config stays in force"
            ));
        }
    }
    result
}

fn change(running: &mut Running<'_>, by: Process) -> Result<String, String> {
    if running.threads.requests.is_changing() {
        return Err("the last reload is not done yet: the writer is held up".to_owned());
    }
    let read = Instant::now();
    let said =
        |error: &dyn std::fmt::Display| error.to_string().trim_end().replace('\n', "\nringaudit: error: ");
    let mut prepared = Prepared::read(running.path.as_deref(), None).map_err(|error| said(&error))?;
    let fixed = FIXED.iter().filter(|(_, put_back)| put_back(&running.config, &mut prepared.config));
    let fixed: Vec<&str> = fixed.map(|(name, _)| *name).collect();
    let has_rules = !prepared.rules.planned.is_empty();
    let may_change = running.registration.may_change(&prepared.config.kernel, has_rules);
    may_change.map_err(|error| said(&error))?;
    let Running { config: old, threads, stats, link, .. } = running;
    let change = Change::new(old, &prepared.config, &threads.outputs, &threads.requests, stats, by);
    let (change, outputs) = change.map_err(|error| match error {
        ChangeError::Outputs(errors) => said(&Error::Outputs(errors)),
        ChangeError::System(error) => {
            let ceiling = match old.memory.max_kib.value {
                0 => String::new(),
                kib => format!("; until a restart \"memory.max_kib\" stays {kib}"),
            };
            format!("failed to get memory for the new config: {error}{ceiling}")
        }
    })?;
    // From here on nothing is refused.
    prepared.tell();
    let Prepared { source, config, rules } = prepared;
    let is_done = threads.requests.change(change, LIMIT);
    Handle::replace(&mut threads.outputs, &mut threads.retired, outputs);
    link.set_overflow(config.ring.overflow);
    (running.source, running.config, running.read, running.planned) = (source, config, read, rules.planned);
    let told = running.begin_again(&running.loaded.rules());
    let source = &running.source;
    let mut done = format!("reloaded {source}; {told}");
    if !is_done {
        done += "; the writer is held up, and takes it into use later";
    }
    if !fixed.is_empty() {
        let fixed = crate::config::listed(&fixed, "and");
        log::warning(format_args!("{fixed}: not changed: that needs a restart"));
        done += &format!("; needs a restart: {fixed}");
    }
    Ok(done)
}
