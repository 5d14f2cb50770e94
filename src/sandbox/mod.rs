//! What the daemon gives up after its start, before it parses anything of the kernel's or starts a thread: capabilities,
//! the way to new privileges, its user, system calls that it does not make, files that it does not need. Each is
//! independent of the others; what can't be had is told, once, and the daemon runs without it unless the config says
//! otherwise. docs/sandbox.md is for the user.

mod calls;
mod capabilities;
mod fence;
mod filter;
mod in_force;
mod keeper;
mod memory;

pub use calls::Role;
pub use in_force::InForce;

use crate::config::{Config, Landlock, Problem, Sandbox, Seccomp, Target};
use crate::log;
use crate::sys::landlock;
use crate::sys::privilege::{self, Sets};
use crate::sys::seccomp;
use in_force::{Part, Word};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Open files: 64 outputs have up to five each.
const FILES: u64 = 1024;

/// Where an output writes.
#[derive(Default)]
pub struct Place(Target);

impl Place {
    /// Of this output.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        Self(target.clone())
    }
}

/// What threads do when they start.
struct State {
    seccomp: Seccomp,
    landlock: bool,
    /// Whether a thread's failure was told.
    told: bool,
    in_force: Option<InForce>,
}

static STATE: Mutex<State> =
    Mutex::new(State { seccomp: Seccomp::Off, landlock: false, told: false, in_force: None });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is wrong with this config here: the user and the group, and too little memory.
#[must_use]
#[inline(never)]
pub fn check(config: &Config) -> Vec<Problem> {
    let (passwd, group) = tables();
    let mut problems = Vec::new();
    problems.extend(config.sandbox.problem(&passwd, &group));
    problems.extend(memory::check(config));
    problems
}

/// The texts of /etc/passwd and /etc/group.
fn tables() -> (String, String) {
    let read = |table: &str| std::fs::read_to_string(table).unwrap_or_default();
    (read("/etc/passwd"), read("/etc/group"))
}

/// What is in force now; `None` before [`enter`].
#[must_use]
pub fn in_force() -> Option<InForce> {
    state().in_force
}

/// What a part does; gives the word for what came of it.
type Act = fn(&Config, &mut InForce) -> io::Result<Word>;

/// In this order: what needs a privilege before that is given up, and what forbids the rest last.
const ACTS: [(Part, Act); 8] = [
    (Part::LockMemory, lock_memory),
    (Part::Limits, set_limits),
    (Part::User, become_user),
    (Part::Capabilities, drop_capabilities),
    (Part::NoNewPrivs, forbid_new_privileges),
    (Part::CoreDumps, forbid_core_dumps),
    (Part::Landlock, start_landlock),
    (Part::Seccomp, start_seccomp),
];

/// Gives up what the config does not need. To be called by the only thread.
///
/// # Errors
///
/// What failed, and why, where the config says that nothing may fail.
#[inline(never)]
pub fn enter(config: &Config) -> io::Result<()> {
    memory::limit(config);
    let mut in_force = InForce { max_kib: config.memory.max_kib.value, ..InForce::default() };
    if config.sandbox.enabled {
        for (part, act) in ACTS {
            let word = act(config, &mut in_force).or_else(|error| failed(config, part, &error))?;
            in_force.set(part, word);
        }
        // Behind the filter, which it inherits.
        if state().landlock {
            keeper::start().or_else(|error| failed(config, Part::Landlock, &error).map(|_| ()))?;
        }
    }
    state().in_force = Some(in_force);
    #[cfg(debug_assertions)]
    probe("main");
    Ok(())
}

/// Says in one line what is in force.
pub fn tell() {
    if let Some(in_force) = in_force() {
        log::info(in_force);
    }
}

/// Tells a failure, if it is not the end.
#[cold]
fn failed(config: &Config, part: Part, error: &io::Error) -> io::Result<Word> {
    if config.sandbox.required {
        return Err(io::Error::other(format!("{}: {error}", part.name())));
    }
    log::warning(format_args!("sandbox.{} is not in force: {error}", part.name()));
    Ok(Word::Failed)
}

