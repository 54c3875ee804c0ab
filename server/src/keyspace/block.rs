//! What a table needs to know of the things it stores: a heap block that begins with its own key.
//! The table keeps nothing but the block's address and 16 bits of its hash, so everything else is asked here.

use std::ptr::NonNull;

/// A block that is read.
pub trait BlockRef<'a>: Copy {
    /// The key that the block begins with.
    fn key(self) -> &'a [u8];
    /// The hash of that key, by which the table placed the block.
    fn hash(self) -> u64;
    /// When the block expires, in ms; none if never.
    fn expire_at(self) -> Option<u64>;
}

/// An owned heap block with a key in it.
///
/// # Safety
/// `into_raw` gives an address of a live allocation that is aligned to 8 at least and fits in 48 bits, and that
/// stays valid until `from_raw` takes it back. `borrow` and `borrow_mut` of such an address must be sound for as
/// long as nobody takes it back, with the usual rule of many readers or one writer.
pub unsafe trait Block: Sized + 'static {
    /// Reads of the block.
    type Ref<'a>: BlockRef<'a>;
    /// Writes to the block that leave it where it is.
    type Mut<'a>;

    /// Gives up ownership.
    fn into_raw(self) -> NonNull<u8>;
    /// Takes ownership back.
    ///
    /// # Safety
    /// `raw` is from `into_raw` and nobody else took it back.
    unsafe fn from_raw(raw: NonNull<u8>) -> Self;
    /// Looks at the block.
    ///
    /// # Safety
    /// `raw` is from `into_raw`; nobody takes it back or writes to it during `'a`.
    unsafe fn borrow<'a>(raw: NonNull<u8>) -> Self::Ref<'a>;
    /// Opens the block for writing.
    ///
    /// # Safety
    /// `raw` is from `into_raw`; nobody else uses it during `'a`.
    unsafe fn borrow_mut<'a>(raw: NonNull<u8>) -> Self::Mut<'a>;
}
