use super::*;
use crate::wire::rule::{Action, Field as Condition, List, Mask, Op, Rule, Value, field};

fn compiled(text: &str, machine: Machine) -> Compiled {
    compile(&lines_of("t", text), machine)
}

fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// The one rule of a line without problems.
fn rule(line: &str) -> Rule {
    let found = compiled(line, Machine::X86_64);
    assert_eq!((found.errors.as_slice(), found.warnings.as_slice()), (&[][..], &[][..]), "{line}");
    match &found.planned.as_slice() {
        [Planned { command: Command::Add(rule) | Command::Delete(rule), .. }] => rule.clone(),
        other => panic!("{line}: {other:?}"),
    }
}

fn number(number: u32, op: Op, value: u32) -> Condition {
    Condition { number, op, value: Value::Number(value) }
}

fn text(number: u32, value: &str) -> Condition {
    Condition { number, op: Op::EQUAL, value: Value::Text(value.as_bytes().to_vec()) }
}

#[test]
fn a_rule_keeps_the_order_of_its_fields_and_its_keys_come_last() {
    let rule = rule("-a exit,always -F arch=b64 -S execve -k one -F auid!=unset -F key=two -F pid>=5");
    let mut mask = Mask::EMPTY;
    mask.set(59);
    let fields = vec![
        number(field::ARCH, Op::EQUAL, 0xc000_003e),
        number(field::LOGINUID, Op::NOT_EQUAL, u32::MAX),
        number(field::PID, Op::GREATER_OR_EQUAL, 5),
        text(field::FILTERKEY, "one\u{1}two"),
    ];
    assert_eq!(rule, Rule { list: List::EXIT, prepend: false, action: Action::ALWAYS, mask, fields });
}

#[test]
fn a_watch_is_a_rule_for_all_system_calls() {
    let watch = rule("-w /etc/passwd -k a -p wa");
    let fields = vec![
        text(field::WATCH, "/etc/passwd"),
        number(field::PERM, Op::EQUAL, 10),
        text(field::FILTERKEY, "a"),
    ];
    assert_eq!(
        watch,
        Rule { list: List::EXIT, prepend: false, action: Action::ALWAYS, mask: Mask::ALL, fields }
    );
    assert_eq!(rule("-w /etc/").fields, [text(field::DIR, "/etc"), number(field::PERM, Op::EQUAL, 15)]);
    assert_eq!(rule("-w /").fields[0], text(field::DIR, "/"));
    assert_eq!(rule("-w '/no such/x y'").fields[0], text(field::WATCH, "/no such/x y"));
    let with_perm = rule("-a always,exit -F path=/etc/passwd -F perm=r -p x");
    assert_eq!(with_perm.fields, [text(field::WATCH, "/etc/passwd"), number(field::PERM, Op::EQUAL, 1)]);
}

#[test]
fn system_calls_default_to_all_but_for_tasks() {
    assert_eq!(rule("-a always,exit -F pid=1").mask, Mask::ALL);
    assert_eq!(rule("-a never,exclude -F msgtype=1300").mask, Mask::ALL);
    assert_eq!(rule("-a never,task -F uid=0").mask, Mask::EMPTY);
    assert!(rule("-A exit,never -F uid=0").prepend);
    assert!(!rule("-d exit,never -F uid=0").prepend);
}

#[test]
fn verbs_and_settings_become_commands() {
    let found = compiled(
        "-D\n\n# -b 3\n-b 8192 -f 1\n-e 0\r\n--backlog_wait_time=0x10\n-W /x\n-d exit,never",
        Machine::X86_64,
    );
    assert_eq!(found.errors, []);
    let commands: Vec<&Command> = found.planned.iter().map(|p| &p.command).collect();
    assert_eq!(
        commands[..5],
        [
            &Command::DeleteAll,
            &Command::Set(Field::BacklogLimit, 8192),
            &Command::Set(Field::Failure, 1),
            &Command::Set(Field::Enabled, 0),
            &Command::Set(Field::BacklogWaitTime, 16),
        ]
    );
    assert!(matches!(commands[5..], [Command::Delete(_), Command::Delete(_)]));
    let lines: Vec<u32> = found.planned.iter().map(|p| p.place.line).collect();
    assert_eq!(lines, [1, 4, 4, 5, 6, 7, 8]);
}

