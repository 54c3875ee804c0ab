//! Rows about keeping data on disk.

use super::super::kind::Kind::{Bool, Dir, Enum, Int, Save, Text, TextOrEmpty};
use super::super::kind::Unit::{Memory, Plain};
use super::Effect::{self, Acts, Stored};
use super::texts::{any, appenddirname, appendfilename, dbfilename};
use super::words::AppendFsync;
use super::{Flags, Group, row};

const MUTABLE: Flags = Flags::MUTABLE;
const IMMUTABLE: Flags = Flags::IMMUTABLE;
const INT_MAX: i128 = i32::MAX as i128;
const NO_REPLICAS: Effect = Stored("there are no replicas yet");
const ANY_CORE: Effect = Stored("threads run where the system puts them");
const OWN_THREAD: Effect = Stored("a thread of its own loads, so that clients are answered at any time");

/// Snapshots.
#[rustfmt::skip]
pub(super) static SNAPSHOTS: Group = Group { title: "Snapshots", rows: &[
    row("dir", Dir, "/", Flags::PROTECTED.and(Flags::DENY_LOADING), Acts,
        "The directory of the server's files; other relative paths are relative to it. \
         The default is where the server was started."),
    row("save", Save, "3600 1 300 100 60 10000", MUTABLE, Acts,
        "When to save: seconds since the last time, and changes since then."),
    row("dbfilename", TextOrEmpty(dbfilename), "dump.rdb", Flags::PROTECTED, Acts,
        "The snapshot's name in `dir`."),
    row("rdbcompression", Bool, "yes", MUTABLE, Acts, "Compress long texts in the snapshot."),
    row("rdbchecksum", Bool, "yes", IMMUTABLE, Acts, "End the snapshot with a checksum."),
    row("rdb-del-sync-files", Bool, "no", MUTABLE, NO_REPLICAS,
        "Delete snapshots that were made for replicas only."),
    row("rdb-save-incremental-fsync", Bool, "yes", MUTABLE, Acts,
        "Force a snapshot to disk piece by piece."),
    row("stop-writes-on-bgsave-error", Bool, "yes", MUTABLE, Acts,
        "Refuse writes while the last snapshot failed."),
    row("bgsave_cpulist", Text(any), "", IMMUTABLE, ANY_CORE,
        "The cores that save.").alias("bgsave-cpulist"),
    row("rdb-key-save-delay", Int(i32::MIN as i128, INT_MAX, Plain), "0", Flags::HIDDEN, Acts,
        "Microseconds to wait at each key, for tests."),
    row("key-load-delay", Int(i32::MIN as i128, INT_MAX, Plain), "0", Flags::HIDDEN, Acts,
        "Microseconds to wait at each key that is loaded, for tests."),
    row("loading-process-events-interval-bytes", Int(1024, INT_MAX, Plain), "2097152", Flags::HIDDEN, OWN_THREAD,
        "How much is loaded before clients are answered, for tests."),
] };

/// The append-only file.
#[rustfmt::skip]
pub(super) static APPEND_ONLY_FILE: Group = Group { title: "Append-only file", rows: &[
    row("appendonly", Bool, "no", Flags::DENY_LOADING, Acts, "Write every change to a file."),
    row("appendfilename", TextOrEmpty(appendfilename), "appendonly.aof", IMMUTABLE, Acts,
        "The beginning of its files' names."),
    row("appenddirname", TextOrEmpty(appenddirname), "appendonlydir", IMMUTABLE, Acts,
        "The directory of its files, in `dir`."),
    row("appendfsync", Enum(AppendFsync::WORDS), "everysec", MUTABLE, Acts, "When it is forced to disk."),
    row("no-appendfsync-on-rewrite", Bool, "no", MUTABLE, Acts, "Do not force it while it is rewritten."),
    row("auto-aof-rewrite-percentage", Int(0, INT_MAX, Plain), "100", MUTABLE, Acts,
        "How many percent it grows before it is rewritten; 0 never is."),
    row("auto-aof-rewrite-min-size", Int(0, i64::MAX as i128, Memory), "64mb", MUTABLE, Acts,
        "The size below which it is not rewritten."),
    row("aof-load-truncated", Bool, "yes", MUTABLE, Acts, "Load a file whose end is missing."),
    row("aof-use-rdb-preamble", Bool, "yes", MUTABLE, Acts, "Begin a rewritten file with a snapshot."),
    row("aof-timestamp-enabled", Bool, "no", MUTABLE, Acts, "Write times into it, to go back to one."),
    row("aof-rewrite-incremental-fsync", Bool, "yes", MUTABLE, Acts,
        "Force a rewritten file to disk piece by piece."),
    row("aof-disable-auto-gc", Bool, "no", MUTABLE, Acts, "Keep files that are no longer needed."),
    row("aof_rewrite_cpulist", Text(any), "", IMMUTABLE, ANY_CORE,
        "The cores that rewrite it.").alias("aof-rewrite-cpulist"),
] };
