//! Where rules come from: files, directories of files `*.rules`, and standard input, as lines with their places.
//! A directory's files are taken in the order in which augenrules(8) takes them.

use super::lines_of;
use crate::config::{Located, Place, Problem, quoted};
use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

/// The largest file of rules, in bytes: 4 MiB, some 40,000 rules.
const MAX_BYTES: u64 = 4 << 20;

/// What the sources hold.
#[derive(Debug, Default)]
pub struct Text {
    /// The lines of all files, in their order.
    pub lines: Vec<Located<String>>,
    /// What can't be read, and what in a file is no text.
    pub errors: Vec<Problem>,
    /// Directories without a file.
    pub warnings: Vec<Problem>,
}

/// Reads these files and directories. A name from a config has its place there; one from a command line has
/// line 0, and there `-` is standard input.
pub fn read(names: &[Located<String>]) -> Text {
    let mut text = Text::default();
    for name in names {
        let path = Path::new(&name.value);
        if name.place.line == 0 && name.value == "-" {
            text.take("(stdin)", name, io::stdin().as_fd().try_clone_to_owned().map(File::from));
        } else if path.is_dir() {
            text.directory(path, name);
        } else {
            text.file(name);
        }
    }
    text
}

/// Puts the lines of a set into the order in which they are done, wherever they stand, as augenrules does: `-D`,
/// then what sets a value, then all others, and `-e` last, since `-e 2` locks.
pub fn arrange(lines: &mut Vec<Located<String>>) {
    let mut arranged = Vec::with_capacity(lines.len());
    for stage in [Stage::Delete, Stage::Set, Stage::Rule, Stage::Enable] {
        for line in lines.iter_mut().filter(|line| Stage::of(&line.value) == stage) {
            arranged.push(std::mem::take(line));
        }
    }
    arranged.retain(|line: &Located<String>| !line.value.is_empty());
    *lines = arranged;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Delete,
    Set,
    Rule,
    Enable,
}

impl Stage {
    fn of(line: &str) -> Self {
        let line = line.trim();
        match line.get(..2) {
            Some("-D") if line.len() == 2 => Self::Delete,
            Some("-b" | "-f" | "-r") => Self::Set,
            Some("-e") => Self::Enable,
            Some(_) if line.starts_with("--backlog_wait_time") => Self::Set,
            _ => Self::Rule,
        }
    }
}

impl Text {
    fn directory(&mut self, path: &Path, name: &Located<String>) {
        let files = match rules_in(path) {
            Ok(files) => files,
            Err(error) => return self.unreadable(name, &error),
        };
        if files.is_empty() {
            let message = format!("{} has no file *.rules", quoted(&name.value));
            self.warnings.push(Problem { place: name.place.clone(), message });
        }
        for file in files {
            let file = path.join(file).to_string_lossy().into_owned();
            // What is wrong with it is its own fault, not that of the place where the directory is named.
            let place = Place { file: file.clone(), line: 0, column: 0 };
            self.file(&Located { place, value: file });
        }
    }

    fn file(&mut self, name: &Located<String>) {
        let path = &name.value;
        // What is not a regular file may never come to an end, or wait for a writer.
        let opened = fs::metadata(path).and_then(|about| match about.is_file() {
            true => File::open(path),
            false => Err(io::Error::other("not a regular file")),
        });
        self.take(path, name, opened);
    }

