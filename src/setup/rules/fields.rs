//! The fields of `-F`: their names, what values and operators they take, and on which lists the kernel
//! asks them (kernel/auditfilter.c, audit_field_valid; kernel/auditsc.c, audit_filter_rules; auditctl(8)).

use super::words::Word;
use crate::config::{did_you_mean, quoted};
use crate::wire::rule::{COMPARISONS, List, Op, field};

/// What a field's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number from 0.
    Number,
    /// A user's name or number.
    User,
    /// The same, or `unset`.
    LoginUser,
    /// A group's name or number.
    Group,
    /// A session's number, or `unset`.
    Session,
    /// A return value: a number or an error's name, with sign.
    Exit,
    /// A number of up to 64 bits, of which the kernel sees the low 32.
    Low32,
    /// The same, with sign.
    Argument,
    /// Any text.
    Text,
    /// An absolute path.
    Path,
    /// Letters of `rwxa`.
    Perm,
    /// A kind of file.
    FileType,
    /// A kind of file system that has a name.
    FsType,
    /// A machine.
    Arch,
    /// A record's type, by name or number.
    RecordType,
    /// A family of addresses, by name or number.
    Family,
}

/// The operators that make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ops {
    Equal,
    Equality,
    Order,
    All,
}

impl Ops {
    /// Whether `op` is one of them, or else what to say.
    pub(super) fn check(self, name: &str, op: Op) -> Result<(), String> {
        let bits = op == Op::BIT_MASK || op == Op::BIT_TEST;
        let equality = op == Op::EQUAL || op == Op::NOT_EQUAL;
        match self {
            Self::Equal if op != Op::EQUAL => Err(format!("{name} takes only =")),
            Self::Equality if !equality => Err(format!("{name} takes only = and !=")),
            Self::Order if bits => Err(format!("{name} takes = != < > <= >=, not & and &=")),
            _ => Ok(()),
        }
    }
}

/// One field.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) ops: Ops,
    /// Known only when a system call ends.
    exit_only: bool,
}

const fn anywhere(name: &'static str, number: u32, kind: Kind, ops: Ops) -> Spec {
    Spec { name, number, kind, ops, exit_only: false }
}

const fn at_exit(name: &'static str, number: u32, kind: Kind, ops: Ops) -> Spec {
    Spec { name, number, kind, ops, exit_only: true }
}

/// The key, which is put together of all `-k` and `-F key=`.
pub(super) const KEY: &str = "key";

static SPECS: [Spec; 45] = [
    anywhere("arch", field::ARCH, Kind::Arch, Ops::Equality),
    anywhere("pid", field::PID, Kind::Number, Ops::Order),
    at_exit("ppid", field::PPID, Kind::Number, Ops::Order),
    anywhere("uid", field::UID, Kind::User, Ops::Order),
    anywhere("euid", field::EUID, Kind::User, Ops::Order),
    anywhere("suid", field::SUID, Kind::User, Ops::Order),
    anywhere("fsuid", field::FSUID, Kind::User, Ops::Order),
    anywhere("auid", field::LOGINUID, Kind::LoginUser, Ops::Order),
    anywhere("loginuid", field::LOGINUID, Kind::LoginUser, Ops::Order),
    anywhere("obj_uid", field::OBJ_UID, Kind::User, Ops::Order),
    anywhere("gid", field::GID, Kind::Group, Ops::Order),
    anywhere("egid", field::EGID, Kind::Group, Ops::Order),
    anywhere("sgid", field::SGID, Kind::Group, Ops::Order),
    anywhere("fsgid", field::FSGID, Kind::Group, Ops::Order),
    anywhere("obj_gid", field::OBJ_GID, Kind::Group, Ops::Order),
    anywhere("sessionid", field::SESSIONID, Kind::Session, Ops::Order),
    anywhere("pers", field::PERS, Kind::Number, Ops::All),
    anywhere("msgtype", field::MSGTYPE, Kind::RecordType, Ops::Order),
    anywhere("subj_user", field::SUBJ_USER, Kind::Text, Ops::Equality),
    anywhere("subj_role", field::SUBJ_ROLE, Kind::Text, Ops::Equality),
    anywhere("subj_type", field::SUBJ_TYPE, Kind::Text, Ops::Equality),
    anywhere("subj_sen", field::SUBJ_SEN, Kind::Text, Ops::Order),
    anywhere("subj_clr", field::SUBJ_CLR, Kind::Text, Ops::Order),
    at_exit("obj_user", field::OBJ_USER, Kind::Text, Ops::Equality),
    at_exit("obj_role", field::OBJ_ROLE, Kind::Text, Ops::Equality),
    at_exit("obj_type", field::OBJ_TYPE, Kind::Text, Ops::Equality),
    at_exit("obj_lev_low", field::OBJ_LEV_LOW, Kind::Text, Ops::Order),
    at_exit("obj_lev_high", field::OBJ_LEV_HIGH, Kind::Text, Ops::Order),
    at_exit("devmajor", field::DEVMAJOR, Kind::Number, Ops::Order),
    at_exit("devminor", field::DEVMINOR, Kind::Number, Ops::All),
    at_exit("inode", field::INODE, Kind::Low32, Ops::Equality),
    at_exit("exit", field::EXIT, Kind::Exit, Ops::Order),
    at_exit("success", field::SUCCESS, Kind::Number, Ops::Order),
    at_exit("path", field::WATCH, Kind::Path, Ops::Equal),
    at_exit("dir", field::DIR, Kind::Path, Ops::Equal),
    at_exit("perm", field::PERM, Kind::Perm, Ops::Equal),
    at_exit("filetype", field::FILETYPE, Kind::FileType, Ops::Equality),
    anywhere("exe", field::EXE, Kind::Path, Ops::Equality),
    at_exit("saddr_fam", field::SADDR_FAM, Kind::Family, Ops::Order),
    anywhere("fstype", field::FSTYPE, Kind::FsType, Ops::Equality),
    anywhere("a0", field::ARG0, Kind::Argument, Ops::All),
    anywhere("a1", field::ARG1, Kind::Argument, Ops::All),
    anywhere("a2", field::ARG2, Kind::Argument, Ops::All),
    anywhere("a3", field::ARG3, Kind::Argument, Ops::All),
    anywhere(KEY, field::FILTERKEY, Kind::Text, Ops::Equal),
];

