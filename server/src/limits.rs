//! Every limit of the server stands here, with its reason, so that nobody has to search for one.
//! A limit that an operator may change is a configuration directive and only its default is here.

use std::time::Duration;

// The keyspace

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
/// the bound exists because a SCAN cursor is to have 53 bits at the most: these and one more, 16 of a tag, 8 of a shard.
pub const DIRECTORY_DEPTH_MAX: u32 = 28;

/// Defaults of `hash-max-listpack-entries` and `hash-max-listpack-value`: up to here a hash is one packed buffer.
pub const HASH_MAX_LISTPACK_ENTRIES: usize = 128;
/// See [`HASH_MAX_LISTPACK_ENTRIES`].
pub const HASH_MAX_LISTPACK_VALUE: usize = 64;

/// Bytes of a block of a stream, and so of one entry, whatever `stream-node-max-bytes` says. Redis's figure; positions in a block are
/// 32 bits wide.
pub const STREAM_BLOCK_BYTES_MAX: usize = 1 << 30;

/// Blocks from which on a stream is not copied for undo, but what of it is changed: copying some of them costs no more.
pub const STREAM_BLOCKS_LARGE: usize = 4;

/// Bytes of entries that a module gets at once, and one entry at least: small beside a module's memory.
pub const STREAM_PAGE_BYTES: usize = 1 << 20;

/// Entries that a module deletes in one step: what each leaves to be undone and repeated is added up between them.
pub const STREAM_DELETED_AT_ONCE: usize = 1000;

/// Entries that trimming with `~` and without LIMIT takes at once if blocks have no limit of entries. Redis's figure.
pub const STREAM_TRIM_DEFAULT: u64 = 10_000;

/// The same at the most, however large blocks are: some milliseconds.
pub const STREAM_TRIM_MAX: u64 = 1_000_000;

/// Entries that XAUTOCLAIM claims unless it is told. Redis's figure.
pub const AUTOCLAIM_COUNT: usize = 100;

/// Entries that XAUTOCLAIM looks at for each that it may claim. Redis's figure.
pub const AUTOCLAIM_ATTEMPTS: usize = 10;

/// The highest COUNT of XAUTOCLAIM. Redis's figure, with which the attempts can still be counted.
pub const AUTOCLAIM_COUNT_MAX: usize = i64::MAX as usize / 16;

/// Members of a set of integers in its compact form, whatever is configured: adding one moves those behind it. Redis's figure.
pub const INTSET_ENTRIES_MAX: usize = 1 << 30;

/// Bytes of a set in its packed form, whatever is configured: it is searched from its beginning. Redis's figure.
pub const PACKED_BYTES_MAX: usize = 1 << 30;

/// The latest time at which a field of a hash may expire, in ms since 1970: Redis keeps 48 bits of it, and its files are to be read by us and
/// ours by it.
pub const FIELD_EXPIRY_MS_MAX: u64 = (1 << 48) - 2;

/// How often RANDOMKEY draws again after it drew a key that has expired. Redis's figure; after it, one pass
/// over the table decides.
pub const RANDOM_KEY_TRIES: usize = 100;

/// Keys that a snapshot copies under one lock: some 20 µs, which a client that waits for the shard hardly feels.
pub const SNAPSHOT_STEP_KEYS: usize = 100;

/// Bytes after which it leaves the rest of them to the next step: some 50 µs of copying. One value is copied whole.
pub const SNAPSHOT_STEP_BYTES: usize = 256 * 1024;

/// How long the thread that walks works before it gives others its core. The system ends a turn after one to four milliseconds where
/// several threads want the core, and one that ends while a shard is locked stops everybody who wants that shard.
pub const SNAPSHOT_TURN: Duration = Duration::from_micros(500);

/// Keys that a snapshot which was given up passes under one lock: they are marked and not copied.
pub const SNAPSHOT_STEP_MARKS: usize = 500;

// Requests

/// Commands that are parsed at once, before any of them runs: enough to hide the memory latency of their keys
/// behind each other, few enough that the keys are still in the cache when their command runs.
pub const BATCH_COMMANDS_MAX: usize = 16;

/// Keys of one command that are asked for before the first of them is looked up: with a few lines each they still fit into a core's own
/// cache.
pub const PREFETCHED_KEYS_MAX: usize = 512;

/// Bytes of an argument that is hashed as a key before it is known to be one. A longer one is most likely a message or a
/// value, and hashing it in vain would take longer than the cache misses that it saves.
pub const PREPARED_KEY_BYTES: usize = 512;

