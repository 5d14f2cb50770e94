//! A place in a text that moves through its lines.

use super::super::node::Pos;
use super::Fault;

/// The lines, and the place that is read next.
pub(super) struct Cursor<'t> {
    pub(super) lines: Vec<&'t str>,
    /// The index of the line.
    pub(super) line: usize,
    /// The byte in it. Before a table or a list only blanks and hyphens stand, so there it is the
    /// indentation as well.
    pub(super) at: usize,
    /// How many values are open.
    pub(super) depth: u32,
}

impl<'t> Cursor<'t> {
    /// At the beginning of a text.
    ///
    /// Errors: a control character, which YAML forbids.
    pub(super) fn new(text: &'t str) -> Result<Self, Fault> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut cursor = Self { lines: text.lines().collect(), line: 0, at: 0, depth: 0 };
        for line in 0..cursor.lines.len() {
            cursor.line = line;
            if let Some(at) = cursor.rest().find(|c: char| c.is_control() && c != '\t') {
                cursor.at = at;
                return Err(cursor.invalid("a control character"));
            }
        }
        cursor.line = 0;
        Ok(cursor)
    }

    /// What is left of the line; empty behind the last one.
    pub(super) fn rest(&self) -> &'t str {
        self.lines.get(self.line).and_then(|line| line.get(self.at..)).unwrap_or_default()
    }

    pub(super) fn first(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn pos(&self) -> Pos {
        let line = self.lines.get(self.line).copied().unwrap_or_default();
        let before = line.get(..self.at).unwrap_or_default().chars().count();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
        Pos { line: number(self.line), column: number(before) }
    }

    /// A fault at this place.
    #[cold]
    #[inline(never)]
    pub(super) fn invalid(&self, message: &str) -> Fault {
        (self.pos(), "not valid YAML: ".to_owned() + message)
    }

    /// The same for what YAML has and go-audit's configs have not.
    #[cold]
    #[inline(never)]
    pub(super) fn refused(&self, message: &str) -> Fault {
        (self.pos(), message.to_owned() + ", which is not taken in a go-audit config")
    }

    /// Passes blanks and tabs.
    pub(super) fn skip_blanks(&mut self) {
        self.at += blanks(self.rest());
    }

    /// Whether nothing is left of the line but a comment.
    pub(super) fn line_is_done(&self) -> bool {
        self.rest().is_empty() || self.is_comment()
    }

    fn is_comment(&self) -> bool {
        let line = self.lines.get(self.line).copied().unwrap_or_default();
        let before = line.get(..self.at).unwrap_or_default();
        self.rest().starts_with('#') && (before.is_empty() || before.ends_with([' ', '\t']))
    }

    pub(super) fn next_line(&mut self) {
        self.line += 1;
        self.at = 0;
    }

    /// Goes behind a value that ends with its line.
    pub(super) fn end_of_line(&mut self) -> Result<(), Fault> {
        self.skip_blanks();
        if !self.line_is_done() {
            return Err(self.invalid("the line goes on behind the value; put the whole of it in quotes"));
        }
        self.next_line();
        Ok(())
    }

    /// Goes to the next line that holds something, from this line's beginning on, and gives its
    /// indentation. None: there is none.
    pub(super) fn content(&mut self) -> Result<Option<usize>, Fault> {
        while self.line < self.lines.len() {
            self.at = 0;
            self.skip_blanks();
            if self.line_is_done() {
                self.next_line();
                continue;
            }
            let before = self.lines.get(self.line).and_then(|line| line.get(..self.at)).unwrap_or_default();
            if let Some(tab) = before.find('\t') {
                self.at = tab;
                return Err(self.invalid("a tab can't indent; use blanks"));
            }
            if self.is_marker() {
                return Err(self.refused("more than one document"));
            }
            return Ok(Some(self.at));
        }
        Ok(None)
    }

    /// Whether this is a line that begins or ends a document.
    pub(super) fn is_marker(&self) -> bool {
        let rest = self.rest();
        let behind = rest.strip_prefix("---").or_else(|| rest.strip_prefix("..."));
        self.at == 0 && behind.is_some_and(ends_word)
    }

    /// Notes that a value is opened.
    pub(super) fn open(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > super::DEPTH { Err(self.refused("so deep a nesting")) } else { Ok(()) }
    }
}

/// How many blanks and tabs a text begins with.
pub(super) fn blanks(text: &str) -> usize {
    text.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Whether a word ends where this text begins.
pub(super) fn ends_word(text: &str) -> bool {
    text.is_empty() || blanks(text) > 0
}

/// A text without the blanks and tabs at its end.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_end_matches([' ', '\t'])
}
