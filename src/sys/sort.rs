//! A short list in order. Source: qsort(3).

use std::ffi::{c_int, c_void};

/// Takes the place of the C library's, which is made for long lists: 11 KiB of the binary. Here getaddrinfo alone
/// sorts, at most 48 addresses (musl, src/network/lookup.h, MAXADDRS).
///
/// # Safety
///
/// As qsort(3): `count` elements of `size` bytes at `base`, which `compare` can be given.
// SAFETY: the one symbol of this name in the program: the C library's is in an archive, from which the linker takes
// only what is still missing.
#[unsafe(no_mangle)]
unsafe extern "C" fn qsort(
    base: *mut c_void,
    count: usize,
    size: usize,
    compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int,
) {
    let at = |index: usize| base.cast::<u8>().wrapping_add(index * size);
    for end in 1..count {
        let mut index = end;
        // SAFETY: both elements are in the list.
        while index > 0 && unsafe { compare(at(index - 1).cast(), at(index).cast()) } > 0 {
            // SAFETY: both elements are in the list, and are not the same.
            unsafe { std::ptr::swap_nonoverlapping(at(index - 1), at(index), size) };
            index -= 1;
        }
    }
}
