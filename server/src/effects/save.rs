//! All keys as an RDB, in whatever takes bytes: a file of SAVE or BGSAVE, the base of an append-only file.
//!
//! The keys come from a snapshot, as copies that are compressed and formatted here, outside of all locks; or from shards that the
//! caller has locked for all of it, when nothing may change any more (SHUTDOWN, DEBUG RELOAD). Module values are asked
//! for their bytes here, too. What a loaded file had that nobody here knows is written as it came.

use std::io::{self, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::rdb::writer::{Header, Meta, Writer, put_key, put_meta, put_module};
use super::rdb::{dump, kind, value};
use crate::config::{Config, MaxmemoryPolicy};
use crate::keyspace::snapshot::Counts;
use crate::keyspace::{AccessClock, EntryRef, Locked, Snapshot};
use crate::limits::SNAPSHOT_TURN;
use crate::module;
use crate::persistence::{Kept, Progress};
use crate::server::Server;

/// The version of Redis whose servers write such files.
const REDIS_VERSION: &str = "7.0.15";
/// Where a module's data stands: before the keys, or after them.
const AUX_BEFORE: u64 = 1;

/// How the bytes are to be.
#[derive(Debug, Clone, Copy)]
pub struct RdbOptions {
    /// Compress what is longer than 20 bytes.
    pub compress: bool,
    /// End with a checksum.
    pub checksum: bool,
    /// It is the base of an append-only file.
    pub aof_base: bool,
}

impl RdbOptions {
    /// As it is configured.
    pub fn of(config: &Config, aof_base: bool) -> Self {
        Self { compress: config.rdbcompression, checksum: config.rdbchecksum, aof_base }
    }
}

/// Why there is no RDB.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The sink refuses the bytes.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The value of a key cannot be had.
    #[error("the value of the key '{key}' cannot be saved: {reason}")]
    Value {
        /// Its name, made printable.
        key: String,
        /// Why.
        reason: String,
    },
    /// Nobody wants it any more.
    #[error("it was cancelled")]
    Cancelled,
}

impl SaveError {
    /// The value of a key cannot be had.
    pub(super) fn value(key: &[u8], reason: String) -> Self {
        Self::Value { key: String::from_utf8_lossy(key).escape_debug().to_string(), reason }
    }
}

/// Write what a snapshot has.
pub fn write_snapshot<W: Write>(
    server: &'static Server,
    mut snapshot: Snapshot<'_>,
    sink: W,
    options: RdbOptions,
    progress: &Progress,
) -> Result<W, SaveError> {
    let mut saver = Saver::begin(server, sink, options, snapshot.databases().to_vec(), progress)?;
    let (mut batch, mut turn) = (Vec::new(), Turn::begin());
    loop {
        turn.end_if_long();
        let Some(index) = snapshot.next(&mut batch) else { break };
        if !batch.is_empty() {
            saver.select(index)?;
        }
        for entry in &batch {
            saver.entry(entry.as_ref())?;
        }
        progress.copied.store(snapshot.copied_bytes(), Relaxed);
        server.memory.publish_guest();
    }
    saver.end()
}

/// Write what is in locked shards, which are all.
pub fn write_locked<W: Write>(
    server: &'static Server,
    locked: &mut Locked<'_>,
    sink: W,
    options: RdbOptions,
    progress: &Progress,
) -> Result<W, SaveError> {
    let mut databases = Vec::new();
    for index in 0..server.tenant.keyspace.databases() {
        let mut counts = Counts { index, ..Counts::default() };
        for (_, shard) in locked.shards_mut() {
            if let Some(db) = shard.dbs().get(index) {
                counts.keys += db.len();
                counts.volatile += db.volatile_len();
            }
        }
        databases.extend((counts.keys > 0).then_some(counts));
    }
    let mut saver = Saver::begin(server, sink, options, databases.clone(), progress)?;
    for Counts { index, .. } in databases {
        for (_, shard) in locked.shards_mut() {
            let Some(db) = shard.dbs().get(index).filter(|db| !db.is_empty()) else { continue };
            saver.select(index)?;
            db.iter().try_for_each(|entry| saver.entry(entry))?;
        }
    }
    saver.end()
}

/// What the clock of a key says in a file.
#[derive(Clone, Copy)]
enum Clocks {
    Unsaid,
    Idle,
    Frequency,
}

impl Clocks {
    /// Redis says it only if keys are evicted by it.
    fn of(policy: MaxmemoryPolicy) -> Self {
        match policy {
            MaxmemoryPolicy::AllkeysLru | MaxmemoryPolicy::VolatileLru => Self::Idle,
            MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu => Self::Frequency,
            _ => Self::Unsaid,
        }
    }
}

/// Puts an RDB together.
struct Saver<'p, W> {
    server: &'static Server,
    writer: Writer<W>,
    options: RdbOptions,
    databases: Vec<Counts>,
    selected: Option<usize>,
    clocks: Clocks,
    access: AccessClock,
    now_ms: u64,
    kept: std::sync::Arc<Kept>,
    progress: &'p Progress,
    /// `rdb-key-save-delay`.
    delay: KeyDelay,
}

