//! Rules of the kernel as text: as `auditctl -l` prints them, byte for byte, which can't always be read again;
//! and as lines that make the same rule when they are loaded.

use super::fields::name_of;
use super::{Command, compile, lines_of, values};
use crate::wire::rule::{
    Action, COMPARISONS, Field, KEY_SEPARATOR, List, MASK_WORDS, Mask, Op, Rule, Value, field,
};
use crate::wire::tables::{ARCH_64BIT, Machine, errno_name, record_type_name, uring_name};

/// How a rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As `auditctl -l` (3.0.9) prints it.
    Auditctl,
    /// As a line that can be loaded: a path is a `-F path=` or `-F dir=`, whatever is there now. A rule that the
    /// language has no words for is a comment, which says so.
    Loadable,
}

/// The text of a rule, without a line end; bytes, since paths and keys are.
pub fn print(rule: &Rule, machine: Machine, form: Form) -> Vec<u8> {
    let mut text = Printer { rule, machine, form, out: Vec::new() };
    text.rule();
    if form == Form::Loadable && !loads(rule, machine, &text.out) {
        text.out.splice(..0, *b"# cannot be loaded back: ");
        text.out.iter_mut().filter(|byte| byte.is_ascii_control()).for_each(|byte| *byte = b'?');
    }
    text.out
}

/// Whether the line makes this rule.
fn loads(rule: &Rule, machine: Machine, line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let compiled = compile(&lines_of("", line), machine);
    match compiled.planned.as_slice() {
        [plan] => {
            matches!(&plan.command, Command::Add(made) if Rule { mask: made.mask.without_classes(), ..made.clone() } == *rule)
        }
        _ => false,
    }
}

struct Printer<'a> {
    rule: &'a Rule,
    machine: Machine,
    form: Form,
    out: Vec<u8>,
}