/// Bytes of one line: an inline request, or the count line of a multibulk request or bulk string. Redis's
/// `PROTO_INLINE_MAX_SIZE`. A longer one is an attack or another protocol.
pub const LINE_LEN_MAX: usize = 64 * 1024;

/// Arguments of one request. Redis 7 went up from 1024 * 1024 to this; the space for them grows only as they arrive, so
/// the query buffer's limit bounds the memory.
pub const MULTIBULK_LEN_MAX: u32 = i32::MAX as u32;

/// Arguments of one request from a client that has yet to authenticate: enough for `HELLO 3 AUTH user password
/// SETNAME name`, too few to make the server hold memory for a stranger.
pub const UNAUTHENTICATED_MULTIBULK_LEN_MAX: u32 = 10;

/// Bytes of one argument from a client that has yet to authenticate, for the same reason.
pub const UNAUTHENTICATED_BULK_LEN_MAX: u64 = 16 * 1024;

/// What `proto-max-bulk-len` is unless it is configured.
pub const PROTO_MAX_BULK_LEN: u64 = 512 * 1024 * 1024;

/// Bytes of one request with its headers. Positions in a request are 32 bits wide, which halves what a parsed argument
/// occupies; `client-query-buffer-limit` (1 GiB) is reached long before.
pub const REQUEST_LEN_MAX: usize = u32::MAX as usize;

/// Argument ranges, of 8 bytes, that a batch or a connection keeps room for once they are no longer needed: a single
/// huge request must not cost memory for ever.
pub const RANGES_KEPT_MAX: usize = 8 * 1024;

// Replies

/// How deep a reply may nest. No command of Redis comes near it, and whoever walks a reply needs only a small array.
pub const REPLY_DEPTH_MAX: usize = 32;

// Connections

/// Bytes that one read may bring: what a socket usually holds. One buffer a worker, not a connection.
pub const READ_BUFFER: usize = 64 * 1024;

/// How much more room a connection makes at once for a command that has arrived in part, or as much as is there already. What a
/// client merely announces must not cost memory before it has sent it.
pub const READ_STEP_MAX: usize = 4 * 1024 * 1024;

/// Replies are moved out of the worker's buffer when there are more bytes than this, in the middle of a batch: one
/// write of this size is as cheap for each byte as a larger one.
pub const FLUSH_BYTES: usize = 256 * 1024;

/// Replies up to so many bytes may be written whatever limit of output a client has: Redis has so much room for each.
pub const OUTPUT_ALWAYS: usize = 16 * 1024;

/// Bytes of room that an empty buffer of a connection keeps: enough for a message now and then. There may be very many of them.
pub const BUFFER_KEPT: usize = 1024;

/// A TLS handshake that takes longer is given up: it holds a place among `maxclients`.
pub const TLS_HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Stars of a pattern that have something behind them. Redis's figure, beyond which it takes the pattern for an attack and finds
/// that nothing matches.
pub const GLOB_STARS: usize = 1000;

/// Bytes that a name costs which a client watches or is subscribed to, beside those of the name: about what its places in the
/// tables of both sides occupy.
pub const NAME_OVERHEAD_BYTES: usize = 64;

/// Prefixes of one client that tracks keys in broadcast mode: far more than clients have kinds of keys. Each is told of by a message
/// of its own.
pub const TRACKING_PREFIXES_MAX: usize = 64 * 1024;

/// Pause after accept has failed, which it does again at once when no file descriptor is left.
pub const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Connections of the metrics endpoint at a time: scrapers come one by one.
pub const METRICS_CONNECTIONS: usize = 8;

/// Bytes of a request for metrics: what servers usually allow the head of a request.
pub const METRICS_REQUEST_MAX: usize = 8 * 1024;

/// A request for metrics that is not read and answered by then is given up, so that nobody can hold all places.
pub const METRICS_TIME_MAX: Duration = Duration::from_secs(10);

// Commands

/// Bytes of a command's name that an error line shows. Redis's figure.
pub const ERROR_NAME_BYTES: usize = 128;

/// Bytes of arguments that an error line shows. Redis's figure.
pub const ERROR_ARGS_BYTES: usize = 128;

/// Different error codes that INFO errorstats counts: modules choose their own, and a flood must not fill the memory.
pub const ERROR_CODES: usize = 128;

/// Arguments of a command that SLOWLOG keeps. Redis's figure.
pub const SLOWLOG_ARGS: usize = 32;

