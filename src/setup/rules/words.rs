//! A line of rules into words: split at blanks; `"..."` and `'...'` hold a word together; a backslash
//! keeps a blank or another backslash, as in auditctl.

use std::borrow::Cow;

/// Words of a usual line: one by one, they would be moved on the way there.
const USUAL: usize = 16;

/// A word, and where it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word<'l> {
    /// Without quotes and escapes. Borrowed where it stands in the line letter by letter, so that an offset into it
    /// is one into the line.
    pub(super) text: Cow<'l, str>,
    /// Characters of the line before it.
    pub(super) at: usize,
}

impl<'l> Word<'l> {
    /// Where the part that begins at this byte of the text stands in the line; the word's begin where that
    /// can't be told.
    pub(super) fn position(&self, byte: usize) -> usize {
        match self.text {
            Cow::Borrowed(text) => self.at + text.get(..byte).map_or(0, |before| before.chars().count()),
            Cow::Owned(_) => self.at,
        }
    }

    /// The text up to this byte as a word of its own.
    pub(super) fn head(&self, byte: usize) -> Self {
        Self { text: self.part(..byte), at: self.at }
    }

    /// The text from this byte on as a word of its own.
    pub(super) fn tail(&self, byte: usize) -> Self {
        Self { text: self.part(byte..), at: self.position(byte) }
    }

    fn part(&self, range: impl std::slice::SliceIndex<str, Output = str>) -> Cow<'l, str> {
        match &self.text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
        }
    }
}

/// A word that has begun.
struct Growing<'l> {
    at: usize,
    /// The line from its begin on.
    line: &'l str,
    /// What it is, once that is not what stands in the line.
    text: Option<String>,
}

impl<'l> Growing<'l> {
    /// The text for itself; `rest` is the line from here on.
    fn own(&mut self, rest: &str) -> &mut String {
        let so_far = self.so_far(rest);
        self.text.get_or_insert_with(|| so_far.to_owned())
    }

    fn so_far(&self, rest: &str) -> &'l str {
        self.line.get(..self.line.len().saturating_sub(rest.len())).unwrap_or_default()
    }

    fn end(self, rest: &str) -> Word<'l> {
        let so_far = self.so_far(rest);
        Word { text: self.text.map_or(Cow::Borrowed(so_far), Cow::Owned), at: self.at }
    }
}

/// The words of a line; none for a blank line or a comment (`#` as the first character of the first word).
///
/// Errors: a quote without its end, with the offset of the quote.
pub(super) fn split(line: &str) -> Result<Vec<Word<'_>>, (usize, String)> {
    let mut words = Vec::with_capacity(USUAL);
    let mut current: Option<Growing<'_>> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = line.chars();
    let mut at = 0;
    loop {
        let rest = chars.as_str();
        let Some(c) = chars.next() else { break };
        at += 1;
        if let Some((end, _)) = quote {
            match current.as_mut() {
                Some(word) if c != end => word.own(rest).push(c),
                _ => quote = None,
            }
            continue;
        }
        if c.is_ascii_whitespace() {
            words.extend(current.take().map(|word| word.end(rest)));
            continue;
        }
        if c == '#' && words.is_empty() && current.is_none() {
            return Ok(Vec::new());
        }
        let word = current.get_or_insert(Growing { at: at - 1, line: rest, text: None });
        match c {
            '"' | '\'' => {
                quote = Some((c, at - 1));
                word.own(rest);
            }
            '\\' if chars.as_str().starts_with([' ', '\\']) => {
                word.own(rest).extend(chars.next());
                at += 1;
            }
            _ => {
                if let Some(text) = &mut word.text {
                    text.push(c);
                }
            }
        }
    }
    if let Some((c, at)) = quote {
        return Err((
            at,
            format!("the quote {c} has no end: close it, or put the word in the other kind of quotes"),
        ));
    }
    words.extend(current.map(|word| word.end("")));
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<(String, usize)> {
        split(line).unwrap().into_iter().map(|w| (w.text.into_owned(), w.at)).collect()
    }

    fn word(text: &str, at: usize) -> (String, usize) {
        (text.to_owned(), at)
    }

    #[test]
    fn words_stand_between_blanks() {
        assert_eq!(
            texts("  -w\t/etc  -p wa\r"),
            [word("-w", 2), word("/etc", 5), word("-p", 11), word("wa", 14)]
        );
        assert_eq!(texts("ä ö"), [word("ä", 0), word("ö", 2)]);
        assert!(texts(" \t\r\n").is_empty());
    }

    #[test]
    fn a_comment_is_a_whole_line() {
        assert!(texts("# -w /etc").is_empty());
        assert!(texts("   #x").is_empty());
        assert_eq!(texts("-k #x"), [word("-k", 0), word("#x", 3)]);
    }

    #[test]
    fn quotes_and_backslashes_hold_words_together() {
        assert_eq!(texts(r#"-F path="/a b" -k 'x "y"'"#)[1], word("path=/a b", 3));
        assert_eq!(texts(r#"-k 'x "y"'"#)[1], word("x \"y\"", 3));
        assert_eq!(texts(r"-w /a\ b\\c\d"), [word("-w", 0), word(r"/a b\c\d", 3)]);
        assert_eq!(texts(r#"-k """#), [word("-k", 0), word("", 3)]);
        assert_eq!(split("-k 'x").unwrap_err().0, 3);
    }

    #[test]
    fn positions_count_characters() {
        let words = split("-F ä=x \"ä=x\"").unwrap();
        assert_eq!(words[1].position(3), 5);
        assert_eq!(words[1].tail(3), Word { text: "x".into(), at: 5 });
        assert_eq!(words[2].position(3), 7);
        assert_eq!(words[1].tail(1), Word { text: "".into(), at: 3 });
    }
}
