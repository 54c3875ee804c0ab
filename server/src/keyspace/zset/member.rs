//! Where a member's entry is: what the order of a large sorted set has of its members, so that their bytes are in memory once.
//!
//! Bytes in both places would be a second copy of every member. Numbers of places in an array would be safe, and cost an array that
//! doubles as a whole, and a second miss for each member that is read. So it is the address, which a table of entries never
//! changes while the entry is in it.

use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::keyspace::entry_ref::{EntryRef, Header};
use crate::keyspace::prefetch::prefetch;

/// The address of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member(usize);

impl Member {
    /// The address of this entry.
    #[inline]
    pub(super) fn of(entry: EntryRef<'_>) -> Self {
        Member(entry.0.as_ptr().expose_provenance())
    }

    /// Asks for the entry, which will be read soon.
    #[inline]
    pub(super) fn prefetch(self) {
        prefetch(std::ptr::without_provenance(self.0));
    }

    /// The member's bytes.
    ///
    /// # Safety
    ///
    /// The entry that this was made of is alive, and nobody writes to its key, during `'a`.
    #[inline]
    pub(super) unsafe fn bytes<'a>(self) -> &'a [u8] {
        let address = std::ptr::with_exposed_provenance_mut::<Header>(self.0);
        // SAFETY: `of` has the address from a reference to an entry, so it is not null, and it was exposed there; that the
        // entry is still alive is the caller's promise.
        let entry = EntryRef(unsafe { NonNull::new_unchecked(address) }, PhantomData);
        entry.key()
    }
}
