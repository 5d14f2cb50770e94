//! Held to the crate `saphyr-parser`: what is read here it reads the same, at the same places; and of what
//! configs are written in, all is read.

use proptest::prelude::*;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::super::node::{Entry, Node, Pos, Value};
use super::parse;

/// The tree in one line: plain text as it is, other text in quotes, each with its place.
fn shown(node: &Node) -> String {
    let Pos { line, column } = node.pos;
    match &node.value {
        Value::Table(entries) => {
            let each = |entry: &Entry| {
                let Pos { line, column } = entry.pos;
                format!("{:?}@{line}:{column}={}", entry.key, shown(&entry.node))
            };
            format!("{{{}}}", entries.iter().map(each).collect::<Vec<_>>().join(","))
        }
        Value::List(nodes) => format!("[{}]", nodes.iter().map(shown).collect::<Vec<_>>().join(",")),
        // Where nothing stands parsers do not agree.
        Value::Plain(text) if text.is_empty() => "-".to_owned(),
        Value::Plain(text) => format!("plain {text:?}@{line}:{column}"),
        Value::String(text) => format!("text {text:?}"),
        other => other.kind().to_owned(),
    }
}

fn of_crate(text: &str) -> Result<String, String> {
    enum Open {
        List(Vec<String>),
        Table(Vec<String>, Option<String>),
    }
    let place = |span: Span| format!("{}:{}", span.start.line(), span.start.col() + 1);
    let mut open: Vec<Open> = Vec::new();
    let mut root = String::from("{}");
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let node = match event {
            Event::Scalar(text, style, 0, None) => {
                if let Some(Open::Table(_, key @ None)) = open.last_mut() {
                    *key = Some(format!("{text:?}@{}", place(span)));
                    continue;
                }
                match style {
                    ScalarStyle::Plain if text.is_empty() || text == "~" && span.is_empty() => "-".to_owned(),
                    ScalarStyle::Plain => format!("plain {text:?}@{}", place(span)),
                    _ => format!("text {text:?}"),
                }
            }
            Event::SequenceStart(0, None) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(0, None) => {
                open.push(Open::Table(Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(nodes)) => format!("[{}]", nodes.join(",")),
                Some(Open::Table(entries, _)) => format!("{{{}}}", entries.join(",")),
                None => return Err("an end too many".to_owned()),
            },
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Nothing => continue,
            other => return Err(format!("{other:?}")),
        };
        match open.last_mut() {
            Some(Open::List(nodes)) => nodes.push(node),
            Some(Open::Table(entries, key)) => {
                entries.push(format!("{}={node}", key.take().unwrap_or_default()));
            }
            None => root = node,
        }
    }
    // A document without anything is an empty table to us.
    Ok(if root == "-" { "{}".to_owned() } else { root })
}

/// Pieces of lines, of which most do not fit together.
const PIECES: [&str; 55] = [
    "a:",
    "b: 1",
    "- x",
    "- a: 1",
    "-",
    "'q': \"v\"",
    "",
    "# c",
    "c: [1, {d: 2}]",
    "text",
    "d: |",
    "d: >-",
    "e: x # c",
    "- - y",
    "- [a,",
    "b]",
    "f: 'it''s'",
    "a: b: c",
    "- |+",
    "\t",
    "key : v",
    "{a: b, c: }",
    "---",
    "...",
    "- &a x",
    "- *b",
    "- -e 1",
    "x: -D",
    "'k':v",
    "a:b",
    "x: a #b",
    "x: a#b",
    "-x",
    "? y",
    "g: \"\\x41\\n\\u00e4\"",
    "h: ~",
    "i: {",
    "j: 1, k: 2",
    "}",
    "]",
    "ä: 'ö' # ü",
    "- >",
    "| a",
    "!t x",
    "%d",
    "@x",
    "[a, [b], c: d]",
    "[a b, 'c', \"d\",]",
    "{\"a\":b}",
    "-\tz",
    "more text here",
    " deeper",
    "a: [",
    "# d: e",
    "k: \"#\"",
];

