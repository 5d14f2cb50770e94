//! How fast a log is read: `ringaudit replay` to json with all translations, beside Debian's laurel on the same
//! 50 MB of distinct events, each the median of its rounds, and the memory of ours on that file and on one ten
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
/// Rounds of ours, and of laurel, which takes minutes.
const ROUNDS: (usize, usize) = (5, 1);

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
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("audit.log");
    let events = write_log(&log, SIZE)?;
    println!("binary: {}\na log of {SIZE} bytes, {events} events", binary.display());
    let mut ours: Vec<_> =
        (0..ROUNDS.0).map(|_| replay(&binary, &log, dir.path(), events)).collect::<Result<_>>()?;
    ours.sort();
    let mut laurels: Vec<_> =
        (0..ROUNDS.1).map(|_| laurel(&log, dir.path(), events)).collect::<Result<_>>()?;
    laurels.sort();
    let (ours, laurel) = (ours[ours.len() / 2], laurels[laurels.len() / 2]);
    for (name, time) in [("ringaudit replay", ours), ("laurel", laurel)] {
        let rate = SIZE as f64 / 1e6 / time.0.as_secs_f64();
        println!(
            "  {name:<17} {:8.3} s  {rate:7.1} MB/s  {:6} KiB resident at most",
            time.0.as_secs_f64(),
            time.1
        );
    }
    println!(
        "  laurel / ringaudit, CPU time {:6.1}   (at least 50)",
        laurel.0.as_secs_f64() / ours.0.as_secs_f64()
    );
    let long = dir.path().join("long.log");
    let events = write_log(&long, 10 * SIZE)?;
    let (_, memory) = replay(&binary, &long, dir.path(), events)?;
    println!("  ringaudit replay of {} bytes: {memory} KiB resident at most", 10 * SIZE);
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
fn write_log(path: &Path, size: u64) -> Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut written, mut events, mut text) = (0, 0u64, String::new());
    while written < size {
        text.clear();
        event(events, &mut text)?;
        file.write_all(text.as_bytes())?;
        written += text.len() as u64;
        events += 1;
    }
    file.flush()?;
    Ok(events)
}

fn event(number: u64, text: &mut String) -> Result<()> {
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
        kind @ (2 | 3) => {
            let arguments = if kind == 2 { 4 } else { 120 };
            write!(text, "type=EXECVE {stamp} argc={arguments} a0=\"load\"")?;
            for argument in 1..arguments {
                if argument % 7 == 3 {
                    write!(text, " a{argument}=2D2D6F7074696F6E3D612062{:08X}", number + argument)?;
                } else {
                    write!(text, " a{argument}=\"--argument={}\"", number + argument)?;
                }
            }
            text.push('\n');
        }
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