impl Spec {
    /// The field that `-w` makes: [`field::DIR`] or [`field::WATCH`].
    pub(super) fn of_watch(number: u32) -> Self {
        at_exit("the path of a watch", number, Kind::Path, Ops::Equal)
    }

    /// Whether the field can stand on this list, or else why not.
    pub(super) fn check_list(&self, list: List) -> Result<(), String> {
        let (name, list_name) = (self.name, list.name());
        match list {
            // The kernel takes other fields, and then stops at such a rule and asks none after it
            // (kernel/auditfilter.c, audit_filter).
            List::USER | List::EXCLUDE => {
                use field::{EXE, GID, LOGINUID, MSGTYPE, PID, SUBJ_CLR, SUBJ_USER, UID};
                match self.number {
                    PID | UID | GID | LOGINUID | MSGTYPE | EXE | SUBJ_USER..=SUBJ_CLR => Ok(()),
                    _ => Err(format!(
                        "{name} on the {list_name} list makes the kernel skip all rules after it: only pid, uid, \
                         gid, auid, msgtype, exe and subj_* work there"
                    )),
                }
            }
            List::FILESYSTEM => match self.number {
                field::FSTYPE | field::FILTERKEY => Ok(()),
                _ => Err(format!("the filesystem list takes only fstype and key, not {name}")),
            },
            _ if self.number == field::FSTYPE => Err("fstype works only on the filesystem list".to_owned()),
            _ if self.number == field::MSGTYPE => {
                Err("msgtype works only on the exclude and user lists".to_owned())
            }
            List::EXIT => Ok(()),
            List::IO_URING if self.number != field::PERM => Ok(()),
            _ if self.exit_only => Err(format!("{name} works only on the exit list, not on {list_name}")),
            _ => Ok(()),
        }
    }
}

/// `name`, operator and value of a `-F`.
#[derive(Debug)]
pub(super) struct Pair<'l> {
    pub(super) name: Word<'l>,
    pub(super) op: Op,
    pub(super) value: Word<'l>,
}

/// Takes a `-F` or a `-C` apart. Errors come with their offset in the line.
pub(super) fn pair<'l>(option: &str, word: &Word<'l>) -> Result<Pair<'l>, (usize, String)> {
    let text = &*word.text;
    let name_end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(name_end).unwrap_or((text, ""));
    let Some((sign, op)) = Op::WRITTEN.iter().find(|(sign, _)| rest.starts_with(sign)) else {
        let message = format!(
            "{} has no operator: write {option} {}",
            quoted(text),
            if option == "-C" { "uid!=euid" } else { "name=value" }
        );
        return Err((word.position(name_end), message));
    };
    if name.is_empty() {
        return Err((word.at, format!("{} has no field name before {sign}", quoted(text))));
    }
    let value = word.tail(name_end + sign.len());
    if value.text.is_empty() {
        return Err((value.at, format!("{} has no value after {sign}", quoted(text))));
    }
    Ok(Pair { name: word.head(name_end), op: *op, value })
}

