//! The sketches themselves. They know numbers, bits and the hash of an item, and nothing of a server: no key, no reply, no
//! argument, no file. Every file names the paper that it follows. How they are saved is in `saved`, what commands do with
//! them in the files that are named after the families.

use std::hint::black_box;

use crate::limits::{SAVING_BYTES, VALUE_BYTES};

pub mod bloom;
pub mod countmin;
pub mod cuckoo;
pub mod hash;
pub mod heavykeeper;
pub mod tdigest;

/// Why a sketch does not do what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It would be larger than any value may be, or than the memory has room for.
    NoMemory,
    /// It is full and was told not to grow.
    Full,
    /// It is full and has grown as often as it may.
    Grown,
    /// A number would not fit.
    Overflow,
    /// Sketches of different shapes cannot be merged.
    Shapes,
}

/// So many zeros, for a value that takes `value_bytes` with them.
///
/// This succeeds only if the memory has room for the value twice: saving it takes as much again, and a value that cannot be saved
/// is no use to anybody.
pub fn zeroed<T: Clone + Default>(len: usize, value_bytes: usize) -> Result<Vec<T>, Refusal> {
    let mut cells = Vec::new();
    if value_bytes > VALUE_BYTES
        || cells.try_reserve_exact(len).is_err()
        || !has_room(value_bytes + SAVING_BYTES)
    {
        return Err(Refusal::NoMemory);
    }
    cells.resize(len, T::default());
    Ok(cells)
}

/// Whether the memory has room for so many bytes.
pub fn has_room(bytes: usize) -> bool {
    let mut room = Vec::<u8>::new();
    let has = room.try_reserve_exact(bytes).is_ok();
    // Otherwise the compiler may leave out an allocation that nobody uses.
    black_box(&mut room);
    has
}

/// A copy of bytes, if there is room for it.
pub fn copied(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| Refusal::NoMemory)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_value_may_be_is_refused_before_any_memory_is_asked_for() {
        assert_eq!(zeroed::<u64>(4, 32), Ok(vec![0; 4]));
        assert_eq!(zeroed::<u8>(1, VALUE_BYTES + 1), Err(Refusal::NoMemory));
        assert_eq!(zeroed::<u64>(usize::MAX, 8), Err(Refusal::NoMemory));
    }
}
