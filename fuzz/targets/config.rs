//! A config's text: it is read or refused, with a place for each problem; what is read is shown, and shown it
//! reads back the same. Its rules are compiled.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringaudit::config::{read, show};
use ringaudit::rules;
use ringaudit::wire::tables::Machine;

fuzz_target!(|text: &str| {
    match read("f", text) {
        Ok(config) => {
            for machine in Machine::ALL {
                let compiled = rules::compile(&config.rules.lines, machine);
                assert!(compiled.errors.iter().all(|problem| !problem.message.is_empty()));
            }
            let shown = show(&config);
            assert_eq!(read("f", &shown).as_ref(), Ok(&config), "{shown}");
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
});
