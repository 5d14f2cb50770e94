//! GELF 1.1: messages of fields as the format made them, or lines as the `short_message`; packed, and cut in chunks
//! where they are longer than a datagram. Source: the GELF specification.

use super::super::Entry;
#[cfg(feature = "compress")]
use super::super::gzip::{Envelope, Packer};
use super::{Encode, MESSAGES, Messages, host_name};
#[cfg(feature = "compress")]
use crate::config::Compression;
use crate::config::GelfTarget;
use crate::format::{Line, escape};
use std::io;

/// What begins a chunk: two bytes that say so, the message's id, the chunk's number and how many there are.
const CHUNK_HEADER: usize = 2 + 8 + 1 + 1;
const MAGIC: [u8; 2] = [0x1e, 0x0f];
/// What a message of a line has beside the line.
const OVERHEAD: usize = 1024;
/// How a message of fields begins.
const BEGIN: &[u8] = b"{\"version\":\"1.1\",\"host\":\"";
/// Tries to find how much of a line fits 128 chunks.
const TRIES: usize = 12;

/// The messages of one output.
pub(super) struct Gelf {
    fields: bool,
    /// Escaped; `None` is what the format has put there.
    host: Option<Vec<u8>>,
    /// The largest datagram; `None` on a stream.
    datagram: Option<usize>,
    #[cfg(feature = "compress")]
    packer: Option<Packer>,
    /// The message before it is packed, and after.
    payload: Line,
    packed: Vec<u8>,
    /// What makes this run's message ids others than the last run's.
    seed: u64,
}

impl Gelf {
    /// For events of at most so many bytes.
    ///
    /// Errors: no memory.
    pub(super) fn new(target: &GelfTarget, longest: usize) -> io::Result<Self> {
        let is_named = target.hostname.is_some() || !target.fields;
        Ok(Self {
            fields: target.fields,
            host: is_named.then(|| host_name(target.hostname.as_deref()).into_bytes()),
            datagram: target.peer.carrier.is_datagram().then_some(target.chunk_bytes as usize),
            #[cfg(feature = "compress")]
            packer: match target.compression {
                Compression::Gzip => Some(Packer::new(Envelope::Gzip)),
                Compression::Zlib => Some(Packer::new(Envelope::Zlib)),
                Compression::None => None,
            },
            payload: Line::new(longest * escape::WORST + OVERHEAD)?,
            packed: Vec::new(),
            seed: seed(),
        })
    }

    /// Makes the payload of the first `kept` bytes of a line, or of a message of fields.
    fn make(&mut self, entry: &Entry<'_>, kept: usize) {
        self.payload.clear();
        self.make_payload(entry, kept);
        while self.payload.overflowed() && self.payload.grow(0) {
            self.make_payload(entry, kept);
        }
        self.pack();
    }

    fn make_payload(&mut self, entry: &Entry<'_>, kept: usize) {
        let lines = entry.lines.strip_suffix(b"\n").unwrap_or(entry.lines);
        if self.fields {
            let rest = self.host.as_ref().and_then(|_| behind_host(lines));
            match (&self.host, rest) {
                (Some(host), Some(rest)) => {
                    self.payload.push(BEGIN);
                    self.payload.push(host);
                    self.payload.push(rest);
                }
                _ => self.payload.push(lines),
            }
        } else {
            self.make_of_line(entry, lines, kept);
        }
    }