impl<'p, W: Write> Saver<'p, W> {
    fn begin(
        server: &'static Server,
        sink: W,
        options: RdbOptions,
        databases: Vec<Counts>,
        progress: &'p Progress,
    ) -> Result<Self, SaveError> {
        let config = server.config.current();
        let now_ms = server.clock.now_ms();
        progress.keys_total.store(databases.iter().map(|db| db.keys as u64).sum(), Relaxed);
        let mut saver = Self {
            server,
            writer: Writer::new(sink, options.checksum),
            options,
            databases,
            selected: None,
            clocks: Clocks::of(config.maxmemory_policy),
            access: config.access_clock(),
            now_ms,
            kept: std::sync::Arc::clone(&server.persistence.kept.lock()),
            progress,
            delay: KeyDelay(config.rdb_key_save_delay),
        };
        saver.writer.header(&Header {
            redis_ver: REDIS_VERSION,
            ctime: now_ms / 1000,
            used_mem: server.memory.used() as u64,
            aof_base: options.aof_base,
            replication: None,
        })?;
        saver.aux(true)?;
        let kept = std::sync::Arc::clone(&saver.kept);
        for code in &kept.functions {
            saver.writer.function(code, options.compress)?;
        }
        Ok(saver)
    }

    /// What modules had beside their keys, before or after these.
    fn aux(&mut self, before: bool) -> io::Result<()> {
        let here = self.kept.aux.iter().filter(|aux| (aux.when == AUX_BEFORE) == before);
        for aux in here {
            self.writer.module_aux(aux.id, aux.when, &aux.fields)?;
        }
        Ok(())
    }

    /// The keys that follow are of this database.
    fn select(&mut self, index: usize) -> io::Result<()> {
        if self.selected == Some(index) {
            return Ok(());
        }
        self.selected = Some(index);
        self.writer.select_db(index as u64)?;
        // How large it is matters to who makes room for it, which is when it is met first.
        match self.databases.iter().position(|counts| counts.index == index) {
            Some(at) => {
                let counts = self.databases.swap_remove(at);
                self.writer.resize_db(counts.keys as u64, counts.volatile as u64)
            }
            None => Ok(()),
        }
    }

    fn entry(&mut self, entry: EntryRef<'_>) -> Result<(), SaveError> {
        if self.progress.is_cancelled() {
            return Err(SaveError::Cancelled);
        }
        let meta = self.meta(entry);
        match entry.module() {
            Some(module) if !module.is_folded() => {
                let key = entry.key();
                let folded = module::folded(self.server, module);
                let (id, saved) = folded.map_err(|reason| SaveError::value(key, reason))?;
                self.writer.put(|out| {
                    put_meta(out, entry.expire_at(), meta);
                    put_key(out, kind::MODULE_2, key, self.options.compress);
                    put_module(out, id.bits(), &saved);
                })?;
            }
            _ => self.writer.put(|out| value::put_entry(out, entry, meta, self.options.compress))?,
        }
        self.progress.keys_done.fetch_add(1, Relaxed);
        self.delay.wait();
        Ok(())
    }

    #[inline]
    fn meta(&self, entry: EntryRef<'_>) -> Meta {
        match self.clocks {
            Clocks::Unsaid => Meta::default(),
            Clocks::Idle => {
                let idle_s = self.access.idle_ms(entry.clock(), self.now_ms) / 1000;
                Meta { idle_s: Some(idle_s), freq: None }
            }
            Clocks::Frequency => {
                let freq = self.access.frequency(entry.clock(), self.now_ms).min(255) as u8;
                Meta { idle_s: None, freq: Some(freq) }
            }
        }
    }

    fn end(mut self) -> Result<W, SaveError> {
        self.aux(false)?;
        Ok(self.writer.finish()?)
    }
}

/// The payload of DUMP; or why it cannot be had. The commands of a module's value that are not in its bytes yet are taken in first.
pub fn dumped(server: &'static Server, entry: EntryRef<'_>, compress: bool) -> Result<Vec<u8>, String> {
    let Some(module) = entry.module().filter(|module| !module.is_folded()) else {
        return Ok(value::dump(entry, compress));
    };
    let (id, saved) = module::folded(server, module)?;
    let mut payload = vec![kind::MODULE_2];
    put_module(&mut payload, id.bits(), &saved);
    dump::seal(&mut payload);
    Ok(payload)
}

/// The time that this thread has been at work without a break.
struct Turn(Instant);

impl Turn {
    fn begin() -> Self {
        Self(Instant::now())
    }

    /// Give the core to others who want it before the system takes it away: now nothing is locked.
    #[inline]
    fn end_if_long(&mut self) {
        if self.0.elapsed() >= SNAPSHOT_TURN {
            std::thread::yield_now();
            *self = Self::begin();
        }
    }
}

/// `rdb-key-save-delay` and `key-load-delay`: microseconds to wait at each key, or at one key in so many if negative. For tests.
#[derive(Debug, Clone, Copy)]
pub struct KeyDelay(pub i64);

impl KeyDelay {
    /// Whether some keys have to wait.
    pub fn is_any(self) -> bool {
        self.0 != 0
    }

    /// Wait, if it is this key's turn.
    #[inline]
    pub fn wait(self) {
        if self.is_any() {
            self.sleep();
        }
    }

    #[cold]
    fn sleep(self) {
        if self.0 > 0 {
            std::thread::sleep(Duration::from_micros(self.0.unsigned_abs()));
        } else if rand::random_range(0..self.0.unsigned_abs()) == 0 {
            std::thread::sleep(Duration::from_micros(1));
        }
    }
}
