//! The keys of go-audit's config against what becomes of them.

use super::super::super::config::{
    Action, Condition, Config, Event, Format, Syscall, Target, read, read_go_audit, show,
};
use super::*;

const EXAMPLE: &str = include_str!("../../../../tests/yaml/go-audit.yaml");

/// The config of a text, and its warnings.
fn good(text: &str) -> (Config, Vec<String>) {
    let loaded = read_go_audit("f", text).map_err(|problems| said(&problems)).expect(text);
    (loaded.config, said(&loaded.warnings))
}

fn wrong(text: &str) -> Vec<String> {
    said(&read_go_audit("f", text).expect_err(text))
}

fn said(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// The example with another text in place of one of its own.
fn with(from: &str, to: &str) -> String {
    assert!(EXAMPLE.contains(from), "{from}");
    EXAMPLE.replacen(from, to, 1)
}

fn lines(config: &Config) -> Vec<&str> {
    config.rules.lines.iter().map(|line| line.value.as_str()).collect()
}

/// The smallest file that is taken.
const SMALL: &str = "output: {stdout: {enabled: true}}\nrules: [-D]\n";

#[test]
fn the_example_has_every_key_and_each_does_what_it_says() {
    let root = yaml::parse(EXAMPLE).expect("YAML");
    let Value::Table(entries) = &root.value else { panic!("a table") };
    let mut file = File::default();
    file.table(entries, "");
    let mut found: Vec<&str> = file.values.iter().map(|(path, _, _)| *path).collect();
    found.sort_unstable();
    let mut keys: Vec<&str> = KEYS.lines().map(|line| split(line).0).collect();
    keys.sort_unstable();
    assert_eq!(found, keys);

    let (config, warnings) = good(EXAMPLE);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(config.kernel.receive_buffer_kib, 16);
    assert_eq!(config.event, Event { types: (1300, 1399), ..Event::default() });
    assert_eq!(
        lines(&config),
        ["-D", "-a exit,always -F arch=b64 -S execve", "-a exit,always -F arch=b32 -S execve", "-e 1"]
    );
    let place = &config.rules.lines[1].place;
    assert_eq!((place.line, place.column), (57, 5));
    let [output] = config.outputs.as_slice() else { panic!("one output") };
    assert_eq!((output.format, &output.target), (Format::GoAudit, &Target::Stdout));
    if cfg!(feature = "json") {
        let [filter] = config.filters.as_slice() else { panic!("one filter") };
        assert_eq!(filter.action, Action::Drop);
        let [Condition::Type(types), Condition::Syscall(calls), Condition::Regex(regex)] =
            filter.conditions.as_slice()
        else {
            panic!("{:?}", filter.conditions)
        };
        assert_eq!((types.as_slice(), calls.as_slice()), (&[1306][..], &[Syscall::Number(49)][..]));
        assert_eq!(regex.value, "saddr=(10..|0A..)");
    }
    // Nothing else is changed, and as TOML it is the same.
    let rest = Config {
        kernel: super::super::Kernel { receive_buffer_kib: 4096, ..config.kernel.clone() },
        event: Event::default(),
        rules: super::super::Rules::default(),
        filters: Vec::new(),
        outputs: Config::default().outputs,
        ..config.clone()
    };
    assert_eq!(rest, Config::default());
    assert_eq!(read("f", &show(&config)).as_ref(), Ok(&config));
}

#[test]
fn defaults() {
    let (config, warnings) = good(SMALL);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(config.event.types, (1300, 1399));
    assert_eq!(config.kernel, Config::default().kernel);
    assert_eq!(config.filters, []);
    assert_eq!(lines(&config), ["-D"]);
}

#[test]
fn case_makes_no_difference() {
    let upper: String = EXAMPLE
        .lines()
        .map(|line| match line.split_once(':') {
            Some((key, rest)) if !key.contains('#') && !key.contains(",always") => {
                format!("{}:{rest}\n", key.to_uppercase())
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(upper.contains("\n    SYSCALL:") || upper.contains("- SYSCALL:"), "{upper}");
    assert_eq!(good(&upper), good(EXAMPLE));
}

#[test]
fn rules_as_they_may_be_written() {
    let base = "output: {stdout: {enabled: true}}\nrules:";
    let rules = |text: &str| good(&format!("{base}{text}")).0;
    let expected = ["-D", "-w /a -p wa", "-w /b"];
    for text in [
        "\n- -w /a -p wa\n- -w /b\n",
        "\n  - '-w /a -p wa'\n\n  # more\n  -\n  - \"-w /b\"\n  - ''\n  - ~\n",
        " [-w /a -p wa, \"-w /b\"]\n",
        " |\n  -w /a -p wa\n\n  -w /b\n",
        "\n  - -D\n  - -w /a\n    -p wa\n  - -w /b\n",
        "\n  - |\n    -w /a -p wa\n  - >-\n    -w\n    /b\n",
    ] {
        assert_eq!(lines(&rules(text)), expected, "{text}");
    }
    assert_eq!(lines(&rules(" -w /a -p wa\n")), ["-D", "-w /a -p wa"], "one rule as a scalar");
    let config = rules(" |\n  -w /a -p wa\n\n  -w /b\n");
    let places: Vec<_> = config.rules.lines.iter().map(|line| (line.place.line, line.place.column)).collect();
    assert_eq!(places, [(3, 3), (3, 3), (5, 3)]);
    for none in ["", " ~\n"] {
        let (config, warnings) = good(&format!("{base}{none}"));
        assert_eq!(lines(&config), [""; 0]);
        assert_eq!(
            warnings,
            ["f:1:1: no \"rules\": the kernel's rules stay as they are; go-audit does not start"]
        );
    }
    assert_eq!(
        wrong(&format!("{base}\n  - -w /a -k x: y\n")),
        ["f:3:5: each of \"rules\" must be a rule, such as \"-w /etc/passwd -p wa\", not a table; \
          a rule with a colon and a blank in it needs quotes"]
    );
}

#[test]
fn modes() {
    let mode = |written: &str| {
        let text = format!("output: {{file: {{enabled: true, path: /x, mode: {written}}}}}\nrules: [-D]\n");
        let (config, warnings) = good(&text);
        let Target::File(file) = &config.outputs[0].target else { panic!("a file") };
        (file.mode, warnings)
    };
    for (written, expected) in
        [("0600", 0o600), ("0o640", 0o640), ("384", 0o600), ("0x180", 0o600), ("'0644'", 0o644), ("", 0o600)]
    {
        assert_eq!(mode(written), (expected, vec![]), "{written}");
    }
    assert_eq!(
        mode("600"),
        (
            0o130,
            vec![
                "f:1:48: \"output.file.mode\" is 600, which is 1130 in octal, and makes the mode 0130 \
                 as in go-audit; did you mean 0600?"
                    .to_owned()
            ]
        )
    );
    assert_eq!(mode("01777").0, 0o777);
    for bad in ["0", "-1", "100000"] {
        let text = format!("output: {{file: {{enabled: true, path: /x, mode: {bad}}}}}\nrules: [-D]\n");
        assert_eq!(
            wrong(&text),
            [format!("f:1:48: \"output.file.mode\" must be from 0001 to 0777, with the 0, not {bad}")]
        );
    }
}

#[test]
fn a_file_output() {
    let (config, warnings) = good(
        &with("    enabled: true\n", "")
            .replace("  file:\n    enabled: false\n    attempts: 2\n", "  file:\n    enabled: true\n"),
    );
    assert_eq!(warnings, [""; 0]);
    let Target::File(file) = &config.outputs[0].target else { panic!("a file") };
    assert_eq!((file.path.to_str(), file.mode), (Some("/var/log/go-audit/go-audit.log"), 0o600));
    let name = |name: &Option<super::super::Located<String>>| name.clone().map(|name| name.value);
    assert_eq!((name(&file.owner).as_deref(), name(&file.group).as_deref()), (Some("root"), Some("root")));
    assert_eq!(
        wrong("rules: [-D]\noutput:\n  file:\n    enabled: true\n"),
        ["f:4:5: \"output.file.path\" is missing: the file to write to"]
    );
}

#[test]
fn which_outputs() {
    let two = "rules: [-D]\noutput:\n  file: {enabled: true, path: /x}\n  stdout: {enabled: True}\n";
    let (config, warnings) = good(two);
    assert_eq!(config.outputs.len(), 2);
    assert_eq!(warnings, ["f:3:10: more than one output is enabled: all are written to; go-audit takes one"]);
    assert_eq!(
        wrong(&with("    enabled: true", "    enabled: no")),
        ["f:22:5: no output is enabled; write \"enabled: true\" in one, such as \"output.stdout\""]
    );
    assert_eq!(
        wrong(&with("    enabled: true", "    enabled: yes")),
        [
            "f:22:14: \"output.stdout.enabled\" must be true or false, not \"yes\"; go-audit takes this word for false"
        ]
    );
}

#[test]
fn filters_as_they_may_be_written() {
    let filters = |text: &str| {
        let (config, warnings) = good(&format!("{SMALL}filters:{text}"));
        (config.filters.into_iter().map(|filter| filter.conditions).collect::<Vec<_>>(), warnings)
    };
    let regex =
        |text: &str| Condition::Regex(super::super::Located { value: text.to_owned(), ..Default::default() });
    let expected =
        vec![Condition::Type(vec![1300]), Condition::Syscall(vec![Syscall::Number(42)]), regex("x:y #z")];
    for text in [
        "\n- {Regex: 'x:y #z', MESSAGE_type: 1300, syscall: 42}\n",
        "\n- regex: \"x:y #z\"\n  message_type: \"1300\"\n  syscall: '42'\n",
    ] {
        assert_eq!(filters(text), (vec![expected.clone()], vec![]), "{text}");
    }
    assert_eq!(filters(" []\n").0.len(), 0);
    assert_eq!(filters("\n").0.len(), 0);
    let none = vec![Condition::Type(vec![1302]), Condition::Syscall(vec![Syscall::None]), regex("a")];
    assert_eq!(filters("\n- regex: a\n  message_type: 1302\n"), (vec![none], vec![]));
    let (named, warnings) = filters("\n- {regex: a, message_type: PATH, syscall: openat, sycall: 1}\n");
    assert_eq!(named[0][1], Condition::Syscall(vec![Syscall::Name("openat".to_owned())]));
    assert_eq!(
        warnings,
        [
            "f:4:43: \"filters.syscall\" is a name: go-audit compares numbers, and would take no event by it",
            "f:4:51: unknown key \"sycall\" in \"filters\" has no effect; did you mean \"syscall\"?",
        ]
    );
    let bad = |text: &str| wrong(&format!("{SMALL}filters:{text}"));
    assert_eq!(bad("\n- {regex: a}\n"), ["f:4:3: this filter needs a \"message_type\""]);
    assert_eq!(bad("\n- {message_type: 1}\n"), ["f:4:3: this filter needs a \"regex\""]);
    assert_eq!(bad(" {}\n").len(), 1);
    assert_eq!(bad("\n- {regex: a, message_type: 70000}\n").len(), 1);
    assert_eq!(
        bad("\n- {regex: a, regex: b, message_type: 1}\n"),
        ["f:4:14: \"regex\" is given twice; keep one"]
    );
}

#[test]
fn what_is_not_done_is_told() {
    let changed = EXAMPLE
        .replace("log_out_of_order: false", "log_out_of_order: 1")
        .replace("max_out_of_order: 500", "max_out_of_order: 600")
        .replace("  flags: 0", "  flags: 3")
        .replace("containerd: false", "containerd: true")
        .replace("attempts: 2", "attempts: 0")
        .replacen("  enabled: true", "  enabled: false", 1);
    let warnings = good(&changed).1;
    for path in [
        "message_tracking.enabled",
        "message_tracking.log_out_of_order",
        "message_tracking.max_out_of_order",
        "output.stdout.attempts",
        "output.file.attempts",
        "log.flags",
        "extras.containers.containerd",
    ] {
        let line = changed.lines().count();
        assert_eq!(
            warnings
                .iter()
                .filter(|warning| warning.contains(&format!(": \"{path}\" has no effect: ")))
                .count(),
            1,
            "{path} of {line}: {warnings:#?}"
        );
    }
    assert_eq!(warnings.len(), 7, "{warnings:#?}");
    // Each with its place.
    assert_eq!(
        warnings[0],
        "f:15:3: \"message_tracking.enabled\" has no effect: gaps are always looked for, and told by an event of their own"
    );
}

#[test]
fn unknown_keys_are_told_and_meant_ones_named() {
    let (_, warnings) =
        good(&format!("canary: true\n{SMALL}Event:\n  min: 1\nextras:\n  containers: {{dokcer: true}}\n"));
    assert_eq!(
        warnings,
        [
            "f:1:1: unknown key \"canary\" has no effect; the keys here are \"socket_buffer\", \"events\", \
             \"message_tracking\", \"output\", \"log\", \"rules\", \"filters\" and \"extras\"",
            "f:4:1: unknown key \"Event\" has no effect; did you mean \"events\"?",
            "f:7:16: unknown key \"dokcer\" in \"extras.containers\" has no effect; did you mean \"docker\"?",
        ]
    );
}

#[test]
fn wrong_values() {
    let cases = [
        ("events:\n  min: low\n", "f:4:8: \"events.min\" must be a whole number, not \"low\""),
        ("events:\n  max: 70000\n", "f:4:8: \"events.max\" must be a record type from 0 to 65535, not 70000"),
        (
            "events: {min: 1400}\n",
            "f:3:15: \"events.min\" is above \"events.max\": no record type is from 1400 to 1399",
        ),
        ("events: 1\n", "f:3:9: \"events\" must be a table, not a word"),
        ("events: {min: 1300, MIN: 1301}\n", "f:3:21: \"MIN\" is given twice; keep one"),
        (
            "socket_buffer: {receive: 16 KiB}\n",
            "f:3:26: \"socket_buffer.receive\" must be a whole number, not \"16 KiB\"",
        ),
        (
            "socket_buffer: {receive: 9999999999999}\n",
            "f:3:26: \"kernel.receive_buffer_kib\" must be from 16 to 1048576, not 9765625000",
        ),
        ("Rules: []\n", "f:3:1: \"Rules\" is given twice; keep one"),
    ];
    for (text, expected) in cases {
        assert_eq!(wrong(&format!("{SMALL}{text}")), [expected], "{text}");
    }
    assert_eq!(wrong("- a\n"), ["f:1:1: a go-audit config must be a table, not a list"]);
    assert_eq!(good(&format!("{SMALL}socket_buffer: {{receive: 0}}\n")).0.kernel.receive_buffer_kib, 4096);
    let (config, warnings) = good(&format!("{SMALL}socket_buffer: {{receive: 4096}}\n"));
    assert_eq!(config.kernel.receive_buffer_kib, 16);
    assert_eq!(warnings, ["f:3:26: \"socket_buffer.receive\" is raised from 4096 to 16384, the least"]);
}
