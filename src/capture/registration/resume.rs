//! The place at the kernel that goes on in the program that is executed in this one's place: the data socket stays
//! open, and with it the registration, which is the socket's port and the process's number.

use super::{Error, Link, Registration, Standing, control, wanted};
use crate::config::{self, KernelKey};
use crate::stats::Stats;
use crate::sys::netlink::Socket;
use ringaudit_setup::state::{Pen, Reading};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

impl Registration {
    /// What [`resume`](Self::resume) needs.
    pub fn save(&self, pen: &mut Pen) {
        pen.number(u64::try_from(self.data.as_fd().as_raw_fd()).unwrap_or(u64::MAX));
        pen.number(self.last_lost.into());
        pen.number(self.undo.len() as u64);
        let settings = config::Kernel::default();
        for &(field, value) in &self.undo {
            let key = KernelKey::ALL.iter().position(|&key| wanted(&settings, key).0 == field);
            pen.number(key.unwrap_or(usize::MAX) as u64);
            pen.number(value.into());
        }
    }

    /// Goes on with the socket and the settings of the program that ran before; `None` when they can't be read or are
    /// none.
    pub fn resume(
        link: Arc<Link>,
        stats: Arc<Stats>,
        from: &mut Reading<'_>,
    ) -> Option<Result<Self, Error>> {
        let raw = i32::try_from(from.number()?).ok()?;
        let last_lost = from.small()?;
        let (mut undo, settings) = (Vec::new(), config::Kernel::default());
        for _ in 0..from.size()? {
            let (key, value) = (from.size()?, from.small()?);
            undo.push((wanted(&settings, *KernelKey::ALL.get(key)?).0, value));
        }
        let data = Arc::new(Socket::adopt(raw).ok()?);
        let restore = Vec::new();
        let go_on = |control| {
            Self { control, data, link, stats, undo, restore, last_lost, standing: Standing::Held, news: false }
        };
        Some(control().map(|(control, _)| go_on(control)))
    }
}
