//! Chosen environment variables of a program that was started, from /proc/PID/environ: what the process's
//! memory holds there by then, which the process itself can change. Source: proc_pid_environ(5).

use crate::config::MAX_ENV;
use crate::sys::handle;
use crate::sys::memory::Region;
use std::io;
use std::os::fd::BorrowedFd;

/// How much of an environment is searched, in bytes.
const SEARCHED: usize = 32 * 1024;
/// Bytes of values that are kept of one process.
const KEPT: usize = 4096;

/// One variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a [u8],
    /// The value is longer than there was room for.
    pub cut: bool,
}

/// The variables of the last program.
pub(super) struct Environ {
    names: Vec<String>,
    space: Region,
    values: Vec<u8>,
    found: heapless::Vec<(u8, u16, bool), MAX_ENV>,
    read: bool,
}

impl Environ {
    /// For these names, of which there are at most [`MAX_ENV`].
    ///
    /// Errors: no memory.
    pub(super) fn new(names: &[String]) -> io::Result<Self> {
        let names = names.to_vec();
        let (space, values) = (Region::new(SEARCHED, SEARCHED)?, Vec::with_capacity(KEPT));
        Ok(Self { names, space, values, found: heapless::Vec::new(), read: false })
    }

    /// Whether any variable is asked for.
    pub(super) fn is_wanted(&self) -> bool {
        !self.names.is_empty()
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.found.clear();
        self.read = false;
    }

    /// Whether an environment was read.
    pub(super) fn was_read(&self) -> bool {
        self.read
    }

    /// The variables that are set, in the order of the environment. Of one that is set twice, the first counts.
    pub(super) fn found(&self) -> impl Iterator<Item = Variable<'_>> + Clone {
        self.found.iter().scan(0, |start, &(index, end, cut)| {
            let value = self.values.get(*start..usize::from(end))?;
            *start = usize::from(end);
            Some(Variable { name: self.names.get(usize::from(index))?, value, cut })
        })
    }

    /// Reads them of the process whose folder is held.
    pub(super) fn read(&mut self, held: BorrowedFd<'_>) {
        self.clear();
        let Ok(text) = handle::read(held, c"environ", &mut self.space) else { return };
        // One that has ended meanwhile has none, or had none: nothing can be said.
        self.read = !text.is_empty();
        // What the limit cut off is no whole variable.
        let whole =
            if text.len() == SEARCHED { text.iter().rposition(|&b| b == 0) } else { Some(text.len()) };
        let text = text.get(..whole.unwrap_or(0)).unwrap_or_default();
        for line in text.split(|&b| b == 0) {
            let Some(equals) = line.iter().position(|&b| b == b'=') else { continue };
            let (name, value) = line.split_at_checked(equals).unwrap_or_default();
            let Some(index) = self.names.iter().position(|wanted| wanted.as_bytes() == name) else {
                continue;
            };
            let index = u8::try_from(index).unwrap_or(u8::MAX);
            if self.found.iter().any(|(other, ..)| *other == index) {
                continue;
            }
            let value = value.get(1..).unwrap_or_default();
            let room = KEPT - self.values.len();
            let kept = value.get(..room).unwrap_or(value);
            self.values.extend_from_slice(kept);
            let end = u16::try_from(self.values.len()).unwrap_or(0);
            let _ = self.found.push((index, end, kept.len() < value.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich::proc::Proc;
    use crate::enrich::testing;
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};

    /// What is found in the environment of a real process.
    fn found(wanted: &[&str], set: &[(&str, &str)]) -> Vec<(String, String, bool)> {
        let names: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let mut environ = Environ::new(&names).unwrap();
        let mut command = Command::new("sleep");
        command.arg("60").env_clear().envs(set.iter().copied()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let held = Proc::new().hold(child.id()).unwrap();
        testing::executed(child.id());
        for _ in 0..2 {
            environ.read(held.as_fd());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let text = |v: Variable<'_>| (v.name.to_owned(), String::from_utf8(v.value.to_vec()).unwrap(), v.cut);
        environ.found().map(text).collect()
    }

    #[test]
    fn chosen_variables_and_no_others() {
        let set = [("A", "1"), ("AB", "=x="), ("C", ""), ("D", "4")];
        let is = |name: &str, value: &str| (name.to_owned(), value.to_owned(), false);
        assert_eq!(found(&["AB", "C", "E"], &set), [is("AB", "=x="), is("C", "")]);
        assert_eq!(found(&[], &set), []);
    }

    #[test]
    fn long_values_are_cut_and_long_environments_searched_to_a_limit() {
        let (long, longer) = ("x".repeat(3000), "y".repeat(40_000));
        let both = found(&["A", "B"], &[("A", &long), ("B", &long)]);
        assert_eq!(
            both,
            [("A".to_owned(), long.clone(), false), ("B".to_owned(), "x".repeat(KEPT - 3000), true)]
        );
        assert_eq!(found(&["A", "Z"], &[("A", "1"), ("L", &longer), ("Z", "1")]).len(), 1);
    }
}
