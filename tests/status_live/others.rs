//! Counters that need a daemon in trouble of another kind: its place lost, no room in a listener's socket, no memory.

use crate::answer::{Answer, DEFAULT_TIMEOUT_MS, Rest, status};
use crate::daemon::{BINARY, Daemon, losses, run, write_config};
use crate::forget::connect;
use crate::machine::{Machine, wait};
use crate::table::{self, Shown};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn socket(daemon: &Daemon) -> std::path::PathBuf {
    daemon.dir.path().join("socket")
}

#[test]
fn one_that_loses_its_place() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "");
    let other = tempfile::tempdir().unwrap();
    let config = write_config(other.path(), &machine, "");
    assert_eq!(run(Command::new(*BINARY).arg("-c").arg(config)).code, Some(4));
    wait("the attempt", || Answer::of(&socket(&daemon)).count("replace_attempts") == 1);
    let answer = Answer::of(&socket(&daemon));
    assert_eq!(answer.0["kernel"]["registered"], 1);
    connect(daemon.pid(), 4_000_000_000);
    machine.flood.run(1);
    wait("the kernel to forget its daemon", || machine.status().pid == 0);
    connect(daemon.pid(), 0);
    wait("the registration", || machine.status().pid == daemon.pid());
    let answer = Answer::of(&socket(&daemon));
    assert_eq!((answer.count("registrations_lost"), answer.count("replace_attempts")), (1, 1));
    table::moved(Shown::Place, &[&answer]);
    assert_eq!(daemon.stop().code, Some(0));
}

/// Messages that found no room in a process's audit sockets: the column Drops of /proc/net/netlink, and Inode.
fn drops(pid: u32) -> u64 {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|to| Some(to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let text = fs::read_to_string("/proc/net/netlink").unwrap();
    let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of = rows.filter(|row| sockets.iter().any(|inode| inode == row[9]));
    of.map(|row| row[8].parse::<u64>().unwrap()).sum()
}

#[test]
fn a_listener_that_is_too_slow() {
    let mut machine = Machine::take();
    let mut daemon = Daemon::start(&mut machine, "");
    let config = "[kernel]\nmode = 'multicast'\nreceive_buffer_kib = 256\n[rules]\n";
    let dir = tempfile::tempdir().unwrap();
    let has_begun = |_: &mut Machine, daemon: &Daemon| daemon.stderr().contains("capturing by multicast");
    let mut listener = Daemon::start_until(&mut machine, dir, config, |_| {}, has_begun);
    let rest = Rest::new(socket(&listener), DEFAULT_TIMEOUT_MS);
    rest.answer();
    listener.signal("STOP");
    assert!(machine.flood.start(2_000, 2_000).wait().unwrap().success());
    daemon.wait_for_openings(2_000);
    listener.signal("CONT");
    let answer = rest.answer();
    let dropped = answer.count("multicast_dropped_records");
    assert!(dropped > 1_000);
    assert_eq!(dropped, drops(listener.pid()), "as the kernel counts them");
    table::moved(Shown::Listener, &[&answer]);

    // The next program goes on counting, and tells nothing twice.
    let mut upgrade = Command::new(*BINARY);
    upgrade.args(["upgrade", *BINARY, "-s"]).arg(socket(&listener));
    let output = upgrade.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let after = rest.answer();
    assert_eq!(after.count("multicast_dropped_records"), dropped);
    assert_eq!(listener.stop().code, Some(0));
    let told: Vec<_> =
        losses(&listener.lines()).into_iter().filter(|loss| loss.contains("place=multicast")).collect();
    assert_eq!(told, [format!("op=loss place=multicast lost={dropped} total={dropped} unit=records")]);
    assert_eq!(daemon.stop().code, Some(0));
}

/// The least ceiling that a config may have, in KiB: as the daemon says it.
fn least(config: &Path) -> u32 {
    let ended = run(Command::new(*BINARY).arg("check").arg("-c").arg(config));
    let rest =
        ended.stderr.split_once("needs at least ").unwrap_or_else(|| panic!("{}", ended.stderr)).1.to_owned();
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_line_without_memory() {
    let mut machine = Machine::take();
    let exe = machine.flood.path().display().to_string();
    let rules = format!(
        "[rules]\nat_exit = 'remove'\nlines = ['-a always,exit -F arch=b64 -S execve -F exe={exe}']\n[ring]\nsize_kib = 64\n"
    );
    let dir = tempfile::tempdir().unwrap();
    let low = format!("[memory]\nmax_kib = 64\n{rules}");
    let least = least(&write_config(dir.path(), &machine, &low));
    let with = low.replace("max_kib = 64", &format!("max_kib = {}", least + 160));
    let mut daemon = Daemon::start(&mut machine, &with);
    let rest = Rest::new(socket(&daemon), DEFAULT_TIMEOUT_MS);
    let before = rest.answer();
    // What the event takes fits, what its line takes beside it does not.
    let mut command = Command::new(machine.flood.path());
    command.arg("--help").arg("\n".repeat(60_000)).stdout(Stdio::null());
    assert!(command.status().unwrap().success());
    let answer = rest.answer();
    let grown = |name: &str| answer.count(name) - before.count(name);
    println!("{least} KiB: {:#}", answer.0["counters"]);
    assert_eq!(grown("unformatted_events"), 1);
    assert_eq!(grown("assembled_events"), grown("formatted_events") + 1);
    assert_eq!(answer.0["sandbox"]["memory_limit_bytes"], u64::from(least + 160) * 1024);
    table::moved(Shown::Memory, &[&answer]);
    assert_eq!(daemon.stop().code, Some(0));
    assert!(
        losses(&daemon.lines()).contains(&"op=loss place=line-space lost=1 total=1 unit=events".to_owned())
    );
}

#[test]
fn without_a_daemon_the_exit_code_is_1() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let asked = |words: &[&str]| {
        let output = status(&path, words);
        (output.status.code(), String::from_utf8(output.stderr).unwrap(), output.stdout.len())
    };
    let none = format!("ringaudit: {}: no daemon is there; is it running?\n", path.display());
    for words in [&[][..], &["--json"], &["--prometheus"]] {
        assert_eq!(asked(words), (Some(1), none.clone(), 0));
    }
    // One that has died leaves its socket.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert_eq!(asked(&[]), (Some(1), none, 0));
    // Something that answers nothing.
    let listener = std::os::unix::net::UnixListener::bind(dir.path().join("mute")).unwrap();
    let mute = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let output = status(&dir.path().join("mute"), &[]);
    mute.join().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
}
