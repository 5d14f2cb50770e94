//! Receivers that go away under load and come back, and hosts that are not there. The events go through the outputs
//! as the daemon opens them.

use crate::rsyslog::{self, Ports};
use crate::syslog::Received;
use crate::{PATIENCE, events, feed, free_port, wait};
use ringaudit::config::{self, Format};
use ringaudit::output::Outputs;
use ringaudit::stats::{Dropped, OutputStats, Stats};
use ringaudit::wire::record::Stamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the receiver is away.
const AWAY: Duration = Duration::from_secs(10);
/// Events a second.
const RATE: u64 = 2_000;
/// The outputs to the receiver that goes away.
const OUTPUTS: [&str; 5] = ["counted", "lines", "gram", "small", "small-oldest"];
/// The longest line of these tests.
const LONGEST: usize = 64 * 1024;

/// A run of outputs.
struct Run {
    outputs: Outputs,
    stats: Arc<Stats>,
    next: u64,
}

impl Run {
    fn new(text: &str) -> Self {
        let config = config::read("f", text).unwrap();
        let stats = Arc::new(Stats::default());
        let outputs = Outputs::open(&config.outputs, LONGEST, &stats).unwrap();
        Self { outputs, stats, next: 1 }
    }

    /// Sends events for so long.
    fn send_for(&mut self, time: Duration) {
        let begun = Instant::now();
        let mut sent = 0;
        while begun.elapsed() < time {
            let due = u64::try_from(begun.elapsed().as_micros()).unwrap() * RATE / 1_000_000;
            while sent < due {
                let millis = feed::millis(self.next);
                let line = format!(
                    "{{\"ID\":\"{}.{:03}:{}\",\"pad\":\"{}\"}}\n",
                    millis / 1000,
                    millis % 1000,
                    self.next,
                    "x".repeat(300)
                );
                let serial = u32::try_from(self.next).unwrap();
                self.outputs.write(Format::Json, line.as_bytes(), Stamp { millis, serial }, 0);
                self.next += 1;
                sent += 1;
            }
            self.outputs.flush();
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn sent(&self) -> u64 {
        self.next - 1
    }

    fn stats(&self, name: &str) -> Arc<OutputStats> {
        self.stats.outputs.each().iter().find(|stats| stats.name == name).cloned().unwrap()
    }
}

/// The serials that a daemon wrote of a tag's messages, and how many it wrote twice. A row that is not whole, as it may
/// be while the daemon writes it, counts as not received.
fn received(dir: &Path, tag: &str) -> (BTreeSet<u64>, u64) {
    let rows = std::fs::read_to_string(dir.join(tag)).unwrap_or_default();
    let whole = rows.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let (mut serials, mut twice) = (BTreeSet::new(), 0);
    for row in whole.lines() {
        let line: serde_json::Value = serde_json::from_str(&Received::of(row).message).unwrap();
        let serial = line["ID"].as_str().unwrap().split_once(':').unwrap().1.parse().unwrap();
        twice += u64::from(!serials.insert(serial));
    }
    (serials, twice)
}

/// Waits until the daemon wrote all that was not dropped: what its sockets still hold when it is asked to end it never
/// reads. Where that does not come to be, what is asserted at the end says so.
fn drained(run: &Run, dir: &Path) {
    let begun = Instant::now();
    let has_all = |name: &&str| received(dir, name).0.len() as u64 + run.stats(name).dropped() == run.sent();
    while !OUTPUTS.iter().all(has_all) && begun.elapsed() < PATIENCE / 3 {
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn output(name: &str, network: &str, address: &str, protocol: &str, queue_kib: u32) -> String {
    format!(
        "[[output]]\ntype = \"syslog\"\nname = \"{name}\"\ntag = \"{name}\"\nnetwork = \"{network}\"\n\
         address = \"{address}\"\nprotocol = \"{protocol}\"\nqueue_kib = {queue_kib}\nflush_s = 30\n"
    )
}

/// Issue 5, "Show", 1: what fits the queue is not lost, and what does not is counted exactly.
#[test]
fn a_receiver_that_stops_for_10_s_loses_only_what_does_not_fit_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports { udp: free_port(), tcp: free_port() };
    let rsyslogd = rsyslog::start(dir.path(), &ports);
    let tcp = format!("[::1]:{}", ports.tcp);
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    // 10 s at 2,000 a second are 7 MB: the first three have room for them, the others for a part.
    let text = output("counted", "tcp", &tcp, "rfc5424", 32_768)
        + &output("lines", "tcp", &tcp, "rfc3164", 32_768)
        + &output("gram", "unixgram", &at("dgram"), "rfc3164", 32_768)
        + &output("small", "tcp", &tcp, "rfc5424", 512)
        + &output("small-oldest", "unixgram", &at("dgram5424"), "rfc5424", 512)
        + "overflow = \"drop-oldest\"\n";
    let mut run = Run::new(&text);
    let load = Duration::from_secs(1).max(Duration::from_micros(events() * 1_000_000 / RATE / 2));
    run.send_for(load);
    drained(&run, dir.path());
    rsyslogd.stop();
    run.send_for(AWAY);
    let rsyslogd = rsyslog::start(dir.path(), &ports);
    run.send_for(load);
    let sent = run.sent();
    run.outputs.finish(Duration::from_secs(30));
    drained(&run, dir.path());
    rsyslogd.stop();
    for name in OUTPUTS {
        let stats = run.stats(name);
        let (serials, twice) = received(dir.path(), name);
        let lost = sent - serials.len() as u64;
        println!(
            "{name}: {sent} sent, {} received, {twice} of them twice, {lost} lost, {} counted as dropped ({} refused)",
            serials.len(),
            stats.dropped(),
            stats.dropped_for(Dropped::Refused).get()
        );
        assert_eq!(stats.received.get(), sent);
        assert_eq!(stats.written.get() + stats.dropped(), sent, "{name}");
        assert_eq!(lost, stats.dropped(), "{name}: lost and not counted, or the other way round");
        assert_eq!(lost > 0, name.starts_with("small"), "{name}");
        assert!(stats.opened.get() >= 2, "{name}");
    }
}

/// Issue 5, "Show", 7.
#[test]
fn a_host_that_is_not_known_is_told_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lines");
    let text = format!(
        "[[output]]\ntype = \"syslog\"\nname = \"away\"\nnetwork = \"tcp\"\naddress = \"no-such-host.invalid:601\"\nflush_s = 0\n\
         [[output]]\ntype = \"gelf\"\nname = \"refused\"\nnetwork = \"tcp\"\naddress = \"127.0.0.1:1\"\npayload = \"line\"\nflush_s = 0\n\
         [[output]]\ntype = \"syslog\"\nname = \"no-socket\"\naddress = \"/nonexistent/log\"\nflush_s = 0\n\
         [[output]]\ntype = \"file\"\npath = {file:?}\nqueue_kib = 65536\n",
    );
    let mut run = Run::new(&text);
    run.send_for(Duration::from_millis(3500));
    let sent = run.sent();
    wait("the file", || std::fs::read_to_string(&file).unwrap_or_default().lines().count() as u64 == sent);
    for name in ["away", "refused", "no-socket"] {
        // It may take long to learn that there is no such host.
        wait(&format!("the second failure of {name}"), || run.stats(name).errors.get() >= 2);
        assert_eq!(run.stats(name).opened.get(), 0);
    }
    run.outputs.finish(Duration::from_secs(5));
    for name in ["away", "refused", "no-socket"] {
        let stats = run.stats(name);
        assert_eq!((stats.written.get(), stats.dropped()), (0, sent), "{name}");
    }
    assert_eq!(run.stats("file").written.get(), sent);
}
