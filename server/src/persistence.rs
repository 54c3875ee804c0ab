//! What the server knows of its own files: when it saved, whether that went well, what is under way, what was found in a file and
//! belongs to nobody here. INFO persistence shows it, cron and commands decide by it.
//! How files are written and read is in `effects`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::config::Config;

/// Data is being loaded.
const LOADING: u8 = 1;
/// The last snapshot in the background failed.
const SAVE_FAILED: u8 = 2;

/// Work on all keys, of which there is one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// SAVE.
    Save,
    /// BGSAVE, asked for or by a save point.
    BackgroundSave,
    /// BGREWRITEAOF, asked for or because the file has grown.
    AofRewrite,
}

/// Why no such work was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotBegun {
    /// Something else is under way.
    Busy(Work),
    /// There is no thread for it.
    NoThread,
}

/// How far such work is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Keys that it will pass, as far as that is known.
    pub keys_total: AtomicU64,
    /// Keys that it has passed.
    pub keys_done: AtomicU64,
    /// Heap bytes that writers had to copy for it.
    pub copied: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// Whether nobody wants the result any more.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
    }
}

struct Running {
    work: Work,
    began_us: u64,
    progress: Arc<Progress>,
    /// The file that it writes, to be deleted if it is cancelled.
    temporary: Option<PathBuf>,
}

/// Work on all keys that is under way, until this is dropped.
pub struct Child {
    persistence: &'static Persistence,
    /// How far it is.
    pub progress: Arc<Progress>,
    /// Others can see it, and cancel it.
    known: bool,
}

impl Child {
    /// Work that nobody has to know of, since it has all shards locked until it is done.
    pub fn unseen(persistence: &'static Persistence) -> Self {
        Self { persistence, progress: Arc::default(), known: false }
    }

    /// Whether others can see it, and cancel it.
    pub fn is_known(&self) -> bool {
        self.known
    }

    fn note_file(&self, running: &mut Option<Running>, temporary: Option<PathBuf>) {
        if let Some(running) = running.as_mut().filter(|_| self.known) {
            running.temporary = temporary;
        }
    }

    /// It writes this file, which goes if the work is cancelled.
    pub fn writes(&self, temporary: PathBuf) {
        self.note_file(&mut self.persistence.running.lock(), Some(temporary));
    }

    /// The last step, which makes the result visible; none if the work was cancelled. From here on it cannot be any more.
    pub fn publish<T>(&self, step: impl FnOnce() -> T) -> Option<T> {
        // Who cancels holds the same lock: afterwards nothing of the work can appear. It is another one than that of INFO, since a large
        // file that is replaced is freed in this step.
        let _publishing = self.persistence.publishing.lock();
        if self.progress.is_cancelled() {
            return None;
        }
        self.note_file(&mut self.persistence.running.lock(), None);
        Some(step())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.known {
            *self.persistence.running.lock() = None;
        }
    }
}

/// What is under way, for INFO.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunningFigures {
    /// What it is.
    pub work: Option<Work>,
    /// When it began.
    pub began_us: u64,
    /// See `Progress`.
    pub keys_total: u64,
    /// See `Progress`.
    pub keys_done: u64,
    /// See `Progress`.
    pub copied: u64,
}

/// How far loading is.
#[derive(Debug, Default)]
pub struct Loading {
    /// When it began, in seconds.
    pub began_s: AtomicU64,
    /// How long the file is.
    pub total_bytes: AtomicU64,
    /// How much of it is loaded.
    pub loaded_bytes: AtomicU64,
    /// What the file says of the memory of who wrote it.
    pub used_mem: AtomicU64,
}

/// A module's data from a file, which stood before (1) or after (2) the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAux {
    /// The type's id.
    pub id: u64,
    /// Where it stood.
    pub when: u64,
    /// Fields as in the file.
    pub fields: Vec<u8>,
}

/// What a file had that means nothing to this server: it goes into the next file as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Libraries of functions.
    pub functions: Vec<Vec<u8>>,
    /// What modules keep beside their keys.
    pub aux: Vec<KeptAux>,
}

/// What the server knows of its files.
pub struct Persistence {
    running: Mutex<Option<Running>>,
    /// Held while a result takes its place, and while work is cancelled. Before `running`.
    publishing: Mutex<()>,
    /// `LOADING`, `SAVE_FAILED`: every command asks whether there is anything.
    trouble: AtomicU8,
    /// How far loading is, while it goes on.
    pub loading: Loading,
    /// Keys that the last load brought.
    pub keys_loaded: AtomicU64,
    /// Keys that it left out, as they had expired.
    pub keys_expired: AtomicU64,
    /// What the last load found and nobody here knows.
    pub kept: Mutex<Arc<Kept>>,
    /// A snapshot is to be taken as soon as nothing else is under way.
    scheduled: AtomicBool,
    /// The second of the last save that succeeded, or of the start.
    last_save_s: AtomicU64,
    /// The second in which one was last begun in the background.
    tried_s: AtomicU64,
    /// How many seconds the last one took; -1 before the first.
    seconds: AtomicI64,
    saves: AtomicU64,
    copied: AtomicU64,
    /// Snapshots that were taken to be written in the background, and the microseconds for which the last one had all keys locked.
    pub snapshots: AtomicU64,
    /// See `snapshots`.
    pub snapshot_us: AtomicU64,
    /// What `dirty` of all workers came to at the last save.
    dirty_saved: AtomicU64,
}

