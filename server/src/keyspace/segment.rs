//! A segment: the part of a table whose hashes begin with the same bits. An array of slots with linear probing, a
//! group of eight at a time.
//!
//! The home of a block is a group that follows from its tag alone, scaled to the length of the array, so that tags
//! stand in ascending order but for overflow. A block stands in its home or, if that is full, in the first group after it,
//! in a circle, that has room; every group between is full. Growing, shrinking and closing the gap after a removal
//! therefore read nothing but the array, and a walk that stops at a tag can go on from it after the array has changed
//! its length.

use super::block::{Block, BlockRef};
use super::slots::{GROUP, Slots};
use crate::limits::SEGMENT_SLOTS_MAX;

/// Lengths of the array. Each is a size class of the allocator; the steps are small where there is much to waste.
const SIZES: [usize; 14] = [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, SEGMENT_SLOTS_MAX];

/// Most blocks that an array of `size` may hold: four fifths. There is always an empty slot, which ends a probe.
fn capacity(size: usize) -> usize {
    size / 5 * 4 + size % 5 * 4 / 5
}

/// The smallest array that takes `len` blocks with some room to spare.
fn size_for(len: usize) -> usize {
    let wanted = len + len / 8 + 1;
    match SIZES.iter().find(|&&size| capacity(size) >= wanted) {
        Some(&size) => size,
        None => (wanted * 2).next_power_of_two(),
    }
}

/// Where a segment stands in its table: the hashes that begin with the first `depth` bits of `prefix`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Position {
    pub(super) depth: u32,
    /// Left-aligned in 64 bits, the rest zero.
    pub(super) prefix: u64,
}

impl Position {
    /// The half of this range whose next bit is `bit`.
    pub(super) fn half(self, bit: u64) -> Position {
        Position { depth: self.depth + 1, prefix: self.prefix | bit << (63 - self.depth) }
    }
}

/// The blocks of one segment.
pub(super) struct Segment<B: Block> {
    slots: Slots<B>,
    len: u32,
    volatile: u32,
    /// No block of the segment expires before this. A lower bound: removals leave it, a whole walk corrects it.
    soonest: u64,
    pub(super) position: Position,
}

impl<B: Block> Segment<B> {
    pub(super) fn new(position: Position, len: usize) -> Self {
        Segment { slots: Slots::new(size_for(len)), len: 0, volatile: 0, soonest: u64::MAX, position }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn volatile_len(&self) -> usize {
        self.volatile as usize
    }

    #[inline]
    pub(super) fn soonest(&self) -> u64 {
        self.soonest
    }

    pub(super) fn set_soonest(&mut self, soonest: u64) {
        self.soonest = soonest;
    }

    /// Length of the array.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn memory(&self) -> usize {
        self.slots.memory()
    }

    /// The group where a tag belongs.
    #[inline]
    fn home(&self, tag: u16) -> usize {
        (usize::from(tag) * self.slots.groups()) >> 16
    }

    /// The group after this one, in a circle.
    #[inline]
    fn next(&self, group: usize) -> usize {
        if group + 1 == self.slots.groups() { 0 } else { group + 1 }
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<B::Ref<'_>> {
        self.slots.get(at)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<B::Mut<'_>> {
        self.slots.get_mut(at)
    }

    /// Whether the slot holds a block with an expiry.
    #[inline]
    pub(super) fn is_volatile(&self, at: usize) -> bool {
        self.slots.word(at).is_volatile()
    }

    #[inline]
    pub(super) fn find(&self, tag: u16, key: &[u8]) -> Option<usize> {
        let mut group = self.home(tag);
        loop {
            let (same, mut empty) = self.slots.search(group, tag);
            for at in same {
                let at = group * GROUP + at;
                if self.slots.get(at).is_some_and(|block| block.key() == key) {
                    return Some(at);
                }
            }
            if empty.next().is_some() {
                return None;
            }
            group = self.next(group);
        }
    }

    #[inline]
    pub(super) fn prefetch_slot(&self, tag: u16) {
        self.slots.prefetch_group(self.home(tag));
    }

    /// Where the first block with this tag stands; nearly always it is the one that is looked up. Reads the slots alone.
    #[inline]
    pub(super) fn find_likely(&self, tag: u16) -> Option<usize> {
        let mut group = self.home(tag);
        loop {
            let (mut same, mut empty) = self.slots.search(group, tag);
            if let Some(at) = same.next() {
                return Some(group * GROUP + at);
            }
            if empty.next().is_some() {
                return None;
            }
            group = self.next(group);
        }
    }

    /// Asks for that block.
    #[inline]
    pub(super) fn prefetch_block(&self, tag: u16) {
        if let Some(at) = self.find_likely(tag) {
            self.slots.prefetch_block(at);
        }
    }

