//! What is in force, as words: for one line at the start, and for `ringaudit status`.

use super::capabilities;
use std::fmt::{self, Write};

/// The parts, in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Which capabilities stay.
    Capabilities,
    /// Whether executing gives none.
    NoNewPrivs,
    /// The user and group.
    User,
    /// Whose system calls are filtered.
    Seccomp,
    /// Who is fenced in.
    Landlock,
    /// Whether resources are limited.
    Limits,
    /// Whether there can be a core dump.
    CoreDumps,
    /// Whether the memory is locked.
    LockMemory,
}

/// Their names, as the config has them.
const NAMES: [&str; 8] =
    ["capabilities", "no_new_privs", "user", "seccomp", "landlock", "limits", "core_dumps", "lock_memory"];

/// What came of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Word {
    /// It is not asked for.
    #[default]
    No,
    /// It is in force.
    Yes,
    /// It can't be had.
    Failed,
    /// For all threads.
    All,
    /// For the outputs' threads, but those of programs, and the reader.
    Outputs,
    /// For all but the main thread and programs.
    NotMain,
    /// For all threads, what is forbidden is only logged.
    Log,
}

const WORDS: [&str; 7] = ["no", "yes", "failed", "all", "outputs", "not-main", "log"];

impl Part {
    /// Its name.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        NAMES.get(self as usize).unwrap_or(&"")
    }
}

/// What is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    pub(super) words: [Word; 8],
    /// The capabilities that stay, bit n for number n; all for "no".
    pub capabilities: u64,
    /// User and group.
    pub user: (u32, u32),
    /// The ceiling over the memory; 0 is none.
    pub max_kib: u32,
}

impl InForce {
    pub(super) fn set(&mut self, part: Part, word: Word) {
        if let Some(into) = self.words.get_mut(part as usize) {
            *into = word;
        }
    }

    /// Whether anything is in force that can forbid something.
    pub(super) fn is_any(&self) -> bool {
        self.words.iter().any(|word| !matches!(word, Word::No | Word::Failed))
    }

    /// Gives each part's name and word.
    pub fn each(&self, give: &mut dyn FnMut(&'static str, &str)) {
        for (name, word) in NAMES.iter().zip(self.words) {
            let mut text = String::new();
            // A string takes everything.
            let _ = match (*name, word) {
                ("capabilities", Word::Yes) => {
                    text = capabilities::names(self.capabilities);
                    Ok(())
                }
                ("user", Word::Yes) => write!(text, "{}:{}", self.user.0, self.user.1),
                _ => text.write_str(WORDS.get(word as usize).unwrap_or(&"")),
            };
            give(name, &text);
        }
    }
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = f.write_str("sandbox: ");
        let mut before = "";
        self.each(&mut |name, word| {
            for part in [before, name, " ", word] {
                result = result.and_then(|()| f.write_str(part));
            }
            before = "; ";
        });
        match self.max_kib {
            0 => result,
            kib => result.and_then(|()| write!(f, "; max_kib {kib}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_word() {
        let mut in_force = InForce { capabilities: 1 << 30 | 1 << 19, user: (7, 8), ..InForce::default() };
        assert!(!in_force.is_any());
        in_force.set(Part::Capabilities, Word::Yes);
        in_force.set(Part::User, Word::Yes);
        in_force.set(Part::Seccomp, Word::NotMain);
        in_force.set(Part::LockMemory, Word::Failed);
        assert!(in_force.is_any());
        let bounded = InForce { max_kib: 4096, ..in_force };
        assert!(bounded.to_string().ends_with("lock_memory failed; max_kib 4096"));
        assert_eq!(
            in_force.to_string(),
            "sandbox: capabilities audit_control,sys_ptrace; no_new_privs no; user 7:8; seccomp not-main; \
             landlock no; limits no; core_dumps no; lock_memory failed"
        );
    }
}
