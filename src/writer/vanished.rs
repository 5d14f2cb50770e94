//! Rules that the kernel drops because their path has gone, as its CONFIG_CHANGE records tell it. A rule that somebody
//! deletes has no path in its record. Source: kernel/audit_watch.c, audit_watch_log_rule_change; kernel/audit_tree.c,
//! audit_tree_log_remove_rule; kernel/audit_fsnotify.c, audit_mark_log_rule_change.

use crate::wire::{fields, record};

/// The longest path or key that is read: PATH_MAX.
const LONGEST: usize = 4096;

/// A rule that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vanished {
    /// Its path, as the rule has it.
    pub path: Vec<u8>,
    /// Its keys, with 0x01 between two; empty without one.
    pub key: Vec<u8>,
}

/// What the text of a CONFIG_CHANGE record tells of a rule that was dropped; `None` when it is about something else.
#[cold]
#[inline(never)]
pub(super) fn vanished(text: &[u8]) -> Option<Vanished> {
    // In some kernels no blank stands before `op`, so it is looked for as text; in no value is a blank.
    let has = |op: &[u8]| text.windows(op.len()).any(|part| part == op);
    let (mut path, mut key) = (None, Vec::new());
    if !has(b"op=remove_rule ") && !has(b"op=autoremove_rule ") {
        return None;
    }
    let mut space = [0; LONGEST];
    for (name, value) in fields::items(record::split(text)?.fields).fields() {
        match name {
            b"path" | b"dir" => path = value.decode(&mut space).map(<[u8]>::to_vec),
            b"key" if !value.is_null() => key = value.decode(&mut space).unwrap_or_default().to_vec(),
            _ => {}
        }
    }
    Some(Vanished { path: path?, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_lost_its_path_is_told_from_one_that_was_deleted() {
        let said = |fields: &str| vanished(format!("audit(1700000000.123:7): {fields}").as_bytes());
        let gone = |path: &str, key: &str| Some(Vanished { path: path.into(), key: key.into() });
        let start = "auid=4294967295 ses=4294967295";
        let case = |rest: &str| said(&format!("{start} {rest} list=4 res=1"));
        assert_eq!(case("op=remove_rule path=\"/a/b\" key=\"k\""), gone("/a/b", "k"));
        assert_eq!(said("ses=4294967295op=remove_rule path=\"/a/b\" key=\"k\""), gone("/a/b", "k"));
        assert_eq!(case("op=remove_rule dir=2F6120 key=6B016C"), gone("/a ", "k\u{1}l"));
        assert_eq!(case("op=autoremove_rule path=\"/bin/x\" key=(null)"), gone("/bin/x", ""));
        assert_eq!(case("op=remove_rule key=\"k\""), None);
        assert_eq!(case("op=updated_rules path=\"/a/b\" key=\"k\""), None);
        assert_eq!(vanished(b"audit(1.2:3): op=set"), None);
        assert_eq!(vanished(b""), None);
    }
}
