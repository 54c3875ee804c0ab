//! How much memory the server uses: what `maxmemory` is held against and INFO shows.
//! The allocator counts per thread what was allocated and freed; every worker publishes its difference with each
//! batch, and the sum over all threads is exact. Asking the allocator for its own total costs a thousand times more.

use std::cell::{Cell, OnceCell};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};

use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};

use crate::stats::PerWorker;

thread_local! {
    static COUNTERS: OnceCell<Option<(ThreadLocal<u64>, ThreadLocal<u64>)>> = const { OnceCell::new() };
    /// What a thread that is counted for some time has published.
    static GUEST: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Memory in use.
#[derive(Debug)]
pub struct Memory {
    /// One for each worker and, last, one for the main thread.
    threads: PerWorker<AtomicI64>,
    main: usize,
    /// What threads that come and go have allocated more than they have freed.
    guests: AtomicI64,
    peak: AtomicUsize,
    startup: AtomicUsize,
}

impl Memory {
    /// For this many workers and the main thread.
    pub fn new(workers: usize) -> Self {
        Self {
            threads: PerWorker::new(workers + 1),
            main: workers,
            guests: AtomicI64::new(0),
            peak: AtomicUsize::new(0),
            startup: AtomicUsize::new(0),
        }
    }

    /// Publish what the calling thread has allocated and not freed; `worker` is its number.
    #[inline]
    pub fn publish(&self, worker: usize) {
        if GUEST.get().is_some() {
            return self.publish_guest();
        }
        if let Some(used) = used_by_this_thread() {
            self.threads.of(worker).store(used, Relaxed);
        }
    }

    /// Count the calling thread, too, until the result is dropped: one that comes and goes, and allocates what others free, or the
    /// other way round.
    pub fn guest(&self) -> Guest<'_> {
        let outermost = GUEST.get().is_none();
        if outermost {
            GUEST.set(Some(used_by_this_thread().unwrap_or(0)));
        }
        Guest { memory: self, outermost }
    }

    /// Publish what the calling thread has allocated and not freed since the last time, if it is such a thread.
    #[inline]
    pub fn publish_guest(&self) {
        if let Some(before) = GUEST.get()
            && let Some(used) = used_by_this_thread()
        {
            self.guests.fetch_add(used - before, Relaxed);
            GUEST.set(Some(used));
        }
    }

    /// The same for the main thread.
    pub fn publish_main(&self) {
        self.publish(self.main);
        self.peak.fetch_max(self.used(), Relaxed);
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        let sum: i64 = self.threads.iter().map(|thread| thread.load(Relaxed)).sum();
        usize::try_from(sum + self.guests.load(Relaxed)).unwrap_or(0)
    }

    /// The most that was ever in use, looked at ten times a second.
    pub fn peak(&self) -> usize {
        self.peak.load(Relaxed).max(self.used())
    }

    /// Remember what the empty server uses.
    pub fn mark_startup(&self) {
        self.publish_main();
        self.startup.store(self.used(), Relaxed);
    }

    /// What the empty server used.
    pub fn startup(&self) -> usize {
        self.startup.load(Relaxed)
    }
}

/// What the calling thread has allocated and not freed.
#[inline]
fn used_by_this_thread() -> Option<i64> {
    COUNTERS.with(|counters| {
        let counters = counters.get_or_init(|| {
            let allocated = allocatedp::read().ok()?;
            Some((allocated, deallocatedp::read().ok()?))
        });
        let (allocated, deallocated) = counters.as_ref()?;
        Some(allocated.get().wrapping_sub(deallocated.get()) as i64)
    })
}

/// A thread that is counted for some time.
pub struct Guest<'m> {
    memory: &'m Memory,
    outermost: bool,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        if self.outermost {
            self.memory.publish_guest();
            GUEST.set(None);
        }
    }
}

/// Bytes of this process in physical memory.
pub fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages =
        pages.as_deref().and_then(|line| line.split(' ').nth(1)).and_then(|n| n.parse::<usize>().ok());
    // Pages of 4 KiB: the only size on the systems that have /proc/self/statm with 4 KiB kernels.
    pages.unwrap_or(0) * 4096
}
