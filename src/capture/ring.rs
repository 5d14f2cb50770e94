//! The ring between the reader and the writer: two lock-free queues of fixed blocks, the full ones one
//! way and the empty ones back. The reader packs records into a block as frames and publishes it; the
//! writer sleeps on an alarm that is only rung when it sleeps.
//!
//! The block that came back last is filled next: its bytes are still in the processor's cache, and the others cost no
//! memory until the writer falls behind.

use crate::sys::memory::Region;
use crate::sys::poll::{Alarm, Wait, poll};
use heapless::spsc::{Consumer, Producer, Queue};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::time::Duration;

/// A block's size in bytes.
pub const BLOCK: usize = 32 * 1024;
/// The fewest blocks: one to fill while the other is read.
pub const BLOCKS_MIN: usize = 2;
/// The most blocks: 8 MiB.
pub const BLOCKS_MAX: usize = 256;

/// Blocks whose memory stays when a backlog is worked off: as many as are in use under a steady load.
const KEPT: usize = 4;
/// Length, type, flags.
const FRAME_HEADER: usize = 8;
/// A queue of heapless holds one less than its parameter.
const QUEUE: usize = BLOCKS_MAX + 1;
/// Frame flag: the record was cut at the slot's end.
const TRUNCATED: u16 = 1;

/// A fixed piece of the ring; a pointer, so that it goes through the queues cheaply.
pub struct Block(Box<Piece>);

struct Piece {
    bytes: Region,
    /// Bytes of frames in it.
    used: usize,
    /// Whether it has memory.
    touched: bool,
}

/// A record as it crosses the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The message's type.
    pub kind: u16,
    /// Whether it was cut at the slot's end.
    pub truncated: bool,
    /// The message's payload.
    pub text: &'a [u8],
}

/// What both ends share.
struct Shared {
    alarm: Alarm,
    asleep: AtomicBool,
    closed: AtomicBool,
    /// Published blocks that are enough to wake the writer at once.
    wake_at: AtomicUsize,
    /// Blocks that are being filled, wait, or are being read.
    in_use: AtomicUsize,
}

/// The reader's end.
pub struct Inlet {
    full: Producer<'static, Block>,
    empty: Consumer<'static, Block>,
    /// Blocks that came back, the last one on top.
    spare: Vec<Block>,
    current: Option<Block>,
    /// Whether more blocks were in use than are [`KEPT`], so that there is memory to give back.
    is_deep: bool,
    shared: Arc<Shared>,
}

/// The writer's end.
pub struct Outlet {
    full: Consumer<'static, Block>,
    empty: Producer<'static, Block>,
    shared: Arc<Shared>,
    /// Blocks that there are.
    #[cfg(feature = "reload")]
    blocks: usize,
    /// Blocks that there are to be.
    #[cfg(feature = "reload")]
    wanted: usize,
}

/// Wakes the writer from any thread.
#[derive(Clone)]
pub struct Bell(Arc<Shared>);

/// There is no room for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Makes a ring of so many blocks (kept within [`BLOCKS_MIN`] and [`BLOCKS_MAX`]). Its queues stay for
/// the life of the process.
///
/// Errors: no descriptor left for the alarm; no memory.
pub fn ring(blocks: usize) -> io::Result<(Inlet, Outlet)> {
    let blocks = blocks.clamp(BLOCKS_MIN, BLOCKS_MAX);
    let shared = Arc::new(Shared {
        alarm: Alarm::new()?,
        asleep: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        wake_at: AtomicUsize::new(blocks.div_ceil(4)),
        in_use: AtomicUsize::new(0),
    });
    let full: &'static mut Queue<Block, QUEUE> = Box::leak(Box::default());
    let empty: &'static mut Queue<Block, QUEUE> = Box::leak(Box::default());
    let (full_in, full_out) = full.split();
    let (empty_in, empty_out) = empty.split();
    let mut spare = self::blocks(blocks)?;
    // Room for all that there can ever be: nothing is allocated on a record's way.
    spare.reserve_exact(BLOCKS_MAX);
    let shared_too = Arc::clone(&shared);
    let inlet =
        Inlet { full: full_in, empty: empty_out, spare, current: None, is_deep: false, shared: shared_too };
    let outlet = Outlet {
        full: full_out,
        empty: empty_in,
        shared,
        #[cfg(feature = "reload")]
        blocks,
        #[cfg(feature = "reload")]
        wanted: blocks,
    };
    Ok((inlet, outlet))
}

