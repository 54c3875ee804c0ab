//! An RDB into the keyspace: `dump.rdb` at the start, the base of an append-only file, DEBUG RELOAD.
//!
//! One thread reads and makes the entries, which go into the tables some hundred at a time: their slots are asked for first, so
//! that no entry waits for memory alone. While the server starts, its clients are answered meanwhile (`-LOADING`).
//! What the file says is kept, but for the expiry of single fields, of which the log tells: keys of types that no module knows stay as
//! they are, and what is no key and means nothing here stays for the next file (`persistence::Kept`).

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::rdb::reader::{self, Checksum, Item, Reader};
use super::rdb::{Loaded, RdbError, value};
use super::rdb_file;
use super::save::KeyDelay;
use crate::config::Config;
use crate::keyspace::{AccessClock, Entry, Key, Keyspace, Locked, Thresholds};
use crate::limits::{KEY_BYTES_MAX, LOAD_BATCH_KEYS, LOAD_BATCHES_LOCKED};
use crate::persistence::{Kept, KeptAux};
use crate::server::Server;

/// Why an RDB is not loaded, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is damaged, or is none.
    #[error("{0}")]
    Rdb(#[from] RdbError),
    /// It has keys of a database that there is not.
    #[error(
        "before byte {offset}: FATAL: Data file was created with a Redis server configured to handle more than {databases} \
         databases. Exiting"
    )]
    Databases {
        /// About where.
        offset: u64,
        /// How many there are.
        databases: usize,
    },
    /// It has a key twice.
    #[error("before byte {offset}: RDB has duplicated key '{key}' in DB {db}")]
    Duplicate {
        /// About where.
        offset: u64,
        /// The key, made printable.
        key: String,
        /// Its database.
        db: usize,
    },
    /// It has a key that is too long.
    #[error("at byte {0}: a key is longer than keys may be")]
    KeyLength(u64),
}

/// Why the server has no data after its start.
#[derive(Debug, thiserror::Error)]
pub enum LoadFailure {
    /// The file cannot be opened.
    #[error("Fatal error loading the DB, check server logs. Exiting. {0}: {1}")]
    Open(PathBuf, io::Error),
    /// It cannot be loaded.
    #[error("Failure loading the RDB file {0}: {1}")]
    Load(PathBuf, LoadError),
}

/// What to make of what is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions {
    /// Commands follow that count on every key: those that have expired are loaded, too.
    pub preamble: bool,
    /// A key that is there already is replaced.
    pub merge: bool,
}

/// What was loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadFigures {
    /// Keys.
    pub keys: u64,
    /// Keys that were left out, as they had expired.
    pub expired: u64,
    /// Bytes of the RDB.
    pub bytes: u64,
}

