//! The screen's size, and the terminal after the end: as it was before, however it came to it.

use crate::daemon::{BINARY, Daemon};
use crate::load::{SIZE, quiet_daemon};
use crate::machine::Machine;
use crate::terminal::Terminal;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// `top` beside a daemon without events; of a screen in so many seconds.
fn top(daemon: &Daemon, seconds: &str, size: (u16, u16)) -> Terminal {
    let socket = daemon.dir.path().join("socket").display().to_string();
    Terminal::start(*BINARY, &["top", "-i", seconds, "-s", &socket], size)
}

fn idle_daemon(machine: &mut Machine) -> Daemon {
    let rule = machine.flood.rule();
    quiet_daemon(machine, &[rule])
}

/// Whether a whole screen is there, in all of these lines.
fn is_whole(lines: &[String], wanted: u16) -> bool {
    let has = |at: u16, begin: &str| lines.get(usize::from(at)).is_some_and(|line| line.starts_with(begin));
    lines.len() == usize::from(wanted)
        && has(0, "ringaudit top: ")
        && has(wanted - 2, "counting ...")
        && has(wanted - 1, "q quit ")
}

#[test]
fn another_size_is_drawn_at_once_and_within_it() {
    let mut machine = Machine::take();
    let daemon = idle_daemon(&mut machine);
    // No answer comes in this time, so that only the size can be why something is drawn.
    let mut top = top(&daemon, "60", (100, 24));
    top.wait("the first screen", |lines| is_whole(lines, 24));
    let start = Instant::now();
    for (columns, lines) in [(40, 8), (200, 50), (20, 5), (79, 24)] {
        top.resize((columns, lines));
        let screen = top.wait(&format!("{columns} columns, {lines} lines"), |shown| is_whole(shown, lines));
        assert!(!top.wraps(), "{columns} columns: {}", screen.join("\n"));
        // One column is left, and the rest of the keys is cut.
        assert_eq!(screen[usize::from(lines) - 1].len(), usize::from(columns - 1).min(78));
    }
    // Too small for anything but the first lines.
    for (columns, lines) in [(10, 2), (3, 1), (1, 1)] {
        top.resize((columns, lines));
        let first = &"ringaudit"[..usize::from(columns - 1).min(9)];
        top.wait(&format!("{columns} columns, {lines} lines"), |shown| shown[0].trim_end() == first);
        assert!(!top.wraps());
    }
    top.resize((0, 0));
    top.wait("80 columns, 24 lines", |lines| is_whole(lines, 24));
    assert!(start.elapsed() < Duration::from_secs(50), "an answer may have come meanwhile");
    top.press("q");
    assert_eq!(top.ended().0, Some(0));
}

#[test]
fn a_terminal_that_does_not_know_its_size_has_80_columns_and_24_lines() {
    let mut machine = Machine::take();
    let daemon = idle_daemon(&mut machine);
    let mut top = top(&daemon, "60", (0, 0));
    top.wait("a screen", |lines| is_whole(lines, 24));
    assert!(!top.wraps());
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let mut machine = Machine::take();
    let daemon = idle_daemon(&mut machine);
    let pressed = |key: &'static str| {
        (key, Box::new(move |top: &mut Terminal| top.press(key)) as Box<dyn Fn(&mut Terminal)>)
    };
    let signalled = |name: &'static str| {
        let send = move |top: &mut Terminal| {
            let kill = Command::new("kill").args(["-s", name, &top.pid().to_string()]).status();
            assert!(kill.unwrap().success());
        };
        (name, Box::new(send) as Box<dyn Fn(&mut Terminal)>)
    };
    let ways =
        [pressed("q"), pressed("Q"), pressed("\x03"), signalled("TERM"), signalled("INT"), signalled("HUP")];
    for (way, end) in ways {
        let mut top = top(&daemon, "0.1", SIZE);
        // The program that is executed in it sets nothing before.
        let before = settings_of_a_new_terminal();
        top.wait("a screen", |lines| lines[0].contains("by key, sorted by events; 0.1 s"));
        assert_ne!(top.settings(), before);
        assert!(!top.shows_the_cursor());
        end(&mut top);
        let (code, screen) = top.ended();
        assert_eq!(code, Some(0), "{way:?}: {}", screen.join("\n"));
        assert_eq!(top.settings(), before, "{way:?}");
        assert!(top.shows_the_cursor(), "{way:?}");
        // The prompt comes below the keys, in a line of its own.
        assert_eq!(screen.last().map(String::as_str), Some(""), "{way:?}");
        assert!(screen[screen.len() - 2].starts_with("q quit "), "{way:?}: {}", screen.join("\n"));
    }
}

/// What a pseudo-terminal has that nobody has changed.
fn settings_of_a_new_terminal() -> String {
    Terminal::start("true", &[""], SIZE).settings()
}

#[test]
fn the_end_of_the_daemon_and_of_the_terminal_ends_it() {
    let mut machine = Machine::take();
    let mut daemon = idle_daemon(&mut machine);
    let mut first = top(&daemon, "60", SIZE);
    let mut second = top(&daemon, "60", SIZE);
    let before = settings_of_a_new_terminal();
    first.wait("a screen", |lines| is_whole(lines, SIZE.1));
    second.wait("a screen", |lines| is_whole(lines, SIZE.1));
    second.hang_up();
    second.ended();
    daemon.stop();
    let (code, screen) = first.ended();
    assert_eq!(code, Some(1));
    assert_eq!(first.settings(), before);
    assert!(first.shows_the_cursor());
    let said = screen.join("\n");
    let socket = daemon.dir.path().join("socket").display().to_string();
    assert!(said.contains("\nringaudit: ") && said.contains(&socket), "{said}");
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    // No daemon is asked for it.
    let run = |stdin: Stdio| {
        let output =
            Command::new(*BINARY).args(["top", "-s", "/nonexistent/socket"]).stdin(stdin).output().unwrap();
        assert_eq!(output.stdout, b"");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let wanted = "ringaudit: \"top\" needs a terminal; for a script there is \"--once\"\n";
    assert_eq!(run(Stdio::null()), (Some(1), wanted.to_owned()));
    assert_eq!(run(Stdio::piped()), (Some(1), wanted.to_owned()));
}
