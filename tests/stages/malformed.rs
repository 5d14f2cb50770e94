//! Records that are none: each counted in its own place and told in the stream, and the rest goes on.

use crate::stage::{Stage, loss, losses, message, serials};
use ringaudit::config::{self, Config};
use std::os::unix::net::UnixDatagram;

/// Sends `bad` between two good events and gives the losses that the stream tells, with the lines.
fn among_good(bad: &[Vec<u8>]) -> (Vec<(String, u64, String)>, Vec<serde_json::Value>, Stage) {
    let mut stage = Stage::new(Config::default());
    stage.send_event(1);
    for message in bad {
        stage.kernel.send(message).unwrap();
    }
    stage.send_event(2);
    stage.wait("the event behind", |stage| serials(&stage.lines()).ends_with(&[2]));
    stage.end();
    let lines = stage.lines();
    (losses(&lines), lines, stage)
}

#[test]
fn a_record_without_a_header() {
    let bad = [&b"no header"[..], b"", b"audit", b"audit(", b"Audit(1.000:7): a=b"].map(|b| message(1300, b));
    let (losses, lines, stage) = among_good(&bad);
    assert_eq!(losses, [loss("record-header", 5, "records")]);
    assert_eq!(serials(&lines), [1, 2]);
    assert_eq!((stage.stats.malformed.get(), stage.stats.records.get()), (5, 11));
}

#[test]
fn a_record_without_a_parenthesis() {
    let bad =
        [&b"audit(1.000:7"[..], b"audit(1.000:7: a=b", b"audit(1.000:7: a=(b)"].map(|b| message(1300, b));
    let (losses, lines, stage) = among_good(&bad);
    assert_eq!(losses, [loss("record-header", 3, "records")]);
    assert_eq!(serials(&lines), [1, 2]);
    assert_eq!(stage.stats.malformed.get(), 3);
}

#[test]
fn a_truncated_record() {
    // Cut at each of its bytes: before the header's end it is malformed, behind it a short record.
    let whole = b"audit(1.000:7): a=b";
    let bad: Vec<_> = (0..whole.len()).map(|len| message(1112, &whole[..len])).collect();
    let (losses, lines, _stage) = among_good(&bad);
    // "audit(1.000:7)" are 14 bytes; the serials 3 to 6 are missing.
    assert_eq!(losses, [loss("record-header", 14, "records"), loss("serial-gap", 4, "serials")]);
    assert_eq!(serials(&lines), [1, 7, 7, 7, 7, 7, 2]);
}

#[test]
fn a_binary_record() {
    let all: Vec<u8> = (0..=255).collect();
    let hidden = [&b"audit(1.000:2): "[..], &all].concat();
    let (losses, lines, _stage) = among_good(&[message(1300, &all), message(1112, &hidden)]);
    assert_eq!(losses, [loss("record-header", 1, "records")]);
    let data = lines[1]["messages"][0]["data"].as_str().unwrap();
    // Every byte below 0x80 arrives as it is, every other one as a replacement character.
    assert!(data.chars().take(128).eq((0..128u8).map(char::from)), "{data}");
    assert_eq!(data.chars().skip(128).collect::<String>(), "\u{fffd}".repeat(128));
    assert_eq!(serials(&lines), [1, 2, 2]);
}

#[test]
fn a_message_shorter_than_its_header() {
    let whole = message(1300, b"");
    let bad: Vec<_> = (0..whole.len()).map(|len| whole[..len].to_vec()).collect();
    let (losses, lines, stage) = among_good(&bad);
    assert_eq!(losses, [loss("message-header", 16, "messages")]);
    assert_eq!(serials(&lines), [1, 2]);
    assert_eq!((stage.stats.malformed_messages.get(), stage.stats.malformed.get()), (16, 0));
}

#[test]
fn records_of_16_kib_and_more() {
    let header = b"audit(1.000:2): ";
    let text = |len: usize| [&header[..], &vec![b'x'; len - header.len()]].concat();
    let largest = 16 * 1024;
    let sizes = [1007, 1008, 1009, largest - 1, largest, largest + 1, largest + 5000, 150_000];
    let messages = sizes.map(|len| message(1112, &text(len)));
    let (losses, lines, stage) = among_good(&messages);
    assert_eq!(losses, [loss("slot", 3, "records-cut")]);
    assert_eq!(stage.stats.truncated_records.get(), 3);
    let records = lines.iter().map(|line| &line["messages"][0]).filter(|record| record["type"] == 1112);
    let lengths: Vec<_> = records.map(|record| record["data"].as_str().unwrap().len()).collect();
    let expected = sizes.map(|len| len.min(largest) - header.len());
    assert_eq!(lengths, expected, "all that fits the slot arrives");
}

#[test]
fn a_sender_that_is_not_the_kernel() {
    let dir = tempfile::tempdir().unwrap();
    let (theirs, ours) = (dir.path().join("reader"), dir.path().join("stranger"));
    let end = UnixDatagram::bind(&theirs).unwrap();
    // An unnamed sender's address is all zeros, as the kernel's port id is; a named one's is not.
    let stranger = UnixDatagram::bind(&ours).unwrap();
    stranger.connect(&theirs).unwrap();
    let kernel = UnixDatagram::unbound().unwrap();
    kernel.connect(&theirs).unwrap();
    let path = dir.path().join("log");
    let mut stage = Stage::reader_alone(Config::default(), (kernel, end), dir, path);
    stage.start_writer();
    stage.send_event(1);
    stranger.send(&message(1112, b"audit(1.000:1): forged=1")).unwrap();
    stage.send_event(2);
    stage.wait("the event behind", |stage| serials(&stage.lines()).ends_with(&[2]));
    let ended = stage.stop();
    assert_eq!(serials(&ended.lines), [1, 2]);
    assert_eq!(losses(&ended.lines), [loss("foreign", 1, "messages")]);
    assert_eq!(ended.stats.records.get(), 6);
}

#[test]
fn what_netlink_itself_sends_is_no_record() {
    // Acknowledgements, the list's end, an attempt of another daemon: none reaches the stream.
    let bad =
        [message(2, &0i32.to_ne_bytes()), message(3, b""), message(1, b""), message(1329, &[1, 2, 3, 4])];
    let (losses, lines, stage) = among_good(&bad);
    assert_eq!(losses, []);
    assert_eq!(serials(&lines), [1, 2]);
    assert_eq!((stage.stats.replace_attempts.get(), stage.stats.records.get()), (1, 6));
}

#[test]
fn an_event_past_its_space_is_cut_and_told() {
    let config = Config { event: config::Event { max_kib: 16, ..Default::default() }, ..Default::default() };
    let stage = Stage::new(config);
    let long = "x".repeat(7000);
    stage.send(1300, "audit(1.000:1): first");
    for _ in 0..4 {
        stage.send(1309, format!("audit(1.000:1): {long}"));
    }
    stage.send(1307, "audit(1.000:1): last");
    stage.send(1320, "audit(1.000:1): ");
    stage.send_event(2);
    stage.wait("both events", |stage| serials(&stage.lines()) == [1, 2]);
    let ended = stage.stop();
    assert_eq!(losses(&ended.lines), [loss("event-space", 2, "records")]);
    let records = ended.lines[0]["messages"].as_array().unwrap();
    let kinds: Vec<_> = records.iter().map(|record| record["type"].as_u64().unwrap()).collect();
    assert_eq!(kinds, [1300, 1309, 1309, 1307], "what fits still goes in");
}
