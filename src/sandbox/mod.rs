//! What the daemon gives up after its start, before it parses anything of the kernel's or starts a thread: capabilities,
//! the way to new privileges, its user, system calls that it does not make, files that it does not need. Each is
//! independent of the others; what can't be had is told, once, and the daemon runs without it unless the config says
//! otherwise. docs/sandbox.md is for the user.

mod calls;
mod capabilities;
mod fence;
mod filter;
mod keeper;
mod memory;

pub use calls::Role;

use crate::config::{Config, Landlock, Problem, Sandbox, Seccomp, Target};
use crate::log;
use crate::sys::landlock;
use crate::sys::privilege::{self, Sets};
use crate::sys::seccomp;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Open files: 64 outputs have up to five each.
const FILES: u64 = 1024;

/// What is in force: a name and a word for each part, in the order of docs/sandbox.md.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    parts: Vec<(&'static str, String)>,
}

impl InForce {
    /// The parts.
    #[must_use]
    pub fn parts(&self) -> &[(&'static str, String)] {
        &self.parts
    }

    /// Says it in one line.
    pub fn tell(&self) {
        log::info(self);
    }

    fn add(&mut self, name: &'static str, word: impl Into<String>) {
        self.parts.push((name, word.into()));
    }
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sandbox")?;
        for (index, (name, word)) in self.parts.iter().enumerate() {
            let before = if index == 0 { ": " } else { "; " };
            for part in [before, name, " ", word] {
                f.write_str(part)?;
            }
        }
        Ok(())
    }
}

/// What threads do when they start.
struct State {
    seccomp: Seccomp,
    landlock: bool,
    /// Whether a thread's failure was told.
    told: bool,
    in_force: InForce,
}

static STATE: Mutex<State> = Mutex::new(State {
    seccomp: Seccomp::Off,
    landlock: false,
    told: false,
    in_force: InForce { parts: Vec::new() },
});

fn state() -> std::sync::MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is wrong with this config here: the user and the group, and too little memory.
#[must_use]
pub fn check(config: &Config) -> Vec<Problem> {
    let (passwd, group) = tables();
    config.sandbox.problem(&passwd, &group).into_iter().chain(memory::check(config)).collect()
}

/// The texts of /etc/passwd and /etc/group.
fn tables() -> (String, String) {
    let read = |table: &str| std::fs::read_to_string(table).unwrap_or_default();
    (read("/etc/passwd"), read("/etc/group"))
}

/// What is in force now; empty before [`enter`].
#[must_use]
pub fn in_force() -> InForce {
    state().in_force.clone()
}

/// One part's result: the word for it, or what failed.
type Outcome = Result<String, io::Error>;