/// Whether an event has one value of this field; an event's objects can have several.
pub(super) fn has_one_value(number: u32) -> bool {
    use field::{ARG0, ARG3, EXIT, PERS, PID, PPID, SADDR_FAM, SESSIONID, SUBJ_CLR, SUBJ_USER, SUCCESS};
    matches!(number, PID..=PERS | SUBJ_USER..=SUBJ_CLR | PPID | SESSIONID | EXIT | SUCCESS | SADDR_FAM | ARG0..=ARG3)
}

/// The name of a field, where it has several the one that auditctl shows.
pub(super) fn name_of(number: u32) -> Option<&'static str> {
    SPECS.iter().find(|spec| spec.number == number).map(|spec| spec.name)
}

/// `-C`: the number of the comparison of two fields, in either order.
pub(super) fn comparison(name: &Word<'_>, value: &Word<'_>) -> Result<u32, (usize, String)> {
    let one = find(&name.text).map_err(|message| (name.at, message))?;
    let other = find(&value.text).map_err(|message| (value.at, message))?;
    let (one, other) = (one.number, other.number);
    let place = COMPARISONS.iter().position(|pair| *pair == (one, other) || *pair == (other, one));
    place.and_then(|place| u32::try_from(place + 1).ok()).ok_or_else(|| {
        let message = format!(
            "-C does not compare {} with {}: two of uid, euid, suid, fsuid, auid, obj_uid, or two of gid, egid, \
             sgid, fsgid, obj_gid",
            name.text, value.text
        );
        (name.at, message)
    })
}

/// The field of this name, in any case, or what to say.
pub(super) fn find(name: &str) -> Result<&'static Spec, String> {
    if let Some(spec) = SPECS.iter().find(|s| s.name.eq_ignore_ascii_case(name)) {
        return Ok(spec);
    }
    let hint = did_you_mean(name, &SPECS.iter().map(|s| s.name).collect::<Vec<_>>());
    Err(format!("unknown field {}{hint}", quoted(name)))
}

#[cfg(test)]
mod tests {
    use super::super::words::split;
    use super::*;

    fn take(text: &str) -> Result<(String, Op, String, usize), (usize, String)> {
        let pair = pair("-F", &split(text).unwrap()[0])?;
        Ok((pair.name.text.into_owned(), pair.op, pair.value.text.into_owned(), pair.value.at))
    }

    #[test]
    fn a_pair_has_three_parts() {
        for (sign, op) in Op::WRITTEN {
            let text = format!("a0{sign}-1");
            assert_eq!(take(&text), Ok(("a0".into(), op, "-1".into(), 2 + sign.len())));
        }
        // auditctl would split this path at its !=.
        assert_eq!(take("path=/a!=b"), Ok(("path".into(), Op::EQUAL, "/a!=b".into(), 5)));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(take("pid"), Err((3, "\"pid\" has no operator: write -F name=value".into())));
        assert_eq!(take("pid~1"), Err((3, "\"pid~1\" has no operator: write -F name=value".into())));
        assert_eq!(take("=1"), Err((0, "\"=1\" has no field name before =".into())));
        assert_eq!(take("pid>="), Err((5, "\"pid>=\" has no value after >=".into())));
        assert_eq!(find("usid").err(), Some("unknown field \"usid\"; did you mean \"uid\"?".into()));
        assert_eq!(find("zzzz").err(), Some("unknown field \"zzzz\"".into()));
        assert!(find("AUID").is_ok());
    }

    #[test]
    fn lists_take_their_fields() {
        let check = |name: &str, list| find(name).unwrap().check_list(list);
        assert!(check("success", List::EXIT).is_ok() && check("success", List::TASK).is_err());
        assert!(check("pid", List::EXCLUDE).is_ok() && check("ppid", List::EXCLUDE).is_err());
        assert!(check("exe", List::USER).is_ok() && check("key", List::USER).is_err());
        assert!(check("path", List::IO_URING).is_ok() && check("perm", List::IO_URING).is_err());
        assert!(check("msgtype", List::EXIT).is_err() && check("msgtype", List::EXCLUDE).is_ok());
        assert!(check("fstype", List::FILESYSTEM).is_ok() && check("fstype", List::EXIT).is_err());
        assert!(check("key", List::FILESYSTEM).is_ok() && check("pid", List::FILESYSTEM).is_err());
    }
}
