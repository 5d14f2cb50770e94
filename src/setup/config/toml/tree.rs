//! The parser's events to the walker's tree. What is given twice stays in the tree twice: the
//! walker knows which keys there are, and reports it.

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, ParseError, Raw, Span};

use super::super::node::{Entry, Integer, Node, Pos, Value};
use super::places::Places;

/// How many parts a dotted key can have; none of a config has more than two.
const DEPTH: usize = 16;
/// How much of a number a message repeats, in bytes.
const WRITTEN_BYTES: usize = 40;

/// Takes the events of one document and makes the tree. Events that make no sense come only with a
/// syntax error, and then nobody looks at the tree.
pub(super) struct Tree<'t> {
    places: &'t Places<'t>,
    root: Vec<Entry>,
    /// The entries that headers and dotted keys made, in the order of their places; any other entry
    /// is a plain one.
    made: Vec<(Pos, Made)>,
    /// The table that a key belongs to: the path of the last header.
    header: Vec<Key>,
    /// Where the header that is open began.
    begin: usize,
    /// The dotted key that is being read.
    keys: Vec<Key>,
    /// The values that are open, the innermost last.
    open: Vec<Open>,
}

/// How an entry came to be, which decides what a later line can add to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    /// `key = value`: nothing.
    Plain,
    /// On the way of a header, `a` in `[a.b]`: `[a]` may follow.
    Path,
    /// On the way of a dotted key, `a` in `a.b = 1`.
    Dotted,
    /// By its header, `[a]`.
    Header,
    /// By its headers, `[[a]]`.
    Headers,
}

struct Key {
    name: String,
    pos: Pos,
}

enum Open {
    /// A key whose value comes next.
    Key(Vec<Key>),
    List(Pos, Vec<Node>),
    Table(Pos, Vec<Entry>),
}

impl<'t> Tree<'t> {
    pub(super) fn new(places: &'t Places<'t>) -> Self {
        Self {
            places,
            root: Vec::new(),
            made: Vec::new(),
            header: Vec::new(),
            begin: 0,
            keys: Vec::new(),
            open: Vec::new(),
        }
    }

    #[inline(never)]
    pub(super) fn finish(self) -> Node {
        Node { pos: Pos { line: 1, column: 1 }, value: Value::Table(self.root) }
    }

    fn raw(&self, span: Span, encoding: Option<Encoding>) -> Raw<'t> {
        Raw::new_unchecked(self.places.source(span), encoding, span)
    }

    /// A value is complete: it goes into the list, the inline table or the document that it stands in.
    fn give(&mut self, node: Node) {
        match self.open.pop() {
            Some(Open::Key(keys)) => {
                let mut path = keys;
                let Some(key) = path.pop() else { return };
                let (table, header) = match self.open.last_mut() {
                    Some(Open::Table(_, table)) => (table, [].as_slice()),
                    _ => (&mut self.root, self.header.as_slice()),
                };
                let Some(table) = descend(table, header, Made::Path, &mut self.made) else { return };
                let Some(table) = descend(table, &path, Made::Dotted, &mut self.made) else { return };
                table.push(Entry { key: key.name, pos: key.pos, node });
            }
            Some(Open::List(pos, mut nodes)) => {
                nodes.push(node);
                self.open.push(Open::List(pos, nodes));
            }
            _ => {}
        }
    }

    /// A header is complete: its table begins here.
    fn head(&mut self, made: Made) {
        let pos = self.places.pos(self.begin);
        self.header = std::mem::take(&mut self.keys);
        let Some((key, path)) = self.header.split_last() else { return };
        let Some(table) = descend(&mut self.root, path, Made::Path, &mut self.made) else { return };
        let last = table.iter_mut().rev().find(|entry| entry.key == key.name);
        let body = Node { pos, value: Value::Table(Vec::new()) };
        match last.map(|entry| (how(&self.made, entry.pos), entry)) {
            Some((Made::Path, entry)) if made == Made::Header => {
                entry.node.pos = pos;
                mark(&mut self.made, entry.pos, Made::Header);
            }
            Some((Made::Headers, Entry { node: Node { value: Value::List(nodes), .. }, .. }))
                if made == Made::Headers =>
            {
                nodes.push(body);
            }
            _ => {
                let node =
                    if made == Made::Headers { Node { pos, value: Value::List(vec![body]) } } else { body };
                table.push(Entry { key: key.name.clone(), pos: key.pos, node });
                mark(&mut self.made, key.pos, made);
            }
        }
    }

    #[inline(never)]
    fn value(&self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) -> Node {
        let raw = self.raw(span, encoding);
        let mut text = String::new();
        let kind = raw.decode_scalar(&mut text, error);
        let mut start = span.start();
        let value = match kind {
            ScalarKind::String => {
                start += opening(raw.as_str());
                Value::String(text)
            }
            ScalarKind::Integer(radix) => Value::Integer(Integer {
                value: i64::from_str_radix(&text, radix.value()).ok(),
                octal: radix.value() == 8,
                written: match raw.as_str().get(..WRITTEN_BYTES) {
                    Some(begin) if raw.len() > WRITTEN_BYTES => format!("{begin}..."),
                    _ => raw.as_str().to_owned(),
                },
            }),
            ScalarKind::Boolean(value) => Value::Bool(value),
            ScalarKind::DateTime => Value::Date,
            ScalarKind::Float => Value::Float,
        };
        Node { pos: self.places.pos(start), value }
    }
}

