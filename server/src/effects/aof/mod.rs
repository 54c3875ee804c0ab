//! The append-only file: every change in the order in which it happened, so that a server that starts again has what this one had.
//!
//! Workers append to a buffer while they hold their shards' locks; whatever the disk does, none of them waits for it there. A thread
//! of its own (`writer`) takes the buffer, writes it, and forces it to disk as `appendfsync` says. With `always` a connection
//! holds the replies of a batch back until all that the batch changed is on disk (`poll_synced`); many connections then share one
//! fsync. While the disk refuses or cannot follow, commands that write are refused or wait before they lock anything (`trouble`).
//!
//! Which files there are is in `manifest`, how they are read in `load`, how they become shorter in `rewrite`.

mod base;
mod base_stream;
pub mod load;
pub mod manifest;
mod open;
pub mod rewrite;
mod sink;
mod writer;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use parking_lot::{Condvar, Mutex};

use open::Files;
use rewrite::History;

use super::propagate::Propagation;
use crate::clock;
use crate::config::{AppendFsync, Config};
use crate::limits;

use Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Too much waits to be written.
const FULL: u8 = 1;
/// The disk refuses what is to be written.
const FAILED: u8 = 2;

/// The append-only file of a server.
#[derive(Default)]
pub struct Aof {
    on: AtomicBool,
    /// A `State`.
    state: AtomicU8,
    /// Replies wait until what they acknowledge is on disk.
    always: AtomicBool,
    /// Times are written between the commands.
    stamped: AtomicBool,
    /// `FULL`, `FAILED` or both.
    trouble: AtomicU8,
    /// It is being rewritten.
    rewriting: AtomicBool,
    /// Up to where everything is on disk.
    synced: AtomicU64,
    /// How much is as safe as it was promised to be: less may be on disk during a rewrite, with `no-appendfsync-on-rewrite`.
    promised: AtomicU64,
    stream: Mutex<Stream>,
    /// Wakes the writer.
    work: Condvar,
    /// Tells those who wait for everything to be written.
    done: Condvar,
    /// What INFO says.
    pub figures: Figures,
    /// Which files there are; none before they are looked for. Locked before anything else, and while they are changed.
    files: Mutex<Option<Files>>,
    rewrite_scheduled: AtomicBool,
    history: Mutex<History>,
}

/// Whether there is an append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is none, or it is not appended to.
    Off = 0,
    /// There will be one as soon as its base is on disk.
    Starting = 1,
    /// There is one.
    On = 2,
}

/// What INFO says of the file that is appended to.
#[derive(Debug, Default)]
pub struct Figures {
    /// Bytes of the file that is appended to.
    appended_size: AtomicU64,
    /// Bytes of all others that would be loaded.
    other_size: AtomicU64,
    /// Bytes of all of them after the last rewrite.
    base_size: AtomicU64,
    /// How often commands had to wait because the disk was slow.
    pub delayed: AtomicU64,
    /// Whether the file is being forced to disk now.
    pub syncing: AtomicBool,
    /// The number of the last error.
    last_errno: AtomicI32,
}

/// What is to be written, and who waits for it.
#[derive(Default)]
struct Stream {
    /// What the writer takes next. It goes into the file that is open behind the last of `pieces`.
    buffer: Vec<u8>,
    /// Pieces that end with something to be done, before `buffer`.
    pieces: VecDeque<(Vec<u8>, Order)>,
    /// The database that is selected at the end of `buffer`.
    selected: Option<usize>,
    /// How many bytes were ever appended, and a few more: positions are compared, and 0 is none.
    appended: u64,
    /// The second of the last time that was written.
    stamp: u64,
    /// The writer sleeps until it is woken.
    asleep: bool,
    /// Somebody waits for the disk.
    urgent: bool,
    /// All must be on disk, whatever the policy is.
    forced: bool,
    /// The connections that wait, and for what.
    waiting: Vec<(u64, Waker)>,
    /// Whether the writer runs.
    running: bool,
    /// How often the writer has tried to write everything that it had.
    rounds: u64,
}

