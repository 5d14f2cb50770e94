//! What the kernel says that a process used. Source: proc(5), Documentation/scheduler/sched-stats.rst.

use crate::Result;
use std::fs;
use std::time::Duration;

/// CPU time of all threads of a process, to the nanosecond (the first figure of schedstat).
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().ok_or("schedstat is empty")?;
        sum += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

/// Calls that write, and bytes that go to devices (`syscw` and `write_bytes` of /proc/PID/io, proc(5)).
pub(crate) fn io(pid: u32) -> Result<(f64, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let field = |name: &str| -> Result<f64> {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        Ok(value.ok_or("no such figure in /proc/PID/io")?.trim().parse()?)
    };
    Ok((field("syscw")?, field("write_bytes")?))
}

/// Resident memory (VmRSS), in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The middle one; of none, not a number.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