/// Gives up what the config does not need. To be called by the only thread.
///
/// # Errors
///
/// What failed, and why, where the config says that nothing may fail.
pub fn enter(config: &Config) -> Result<InForce, (&'static str, io::Error)> {
    let sandbox = &config.sandbox;
    memory::limit(config);
    let mut in_force = InForce::default();
    if !sandbox.enabled {
        in_force.add("enabled", "no");
        state().in_force = in_force.clone();
        return Ok(in_force);
    }
    let runs = config.outputs.iter().any(|output| matches!(output.target, Target::Pipe(_)));
    // In this order: what needs a privilege before that is given up, and what forbids the rest last.
    let parts: [(&'static str, &dyn Fn() -> Outcome); 8] = [
        ("lock_memory", &|| if sandbox.lock_memory { privilege::lock_memory().map(yes) } else { no() }),
        ("limits", &|| {
            let files = format!("nofile {FILES}{}", if sandbox.lock_memory { "" } else { ", memlock 0" });
            if sandbox.limits {
                privilege::set_limits(FILES, sandbox.lock_memory).map(|()| files)
            } else {
                no()
            }
        }),
        ("user", &|| become_user(config)),
        ("capabilities", &|| drop_capabilities(config)),
        ("no_new_privs", &|| {
            if sandbox.no_new_privs { privilege::set_no_new_privileges().map(yes) } else { no() }
        }),
        ("core_dumps", &|| {
            if sandbox.core_dumps {
                Ok("yes".to_owned())
            } else {
                privilege::set_undumpable().map(|()| no_word())
            }
        }),
        ("landlock", &|| start_landlock(config, runs)),
        ("seccomp", &|| start_seccomp(config, runs)),
    ];
    for (name, part) in parts {
        match part() {
            Ok(word) => in_force.add(name, word),
            Err(error) if sandbox.required => return Err((name, error)),
            Err(error) => {
                log::warning(format_args!("sandbox.{name} is not in force: {error}"));
                in_force.add(name, "failed");
            }
        }
    }
    // Behind the filter, which it inherits.
    if state().landlock
        && let Err(error) = keeper::start()
    {
        return Err(("landlock", error));
    }
    if config.memory.max_kib.value > 0 {
        in_force.add("memory", format!("max {} KiB", config.memory.max_kib.value));
    }
    state().in_force = in_force.clone();
    #[cfg(debug_assertions)]
    probe("main");
    Ok(in_force)
}

fn yes((): ()) -> String {
    "yes".to_owned()
}

fn no_word() -> String {
    "no".to_owned()
}

fn no() -> Outcome {
    Ok(no_word())
}

/// Numbers of the user that the config names, if there is one.
fn ids(sandbox: &Sandbox) -> Option<(u32, u32)> {
    sandbox.user.as_ref()?;
    let (passwd, group) = tables();
    sandbox.ids(&passwd, &group)
}

fn become_user(config: &Config) -> Outcome {
    let sandbox = &config.sandbox;
    let now = privilege::user();
    let Some(ids) = ids(sandbox).filter(|ids| *ids != now) else { return Ok(shown(now)) };
    if sandbox.capabilities {
        bound(config, kept(config, ids)?)?;
    }
    privilege::become_user(ids.0, ids.1)?;
    Ok(shown(ids))
}

fn shown((uid, gid): (u32, u32)) -> String {
    format!("{uid}:{gid}")
}

/// The capabilities that stay for this user.
fn kept(config: &Config, ids: (u32, u32)) -> io::Result<u64> {
    let permitted = privilege::capabilities()?.permitted;
    let needed =
        if config.sandbox.capabilities { capabilities::needed(config, ids, false) } else { u64::MAX };
    Ok(permitted & needed)
}

/// Where nothing can be gained by executing a program, the bounding set does not matter, and may be out of reach.
fn bound(config: &Config, keep: u64) -> io::Result<()> {
    privilege::bound_capabilities(keep)
        .or_else(|error| if config.sandbox.no_new_privs { Ok(()) } else { Err(error) })
}

fn drop_capabilities(config: &Config) -> Outcome {
    let ids = privilege::user();
    if !config.sandbox.capabilities && ids.0 == 0 {
        return Ok("all".to_owned());
    }
    let keep = kept(config, ids)?;
    if config.sandbox.capabilities {
        bound(config, keep)?;
    }
    // Root has them again after an execve, by the bounding set; another user by the ambient ones.
    let inheritable = if ids.0 == 0 { 0 } else { keep };
    privilege::set_capabilities(Sets { effective: keep, permitted: keep, inheritable })?;
    if ids.0 != 0 {
        privilege::set_ambient(keep)?;
    }
    Ok(if config.sandbox.capabilities { capabilities::names(keep) } else { "all".to_owned() })
}

fn start_landlock(config: &Config, runs: bool) -> Outcome {
    let which = config.sandbox.landlock;
    if which == Landlock::Off {
        return no();
    }
    let version = landlock::version();
    if version == 0 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel has no Landlock"));
    }
    state().landlock = true;
    let mut word = format!("version {version}, outputs and reader");
    if which == Landlock::All && !runs {
        fence::all(config)?.enter()?;
        word = format!("version {version}, all threads");
        if capabilities::looks_at_others(config).0 {
            log::warning(
                "with sandbox.landlock = \"all\", enrich, labels and first_of_process learn nothing of processes that run",
            );
        }
    } else if runs {
        word.push_str(" but not programs");
    }
    Ok(word)
}

