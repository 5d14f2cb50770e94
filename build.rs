//! Turns the text files in tables/ into compact statics for src/setup/wire/tables.rs: one blob with every
//! name once, in order, and for each table an array from number to name; and for src/setup/values, in
//! build/values.rs.

#[path = "build/values.rs"]
mod values;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// File in tables/ and the prefix of its statics.
const TABLES: [(&str, &str); 10] = [
    ("syscalls-x86_64.txt", "X86_64"),
    ("syscalls-i386.txt", "I386"),
    ("syscalls-aarch64.txt", "AARCH64"),
    ("syscalls-arm.txt", "ARM"),
    ("syscalls-riscv64.txt", "RISCV64"),
    ("syscalls-ppc64le.txt", "PPC64LE"),
    ("syscalls-s390x.txt", "S390X"),
    ("syscalls-s390.txt", "S390"),
    ("io_uring.txt", "IO_URING"),
    ("errno.txt", "ERRNO"),
];

/// Tables that are kept as what differs from another one.
const BASES: [(&str, &str); 2] = [("RISCV64", "AARCH64"), ("S390X", "S390")];

/// The machines whose system calls a kernel for an arch (Rust's name) takes.
const FAMILIES: [(&str, &[&str]); 6] = [
    ("x86_64", &["X86_64", "I386"]),
    ("aarch64", &["AARCH64", "ARM"]),
    ("arm", &["ARM"]),
    ("riscv64", &["RISCV64", "AARCH64"]),
    ("powerpc64", &["PPC64LE"]),
    ("s390x", &["S390X", "S390"]),
];

/// The record types: few and far apart, so pairs and not an array.
const RECORD_TYPES: &str = "record-types.txt";

/// Numbers from here on do not fit a rule's mask (include/uapi/linux/audit.h, AUDIT_BITMASK_SIZE * 32),
/// or are its 16 class bits.
const NUMBER_LIMIT: u16 = 2032;

/// Marks a number without a name.
const NONE: u16 = u16::MAX;

struct Table {
    prefix: &'static str,
    /// The shown name of each number.
    names: BTreeMap<u16, String>,
    /// Further names.
    aliases: Vec<(String, u16)>,
}

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=../../build.rs");
    println!("cargo::rerun-if-changed=../../build");
    println!("cargo::rerun-if-changed=../../tables");

    // This crate is in src/setup; the tables are beside Cargo.toml at the top.
    let root = variable("CARGO_MANIFEST_DIR")?;
    let mut tables = Vec::new();
    for (file, prefix) in TABLES {
        let path = Path::new(&root).join("../../tables").join(file);
        let text = fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        tables.push(read_table(file, prefix, &text, NUMBER_LIMIT)?);
    }
    let known: BTreeSet<String> = tables.iter().flat_map(all_names).map(str::to_owned).collect();
    leave_out_others(&mut tables)?;
    let path = Path::new(&root).join("../../tables").join(RECORD_TYPES);
    let text = fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let types = read_table(RECORD_TYPES, "RECORD_TYPES", &text, u16::MAX)?;
    let out = Path::new(&variable("OUT_DIR")?).join("tables.in");
    fs::write(&out, generate(&tables, &types)?)
        .map_err(|e| format!("cannot write {}: {e}", out.display()))?;
    let out = Path::new(&variable("OUT_DIR")?).join("values.in");
    let text = values::generate(&Path::new(&root).join("../../tables"), &names(&tables, &types), &known)?;
    fs::write(&out, text).map_err(|e| format!("cannot write {}: {e}", out.display()))
}

/// The smallest build runs on its own machine's kernel alone and reads nobody else's log: the names of other machines'
/// system calls are 8 KiB.
fn leave_out_others(tables: &mut [Table]) -> Result<(), String> {
    if ["JSON", "RULES"].into_iter().any(|feature| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some())
    {
        return Ok(());
    }
    let arch = variable("CARGO_CFG_TARGET_ARCH")?;
    let Some((_, own)) = FAMILIES.iter().find(|(of, _)| *of == arch) else { return Ok(()) };
    let others = tables.iter_mut().filter(|table| {
        let is_machine = FAMILIES.iter().any(|(_, family)| family.contains(&table.prefix));
        is_machine && !own.contains(&table.prefix)
    });
    for table in others {
        table.names.clear();
        table.aliases.clear();
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|e| format!("{name}: {e}"))
}

