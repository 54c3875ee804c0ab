//! What is asked of jemalloc and has no safe function.

/// The number that stands for all arenas: `MALLCTL_ARENAS_ALL` of jemalloc's interface.
const ALL_ARENAS: &std::ffi::CStr = c"arena.4096.purge";

/// Give pages that nothing lies on back to the system. The error is the number of the system's error.
pub fn purge() -> Result<(), i32> {
    let none = std::ptr::null_mut;
    // SAFETY: the name is a C string that lives across the call. This entry takes no value and gives none, which the
    // null pointers and the length of 0 say.
    let error =
        unsafe { tikv_jemalloc_sys::mallctl(ALL_ARENAS.as_ptr(), none(), std::ptr::null_mut(), none(), 0) };
    if error == 0 { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn pages_are_given_back() {
        assert_eq!(super::purge(), Ok(()));
    }
}
