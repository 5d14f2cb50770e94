//! Standard input, output and error in every state that a supervisor may leave them in.

use crate::daemon::{BINARY, Daemon, Ended, ROOM, losses, openings, parse, quiet, run, write_config};
use crate::machine::{Machine, wait};
use std::io::Read;
use std::process::{Command, Stdio};

const STDOUT: &str = "[[output]]\ntype = \"stdout\"\nformat = \"go-audit\"";

/// The command through a shell that closes descriptors first.
fn through_shell(command: &mut Command, redirections: &str) {
    let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let script = format!("exec \"$0\" \"$@\" {redirections}");
    *command = Command::new("sh");
    command.args(["-c", &script, *BINARY]).args(words);
}

#[test]
fn closed_standard_output() {
    let mut machine = Machine::take();
    let dir = tempfile::tempdir().unwrap();
    let rules = format!("[rules]\nlines = ['{}']\n{STDOUT}", machine.flood.rule());
    let config = write_config(dir.path(), &machine, &rules);
    let mut command = Command::new(*BINARY);
    command.arg("-c").arg(&config);
    through_shell(&mut command, ">&-");
    let stderr = format!(
        "ringaudit: {}:3:1: standard output is closed; open it, or name an output of type \"file\"\n",
        config.display()
    );
    assert_eq!(run(&mut command), Ended { code: Some(1), stderr });
    assert!(machine.own_rules().is_empty());
}

#[test]
fn closed_standard_input_and_error_change_nothing() {
    let mut machine = Machine::take();
    for redirections in ["<&-", "<&- >&-", "<&- >&- 2>&-", "2>&-"] {
        let dir = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::start_in(&mut machine, dir, "", |command| {
            let path = command.get_args().nth(1).unwrap().to_owned();
            let stderr = std::path::Path::new(&path).with_file_name("stderr");
            through_shell(command, redirections);
            command.stdin(Stdio::null()).stderr(std::fs::File::create(stderr).unwrap());
        });
        machine.flood.run(10);
        daemon.wait_for_openings(10);
        // A rename and two signals: own messages have nowhere to go but must not land in the file.
        std::fs::remove_file(&daemon.log).unwrap();
        std::fs::create_dir(&daemon.log).unwrap();
        daemon.signal("HUP");
        let fds = format!("/proc/{}/fd", daemon.pid());
        wait("an answer to the signal", || std::fs::read_dir(&fds).is_ok());
        std::fs::remove_dir(&daemon.log).unwrap();
        daemon.signal("HUP");
        wait("the new file", || daemon.log.is_file());
        machine.flood.run(10);
        daemon.wait_for_openings(10);
        let ended = daemon.stop();
        assert_eq!(ended.code, Some(0), "{redirections}: {}", ended.stderr);
        assert_eq!(openings(&daemon.lines()).len(), 10, "{redirections}");
    }
}

#[test]
fn a_reader_that_goes_is_told_once_and_the_other_output_goes_on() {
    let mut machine = Machine::take();
    let config = with_both(&machine);
    let mut daemon = Daemon::start_in(&mut machine, tempfile::tempdir().unwrap(), &config, |command| {
        command.stdout(Stdio::piped());
    });
    machine.flood.run(5);
    daemon.wait_for_openings(5);
    drop(daemon.child().stdout.take());
    for round in 2..=4 {
        machine.flood.run(5);
        daemon.wait_for_openings(round * 5);
    }
    let Ended { code, stderr } = daemon.stop();
    assert_eq!(code, Some(0), "{stderr}");
    let told =
        "ringaudit: error: output stdout: its reader has gone; events for it are dropped and counted\n";
    assert_eq!(stderr, told);
    let lines = daemon.lines();
    assert_eq!(openings(&lines).len(), 20);
    assert!(losses(&lines).iter().any(|loss| loss.starts_with("op=loss place=output lost=")), "{lines:?}");
}

/// The flood's rule in a table of its own, since outputs must come behind it; and what a flood flat out needs.
fn with_both(machine: &Machine) -> String {
    format!("{ROOM}[rules]\nat_exit = \"remove\"\nlines = ['{}']\n{STDOUT}", machine.flood.rule())
}

#[test]
fn a_full_pipe_holds_nobody_back_and_what_comes_out_is_whole() {
    let mut machine = Machine::take();
    let config = with_both(&machine);
    let mut daemon = Daemon::start_in(&mut machine, tempfile::tempdir().unwrap(), &config, |command| {
        command.stdout(Stdio::piped());
    });
    let before = machine.status().lost;
    // More than the pipe and the queue hold: 64 KiB and 1 MiB.
    machine.flood.run(5000);
    daemon.wait_for_openings(5000);
    assert_eq!(machine.status().lost, before);
    let mut pipe = daemon.child().stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).unwrap();
        text
    });
    // Room again: the next events come through.
    std::thread::sleep(std::time::Duration::from_millis(500));
    machine.flood.run(7);
    daemon.wait_for_openings(5007);
    assert_eq!(daemon.stop(), quiet());
    let piped = parse(&reader.join().unwrap());
    let (file, piped_openings) = (daemon.lines(), openings(&piped).len());
    assert_eq!(openings(&file).len(), 5007);
    assert!((100..5000).contains(&piped_openings), "{piped_openings}");
    let last = |lines: &[serde_json::Value]| openings(lines).last().unwrap()["sequence"].clone();
    assert_eq!(last(&piped), last(&file), "the last event came through the pipe too");
    // What the pipe did not get is what the file says was dropped.
    let dropped: usize = losses(&file)
        .iter()
        .filter_map(|loss| loss.strip_prefix("op=loss place=output lost="))
        .map(|rest| rest.split(' ').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(file.len() - piped.len(), dropped, "{:?}", losses(&file));
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut machine = Machine::take();
    let config = with_both(&machine);
    let mut daemon = Daemon::start_in(&mut machine, tempfile::tempdir().unwrap(), &config, |command| {
        command.stdout(Stdio::piped());
    });
    // The pipe is full and nobody reads it: a stop would wait for it.
    machine.flood.run(2000);
    daemon.wait_for_openings(2000);
    daemon.signal("TERM");
    wait("the stop to begin", || machine.status().pid == 0);
    daemon.signal("TERM");
    let stderr = "ringaudit: stopped at once by a second signal; events may be lost\n".to_owned();
    assert_eq!(daemon.ended(), Ended { code: Some(1), stderr });
}