impl EventReceiver for Tree<'_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.begin = span.start();
        self.keys.clear();
    }

    fn std_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.head(Made::Header);
    }

    fn array_table_open(&mut self, span: Span, error: &mut dyn ErrorSink) {
        self.std_table_open(span, error);
    }

    fn array_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.head(Made::Headers);
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.open.push(Open::Table(self.places.pos(span.start()), Vec::new()));
        true
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        if let Some(Open::Table(pos, entries)) = self.open.pop() {
            self.give(Node { pos, value: Value::Table(entries) });
        }
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.open.push(Open::List(self.places.pos(span.start()), Vec::new()));
        true
    }

    fn array_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        if let Some(Open::List(pos, nodes)) = self.open.pop() {
            self.give(Node { pos, value: Value::List(nodes) });
        }
    }

    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        if self.keys.len() == DEPTH {
            error.report_error(ParseError::new("the key has too many parts").with_unexpected(span));
        }
        if self.keys.len() >= DEPTH {
            return;
        }
        let mut name = String::new();
        self.raw(span, encoding).decode_key(&mut name, error);
        self.keys.push(Key { name, pos: self.places.pos(span.start()) });
    }

    fn key_val_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.open.push(Open::Key(std::mem::take(&mut self.keys)));
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let node = self.value(span, encoding, error);
        self.give(node);
    }
}

fn how(made: &[(Pos, Made)], pos: Pos) -> Made {
    let at = made.binary_search_by_key(&pos, |(pos, _)| *pos);
    at.ok().and_then(|at| made.get(at)).map_or(Made::Plain, |(_, made)| *made)
}

fn mark(made: &mut Vec<(Pos, Made)>, pos: Pos, how: Made) {
    match made.binary_search_by_key(&pos, |(pos, _)| *pos) {
        Ok(at) => made.get_mut(at).into_iter().for_each(|(_, was)| *was = how),
        Err(at) => made.insert(at, (pos, how)),
    }
}

/// The entries of the table that a path leads to. A step that is not there, or that nothing can be
/// added to, is made as `by`; the latter is then there twice.
fn descend<'v>(
    mut table: &'v mut Vec<Entry>,
    path: &[Key],
    by: Made,
    made: &mut Vec<(Pos, Made)>,
) -> Option<&'v mut Vec<Entry>> {
    for key in path {
        let found = table.iter().rposition(|entry| {
            entry.key == key.name
                && match how(made, entry.pos) {
                    Made::Plain => false,
                    Made::Path => true,
                    how => by == Made::Path || by == how,
                }
        });
        let at = found.unwrap_or_else(|| {
            let node = Node { pos: key.pos, value: Value::Table(Vec::new()) };
            table.push(Entry { key: key.name.clone(), pos: key.pos, node });
            table.len() - 1
        });
        if found.is_none() || by == Made::Dotted {
            mark(made, table.get(at)?.pos, by);
        }
        table = entries(&mut table.get_mut(at)?.node.value)?;
    }
    Some(table)
}

