//! TOML text to a config: the crate `toml_parser` finds keys and values, this room makes the
//! walker's tree of them and says where the text is not TOML.

mod places;
mod tree;

use toml_parser::parser::{RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{Expected, ParseError, Source};

use self::places::Places;
use self::tree::Tree;
use super::node::{Node, Pos};
use super::{Config, Problem, quoted, walk};

/// How many syntax errors are reported: behind the first ones a parser mostly reports its own
/// confusion.
const SYNTAX_ERRORS: usize = 5;
/// How deep values can stand in one another. A config is four levels deep; the parser recurses.
const DEPTH: u32 = 80;

/// Reads a config in TOML. `name` is what problems call the file.
///
/// # Errors
///
/// All problems of the text in the order of their places; of broken TOML the first few.
pub fn read(name: &str, text: &str) -> Result<Config, Vec<Problem>> {
    let places = Places::of(text);
    let root = parse(text, &places).map_err(|errors| {
        let found = errors.iter().map(|error| syntax(&places, error)).collect();
        let mut problems = walk::problems(name, found);
        problems.dedup_by_key(|problem| problem.place.line);
        problems.truncate(SYNTAX_ERRORS);
        problems
    })?;
    let (config, found) = walk::walk(name, &root);
    if found.is_empty() { Ok(config) } else { Err(walk::problems(name, found)) }
}

#[inline(never)]
fn parse(text: &str, places: &Places<'_>) -> Result<Node, Vec<ParseError>> {
    let source = Source::new(text);
    let mut tree = Tree::new(places);
    let mut errors = Vec::new();
    let mut checked = ValidateWhitespace::new(&mut tree, source);
    parse_document(&source.lex().into_vec(), &mut RecursionGuard::new(&mut checked, DEPTH), &mut errors);
    if errors.is_empty() { Ok(tree.finish()) } else { Err(errors) }
}

/// The parser's message; the slips that a config's author makes most are said in more words.
#[inline(never)]
fn syntax(places: &Places<'_>, error: &ParseError) -> (Pos, String) {
    let start = error.unexpected().map_or(places.end(), |span| span.start());
    let source = error.unexpected().map_or("", |span| places.source(span));
    let message = match error.description() {
        "unexpected leading zero" => {
            "a number can't begin with 0; a file mode is written in quotes, as \"0600\"".to_owned()
        }
        "string values must be quoted" => unquoted(source),
        description => description.to_owned() + &expected(error),
    };
    (places.pos(start), format!("not valid TOML: {message}"))
}

/// ``, expected `]`, newline``
#[inline(never)]
fn expected(error: &ParseError) -> String {
    let expected = error.expected().unwrap_or_default().iter().map(|expected| match expected {
        Expected::Literal("\n") => "newline".to_owned(),
        Expected::Literal(text) => format!("`{text}`"),
        Expected::Description(text) => (*text).to_owned(),
        _ => "something else".to_owned(),
    });
    let expected: Vec<String> = expected.collect();
    if expected.is_empty() { String::new() } else { format!(", expected {}", expected.join(", ")) }
}

/// The message for a bare word, or nothing at all, where a value should be.
#[inline(never)]
fn unquoted(word: &str) -> String {
    match word.trim() {
        "" => "the value is missing".to_owned(),
        "yes" | "on" | "True" | "TRUE" => "write true".to_owned(),
        "no" | "off" | "False" | "FALSE" => "write false".to_owned(),
        word => format!("text must be in quotes: write {}", quoted(word)),
    }
}
