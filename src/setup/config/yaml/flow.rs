//! Lists and tables in brackets: `[a, b]`, `{a: b}`.

use super::super::node::{Entry, Node, Value};
use super::cursor::{Cursor, ends_word};
use super::{Fault, scalar};

/// What ends a plain text in brackets.
const BRACKETS: [char; 5] = ['[', ']', '{', '}', ','];

impl Cursor<'_> {
    /// The list or table in brackets that begins here; goes behind it.
    pub(super) fn flow(&mut self, min: usize) -> Result<Node, Fault> {
        self.open()?;
        let pos = self.pos();
        let close = if self.rest().starts_with('[') { ']' } else { '}' };
        self.at += 1;
        let (mut nodes, mut entries) = (Vec::new(), Vec::new());
        loop {
            self.flow_blanks(min)?;
            if self.first() == Some(close) {
                break;
            }
            if close == ']' {
                nodes.push(self.flow_node(min)?);
            } else {
                entries.push(self.flow_entry(min)?);
            }
            self.flow_blanks(min)?;
            match self.first() {
                Some(',') => self.at += 1,
                Some(c) if c == close => break,
                _ => return Err(self.invalid(&format!("a comma or '{close}' must stand here"))),
            }
        }
        self.at += 1;
        self.depth -= 1;
        let value = if close == ']' { Value::List(nodes) } else { Value::Table(entries) };
        Ok(Node { pos, value })
    }

    fn flow_entry(&mut self, min: usize) -> Result<Entry, Fault> {
        let pos = self.pos();
        let node = if matches!(self.first(), Some('[' | '{')) {
            return Err(self.refused("a key that is no text"));
        } else {
            self.flow_node(min)?
        };
        let (Value::String(key) | Value::Plain(key)) = node.value else {
            return Err(self.refused("a key that is no text"));
        };
        self.skip_blanks();
        if self.first() != Some(':') {
            return Err(self.invalid("a colon must stand here, as in \"{name: value}\""));
        }
        self.at += 1;
        let empty = self.pos();
        self.flow_blanks(min)?;
        let node = match self.first() {
            Some(',' | '}') => Node { pos: empty, value: Value::Plain(String::new()) },
            _ => self.flow_node(min)?,
        };
        Ok(Entry { key, pos, node })
    }

    fn flow_node(&mut self, min: usize) -> Result<Node, Fault> {
        match self.first() {
            Some('[' | '{') => self.flow(min),
            Some('"' | '\'') => self.quoted_node(),
            _ => {
                let pos = self.pos();
                let text = self.flow_plain()?.to_owned();
                self.at += text.len();
                Ok(Node { pos, value: Value::Plain(text) })
            }
        }
    }

    fn flow_plain(&self) -> Result<&str, Fault> {
        let rest = self.rest();
        let ends = |at: usize, c: char| {
            let behind = rest.get(at + c.len_utf8()..).unwrap_or_default();
            ends_word(behind) || behind.starts_with(BRACKETS)
        };
        if rest.starts_with(['-', '?', ':']) && ends(0, '-') {
            return Err(self.invalid("text can't begin so; put it in quotes"));
        }
        self.plain_can_begin()?;
        let end = rest.char_indices().find(|(at, c)| BRACKETS.contains(c) || (*c == ':' && ends(*at, ':')));
        let text = rest.get(..end.map_or(rest.len(), |(at, _)| at)).unwrap_or_default();
        Ok(scalar::plain(text).0)
    }

    /// Passes blanks, comments and line ends.
    fn flow_blanks(&mut self, min: usize) -> Result<(), Fault> {
        self.skip_blanks();
        while self.line_is_done() {
            self.next_line();
            if self.content()?.is_none() {
                return Err(self.invalid("a bracket is not closed"));
            }
            if self.at < min {
                return Err(self.invalid("a bracket is not closed, or this is not indented far enough"));
            }
        }
        Ok(())
    }
}
