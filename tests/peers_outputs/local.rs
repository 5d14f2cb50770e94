//! Sockets of this host and programs: who reads them is a program of the system's.

use crate::{feed, wait};
use serde_json::Value;
use std::io::Read;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::thread;

fn serials(text: &str) -> Vec<u64> {
    let serial = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        event["ID"].as_str().unwrap().split_once(':').unwrap().1.parse().unwrap()
    };
    text.lines().map(serial).collect()
}

#[test]
fn a_unix_socket_gets_each_event_as_a_line_or_as_a_datagram() {
    const COUNT: u64 = 2_000;
    let dir = tempfile::tempdir().unwrap();
    let (stream, datagram) = (dir.path().join("stream"), dir.path().join("datagram"));
    let listener = UnixListener::bind(&stream).unwrap();
    let reader = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut text = String::new();
        peer.read_to_string(&mut text).unwrap();
        text
    });
    let socket = UnixDatagram::bind(&datagram).unwrap();
    let receiver = thread::spawn(move || {
        let mut space = vec![0; 1 << 20];
        (0..COUNT)
            .map(|_| {
                let len = socket.recv(&mut space).unwrap();
                String::from_utf8(space[..len].to_vec()).unwrap()
            })
            .collect::<Vec<_>>()
    });
    let output = |network: &str, path: &Path| {
        format!("[[output]]\ntype = \"unix\"\nnetwork = \"{network}\"\naddress = {path:?}\n")
    };
    let text = output("unix", &stream) + &output("unixgram", &datagram);
    feed::replay(dir.path(), &text, COUNT, 100_000);
    let all: Vec<u64> = (1..=COUNT).collect();
    assert_eq!(serials(&reader.join().unwrap()), all);
    let datagrams = receiver.join().unwrap();
    assert!(datagrams.iter().all(|one| !one.ends_with('\n')));
    assert_eq!(serials(&datagrams.join("\n")), all);
}

#[test]
fn a_program_gets_all_and_is_started_again_when_it_dies() {
    const COUNT: u64 = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    // It reads whole lines and dies after some; what it had not read goes to the next one.
    let script = format!(
        "import os, sys\nout = open({out:?}, 'a')\nfor number in range(4000):\n    line = b''\n    while not \
         line.endswith(b'\\n'):\n        byte = os.read(0, 1)\n        if not byte:\n            sys.exit(0)\n        \
         line += byte\n    out.write(line.decode())\nout.flush()\nos.kill(os.getpid(), 9)\n"
    );
    let file = dir.path().join("program.py");
    std::fs::write(&file, script).unwrap();
    let python = std::env::var("PATH")
        .unwrap()
        .split(':')
        .map(|dir| format!("{dir}/python3"))
        .find(|path| Path::new(path).exists())
        .unwrap();
    let text = format!("[[output]]\ntype = \"pipe\"\nname = \"prog\"\ncommand = [{python:?}, {file:?}]\n");
    let mut child = feed::start(dir.path(), &text);
    let mut input = child.stdin.take().unwrap();
    let mut lines = String::new();
    (1..=COUNT).for_each(|serial| feed::event(serial, 3_000, &mut lines));
    std::io::Write::write_all(&mut input, lines.as_bytes()).unwrap();
    drop(input);
    wait("the replay's end", || child.try_wait().unwrap().is_some());
    let stderr = std::fs::read_to_string(dir.path().join("stderr")).unwrap();
    assert!(
        stderr.contains(&format!("output prog: {python} was ended by signal 9; trying again")),
        "{stderr}"
    );
    assert!(stderr.contains("output prog: writing again after"), "{stderr}");
    assert_eq!(serials(&std::fs::read_to_string(&out).unwrap()), (1..=COUNT).collect::<Vec<_>>());
}

#[test]
fn a_program_that_is_not_there_is_an_error_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[[output]]\ntype = \"pipe\"\ncommand = [\"/nonexistent/program\"]\n";
    let mut child = feed::start(dir.path(), text);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let stderr = std::fs::read_to_string(dir.path().join("stderr")).unwrap();
    let place = format!("{}:1:1", dir.path().join("ringaudit.toml").display());
    let expected = format!(
        "ringaudit: {place}: failed to start \"/nonexistent/program\": No such file or directory (os error 2)\n"
    );
    assert_eq!(stderr, expected);
}
