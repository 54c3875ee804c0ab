//! Every limit of this module, with its reason.

use std::ops::RangeInclusive;

/// The sizes that a chunk may have, as RedisTimeSeries documents them. They must be multiples of 8.
pub const CHUNK_BYTES: RangeInclusive<usize> = 48..=1024 * 1024;

/// How many series one command may look at. A command can have 65,536 keys open; one more would end it without a word, so we
/// say it in time, and leave some for the sources that LATEST asks for.
pub const SERIES_IN_A_QUERY: usize = 30_000;

/// How many rows a query with EMPTY may come to, over all its series: two samples far apart and short buckets make any number. A
/// row is 16 bytes, and up to 55 as a reply; with what growing takes, this many are half of a memory of 64 MB.
pub const ROWS_IN_A_QUERY: u64 = 250_000;

/// How often one TS.MADD may go from one key to another, for the same reason: each time it opens the key.
pub const RUNS_IN_AN_MADD: usize = 20_000;

/// How many keys that may open, with the destinations of the series' rules, which it opens each time too.
pub const KEYS_IN_AN_MADD: usize = 60_000;
