//! What makes events: a program that makes some 100 kinds of system calls, with names, arguments and addresses that
//! formats stumble over. It is a copy of this test binary, run as a process of its own; its login id marks it and
//! all that it starts, so that rules match nothing else on the machine. The same seed makes the same load.

pub(crate) mod call;
mod files;
mod kernel;
pub(crate) mod odd;
mod programs;
mod sockets;
mod tasks;

use odd::Chance;
use ringaudit::capture::control::Control;
use ringaudit::wire::Transport;
use ringaudit::wire::rule::{
    AUDIT_ADD_RULE, AUDIT_DEL_RULE, AUDIT_LIST_RULES, Action, Field, List, Mask, Op, Rule, Value, field,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The login id of the load: nobody's, and nobody else's.
pub(crate) const AUID: u32 = 61234;
/// `KIND SEED COUNT FOLDER`: the variable that makes `process` work.
const VARIABLE: &str = "RINGAUDIT_TEST_LOAD";
/// A key of every rule, by which leftovers are found.
const MARK: &str = "ringaudit-peers";
/// A key that is written in hex.
const ODD_KEY: &str = "odd \"key\" 100% ü+";

/// AUDIT_ARCH_X86_64, AUDIT_ARCH_I386.
const ARCHES: [u32; 2] = [0xc000_003e, 0x4000_0003];

/// System calls of the load, by the rule that reports them. `openat` and `mmap` of what it starts are reported too.
const PROGRAMS: &[libc::c_long] = &[libc::SYS_execve, libc::SYS_execveat, libc::SYS_memfd_create];
const FILES: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_creat,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_symlink,
    libc::SYS_symlinkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_mknod,
    libc::SYS_mknodat,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_readlink,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_utimensat,
];
const MODES: &[libc::c_long] = &[
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_chown,
    libc::SYS_fchown,
    libc::SYS_lchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_fsetxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_fremovexattr,
];
const SOCKETS: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_sendto,
    libc::SYS_socketpair,
    libc::SYS_setsockopt,
];
const OTHERS: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_chroot,
    libc::SYS_setuid,
    libc::SYS_setreuid,
    libc::SYS_setresuid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_prctl,
    libc::SYS_pipe,
    libc::SYS_pipe2,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_mq_timedsend,
    libc::SYS_mq_timedreceive,
    libc::SYS_mq_notify,
    libc::SYS_mq_getsetattr,
    libc::SYS_msgget,
    libc::SYS_msgctl,
    libc::SYS_shmget,
    libc::SYS_shmctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_seccomp,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_bpf,
    libc::SYS_personality,
    libc::SYS_clone,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_clone3,
    libc::SYS_setpgid,
    libc::SYS_setsid,
    libc::SYS_setpriority,
    libc::SYS_sethostname,
];

/// What an action works with.
pub(crate) struct World {
    pub(crate) chance: Chance,
    /// A small program's bytes.
    pub(crate) program: Vec<u8>,
    notes: BTreeMap<(&'static str, i64, i32), u32>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: Chance(seed), program: fs::read(odd_path()).unwrap(), notes: BTreeMap::new() }
    }

    /// What the kernel refused, to be told with the results.
    pub(crate) fn note(&mut self, what: &'static str, which: i64, errno: i32) {
        *self.notes.entry((what, which, errno)).or_default() += 1;
    }
}

fn odd_path() -> &'static str {
    programs::TRUE.to_str().unwrap()
}

type Work = fn(&mut World);

/// Each action, and how often it comes: about one in so many rounds.
const ACTIONS: &[(usize, Work)] = &[
    (1, files::open),
    (8, files::long_paths),
    (1, files::names),
    (1, files::folders),
    (1, files::modes),
    (1, files::owners),
    (1, files::contents),
    (2, files::attributes),
    (2, files::memory),
    (1, sockets::internet),
    (1, sockets::local),
    (1, sockets::others),
    (2, tasks::identities),
    (4, tasks::capabilities),
    (3, tasks::signals),
    (4, tasks::traces),
    (3, tasks::manners),
    (8, tasks::login),
    (6, tasks::namespaces),
    (6, tasks::abends),
    (6, tasks::filters),
    (2, programs::arguments),
    (8, programs::traps),
    (16, programs::long_arguments),
    (48, programs::large),
    (8, programs::files),
    (8, programs::nameless),
    (4, kernel::modules),
    (3, kernel::bpf),
    (4, kernel::ring),
    (3, kernel::queues),
    (2, kernel::told),
    (4, kernel::other_abi),
];

/// What a load is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// All kinds of calls: so many, or a few more.
    Calls,
    /// Programs with the command lines of `argv::vectors`: so many.
    Programs,
}

/// Each action once, then by chance, until so many calls are made.
fn work(seed: u64, calls: u64) -> World {
    let mut world = World::new(seed);
    for (_, action) in ACTIONS {
        action(&mut world);
    }
    while call::counted() < calls {
        for (one_in, action) in ACTIONS {
            if world.chance.below(*one_in) == 0 {
                action(&mut world);
            }
        }
    }
    world
}

