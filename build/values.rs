//! tables/values.txt and tables/arguments.txt to the statics of src/setup/values: one stream of bytes with the
//! sets one after the other (its form is told in src/setup/values/set.rs), and for each system call what its
//! arguments are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The ways to read an argument that are no plain set; `@open` is `what::OPEN_WAY`. Numbered from 255 down.
const WAYS: [&str; 25] = [
    "nothing",
    "user",
    "group",
    "dirfd",
    "open",
    "mode",
    "mode_if_create",
    "file_mode",
    "fcntl",
    "prot",
    "mmap",
    "ipc",
    "shm",
    "clone",
    "unshare",
    "ptrace",
    "prctl",
    "personality",
    "sched",
    "socktype",
    "protocol",
    "level",
    "sockopt",
    "asked_sockopt",
    "mount",
];
/// A run of numbers is one segment while no more than this many between two are without a name.
const LARGEST_GAP: u64 = 4;
/// Marks a name that does not begin with its set's prefix.
const BARE: u8 = 0x80;

struct Set {
    name: String,
    style: u8,
    prefix: String,
    zero: String,
    /// The name of each number, or for flags of each bit.
    names: BTreeMap<u64, String>,
}

/// The text of the statics; `syscalls` are all names in the order of their ids, `known` those that are left out too.
pub(crate) fn generate(
    tables: &Path,
    syscalls: &BTreeSet<&str>,
    known: &BTreeSet<String>,
) -> Result<String, String> {
    let read = |file: &str| {
        let path = tables.join(file);
        fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))
    };
    let sets = read_sets(&read("values.txt")?)?;
    if sets.len() + WAYS.len() > 256 {
        return Err("more sets and ways than a byte counts".to_owned());
    }
    let (mut bytes, mut starts) = (Vec::new(), Vec::new());
    for set in &sets {
        starts.push(u16::try_from(bytes.len()).map_err(|_| "the sets are longer than 64 KiB".to_owned())?);
        encode(set, &mut bytes)?;
    }
    let arguments = read_arguments(&read("arguments.txt")?, &sets, syscalls, known)?;
    let (ids, kinds): (Vec<usize>, Vec<[u8; 4]>) = arguments.into_iter().unzip();
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").map_err(|e| e.to_string());
    line(format!("static SETS: [u8; {}] = {bytes:?};", bytes.len()))?;
    line(format!("static SET_STARTS: [u16; {}] = {starts:?};", starts.len()))?;
    line(format!("static CALLS: [u16; {}] = {ids:?};", ids.len()))?;
    line(format!("static CALL_ARGUMENTS: [[u8; 4]; {}] = {kinds:?};", kinds.len()))?;
    line("/// The sets, and from the top down the ways that are none.".to_owned())?;
    line("#[allow(dead_code)]\npub(super) mod what {".to_owned())?;
    for (id, set) in sets.iter().enumerate() {
        line(format!("pub(crate) const {}: u8 = {id};", set.name.to_ascii_uppercase()))?;
    }
    for (id, way) in WAYS.iter().enumerate() {
        line(format!("pub(crate) const {}_WAY: u8 = {};", way.to_ascii_uppercase(), 255 - id))?;
    }
    line("}".to_owned())?;
    Ok(out)
}

/// `[NAME KIND prefix P zero Z]`, then `number name` lines.
fn read_sets(text: &str) -> Result<Vec<Set>, String> {
    let mut sets: Vec<Set> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fault = |what: &str| format!("tables/values.txt:{}: {what}: {line}", index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(head) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let set = read_head(head).ok_or_else(|| fault("not [NAME KIND prefix P zero Z]"))?;
            if sets.iter().any(|other| other.name == set.name) {
                return Err(fault("stands twice"));
            }
            sets.push(set);
            continue;
        }
        let set = sets.last_mut().ok_or_else(|| fault("a line before any set"))?;
        let (number, name) = line.split_once(' ').ok_or_else(|| fault("not `number name`"))?;
        let value = match number.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => number.parse(),
        };
        let mut value = value.map_err(|e| fault(&e.to_string()))?;
        if set.style != 0 {
            if !value.is_power_of_two() {
                return Err(fault("a flag is one bit"));
            }
            value = u64::from(value.trailing_zeros());
        }
        if !name.bytes().all(|b| b.is_ascii_graphic()) || name.len() >= usize::from(BARE) {
            return Err(fault("not a name"));
        }
        if set.names.insert(value, name.to_owned()).is_some() {
            return Err(fault("the number stands twice"));
        }
    }
    Ok(sets)
}

