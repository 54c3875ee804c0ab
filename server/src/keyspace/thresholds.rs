//! Up to where collections stay in their compact forms: the directives `*-max-listpack-*`, `list-max-listpack-size`,
//! `set-max-intset-entries` and `stream-node-max-*`. What becomes of a collection beyond them is its own affair.

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
pub struct NodeLimits {
    /// The most entries of a block; 0 is no limit.
    pub entries: usize,
    /// Bytes from which on a block gets no more entries; 0 is no limit.
    pub bytes: usize,
}

impl Default for NodeLimits {
    fn default() -> Self {
        NodeLimits { entries: 100, bytes: 4096 }
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
    /// The size of a list's node: elements if positive, -1 to -5 for 4 to 64 KiB.
    pub list_node: i32,
    /// Of streams.
    pub stream: NodeLimits,
}

impl Default for Thresholds {
    fn default() -> Self {
        let small = PackedLimits { entries: 128, value: 64 };
        Thresholds {
            hash: PackedLimits::default(),
            set: small,
            intset_entries: 512,
            zset: small,
            list_node: -2,
            stream: NodeLimits::default(),
        }
    }
}