/// What the writer does between two bytes of the stream.
enum Order {
    /// Go on in this file, which is this long.
    Switch(File, u64),
    /// Let go of the file.
    Close,
}

impl Aof {
    /// Whether there is one.
    pub fn state(&self) -> State {
        match self.state.load(Acquire) {
            0 => State::Off,
            1 => State::Starting,
            _ => State::On,
        }
    }

    fn set_state(&self, state: State) {
        self.state.store(state as u8, Release);
    }

    /// Change it if it is still `from`. False if it is not.
    fn change_state(&self, from: State, to: State) -> bool {
        self.state.compare_exchange(from as u8, to as u8, AcqRel, Acquire).is_ok()
    }

    /// Whether changes are appended. Asked under the lock of a shard: whoever turns it on holds them all.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Append what a command changed, whose keys are still locked; `together` wraps it in a transaction if it is more than one
    /// command. Returns where it ends.
    pub fn append(&self, propagation: &mut Propagation, together: bool) -> u64 {
        if propagation.is_empty() {
            return 0;
        }
        let mut guard = self.stream.lock();
        let stream = &mut *guard;
        let before = stream.buffer.len();
        if self.stamped.load(Relaxed) {
            stream.put_time(clock::wall_us() / 1_000_000);
        }
        propagation.write_to(&mut stream.buffer, &mut stream.selected, together);
        stream.appended += (stream.buffer.len() - before) as u64;
        let end = stream.appended;
        if stream.buffer.len() > limits::AOF_BUFFER_MAX {
            if self.trouble.fetch_or(FULL, Relaxed) & FULL == 0 {
                self.figures.delayed.fetch_add(1, Relaxed);
            }
            self.hurry(stream);
        } else if stream.asleep && !self.always.load(Relaxed) {
            // With `always` the connection wakes the writer, once its whole batch has run.
            stream.asleep = false;
            self.work.notify_one();
        }
        drop(guard);
        propagation.clear();
        end
    }

    /// Whether all is on disk that was appended up to `end`, or nobody is promised that it is. If not, `waker` is woken then.
    #[inline]
    pub fn poll_synced(&self, end: u64, waker: &Waker) -> Poll<()> {
        if end <= self.promised.load(Acquire) || !self.always.load(Acquire) {
            Poll::Ready(())
        } else {
            self.wait_synced(end, waker)
        }
    }

    #[cold]
    fn wait_synced(&self, end: u64, waker: &Waker) -> Poll<()> {
        let mut stream = self.stream.lock();
        // Both change under the lock.
        if end <= self.promised.load(Acquire) || !self.always.load(Acquire) {
            return Poll::Ready(());
        }
        stream.waiting.push((end, waker.clone()));
        self.hurry(&mut stream);
        Poll::Pending
    }

    /// Whether all that was appended up to `end` is on disk.
    pub fn is_on_disk(&self, end: u64) -> bool {
        end <= self.synced.load(Acquire)
    }

    /// Follow the configuration.
    pub fn configure(&self, config: &Config) {
        let mut stream = self.stream.lock();
        self.always.store(config.appendfsync == AppendFsync::Always, Release);
        self.stamped.store(config.aof_timestamp_enabled, Relaxed);
        // Those who wait for what nobody promises any more are to go on.
        self.hurry(&mut stream);
    }

    /// Have everything written at once.
    fn hurry(&self, stream: &mut Stream) {
        stream.urgent = true;
        stream.asleep = false;
        self.work.notify_one();
    }

    /// Whether commands that write must wait or be refused.
    #[inline]
    pub fn is_troubled(&self) -> bool {
        self.trouble.load(Relaxed) != 0
    }

    /// Whether too much waits to be written.
    pub fn is_full(&self) -> bool {
        self.trouble.load(Relaxed) & FULL != 0
    }

    /// Why commands that write are refused, if they are.
    pub fn write_error(&self) -> Option<String> {
        if self.trouble.load(Relaxed) & FAILED == 0 {
            return None;
        }
        let error = io::Error::from_raw_os_error(self.figures.last_errno.load(Relaxed)).to_string();
        // As `strerror` has it.
        Some(error.split(" (os error").next().unwrap_or_default().to_owned())
    }

