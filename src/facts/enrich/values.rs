//! What the kernel's numbers mean. The words are in the crate that is compiled for size (src/setup/values says
//! why); here they meet a record's types and values.

use crate::wire::fields::Value;
use crate::wire::record::RecordType;
use crate::wire::tables::Machine;

pub use ringaudit_setup::values::{CUT, Id, TEXT, Text, argument, argument_is_id};

/// Appends what a field's value means: `mode=0100644` is `file,644`, `sig=9` is `SIGKILL`, `exit=-2` is
/// `ENOENT`. False when there is nothing to say; then nothing is appended. `machine` is that of the event's
/// system call; this one's where it has none.
///
/// Not here: a0 to a3 (see [`argument`]), arch and syscall, saddr, and numbers of users and groups.
pub fn field(
    machine: Option<Machine>,
    kind: RecordType,
    key: &[u8],
    value: Value<'_>,
    text: &mut Text,
) -> bool {
    let Value::Bare(value) = value else { return false };
    ringaudit_setup::values::field(machine.unwrap_or(Machine::X86_64), kind.0, key, value, text)
}
