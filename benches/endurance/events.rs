//! The events, as auditd writes them to audit.log: all different, and each told by its number alone.

use std::fmt::{Result, Write};

/// What is filtered, in the config's words.
pub(crate) const FILTERED: &str = "/usr/lib/monitoring/*";
/// Bytes of a line that is too long for the files; all but the long ones are shorter.
pub(crate) const LONG: usize = 6000;
/// One of so many is an execve of a long command line.
const EACH_LONG: u64 = 1009;
/// One of so many is filtered.
const EACH_FILTERED: u64 = 101;
/// The first one's time, in seconds, and what a day has in milliseconds.
const BEGIN: u64 = 1_700_000_000;
const DAY: u64 = 86_400_000;

/// What was made so far.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) filtered: u64,
    /// Too long for the files, and not filtered.
    pub(crate) long: u64,
    /// Of the serials of those that are not filtered.
    pub(crate) kept_sum: u64,
}

/// One of them.
pub(crate) struct Event {
    number: u64,
    millis: u64,
    /// Something that looks like chance.
    mixed: u64,
}

impl Event {
    /// That of this number, counted from 0, of so many in a day.
    pub(crate) fn new(number: u64, count: u64) -> Self {
        // SplitMix64's last step.
        let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let millis = u128::from(number) * u128::from(DAY) / u128::from(count);
        Self { number, millis: u64::try_from(millis).unwrap_or_default(), mixed: mixed ^ (mixed >> 27) }
    }

    fn is_filtered(&self) -> bool {
        self.number % EACH_FILTERED == 7
    }

    fn is_long(&self) -> bool {
        self.number % EACH_LONG == 8
    }

    /// A number below `below` that is the same for an event each time.
    fn chance(&self, shift: u32, below: u64) -> u64 {
        (self.mixed >> shift) % below
    }

    /// Adds its lines.
    pub(crate) fn write(&self, text: &mut String, made: &mut Made) -> Result {
        let before = text.len();
        let lines = if self.is_long() {
            self.call(59, text).and_then(|()| self.execve(400, text))?
        } else {
            match self.chance(60, 8) {
                0..3 => self.call(59, text).and_then(|()| self.execve(2 + self.chance(8, 6), text))?,
                3..6 => self.call(257, text).and_then(|()| self.openat(text))?,
                6 => self.call(42, text).and_then(|()| self.connect(text))?,
                _ => self.login(text)?,
            }
        };
        let is_login = lines == 1;
        let serial = self.number + 1;
        made.lines += lines;
        made.bytes += (text.len() - before) as u64;
        if self.is_filtered() && !is_login {
            made.filtered += 1;
        } else {
            made.kept_sum += serial;
            made.long += u64::from(self.is_long());
        }
        Ok(())
    }

    fn begin(&self, kind: &str, text: &mut String) -> Result {
        let (seconds, millis) = (BEGIN + self.millis / 1000, self.millis % 1000);
        write!(text, "type={kind} msg=audit({seconds}.{millis:03}:{}): ", self.number + 1)
    }

    /// The SYSCALL record.
    fn call(&self, call: u64, text: &mut String) -> Result {
        self.begin("SYSCALL", text)?;
        let pid = 300 + self.number % 4_000_000;
        let (uid, program) = (1000 + self.chance(3, 40), self.chance(12, 300));
        let directory = if self.is_filtered() { "/usr/lib/monitoring" } else { "/usr/bin" };
        let (success, exit) = if self.chance(20, 5) == 0 { ("no", -2) } else { ("yes", 3) };
        writeln!(
            text,
            "arch=c000003e syscall={call} success={success} exit={exit} a0={:x} a1=7ffd1c23a0b0 a2={:x} a3=1b6 items=2 \
             ppid={} pid={pid} auid={uid} uid={uid} gid={uid} euid=0 suid=0 fsuid=0 egid={uid} sgid={uid} fsgid={uid} \
             tty=pts{} ses={} comm=\"work{program}\" exe=\"{directory}/work{program}\" key=\"{}\"",
            self.mixed >> 32,
            self.chance(5, 1 << 20),
            pid - 1,
            self.chance(30, 9),
            self.number / 1000 + 1,
            ["exec", "accounts", "delete", "net-connect"]
                [usize::try_from(self.chance(24, 4)).unwrap_or_default()]
        )
    }

