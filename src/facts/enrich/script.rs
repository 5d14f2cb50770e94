//! The script that an interpreter was started for, from the records of its execve alone. The kernel opens the
//! script, then the interpreter, then the interpreter's loader, and puts the interpreter's and the script's
//! paths before the arguments. Source: fs/binfmt_script.c, load_script; fs/exec.c, bprm_execve.

use crate::event::Event;
use crate::event::facts::Facts;
use crate::wire::fields::{self, Value};
use crate::wire::record::RecordType;

/// The longest path that the kernel takes or gives (PATH_MAX).
const PATH_MAX: usize = 4096;
/// AT_FDCWD as the kernel writes it in a 64-bit and in a 32-bit argument's lower half.
const AT_FDCWD: u32 = 0xffff_ff9c;

/// The last script found, with its space.
pub(super) struct Script {
    path: Vec<u8>,
}

/// What an execve's records say.
#[derive(Default)]
struct Opened<'a> {
    /// The first two names, and how many there are.
    names: [Option<Value<'a>>; 2],
    count: usize,
    cwd: Option<Value<'a>>,
    argv: [Option<Value<'a>>; 3],
}

impl Script {
    /// With its space.
    pub(super) fn new() -> Self {
        Self { path: Vec::with_capacity(2 * PATH_MAX + 1) }
    }

    /// Forgets it.
    pub(super) fn clear(&mut self) {
        self.path.clear();
    }

    /// The script found, from the root, without `.` and `..` (as text: links are not followed).
    pub(super) fn get(&self) -> Option<&[u8]> {
        Some(self.path.as_slice()).filter(|path| !path.is_empty())
    }

    /// Looks for the script of an execve that succeeded.
    pub(super) fn find(&mut self, event: &Event<'_>, facts: &Facts<'_>) {
        self.path.clear();
        let opened = Opened::of(event);
        let [Some(file), Some(second)] = opened.names else { return };
        if !opened.is_script(file, second) {
            return;
        }
        if !self.push(file) {
            return;
        }
        if self.path.first() != Some(&b'/') && !self.make_absolute(&opened, file, facts) {
            return self.path.clear();
        }
        normalise(&mut self.path);
    }

    /// Puts the working directory before a relative name, which holds unless it is relative to a descriptor.
    fn make_absolute(&mut self, opened: &Opened<'_>, file: Value<'_>, facts: &Facts<'_>) -> bool {
        let from = facts.args.first().copied().flatten();
        let at = facts.syscall_name() == Some("execveat");
        if self.path.is_empty() || (at && from.is_none_or(|fd| fd as u32 != AT_FDCWD)) {
            return false;
        }
        self.path.clear();
        if !opened.cwd.is_some_and(|cwd| self.push(cwd)) || self.path.first() != Some(&b'/') {
            return false;
        }
        self.path.push(b'/');
        self.push(file)
    }

    /// Appends a name; false when it is none, or longer than a path can be.
    fn push(&mut self, value: Value<'_>) -> bool {
        let before = self.path.len();
        self.path.resize(before + PATH_MAX, 0);
        let Some(space) = self.path.get_mut(before..) else { return false };
        let len = match value {
            Value::Bare(hex) => fields::decode_hex(hex, space).map(<[u8]>::len),
            Value::Quoted(text) => space.get_mut(..text.len()).map(|to| {
                to.copy_from_slice(text);
                text.len()
            }),
            Value::Nested(_) => None,
        };
        self.path.truncate(before + len.unwrap_or(0));
        len.is_some()
    }
}

impl<'a> Opened<'a> {
    fn of(event: &Event<'a>) -> Self {
        let mut opened = Self::default();
        for record in event.records {
            match record.kind {
                RecordType::PATH => opened.note_path(record.fields),
                RecordType::CWD => {
                    opened.cwd =
                        fields::items(record.fields).fields().find(|(k, _)| *k == b"cwd").map(|f| f.1);
                }
                RecordType::EXECVE => {
                    for (key, value) in fields::items(record.fields).fields().take(4) {
                        let place = match key {
                            b"a0" => 0,
                            b"a1" => 1,
                            b"a2" => 2,
                            _ => continue,
                        };
                        if let Some(argument @ None) = opened.argv.get_mut(place) {
                            *argument = Some(value);
                        }
                    }
                }
                _ => {}
            }
        }
        opened
    }

    fn note_path(&mut self, record: &'a [u8]) {
        self.count += 1;
        let (mut item, mut name) = (None, None);
        // They come first.
        for (key, value) in fields::items(record).fields().take(2) {
            match key {
                b"item" => item = value.id().and_then(|item| usize::try_from(item).ok()),
                b"name" => name = Some(value).filter(|value| !value.is_null()),
                _ => {}
            }
        }
        if let Some(place) = item.and_then(|item| self.names.get_mut(item)) {
            *place = name;
        }
    }

    /// A program has at most its loader beside it. Of two files the second is a loader, or the interpreter
    /// without one: then it and the script are among the arguments.
    fn is_script(&self, file: Value<'_>, second: Value<'_>) -> bool {
        let [first, one, two] = self.argv;
        self.count > 2 || (first == Some(second) && (one == Some(file) || two == Some(file)))
    }
}

/// Takes `.`, `..` and empty parts out of an absolute path.
fn normalise(path: &mut Vec<u8>) {
    let mut end = 0;
    let mut at = 0;
    while at < path.len() {
        let rest = path.get(at + 1..).unwrap_or_default();
        let len = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
        let next = at + 1 + len;
        match rest.get(..len).unwrap_or_default() {
            b"" | b"." => {}
            b".." => {
                let kept = path.get(..end).unwrap_or_default();
                end = kept.iter().rposition(|&b| b == b'/').unwrap_or(0);
            }
            _ => {
                path.copy_within(at..next, end);
                end += next - at;
            }
        }
        at = next;
    }
    path.truncate(end);
    if path.is_empty() {
        path.push(b'/');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich::testing::replay;

    /// An execve of those files and arguments.
    fn script(cwd: &str, paths: &[&str], argv: &[&str], syscall: &str) -> Option<String> {
        let mut log = format!(
            "type=SYSCALL msg=audit(1.002:3): arch=c000003e {syscall} success=yes exit=0 pid=2 exe=\"/usr/bin/dash\"\n"
        );
        log += &format!("type=EXECVE msg=audit(1.002:3): argc={}", argv.len());
        for (place, argument) in argv.iter().enumerate() {
            log += &format!(" a{place}={argument}");
        }
        log += &format!("\ntype=CWD msg=audit(1.002:3): cwd={cwd}\n");
        for (item, name) in paths.iter().enumerate() {
            log += &format!("type=PATH msg=audit(1.002:3): item={item} name={name} inode=1 dev=fe:00\n");
        }
        let mut found = None;
        replay(&log, |event| {
            let mut script = Script::new();
            script.find(event, &Facts::of(event));
            found = script.get().map(|path| String::from_utf8(path.to_vec()).unwrap());
        });
        found
    }

    const LOADER: &str = "\"/lib64/ld-linux-x86-64.so.2\"";
    const EXECVE: &str = "syscall=59 a0=7f";

    /// Names and arguments as this machine's kernel wrote them, and what laurel 0.5.1 made of them.
    #[test]
    fn as_laurel_finds_it() {
        let w = "\"/tmp/ctx/w\"";
        let of = |paths: &[&str], argv: &[&str]| script(w, paths, argv, EXECVE);
        let s = Some("/tmp/ctx/w/s.sh".to_owned());
        assert_eq!(of(&["\"./s.sh\"", "\"/bin/sh\"", LOADER], &["\"/bin/sh\"", "\"./s.sh\""]), s);
        assert_eq!(of(&["\"../w/./s.sh\"", "\"/bin/sh\"", LOADER], &["\"/bin/sh\"", "\"../w/./s.sh\""]), s);
        assert_eq!(of(&["\"/tmp/ctx/w/s.sh\"", "\"/bin/sh\"", LOADER], &["\"/bin/sh\""]), s);
        let hex =
            of(&["2E2F6120622E7368", "\"/bin/sh\"", LOADER], &["\"/bin/sh\"", "\"-e\"", "2E2F6120622E7368"]);
        assert_eq!(hex, Some("/tmp/ctx/w/a b.sh".to_owned()));
        let nested = of(&["\"./nest\"", "\"/tmp/ctx/w/s.sh\"", "\"/bin/sh\"", LOADER], &["\"/bin/sh\""]);
        assert_eq!(nested, Some("/tmp/ctx/w/nest".to_owned()));
        assert_eq!(of(&["\"./slp\"", LOADER], &["\"./slp\"", "\"0.4\""]), None, "a link to a program");
        assert_eq!(
            of(&["\"/bin/sleep\"", LOADER], &[LOADER, "\"0.3\""]),
            None,
            "its first argument is its own"
        );
        assert_eq!(of(&[LOADER], &[LOADER, "\"/bin/sleep\""]), None);
    }

    #[test]
    fn an_interpreter_without_a_loader() {
        let static_sh = ["\"./x\"", "\"/bin/busybox\""];
        let of = |argv: &[&str]| script("\"/\"", &static_sh, argv, EXECVE);
        assert_eq!(of(&["\"/bin/busybox\"", "\"./x\"", "\"y\""]), Some("/x".to_owned()));
        assert_eq!(of(&["\"/bin/busybox\"", "\"sh\"", "\"./x\""]), Some("/x".to_owned()));
        assert_eq!(of(&["\"/bin/busybox\"", "\"y\""]), None);
    }

    #[test]
    fn names_relative_to_a_descriptor_are_not_guessed() {
        let of = |name, syscall| script("\"/a\"", &[name, "\"/bin/sh\"", LOADER], &["\"/bin/sh\""], syscall);
        assert_eq!(of("\"x\"", "syscall=322 a0=4"), None);
        assert_eq!(of("\"x\"", "syscall=322 a0=ffffff9c"), Some("/a/x".to_owned()));
        assert_eq!(of("\"x\"", "syscall=322 a0=ffffffffffffff9c"), Some("/a/x".to_owned()));
        assert_eq!(of("\"/x\"", "syscall=322 a0=4"), Some("/x".to_owned()));
        // What laurel takes for the working directory itself.
        assert_eq!(of("\"\"", "syscall=322 a0=4"), None);
        assert_eq!(of("(null)", EXECVE), None);
    }

    #[test]
    fn paths_without_dots() {
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/a/./b//c/", "/a/b/c"),
            ("/a/../b", "/b"),
            ("/../..", "/"),
            ("/a/b/../../c", "/c"),
            ("/...", "/..."),
        ] {
            let mut bytes = path.as_bytes().to_vec();
            normalise(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn long_names_stay_in_their_space() {
        let long = format!("\"{}\"", "a".repeat(4000));
        let cwd = format!("\"/{}\"", "b".repeat(4000));
        let found = script(&cwd, &[&long, "\"/bin/sh\"", LOADER], &["\"/bin/sh\""], EXECVE);
        assert_eq!(found.map(|path| path.len()), Some(8002));
        let too_long = format!("\"{}\"", "a".repeat(4097));
        assert_eq!(script("\"/\"", &[&too_long, "\"/bin/sh\"", LOADER], &["\"/bin/sh\""], EXECVE), None);
    }
}
