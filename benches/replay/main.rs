//! How fast a log is read: `ringaudit replay` to json with all translations, beside Debian's laurel on the same
//! 50 MB of distinct events, and the memory of ours on that file and on one ten
//! times as long. No kernel is asked, and no root needed; needs the package laurel.
//! Environment: RINGAUDIT_BIN, the binary to measure.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Bytes of the log that both read.
const SIZE: u64 = 50_000_000;
/// Rounds of ours; laurel has one, which takes long enough.
const ROUNDS: usize = 5;
/// The logs: what they are, what is long in them, and what is to be shown.
const LOGS: [(&str, Long, &str); 3] = [
    ("mixed, command lines of up to 120 arguments", Long::Arguments(120), ""),
    ("rich in command lines of 3000 arguments", Long::Arguments(3000), ""),
    ("rich in long command lines, sh -c SCRIPT of 60 KB", Long::Script(60_000), "(at least 50)"),
];
/// Bytes of fields in one EXECVE record, at most, as the kernel cuts them.
const RECORD: usize = 7500;

/// The long command line that every fourth event has.
#[derive(Clone, Copy)]
enum Long {
    /// So many arguments.
    Arguments(u64),
    /// One argument of so many bytes, with blanks in it: the kernel sends it in hex, in pieces.
    Script(usize),
}

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    let binary = std::env::var_os("RINGAUDIT_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ringaudit")), PathBuf::from);
    println!("binary: {}", binary.display());
    for (what, long, bound) in LOGS {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("audit.log");
        let events = write_log(&log, SIZE, long)?;
        println!("\n{what}: {SIZE} bytes, {events} events");
        let mut ours = Vec::new();
        for _ in 0..ROUNDS {
            ours.push(replay(&binary, &log, dir.path(), events)?);
        }
        ours.sort();
        let (ours, laurel) = (ours[ROUNDS / 2], laurel(&log, dir.path(), events)?);
        for (name, (time, memory)) in [("ringaudit replay", ours), ("laurel", laurel)] {
            let (seconds, rate) = (time.as_secs_f64(), SIZE as f64 / 1e6 / time.as_secs_f64());
            println!("  {name:<17} {seconds:8.3} s  {rate:7.1} MB/s  {memory:6} KiB resident at most");
        }
        println!(
            "  laurel / ringaudit, CPU time {:6.1}   {bound}",
            laurel.0.as_secs_f64() / ours.0.as_secs_f64()
        );
        let events = write_log(&log, 10 * SIZE, long)?;
        let (_, memory) = replay(&binary, &log, dir.path(), events)?;
        println!("  ringaudit replay of {} bytes: {memory} KiB resident at most", 10 * SIZE);
    }
    Ok(())
}

/// CPU time and the most resident memory, in KiB, of one run.
fn measured(mut command: Command) -> Result<(Duration, u64)> {
    let mut child = command.spawn()?;
    let (mut cpu, mut memory) = (Duration::ZERO, 0);
    let started = Instant::now();
    // The last look before it ends is at most some milliseconds short; its own clock says the rest.
    while child.try_wait()?.is_none() {
        let of = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
        if let Some(time) = of("schedstat").split(' ').next().and_then(|text| text.parse().ok()) {
            cpu = cpu.max(Duration::from_nanos(time));
        }
        let high = of("status").lines().find_map(|line| line.strip_prefix("VmHWM:").map(str::to_owned));
        memory = high.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(memory);
        std::thread::sleep(Duration::from_millis(1));
    }
    let wall = started.elapsed();
    if !child.wait()?.success() {
        return Err("it failed".into());
    }
    // One thread does the work in both, so that CPU time is at most the time on the wall.
    Ok((cpu.min(wall), memory))
}

fn replay(binary: &Path, log: &Path, dir: &Path, events: u64) -> Result<(Duration, u64)> {
    let out = dir.join("ringaudit.json");
    let mut command = Command::new(binary);
    command.arg("replay").arg(log).stdout(File::create(&out)?).stderr(Stdio::null());
    let taken = measured(command)?;
    check(&out, events)?;
    Ok(taken)
}