/// Where the entries go.
pub enum Target<'t, 'k> {
    /// Here, and the shards are locked for some thousand entries at a time.
    Keyspace(&'k Keyspace),
    /// Here, where all shards are locked.
    Locked(&'t mut Locked<'k>),
}

/// Load an RDB. What follows it in the source is returned.
pub fn load_rdb<R: Read>(
    server: &'static Server,
    target: Target<'_, '_>,
    source: R,
    options: LoadOptions,
) -> Result<(LoadFigures, impl Read + use<R>), LoadError> {
    let config = server.config.current();
    let mut loader = Loader::new(server, &config, target, options);
    let mut reader = Reader::new(source);
    reader.check_checksum(config.rdbchecksum);
    // Commands that follow may have been about fields that have expired since.
    if !loader.options.preamble {
        reader.set_now(loader.now_ms);
    }
    loop {
        let more = match reader.next()? {
            Item::Entry(entry) => loader.entry(entry),
            item => loader.item(item),
        };
        match more {
            Ok(true) => {}
            Ok(false) => break,
            Err(problem) => return Err(problem.at(reader.offset())),
        }
        if loader.batch.len() >= LOAD_BATCH_KEYS {
            loader.insert().map_err(|problem| problem.at(reader.offset()))?;
            loader.progress(reader.offset());
        }
    }
    loader.insert().map_err(|problem| problem.at(reader.offset()))?;
    loader.progress(reader.offset());
    loader.figures.bytes = reader.offset();
    loader.end(reader.empty_keys());
    let gone = reader.fields_expired();
    if gone > 0 {
        tracing::info!("{gone} fields of hashes had expired");
    }
    Ok((loader.figures, reader.into_rest()))
}

/// An error whose place in the file the reader knows.
enum Problem {
    Databases(usize),
    Duplicate(usize, Vec<u8>),
    KeyLength,
    Malformed(&'static str),
}

impl Problem {
    fn at(self, offset: u64) -> LoadError {
        match self {
            Self::Databases(databases) => LoadError::Databases { offset, databases },
            Self::Duplicate(db, key) => LoadError::Duplicate {
                offset,
                key: String::from_utf8_lossy(&key).escape_debug().to_string(),
                db,
            },
            Self::KeyLength => LoadError::KeyLength(offset),
            Self::Malformed(what) => LoadError::Rdb(RdbError::malformed(offset, what)),
        }
    }
}

/// An entry on its way into its database.
struct Pending {
    db: usize,
    hash: u64,
    slot: u16,
    entry: Entry,
}

impl Pending {
    fn key(&self) -> Key<'_> {
        Key { bytes: self.entry.as_ref().key(), hash: self.hash, slot: self.slot }
    }
}

struct Loader<'t, 'k> {
    server: &'static Server,
    target: Target<'t, 'k>,
    options: LoadOptions,
    databases: usize,
    db: usize,
    access: AccessClock,
    thresholds: Thresholds,
    now_ms: u64,
    batch: Vec<Pending>,
    /// The shards of `Target::Keyspace`, and for how many batches they have been locked.
    held: Option<(Locked<'k>, u32)>,
    figures: LoadFigures,
    kept: Kept,
    /// Bytes that were loaded from other files before.
    base: u64,
    /// `key-load-delay`.
    delay: KeyDelay,
}

impl<'t, 'k> Loader<'t, 'k> {
    fn new(server: &'static Server, config: &Config, target: Target<'t, 'k>, options: LoadOptions) -> Self {
        Self {
            server,
            target,
            options,
            databases: server.tenant.keyspace.databases(),
            db: 0,
            access: config.access_clock(),
            thresholds: config.thresholds(),
            now_ms: server.clock.now_ms(),
            batch: Vec::with_capacity(LOAD_BATCH_KEYS),
            held: None,
            figures: LoadFigures::default(),
            kept: Kept::default(),
            base: server.persistence.loading.loaded_bytes.load(Relaxed),
            delay: KeyDelay(config.key_load_delay),
        }
    }

    /// A key.
    #[inline]
    fn entry(&mut self, found: reader::Entry<'_>) -> Result<bool, Problem> {
        self.delay.wait();
        let reader::Entry { key, expire_ms, idle_s, freq, value } = found;
        if !self.options.preamble && expire_ms.is_some_and(|at| at < self.now_ms) {
            self.figures.expired += 1;
            return Ok(true);
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(Problem::KeyLength);
        }
        let clock = match (self.access, idle_s, freq) {
            (AccessClock::Lru, Some(idle_s), _) => {
                AccessClock::with_idle(idle_s.saturating_mul(1000), self.now_ms)
            }
            (AccessClock::Lfu { .. }, _, Some(freq)) => AccessClock::with_frequency(freq, self.now_ms),
            _ => self.access.initial(self.now_ms),
        };
        let Key { hash, slot, .. } = Key::new(key);
        let entry = match value {
            Loaded::String(bytes) => Entry::string(key, &bytes, expire_ms, clock),
            other => {
                let value = value::decode(other, &self.thresholds);
                Entry::new(key, value.map_err(|malformed| Problem::Malformed(malformed.0))?, expire_ms, clock)
            }
        };
        self.batch.push(Pending { db: self.db, hash, slot, entry });
        Ok(true)
    }

    /// Anything else. False at the end.
    fn item(&mut self, item: Item<'_>) -> Result<bool, Problem> {
        match item {
            Item::Aux { key, value } => self.aux(key, value),
            Item::SelectDb(index) => {
                let known = usize::try_from(index).ok().filter(|&index| index < self.databases);
                self.db = known.ok_or(Problem::Databases(self.databases))?;
            }
            Item::Function(code) => self.kept.functions.push(code.to_vec()),
            Item::ModuleAux(aux) => {
                self.kept.aux.push(KeptAux { id: aux.id, when: aux.when, fields: aux.fields });
            }
            Item::End(checksum) => {
                if checksum == Checksum::Absent {
                    tracing::info!("RDB file was saved with checksum disabled: no check performed.");
                }
                return Ok(false);
            }
            // The tables grow piece by piece, and gain nothing from knowing.
            Item::ResizeDb { .. } | Item::SlotInfo { .. } | Item::Entry(_) => {}
        }
        Ok(true)
    }

