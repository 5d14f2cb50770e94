//! Globs on paths and names: `*` is any number of bytes, `/` among them, and `?` is one. There are no classes:
//! what needs more is a regex.

/// Whether the whole text fits.
pub(super) fn fits(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    // Behind the last `*`, and the text's first byte that it does not hold yet.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (glob.get(g), text.get(t)) {
            (Some(b'*'), _) => {
                g += 1;
                star = Some((g, t));
            }
            (Some(b'?'), Some(_)) => (g, t) = (g + 1, t + 1),
            (Some(one), Some(other)) if one == other => (g, t) = (g + 1, t + 1),
            _ => {
                // The last star takes one byte more; an earlier one need not be tried again.
                let Some((behind, held)) = star else { return false };
                (g, t) = (behind, held + 1);
                star = Some((behind, held + 1));
            }
        }
    }
    glob.get(g..).is_none_or(|rest| rest.iter().all(|&byte| byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::fits;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        for (glob, text) in [
            ("", ""),
            ("*", ""),
            ("*", "/usr/bin/ls"),
            ("/usr/*/ls", "/usr/local/bin/ls"),
            ("/usr/bin/?s", "/usr/bin/ls"),
            ("*a*b*", "xaxxbx"),
            ("*ab", "aab"),
            ("a**", "a"),
            ("[a]", "[a]"),
        ] {
            assert!(fits(glob.as_bytes(), text.as_bytes()), "{glob} {text}");
        }
        for (glob, text) in [
            ("", "a"),
            ("?", ""),
            ("/usr/bin/", "/usr/bin/ls"),
            ("ls", "/usr/bin/ls"),
            ("*ab", "aba"),
            ("a?c", "ac"),
            ("[a]", "a"),
        ] {
            assert!(!fits(glob.as_bytes(), text.as_bytes()), "{glob} {text}");
        }
    }

    /// Plain recursion, which may take for ever on long ones.
    fn slowly(glob: &[u8], text: &[u8]) -> bool {
        match (glob.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                (0..=text.len()).any(|n| slowly(rest, text.get(n..).unwrap_or_default()))
            }
            (Some((b'?', rest)), Some((_, behind))) => slowly(rest, behind),
            (Some((one, rest)), Some((other, behind))) => one == other && slowly(rest, behind),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_and_the_plain_one_agree(glob in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(fits(glob.as_bytes(), text.as_bytes()), slowly(glob.as_bytes(), text.as_bytes()));
        }
    }
}