    fn take(&mut self, path: &str, name: &Located<String>, opened: io::Result<File>) {
        let mut bytes = Vec::new();
        if let Err(error) = opened.and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
            return self.unreadable(name, &error);
        }
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
            return self.unreadable(name, &io::Error::other("larger than 4 MiB"));
        }
        let mut text = String::with_capacity(bytes.len());
        for (line, bytes) in (1..).zip(bytes.split_inclusive(|&byte| byte == b'\n')) {
            match str::from_utf8(bytes) {
                Ok(line) => text.push_str(line),
                // A comment may be in any encoding. No path is guessed.
                Err(_) if bytes.trim_ascii_start().starts_with(b"#") => text.push('\n'),
                Err(error) => {
                    let before =
                        String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
                    let column = u32::try_from(before.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
                    let message = "this is not UTF-8; save the file as UTF-8 text".to_owned();
                    self.errors
                        .push(Problem { place: Place { file: path.to_owned(), line, column }, message });
                    text.push('\n');
                }
            }
        }
        self.lines.extend(lines_of(path, &text));
    }

    /// Says that a file or directory can't be read, at the place where it is named.
    fn unreadable(&mut self, name: &Located<String>, error: &io::Error) {
        let message = match error.kind() {
            io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        let what = if name.place.line == 0 { "it".to_owned() } else { quoted(&name.value) };
        self.errors
            .push(Problem { place: name.place.clone(), message: format!("cannot read {what}: {message}") });
    }
}

/// The names of a directory's files of rules, in the order of augenrules: `ls -1v`.
fn rules_in(directory: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rules") && !name.starts_with('.') {
            let later = names.iter().position(|other| by_version(&name, other).is_lt());
            names.insert(later.unwrap_or(names.len()), name);
        }
    }
    Ok(names)
}

/// As filevercmp of gnulib orders names: numbers by their value, the part before the suffixes first.
fn by_version(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    natural(stem(one), stem(other)).then_with(|| natural(one, other)).then_with(|| one.cmp(other))
}

/// What stands before the longest end of the form `(\.[A-Za-z~][A-Za-z0-9~]*)*`.
fn stem(name: &[u8]) -> &[u8] {
    let (mut end, mut is_word) = (name.len(), true);
    for (at, byte) in name.iter().enumerate().skip(1).rev() {
        let next = name.get(at + 1).is_some_and(|next| !next.is_ascii_digit() && *next != b'.');
        match byte {
            b'.' if is_word && next => end = at,
            b'~' => {}
            byte => is_word &= byte.is_ascii_alphanumeric(),
        }
    }
    name.get(..end).unwrap_or(name)
}

fn natural(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !(one.is_empty() && other.is_empty()) {
        while one.first().is_some_and(|byte| !byte.is_ascii_digit())
            || other.first().is_some_and(|byte| !byte.is_ascii_digit())
        {
            let differ = weight(one.first()).cmp(&weight(other.first()));
            if differ.is_ne() {
                return differ;
            }
            one = one.get(1..).unwrap_or_default();
            other = other.get(1..).unwrap_or_default();
        }
        let (first, second) = (number(&mut one), number(&mut other));
        let differ = first.len().cmp(&second.len()).then_with(|| first.cmp(second));
        if differ.is_ne() {
            return differ;
        }
    }
    Ordering::Equal
}

/// Takes the digits at the beginning; gives them without their leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(end).unwrap_or_default();
    *text = rest;
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

