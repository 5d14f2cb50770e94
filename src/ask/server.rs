//! The daemon's side: a few clients at a time, none of which is ever waited for.

use super::{REQUESTS, Reply, Then};
use crate::config::{self, Status, quoted};
use crate::daemon::{Running, Waits};
use crate::sys::local::{self, Peer};
use crate::sys::poll::{Wait, is_broken};
#[cfg(feature = "reload")]
use crate::sys::signal::Sender;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Clients at the same time; others wait in the socket's own queue.
const CLIENTS: usize = 4;
/// Connections that may wait there.
const BACKLOG: i32 = 8;
/// The longest request, in bytes with its newline.
const LINE: usize = 256;
/// How long a client may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The socket and its clients.
pub(crate) struct Server {
    listener: OwnedFd,
    path: PathBuf,
    /// File system and inode of the socket's name.
    identity: (u64, u64),
    clients: Vec<Client>,
}

struct Client {
    stream: UnixStream,
    state: State,
    /// When it has taken too long.
    until: Instant,
}

enum State {
    /// What it has sent so far.
    Asking(Vec<u8>),
    /// Its answer is made at that time.
    Waiting(Instant, Then),
    /// What it has not taken yet.
    Answering(Vec<u8>),
    /// The program that is about to be executed answers.
    #[cfg(feature = "reload")]
    Upgrading,
}

impl Server {
    /// Makes the socket; none if the config wants none. The name of a daemon that has died is taken over.
    ///
    /// Errors: in words; another daemon that is alive, a name that is not a socket's, and what the system refuses.
    pub(crate) fn open(config: &Status) -> Result<Option<Self>, String> {
        if config.socket.is_empty() {
            return Ok(None);
        }
        let path = Path::new(&config.socket);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidInput => "a socket's path has at most 107 bytes".to_owned(),
            _ => error.to_string(),
        };
        let group = config.group.as_ref().map(|group| group.value.as_str());
        let made = is_free(path).and_then(|()| make(path, config.mode, group).map_err(failed));
        made.map(Some).map_err(|why| {
            format!("no status socket {}, \"status\" and \"top\" are not answered: {why}", config.socket)
        })
    }

    /// Adds what is waited for; gives the time until when at most, if something else is due at `due`.
    pub(crate) fn waits(&self, due: Instant, waits: &mut Waits) -> Instant {
        if self.clients.len() < CLIENTS {
            let _ = waits.push(Wait::readable(self.listener.as_fd()));
        }
        for client in &self.clients {
            let fd = client.stream.as_fd();
            let _ = waits.push(match client.state {
                State::Asking(_) => Wait::readable(fd),
                State::Waiting(..) => Wait::broken(fd),
                #[cfg(feature = "reload")]
                State::Upgrading => Wait::broken(fd),
                State::Answering(_) => Wait::writable(fd),
            });
        }
        self.clients.iter().map(Client::due).fold(due, Instant::min)
    }

    /// Does all that can be done now, without waiting.
    pub(crate) fn serve(&mut self, running: &mut Running<'_>) {
        let now = Instant::now();
        while self.clients.len() < CLIENTS
            && let Ok(stream) = local::accept(self.listener.as_fd())
        {
            let state = State::Asking(Vec::new());
            self.clients.push(Client { stream, state, until: now + PATIENCE });
        }
        self.clients.retain_mut(|client| client.step(now, running).is_some());
    }
}

