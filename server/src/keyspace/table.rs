//! The hash table of a database and of a large hash: extendible hashing (Fagin, Nievergelt, Pippenger, Strong, 1979).
//!
//! A directory, indexed by the first bits of the hash, names the segment that holds everything beginning with
//! them. A segment that is full splits in two by the next bit; when all bits of the directory are used, the directory
//! doubles, which copies small integers and no entries. So no insert ever moves more than one segment's blocks, while a
//! table that doubles as a whole stalls for 60 to 230 ms at some million keys. Shrinking is the same backwards.
//!
//! The table owns blocks and knows their keys and expiries; it does not know the time. No `unsafe` here: see `slots`.

use rand::Rng;

use super::block::{Block, BlockRef};
use super::prefetch::{prefetch, prefetch_lines};
use super::segment::{Position, Segment};
use crate::limits::{DIRECTORY_DEPTH_MAX, SEGMENT_MERGE_ENTRIES_MAX};

/// Where a block stands until the table is changed.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    segment: u32,
    slot: u32,
}

/// Blocks by key.
pub struct Table<B: Block> {
    /// Number of the segment for each value of the first `depth` bits of a hash. Empty while there is one segment.
    directory: Vec<u32>,
    segments: Vec<Segment<B>>,
    depth: u32,
    /// How many segments use all `depth` bits; the directory can be halved when none does.
    deepest: u32,
    len: usize,
    volatile: usize,
    /// Heap bytes of all segments: kept up to date, as every write to a large hash asks for them.
    segment_bytes: usize,
}

impl<B: Block> Default for Table<B> {
    fn default() -> Self {
        Table {
            directory: Vec::new(),
            segments: Vec::new(),
            depth: 0,
            deepest: 0,
            len: 0,
            volatile: 0,
            segment_bytes: 0,
        }
    }
}

#[inline]
fn tag(hash: u64) -> u16 {
    hash as u16
}

impl<B: Block> Table<B> {
    /// How many blocks there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many blocks have an expiry.
    #[inline]
    pub fn volatile_len(&self) -> usize {
        self.volatile
    }

    /// Heap bytes of the table, its blocks excluded.
    pub fn memory(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.segments.capacity() * size_of::<Segment<B>>()
            + self.segment_bytes
    }

    /// The segment for a hash; meaningless in a table without segments.
    #[inline]
    fn segment_of(&self, hash: u64) -> usize {
        if self.depth == 0 { 0 } else { self.directory[self.directory_index(hash)] as usize }
    }

    /// Where a directory names that segment. The directory is not empty.
    #[inline]
    fn directory_index(&self, hash: u64) -> usize {
        (hash >> (64 - self.depth)) as usize
    }

