//! `[enrich]`: what is added to an event from the process table, /proc and the file system.

use super::suggest::quoted;
use super::values::{Table, Walker};

/// The most environment variables that can be named.
pub const MAX_ENV: usize = 16;

/// `[enrich]`. Each can be switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrich {
    /// `process = true`: the process and its parent (PID, PPID).
    pub process: bool,
    /// `script = true`: the script that an interpreter was started for.
    pub script: bool,
    /// `container = true`: the container's id.
    pub container: bool,
    /// `unit = true`: the systemd unit.
    pub unit: bool,
    /// `env = ["LD_PRELOAD", "LD_LIBRARY_PATH"]`: environment variables of a started program; at most
    /// [`MAX_ENV`].
    pub env: Vec<String>,
    /// `inode_path = true`: a path for PATH records that have no name.
    pub inode_path: bool,
    /// `processes = 2048`: the places of the process table; 64 to 32768.
    pub processes: u32,
}

impl Enrich {
    /// All switched off; the table has its default size.
    #[must_use]
    pub fn none() -> Self {
        let Self { processes, .. } = Self::default();
        let (process, script, container, unit, inode_path) = (false, false, false, false, false);
        Self { process, script, container, unit, env: Vec::new(), inode_path, processes }
    }
}

impl Default for Enrich {
    fn default() -> Self {
        Self {
            process: true,
            script: true,
            container: true,
            unit: true,
            env: ["LD_PRELOAD", "LD_LIBRARY_PATH"].map(str::to_owned).to_vec(),
            inode_path: true,
            processes: 2048,
        }
    }
}

impl Walker<'_> {
    #[inline(never)]
    pub(super) fn enrich(&mut self, table: Table<'_>, enrich: &mut Enrich) {
        self.read(table, enrich);
        let wanted = "a list of variables, such as [\"LD_PRELOAD\"]";
        let Some(nodes) = self.list(table, "env", wanted) else { return };
        if nodes.len() > MAX_ENV {
            let message =
                format_args!("\"enrich.env\" must have at most {MAX_ENV} variables, not {}", nodes.len());
            self.problem(table.pos("env"), message);
        }
        enrich.env.clear();
        self.strings(table, "env", "each", nodes, &mut |walker, pos, name| {
            if name.is_empty() || name.contains(['=', '\0']) {
                walker.problem(pos, format_args!("{} can't be the name of a variable", quoted(name)));
            } else {
                enrich.env.push(name.to_owned());
            }
        });
    }
}
