//! A filter of system calls as a program of classic BPF, made of the lists in `calls`. The machine is looked at first,
//! since a number means another call on another one. What is not allowed gets EPERM: a call that fails is told and
//! counted as any other failure, while a daemon that is killed for it leaves the host without its log, which is what
//! an intruder would wish for. Source: linux/seccomp.h (struct seccomp_data), linux/bpf_common.h.

use super::calls::{ARCH, Role, plain, tests};
use crate::config::Seccomp;
use crate::sys::seccomp::Instruction;

/// BPF_LD | BPF_W | BPF_ABS; BPF_JMP with BPF_JEQ, BPF_JGE, BPF_JSET; BPF_ALU | BPF_AND; BPF_RET. All with BPF_K.
const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const ANY_OF: u16 = 0x45;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;

/// SECCOMP_RET_ALLOW, _LOG and _ERRNO, the last with its number
const ALLOW: u32 = 0x7fff_0000;
const LOG: u32 = 0x7ffc_0000;
const ERRNO: u32 = 0x0005_0000;

/// Offsets in struct seccomp_data: the call's number, the machine, and the arguments, of 64 bits each.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const ARGUMENTS: u32 = 16;
/// Where the lower half of an argument lies.
const LOW: u32 = if cfg!(target_endian = "little") { 0 } else { 4 };
/// The numbers of x32 begin here (__X32_SYSCALL_BIT), under the same machine as x86_64.
const X32: u32 = 0x4000_0000;
/// The question, an option that prctl does not have, to which the main thread's filter answers with its number.
pub(super) const QUESTION: u32 = 0x7269_6e67;

/// A call that is allowed with some arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Test {
    pub(super) call: u32,
    /// Which argument.
    pub(super) argument: u8,
    pub(super) how: How,
}

/// How an argument must be: its lower 32 bits.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// None of these bits.
    Without(u32),
    /// All of these bits.
    With(u32),
    /// One of these values.
    OneOf(&'static [u32]),
    /// However it is: as if the kernel had no such call.
    Missing,
}

/// Instructions in the making.
struct Maker {
    made: Vec<Instruction>,
    refuse: u32,
}

impl Maker {
    #[inline(never)]
    fn put(&mut self, code: u16, value: u32, yes: u8, no: u8) {
        self.made.push(Instruction { code, yes, no, value });
    }

    fn load(&mut self, offset: u32) {
        self.put(LOAD, offset, 0, 0);
    }

    fn give(&mut self, what: u32) {
        self.put(RETURN, what, 0, 0);
    }

    /// Gives `what` where the value is this one.
    #[inline(never)]
    fn give_if(&mut self, value: u32, what: u32) {
        self.put(EQUAL, value, 0, 1);
        self.give(what);
    }

    fn test(&mut self, test: &Test) {
        // Over this test's own instructions to the next, if it is another call.
        let at = self.made.len();
        self.put(EQUAL, test.call, 0, 0);
        if !matches!(test.how, How::Missing) {
            self.load(ARGUMENTS + 8 * u32::from(test.argument) + LOW);
        }
        let refuse = self.refuse;
        match test.how {
            How::Without(bits) => {
                self.put(ANY_OF, bits, 1, 0);
                self.give(ALLOW);
                self.give(refuse);
            }
            How::With(bits) => {
                self.put(AND, bits, 0, 0);
                self.give_if(bits, ALLOW);
                self.give(refuse);
            }
            How::OneOf(values) => {
                for value in values {
                    self.give_if(*value, ALLOW);
                }
                self.give(refuse);
            }
            How::Missing => self.give(ERRNO | libc::ENOSYS.unsigned_abs()),
        }
        let own = self.made.len() - at - 1;
        if let Some(first) = self.made.get_mut(at) {
            first.no = u8::try_from(own).unwrap_or_default();
        }
    }
}

