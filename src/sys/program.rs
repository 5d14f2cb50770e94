//! A program started with a pipe as its standard input. Source: posix_spawn(3), waitpid(2), kill(2), pipe(7).

#[cfg(feature = "reload")]
use super::poll::{Wait, poll};
use super::{cerr, retry};
use std::ffi::CString;
#[cfg(feature = "reload")]
use std::fs::File;
use std::io;
#[cfg(feature = "reload")]
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
#[cfg(feature = "reload")]
use std::time::{Duration, Instant};

/// A running program, and the writing end of its standard input.
pub struct Program {
    process: Process,
    input: OwnedFd,
}

/// A process that was started here.
pub struct Process {
    pid: libc::pid_t,
}

// SAFETY: declared as the C library does, environ(7): a pointer to pointers that end with a null one.
unsafe extern "C" {
    /// environ(7)
    pub(super) static environ: *const *mut libc::c_char;
}

impl Program {
    /// Starts the program whose path is the first word, in a process group of its own, with all signals as a program
    /// expects them. What it prints goes to our standard error. Writing to it never waits.
    ///
    /// Errors: InvalidInput without a word; those of pipe(2) and of posix_spawn(3).
    #[cold]
    pub fn start(words: &[CString]) -> io::Result<Self> {
        let path = words.first().ok_or(io::ErrorKind::InvalidInput)?;
        let (reader, writer) = io::pipe()?;
        let setup = Setup::new(&[(reader.as_raw_fd(), 0), (2, 1)])?;
        let pid = spawn(path, words, &setup, None)?;
        let input = OwnedFd::from(writer);
        // SAFETY: takes a descriptor that is ours and three integers. Nobody else has this end of the pipe.
        cerr(unsafe { libc::fcntl(input.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK | libc::O_WRONLY) })?;
        Ok(Self { process: Process { pid }, input })
    }

    /// Writes what the pipe takes now, and gives its length.
    ///
    /// Errors: BrokenPipe when the program has closed it or ended; `WouldBlock` when it is full.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let raw = self.input.as_raw_fd();
        // SAFETY: the pointer is to live memory of the length beside it.
        let written = retry(|| cerr(unsafe { libc::write(raw, bytes.as_ptr().cast(), bytes.len()) }))?;
        Ok(written.unsigned_abs())
    }

    /// Closes its input.
    pub fn close(self) -> Process {
        self.process
    }
}

/// Starts a program, with these variables or with ours.
fn spawn(
    path: &CString,
    words: &[CString],
    setup: &Setup,
    variables: Option<&[CString]>,
) -> io::Result<libc::pid_t> {
    let pointers = |texts: &[CString]| -> Vec<*mut libc::c_char> {
        texts.iter().map(|text| text.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect()
    };
    let words = pointers(words);
    let variables = variables.map(pointers);
    let mut pid = 0;
    // SAFETY: nobody changes the environment after the start.
    let own = unsafe { environ };
    let variables = variables.as_ref().map_or(own, |variables: &Vec<_>| variables.as_slice().as_ptr());
    // SAFETY: path, words and variables end in NUL or null, and outlive the call, as `setup` does.
    let error = unsafe {
        libc::posix_spawn(
            &raw mut pid,
            path.as_ptr(),
            setup.actions.as_ptr(),
            setup.attributes.as_ptr(),
            words.as_ptr(),
            variables,
        )
    };
    succeeded(error)?;
    Ok(pid)
}

/// Runs a program to its end, with nothing to read and with one more variable, `NAME=value`; gives how it ended and what it printed, on standard output and
/// standard error, at most `most` bytes of it.
///
/// Errors: as [`Program::start`]; TimedOut when it has not ended by `until`, and then it is killed.
#[cfg(feature = "reload")]
#[cold]
pub fn ask(words: &[CString], variable: &str, most: usize, until: Instant) -> io::Result<(Ended, Vec<u8>)> {
    let path = words.first().ok_or(io::ErrorKind::InvalidInput)?;
    let (nothing, _) = io::pipe()?;
    let (reader, writer) = io::pipe()?;
    let setup = Setup::new(&[(nothing.as_raw_fd(), 0), (writer.as_raw_fd(), 1), (writer.as_raw_fd(), 2)])?;
    let variables = super::image::variables(variable)?;
    let process = Process { pid: spawn(path, words, &setup, Some(&variables))? };
    drop(writer);
    let (mut text, mut piece) = (Vec::new(), [0; 1024]);
    let mut reader = File::from(OwnedFd::from(reader));
    let ended = loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            process.send(libc::SIGKILL);
        }
        // It may have closed its output, or have given it to one that does not end.
        let ready = poll(&mut [Wait::readable(reader.as_fd())], Some(left.min(Duration::from_millis(20))))?;
        let read = if ready > 0 { reader.read(&mut piece)? } else { 0 };
        text.extend(piece.iter().take(read).take(most.saturating_sub(text.len())));
        if read == 0
            && let Some(ended) = process.ended()
        {
            break ended;
        }
        if ready > 0 && read == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    if Instant::now() >= until { Err(io::ErrorKind::TimedOut.into()) } else { Ok((ended, text)) }
}

