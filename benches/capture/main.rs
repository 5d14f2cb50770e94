//! What an event costs: CPU, memory and the highest rate without loss, of the daemon beside a receiver that
//! throws everything away and beside Debian's auditd, alone and with laurel, on this machine's kernel, in one run.
//!
//! The load is a process that opens a path that does not exist: five records an event (SYSCALL, CWD, PATH,
//! PROCTITLE, EOE). Only this program's own calls are audited. Needs root and the packages auditd and laurel.
//! Environment: RINGAUDIT_BIN, the binary to measure; RINGAUDIT_BENCH, `cpu`, `outputs`, `memory`, `rate`
//! or `all` of these; or `top`, for a binary that has it.

mod kernel;
mod load;
mod measure;
mod outputs;
mod receivers;
#[allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#[path = "../../tests/top_live/terminal.rs"]
mod terminal;
mod top;

use kernel::Kernel;
use measure::{median, resident_kib};
use receivers::{Kind, Receiver};
use std::path::PathBuf;
use std::process::ExitCode;

/// The error of a bench is only ever printed.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Rounds of which the median is taken.
const ROUNDS: usize = 5;
/// Events a second, and events, of a round for CPU: a rate at which auditd loses nothing.
const CPU_LOAD: (u32, u32) = (10_000, 30_000);
/// Seconds at each rate, when the highest is looked for.
const RATE_SECONDS: u32 = 2;
/// The rate at which the loss is told for five seconds.
const STATED_RATE: u32 = 40_000;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let result = match words.next().as_deref() {
        Some(load::WORD) => load::run(words),
        Some(receivers::NULL_WORD) => receivers::null(),
        _ => bench(),
    };
    match result {
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
    let what = std::env::var("RINGAUDIT_BENCH").unwrap_or_else(|_| "all".to_owned());
    let mut kernel = Kernel::take()?;
    println!("binary: {} ({} bytes)", binary.display(), std::fs::metadata(&binary)?.len());
    if matches!(what.as_str(), "all" | "cpu") {
        cpu(&mut kernel, &binary)?;
    }
    if matches!(what.as_str(), "all" | "outputs") {
        outputs::bench(&mut kernel, &binary)?;
    }
    if matches!(what.as_str(), "all" | "memory") {
        memory(&mut kernel, &binary)?;
    }
    if matches!(what.as_str(), "all" | "rate") {
        stated_rate(&mut kernel, &binary)?;
        highest_rate(&mut kernel, &binary)?;
    }
    if what == "top" {
        top::bench(&mut kernel, &binary)?;
    }
    Ok(())
}

/// CPU of the receiver's own process for each event that it took.
fn cpu(kernel: &mut Kernel, binary: &std::path::Path) -> Result<()> {
    let (rate, events) = CPU_LOAD;
    println!("\nCPU per event, {events} events at {rate} a second, {ROUNDS} rounds in turn (microseconds)");
    let kinds = [Kind::Null, Kind::GoAudit, Kind::Json, Kind::Context, Kind::Auditd, Kind::Laurel];
    let mut costs = [const { Vec::new() }; 6];
    for _ in 0..ROUNDS {
        for (kind, costs) in kinds.iter().zip(&mut costs) {
            let mut receiver = Receiver::start(*kind, binary, kernel)?;
            let before = receiver.cpu()?;
            load::events(rate, events, 1)?;
            kernel.settle()?;
            receiver.settle()?;
            let used = receiver.cpu()? - before;
            let taken = receiver.stop(events)?;
            costs.push(used.as_secs_f64() * 1e6 / f64::from(taken.max(1)));
            if taken != events {
                println!("  {kind}: {taken} of {events} events");
            }
        }
    }
    let [null, go_audit, json, context, auditd, laurel] = costs.each_mut().map(|costs| median(costs));
    for (kind, costs) in kinds.iter().zip(&costs) {
        println!("  {kind:<16} {:7.2}   {costs:.2?}", median(&mut costs.clone()));
    }
    println!("  go-audit format / null receiver  {:5.2}   (at most 2.0)", go_audit / null);
    println!("  go-audit format / auditd         {:5.2}   (at most 0.35)", go_audit / auditd);
    println!("  json / null receiver             {:5.2}   (at most 2.5)", json / null);
    println!("  json / auditd + laurel           {:5.2}   (at most 0.15)", json / laurel);
    println!("  json with context / null         {:5.2}   (at most 4.0)", context / null);
    Ok(())
}

