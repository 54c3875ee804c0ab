//! Every limit of the server stands here, with its reason, so that nobody has to search for one.
//! A limit that an operator may change is a configuration directive and only its default is here.

/// Hash slots of the cluster protocol. Clients compute them too, so the number is not ours to choose.
pub const HASH_SLOTS: u16 = 16_384;

/// Shards of a keyspace. Two workers then meet at one lock in 1 of 256 commands, and an empty shard costs
/// under 200 bytes. A power of two, so that a shard is a run of whole hash slots.
pub const SHARDS: usize = 256;

/// Longest key. Redis's own limit for any string, and it leaves the key length in 32 bits of a header.
pub const KEY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A string value up to this many bytes lives in the same heap block as its key: one cache miss instead of two.
/// Beyond it, copying the value each time the block moves (an added TTL, a rename) costs more than that miss.
pub const INLINE_VALUE_BYTES_MAX: usize = 2048;

/// Strings up to this length are called `embstr` by OBJECT ENCODING, longer ones `raw`. Redis's figure.
pub const EMBSTR_BYTES_MAX: usize = 44;

/// Slots of a segment before it splits. Growing touches one segment, so this bounds what an unlucky insert pays:
/// about 800 entries, some 10 to 20 microseconds.
pub const SEGMENT_SLOTS_MAX: usize = 1024;

/// A segment and its buddy merge when both together hold no more than this: well under the half of what a fresh
/// split leaves, so that a table at the border does not split and merge in turns.
pub const SEGMENT_MERGE_ENTRIES_MAX: usize = 256;

/// Bits of the hash that the directory of a table may use. 2^28 segments hold far more keys than memory does;
/// the bound exists because a SCAN cursor has 30 bits for a position.
pub const DIRECTORY_DEPTH_MAX: u32 = 28;

/// Defaults of `hash-max-listpack-entries` and `hash-max-listpack-value`: up to here a hash is one packed buffer.
pub const HASH_MAX_LISTPACK_ENTRIES: usize = 128;
/// See [`HASH_MAX_LISTPACK_ENTRIES`].
pub const HASH_MAX_LISTPACK_VALUE: usize = 64;

/// How often RANDOMKEY draws again after it drew a key that has expired. Redis's figure; after it, one pass
/// over the table decides.
pub const RANDOM_KEY_TRIES: usize = 100;
