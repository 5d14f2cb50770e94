//! Who leads, by each view and in each order.

use crate::daemon::BINARY;
use crate::load::{Load, MADE, OPENED, READ, USER, is_near, leads, rows};
use crate::machine::wait;
use std::process::{Command, Stdio};

/// The rate in the screen's first line.
fn total(title: &str) -> f64 {
    let rate = title.strip_prefix("ringaudit top: ").and_then(|rest| rest.split_once(" events/s, "));
    rate.and_then(|(rate, _)| rate.parse().ok()).unwrap_or_default()
}

#[test]
fn the_leaders_of_each_view_are_those_that_were_made() {
    let load = Load::start();
    let (alpha, beta) = (load.alpha.path().display().to_string(), load.beta.path().display().to_string());
    let user = USER.to_string();
    let all = OPENED + READ + MADE;
    let views: [(&str, Vec<(&str, u32)>); 5] = [
        ("key", vec![("opened", OPENED), ("read", READ), ("made", MADE)]),
        ("exe", vec![(&beta, READ + MADE), (&alpha, OPENED)]),
        ("syscall", vec![("b64 openat", OPENED + READ), ("b64 mkdir", MADE)]),
        ("uid", vec![("0 (root)", OPENED + MADE), (&user, READ)]),
        ("rule", vec![(&load.rules[0], OPENED), (&load.rules[1], READ), (&load.rules[2], MADE)]),
    ];
    let mut top = load.top();
    let mut seen = |keys: &str, view: &str, wanted: &[(&str, u32)]| {
        top.press(keys);
        let head = format!("; by {view}, sorted by events; ");
        let screen = top.wait(&format!("{view}: {wanted:?}"), |lines| {
            lines[0].contains(&head) && leads(&rows(lines), wanted)
        });
        assert!(is_near(total(&screen[0]), all), "{}", screen[0]);
        assert!(screen[1].ends_with(&view.to_uppercase()), "{}", screen[1]);
        let percent: u32 = rows(&screen).iter().map(|row| row.percent).sum();
        assert!((95..=100).contains(&percent), "{percent} % of the events are somebody's");
    };
    // By number, backwards, and then on with Tab, from the last view to the first.
    for (at, (view, wanted)) in views.iter().enumerate().rev() {
        seen(&(at + 1).to_string(), view, wanted);
    }
    seen("5", "rule", &views[4].1);
    for (view, wanted) in &views {
        seen("\t", view, wanted);
    }
    drop(views);
    top.press("1b");
    top.wait("the keys by bytes", |lines| {
        let rows = rows(lines);
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).take(3).collect();
        // The percentage is that of the bytes now; the events are still told.
        lines[0].contains("; by key, sorted by bytes; ")
            && names == ["made", "opened", "read"]
            && rows[0].percent > 50
            && is_near(rows[0].events, MADE)
    });
    top.press("n");
    top.wait("the keys by events", |lines| {
        leads(&rows(lines), &[("opened", OPENED), ("read", READ), ("made", MADE)])
    });
    top.press("q");
    assert_eq!(top.ended().0, Some(0));
    once(&load);
}

/// `--once` into a pipe: plain text, for a script. Each has the form; a machine that is busy need not make in one second
/// what it makes in others, so that it is asked until the rates are those.
fn once(load: &Load) {
    let paths = [&load.beta, &load.alpha].map(|flood| flood.path().display().to_string());
    wait("a sample of about what is made", || {
        let mut command = Command::new(*BINARY);
        command.args(["top", "--once", "-i", "1", "-b", "exe", "-S", "bytes", "-s", &load.socket()]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
        let text = String::from_utf8(output.stdout).unwrap();
        println!("{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        let lines: Vec<&str> = text.lines().collect();
        let time =
            lines[0].split_once("; by exe, sorted by bytes; ").and_then(|(_, time)| time.strip_suffix(" s"));
        let seconds: f64 = time.and_then(|time| time.parse().ok()).expect("the time that was looked for");
        assert!(seconds >= 1.0, "{text}");
        for path in &paths {
            let end = format!("  {path}  # -A never,exit -F exe={path}");
            assert!(lines.iter().all(|line| !line.contains(path) || line.ends_with(&end)), "{text}");
        }
        // As on a screen: no rules, and two lines below.
        let without_rule = |line: &&str| line.split("  #").next().unwrap().to_owned();
        let screen: Vec<String> =
            lines.iter().map(without_rule).chain([String::new(), String::new()]).collect();
        let rows = rows(&screen);
        seconds <= 2.0
            && is_near(total(lines[0]), OPENED + READ + MADE)
            && rows.iter().map(|row| &row.name).take(2).eq(&paths)
            && is_near(rows[0].events, READ + MADE)
    });
}
