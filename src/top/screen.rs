//! An answer to `top` as a screen or as plain text.

use crate::cli::{Sort, View};
use std::cmp::Reverse;
use std::fmt::Write;

/// Lines of a screen that are no rows: what is counted, the heads, the rule, the keys.
const AROUND: usize = 4;

/// A line of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line {
    name: String,
    events: u64,
    bytes: u64,
    unsure: u64,
    rule: String,
}

/// What the daemon counted in some time.
#[derive(Debug, Default)]
pub(super) struct Answer {
    millis: u64,
    events: u64,
    bytes: u64,
    views: Vec<(View, u64, Vec<Line>)>,
}

impl Answer {
    /// Reads the daemon's answer; what is not understood, as from a later version, is passed over.
    pub(super) fn read(text: &str) -> Self {
        let mut answer = Self::default();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let number =
                |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
            match fields.as_slice() {
                ["total", ..] => {
                    (answer.millis, answer.events, answer.bytes) = (number(1), number(2), number(3));
                }
                ["view", name, ..] => {
                    let view = View::ALL.into_iter().find(|view| view.name() == *name);
                    answer.views.extend(view.map(|view| (view, number(2), Vec::new())));
                }
                [_, _, _, name, rule] => {
                    let (name, rule) = ((*name).to_owned(), (*rule).to_owned());
                    let line = Line { name, rule, events: number(0), bytes: number(1), unsure: number(2) };
                    let last = answer.views.last_mut();
                    last.into_iter().for_each(|(_, _, lines)| lines.push(line.clone()));
                }
                _ => {}
            }
        }
        answer
    }
}

/// What is looked at, and how.
pub(super) struct Screen {
    pub(super) by: View,
    pub(super) sort: Sort,
    /// The name of the chosen line, and where it was last.
    chosen: (String, usize),
    /// The text of /etc/passwd, for users' names.
    passwd: String,
}

impl Screen {
    pub(super) fn new(by: View, sort: Sort) -> Self {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self { by, sort, chosen: (String::new(), 0), passwd }
    }

    /// The lines of the view, in its order; and whether its table was too small for all names.
    fn lines(&self, answer: &Answer) -> (Vec<Line>, bool) {
        let view = answer.views.iter().find(|(view, ..)| *view == self.by);
        let (mut lines, is_full) =
            view.map_or((Vec::new(), false), |(_, displaced, lines)| (lines.clone(), *displaced > 0));
        lines.sort_unstable_by_key(|line| {
            let order =
                if self.sort == Sort::Events { (line.events, line.bytes) } else { (line.bytes, line.events) };
            (Reverse(order), line.name.clone())
        });
        (lines, is_full)
    }

    /// Chooses the line that stands so many lines below.
    pub(super) fn choose(&mut self, answer: &Answer, down: isize) {
        let (lines, _) = self.lines(answer);
        let at = self.chosen(&lines).saturating_add_signed(down).min(lines.len().saturating_sub(1));
        self.chosen = (lines.get(at).map_or_else(String::new, |line| line.name.clone()), at);
    }

    /// Another view, with its first line chosen.
    pub(super) fn show(&mut self, by: View) {
        self.by = by;
        self.chosen = (String::new(), 0);
    }

    fn chosen(&self, lines: &[Line]) -> usize {
        let (name, at) = &self.chosen;
        // Until one is chosen it is the first, whichever that is.
        let found = lines.iter().position(|line| line.name == *name).filter(|_| !name.is_empty());
        found.unwrap_or(*at).min(lines.len().saturating_sub(1))
    }

    /// The screen, of so many columns and lines at most, for a terminal that knows little: home, each line with what
    /// is behind it cleared, and all below.
    pub(super) fn draw(&self, answer: &Answer, (columns, height): (usize, usize)) -> String {
        let (lines, is_full) = self.lines(answer);
        let chosen = self.chosen(&lines);
        let room = height.saturating_sub(AROUND).max(1);
        // The chosen line is always on the screen.
        let first = (chosen + 1).saturating_sub(room);
        let mut shown = vec![self.title(answer), self.heads(is_full)];
        for (at, line) in lines.iter().enumerate().skip(first).take(room) {
            let mark = if at == chosen { '>' } else { ' ' };
            shown.push(format!("{mark}{}", self.row(answer, line)));
        }
        shown.resize(shown.len().max(room + 2), String::new());
        shown.push(match lines.get(chosen).map(|line| line.rule.as_str()) {
            None if answer.millis == 0 => "counting ...".to_owned(),
            None => String::new(),
            Some("") => "no rule excludes these".to_owned(),
            Some(rule) => format!("exclude: {rule}"),
        });
        shown.push(
            "q quit  j/k choose  Tab or 1-5 key, exe, syscall, uid, rule  n events  b bytes".to_owned(),
        );
        let mut text = String::from("\x1b[H");
        for (at, line) in shown.iter().take(height).enumerate() {
            text.push_str(if at > 0 { "\r\n" } else { "" });
            // One column is left, since a full line wraps on some terminals.
            text.extend(line.chars().take(columns.saturating_sub(1)));
            text.push_str("\x1b[K");
        }
        text + "\x1b[J"
    }

    /// The same as text: all rows, each with its rule.
    pub(super) fn plain(&self, answer: &Answer) -> String {
        let (lines, is_full) = self.lines(answer);
        let mut text = format!("{}\n{}\n", self.title(answer), self.heads(is_full));
        for line in &lines {
            let rule = if line.rule.is_empty() { String::new() } else { format!("  # {}", line.rule) };
            let _ = writeln!(text, " {}{rule}", self.row(answer, line));
        }
        text
    }

