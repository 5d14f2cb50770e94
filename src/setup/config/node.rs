//! The tree that a reader makes of a config text and that the walker reads: the few kinds of value
//! that a config can hold, each with its line and column. It knows no file format, so that TOML
//! and go-audit's YAML meet the same walker.

/// Line and column, both from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pos {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A value and where it begins; for a string that is the first character inside its quotes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) pos: Pos,
    pub(super) value: Value,
}

/// One `key = value` of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) pos: Pos,
    pub(super) node: Node,
}

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// In any order.
    Table(Vec<Entry>),
    List(Vec<Node>),
    String(String),
    /// Text of a YAML file without quotes: whether it is text, a number or a word, its key decides. The
    /// walker of our own keys never meets it.
    #[cfg_attr(not(feature = "yaml"), allow(dead_code, reason = "YAML's alone"))]
    Plain(String),
    Integer(Integer),
    /// A number with a fraction or an exponent: no key takes one.
    Float,
    Bool(bool),
    /// A date or a time: no key takes one.
    Date,
}

/// A whole number as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Integer {
    /// None when it does not fit.
    pub(super) value: Option<i64>,
    /// Written in octal, so that it can be a file mode.
    pub(super) octal: bool,
    /// The text, for messages.
    pub(super) written: String,
}

impl Value {
    /// The kind's name with its article, for "..., not a string".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Table(_) => "a table",
            Self::List(_) => "a list",
            Self::String(_) => "a string",
            Self::Plain(_) => "a word",
            Self::Integer(_) => "a whole number",
            Self::Float => "a number with a fraction",
            Self::Bool(_) => "a boolean",
            Self::Date => "a date or time",
        }
    }
}
