//! A line of rules into words: split at blanks; `"..."` and `'...'` hold a word together; a backslash
//! keeps a blank or another backslash, as in auditctl.

/// Bytes of a usual word, and words of a usual line: one by one, they would be moved on the way there.
const USUAL: (usize, usize) = (32, 16);

/// A word, and where it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Without quotes and escapes.
    pub(super) text: String,
    /// Characters of the line before it.
    pub(super) at: usize,
    /// It stood in the line letter by letter, so an offset into it is one into the line.
    pub(super) plain: bool,
}

impl Word {
    /// Where the part that begins at this byte of the text stands in the line; the word's begin where that
    /// can't be told.
    pub(super) fn position(&self, byte: usize) -> usize {
        let chars = self.text.get(..byte).map_or(0, |before| before.chars().count());
        if self.plain { self.at + chars } else { self.at }
    }

    /// The text from this byte on as a word of its own.
    pub(super) fn tail(&self, byte: usize) -> Self {
        let text = self.text.get(byte..).unwrap_or_default().to_owned();
        Self { text, at: self.position(byte), plain: self.plain }
    }
}

/// The words of a line; none for a blank line or a comment (`#` as the first character of the first word).
///
/// Errors: a quote without its end, with the offset of the quote.
pub(super) fn split(line: &str) -> Result<Vec<Word>, (usize, String)> {
    let mut words = Vec::with_capacity(USUAL.1);
    let mut current: Option<Word> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = line.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        if let Some((end, _)) = quote {
            match current.as_mut() {
                Some(word) if c != end => word.text.push(c),
                _ => quote = None,
            }
            continue;
        }
        if c.is_ascii_whitespace() {
            words.extend(current.take());
            continue;
        }
        if c == '#' && words.is_empty() && current.is_none() {
            return Ok(Vec::new());
        }
        let word =
            current.get_or_insert_with(|| Word { text: String::with_capacity(USUAL.0), at, plain: true });
        match c {
            '"' | '\'' => {
                quote = Some((c, at));
                word.plain = false;
            }
            '\\' => match chars.next_if(|(_, next)| matches!(next, ' ' | '\\')) {
                Some((_, kept)) => {
                    word.text.push(kept);
                    word.plain = false;
                }
                None => word.text.push(c),
            },
            _ => word.text.push(c),
        }
    }
    if let Some((c, at)) = quote {
        return Err((
            at,
            format!("the quote {c} has no end: close it, or put the word in the other kind of quotes"),
        ));
    }
    words.extend(current);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<(String, usize)> {
        split(line).unwrap().into_iter().map(|w| (w.text, w.at)).collect()
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
        assert_eq!(words[1].tail(3), Word { text: "x".into(), at: 5, plain: true });
        assert_eq!(words[2].position(3), 7);
        assert_eq!(words[1].tail(1), Word { text: String::new(), at: 3, plain: true });
    }
}
