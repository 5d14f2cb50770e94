//! Tables and lists by their indentation.
//!
//! A value's `min` is the least indentation that its further lines must have: one more than that of the
//! table or list that it stands in.

use super::super::node::{Entry, Node, Value};
use super::cursor::{Cursor, blanks, ends_word, trimmed};
use super::{Fault, scalar};

impl Cursor<'_> {
    /// The whole text.
    pub(super) fn document(&mut self) -> Result<Node, Fault> {
        // One marker may begin it; only comments may stand before.
        let first = self.lines.iter().position(|line| !line.is_empty() && !line.starts_with('#'));
        if first.and_then(|line| self.lines.get(line)).is_some_and(|line| line.trim_end() == "---") {
            self.line = first.unwrap_or(0) + 1;
        }
        let pos = self.pos();
        if self.content()?.is_none() {
            return Ok(Node { pos, value: Value::Table(Vec::new()) });
        }
        let node = self.block(0)?;
        match self.content()? {
            None => Ok(node),
            Some(_) => Err(self.invalid("the indentation fits nothing above it")),
        }
    }

    /// A value that begins here, with a line of its own or behind `- `.
    fn block(&mut self, min: usize) -> Result<Node, Fault> {
        self.open()?;
        let indent = self.at;
        let line = self.lines.get(self.line).copied().unwrap_or_default();
        let tab = line.get(..indent).and_then(|before| before.find('\t'));
        let is_item = self.is_item();
        let node = if !is_item && self.key()?.is_none() {
            self.value(min)
        } else if let Some(tab) = tab {
            self.at = tab;
            Err(self.invalid("a tab can't indent; use blanks"))
        } else if is_item {
            self.sequence(indent)
        } else {
            self.mapping(indent)
        }?;
        self.depth -= 1;
        Ok(node)
    }

    fn mapping(&mut self, indent: usize) -> Result<Node, Fault> {
        let begin = self.pos();
        let mut entries = Vec::new();
        loop {
            let pos = self.pos();
            let Some((key, length)) = self.key()? else {
                return Err(
                    self.invalid("a key with a colon behind it must stand here, as in \"name: value\"")
                );
            };
            self.at += length;
            entries.push(Entry { key, pos, node: self.behind(indent + 1, false)? });
            match self.content()? {
                Some(next) if next == indent => {}
                Some(next) if next > indent => return Err(self.deeper()),
                _ => return Ok(Node { pos: begin, value: Value::Table(entries) }),
            }
        }
    }

    fn sequence(&mut self, indent: usize) -> Result<Node, Fault> {
        let pos = self.pos();
        let mut nodes = Vec::new();
        loop {
            self.at += 1;
            nodes.push(self.behind(indent + 1, true)?);
            match self.content()? {
                Some(next) if next == indent && self.is_item() => {}
                Some(next) if next > indent => return Err(self.deeper()),
                _ => return Ok(Node { pos, value: Value::List(nodes) }),
            }
        }
    }

    fn deeper(&self) -> Fault {
        self.invalid("the indentation fits nothing above it")
    }

    /// What stands behind `- ` (an item) or behind `key:`.
    fn behind(&mut self, min: usize, item: bool) -> Result<Node, Fault> {
        let pos = self.pos();
        self.skip_blanks();
        if !self.line_is_done() {
            return if item { self.block(min) } else { self.value(min) };
        }
        self.next_line();
        match self.content()? {
            Some(indent) if indent >= min => self.block(min),
            // A list may stand as far to the left as the key that it belongs to.
            Some(indent) if !item && indent + 1 == min && self.is_item() => {
                self.open()?;
                let node = self.sequence(indent)?;
                self.depth -= 1;
                Ok(node)
            }
            _ => Ok(Node { pos, value: Value::Plain(String::new()) }),
        }
    }

    /// Whether `- ` stands here.
    pub(super) fn is_item(&self) -> bool {
        self.rest().strip_prefix('-').is_some_and(ends_word)
    }

    /// The key that stands here, and its length with the colon behind it.
    pub(super) fn key(&self) -> Result<Option<(String, usize)>, Fault> {
        let rest = self.rest();
        if rest.starts_with(['"', '\'']) {
            let (text, length) = self.quoted()?;
            let behind = rest.get(length..).unwrap_or_default();
            let colon = blanks(behind);
            let found = behind.get(colon..).is_some_and(scalar::is_colon);
            return Ok(found.then_some((text, length + colon + 1)));
        }
        if rest == "?" || rest.starts_with("? ") {
            return Err(self.refused("a key that begins with \"?\""));
        }
        if rest.starts_with(scalar::INDICATORS) || self.is_item() {
            return Ok(None);
        }
        let colon = scalar::plain(rest).1.filter(|at| rest.get(*at..).is_some_and(scalar::is_colon));
        let key = colon.and_then(|at| rest.get(..at)).map(trimmed);
        Ok(key.filter(|key| !key.is_empty()).zip(colon).map(|(key, at)| (key.to_owned(), at + 1)))
    }

    /// A value that is no table or list by indentation.
    fn value(&mut self, min: usize) -> Result<Node, Fault> {
        match self.first() {
            Some('|' | '>') => self.block_text(min),
            Some('[' | '{') => {
                let node = self.flow(min)?;
                self.end_of_line()?;
                Ok(node)
            }
            Some('"' | '\'') => {
                let node = self.quoted_node()?;
                self.end_of_line()?;
                Ok(node)
            }
            _ => self.plain(min),
        }
    }
}
