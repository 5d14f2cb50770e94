//! What the user probably meant: the nearest of the known words, and words put safely in quotes
//! for a message. The config, the command line and the rules use it.

/// How much of a word a message repeats, in characters.
const QUOTED_CHARS: usize = 60;

/// A word as a message shows it: in quotes, control characters escaped so that it can't drive a
/// terminal, and cut after 60 characters.
#[must_use]
pub fn quoted(word: &str) -> String {
    let mut shown = String::from("\"");
    for (n, c) in word.chars().enumerate() {
        if n == QUOTED_CHARS {
            shown.push_str("...");
            break;
        }
        if c.is_control() || c == '"' || c == '\\' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push('"');
    shown
}

/// The known word nearest to `word`, if one is near enough to have been meant: at most one slip
/// (a wrong, missing, extra or swapped letter) for each three letters, and one in a short word.
/// Case, `-` and `_` make no difference.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = plain(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let letters = plain(candidate);
        let allowed = (letters.len().max(word.len()) / 3).max(1);
        if letters.len().abs_diff(word.len()) > allowed {
            continue;
        }
        let slips = distance(&word, &letters);
        // A word of one or two letters is near to every other one.
        if slips <= allowed && slips < letters.len() && best.is_none_or(|(least, _)| slips < least) {
            best = Some((slips, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?`, or nothing.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    nearest(word, known).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default()
}

/// `"a", "b" or "c"`: the words of a list in quotes, with `last` before the last one.
#[must_use]
pub fn listed(words: &[&str], last: &str) -> String {
    let mut text = String::new();
    for (n, word) in words.iter().enumerate() {
        let parts = match n {
            0 => ["", "", ""],
            n if n + 1 == words.len() => [" ", last, " "],
            _ => [", ", "", ""],
        };
        for part in parts.into_iter().chain(["\"", word, "\""]) {
            text.push_str(part);
        }
    }
    text
}

#[inline(never)]
fn plain(word: &str) -> Vec<char> {
    let mut letters = Vec::new();
    for c in word.chars() {
        letters.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
    }
    letters
}

/// The optimal string alignment distance: Levenshtein's, and two swapped neighbours count once.
#[inline(never)]
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    // Row by row: the distance of each beginning of `a` from each beginning of `b`.
    let mut cells: Vec<usize> = Vec::new();
    for row in 0..=a.len() {
        for column in 0..width {
            let back = |steps: usize| cells.get(cells.len().wrapping_sub(steps)).copied().unwrap_or_default();
            let letters = |less: usize| (a.get(row.wrapping_sub(less)), b.get(column.wrapping_sub(less)));
            let ((x, y), (x_before, y_before)) = (letters(1), letters(2));
            let mut best = if row == 0 || column == 0 {
                row + column
            } else {
                (back(width + 1) + usize::from(x != y)).min(back(width) + 1).min(back(1) + 1)
            };
            if row > 1 && column > 1 && x == y_before && x_before == y {
                best = best.min(back(2 * width + 2) + 1);
            }
            cells.push(best);
        }
    }
    cells.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let d = |a: &str, b: &str| distance(&plain(a), &plain(b));
        assert_eq!(d("", ""), 0);
        assert_eq!(d("", "abc"), 3);
        assert_eq!(d("abc", ""), 3);
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("ab", "ba"), 1);
        assert_eq!(d("bakclog", "backlog"), 1);
        assert_eq!(d("ca", "abc"), 3);
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["path", "mode", "owner", "group"];
        assert_eq!(nearest("pth", &known), Some("path"));
        assert_eq!(nearest("Path", &known), Some("path"));
        assert_eq!(nearest("onwer", &known), Some("owner"));
        assert_eq!(nearest("backlog", &known), None);
        assert_eq!(nearest("", &known), None);
        assert_eq!(nearest("x", &["y"]), None);
        assert_eq!(nearest("backlog-limit", &["backlog_limit"]), Some("backlog_limit"));
    }

    #[test]
    fn quoting_is_safe_and_short() {
        assert_eq!(quoted("a\"b\u{1b}[31m\\"), r#""a\"b\u{1b}[31m\\""#);
        assert_eq!(quoted("ä"), "\"ä\"");
        assert_eq!(quoted(&"x".repeat(61)), format!("\"{}...\"", "x".repeat(60)));
        assert_eq!(quoted(&"x".repeat(60)), format!("\"{}\"", "x".repeat(60)));
    }
}