/// Bytes of an argument that SLOWLOG keeps. Redis's figure.
pub const SLOWLOG_ARG_BYTES: usize = 128;

/// Bytes of a key, channel or command that ACL LOG keeps: whoever may do nothing at all decides what stands there.
pub const ACL_LOG_OBJECT_BYTES: usize = 4096;

/// Entries of ACL LOG that a refusal is compared with, and milliseconds after which the same refusal is a new one. Redis's figures.
pub const ACL_LOG_COMPARED: usize = 10;
/// See [`ACL_LOG_COMPARED`].
pub const ACL_LOG_SAME_MS: u64 = 60_000;

/// Bits of the longest password that ACL GENPASS makes. Redis's figure.
pub const GENPASS_BITS_MAX: i64 = 4096;

/// Seconds that the latency monitor keeps of each event. Redis's figure.
pub const LATENCY_SAMPLES: usize = 160;

/// Samples whose mean is an instantaneous metric: 1.6 seconds at ten a second. Redis's figure.
pub const RATE_SAMPLES: usize = 16;

/// Keys with an expiry that INFO looks at in one database of one shard, to tell how long they live on the average.
pub const TTL_SAMPLES: usize = 2;

/// How long a paused client sleeps before it looks again, so that CLIENT UNPAUSE is noticed soon.
pub const PAUSE_STEP: Duration = Duration::from_millis(20);

/// Values and records of undo that a worker keeps room for once a command is over.
pub const SCRATCH_KEPT: usize = 1024;

/// Records of effects that a worker keeps room for once they are delivered.
pub const EFFECTS_KEPT: usize = 1024;

/// Bytes of commands to be repeated that a worker keeps room for once they are appended: what a batch of usual commands makes.
pub const PROPAGATION_KEPT: usize = 64 * 1024;

/// Room for what stands around an argument when it is encoded: a kind, a count of at most 20 digits, two line ends.
pub const ARGUMENT_HEADER: usize = 25;

// The append-only file

/// Bytes that wait to be written to the append-only file before commands that write have to wait, too: what a busy server
/// writes in about a second, in which a disk may be slow once. As much again may be on its way to the disk.
pub const AOF_BUFFER_MAX: usize = 64 * 1024 * 1024;

/// Bytes of room that its buffers keep when they are empty.
pub const AOF_BUFFER_KEPT: usize = 4 * 1024 * 1024;

/// How long changes are collected before they are written, unless somebody waits for the disk: it bounds what is lost when the
/// process is killed, and how often its thread wakes up while there is something to do.
pub const AOF_WRITE_INTERVAL: Duration = Duration::from_millis(2);

/// With `appendfsync everysec`, from one time that it is forced to disk to the next.
pub const AOF_FSYNC_INTERVAL: Duration = Duration::from_secs(1);

/// With `appendfsync always`, how long a change waits to be written that no client waits for: a key that has expired.
pub const AOF_IDLE_MAX: Duration = Duration::from_millis(100);

/// How long to wait after the disk has refused something. Redis's figure.
pub const AOF_RETRY: Duration = Duration::from_secs(1);

/// How often it is logged that the disk refuses. Redis's figure.
pub const AOF_ERROR_LOG_INTERVAL: Duration = Duration::from_secs(30);

/// How long a command that writes sleeps while too much waits to be written, before it looks again.
pub const AOF_FULL_STEP: Duration = Duration::from_millis(2);

/// How long the end of the server waits for the append-only file to be forced to disk.
pub const AOF_STOP_MAX: Duration = Duration::from_secs(60);

/// Bytes that are read at once of a file that is loaded. It grows for a command that is longer.
pub const AOF_READ_BUFFER: usize = 256 * 1024;

/// Bytes of an annotation between two commands: Redis reads no longer ones.
pub const AOF_LINE_MAX: usize = 1024;

/// Bytes of a line with a count: a letter, at most 20 digits and a sign, and two for the end.
pub const AOF_HEADER_MAX: usize = 24;

/// Bytes behind the beginning of a command without an end in which another one is looked for: commands are much shorter, and
/// reading them takes milliseconds.
pub const AOF_TAIL_LOOKED_AT: u64 = 4 * 1024 * 1024;

/// Commands that are loaded before the clock and the configuration are looked at again.
pub const AOF_LOAD_STEP: u64 = 1024;

/// Bytes of commands that are collected before they are written into a base that consists of commands.
pub const AOF_BASE_BUFFER: usize = 256 * 1024;

