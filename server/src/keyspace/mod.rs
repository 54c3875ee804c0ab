//! The keyspace: all keys of all databases, cut into shards with a lock each.
//!
//! ```text
//! Keyspace -> shards, by cluster slot -> databases, by index -> table -> segments, by hash -> entries
//! ```
//!
//! Who runs a command locks the shards of its keys, in ascending order, and holds them until its effects are out. No
//! thread owns a shard. Nothing here waits for anything else, reads a clock, logs or knows a client.

pub mod account;
pub mod bits;
pub mod block;
pub mod collection;
pub mod db;
mod dbs;
mod edited;
pub mod entry;
pub mod entry_ref;
pub mod evict;
mod fields;
pub mod hash;
pub mod hyperloglog;
pub mod intset;
pub mod journal;
pub mod key;
pub mod list;
mod lock;
mod member;
pub mod module_value;
pub mod packed;
mod prefetch;
mod segment;
pub mod set;
pub mod shard;
mod slots;
pub mod snapshot;
pub mod stream;
pub mod table;
#[cfg(test)]
mod tests;
pub mod thresholds;
pub mod tracked;
pub mod value;
pub mod waiting;
pub mod zset;

pub use account::Account;
pub use collection::Collection;
pub use db::{Db, Expire, ExpiredFields, Overwritten};
pub use dbs::Dbs;
pub use edited::Edited;
pub use entry::{Entry, EntryMut};
pub use entry_ref::EntryRef;
pub use evict::{AccessClock, Choose};
pub use hash::Hash;
pub use journal::{Journal, JournalEntry, Revision};
pub use key::Key;
pub use list::{End, List, NodeLimit};
pub use lock::{Keyspace, Locked, ShardId, Wanted};
pub use module_value::{Home, Live, ModuleValue, TypeId};
pub use set::Set;
pub use shard::{Shard, WatchFlag};
pub use snapshot::{Busy, Snapshot};
pub use stream::{Stream, StreamId};
pub use table::Place;
pub use thresholds::{BlockLimits, PackedLimits, Thresholds};
pub use tracked::{Cause, Invalidated, Invalidations, TrackedTotals};
pub use value::{EditError, Encoding, StringRef, Value, ValueType};
pub use waiting::{ReadyKey, Ticket};
pub use zset::{LexBound, LexRange, ScoreRange, Zset};
