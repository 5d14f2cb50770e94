//! Texts: plain, in quotes, and in blocks.

use super::super::node::{Node, Value};
use super::Fault;
use super::cursor::{Cursor, blanks, ends_word, trimmed};

/// Characters that can't begin a plain text (YAML 1.2, 5.3).
pub(super) const INDICATORS: [char; 16] =
    ['[', ']', '{', '}', ',', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`'];

/// Whether a colon that ends a key begins a text.
pub(super) fn is_colon(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(ends_word)
}

/// A line's plain text without the blanks behind it, and where it is broken off: at a colon that ends a key, or at a
/// comment.
pub(super) fn plain(line: &str) -> (&str, Option<usize>) {
    let mut blank = false;
    let end = line.bytes().enumerate().find_map(|(at, byte)| {
        let ends = (byte == b'#' && blank) || (byte == b':' && line.get(at..).is_some_and(is_colon));
        blank = matches!(byte, b' ' | b'\t');
        ends.then_some(at)
    });
    (trimmed(line.get(..end.unwrap_or(line.len())).unwrap_or_default()), end)
}

impl Cursor<'_> {
    /// Plain text, which may go on in lines that are indented enough.
    pub(super) fn plain(&mut self, min: usize) -> Result<Node, Fault> {
        let pos = self.pos();
        self.plain_can_begin()?;
        let mut text = String::new();
        loop {
            let (piece, end) = plain(self.rest());
            text.push_str(piece);
            if let Some(at) = end {
                self.at += at;
                if self.rest().starts_with(':') {
                    return Err(self.invalid("a colon before a blank ends a key; put the text in quotes"));
                }
            }
            self.next_line();
            let blank = self.lines.iter().skip(self.line).take_while(|line| trimmed(line).is_empty());
            let (start, blank) = (self.line, blank.count());
            self.line += blank;
            let line = self.rest();
            let indent = spaces(line);
            self.skip_blanks();
            let goes_on = end.is_none() && indent >= min && !line.is_empty() && !self.rest().starts_with('#');
            if !goes_on || (self.at == 0 && self.is_marker()) {
                (self.line, self.at) = (start, 0);
                return Ok(Node { pos, value: Value::Plain(text) });
            }
            if self.is_item() || self.key()?.is_some() {
                return Err(self
                    .invalid("the line above goes on here; indent a key or an item as its neighbours are"));
            }
            text.push_str(if blank == 0 { " " } else { "" });
            text.extend(std::iter::repeat_n('\n', blank));
        }
    }

    /// Refuses what can't begin a plain text.
    pub(super) fn plain_can_begin(&self) -> Result<(), Fault> {
        let rest = self.rest();
        let first = self.first().unwrap_or_default();
        let alone = rest.get(first.len_utf8()..).is_some_and(ends_word);
        match first {
            '&' | '*' => Err(self.refused("an anchor or alias")),
            '!' => Err(self.refused("a tag")),
            '%' if self.at == 0 => Err(self.refused("a directive")),
            '-' if self.is_item() => {
                Err(self.invalid("a list can't begin on the line of its key; put it on the next one"))
            }
            first if INDICATORS.contains(&first) || (matches!(first, ':' | '?') && alone) => {
                Err(self.invalid(&format!("text can't begin with '{first}'; put it in quotes")))
            }
            _ => Ok(()),
        }
    }

    /// Text in quotes, as a value; goes behind it.
    pub(super) fn quoted_node(&mut self) -> Result<Node, Fault> {
        let (text, length) = self.quoted()?;
        self.at += 1;
        let pos = self.pos();
        self.at += length - 1;
        Ok(Node { pos, value: Value::String(text) })
    }

    /// The text in quotes that stands here, and its length with them.
    pub(super) fn quoted(&self) -> Result<(String, usize), Fault> {
        let rest = self.rest();
        let mut chars = rest.char_indices().peekable();
        let quote = chars.next().map_or('"', |(_, quote)| quote);
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            if c == '\\' && quote == '"' {
                let c = self.escape(at)?;
                let length = rest.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, hex_digits);
                for _ in 0..=length {
                    chars.next();
                }
                text.push(c);
            } else if c != quote {
                text.push(c);
            } else if quote == '\'' && chars.next_if(|(_, next)| *next == '\'').is_some() {
                text.push(quote);
            } else {
                return Ok((text, at + 1));
            }
        }
        Err(self.refused("a quote that does not end on its line"))
    }

    /// The character that the escape at this byte of the rest means (YAML 1.2, 5.7).
    fn escape(&self, at: usize) -> Result<char, Fault> {
        let escape = self.rest().get(at + 1..).unwrap_or_default();
        let c = escape.chars().next();
        let meant = match c {
            Some(c @ ('"' | '\\' | '/' | ' ')) => Some(c),
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('0') => Some('\0'),
            Some('e') => Some('\u{1b}'),
            Some(c) => {
                let digits =
                    escape.get(1..=hex_digits(c)).filter(|d| d.bytes().all(|d| d.is_ascii_hexdigit()));
                digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32)
            }
            None => None,
        };
        meant.ok_or_else(|| {
            let (mut pos, message) =
                self.invalid("a backslash escape that is none; in single quotes it is a backslash");
            let before = self.rest().get(..at).map_or(0, |before| before.chars().count());
            pos.column = pos.column.saturating_add(u32::try_from(before).unwrap_or(u32::MAX));
            (pos, message)
        })
    }

    /// Text in a block: `|` keeps its lines, `>` joins them.
    pub(super) fn block_text(&mut self, min: usize) -> Result<Node, Fault> {
        let header = self.pos();
        let folded = self.rest().starts_with('>');
        self.at += 1;
        let chomp = self.first().filter(|c| matches!(c, '+' | '-'));
        self.at += usize::from(chomp.is_some());
        if self.first().is_some_and(|c| c.is_ascii_digit() || matches!(c, '+' | '-')) {
            return Err(self.refused("an indentation number"));
        }
        self.end_of_line()?;
        let mut ahead = self.lines.iter().skip(self.line).filter(|line| spaces(line) < line.len());
        let indent = ahead.next().map_or(0, |line| spaces(line)).max(min).max(1);
        let mut block = Block { folded, text: String::new(), blank: 0, more: false };
        let mut pos = header;
        while let Some(line) = self.lines.get(self.line).copied() {
            let is_blank_line = spaces(line) == line.len();
            if spaces(line) < indent && !is_blank_line {
                if trimmed(line).is_empty() {
                    return Err(self.invalid("a tab can't indent; use blanks"));
                }
                break;
            }
            self.at = indent;
            match line.get(indent..).filter(|content| !content.is_empty()) {
                Some(content) if !is_blank_line || !block.text.is_empty() => {
                    if block.text.is_empty() {
                        pos = self.pos();
                    }
                    block.line(content);
                }
                Some(_) => return Err(self.invalid("a blank line is indented deeper than the text below it")),
                None => block.blank += 1,
            }
            self.next_line();
        }
        self.at = 0;
        Ok(Node { pos, value: Value::String(block.end(chomp)) })
    }
}

/// How many blanks a line begins with.
fn spaces(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count()
}

/// How many hexadecimal digits follow the letter of an escape.
fn hex_digits(letter: char) -> usize {
    match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    }
}

/// The text of a block, line by line (YAML 1.2, 8.1.3).
struct Block {
    folded: bool,
    text: String,
    /// Empty lines since the last one with text.
    blank: usize,
    /// The last line began with a blank: it keeps its line's end.
    more: bool,
}

impl Block {
    fn line(&mut self, content: &str) {
        let more = blanks(content) > 0;
        if !self.text.is_empty() {
            match (self.folded && !more && !self.more, self.blank) {
                (true, 0) => self.text.push(' '),
                (true, _) => {}
                (false, _) => self.text.push('\n'),
            }
        }
        self.text.extend(std::iter::repeat_n('\n', self.blank));
        self.text.push_str(content);
        (self.blank, self.more) = (0, more);
    }

    fn end(mut self, chomp: Option<char>) -> String {
        if chomp != Some('-') && !self.text.is_empty() {
            self.text.push('\n');
        }
        if chomp == Some('+') {
            self.text.extend(std::iter::repeat_n('\n', self.blank));
        }
        self.text
    }
}