#[test]
fn what_is_no_rule_becomes_a_request() {
    let text = "-r 100\n--reset-lost\n--reset_backlog_wait_time_actual\n-D -k exec\n-t\n-q /a,/bc\n--loginuid-immutable";
    let found = compiled(text, Machine::X86_64);
    assert_eq!(found.errors, []);
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>();
    let commands: Vec<Command> = found.planned.into_iter().map(|p| p.command).collect();
    let expected = [
        Command::Set(Field::RateLimit, 100),
        Command::Set(Field::Lost, 0),
        Command::Set(Field::BacklogWaitTimeActual, 0),
        Command::DeleteKey("exec".to_owned()),
        Command::Send { kind: 1014, payload: Vec::new() },
        Command::Send { kind: 1015, payload: [words(&[2, 3]), b"/a/bc".to_vec()].concat() },
        Command::Send { kind: 1018, payload: words(&[1, 2, 2, 2]) },
    ];
    assert_eq!(commands, expected);
}

#[test]
fn errors_behind_i_or_c_are_warnings() {
    let found = compiled(
        "-a always,exit -F pid=x\n-c\n-a always,exit -F pid=y\n-a always,exit -F pid=1",
        Machine::X86_64,
    );
    assert_eq!(shown(&found.errors), ["t:1:23: pid must be a number, not \"x\""]);
    let left_out = "t:3:23: pid must be a number, not \"y\" (left out, as -i or -c says)";
    assert_eq!((shown(&found.warnings), found.planned.len()), (vec![left_out.to_owned()], 1));
}

#[test]
fn fields_are_compared_in_either_order() {
    for (text, value, op) in
        [("uid!=euid", 11, Op::NOT_EQUAL), ("euid=uid", 11, Op::EQUAL), ("loginuid=obj_uid", 5, Op::EQUAL)]
    {
        let rule = rule(&format!("-a always,exit -C {text} -F pid=1"));
        assert_eq!(rule.fields[0], number(field::FIELD_COMPARE, op, value));
    }
    assert_eq!(rule("-a always,exit -C egid=fsgid").fields[0].value, Value::Number(23));
}

#[test]
fn operations_of_io_uring_are_the_same_everywhere() {
    let lines = "-a always,io_uring -S openat,18,nop -F pid=1";
    for machine in [Machine::X86_64, Machine::Arm] {
        let found = compiled(lines, machine);
        let [Planned { command: Command::Add(rule), .. }] = found.planned.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(rule.list, List::IO_URING);
        assert!(rule.mask.has(18) && rule.mask.has(0) && !rule.mask.has(2));
    }
    assert_eq!(rule("-a always,io_uring -F pid=1").mask, Mask::ALL);
}

#[test]
fn calls_may_stand_before_the_rule() {
    let late = rule("-S execve -a always,exit -F arch=b32 -F pid=1");
    assert_eq!(late, rule("-a always,exit -F arch=b32 -S execve -F pid=1"));
}

/// What b32 and b64 are on each machine.
#[test]
fn word_sizes_are_the_machines_own() {
    let cases = [
        (Machine::X86_64, Some(0xc000_003e), Some(0x4000_0003)),
        (Machine::I386, None, Some(0x4000_0003)),
        (Machine::Aarch64, Some(0xc000_00b7), Some(0x4000_0028)),
        (Machine::Arm, None, Some(0x4000_0028)),
        (Machine::Riscv64, Some(0xc000_00f3), None),
        (Machine::Ppc64le, Some(0xc000_0015), None),
        (Machine::S390x, Some(0x8000_0016), Some(0x16)),
        (Machine::S390, None, Some(0x16)),
    ];
    for (machine, b64, b32) in cases {
        for (name, arch) in [("b64", b64), ("b32", b32)] {
            let found = compiled(&format!("-a always,exit -F arch={name} -S execve -F pid=1"), machine);
            let got = match found.planned.as_slice() {
                [Planned { command: Command::Add(rule), .. }] => match &rule.fields[0].value {
                    Value::Number(arch) => Some(*arch),
                    Value::Text(_) => None,
                },
                _ => None,
            };
            assert_eq!(got, arch, "{machine:?} {name}");
            assert_eq!(found.warnings.len(), usize::from(arch.is_none()), "{machine:?} {name}");
        }
    }
}