    /// Finds the block with this key.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let segment = self.segment_of(hash);
        let slot = self.segments.get(segment)?.find(tag(hash), key)?;
        Some(Place { segment: segment as u32, slot: slot as u32 })
    }

    /// The block at a place, to read.
    #[inline]
    pub fn at(&self, place: Place) -> B::Ref<'_> {
        self.segments[place.segment as usize]
            .get(place.slot as usize)
            .expect("a place comes from `find` and is used before the table changes")
    }

    /// The block at a place, to edit in place.
    #[inline]
    pub fn at_mut(&mut self, place: Place) -> B::Mut<'_> {
        self.segments[place.segment as usize]
            .get_mut(place.slot as usize)
            .expect("a place comes from `find` and is used before the table changes")
    }

    /// Whether the block at a place has an expiry; known without touching it.
    #[inline]
    pub fn is_volatile(&self, place: Place) -> bool {
        self.segments[place.segment as usize].is_volatile(place.slot as usize)
    }

    /// The block with this key, to read.
    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<B::Ref<'_>> {
        self.find(hash, key).map(|place| self.at(place))
    }

    /// The block with this key, to edit in place.
    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<B::Mut<'_>> {
        let place = self.find(hash, key)?;
        Some(self.at_mut(place))
    }

    /// Lets `edit` change or replace the block at a place. It keeps its key.
    #[inline]
    pub fn update<R>(&mut self, place: Place, edit: impl FnOnce(&mut B) -> R) -> R {
        let segment = &mut self.segments[place.segment as usize];
        let before = segment.volatile_len();
        let result = segment.update(place.slot as usize, edit);
        self.volatile = self.volatile + segment.volatile_len() - before;
        result.expect("a place comes from `find` and is used before the table changes")
    }

    /// Adds a block whose key is not in the table.
    #[inline]
    pub fn insert(&mut self, hash: u64, block: B) -> Place {
        let mut segment = self.segment_of(hash);
        if self.segments.is_empty() {
            let first = Segment::new(Position { depth: 0, prefix: 0 }, 0);
            self.segment_bytes += first.memory();
            // Many tables stay that small: the shards' of a small server, those of large collections.
            self.segments.reserve_exact(1);
            self.segments.push(first);
        }
        while self.segments[segment].is_full() {
            self.make_room(segment);
            segment = self.segment_of(hash);
        }
        let target = &mut self.segments[segment];
        let before = target.volatile_len();
        let slot = target.insert(tag(hash), block);
        self.volatile += target.volatile_len() - before;
        self.len += 1;
        Place { segment: segment as u32, slot: slot as u32 }
    }

    /// Removes the block with this key.
    #[inline]
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<B> {
        let place = self.find(hash, key)?;
        Some(self.remove_at(place))
    }

    /// Removes the block at a place. The table may shrink a little.
    pub fn remove_at(&mut self, place: Place) -> B {
        let block = self.remove_quietly(place);
        self.tidy(place.segment as usize);
        block
    }

    /// Removes a block and leaves the shape of the table.
    fn remove_quietly(&mut self, place: Place) -> B {
        let segment = &mut self.segments[place.segment as usize];
        let before = segment.volatile_len();
        let block = segment.remove(place.slot as usize);
        self.volatile = self.volatile + segment.volatile_len() - before;
        self.len -= 1;
        block.expect("a place comes from `find` and is used before the table changes")
    }

    /// Asks for the slots where a hash belongs.
    #[inline]
    pub fn prefetch_slot(&self, hash: u64) {
        if let Some(segment) = self.segments.get(self.segment_of(hash)) {
            segment.prefetch_slot(tag(hash));
        }
    }

    /// Asks for the block that a hash most likely finds.
    #[inline]
    pub fn prefetch_block(&self, hash: u64) {
        if let Some(segment) = self.segments.get(self.segment_of(hash)) {
            segment.prefetch_block(tag(hash));
        }
    }

    /// The block that a hash most likely finds, without a look at its key.
    #[inline]
    pub(super) fn get_likely(&self, hash: u64) -> Option<B::Ref<'_>> {
        let segment = self.segments.get(self.segment_of(hash))?;
        segment.get(segment.find_likely(tag(hash))?)
    }

    /// Asks for what leads to a block, once the table itself is there: the directory, the segment, the slots, the block. False when
    /// nothing is left to ask for.
    #[inline]
    pub(super) fn prefetch(&self, step: usize, hash: u64) -> bool {
        match step {
            0 if self.depth > 0 => prefetch((&raw const self.directory[self.directory_index(hash)]).cast()),
            0 => {}
            1 => match self.segments.get(self.segment_of(hash)) {
                Some(segment) => prefetch_lines(segment),
                None => return false,
            },
            2 => self.prefetch_slot(hash),
            _ => self.prefetch_block(hash),
        }
        step < 3
    }
}

/// The table's shape.
impl<B: Block> Table<B> {
    /// Grows or splits a full segment.
    #[cold]
    fn make_room(&mut self, segment: usize) {
        let full = &mut self.segments[segment];
        let depth = full.position.depth;
        // With a hash that spreads, neither bound is ever met. They keep a hash that does not from filling the
        // memory with a directory: such a segment just grows on.
        let may_double = depth < DIRECTORY_DEPTH_MAX && self.directory.len() <= 16 * self.segments.len();
        if !self.segments[segment].is_largest() || (depth == self.depth && !may_double) {
            self.fit(segment);
            return;
        }
        if depth == self.depth {
            self.double();
        }
        let empty = Segment::new(self.segments[segment].position, 0);
        let full = std::mem::replace(&mut self.segments[segment], empty);
        self.segment_bytes -= full.memory();
        let (low, high) = full.split();
        self.segment_bytes += low.memory() + high.memory();
        self.segments[segment] = low;
        self.segments.push(high);
        if depth + 1 == self.depth {
            self.deepest += 2;
        }
        self.point_to(self.segments.len() - 1);
    }

    /// Gives a segment the array that suits it.
    fn fit(&mut self, segment: usize) {
        let segment = &mut self.segments[segment];
        self.segment_bytes -= segment.memory();
        segment.resize(segment.len());
        self.segment_bytes += segment.memory();
    }

    fn double(&mut self) {
        self.directory = match self.directory.as_slice() {
            [] => vec![0, 0],
            directory => directory.iter().flat_map(|&segment| [segment, segment]).collect(),
        };
        self.depth += 1;
        self.deepest = 0;
    }

    fn halve(&mut self) {
        self.directory = self.directory.iter().copied().step_by(2).collect();
        self.depth -= 1;
        self.deepest = self.segments.iter().filter(|s| s.position.depth == self.depth).count() as u32;
        if self.depth == 0 {
            self.directory = Vec::new();
        }
    }