/// Makes so many blocks, of which none has memory yet.
///
/// Errors: no memory, also below the ceiling.
pub fn blocks(count: usize) -> io::Result<Vec<Block>> {
    let mut blocks = Vec::with_capacity(count);
    for _ in 0..count {
        blocks.push(Block(Box::new(Piece { bytes: Region::new(BLOCK, BLOCK)?, used: 0, touched: false })));
    }
    Ok(blocks)
}

impl Inlet {
    /// Packs a record, given in two pieces, into the current block, publishing that first when the
    /// record does not fit any more.
    pub fn push(&mut self, kind: u16, truncated: bool, head: &[u8], tail: &[u8]) -> Result<(), Full> {
        let len = head.len() + tail.len();
        if self.current.as_ref().is_some_and(|block| !block.fits(len)) {
            self.hand_over();
            if self.full.len() >= self.shared.wake_at.load(Ordering::Relaxed) {
                self.shared.wake();
            }
        }
        let block = match &mut self.current {
            Some(block) => block,
            None => {
                let block = self.unused().ok_or(Full)?;
                self.current.insert(block)
            }
        };
        block.push(kind, truncated, head, tail)
    }

    /// Gives what is packed so far to the writer and wakes it if it sleeps.
    pub fn publish(&mut self) {
        self.hand_over();
        if !self.full.is_empty() {
            self.shared.wake();
        }
    }

    /// Whether nothing waits in the current block.
    pub fn is_published(&self) -> bool {
        self.current.is_none()
    }

    /// Publishes the rest and says that nothing more will come.
    pub fn close(&mut self) {
        self.publish();
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.alarm.ring();
    }

    /// Whether [`tidy`](Self::tidy) would find something, now or when the writer is done.
    pub fn is_deep(&self) -> bool {
        self.is_deep
    }

    /// Gives back the memory that a backlog took: for when nothing has come for a while.
    pub fn tidy(&mut self) {
        self.gather();
        let surplus = self.spare.len().saturating_sub(KEPT);
        for block in self.spare.iter_mut().take(surplus).filter(|block| block.0.touched) {
            block.0.bytes.discard(0);
            block.0.touched = false;
        }
        self.is_deep = self.shared.in_use.load(Ordering::Relaxed) > 0;
    }

    /// A block to fill.
    fn unused(&mut self) -> Option<Block> {
        self.gather();
        let mut block = self.spare.pop()?;
        block.0.touched = true;
        let in_use = self.shared.in_use.fetch_add(1, Ordering::Relaxed) + 1;
        self.is_deep |= in_use > KEPT;
        Some(block)
    }

    /// Takes what the writer gave back.
    fn gather(&mut self) {
        while let Some(block) = self.empty.dequeue() {
            self.spare.push(block);
        }
    }

    fn hand_over(&mut self) {
        if let Some(block) = self.current.take() {
            // The queue has room for every block there is.
            let _ = self.full.enqueue(block);
        }
    }
}

impl Outlet {
    /// The next published block.
    pub fn take(&mut self) -> Option<Block> {
        self.full.dequeue()
    }

    /// Returns a block for the reader to fill again; gives the bytes of all blocks that were in use with it.
    pub fn give_back(&mut self, mut block: Block) -> usize {
        let used = self.shared.in_use.fetch_sub(1, Ordering::Relaxed);
        #[cfg(feature = "reload")]
        if self.blocks > self.wanted {
            self.blocks -= 1;
            return used * BLOCK;
        }
        block.0.used = 0;
        // The queue has room for every block there is.
        let _ = self.empty.enqueue(block);
        used * BLOCK
    }

