//! What holds for every config and for every text.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use proptest::prelude::*;
use ringaudit::config::{
    Action, Argv, AtExit, Condition, Config, Enrich, Event, Failure, FileTarget, Filter, Format, Json,
    Kernel, KernelKey, Label, LabelTest, Landlock, Located, LogTo, Memory, Mode, NameSource, Network,
    OnError, Output, Overflow, Place, Raw, Ring, Rules, Sandbox, Seccomp, Setting, Status, Syscall, TakeOver,
    Target, Translate, read, show,
};

use crate::documents::whole_example;

fn setting<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Setting<T>> {
    prop_oneof![Just(Setting::Leave), value.prop_map(Setting::Set)]
}

fn located(text: impl Strategy<Value = String>) -> impl Strategy<Value = Located<String>> {
    text.prop_map(|value| Located { place: Place::default(), value })
}

/// Any text that the system takes as a name: not empty, without NUL.
fn name() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| format!("x{text}").replace('\0', "\u{1}"))
}

fn kernel() -> impl Strategy<Value = Kernel> {
    let failure = prop_oneof![Just(Failure::Silent), Just(Failure::Printk), Just(Failure::Panic)];
    let restore = proptest::sample::subsequence(KernelKey::ALL.to_vec(), 0..=4).prop_shuffle();
    (
        setting(any::<bool>()),
        setting(any::<u32>()),
        setting(0..=600_000_u32),
        setting(failure),
        restore,
        16..=1_048_576_u32,
        30..=86_400_u32,
        proptest::sample::select(vec![
            (Mode::Multicast, TakeOver::No),
            (Mode::Unicast, TakeOver::No),
            (Mode::Unicast, TakeOver::Wait),
            (Mode::Unicast, TakeOver::Replace),
        ]),
    )
        .prop_map(
            |(
                enabled,
                backlog_limit,
                backlog_wait_time,
                failure,
                restore,
                buffer,
                verify_s,
                (mode, take_over),
            )| {
                Kernel {
                    mode,
                    take_over,
                    enabled,
                    backlog_limit,
                    backlog_wait_time,
                    failure,
                    restore,
                    receive_buffer_kib: buffer,
                    verify_s,
                }
            },
        )
}

fn outputs() -> impl Strategy<Value = Vec<Output>> {
    let file =
        (name(), 0..=0o777_u32, proptest::option::of(located(name())), proptest::option::of(located(name())))
            .prop_map(|(path, mode, owner, group)| {
                Target::File(FileTarget {
                    path: PathBuf::from(path),
                    mode,
                    owner,
                    group,
                    ..FileTarget::default()
                })
            });
    let target = prop_oneof![Just(Target::Stdout), file];
    let format = proptest::sample::select(&Format::ALL[..]);
    proptest::collection::vec((target, format), 1..5).prop_map(|targets| {
        // No two outputs may write to the same place.
        let mut places = BTreeSet::new();
        let place = |target: &Target| match target {
            Target::Stdout => None,
            Target::File(file) => Some(file.path.clone()),
            other => Some(PathBuf::from(format!("{other:?}"))),
        };
        let targets = targets.into_iter().filter(|(target, _)| places.insert(place(target)));
        let numbered = targets.zip(1..);
        let output = |((target, format), number): ((Target, Format), u32)| Output {
            name: format!("n{number}"),
            format,
            target,
            ..Output::default()
        };
        numbered.map(output).collect()
    })
}

fn sandbox() -> impl Strategy<Value = Sandbox> {
    let seccomp = proptest::sample::select(vec![Seccomp::On, Seccomp::Log, Seccomp::Off]);
    let landlock = proptest::sample::select(vec![Landlock::Threads, Landlock::All, Landlock::Off]);
    let who = proptest::option::of((located(name()), proptest::option::of(located(name()))));
    (any::<[bool; 7]>(), seccomp, landlock, who).prop_map(|(switches, seccomp, landlock, who)| {
        let [enabled, required, capabilities, no_new_privs, limits, core_dumps, lock_memory] = switches;
        let (user, group) = who.map_or((None, None), |(user, group)| (Some(user), group));
        Sandbox {
            enabled,
            required,
            capabilities,
            no_new_privs,
            user,
            group,
            seccomp,
            landlock,
            limits,
            core_dumps,
            lock_memory,
        }
    })
}

