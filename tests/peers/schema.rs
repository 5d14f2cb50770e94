//! docs/json.schema.json.

use crate::validator;
use std::fs;
use std::path::Path;

const SCHEMA: &str = "docs/json.schema.json";

/// Each line is valid, and there are at least so many.
pub(crate) fn all_valid(lines: &Path, at_least: usize) {
    validator::all_valid(SCHEMA, lines, at_least);
}

/// Lines that it must take, and lines that differ from these in one thing that it must refuse.
#[test]
fn refuses_what_is_wrong() {
    const GOOD: &str = r#"{"ID":"1.000:7","TIME":"1970-01-01T00:00:01.000Z","NODE":"host","SYSCALL":{"arch":"0xc000003e","syscall":59,"success":"yes","exit":-2,"items":2,"ppid":1,"pid":2,"auid":4294967295,"uid":0,"gid":0,"comm":"a%0ab","exe":"/bin/a","key":["a","b c"],"ARGV":["0x0","0x1f","0x0","0xffffffffffffffff"],"ARCH":"x86_64","SYSCALL":"execve","UID":"root","SCRIPT":"/a","PID":{"EVENT_ID":"1.000:7"},"PPID":{"SPAWNED_BY":"1.000:5","comm":"a","exe":"/a","ppid":1},"LABELS":["l"],"CONTAINER_INFO":{"ID":"47335b04ebb4aefdc353dda62ddd38e5e1e00fc1372f0c8d0138417f0ccb9e6c"},"UNIT":"u.service","INHERITED":true},"EXECVE":{"argc":2,"ARGV":["a","%ff%25\"ü"],"ENV":{"HOME":"/"},"ENV_CUT":["HOME"]},"CWD":{"cwd":"/"},"PATH":[{"item":0,"name":null,"inode":1,"mode":"0o100644","nametype":"NORMAL","NAME_FOUND":{"path":"/a","how":"fd","unsure":true}}],"SOCKADDR":[{"SADDR":{"saddr_fam":"inet","addr":"127.0.0.1","port":53}},{"saddr":"%00"}],"OBJ_PID":[{"opid":1,"oauid":-1}],"PROCTITLE":{"ARGV":["a"]},"UNKNOWN[1999]":[{"a":"b"}]}"#;
    const OTHERS: [&str; 8] = [
        r#"{"ID":"1.000:0","TIME":"1970-01-01T00:00:01.000Z","NODE":"h","LOSS":[{"place":"ring","lost":1,"total":2,"unit":"records"}]}"#,
        r#"{"ID":"1.000:1","TIME":"2000-02-29T23:59:59.999Z","NODE":"h","USER_AUTH":{"pid":1,"uid":0,"msg":{"op":"PAM","acct":"root","addr":null}}}"#,
        r#"{"ID":"1.000:1","TIME":"2000-02-29T23:59:59.999Z","NODE":"h","USER":{"pid":1,"uid":0,"msg":"hello"}}"#,
        r#"{"ID":"1.000:0","TIME":"1970-01-01T00:00:01.000Z","NODE":"h","LOSS":[{"place":"output","lost":1,"total":2,"unit":"events","output":"web"}]}"#,
        r#"{"ID":"1.000:1","TIME":"1970-01-01T00:00:01.000Z","NODE":"h","AVC":[{"apparmor":"DENIED","operation":"create","family":"inet","sock_type":"stream","protocol":"0"}]}"#,
        r#"{"ID":"1.000:1","TIME":"1970-01-01T00:00:01.000Z","NODE":"h","AVC":[{"apparmor":"DENIED","operation":"mount","flags":"rw, rslave"}]}"#,
        r#"{"ID":"1.000:1","TIME":"1970-01-01T00:00:01.000Z","NODE":"h","LANDLOCK_DOMAIN":[{"domain":"1a","status":"allocated","mode":"enforcing","pid":300}]}"#,
        r#"{"ID":"1.000:1","TIME":"1970-01-01T00:00:01.000Z","NODE":"h","PATH":[{"item":0,"name":"/a","inode":"13835058055282163712","nametype":"NORMAL"}]}"#,
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
        (r#""EVENT_ID":"1.000:7""#, r#""EVENT_ID":7"#),
        (r#""SPAWNED_BY":"1.000:5""#, r#""SPAWNED_BY":"1.000:5","EVENT_ID":"1.000:5""#),
        (r#""ppid":1},"LABELS""#, r#""ppid":"1"},"LABELS""#),
        (r#""LABELS":["l"]"#, r#""LABELS":[]"#),
        (r#""ID":"47335b"#, r#""ID":"x47335b"#),
        (r#""INHERITED":true"#, r#""INHERITED":false"#),
        (r#""ENV":{"HOME":"/"}"#, r#""ENV":["HOME"]"#),
        (r#""path":"/a""#, r#""path":"a""#),
        (r#""how":"fd""#, r#""how":"guess""#),
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
    validator::all_refused(SCHEMA, &bad, CHANGES.len() + 4);
}
