//! How long rules take: 1,000 loaded by auditctl and by ringaudit in turn, one of them replaced, and what is captured
//! of a rule that stays meanwhile. Needs root, auditctl, a kernel without rules and without an audit daemon. All rules
//! but one name processes that do not exist. The kernel takes 12 ms to delete a rule, so a round takes half a minute.
//!
//! RINGAUDIT_BIN: the binary (default: the one of this build). RINGAUDIT_BENCH_ROUNDS: 5.
#![allow(clippy::indexing_slicing)]

use ringaudit::capture::control::Control;
use ringaudit::wire::status::Field;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const RULES: u32 = 1_000;
const EVENTS: u32 = 10_000;
/// Events a second while rules are replaced.
const RATE: u32 = 5_000;
const NOWHERE: &str = "/nonexistent/ringaudit";
/// The argument that makes this program the flood.
const FLOOD: &str = "flood";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(FLOOD) {
        flood();
        return ExitCode::SUCCESS;
    }
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Opens what is not there, so many times at so many a second.
fn flood() {
    let start = Instant::now();
    for made in 0..EVENTS {
        while start.elapsed() < Duration::from_secs(1) / RATE * made {
            std::thread::sleep(Duration::from_micros(100));
        }
        let _ = File::open(NOWHERE);
    }
}

/// This machine's rules and settings, given back as they were found.
struct Kernel {
    binary: PathBuf,
    control: Control,
    enabled: u32,
    _lock: File,
}

impl Kernel {
    fn take(binary: PathBuf) -> Result<Self> {
        let path = std::env::var_os("RINGAUDIT_TEST_LOCK")
            .map_or_else(|| PathBuf::from("/run/lock/ringaudit-live.lock"), PathBuf::from);
        let lock = File::create(&path)?;
        lock.lock()?;
        let mut control = Control::open()?;
        let status = control.status()?;
        if status.pid != 0 {
            return Err(format!("pid {} holds the audit socket: stop it first", status.pid).into());
        }
        let kernel = Self { binary, control, enabled: status.enabled, _lock: lock };
        let rules = kernel.rules(&["list"])?;
        if rules.trim() != "No rules" {
            return Err("the kernel has rules, which this would delete: take them away first".into());
        }
        Ok(kernel)
    }

    /// `ringaudit rules` with these words; gives its standard output.
    fn rules(&self, words: &[&str]) -> Result<String> {
        let output = Command::new(&self.binary).arg("rules").args(words).output()?;
        if !output.status.success() {
            return Err(format!("rules {words:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// How long a load takes that starts a process of its own, in ms.
    fn load(&self, path: &Path, with_auditctl: bool) -> Result<f64> {
        let mut command = Command::new(if with_auditctl { Path::new("auditctl") } else { &self.binary });
        if with_auditctl {
            command.arg("-R")
        } else {
            command.args(["rules", "load"])
        };
        let start = Instant::now();
        let output = command.arg(path).output()?;
        let took = start.elapsed().as_secs_f64() * 1000.0;
        if !output.status.success() {
            return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(took)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        if let Err(error) = self.rules(&["clear"]) {
            eprintln!("bench: rules stay in the kernel: {error}");
        }
        if let Err(error) = self.control.set(Field::Enabled, self.enabled) {
            eprintln!("bench: enabled is not put back: {error}");
        }
    }
}

/// The rules of a set; one in the middle has this key.
fn set(key: &str) -> Result<String> {
    let exe = std::env::current_exe()?;
    let mut text =
        format!("-a always,exit -F arch=b64 -S openat -F exe={} -F success=0 -k flood\n", exe.display());
    for n in 1..RULES {
        let call = ["openat", "execve,execveat", "unlinkat,renameat2", "connect"][n as usize % 4];
        let key = if n == RULES / 2 { key } else { "bench" };
        let pid = 4_194_304 + n;
        text += &format!("-a always,exit -F arch=b64 -S {call} -F pid={pid} -F auid>=1000 -k {key}\n");
    }
    Ok(text)
}

fn bench() -> Result<()> {
    let binary = std::env::var_os("RINGAUDIT_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ringaudit")), PathBuf::from);
    let rounds = std::env::var("RINGAUDIT_BENCH_ROUNDS").map_or(Ok(5), |text| text.parse())?;
    let dir = std::env::temp_dir().join(format!("ringaudit-bench-{}", std::process::id()));
    fs::create_dir(&dir)?;
    let result = measure(binary, rounds, &dir);
    fs::remove_dir_all(&dir)?;
    result
}

fn measure(binary: PathBuf, rounds: u32, dir: &Path) -> Result<()> {
    let sets = [dir.join("one.rules"), dir.join("other.rules")];
    fs::write(&sets[0], set("one")?)?;
    fs::write(&sets[1], set("other")?)?;
    let mut kernel = Kernel::take(binary)?;
    println!("binary: {} ({} bytes)", kernel.binary.display(), fs::metadata(&kernel.binary)?.len());
    let (mut auditctl, mut ours) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        auditctl.push(kernel.load(&sets[0], true)?);
        kernel.rules(&["clear"])?;
        ours.push(kernel.load(&sets[0], false)?);
        if round < rounds {
            kernel.rules(&["clear"])?;
        }
    }
    tell("loaded by auditctl -R", &mut auditctl);
    tell("loaded by rules load", &mut ours);
    let again = kernel.load(&sets[0], false)?;
    println!("the same rules again: {again:.1} ms");
    let mut times = Vec::new();
    for round in 0..10 {
        times.push(kernel.load(&sets[(round + 1) % 2], false)?);
    }
    tell("of which one is replaced, alone", &mut times);
    replace(&mut kernel, &sets, dir)
}

/// Replaces one rule again and again while another one's events come.
fn replace(kernel: &mut Kernel, sets: &[PathBuf; 2], dir: &Path) -> Result<()> {
    let (config, log) = (dir.join("config.toml"), dir.join("log"));
    let text = format!("[[output]]\ntype = \"file\"\nformat = \"go-audit\"\npath = '{}'\n", log.display());
    fs::write(&config, text)?;
    let mut daemon = Command::new(&kernel.binary).arg("-c").arg(&config).stderr(Stdio::null()).spawn()?;
    let result = replace_under(kernel, sets, &mut daemon);
    let _ = Command::new("kill").arg(daemon.id().to_string()).status()?;
    daemon.wait()?;
    tell("of which one is replaced, with events", &mut result?);
    let captured = fs::read_to_string(&log)?.matches(&format!("name=\\\"{NOWHERE}\\\"")).count();
    println!("captured meanwhile of a rule that stays: {captured} of {EVENTS} events");
    Ok(())
}

/// Says how long something took.
fn tell(how: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    println!(
        "{RULES} rules {how}, {} times: fastest {:.1} ms, median {:.1} ms, longest {:.1} ms",
        times.len(),
        times[0],
        times[times.len() / 2],
        times[times.len() - 1]
    );
}

fn replace_under(kernel: &mut Kernel, sets: &[PathBuf; 2], daemon: &mut Child) -> Result<Vec<f64>> {
    while kernel.control.status()?.pid != daemon.id() {
        if daemon.try_wait()?.is_some() {
            return Err("the daemon ended".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(200));
    let mut times = Vec::new();
    let mut flood = Command::new(std::env::current_exe()?).arg(FLOOD).spawn()?;
    while flood.try_wait()?.is_none() {
        times.push(kernel.load(&sets[(times.len() + 1) % 2], false)?);
    }
    while kernel.control.status()?.backlog > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(500));
    Ok(times)
}
