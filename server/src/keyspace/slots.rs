//! An array of slots, each empty or the owner of one block. A slot is one word:
//!
//! ```text
//! 63 ............................ 17   16         15 ........ 0
//! | address of the block, 48 bits   | volatile |  tag        |
//! ```
//!
//! A block is aligned to 8, so the lowest address bit is free to say that the block has an expiry. The tag is the
//! low 16 bits of the hash: what probing needs to know of a block without touching it.
//!
//! This file turns words into blocks and back, so that the files about hashing need no `unsafe`.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::block::{Block, BlockRef};
use super::prefetch::prefetch;

const TAG_BITS: u32 = 16;
const VOLATILE: u64 = 1 << TAG_BITS;
const ADDRESS_BITS: u32 = 48;

/// What a slot says of its block.
#[derive(Clone, Copy)]
pub(super) struct Word(u64);

impl Word {
    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The low 16 bits of the block's hash.
    #[inline]
    pub(super) fn tag(self) -> u16 {
        self.0 as u16
    }

    /// Whether the block has an expiry.
    #[inline]
    pub(super) fn is_volatile(self) -> bool {
        self.0 & VOLATILE != 0
    }

    #[inline]
    fn pack<B: Block>(block: B, tag: u16) -> Word {
        let raw = block.into_raw();
        // SAFETY: the block has just been given up by its owner and nobody else knows it.
        let volatile = unsafe { B::borrow(raw) }.expire_at().is_some();
        let address = raw.as_ptr().expose_provenance() as u64;
        // User space ends at 47 or 48 bits unless a program asks for more, which no allocator of ours does.
        assert!(address >> ADDRESS_BITS == 0 && address & 1 == 0, "a block's address does not fit in a slot");
        Word(address << TAG_BITS | u64::from(volatile) << TAG_BITS | u64::from(tag))
    }

    #[inline]
    fn address(self) -> NonNull<u8> {
        let address = (self.0 & !VOLATILE) >> TAG_BITS;
        NonNull::new(std::ptr::with_exposed_provenance_mut(address as usize)).expect("the slot is not empty")
    }
}

/// The array. Every word that is not empty owns its block.
pub(super) struct Slots<B: Block> {
    words: Box<[u64]>,
    owned: PhantomData<B>,
}

impl<B: Block> Slots<B> {
    pub(super) fn new(len: usize) -> Self {
        Slots { words: vec![0; len].into_boxed_slice(), owned: PhantomData }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    #[inline]
    pub(super) fn word(&self, at: usize) -> Word {
        Word(self.words[at])
    }

    /// The block at `at`, to read.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<B::Ref<'_>> {
        let word = self.word(at);
        // SAFETY: a word that is not empty was made from a block that this array owns; `self` is borrowed for as
        // long as the handle lives.
        (!word.is_empty()).then(|| unsafe { B::borrow(word.address()) })
    }

    /// The block at `at`, to edit in place. Its expiry cannot be changed through this handle.
    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<B::Mut<'_>> {
        let word = self.word(at);
        // SAFETY: as in `get`, and `self` is borrowed exclusively.
        (!word.is_empty()).then(|| unsafe { B::borrow_mut(word.address()) })
    }

    /// Fills an empty slot.
    #[inline]
    pub(super) fn put(&mut self, at: usize, block: B, tag: u16) {
        debug_assert!(self.word(at).is_empty(), "the slot's block would leak");
        self.words[at] = Word::pack(block, tag).0;
    }

    /// Empties a slot.
    #[inline]
    pub(super) fn take(&mut self, at: usize) -> Option<B> {
        let word = Word(std::mem::take(&mut self.words[at]));
        // SAFETY: the word owned the block, and it has just been cleared.
        (!word.is_empty()).then(|| unsafe { B::from_raw(word.address()) })
    }

    /// Lets `edit` change or replace the block, which keeps its key and so its place.
    #[inline]
    pub(super) fn update<R>(&mut self, at: usize, edit: impl FnOnce(&mut B) -> R) -> Option<R> {
        struct PutBack<'a, B: Block> {
            slots: &'a mut Slots<B>,
            at: usize,
            tag: u16,
            block: Option<B>,
        }
        // Should `edit` unwind, the block goes back too: a hole would hide the blocks behind it.
        impl<B: Block> Drop for PutBack<'_, B> {
            fn drop(&mut self) {
                if let Some(block) = self.block.take() {
                    self.slots.put(self.at, block, self.tag);
                }
            }
        }
        let tag = self.word(at).tag();
        let block = self.take(at);
        let mut held = PutBack { slots: self, at, tag, block };
        held.block.as_mut().map(edit)
    }

    /// Moves a block to an empty slot of the same array.
    #[inline]
    pub(super) fn shift(&mut self, from: usize, to: usize) {
        debug_assert!(self.word(to).is_empty(), "the slot's block would leak");
        self.words[to] = std::mem::take(&mut self.words[from]);
    }

    /// Moves a block to an empty slot of another array.
    #[inline]
    pub(super) fn hand_over(&mut self, from: usize, other: &mut Slots<B>, to: usize) {
        debug_assert!(other.word(to).is_empty(), "the slot's block would leak");
        other.words[to] = std::mem::take(&mut self.words[from]);
    }

    /// Asks for the cache line of a slot.
    #[inline]
    pub(super) fn prefetch_slot(&self, at: usize) {
        prefetch((&raw const self.words[at]).cast());
    }

    /// Asks for the first cache line of a slot's block.
    #[inline]
    pub(super) fn prefetch_block(&self, at: usize) {
        let word = self.word(at);
        if !word.is_empty() {
            prefetch(word.address().as_ptr());
        }
    }

    /// Heap bytes of the array itself.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.words)
    }
}

impl<B: Block> Drop for Slots<B> {
    fn drop(&mut self) {
        /// How many blocks ahead memory is asked for: freeing is one miss after the other otherwise.
        const AHEAD: usize = 16;
        for at in 0..self.len() {
            if at + AHEAD < self.len() {
                self.prefetch_block(at + AHEAD);
            }
            drop(self.take(at));
        }
    }
}
