//! Programs: command lines of every shape and size, scripts, files without a name.

use super::World;
use super::call::{child, exec, sys};
use super::odd::{c, odd, odd_or_empty};
use libc::{AT_FDCWD, O_CREAT, O_RDWR, O_TRUNC};
use std::ffi::{CStr, CString};

pub(crate) const TRUE: &CStr = c"/bin/true";
/// One argument longer than this is split (MAX_EXECVE_AUDIT_LEN, kernel/auditsc.c).
const SPLIT: usize = 7500;

fn run(path: &CStr, argv: &[CString]) {
    child(|| {
        exec(None, path, argv, &[c("PATH=/usr/bin"), c("LD_PRELOAD=")]);
    });
}

pub(crate) fn arguments(world: &mut World) {
    let count = world.chance.below(12);
    let argv: Vec<CString> =
        std::iter::once(c("true")).chain((0..count).map(|_| c(odd_or_empty(&mut world.chance)))).collect();
    run(TRUE, &argv);
}

/// What decoders confuse.
pub(crate) fn traps(world: &mut World) {
    let argv = ["3005", "(null)", "", "C3A4", "a0=1", "x\" a1=\"y", " ", "6C73", "argc=9", "\u{1}", "[0]="];
    run(TRUE, &argv.map(c));
    run(TRUE, &[]);
    run(TRUE, &[c("")]);
    run(c"/nonexistent/program", &[c("x")]);
    run(c"/", &[c("a directory")]);
    run(c"", &[c("no path")]);
    let _ = world;
}

/// Arguments that the kernel splits, about the length where it begins to.
pub(crate) fn long_arguments(world: &mut World) {
    let near = SPLIT - 60 + world.chance.below(120);
    for len in [near, 3 * SPLIT / 2 + world.chance.below(SPLIT)] {
        let plain = vec![b'p'; len];
        let mixed = (0..len).map(|at| if at % 977 == 976 { b' ' } else { b'm' }).collect::<Vec<u8>>();
        let bytes = world.chance.bytes(len);
        // Wherever it is split, that is inside a character of one of the two.
        let (even, odd) = ("é".repeat(len / 2), format!("x{}", "é".repeat(len / 2)));
        run(TRUE, &[c("true"), c(even), c(odd), c(plain), c(""), c(mixed), c(bytes), c("last")]);
    }
}

/// 200 KB and more: few long arguments, or many short ones.
pub(crate) fn large(world: &mut World) {
    let argv: Vec<CString> = match world.chance.below(4) {
        0 => (0..2).map(|_| c(vec![b'l'; 100_000])).collect(),
        1 => (0..2).map(|_| c(world.chance.bytes(100_000))).collect(),
        2 => (0..20_000).map(|at| c(format!("argument{at}"))).collect(),
        _ => (0..400).map(|_| c(world.chance.bytes(500))).collect(),
    };
    run(TRUE, &[vec![c("true")], argv].concat());
}

fn file(name: &CStr, content: &[u8]) -> bool {
    let Ok(fd) = sys!(SYS_openat, AT_FDCWD, name, O_RDWR | O_CREAT | O_TRUNC | libc::O_CLOEXEC, 0o755) else {
        return false;
    };
    let written = sys!(SYS_write, fd, content, content.len());
    let _ = sys!(SYS_close, fd);
    written.is_ok()
}

/// A script, and a copy of a program, under odd names: the exe or an argument is odd.
pub(crate) fn files(world: &mut World) {
    let name =
        c([b"./x".to_vec(), odd(&mut world.chance)].concat().into_iter().take(200).collect::<Vec<u8>>());
    if file(&name, b"#!/bin/sh -e\nexit 0\n") {
        run(&name, &[c("script"), c(odd(&mut world.chance))]);
    }
    if file(&name, &world.program) {
        run(&name, &[c(odd(&mut world.chance))]);
    }
    if file(&name, b"not a program") {
        run(&name, &[c("nothing")]);
    }
    let _ = sys!(SYS_unlink, &name);
}

/// A program in memory alone, as fexecve(3) runs it.
pub(crate) fn nameless(world: &mut World) {
    let name = c(odd(&mut world.chance).into_iter().take(200).collect::<Vec<u8>>());
    let Ok(fd) = sys!(SYS_memfd_create, &name, libc::MFD_CLOEXEC) else { return };
    let _ = sys!(SYS_write, fd, &world.program[..], world.program.len());
    let number = i32::try_from(fd).unwrap();
    child(|| {
        exec(Some(number), c"", &[c("nameless"), c("")], &[]);
    });
    let _ = sys!(SYS_close, fd);
    child(|| {
        exec(Some(number), c"relative", &[c("closed")], &[]);
    });
}
