//! Every limit of this module, with its reason. Those that Redis documents are theirs; the others keep a client from asking for
//! more than a server can keep, move or save. What the module's memory still holds is less than that most of the time, and is
//! asked for, not assumed (`sketch::zeroed`).

/// Bytes of one value: as many as Redis allows in a string, which is what DUMP makes of it and what its bits are saved as.
pub const VALUE_BYTES: usize = 512 << 20;

/// What saving a value takes beside the value once more: the fields' heads, and a piece of cells on its way (`saved`).
pub const SAVING_BYTES: usize = 256 << 10;

/// The error rate of a Bloom filter above which a higher one changes nothing: one bit in four of so small a filter saves no memory.
pub const BLOOM_ERROR: f64 = 0.25;

/// Bits of an item in one Bloom filter. A hundred and twenty-eight are an error rate of 3e-39, and all that the hash of an item has.
pub const BLOOM_HASHES: u32 = 128;

/// Filters in a row: each is looked at by every BF.EXISTS, and a growing number that doubles has reached every size by then.
pub const BLOOM_FILTERS: usize = 1024;

/// The factor by which a filter of either kind grows at the most, as Redis documents it.
pub const EXPANSION: u64 = 32_768;

/// Fingerprints in a bucket of a cuckoo filter, as Redis documents it.
pub const BUCKET_SIZE: u64 = 255;

/// How often an insertion into a cuckoo filter moves what is there, as Redis documents it.
pub const ITERATIONS: u64 = 65_535;

/// How often a cuckoo filter grows unless the parameter says otherwise, and what the parameter may be, as Redis documents it.
pub const CUCKOO_EXPANSIONS: (i64, i64) = (32, 65_535);

/// The capacity of a filter that nobody reserved, and what the parameter may be, as Redis documents it.
pub const INITIAL_SIZE: (i64, i64) = (100, 1_048_576);

/// What TOPK.INCRBY adds at the most, as Redis documents it.
pub const TOPK_INCREMENT: u32 = 100_000;

/// Bytes of a chunk of SCANDUMP. Redis allows 16 MB. This copies in a tenth of a millisecond, so that nobody waits for it, and
/// leaves room in the module's memory for the filter.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Bytes of a node of a t-digest where it is saved: nine of its mean, and up to ten of its weight.
pub const SAVED_NODE_BYTES: usize = 19;

/// Sketches that one command merges. It can have 65,536 keys open; one more would end it without a word.
pub const SOURCES: usize = 60_000;

/// The weight of all observations in a t-digest: beyond this a double does not hold every whole number.
pub const OBSERVATIONS: u64 = 1 << 53;

/// The compression of a t-digest, which decides how many centroids it may have: with this one they take 10 MB. A thousand is
/// said to be extremely large.
pub const COMPRESSION: u32 = 100_000;