/// The rank of a character that is compared as text: `~`, the end, digits, letters, all others.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -2,
        None => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn named(line: u32, value: &str) -> Located<String> {
        let file = if line == 0 { value } else { "c.toml" };
        Located { place: Place { file: file.to_owned(), line, column: 9 }, value: value.to_owned() }
    }

    /// `ls -1v` is what augenrules calls.
    #[test]
    fn a_directory_is_read_in_the_order_of_augenrules() {
        let dir = tempfile::tempdir().unwrap();
        let mut names: Vec<String> = Vec::new();
        for stem in
            ["1", "9", "10", "010", "09", "00", "10-a", "10-B", "10a", "a", "A", "a1", "a01", "a-1", "a_1"]
        {
            for end in ["", ".x", ".1", "~", "-", " 2", ".y.z", ".1.y", "2", "ä"] {
                names.push(format!("{stem}{end}.rules"));
            }
        }
        names.extend(
            ["99-finalize.rules", "audit.rules", "x.rules~", "rules", ".hidden.rules", "x.RULES"]
                .map(String::from),
        );
        for name in &names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let listed = Command::new("ls").arg("-1v").arg(dir.path()).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let expected: Vec<&str> = listed.lines().filter(|name| name.ends_with(".rules")).collect();
        assert_eq!(expected.len(), names.len() - 4);
        assert_eq!(rules_in(dir.path()).unwrap(), expected);
    }

    #[test]
    fn lines_have_the_place_of_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
        fs::write(at("2.rules"), "-D\n\n-b 5").unwrap();
        fs::write(at("10.rules"), b"# gr\xfc\xdfe\r\n-e 1\n  -w /\xe9 -p w\n-f 1\n").unwrap();
        let text = read(&[named(3, &at("")), named(0, &at("2.rules"))]);
        let lines: Vec<String> = text
            .lines
            .iter()
            .filter(|line| !line.value.trim().is_empty())
            .map(|line| format!("{} {}", line.place, line.value.trim()))
            .collect();
        let (two, ten) = (at("2.rules"), at("10.rules"));
        assert_eq!(
            lines,
            [
                format!("{two}:1:1 -D"),
                format!("{two}:3:1 -b 5"),
                format!("{ten}:2:1 -e 1"),
                format!("{ten}:4:1 -f 1"),
                format!("{two}:1:1 -D"),
                format!("{two}:3:1 -b 5"),
            ]
        );
        let errors: Vec<String> = text.errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, [format!("{ten}:3:7: this is not UTF-8; save the file as UTF-8 text")]);
    }

    #[test]
    fn what_cannot_be_read_is_told_where_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
        fs::create_dir(at("x.rules")).unwrap();
        fs::write(at("y.rules"), "-b 1").unwrap();
        fs::create_dir(at("empty")).unwrap();
        let none = at("none");
        let text = read(&[
            named(3, &none),
            named(0, &none),
            named(4, &at("")),
            named(5, "/dev/null"),
            named(6, ""),
            named(7, &at("empty")),
        ]);
        let errors: Vec<String> = text.errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                format!("c.toml:3:9: cannot read \"{none}\": no such file or directory"),
                format!("{none}: cannot read it: no such file or directory"),
                format!("{}: cannot read it: not a regular file", at("x.rules")),
                "c.toml:5:9: cannot read \"/dev/null\": not a regular file".to_owned(),
                "c.toml:6:9: cannot read \"\": no such file or directory".to_owned(),
            ]
        );
        assert_eq!(text.lines.len(), 1, "the other file is taken");
        assert_eq!(
            text.warnings[0].to_string(),
            format!("c.toml:7:9: \"{}\" has no file *.rules", at("empty"))
        );
    }

    #[test]
    fn a_set_is_done_in_the_order_of_augenrules() {
        let at = |(line, value): (u32, &str)| Located {
            place: Place { file: "t".to_owned(), line, column: 1 },
            value: value.to_owned(),
        };
        let text = "-e 2\n-a never,task\n\n-D -k x\n  -D \n-b 1\n-w /x\n-D\n--backlog_wait_time 0\n# -f\n-f1\n-i\n-e1";
        let mut lines: Vec<_> = (1..).zip(text.lines()).map(at).collect();
        arrange(&mut lines);
        let order: Vec<u32> = lines.iter().map(|line| line.place.line).collect();
        assert_eq!(order, [5, 8, 6, 9, 11, 2, 4, 7, 10, 12, 1, 13]);
    }

    #[test]
    fn a_file_has_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.rules").to_string_lossy().into_owned();
        fs::write(&path, vec![b'\n'; (4 << 20) + 1]).unwrap();
        let text = read(&[named(0, &path)]);
        assert_eq!(
            (text.lines.len(), text.errors[0].message.as_str()),
            (0, "cannot read it: larger than 4 MiB")
        );
    }
}