impl Persistence {
    /// Of a server that starts now.
    pub fn new(now_s: u64) -> Self {
        Self {
            running: Mutex::new(None),
            publishing: Mutex::new(()),
            trouble: AtomicU8::new(0),
            loading: Loading::default(),
            keys_loaded: AtomicU64::new(0),
            keys_expired: AtomicU64::new(0),
            kept: Mutex::default(),
            scheduled: AtomicBool::new(false),
            last_save_s: AtomicU64::new(now_s),
            tried_s: AtomicU64::new(0),
            seconds: AtomicI64::new(-1),
            saves: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            snapshots: AtomicU64::new(0),
            snapshot_us: AtomicU64::new(0),
            dirty_saved: AtomicU64::new(0),
        }
    }

    /// Whether some commands have to be refused. Asked for each.
    #[inline]
    pub fn is_troubled(&self) -> bool {
        self.trouble.load(Relaxed) != 0
    }

    /// Whether data is being loaded.
    pub fn is_loading(&self) -> bool {
        self.trouble.load(Relaxed) & LOADING != 0
    }

    /// Whether commands that write are refused, since the last snapshot in the background failed.
    pub fn denies_writes(&self, config: &Config) -> bool {
        self.has_failed() && config.stop_writes_on_bgsave_error && !config.save.is_empty()
    }

    /// Whether the last snapshot in the background failed.
    pub fn has_failed(&self) -> bool {
        self.trouble.load(Relaxed) & SAVE_FAILED != 0
    }

    fn set_trouble(&self, bit: u8, on: bool) {
        if on {
            self.trouble.fetch_or(bit, Relaxed);
        } else {
            self.trouble.fetch_and(!bit, Relaxed);
        }
    }
}

/// What is under way.
impl Persistence {
    /// Begin some work, unless other work is under way: that is the answer then.
    pub fn begin(&'static self, work: Work, now_us: u64) -> Result<Child, Work> {
        let mut running = self.running.lock();
        if let Some(other) = &*running {
            return Err(other.work);
        }
        let progress = Arc::new(Progress::default());
        *running = Some(Running { work, began_us: now_us, progress: Arc::clone(&progress), temporary: None });
        Ok(Child { persistence: self, progress, known: true })
    }

    /// What is under way.
    pub fn running(&self) -> RunningFigures {
        self.running.lock().as_ref().map_or_else(RunningFigures::default, |running| RunningFigures {
            work: Some(running.work),
            began_us: running.began_us,
            keys_total: running.progress.keys_total.load(Relaxed),
            keys_done: running.progress.keys_done.load(Relaxed),
            copied: running.progress.copied.load(Relaxed),
        })
    }

    /// Have what is under way end without a result, if it is such work. What it has written is deleted.
    pub fn cancel(&self, is_it: impl FnOnce(Work) -> bool) -> Option<Work> {
        let _publishing = self.publishing.lock();
        let mut running = self.running.lock();
        let running = running.as_mut().filter(|running| is_it(running.work))?;
        running.progress.cancelled.store(true, Relaxed);
        if let Some(temporary) = running.temporary.take() {
            // It may not have been made yet; the work itself deletes it in that case.
            let _ = std::fs::remove_file(temporary);
        }
        Some(running.work)
    }

    /// The file that what is under way writes.
    pub fn temporary(&self) -> Option<PathBuf> {
        self.running.lock().as_ref()?.temporary.clone()
    }

    /// Have a snapshot taken as soon as possible.
    pub fn schedule_save(&self) {
        self.scheduled.store(true, Relaxed);
    }

    /// Whether one is to be taken.
    pub fn is_scheduled(&self) -> bool {
        self.scheduled.load(Relaxed)
    }
}

/// What was saved.
impl Persistence {
    /// A snapshot is begun.
    pub fn save_begins(&self, work: Work, now_s: u64) {
        self.scheduled.store(false, Relaxed);
        if work == Work::BackgroundSave {
            self.tried_s.store(now_s, Relaxed);
        }
    }

    /// A snapshot has been taken, to be written in the background, which had all keys locked for so long. Redis forks for that.
    pub fn snapshot_taken(&self, micros: u64) {
        self.snapshots.fetch_add(1, Relaxed);
        self.snapshot_us.store(micros, Relaxed);
    }

    /// A snapshot of the moment when `dirty` was this has been saved.
    pub fn saved(&self, dirty: u64, now_s: u64) {
        self.dirty_saved.store(dirty, Relaxed);
        self.last_save_s.store(now_s, Relaxed);
        self.saves.fetch_add(1, Relaxed);
        self.set_trouble(SAVE_FAILED, false);
    }

