//! Who receives: a process that throws everything away, the daemon, and Debian's auditd, alone and with
//! Debian's laurel as its plugin.

use crate::kernel::Kernel;
use crate::{Result, measure};
use ringaudit::sys::batch::Batch;
use ringaudit::sys::netlink::Socket;
use ringaudit::sys::poll::{Wait, poll};
use ringaudit::wire::nlmsg;
use ringaudit::wire::status::{self, Field};
use std::fmt;
use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The first word of the command line that makes this program the null receiver.
pub(crate) const NULL_WORD: &str = "null-receiver";
/// Where laurel writes, in the receiver's folder.
const LAUREL_LOG: &str = "laurel.json";
/// Where the daemon is asked, there.
const SOCKET: &str = "socket";
/// Switches all context off.
const NO_CONTEXT: &str = "[enrich]\nprocess = false\nscript = false\ncontainer = false\nunit = false\nenv = []\ninode_path = false\n";
/// The same buffer as the daemon's default.
const RECEIVE_BUFFER: usize = 4096 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    /// The daemon, format go-audit.
    GoAudit,
    /// The daemon, format json with all translations, without context.
    Json,
    /// The daemon, format json with all translations and all context.
    Context,
    /// As json, with a status socket.
    Asked,
    /// As json, to four outputs: three files and standard output, which is /dev/null.
    Four,
    /// As json, with an fsync at the latest a second after a write.
    Synced,
    /// As json, with an fsync before an event counts as written.
    EachSynced,
    /// As json, to a datagram socket of this host as syslog messages.
    Syslog,
    /// As GELF messages of fields over UDP, not compressed.
    Gelf,
    Auditd,
    /// auditd and laurel.
    Laurel,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Null => "null",
            Self::GoAudit => "go-audit format",
            Self::Json => "json",
            Self::Context => "json, context",
            Self::Asked => "json, status",
            Self::Four => "json, 4 outputs",
            Self::Synced => "json, fsync 1 s",
            Self::EachSynced => "json, fsync each",
            Self::Syslog => "syslog, unixgram",
            Self::Gelf => "GELF, UDP",
            Self::Auditd => "auditd",
            Self::Laurel => "auditd, laurel",
        })
    }
}

/// A running receiver; it is ended when dropped.
pub(crate) struct Receiver {
    kind: Kind,
    child: Child,
    dir: tempfile::TempDir,
    log: PathBuf,
    /// Who counts the messages that are sent.
    peer: Option<Peer>,
}

impl Receiver {
    /// Starts it and waits until the kernel names it as its daemon.
    pub(crate) fn start(kind: Kind, binary: &Path, kernel: &mut Kernel) -> Result<Self> {
        kernel.prepare()?;
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("audit.log");
        let peer = match kind {
            Kind::Syslog => Some(Peer::unix(&dir.path().join("log"))?),
            Kind::Gelf => Some(Peer::udp()?),
            _ => None,
        };
        let mut command = match kind {
            Kind::Null => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg(NULL_WORD);
                command
            }
            Kind::Auditd => auditd(dir.path(), &log)?,
            Kind::Laurel => {
                let command = auditd(dir.path(), &log)?;
                laurel(dir.path())?;
                command
            }
            _ => {
                let config = dir.path().join("ringaudit.toml");
                let address = peer.as_ref().map(|peer| peer.address.as_str()).unwrap_or_default();
                fs::write(&config, config_of(kind, &log, address))?;
                let mut command = Command::new(binary);
                command.arg("-c").arg(config).stdout(Stdio::null());
                command
            }
        };
        let child =
            command.stdin(Stdio::null()).spawn().map_err(|e| format!("failed to start {kind}: {e}"))?;
        let receiver = Self { kind, child, dir, log, peer };
        let deadline = Instant::now() + Duration::from_secs(10);
        while kernel.daemon()? != receiver.pid() {
            if Instant::now() > deadline {
                return Err(format!("{kind} did not register within 10 s").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(300));
        Ok(receiver)
    }

    /// The status socket of [`Kind::Asked`].
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join(SOCKET)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Of the process and, for auditd's plugin, of its child.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid()))?;
        let children = children.split_whitespace().map(|pid| measure::cpu(pid.parse()?));
        children.fold(measure::cpu(self.pid()), |sum, child| Ok(sum? + child?))
    }