/// Each wrong line with its whole message; the good line among them is kept.
#[test]
fn all_errors_come_together_with_their_columns() {
    let cases = [
        (
            "-a always,exot -F pid=1",
            "11: \"exot\" is no list: task, exit, user, exclude, filesystem, io_uring; did you mean \"exit\"?",
        ),
        ("-a alway,exit", "4: \"alway\" is no action: always or never; did you mean \"always\"?"),
        ("-a exit,alway", "9: \"alway\" is no action: always or never; did you mean \"always\"?"),
        ("-a exit", "4: \"exit\" is no list and action: write -a always,exit"),
        ("-a always,never", "4: \"always,never\" names no list: write always,exit"),
        ("-a always,entry", "11: the entry list is not in the kernel any more: use exit"),
        ("-a always,exit -a never,exit", "16: -a in a line that has its rule already: one rule a line"),
        ("-w /x -w /y", "7: -w in a line that has its rule already: one rule a line"),
        ("-F pid=1 -a always,exit", "1: -F needs a rule before it: begin with -a always,exit"),
        ("-k x", "1: -k needs a rule before it: begin with -a always,exit"),
        ("-a always,exit -S opne", "19: unknown system call \"opne\" on x86_64; did you mean \"open\"?"),
        (
            "-a always,exit -F arch=b64 -S read,wrte",
            "36: unknown system call \"wrte\" on x86_64; did you mean \"write\"?",
        ),
        ("-a always,exit -F arch=b64 -S ,", "31: -S needs a system call after it"),
        ("-a always,task -S open", "16: -S works only on the exit list, not on task"),
        (
            "-a always,exit -S all -F arch=b64",
            "31: -F arch must stand before -S: names of system calls depend on it",
        ),
        ("-a always,exit -F arch=b64 -F arch=b32", "36: arch stands twice: write one rule for each"),
        (
            "-a always,exit -F arch=b46",
            "24: unknown arch \"b46\": b32, b64 or one of x86_64, i386, aarch64, arm, riscv64, ppc64le, s390x, s390",
        ),
        ("-a always,exit -F arch>b64", "19: arch takes only = and !="),
        ("-a always,exit -F piid=1", "19: unknown field \"piid\"; did you mean \"pid\"?"),
        ("-a always,exit -F pid=x", "23: pid must be a number, not \"x\""),
        ("-a always,exit -F pid&1", "19: pid takes = != < > <= >=, not & and &="),
        ("-a always,exit -F auid=no-such-user", "24: user \"no-such-user\" is not in /etc/passwd"),
        ("-a always,exit -F path=etc", "24: path must be an absolute path, not \"etc\""),
        ("-a always,exit -F path!=/etc", "19: path takes only ="),
        (
            "-a always,exit -F path=/a -F dir=/b",
            "1: a rule has one of path, dir and inode: write one rule for each",
        ),
        ("-a always,exit -F exe=/a -F exe=/b", "1: a rule has one exe: write one rule for each"),
        ("-a always,task -F success=1", "19: success works only on the exit list, not on task"),
        ("-a always,exit -k ''", "19: the key is empty"),
        (
            "-a always,user -k x",
            "19: a key on the user list makes the kernel skip all rules after it: remove it",
        ),
        ("-w etc", "4: the path of a watch must be an absolute path, not \"etc\""),
        ("-w /etc -p rq", "12: permissions are of the letters r, w, x and a, not \"rq\""),
        ("-D -b 1", "1: -D needs a line of its own, or one -k after it"),
        ("-e 3", "4: -e must be 0, 1 or 2, not \"3\""),
        ("-b many", "4: -b must be a number from 0 to 4294967295, not \"many\""),
        ("  -w '/etc", "6: the quote ' has no end: close it, or put the word in the other kind of quotes"),
    ];
    let lines: Vec<&str> = cases.iter().map(|(line, _)| *line).collect();
    let found = compiled(&format!("{}\n-b 5\n", lines.join("\n")), Machine::X86_64);
    let expected: Vec<String> =
        (1..).zip(&cases).map(|(n, (_, message))| format!("t:{n}:{message}")).collect();
    assert_eq!(shown(&found.errors), expected);
    assert_eq!(found.planned.iter().map(|p| &p.line).collect::<Vec<_>>(), ["-b 5"]);
}

