//! Events in flight that go on elsewhere: in a table of another size (a reload), or in the program that is executed in
//! this one's place (an upgrade). Of a log's events nothing is handed over.

use super::{Assembler, Place, TIME};
use crate::config;
use crate::event::store::Records;
use crate::wire::record::Stamp;
use ringaudit_setup::state::{Pen, Reading};
use std::time::{Duration, Instant};

impl Assembler {
    /// Whether it has the space that these settings ask for.
    pub fn has_space_of(&self, settings: &config::Event) -> bool {
        self.store.max() == settings.max_kib as usize * 1024
    }

    /// Goes by these settings from now on, but for the space.
    pub fn adjust(&mut self, settings: &config::Event) {
        self.timeout = Duration::from_millis(u64::from(settings.timeout_ms));
        self.types = settings.types;
        self.serials.set_patience(self.timeout);
    }

    /// All events in flight, and the serials, for [`resume`](Self::resume).
    #[cold]
    #[inline(never)]
    pub fn save(&self, now: Instant, pen: &mut Pen) {
        self.serials.save(now, pen);
        pen.number(self.order.len() as u64);
        for &index in &self.order {
            let Some(slot) = self.slots.get(usize::from(index)) else { continue };
            let age = now.saturating_duration_since(slot.arrived).as_millis();
            pen.number(slot.stamp.millis);
            pen.number(slot.stamp.serial.into());
            pen.text(slot.time.get(..usize::from(slot.time_len)).unwrap_or_default());
            pen.number(u64::try_from(age).unwrap_or(u64::MAX));
            pen.number(slot.of_syscall.into());
            pen.number(slot.left_out.into());
            pen.text(self.store.records(usize::from(index), slot.place).stored());
        }
    }

    /// Goes on where another one was, being empty itself; `None` when that can't be read.
    #[cold]
    #[inline(never)]
    pub fn resume(&mut self, now: Instant, from: &mut Reading<'_>) -> Option<()> {
        self.serials.resume(now, from)?;
        for _ in 0..from.size()? {
            let stamp = Stamp { millis: from.number()?, serial: from.small()? };
            let (time, age, of_syscall) = (from.text()?, from.number()?, from.number()? != 0);
            let (left_out, stored) = (from.small()?, from.text()?);
            let index = self.free.pop()?;
            let slot = self.slots.get_mut(usize::from(index))?;
            slot.stamp = stamp;
            slot.node = 0;
            slot.time_len = u8::try_from(time.len().min(TIME)).ok()?;
            slot.time.iter_mut().zip(time).for_each(|(to, from)| *to = *from);
            // One that is older than any is given up at once.
            slot.arrived = now.checked_sub(Duration::from_millis(age)).unwrap_or(now);
            slot.of_syscall = of_syscall;
            slot.left_out = left_out;
            slot.place = Place::default();
            for record in Records::of(stored) {
                if !self.store.push(usize::from(index), &mut slot.place, record) {
                    slot.left_out += 1;
                }
            }
            let _ = self.order.push(index);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;
    use crate::config::Event;

    #[test]
    fn events_and_serials_go_on_in_another_table() {
        let mut old = Bench::new(&Event::default());
        old.add(1300, 10, "syscall=1");
        old.add(1300, 13, "syscall=2");
        old.add(1309, 13, &"x".repeat(20_000));
        let now = old.now + Duration::from_millis(500);
        let mut pen = Pen::default();
        old.assembler.save(now, &mut pen);
        let body = pen.body();
        let mut new = Bench::new(&Event { timeout_ms: 1000, max_kib: 16, ..Event::default() });
        assert!(!new.assembler.has_space_of(&Event::default()));
        new.now = now;
        new.assembler.resume(now, &mut Reading::of(&body)).unwrap();
        new.add(1307, 10, "cwd=\"/\"");
        new.add(1320, 10, "");
        assert_eq!(new.out.0.len(), 1);
        let (serial, _, records, left_out) = new.out.0.remove(0);
        assert_eq!((serial, left_out, records.len()), (10, 0, 2), "begun there, ended here");
        // Its age is the one that it had; what does not fit here is counted; 11 and 12 never came.
        new.assembler.expire(now + Duration::from_millis(500), &mut new.out);
        let (serial, _, records, left_out) = new.out.0.remove(0);
        assert_eq!((serial, left_out, records.len()), (13, 1, 1));
        new.assembler.finish(&mut new.out);
        assert_eq!((new.stats.serial_gaps.get(), new.stats.incomplete.get()), (2, 1));
    }

    #[test]
    fn what_can_not_be_read_is_said_to_be_so() {
        let mut old = Bench::new(&Event::default());
        old.add(1300, 10, "syscall=1");
        let mut pen = Pen::default();
        old.assembler.save(old.now, &mut pen);
        let body = pen.body();
        for len in 0..body.len() {
            let mut new = Bench::new(&Event::default());
            let mut from = Reading::of(&body[..len]);
            assert_eq!(new.assembler.resume(new.now, &mut from), None, "{len} bytes");
        }
    }
}
