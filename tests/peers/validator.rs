//! A validator of JSON Schema that was not written here: the package jsonschema-rs, in a venv.

use std::fs;
use std::path::Path;
use std::process::Command;

const VALIDATOR: &str = "jsonschema-rs==0.60.3";

/// How many lines there were, and what is wrong with those that are not valid: `NUMBER PLACE: MESSAGE`. `schema` is
/// a path in this repository.
pub(crate) fn check(schema: &str, lines: &Path) -> (usize, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = Command::new(root.join("cross/venv")).args(["schema", VALIDATOR]).output().unwrap();
    assert!(venv.status.success(), "cross/venv: {}", String::from_utf8_lossy(&venv.stderr));
    let python = String::from_utf8(venv.stdout).unwrap();
    let mut command = Command::new(python.trim());
    command.arg(root.join("tests/peers/validate.py")).arg(root.join(schema)).arg(lines);
    let output = command.output().unwrap();
    assert!(output.status.success(), "validate.py: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut errors: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    let last = errors.pop().unwrap();
    let (checked, invalid) = last.split_once(' ').unwrap();
    assert_eq!(invalid.parse::<usize>().unwrap(), errors.len());
    (checked.parse().unwrap(), errors)
}

/// Each line is valid, and there are at least so many.
pub(crate) fn all_valid(schema: &str, lines: &Path, at_least: usize) {
    let (checked, errors) = check(schema, lines);
    let shown = errors.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(errors.is_empty(), "{} of {checked} lines are not valid:\n{shown}", errors.len());
    assert!(checked >= at_least, "only {checked} lines");
    assert_eq!(fs::read(lines).unwrap().split(|&byte| byte == b'\n').count(), checked + 1);
}

/// Each line is refused.
pub(crate) fn all_refused(schema: &str, lines: &Path, count: usize) {
    let (checked, errors) = check(schema, lines);
    assert_eq!(checked, count);
    let refused: Vec<&str> = errors.iter().map(|error| error.split(' ').next().unwrap()).collect();
    let all: Vec<String> = (1..=checked).map(|number| number.to_string()).collect();
    assert_eq!(refused, all, "every bad line is refused: {errors:#?}");
}
