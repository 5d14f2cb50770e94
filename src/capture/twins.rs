//! Records that come twice: while the data socket is both in the multicast group and registered, each comes once by
//! either way, the multicast one first, and so do those that the kernel had kept for its next daemon. The second one
//! is known by its text. Source: kernel/audit.c, kauditd_thread, kauditd_send_queue.

/// How many records can be remembered: what the kernel may keep while nobody is registered is its backlog, 8192 by
/// default, and what it sent meanwhile.
const REMEMBERED: usize = 16 * 1024;
/// So many records in a row of which there was no other one: the time of twins is over.
const STRANGERS: u32 = 64;

/// What was seen of the group.
#[derive(Default)]
pub(super) struct Twins {
    /// Hashes of records of the group, 0 where the twin has come, the oldest overwritten.
    seen: Vec<u64>,
    /// Where the next one goes.
    next: usize,
    /// Where the twin of the next record is likely to be.
    likely: usize,
    strangers: u32,
}

impl Twins {
    /// Whether this record has come by the group before. `groups`: as it was sent now; `parts`: its text.
    pub(super) fn has_come(&mut self, groups: u32, kind: u16, parts: [&[u8]; 2]) -> bool {
        let hash = hash(kind, parts);
        if groups != 0 {
            self.strangers = 0;
            self.remember(hash);
            return false;
        }
        let (before, behind) = self.seen.split_at(self.likely.min(self.seen.len()));
        let found = behind.iter().position(|&other| other == hash).map(|at| at + before.len());
        let found = found.or_else(|| before.iter().position(|&other| other == hash));
        if let Some((at, twin)) = found.and_then(|at| Some((at, self.seen.get_mut(at)?))) {
            *twin = 0;
            self.likely = at + 1;
            self.strangers = 0;
        } else {
            self.strangers += 1;
        }
        found.is_some()
    }

    /// Whether no twin is to be expected any more; then all is forgotten.
    pub(super) fn is_over(&mut self) -> bool {
        let over = self.strangers >= STRANGERS;
        if over {
            *self = Self::default();
        }
        over
    }

    fn remember(&mut self, hash: u64) {
        if let Some(oldest) = self.seen.get_mut(self.next) {
            *oldest = hash;
        } else {
            self.seen.push(hash);
        }
        self.next = (self.next + 1) % REMEMBERED;
    }
}

/// FNV-1a of a record, never 0: http://www.isthe.com/chongo/tech/comp/fnv/
fn hash(kind: u16, parts: [&[u8]; 2]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let start = 0xcbf2_9ce4_8422_2325 ^ u64::from(kind);
    parts.iter().flat_map(|part| part.iter()).fold(start, step) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the reader has it: text in two pieces.
    fn come(twins: &mut Twins, groups: u32, number: usize) -> bool {
        let text = format!("audit(1.000:{number}): x");
        let (head, tail) = text.as_bytes().split_at(text.len() / 2);
        twins.has_come(groups, 1300, [head, tail])
    }

    #[test]
    fn the_second_one_of_a_pair_is_known_and_no_other() {
        let mut twins = Twins::default();
        for number in 0..20_000 {
            assert!(!come(&mut twins, 1, number));
        }
        // Those that the kernel had kept, then pairs, then unicast alone.
        for number in 15_000..20_000 {
            assert!(come(&mut twins, 0, number), "{number}");
            assert!(!come(&mut twins, 0, number), "a third one is another one");
        }
        for number in 20_000..20_100 {
            assert!(!come(&mut twins, 1, number));
            assert!(come(&mut twins, 0, number));
        }
        for number in 30_000..30_064 {
            assert!(!twins.is_over());
            assert!(!come(&mut twins, 0, number));
        }
        assert!(twins.is_over());
        assert!(!come(&mut twins, 0, 19_999), "forgotten");
    }

    #[test]
    fn another_type_is_another_record() {
        let mut twins = Twins::default();
        assert!(!twins.has_come(1, 1300, [b"audit(1.000:1): ", b""]));
        assert!(!twins.has_come(0, 1320, [b"audit(1.000:1): ", b""]));
        assert!(twins.has_come(0, 1300, [b"audit(1.000", b":1): "]));
    }
}
