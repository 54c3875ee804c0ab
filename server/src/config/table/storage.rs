//! Rows about memory, and about how values are kept in it.

use super::super::kind::Kind::{Bool, Enum, Int, No};
use super::super::kind::Unit::{Memory, Plain};
use super::Effect::{self, Acts, Stored};
use super::words::{MaxmemoryPolicy, SanitizeDumpPayload};
use super::{Flags, Group, row};

const MUTABLE: Flags = Flags::MUTABLE;
const INT_MAX: i128 = i32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;
const LAZY: Effect = Stored("a value is always freed after its key is unlocked, so that nobody waits for it");
const UNCOMPRESSED: Effect = Stored("nodes of lists are not compressed");
const NO_DEFRAG: &str =
    "Active defragmentation cannot be enabled: this server does not move what it keeps in memory";
const DEFRAG: Effect = Stored("memory is not defragmented while the server runs");

/// How much memory, and what happens at its end.
#[rustfmt::skip]
pub(super) static MEMORY: Group = Group { title: "Memory", rows: &[
    row("maxmemory", Int(0, u64::MAX as i128, Memory), "0", MUTABLE, Acts,
        "How much memory the server may use before it evicts keys; 0 is no limit."),
    row("maxmemory-policy", Enum(MaxmemoryPolicy::WORDS), "noeviction", MUTABLE, Acts,
        "Which keys are evicted."),
    row("maxmemory-samples", Int(1, INT_MAX, Plain), "5", MUTABLE, Acts,
        "How many keys are compared to find one to evict."),
    row("maxmemory-eviction-tenacity", Int(0, 100, Plain), "10", MUTABLE, Acts,
        "How long one command may evict: 0 shortest, 100 until there is room."),
    row("lfu-log-factor", Int(0, INT_MAX, Plain), "10", MUTABLE, Acts,
        "How many uses it takes to be counted as one more."),
    row("lfu-decay-time", Int(0, INT_MAX, Plain), "1", MUTABLE, Acts,
        "Minutes after which the count of uses goes down."),
    row("active-expire-effort", Int(1, 10, Plain), "1", MUTABLE, Acts,
        "How hard the server looks for expired keys that nobody asks for."),
    row("lazyfree-lazy-eviction", Bool, "no", MUTABLE, Acts,
        "Let evicted keys go as UNLINK does, which the append-only file repeats as such."),
    row("lazyfree-lazy-expire", Bool, "no", MUTABLE, Acts,
        "Let expired keys go as UNLINK does, which the append-only file repeats as such."),
    row("lazyfree-lazy-server-del", Bool, "no", MUTABLE, LAZY, "Free overwritten values in the background."),
    row("lazyfree-lazy-user-del", Bool, "no", MUTABLE, Acts,
        "Let GETDEL free as UNLINK does, which the append-only file repeats as such."),
    row("lazyfree-lazy-user-flush", Bool, "no", MUTABLE, Acts, "Let FLUSHALL and FLUSHDB free in the background."),
    row("activerehashing", Bool, "yes", MUTABLE, Stored("tables grow in small steps and need no time of their own"),
        "Spend idle time on growing tables."),
    row("activedefrag", No(NO_DEFRAG), "no", MUTABLE, DEFRAG, "Defragment memory; it cannot be turned on."),
    row("active-defrag-ignore-bytes", Int(1, LONG_MAX, Memory), "100mb", MUTABLE, DEFRAG,
        "Waste below which nothing is done."),
    row("active-defrag-threshold-lower", Int(0, 1000, Plain), "10", MUTABLE, DEFRAG,
        "Percent of waste from which something is done."),
    row("active-defrag-threshold-upper", Int(0, 1000, Plain), "100", MUTABLE, DEFRAG,
        "Percent of waste from which the most is done."),
    row("active-defrag-cycle-min", Int(1, 99, Plain), "1", MUTABLE, DEFRAG, "The least percent of CPU to spend."),
    row("active-defrag-cycle-max", Int(1, 99, Plain), "25", MUTABLE, DEFRAG, "The most percent of CPU to spend."),
    row("active-defrag-max-scan-fields", Int(1, LONG_MAX, Plain), "1000", MUTABLE, DEFRAG,
        "Elements from which a value is done in parts."),
    row("jemalloc-bg-thread", Bool, "yes", MUTABLE, Stored("the allocator purges as it is built to"),
        "Let the allocator give memory back in a thread of its own."),
] };

/// Up to which size a value is kept in its compact form.
#[rustfmt::skip]
pub(super) static ENCODINGS: Group = Group { title: "Encodings", rows: &[
    row("hash-max-listpack-entries", Int(0, LONG_MAX, Plain), "512", MUTABLE, Acts,
        "The most fields of a compact hash.").alias("hash-max-ziplist-entries"),
    row("hash-max-listpack-value", Int(0, LONG_MAX, Memory), "64", MUTABLE, Acts,
        "The longest field or value of a compact hash.").alias("hash-max-ziplist-value"),
    row("list-max-listpack-size", Int(i32::MIN as i128, INT_MAX, Plain), "-2", MUTABLE, Acts,
        "The size of a list's nodes: elements, or -1 to -5 for 4 to 64 kB.").alias("list-max-ziplist-size"),
    row("list-compress-depth", Int(0, INT_MAX, Plain), "0", MUTABLE, UNCOMPRESSED,
        "How many nodes at both ends of a list are not compressed; 0 compresses none."),
    row("set-max-intset-entries", Int(0, LONG_MAX, Plain), "512", MUTABLE, Acts,
        "The most members of a set of integers."),
    row("set-max-listpack-entries", Int(0, LONG_MAX, Plain), "128", MUTABLE, Acts,
        "The most members of a compact set."),
    row("set-max-listpack-value", Int(0, LONG_MAX, Plain), "64", MUTABLE, Acts,
        "The longest member of a compact set."),
    row("zset-max-listpack-entries", Int(0, LONG_MAX, Plain), "128", MUTABLE, Acts,
        "The most members of a compact sorted set.").alias("zset-max-ziplist-entries"),
    row("zset-max-listpack-value", Int(0, LONG_MAX, Memory), "64", MUTABLE, Acts,
        "The longest member of a compact sorted set.").alias("zset-max-ziplist-value"),
    row("hll-sparse-max-bytes", Int(0, LONG_MAX, Memory), "3000", MUTABLE, Acts,
        "The longest sparse HyperLogLog."),
    row("stream-node-max-bytes", Int(0, LONG_MAX, Memory), "4096", MUTABLE, Acts, "The size of a stream's nodes."),
    row("stream-node-max-entries", Int(0, LONG_MAX, Plain), "100", MUTABLE, Acts,
        "The most entries in a stream's node."),
    row("sanitize-dump-payload", Enum(SanitizeDumpPayload::WORDS), "no", MUTABLE,
        Stored("every payload is checked"), "Whose RESTORE payloads are checked in depth."),
] };