    /// Makes the directory name a segment for all of its range.
    fn point_to(&mut self, segment: usize) {
        let Position { depth, prefix } = self.segments[segment].position;
        if self.depth > 0 {
            let first = (prefix >> (64 - self.depth)) as usize;
            self.directory[first..first + (1 << (self.depth - depth))].fill(segment as u32);
        }
    }

    /// Gives memory back after removals: merges a sparse segment with its buddy, or shortens its array.
    fn tidy(&mut self, segment: usize) {
        let sparse = &self.segments[segment];
        if !sparse.is_sparse() && sparse.len() > 0 {
            return;
        }
        let mut segment = segment;
        let mut merged = false;
        while let Some(result) = self.merge(segment) {
            segment = result;
            merged = true;
        }
        if !merged && self.segments[segment].is_sparse() {
            self.fit(segment);
        }
        if self.segments.capacity() > 8 && self.segments.len() < self.segments.capacity() / 4 {
            self.segments.shrink_to(self.segments.len() * 2);
        }
    }

    /// Merges a segment with the one that it was split from, if both are small. Returns the number of the result.
    fn merge(&mut self, segment: usize) -> Option<usize> {
        let Position { depth, prefix } = self.segments[segment].position;
        if depth == 0 {
            return None;
        }
        let bit = 1 << (64 - depth);
        let buddy = self.segment_of(prefix ^ bit);
        let total = self.segments[segment].len() + self.segments[buddy].len();
        if self.segments[buddy].position.depth != depth || total > SEGMENT_MERGE_ENTRIES_MAX {
            return None;
        }
        if depth == self.depth {
            self.deepest -= 2;
        }
        let other = self.segments.swap_remove(buddy);
        // The last segment has moved into the gap, and it may be the one that we keep.
        let kept = if segment == self.segments.len() { buddy } else { segment };
        let result = &mut self.segments[kept];
        self.segment_bytes -= result.memory() + other.memory();
        result.resize(total);
        result.absorb(other);
        self.segment_bytes += result.memory();
        result.position = Position { depth: depth - 1, prefix: prefix & !bit };
        self.point_to(kept);
        if kept != buddy && buddy < self.segments.len() {
            self.point_to(buddy);
        }
        while self.depth > 0 && self.deepest == 0 {
            self.halve();
        }
        Some(kept)
    }
}

/// First hash after a segment's range; none after the last segment.
fn after(position: Position) -> Option<u64> {
    if position.depth == 0 { None } else { position.prefix.checked_add(1 << (64 - position.depth)) }
}

/// A place in a SCAN: of the hashes that begin with the first `depth` bits of `prefix`, those with a tag below
/// `tag` are done, and so is every hash before these. On the wire the bits of the prefix with a one in front of them,
/// which tells how many they are, and then the tag: below 2^45, so that with the number of a shard it stays below 2^53.
struct Cursor {
    depth: u32,
    prefix: u64,
    tag: u16,
}

impl Cursor {
    fn unpack(cursor: u64) -> Cursor {
        // A cursor that we did not make gives some walk, too.
        let place = (cursor >> 16).max(1);
        let len = place.ilog2();
        let depth = len.min(DIRECTORY_DEPTH_MAX);
        let bits = (place >> (len - depth)) & ((1 << depth) - 1);
        Cursor { depth, prefix: bits.checked_shl(64 - depth).unwrap_or(0), tag: cursor as u16 }
    }

    fn pack(position: Position, tag: u16) -> u64 {
        let bits = position.prefix.checked_shr(64 - position.depth).unwrap_or(0);
        (1 << position.depth | bits) << 16 | u64::from(tag)
    }

    /// The tag to go on from in the segment that now covers the place.
    ///
    /// After a split, the first half goes on where the whole stood, and the second is walked from its beginning.
    /// After a merge, the blocks that came from behind the place have not been reported, so the walk of the segment
    /// starts again, unless the place was in its last part. Either way some are reported twice and none is missed.
    fn tag_in(&self, now: Position) -> u16 {
        if now.depth >= self.depth {
            return self.tag;
        }
        let range = Position { depth: self.depth, prefix: self.prefix };
        if after(range) == after(now) { self.tag } else { 0 }
    }
}

