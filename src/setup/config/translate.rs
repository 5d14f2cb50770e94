//! `[translate]`: what is said beside the kernel's numbers. The walker fills it, formats read it.

/// `[translate]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translate {
    /// `values = true`: what numbers mean: arch, syscall, a0 to a3, exit, mode, saddr and others.
    pub values: bool,
    /// `names = "files" | "nscd" | "off"`: where the names of users and groups come from.
    pub names: NameSource,
    /// `drop_raw = false`: whether a number is left out where its meaning is written.
    pub drop_raw: bool,
}

impl Default for Translate {
    fn default() -> Self {
        Self { values: true, names: NameSource::Files, drop_raw: false }
    }
}

/// Where the names of users and groups come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameSource {
    /// /etc/passwd and /etc/group.
    Files,
    /// nscd's socket, and the files for what it does not say.
    Nscd,
    /// Nowhere: ids stay numbers.
    Off,
}
