//! Up to where collections stay in their compact forms: the directives `*-max-listpack-*`, `list-max-listpack-size`,
//! `set-max-intset-entries` and `stream-node-max-*`. What becomes of a collection beyond them is its own affair.

use super::list::NodeLimit;
use crate::limits;

/// The most elements, and the longest of them in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedLimits {
    /// Most elements.
    pub entries: usize,
    /// Longest element, in bytes.
    pub value: usize,
}

impl Default for PackedLimits {
    fn default() -> Self {
        PackedLimits { entries: limits::HASH_MAX_LISTPACK_ENTRIES, value: limits::HASH_MAX_LISTPACK_VALUE }
    }
}

/// The size of a stream's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// The most entries of a block; 0 is no limit.
    pub entries: usize,
    /// Bytes from which on a block gets no more entries; 0 is no limit.
    pub bytes: usize,
}

impl Default for BlockLimits {
    fn default() -> Self {
        BlockLimits { entries: 100, bytes: 4096 }
    }
}

/// All of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Of hashes: fields, and the longest field or value.
    pub hash: PackedLimits,
    /// Of sets that are no integers alone.
    pub set: PackedLimits,
    /// The most members of a set of integers alone.
    pub intset_entries: usize,
    /// Of sorted sets.
    pub zset: PackedLimits,
    /// Of a list's nodes.
    pub list_node: NodeLimit,
    /// Of streams.
    pub stream: BlockLimits,
}

impl Default for Thresholds {
    fn default() -> Self {
        let small = PackedLimits { entries: 128, value: 64 };
        Thresholds {
            hash: PackedLimits::default(),
            set: small,
            intset_entries: 512,
            zset: small,
            list_node: NodeLimit::default(),
            stream: BlockLimits::default(),
        }
    }
}
