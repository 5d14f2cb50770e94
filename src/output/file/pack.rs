//! Compression of older files, on a thread of its own and of low priority, which lives as long as there is one to
//! compress: no line waits for it.

use super::older::Older;
use super::open::Access;
use crate::log;
use crate::output::gzip::{Envelope, Packer};
use crate::sys::host;
use crate::sys::thread::spawn;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Stack of the thread: the compressor, some 300 KiB, is made there before it is boxed.
const STACK: usize = 1024 * 1024;
/// Bytes that are compressed at once.
const PIECE: usize = 32 * 1024;

/// Sees to it that what is there to compress is, sooner or later.
pub(super) fn start(older: &Arc<Older>, access: &Arc<Access>) {
    if older.is_packed.swap(true, Ordering::AcqRel) {
        // There is a thread. It looks for more before it ends; what it just misses the next rotation finds.
        return;
    }
    let (of_thread, access) = (Arc::clone(older), Arc::clone(access));
    let run = move || {
        host::lower_priority();
        if let Err(error) = pack_all(&of_thread, &access) {
            log::error(format_args!("failed to compress an older file: {error}"));
        }
        of_thread.is_packed.store(false, Ordering::Release);
    };
    if spawn("gzip", STACK, Box::new(run)).is_err() {
        older.is_packed.store(false, Ordering::Release);
    }
}

fn pack_all(older: &Older, access: &Access) -> io::Result<()> {
    let mut packer = Packer::new(Envelope::Gzip);
    let half = older.name(format_args!(".gz.tmp"));
    while let Some(mut from) = older.next_to_pack() {
        ignore(fs::remove_file(half.as_path()));
        let mut options = OpenOptions::new();
        let mut to = options.write(true).create_new(true).mode(0o600).open(&half)?;
        access.set(&to, &to.metadata()?)?;
        if let Err(error) = pack(&mut packer, &mut from, &mut to) {
            *older.busy() = None;
            ignore(fs::remove_file(half.as_path()));
            return Err(error);
        }
        older.replace(&half)?;
    }
    Ok(())
}

fn pack(packer: &mut Packer, from: &mut fs::File, to: &mut fs::File) -> io::Result<()> {
    packer.restart();
    let mut piece = vec![0; PIECE];
    loop {
        let len = from.read(&mut piece)?;
        if len == 0 {
            break;
        }
        packer.push(piece.get(..len).unwrap_or_default(), &mut |bytes| to.write_all(bytes))?;
    }
    packer.finish(&mut |bytes| to.write_all(bytes))?;
    // The plain file goes: what takes its place must be on the disk.
    to.sync_data()
}

/// A file that is not there is one less to remove.
fn ignore(_: io::Result<()>) {}
