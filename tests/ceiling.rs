//! The ceiling over the memory. It is one for the process, so all of it is one test.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ringaudit::config::{self, Config};
use ringaudit::format::{FLOOR, Line, escape};
use ringaudit::sandbox;
use ringaudit::sys::memory::{Region, paid, pay, set_ceiling};

const KIB: usize = 1024;

#[test]
fn what_grows_stays_below_it_and_a_floor_is_never_taken() {
    let free = Region::new(1 << 20, 0).unwrap();
    assert_eq!((free.len(), paid()), (1 << 20, 0), "without a ceiling all of it may be touched");

    set_ceiling(256 * KIB);
    assert!(pay(64 * KIB) && !pay(193 * KIB));
    let mut one = Region::new(1 << 20, 64 * KIB).unwrap();
    assert_eq!((one.len(), one.capacity(), paid()), (64 * KIB, 1 << 20, 128 * KIB));
    assert!(Region::new(1 << 20, 129 * KIB).is_err(), "no floor above the ceiling");
    assert!(one.reserve(100 * KIB));
    one.fill(7);
    assert!(one.len() >= 100 * KIB && paid() <= 256 * KIB);
    let mut other = Region::new(1 << 20, 32 * KIB).unwrap();
    assert!(!other.reserve(200 * KIB), "too much now");
    assert_eq!(other.len(), 32 * KIB);
    one.discard(0);
    assert_eq!((one.len(), one[0]), (64 * KIB, 0), "the floor stays, and is empty");
    assert!(other.reserve(100 * KIB));
    let before = paid();
    drop(other);
    assert!(paid() < before);

    // A line refuses what does not fit, says so, and goes on with the next.
    let mut line = Line::new(1 << 20).unwrap();
    let text = vec![b'<'; 10 * KIB];
    let mut from = 0;
    loop {
        escape::push(&mut line, &text);
        if line.overflowed() && !line.grow(from) {
            break;
        }
        from = line.len();
    }
    assert!(line.len() > FLOOR && paid() <= 256 * KIB, "{} {}", line.len(), paid());
    line.clear();
    line.push(b"short");
    assert!(!line.overflowed());
    assert_eq!(line.as_bytes(), b"short");
    drop((line, one));
    assert_eq!(paid(), 64 * KIB);
}

#[test]
fn a_config_that_needs_more_is_refused_with_the_figures() {
    let check = |text: &str| {
        let problems = sandbox::check(&config::read("f", text).unwrap());
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(check(""), Vec::<String>::new());
    assert_eq!(check("[memory]\nmax_kib = 4096\n"), Vec::<String>::new());
    let wrong = check("[memory]\nmax_kib = 1024\n[[output]]\ntype = 'stdout'\nname = 'web'\n");
    assert_eq!(wrong.len(), 1);
    let begin = "f:2:11: \"memory.max_kib\" is 1024, but this config needs at least ";
    assert!(wrong[0].starts_with(begin), "{}", wrong[0]);
    // The parts make the sum.
    let (sum, parts) = wrong[0][begin.len()..].split_once(" KiB: ").unwrap();
    let parts = parts.split_once(';').unwrap().0;
    let numbers = parts.split(", ").map(|part| part.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap());
    assert_eq!(numbers.sum::<u32>(), sum.parse::<u32>().unwrap());
    for part in ["ring.size_kib 512", "enrich.processes ", "output web "] {
        assert!(parts.contains(part), "{parts}");
    }
    let unknown = check("[sandbox]\nuser = 'no-such-user'\n");
    assert_eq!(unknown, ["f:2:9: unknown user \"no-such-user\": not in /etc/passwd"]);
    let default = Config::default();
    assert_eq!(sandbox::check(&default), []);
}
