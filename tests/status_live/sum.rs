//! The whole sum: real events, drops forced at each place in turn, and each equation exact, with what is known from
//! outside: what the load made, the serials that the kernel gave and what it says that it lost, the lines in the files
//! and the losses that they tell. RINGAUDIT_TEST_EVENTS is the number of events.

use crate::machine::{Machine, wait};
use crate::scene::{FOR_ALL, FOR_ONE, MAX_CUT, MAX_PICKY, Phase, Scene, records_of_an_execution};
use crate::table::{self, Shown};
use crate::witness::Seen;
use ringaudit::wire::status::Field;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Command;

/// Events that are made, and the part of them, in hundredths, that each phase makes.
const EVENTS: u32 = 20_000;
const PLAIN: u32 = 20;
const ALL: u32 = 10;
const ONE: u32 = 10;
const QUEUE: u32 = 10;
const BACKLOG: u32 = 15;
const RING: u32 = 35;
/// Records of one of the flood's events: SYSCALL, CWD, PATH, PROCTITLE, EOE.
const RECORDS: u64 = 5;
/// Executions.
const EXECUTIONS: u64 = 20;
/// What the kernel may hold while it is to lose records.
const SMALL_BACKLOG: u32 = 1;
const OUTPUTS: [&str; 7] = ["gate", "stuck", "picky", "cut", "gone", "nobody", "witness"];

/// What the test knows of a phase.
#[derive(Default)]
struct Made {
    floods: u64,
    /// Records of what was executed.
    executed: u64,
    /// Messages but markers, which the witness counts.
    messages: u64,
    for_all: bool,
    for_one: bool,
    /// Whether the kernel was made to lose records, the ring, the queue of `stuck`.
    backlog: bool,
    ring: bool,
    queue: bool,
}

/// What a counter grew by.
fn grown(phase: &Phase, name: &str) -> u64 {
    phase.after.count(name) - phase.before.count(name)
}

fn output_grown(phase: &Phase, output: &str, name: &str) -> u64 {
    phase.after.output(output, name) - phase.before.output(output, name)
}

/// Records: those that the kernel sent, and where each of them is.
fn check_records(phase: &Phase, made: &Made) {
    let seen = &phase.seen;
    let grown = |name: &str| grown(phase, name);
    // Each flood's event that the kernel gave a serial; where it lost the first record there is none, nor any other
    // record (kernel/auditsc.c, audit_log_exit).
    // Two markers, and what the witness never saw.
    let messages = if made.ring { made.messages + 2 } else { seen.messages };
    let began = seen.given() - messages - seen.executions.0 - seen.others.0;
    let without = made.floods - began;
    assert!(made.backlog == (phase.lost > 0) && (made.backlog || without == 0), "{} {without}", phase.lost);
    assert_eq!(grown("kernel_lost_records"), phase.lost);
    assert_eq!(
        phase.after.0["kernel"]["lost_since_boot_records"].as_u64().unwrap()
            - phase.before.0["kernel"]["lost_since_boot_records"].as_u64().unwrap(),
        phase.lost
    );
    let received = RECORDS * began - (phase.lost - without) + messages + made.executed + seen.others.1;
    assert_eq!(grown("received_records"), received, "records that the kernel sent");

    // Where each of them is.
    let typed = |kind: &str| phase.after.records(kind) - phase.before.records(kind);
    let through = phase.after.all_records() - phase.before.all_records();
    let ring = grown("ring_dropped_records");
    assert_eq!(ring > 0, made.ring, "{ring} dropped by the ring");
    assert_eq!(received, ring + through);
    let left_out = typed("PROCTITLE");
    assert_eq!(grown("filtered_records"), left_out);
    let of_filtered = if made.for_all { (RECORDS - 2) * made.floods } else { 0 };
    let cut = grown("truncated_event_records");
    assert_eq!(through, typed("EOE") + left_out + seen.records + of_filtered + cut, "records by their place");
    assert_eq!(grown("malformed_records"), 0);
}

