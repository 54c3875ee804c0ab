//! `commands.call` as the export that it is. What wit-bindgen would write does the same with more: it has the server enter the
//! module a second time, to give back the memory of the reply. Here that memory stays until the next command, and 50 of 620 ns
//! of the cheapest command are saved (both with the server's side compiled for tests).
//!
//! The arguments come in a space that the module keeps for them, if the server knows that: then it need not enter the module
//! twice more, to ask for memory.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::slice;

use crate::host::Host;
use crate::lower::{Kept, lower};
use crate::module::Module;
use crate::strings::Argv;

thread_local! {
    // There is one thread, so these are plain statics. The server reads the words after `call` has returned.
    static WORDS: Cell<[u64; 3]> = const { Cell::new([0; 3]) };
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept::NOTHING) };
}

/// Where the server writes the arguments of commands; words, so that it is aligned for them.
static SPACE: Space = Space(UnsafeCell::new(Vec::new()));

struct Space(UnsafeCell<Vec<u64>>);

// SAFETY: an instance has one thread; this file is only compiled for targets where that is so.
unsafe impl Sync for Space {}

/// Make room for so many bytes of arguments. The server asks between commands, and again when it needs more. `module!` exports
/// this.
///
/// # Safety
///
/// No command may be running.
#[doc(hidden)]
pub unsafe fn argument_space(bytes: usize) -> *mut u8 {
    // SAFETY: no command runs, so nobody has borrowed from the space.
    let space = unsafe { &mut *SPACE.0.get() };
    space.resize(bytes.div_ceil(8), 0);
    space.as_mut_ptr().cast()
}

/// Whether an address is in the space.
fn is_lent(at: *const u8) -> bool {
    // SAFETY: only `argument_space` changes it, and does not run now.
    let space = unsafe { &*SPACE.0.get() };
    let space = space.as_ptr_range();
    (space.start.cast()..space.end.cast()).contains(&at)
}

/// Run a command. `module!` exports this for its table.
///
/// # Safety
///
/// `data` and `ends` must be written in full, and either lie both in the argument space, or be each what `cabi_realloc` gave out for
/// so many elements and nobody else's.
#[doc(hidden)]
pub unsafe fn call(
    module: &Module,
    command: u32,
    data: *mut u8,
    data_len: usize,
    ends: *mut u32,
    ends_len: usize,
) -> *const [u64; 3] {
    let result = if is_lent(ends.cast()) {
        // SAFETY: the server has written them, and nothing else does until the next command, as the caller promises.
        let (data, ends) =
            unsafe { (slice::from_raw_parts(data, data_len), slice::from_raw_parts(ends, ends_len)) };
        module.enter(&Host, command, Argv::new(data, ends))
    } else {
        // SAFETY: `cabi_realloc` allocates with the global allocator, for exactly so many elements, or gives out a dangling aligned
        // pointer for none. The server has written all of them and hands them over, as the caller promises.
        let (data, ends) = unsafe {
            (Vec::from_raw_parts(data, data_len, data_len), Vec::from_raw_parts(ends, ends_len, ends_len))
        };
        module.enter(&Host, command, Argv::new(&data, &ends))
    };
    let (words, kept) = lower(result);
    // What the last reply pointed at goes now, and nobody looks at it any more.
    KEPT.set(kept);
    WORDS.set(words);
    WORDS.with(|words| words.as_ptr().cast_const())
}
