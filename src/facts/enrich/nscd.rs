//! Names from nscd(8), which asks what nsswitch.conf names: directory servers too, that a static binary cannot
//! ask. One question is one connection; the answers are kept for a minute. It is asked for a bounded time only,
//! and left alone for a while when it does not answer. Source: glibc, nscd/nscd-client.h and nscd/grpcache.c.

use crate::sys::local;
use crate::sys::poll::{Wait, poll};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where nscd listens.
pub const SOCKET: &str = "/var/run/nscd/socket";
/// How long one question may take, all of it.
pub(super) const LIMIT: Duration = Duration::from_millis(20);
/// How long nscd is left alone after it did not answer.
const PAUSE: Duration = Duration::from_secs(30);
/// How long an answer is kept, also that there is no such id.
const KEPT: Duration = Duration::from_secs(60);
/// Answers that are kept; the oldest gives way.
const ANSWERS: usize = 256;
/// The longest name that is kept, in bytes. useradd(8) takes 32.
const NAME: usize = 64;

/// `version` in the header of each message.
const VERSION: i32 = 2;

/// What is asked for, with its number (`request_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// GETPWBYUID
    Users = 1,
    /// GETGRBYGID
    Groups = 3,
}

struct Answer {
    id: u32,
    at: Instant,
    /// None: there is no such id.
    name: Option<heapless::Vec<u8, NAME>>,
}

/// What nscd said of one table.
pub struct Nscd {
    path: PathBuf,
    table: Table,
    answers: Vec<Answer>,
    /// When it may be asked again.
    resume: Option<Instant>,
}

impl Nscd {
    /// Asks at this socket; all space is taken here.
    pub fn new(path: impl Into<PathBuf>, table: Table) -> Self {
        Self { path: path.into(), table, answers: Vec::with_capacity(ANSWERS), resume: None }
    }

    /// The name that is known of an id.
    pub fn name_of(&self, id: u32) -> Option<&[u8]> {
        self.answers.iter().find(|answer| answer.id == id)?.name.as_deref()
    }

    /// Asks for an id if nothing, or nothing of the last minute, is known of it. An old answer stays when nscd
    /// does not answer.
    pub fn ask(&mut self, id: u32, now: Instant) {
        let known = self.answers.iter().position(|answer| answer.id == id);
        let fresh = |answer: &Answer| now.saturating_duration_since(answer.at) < KEPT;
        if known.and_then(|at| self.answers.get(at)).is_some_and(fresh)
            || self.resume.is_some_and(|resume| now < resume)
        {
            return;
        }
        let Ok(name) = self.question(id) else {
            self.resume = Some(now + PAUSE);
            return;
        };
        let answer = Answer { id, at: now, name };
        let oldest =
            || (0..self.answers.len()).min_by_key(|&at| self.answers.get(at).map(|answer| answer.at));
        match known.or_else(|| if self.answers.len() < ANSWERS { None } else { oldest() }) {
            None => self.answers.push(answer),
            Some(at) => {
                if let Some(slot) = self.answers.get_mut(at) {
                    *slot = answer;
                }
            }
        }
    }

    /// One connection: the header with the version, the kind of the question and the key's length, and the key,
    /// the id in decimal with a NUL.
    fn question(&self, id: u32) -> io::Result<Option<heapless::Vec<u8, NAME>>> {
        let mut stream = Timed { stream: local::connect(&self.path)?, end: Instant::now() + LIMIT };
        let mut request: heapless::Vec<u8, 24> = heapless::Vec::new();
        let mut digits = [0; 10];
        let key = decimal(id, &mut digits);
        let length = i32::try_from(key.len() + 1).map_err(|_| io::ErrorKind::InvalidInput)?;
        for number in [VERSION, self.table as i32, length] {
            let _ = request.extend_from_slice(&number.to_ne_bytes());
        }
        let _ = request.extend_from_slice(key);
        let _ = request.push(0);
        stream.write(&request)?;
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let [version, found, name_length, _] = stream.numbers()?;
        if version != VERSION || found < 0 {
            // -1: nscd does not serve this table.
            return Err(invalid());
        }
        if found == 0 {
            return Ok(None);
        }
        match self.table {
            // uid, gid, and the lengths of gecos, directory and shell.
            Table::Users => {
                let [_, _, _, _, _] = stream.numbers()?;
            }
            // gid, and how many members there are, whose lengths stand before the name.
            Table::Groups => {
                let [_, members] = stream.numbers()?;
                for _ in 0..members {
                    let [_] = stream.numbers()?;
                }
            }
        }
        let length = usize::try_from(name_length).ok().and_then(|length| length.checked_sub(1));
        let mut name = heapless::Vec::new();
        name.resize(length.ok_or_else(invalid)?, 0).map_err(|_| invalid())?;
        stream.read(&mut name)?;
        Ok(Some(name))
    }
}

/// A stream that must have answered at a time.
struct Timed {
    stream: UnixStream,
    end: Instant,
}

impl Timed {
    fn wait(&self, wait: Wait) -> io::Result<()> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() || poll(&mut [wait], Some(left))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// A question is shorter than any socket's room, so that it is taken whole or not at all.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.stream.write(bytes)? {
            written if written == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn read(&mut self, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            match self.stream.read(into) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => into = into.get_mut(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(Wait::readable(self.stream.as_fd()))?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn numbers<const COUNT: usize>(&mut self) -> io::Result<[i32; COUNT]> {
        let mut numbers = [0; COUNT];
        for number in &mut numbers {
            let mut bytes = [0; 4];
            self.read(&mut bytes)?;
            *number = i32::from_ne_bytes(bytes);
        }
        Ok(numbers)
    }
}

fn decimal(mut number: u32, space: &mut [u8; 10]) -> &[u8] {
    let mut start = space.len();
    for digit in space.iter_mut().rev() {
        *digit = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    space.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn ids_in_decimal() {
        let shown = |number| String::from_utf8(decimal(number, &mut [0; 10]).to_vec()).unwrap();
        assert_eq!([shown(0), shown(1000), shown(u32::MAX)], ["0", "1000", "4294967295"]);
    }

    /// Somebody who takes connections and says nothing costs one wait, and is not asked again for a while.
    #[test]
    fn silence_is_waited_for_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut nscd = Nscd::new(&path, Table::Users);
        let start = Instant::now();
        nscd.ask(0, start);
        nscd.ask(1, start);
        let waited = start.elapsed();
        assert!(waited >= LIMIT && waited < 10 * LIMIT, "{waited:?}");
        let mut header = [0; 14];
        listener.accept().unwrap().0.read_exact(&mut header).unwrap();
        assert_eq!(header, [2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, b'0', 0]);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "asked again");
        nscd.ask(1, start + PAUSE);
        assert!(listener.accept().is_ok(), "not asked again");
        assert_eq!(nscd.name_of(0), None);
    }

    #[test]
    fn nobody_there_is_no_name() {
        let mut nscd = Nscd::new("/nonexistent/socket", Table::Groups);
        nscd.ask(0, Instant::now());
        assert_eq!(nscd.name_of(0), None);
    }
}