/// Events: those that the records became, and the serials of the others.
fn check_events(phase: &Phase, made: &Made) {
    let seen = &phase.seen;
    let grown = |name: &str| grown(phase, name);
    let filtered = if made.for_all { made.floods } else { 0 };
    assert_eq!((grown("filtered_events"), grown("unformatted_events")), (filtered, 0));
    assert_eq!(grown("formatted_events"), seen.events());
    assert_eq!(grown("assembled_events"), seen.events() + filtered);
    let endings = ["complete_events", "timed_out_events", "displaced_events"].map(grown);
    assert_eq!(grown("assembled_events"), endings.iter().sum::<u64>(), "{endings:?}");
    // Every serial that the kernel gave is an event or missing.
    assert_eq!(grown("missing_serials"), seen.given() - grown("assembled_events"));
    assert_eq!(grown("missing_serials") > 0, made.ring);
    // Where the ring's dropping begins in the middle of an event, that one is incomplete.
    assert!(made.ring || made.backlog || grown("incomplete_events") == 0);
    // What an execution has, but for PROCTITLE and EOE, and what is left of it.
    let (executions, records) = seen.executions;
    let whole = made.executed - 2 * executions;
    assert_eq!((grown("truncated_events"), grown("truncated_event_records")), (executions, whole - records));
    assert_eq!(phase.after.hits("all") - phase.before.hits("all"), filtered);
    assert_eq!(
        phase.after.hits("one") - phase.before.hits("one"),
        if made.for_one { made.floods } else { 0 }
    );
    assert_eq!(grown("loss_reports"), seen.own);
}

/// Each output's events.
fn check_outputs(phase: &Phase, made: &Made) {
    let seen = &phase.seen;
    let filtered = if made.for_all { made.floods } else { 0 };
    for output in OUTPUTS {
        let grown = |name: &str| output_grown(phase, output, name);
        assert_eq!(grown("received_events"), seen.lines() + filtered, "{output}");
        for answer in [&phase.before, &phase.after] {
            let sum = answer.output(output, "written_events")
                + answer.output(output, "filtered_events")
                + answer.dropped(output)
                + answer.output(output, "queued_events");
            assert_eq!(answer.output(output, "received_events"), sum, "{output}");
        }
        let kept = if made.for_one && output == "picky" { made.floods } else { filtered };
        assert_eq!(grown("filtered_events"), kept, "{output}");
        let long = if output == "cut" { seen.longer_than(MAX_CUT) } else { 0 };
        assert_eq!(grown("long_events"), long, "{output}");
        let too_long = if output == "picky" { seen.longer_than(MAX_PICKY) } else { 0 };
        assert_eq!(grown("dropped_events/too-long"), too_long, "{output}");
        let refused = if output == "gone" { seen.lines() } else { 0 };
        assert_eq!(grown("dropped_events/refused"), refused, "{output}");
        assert_eq!(grown("dropped_events/unflushed"), 0, "{output}");
        let full = grown("dropped_events/queue-full");
        match output {
            "nobody" => {}
            // A burst may be too much for its small queue at any time.
            "stuck" => assert!(full > 0 || !made.queue, "{full} dropped by its queue"),
            _ => assert_eq!(full, 0, "{output}"),
        }
    }
    assert_eq!(output_grown(phase, "gate", "written_events"), phase.piped[0]);
    // What is in the pipe is written.
    assert!(made.queue || output_grown(phase, "stuck", "written_events") == phase.piped[1]);
    assert_eq!(output_grown(phase, "witness", "written_events"), seen.lines());
    assert_eq!(output_grown(phase, "nobody", "written_events"), 0);
}

fn check(name: &str, phase: &Phase, made: &Made) {
    let seen = &phase.seen;
    println!(
        "{name}, {:.1} s: {} events made and {} messages; the kernel gave {} serials and lost {}; received {} records, dropped by \
         the ring {}, missing serials {}, filtered {}, written by the witness {}, dropped by stuck {}",
        phase.time.as_secs_f32(),
        made.floods,
        made.messages.max(seen.messages),
        seen.given(),
        phase.lost,
        grown(phase, "received_records"),
        grown(phase, "ring_dropped_records"),
        grown(phase, "missing_serials"),
        grown(phase, "filtered_events"),
        output_grown(phase, "witness", "written_events"),
        output_grown(phase, "stuck", "dropped_events/queue-full"),
    );
    for double in phase.seen.doubles() {
        let lines =
            Command::new("grep").arg(format!("\"sequence\":{double},")).arg(&phase.log).output().unwrap();
        println!("twice: {}", String::from_utf8_lossy(&lines.stdout));
    }
    assert_eq!(phase.seen.doubles(), Vec::<u32>::new());
    check_records(phase, made);
    check_events(phase, made);
    check_outputs(phase, made);
}

/// Lines of a file.
fn count(path: &std::path::Path) -> u64 {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path).unwrap());
    let mut lines = 0;
    loop {
        let piece = file.fill_buf().unwrap();
        if piece.is_empty() {
            return lines;
        }
        lines += piece.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let len = piece.len();
        file.consume(len);
    }
}

/// What the losses in the stream say in all.
fn add(told: &mut BTreeMap<String, u64>, seen: &Seen) {
    for (place, lost) in &seen.losses {
        *told.entry(place.clone()).or_default() += lost;
    }
}