fn start_seccomp(config: &Config, runs: bool) -> Outcome {
    let mode = config.sandbox.seccomp;
    if mode == Seccomp::Off {
        return no();
    }
    let internet = config.outputs.iter().any(|output| is_internet(&output.target));
    let Some((program, number)) = filter::program(Role::Main, internet, mode) else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no list of calls for this machine"));
    };
    let word = if mode == Seccomp::Log { "log, " } else { "" };
    state().seccomp = mode;
    if runs {
        // The program would inherit it.
        return Ok(format!("{word}all threads but main and programs"));
    }
    // The one before an upgrade is still there, and need not stand there twice.
    if seccomp::mark(filter::QUESTION) != i32::try_from(number).ok() {
        seccomp::install(&program).inspect_err(|_| state().seccomp = Seccomp::Off)?;
    }
    Ok(format!("{word}all threads"))
}

fn is_internet(target: &Target) -> bool {
    match target {
        Target::Syslog(syslog) => syslog.peer.carrier.is_internet(),
        Target::Gelf(gelf) => gelf.peer.carrier.is_internet(),
        _ => false,
    }
}

/// Takes from the reader's or the writer's thread what it does not need.
pub fn confine_reader(may_open: bool) {
    let landlock = state().landlock && !may_open;
    restrict(if may_open { "writer" } else { "reader" }, Role::Reader, false, landlock.then(fence::reader));
}

/// Takes from an output's thread what it does not need. A program inherits what its thread has, and so that has all.
pub fn confine_output(target: &Target) {
    if !matches!(target, Target::Pipe(_)) {
        let landlock = state().landlock;
        restrict("output", Role::Output, is_internet(target), landlock.then(|| fence::output(target)));
    }
}

fn restrict(name: &str, role: Role, internet: bool, fence: Option<io::Result<landlock::Fence>>) {
    let entered = fence.map_or(Ok(()), |fence| fence.and_then(|fence| fence.enter()));
    let mode = state().seccomp;
    let filtered = match filter::program(role, internet, mode) {
        Some((program, _)) if mode != Seccomp::Off => seccomp::install(&program),
        _ => Ok(()),
    };
    for (part, result) in [("landlock", entered), ("seccomp", filtered)] {
        if let Err(error) = result
            && !std::mem::replace(&mut state().told, true)
        {
            log::warning(format_args!("sandbox.{part} is not in force for a thread ({name}): {error}"));
        }
    }
    #[cfg(debug_assertions)]
    probe(name);
}

fn confine_keeper() {
    restrict("keeper", Role::Output, true, None);
}

/// Whether an output's thread must begin anew before it opens something: it is fenced in, and what it is fenced in by
/// may be gone.
#[must_use]
pub fn must_begin_anew(target: &Target) -> bool {
    matches!(target, Target::File(_)) && state().landlock
}

/// Has `run` go on in a new thread, outside of the fences of this one. Gives it back where that is not possible.
///
/// # Errors
///
/// `run` itself.
pub fn begin_anew(name: &str, stack: usize, run: Box<dyn FnOnce() + Send>) -> Result<(), keeper::Run> {
    keeper::begin(name, stack, run)
}

/// What to say besides of a failure that the sandbox may be the reason of.
#[must_use]
pub fn hint(message: &str) -> &'static str {
    let refused = message.ends_with("(os error 1)") || message.ends_with("(os error 13)");
    let is_on = !state().in_force.parts.is_empty();
    if refused && is_on {
        "; if it was not so at the start, the sandbox is made for another config: start the daemon anew"
    } else {
        ""
    }
}

/// For tests of a debug build: tries what is forbidden here, and says what came of it.
#[cfg(debug_assertions)]
fn probe(name: &str) {
    if let Some(folder) = std::env::var_os("RINGAUDIT_PROBE") {
        for (act, errno) in crate::sys::probe::acts(&std::path::Path::new(&folder).join(name)) {
            eprintln!("probe {name} {act} {errno}");
        }
    }
}
