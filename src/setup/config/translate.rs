//! `[translate]`: what is said beside the kernel's numbers. The walker fills it, formats read it.

use std::fmt::Write;

use super::values::{Table, Walker};

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

/// The words of `names`.
const NAMES: [(&str, NameSource); 3] =
    [("files", NameSource::Files), ("nscd", NameSource::Nscd), ("off", NameSource::Off)];

impl Walker<'_> {
    pub(super) fn translate(&mut self, table: Table<'_>, translate: &mut Translate) {
        self.bool(table, "values", &mut translate.values);
        self.choice(table, "names", &NAMES, &mut translate.names);
        self.bool(table, "drop_raw", &mut translate.drop_raw);
    }
}

/// Writes the table, every key of it.
pub(super) fn show(text: &mut String, translate: Translate) -> std::fmt::Result {
    let names = NAMES.iter().find(|(_, names)| *names == translate.names).map_or("", |(word, _)| word);
    let Translate { values, drop_raw, .. } = translate;
    writeln!(text, "\n[translate]\nvalues = {values}\nnames = \"{names}\"\ndrop_raw = {drop_raw}")
}