/// A table's entries; of a list of tables the last one's.
fn entries(value: &mut Value) -> Option<&mut Vec<Entry>> {
    match value {
        Value::Table(entries) => Some(entries),
        Value::List(nodes) => nodes.last_mut().and_then(|node| entries(&mut node.value)),
        _ => None,
    }
}

/// The bytes before a string's own text: its quotes, and in a multi-line string the newline that
/// TOML trims behind them.
#[inline(never)]
fn opening(source: &str) -> usize {
    let Some(inside) = source.strip_prefix("\"\"\"").or_else(|| source.strip_prefix("'''")) else {
        return 1;
    };
    if inside.starts_with("\r\n") {
        5
    } else if inside.starts_with('\n') {
        4
    } else {
        3
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toml::de::{DeTable, DeValue};

    use super::super::parse;
    use super::*;

    /// Lines that define `a`, `b` and what is in them. Not `[[a.b]]`: to its last table the crate lets a
    /// dotted key add, which TOML forbids.
    const LINES: [&str; 22] = [
        "[a]",
        "[b]",
        "[a.b]",
        "[a.b.c]",
        "[a.c]",
        "[b.a]",
        "[[a]]",
        "[[b]]",
        "a = 1",
        "b = 2",
        "c = 3",
        "a.b = 1",
        "a.c = 2",
        "a.b.c = 3",
        "b.a = 4",
        "c.a = 5",
        "a = {}",
        "b = {a.b = 1, a.c = 2}",
        "c = {a = 1, a.b = 2}",
        "a = []",
        "b = [{c = 1}, [2], {a.b = 3}]",
        "a = {b = {c.a = 1, c.b = 2}, c.a = 3}",
    ];

    /// The tree in one line, keys sorted; none when something is there twice.
    fn shown(value: &Value) -> Option<String> {
        Some(match value {
            Value::Table(entries) => {
                let mut shown: Vec<(&str, String)> = Vec::new();
                for entry in entries {
                    if shown.iter().any(|(key, _)| *key == entry.key) {
                        return None;
                    }
                    let at = shown.iter().take_while(|(key, _)| *key < entry.key.as_str()).count();
                    shown.insert(at, (&entry.key, self::shown(&entry.node.value)?));
                }
                let shown: Vec<String> = shown.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("{{{}}}", shown.join(","))
            }
            Value::List(nodes) => {
                let shown: Option<Vec<String>> = nodes.iter().map(|node| self::shown(&node.value)).collect();
                format!("[{}]", shown?.join(","))
            }
            Value::Integer(integer) => integer.written.clone(),
            other => other.kind().to_owned(),
        })
    }

    fn of_crate(table: &DeTable<'_>) -> String {
        let each = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            format!("{key}={}", of_value(value.get_ref()))
        };
        format!("{{{}}}", table.iter().map(each).collect::<Vec<_>>().join(","))
    }

    fn of_value(value: &DeValue<'_>) -> String {
        match value {
            DeValue::Table(table) => of_crate(table),
            DeValue::Array(array) => {
                let values: Vec<String> = array.iter().map(|value| of_value(value.get_ref())).collect();
                format!("[{}]", values.join(","))
            }
            DeValue::Integer(integer) => integer.as_str().to_owned(),
            other => format!("{other:?}"),
        }
    }

    proptest! {
        /// What TOML forbids is in our tree twice or is a syntax error; all else is the tree that the
        /// crate `toml` makes.
        #[test]
        fn tables_are_what_toml_says(lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..7)) {
            let text = lines.join("\n");
            let places = Places::of(&text);
            let ours = parse(&text, &places).ok().and_then(|node| shown(&node.value));
            let theirs = DeTable::parse(&text).ok().map(|table| of_crate(table.get_ref()));
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}