/// Fields that one command of such a base sets. Redis's figure: a loader holds one command at a time.
pub const AOF_ITEMS_PER_COMMAND: usize = 64;

/// Rewrites that fail in a row before the next one is put off. Redis's figure.
pub const AOF_REWRITE_FAILURES: u64 = 3;

/// Minutes that the next one is put off at the most; it begins with one and doubles. Redis's figure.
pub const AOF_REWRITE_DELAY_MINUTES_MAX: u64 = 60;

/// Bytes of a line of the manifest. Redis's figure.
pub const MANIFEST_LINE_MAX: usize = 1022;

/// Records of an undo log that are looked through one by one; with more there is an index.
pub const UNDO_LOOKED_THROUGH: usize = 16;

/// Keys that a module's command declared, likewise.
pub const DECLARED_LOOKED_THROUGH: usize = 16;

/// Fields that HRANDFIELD draws at the most when it may draw one twice: its reply grows with a number that the client
/// merely names. Redis goes on until memory is full.
pub const RANDOM_DRAWS_MAX: u64 = 1 << 24;

/// Bytes that an element takes in a reply at least: `$0`, and the ends of two lines.
pub const RANDOM_ELEMENT_BYTES_MIN: u64 = 6;

/// Fields that HRANDFIELD draws at once, so that a list of them stays small.
pub const RANDOM_DRAWS_STEP: u64 = 1024;

/// SPOP takes members out one by one unless this many times fewer stay than go: then it makes a new set of those. Redis's figure.
pub const POP_NEARLY_ALL: usize = 5;

/// Members that one command names when what SPOP has taken out is repeated. Redis's figure.
pub const PROPAGATED_MEMBERS: usize = 1024;

// RDB

/// Bytes of the buffer that an RDB is read or written through: few calls of the system, and it stays in a core's cache.
pub const RDB_BUFFER: usize = 256 * 1024;

/// Bytes that are read at once of a string longer than that buffer: the memory for it grows as they arrive.
pub const RDB_READ_STEP: usize = 1024 * 1024;

/// Bytes of room that reading an RDB keeps from one value to the next.
pub const RDB_SCRATCH_KEPT: usize = 1024 * 1024;

/// Bytes of room that a thread keeps for compressing strings: enough for most, and few for each of some threads.
pub const LZF_SCRATCH_KEPT: usize = 64 * 1024;

// Migrating keys

/// Connections to other servers that MIGRATE keeps. Redis's figure.
pub const MIGRATE_LINKS: usize = 64;

/// How long it keeps one that nobody uses. Redis's figure.
pub const MIGRATE_LINK_IDLE: Duration = Duration::from_secs(10);

/// What a timeout of 0 stands for. Redis's figure.
pub const MIGRATE_TIMEOUT_MS: u64 = 1000;

/// How often a key is sent that was written meanwhile: only those write it who had begun before it was held.
pub const MIGRATE_ROUNDS: usize = 16;

/// How long a writer of a key that is being migrated sleeps before it looks again: about a round trip.
pub const MIGRATE_STEP: Duration = Duration::from_millis(1);

// Time and memory

/// Nanoseconds that one cycle of active expiry may go on while it finds much to delete, for each step of
/// `active-expire-effort`: a fortieth of the time at the defaults of 1 and of 10 for `hz`.
pub const EXPIRE_CYCLE_NS: u64 = 2_500_000;

/// Keys with an expiry that active expiry looks at under one lock: some 10 µs.
pub const EXPIRE_CYCLE_KEYS: usize = 64;

// Files

/// Keys that loading puts into the tables at once: enough to hide the memory latency of their slots behind each other.
pub const LOAD_BATCH_KEYS: usize = 256;

/// How many times that happens before the shards are unlocked for others: locking all of them takes 5 µs, and all of it about a
/// millisecond.
pub const LOAD_BATCHES_LOCKED: u32 = 16;

/// Bytes after which a file that is written for long is forced to disk. Redis's figure.
pub const SYNC_STEP_BYTES: usize = 4 << 20;

/// Seconds until another snapshot is tried after one has failed. Redis's figure.
pub const SAVE_RETRY_DELAY_S: u64 = 5;

// Modules

/// How long CONFIG SET waits for an instance that is at work: as long as commands of modules usually take at the most.
pub const INSTANCE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Objects that a command changes and that are looked through one by one; more of them have an index.
pub const EDITS_LOOKED_THROUGH: usize = 16;

/// Bytes that a command of a module may leave to be undone and to be repeated. Its fuel buys less in values, but each change of a field
/// keeps the key's name, which may be long.
pub const CHANGES_BYTES_MAX: usize = 1 << 30;