fn lines() -> impl Strategy<Value = String> {
    let line = (prop::sample::select(vec![0usize, 0, 2, 2, 4, 1, 3]), prop::sample::select(&PIECES[..]));
    prop::collection::vec(line, 0..8).prop_map(|lines| {
        lines.iter().fold(String::new(), |text, (indent, piece)| text + &" ".repeat(*indent) + piece + "\n")
    })
}

/// A tree, and how it is written.
#[derive(Clone, Debug)]
enum Tree {
    Text(String, u8),
    List(Vec<Tree>, bool),
    Table(Vec<(String, Tree)>, bool),
}

fn tree() -> impl Strategy<Value = Tree> {
    let word = "[a-zA-Z0-9_./=<>()|+-][a-zA-Z0-9_./=<>()|+ -]{0,20}[a-z0-9]";
    let leaf = (word, 0u8..6).prop_map(|(text, style)| Tree::Text(text, style));
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = "[a-z_]{1,8}";
        prop_oneof![
            (prop::collection::vec(inner.clone(), 1..4), any::<bool>())
                .prop_map(|(nodes, flow)| Tree::List(nodes, flow)),
            (prop::collection::vec((key, inner), 1..4), any::<bool>())
                .prop_map(|(entries, flow)| Tree::Table(entries, flow)),
        ]
    })
}

/// Writes a node behind `- ` or `key:`; `indent` is that of its own lines.
fn write(tree: &Tree, indent: usize, text: &mut String, inline: bool) {
    let pad = " ".repeat(indent);
    match tree {
        Tree::Text(word, style) if !inline && *style == 4 => {
            text.extend([" |\n", &pad, word, "\n\n", &pad, " ", word, "\n"]);
        }
        Tree::Text(word, style) if !inline && *style == 5 => {
            text.extend([" >-\n", &pad, word, "\n", &pad, word, "\n\n", &pad, "x\n"]);
        }
        Tree::Text(word, style) => {
            let plain = !word.starts_with(['-', '|', '>']) && style % 3 == 0;
            let quote = if plain {
                ""
            } else if style % 2 == 0 {
                "'"
            } else {
                "\""
            };
            text.extend([" ", quote, word, quote]);
            if !inline {
                text.push_str(if style % 2 == 0 { "\n" } else { "  # said\n" });
            }
        }
        Tree::List(nodes, flow) if inline || *flow => {
            text.push_str(" [");
            for node in nodes {
                write(node, indent, text, true);
                text.push(',');
            }
            text.push_str(if inline { "]" } else { "]\n" });
        }
        Tree::Table(entries, flow) if inline || *flow => {
            text.push_str(" {");
            for (key, node) in entries {
                text.extend([key, ":"]);
                write(node, indent, text, true);
                text.push_str(", ");
            }
            text.push_str(if inline { "}" } else { "}\n" });
        }
        Tree::List(nodes, _) => {
            text.push('\n');
            for node in nodes {
                text.extend([&pad, "-"]);
                write(node, indent + 2, text, false);
            }
        }
        Tree::Table(entries, _) => {
            text.push_str("\n\n");
            for (key, node) in entries {
                text.extend([&pad, key, ":"]);
                write(node, indent + 1, text, false);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// What is taken means what it means to the crate.
    #[test]
    fn nothing_is_read_otherwise(text in lines()) {
        if let Ok(node) = parse(&text) {
            prop_assert_eq!(Ok(shown(&node)), of_crate(&text), "{}", text);
        }
    }

    /// What configs are made of is taken.
    #[test]
    fn a_config_is_read(tree in tree()) {
        let mut text = String::from("a:");
        write(&tree, 1, &mut text, false);
        let ours = parse(&text).map(|node| shown(&node));
        prop_assert_eq!(ours.map_err(|fault| format!("{fault:?}")), of_crate(&text), "{}", text);
    }
}
