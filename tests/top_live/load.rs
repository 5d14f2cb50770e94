//! Three loads that are told apart by key, program, system call, user and rule, in other orders each; and `top` beside
//! them.

use crate::daemon::{BINARY, Daemon};
use crate::flood::Flood;
use crate::machine::Machine;
use crate::terminal::Terminal;
use std::path::Path;
use std::process::{Child, Stdio};

/// Events a second of each load: openings of one program, and openings and directories of another one. 5,000 in all.
pub(crate) const OPENED: u32 = 2200;
pub(crate) const READ: u32 = 1600;
pub(crate) const MADE: u32 = 1200;
/// Who makes those of the second load.
pub(crate) const USER: u32 = 61_234;
/// Longer than any test.
const SECONDS: u32 = 300;
/// Columns and lines: wide enough for a path and for a rule with one.
pub(crate) const SIZE: (u16, u16) = (200, 12);

/// A daemon, and the loads while this lives.
pub(crate) struct Load {
    floods: Vec<Child>,
    pub(crate) daemon: Daemon,
    pub(crate) alpha: Flood,
    pub(crate) beta: Flood,
    pub(crate) rules: [String; 3],
    /// Given back as the last.
    _machine: Machine,
}

impl Load {
    pub(crate) fn start() -> Self {
        let mut machine = Machine::take();
        // Their paths begin with that of the machine's own, so that it deletes rules that a failed test leaves.
        let flood = |name: &str| Flood::at(format!("{}-{name}", machine.flood.path().display()).into());
        let (alpha, beta) = (flood("alpha"), flood("beta"));
        let rule = |call: &str, flood: &Flood, key: &str| {
            let exe = flood.path().display();
            format!("-a always,exit -F arch=b64 -S {call} -F exe={exe} -F success=0 -F key={key}")
        };
        let rules =
            [rule("openat", &alpha, "opened"), rule("openat", &beta, "read"), rule("mkdir", &beta, "made")];
        let daemon = quiet_daemon(&mut machine, &rules);
        // Its records are longer than those of the others together.
        let directory = "/nonexistent".to_owned() + &format!("/{}", "d".repeat(200)).repeat(18);
        let floods = vec![
            alpha.start(OPENED * SECONDS, OPENED),
            beta.order(&format!("{} {READ} {USER}", READ * SECONDS)),
            beta.order(&format!("{} {MADE} 0 {directory}", MADE * SECONDS)),
        ];
        Self { floods, daemon, alpha, beta, rules, _machine: machine }
    }

    pub(crate) fn socket(&self) -> String {
        self.daemon.dir.path().join("socket").display().to_string()
    }

    /// `ringaudit top`, with a screen twice a second.
    pub(crate) fn top(&self) -> Terminal {
        Terminal::start(*BINARY, &["top", "-i", "0.5", "-s", &self.socket()], SIZE)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for flood in &mut self.floods {
            let _ = flood.kill();
            let _ = flood.wait();
        }
    }
}

/// A daemon with these rules, whose events go nowhere.
pub(crate) fn quiet_daemon(machine: &mut Machine, rules: &[String]) -> Daemon {
    Daemon::start_in(machine, tempfile::tempdir().unwrap(), "", |command| {
        let config = command.get_args().last().unwrap().to_owned();
        let socket = Path::new(&config).with_file_name("socket");
        let rules: Vec<String> = rules.iter().map(|rule| format!("    '{rule}',\n")).collect();
        let text = format!(
            "[status]\nsocket = '{}'\n[ring]\nsize_kib = 8192\n[kernel]\nbacklog_limit = 65536\n\
             [rules]\nat_exit = \"remove\"\nlines = [\n{}]\n[[output]]\ntype = \"stdout\"\n",
            socket.display(),
            rules.concat()
        );
        std::fs::write(&config, text).unwrap();
        command.stdout(Stdio::null());
    })
}

/// A row of the screen.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) is_chosen: bool,
    /// A second.
    pub(crate) events: f64,
    pub(crate) percent: u32,
    pub(crate) name: String,
}

/// The rows of a screen: between its two heads and the rule with the keys.
pub(crate) fn rows(lines: &[String]) -> Vec<Row> {
    let end = lines.len().saturating_sub(2);
    let shown = lines.get(2..end).unwrap_or_default().iter().filter(|line| !line.is_empty());
    shown.map(|line| row(line)).collect()
}

/// `>    2200.0    2100 K   44  NAME`
fn row(line: &str) -> Row {
    let words: Vec<&str> = line[1..].split_whitespace().collect();
    // Bytes a second have a unit, but for the fewest.
    let unit = usize::from(["K", "M"].contains(&words[2]));
    Row {
        is_chosen: line.starts_with('>'),
        events: words[0].trim_start_matches('~').parse().unwrap(),
        percent: words[2 + unit].parse().unwrap(),
        name: words[3 + unit..].join(" "),
    }
}

/// Whether the first rows are these, with about these events a second, and nothing else has a tenth as many.
pub(crate) fn leads(rows: &[Row], wanted: &[(&str, u32)]) -> bool {
    let (first, rest) = rows.split_at(wanted.len().min(rows.len()));
    first.len() == wanted.len()
        && first.iter().zip(wanted).all(|(row, (name, made))| row.name == *name && is_near(row.events, *made))
        && rest.iter().all(|row| row.events < f64::from(MADE) / 10.0)
}

/// Within a fifth: nearer than any two of the rates that are told apart.
pub(crate) fn is_near(rate: f64, made: u32) -> bool {
    (rate / f64::from(made) - 1.0).abs() < 0.2
}
