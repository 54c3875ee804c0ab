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
pub mod db;
pub mod entry;
pub mod entry_ref;
pub mod evict;
mod fields;
pub mod hash;
pub mod hyperloglog;
pub mod journal;
pub mod key;
mod lock;
pub mod module_value;
mod prefetch;
mod segment;
pub mod shard;
mod slots;
pub mod snapshot;
pub mod table;
#[cfg(test)]
mod tests;
pub mod value;

pub use account::Account;
pub use db::{Db, Edited, Expire, ExpiredFields, Overwritten};
pub use entry::{Entry, EntryMut};
pub use entry_ref::EntryRef;
pub use evict::{AccessClock, Choose};
pub use hash::{Hash, HashLimits};
pub use journal::{Journal, JournalEntry, Revision};
pub use key::Key;
pub use lock::{Keyspace, Locked, ShardId};
pub use module_value::{Home, Live, ModuleValue, TypeId};
pub use shard::{Shard, WatchFlag};
pub use snapshot::{Busy, Snapshot};
pub use value::{EditError, Encoding, Opaque, StringRef, Value, ValueType};
