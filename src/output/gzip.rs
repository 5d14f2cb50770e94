//! Deflated bytes in a gzip or zlib envelope: one message at a time for GELF, or a whole file in pieces. One
//! compressor for as long as its owner lives. Source: RFC 1952, RFC 1950; miniz_oxide deflates.

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output, create_comp_flags_from_zip_params,
};
use std::io;

/// What stands around the deflated bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    /// gzip: a header of 10 bytes; at the end CRC-32 and length.
    Gzip,
    /// zlib: a header of 2 bytes; at the end Adler-32.
    Zlib,
}

/// Magic, deflate, no flags, no time, no word on the level, Unix (RFC 1952, section 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
/// zlib's best speed: a message is short, and a file of log lines shrinks to a tenth with it.
const LEVEL: i32 = 1;
/// `window_bits` that make the compressor write zlib's envelope, and none (miniz's convention).
const ZLIB: i32 = 15;
const BARE: i32 = -15;

/// The compressor and the stream in work; about 300 KiB, kept between streams.
pub(super) struct Packer {
    deflate: Box<CompressorOxide>,
    envelope: Envelope,
    /// Whether gzip's header was given out.
    begun: bool,
    crc: u32,
    /// Bytes of the stream so far; RFC 1952 wants them modulo 2^32.
    len: u32,
}

/// Takes packed bytes.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

impl Packer {
    /// Allocates the compressor.
    pub(super) fn new(envelope: Envelope) -> Self {
        let bits = if envelope == Envelope::Zlib { ZLIB } else { BARE };
        let deflate = Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, bits, 0)));
        Self { deflate, envelope, begun: false, crc: !0, len: 0 }
    }

    /// Packs the next bytes of the stream. After an error the stream is to be given up.
    ///
    /// Errors: the sink's.
    pub(super) fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> io::Result<()> {
        if self.envelope == Envelope::Gzip {
            self.begin(sink)?;
            self.crc = crc32(self.crc, bytes);
            self.len = self.len.wrapping_add(u32::try_from(bytes.len()).unwrap_or_default());
        }
        self.deflate(bytes, TDEFLFlush::None, sink)
    }

    /// Ends the stream; the next [`push`](Self::push) begins another one.
    ///
    /// Errors: the sink's.
    pub(super) fn finish(&mut self, sink: Sink<'_>) -> io::Result<()> {
        let ended = self.end(sink);
        self.restart();
        ended
    }

    /// Gives the stream up; the next [`push`](Self::push) begins another one.
    pub(super) fn restart(&mut self) {
        self.deflate.reset();
        (self.begun, self.crc, self.len) = (false, !0, 0);
    }

    /// Packs one message as a stream of its own.
    pub(super) fn message(&mut self, bytes: &[u8], into: &mut Vec<u8>) {
        let mut sink = |packed: &[u8]| {
            into.extend_from_slice(packed);
            Ok(())
        };
        // This sink never fails.
        let _ = self.push(bytes, &mut sink);
        let _ = self.finish(&mut sink);
    }

    fn begin(&mut self, sink: Sink<'_>) -> io::Result<()> {
        let begun = std::mem::replace(&mut self.begun, true);
        if begun { Ok(()) } else { sink(&HEADER) }
    }

    fn end(&mut self, sink: Sink<'_>) -> io::Result<()> {
        if self.envelope == Envelope::Gzip {
            self.begin(sink)?;
        }
        self.deflate(&[], TDEFLFlush::Finish, sink)?;
        if self.envelope == Envelope::Gzip {
            sink(&(!self.crc).to_le_bytes())?;
            sink(&self.len.to_le_bytes())?;
        }
        Ok(())
    }

    fn deflate(&mut self, bytes: &[u8], flush: TDEFLFlush, sink: Sink<'_>) -> io::Result<()> {
        let mut result = Ok(());
        let (status, _) = compress_to_output(&mut self.deflate, bytes, flush, |packed| {
            result = sink(packed);
            result.is_ok()
        });
        result?;
        match status {
            TDEFLStatus::Okay | TDEFLStatus::Done => Ok(()),
            TDEFLStatus::BadParam | TDEFLStatus::PutBufFailed => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

/// The remainders of four bits, for [`crc32`].
const NIBBLES: [u32; 16] = {
    let mut table = [0; 16];
    let mut value = 0;
    while value < 16 {
        let mut remainder = value;
        let mut bit = 0;
        while bit < 4 {
            remainder = if remainder & 1 == 1 { remainder >> 1 ^ 0xedb8_8320 } else { remainder >> 1 };
            bit += 1;
        }
        table[value as usize] = remainder;
        value += 1;
    }
    table
};

/// Goes on with a CRC-32 (RFC 1952, section 8), which begins as all ones and is inverted at the end.
fn crc32(mut crc: u32, bytes: &[u8]) -> u32 {
    for byte in bytes {
        crc ^= u32::from(*byte);
        crc = crc >> 4 ^ NIBBLES[crc as usize & 15];
        crc = crc >> 4 ^ NIBBLES[crc as usize & 15];
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// What the system's gzip, or Python's zlib, makes of it.
    fn unpacked(envelope: Envelope, packed: &[u8]) -> Vec<u8> {
        let mut command = match envelope {
            Envelope::Gzip => Command::new("gzip"),
            Envelope::Zlib => Command::new("python3"),
        };
        let script = "import sys, zlib\nsys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
        match envelope {
            Envelope::Gzip => command.arg("-dc"),
            Envelope::Zlib => command.args(["-c", script]),
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), packed).unwrap();
        command.stdin(Stdio::from(file.reopen().unwrap())).stderr(Stdio::inherit());
        let output = command.output().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn messages_come_back_whole_one_after_the_other() {
        let long: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        for envelope in [Envelope::Gzip, Envelope::Zlib] {
            let mut packer = Packer::new(envelope);
            for text in [&b"{\"a\":1}"[..], b"", &b"audit ".repeat(1000), &long, b"x"] {
                let mut packed = Vec::new();
                packer.message(text, &mut packed);
                assert!(unpacked(envelope, &packed) == text, "{envelope:?}, {} bytes", text.len());
            }
        }
    }

    #[test]
    fn a_file_in_pieces_and_a_sink_that_fails() {
        let mut packer = Packer::new(Envelope::Gzip);
        let mut packed = Vec::new();
        let text = b"type=SYSCALL msg=audit(1.002:3): arch=c000003e\n".repeat(5000);
        let mut full = |_: &[u8]| Err(io::ErrorKind::StorageFull.into());
        assert!(packer.push(&text, &mut full).is_err());
        packer.restart();
        let mut sink = |bytes: &[u8]| {
            packed.extend_from_slice(bytes);
            Ok(())
        };
        for piece in text.chunks(4096) {
            packer.push(piece, &mut sink).unwrap();
        }
        packer.finish(&mut sink).unwrap();
        assert!(packed.len() < text.len() / 50);
        assert!(unpacked(Envelope::Gzip, &packed) == text);
    }

    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(!crc32(!0, b"123456789"), 0xcbf4_3926);
    }
}
