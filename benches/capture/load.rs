//! The load: a process that opens a path that does not exist, at a rate.

use crate::Result;
use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

/// The first word of the command line that makes this program the load.
pub(crate) const WORD: &str = "load";
/// How often the load goes on, at a rate.
const TICK: Duration = Duration::from_millis(1);

/// Makes so many events at so many a second in `processes` processes together (each its share); gives the
/// time that it took.
pub(crate) fn events(rate: u32, count: u32, processes: u32) -> Result<Duration> {
    let exe = std::env::current_exe()?;
    let start = Instant::now();
    let mut children = Vec::new();
    for _ in 0..processes {
        let mut command = Command::new(&exe);
        command.args([WORD, &(rate / processes).to_string(), &(count / processes).to_string()]);
        children.push(command.spawn()?);
    }
    for mut child in children {
        if !child.wait()?.success() {
            return Err("the load failed".into());
        }
    }
    Ok(start.elapsed())
}

/// The process itself: `load RATE COUNT`; a rate of 0 is flat out.
pub(crate) fn run(mut words: impl Iterator<Item = String>) -> Result<()> {
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).ok_or("load RATE COUNT");
    let (rate, count) = (number()?, number()?);
    let start = Instant::now();
    let mut made = 0;
    while made < count {
        let due = if rate == 0 {
            u128::from(count)
        } else {
            (start.elapsed() + TICK).as_micros() * u128::from(rate) / 1_000_000
        };
        while u128::from(made) < due && made < count {
            if File::open("/nonexistent/ringaudit").is_ok() {
                return Err("/nonexistent/ringaudit exists".into());
            }
            made += 1;
        }
        if made < count {
            std::thread::sleep(TICK / 2);
        }
    }
    Ok(())
}