    /// `{"version":"1.1","host":"web1","short_message":"the line","timestamp":1700000000.042,"level":6}`, with all of
    /// several lines as `full_message`.
    fn make_of_line(&mut self, entry: &Entry<'_>, lines: &[u8], kept: usize) {
        let payload = &mut self.payload;
        payload.push(BEGIN);
        payload.push(self.host.as_deref().unwrap_or_default());
        payload.push(b"\",\"short_message\":\"");
        let text = lines.get(..kept).unwrap_or(lines);
        let first = text.iter().position(|&byte| byte == b'\n');
        escape::push(payload, first.and_then(|end| text.get(..end)).unwrap_or(text));
        if first.is_some() {
            payload.push(b"\",\"full_message\":\"");
            escape::push(payload, text);
        }
        payload.push(b"\",\"timestamp\":");
        payload.push_number(entry.stamp.millis / 1000);
        let millis = entry.stamp.millis % 1000;
        let digit = |number: u64| b'0' + (number % 10) as u8;
        payload.push(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis)]);
        payload.push(b",\"level\":6");
        if text.len() < lines.len() {
            payload.push(b",\"_truncated\":");
            payload.push_number((lines.len() - text.len()) as u64);
        }
        payload.push(b"}");
    }

    #[cfg(feature = "compress")]
    fn pack(&mut self) {
        if let Some(packer) = &mut self.packer {
            self.packed.clear();
            packer.message(self.payload.as_bytes(), &mut self.packed);
        }
    }

    #[cfg(not(feature = "compress"))]
    fn pack(&mut self) {}

    #[cfg(feature = "compress")]
    fn is_packed(&self) -> bool {
        self.packer.is_some()
    }

    #[cfg(not(feature = "compress"))]
    fn is_packed(&self) -> bool {
        false
    }

    /// What is to be sent.
    fn message(&self) -> &[u8] {
        if self.is_packed() { &self.packed } else { self.payload.as_bytes() }
    }

    /// Makes the event's message so that it fits `most` bytes; false when it can't be.
    fn fit(&mut self, entry: &Entry<'_>, most: usize) -> bool {
        let mut kept = entry.lines.len();
        for _ in 0..TRIES {
            self.make(entry, kept);
            let len = self.message().len();
            if len <= most {
                return true;
            }
            if self.fields {
                return false;
            }
            // As much less as it was too long, and a little. The product needs more than the 32 bits of some machines.
            let less = kept.min(entry.lines.len()) as u64 * most as u64 / len as u64 * 15 / 16;
            kept = usize::try_from(less).unwrap_or(kept);
        }
        false
    }
}

impl Encode for Gelf {
    fn encode(&mut self, number: u64, entry: Entry<'_>, into: &mut Messages) -> bool {
        let Some(datagram) = self.datagram else {
            self.make(&entry, usize::MAX);
            into.push(self.message());
            into.push(b"\0");
            into.end();
            return !self.payload.overflowed();
        };
        let piece = datagram - CHUNK_HEADER;
        if !self.fit(&entry, piece * MESSAGES) || self.payload.overflowed() {
            return false;
        }
        let message = self.message();
        if message.len() <= datagram {
            into.push(message);
            into.end();
            return true;
        }
        let id = self.seed.wrapping_add(number).to_be_bytes();
        let pieces = message.chunks(piece);
        // At most 128.
        let count = u8::try_from(pieces.len()).unwrap_or(u8::MAX);
        for (sequence, piece) in (0u8..).zip(pieces) {
            into.push(&MAGIC);
            into.push(&id);
            into.push(&[sequence, count]);
            into.push(piece);
            into.end();
        }
        true
    }

    fn longest(&self, event: usize) -> usize {
        if self.datagram.is_some() {
            // 128 of the longest datagrams would be more than any event becomes.
            (event * escape::WORST + OVERHEAD).min(MESSAGES * 65_536) + MESSAGES * CHUNK_HEADER
        } else {
            event * escape::WORST + OVERHEAD
        }
    }
}

/// What follows the host's name in a message of fields.
fn behind_host(message: &[u8]) -> Option<&[u8]> {
    let rest = message.strip_prefix(BEGIN)?;
    let end = rest.iter().position(|&byte| byte == b'"')?;
    rest.get(end..)
}

