//! Tests of the keyspace from outside of its files: models, and the guarantees that commands rely on.

mod db;
mod entry;
mod field_expiry;
mod hash;
mod lock;
mod set;
mod snapshot;
mod table;
mod zset;
