//! `[enrich]`: what is added to an event from the process table, /proc and the file system.

use std::fmt::Write;

use super::node::Value;
use super::show::string;
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
    pub(super) fn enrich(&mut self, table: Table<'_>, enrich: &mut Enrich) {
        self.bool(table, "process", &mut enrich.process);
        self.bool(table, "script", &mut enrich.script);
        self.bool(table, "container", &mut enrich.container);
        self.bool(table, "unit", &mut enrich.unit);
        self.env(table, &mut enrich.env);
        self.bool(table, "inode_path", &mut enrich.inode_path);
        self.number(table, "processes", 64..=32_768, &mut enrich.processes);
    }

    fn env(&mut self, table: Table<'_>, into: &mut Vec<String>) {
        let Some(node) = table.get("env") else { return };
        let Value::List(nodes) = &node.value else {
            self.wrong(table, "env", "a list of variables, such as [\"LD_PRELOAD\"]", node);
            return;
        };
        if nodes.len() > MAX_ENV {
            let message =
                format!("\"enrich.env\" must have at most {MAX_ENV} variables, not {}", nodes.len());
            self.problem(node.pos, message);
        }
        into.clear();
        for node in nodes {
            match &node.value {
                Value::String(name) if name.is_empty() || name.contains(['=', '\0']) => {
                    let message = format!("{} can't be the name of a variable", quoted(name));
                    self.problem(node.pos, message);
                }
                Value::String(name) => into.push(name.clone()),
                other => {
                    let message = format!("each of \"enrich.env\" must be a string, not {}", other.kind());
                    self.problem(node.pos, message);
                }
            }
        }
    }
}

/// Writes the table as TOML.
pub(super) fn show(text: &mut String, enrich: &Enrich) -> std::fmt::Result {
    let env: Vec<String> = enrich.env.iter().map(|name| string(name)).collect();
    writeln!(text, "\n[enrich]")?;
    writeln!(text, "process = {}", enrich.process)?;
    writeln!(text, "script = {}", enrich.script)?;
    writeln!(text, "container = {}", enrich.container)?;
    writeln!(text, "unit = {}", enrich.unit)?;
    writeln!(text, "env = [{}]", env.join(", "))?;
    writeln!(text, "inode_path = {}", enrich.inode_path)?;
    writeln!(text, "processes = {}", enrich.processes)
}