    /// Waits until it has nothing more to do: a plugin is behind its daemon.
    pub(crate) fn settle(&self) -> Result<()> {
        let mut before = self.cpu()?;
        loop {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.cpu()?;
            if now - before < Duration::from_millis(3) {
                return Ok(());
            }
            before = now;
        }
    }

    /// Ends it and counts the events that its log holds; the null receiver's are those that were sent.
    pub(crate) fn stop(&mut self, sent: u32) -> Result<u32> {
        self.end()?;
        if let Some(peer) = &self.peer {
            return Ok(peer.count());
        }
        let mark = match self.kind {
            Kind::Null | Kind::Syslog | Kind::Gelf => return Ok(sent),
            Kind::GoAudit => r#"name=\"/nonexistent/ringaudit\""#,
            Kind::Json
            | Kind::Context
            | Kind::Asked
            | Kind::Four
            | Kind::Synced
            | Kind::EachSynced
            | Kind::Laurel => r#""name":"/nonexistent/ringaudit""#,
            Kind::Auditd => r#"name="/nonexistent/ringaudit""#,
        };
        let log = if self.kind == Kind::Laurel { self.dir.path().join(LAUREL_LOG) } else { self.log.clone() };
        let mut count = 0;
        for file in fs::read_dir(self.dir.path())? {
            let path = file?.path();
            if path.to_string_lossy().starts_with(&*log.to_string_lossy()) {
                let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
                count += u32::try_from(text.lines().filter(|line| line.contains(mark)).count())?;
            }
        }
        Ok(count)
    }

    fn end(&mut self) -> Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if asked.success() {
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A socket of this process, and a thread that counts the events of the load among its messages. Its CPU is not the
/// daemon's.
struct Peer {
    address: String,
    count: Arc<AtomicU32>,
}

impl Peer {
    fn unix(path: &Path) -> Result<Self> {
        let socket = UnixDatagram::bind(path)?;
        Ok(Self::read(path.display().to_string(), move |space| socket.recv(space)))
    }

    fn udp() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        // What the daemon sends is measured, not how soon this thread is given the CPU.
        Socket::from_fd(socket.try_clone()?.into()).set_receive_buffer(64 * 1024 * 1024)?;
        let address = socket.local_addr()?.to_string();
        Ok(Self::read(address, move |space| socket.recv(space)))
    }

    fn read(address: String, recv: impl Fn(&mut [u8]) -> std::io::Result<usize> + Send + 'static) -> Self {
        let count = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&count);
        std::thread::spawn(move || {
            let mut space = vec![0; 1 << 16];
            let mark = b"/nonexistent/ringaudit";
            while let Ok(len) = recv(&mut space) {
                let is_load = space[..len].windows(mark.len()).any(|part| part == mark);
                counter.fetch_add(u32::from(is_load), Ordering::Relaxed);
            }
        });
        Self { address, count }
    }

    fn count(&self) -> u32 {
        std::thread::sleep(Duration::from_millis(200));
        self.count.load(Ordering::Relaxed)
    }
}