/// Walks.
impl<B: Block> Table<B> {
    /// All blocks, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = B::Ref<'_>> {
        self.segments.iter().flat_map(|segment| (0..segment.size()).filter_map(|slot| segment.get(slot)))
    }

    /// One step of SCAN: reports at least `count` blocks from `cursor` on, and a few more to reach a place where
    /// a walk can stop. Returns the next cursor, 0 at the end; below 2^45. A block that is there from a walk's first step
    /// to its last is reported at least once, however the table grows and shrinks in between.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut f: impl FnMut(B::Ref<'a>)) -> u64 {
        let cursor = Cursor::unpack(cursor);
        let mut left = count.max(1);
        let Some(mut segment) = self.segments.get(self.segment_of(cursor.prefix)) else { return 0 };
        let mut tag = cursor.tag_in(segment.position);
        loop {
            if let Some(tag) = segment.scan(tag, &mut left, &mut f) {
                return Cursor::pack(segment.position, tag);
            }
            let Some(next) = after(segment.position) else { return 0 };
            segment = &self.segments[self.segment_of(next)];
            if left == 0 {
                return Cursor::pack(segment.position, 0);
            }
            tag = 0;
        }
    }

    /// A block, each about equally likely.
    pub fn random(&self, rng: &mut impl Rng) -> Option<B::Ref<'_>> {
        if self.len == 0 {
            return None;
        }
        loop {
            // A random hash lands in a segment by the width of its range, which is nearly by the number of its blocks.
            // Taking it by twice its density over the average evens out the rest.
            let segment = &self.segments[self.segment_of(rng.next_u64())];
            let density = (segment.len() as u128) << segment.position.depth;
            let chance = (density << 63) / self.len as u128;
            if u128::from(rng.next_u64()) >= chance {
                continue;
            }
            for _ in 0..64 {
                if let Some(block) = segment.get(below(rng, segment.size())) {
                    return Some(block);
                }
            }
            // So sparse is only a very small segment: look at all of it.
            if let Some(block) = (0..segment.size()).find_map(|slot| segment.get(slot)) {
                return Some(block);
            }
        }
    }

    /// Reports up to `n` blocks, or volatile blocks, that stand beside one another at a random place. As the order is
    /// that of a hash, they are as good as drawn one by one, and cost one cache miss for their slots.
    pub fn sample<'a>(
        &'a self,
        rng: &mut impl Rng,
        n: usize,
        volatile_only: bool,
        mut f: impl FnMut(B::Ref<'a>),
    ) {
        if self.len == 0 {
            return;
        }
        let mut left = n.min(if volatile_only { self.volatile } else { self.len });
        let first = self.segment_of(rng.next_u64());
        for number in 0..self.segments.len() {
            let segment = &self.segments[(first + number) % self.segments.len()];
            if volatile_only && segment.volatile_len() == 0 {
                continue;
            }
            let start = below(rng, segment.size());
            for slot in (start..segment.size()).chain(0..start) {
                if left == 0 {
                    return;
                }
                if volatile_only && !segment.is_volatile(slot) {
                    continue;
                }
                if let Some(block) = segment.get(slot) {
                    f(block);
                    left -= 1;
                }
            }
        }
    }

    /// Removes blocks that expired by `now_ms` and hands them to `f`, segment by segment from `cursor` on, until
    /// about `budget` volatile blocks were looked at or the end is reached; the cursor is 0 then. Segments in which
    /// nothing can have expired cost next to nothing. Returns how many were removed.
    pub fn expire(&mut self, now_ms: u64, budget: usize, cursor: &mut u64, mut f: impl FnMut(B)) -> usize {
        let before = self.len;
        let mut looked_at = 0;
        if self.volatile == 0 {
            *cursor = 0;
            return 0;
        }
        while looked_at < budget {
            let number = self.segment_of(*cursor);
            let segment = &self.segments[number];
            let next = after(segment.position);
            looked_at += 1;
            if segment.volatile_len() > 0 && segment.soonest() <= now_ms {
                looked_at += segment.volatile_len();
                self.expire_segment(number, now_ms, &mut f);
            }
            *cursor = next.unwrap_or(0);
            if *cursor == 0 {
                break;
            }
        }
        before - self.len
    }

    fn expire_segment(&mut self, number: usize, now_ms: u64, f: &mut impl FnMut(B)) {
        let mut soonest = u64::MAX;
        let mut slot = 0;
        while slot < self.segments[number].size() {
            let segment = &self.segments[number];
            let expire_at = if segment.is_volatile(slot) {
                segment.get(slot).and_then(BlockRef::expire_at)
            } else {
                None
            };
            match expire_at {
                // Another block may have moved into the gap, so this slot is looked at again.
                Some(at) if at <= now_ms => {
                    f(self.remove_quietly(Place { segment: number as u32, slot: slot as u32 }));
                }
                Some(at) => {
                    soonest = soonest.min(at);
                    slot += 1;
                }
                None => slot += 1,
            }
        }
        self.segments[number].set_soonest(soonest);
        self.tidy(number);
    }
}

/// A number below `n`. The bias is that of 64 bits against a small `n`: none that anyone could see.
pub(super) fn below(rng: &mut impl Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}