fn read_head(head: &str) -> Option<Set> {
    let mut words = head.split(' ');
    let name = words.next()?.to_owned();
    let style =
        ["enum", "flags", "flags3", "list"].iter().position(|kind| Some(*kind) == words.clone().next())?;
    words.next();
    let mut set = Set {
        name,
        style: u8::try_from(style).ok()?,
        prefix: String::new(),
        zero: String::new(),
        names: BTreeMap::new(),
    };
    while let Some(word) = words.next() {
        match word {
            "prefix" => set.prefix = words.next()?.to_owned(),
            "zero" => set.zero = words.next()?.to_owned(),
            _ => return None,
        }
    }
    Some(set)
}

/// Appends a set's bytes.
fn encode(set: &Set, bytes: &mut Vec<u8>) -> Result<(), String> {
    let length =
        |n: usize| u8::try_from(n).map_err(|_| format!("set {} has too much of something", set.name));
    bytes.push(set.style);
    for text in [&set.prefix, &set.zero] {
        bytes.push(length(text.len())?);
        bytes.extend(text.bytes());
    }
    let mut segments: Vec<Vec<(u64, &String)>> = Vec::new();
    for (&number, name) in &set.names {
        match segments.last_mut() {
            Some(segment) if segment.last().is_some_and(|(last, _)| number - last <= LARGEST_GAP) => {
                segment.push((number, name));
            }
            _ => segments.push(vec![(number, name)]),
        }
    }
    bytes.push(length(segments.len())?);
    for segment in segments {
        let (Some((first, _)), Some((last, _))) = (segment.first(), segment.last()) else { continue };
        let first = u32::try_from(*first).map_err(|e| format!("set {}: {first}: {e}", set.name))?;
        bytes.extend(first.to_le_bytes());
        bytes.push(length(usize::try_from(last + 1 - u64::from(first)).map_err(|e| e.to_string())?)?);
        let mut next = u64::from(first);
        for (number, name) in segment {
            bytes.extend((next..number).map(|_| 0));
            next = number + 1;
            let (mark, rest) = match name.strip_prefix(set.prefix.as_str()) {
                Some(rest) if !rest.is_empty() => (0, rest),
                _ => (BARE, name.as_str()),
            };
            bytes.push(mark | length(rest.len())?);
            bytes.extend(rest.bytes());
        }
    }
    Ok(())
}

/// `SYSCALL INDEX WHAT` lines to what each call's four arguments are, by the call's id.
fn read_arguments(
    text: &str,
    sets: &[Set],
    syscalls: &BTreeSet<&str>,
    known: &BTreeSet<String>,
) -> Result<BTreeMap<usize, [u8; 4]>, String> {
    let mut arguments = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let fault = |what: &str| format!("tables/arguments.txt:{}: {what}: {line}", index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let [call, place, what] = words.as_slice() else { return Err(fault("not SYSCALL INDEX WHAT")) };
        let Some(id) = syscalls.iter().position(|name| name == call) else {
            if known.contains(*call) {
                continue;
            }
            return Err(fault("no such system call"));
        };
        let kind = match what.strip_prefix('@') {
            Some(way) => WAYS.iter().position(|name| *name == way).map(|at| 255 - at),
            None => sets.iter().position(|set| set.name == *what),
        };
        let kind =
            kind.and_then(|kind| u8::try_from(kind).ok()).ok_or_else(|| fault("no such set or way"))?;
        let place: usize = place.parse().map_err(|_| fault("not an argument's place"))?;
        let slot =
            arguments.entry(id).or_insert([255; 4]).get_mut(place).ok_or_else(|| fault("not a0 to a3"))?;
        if *slot != 255 {
            return Err(fault("the argument stands twice"));
        }
        *slot = kind;
    }
    Ok(arguments)
}
