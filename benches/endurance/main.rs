//! A day's events through `ringaudit replay`: is its memory flat, does it keep descriptors, are its counters exact?
//!
//! Distinct events (execve, openat, connect, a login) go as audit.log's lines into its standard input. It writes them
//! as JSON with all translations twice: into files that are rotated, and to standard output, where each
//! line's serial is looked at. Some are filtered, and some are too long for the files. No kernel is asked, and no root
//! needed. Environment: EVENTS, how many (1,000,000; a day of 579 a second is 50,000,000); RINGAUDIT_BIN, the binary.

mod events;
mod samples;

use events::{Event, Made};
use samples::Samples;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::thread;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Bytes that are written to the pipe at once.
const PIECE: usize = 64 * 1024;

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
    let count = std::env::var("EVENTS").ok().filter(|text| !text.is_empty());
    let count: u64 = count.map_or(Ok(1_000_000), |text| text.parse())?;
    println!("binary: {} ({} bytes)", binary.display(), fs::metadata(&binary)?.len());
    println!("{count} events of a day");
    let dir = tempfile::tempdir()?;
    let config = dir.path().join("config.toml");
    fs::write(&config, config_of(dir.path()))?;
    let mut command = Command::new(&binary);
    command.arg("replay").arg("-c").arg(&config).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (mut stdin, stdout) = (stdin.ok_or("no pipe")?, stdout.ok_or("no pipe")?);
    let reader = thread::spawn(move || read(stdout));
    let start = Instant::now();
    let mut samples = Samples::new(child.id(), count);
    let (mut made, mut text) = (Made::default(), String::with_capacity(2 * PIECE));
    for number in 0..count {
        Event::new(number, count).write(&mut text, &mut made)?;
        if text.len() >= PIECE {
            stdin.write_all(text.as_bytes())?;
            text.clear();
        }
        samples.look(number + 1)?;
    }
    stdin.write_all(text.as_bytes())?;
    samples.last()?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let took = start.elapsed().as_secs_f64();
    let seen = reader.join().map_err(|_| "the reader failed")??;
    let said = String::from_utf8(output.stderr)?;
    println!("{took:.1} s, {:.0} events a second, {} bytes read", count as f64 / took, made.bytes);
    println!("{}", said.trim_end());
    println!(
        "read from standard output: {} events, {} bytes; files that were begun: about {}",
        seen.events,
        seen.bytes,
        seen.bytes / (ROTATE_KIB * 1024)
    );
    samples.print();
    if !output.status.success() {
        return Err(format!("it ended with {}", output.status).into());
    }
    check(count, &made, &seen, &said)?;
    samples.check()
}

/// The size of a file, at which the next one is begun.
const ROTATE_KIB: u64 = 16 * 1024;

/// Files that have most events, and standard output that has all which are not filtered.
fn config_of(dir: &Path) -> String {
    format!(
        "[[filter]]\nname = \"monitoring\"\nexe = '{}'\n\
         [[output]]\ntype = \"file\"\npath = {:?}\nrotate_kib = {ROTATE_KIB}\nkeep = 2\nmax_line = {}\n\
         long_line = \"drop\"\n\
         [[output]]\ntype = \"stdout\"\n",
        events::FILTERED,
        dir.join("audit.jsonl"),
        events::LONG
    )
}

/// What came on standard output.
#[derive(Default)]
struct Seen {
    events: u64,
    bytes: u64,
    /// Of all serials.
    sum: u64,
}

/// Reads it to its end.
///
/// Errors: a line that has no serial, or one that is not larger than that before.
fn read(stdout: ChildStdout) -> Result<Seen> {
    let mut stdout = BufReader::with_capacity(PIECE, stdout);
    let (mut seen, mut last, mut line) = (Seen::default(), 0, Vec::new());
    while stdout.read_until(b'\n', &mut line)? > 0 {
        // {"ID":"1700000000.000:1"
        let id = line.get(7..).and_then(|rest| rest.split(|&byte| byte == b'"').next()).unwrap_or_default();
        let serial = std::str::from_utf8(id)?.split_once(':').map(|(_, serial)| serial.parse::<u64>());
        let serial = serial.ok_or_else(|| format!("no serial in {:?}", String::from_utf8_lossy(&line)))??;
        if serial <= last || line.last() != Some(&b'\n') {
            return Err(format!("after serial {last}: {:?}", String::from_utf8_lossy(&line)).into());
        }
        (last, seen.events, seen.sum) = (serial, seen.events + 1, seen.sum + serial);
        seen.bytes += line.len() as u64;
        line.clear();
    }
    Ok(seen)
}

/// Whether all that it says is what was made, and nothing is told that was not.
fn check(count: u64, made: &Made, seen: &Seen, said: &str) -> Result<()> {
    let Made { lines, filtered, long, kept_sum, .. } = made;
    let kept = count - filtered;
    let wanted = format!(
        "ringaudit: replayed; lines: {lines}, records: {lines}, events: {kept}, events filtered: {filtered}, \
         events not written: {long}\nringaudit: filters: \"monitoring\" dropped {filtered}\n"
    );
    // Fewer than it takes for one of a kind.
    let wanted = if *long == 0 { wanted.replace(", events not written: 0", "") } else { wanted };
    if said != wanted {
        return Err(format!("it was to say:\n{wanted}").into());
    }
    if (seen.events, seen.sum) != (kept, *kept_sum) {
        return Err(format!("{} events came, {filtered} are filtered, of {count}", seen.events).into());
    }
    println!(
        "events: {count} = {} written + {filtered} filtered; too long for the files: {long}, exact",
        seen.events
    );
    Ok(())
}
