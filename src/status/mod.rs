//! What the daemon tells of itself: to who asks for `status`, and unasked at a fixed interval.

mod counters;
mod document;
mod periodic;
#[cfg(test)]
mod schema;

use crate::ask::Reply;
use crate::cli::Form;
use crate::config::Source;
use crate::daemon::Running;
use crate::stats::{OutputStats, Stats};
use crate::troubles;
use crate::wire::tables::record_type_name;
use crate::{config, log};
use counters::{COUNTERS, OUTPUT};
use document::{Row, Section, counter, fact, gauge};
pub(crate) use periodic::Periodic;
use std::time::{Instant, SystemTime};

/// The answer to `status`, in the form that is asked for.
pub(crate) fn answer(running: &mut Running<'_>, form: &str) -> Reply {
    let form = match form {
        "" => Form::Table,
        "json" => Form::Json,
        "prometheus" => Form::Prometheus,
        _ => {
            return Reply::Failed(format!(
                "unknown form {}; \"json\" and \"prometheus\" are known",
                config::quoted(form)
            ));
        }
    };
    Reply::Done(document::write(&sections(running), form))
}

/// The document. What else the daemon knows of itself is a further section.
fn sections(running: &mut Running<'_>) -> Vec<Section> {
    vec![
        daemon(running),
        kernel(running),
        way(running),
        types(running),
        filters(running),
        outputs(running),
        #[cfg(feature = "sandbox")]
        sandbox(),
        last_errors(),
    ]
}

fn daemon(running: &Running<'_>) -> Section {
    let uptime = running.since.elapsed().as_secs();
    let age = config_age(&running.source);
    let is_newer = age.map(|age| u64::from(age < running.read.elapsed().as_secs()));
    let (resident, peak) = memory();
    Section {
        name: "daemon",
        prefix: "",
        label: "",
        metrics: vec![
            fact("pid", "The process."),
            gauge("uptime_seconds", "Seconds since it began to capture."),
            gauge("config_age_seconds", "Seconds since the config file was changed last."),
            gauge("config_changed", "1: the config file was changed since it was read."),
            gauge("resident_memory_bytes", "Memory in use."),
            gauge("resident_memory_peak_bytes", "The most that was in use."),
        ],
        rows: vec![Row {
            texts: vec![
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("config", running.source.to_string()),
            ],
            values: vec![Some(std::process::id().into()), Some(uptime), age, is_newer, resident, peak],
            ..Row::default()
        }],
    }
}

/// Seconds since the config's file was changed; none where there is no file, or the clock was set back meanwhile.
fn config_age(source: &Source) -> Option<u64> {
    let Source::File(path) = source else { return None };
    let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    SystemTime::now().duration_since(changed).ok().map(|age| age.as_secs())
}

/// Resident memory now and at most, in bytes (VmRSS and VmHWM, proc_pid_status(5)).
fn memory() -> (Option<u64>, Option<u64>) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    (kib("VmRSS:").map(|kib| kib * 1024), kib("VmHWM:").map(|kib| kib * 1024))
}

fn kernel(running: &mut Running<'_>) -> Section {
    let status = running.registration.status().map_err(|error| {
        log::kernel::warning(format_args!("failed to ask the kernel for its audit status: {error}"));
    });
    let status = status.ok();
    let of =
        |value: fn(&crate::wire::status::Status) -> u32| status.as_ref().map(|status| value(status).into());
    let is_ours = status.as_ref().map(|status| u64::from(status.pid == std::process::id()));
    let wait = status.as_ref().and_then(|status| status.backlog_wait_time);
    Section {
        name: "kernel",
        prefix: "kernel_",
        label: "",
        metrics: vec![
            gauge("enabled", "Auditing is off (0), on (1), or on and locked until the next boot (2)."),
            gauge("failure", "When a record is lost: nothing (0), a line in the kernel log (1), panic (2)."),
            fact("pid", "The process that gets the records; 0 is nobody."),
            gauge("registered", "1: that is this daemon."),
            gauge("rate_limit_records", "Records a second that the kernel lets through; 0 is no limit."),
            gauge("backlog_limit_records", "Records that may wait in the kernel; 0 is no limit."),
            gauge("backlog_records", "Records that wait there now."),
            gauge("backlog_wait_jiffies", "How long an audited process may be made to wait for room there."),
            counter("lost_since_boot_records", "Records that the kernel lost since its boot."),
        ],
        rows: vec![Row {
            values: vec![
                of(|status| status.enabled),
                of(|status| status.failure),
                of(|status| status.pid),
                is_ours,
                of(|status| status.rate_limit),
                of(|status| status.backlog_limit),
                of(|status| status.backlog),
                wait.map(u64::from),
                of(|status| status.lost),
            ],
            ..Row::default()
        }],
    }
}