    /// Have it rewritten as soon as nothing else is under way.
    pub fn schedule_rewrite(&self) {
        self.rewrite_scheduled.store(true, Relaxed);
    }

    /// Whether somebody wants it to be rewritten.
    pub fn is_rewrite_scheduled(&self) -> bool {
        self.rewrite_scheduled.load(Relaxed)
    }

    /// Whether it is being rewritten.
    pub fn is_rewriting(&self) -> bool {
        self.rewriting.load(Relaxed)
    }

    /// Bytes that are not written yet.
    pub fn buffer_len(&self) -> usize {
        let stream = self.stream.lock();
        stream.buffer.len() + stream.pieces.iter().map(|(piece, _)| piece.len()).sum::<usize>()
    }

    /// Append to this file from here on, which is this long. Whoever turns it on, or goes on in another file at the moment of a
    /// snapshot, has locked all shards.
    fn switch_to(&self, file: File, len: u64) {
        let mut stream = self.stream.lock();
        stream.order(Order::Switch(file, len));
        self.on.store(true, Relaxed);
        self.hurry(&mut stream);
    }

    /// Stop appending, and wait until what was appended before is on disk. False if the disk refuses it.
    fn close(&self) -> bool {
        self.abandon();
        self.flush()
    }

    /// Stop appending.
    fn abandon(&self) {
        let mut stream = self.stream.lock();
        self.on.store(false, Relaxed);
        stream.order(Order::Close);
        self.hurry(&mut stream);
    }

    /// Wait until all that was appended so far is on disk. False if the disk refuses it.
    pub fn flush(&self) -> bool {
        let mut stream = self.stream.lock();
        if !stream.running {
            return true;
        }
        let (end, rounds) = (stream.appended, stream.rounds);
        loop {
            if self.synced.load(Acquire) >= end && stream.pieces.is_empty() {
                return true;
            }
            // What was tried completely after we came and is still not there has failed.
            if stream.rounds > rounds + 1 && self.trouble.load(Relaxed) & FAILED != 0 {
                return false;
            }
            stream.forced = true;
            self.hurry(&mut stream);
            if self.done.wait_for(&mut stream, limits::AOF_STOP_MAX).timed_out() {
                return false;
            }
        }
    }
}

impl Figures {
    /// Bytes of all the files that would be loaded.
    pub fn current_size(&self) -> u64 {
        self.appended_size.load(Relaxed) + self.other_size.load(Relaxed)
    }

    /// Bytes of all of them after the last rewrite.
    pub fn base_size(&self) -> u64 {
        self.base_size.load(Relaxed)
    }

    /// All files that there are were loaded.
    fn loaded(&self, total: u64, base: u64, last: u64) {
        self.other_size.store(total - last, Relaxed);
        self.appended_size.store(last, Relaxed);
        self.base_size.store(base, Relaxed);
    }

    /// Another file is appended to, which is this long.
    fn switched(&self, len: u64, is_first: bool) {
        let before = self.appended_size.swap(len, Relaxed);
        if !is_first {
            self.other_size.fetch_add(before, Relaxed);
        }
    }

    /// There is a new base of this length, and nothing else but the file that is appended to.
    fn rewritten(&self, base: u64) {
        self.other_size.store(base, Relaxed);
        self.base_size.store(self.current_size(), Relaxed);
    }
}

impl Stream {
    /// Something is to be done behind what was appended so far. Another file begins without a selected database.
    fn order(&mut self, order: Order) {
        self.pieces.push_back((std::mem::take(&mut self.buffer), order));
        self.selected = None;
        self.stamp = 0;
        // So that to wait for the order is to wait for a position.
        self.appended += 1;
    }

    /// The time, if another second has begun.
    fn put_time(&mut self, now_s: u64) {
        if self.stamp != now_s {
            self.stamp = now_s;
            self.buffer.extend_from_slice(format!("#TS:{now_s}\r\n").as_bytes());
        }
    }
}
