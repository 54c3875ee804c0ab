//! An array of slots, each empty or the owner of one block. A slot is one word, and eight of them, a group, are one
//! cache line, which is searched at once.
//!
//! ```text
//! 63 ............................. 19  18   17         16         15 ........ 0
//! | address of the block, 48 bits,  |  0 | occupied | volatile |  tag        |
//! | of which the lowest 3 are zero .........................   |             |
//! ```
//!
//! A block is aligned to 8, which leaves three bits of its address: one says that there is a block, one that it has an
//! expiry. The tag is the low 16 bits of the hash: what searching needs to know of a block without touching it.
//!
//! This file turns words into blocks and back, so that the files about hashing need no `unsafe`.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::block::{Block, BlockRef};
use super::prefetch::prefetch;

const TAG_BITS: u32 = 16;
const VOLATILE: u64 = 1 << 16;
const OCCUPIED: u64 = 1 << 17;
const ADDRESS_BITS: u32 = 48;
/// Bits of a block's address that are zero.
const ALIGN_MASK: u64 = 7;

/// Slots of a group.
pub(super) const GROUP: usize = 8;

/// Eight slots, one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Group([u64; GROUP]);

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
        assert!(
            address >> ADDRESS_BITS == 0 && address & ALIGN_MASK == 0,
            "a block's address does not fit in a slot"
        );
        Word(address << TAG_BITS | OCCUPIED | if volatile { VOLATILE } else { 0 } | u64::from(tag))
    }

    #[inline]
    fn address(self) -> NonNull<u8> {
        let address = self.0 >> TAG_BITS & !ALIGN_MASK;
        NonNull::new(std::ptr::with_exposed_provenance_mut(address as usize)).expect("the slot is not empty")
    }
}

/// Some slots of a group, as bits.
#[derive(Clone, Copy)]
pub(super) struct Mask(u32);

impl Iterator for Mask {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let first = self.0.trailing_zeros() as usize;
        let some = self.0 != 0;
        self.0 &= self.0.wrapping_sub(1);
        some.then_some(first)
    }
}

/// Which words have this tag, and which are empty, a bit for each. The lower half of a word that is not empty is not
/// zero, because of `OCCUPIED`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn compare(words: &[u64; GROUP], tag: u16) -> (u32, u32) {
    // SAFETY: every x86-64 has SSE2.
    unsafe { compare_sse2(words, tag) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn compare_sse2(words: &[u64; GROUP], tag: u16) -> (u32, u32) {
    use core::arch::x86_64::*;
    let pair = |at: usize| _mm_castsi128_ps(_mm_set_epi64x(words[at + 1] as i64, words[at] as i64));
    let lower_halves = |at: usize| _mm_castps_si128(_mm_shuffle_ps::<0x88>(pair(at), pair(at + 2)));
    let tags = |halves| _mm_srai_epi32::<16>(_mm_slli_epi32::<16>(halves));
    let (first, second) = (lower_halves(0), lower_halves(4));
    let same = _mm_cmpeq_epi16(_mm_packs_epi32(tags(first), tags(second)), _mm_set1_epi16(tag as i16));
    let zero = _mm_setzero_si128();
    let empty = _mm_packs_epi32(_mm_cmpeq_epi32(first, zero), _mm_cmpeq_epi32(second, zero));
    let bits = _mm_movemask_epi8(_mm_packs_epi16(same, empty)) as u32;
    (bits & 0xFF, bits >> 8)
}

/// Which words have this tag, and which are empty, a bit for each.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn compare(words: &[u64; GROUP], tag: u16) -> (u32, u32) {
    let bit = |at: usize, is: bool| u32::from(is) << at;
    let same = words.iter().enumerate().map(|(at, &word)| bit(at, word as u16 == tag));
    let empty = words.iter().enumerate().map(|(at, &word)| bit(at, word == 0));
    (same.sum(), empty.sum())
}

/// The array. Every word that is not empty owns its block.
pub(super) struct Slots<B: Block> {
    groups: Box<[Group]>,
    owned: PhantomData<B>,
}

impl<B: Block> Slots<B> {
    /// `len` is a multiple of a group's.
    pub(super) fn new(len: usize) -> Self {
        debug_assert_eq!(len % GROUP, 0);
        Slots { groups: vec![Group([0; GROUP]); len / GROUP].into_boxed_slice(), owned: PhantomData }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.groups.len() * GROUP
    }

    #[inline]
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    #[inline]
    pub(super) fn word(&self, at: usize) -> Word {
        Word(self.groups[at / GROUP].0[at % GROUP])
    }

    #[inline]
    fn word_mut(&mut self, at: usize) -> &mut u64 {
        &mut self.groups[at / GROUP].0[at % GROUP]
    }

    /// The slots of a group with this tag, and those that are empty.
    #[inline]
    pub(super) fn search(&self, group: usize, tag: u16) -> (Mask, Mask) {
        let (same, empty) = compare(&self.groups[group].0, tag);
        (Mask(same & !empty), Mask(empty))
    }

    /// How many slots of a group are empty.
    #[inline]
    pub(super) fn vacancies(&self, group: usize) -> u32 {
        self.search(group, 0).1.0.count_ones()
    }

    /// First empty slot of a group.
    #[inline]
    pub(super) fn vacancy(&self, group: usize) -> Option<usize> {
        self.search(group, 0).1.next().map(|at| group * GROUP + at)
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
        *self.word_mut(at) = Word::pack(block, tag).0;
    }

    /// Empties a slot.
    #[inline]
    pub(super) fn take(&mut self, at: usize) -> Option<B> {
        let word = Word(std::mem::take(self.word_mut(at)));
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
        *self.word_mut(to) = std::mem::take(self.word_mut(from));
    }

    /// Moves a block to an empty slot of another array.
    #[inline]
    pub(super) fn hand_over(&mut self, from: usize, other: &mut Slots<B>, to: usize) {
        debug_assert!(other.word(to).is_empty(), "the slot's block would leak");
        *other.word_mut(to) = std::mem::take(self.word_mut(from));
    }

    /// Asks for the cache line of a group.
    #[inline]
    pub(super) fn prefetch_group(&self, group: usize) {
        prefetch((&raw const self.groups[group]).cast());
    }

    /// Asks for the beginning of a slot's block.
    #[inline]
    pub(super) fn prefetch_block(&self, at: usize) {
        let word = self.word(at);
        if !word.is_empty() {
            // Small blocks lie across two lines as often as not.
            let block = word.address().as_ptr();
            prefetch(block);
            prefetch(block.wrapping_add(40));
        }
    }

    /// Heap bytes of the array itself.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.groups)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_compared_slot_by_slot() {
        // Addresses whose lower half is zero, tags with and without the sign bit, and empty slots.
        let word = |address: u64, tag: u16| address << TAG_BITS | OCCUPIED | u64::from(tag);
        let words = [
            word(0x7FFF_0001_0000, 0),
            word(0x7FFF_0001_0008, 7),
            0,
            word(0x1_0000_0000, 0x8007),
            word(0x7FFF_0001_0000, 7),
            0,
            word(0x7FFF_0001_0000, 0xFFFF),
            word(0x7FFF_0001_0000, 0x7FFF),
        ];
        for tag in [0, 7, 8, 0x8007, 0x7FFF, 0xFFFF] {
            let expected =
                (0..GROUP).filter(|&at| words[at] as u16 == tag).fold(0, |bits, at| bits | 1 << at);
            assert_eq!(compare(&words, tag), (expected, 0b10_0100), "{tag}");
        }
    }
}
