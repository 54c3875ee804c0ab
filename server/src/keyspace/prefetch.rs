//! A hint to the processor that an address will be read soon.
//! A batch of commands asks for all its cache lines first and then finds them there, instead of waiting for one
//! after the other. A hint changes nothing that a program can observe, so any address is allowed.
//!
//! What lies behind several pointers is asked for in steps, one pointer a step for all keys of the batch: a step reads nothing
//! but what the steps before it have asked for. Which pointer that is, each type says in its own `prefetch`.

/// Bytes of a cache line.
pub(super) const LINE: usize = 64;
/// Lines at the beginning of a buffer that are asked for: as many as the packed form of a small collection commonly has. The
/// processor itself notices when more are read in order.
const LINES_OF_BUFFER: usize = 64;

/// The most steps that lead to an element of a collection: the collection, its large form, the directory of a table, a segment,
/// its slots, the element.
pub(super) const STEPS: usize = 6;

/// What of a value will be looked up.
#[derive(Clone, Copy)]
pub(super) struct Aim {
    /// The hash of a field or a member.
    pub(super) hash: u64,
    /// Where in the order of a sorted set.
    pub(super) score: Option<f64>,
}

/// Asks for the cache line that holds `address`.
#[inline(always)]
pub(super) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: PREFETCHT0 neither faults nor changes memory, whatever the address.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: PRFM neither faults nor changes memory or flags, whatever the address.
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, readonly, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// Asks for all cache lines of something.
#[inline(always)]
pub(super) fn prefetch_lines<T>(of: &T) {
    let begin = (&raw const *of).cast::<u8>();
    (0..size_of::<T>()).step_by(LINE).for_each(|at| prefetch(begin.wrapping_add(at)));
    // It may begin anywhere in a line, and so end in one more.
    prefetch(begin.wrapping_add(size_of::<T>() - 1));
}

/// Asks for the beginning of a buffer.
#[inline(always)]
pub(super) fn prefetch_bytes(bytes: &[u8]) {
    let lines = bytes.len().min(LINES_OF_BUFFER * LINE);
    (0..lines).step_by(LINE).for_each(|at| prefetch(bytes.as_ptr().wrapping_add(at)));
}