    fn aux(&self, key: &[u8], value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        let number = text.parse::<u64>().unwrap_or(0);
        match key {
            b"redis-ver" | b"valkey-ver" => {
                tracing::info!("Loading RDB produced by version {}", text.escape_debug());
            }
            b"ctime" => {
                tracing::info!("RDB age {} seconds", (self.now_ms / 1000).saturating_sub(number));
            }
            b"used-mem" => {
                self.server.persistence.loading.used_mem.store(number, Relaxed);
                tracing::info!("RDB memory usage when created {:.2} Mb", number as f64 / (1 << 20) as f64);
            }
            b"aof-base" | b"aof-preamble" if number != 0 => tracing::info!("RDB is base AOF"),
            b"aof-base" | b"aof-preamble" | b"redis-bits" | b"lua" => {}
            key if key.starts_with(b"repl-") => {}
            key => tracing::debug!("Unrecognized RDB AUX field: '{}'", key.escape_ascii()),
        }
    }

    /// Put what was read into the tables.
    fn insert(&mut self) -> Result<(), Problem> {
        let (batch, figures) = (&mut self.batch, &mut self.figures);
        let keyspace = match &mut self.target {
            Target::Locked(locked) => return insert(locked, batch, self.options, figures),
            Target::Keyspace(keyspace) => keyspace,
        };
        let (locked, batches) = self.held.get_or_insert_with(|| (keyspace.lock_all(), 0));
        insert(locked, batch, self.options, figures)?;
        *batches += 1;
        // INFO and cron want to see them, too.
        if *batches >= LOAD_BATCHES_LOCKED || self.delay.is_any() {
            self.held = None;
        }
        Ok(())
    }

    fn progress(&self, offset: u64) {
        self.server.persistence.loading.loaded_bytes.store(self.base + offset, Relaxed);
        self.server.memory.publish_guest();
    }

    /// All is loaded: keep what nobody here knows.
    fn end(&mut self, empty_keys: u64) {
        let LoadFigures { keys, expired, .. } = self.figures;
        let skipped =
            if empty_keys > 0 { format!(", empty keys skipped: {empty_keys}") } else { String::new() };
        tracing::info!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}{skipped}.");
        let persistence = &self.server.persistence;
        persistence.keys_loaded.store(keys, Relaxed);
        persistence.keys_expired.store(expired, Relaxed);
        let mut loaded = std::mem::take(&mut self.kept);
        let mut kept = persistence.kept.lock();
        if self.options.merge {
            let mut both = Kept::clone(&kept);
            both.functions.extend(loaded.functions.drain(..).filter(|new| !kept.functions.contains(new)));
            both.aux.extend(loaded.aux.drain(..).filter(|new| !kept.aux.contains(new)));
            loaded = both;
        }
        *kept = Arc::new(loaded);
    }
}

fn insert(
    locked: &mut Locked<'_>,
    batch: &mut Vec<Pending>,
    options: LoadOptions,
    figures: &mut LoadFigures,
) -> Result<(), Problem> {
    for pending in batch.iter() {
        let key = pending.key();
        if let Some(db) = locked.db(&key, pending.db) {
            db.prefetch_slot(&key);
        }
    }
    for pending in batch.drain(..) {
        let index = pending.db;
        let Some(db) = locked.db(&pending.key(), index) else { continue };
        figures.keys += 1;
        if let Err(entry) = db.load(pending.hash, pending.entry) {
            if !options.merge {
                return Err(Problem::Duplicate(index, entry.as_ref().key().to_vec()));
            }
            drop(db.restore(entry));
        }
    }
    Ok(())
}

impl Server {
    /// Load `dump.rdb` into the empty keyspace. False if there is none.
    pub fn load_snapshot(&'static self) -> Result<bool, LoadFailure> {
        let config = self.config.current();
        let path = rdb_file::path(&config);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(LoadFailure::Open(path, error)),
        };
        let began_ns = self.clock.now_ns();
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        self.persistence.begin_loading(len, self.clock.now_us() / 1_000_000);
        let target = Target::Keyspace(&self.tenant.keyspace);
        let loaded = load_rdb(self, target, file, LoadOptions::default());
        loaded.map_err(|error| LoadFailure::Load(path, error))?;
        let seconds = (self.clock.now_ns() - began_ns) as f64 / 1e9;
        tracing::info!("DB loaded from disk: {seconds:.3} seconds");
        Ok(true)
    }
}
