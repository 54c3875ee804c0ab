//! Every limit of the server and the reason for it, in one place, so that a reader finds out what an input can cost.
//! Constants only: what an operator may change starts from one of these and lives in `config`.

// Requests

/// Commands that are parsed at once, before any of them runs: enough to hide the memory latency of their keys
/// behind each other, few enough that the keys are still in the cache when their command runs.
pub const BATCH_COMMANDS_MAX: usize = 16;

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
