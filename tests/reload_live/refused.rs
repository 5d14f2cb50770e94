//! What is wrong changes nothing, and says why.

use crate::bench::{Bench, file};
use crate::daemon::{Daemon, losses};
use crate::machine::Machine;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Twenty ways in which a config is wrong: what stands before the rules, behind the outputs, and what is said.
const WRONG: [(&str, &str, &str); 20] = [
    ("nonsense", "", "not valid TOML"),
    ("[kernel]\nbacklog_limit = -1", "", "backlog_limit"),
    ("[kernel]\nbacklog_limt = 1", "", "backlog_limit"),
    ("[kernle]\nenabled = true", "", "kernel"),
    ("[kernel]\nverify_s = 1", "", "verify_s"),
    ("[ring]\nsize_kib = 63", "", "size_kib"),
    ("[ring]\noverflow = \"block\"", "", "overflow"),
    ("[event]\ntypes = [5, 1]", "", "types"),
    ("[event]\nmax_kib = \"many\"", "", "max_kib"),
    ("[json]\nargv = \"lst\"", "", "list"),
    ("[translate]\nnames = \"ldap\"", "", "names"),
    ("[enrich]\nprocesses = 1", "", "processes"),
    ("[[filter]]\nuid = [\"nobody-of-this-name\"]", "", "unknown user"),
    ("[[filter]]\nregex = '('", "", "regex"),
    ("[[label]]\nname = \"x\"", "", "label"),
    ("", "[[output]]\ntype = \"file\"\n", "path"),
    (
        "",
        "[[output]]\ntype = \"file\"\npath = '/nonexistent/ringaudit/log'\n",
        "does not exist; make it first",
    ),
    ("", "[[output]]\ntype = \"pipe\"\ncommand = ['/nonexistent/program']\n", "failed to start"),
    ("", "[[output]]\ntype = \"fil\"\n", "file"),
    ("", "[[output]]\ntype = \"syslog\"\nnetwork = \"udp\"\n", "address"),
];

#[test]
fn wrong_configs_are_refused_whole() {
    let mut bench = Bench::start("");
    let (right, rules) = (fs::read_to_string(bench.config()).unwrap(), bench.machine.own_rules());
    let settings = bench.machine.status();
    for (number, (first, more, said)) in WRONG.iter().enumerate() {
        bench.write(first, &(file(bench.dir(), &format!("never-{number}"), "") + more));
        let output = bench.ask(&["reload"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{number}: {stderr}");
        assert!(stderr.contains("config.toml:") && stderr.contains(said), "{number}: {stderr}");
    }
    // Rules in the config that are wrong are an error of it, as at a start.
    fs::write(bench.config(), right.replace("-S openat", "-S opneat")).unwrap();
    let output = bench.ask(&["reload"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("openat"));
    // The old one is in force: its rule, its settings, its file, and no other.
    assert_eq!(bench.machine.own_rules(), rules);
    let now = bench.machine.status();
    assert_eq!((now.pid, now.backlog_limit), (settings.pid, settings.backlog_limit));
    bench.machine.flood.run(20);
    bench.daemon.wait_for_openings(20);
    let status = String::from_utf8(bench.ask(&["status", "--json"]).stdout).unwrap();
    assert!(status.contains("\"main\""), "{status}");
    fs::write(bench.config(), right).unwrap();
    bench.reload();
    assert_eq!(bench.daemon.stop().code, Some(0));
    assert_eq!(losses(&bench.lines(&["log"])), Vec::<String>::new());
}

#[test]
fn keys_that_need_a_restart_are_told_and_the_rest_is_done() {
    let mut bench = Bench::start("");
    let text = fs::read_to_string(bench.config()).unwrap();
    let other = bench.dir().join("elsewhere");
    let text = text.replace(&bench.dir().join("socket").display().to_string(), &other.display().to_string());
    let text = text.replace("[rules]", "[sandbox]\ncore_dumps = true\n[rules]");
    fs::write(bench.config(), text.replace("131072", "65432")).unwrap();
    let said = bench.reload();
    assert!(said.ends_with("needs a restart: \"sandbox\" and \"status.socket\"\n"), "{said}");
    assert!(!other.exists());
    assert_eq!(bench.machine.status().backlog_limit, 65432);
    assert_eq!(bench.daemon.stop().code, Some(0));
}

#[test]
fn programs_that_can_not_go_on_are_refused() {
    let mut bench = Bench::start("");
    let script = |name: &str, text: &str, mode: u32| {
        let path = bench.dir().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let cases = [
        ("/nonexistent/ringaudit".to_owned(), "No such file"),
        (script("not-executable", "#!/bin/sh\n", 0o644), "Permission denied"),
        (script("no-program", "nonsense", 0o755), "format error"),
        (
            script("exits", "#!/bin/sh\necho what is wrong >&2; exit 2\n", 0o755),
            "ended with 2\nringaudit: what is wrong",
        ),
        (script("kills", "#!/bin/sh\nkill -9 $$\n", 0o755), "ended by signal 9"),
        ("/bin/true".to_owned(), "no ringaudit that can go on"),
        ("/bin/echo".to_owned(), "no ringaudit that can go on"),
    ];
    let pid = bench.daemon.pid();
    for (program, said) in cases {
        let output = bench.ask(&["upgrade", &program]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{program}: {stderr}");
        assert!(stderr.contains(&program) && stderr.contains(said), "{program}: {stderr}");
    }
    // A config that the next program would not take.
    let right = fs::read_to_string(bench.config()).unwrap();
    fs::write(bench.config(), "nonsense").unwrap();
    let output = bench.ask(&["upgrade"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not valid TOML"));
    fs::write(bench.config(), right).unwrap();
    bench.machine.flood.run(20);
    bench.daemon.wait_for_openings(20);
    assert_eq!((bench.machine.status().pid, bench.daemon.stop().code), (pid, Some(0)));
}

#[test]
fn a_state_that_can_not_be_used_is_refused_and_the_daemon_starts_anew() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("garbage"), "ringaudit state, or not").unwrap();
    let garbage = dir.path().join("garbage").display().to_string();
    let mut daemon = Daemon::start_in(&mut machine, dir, "", |command| {
        let words: Vec<_> = std::iter::once(command.get_program().to_owned())
            .chain(command.get_args().map(ToOwned::to_owned))
            .collect();
        // As a daemon before would leave it, but for what is in it.
        let script = format!("exec 7<'{garbage}'; RINGAUDIT_STATE=$$:7:8 exec \"$@\"");
        let stderr = fs::File::create(std::path::Path::new(&garbage).with_file_name("stderr")).unwrap();
        *command = Command::new("sh");
        command.arg0("sh").args(["-c", &script, "sh"]).args(words).stderr(stderr);
    });
    machine.flood.run(20);
    daemon.wait_for_openings(20);
    let ended = daemon.stop();
    assert_eq!(ended.code, Some(0));
    let said = "ringaudit: error: the state of the program before can't be used: Invalid argument (os error 22); \
                what it had in flight is lost\n";
    assert_eq!(ended.stderr, said);
}