fn memory(kernel: &mut Kernel, binary: &std::path::Path) -> Result<()> {
    println!("\nresident memory with everything on (KiB; at most 3072, and the same after both)");
    let mut receiver = Receiver::start(Kind::Context, binary, kernel)?;
    println!("  at the start           {:6}", resident_kib(receiver.pid())?);
    load::events(20_000, 10_000, 1)?;
    kernel.settle()?;
    println!("  after    10,000 events {:6}", resident_kib(receiver.pid())?);
    load::events(30_000, 990_000, 1)?;
    kernel.settle()?;
    println!("  after 1,000,000 events {:6}", resident_kib(receiver.pid())?);
    let taken = receiver.stop(1_000_000)?;
    println!("  events in the file     {taken:6}");
    Ok(())
}

fn stated_rate(kernel: &mut Kernel, binary: &std::path::Path) -> Result<()> {
    let events = STATED_RATE * 5;
    println!("\n{events} events at {STATED_RATE} a second, backlog_wait_time 0, backlog_limit 8192");
    for kind in [Kind::Null, Kind::Json, Kind::Auditd] {
        let mut receiver = Receiver::start(kind, binary, kernel)?;
        let before = kernel.lost()?;
        let took = load::events(STATED_RATE, events, 1)?;
        kernel.settle()?;
        let lost = kernel.lost()? - before;
        let taken = receiver.stop(events)?;
        let reached = f64::from(events) / took.as_secs_f64();
        println!("  {kind:<16} {taken:7} events, {lost:7} records lost, {reached:6.0} a second reached");
    }
    Ok(())
}

/// The highest rate at which nothing is lost, of each in turn, medians of the rounds.
fn highest_rate(kernel: &mut Kernel, binary: &std::path::Path) -> Result<()> {
    println!(
        "\nhighest rate without loss, {RATE_SECONDS} s at each rate, backlog_wait_time 0, backlog_limit 8192"
    );
    let kinds = [Kind::Null, Kind::GoAudit, Kind::Json];
    let mut highest = [const { Vec::new() }; 3];
    for _ in 0..3 {
        for (kind, highest) in kinds.iter().zip(&mut highest) {
            highest.push(search(kernel, *kind, binary)?);
        }
    }
    for (kind, highest) in kinds.iter().zip(&highest) {
        println!("  {kind:<16} {:7.0} a second   {highest:.0?}", median(&mut highest.clone()));
    }
    let [null, go_audit, json] = highest.each_mut().map(|rates| median(rates));
    println!("  go-audit format / null receiver  {:5.2}   (at least 0.8)", go_audit / null);
    println!("  json / null receiver             {:5.2}   (at least 0.8)", json / null);
    Ok(())
}

/// Halves the distance between a rate without and one with loss until they are close. Where the load cannot
/// go faster, the rate that it reached counts. Without loss: the kernel lost no record, and the receiver's
/// file holds every event.
fn search(kernel: &mut Kernel, kind: Kind, binary: &std::path::Path) -> Result<f64> {
    let (mut good, mut bad) = (0.0f64, f64::INFINITY);
    let mut rate = 50_000.0f64;
    while bad - good > 3_000.0 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = rate as u32;
        let events = whole * RATE_SECONDS;
        let mut receiver = Receiver::start(kind, binary, kernel)?;
        let before = kernel.lost()?;
        let took = load::events(whole, events, 1)?;
        kernel.settle()?;
        let whole_file = receiver.stop(events)? == events;
        if kernel.lost()? == before && whole_file {
            let reached = f64::from(events) / took.as_secs_f64();
            good = good.max(reached);
            if reached < rate * 0.95 {
                return Ok(good);
            }
        } else {
            bad = rate;
        }
        rate = if bad.is_infinite() { rate * 1.3 } else { f64::midpoint(good, bad) };
    }
    Ok(good)
}