#[cfg(feature = "reload")]
impl Server {
    /// Those who asked for an upgrade and wait for it.
    pub(crate) fn upgrading(mut self) -> Vec<OwnedFd> {
        let all = std::mem::take(&mut self.clients);
        let waiting = all.into_iter().filter(|client| matches!(client.state, State::Upgrading));
        waiting.map(|client| client.stream.into()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // One that stays is taken over by the next daemon.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the name can be taken.
fn is_free(path: &Path) -> Result<(), String> {
    let is_socket = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type().is_socket(),
        // What else is wrong with it is told when it is made.
        Err(_) => return Ok(()),
    };
    if !is_socket {
        return Err("there is something else of this name, which is not a socket".to_owned());
    }
    match local::connect(path) {
        Ok(stream) => {
            let pid = local::peer(stream.as_fd()).map_or(0, |peer| peer.pid);
            Err(format!("another daemon answers there, pid {pid}; give this one another status.socket"))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(format!("another daemon may be there: {error}")),
    }
}

/// Makes the socket beside its name, ready in all, and then gives it that.
fn make(path: &Path, mode: u32, group: Option<&str>) -> io::Result<Server> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // One that was left behind.
    let _ = fs::remove_file(&beside);
    let listener = local::listen(&beside, BACKLOG)?;
    let ready = || {
        if let Some(name) = group {
            let table = fs::read_to_string("/etc/group").unwrap_or_default();
            lchown(&beside, None, config::id_in(&table, name))?;
        }
        fs::set_permissions(&beside, Permissions::from_mode(mode))?;
        let identity = identity(&beside)?;
        fs::rename(&beside, path)?;
        Ok(identity)
    };
    match ready() {
        Ok(identity) => Ok(Server { listener, path: path.to_owned(), identity, clients: Vec::new() }),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

impl Client {
    fn due(&self) -> Instant {
        if let State::Waiting(at, _) = self.state { at } else { self.until }
    }

    /// Goes on as far as it can; `None` when there is no more to be done for it.
    fn step(&mut self, now: Instant, running: &mut Running<'_>) -> Option<()> {
        if let State::Asking(asked) = &mut self.state {
            let is_whole = read_line(&mut self.stream, asked).ok()?;
            if is_whole {
                let reply = reply(asked, &self.stream, running);
                self.settle(reply);
            }
        }
        if matches!(&self.state, State::Waiting(at, _) if *at <= now)
            && let State::Waiting(_, then) = std::mem::replace(&mut self.state, State::Asking(Vec::new()))
        {
            let reply = then(running);
            self.settle(reply);
        }
        if let State::Answering(rest) = &mut self.state {
            match self.stream.write(rest) {
                Ok(written) => drop(rest.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
            if rest.is_empty() {
                return None;
            }
        }
        match self.state {
            State::Waiting(..) => (!is_broken(self.stream.as_fd())).then_some(()),
            _ => (now < self.until).then_some(()),
        }
    }

    fn settle(&mut self, reply: Reply) {
        self.until = Instant::now() + PATIENCE;
        let (word, text) = match reply {
            Reply::Done(text) => ("ok\n", text),
            Reply::Failed(text) => ("error\n", text),
            Reply::Later(at, then) => return self.state = State::Waiting(at, then),
            #[cfg(feature = "reload")]
            Reply::Upgrade => return self.state = State::Upgrading,
        };
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        self.state = State::Answering([word, &text, end].concat().into_bytes());
    }
}

/// Reads on until the end of the line, or of what is sent; whether that has come.
///
/// Errors: one that sends nothing, or nothing more.
fn read_line(stream: &mut UnixStream, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut bytes = [0; LINE];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) if line.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => return Ok(true),
            Ok(len) => line.extend(bytes.iter().take(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        if line.contains(&b'\n') || line.len() >= LINE {
            return Ok(true);
        }
    }
}

fn reply(asked: &[u8], stream: &UnixStream, running: &mut Running<'_>) -> Reply {
    let line = asked.split(|&byte| byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok());
    let Some(line) = line.filter(|line| line.len() < LINE) else {
        return Reply::Failed(format!("a request is a line of text of less than {LINE} bytes"));
    };
    let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let Some(request) = REQUESTS.iter().find(|request| request.word == word) else {
        let known: Vec<&str> = REQUESTS.iter().map(|request| request.word).collect();
        let known = config::listed(&known, "and");
        return Reply::Failed(format!("unknown request {}; the requests are {known}", quoted(word)));
    };
    let by = local::peer(stream.as_fd());
    #[cfg(feature = "reload")]
    if let Ok(Peer { pid, uid }) = by {
        running.asked_by = Sender { pid, uid };
    }
    if request.is_for_root && !by.is_ok_and(|Peer { uid, .. }| uid == 0) {
        return Reply::Failed(format!("only root may ask for {}", quoted(word)));
    }
    (request.answer)(running, rest)
}
