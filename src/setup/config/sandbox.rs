//! `[sandbox]`: what the daemon gives up after its start. `[memory]`: how much it may have.

use super::plain::Plain;
use super::show::pair;
use super::values::{Key, Table, Walker, number, pick, small, switch, word};
use super::{Located, Problem, id_in, quoted};

/// `[sandbox]`. Each can be switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// `enabled = true`: whether anything of it is done.
    pub enabled: bool,
    /// `required = false`: the daemon does not run where something of it can't be had.
    pub required: bool,
    /// `capabilities = true`: only those in use stay.
    pub capabilities: bool,
    /// `no_new_privs = true`: no program that is executed gets more.
    pub no_new_privs: bool,
    /// `user = "name or number"`: the daemon's user after the start.
    pub user: Option<Located<String>>,
    /// `group = "name or number"`: its group; default that of the user in /etc/passwd.
    pub group: Option<Located<String>>,
    /// `seccomp = "on" | "log" | "off"`: the system calls in use alone are allowed.
    pub seccomp: Seccomp,
    /// `landlock = "threads" | "all" | "off"`: which threads may write in the outputs' directories alone.
    pub landlock: Landlock,
    /// `limits = true`: resource limits (setrlimit(2)).
    pub limits: bool,
    /// `core_dumps = false`: whether a crash may leave the memory in a file.
    pub core_dumps: bool,
    /// `lock_memory = false`: whether the memory is kept out of the swap.
    pub lock_memory: bool,
}

/// What becomes of a system call that is not in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seccomp {
    /// It fails with EPERM.
    #[default]
    On,
    /// It is done, and the kernel logs it.
    Log,
    /// There is no filter.
    Off,
}

/// Which threads are fenced in by Landlock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Landlock {
    /// Those of the outputs, and the reader.
    #[default]
    Threads,
    /// All.
    All,
    /// None.
    Off,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            enabled: true,
            required: false,
            capabilities: true,
            no_new_privs: true,
            user: None,
            group: None,
            seccomp: Seccomp::On,
            landlock: Landlock::Threads,
            limits: true,
            core_dumps: false,
            lock_memory: false,
        }
    }
}

/// `[memory]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// `max_kib = 0`: what the daemon may take of memory, in KiB, with its place; 0 is no limit.
    pub max_kib: Located<u32>,
}

impl Plain<9> for Sandbox {
    const KEYS: &'static [Key] = &[
        switch("enabled"),
        switch("required"),
        switch("capabilities"),
        switch("no_new_privs"),
        word("seccomp", &["on", "log", "off"]),
        word("landlock", &["threads", "all", "off"]),
        switch("limits"),
        switch("core_dumps"),
        switch("lock_memory"),
    ];

    fn values(&self) -> [u64; 9] {
        [
            self.enabled.into(),
            self.required.into(),
            self.capabilities.into(),
            self.no_new_privs.into(),
            self.seccomp as u64,
            self.landlock as u64,
            self.limits.into(),
            self.core_dumps.into(),
            self.lock_memory.into(),
        ]
    }

    fn set(&mut self, values: [u64; 9]) {
        let [enabled, required, capabilities, no_new, seccomp, landlock, limits, dumps, lock] = values;
        self.enabled = enabled != 0;
        self.required = required != 0;
        self.capabilities = capabilities != 0;
        self.no_new_privs = no_new != 0;
        self.seccomp = pick(&[Seccomp::On, Seccomp::Log, Seccomp::Off], seccomp);
        self.landlock = pick(&[Landlock::Threads, Landlock::All, Landlock::Off], landlock);
        self.limits = limits != 0;
        self.core_dumps = dumps != 0;
        self.lock_memory = lock != 0;
    }
}

impl Plain<1> for Memory {
    const KEYS: &'static [Key] = &[number("max_kib", 0, 1_048_576)];

    fn values(&self) -> [u64; 1] {
        [self.max_kib.value.into()]
    }

