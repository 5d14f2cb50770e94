//! Byte offsets of a text to lines and columns.

use toml_parser::Span;

use super::super::node::Pos;

/// A text, and the byte offsets whose line and column are known, so that a place is found without
/// counting from the start of the text or of a long line.
pub(super) struct Places<'t> {
    text: &'t str,
    marks: Vec<(usize, Pos)>,
}

impl<'t> Places<'t> {
    /// Marks each line's beginning, and in long lines each 256 characters.
    #[inline(never)]
    pub(super) fn of(text: &'t str) -> Self {
        let mut pos = Pos { line: 1, column: 1 };
        // A byte order mark takes no column.
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut marks = vec![(start, pos)];
        for (offset, c) in text.char_indices().skip_while(|(offset, _)| *offset < start) {
            if c == '\n' {
                pos = Pos { line: pos.line.saturating_add(1), column: 1 };
            } else {
                pos.column = pos.column.saturating_add(1);
            }
            if pos.column % 256 == 1 {
                marks.push((offset + c.len_utf8(), pos));
            }
        }
        Self { text, marks }
    }

    #[inline(never)]
    pub(super) fn pos(&self, offset: usize) -> Pos {
        let mark = self.marks.partition_point(|(at, _)| *at <= offset).saturating_sub(1);
        let (at, pos) = self.marks.get(mark).copied().unwrap_or_default();
        let between = self.text.get(at..offset).map_or(0, |passed| passed.chars().count());
        Pos { line: pos.line, column: pos.column.saturating_add(u32::try_from(between).unwrap_or(u32::MAX)) }
    }

    pub(super) fn end(&self) -> usize {
        self.text.len()
    }

    pub(super) fn source(&self, span: Span) -> &'t str {
        self.text.get(span.start()..span.end()).unwrap_or_default()
    }
}
