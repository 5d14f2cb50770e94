//! Where our JSON and laurel 0.5.1's differ on purpose: each rule is a row of docs/format.md, "Differences from
//! laurel", and holds only where our value and laurel's are two forms of the same text of the log.

use crate::argv::decode;
use crate::compare::{Difference, Rule, compare};
use crate::laurel::{Events, Said};
use serde_json::Value;

const RULES: &[Rule] = &[
    Rule { name: "time and node", is: |d| matches!(d.path.as_str(), "TIME" | "NODE") && d.theirs.is_none() },
    Rule { name: "several keys", is: several_keys },
    Rule { name: "decimal numbers", is: decimal },
    Rule { name: "octal numbers", is: octal },
    Rule { name: "nothing known", is: |d| d.ours == Some(&Value::Null) && text(d.theirs) == Some("?") },
    Rule { name: "text of user space", is: text_of_user_space },
    Rule {
        name: "texts with a quote",
        is: |d| d.path.is_empty() && d.theirs.is_none() && d.refused.contains(&format!("({})", d.id)),
    },
    Rule { name: "unix and packet addresses", is: more_addresses },
    Rule { name: "short addresses", is: short_addresses },
    Rule { name: "old address families", is: fewer_addresses },
    Rule {
        name: "unset ids",
        is: |d| text(d.ours) == Some("unset") && text(d.theirs) == Some("unknown(-1)"),
    },
    Rule {
        name: "names in SECCOMP",
        is: |d| d.record() == "SECCOMP" && matches!(d.field(), "ARCH" | "SYSCALL") && d.theirs.is_none(),
    },
    Rule { name: "new system calls", is: new_calls },
    Rule { name: "what numbers mean", is: meanings },
    Rule { name: "characters that the kernel split", is: split_characters },
    Rule { name: "empty words in a title", is: titles },
];

/// The last system call that laurel 0.5.1 knows.
const LAST_CALL: u64 = 450;

/// Every difference is one of those above, and each of those is there.
pub(crate) fn only_meant(ours: &Events, theirs: &Said) {
    let hits = compare(ours, theirs, RULES);
    println!("{hits:#?}");
    let documents = include_str!("../../docs/format.md");
    for rule in RULES {
        assert!(documents.contains(&format!("\n| {} |", rule.name)), "{}: not in docs/format.md", rule.name);
    }
    let unused: Vec<_> = hits.iter().filter(|(_, count)| **count == 0).collect();
    assert!(unused.is_empty(), "no difference is {unused:?}: laurel has changed, or the load");
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

fn bytes(value: Option<&Value>) -> Option<Vec<u8>> {
    text(value).map(decode)
}

/// The bytes that laurel makes of digits that it takes for hex: `64` is `d`. An odd number of them is left.
fn as_hex(digits: &str) -> Vec<u8> {
    let pairs: Option<Vec<u8>> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()
        })
        .collect();
    pairs.unwrap_or_else(|| digits.as_bytes().to_vec())
}

/// `["a","b"]` is `"a%01b"` there.
fn several_keys(d: &Difference<'_>) -> bool {
    let Some(keys) = d.ours.and_then(Value::as_array) else { return false };
    let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
    d.field() == "key" && keys.len() >= 2 && Some(keys.join("%01").as_str()) == text(d.theirs)
}

/// `64` is `"d"`, and `7` is `"7"`, where laurel does not know the key.
fn decimal(d: &Difference<'_>) -> bool {
    let Some(number) = d.ours.filter(|value| value.is_number()).map(Value::to_string) else { return false };
    bytes(d.theirs).is_some_and(|theirs| theirs == as_hex(&number) || theirs == number.as_bytes())
}

/// `"0o100"` is `"%01%00"` there.
fn octal(d: &Difference<'_>) -> bool {
    let Some(digits) = text(d.ours).and_then(|ours| ours.strip_prefix("0o")) else { return false };
    bytes(d.theirs) == Some(as_hex(&format!("0{digits}")))
}

/// `msg` is an object; there it is the text as it stands.
fn text_of_user_space(d: &Difference<'_>) -> bool {
    let (Some(Value::Object(ours)), Some(theirs)) = (d.ours, bytes(d.theirs)) else { return false };
    let holds = |part: &[u8]| theirs.windows(part.len()).any(|window| window == part);
    let all = ours.iter().all(|(key, value)| match value {
        Value::Array(words) => words.iter().all(|word| bytes(Some(word)).is_some_and(|word| holds(&word))),
        Value::Null => holds(format!("{key}=?").as_bytes()),
        Value::Number(number) => holds(format!("{key}={number}").as_bytes()),
        _ => {
            let value = bytes(Some(value)).unwrap();
            let hex: String = value.iter().map(|byte| format!("{byte:02X}")).collect();
            [hex.as_bytes(), &value, &[b"\"", &value[..], b"\""].concat()]
                .into_iter()
                .any(|form| holds(&[key.as_bytes(), b"=", form].concat()))
        }
    });
    d.field() == "msg" && all
}

/// The address at a difference's place, as we write it and as bytes.
fn address<'a>(d: &'a Difference<'_>) -> Option<&'a Value> {
    let number: usize = d.path.strip_prefix("SOCKADDR[")?.split(']').next()?.parse().ok()?;
    Some(&d.event["SOCKADDR"][number]["SADDR"])
}

