//! The rules of the package auditd, made harmless: each is bound to a process that does not exist, and its paths are
//! moved into a folder of the test, where they can be made.

use crate::generate::NOBODY;
use std::fs;
use std::path::Path;

const FOLDER: &str = "/usr/share/doc/auditd/examples/rules";
pub(crate) struct Examples {
    pub(crate) files: usize,
    /// Lines that add a rule.
    pub(crate) rules: Vec<String>,
    /// The other lines.
    pub(crate) others: Vec<String>,
}

/// All lines, also those that stand in comments as suggestions.
pub(crate) fn read(root: &Path) -> Examples {
    let mut examples = Examples { files: 0, rules: Vec::new(), others: Vec::new() };
    let folder = fs::read_dir(FOLDER).expect("the example rules (package auditd) must be installed");
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "rules")) {
        examples.files += 1;
        for line in fs::read_to_string(path).unwrap().lines() {
            let rule = line.trim_start_matches(['#', ' ']);
            if ["-a ", "-A ", "-w "].iter().any(|start| rule.starts_with(start)) {
                examples.rules.push(harmless(rule.trim(), root));
            } else if line.starts_with('-') {
                examples.others.push(line.to_owned());
            }
        }
    }
    // The same rule stands in several files, and the kernel holds it once.
    let mut seen = std::collections::BTreeSet::new();
    examples.rules.retain(|rule| seen.insert(rule.clone()));
    examples
}

fn harmless(rule: &str, root: &Path) -> String {
    let words: Vec<String> = rule
        .split_whitespace()
        .map(|word| {
            let (name, path) = match word.split_once('=') {
                Some((name @ ("path" | "dir" | "exe"), path)) => (format!("{name}="), path),
                _ if word.starts_with('/') => (String::new(), word),
                _ => return word.to_owned(),
            };
            let moved = root.join(path.trim_start_matches('/'));
            let directory =
                path.ends_with('/') || name == "dir=" || fs::metadata(path).is_ok_and(|m| m.is_dir());
            fs::create_dir_all(if directory { &moved } else { moved.parent().unwrap() }).unwrap();
            format!("{name}{}", moved.display())
        })
        .collect();
    let rule = words.join(" ");
    if rule.starts_with("-w ") || rule.contains("filesystem") {
        return rule;
    }
    // A key stays at the end.
    match rule.split_once(" -k ").or_else(|| rule.split_once(" -F key=")) {
        Some((before, key)) => format!("{before} -F pid={NOBODY} -F key={key}"),
        None => format!("{rule} -F pid={NOBODY}"),
    }
}
