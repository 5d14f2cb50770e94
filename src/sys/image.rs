//! Another program in this one's place, in the same process: what it is to find, and the execution itself.
//! Source: execve(2), memfd_create(2), fcntl(2), F_ADD_SEALS; chroot(2), path_resolution(7).

use super::cerr;
use super::host::is_root_left;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What makes a file's content final.
const SEALS: libc::c_int = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// Has a descriptor stay open in the program that is executed next, or not.
///
/// Errors: none that is likely; EBADF.
pub fn keep(fd: BorrowedFd<'_>, keeps: bool) -> io::Result<()> {
    let flags = if keeps { 0 } else { libc::FD_CLOEXEC };
    // SAFETY: takes three integers.
    cerr(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, flags) }).map(drop)
}

/// A file in memory without a name, of which [`seal`] makes what [`sealed`] takes.
///
/// Errors: ENOSYS before Linux 3.17; ENOMEM.
pub fn memory(name: &CStr) -> io::Result<File> {
    // SAFETY: the name is a live C string.
    let raw =
        cerr(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) })?;
    // SAFETY: the descriptor was just returned and nobody else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(raw) }))
}

/// Makes its content final, and has it stay open in the program that is executed next.
///
/// Errors: EPERM, EBUSY.
pub fn seal(file: &File) -> io::Result<()> {
    // SAFETY: takes three integers.
    cerr(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) })?;
    keep(file.as_fd(), true)
}

/// The sealed file that the program which was executed before has left open under this number. To be called before
/// anything else is opened.
///
/// Errors: EBADF, EINVAL for another file; `InvalidInput` for one that is not sealed.
pub fn sealed(raw: libc::c_int) -> io::Result<File> {
    // SAFETY: takes two integers.
    if cerr(unsafe { libc::fcntl(raw, libc::F_GET_SEALS) })? != SEALS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is a sealed file in memory, this program has opened none before, and the one that did is gone: nobody
    // else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(raw) }))
}

/// Executes a program in this process; all other threads end. The environment is this one's, with `variable`, which
/// is `NAME=value`, in place of one of this name. Returns only if that is not possible: why.
pub fn execute(path: &CStr, words: &[CString], variable: &str) -> io::Error {
    match try_execute(path, words, variable) {
        Ok(()) => io::ErrorKind::Other.into(),
        Err(error) => error,
    }
}

fn try_execute(path: &CStr, words: &[CString], variable: &str) -> io::Result<()> {
    let variables = variables(variable)?;
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (words, variables) = (pointers(words), pointers(&variables));
    // SAFETY: the path and all texts are live C strings, and both lists end with a null pointer.
    cerr(unsafe { libc::execve(path.as_ptr(), words.as_ptr(), variables.as_ptr()) }).map(drop)
}

/// This program's environment, with `variable` in place of one of its name.
pub(super) fn variables(variable: &str) -> io::Result<Vec<CString>> {
    let name = variable.find('=').map_or(variable, |at| variable.get(..=at).unwrap_or(variable));
    let mut variables = vec![CString::new(variable)?];
    // SAFETY: nobody changes the environment after the start.
    let mut at = unsafe { super::program::environ };
    loop {
        // SAFETY: environ(7) is a list of pointers that ends with a null one, which is not passed here.
        let text = unsafe { *at };
        if text.is_null() {
            return Ok(variables);
        }
        // SAFETY: what is before the null pointer are strings that end in a NUL.
        let text = unsafe { CStr::from_ptr(text) };
        if !text.to_bytes().starts_with(name.as_bytes()) {
            variables.push(text.to_owned());
        }
        // SAFETY: as above; this was not the null pointer.
        at = unsafe { at.add(1) };
    }
}

/// Makes what is mounted on this process's root its root, as an initramfs sees the real root after switch_root(8):
/// [`is_root_left`]. Gives the old root, to go [back](Root::back); `None` when nothing is mounted there.
///
/// Errors: EPERM without CAP_SYS_CHROOT.
pub fn follow_root() -> io::Result<Option<Root>> {
    if !is_root_left() {
        return Ok(None);
    }
    let old = Root(File::open("/")?);
    std::env::set_current_dir("/..")?;
    here()?;
    Ok(Some(old))
}

/// A root that this process had.
pub struct Root(File);

impl Root {
    /// Makes it the root again.
    ///
    /// Errors: as [`follow_root`].
    pub fn back(&self) -> io::Result<()> {
        // SAFETY: takes one integer.
        cerr(unsafe { libc::fchdir(self.0.as_raw_fd()) })?;
        here()
    }
}

/// Makes the working directory the root.
fn here() -> io::Result<()> {
    // SAFETY: the path is a C string.
    cerr(unsafe { libc::chroot(c".".as_ptr()) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_a_sealed_file_is_taken() {
        let mut file = memory(c"test").unwrap();
        file.write_all(b"content").unwrap();
        assert!(sealed(file.as_raw_fd()).is_err());
        seal(&file).unwrap();
        assert!(file.write_all(b"more").is_err());
        // SAFETY: takes two integers.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFD) }, 0, "it stays open");
        let raw = std::os::fd::IntoRawFd::into_raw_fd(file);
        assert_eq!(sealed(raw).unwrap().metadata().unwrap().len(), 7);
        assert!(sealed(0).is_err() && sealed(-1).is_err() && sealed(12345).is_err());
    }

    #[test]
    fn a_program_that_can_not_be_executed_is_told() {
        let error = execute(c"/nonexistent", &[c"x".to_owned()], "A=b");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(follow_root().unwrap().is_none(), "nothing is mounted on the tests' root");
    }
}
