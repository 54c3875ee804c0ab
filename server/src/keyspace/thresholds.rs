//! Up to where collections stay in their compact forms: the directives `*-max-listpack-*`, `list-max-listpack-size` and
//! `set-max-intset-entries`. What becomes of a collection beyond them is its own affair.

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
}

impl Default for Thresholds {
    fn default() -> Self {
        let small = PackedLimits { entries: 128, value: 64 };
        Thresholds {
            hash: PackedLimits::default(),
            set: small,
            intset_entries: 512,
            zset: small,
            list_node: NodeLimit(-2),
        }
    }
}