    fn set(&mut self, [max]: [u64; 1]) {
        self.max_kib.value = small(max);
    }
}

impl Walker<'_> {
    #[inline(never)]
    pub(super) fn sandbox(&mut self, table: Table<'_>, sandbox: &mut Sandbox) {
        self.read(table, sandbox);
        sandbox.user = self.located(table, "user", "a user's name or number in quotes");
        sandbox.group = self.located(table, "group", "a group's name or number in quotes");
        if sandbox.user.is_none() {
            self.refuse(table, "group", "\"sandbox.group\" needs a \"user\"");
        }
    }

    #[inline(never)]
    pub(super) fn memory(&mut self, table: Table<'_>, memory: &mut Memory) {
        memory.max_kib.place = self.place(table.pos("max_kib"));
        self.read(table, memory);
    }
}

/// The keys of `[sandbox]` that are not plain.
pub(super) fn show(text: &mut String, sandbox: &Sandbox) {
    for (key, name) in [("user", &sandbox.user), ("group", &sandbox.group)] {
        if let Some(name) = name {
            pair(text, key, &name.value);
        }
    }
}

impl Sandbox {
    /// The user's entry of /etc/passwd: its number and, unless a group is named, its group's.
    #[must_use]
    pub fn ids(&self, passwd: &str, group: &str) -> Option<(u32, u32)> {
        let user = self.user.as_ref()?;
        let uid = id_in(passwd, &user.value)?;
        let gid = match &self.group {
            Some(name) => id_in(group, &name.value)?,
            None => passwd.lines().find_map(|line| {
                let mut fields = line.split(':').skip(2);
                let is_it = fields.next()?.parse() == Ok(uid);
                is_it.then(|| fields.next()?.parse().ok()).flatten()
            })?,
        };
        Some((uid, gid))
    }

    /// What is wrong with the user and the group on this system, by the same tables.
    #[must_use]
    pub fn problem(&self, passwd: &str, group: &str) -> Option<Problem> {
        let user = self.user.as_ref()?;
        if self.ids(passwd, group).is_some() {
            return None;
        }
        let unknown = |what: &str, name: &str| {
            let table = if what == "user" { "/etc/passwd" } else { "/etc/group" };
            format!("unknown {what} {}: not in {table}", quoted(name))
        };
        let (place, message) = match &self.group {
            _ if id_in(passwd, &user.value).is_none() => (&user.place, unknown("user", &user.value)),
            Some(name) => (&name.place, unknown("group", &name.value)),
            None => (&user.place, "this user has no entry in /etc/passwd: name a \"group\" too".to_owned()),
        };
        Some(Problem { place: place.clone(), message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_user() {
        const PASSWD: &str = "root:x:0:0:::\naudit:x:120:121:::\n";
        const GROUP: &str = "adm:x:4:\n";
        let text = |user: &str| Some(Located { value: user.to_owned(), ..Located::default() });
        let ids = |user, group| Sandbox { user, group, ..Sandbox::default() }.ids(PASSWD, GROUP);
        assert_eq!(ids(text("audit"), None), Some((120, 121)));
        assert_eq!(ids(text("120"), None), Some((120, 121)));
        assert_eq!(ids(text("audit"), text("adm")), Some((120, 4)));
        assert_eq!(ids(text("7"), text("8")), Some((7, 8)));
        assert_eq!(ids(text("7"), None), None);
        assert_eq!(ids(None, None), None);
        let wrong = |user, group| {
            let sandbox = Sandbox { user, group, ..Sandbox::default() };
            sandbox.problem(PASSWD, GROUP).map(|problem| problem.message)
        };
        assert_eq!(wrong(text("audit"), None), None);
        assert_eq!(wrong(text("nobody"), None).unwrap(), "unknown user \"nobody\": not in /etc/passwd");
        assert_eq!(wrong(text("audit"), text("x")).unwrap(), "unknown group \"x\": not in /etc/group");
        assert!(wrong(text("7"), None).unwrap().contains("name a \"group\" too"));
    }
}