    /// A name of up to 200 bytes, which no other event has.
    fn name(&self, text: &mut String) -> Result {
        let pad = usize::try_from(self.chance(33, 180)).unwrap_or_default();
        write!(text, "/srv/{:x}/{:x<pad$}", self.number, "")
    }

    fn cwd(&self, text: &mut String) -> Result {
        self.begin("CWD", text)?;
        writeln!(text, "cwd=\"/home/user{}\"", self.chance(9, 1000))
    }

    fn path(&self, item: u64, kind: &str, text: &mut String) -> Result {
        self.begin("PATH", text)?;
        write!(text, "item={item} name=\"")?;
        self.name(text)?;
        writeln!(
            text,
            "\" inode={} dev=fe:00 mode=0100{} ouid=0 ogid=0 rdev=00:00 nametype={kind} cap_fp=0 cap_fi=0 cap_fe=0 \
             cap_fver=0 cap_frootid=0",
            self.number + item,
            ["644", "755", "600"][usize::try_from(self.chance(40, 3)).unwrap_or_default()]
        )
    }

    fn proctitle(&self, text: &mut String) -> Result {
        self.begin("PROCTITLE", text)?;
        writeln!(text, "proctitle=776F726B002D2D6E756D6265723D{:016X}", self.mixed | 0x3030_3030_3030_3030)
    }

    /// What follows an execve's SYSCALL record; gives the lines, with that one.
    fn execve(&self, arguments: u64, text: &mut String) -> std::result::Result<u64, std::fmt::Error> {
        self.begin("EXECVE", text)?;
        write!(text, "argc={arguments} a0=\"work\"")?;
        for argument in 1..arguments {
            // Each fifth has a blank, so that it comes in hex.
            if argument % 5 == 4 {
                write!(
                    text,
                    " a{argument}=2D2D6F7074696F6E3D6120{:016X}",
                    self.mixed | 0x3030_3030_3030_3030
                )?;
            } else {
                write!(
                    text,
                    " a{argument}=\"--argument={}\"",
                    self.mixed.rotate_left(u32::try_from(argument % 64).unwrap_or(0))
                )?;
            }
        }
        text.push('\n');
        self.cwd(text)?;
        self.path(0, "NORMAL", text)?;
        self.path(1, "NORMAL", text)?;
        self.proctitle(text)?;
        Ok(6)
    }

    fn openat(&self, text: &mut String) -> std::result::Result<u64, std::fmt::Error> {
        self.cwd(text)?;
        self.path(0, "PARENT", text)?;
        self.path(1, "CREATE", text)?;
        self.proctitle(text)?;
        Ok(5)
    }

    fn connect(&self, text: &mut String) -> std::result::Result<u64, std::fmt::Error> {
        self.begin("SOCKADDR", text)?;
        writeln!(
            text,
            "saddr=0200{:04X}0A{:06X}0000000000000000",
            self.chance(7, 65536),
            self.chance(17, 1 << 24)
        )?;
        self.proctitle(text)?;
        Ok(3)
    }

    /// A record of user space, alone.
    fn login(&self, text: &mut String) -> std::result::Result<u64, std::fmt::Error> {
        self.begin("USER_LOGIN", text)?;
        writeln!(
            text,
            "pid={} uid=0 auid={} ses={} msg='op=login id={} exe=\"/usr/sbin/sshd\" hostname=host{} addr=10.1.2.{} \
             terminal=/dev/pts/1 res=success'",
            300 + self.number % 4_000_000,
            1000 + self.chance(3, 40),
            self.number / 1000 + 1,
            1000 + self.chance(3, 40),
            self.number,
            self.chance(22, 250)
        )?;
        Ok(1)
    }
}
