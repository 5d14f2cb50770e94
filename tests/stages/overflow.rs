//! A ring that is full, with both policies. The writer is started only when the reader has met it.

use crate::stage::{Stage, loss, losses, serials};
use ringaudit::config::{Config, Overflow, Ring};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

fn with_ring(overflow: Overflow) -> Stage {
    let config = Config { ring: Ring { size_kib: 64, overflow }, ..Default::default() };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    Stage::reader_alone(config, UnixDatagram::pair().unwrap(), dir, path)
}

/// A record that is an event by itself.
fn send(stage: &Stage, serial: u64) {
    stage.send(1112, format!("audit(1.000:{serial}): {}", "x".repeat(500)));
}

#[test]
fn drop_counts_each_record_that_does_not_fit() {
    let mut stage = with_ring(Overflow::Drop);
    let sent = 1000;
    (1..=sent).for_each(|serial| send(&stage, serial));
    stage.wait("the reader", |stage| stage.stats.records.get() == sent);
    let dropped = stage.stats.ring_dropped.get();
    // Two blocks of 32 KiB hold about 120 of them.
    assert!((sent - 130..sent - 100).contains(&dropped), "{dropped} of {sent} dropped");
    stage.start_writer();
    let kept = usize::try_from(sent - dropped).unwrap();
    stage.wait("what was kept", |stage| serials(&stage.lines()).len() == kept);
    // Room again: what comes now arrives, and shows the hole before it.
    send(&stage, sent + 1);
    stage.wait("the next one", |stage| serials(&stage.lines()).len() == kept + 1);
    let ended = stage.stop();
    let mut expected: Vec<u64> = (1..=sent - dropped).collect();
    expected.push(sent + 1);
    assert_eq!(serials(&ended.lines), expected);
    assert_eq!(
        losses(&ended.lines),
        [loss("ring", dropped, "records"), loss("serial-gap", dropped, "serials")]
    );
    let stats = &ended.stats;
    assert_eq!(stats.records.get(), stats.outputs.written() - stats.loss_reports.get() + dropped);
}

#[test]
fn wait_drops_nothing_and_holds_the_sender_back() {
    let mut stage = with_ring(Overflow::Wait);
    let sent = 1000;
    let kernel = stage.kernel.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        for serial in 1..=sent {
            let text = format!("audit(1.000:{serial}): {}", "x".repeat(500));
            crate::stage::send(&kernel, 1112, text);
        }
    });
    stage.wait("a full ring", |stage| stage.stats.records.get() > 100);
    std::thread::sleep(Duration::from_millis(200));
    assert!(stage.stats.records.get() < 200, "the reader waits: {:?}", stage.stats);
    assert!(!sender.is_finished(), "so does the sender");
    stage.start_writer();
    sender.join().unwrap();
    stage.wait("all events", |stage| serials(&stage.lines()).len() as u64 == sent);
    let ended = stage.stop();
    assert_eq!(serials(&ended.lines), (1..=sent).collect::<Vec<_>>());
    assert_eq!(losses(&ended.lines), []);
    assert_eq!((ended.stats.ring_dropped.get(), ended.stats.records.get()), (0, sent));
}

#[test]
fn a_stop_while_the_ring_is_full_and_waits_loses_nothing() {
    let mut stage = with_ring(Overflow::Wait);
    let sent = 150;
    let kernel = stage.kernel.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        for serial in 1..=sent {
            let text = format!("audit(1.000:{serial}): {}", "x".repeat(500));
            crate::stage::send(&kernel, 1112, text);
        }
    });
    stage.wait("a full ring", |stage| stage.stats.records.get() > 100);
    stage.start_writer();
    sender.join().unwrap();
    let ended = stage.stop();
    assert_eq!(serials(&ended.lines), (1..=sent).collect::<Vec<_>>());
    assert_eq!(losses(&ended.lines), []);
}