/// The load itself, in its own process; among the tests, one round of it, unaudited.
#[test]
fn process() {
    let Ok(order) = std::env::var(VARIABLE) else {
        let dir = tempfile::tempdir().unwrap();
        let mut load = command(&std::env::current_exe().unwrap(), Kind::Calls, 1, 0, dir.path());
        assert!(load.status().unwrap().success());
        return assert!(report(dir.path()).calls > 250, "{:?}", report(dir.path()));
    };
    let [kind, seed, count, dir] = order.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let place = Path::new(dir).join("place");
    fs::create_dir(&place).unwrap();
    std::env::set_current_dir(&place).unwrap();
    if count != "0" {
        // A task sets its own alone.
        fs::write("/proc/thread-self/loginuid", AUID.to_string()).unwrap();
    }
    let (seed, count) = (seed.parse().unwrap(), count.parse().unwrap());
    let world = match kind {
        "Calls" => work(seed, count),
        _ => run_programs(seed, usize::try_from(count).unwrap()),
    };
    let mut text = format!("{}\n", call::counted());
    for ((what, which, errno), times) in world.notes {
        let error = std::io::Error::from_raw_os_error(errno);
        text += &format!("{what} {which}: {error}, {times} times\n");
    }
    fs::write(Path::new(dir).join("report"), text).unwrap();
}

/// One after the other, so that their events come in this order.
fn run_programs(seed: u64, count: usize) -> World {
    for vector in crate::argv::vectors(seed, count) {
        let vector: Vec<_> = vector.into_iter().map(odd::c).collect();
        let status = call::child(|| {
            call::exec(None, programs::TRUE, &vector, &[]);
        });
        assert_eq!(status, 0, "{vector:?}");
    }
    World::new(seed)
}

fn command(program: &Path, kind: Kind, seed: u64, count: u64, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", "load::process"]).stdout(Stdio::null());
    command.env(VARIABLE, format!("{kind:?} {seed} {count} {}", dir.display()));
    command
}

/// What the load says of itself.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) calls: u64,
    /// What the kernel refused that it need not.
    pub(crate) notes: String,
}

fn report(dir: &Path) -> Report {
    let text = fs::read_to_string(dir.join("report")).unwrap();
    let (calls, notes) = text.split_once('\n').unwrap();
    Report { calls: calls.parse().unwrap(), notes: notes.to_owned() }
}

/// Runs the load to its end.
pub(crate) fn run(kind: Kind, seed: u64, count: u64) -> Report {
    // On a file system that lasts, since a temporary one may know no attributes.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program: PathBuf = dir.path().join("load");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    assert!(command(&program, kind, seed, count, dir.path()).status().unwrap().success(), "the load failed");
    report(dir.path())
}

/// The rules for the load, in the kernel until they are dropped.
pub(crate) struct Rules {
    control: Control,
}

impl Rules {
    pub(crate) fn load() -> Self {
        let mut rules = Self { control: Control::open().unwrap() };
        rules.remove();
        for rule in all() {
            if let Err(error) = rules.control.request(AUDIT_ADD_RULE, &rule.emit().unwrap()) {
                // Kernels before 5.16 have no such list.
                assert!(rule.list == List::IO_URING, "{rule:?}: {error}");
                println!("no rule for io_uring: {error}");
            }
        }
        rules
    }

    fn remove(&mut self) {
        let mut own = Vec::new();
        let listed = self.control.dump(AUDIT_LIST_RULES, &mut |_, rule| {
            if rule.windows(MARK.len()).any(|part| part == MARK.as_bytes()) {
                own.push(rule.to_vec());
            }
        });
        listed.unwrap();
        for rule in own {
            if let Err(error) = self.control.request(AUDIT_DEL_RULE, &rule) {
                eprintln!("a rule of the test stays in the kernel: {error}");
            }
        }
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        self.remove();
    }
}

fn number(number: u32, op: Op, value: u32) -> Field {
    Field { number, op, value: Value::Number(value) }
}

fn rule(list: List, arch: Option<u32>, calls: &[libc::c_long], more: &[Field], keys: &[&str]) -> Rule {
    let mut mask = Mask::EMPTY;
    for call in calls {
        assert!(mask.set(u32::try_from(*call).unwrap()));
    }
    let mut fields: Vec<Field> = arch.map(|arch| number(field::ARCH, Op::EQUAL, arch)).into_iter().collect();
    fields.extend_from_slice(more);
    fields.push(number(field::LOGINUID, Op::EQUAL, AUID));
    let keys = [keys, &[MARK]].concat().join("\x01").into_bytes();
    fields.push(Field { number: field::FILTERKEY, op: Op::EQUAL, value: Value::Text(keys) });
    Rule { list, prepend: false, action: Action::ALWAYS, mask, fields }
}

fn all() -> Vec<Rule> {
    let [x86_64, i386] = ARCHES.map(Some);
    // PROT_EXEC in the third argument.
    let executable = number(field::ARG2, Op::BIT_MASK, 4);
    vec![
        rule(List::EXIT, x86_64, PROGRAMS, &[], &["exec", "two words"]),
        rule(List::EXIT, x86_64, FILES, &[], &[]),
        rule(List::EXIT, x86_64, MODES, &[], &[ODD_KEY]),
        rule(List::EXIT, x86_64, SOCKETS, &[], &["net"]),
        rule(List::EXIT, x86_64, OTHERS, &[], &[]),
        rule(List::EXIT, x86_64, &[libc::SYS_mmap, libc::SYS_mprotect], &[executable], &["code"]),
        // close, getpid
        rule(List::EXIT, i386, &[6, 20], &[], &["i386"]),
        // IORING_OP_OPENAT
        rule(List::IO_URING, None, &[18], &[], &["ring"]),
    ]
}