impl Printer<'_> {
    fn rule(&mut self) {
        let watch = self.form == Form::Auditctl && is_watch(self.rule);
        if !watch {
            let action = match self.rule.action {
                Action::NEVER => "never",
                Action::ALWAYS => "always",
                _ => "possible",
            };
            self.put("-a ");
            self.put(action);
            self.put(",");
            self.put(self.rule.list.name());
            if self.form == Form::Loadable {
                return self.in_order();
            }
            for arch in self.rule.fields.iter().filter(|f| f.number == field::ARCH) {
                self.field(arch, false);
            }
            self.calls();
        }
        for field in self.rule.fields.iter().filter(|f| f.number != field::ARCH) {
            self.field(field, watch);
        }
    }

    /// Fields in the rule's order, which is part of it; calls after the arch that they belong to.
    fn in_order(&mut self) {
        let arch = self.rule.fields.iter().rposition(|f| f.number == field::ARCH);
        if arch.is_none() {
            self.calls();
        }
        for (place, field) in self.rule.fields.iter().enumerate() {
            self.field(field, false);
            if arch == Some(place) {
                self.calls();
            }
        }
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// ` -S`, on the lists that have it.
    fn calls(&mut self) {
        let uring = self.rule.list == List::IO_URING;
        if !uring && self.rule.list != List::EXIT {
            return;
        }
        if is_all(&self.rule.mask) {
            return self.put(" -S all");
        }
        let machine = self.named_machine();
        let mut sign = " -S ";
        for number in (0..32 * u32::try_from(MASK_WORDS).unwrap_or(0)).filter(|n| self.rule.mask.has(*n)) {
            self.put(sign);
            sign = ",";
            let name = if uring { uring_name(number) } else { machine.and_then(|m| m.auditctl_name(number)) };
            match name {
                Some(name) => self.put(name),
                None => self.put(&number.to_string()),
            }
        }
    }

    /// Whose calls are meant: the last arch's, whatever its operator.
    fn named_machine(&self) -> Option<Machine> {
        let arch = self.rule.fields.iter().rfind(|f| f.number == field::ARCH);
        match arch.map(|f| &f.value) {
            Some(Value::Number(arch)) => Machine::of_audit_arch(*arch),
            _ => Some(self.machine),
        }
    }

    fn field(&mut self, field: &Field, watch: bool) {
        match &field.value {
            Value::Text(text) if field.number == field::FILTERKEY => {
                for key in text.split(|b| *b == KEY_SEPARATOR).filter(|key| !key.is_empty()) {
                    self.put(if watch { " -k " } else { " -F key=" });
                    self.text(key);
                }
            }
            Value::Text(text) => {
                match field.number {
                    field::WATCH | field::DIR if watch => self.put("-w "),
                    _ => self.name_and_sign(field),
                }
                self.text(text);
            }
            Value::Number(number) if field.number == field::PERM => {
                self.put(if watch { " -p " } else { " -F perm" });
                if !watch {
                    self.sign(field.op);
                }
                let letters = [(4, "r"), (2, "w"), (1, "x"), (8, "a")];
                letters.iter().filter(|(bit, _)| number & bit != 0).for_each(|(_, letter)| self.put(letter));
            }
            Value::Number(number) if field.number == field::FIELD_COMPARE => {
                let place = usize::try_from(*number).ok().and_then(|n| n.checked_sub(1));
                let Some((one, other)) = place.and_then(|place| COMPARISONS.get(place)) else { return };
                self.put(" -C ");
                self.put(name_of(*one).unwrap_or_default());
                self.sign(field.op);
                self.put(name_of(*other).unwrap_or_default());
            }
            Value::Number(number) => {
                self.name_and_sign(field);
                let value = self.number(field.number, *number);
                self.put(&value);
            }
        }
    }

    /// ` -F name=`
    fn name_and_sign(&mut self, field: &Field) {
        match name_of(field.number) {
            Some(name) => {
                self.put(" -F ");
                self.put(name);
            }
            None => self.put(&format!(" f{}", field.number)),
        }
        self.sign(field.op);
    }

    fn sign(&mut self, op: Op) {
        let sign = Op::WRITTEN.iter().find(|(_, other)| *other == op).map_or("?", |(sign, _)| sign);
        self.put(sign);
    }

    /// A number as auditctl has it: mostly with sign.
    fn number(&self, field: u32, number: u32) -> String {
        let signed = number.cast_signed();
        let loadable = self.form == Form::Loadable;
        let name = match field {
            field::ARCH => Some(self.arch(number)),
            field::MSGTYPE => u16::try_from(number).ok().and_then(record_type_name).map(ToOwned::to_owned),
            field::EXIT if signed < 0 => errno_name(signed.unsigned_abs()).map(|name| format!("-{name}")),
            field::FSTYPE => named(&values::FS_TYPES, number),
            field::FILETYPE if loadable => named(&values::FILE_TYPES, number),
            field::LOGINUID | field::SESSIONID if loadable && number == u32::MAX => Some("unset".to_owned()),
            field::ARG0..=field::ARG3 => Some(format!("0x{number:X}")),
            field::INODE => Some(number.to_string()),
            _ if loadable && field != field::EXIT => Some(number.to_string()),
            _ => None,
        };
        name.unwrap_or_else(|| signed.to_string())
    }

    fn arch(&self, number: u32) -> String {
        let Some(machine) = Machine::of_audit_arch(number) else { return format!("0x{number:X}") };
        let own = Some(machine) == self.machine.b64() || Some(machine) == self.machine.b32();
        let name = match self.form {
            Form::Loadable if !own => machine.name(),
            _ if number & ARCH_64BIT != 0 => "b64",
            _ => "b32",
        };
        name.to_owned()
    }

    /// A path, a key or a label.
    fn text(&mut self, text: &[u8]) {
        let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\') || !b.is_ascii();
        if self.form == Form::Auditctl || text.iter().all(plain) {
            return self.out.extend_from_slice(text);
        }
        // A quote ends the word, and a word can go on in other quotes.
        self.put("'");
        for byte in text {
            match byte {
                b'\'' => self.put("'\"'\"'"),
                _ => self.out.push(*byte),
            }
        }
        self.put("'");
    }
}

fn named(table: &[(&str, u32)], number: u32) -> Option<String> {
    table.iter().find(|(_, other)| *other == number).map(|(name, _)| (*name).to_owned())
}

/// All but the last word, of which the kernel gives back a half.
fn is_all(mask: &Mask) -> bool {
    mask.0.iter().take(MASK_WORDS - 1).all(|word| *word == u32::MAX)
}

