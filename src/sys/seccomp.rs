//! A filter of system calls: classic BPF that the kernel runs at each call of this thread, and of the threads and
//! programs that it starts from then on. Source: seccomp(2), linux/seccomp.h, linux/filter.h, linux/audit.h.

use super::cerr;
use super::privilege::prctl;
use std::io;

/// One instruction (struct sock_filter).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when a comparison holds.
    pub yes: u8,
    /// And when it does not.
    pub no: u8,
    /// The operand.
    pub value: u32,
}

/// struct sock_fprog
#[repr(C)]
struct Program {
    len: libc::c_ushort,
    filter: *const Instruction,
}

/// SECCOMP_SET_MODE_FILTER
const SET_MODE_FILTER: libc::c_uint = 1;
/// SECCOMP_FILTER_FLAG_SPEC_ALLOW, Linux 4.17: no slower memory accesses, which are for those who run strangers' code.
const SPEC_ALLOW: libc::c_uint = 4;

/// Puts a filter before this thread's system calls, for good.
///
/// Errors: EACCES without no_new_privs and CAP_SYS_ADMIN; EINVAL for a wrong program, or a kernel without
/// CONFIG_SECCOMP_FILTER; ENOMEM.
pub fn install(filter: &[Instruction]) -> io::Result<()> {
    let len = libc::c_ushort::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = Program { len, filter: filter.as_ptr() };
    let call = |flags: libc::c_uint| {
        // SAFETY: the kernel reads the program and its live instructions, whose number is right, and checks them.
        cerr(unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, &raw const program) })
    };
    match call(SPEC_ALLOW) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => call(0),
        other => other,
    }
    .map(|_| ())
}

/// What a filter answers to a question that only filters of ours answer: its own number, if one is there.
pub fn mark(question: u32) -> Option<i32> {
    let answer = prctl(question.cast_signed(), 0, 0);
    answer.err().and_then(|error| error.raw_os_error()).filter(|&errno| errno != libc::EINVAL)
}
