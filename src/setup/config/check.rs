//! What only the system can tell of a config: whether the users and groups exist. Names come from
//! the text of /etc/passwd and /etc/group, since a static binary has no other name service.

use super::{Config, Located, Problem, Target, quoted};

/// The ID that chown(2) takes as "leave it".
const UNCHANGED: u32 = u32::MAX;

/// What is wrong with the config on this system, in the order of the outputs. `user` and `group`
/// give the ID of a name or number, for example by [`id_in`].
pub fn check(
    config: &Config,
    user: impl Fn(&str) -> Option<u32>,
    group: impl Fn(&str) -> Option<u32>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut look =
        |name: &Option<Located<String>>, id: &dyn Fn(&str) -> Option<u32>, what: &str, table: &str| {
            if let Some(name) = name.as_ref().filter(|name| id(&name.value).is_none()) {
                problems.push(Problem {
                    place: name.place.clone(),
                    message: format!(
                        "unknown {what} {}: not in {table}; give its number if it is kept elsewhere",
                        quoted(&name.value)
                    ),
                });
            }
        };
    #[cfg(feature = "status")]
    look(&config.status.group, &group, "group", "/etc/group");
    for output in &config.outputs {
        if let Target::File(file) = &output.target {
            look(&file.owner, &user, "user", "/etc/passwd");
            look(&file.group, &group, "group", "/etc/group");
        }
    }
    problems
}

/// The ID of a user in the text of /etc/passwd, or of a group in the text of /etc/group (passwd(5),
/// group(5): the name is the first field, the ID the third). A decimal number stands for itself;
/// 4294967295 is no ID.
#[must_use]
pub fn id_in(table: &str, name: &str) -> Option<u32> {
    let by_name = || {
        table.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
        })
    };
    let number = name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten();
    number.or_else(by_name).filter(|id| *id != UNCHANGED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nlog:x:12:34::/:\n+::::::\nbad:x:nine:\n";

    #[test]
    fn ids() {
        assert_eq!(id_in(PASSWD, "root"), Some(0));
        assert_eq!(id_in(PASSWD, "log"), Some(12));
        for none in ["nobody", "broken", "bad", "", "-1", "4294967295", "4294967296", "1x", "roo"] {
            assert_eq!(id_in(PASSWD, none), None, "{none}");
        }
        assert_eq!(id_in("", "1000"), Some(1000));
    }

    #[test]
    fn unknown_users_and_groups_are_named_with_their_place() {
        let text = "[[output]]\ntype = \"file\"\npath = \"/x\"\nowner = \"lgo\"\ngroup = \"wheel\"\n";
        let config = crate::config::read("a.toml", text).unwrap();
        let problems = check(&config, |name| id_in(PASSWD, name), |name| id_in("", name));
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "a.toml:4:10: unknown user \"lgo\": not in /etc/passwd; give its number if it is kept elsewhere",
                "a.toml:5:10: unknown group \"wheel\": not in /etc/group; give its number if it is kept elsewhere",
            ]
        );
        let text = text.replace("lgo", "log").replace("wheel", "0");
        let config = crate::config::read("a.toml", &text).unwrap();
        assert_eq!(check(&config, |name| id_in(PASSWD, name), |name| id_in("", name)), []);
    }
}
