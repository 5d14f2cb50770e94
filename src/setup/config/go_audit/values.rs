//! Single values as go-audit takes them: its YAML reader (gopkg.in/yaml.v3), and the conversions of the crate
//! that holds its config (spf13/cast 1.5).

use super::super::node::{Node, Pos, Value};
use super::super::suggest::quoted;
use super::File;

/// Whether nothing stands there.
pub(super) fn is_null(value: &Value) -> bool {
    matches!(value, Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
}

/// Text, with or without quotes.
pub(super) fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) | Value::Plain(text) => Some(text),
        _ => None,
    }
}

/// A word for true or false (Go's strconv.ParseBool; what go-audit takes for false besides).
pub(super) fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A whole number: decimal, or octal behind 0 or 0o, hexadecimal behind 0x, binary behind 0b.
pub(super) fn whole(node: &Node) -> Option<i64> {
    let text = text(node)?;
    let (sign, digits) =
        text.strip_prefix('-').map_or((1, text.strip_prefix('+').unwrap_or(text)), |rest| (-1, rest));
    let radix = match digits.get(..2).unwrap_or_default() {
        "0x" | "0X" => 16,
        "0o" | "0O" => 8,
        "0b" | "0B" => 2,
        zero if zero.starts_with('0') => 7,
        _ => 10,
    };
    let (skip, radix) = if radix == 7 { (1, 8) } else { (if radix == 10 { 0 } else { 2 }, radix) };
    let digits = digits.get(skip..).filter(|digits| digits.starts_with(|c: char| c.is_ascii_hexdigit()))?;
    i64::from_str_radix(digits, radix).ok().map(|number| sign * number)
}

impl<'n> File<'n> {
    /// The key's place and its value, if there is one.
    pub(super) fn get(&self, path: &str) -> Option<(Pos, &'n Node)> {
        let found = self.values.iter().find(|(name, _, _)| *name == path);
        found.map(|(_, pos, node)| (*pos, *node)).filter(|(_, node)| !is_null(&node.value))
    }

    /// A switch; off where nothing stands.
    pub(super) fn switch(&mut self, path: &str) -> bool {
        let Some((_, node)) = self.get(path) else { return false };
        let truth = text(node).and_then(truth);
        if truth.is_none() {
            let more = match text(node).map(str::to_lowercase).as_deref() {
                Some("yes" | "on" | "y") => "; go-audit takes this word for false",
                Some("no" | "off" | "n") => return false,
                _ => "",
            };
            self.wrong(path, "true or false", node, more);
        }
        truth.unwrap_or(false)
    }

    /// A whole number, with the value's place.
    pub(super) fn number(&mut self, path: &str) -> Option<(Pos, i64)> {
        let (_, node) = self.get(path)?;
        let number = whole(node);
        if number.is_none() {
            self.wrong(path, "a whole number", node, "");
        }
        Some((node.pos, number?))
    }

    /// Text that is not empty, with its place.
    pub(super) fn word(&mut self, path: &str) -> Option<(Pos, &'n str)> {
        let (_, node) = self.get(path)?;
        match text(node) {
            None => {
                self.wrong(path, "text", node, "");
                None
            }
            text => text.filter(|text| !text.is_empty()).map(|text| (node.pos, text)),
        }
    }

    pub(super) fn wrong(&mut self, path: &str, wanted: &str, node: &Node, more: &str) {
        let given = text(node).map_or_else(|| node.value.kind().to_owned(), quoted);
        self.problem(node.pos, format!("\"{path}\" must be {wanted}, not {given}{more}"));
    }
}
