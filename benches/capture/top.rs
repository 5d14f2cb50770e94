//! What `ringaudit top` costs: CPU of the daemon that nobody ever asked, of one that was asked before and that nobody
//! asks now, and of one beside `top` on a terminal, with that of `top` itself.

use crate::kernel::Kernel;
use crate::measure::{self, median};
use crate::receivers::{Kind, Receiver};
use crate::terminal::Terminal;
use crate::{ROUNDS, Result, load};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Events a second, and events of a round.
const LOAD: (u32, u32) = (5000, 30_000);
/// Columns and lines.
const SIZE: (u16, u16) = (120, 40);

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asker {
    Nobody,
    /// `top --once`, before the load.
    Before,
    /// `top`, a screen each second.
    Now,
}

const ASKERS: [(Asker, &str); 3] = [
    (Asker::Nobody, "never asked"),
    (Asker::Before, "asked before, nobody looks"),
    (Asker::Now, "top looks on"),
];

pub(crate) fn bench(kernel: &mut Kernel, binary: &Path) -> Result<()> {
    let (rate, events) = LOAD;
    println!(
        "\ntop, {events} events at {rate} a second, {ROUNDS} rounds in turn, microseconds of CPU an event"
    );
    let mut costs = [const { Vec::new() }; 3];
    let mut tops = Vec::new();
    let mut title = String::new();
    for _ in 0..ROUNDS {
        for ((asker, name), costs) in ASKERS.into_iter().zip(&mut costs) {
            let mut receiver = Receiver::start(Kind::Asked, binary, kernel)?;
            if asker == Asker::Before {
                once(binary, &receiver.socket())?;
            }
            let before = receiver.cpu()?;
            if asker == Asker::Now {
                let (used, shown) = looked_at(binary, &receiver.socket())?;
                tops.push(used.as_secs_f64() * 1e6 / f64::from(events));
                title = shown;
            } else {
                load::events(rate, events, 1)?;
            }
            kernel.settle()?;
            receiver.settle()?;
            let used = receiver.cpu()? - before;
            let taken = receiver.stop(events)?;
            costs.push(used.as_secs_f64() * 1e6 / f64::from(taken.max(1)));
            if taken != events {
                println!("  {name}: {taken} of {events} events");
            }
        }
    }
    let [never, before, now] = costs.each_mut().map(|costs| median(costs));
    for ((_, name), costs) in ASKERS.iter().zip(&costs) {
        println!("  {name:<27} {:7.2}   {costs:.2?}", median(&mut costs.clone()));
    }
    println!("  {:<27} {:7.2}   {tops:.2?}", "top itself", median(&mut tops.clone()));
    println!("  its last screen: {title}");
    println!("  nobody looks / never asked  {:5.3}", before / never);
    println!("  top looks on / never asked  {:5.3}", now / never);
    Ok(())
}

fn once(binary: &Path, socket: &Path) -> Result<()> {
    let output = Command::new(binary).args(["top", "--once", "-i", "0.5", "-s"]).arg(socket).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

/// Makes the load while `top` runs: its own CPU in that time, and the first line of its screen then.
fn looked_at(binary: &Path, socket: &Path) -> Result<(Duration, String)> {
    let (rate, events) = LOAD;
    let words = ["top".as_ref(), "-s".as_ref(), socket.as_os_str()];
    let mut top = Terminal::start(&binary.to_string_lossy(), &words, SIZE);
    let pid = top.pid();
    top.wait("a screen with an answer", |lines| lines.iter().any(|line| line.ends_with("; 1.0 s")));
    let (is_over, before) = (AtomicBool::new(false), measure::cpu(pid)?);
    let (used, title) = std::thread::scope(|scope| -> Result<_> {
        // Who reads the screen, as a terminal does; its CPU is not counted.
        let reader = scope.spawn(|| {
            loop {
                let title = top.look().swap_remove(0);
                if is_over.load(Ordering::Relaxed) {
                    return title;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let loaded = load::events(rate, events, 1);
        let used = measure::cpu(pid).map(|now| now - before);
        is_over.store(true, Ordering::Relaxed);
        let title = reader.join().map_err(|_| "the reader of the screen failed")?;
        loaded?;
        Ok((used?, title))
    })?;
    top.press("q");
    top.ended();
    Ok((used, title))
}