/// Eight bytes that another run is unlikely to have.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Target};
    use crate::wire::record::Stamp;
    use serde_json::{Value, json};

    fn gelf(keys: &str) -> Gelf {
        let text = format!("[[output]]\ntype = 'gelf'\naddress = 'h:1'\n{keys}\n");
        let config = config::read("f", &text).unwrap();
        let Target::Gelf(target) = &config.outputs[0].target else { panic!("a GELF output") };
        Gelf::new(target, 1 << 20).unwrap()
    }

    fn messages(gelf: &mut Gelf, number: u64, lines: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut into = Messages::new(1 << 24).unwrap();
        let entry = Entry { stamp: Stamp { millis: 1_700_000_000_042, serial: 7 }, lines };
        let made = gelf.encode(number, entry, &mut into);
        assert!(into.bytes.len() <= gelf.longest(lines.len()));
        made.then(|| into.from(0).map(<[u8]>::to_vec).collect())
    }

    /// The message of chunks that arrived in any order.
    fn joined(mut chunks: Vec<Vec<u8>>, most: usize) -> Vec<u8> {
        let count = chunks.len();
        chunks.sort_by_key(|chunk| chunk[10]);
        let id = chunks[0][2..10].to_vec();
        let mut whole = Vec::new();
        for (number, chunk) in chunks.iter().enumerate() {
            assert!(chunk.len() <= most && chunk.starts_with(&MAGIC) && chunk[2..10] == id);
            assert_eq!((usize::from(chunk[10]), usize::from(chunk[11])), (number, count));
            whole.extend_from_slice(&chunk[12..]);
        }
        whole
    }

    const LINE: &str = "compression = 'none'\npayload = 'line'\nhostname = 'web1'\n";

    #[test]
    fn a_line_is_the_short_message() {
        let one = messages(&mut gelf(LINE), 0, b"{\"a\":\"<\"}\n").unwrap();
        let expected = json!({
            "version": "1.1", "host": "web1", "short_message": "{\"a\":\"<\"}", "timestamp": 1_700_000_000.042,
            "level": 6
        });
        assert_eq!(serde_json::from_slice::<Value>(&one[0]).unwrap(), expected);
        let several = messages(&mut gelf(LINE), 0, b"one\ntwo\n").unwrap();
        let message: Value = serde_json::from_slice(&several[0]).unwrap();
        assert_eq!(
            (&message["short_message"], &message["full_message"]),
            (&json!("one"), &json!("one\ntwo"))
        );
        let tcp = format!("{LINE}network = 'tcp'\n").replace("compression = 'none'\n", "");
        assert!(messages(&mut gelf(&tcp), 0, b"x\n").unwrap()[0].ends_with(b"}\0"));
    }

    #[test]
    fn the_host_of_fields_can_be_another() {
        let line = b"{\"version\":\"1.1\",\"host\":\"web1\",\"short_message\":\"x\"}\n";
        let fields = "compression = 'none'\n";
        assert_eq!(messages(&mut gelf(fields), 0, line).unwrap(), [line.trim_ascii_end()]);
        let named = messages(&mut gelf("compression = 'none'\nhostname = 'db2'\n"), 0, line).unwrap();
        assert_eq!(named, [b"{\"version\":\"1.1\",\"host\":\"db2\",\"short_message\":\"x\"}".to_vec()]);
    }

    #[test]
    fn long_messages_are_cut_in_chunks_with_ids_of_their_own() {
        let text = [&b"x".repeat(5000)[..], b"\n"].concat();
        let mut gelf = gelf(&format!("{LINE}chunk_bytes = 600\n"));
        let (one, other) = (messages(&mut gelf, 1, &text).unwrap(), messages(&mut gelf, 2, &text).unwrap());
        assert_ne!(one[0][2..10], other[0][2..10]);
        assert_eq!(one, messages(&mut gelf, 1, &text).unwrap(), "made again, it is the same");
        let whole = joined(one, 600);
        let message: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(message["short_message"].as_str().unwrap().len(), 5000);
        // As long as a datagram can be: no chunk.
        let fill = messages(&mut gelf, 3, &b"x".repeat(600 - 86 - 6)).unwrap();
        assert!(fill.len() == 1 && fill[0].len() <= 600);
    }

    #[test]
    fn more_than_128_chunks_are_truncated_and_marked_or_refused() {
        let text = [&b"\"<x".repeat(100_000)[..], b"\n"].concat();
        for keys in [LINE.to_owned(), LINE.replace("'none'", "'zlib'")] {
            let mut gelf = gelf(&format!("{keys}chunk_bytes = 512\n"));
            let noise: Vec<u8> =
                (0..300_000u32).map(|n| b'!' + (n.wrapping_mul(2_654_435_761) >> 26) as u8).collect();
            for text in [&text, &noise] {
                let chunks = messages(&mut gelf, 0, text).unwrap();
                assert!(chunks.len() <= 128, "{}", chunks.len());
                if gelf.is_packed() {
                    continue;
                }
                let message: Value = serde_json::from_slice(&joined(chunks, 512)).unwrap();
                let kept = message["short_message"].as_str().unwrap().len();
                let len = text.strip_suffix(b"\n").unwrap_or(text).len();
                assert_eq!(message["_truncated"].as_u64().unwrap() as usize, len - kept);
                assert!(kept > 15_000, "{kept}");
            }
        }
        let fields = [BEGIN, b"h\",\"short_message\":\"", &text.repeat(1), b"\"}"].concat();
        assert_eq!(messages(&mut gelf("compression = 'none'\nchunk_bytes = 512\n"), 0, &fields), None);
    }
}