    fn title(&self, answer: &Answer) -> String {
        let (events, bytes) = (tenths(answer.events, answer.millis), size(answer.bytes, answer.millis));
        let (by, sort, time) = (self.by.name(), self.sort.name(), tenths(answer.millis, 1_000_000));
        format!("ringaudit top: {events} events/s, {bytes}B/s; by {by}, sorted by {sort}; {time} s")
    }

    fn heads(&self, is_full: bool) -> String {
        let note = if is_full { "  (~: others may be among them)" } else { "" };
        format!(" {:>10} {:>9} {:>4}  {}{note}", "EVENTS/S", "BYTES/S", "%", self.by.name().to_uppercase())
    }

    fn row(&self, answer: &Answer, line: &Line) -> String {
        let (of, all) = match self.sort {
            Sort::Events => (line.events, answer.events),
            Sort::Bytes => (line.bytes, answer.bytes),
        };
        let percent = of.saturating_mul(100).checked_div(all).unwrap_or_default();
        let unsure = if line.unsure > 0 { "~" } else { "" };
        let events = unsure.to_owned() + &tenths(line.events, answer.millis);
        let name = match line.name.as_str() {
            "" => "(none)".to_owned(),
            name if self.by == View::Uid => self.user(name),
            name => name.to_owned(),
        };
        format!("{events:>10} {:>9} {percent:>4}  {name}", size(line.bytes, answer.millis))
    }

    /// `1000 (alice)`
    fn user(&self, id: &str) -> String {
        let name = self.passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1) == Some(id)).then_some(name)
        });
        name.map_or_else(|| id.to_owned(), |name| format!("{id} ({name})"))
    }
}

/// So many in a second, with a tenth.
fn tenths(count: u64, millis: u64) -> String {
    let tenths = count.saturating_mul(10_000).checked_div(millis).unwrap_or_default();
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// So many in a second: `812 `, `4.1 K`, `3.2 M`.
fn size(bytes: u64, millis: u64) -> String {
    let rate = bytes.saturating_mul(1000).checked_div(millis).unwrap_or_default();
    match rate {
        0..10_000 => format!("{rate} "),
        10_000..10_000_000 => format!("{} K", rate / 1000),
        _ => format!("{} M", rate / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "total\t2000\t1000\t900000\nview\tkey\t0\n10\t800000\t0\tsmall\t-D -k small\n\
                          990\t100000\t5\tlarge\t-D -k large\nview\tuid\t1\n1000\t900000\t0\t0\t-A never,exit -F uid=0\n\
                          view\tlater\t0\n";

    /// The text of a screen, line by line.
    fn shown(screen: &Screen, answer: &Answer, columns: usize, lines: usize) -> Vec<String> {
        let text = screen.draw(answer, (columns, lines));
        let text = text.strip_prefix("\x1b[H").unwrap().strip_suffix("\x1b[J").unwrap();
        text.split("\r\n").map(|line| line.strip_suffix("\x1b[K").unwrap().to_owned()).collect()
    }

    #[test]
    fn a_screen() {
        let answer = Answer::read(ANSWER);
        let mut screen = Screen::new(View::Key, Sort::Events);
        let first = shown(&screen, &answer, 80, 8);
        assert_eq!(
            first,
            [
                "ringaudit top: 500.0 events/s, 450 KB/s; by key, sorted by events; 2.0 s",
                "   EVENTS/S   BYTES/S    %  KEY",
                ">    ~495.0      50 K   99  large",
                "        5.0     400 K    1  small",
                "",
                "",
                "exclude: -D -k large",
                "q quit  j/k choose  Tab or 1-5 key, exe, syscall, uid, rule  n events  b bytes",
            ]
        );
        screen.choose(&answer, 1);
        screen.choose(&answer, 1);
        assert_eq!(shown(&screen, &answer, 80, 8)[3], ">       5.0     400 K    1  small");
        // The chosen line stays the chosen one, wherever it stands.
        screen.sort = Sort::Bytes;
        let sorted = shown(&screen, &answer, 80, 5);
        assert_eq!(sorted[2..4], [">       5.0     400 K   88  small", "exclude: -D -k small"]);
        screen.choose(&answer, -5);
        screen.choose(&answer, 1);
        assert_eq!(shown(&screen, &answer, 20, 5)[2], ">    ~495.0      50");
        screen.show(View::Uid);
        let users = shown(&screen, &answer, 80, 9);
        assert_eq!(
            users[1..3],
            [
                "   EVENTS/S   BYTES/S    %  UID  (~: others may be among them)",
                ">     500.0     450 K  100  0 (root)"
            ]
        );
        assert_eq!(users[7], "exclude: -A never,exit -F uid=0");
        screen.show(View::Rule);
        screen.choose(&answer, 1);
        assert_eq!(shown(&screen, &answer, 80, 5)[3], "");
        assert_eq!(shown(&screen, &Answer::default(), 80, 5)[3], "counting ...");
    }

    #[test]
    fn plain_text() {
        let screen = Screen::new(View::Key, Sort::Bytes);
        assert_eq!(
            screen.plain(&Answer::read(ANSWER)).lines().collect::<Vec<_>>(),
            [
                "ringaudit top: 500.0 events/s, 450 KB/s; by key, sorted by bytes; 2.0 s",
                "   EVENTS/S   BYTES/S    %  KEY",
                "        5.0     400 K   88  small  # -D -k small",
                "     ~495.0      50 K   11  large  # -D -k large",
            ]
        );
    }
}
