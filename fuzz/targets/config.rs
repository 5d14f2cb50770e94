//! A config's text, as TOML and as go-audit's YAML: it is read or refused, with a place for each problem; what is
//! read is shown, and shown it reads back the same. Its rules are compiled.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringaudit::config::{Config, Problem, read, read_go_audit, show};
use ringaudit::rules;
use ringaudit::wire::tables::Machine;

fuzz_target!(|text: &str| {
    check(read("f", text));
    check(read_go_audit("f", text).map(|loaded| loaded.config));
});

fn check(result: Result<Config, Vec<Problem>>) {
    match result {
        Ok(config) => {
            for machine in Machine::ALL {
                let compiled = rules::compile(&config.rules.lines, machine);
                assert!(compiled.errors.iter().all(|problem| !problem.message.is_empty()));
            }
            let shown = show(&config);
            assert_eq!(read("f", &shown).as_ref(), Ok(&config), "{shown}");
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| problem.place.line > 0 && problem.place.column > 0));
        }
    }
}