/// What auditctl takes for a watch: permissions for all system calls, and nothing besides but a path and a key. It
/// has no `-a`, even where the action is never, and no `-w` where there is no path.
fn is_watch(rule: &Rule) -> bool {
    let perm = rule.fields.iter().any(|f| f.number == field::PERM);
    let only = [field::PERM, field::WATCH, field::DIR, field::FILTERKEY];
    let listed = matches!(rule.list, List::USER | List::TASK | List::EXCLUDE | List::FILESYSTEM);
    perm && rule.fields.iter().all(|f| only.contains(&f.number)) && (listed || is_all(&rule.mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32, op: Op, value: u32) -> Field {
        Field { number, op, value: Value::Number(value) }
    }

    fn text(number: u32, value: &[u8]) -> Field {
        Field { number, op: Op::EQUAL, value: Value::Text(value.to_vec()) }
    }

    fn on_exit(fields: Vec<Field>) -> Rule {
        let mask = Mask::ALL.without_classes();
        Rule { list: List::EXIT, prepend: false, action: Action::ALWAYS, mask, fields }
    }

    fn both(rule: &Rule) -> [String; 2] {
        [Form::Auditctl, Form::Loadable]
            .map(|form| String::from_utf8_lossy(&print(rule, Machine::X86_64, form)).into_owned())
    }

    #[test]
    fn what_auditctl_takes_for_a_watch_is_a_rule_with_its_path() {
        let watch = on_exit(vec![
            text(field::WATCH, b"/a b"),
            number(field::PERM, Op::EQUAL, 15),
            text(field::FILTERKEY, b"x\x01it's"),
        ]);
        let loadable = "-a always,exit -S all -F path='/a b' -F perm=rwxa -F key=x -F key='it'\"'\"'s'";
        assert_eq!(both(&watch), ["-w /a b -p rwxa -k x -k it's", loadable]);
        let never = Rule { action: Action::NEVER, ..on_exit(vec![number(field::PERM, Op::EQUAL, 1)]) };
        assert_eq!(both(&never), [" -p x", "-a never,exit -S all -F perm=x"]);
    }

    #[test]
    fn the_order_of_fields_is_kept_where_it_is_loaded() {
        let mut rule = on_exit(vec![
            number(field::LOGINUID, Op::NOT_EQUAL, u32::MAX),
            number(field::ARCH, Op::EQUAL, 0x4000_0003),
            number(field::EXIT, Op::EQUAL, 0xffff_fff3),
            number(field::FILETYPE, Op::EQUAL, 0o100_000),
            number(field::FIELD_COMPARE, Op::NOT_EQUAL, 16),
            number(field::PID, Op::LESS, u32::MAX),
        ]);
        rule.mask = Mask::EMPTY;
        rule.mask.set(11);
        rule.mask.set(1999);
        let expected = [
            "-a always,exit -F arch=b32 -S execve,1999 -F auid!=-1 -F exit=-EACCES -F filetype=32768 -C auid!=euid -F pid<-1",
            "-a always,exit -F auid!=unset -F arch=b32 -S execve,1999 -F exit=-EACCES -F filetype=file -C auid!=euid -F pid<4294967295",
        ];
        assert_eq!(both(&rule), expected);
    }

    #[test]
    fn what_the_language_has_no_words_for_is_a_comment() {
        let key_first = vec![text(field::FILTERKEY, b"k"), number(field::PID, Op::EQUAL, 1)];
        let cases = [
            (on_exit(key_first), "# cannot be loaded back: -a always,exit -S all -F key=k -F pid=1"),
            (
                on_exit(vec![text(field::WATCH, b"/a\nb")]),
                "# cannot be loaded back: -a always,exit -S all -F path='/a?b'",
            ),
            (on_exit(vec![number(24, Op::EQUAL, 1)]), "# cannot be loaded back: -a always,exit -S all f24=1"),
        ];
        for (rule, expected) in cases {
            assert_eq!(both(&rule)[1], expected);
        }
    }

    #[test]
    fn other_machines_have_their_own_calls() {
        let mut rule = on_exit(vec![number(field::ARCH, Op::NOT_EQUAL, 0xc000_00b7)]);
        rule.mask = Mask::EMPTY;
        rule.mask.set(221);
        assert_eq!(
            both(&rule),
            ["-a always,exit -F arch!=b64 -S execve", "-a always,exit -F arch!=aarch64 -S execve"]
        );
        let unknown = on_exit(vec![number(field::ARCH, Op::EQUAL, 0x2a)]);
        assert_eq!(both(&unknown)[0], "-a always,exit -F arch=0x2A -S all");
    }

    proptest::proptest! {
        /// Any rule is printed; what is printed to be loaded makes the rule, or is a comment.
        #[test]
        fn any_bytes_are_printed(numbers in proptest::collection::vec((0..260_u32, 0..9_usize, proptest::num::u32::ANY), 0..6),
                                 words in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..9), 6)) {
            let fields = numbers.iter().zip(&words).map(|((number, op, value), word)| Field {
                number: *number,
                op: Op::WRITTEN.get(*op).map_or(Op(3), |(_, op)| *op),
                value: if field::is_text(*number) { Value::Text(word.clone()) } else { Value::Number(*value) },
            });
            let rule = on_exit(fields.collect());
            print(&rule, Machine::X86_64, Form::Auditctl);
            let line = print(&rule, Machine::X86_64, Form::Loadable);
            assert!(line.starts_with(b"# cannot") || loads(&rule, Machine::X86_64, &line));
        }
    }
}
