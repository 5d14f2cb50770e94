//! The last trouble of each part of the daemon, for those who ask later: kept where it is told.

use crate::log::Level;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Parts that are kept: an output each, and a few others.
const PARTS: usize = 80;
/// The bytes of a message that are kept.
const LONGEST: usize = 1024;

/// What a part said last of its trouble.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// `kernel`, `rules`, `daemon` for what is none of them, or `output NAME`.
    pub part: String,
    /// An error or a warning.
    pub level: Level,
    /// The message, without the part's name.
    pub text: String,
    /// When it came.
    pub at: Instant,
    /// How many there were, those among them that were not written since there were too many.
    pub count: u64,
}

static TROUBLES: Mutex<Vec<Trouble>> = Mutex::new(Vec::new());

/// Keeps a message of this part, if it is of trouble. One that begins with `output NAME: ` is of that part.
pub(crate) fn note(part: &str, level: Level, message: &str) {
    if level == Level::Info {
        return;
    }
    let of_output = message.split_once(": ").filter(|(before, _)| before.starts_with("output "));
    let (part, text) = of_output.unwrap_or((part, message));
    let text: String = text.chars().take(LONGEST).collect();
    let mut troubles = TROUBLES.lock().unwrap_or_else(PoisonError::into_inner);
    let at = Instant::now();
    if let Some(last) = troubles.iter_mut().find(|trouble| trouble.part == part) {
        (last.level, last.text, last.at) = (level, text, at);
        last.count += 1;
    } else if troubles.len() < PARTS {
        troubles.push(Trouble { part: part.to_owned(), level, text, at, count: 1 });
    }
}

/// The last of each part, in the order in which parts first had any.
pub fn last() -> Vec<Trouble> {
    TROUBLES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_part_is_kept() {
        note("kernel", Level::Error, "one");
        note("daemon", Level::Warning, "output web: no route: 5");
        note("kernel", Level::Info, "all is well");
        note("kernel", Level::Warning, "two: three");
        let last: Vec<_> = last().into_iter().map(|t| (t.part, t.text, t.level, t.count)).collect();
        let expected = [
            ("kernel".to_owned(), "two: three".to_owned(), Level::Warning, 2),
            ("output web".to_owned(), "no route: 5".to_owned(), Level::Warning, 1),
        ];
        for trouble in expected {
            assert!(last.contains(&trouble), "{last:?}");
        }
    }
}
