//! What the contract says of streams.

use wasmtime::component::{ComponentType, Lift, Lower};

/// The name of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ComponentType, Lift, Lower)]
#[component(record)]
pub struct EntryId {
    /// Milliseconds.
    pub ms: u64,
    /// Which of that millisecond.
    pub seq: u64,
}

/// Which entries of the beginning go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(variant)]
pub enum Trimming {
    /// All but so many.
    #[component(name = "max-len")]
    MaxLen(u64),
    /// Those whose id is lower.
    #[component(name = "min-id")]
    MinId(EntryId),
}

/// What of some entries lies beside their fields and values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryHeads {
    /// Their ids.
    pub ids: Vec<EntryId>,
    /// How many fields each of them has.
    pub counts: Vec<u32>,
}

/// What is known of a stream beside its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct StreamInfo {
    /// How many entries were ever added.
    #[component(name = "entries-added")]
    pub entries_added: u64,
    /// The highest id that was ever used.
    #[component(name = "last-id")]
    pub last_id: EntryId,
    /// The id of the first entry that is there.
    #[component(name = "first-id")]
    pub first_id: Option<EntryId>,
}