/// `number name` lines; `#` begins a comment line.
fn read_table(file: &str, prefix: &'static str, text: &str, limit: u16) -> Result<Table, String> {
    let mut table = Table { prefix, names: BTreeMap::new(), aliases: Vec::new() };
    let mut seen = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("tables/{file}:{}", index + 1);
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (number, name) = line.split_once(' ').ok_or(format!("{place}: not `number name`"))?;
        let number: u16 = number.parse().map_err(|e| format!("{place}: {number}: {e}"))?;
        if number >= limit {
            return Err(format!("{place}: {number} is not below {limit}"));
        }
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!("{place}: \"{name}\" is not a name"));
        }
        if !seen.insert(name) {
            return Err(format!("{place}: \"{name}\" stands twice"));
        }
        match table.names.entry(number) {
            Entry::Vacant(slot) => {
                slot.insert(name.to_owned());
            }
            Entry::Occupied(_) => table.aliases.push((name.to_owned(), number)),
        }
    }
    Ok(table)
}

/// Every name once, in order: its place there is its id.
fn names<'t>(tables: &'t [Table], types: &'t Table) -> BTreeSet<&'t str> {
    tables.iter().chain([types]).flat_map(all_names).collect()
}

fn all_names(table: &Table) -> impl Iterator<Item = &str> {
    table.names.values().chain(table.aliases.iter().map(|(name, _)| name)).map(String::as_str)
}

fn generate(tables: &[Table], types: &Table) -> Result<String, String> {
    let all = names(tables, types);
    let ids: BTreeMap<&str, usize> = all.iter().enumerate().map(|(id, name)| (*name, id)).collect();
    let blob: String = all.iter().copied().collect();
    let mut end = 0;
    let mut ends = Vec::new();
    for name in &all {
        end += name.len();
        ends.push(u16::try_from(end).map_err(|_| "the names are longer than 64 KiB".to_owned())?);
    }
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").map_err(|e| e.to_string());
    line(format!("static NAMES: &str = {blob:?};"))?;
    line(format!("static NAME_ENDS: [u16; {}] = {ends:?};", ends.len()))?;
    let pairs: Vec<(u16, usize)> =
        types.names.iter().filter_map(|(number, name)| Some((*number, *ids.get(name.as_str())?))).collect();
    line(format!("static {}: [(u16, u16); {}] = {pairs:?};", types.prefix, pairs.len()))?;
    let id = |table: &Table, number: u16| {
        table.names.get(&number).and_then(|name| ids.get(name.as_str())).map_or(usize::from(NONE), |id| *id)
    };
    for table in tables {
        let Table { prefix, names, aliases } = table;
        let last = names.keys().next_back().copied().unwrap_or(0);
        let aliases: Vec<(usize, u16)> =
            aliases.iter().filter_map(|(name, number)| Some((*ids.get(name.as_str())?, *number))).collect();
        line(format!("static {prefix}_ALIASES: [(u16, u16); {}] = {aliases:?};", aliases.len()))?;
        let base = BASES.iter().find(|(of, _)| of == prefix).map(|(_, base)| base);
        if let Some(base) = base.and_then(|base| tables.iter().find(|table| table.prefix == *base)) {
            let changes = (0..NUMBER_LIMIT).map(|number| (number, id(table, number), id(base, number)));
            let changes =
                changes.filter(|(_, own, other)| own != other).map(|(number, own, _)| (number, own));
            let changes: Vec<(u16, usize)> = changes.collect();
            line(format!("static {prefix}_CHANGES: [(u16, u16); {}] = {changes:?};", changes.len()))?;
        } else {
            let numbers: Vec<usize> = (0..=last).map(|number| id(table, number)).collect();
            line(format!("static {prefix}: [u16; {}] = {numbers:?};", numbers.len()))?;
        }
    }
    Ok(out)
}
