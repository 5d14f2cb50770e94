//! What a service manager is told, by a socket that plays it (sd_notify(3)).

use crate::machine::{Machine, wait};
use crate::{BINARY, Place};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

fn told(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 500];
    let len = socket.recv(&mut buffer).expect("a notification");
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

#[test]
fn ready_reloading_watchdog_and_stopping() {
    let mut machine = Machine::take();
    let place = Place::new(&machine);
    let socket = UnixDatagram::bind(place.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let pid_file = place.path("pid");
    let mut command = Command::new(BINARY);
    command.arg("-c").arg(place.path("config.toml")).arg("-P").arg(&pid_file);
    command.env("NOTIFY_SOCKET", place.path("notify")).env("WATCHDOG_USEC", "1000000");
    // Before the first one, which nobody may be quick to read.
    let start = Instant::now();
    let mut daemon = command.spawn().unwrap();
    assert_eq!(told(&socket), "READY=1\nSTATUS=capturing");
    assert_eq!(machine.status().pid, daemon.id(), "it works when it says so");
    assert_eq!(std::fs::read_to_string(&pid_file).unwrap(), format!("{}\n", daemon.id()));
    for _ in 0..6 {
        assert_eq!(told(&socket), "WATCHDOG=1");
    }
    // Five pauses.
    let (least, most) = (Duration::from_millis(2_500), Duration::from_secs(20));
    assert!((least..most).contains(&start.elapsed()), "twice a second: {:?}", start.elapsed());
    let signal = |name: &str| {
        let pid = daemon.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    };
    let next = || loop {
        let text = told(&socket);
        if text != "WATCHDOG=1" {
            return text;
        }
    };
    signal("HUP");
    let reloading = next();
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
    let now = ringaudit::sys::host::monotonic_us().unwrap();
    let before = now - since.parse::<u64>().unwrap();
    assert!(before < 60_000_000, "{before}");
    assert!(next().starts_with("READY=1\nSTATUS="));
    signal("TERM");
    assert!(next().starts_with("STOPPING=1\n"));
    wait("the end", || daemon.try_wait().unwrap().is_some());
    assert!(!pid_file.exists());
}
