//! A member of a large set: its bytes in one heap block, with nothing else but their length in front (LEB128, so one byte nearly
//! always). An entry, which serves as field of a hash, has a header of 16 bytes that a member has no use for: a member of ten
//! bytes takes 16 here and 32 there.
//!
//! Members cannot be edited. They have no expiry, and no hash of their own: the table asks for it only when a segment splits.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::slice;

use super::block::{Block, BlockRef};
use super::entry_ref::size_class;
use super::key;

/// Blocks are aligned to this, which the table's slots need.
const ALIGN: usize = 8;

/// An owned member.
pub(super) struct Member(NonNull<u8>);

// SAFETY: the block is owned by the handle alone and has nothing but bytes in it.
unsafe impl Send for Member {}

/// A member that is read.
#[derive(Clone, Copy)]
pub(super) struct MemberRef<'a>(NonNull<u8>, PhantomData<&'a Member>);

impl Member {
    pub(super) fn new(bytes: &[u8]) -> Member {
        let layout = layout(bytes.len());
        // SAFETY: the layout has room for a length at least, so it is not empty.
        let raw = unsafe { alloc(layout) };
        let Some(block) = NonNull::new(raw) else { handle_alloc_error(layout) };
        let (mut at, mut rest) = (0, bytes.len());
        loop {
            let more = if rest >= 0x80 { 0x80 } else { 0 };
            // SAFETY: the block is fresh, and has room for all bytes of the length and for those of the member behind it.
            unsafe { raw.add(at).write(rest as u8 | more) };
            at += 1;
            rest >>= 7;
            if more == 0 {
                break;
            }
        }
        // SAFETY: as above; nobody has the fresh block's address.
        unsafe { raw.add(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Member(block)
    }

    pub(super) fn as_ref(&self) -> MemberRef<'_> {
        MemberRef(self.0, PhantomData)
    }
}

/// Bytes that the length of so many takes.
fn header_bytes(len: usize) -> usize {
    let bits = usize::BITS - len.leading_zeros();
    bits.div_ceil(7).max(1) as usize
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(header_bytes(len) + len, ALIGN)
        .expect("a member is far smaller than the address space")
}

/// What the allocator gives for a member of this length: besides the classes of entries it has one of 8 bytes.
fn memory(len: usize) -> usize {
    let bytes = header_bytes(len) + len;
    if bytes <= ALIGN { ALIGN } else { size_class(bytes) }
}

impl<'a> MemberRef<'a> {
    /// The member itself.
    #[inline]
    pub(super) fn bytes(self) -> &'a [u8] {
        let (mut at, mut len, mut shift) = (0, 0usize, 0);
        loop {
            // SAFETY: the handle's maker guarantees a live block for 'a, which begins with the bytes of a length; the last of
            // them is the first below 0x80, and none behind that is read here.
            let byte = unsafe { self.0.add(at).read() };
            at += 1;
            len |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        // SAFETY: `new` wrote so many bytes behind the length, and nobody writes to them during 'a.
        unsafe { slice::from_raw_parts(self.0.as_ptr().add(at), len) }
    }

    /// Heap bytes of the block.
    pub(super) fn memory(self) -> usize {
        memory(self.bytes().len())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let layout = layout(self.as_ref().bytes().len());
        // SAFETY: the block was allocated with this layout, which follows from its length, and an owned handle is dropped once.
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }
}

// SAFETY: `into_raw` gives the block's own address, which comes from the allocator with an alignment of 8 and lives until a handle
// made by `from_raw` is dropped. 48 bits are checked by the table when it packs it.
unsafe impl Block for Member {
    type Ref<'a> = MemberRef<'a>;
    type Mut<'a> = MemberRef<'a>;

    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0
    }

    #[inline]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Member(raw)
    }

    #[inline]
    unsafe fn borrow<'a>(raw: NonNull<u8>) -> MemberRef<'a> {
        MemberRef(raw, PhantomData)
    }

    #[inline]
    unsafe fn borrow_mut<'a>(raw: NonNull<u8>) -> MemberRef<'a> {
        MemberRef(raw, PhantomData)
    }
}

impl<'a> BlockRef<'a> for MemberRef<'a> {
    #[inline]
    fn key(self) -> &'a [u8] {
        self.bytes()
    }

    #[inline]
    fn hash(self) -> u64 {
        key::hash(self.bytes())
    }

    #[inline]
    fn expire_at(self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_what_it_was_made_of() {
        for len in [0, 1, 7, 8, 15, 16, 126, 127, 128, 129, 16_383, 16_384, 3_000_000] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let member = Member::new(&bytes);
            assert_eq!(member.as_ref().bytes(), bytes);
            assert_eq!(member.as_ref().hash(), key::hash(&bytes));
            let raw = member.into_raw();
            assert_eq!(raw.as_ptr() as usize % ALIGN, 0);
            // SAFETY: the address has just been given up, and is taken back once.
            drop(unsafe { Member::from_raw(raw) });
        }
    }

    /// Entries, which hold the fields of hashes, take 32 bytes where this takes 16.
    #[test]
    fn a_member_takes_little_more_than_its_bytes() {
        let taken =
            [0, 7, 8, 10, 15, 16, 127, 128].map(|len| Member::new(&vec![b'm'; len]).as_ref().memory());
        assert_eq!(taken, [8, 8, 16, 16, 16, 32, 128, 160]);
    }
}