    /// Whether one more block needs a larger array.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() >= capacity(self.size())
    }

    /// Whether the array is as long as one is meant to be: time to split.
    pub(super) fn is_largest(&self) -> bool {
        self.size() >= SEGMENT_SLOTS_MAX
    }

    /// First empty slot for a tag.
    #[inline]
    fn vacancy(&self, tag: u16) -> usize {
        let mut group = self.home(tag);
        loop {
            if let Some(at) = self.slots.vacancy(group) {
                return at;
            }
            group = self.next(group);
        }
    }

    /// Adds a block whose key is not there yet. The segment is not full.
    #[inline]
    pub(super) fn insert(&mut self, tag: u16, block: B) -> usize {
        let at = self.vacancy(tag);
        self.slots.put(at, block, tag);
        self.len += 1;
        self.count_volatile(at);
        at
    }

    /// Counts in the block at `at`, which is new or was changed.
    #[inline]
    fn count_volatile(&mut self, at: usize) {
        if self.is_volatile(at) {
            self.volatile += 1;
            let expire_at = self.slots.get(at).and_then(BlockRef::expire_at).unwrap_or(u64::MAX);
            self.soonest = self.soonest.min(expire_at);
        }
    }

    /// Removes a block. If its group was full, others may have gone on to the next because of it: one of them fills
    /// the gap, and so forth, until a group that was not full ends the run.
    pub(super) fn remove(&mut self, at: usize) -> Option<B> {
        let was_volatile = self.is_volatile(at);
        let block = self.slots.take(at)?;
        self.len -= 1;
        self.volatile -= u32::from(was_volatile);
        let (mut gap, mut group) = (at, at / GROUP);
        let mut was_full = self.slots.vacancies(group) == 1;
        while was_full {
            group = self.next(group);
            if group == gap / GROUP {
                break;
            }
            was_full = self.slots.vacancies(group) == 0;
            if let Some(from) = self.overflow_of(gap / GROUP, group) {
                self.slots.shift(from, gap);
                gap = from;
            }
        }
        Some(block)
    }

    /// A block in `group` that would rather stand in `wanted`, a group before it.
    fn overflow_of(&self, wanted: usize, group: usize) -> Option<usize> {
        let groups = self.slots.groups();
        let behind = |home: usize| (group + groups - home) % groups;
        (group * GROUP..(group + 1) * GROUP).find(|&at| {
            let word = self.slots.word(at);
            !word.is_empty() && behind(self.home(word.tag())) >= behind(wanted)
        })
    }

    /// Lets `edit` change a block, its key excepted.
    #[inline]
    pub(super) fn update<R>(&mut self, at: usize, edit: impl FnOnce(&mut B) -> R) -> Option<R> {
        self.volatile -= u32::from(self.is_volatile(at));
        let result = self.slots.update(at, edit);
        self.count_volatile(at);
        result
    }

    /// Gives the array the length that fits what is in it now, or `len`.
    pub(super) fn resize(&mut self, len: usize) {
        let mut old = std::mem::replace(&mut self.slots, Slots::new(size_for(len)));
        for from in 0..old.len() {
            let word = old.word(from);
            if !word.is_empty() {
                let to = self.vacancy(word.tag());
                old.hand_over(from, &mut self.slots, to);
            }
        }
    }

    /// Whether a much shorter array would do.
    #[inline]
    pub(super) fn is_sparse(&self) -> bool {
        self.size() > SIZES[0] && self.len() < self.size() / 4
    }

    /// Distributes the blocks over the two halves of the range. This is the one operation that reads the blocks.
    pub(super) fn split(mut self) -> (Segment<B>, Segment<B>) {
        /// How many slots ahead blocks are asked for.
        const AHEAD: usize = 16;
        let half = self.len() / 2;
        let mut halves = [0, 1].map(|bit| Segment::new(self.position.half(bit), half + half / 16));
        for from in 0..self.size() {
            if from + AHEAD < self.size() {
                self.slots.prefetch_block(from + AHEAD);
            }
            let Some(block) = self.slots.get(from) else { continue };
            let bit = block.hash() >> (63 - self.position.depth) & 1;
            halves[bit as usize].adopt(&mut self.slots, from);
        }
        let [low, high] = halves;
        (low, high)
    }

    /// Takes a block over from another array.
    fn adopt(&mut self, slots: &mut Slots<B>, from: usize) {
        if self.is_full() {
            self.resize(self.len() + self.len() / 4 + 1);
        }
        let to = self.vacancy(slots.word(from).tag());
        slots.hand_over(from, &mut self.slots, to);
        self.len += 1;
        self.count_volatile(to);
    }

    /// Takes over all blocks of the other half.
    pub(super) fn absorb(&mut self, mut other: Segment<B>) {
        for from in 0..other.size() {
            if !other.slots.word(from).is_empty() {
                self.adopt(&mut other.slots, from);
            }
        }
    }

    /// Reports blocks with a tag of at least `from`, in ascending order of their homes, until `count` are reported
    /// and a boundary is reached. Returns the tag to go on from; none at the end.
    ///
    /// The boundary is the end of a group that is not full: nothing has overflowed from before it to behind it.
    pub(super) fn scan<'a>(
        &'a self,
        from: u16,
        count: &mut usize,
        f: &mut impl FnMut(B::Ref<'a>),
    ) -> Option<u16> {
        let groups = self.slots.groups();
        let mut report = |group: usize, wrapped: bool, count: &mut usize| {
            for at in group * GROUP..(group + 1) * GROUP {
                let tag = self.slots.word(at).tag();
                if tag >= from
                    && (self.home(tag) > group) == wrapped
                    && let Some(block) = self.slots.get(at)
                {
                    f(block);
                    *count = count.saturating_sub(1);
                }
            }
        };
        for group in self.home(from)..groups {
            // The blocks of the next group arrive while those of this one are looked at.
            if group + 1 < groups {
                (GROUP * (group + 1)..GROUP * (group + 2)).for_each(|at| self.slots.prefetch_block(at));
            }
            report(group, false, count);
            if *count == 0 && group + 1 < groups && self.slots.vacancies(group) > 0 {
                // The smallest tag whose home is the next group.
                return Some(((group + 1) << 16).div_ceil(groups) as u16);
            }
        }
        // Blocks that found no room at the end stand at the beginning.
        for group in 0..groups {
            report(group, true, count);
            if self.slots.vacancies(group) > 0 {
                break;
            }
        }
        None
    }
}