/// Addresses that have all that is said of them, but not all bytes of their structure: laurel leaves `saddr`.
fn short_addresses(d: &Difference<'_>) -> bool {
    let Some(ours) = address(d) else { return false };
    if d.field() == "SADDR" {
        return d.theirs.is_none() && matches!(ours["saddr_fam"].as_str(), Some("inet" | "inet6" | "vsock"));
    }
    let Some(theirs) = bytes(d.theirs) else { return false };
    let tail = |at: usize, len: usize| theirs.get(at..at + len).unwrap_or_default().to_vec();
    let fits = match ours["saddr_fam"].as_str() {
        Some("inet") => {
            let address: Vec<String> = tail(4, 4).iter().map(u8::to_string).collect();
            let port = u64::from(tail(2, 1)[0]) << 8 | u64::from(tail(3, 1)[0]);
            theirs.len() < 16 && ours["addr"] == address.join(".").as_str() && ours["port"] == port
        }
        Some("vsock") => {
            theirs.len() < 16 && ours["port"] == u32::from_ne_bytes(tail(4, 4).try_into().unwrap())
        }
        Some("inet6") => theirs.len() < 28,
        _ => false,
    };
    d.field() == "saddr" && d.ours.is_none() && fits
}

/// `SADDR` where laurel leaves `saddr`, whose bytes it must fit.
fn more_addresses(d: &Difference<'_>) -> bool {
    let Some(ours) = address(d) else { return false };
    let family = match ours["saddr_fam"].as_str() {
        Some("local") => libc::AF_UNIX,
        Some("packet") => libc::AF_PACKET,
        _ => return false,
    };
    if d.field() == "SADDR" {
        return d.theirs.is_none();
    }
    let Some(theirs) = bytes(d.theirs) else { return false };
    let Some((head, rest)) = theirs.split_at_checked(2) else { return false };
    let fits = [("path", 0), ("abstract", 1), ("addr", 10)].into_iter().all(|(key, at)| {
        let part = bytes(ours.get(key));
        part.is_none_or(|part| rest.get(at..).is_some_and(|rest| rest.starts_with(&part)))
    });
    d.field() == "saddr"
        && d.ours.is_none()
        && i32::from(u16::from_ne_bytes(head.try_into().unwrap())) == family
        && fits
}

/// Families that no kernel of today has: laurel names them, we leave `saddr`.
fn fewer_addresses(d: &Difference<'_>) -> bool {
    const FAMILIES: [&str; 4] = ["ax25", "ipx", "atmpvc", "x25"];
    match d.field() {
        "SADDR" => {
            let family = d.theirs.and_then(|theirs| text(theirs.get("saddr_fam")));
            d.ours.is_none() && family.is_some_and(|family| FAMILIES.contains(&family))
        }
        "saddr" => {
            let head = bytes(d.ours).and_then(|ours| ours.first_chunk::<2>().copied());
            d.theirs.is_none() && head.is_some_and(|head| matches!(u16::from_ne_bytes(head), 3 | 4 | 8 | 9))
        }
        _ => false,
    }
}

/// `fchmodat2` and later.
fn new_calls(d: &Difference<'_>) -> bool {
    matches!(d.path.as_str(), "SYSCALL.SYSCALL" | "SYSCALL.ARCH")
        && d.theirs.is_none()
        && d.event["SYSCALL"]["syscall"].as_u64().is_some_and(|number| number > LAST_CALL)
}

/// A name in upper case beside the field that it explains, where laurel has the field alone. What the names say is
/// compared with ausearch -i in tests/values.rs and in `raw`.
fn meanings(d: &Difference<'_>) -> bool {
    let Some((record, field)) = d.path.rsplit_once('.') else { return false };
    let Some(record) = d.event.pointer(&format!("/{}", record.replace('[', "/").replace(']', ""))) else {
        return false;
    };
    let explained = match field {
        "A0" | "A1" | "A2" | "A3" => {
            field[1..].parse().ok().and_then(|number: usize| record["ARGV"].get(number))
        }
        _ => record.get(field.to_lowercase()),
    };
    d.theirs.is_none()
        && field != field.to_lowercase()
        && text(d.ours).is_some_and(|ours| !ours.is_empty())
        && explained.is_some_and(|explained| Some(explained) != d.ours)
}

/// A character over the border of two pieces: laurel decodes each piece for itself.
fn split_characters(d: &Difference<'_>) -> bool {
    d.path.starts_with("EXECVE.ARGV[") && d.ours.is_some() && bytes(d.ours) == bytes(d.theirs)
}

/// Laurel takes the NUL behind an empty word for the next word's.
fn titles(d: &Difference<'_>) -> bool {
    let joined = |value: Option<&Value>| {
        let words = value?.as_array()?;
        Some(words.iter().filter_map(|word| bytes(Some(word))).collect::<Vec<_>>().join(&0))
    };
    let (ours, theirs) = (joined(d.ours), joined(d.theirs));
    d.path == "PROCTITLE.ARGV" && ours.is_some() && ours == theirs
}