#[test]
fn one_line_can_have_several_errors() {
    let found = compiled("-a always,exit -F pid=x -S opne -k ''", Machine::X86_64);
    let columns: Vec<u32> = found.errors.iter().map(|e| e.place.column).collect();
    assert_eq!(columns, [23, 28, 36]);
}

#[test]
fn a_lines_own_column_counts() {
    let place = Place { file: "c.toml".to_owned(), line: 7, column: 12 };
    let line = Located { place, value: "-ä".to_owned() };
    let found = compile(&[line], Machine::X86_64);
    assert_eq!(shown(&found.errors), ["c.toml:7:12: unknown option \"-ä\""]);
}

#[test]
fn what_another_machine_has_is_left_out_with_a_warning() {
    let found = compiled("-a always,exit -F arch=b64 -S open,openat,creat -F pid=1", Machine::Aarch64);
    assert_eq!(found.errors, []);
    assert_eq!(
        shown(&found.warnings),
        ["t:1:1: aarch64 has no system call open, creat: left out of the rule"]
    );
    let [Planned { command: Command::Add(rule), .. }] = found.planned.as_slice() else { panic!("{found:?}") };
    assert!(rule.mask.has(56) && !rule.mask.has(0) && rule.mask != Mask::ALL);
    // A rule without any of its system calls must not become one for all of them.
    let found = compiled("-a always,exit -F arch=b64 -S open,creat -F pid=1", Machine::Aarch64);
    assert_eq!(found.planned, []);
    let expected = "t:1:1: aarch64 has no system call open, creat: the rule is left out";
    assert_eq!(shown(&found.warnings), [expected]);
}

#[test]
fn an_arch_that_never_matches_is_left_out_with_a_warning() {
    let cases = [
        (Machine::Arm, "-a always,exit -F arch=b64 -S openat", "arch=b64 never matches on arm"),
        (Machine::Riscv64, "-a always,exit -F arch=b32 -S openat", "arch=b32 never matches on riscv64"),
        (Machine::X86_64, "-a always,exit -F arch=aarch64 -S openat", "arch=aarch64 never matches on x86_64"),
        (Machine::X86_64, "-a always,exit -F arch=ppc64 -S openat", "arch=ppc64 never matches on x86_64"),
    ];
    for (machine, line, message) in cases {
        let found = compiled(line, machine);
        assert_eq!((found.planned.len(), found.errors.len()), (0, 0), "{line}");
        assert_eq!(shown(&found.warnings), [format!("t:1:24: {message}: the rule is left out")]);
    }
    for arch in ["b32", "i686", "0x40000003", "40000003", "B32"] {
        let rule = rule(&format!("-a always,exit -F arch={arch} -S open"));
        assert_eq!(rule.fields, [number(field::ARCH, Op::EQUAL, 0x4000_0003)]);
        assert!(rule.mask.has(5));
    }
}