/// For how long the commands may run, all together, that a command of a module calls. Their fuel is bounded as its own; this is for
/// those that have none.
pub const CALLED_NS_MAX: u64 = 1_000_000_000;

/// How long INFO and MODULE INSPECT wait for an instance to ask it for its size.
pub const INSTANCE_LOOK_MAX: Duration = Duration::from_millis(1);

/// How long a worker keeps an instance for the commands of one batch: some tens of short ones.
pub const INSTANCE_HELD_NS: u64 = 100_000;

/// How long a command waits for fuel before it is answered `-THROTTLED`: longer than a burst, shorter than the time-out
/// of any client.
pub const THROTTLE_WAIT_MAX: Duration = Duration::from_secs(2);

/// How long it sleeps at once, so that a raised limit is noticed soon.
pub const THROTTLE_STEP: Duration = Duration::from_millis(50);

/// Fuel that a worker collects before it takes it out of the bucket that all workers share: about 0.1 ms of work.
pub const FUEL_BILL: u64 = 100_000;

/// Traps in a row after which the next instance is made without delay: making one takes 50 µs, and a client that sends
/// nonsense now and then must not slow the others.
pub const FREE_TRAPS: u32 = 16;

/// The first delay after more traps than that; it doubles with each.
pub const BACK_OFF_NS: u64 = 1_000_000;

/// How often the delay doubles: up to 256 ms.
pub const BACK_OFF_DOUBLINGS: u32 = 8;

/// Keys that one command of a module can have open.
pub const OPEN_KEYS: usize = 65_536;

/// How deep commands of modules may run inside each other through `call`.
pub const CALL_DEPTH: u32 = 8;

/// Keys that are drawn from one database of one shard when a victim is looked for: few, so that a sample spans shards.
pub const EVICTION_DRAWS: usize = 2;

/// How many times `maxmemory-samples` keys a victim is chosen from. Redis keeps its best candidates in a pool from one
/// eviction to the next; looking at more keys each time comes to the same and needs no state between workers.
pub const EVICTION_SAMPLES: usize = 4;

/// Bytes up to which the journal of a module's value may grow however little was saved: saving costs hundreds of ns for a value of no
/// size, and this makes that rare.
pub const JOURNAL_BYTES_MIN: usize = 4 << 10;

/// Bytes that the journal of a small value never outgrows, so that replaying it keeps nobody waiting: some 10,000 commands, a few ms.
pub const JOURNAL_BYTES_MAX: usize = 512 << 10;

/// The share of what was saved up to which the journal of a large value may grow, as a divisor: loading takes a large value longer
/// than replaying so much, and saving it is rare enough then.
pub const JOURNAL_SHARE: usize = 16;

/// Fuel that work on one value of a module may use at least, and for each of its bytes. Loading and saving is some 10 instructions a
/// byte; whoever needs ten times that hangs.
pub const VALUE_FUEL_MIN: u64 = 10_000_000;

/// Fuel that a command may use at least when it is repeated from a journal or an append-only file: it has succeeded once, so it
/// ends. This is some seconds, for a module that keeps that secret.
pub const REPLAY_FUEL: u64 = 10_000_000_000;

/// See `VALUE_FUEL_MIN`.
pub const VALUE_FUEL_PER_BYTE: u64 = 100;

/// Objects that one run of a command may ask for that are not in memory; the others are asked for by its next run.
pub const OBJECTS_FETCHED: usize = 10_000;

/// Keys likewise that one run of a command may find.
pub const KEYS_FOUND: usize = 1_000;

/// How often a command is run again because of what was not in memory. Each run fetches something, so only one that needs more than
/// fits comes so far.
pub const RERUNS: usize = 10_000;

/// How often the memory of a module may be full while one command's objects are fetched: it needs more than fits at once.
pub const FULL_RERUNS: u32 = 4;

/// How often the keys of a command may turn out to be others than it locked, before all are locked.
pub const LOCK_ROUNDS: usize = 8;

/// Steps of freeing objects that are done before a command of the module, so that none waits for all that was deleted.
pub const FREE_EFFORT: u64 = 256;

/// Bytes of memory up to which the instance for work on single values is kept.
pub const WORKSHOP_KEPT: usize = 16 << 20;

/// How many bytes are taken from a client while its command waits; what is more stays in the socket. Reading on shows when it leaves.
pub const WAITING_INPUT_MAX: usize = 64 * 1024;