    /// Makes the ring one of so many blocks, within the limits of [`ring`]: those that are missing are taken from the
    /// `new` ones, and those that are too many go as they come back.
    #[cfg(feature = "reload")]
    pub fn resize(&mut self, blocks: usize, new: Vec<Block>) {
        let blocks = blocks.clamp(BLOCKS_MIN, BLOCKS_MAX);
        self.wanted = blocks;
        self.shared.wake_at.store(blocks.div_ceil(4), Ordering::Relaxed);
        for block in new.into_iter().take(blocks.saturating_sub(self.blocks)) {
            self.blocks += 1;
            let _ = self.empty.enqueue(block);
        }
    }

    /// Whether the reader has closed its end and everything was taken.
    pub fn is_finished(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst) && self.full.is_empty()
    }

    /// Sleeps until a block is published, the bell is rung, or the time is over (`None`: for ever). Returns at
    /// once when a block is there already.
    pub fn sleep(&mut self, timeout: Option<Duration>) {
        self.shared.asleep.store(true, Ordering::SeqCst);
        // Either the reader sees `asleep`, or the block it published before is seen here.
        fence(Ordering::SeqCst);
        let is_to_sleep = self.full.is_empty() && !self.shared.closed.load(Ordering::SeqCst);
        let mut alarm = [Wait::readable(self.shared.alarm.as_fd())];
        if is_to_sleep && poll(&mut alarm, timeout).unwrap_or(1) > 0 {
            self.shared.alarm.hush();
        }
        self.shared.asleep.store(false, Ordering::SeqCst);
    }

    /// A handle to wake this end with.
    pub fn bell(&self) -> Bell {
        Bell(Arc::clone(&self.shared))
    }
}

impl Bell {
    /// Wakes the writer, or keeps it from its next sleep.
    pub fn ring(&self) {
        self.0.alarm.ring();
    }
}

impl Shared {
    fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            self.alarm.ring();
        }
    }
}

impl Block {
    fn fits(&self, len: usize) -> bool {
        self.0.used + FRAME_HEADER + len <= BLOCK
    }

    fn push(&mut self, kind: u16, truncated: bool, head: &[u8], tail: &[u8]) -> Result<(), Full> {
        let len = head.len() + tail.len();
        let free = self.0.bytes.get_mut(self.0.used..).unwrap_or_default();
        let (header, rest) = free.split_first_chunk_mut::<FRAME_HEADER>().ok_or(Full)?;
        let (first, rest) = rest.split_at_mut_checked(head.len()).ok_or(Full)?;
        let second = rest.get_mut(..tail.len()).ok_or(Full)?;
        let [a, b, c, d] = u32::try_from(len).map_err(|_| Full)?.to_ne_bytes();
        let [e, f] = kind.to_ne_bytes();
        let [g, h] = u16::from(truncated).to_ne_bytes();
        *header = [a, b, c, d, e, f, g, h];
        first.copy_from_slice(head);
        second.copy_from_slice(tail);
        self.0.used += FRAME_HEADER + len;
        Ok(())
    }

    /// The records in it, in the order of their arrival.
    pub fn frames(&self) -> Frames<'_> {
        Frames { rest: self.0.bytes.get(..self.0.used).unwrap_or_default() }
    }
}