/// The program for a role, and its number; `None` for a machine that has no list.
#[must_use]
pub(super) fn program(role: Role, internet: bool, mode: Seccomp) -> Option<(Vec<Instruction>, u32)> {
    let refuse = if mode == Seccomp::Log { LOG } else { ERRNO | libc::EPERM.unsigned_abs() };
    let mut maker = Maker { made: Vec::new(), refuse };
    maker.load(MACHINE);
    maker.put(EQUAL, ARCH?, 1, 0);
    maker.give(refuse);
    maker.load(NUMBER);
    if cfg!(target_arch = "x86_64") {
        maker.put(AT_LEAST, X32, 0, 1);
        maker.give(refuse);
    }
    for call in plain(role).into_iter().flatten() {
        maker.give_if(u32::from(*call), ALLOW);
    }
    let mut answer = None;
    if role == Role::Main {
        // Before the other options of prctl.
        maker.put(EQUAL, super::calls::PRCTL, 0, 4);
        maker.load(ARGUMENTS + LOW);
        answer = Some(maker.made.len() + 1);
        maker.give_if(QUESTION, 0);
        maker.load(NUMBER);
    }
    for test in tests(role, internet).into_iter().flatten() {
        maker.test(test);
    }
    maker.give(refuse);
    // FNV-1a of all that it does, as an error number that no call has.
    let mix = |hash: u32, one: &Instruction| {
        let word = one.value ^ u32::from(one.code) << 16 ^ u32::from(one.yes) << 8 ^ u32::from(one.no);
        (hash ^ word).wrapping_mul(0x0100_0193)
    };
    let number = 1024 + maker.made.iter().fold(0x811c_9dc5, mix) % 2048;
    if let Some(one) = answer.and_then(|at| maker.made.get_mut(at)) {
        one.value = ERRNO | number;
    }
    Some((maker.made, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program says of a call: a small machine for the instructions that are in use.
    fn run(program: &[Instruction], machine: u32, number: u32, arguments: [u32; 6]) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let one = program[at];
            at += 1;
            let holds = match one.code {
                LOAD => {
                    value = match one.value {
                        NUMBER => number,
                        MACHINE => machine,
                        offset => arguments[((offset - ARGUMENTS - LOW) / 8) as usize],
                    };
                    continue;
                }
                AND => {
                    value &= one.value;
                    continue;
                }
                RETURN => return one.value,
                EQUAL => value == one.value,
                AT_LEAST => value >= one.value,
                ANY_OF => value & one.value != 0,
                code => panic!("instruction {code:#x}"),
            };
            at += usize::from(if holds { one.yes } else { one.no });
        }
    }

    const REFUSED: u32 = ERRNO | libc::EPERM as u32;

    #[test]
    fn what_each_role_may_do() {
        let arch = ARCH.unwrap();
        let call = |role, internet, number: libc::c_long, arguments: &[u32]| {
            let (program, _) = program(role, internet, Seccomp::On).unwrap();
            assert!(program.len() < 4096, "BPF_MAXINSNS");
            let mut all = [0; 6];
            all[..arguments.len()].copy_from_slice(arguments);
            run(&program, arch, u32::try_from(number).unwrap(), all)
        };
        let open = |role, flags: i32| call(role, false, libc::SYS_openat, &[0, 0, flags.cast_unsigned()]);
        assert_eq!(open(Role::Reader, libc::O_RDONLY | libc::O_CLOEXEC), ALLOW);
        assert_eq!(open(Role::Reader, libc::O_PATH), ALLOW);
        for flags in [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_RDONLY | libc::O_TRUNC] {
            assert_eq!(open(Role::Reader, flags), REFUSED);
            assert_eq!(open(Role::Output, flags), ALLOW);
        }
        for (role, exec, process, thread) in [
            (Role::Main, ALLOW, ALLOW, ALLOW),
            (Role::Output, REFUSED, REFUSED, ALLOW),
            (Role::Reader, REFUSED, REFUSED, REFUSED),
        ] {
            assert_eq!(call(role, true, libc::SYS_execve, &[]), exec);
            assert_eq!(call(role, true, libc::SYS_clone, &[libc::CLONE_VM as u32]), process, "vfork");
            assert_eq!(call(role, true, libc::SYS_clone, &[libc::CLONE_NEWNS as u32]), REFUSED);
            let flags = (libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_FS) as u32;
            assert_eq!(call(role, true, libc::SYS_clone, &[flags]), thread);
            for never in [
                libc::SYS_ptrace,
                libc::SYS_process_vm_writev,
                libc::SYS_mount,
                libc::SYS_bpf,
                libc::SYS_unshare,
                libc::SYS_setns,
                libc::SYS_init_module,
                libc::SYS_keyctl,
                libc::SYS_io_uring_setup,
                libc::SYS_perf_event_open,
                libc::SYS_mknodat,
                libc::SYS_execveat,
                libc::SYS_pivot_root,
                libc::SYS_setresuid,
                libc::SYS_userfaultfd,
            ] {
                assert_eq!(call(role, true, never, &[]), REFUSED, "{never}");
            }
            assert_eq!(call(role, true, libc::SYS_read, &[]), ALLOW);
            assert_eq!(call(role, true, libc::SYS_socket, &[libc::AF_PACKET as u32]), REFUSED);
            let inet = call(role, true, libc::SYS_socket, &[libc::AF_INET as u32]);
            assert_eq!(inet, if role == Role::Reader { REFUSED } else { ALLOW });
            assert_eq!(call(role, false, libc::SYS_socket, &[libc::AF_INET6 as u32]), REFUSED);
        }
        let tiocsti = 0x5412;
        assert_eq!(call(Role::Output, true, libc::SYS_ioctl, &[0, tiocsti]), REFUSED);
        assert_eq!(call(Role::Main, false, libc::SYS_clone3, &[]), ERRNO | libc::ENOSYS as u32);
    }

    #[test]
    fn another_machine_s_numbers_and_x32_are_refused() {
        let (program, _) = program(Role::Main, true, Seccomp::On).unwrap();
        let read = u32::try_from(libc::SYS_read).unwrap();
        assert_eq!(run(&program, 0x4000_0003, read, [0; 6]), REFUSED, "i386");
        if cfg!(target_arch = "x86_64") {
            assert_eq!(run(&program, ARCH.unwrap(), X32 | read, [0; 6]), REFUSED);
        }
    }

    #[test]
    fn a_filter_answers_with_its_number_and_no_other_filter_has_it() {
        let prctl = u32::try_from(libc::SYS_prctl).unwrap();
        let answer = |internet, mode| {
            let (program, number) = program(Role::Main, internet, mode).unwrap();
            let given = run(&program, ARCH.unwrap(), prctl, [QUESTION, 0, 0, 0, 0, 0]);
            assert_eq!(given, ERRNO | number);
            assert_eq!(run(&program, ARCH.unwrap(), prctl, [15, 0, 0, 0, 0, 0]), ALLOW, "PR_SET_NAME");
            let other = run(&program, ARCH.unwrap(), prctl, [9999, 0, 0, 0, 0, 0]);
            assert_eq!(other, program.last().unwrap().value);
            number
        };
        let numbers = [answer(true, Seccomp::On), answer(false, Seccomp::On), answer(true, Seccomp::Log)];
        assert!(numbers[0] != numbers[1] && numbers[0] != numbers[2] && numbers[1] != numbers[2]);
    }
}