fn lock_memory(config: &Config, _: &mut InForce) -> io::Result<Word> {
    if !config.sandbox.lock_memory {
        return Ok(Word::No);
    }
    privilege::lock_memory().map(|()| Word::Yes)
}

fn set_limits(config: &Config, _: &mut InForce) -> io::Result<Word> {
    if !config.sandbox.limits {
        return Ok(Word::No);
    }
    privilege::set_limits(FILES, config.sandbox.lock_memory).map(|()| Word::Yes)
}

fn forbid_new_privileges(config: &Config, _: &mut InForce) -> io::Result<Word> {
    if !config.sandbox.no_new_privs {
        return Ok(Word::No);
    }
    privilege::set_no_new_privileges().map(|()| Word::Yes)
}

fn forbid_core_dumps(config: &Config, _: &mut InForce) -> io::Result<Word> {
    if config.sandbox.core_dumps {
        return Ok(Word::Yes);
    }
    privilege::set_undumpable().map(|()| Word::No)
}

/// Numbers of the user that the config names, if there is one.
fn ids(sandbox: &Sandbox) -> Option<(u32, u32)> {
    sandbox.user.as_ref()?;
    let (passwd, group) = tables();
    sandbox.ids(&passwd, &group)
}

fn become_user(config: &Config, in_force: &mut InForce) -> io::Result<Word> {
    in_force.user = privilege::user();
    if let Some(ids) = ids(&config.sandbox).filter(|ids| *ids != in_force.user) {
        if config.sandbox.capabilities {
            bound(config, kept(config, ids)?)?;
        }
        privilege::become_user(ids.0, ids.1)?;
        in_force.user = ids;
    }
    Ok(Word::Yes)
}

/// The capabilities that stay for this user.
fn kept(config: &Config, ids: (u32, u32)) -> io::Result<u64> {
    let permitted = privilege::capabilities()?.permitted;
    Ok(if config.sandbox.capabilities { permitted & capabilities::needed(config, ids) } else { permitted })
}

/// Where nothing can be gained by executing a program, the bounding set does not matter, and may be out of reach.
fn bound(config: &Config, keep: u64) -> io::Result<()> {
    privilege::bound_capabilities(keep)
        .or_else(|error| if config.sandbox.no_new_privs { Ok(()) } else { Err(error) })
}

fn drop_capabilities(config: &Config, in_force: &mut InForce) -> io::Result<Word> {
    let (drops, (uid, _)) = (config.sandbox.capabilities, in_force.user);
    if !drops && uid == 0 {
        return Ok(Word::No);
    }
    let keep = kept(config, in_force.user)?;
    if drops {
        bound(config, keep)?;
    }
    // Root has them again after an execve, by the bounding set; another user by the ambient ones.
    let inheritable = if uid == 0 { 0 } else { keep };
    privilege::set_capabilities(Sets { effective: keep, permitted: keep, inheritable })?;
    if uid != 0 {
        privilege::set_ambient(keep)?;
    }
    in_force.capabilities = keep;
    Ok(if drops { Word::Yes } else { Word::No })
}

/// Whether an output runs a program, which would inherit what its thread and the main one have.
fn runs(config: &Config) -> bool {
    config.outputs.iter().any(|output| matches!(output.target, Target::Pipe(_)))
}

fn start_landlock(config: &Config, _: &mut InForce) -> io::Result<Word> {
    let which = config.sandbox.landlock;
    if which == Landlock::Off {
        return Ok(Word::No);
    }
    if landlock::version() == 0 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel has no Landlock"));
    }
    state().landlock = true;
    if which == Landlock::Threads || runs(config) {
        return Ok(Word::Outputs);
    }
    if capabilities::looks_at_others(config).0 {
        log::warning("with sandbox.landlock = \"all\" nothing is learnt of other processes (enrich, labels)");
    }
    fence::all(config)?.enter().map(|()| Word::All)
}

