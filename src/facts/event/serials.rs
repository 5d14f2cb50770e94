//! Finds serials that never came. The kernel numbers events without holes, but several CPUs hand them over
//! out of order, so a serial is only given up once [`WINDOW`] later ones have come, or a time has passed.
//! Source: kernel/audit.c, audit_serial; which losses leave a hole: DESIGN.md, "Loss".

#[cfg(feature = "reload")]
use ringaudit_setup::state::{Pen, Reading};
use std::time::{Duration, Instant};

/// How far the serials may run ahead of a missing one.
pub const WINDOW: u32 = 1024;
const WORDS: usize = WINDOW as usize / 64;

/// The serials of the last [`WINDOW`].
pub struct Serials {
    /// The highest so far; `None` before the first.
    highest: Option<u32>,
    /// Bit `serial % WINDOW` for the serials in (highest - WINDOW, highest].
    seen: [u64; WORDS],
    /// Serials in the window that have not come.
    missing: u32,
    /// When to give up those up to a mark.
    wait: Option<(Instant, u32)>,
    patience: Duration,
}

impl Serials {
    /// Gives a missing serial up after `patience`, or [`WINDOW`] serials.
    pub fn new(patience: Duration) -> Self {
        // All before the first count as seen.
        Self { highest: None, seen: [u64::MAX; WORDS], missing: 0, wait: None, patience }
    }

    /// Notes a record's serial; gives how many serials were given up for it.
    pub fn note(&mut self, serial: u32, now: Instant) -> u64 {
        let Some(highest) = self.highest else {
            self.highest = Some(serial);
            self.set(serial);
            return 0;
        };
        let ahead = serial.wrapping_sub(highest);
        if ahead == 0 {
            return 0;
        }
        if ahead > u32::MAX / 2 {
            // An earlier one: it fills its hole if it is still waited for.
            if highest.wrapping_sub(serial) < WINDOW && !self.is_set(serial) {
                self.set(serial);
                self.missing -= 1;
            }
            return 0;
        }
        let mut lost = 0;
        // What lies between is missing as of now; what falls out of the window on the way is lost.
        for step in 1..=ahead.min(WINDOW) {
            let position = highest.wrapping_add(step);
            if !self.is_set(position) {
                lost += 1;
                self.missing -= 1;
            }
            if step < ahead {
                self.clear(position);
                // The kernel skips 0 when it wraps.
                if position == 0 {
                    self.set(position);
                } else {
                    self.missing += 1;
                }
            }
        }
        if ahead > WINDOW {
            // The window holds what it may; the serials before it were never in it.
            lost += u64::from(ahead - WINDOW);
            self.seen = [0; WORDS];
            self.missing = WINDOW - 1;
        }
        self.set(serial);
        self.highest = Some(serial);
        if self.missing > 0 && self.wait.is_none() {
            self.wait = Some((now + self.patience, serial));
        }
        lost
    }

    /// The highest so far.
    pub fn highest(&self) -> Option<u32> {
        self.highest
    }

    /// When [`give_up`](Self::give_up) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.wait.map(|(at, _)| at)
    }

    /// Gives up the serials whose time is over (all of them, when `all`); gives their number.
    pub fn give_up(&mut self, now: Instant, all: bool) -> u64 {
        let Some(highest) = self.highest else { return 0 };
        let mark = match self.wait {
            _ if all => highest,
            Some((at, mark)) if at <= now => mark,
            _ => return 0,
        };
        let mut lost = 0;
        for back in 0..WINDOW {
            let serial = highest.wrapping_sub(back);
            let is_due = highest.wrapping_sub(mark) <= back;
            if is_due && !self.is_set(serial) {
                self.set(serial);
                self.missing -= 1;
                lost += 1;
            }
        }
        self.wait = (self.missing > 0).then_some((now + self.patience, highest));
        lost
    }

    /// Gives missing serials up after another time from now on.
    #[cfg(feature = "reload")]
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Its state, for [`resume`](Self::resume).
    #[cfg(feature = "reload")]
    #[cold]
    #[inline(never)]
    pub fn save(&self, now: Instant, pen: &mut Pen) {
        pen.number(self.highest.map_or(u64::MAX, u64::from));
        pen.numbers(&self.seen);
        let (left, mark) = self.wait.map_or((u64::MAX, 0), |(at, mark)| (millis(at, now), mark));
        pen.numbers(&[left, mark.into()]);
    }

    /// Goes on where another run was; `None` when that can't be read.
    #[cfg(feature = "reload")]
    #[cold]
    #[inline(never)]
    pub fn resume(&mut self, now: Instant, from: &mut Reading<'_>) -> Option<()> {
        let highest = from.number()?;
        let seen: [u64; WORDS] = from.numbers()?.try_into().ok()?;
        let [left, mark] = from.numbers()?.try_into().ok()?;
        self.highest = u32::try_from(highest).ok();
        self.seen = seen;
        self.missing = seen.iter().map(|word| word.count_zeros()).sum();
        let wait = || Some((now + Duration::from_millis(left).min(self.patience), u32::try_from(mark).ok()?));
        self.wait = if left == u64::MAX { None } else { wait() };
        Some(())
    }

    fn is_set(&self, serial: u32) -> bool {
        let (word, bit) = Self::position(serial);
        self.seen.get(word).is_none_or(|seen| seen & bit != 0)
    }

    fn set(&mut self, serial: u32) {
        let (word, bit) = Self::position(serial);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen |= bit;
        }
    }

    fn clear(&mut self, serial: u32) {
        let (word, bit) = Self::position(serial);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen &= !bit;
        }
    }

    fn position(serial: u32) -> (usize, u64) {
        ((serial % WINDOW / 64) as usize, 1 << (serial % 64))
    }
}