#[test]
fn doubtful_rules_are_loaded_and_warned_about() {
    let cases = [
        (
            "-a always,exit -F exit<0",
            "19: this never matches: the kernel compares without sign, use success=0 for failures",
        ),
        (
            "-a always,exit -F exit=EPERM",
            "19: this compares with the return value 1: for the error write exit=-EPERM",
        ),
        ("-a always,exit -F pid=1 -F pid=2", "28: this never matches: not with what is said of pid before"),
        ("-a always,exit -F a0=5 -F a0!=5", "27: this never matches: not with what is said of a0 before"),
        ("-a always,exit -F uid>=9 -F uid<9", "29: this never matches: not with what is said of uid before"),
        (
            "-a always,exit -F subj_type=a -F subj_type!=a",
            "34: this never matches: not with what is said of subj_type before",
        ),
        ("-w /etc/*.conf", "4: * and ? in a path stand for themselves: there are no wildcards"),
        (
            "-a always,exit -S execve",
            "19: without -F arch=b64 before -S this also looks at 32-bit programs, where 59 is oldolduname, not execve",
        ),
    ];
    for (line, message) in cases {
        let found = compiled(line, Machine::X86_64);
        assert_eq!((found.planned.len(), found.errors.len()), (1, 0), "{line}");
        assert_eq!(shown(&found.warnings), [format!("t:1:{message}")]);
    }
    rule(
        "-a always,exit -F auid>=1000 -F auid!=unset -F obj_uid=1 -F obj_uid=2 -F exit>5 -F exit<7 -F a1&3 -F a1=1",
    );
    let found = compiled("-a possible,exit", Machine::X86_64);
    assert_eq!((found.planned.len(), found.errors.len(), found.warnings.len()), (0, 0, 1));
}

#[test]
fn limits_are_the_kernels() {
    let fields = " -F pid=1".repeat(63);
    assert_eq!(rule(&format!("-a always,exit{fields} -k x")).fields.len(), 64);
    let found = compiled(&format!("-a always,exit{fields} -F pid=2 -k x"), Machine::X86_64);
    assert_eq!(shown(&found.errors), ["t:1:1: a rule holds 64 fields, the key among them"]);
    let key = "k".repeat(128);
    rule(&format!("-a always,exit -k {key} -k {}", &key[1..]));
    let found = compiled(&format!("-a always,exit -k {key} -k {key}"), Machine::X86_64);
    assert_eq!(found.errors.len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_line_is_a_rule_or_an_error(line in r#"(-[aAdDSFCkwWpebfrqtic] ?|--[a-z_-]{0,12}|always,exit|pid|[=<>!&]|/[a-z]*|[ "'\\,\t]|\PC){0,12}"#) {
        let _ = compiled(&line, Machine::X86_64);
    }

    /// What is a rule is printed as a line that makes it again.
    #[test]
    fn any_rule_is_printed_and_read_again(
        list in "-[aA] (always|never),(exit|task|user|exclude|filesystem|io_uring)|-w /[a-z ]{0,5}",
        options in proptest::collection::vec(
            r#" -F (arch=b(32|64)|arch!=s390x|pid>=9|auid!=unset|exit=-EPERM|a1&=0x7|perm=[rwxa]|filetype=dir|fstype=(5|debugfs)|inode=7)| -F msgtype=(CWD|1400)| -S (openat|1|nop|all|1999)| -C (gid|egid)!=fsgid| -F (path|dir|exe)='/[ -&(-~ä]{0,6}'| -[kp] '[ -&(-~ä]{1,6}'| -k "'[a-z]""#, 0..6),
    ) {
        let line = list + &options.concat();
        for plan in compiled(&line, Machine::X86_64).planned {
            let Command::Add(rule) = plan.command else { continue };
            let mask = rule.mask.without_classes();
            let rule = Rule { prepend: false, mask, ..rule };
            proptest::prop_assert_eq!(Rule::parse(&rule.emit().unwrap()), Ok(rule.clone()));
            let text = String::from_utf8(crate::rules::print(&rule, Machine::X86_64, crate::rules::Form::Loadable)).unwrap();
            proptest::prop_assert!(text.starts_with("-a "), "{}\n{}", line, text);
        }
    }
}
