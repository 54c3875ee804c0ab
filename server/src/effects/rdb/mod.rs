//! Redis's RDB format: what a snapshot, the base of an append-only file, DUMP and a full synchronisation are made of.
//!
//! ```text
//! file     REDIS0010  item ...  255  checksum (CRC64, 8 bytes little endian; from version 5 on; 0: not computed)
//! item     250 string string                  an auxiliary field, say what wrote the file
//!          245 string                         the source of a library of functions
//!          247 id  2 when  field ...  0       what a module keeps beside its keys
//!          254 length                         the database of the keys that follow
//!          251 length length                  how many keys and expiries it has
//!          [252 ms (8 bytes)] [248 length | 249 byte] type  string  value      a key
//! length   00xxxxxx | 01xxxxxx x | 80 xxxx | 81 xxxxxxxx     big endian
//! string   length bytes | C0 i8 | C1 i16 | C2 i32 | C3 length length LZF
//! dump     type  value  version (2 bytes)  checksum (8 bytes)
//! ```
//!
//! Version 10 is written, which redis-server 7.0 reads; everything up to version 12 of Redis and 80 of Valkey is read. Of
//! the ways to write one type of value ([`kind`]) one is chosen for each, and written ([`value`]).
//! All of it trusts nothing that it reads: no length makes it allocate more than the input can fill, nothing recurses, and
//! an error says at which byte it was found.
//!
//! Nothing here knows a socket, a lock, a clock or a configuration; [`value`] and [`stream`] alone know the keyspace's types.

pub mod canonical;
pub mod crc64;
pub mod decoded;
pub mod dump;
pub mod error;
pub mod fields;
pub mod input;
mod intset;
pub mod kind;
pub mod length;
pub mod listpack;
pub mod loaded;
pub mod lzf;
pub mod pairs;
pub mod reader;
pub mod stream;
pub mod string;
#[cfg(test)]
mod tests;
pub mod value;
pub mod walk;
pub mod writer;
mod ziplist;
mod zipmap;

pub use canonical::Canonical;
pub use decoded::Decoded;
pub use error::{ErrorKind, RdbError, Result};
pub use loaded::Loaded;
pub use pairs::Pairs;
pub use reader::{Item, Reader};
pub use writer::Writer;

/// The version that is written.
pub const VERSION: u32 = 10;

/// The newest version of Redis that is read.
pub const VERSION_MAX: u32 = 12;

/// The version of Valkey that is read. Its numbers begin here, so that nobody takes one of them for Redis's.
pub const VALKEY_VERSION: u32 = 80;

/// What is written in front of items that are no keys, and in front of what a key has beside its value.
pub mod opcode {
    /// A slot of a cluster: its number, and how many keys and expiries it has.
    pub const SLOT_INFO: u8 = 244;
    /// A library of functions.
    pub const FUNCTION2: u8 = 245;
    /// The same as candidates of Redis 7.0 wrote it.
    pub const FUNCTION_PRE_GA: u8 = 246;
    /// What a module keeps beside its keys.
    pub const MODULE_AUX: u8 = 247;
    /// Seconds since the key was used.
    pub const IDLE: u8 = 248;
    /// How often the key is used, as LFU counts.
    pub const FREQ: u8 = 249;
    /// An auxiliary field.
    pub const AUX: u8 = 250;
    /// How many keys and expiries the database has.
    pub const RESIZEDB: u8 = 251;
    /// When the key expires, in milliseconds.
    pub const EXPIRETIME_MS: u8 = 252;
    /// When the key expires, in seconds.
    pub const EXPIRETIME: u8 = 253;
    /// The database of the keys that follow.
    pub const SELECTDB: u8 = 254;
    /// The end.
    pub const EOF: u8 = 255;
}
