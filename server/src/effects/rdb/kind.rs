//! The numbers that stand in front of values: what type a value has, and which of the ways to write that type was used.

use super::{ErrorKind, VALKEY_VERSION};

/// A string.
pub const STRING: u8 = 0;
/// A list: its length, then its elements.
pub const LIST: u8 = 1;
/// A set: its size, then its members.
pub const SET: u8 = 2;
/// A sorted set with scores in decimal. Not written since Redis 4.
pub const ZSET: u8 = 3;
/// A hash: its size, then its fields, each followed by its value.
pub const HASH: u8 = 4;
/// A sorted set with scores in binary.
pub const ZSET_2: u8 = 5;
/// A module's value, as candidates of Redis 4 wrote it.
pub const MODULE_PRE_GA: u8 = 6;
/// A module's value: the id of its type, then fields that anybody can skip.
pub const MODULE_2: u8 = 7;
/// A hash in one zipmap. Not written since Redis 2.6.
pub const HASH_ZIPMAP: u8 = 9;
/// A list in one ziplist. Not written since Redis 3.2.
pub const LIST_ZIPLIST: u8 = 10;
/// A set of integers.
pub const SET_INTSET: u8 = 11;
/// A sorted set in one ziplist. Not written since Redis 7.
pub const ZSET_ZIPLIST: u8 = 12;
/// A hash in one ziplist. Not written since Redis 7.
pub const HASH_ZIPLIST: u8 = 13;
/// A list in several ziplists. Not written since Redis 7.
pub const LIST_QUICKLIST: u8 = 14;
/// A stream as Redis 5 wrote it.
pub const STREAM_LISTPACKS: u8 = 15;
/// A hash in one listpack.
pub const HASH_LISTPACK: u8 = 16;
/// A sorted set in one listpack.
pub const ZSET_LISTPACK: u8 = 17;
/// A list in several listpacks and plain strings.
pub const LIST_QUICKLIST_2: u8 = 18;
/// A stream as Redis 7.0 writes it.
pub const STREAM_LISTPACKS_2: u8 = 19;
/// A set in one listpack.
pub const SET_LISTPACK: u8 = 20;
/// A stream as Redis 7.2 writes it.
pub const STREAM_LISTPACKS_3: u8 = 21;
/// A hash whose fields may expire: candidates of Redis 7.4. In Valkey's files the same number is [`HASH_VALKEY`].
pub const HASH_METADATA_PRE_GA: u8 = 22;
/// The same in one listpack.
pub const HASH_LISTPACK_EX_PRE_GA: u8 = 23;
/// A hash whose fields may expire.
pub const HASH_METADATA: u8 = 24;
/// The same in one listpack.
pub const HASH_LISTPACK_EX: u8 = 25;
/// A hash whose fields may expire, as Valkey 9 writes it.
pub const HASH_VALKEY: u8 = 22;

/// The types of values, whichever way they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    String,
    /// A sequence.
    List,
    /// Unique members.
    Set,
    /// Unique members with a score each.
    Zset,
    /// Fields with a value each.
    Hash,
    /// A log of entries.
    Stream,
    /// A value of a module.
    Module,
}

impl Kind {
    /// The type that such a number stands for.
    pub fn of(rdb_type: u8, version: u32) -> Result<Kind, ErrorKind> {
        Ok(match rdb_type {
            STRING => Kind::String,
            LIST | LIST_ZIPLIST | LIST_QUICKLIST | LIST_QUICKLIST_2 => Kind::List,
            SET | SET_INTSET | SET_LISTPACK => Kind::Set,
            ZSET | ZSET_2 | ZSET_ZIPLIST | ZSET_LISTPACK => Kind::Zset,
            HASH | HASH_ZIPMAP | HASH_ZIPLIST | HASH_LISTPACK | HASH_VALKEY => Kind::Hash,
            HASH_LISTPACK_EX_PRE_GA | HASH_METADATA | HASH_LISTPACK_EX if version < VALKEY_VERSION => {
                Kind::Hash
            }
            STREAM_LISTPACKS | STREAM_LISTPACKS_2 | STREAM_LISTPACKS_3 => Kind::Stream,
            MODULE_2 => Kind::Module,
            MODULE_PRE_GA => return Err(ErrorKind::Unsettled("a module's value")),
            other => return Err(ErrorKind::UnknownType(other)),
        })
    }
}
