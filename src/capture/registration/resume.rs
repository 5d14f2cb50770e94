//! The place at the kernel that goes on in the program that is executed in this one's place: the data socket stays
//! open, and with it the registration, which is the socket's port and the process's number.

use super::beside::{self, Beside};
use super::{Control, Error, Field, Link, Registration, Standing, Status, wanted};
use crate::config::{self, KernelKey};
use crate::stats::Stats;
use crate::sys::netlink::Socket;
use ringaudit_setup::state::{Pen, Reading};
use std::sync::Arc;

impl Registration {
    /// What [`resume`](Self::resume) needs.
    pub fn save(&self, pen: &mut Pen) {
        pen.number(self.last_lost.into());
        pen.number(self.beside.dropped().into());
        pen.number(self.undo.len() as u64);
        let settings = config::Kernel::default();
        for &(field, value) in &self.undo {
            let key = KernelKey::ALL.iter().position(|&key| wanted(&settings, key).0 == field);
            pen.number(key.unwrap_or(usize::MAX) as u64);
            pen.number(value.into());
        }
    }

    /// Goes on with the socket of this number, and with what was [saved](Self::save), if that is known. `None` when the
    /// socket is none.
    pub fn resume(
        socket: i32,
        settings: &config::Kernel,
        link: Arc<Link>,
        stats: Arc<Stats>,
        from: Option<&mut Reading<'_>>,
    ) -> Option<Result<Self, Error>> {
        let data = Arc::new(Socket::adopt(socket).ok()?);
        let known = from.and_then(read);
        let restore = Vec::new();
        let go_on = |(control, status): (Control, Option<Status>)| {
            let lost = status.map_or(0, |status| status.lost);
            let (last_lost, dropped, undo) = known.unwrap_or((lost, 0, Vec::new()));
            Self {
                control,
                data,
                link,
                stats,
                undo,
                restore,
                last_lost,
                standing: Standing::Held,
                news: false,
                begun: (false, false),
                beside: Beside::new(settings, status.is_some(), dropped),
            }
        };
        Some(beside::open(settings).map(go_on))
    }

    /// Reads what was [saved](Self::save) without using it.
    pub fn pass_over(from: &mut Reading<'_>) -> Option<()> {
        read(from).map(drop)
    }
}

/// What the kernel had lost and dropped at the last look, and the settings to put back.
type Saved = (u32, u32, Vec<(Field, u32)>);

fn read(from: &mut Reading<'_>) -> Option<Saved> {
    let (last_lost, dropped) = (from.small()?, from.small()?);
    let (mut undo, settings) = (Vec::new(), config::Kernel::default());
    for _ in 0..from.size()? {
        let (key, value) = (from.size()?, from.small()?);
        undo.push((wanted(&settings, *KernelKey::ALL.get(key)?).0, value));
    }
    Some((last_lost, dropped, undo))
}
