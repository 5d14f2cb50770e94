//! The daemon whose counts are compared: a small ring, an output for each way to lose an event, a witness that loses
//! nothing, and a load that is counted.

use crate::answer::{Answer, Rest};
use crate::daemon::{Daemon, lines, losses};
use crate::machine::{Machine, wait};
use crate::pipe::Pipe;
use crate::witness::{MARKER, MESSAGE, Seen, Witness};
use ringaudit::capture::control::Control;
use ringaudit::wire::Transport;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// AUDIT_USER_LOGIN, linux/audit.h: an event by itself.
const USER_LOGIN: u16 = 1112;
/// Users of whom this machine has no process: of what is kept from all outputs, from one, and of what is executed.
pub(crate) const FOR_ALL: u32 = 65_530;
pub(crate) const FOR_ONE: u32 = 65_531;
const EXECUTED: u32 = 65_532;
/// `event.timeout_ms`.
const TIMEOUT_MS: u64 = 500;
/// Events that fit the socket with their records, whatever the reader does.
const CHUNK: u32 = 2_000;
/// Events that fit the backlog.
const AT_ONCE: u32 = 10_000;
/// The receive buffer, of which the kernel gives twice as much.
const RECEIVE_KIB: u32 = 8_192;
/// Bytes of a message, and of the socket that it takes at least.
const MESSAGE_LEN: usize = 1_000;
const MESSAGE_TAKES: u32 = 1_500;
/// `max_line` of the outputs that have one.
pub(crate) const MAX_PICKY: u32 = 900;
pub(crate) const MAX_CUT: u32 = 256;
/// A command line that is longer than `event.max_kib` by far.
const ARGUMENT: usize = 60_000;

pub(crate) struct Scene {
    pub(crate) machine: Machine,
    pub(crate) daemon: Daemon,
    control: Control,
    rest: Rest,
    witness: Witness,
    markers: u32,
    /// What was when the last phase ended, or the last pause.
    before: Before,
    /// Holds the writer when it is stopped.
    pub(crate) gate: Pipe,
    /// Its output drops when it is stopped.
    pub(crate) stuck: Pipe,
}

struct Before {
    answer: Answer,
    lost: u32,
    piped: [u64; 2],
}

/// What happened between two answers: these, the lines that came, what the kernel says that it lost, and the lines
/// that the pipes got.
pub(crate) struct Phase {
    pub(crate) before: Answer,
    pub(crate) after: Answer,
    pub(crate) seen: Seen,
    pub(crate) lost: u64,
    pub(crate) piped: [u64; 2],
    /// How long the load took.
    pub(crate) time: Duration,
    pub(crate) log: PathBuf,
}

fn config(dir: &Path, machine: &Machine) -> String {
    let shown = |name: &str| dir.join(name).display().to_string();
    let file = |name: &str, path: &str, more: &str| {
        format!(
            "[[output]]\ntype = 'file'\nname = '{name}'\nformat = 'go-audit'\npath = '{}'\n{more}\n",
            shown(path)
        )
    };
    let waits = "overflow = 'wait'\nqueue_kib = 16384\n";
    [
        format!("[status]\nsocket = '{}'\n", shown("socket")),
        format!("[kernel]\nbacklog_limit = 131072\nreceive_buffer_kib = {RECEIVE_KIB}\n"),
        format!("[ring]\nsize_kib = 64\n[event]\ntimeout_ms = {TIMEOUT_MS}\nmax_kib = 16\ntypes = [1100, 1326]\n"),
        format!("[rules]\nat_exit = 'remove'\nlines = ['{}', '{}']\n", machine.flood.rule(), execution_rule(machine)),
        format!("[[filter]]\nname = 'all'\nuid = {FOR_ALL}\n"),
        format!("[[filter]]\nname = 'one'\nuid = {FOR_ONE}\noutputs = ['picky']\n"),
        file("gate", "gate", "overflow = 'wait'\nqueue_kib = 64\n"),
        file("stuck", "stuck", "queue_kib = 64\n"),
        file("picky", "picky", &format!("{waits}max_line = {MAX_PICKY}\nlong_line = 'drop'\n")),
        file("cut", "cut", &format!("{waits}max_line = {MAX_CUT}\n")),
        "[[output]]\ntype = 'stdout'\nname = 'gone'\nformat = 'go-audit'\n".to_owned(),
        format!(
            "[[output]]\ntype = 'unix'\nname = 'nobody'\nformat = 'go-audit'\nqueue_kib = 64\naddress = '{}'\n",
            shown("nobody")
        ),
        file("witness", "log", waits),
    ]
    .concat()
}

fn execution_rule(machine: &Machine) -> String {
    let exe = machine.flood.path().display();
    format!("-a always,exit -F arch=b64 -S execve -F exe={exe} -F uid={EXECUTED} -k x")
}

/// Executes the flood's program with arguments that are too long for the event's space.
fn execute(machine: &Machine) {
    let mut command = Command::new(machine.flood.path());
    command.arg("--help").arg("x".repeat(ARGUMENT)).uid(EXECUTED).env_remove("LD_LIBRARY_PATH");
    assert!(command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().success());
}

