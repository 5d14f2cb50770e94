//! docs/json.schema.json, and a validator that was not written here (the package jsonschema-rs, in a venv).

use std::fs;
use std::path::Path;
use std::process::Command;

const VALIDATOR: &str = "jsonschema-rs==0.60.3";

/// How many lines there were, and what is wrong with those that are not valid: `NUMBER PLACE: MESSAGE`.
pub(crate) fn check(lines: &Path) -> (usize, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = Command::new(root.join("cross/venv")).args(["schema", VALIDATOR]).output().unwrap();
    assert!(venv.status.success(), "cross/venv: {}", String::from_utf8_lossy(&venv.stderr));
    let python = String::from_utf8(venv.stdout).unwrap();
    let mut command = Command::new(python.trim());
    command.arg(root.join("tests/peers/validate.py")).arg(root.join("docs/json.schema.json")).arg(lines);
    let output = command.output().unwrap();
    assert!(output.status.success(), "validate.py: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut errors: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    let last = errors.pop().unwrap();
    let (checked, invalid) = last.split_once(' ').unwrap();
    assert_eq!(invalid.parse::<usize>().unwrap(), errors.len());
    (checked.parse().unwrap(), errors)
}

/// Each line is valid, and there are at least so many.
pub(crate) fn all_valid(lines: &Path, at_least: usize) {
    let (checked, errors) = check(lines);
    let shown = errors.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(errors.is_empty(), "{} of {checked} lines are not valid:\n{shown}", errors.len());
    assert!(checked >= at_least, "only {checked} lines");
    assert_eq!(fs::read(lines).unwrap().split(|&byte| byte == b'\n').count(), checked + 1);
}

/// Lines that it must take, and lines that differ from these in one thing that it must refuse.
#[test]
fn refuses_what_is_wrong() {
    const GOOD: &str = r#"{"ID":"1.000:7","TIME":"1970-01-01T00:00:01.000Z","NODE":"host","SYSCALL":{"arch":"0xc000003e","syscall":59,"success":"yes","exit":-2,"items":2,"ppid":1,"pid":2,"auid":4294967295,"uid":0,"gid":0,"comm":"a%0ab","exe":"/bin/a","key":["a","b c"],"ARGV":["0x0","0x1f","0x0","0xffffffffffffffff"],"ARCH":"x86_64","SYSCALL":"execve","UID":"root"},"EXECVE":{"argc":2,"ARGV":["a","%ff%25\"ü"]},"CWD":{"cwd":"/"},"PATH":[{"item":0,"name":null,"inode":1,"mode":"0o100644","nametype":"NORMAL"}],"SOCKADDR":[{"SADDR":{"saddr_fam":"inet","addr":"127.0.0.1","port":53}},{"saddr":"%00"}],"OBJ_PID":[{"opid":1,"oauid":-1}],"PROCTITLE":{"ARGV":["a"]},"UNKNOWN[1999]":[{"a":"b"}]}"#;
    const OTHERS: [&str; 3] = [
        r#"{"ID":"1.000:0","TIME":"1970-01-01T00:00:01.000Z","NODE":"h","LOSS":[{"place":"ring","lost":1,"total":2,"unit":"records"}]}"#,
        r#"{"ID":"1.000:1","TIME":"2000-02-29T23:59:59.999Z","NODE":"h","USER_AUTH":{"pid":1,"uid":0,"msg":{"op":"PAM","acct":"root","addr":null}}}"#,
        r#"{"ID":"1.000:1","TIME":"2000-02-29T23:59:59.999Z","NODE":"h","USER":{"pid":1,"uid":0,"msg":"hello"}}"#,
    ];
    const CHANGES: &[(&str, &str)] = &[
        (r#""ID":"1.000:7""#, r#""ID":"1.0:7""#),
        (r#""ID":"1.000:7","#, ""),
        (r#""TIME":"1970-01-01T00:00:01.000Z""#, r#""TIME":"1970-01-01 00:00:01""#),
        (r#""TIME":"1970-01-01T00:00:01.000Z""#, r#""TIME":1"#),
        (r#""NODE":"host""#, r#""NODE":null"#),
        (r#""syscall":59"#, r#""syscall":"59""#),
        (r#""exit":-2"#, r#""exit":-2.5"#),
        (r#""exit":-2"#, r#""exit":"0x2""#),
        (r#""success":"yes""#, r#""success":true"#),
        (r#""arch":"0xc000003e""#, r#""arch":3221225534"#),
        (r#""arch":"0xc000003e""#, r#""arch":"c000003e""#),
        (r#""uid":0"#, r#""uid":4294967296"#),
        (r#""comm":"a%0ab""#, r#""comm":"a%0Ab""#),
        (r#""comm":"a%0ab""#, r#""comm":"a%b""#),
        (r#""comm":"a%0ab""#, r#""comm":"a\nb""#),
        (r#""comm":"a%0ab""#, r#""comm":"a+b""#),
        (r#""comm":"a%0ab","#, ""),
        (r#""key":["a","b c"]"#, r#""key":["a"]"#),
        (r#""key":["a","b c"]"#, r#""key":{"a":1}"#),
        (r#","0xffffffffffffffff"]"#, "]"),
        (r#""0x1f""#, "31"),
        (r#""UID":"root""#, r#""UID":true"#),
        (r#""EXECVE":{"argc":2,"ARGV":"#, r#""EXECVE":{"argc":2,"args":"#),
        (r#""EXECVE":{"argc":2"#, r#""EXECVE":{"argc":"2""#),
        (r#""CWD":{"cwd":"/"}"#, r#""CWD":"/""#),
        (r#""CWD":{"cwd":"/"}"#, r#""CWD":{}"#),
        (r#""PATH":[{"item":0"#, r#""PATH":[{"item":"0""#),
        (r#""mode":"0o100644""#, r#""mode":"0100644""#),
        (r#""mode":"0o100644""#, r#""mode":33188"#),
        (r#""nametype":"NORMAL""#, r#""nametype":["NORMAL"]"#),
        (r#""port":53"#, r#""port":65536"#),
        (r#""port":53"#, r#""port":53,"more":1"#),
        (r#""saddr_fam":"inet""#, r#""saddr_fam":"inet7""#),
        (r#""OBJ_PID":[{"#, r#""OBJ_PID":[],"X":[{"#),
        (r#""OBJ_PID":"#, r#""obj_pid":"#),
        (r#""PROCTITLE":{"ARGV":["a"]}"#, r#""PROCTITLE":{"ARGV":"a"}"#),
        (r#""UNKNOWN[1999]""#, r#""UNKNOWN[x]""#),
        (r#"[{"a":"b"}]"#, r#"[{"a":1.5}]"#),
    ];
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
    fs::write(&good, format!("{GOOD}\n{}\n", OTHERS.join("\n"))).unwrap();
    all_valid(&good, 1 + OTHERS.len());
    let mut text = String::new();
    for (from, to) in CHANGES {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        text += &format!("{}\n", GOOD.replace(from, to));
    }
    text += &OTHERS[0].replace("\"lost\":1", "\"lost\":\"1\"");
    text += "\n";
    text += &OTHERS[1].replace("\"op\":\"PAM\"", "\"op\":[1]");
    text += "\n{\"ID\":\"1.000:1\",\"TIME\":\"2000-02-29T23:59:59.999Z\",\"NODE\":\"h\"}\n[]\n";
    fs::write(&bad, text).unwrap();
    let (checked, errors) = check(&bad);
    assert_eq!(checked, CHANGES.len() + 4);
    let refused: Vec<&str> = errors.iter().map(|error| error.split(' ').next().unwrap()).collect();
    let all: Vec<String> = (1..=checked).map(|number| number.to_string()).collect();
    assert_eq!(refused, all, "every bad line is refused: {errors:#?}");
}
