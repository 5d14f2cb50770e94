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

fn plain(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// The optimal string alignment distance: Levenshtein's, and two swapped neighbours count once.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut a_previous = None;
    for (row, x) in a.iter().enumerate() {
        let mut left = row + 1;
        let mut current = vec![left];
        let mut b_previous = None;
        for (column, y) in b.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (cell(&above, column) + usize::from(x != y)).min(cell(&above, column + 1) + 1).min(left + 1);
            if a_previous == Some(y) && b_previous == Some(x) && column > 0 {
                best = best.min(cell(&before, column - 1) + 1);
            }
            current.push(best);
            left = best;
            b_previous = Some(y);
        }
        before = std::mem::replace(&mut above, current);
        a_previous = Some(x);
    }
    above.last().copied().unwrap_or(0)
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