/// How many records the kernel sends for one execution, its end among them: as a daemon with enough space has them.
pub(crate) fn records_of_an_execution(machine: &mut Machine) -> u64 {
    let rules = format!("[rules]\nat_exit = 'remove'\nlines = ['{}']\n", execution_rule(machine));
    let mut daemon = Daemon::start(machine, &rules);
    execute(machine);
    assert_eq!(daemon.stop().code, Some(0));
    let lines = lines(&daemon.log);
    assert_eq!(losses(&lines), Vec::<String>::new());
    let is_one = |records: &&Vec<serde_json::Value>| records.iter().any(|record| record["type"] == 1309);
    let mut all = lines.iter().map(|line| line["messages"].as_array().unwrap()).filter(is_one);
    all.next().unwrap().len() as u64 + 1
}

impl Scene {
    pub(crate) fn start(mut machine: Machine) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [gate, stuck] = ["gate", "stuck"].map(|name| Pipe::new(&dir.path().join(name)));
        let text = config(dir.path(), &machine);
        let mut daemon = Daemon::start_in(&mut machine, dir, "", |command| {
            let path = PathBuf::from(command.get_args().last().unwrap());
            fs::write(path, text).unwrap();
            command.stdout(Stdio::piped());
        });
        // Its reader has gone.
        drop(daemon.child().stdout.take());
        let rest = Rest::new(daemon.dir.path().join("socket"), TIMEOUT_MS);
        let (control, mut witness) = (Control::open().unwrap(), Witness::new(&daemon.log));
        let before = Before {
            answer: rest.answer(),
            lost: machine.status().lost,
            piped: [gate.lines(), stuck.lines()],
        };
        witness.look(&mut Seen::default());
        Self { machine, daemon, control, rest, witness, markers: 0, before, gate, stuck }
    }

    /// Does something that is no part of a phase.
    pub(crate) fn pause(&mut self, act: impl FnOnce(&mut Self)) -> Seen {
        act(self);
        let mut seen = Seen::default();
        self.before = self.now(&mut seen);
        seen
    }

    /// What is, at rest.
    fn now(&mut self, seen: &mut Seen) -> Before {
        let answer = self.rest.answer();
        self.witness.look(seen);
        Before { answer, lost: self.machine.status().lost, piped: [self.gate.lines(), self.stuck.lines()] }
    }

    /// Does something between two answers at rest; a marker comes first and last.
    pub(crate) fn phase(&mut self, act: impl FnOnce(&mut Self, &mut Seen)) -> Phase {
        let (mut seen, start) = (Seen::default(), Instant::now());
        self.mark(&mut seen);
        act(self, &mut seen);
        self.mark(&mut seen);
        let time = start.elapsed();
        let now = self.now(&mut seen);
        let phase = Phase {
            before: self.before.answer.clone(),
            after: now.answer.clone(),
            seen,
            lost: (now.lost - self.before.lost).into(),
            piped: [now.piped[0] - self.before.piped[0], now.piped[1] - self.before.piped[1]],
            time,
            log: self.daemon.log.clone(),
        };
        self.before = now;
        phase
    }

    /// Sends a marker when the kernel holds nothing any more.
    fn send_mark(&mut self) {
        self.handed_over();
        self.markers += 1;
        let text = format!("{MARKER}{}\0", self.markers);
        self.control.request(USER_LOGIN, text.as_bytes()).unwrap();
    }

    /// Sends a marker and waits for it, and so for all that came before.
    fn mark(&mut self, seen: &mut Seen) {
        self.send_mark();
        let Self { witness, markers, daemon, .. } = self;
        wait("the marker", || {
            witness.look(seen);
            assert!(daemon.child().try_wait().unwrap().is_none(), "{}", daemon.stderr());
            seen.marker == *markers
        });
    }

    /// So many events, of this user, with pauses in which all of them come through.
    pub(crate) fn flood(&mut self, seen: &mut Seen, count: u32, uid: Option<u32>) {
        let mut made = 0;
        while made < count {
            let chunk = CHUNK.min(count - made);
            self.flood_at_once(chunk, uid);
            self.mark(seen);
            made += chunk;
        }
    }

    /// So many, as fast as the kernel hands them over.
    pub(crate) fn flood_at_once(&mut self, count: u32, uid: Option<u32>) {
        let mut made = 0;
        while made < count {
            let chunk = AT_ONCE.min(count - made);
            let mut flood = match uid {
                None => self.machine.flood.start(chunk, 0),
                Some(uid) => self.flood_by(uid, chunk),
            };
            assert!(flood.wait().unwrap().success());
            self.handed_over();
            made += chunk;
        }
    }

    /// The flood, by another user.
    fn flood_by(&self, uid: u32, count: u32) -> Child {
        let mut command = Command::new(self.machine.flood.path());
        // As `Flood::start` has it.
        command.args(["--exact", "flood::process"]).env("RINGAUDIT_TEST_FLOOD", format!("{count} 0"));
        command.env_remove("LD_LIBRARY_PATH").stdout(Stdio::null()).uid(uid).spawn().unwrap()
    }

    /// Waits until the kernel holds nothing any more.
    fn handed_over(&mut self) {
        wait("an empty backlog", || self.machine.status().backlog == 0);
    }

    /// As many messages as push all that was before them out of a socket that is full; gives how many.
    pub(crate) fn push_out(&mut self) -> u64 {
        let count = RECEIVE_KIB * 2 * 1024 / MESSAGE_TAKES;
        let text = format!("{MESSAGE} {}\0", "x".repeat(MESSAGE_LEN));
        for _ in 0..count {
            self.control.request(USER_LOGIN, text.as_bytes()).unwrap();
        }
        self.handed_over();
        count.into()
    }

    pub(crate) fn execute(&self) {
        execute(&self.machine);
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer::of(&self.daemon.dir.path().join("socket"))
    }
}
