//! TOML text to a config: the `toml` crate parses and gives each value's span, this file turns
//! spans into lines and columns and the values into the walker's tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::node::{Entry, Integer, Node, Pos, Value};
use super::{Config, Problem, quoted, walk};

/// How many syntax errors are reported: behind the first ones a parser mostly reports its own
/// confusion.
const SYNTAX_ERRORS: usize = 5;
/// How much of a number a message repeats, in bytes.
const WRITTEN_BYTES: usize = 40;
/// How far the tree is followed. A config is four levels deep; what is deeper is in no known key.
const DEPTH: u32 = 8;

/// Reads a config in TOML. `name` is what problems call the file.
///
/// # Errors
///
/// All problems of the text in the order of their places; of broken TOML the first few.
pub fn read(name: &str, text: &str) -> Result<Config, Vec<Problem>> {
    let reader = Reader { text, marks: marks(text) };
    let (root, errors) = DeTable::parse_recoverable(text);
    // A key given twice breaks nothing else: the rest is still worth checking.
    let (twice, broken): (Vec<Error>, Vec<Error>) =
        errors.into_iter().partition(|error| error.message() == "duplicate key");
    if !broken.is_empty() {
        let found = broken.iter().map(|error| reader.syntax(error)).collect();
        let mut problems = walk::problems(name, found);
        problems.dedup_by_key(|problem| problem.place.line);
        problems.truncate(SYNTAX_ERRORS);
        return Err(problems);
    }
    let root = reader.table(root.get_ref(), DEPTH);
    let (config, mut found) = walk::walk(name, &Node { pos: Pos { line: 1, column: 1 }, value: root });
    found.extend(twice.iter().map(|error| reader.twice(error)));
    if found.is_empty() { Ok(config) } else { Err(walk::problems(name, found)) }
}

struct Reader<'t> {
    text: &'t str,
    /// Byte offsets whose line and column are known, so that a place is found without counting
    /// from the start of the text or of a long line.
    marks: Vec<(usize, Pos)>,
}

/// A mark at each line's beginning, and in long lines each 256 characters.
fn marks(text: &str) -> Vec<(usize, Pos)> {
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
    marks
}

impl Reader<'_> {
    fn pos(&self, offset: usize) -> Pos {
        let mark = self.marks.partition_point(|(at, _)| *at <= offset).saturating_sub(1);
        let (at, pos) = self.marks.get(mark).copied().unwrap_or_default();
        let between = self.text.get(at..offset).map_or(0, |passed| passed.chars().count());
        Pos { line: pos.line, column: pos.column.saturating_add(u32::try_from(between).unwrap_or(u32::MAX)) }
    }

    fn source<T>(&self, spanned: &Spanned<T>) -> &str {
        self.text.get(spanned.span()).unwrap_or_default()
    }

    fn table(&self, table: &DeTable<'_>, depth: u32) -> Value {
        let entries = table
            .iter()
            .filter(|_| depth > 0)
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                pos: self.pos(key.span().start),
                node: self.node(value, depth - 1),
            })
            .collect();
        Value::Table(entries)
    }

    fn node(&self, value: &Spanned<DeValue<'_>>, depth: u32) -> Node {
        let start = value.span().start;
        let source = self.source(value);
        let mut pos = self.pos(start);
        let read = match value.get_ref() {
            DeValue::String(string) => {
                pos = self.pos(start + opening(source));
                Value::String(string.to_string())
            }
            DeValue::Integer(integer) => Value::Integer(Integer {
                value: i64::from_str_radix(integer.as_str(), integer.radix()).ok(),
                octal: integer.radix() == 8,
                written: match source.get(..WRITTEN_BYTES) {
                    Some(begin) if source.len() > WRITTEN_BYTES => format!("{begin}..."),
                    _ => source.to_owned(),
                },
            }),
            DeValue::Float(_) => Value::Float,
            DeValue::Boolean(boolean) => Value::Bool(*boolean),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Array(array) => Value::List(
                array.iter().filter(|_| depth > 0).map(|each| self.node(each, depth - 1)).collect(),
            ),
            DeValue::Table(table) => self.table(table, depth),
        };
        Node { pos, value: read }
    }

    fn error_pos(&self, error: &Error) -> Pos {
        self.pos(error.span().map_or(self.text.len(), |span| span.start))
    }

    /// The parser's message; the slips that a config's author makes most are said in more words.
    fn syntax(&self, error: &Error) -> (Pos, String) {
        let source = error.span().and_then(|span| self.text.get(span)).unwrap_or_default();
        let message = match error.message() {
            message if message.starts_with("unexpected leading zero") => {
                "a number can't begin with 0; a file mode is written in quotes, as \"0600\"".to_owned()
            }
            message if message.starts_with("string values must be quoted") => unquoted(source),
            message => message.to_owned(),
        };
        (self.error_pos(error), format!("not valid TOML: {message}"))
    }

    fn twice(&self, error: &Error) -> (Pos, String) {
        let key = error.span().and_then(|span| self.text.get(span)).unwrap_or_default();
        (self.error_pos(error), walk::twice(key.trim_matches(['"', '\''])))
    }
}

/// The message for a bare word, or nothing at all, where a value should be.
fn unquoted(word: &str) -> String {
    match word.trim() {
        "" => "the value is missing".to_owned(),
        "yes" | "on" | "True" | "TRUE" => "write true".to_owned(),
        "no" | "off" | "False" | "FALSE" => "write false".to_owned(),
        word => format!("text must be in quotes: write {}", quoted(word)),
    }
}

/// The bytes before a string's own text: its quotes, and in a multi-line string the newline that
/// TOML trims behind them.
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
