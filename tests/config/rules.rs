//! The starting set of rules in contrib/rules: each file says what it is and what it costs, and each rule compiles on
//! every machine that this project is built for.

use ringaudit::rules;
use ringaudit::wire::tables::Machine;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn the_starting_set() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/rules");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut all = Vec::new();
    for path in &names {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        let header: String =
            text.lines().take_while(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n");
        assert!(text.contains("# Cost: "), "{name} says what it costs");
        let lines = rules::lines_of(name, &text);
        let mut keys = BTreeSet::new();
        for line in lines.iter().filter(|line| !line.value.starts_with('#')) {
            let key = line.value.split_once(" -k ").map(|(_, key)| key);
            assert!(
                key.is_some() || ["-D", "-b", "-f", "-e"].contains(&&line.value[..2]),
                "{name}: {}",
                line.value
            );
            keys.extend(key);
        }
        for key in keys {
            assert!(header.contains(&format!("# key {key}")), "{name} says what the key {key} means");
        }
        all.extend(lines);
    }
    assert_eq!(names.len(), 9, "{names:?}");
    for machine in [Machine::X86_64, Machine::Aarch64, Machine::Arm] {
        let compiled = rules::compile(&all, machine);
        assert_eq!(compiled.errors, [], "{machine:?}");
        // What a machine lacks is left out of its rule with a warning, and a whole side of it is.
        let planned = compiled.planned.iter().filter(|planned| planned.line.contains("-S ")).count();
        let wanted = if machine == Machine::Arm { 10 } else { 20 };
        assert!(planned >= wanted, "{machine:?}: {planned} rules; {:?}", compiled.warnings);
    }
}