impl Process {
    /// How it ended, if it has: to be asked until it says so, or the process stays as a zombie.
    pub fn ended(&self) -> Option<Ended> {
        let mut status = 0;
        // SAFETY: the pointer is to a live integer.
        let pid = cerr(unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) });
        match pid {
            Ok(0) => None,
            Ok(_) if libc::WIFSIGNALED(status) => Some(Ended::Signal(libc::WTERMSIG(status))),
            Ok(_) => Some(Ended::Status(libc::WEXITSTATUS(status))),
            // It is not ours any more, so it has ended.
            Err(_) => Some(Ended::Status(0)),
        }
    }

    /// Sends it a signal. Not after it has [`ended`](Self::ended): its number may be another's then.
    pub fn send(&self, signal: libc::c_int) {
        // SAFETY: takes two integers.
        let _ = cerr(unsafe { libc::kill(self.pid, signal) });
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// What posix_spawn does in the new process before it runs the program.
struct Setup {
    actions: Initialised<libc::posix_spawn_file_actions_t>,
    attributes: Initialised<libc::posix_spawnattr_t>,
}

/// A value that a C function has set up, and the function that takes it down.
struct Initialised<T> {
    value: Box<MaybeUninit<T>>,
    destroy: unsafe extern "C" fn(*mut T) -> libc::c_int,
}

impl<T> Initialised<T> {
    fn as_ptr(&self) -> *const T {
        self.value.as_ptr()
    }
}

impl<T> Drop for Initialised<T> {
    fn drop(&mut self) {
        // SAFETY: the value was set up by the function's counterpart, and is taken down once.
        let _ = unsafe { (self.destroy)(self.value.as_mut_ptr()) };
    }
}

impl Setup {
    /// Descriptors of ours, and what they are there.
    fn new(descriptors: &[(libc::c_int, libc::c_int)]) -> io::Result<Self> {
        let mut actions = Box::new(MaybeUninit::uninit());
        // SAFETY: the pointer is to space for the value.
        succeeded(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        let mut actions = Initialised { value: actions, destroy: libc::posix_spawn_file_actions_destroy };
        let mut attributes = Box::new(MaybeUninit::uninit());
        // SAFETY: the pointer is to space for the value.
        succeeded(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        let mut attributes = Initialised { value: attributes, destroy: libc::posix_spawnattr_destroy };
        for &(from, to) in descriptors {
            let at = actions.value.as_mut_ptr();
            // SAFETY: the value is set up; all else are integers.
            succeeded(unsafe { libc::posix_spawn_file_actions_adddup2(at, from, to) })?;
        }
        let at = attributes.value.as_mut_ptr();
        let mut signals = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: fills the set to which the pointer is.
        cerr(unsafe { libc::sigemptyset(signals.as_mut_ptr()) })?;
        // SAFETY: both values are set up; the set is copied.
        succeeded(unsafe { libc::posix_spawnattr_setsigmask(at, signals.as_ptr()) })?;
        // The standard library ignores SIGPIPE for us.
        // SAFETY: the set is set up.
        cerr(unsafe { libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE) })?;
        // SAFETY: both values are set up; the set is copied.
        succeeded(unsafe { libc::posix_spawnattr_setsigdefault(at, signals.as_ptr()) })?;
        let flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETPGROUP;
        // SAFETY: the value is set up; the process group is 0 from its set-up, a new one.
        succeeded(unsafe { libc::posix_spawnattr_setflags(at, flags as libc::c_short) })?;
        Ok(Self { actions, attributes })
    }
}

/// Turns an error number as posix_spawn's family returns it into a `Result`.
fn succeeded(error: libc::c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// Words for [`Program::start`].
///
/// Errors: InvalidInput for a word that holds a NUL.
pub fn words(words: &[String]) -> io::Result<Vec<CString>> {
    let word = |word: &String| CString::new(word.as_str()).map_err(|_| io::ErrorKind::InvalidInput.into());
    words.iter().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(feature = "reload"))]
    use std::time::Duration;

    fn start(script: &str) -> io::Result<Program> {
        Program::start(&words(&["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()])?)
    }

    fn wait(program: &Process) -> Ended {
        loop {
            if let Some(ended) = program.ended() {
                return ended;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_program_reads_what_is_written_and_inherits_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let held = std::fs::File::create(dir.path().join("held")).unwrap();
        // The shell looks at itself: while it starts another program it blocks all signals for a moment.
        let script = format!(
            "cat > {0}; ls -l /proc/$$/fd > {0}.fds
             while read -r line; do case $line in SigBlk*) echo \"$line\";; esac; done </proc/$$/status >>{0}.fds",
            out.display()
        );
        let program = start(&script).unwrap();
        assert_eq!(program.write(b"hello\n").unwrap(), 6);
        assert_eq!(wait(&program.close()), Ended::Status(0));
        assert_eq!(std::fs::read(&out).unwrap(), b"hello\n");
        let fds = std::fs::read_to_string(out.with_extension("fds")).unwrap();
        assert!(fds.contains("0 -> pipe:") && !fds.contains("held"), "{fds}");
        assert!(fds.ends_with("SigBlk:\t0000000000000000\n"), "{fds}");
        drop(held);
    }

    #[cfg(feature = "reload")]
    #[test]
    fn a_program_is_asked_and_killed_when_it_does_not_answer() {
        let asked = |script: &str, millis| {
            let words = words(&["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()]).unwrap();
            ask(&words, "ASKED=out", 10, Instant::now() + Duration::from_millis(millis))
        };
        let (ended, text) = asked("echo $ASKED; echo err >&2; cat; exit 3", 30_000).unwrap();
        assert_eq!((ended, text.as_slice()), (Ended::Status(3), &b"out\nerr\n"[..]));
        let (_, text) = asked("echo 0123456789abcdef", 30_000).unwrap();
        assert_eq!(text, b"0123456789");
        assert_eq!(asked("exec sleep 60", 100).unwrap_err().kind(), io::ErrorKind::TimedOut);
        // One that leaves somebody behind has ended all the same.
        assert_eq!(asked("sleep 2 & exit 4", 30_000).unwrap().0, Ended::Status(4));
    }

    #[test]
    fn how_it_ends_and_what_a_dead_one_says() {
        let program = start("exit 7").unwrap();
        assert_eq!(wait(&program.process), Ended::Status(7));
        assert_eq!(program.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let program = start("exec sleep 60").unwrap();
        let full = loop {
            if let Err(error) = program.write(&[b'x'; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        program.process.send(libc::SIGTERM);
        assert_eq!(wait(&program.close()), Ended::Signal(libc::SIGTERM));
        let error = Program::start(&words(&["/nonexistent".to_owned()]).unwrap()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