/// Each counter of a record's way, by the name that it has in the answer.
pub fn counters(stats: &Stats) -> Vec<(&'static str, u64)> {
    COUNTERS.iter().map(|(metric, value)| (metric.name, value(stats))).collect()
}

/// An output's; `reason` tells several of one name apart, and is empty for the others: (name, reason, value).
pub fn output_counters(stats: &OutputStats) -> Vec<(&'static str, &'static str, u64)> {
    OUTPUT.iter().map(|(metric, value)| (metric.name, metric.reason, value(stats))).collect()
}

fn way(running: &Running<'_>) -> Section {
    let mut metrics: Vec<_> = COUNTERS.iter().map(|(metric, _)| *metric).collect();
    let mut values: Vec<_> = COUNTERS.iter().map(|(_, value)| Some(value(running.stats))).collect();
    metrics.push(gauge("ring_bytes", "The ring's size."));
    values.push(Some(u64::from(running.config.ring.size_kib) * 1024));
    Section { name: "counters", prefix: "", label: "", metrics, rows: vec![Row { values, ..Row::default() }] }
}

fn types(running: &Running<'_>) -> Section {
    let types = &running.stats.types;
    let name = |kind| record_type_name(kind).map_or_else(|| format!("UNKNOWN[{kind}]"), str::to_owned);
    let row = |is, count| Row { is, values: vec![Some(count)], ..Row::default() };
    let mut rows: Vec<_> = types.each().into_iter().map(|(kind, count)| row(name(kind), count)).collect();
    if types.others.get() > 0 {
        rows.push(row("others".to_owned(), types.others.get()));
    }
    Section {
        name: "types",
        prefix: "type_",
        label: "type",
        metrics: vec![counter("records", "Records that came through the ring, by their type.")],
        rows,
    }
}

fn filters(running: &Running<'_>) -> Section {
    let mut rows: Vec<Row> = Vec::new();
    for (filter, hits) in running.config.filters.iter().zip(running.stats.filters.each()) {
        let number = rows.len() + 1;
        let named = filter.name.clone().filter(|name| rows.iter().all(|row| row.is != *name));
        rows.push(Row {
            // Two of the same name would be one metric.
            is: named.unwrap_or_else(|| format!("filter {number}")),
            texts: vec![("action", filter.action.name().to_owned())],
            values: vec![Some(hits.get())],
        });
    }
    Section {
        name: "filters",
        prefix: "filter_",
        label: "filter",
        metrics: vec![counter("hits", "Events that the filter fits.")],
        rows,
    }
}

fn outputs(running: &Running<'_>) -> Section {
    let row = |(config, stats): (&config::Output, &std::sync::Arc<OutputStats>)| Row {
        is: stats.name.clone(),
        texts: vec![("type", config.target.kind().to_owned()), ("format", config.format.name().to_owned())],
        values: OUTPUT.iter().map(|(_, value)| Some(value(stats))).collect(),
    };
    Section {
        name: "outputs",
        prefix: "output_",
        label: "output",
        metrics: OUTPUT.iter().map(|(metric, _)| *metric).collect(),
        rows: running.config.outputs.iter().zip(running.stats.outputs.each().iter()).map(row).collect(),
    }
}

#[cfg(feature = "sandbox")]
fn sandbox() -> Section {
    let mut texts = Vec::new();
    let in_force = crate::sandbox::in_force().unwrap_or_default();
    in_force.each(&mut |name, word| texts.push((name, word.to_owned())));
    let bytes = |kib: u32| Some(u64::from(kib) * 1024);
    Section {
        name: "sandbox",
        prefix: "sandbox_",
        label: "",
        metrics: vec![
            gauge("memory_limit_bytes", "The ceiling over the memory; 0 is none."),
            gauge("memory_counted_bytes", "What counts below the ceiling now; 0 without one."),
        ],
        rows: vec![Row {
            texts,
            values: vec![bytes(in_force.max_kib), Some(crate::sys::memory::paid() as u64)],
            ..Row::default()
        }],
    }
}

fn last_errors() -> Section {
    let now = Instant::now();
    let row = |trouble: troubles::Trouble| Row {
        is: trouble.part,
        texts: vec![("level", trouble.level.name().to_owned()), ("message", trouble.text)],
        values: vec![Some(trouble.count), Some(now.saturating_duration_since(trouble.at).as_secs())],
    };
    Section {
        name: "last_errors",
        prefix: "error_",
        label: "part",
        metrics: vec![
            counter("messages", "Errors and warnings of this part of the daemon."),
            gauge("age_seconds", "Seconds since the last of them."),
        ],
        rows: troubles::last().into_iter().map(row).collect(),
    }
}