fn laurel(log: &Path, dir: &Path, events: u64) -> Result<(Duration, u64)> {
    let config = dir.join("laurel.toml");
    let text = "user = \"root\"\ninput = \"stdin\"\n[auditlog]\nfile = \"laurel.json\"\nsize = 4000000000\n\
                [translate]\nuniversal = true\nuser-db = true\n";
    fs::write(&config, format!("directory = {dir:?}\n{text}"))?;
    let mut command = Command::new("laurel");
    command.arg("--config").arg(&config).stdin(File::open(log)?).stdout(Stdio::null()).stderr(Stdio::null());
    let taken = measured(command).map_err(|error| format!("laurel (Debian's package): {error}"))?;
    check(&dir.join("laurel.json"), events)?;
    Ok(taken)
}

fn check(out: &Path, events: u64) -> Result<()> {
    let lines = fs::read(out)?.split(|&b| b == b'\n').filter(|line| !line.is_empty()).count() as u64;
    fs::remove_file(out)?;
    if lines == events { Ok(()) } else { Err(format!("{lines} lines for {events} events").into()) }
}

/// Events of four kinds in turn, all different: a failing openat, a connect, a short and a long command line.
fn write_log(path: &Path, size: u64, long: Long) -> Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut written, mut events, mut text) = (0, 0u64, String::new());
    while written < size {
        text.clear();
        event(events, long, &mut text)?;
        file.write_all(text.as_bytes())?;
        written += text.len() as u64;
        events += 1;
    }
    file.flush()?;
    Ok(events)
}

fn event(number: u64, long: Long, text: &mut String) -> Result<()> {
    let stamp =
        format!("msg=audit({}.{:03}:{}):", 1_700_000_000 + number / 20_000, number / 20 % 1000, number + 1);
    let (pid, call) = (1000 + number % 30_000, [257, 42, 59, 59][(number % 4) as usize]);
    writeln!(
        text,
        "type=SYSCALL {stamp} arch=c000003e syscall={call} success=yes exit=0 a0={number:x} a1=7ffd1c23a0b0 a2=80000 \
         a3=0 items=1 ppid={} pid={pid} auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 \
         tty=(none) ses=4294967295 comm=\"load{}\" exe=\"/usr/bin/load{}\" key=\"bench\"",
        pid - 1,
        number % 100,
        number % 100
    )?;
    match number % 4 {
        1 => writeln!(
            text,
            "type=SOCKADDR {stamp} saddr=0200{:04X}0A0000{:02X}0000000000000000",
            number % 65536,
            number % 256
        )?,
        2 => arguments(number, 4, &stamp, text)?,
        3 => match long {
            Long::Arguments(count) => arguments(number, count, &stamp, text)?,
            Long::Script(len) => script(number, len, &stamp, text)?,
        },
        _ => {}
    }
    writeln!(text, "type=CWD {stamp} cwd=\"/srv/data{}\"", number % 1000)?;
    writeln!(
        text,
        "type=PATH {stamp} item=0 name=\"/srv/data/file{number}\" inode={} dev=fe:00 mode=0100644 ouid=0 ogid=0 \
         rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
        number + 100
    )?;
    writeln!(text, "type=PROCTITLE {stamp} proctitle=6C6F6164002D2D6E3D{number:08X}")?;
    Ok(())
}

/// A command line of `count` arguments, each seventh in hex, over as many records as it takes.
fn arguments(number: u64, count: u64, stamp: &str, text: &mut String) -> Result<()> {
    let mut record = format!("argc={count} a0=\"load\"");
    for argument in 1..count {
        if record.len() > RECORD - 50 {
            writeln!(text, "type=EXECVE {stamp} {record}")?;
            record.clear();
        } else {
            record.push(' ');
        }
        if argument % 7 == 3 {
            write!(record, "a{argument}=2D2D6F7074696F6E3D612062{:08X}", number + argument)?;
        } else {
            write!(record, "a{argument}=\"--argument={}\"", number + argument)?;
        }
    }
    writeln!(text, "type=EXECVE {stamp} {record}")?;
    Ok(())
}

/// `sh -c SCRIPT`
fn script(number: u64, len: usize, stamp: &str, text: &mut String) -> Result<()> {
    let line = format!("echo step {number} of the script && ");
    let hex: String = line.bytes().cycle().take(len).map(|byte| format!("{byte:02X}")).collect();
    writeln!(text, "type=EXECVE {stamp} argc=3 a0=\"sh\" a1=\"-c\" a2_len={}", hex.len())?;
    let mut rest = hex.as_str();
    for piece in 0.. {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at(rest.len().min(RECORD - 20));
        writeln!(text, "type=EXECVE {stamp} a2[{piece}]={now}")?;
        rest = later;
    }
    Ok(())
}