fn start_seccomp(config: &Config, _: &mut InForce) -> io::Result<Word> {
    let mode = config.sandbox.seccomp;
    if mode == Seccomp::Off {
        return Ok(Word::No);
    }
    let internet = config.outputs.iter().any(|output| output.target.is_internet());
    let Some((program, number)) = filter::program(Role::Main, internet, mode) else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no list of calls for this machine"));
    };
    state().seccomp = mode;
    if runs(config) {
        return Ok(Word::NotMain);
    }
    // The one before an upgrade is still there, and need not stand there twice.
    if seccomp::mark(filter::QUESTION) != i32::try_from(number).ok() {
        seccomp::install(&program).inspect_err(|_| state().seccomp = Seccomp::Off)?;
    }
    Ok(if mode == Seccomp::Log { Word::Log } else { Word::All })
}

/// Takes from the reader's or the writer's thread what it does not need.
pub fn confine_reader(may_open: bool) {
    let landlock = state().landlock && !may_open;
    let fence = landlock.then(landlock::Fence::new);
    restrict(if may_open { "writer" } else { "reader" }, Role::Reader, false, fence);
}

/// Takes from an output's thread what it does not need. A program inherits what its thread has, and so that has all.
pub fn confine_output(Place(target): &Place) {
    if !matches!(target, Target::Pipe(_)) {
        let landlock = state().landlock;
        restrict("output", Role::Output, target.is_internet(), landlock.then(|| fence::output(target)));
    }
}

#[inline(never)]
fn restrict(name: &str, role: Role, internet: bool, fence: Option<io::Result<landlock::Fence>>) {
    let entered = fence.map_or(Ok(()), |fence| fence.and_then(|fence| fence.enter()));
    let mode = state().seccomp;
    let filtered = match filter::program(role, internet, mode) {
        Some((program, _)) if mode != Seccomp::Off => seccomp::install(&program),
        _ => Ok(()),
    };
    if let Err(error) = entered.and(filtered)
        && !std::mem::replace(&mut state().told, true)
    {
        log::warning(format_args!("the sandbox of a thread ({name}) is not in force: {error}"));
    }
    #[cfg(debug_assertions)]
    probe(name);
}

/// Whether an output's thread must begin anew before it opens something: it is fenced in, and what it is fenced in by
/// may be gone.
#[must_use]
pub fn must_begin_anew(Place(target): &Place) -> bool {
    matches!(target, Target::File(_)) && state().landlock
}

/// Has `run` go on in a new thread, outside of the fences of this one. Gives it back where that is not possible.
///
/// # Errors
///
/// `run` itself.
pub fn begin_anew(name: &str, stack: usize, run: keeper::Run) -> Result<(), keeper::Run> {
    keeper::begin(name, stack, run)
}

/// What to say besides of a failure that the sandbox may be the reason of.
#[must_use]
#[inline(never)]
pub fn hint(message: &str) -> &'static str {
    // EPERM and EACCES.
    let refused = message.ends_with("(os error 1)") || message.ends_with("(os error 13)");
    if refused && state().in_force.is_some_and(|in_force| in_force.is_any()) {
        "; if the sandbox forbids it, which is made for the config of the start: restart after a change"
    } else {
        ""
    }
}

/// For tests of a debug build: tries what is forbidden here, and says what came of it.
#[cfg(debug_assertions)]
fn probe(name: &str) {
    if let Some(folder) = std::env::var_os("RINGAUDIT_PROBE") {
        for (act, errno) in crate::sys::probe::acts(&std::path::Path::new(&folder).join(name)) {
            // In one write: eprintln! makes several, and a message of another thread may come between them.
            let line = format!("probe {name} {act} {errno}\n");
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        }
    }
}
