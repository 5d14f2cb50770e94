//! The records that an audit daemon writes of itself, worded as auditd words them, so that ausearch and
//! aureport understand them: DAEMON_START, DAEMON_END, DAEMON_ROTATE. Each is an event of its own.
//! Source: auditd 3.0.9, src/auditd.c; lib/libaudit.c, audit_format_signal_info.

use super::own::Own;
use crate::sys::signal::Sender;
use crate::wire::record::RecordType;
#[cfg(feature = "reload")]
use ringaudit_setup::state::{Pen, Reading};
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// DAEMON_START
const START: RecordType = RecordType(1200);
/// DAEMON_END
const END: RecordType = RecordType(1201);
/// DAEMON_CONFIG
#[cfg(feature = "reload")]
const CONFIG: RecordType = RecordType(1203);
/// DAEMON_ROTATE
const ROTATE: RecordType = RecordType(1205);
/// What the kernel writes for an auid or a session that is not set.
const UNSET: u32 = u32::MAX;
/// The longest security label that is written.
const LABEL: usize = 256;

/// Who did it: this daemon, or the process that sent it a signal. What /proc does not tell is unset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
    uid: u32,
    auid: u32,
    ses: u32,
    /// Empty where no security module gives one.
    subj: String,
}

impl Process {
    /// This daemon.
    pub fn own() -> Self {
        let uid = fs::metadata("/proc/self").map_or(UNSET, |metadata| metadata.uid());
        Self::of(Sender { pid: std::process::id(), uid })
    }

    /// Who sent a signal, and what /proc still says of it: kill(1), for one, is gone by now.
    pub fn of(Sender { pid, uid }: Sender) -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let number = |name: &str| read(name).trim().parse().unwrap_or(UNSET);
        let subj = read("attr/current").trim_matches(['\0', '\n']).chars().take(LABEL).collect();
        Self { pid, uid, auid: number("loginuid"), ses: number("sessionid"), subj }
    }
}

#[cfg(feature = "reload")]
impl Process {
    /// For [`resume`](Self::resume).
    pub fn save(&self, pen: &mut Pen) {
        pen.numbers(&[self.pid, self.uid, self.auid, self.ses].map(u64::from));
        pen.text(self.subj.as_bytes());
    }

    /// As it was saved.
    pub fn resume(from: &mut Reading<'_>) -> Option<Self> {
        let [pid, uid, auid, ses] = from.numbers()?.try_into().ok()?;
        let small = |number: u64| u32::try_from(number).unwrap_or(UNSET);
        let subj = String::from_utf8_lossy(from.text()?).into_owned();
        Some(Self { pid: small(pid), uid: small(uid), auid: small(auid), ses: small(ses), subj })
    }
}

/// `subj=LABEL ` where there is one.
struct Subject<'a>(&'a str);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "subj={} ", self.0) }
    }
}

/// The daemon starts: `format` is its first output's, `kernel` the release that uname(2) gives.
pub fn start(now: Duration, format: &str, kernel: &str, daemon: &Process) -> Own {
    let Process { pid, uid, auid, ses, subj } = daemon;
    let (version, subj) = (env!("CARGO_PKG_VERSION"), Subject(subj));
    one(
        now,
        START,
        format_args!(
            "op=start ver={version} format={format} kernel={kernel:.56} auid={auid} pid={pid} uid={uid} \
             ses={ses} {subj}res=success"
        ),
    )
}

/// The daemon ends, since this process sent it a signal.
pub fn end(now: Duration, by: Option<&Process>) -> Own {
    signalled(now, END, "terminate", by)
}

/// The files are opened anew, since this process sent a signal.
pub fn rotate(now: Duration, by: Option<&Process>) -> Own {
    signalled(now, ROTATE, "rotate-logs", by)
}

/// The config was read again, since this process asked for it: another one is in force, or the old one still.
#[cfg(feature = "reload")]
pub fn config(now: Duration, is_changed: bool, by: &Process) -> Own {
    let Process { pid, uid, auid, ses, subj } = by;
    let (state, result) = if is_changed { ("changed", "success") } else { ("no-change", "failed") };
    let subj = Subject(subj);
    let what = format_args!("op=reconfigure state={state}");
    one(now, CONFIG, format_args!("{what} auid={auid} uid={uid} ses={ses} pid={pid} {subj}res={result}"))
}

/// Another program goes on in this one's place, since this process asked for it.
#[cfg(feature = "reload")]
pub fn upgrade(now: Duration, from: &str, by: &Process) -> Own {
    let Process { pid, uid, auid, ses, subj } = by;
    let (version, subj) = (env!("CARGO_PKG_VERSION"), Subject(subj));
    let what = format_args!("op=upgrade from={from:.32} ver={version}");
    one(now, CONFIG, format_args!("{what} auid={auid} uid={uid} ses={ses} pid={pid} {subj}res=success"))
}

fn signalled(now: Duration, kind: RecordType, op: &str, by: Option<&Process>) -> Own {
    let Some(Process { pid, uid, auid, ses, subj }) = by else {
        return one(now, kind, format_args!("op={op} auid=-1 uid=-1 ses=-1 pid=-1 subj=? res=success"));
    };
    let subj = Subject(subj);
    one(now, kind, format_args!("op={op} auid={auid} uid={uid} ses={ses} pid={pid} {subj}res=success"))
}

fn one(now: Duration, kind: RecordType, fields: fmt::Arguments<'_>) -> Own {
    let mut own = Own::new(now);
    own.record(kind, fields);
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(1_700_000_000_007);

    fn text(own: &Own) -> (u16, String) {
        let record = own.event().records.next().unwrap();
        (record.kind.0, String::from_utf8(record.fields.to_vec()).unwrap())
    }

    #[test]
    fn the_words_are_auditds() {
        let mut process = Process { pid: 9, uid: 0, auid: UNSET, ses: 3, subj: String::new() };
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            text(&start(NOW, "raw", "6.18.0", &process)),
            (
                1200,
                format!(
                    "op=start ver={version} format=raw kernel=6.18.0 auid=4294967295 pid=9 uid=0 ses=3 res=success"
                )
            )
        );
        process.subj = "system_u:system_r:auditd_t:s0".to_owned();
        assert_eq!(text(&end(NOW, Some(&process))), (
            1201,
            "op=terminate auid=4294967295 uid=0 ses=3 pid=9 subj=system_u:system_r:auditd_t:s0 res=success"
                .to_owned()
        ));
        assert_eq!(
            text(&rotate(NOW, None)),
            (1205, "op=rotate-logs auid=-1 uid=-1 ses=-1 pid=-1 subj=? res=success".to_owned())
        );
    }

    #[test]
    fn a_process_is_read_from_proc() {
        let own = Process::own();
        assert_eq!(own.pid, std::process::id());
        assert_eq!(own.uid, fs::metadata("/proc/self").unwrap().uid());
        assert_eq!(
            Process::of(Sender { pid: 0, uid: 7 }),
            Process { pid: 0, uid: 7, auid: UNSET, ses: UNSET, subj: String::new() }
        );
    }
}
