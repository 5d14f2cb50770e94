//! The terminal of standard input, key by key. Source: termios(3), ioctl_tty(2).

use super::{cerr, retry};
use std::io;
use std::mem::MaybeUninit;

/// Standard input and output.
const INPUT: libc::c_int = 0;
const OUTPUT: libc::c_int = 1;

/// Standard input without lines, echo and signals from keys; as it was again when this is dropped.
pub struct Keys {
    before: libc::termios,
}

impl Keys {
    /// Errors: `ENOTTY` where it is no terminal, and those of tcsetattr(3).
    pub fn take() -> io::Result<Self> {
        let mut before = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the pointer is to a live structure, which the call fills.
        cerr(unsafe { libc::tcgetattr(INPUT, before.as_mut_ptr()) })?;
        // SAFETY: the call succeeded, so the structure is filled.
        let before = unsafe { before.assume_init() };
        let mut keys = before;
        keys.c_lflag &= !(libc::ICANON | libc::ECHO | libc::ISIG | libc::IEXTEN);
        keys.c_cc[libc::VMIN] = 0;
        keys.c_cc[libc::VTIME] = 0;
        set(&keys)?;
        Ok(Self { before })
    }

    /// The bytes of keys that were pressed, without waiting; none also when the terminal has gone.
    ///
    /// Errors: those of read(2).
    pub fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let (to, len) = (into.as_mut_ptr().cast(), into.len());
        // SAFETY: reads at most the slice's length into the live slice.
        retry(|| cerr(unsafe { libc::read(INPUT, to, len) })).map(isize::unsigned_abs)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = set(&self.before);
    }
}

fn set(to: &libc::termios) -> io::Result<()> {
    // SAFETY: the pointer is to a live structure. TCSANOW does not wait for a terminal that takes nothing.
    cerr(unsafe { libc::tcsetattr(INPUT, libc::TCSANOW, to) }).map(drop)
}

/// Columns and lines of standard output's terminal; `None` where it is none, or does not know (a serial line).
pub fn size() -> Option<(usize, usize)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills the live structure that the pointer is to.
    cerr(unsafe { libc::ioctl(OUTPUT, libc::TIOCGWINSZ, &raw mut size) }).ok()?;
    let (columns, lines) = (usize::from(size.ws_col), usize::from(size.ws_row));
    (columns > 0 && lines > 0).then_some((columns, lines))
}