/// The daemon's config; `address` is that of who receives what it sends.
fn config_of(kind: Kind, log: &Path, address: &str) -> String {
    match kind {
        Kind::Syslog => {
            return format!("{NO_CONTEXT}[[output]]\ntype = \"syslog\"\naddress = \"{address}\"\n");
        }
        Kind::Gelf => {
            return format!(
                "{NO_CONTEXT}[[output]]\ntype = \"gelf\"\ncompression = \"none\"\naddress = \"{address}\"\n"
            );
        }
        _ => {}
    }
    let format = if kind == Kind::GoAudit { "go-audit" } else { "json" };
    let more = if kind == Kind::Context { "" } else { NO_CONTEXT };
    let file = |path: &Path| format!("[[output]]\ntype = \"file\"\nformat = \"{format}\"\npath = {path:?}\n");
    let mut text = more.to_owned() + &file(log);
    match kind {
        Kind::Asked => text = format!("[status]\nsocket = {:?}\n{text}", log.with_file_name(SOCKET)),
        Kind::Synced => text += "fsync = 1000\n",
        Kind::EachSynced => text += "fsync = \"each\"\n",
        Kind::Four => {
            // Not beside the log: its name is not to begin as the log's does.
            for name in ["second.jsonl", "third.jsonl"] {
                text += &file(&log.with_file_name(name));
            }
            text += &format!("[[output]]\ntype = \"stdout\"\nformat = \"{format}\"\n");
        }
        _ => {}
    }
    text
}

/// Debian's auditd with its own config, but for the places and the size of the log.
fn auditd(dir: &Path, log: &Path) -> Result<Command> {
    let given = fs::read_to_string("/etc/audit/auditd.conf")
        .map_err(|e| format!("failed to read auditd's config (install the package auditd): {e}"))?;
    let ours = ["log_file", "log_format", "plugin_dir", "max_log_file ", "max_log_file_action"];
    let mut text: String = given
        .lines()
        .filter(|l| !ours.iter().any(|key| l.starts_with(key)))
        .map(|l| format!("{l}\n"))
        .collect();
    let plugins = dir.join("plugins.d");
    text += &format!(
        "log_file = {}\nlog_format = RAW\nplugin_dir = {}\nmax_log_file = 2000\nmax_log_file_action = ignore\n",
        log.display(),
        plugins.display()
    );
    fs::create_dir(&plugins)?;
    fs::set_permissions(&plugins, fs::Permissions::from_mode(0o750))?;
    let config = dir.join("auditd.conf");
    fs::write(&config, text)?;
    fs::set_permissions(&config, fs::Permissions::from_mode(0o640))?;
    let mut command = Command::new("auditd");
    command.args(["-n", "-s", "nochange", "-c"]).arg(dir);
    command.stderr(Stdio::null()).stdout(Stdio::null());
    Ok(command)
}

/// Debian's laurel as a plugin of that auditd, with all translations and its default context.
fn laurel(dir: &Path) -> Result<()> {
    let config = dir.join("laurel.toml");
    let text = format!(
        "directory = {dir:?}\nuser = \"root\"\n[auditlog]\nfile = \"{LAUREL_LOG}\"\nsize = 4000000000\n\
         [translate]\nuniversal = true\nuser-db = true\n"
    );
    fs::write(&config, text)?;
    let plugin = dir.join("plugins.d").join("laurel.conf");
    let text = format!(
        "active = yes\ndirection = out\npath = /usr/sbin/laurel\ntype = always\nargs = --config {}\nformat = string\n",
        config.display()
    );
    fs::write(&plugin, text)?;
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o640))?;
    Ok(())
}

/// The receiver that throws everything away: poll, recvmmsg until the socket is empty, and nothing else.
pub(crate) fn null() -> Result<()> {
    let socket = Socket::open()?;
    socket.set_receive_buffer(RECEIVE_BUFFER)?;
    socket.set_no_enobufs()?;
    let mut message = Vec::new();
    let payload = status::emit(Field::Pid, std::process::id());
    nlmsg::emit(&mut message, nlmsg::SET, nlmsg::REQUEST, 1, &payload);
    socket.send(&message)?;
    let mut batch = Batch::new()?;
    loop {
        poll(&mut [Wait::readable(socket.as_fd())], None)?;
        while batch.receive(socket.as_fd())? > 0 {}
    }
}