    /// A snapshot could not be saved in the background.
    pub fn save_failed(&self) {
        self.set_trouble(SAVE_FAILED, true);
    }

    /// One in the background has ended.
    pub fn background_save_ended(&self, seconds: u64, copied: u64) {
        self.seconds.store(seconds as i64, Relaxed);
        self.copied.store(copied, Relaxed);
    }

    /// Changes that no snapshot has, when this is the number of all changes.
    pub fn unsaved(&self, dirty: u64) -> u64 {
        dirty.wrapping_sub(self.dirty_saved.load(Relaxed))
    }

    /// The second of the last one that succeeded.
    pub fn last_save_s(&self) -> u64 {
        self.last_save_s.load(Relaxed)
    }

    /// The second in which one was last begun in the background.
    pub fn tried_s(&self) -> u64 {
        self.tried_s.load(Relaxed)
    }

    /// How many seconds the last one in the background took; -1 before the first.
    pub fn seconds(&self) -> i64 {
        self.seconds.load(Relaxed)
    }

    /// How many succeeded.
    pub fn saves(&self) -> u64 {
        self.saves.load(Relaxed)
    }

    /// Heap bytes that writers copied for the last one.
    pub fn copied(&self) -> u64 {
        self.copied.load(Relaxed)
    }
}

/// What was loaded.
impl Persistence {
    /// Loading begins. From now on only commands that are allowed meanwhile run.
    pub fn begin_loading(&self, total_bytes: u64, now_s: u64) {
        let loading = &self.loading;
        loading.began_s.store(now_s, Relaxed);
        loading.total_bytes.store(total_bytes, Relaxed);
        loading.loaded_bytes.store(0, Relaxed);
        loading.used_mem.store(0, Relaxed);
        self.set_trouble(LOADING, true);
    }

    /// Loading is over: this is nothing that a snapshot would have to save.
    pub fn end_loading(&self, dirty: u64, now_s: u64) {
        self.dirty_saved.store(dirty, Relaxed);
        self.last_save_s.store(now_s, Relaxed);
        self.set_trouble(LOADING, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn persistence() -> &'static Persistence {
        Box::leak(Box::new(Persistence::new(1)))
    }

    #[test]
    fn one_thing_at_a_time() {
        let persistence = persistence();
        let child = persistence.begin(Work::AofRewrite, 5).expect("nothing else is under way");
        assert_eq!(persistence.begin(Work::Save, 6).err(), Some(Work::AofRewrite));
        assert_eq!((persistence.running().work, persistence.running().began_us), (Some(Work::AofRewrite), 5));
        drop(child);
        assert!(persistence.running().work.is_none());
        assert!(persistence.begin(Work::Save, 7).is_ok());
    }

    #[test]
    fn what_is_cancelled_never_appears() {
        let persistence = persistence();
        let dir = tempfile::tempdir().expect("there is room");
        let path = dir.path().join("temp.rdb");
        std::fs::write(&path, "x").expect("there is room");
        let child = persistence.begin(Work::BackgroundSave, 5).expect("nothing else is under way");
        child.writes(path.clone());
        assert_eq!(persistence.cancel(|work| work == Work::AofRewrite), None);
        assert!(path.exists() && !child.progress.is_cancelled());
        assert_eq!(persistence.cancel(|work| work == Work::BackgroundSave), Some(Work::BackgroundSave));
        assert!(!path.exists() && child.progress.is_cancelled());
        assert_eq!(child.publish(|| 1), None);
        drop(child);
        let child = persistence.begin(Work::BackgroundSave, 5).expect("nothing else is under way");
        assert_eq!(child.publish(|| 1), Some(1));
    }

    #[test]
    fn what_is_under_way_can_be_seen_while_its_result_takes_its_place() {
        let persistence = persistence();
        let child = persistence.begin(Work::BackgroundSave, 5).expect("nothing else is under way");
        let seen = child.publish(|| {
            std::thread::scope(|scope| scope.spawn(|| persistence.running().work).join().expect("no panic"))
        });
        assert_eq!(seen, Some(Some(Work::BackgroundSave)));
    }

    #[test]
    fn changes_count_since_the_moment_of_the_snapshot() {
        let persistence = persistence();
        assert_eq!(persistence.unsaved(10), 10);
        persistence.save_failed();
        assert!(persistence.has_failed() && persistence.is_troubled() && !persistence.is_loading());
        persistence.saved(7, 100);
        assert_eq!((persistence.unsaved(10), persistence.last_save_s(), persistence.saves()), (3, 100, 1));
        assert!(!persistence.is_troubled());
        persistence.begin_loading(1000, 200);
        assert!(persistence.is_loading());
        persistence.end_loading(10, 201);
        assert_eq!((persistence.unsaved(10), persistence.is_loading()), (0, false));
    }
}