/// How long it is from one moment to another, in milliseconds.
#[cfg(feature = "reload")]
fn millis(to: Instant, from: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    fn run(serials: &[u32]) -> (u64, Serials) {
        let now = Instant::now();
        let mut tracker = Serials::new(PATIENCE);
        let lost = serials.iter().map(|&serial| tracker.note(serial, now)).sum();
        (lost, tracker)
    }

    #[test]
    fn order_does_not_matter_within_the_window() {
        let (lost, mut tracker) = run(&[10, 13, 11, 11, 12, 14]);
        assert_eq!(lost, 0);
        assert_eq!(tracker.give_up(Instant::now() + 2 * PATIENCE, true), 0);
    }

    #[test]
    fn a_hole_is_given_up_when_its_time_is_over() {
        let (lost, mut tracker) = run(&[10, 13]);
        assert_eq!(lost, 0);
        let start = Instant::now();
        assert_eq!(tracker.give_up(start, false), 0, "not yet");
        assert!(tracker.deadline().is_some());
        assert_eq!(tracker.give_up(start + 2 * PATIENCE, false), 2);
        assert_eq!(tracker.deadline(), None);
        assert_eq!(tracker.give_up(start + 9 * PATIENCE, true), 0, "counted once");
    }

    #[test]
    fn a_hole_is_given_up_when_the_window_has_passed() {
        let mut serials = vec![10];
        serials.extend(12..12 + WINDOW);
        let (lost, mut tracker) = run(&serials);
        assert_eq!(lost, 1);
        assert_eq!(tracker.give_up(Instant::now(), true), 0);
    }

    #[test]
    fn a_far_jump_counts_all_between() {
        let (lost, mut tracker) = run(&[10, 100_010]);
        assert_eq!(lost + tracker.give_up(Instant::now(), true), 99_999);
    }

    #[test]
    fn the_counter_wraps_and_skips_zero() {
        let (lost, mut tracker) = run(&[u32::MAX - 1, u32::MAX, 1, 2]);
        assert_eq!(lost + tracker.give_up(Instant::now(), true), 0);
        let (lost, mut tracker) = run(&[u32::MAX, 2]);
        assert_eq!(lost + tracker.give_up(Instant::now(), true), 1);
    }

    #[test]
    fn later_holes_get_their_own_time() {
        let start = Instant::now();
        let mut tracker = Serials::new(PATIENCE);
        tracker.note(1, start);
        tracker.note(3, start);
        tracker.note(5, start + PATIENCE);
        assert_eq!(tracker.give_up(start + PATIENCE, false), 1);
        assert_eq!(tracker.deadline(), Some(start + 2 * PATIENCE));
        assert_eq!(tracker.give_up(start + 2 * PATIENCE, false), 1);
    }

    proptest! {
        /// Whatever is left out of a run, in whatever order within the window the rest comes, is counted.
        #[test]
        fn lost_serials_are_counted_exactly(
            start in any::<u32>(),
            keep in proptest::collection::vec(any::<bool>(), 2..5000),
            swap in proptest::collection::vec(0usize..20, 5000),
        ) {
            let mut sent = Vec::new();
            let mut serial = start.max(1);
            let mut expected = 0;
            for (index, &kept) in keep.iter().enumerate() {
                // The first and the last frame the run, so that all between is known to be missing.
                if kept || index == 0 || index == keep.len() - 1 { sent.push(serial) } else { expected += 1 }
                serial = match serial.wrapping_add(1) { 0 => 1, next => next };
            }
            let last = sent.len() - 1;
            for (index, far) in (1..last).zip(&swap) {
                sent.swap(index, (index + far).min(last - 1));
            }
            let (lost, mut tracker) = run(&sent);
            prop_assert_eq!(lost + tracker.give_up(Instant::now(), true), expected);
        }
    }
}