#[test]
fn every_sum_is_exact() {
    let events = std::env::var("RINGAUDIT_TEST_EVENTS").map_or(EVENTS, |count| count.parse().unwrap());
    let part = |hundredths: u32| events / 100 * hundredths;
    let mut machine = Machine::take();
    let executed = records_of_an_execution(&mut machine);
    let mut scene = Scene::start(machine);
    let mut told = BTreeMap::new();
    let made = |floods: u32| Made { floods: floods.into(), ..Made::default() };

    let n = part(PLAIN);
    let phase = scene.phase(|scene, seen| scene.flood(seen, n, None));
    check("plain", &phase, &made(n));
    add(&mut told, &phase.seen);

    let n = part(ALL);
    let phase = scene.phase(|scene, seen| scene.flood(seen, n, Some(FOR_ALL)));
    check("a filter for all", &phase, &Made { for_all: true, ..made(n) });
    add(&mut told, &phase.seen);

    let n = part(ONE);
    let phase = scene.phase(|scene, seen| scene.flood(seen, n, Some(FOR_ONE)));
    check("a filter for one output", &phase, &Made { for_one: true, ..made(n) });
    add(&mut told, &phase.seen);

    let phase = scene.phase(|scene, _| (0..EXECUTIONS).for_each(|_| scene.execute()));
    check("too much for an event", &phase, &Made { executed: executed * EXECUTIONS, ..made(0) });
    assert_eq!(phase.seen.executions.0, EXECUTIONS);
    add(&mut told, &phase.seen);

    let n = part(QUEUE);
    scene.stuck.stop(true);
    let phase = scene.phase(|scene, seen| scene.flood(seen, n, None));
    let stuck = phase.after.clone();
    assert!(stuck.output("stuck", "queued_events") > 0);
    check("a queue that is full", &phase, &Made { queue: true, ..made(n) });
    add(&mut told, &phase.seen);

    let n = part(BACKLOG);
    let seen = scene.pause(|scene| {
        scene.stuck.stop(false);
        scene.machine.set(Field::BacklogLimit, SMALL_BACKLOG);
    });
    add(&mut told, &seen);
    let phase = scene.phase(|scene, seen| scene.flood(seen, n, None));
    check("a backlog that is full", &phase, &Made { backlog: true, ..made(n) });
    add(&mut told, &phase.seen);
    add(&mut told, &scene.pause(|scene| scene.machine.set(Field::BacklogLimit, 131_072)));

    let n = part(RING);
    let mut messages = 0;
    let phase = scene.phase(|scene, _| {
        scene.gate.stop(true);
        scene.flood_at_once(n, None);
        // Single records stand where the dropping ends, so that no event is left of which nothing came but its end,
        // which is no event and not missing either.
        messages = scene.push_out();
        let answer = scene.answer();
        assert!(answer.output("gate", "queued_events") > 0, "the writer waits, and the status is told");
        scene.gate.stop(false);
        wait("what is held", || scene.answer().output("gate", "queued_events") == 0);
    });
    check("a ring that is full", &phase, &Made { ring: true, messages, ..made(n) });
    add(&mut told, &phase.seen);

    let last = scene.phase(|_, _| {});
    add(&mut told, &last.seen);
    finish(scene, &last, &told, &stuck);
}

/// The files' lines, the losses that the stream tells, and the table of counters.
fn finish(mut scene: Scene, last: &Phase, told: &BTreeMap<String, u64>, stuck: &crate::answer::Answer) {
    let answer = &last.after;
    for (output, file) in [("witness", "log"), ("picky", "picky"), ("cut", "cut")] {
        let lines = count(&scene.daemon.dir.path().join(file));
        assert_eq!(answer.output(output, "written_events"), lines, "{output}");
    }
    assert_eq!(answer.output("gate", "written_events"), scene.gate.lines());
    assert_eq!(answer.output("stuck", "written_events"), scene.stuck.lines());
    for (place, counter) in [
        ("kernel", "kernel_lost_records"),
        ("ring", "ring_dropped_records"),
        ("serial-gap", "missing_serials"),
        ("incomplete", "incomplete_events"),
        ("event-space", "truncated_event_records"),
    ] {
        assert_eq!(told.get(place).copied().unwrap_or(0), answer.count(counter), "{place}");
    }
    assert_eq!(told["output:stuck"], answer.dropped("stuck"));
    let errors = answer.0["last_errors"].as_array().unwrap();
    assert!(errors.iter().any(|error| error["part"] == "output nobody"), "{errors:?}");
    println!("{:#}", answer.0["counters"]);
    println!("{:#}", answer.0["outputs"]);
    table::moved(Shown::Sum, &[answer, stuck]);
    assert_eq!(scene.daemon.stop().code, Some(0), "{}", scene.daemon.stderr());
}
