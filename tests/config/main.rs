//! The config as a user meets it: what each text means, where its values stand, and in the modules
//! each wrong text with its exact messages, the documents, and what holds for every text.
//! It is of a build with all features.
#![cfg(all(feature = "sandbox", feature = "status"))]

mod documents;
mod errors;
mod outputs;
#[cfg(feature = "status")]
mod properties;
mod rules;

use std::path::{Path, PathBuf};

use ringaudit::config::{
    Argv, AtExit, BUILT_IN, Config, Enrich, Event, FILTER_KEYS, Failure, FileTarget, Format, Fsync, Json,
    Kernel, KernelKey, LABEL_KEYS, Label, LabelTest, Landlock, Loaded, Located, LogTo, LongLine, LowSpace,
    MAX_BYTES, Memory, Mode, NameSource, OUTPUT_KEYS, OnError, Output, Overflow, Place, Queue, Raw, Ring,
    Rules, SECTIONS, Sandbox, Seccomp, Setting, Source, TOP_KEYS, TakeOver, Target, Translate, WhenFull,
    embedded, read, read_file,
};

const EXAMPLE: &str = include_str!("../../contrib/ringaudit.toml");
const DEFAULT: &str = include_str!("../../src/setup/config/default.toml");

/// The problems of a text as a user sees them, in a file called `f`.
fn problems(text: &str) -> Vec<String> {
    match read("f", text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[allow(clippy::panic)] // a test helper outside of a test function
fn good(text: &str) -> Config {
    read("f", text).unwrap_or_else(|problems| panic!("{text}\n{problems:?}"))
}

/// The names of all tables, each with its keys.
fn tables() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut tables: Vec<_> = SECTIONS.iter().map(|section| (section.name, section.keys.to_vec())).collect();
    tables.push(("", TOP_KEYS.to_vec()));
    tables.push(("label", LABEL_KEYS.to_vec()));
    tables.push(("filter", FILTER_KEYS.to_vec()));
    tables.push(("output", OUTPUT_KEYS.iter().map(|(key, _)| *key).collect()));
    tables
}

/// A table of one key, made complete where the table is an output.
fn one_key(table: &str, key: &str, value: &str) -> String {
    match (table, key) {
        ("", _) => format!("{key} = {value}\n"),
        ("output", "type") => format!("[[output]]\n{key} = {value}\n"),
        ("output", "path") => format!("[[output]]\n{key} = {value}\ntype = \"file\"\n"),
        (
            "output",
            "protocol" | "facility" | "severity" | "tag" | "hostname" | "framing" | "sd_id" | "cee",
        ) => {
            format!("[[output]]\n{key} = {value}\ntype = \"syslog\"\nnetwork = \"tcp\"\naddress = \"h:1\"\n")
        }
        ("output", "network" | "address") => format!("[[output]]\n{key} = {value}\ntype = \"syslog\"\n"),
        ("sandbox", "group") => format!("[sandbox]\n{key} = {value}\nuser = '0'\n"),
        ("output", "payload" | "compression" | "chunk_bytes") => {
            format!("[[output]]\n{key} = {value}\ntype = \"gelf\"\naddress = \"h:1\"\n")
        }
        ("output", "command") => format!("[[output]]\n{key} = {value}\ntype = \"pipe\"\n"),
        ("output", _) => format!("[[output]]\n{key} = {value}\ntype = \"file\"\npath = \"/x\"\n"),
        ("filter", "name" | "action" | "outputs") => format!("[[filter]]\n{key} = {value}\nkey = 'k'\n"),
        ("filter", _) => format!("[[filter]]\n{key} = {value}\n"),
        ("label", "name") => format!("[[label]]\n{key} = {value}\nkey = 'k'\n"),
        ("label", "key" | "exe" | "argv" | "script") => format!("[[label]]\n{key} = {value}\nname = 'n'\n"),
        ("label", _) => format!("[[label]]\n{key} = {value}\nname = 'n'\nkey = 'k'\n"),
        _ => format!("[{table}]\n{key} = {value}\n"),
    }
}

#[test]
fn an_empty_text_is_the_default() {
    let config = good("");
    assert_eq!(config, Config::default());
    assert_eq!(config.kernel.enabled, Setting::Set(true));
    assert_eq!(config.kernel.backlog_limit, Setting::Set(8192));
    assert_eq!(config.kernel.backlog_wait_time, Setting::Set(0));
    assert_eq!(config.kernel.failure, Setting::Leave);
    assert_eq!(config.kernel.restore, KernelKey::ALL);
    assert_eq!(config.ring, Ring { size_kib: 512, overflow: Overflow::Drop });
    assert_eq!(config.event, Event { timeout_ms: 2000, max_kib: 1024, types: (0, 65535) });
    assert!(config.rules.lines.is_empty());
    assert_eq!(config.rules.at_exit, AtExit::Leave);
    let enrich = Enrich {
        process: true,
        script: true,
        container: true,
        unit: true,
        env: vec!["LD_PRELOAD".to_owned(), "LD_LIBRARY_PATH".to_owned()],
        inode_path: true,
        processes: 2048,
    };
    assert_eq!(config.enrich, enrich);
    assert!(config.labels.is_empty());
    assert!(matches!(config.outputs.as_slice(), [Output { target: Target::Stdout, .. }]));
    let file = FileTarget { path: PathBuf::from("/x"), ..FileTarget::default() };
    assert_eq!(good("[[output]]\ntype = 'file'\npath = '/x'\n").outputs[0].target, Target::File(file));
}

#[test]
fn the_embedded_config_reads() {
    let config = read(BUILT_IN, DEFAULT).expect("the embedded config is in order");
    assert_eq!(config, embedded());
    let lines: Vec<&str> = config.rules.lines.iter().map(|line| line.value.as_str()).collect();
    assert_eq!(
        lines,
        [
            "-a always,exit -F arch=b64 -S execve,execveat -k exec",
            "-a always,exit -F arch=b32 -S execve,execveat -k exec"
        ]
    );
    assert_eq!(config.rules.at_exit, AtExit::Remove);
    assert_eq!(config.outputs.len(), 1);
    assert_eq!(config.outputs[0].target, Target::Stdout);
    assert_eq!(config.rules.lines[0].place.to_string(), "(built-in):6:6");
}

fn every_kernel_value() -> Kernel {
    Kernel {
        mode: Mode::Unicast,
        enabled: Setting::Leave,
        backlog_limit: Setting::Set(0),
        backlog_wait_time: Setting::Leave,
        failure: Setting::Set(Failure::Printk),
        restore: vec![KernelKey::Enabled],
        receive_buffer_kib: 16,
        verify_s: 86400,
        take_over: TakeOver::Wait,
    }
}

fn every_rules_value() -> Rules {
    let at = |value: &str| Located { place: Place::default(), value: value.to_owned() };
    Rules {
        files: vec![at("/etc/audit/rules.d")],
        lines: vec![at("-w /etc/passwd"), at("-D")],
        on_error: OnError::SkipFile,
        at_exit: AtExit::Remove,
        restore_watches: true,
    }
}

/// Values other than the defaults.
const EVERY_VALUE: &str = r#"
        log = "kmsg"
        pid_file = "/run/x.pid"
        [kernel]
        mode = "unicast"
        enabled = "leave"
        backlog_limit = 0
        backlog_wait_time = "leave"
        failure = "printk"
        restore = ["enabled"]
        receive_buffer_kib = 16
        verify_s = 86400
        take_over = "wait"
        [ring]
        size_kib = 64
        overflow = "wait"
        [event]
        timeout_ms = 100
        max_kib = 16
        types = [1_300, 0x577]
        [rules]
        files = ["/etc/audit/rules.d"]
        lines = ["-w /etc/passwd", '-D']
        on_error = "skip-file"
        at_exit = "remove"
        restore_watches = true
        [json]
        argv = "both"
        argv_max_bytes = 5
        boot_id = true
        monotonic = true
        [raw]
        node = true
        enriched = true
        [translate]
        values = false
        names = "nscd"
        drop_raw = true
        [[output]]
        type = "stdout"
        format = "raw"
        "#;

#[test]
fn every_value_arrives() {
    let config = good(EVERY_VALUE);
    let expected = Config {
        log: LogTo::Kmsg,
        pid_file: Some(PathBuf::from("/run/x.pid")),
        kernel: every_kernel_value(),
        ring: Ring { size_kib: 64, overflow: Overflow::Wait },
        event: Event { timeout_ms: 100, max_kib: 16, types: (1300, 1399) },
        rules: every_rules_value(),
        json: Json { argv: Argv::Both, argv_max_bytes: 5, boot_id: true, monotonic: true },
        raw: Raw { node: true, enriched: true },
        translate: Translate { values: false, names: NameSource::Nscd, drop_raw: true },
        outputs: vec![Output { format: Format::Raw, ..Output::default() }],
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn the_same_values_written_in_other_ways() {
    assert_eq!(good("kernel.verify_s = 40"), good("kernel = { verify_s = 40 }"));
    assert_eq!(good("output = [{ type = 'stdout' }]"), Config::default());
    let mode = |mode: &str| one_key("output", "mode", mode);
    assert_eq!(good(&mode("0o640")), good(&mode("\"0640\"")));
}

#[test]
fn every_value_of_an_output_arrives() {
    let config = good(
        r#"
        [[output]]
        type = "file"
        path = "a/ä \"b\""
        name = "A.1_b-c"
        format = "go-audit"
        queue_kib = 64
        overflow = "drop-oldest"
        max_line = 256
        long_line = "split"
        flush_s = 0
        mode = "640"
        owner = "root"
        group = "4"
        rotate_kib = 1023
        rotate_s = 3600
        keep = 9
        keep_mib = 1
        compress = true
        fsync = 250
        min_free_mib = 10
        low_space = "delete"
        [[output]]
        type = "stdout"
        [[output]]
        type = "file"
        path = "x"
        overflow = "wait"
        long_line = "drop"
        fsync = "each"
        low_space = "stop"
        [[output]]
        type = "file"
        path = "y"
        "#,
    );
    let at = |value: &str| Some(Located { place: Place::default(), value: value.to_owned() });
    let file = FileTarget {
        path: PathBuf::from("a/ä \"b\""),
        mode: 0o640,
        owner: at("root"),
        group: at("4"),
        rotate_kib: 1023,
        rotate_s: 3600,
        keep: 9,
        keep_mib: 1,
        compress: true,
        fsync: Fsync::Every(250),
        min_free_mib: 10,
        low_space: LowSpace::Delete,
    };
    let queue = Queue {
        kib: 64,
        overflow: WhenFull::DropOldest,
        max_line: 256,
        long_line: LongLine::Split,
        flush_s: 0,
    };
    let expected = Output {
        name: "A.1_b-c".to_owned(),
        format: Format::GoAudit,
        queue,
        target: Target::File(file),
        ..Output::default()
    };
    assert_eq!(config.outputs[0], expected);
    assert_eq!(config.outputs[1], Output::default());
    let Target::File(second) = &config.outputs[2].target else { panic!("a file") };
    assert_eq!((second.fsync, second.low_space), (Fsync::Each, LowSpace::Stop));
    let queue = &config.outputs[2].queue;
    assert_eq!((queue.overflow, queue.long_line), (WhenFull::Wait, LongLine::Drop));
    let names: Vec<&str> = config.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["A.1_b-c", "stdout", "file", "file-2"]);
}

#[test]
fn every_value_of_the_context_arrives() {
    let config = good(
        r#"
        [enrich]
        process = false
        script = false
        container = false
        unit = false
        env = ["HOME"]
        inode_path = false
        processes = 64
        [[label]]
        name = "a"
        key = "k"
        propagate = true
        [[label]]
        name = "b"
        exe = "^/x"
        action = "remove"
        [[label]]
        name = "c"
        argv = "y"
        action = "set"
        [[label]]
        name = "d"
        script = "z$"
        propagate = false
        "#,
    );
    let at = |value: &str| Located { place: Place::default(), value: value.to_owned() };
    let label = |name: &str, test, remove, propagate| Label {
        place: Place::default(),
        name: name.to_owned(),
        test,
        remove,
        propagate,
    };
    let expected = Config {
        enrich: Enrich {
            process: false,
            script: false,
            container: false,
            unit: false,
            env: vec!["HOME".to_owned()],
            inode_path: false,
            processes: 64,
        },
        labels: vec![
            label("a", LabelTest::Key("k".to_owned()), false, true),
            label("b", LabelTest::Exe(at("^/x")), true, false),
            label("c", LabelTest::Argv(at("y")), false, false),
            label("d", LabelTest::Script(at("z$")), false, false),
        ],
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn every_value_of_the_sandbox_arrives() {
    let config = good(
        r#"
        [sandbox]
        enabled = false
        required = true
        capabilities = false
        no_new_privs = false
        user = "nobody"
        group = "4"
        seccomp = "log"
        landlock = "all"
        limits = false
        core_dumps = true
        lock_memory = true
        [memory]
        max_kib = 4096
        "#,
    );
    let at = |value: &str| Some(Located { place: Place::default(), value: value.to_owned() });
    let sandbox = Sandbox {
        enabled: false,
        required: true,
        capabilities: false,
        no_new_privs: false,
        user: at("nobody"),
        group: at("4"),
        seccomp: Seccomp::Log,
        landlock: Landlock::All,
        limits: false,
        core_dumps: true,
        lock_memory: true,
    };
    let max_kib = Located { place: Place::default(), value: 4096 };
    assert_eq!(config, Config { sandbox, memory: Memory { max_kib }, ..Config::default() });
    assert_eq!(config.memory.max_kib.place.to_string(), "f:15:19");
    assert_eq!(good("[sandbox]\nseccomp = 'off'\nlandlock = 'off'").sandbox.landlock, Landlock::Off);
}

#[test]
fn places_point_inside_the_quotes() {
    let text = "[rules]\r\nlines = [\r\n  \"ä\", '-w ä x', \"\"\"\r\n-D\"\"\",\r\n  '''-D''', \"\", \"\"\"\"\"\", '''\n-a'''\n]\n";
    let config = good(text);
    let places: Vec<String> = config.rules.lines.iter().map(|line| line.place.to_string()).collect();
    assert_eq!(places, ["f:3:4", "f:3:9", "f:4:1", "f:5:6", "f:5:14", "f:5:20", "f:6:1"]);
    let values: Vec<&str> = config.rules.lines.iter().map(|line| line.value.as_str()).collect();
    assert_eq!(values, ["ä", "-w ä x", "-D", "-D", "", "", "-a"]);
    // The x, six characters and seven bytes in.
    assert_eq!(config.rules.lines[1].at(6).to_string(), "f:3:14");
    let two_lines = Located { place: Place { file: "f".into(), line: 2, column: 9 }, value: "ab\ncd".into() };
    assert_eq!(two_lines.at(4).to_string(), "f:3:2");
    assert_eq!(two_lines.at(99).to_string(), "f:3:3");
}

#[test]
fn places_in_a_long_line() {
    let blanks = "ä".repeat(700);
    for cut in [0, 1, 254, 255, 256, 257, 600] {
        let blanks: String = blanks.chars().take(cut).collect();
        let text = format!("rules = {{ lines = ['{blanks}', 'x'] }}\n");
        let place = &good(&text).rules.lines[1].place;
        assert_eq!((place.line, place.column), (1, u32::try_from(20 + cut + 4 + 1).unwrap()), "{cut}");
    }
}

#[test]
fn files() {
    let dir = tempfile::tempdir().unwrap();
    let one = |path: &Path| match read_file(path) {
        Ok(_) => String::new(),
        Err(problems) => {
            assert_eq!(problems.len(), 1);
            problems[0].to_string().replace(&dir.path().display().to_string(), "D")
        }
    };
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    assert_eq!(one(&dir.path().join("none")), "D/none: no such file; without -c the built-in config is used");
    assert_eq!(one(dir.path()), "D: is a directory; name the config file in it");
    assert_eq!(
        one(&file("bad", b"# \xc3\xa4\n[ring]\n# \xc3\xa4\xff\n")),
        "D/bad:3:4: byte 0xff is not UTF-8; save the file as UTF-8 text"
    );
    let limit = usize::try_from(MAX_BYTES).unwrap();
    assert_eq!(one(&file("large", &vec![b'\n'; limit])), "");
    assert_eq!(
        one(&file("larger", &vec![b'\n'; limit + 1])),
        "D/larger: larger than 1 MiB, the most that a config may have; is this the right file?"
    );
    assert_eq!(
        one(&file("unknown", b"x = 1")),
        "D/unknown:1:1: unknown key \"x\" outside of any table; the tables are [kernel], [ring], [event], [rules], [json], [raw], [translate], [enrich], [sandbox], [memory], [status], [[label]], [[filter]] and [[output]]"
    );
    assert_eq!(one(&file("good", EXAMPLE.as_bytes())), "");
    let named = Source::find(Some(&dir.path().join("good")));
    assert_eq!(named.to_string(), dir.path().join("good").display().to_string());
    assert_eq!(named.read(), read_file(&dir.path().join("good")));
    assert_eq!(Source::BuiltIn.to_string(), "(built-in)");
    assert_eq!(Source::BuiltIn.read(), Ok(Loaded::from(embedded())));
}

/// A listener leaves the kernel's settings alone but for what is written.
#[test]
fn multicast_changes_what_is_not_given() {
    let kernel = good("[kernel]\nmode = 'multicast'\nbacklog_limit = 9\n").kernel;
    let (left, set) = ((kernel.enabled, kernel.backlog_wait_time, kernel.failure), kernel.backlog_limit);
    assert_eq!((left, set), ((Setting::Leave, Setting::Leave, Setting::Leave), Setting::Set(9)));
    assert_eq!(kernel.mode, Mode::Multicast);
}
