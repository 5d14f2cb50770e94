//! go-audit's `filters`: each drops the events of a system call with a record of a type that a regex is found in.

use super::super::node::{Entry, Node, Value};
use super::super::suggest::{listed, nearest, quoted};
use super::super::walk;
use super::{File, integer, string, table, values};

/// The keys of a filter; the first two are required.
const KEYS: [&str; 3] = ["regex", "message_type", "syscall"];

impl File<'_> {
    /// `filter = [...]`
    pub(super) fn filters(&mut self) -> Option<Entry> {
        let (pos, node) = self.get("filters")?;
        let Value::List(nodes) = &node.value else {
            self.wrong(
                "filters",
                "a list of filters, each with \"regex\", \"message_type\" and \"syscall\"",
                node,
                "",
            );
            return None;
        };
        let filters: Vec<Node> = nodes.iter().filter_map(|node| self.filter(node)).collect();
        let value = Value::List(filters);
        (!nodes.is_empty()).then(|| Entry { key: "filter".to_owned(), pos, node: Node { pos, value } })
    }

    fn filter(&mut self, node: &Node) -> Option<Node> {
        let Value::Table(entries) = &node.value else {
            let message = format!("each of \"filters\" must be a table, not {}", node.value.kind());
            self.problem(node.pos, message);
            return None;
        };
        let mut given: [Option<&Node>; 3] = [None; 3];
        for entry in entries {
            let name = entry.key.to_lowercase();
            let Some(slot) =
                KEYS.iter().zip(&mut given).find_map(|(key, slot)| (*key == name).then_some(slot))
            else {
                let meant = match nearest(&entry.key, &KEYS) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("the keys here are {}", listed(&KEYS, "and")),
                };
                self.warning(
                    entry.pos,
                    format!("unknown key {} in \"filters\" has no effect; {meant}", quoted(&entry.key)),
                );
                continue;
            };
            if slot.is_some() {
                self.problem(entry.pos, walk::twice(&entry.key));
            } else if values::text(&entry.node).is_none() {
                self.wrong(&format!("filters.{name}"), "text or a number", &entry.node, "");
                return None;
            } else if !values::is_null(&entry.node.value) {
                *slot = Some(&entry.node);
            }
        }
        let [regex, kind, syscall] = given;
        let (Some(regex), Some(kind)) = (regex, kind) else {
            let missing = if regex.is_none() { "regex" } else { "message_type" };
            self.problem(node.pos, format!("this filter needs a \"{missing}\""));
            return None;
        };
        let mut entries = vec![number_or_text("type", kind)];
        entries.push(match syscall {
            Some(call) if values::text(call) != Some("") => {
                if values::whole(call).is_none() {
                    self.warning(call.pos, "\"filters.syscall\" is a name: go-audit compares numbers, and would take no event by it".to_owned());
                }
                number_or_text("syscall", call)
            }
            // To go-audit events without a SYSCALL record have an empty number.
            _ => string("syscall", node.pos, "none"),
        });
        entries.push(string("regex", regex.pos, values::text(regex).unwrap_or_default()));
        Some(table("", node.pos, entries).node)
    }
}

fn number_or_text(name: &str, node: &Node) -> Entry {
    match values::whole(node) {
        Some(number) => integer(name, node.pos, number),
        None => string(name, node.pos, values::text(node).unwrap_or_default()),
    }
}
