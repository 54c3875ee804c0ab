//! Drawing several lots from a collection, as SRANDMEMBER, SPOP, HRANDFIELD and ZRANDMEMBER do. A table gives an element at random
//! without walking; a compact form does not, and listing all of it costs no more than walking to one. Which form a collection
//! has is known to the collection.

use std::collections::HashSet;

use rand::{Rng, RngExt};

use super::block::{Block, BlockRef};
use super::table::{Table, below};

/// Whether `n` of `len` are so few that drawing until they are different is cheap: most draws must be.
pub(super) fn are_few(n: usize, len: usize) -> bool {
    n < len / 3
}

/// `n` blocks of a table that are a few of it, none of them twice.
pub(super) fn few_of<'a, B: Block>(table: &'a Table<B>, n: usize, rng: &mut impl Rng) -> Vec<B::Ref<'a>> {
    let mut seen = HashSet::with_capacity(n);
    let mut drawn = Vec::with_capacity(n);
    while drawn.len() < n {
        let Some(block) = table.random(rng) else { break };
        if seen.insert(block.key().as_ptr()) {
            drawn.push(block);
        }
    }
    drawn
}

/// `n` of all these, or all if there are fewer, none of them twice.
pub(super) fn distinct<T>(all: impl Iterator<Item = T>, n: usize, rng: &mut impl Rng) -> Vec<T> {
    let mut all: Vec<_> = all.collect();
    let n = n.min(all.len());
    for at in 0..n {
        let other = rng.random_range(at..all.len());
        all.swap(at, other);
    }
    all.truncate(n);
    all
}

/// `n` of all these, the same one possibly several times; none if there are none.
pub(super) fn repeated<T: Copy>(all: impl Iterator<Item = T>, n: usize, rng: &mut impl Rng) -> Vec<T> {
    let all: Vec<_> = all.collect();
    if all.is_empty() {
        return all;
    }
    (0..n).map(|_| all[below(rng, all.len())]).collect()
}