/// The records of a [`Block`].
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let (&[a, b, c, d, e, f, g, h], rest) = self.rest.split_first_chunk::<FRAME_HEADER>()?;
        let len = usize::try_from(u32::from_ne_bytes([a, b, c, d])).ok()?;
        let (text, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        let flags = u16::from_ne_bytes([g, h]);
        Some(Frame { kind: u16::from_ne_bytes([e, f]), truncated: flags & TRUNCATED != 0, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outlet: &mut Outlet) -> Vec<(u16, bool, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some(block) = outlet.take() {
            all.extend(block.frames().map(|f| (f.kind, f.truncated, f.text.to_vec())));
            outlet.give_back(block);
        }
        all
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        let (mut inlet, mut outlet) = ring(2).unwrap();
        inlet.push(1300, false, b"head", b"").unwrap();
        inlet.push(1302, true, b"he", b"tail").unwrap();
        assert!(outlet.take().is_none(), "not published yet");
        inlet.publish();
        let expected = vec![(1300, false, b"head".to_vec()), (1302, true, b"hetail".to_vec())];
        assert_eq!(drain(&mut outlet), expected);
        assert!(!outlet.is_finished());
        inlet.close();
        assert!(outlet.is_finished());
    }

    #[test]
    fn a_full_ring_refuses_and_takes_again_once_a_block_is_back() {
        let (mut inlet, mut outlet) = ring(2).unwrap();
        let text = [b'x'; 1000];
        let mut taken = 0;
        while inlet.push(1300, false, &text, b"").is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 2 * (BLOCK / (1000 + FRAME_HEADER)));
        assert_eq!(inlet.push(1300, false, &text, b""), Err(Full));
        let block = outlet.take().unwrap();
        outlet.give_back(block);
        assert_eq!(inlet.push(1300, false, &text, b""), Ok(()));
    }

    #[cfg(feature = "reload")]
    #[test]
    fn another_size_is_there_when_the_blocks_have_come_round() {
        let (mut inlet, mut outlet) = ring(2).unwrap();
        let text = [b'x'; BLOCK - FRAME_HEADER];
        let mut fill = |outlet: &mut Outlet| {
            let taken = (0..20).take_while(|_| inlet.push(1300, false, &text, b"").is_ok()).count();
            inlet.publish();
            assert_eq!(drain(outlet).len(), taken);
            taken
        };
        assert_eq!(fill(&mut outlet), 2);
        outlet.resize(5, blocks(3).unwrap());
        assert_eq!(fill(&mut outlet), 5);
        outlet.resize(3, Vec::new());
        assert_eq!(fill(&mut outlet), 5, "those that are with the reader");
        assert_eq!(fill(&mut outlet), 3);
        outlet.resize(0, blocks(1).unwrap());
        fill(&mut outlet);
        assert_eq!(fill(&mut outlet), BLOCKS_MIN);
    }

    #[test]
    fn memory_is_taken_by_a_backlog_and_given_back_after_it() {
        let (mut inlet, mut outlet) = ring(16).unwrap();
        let touched = |inlet: &Inlet| inlet.spare.iter().filter(|block| block.0.touched).count();
        for _ in 0..100 {
            inlet.push(1300, false, b"x", b"").unwrap();
            inlet.publish();
            let block = outlet.take().unwrap();
            assert_eq!(outlet.give_back(block), BLOCK, "one is in use at a time");
        }
        inlet.gather();
        assert_eq!((touched(&inlet), inlet.is_deep()), (1, false), "it is always the same one");
        let text = [b'x'; BLOCK - FRAME_HEADER];
        while inlet.push(1300, false, &text, b"").is_ok() {}
        inlet.publish();
        inlet.tidy();
        assert!(inlet.is_deep(), "the writer has it all");
        assert_eq!(drain(&mut outlet).len(), 16);
        inlet.tidy();
        assert_eq!((touched(&inlet), inlet.is_deep()), (KEPT, false));
        let given_back = inlet.spare.iter().filter(|block| block.0.bytes.iter().all(|&byte| byte == 0));
        assert_eq!(given_back.count(), 16 - KEPT, "they read as zeros again");
    }

    #[test]
    fn a_million_records_cross_two_threads_in_order() {
        let (mut inlet, mut outlet) = ring(4).unwrap();
        let reader = std::thread::spawn(move || {
            for number in 0..1_000_000u32 {
                while inlet.push(1300, false, &number.to_ne_bytes(), b"").is_err() {
                    inlet.publish();
                    std::thread::yield_now();
                }
            }
            inlet.close();
        });
        let mut next = 0u32;
        while !outlet.is_finished() {
            while let Some(block) = outlet.take() {
                for frame in block.frames() {
                    assert_eq!(frame.text, next.to_ne_bytes());
                    next += 1;
                }
                outlet.give_back(block);
            }
            outlet.sleep(None);
        }
        reader.join().unwrap();
        assert_eq!(next, 1_000_000);
    }

    #[test]
    fn the_bell_wakes_a_sleeper() {
        let (_inlet, mut outlet) = ring(2).unwrap();
        outlet.bell().ring();
        outlet.sleep(None);
    }
}
