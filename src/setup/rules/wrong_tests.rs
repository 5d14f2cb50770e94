//! Wrong rules, each with its whole message and the column of what is wrong.

use super::*;
use crate::wire::tables::Machine;

const WRONG: &[(&str, &str)] = &[
    ("-a always,exit -F arch=b64 -S open -C uid", "42: \"uid\" has no operator: write -C uid!=euid"),
    (
        "-a always,exit -C uid!=gid",
        "19: -C does not compare uid with gid: two of uid, euid, suid, fsuid, auid, obj_uid, or two of gid, egid, sgid, fsgid, obj_gid",
    ),
    ("-a always,exit -C uid>euid", "19: -C takes only = and !="),
    (
        "-a always,exit -C uid=pid",
        "19: -C does not compare uid with pid: two of uid, euid, suid, fsuid, auid, obj_uid, or two of gid, egid, sgid, fsgid, obj_gid",
    ),
    ("-a always,exit -C uid=eudi", "23: unknown field \"eudi\"; did you mean \"euid\"?"),
    ("-a always,task -C uid=euid", "16: -C works only on the exit list"),
    ("-a always,io_uring -S opnat", "23: unknown io_uring operation \"opnat\"; did you mean \"openat\"?"),
    ("-a always,io_uring -F perm=r", "23: perm works only on the exit list, not on io_uring"),
    ("-a always,user -S open", "16: -S works only on the exit list, not on user"),
    (
        "-a always,exclude -F ppid=1",
        "22: ppid on the exclude list makes the kernel skip all rules after it: only pid, uid, gid, auid, msgtype, exe and subj_* work there",
    ),
    ("-a always,exclude -F msgtype=EXECV", "30: unknown record type \"EXECV\"; did you mean \"EXECVE\"?"),
    ("-a always,filesystem -F pid=1", "25: the filesystem list takes only fstype and key, not pid"),
    ("-a always,filesystem -F fstype=ext4", "32: unknown file system type \"ext4\": one of debugfs, tracefs"),
    ("-a always,exit -F fstype=debugfs", "19: fstype works only on the filesystem list"),
    ("-a always,exit -F msgtype=CWD", "19: msgtype works only on the exclude and user lists"),
    (
        "-a always,exit -F saddr_fam=ip4",
        "29: unknown address family \"ip4\": one of unix, local, inet, inet6, netlink, packet, bluetooth, alg, vsock",
    ),
    (
        "-a always,exit -F filetype=pipe",
        "28: unknown file type \"pipe\": one of file, dir, socket, link, character, block, fifo",
    ),
    ("-a always,exit -F filetype=0100644", "28: filetype has no bits but 0170000: \"0100644\" has others"),
    ("-a always,exit -F exit=-EACESS", "24: unknown error name \"EACESS\"; did you mean \"EACCES\"?"),
    ("-a always,exit -F success=yes", "27: success must be a number, not \"yes\": write 1"),
    ("-a always,exit -F sessionid=me", "29: sessionid must be a number or unset"),
    ("-a always,exit -F uid=-1", "23: uid can't be -1: only auid and sessionid can be unset"),
    ("-a always,exit -F auid>unset", "24: auid takes only = and != with unset"),
    ("-a always,exit -F gid=wheeel", "23: group \"wheeel\" is not in /etc/group"),
    ("-a always,exit -F a0=x", "22: a0 must be a number, not \"x\""),
    ("-a always,exit -F inode>5", "19: inode takes only = and !="),
    ("-a always,exit -F exe=/usr/bin/", "23: exe must not end with a slash: remove it"),
    ("-a always,exit -F perm=", "24: \"perm=\" has no value after ="),
    ("-a always,exit -F perm!=r", "19: perm takes only ="),
    (
        "-a always,exit -F perm=rwxar",
        "24: permissions are one to four of the letters r, w, x and a, not \"rwxar\"",
    ),
    ("-a always,exit -F pid", "22: \"pid\" has no operator: write -F name=value"),
    ("-a always,exit -F =1", "19: \"=1\" has no field name before ="),
    ("-a always,exit -S 5000", "19: \"5000\" is no system call's number: they are below 2032"),
    ("-a always,exit -S", "16: -S needs a value after it"),
    ("-a", "1: -a needs a value after it"),
    ("-q /a", "4: -q takes two absolute paths, -q /mount,/subtree, not \"/a\""),
    ("-q /a,b", "4: -q takes two absolute paths, -q /mount,/subtree, not \"/a,b\""),
    ("-r fast", "4: -r must be a number from 0 to 4294967295, not \"fast\""),
    ("-f 3", "4: -f must be 0, 1 or 2, not \"3\""),
    ("--backlog_wait_time x", "21: --backlog_wait_time must be a number from 0 to 4294967295, not \"x\""),
    ("--backlog_wait_time", "1: --backlog_wait_time needs a value after it"),
    ("--signal HUP", "1: --signal is an order to auditctl, not a rule: remove it"),
    ("--loginuid-imutable", "1: unknown option \"--loginuid-imutable\"; did you mean --loginuid-immutable?"),
    ("-R /etc/audit/rules.d", "1: -R: a rules file cannot read another: name it in rules.files"),
    ("-l", "1: -l is an order to auditctl, not a rule: remove it"),
    ("-s", "1: -s is an order to auditctl, not a rule: remove it"),
    ("-m hello", "1: -m is an order to auditctl, not a rule: remove it"),
    ("-D now", "4: \"now\" stands without an option before it; quote a value that has blanks"),
    ("-D -k", "4: -k needs a value after it"),
    ("-D -k a -k b", "1: -D needs a line of its own, or one -k after it"),
    ("-w /etc -S open -F", "17: -F needs a value after it"),
    ("-w /etc/passwd -p", "16: -p needs a value after it"),
    ("-w ''", "4: the path of a watch must be an absolute path, not \"\""),
    ("-W etc", "4: the path of a watch must be an absolute path, not \"etc\""),
    (
        "-a always,exit -k \"a",
        "19: the quote \" has no end: close it, or put the word in the other kind of quotes",
    ),
    ("-a always,exit # all", "16: a comment needs a line of its own"),
    (
        "-a always,exit -F pid=1 extra",
        "25: \"extra\" stands without an option before it; quote a value that has blanks",
    ),
    (
        "-A always,exot",
        "11: \"exot\" is no list: task, exit, user, exclude, filesystem, io_uring; did you mean \"exit\"?",
    ),
    ("-d always", "4: \"always\" is no list and action: write -d always,exit"),
    ("-x", "1: unknown option \"-x\""),
    ("--frobnicate", "1: unknown option \"--frobnicate\""),
    ("-a always,exit -F pid=99999999999", "23: pid holds 32 bits: \"99999999999\" does not fit"),
    ("-a always,exit -F path=/a/ -F perm=w", "24: path must not end with a slash: remove it, or use -F dir="),
    ("-a always,exit -F dir=etc", "23: dir must be an absolute path, not \"etc\""),
    ("-p r", "1: -p needs a rule before it: begin with -a always,exit"),
    ("-a always,user -p r", "16: -p works only on the exit list"),
    (
        "-a always,exit -F path=/a -F inode=5",
        "1: a rule has one of path, dir and inode: write one rule for each",
    ),
];

#[test]
fn each_wrong_rule_is_told_with_its_column() {
    assert!(WRONG.len() >= 60);
    let lines: Vec<&str> = WRONG.iter().map(|(line, _)| *line).collect();
    let found = compile(&lines_of("t", &lines.join("\n")), Machine::X86_64);
    let shown: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    let expected: Vec<String> =
        (1..).zip(WRONG).map(|(n, (_, message))| format!("t:{n}:{message}")).collect();
    assert_eq!(shown, expected);
    assert_eq!(found.planned, []);
}