fn enrich() -> impl Strategy<Value = Enrich> {
    let variable = name().prop_map(|name| name.replace('=', "_"));
    (any::<[bool; 5]>(), proptest::collection::vec(variable, 0..5), 64..=32_768_u32).prop_map(
        |([process, script, container, unit, inode_path], env, processes)| Enrich {
            process,
            script,
            container,
            unit,
            env,
            inode_path,
            processes,
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    let path = || {
        proptest::option::of(name()).prop_map(|name| name.map_or_else(String::new, |name| format!("/{name}")))
    };
    let textfile = path().prop_map(|path| if path.is_empty() { path } else { path + ".prom" });
    (path(), 0..=0o777_u32, proptest::option::of(located(name())), textfile, 0..=86_400_u32).prop_map(
        |(socket, mode, group, textfile, interval_s)| Status { socket, mode, group, textfile, interval_s },
    )
}

fn label() -> impl Strategy<Value = Label> {
    let test = prop_oneof![
        name().prop_map(LabelTest::Key),
        located(name()).prop_map(LabelTest::Exe),
        located(name()).prop_map(LabelTest::Argv),
        located(name()).prop_map(LabelTest::Script),
    ];
    ("[a-z \\PC]{1,16}", test, any::<[bool; 2]>()).prop_map(|(name, test, [remove, propagate])| Label {
        place: Place::default(),
        name,
        test,
        remove,
        propagate: propagate && !remove,
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let texts = || proptest::collection::vec(name(), 1..3);
    let users = || proptest::collection::vec(located(prop_oneof![name(), Just("7".to_owned())]), 1..3);
    let syscall = proptest::sample::select(vec![
        Syscall::None,
        Syscall::Number(59),
        Syscall::Name("openat".to_owned()),
    ]);
    let address =
        prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
    let network = address.prop_map(|address| {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Network { address, prefix }
    });
    let types = prop_oneof![
        Just(Condition::All),
        proptest::collection::vec(any::<u16>(), 1..3).prop_map(Condition::Type)
    ];
    let range = any::<(u16, u16)>().prop_map(|(a, b)| (a.min(b), a.max(b)));
    // In the order in which they are written.
    let conditions = (
        types,
        proptest::option::of(proptest::collection::vec(syscall, 1..3).prop_map(Condition::Syscall)),
        proptest::option::of(texts().prop_map(Condition::Key)),
        proptest::option::of(users().prop_map(Condition::Uid)),
        proptest::option::of(texts().prop_map(Condition::Exe)),
        proptest::option::of(any::<bool>().prop_map(Condition::Success)),
        proptest::option::of(proptest::collection::vec(network, 1..3).prop_map(Condition::Address)),
        proptest::option::of(proptest::collection::vec(range, 1..3).prop_map(Condition::Port)),
        proptest::option::of(located(name()).prop_map(Condition::Regex)),
        proptest::option::of(any::<bool>().prop_map(Condition::First)),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i, j)| {
            [Some(a), b, c, d, e, f, g, h, i, j].into_iter().flatten().collect::<Vec<_>>()
        });
    let action = proptest::sample::select(vec![Action::Drop, Action::Keep, Action::Count]);
    (proptest::option::of("[a-z \\PC]{1,16}"), action, conditions)
        .prop_map(|(name, action, conditions)| Filter { place: Place::default(), name, action, conditions })
}

fn config() -> impl Strategy<Value = Config> {
    let ring = (2..=256_u32, prop_oneof![Just(Overflow::Drop), Just(Overflow::Wait)])
        .prop_map(|(blocks, overflow)| Ring { size_kib: blocks * 32, overflow });
    let event = (100..=60_000_u32, 16..=8192_u32, any::<(u16, u16)>())
        .prop_map(|(timeout_ms, max_kib, (a, b))| Event { timeout_ms, max_kib, types: (a.min(b), a.max(b)) });
    let texts = || proptest::collection::vec(located(any::<String>()), 0..4);
    let on_error = proptest::sample::select(OnError::ALL.to_vec());
    let rules = (texts(), texts(), on_error, any::<[bool; 2]>()).prop_map(
        |(files, lines, on_error, [remove, restore_watches])| Rules {
            files,
            lines,
            on_error,
            at_exit: if remove { AtExit::Remove } else { AtExit::Leave },
            restore_watches,
        },
    );
    let argv = prop_oneof![Just(Argv::List), Just(Argv::Text), Just(Argv::Both)];
    let json = (argv, any::<u32>(), any::<bool>(), any::<bool>()).prop_map(
        |(argv, argv_max_bytes, boot_id, monotonic)| Json { argv, argv_max_bytes, boot_id, monotonic },
    );
    let log = prop_oneof![Just(LogTo::Stderr), Just(LogTo::Syslog), Just(LogTo::Kmsg)];
    let pid_file = proptest::option::of(name().prop_map(|name| PathBuf::from(format!("/{name}"))));
    let raw = any::<(bool, bool)>().prop_map(|(node, enriched)| Raw { node, enriched });
    let names = prop_oneof![Just(NameSource::Files), Just(NameSource::Nscd), Just(NameSource::Off)];
    let translate = (any::<bool>(), names, any::<bool>()).prop_map(|(values, names, drop_raw)| Translate {
        values,
        names,
        drop_raw,
    });
    let labels = proptest::collection::vec(label(), 0..4);
    let filters = proptest::collection::vec(filter(), 0..4);
    let lists = (labels, filters, status(), log, pid_file);
    let memory =
        (0..=1_048_576_u32).prop_map(|value| Memory { max_kib: Located { place: Place::default(), value } });
    let less = (sandbox(), memory);
    (kernel(), ring, event, rules, json, raw, translate, (enrich(), less), lists, outputs()).prop_map(
        |(
            kernel,
            ring,
            event,
            rules,
            json,
            raw,
            translate,
            (enrich, less),
            (labels, filters, status, log, pid_file),
            outputs,
        )| Config {
            log,
            pid_file,
            kernel,
            ring,
            event,
            rules,
            json,
            raw,
            translate,
            enrich,
            sandbox: less.0,
            memory: less.1,
            status,
            labels,
            filters,
            outputs,
        },
    )
}

/// What holds for every text, right or wrong.
fn check_text(text: &str) -> Result<(), TestCaseError> {
    match read("f", text) {
        Ok(config) => {
            prop_assert!(!config.outputs.is_empty());
            prop_assert_eq!(read("f", &show(&config)), Ok(config));
        }
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.is_sorted_by_key(|problem| problem.place.clone()));
            let lines: Vec<&str> = text.split('\n').collect();
            for problem in problems {
                let line = lines.get(problem.place.line as usize - 1);
                let width = line.map_or(0, |line| line.chars().count());
                prop_assert!(
                    (1..=width + 1).contains(&(problem.place.column as usize)),
                    "{problem} is outside of the text"
                );
                prop_assert!(!problem.message.contains(char::is_control), "{problem}");
            }
        }
    }
    Ok(())
}

/// A change of the example: at a character, that many removed and this put in.
fn mutated(changes: &[(prop::sample::Index, usize, String)]) -> String {
    let mut text: Vec<char> = whole_example().chars().collect();
    for (at, remove, insert) in changes {
        let at = at.index(text.len() + 1);
        let end = (at + remove).min(text.len());
        text.splice(at..end, insert.chars());
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_reads_back_equal(config in config()) {
        let text = show(&config);
        prop_assert_eq!(read("f", &text), Ok(config), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_reported(text in any::<String>()) {
        check_text(&text)?;
    }

    #[test]
    fn any_toml_like_text_is_read_or_reported(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "[", "]", "[[output]]", "[kernel]", "\n", "=", "\"", "'", "\"\"\"", "'''", "{", "}", ",", ".",
                " ", "#", "type", "file", "path", "mode", "0600", "1e9", "-1", "kernel", "output", "lines",
                "rules", "types", "\\", "\r\n", "\r", "ä", "\u{feff}", "0x", "2026-01-01", "true", "nan",
                "99999999999999999999", "\\u0000", "\t", "\u{7f}",
            ]),
            0..60,
        ),
    ) {
        check_text(&words.concat())?;
    }

    #[test]
    fn any_change_of_the_example_is_read_or_reported(
        changes in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0..20_usize, "[\\[\\]\"'={}.,#a-z0-9_ \n]{0,6}"),
            1..6,
        ),
    ) {
        check_text(&mutated(&changes))?;
    }
}
