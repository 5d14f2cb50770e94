//! `ringaudit top`: asks again and again, draws, and hears keys meanwhile.

use super::screen::{Answer, Screen};
use crate::ask::{Error, begin, question, verdict};
use crate::cli::{Ask, Sort, View};
use crate::sys::poll::{Wait, poll};
use crate::sys::signal::{Signal, Signals};
use crate::sys::terminal::{self, Keys};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A terminal that does not know its size.
const SIZE: (usize, usize) = (80, 24);
/// Ctrl-C, as a key.
const INTERRUPT: u8 = 3;

/// Looks until `q` is pressed; or once, and gives the text of that.
///
/// Errors: no terminal, no daemon, or its refusal.
pub(crate) fn run(ask: &Ask, socket: &Path) -> Result<String, Error> {
    let mut screen = Screen::new(ask.by, ask.sort);
    if ask.once {
        let time = Duration::from_millis(ask.interval_ms.into());
        let text = question(socket, &line(ask, &screen), time)?;
        return Ok(screen.plain(&Answer::read(&text)));
    }
    let stdin = io::stdin();
    if !io::stdout().is_terminal() || !stdin.is_terminal() {
        return Err(Error::Refused("\"top\" needs a terminal; for a script there is \"--once\"".to_owned()));
    }
    let signals = Signals::block().map_err(Error::Terminal)?;
    let keys = Keys::take().map_err(Error::Terminal)?;
    let cursor = Cursor::hide();
    let mut answer = Answer::default();
    let mut asked: Option<(UnixStream, Vec<u8>)> = None;
    loop {
        let (stream, heard) = match &mut asked {
            Some(asked) => asked,
            None => asked.insert((begin(socket, &line(ask, &screen))?, Vec::new())),
        };
        show(&screen.draw(&answer, terminal::size().unwrap_or(SIZE)));
        let mut waits =
            [Wait::readable(stdin.as_fd()), Wait::readable(signals.as_fd()), Wait::readable(stream.as_fd())];
        poll(&mut waits, None).map_err(Error::Terminal)?;
        // Whichever it is, the terminal is given back first.
        if signals.next().is_some_and(|(signal, _)| signal != Signal::Resize) {
            break;
        }
        let mut pressed = [0; 64];
        if waits.first().is_some_and(Wait::ready) {
            let len = keys.read(&mut pressed).unwrap_or_default();
            if len == 0 || !press(pressed.get(..len).unwrap_or_default(), &mut screen, &answer) {
                break;
            }
        }
        match stream.read_to_end(heard) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => {
                let text = result.map_err(|error| Error::Unanswered(socket.to_owned(), error));
                answer = Answer::read(&verdict(socket, text.map(|_| std::mem::take(heard))?)?);
                asked = None;
            }
        }
    }
    drop(cursor);
    Ok(String::new())
}

/// The request.
fn line(ask: &Ask, screen: &Screen) -> String {
    let rules = if screen.by == View::Rule { " rules" } else { "" };
    format!("top {}{rules}", ask.interval_ms)
}

/// What keys do; false for the one that ends it.
fn press(pressed: &[u8], screen: &mut Screen, answer: &Answer) -> bool {
    let mut rest = pressed;
    while let [key, behind @ ..] = rest {
        rest = behind;
        let view = View::ALL.iter().position(|view| *view == screen.by).unwrap_or_default();
        match (key, behind) {
            (b'q' | b'Q' | &INTERRUPT, _) => return false,
            (0x1b, [b'[' | b'O', arrow, behind @ ..]) => {
                rest = behind;
                match arrow {
                    b'A' => screen.choose(answer, -1),
                    b'B' => screen.choose(answer, 1),
                    _ => {}
                }
            }
            (b'j', _) => screen.choose(answer, 1),
            (b'k', _) => screen.choose(answer, -1),
            (b'n', _) => screen.sort = Sort::Events,
            (b'b', _) => screen.sort = Sort::Bytes,
            (b'\t', _) => {
                let next = View::ALL.get(view + 1).copied();
                screen.show(next.unwrap_or_default());
            }
            (b'1'..=b'5', _) => {
                let chosen = View::ALL.get(usize::from(key - b'1')).copied();
                screen.show(chosen.unwrap_or_default());
            }
            _ => {}
        }
    }
    true
}

/// The cursor is shown again when this is dropped, below the screen.
struct Cursor;

impl Cursor {
    fn hide() -> Self {
        show("\x1b[?25l\x1b[2J");
        Self
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        show("\r\n\x1b[?25h");
    }
}

fn show(text: &str) {
    let mut stdout = io::stdout();
    // A terminal that has gone is seen where keys are read.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
