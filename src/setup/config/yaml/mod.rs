//! The part of YAML 1.2 that go-audit's configs are written in, to the walker's tree: tables and lists by
//! indentation or in brackets, plain and quoted text, text in blocks (`|`, `>`), comments. What else YAML has
//! (anchors and aliases, tags, directives, several documents, quoted text over several lines, keys that are
//! no text) is refused with its place: no config needs it, and the crate `saphyr-parser` costs 57 KiB. What is read
//! here means the same to any YAML parser; `tests` hold it to one.
//!
//! Text without quotes is [`Value::Plain`]: whether it is a number or a word, its key decides.

mod block;
mod cursor;
mod flow;
mod scalar;
#[cfg(test)]
mod tests;

use self::cursor::Cursor;
use super::node::{Node, Pos};

/// How deep values can stand in one another; go-audit's are four levels deep.
const DEPTH: u32 = 32;

/// A place and what is wrong there.
pub(super) type Fault = (Pos, String);

/// The tree of a text. An empty text is an empty table.
///
/// Errors: the first place where the text is no YAML, or none of the part that is read here.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    Cursor::new(text)?.document()
}
