//! How many workers serve, and which connections go from one to another.
//!
//! There is a worker for each core, and as many of them serve as the load fills. A worker that is busy finds several requests
//! each time it asks the kernel, one that is not sleeps and is woken for each of them; so two workers that are half busy
//! cost more than one that is busy (docs/adr/0002-workers-join-when-needed.md has the figures). When those that serve are
//! full another one joins, and when one fewer would do one leaves. So does one when they wait for each other: commands of a module that
//! share an instance run one after the other, and a worker more only makes them wait.
//!
//! Ten times a second the main thread looks at what each worker used of a core, and says who gives how many connections to
//! whom. A connection goes when it has just answered all that it was asked: one that is idle stays where it is until
//! its client sends something. How it goes is in `start`.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::server::Server;

/// How often the load is looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// Thousandths of a core from which on a worker is full. Not all of it: what is missing is time in which it found nothing to
/// do, and with less of that its clients wait.
const FULL: u32 = 900;
/// Below this a worker has room for what another one gives.
const ROOM: u32 = 600;
/// If the load came to no more than this on each of one worker less, one leaves.
const SPARE: u32 = 750;
/// For so many periods together, so that a load with gaps keeps its workers.
const SPARE_PERIODS: u32 = 5;

/// Thousandths of a core for which the workers may together wait for instances. From there on one leaves: its work is done in the
/// time in which the others would wait.
const WAITING: u32 = 500;
/// How many periods pass at least, and at most, before one joins again that has left for this reason. It is tried again later and
/// later, because a load that waits mostly goes on doing so.
const REST_PERIODS: (u32, u32) = (10, 600);

/// The workers, as those see them who hand out connections.
#[derive(Debug)]
pub struct Balance {
    workers: Box<[Load]>,
    /// The first so many workers serve.
    active: AtomicUsize,
    /// The kernel does not tell how long threads have run, so that nothing can be decided.
    blind: AtomicBool,
}

/// One worker.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Load {
    connections: AtomicUsize,
    /// How many connections it is to give away.
    gives: AtomicUsize,
    /// And to whom.
    to: AtomicUsize,
    /// Where the kernel says how long its thread has run.
    times: OnceLock<PathBuf>,
    /// For how long it has waited for instances of modules.
    waited_ns: AtomicU64,
}

/// What the decisions of the periods before have left.
#[derive(Debug, PartialEq, Eq)]
struct Past {
    /// For so many periods together one worker less would have done.
    spare: u32,
    /// For so many periods nobody joins.
    rest: u32,
    /// For how many the next time that workers wait for each other.
    next_rest: u32,
    /// One has joined since the last that left for waiting: so this was tried, and in vain.
    joined: bool,
}

impl Default for Past {
    fn default() -> Self {
        Self { spare: 0, rest: 0, next_rest: REST_PERIODS.0, joined: false }
    }
}

impl Load {
    /// Nanoseconds for which the thread has run. Asked from outside, because a worker that is in a long command is the one
    /// that matters most and cannot say so.
    fn ran_ns(&self) -> Option<u64> {
        let text = std::fs::read_to_string(self.times.get()?).ok()?;
        text.split(' ').next()?.parse().ok()
    }
}

impl Balance {
    /// One worker serves at first.
    pub fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| Load::default()).collect(),
            active: AtomicUsize::new(1),
            blind: AtomicBool::new(false),
        }
    }

    /// The thread that calls this is that worker. Where the kernel does not tell how long threads have run, all workers
    /// serve.
    pub fn start_worker(&self, worker: usize) {
        let thread =
            std::fs::read_link("/proc/thread-self").map(|thread| PathBuf::from("/proc").join(thread));
        let load = &self.workers[worker];
        // It is set once: a worker starts once.
        let _ = thread.map(|thread| load.times.set(thread.join("schedstat")));
        if load.ran_ns().is_none() {
            self.blind.store(true, Relaxed);
            self.active.store(self.workers.len(), Relaxed);
        }
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// How many of them serve.
    pub fn active(&self) -> usize {
        self.active.load(Relaxed)
    }

    /// The worker for a new connection, which is counted as its own: the one with the fewest among those that serve, or,
    /// for a connection that cannot move later, among all.
    pub fn enter(&self, movable: bool) -> usize {
        let among = if movable { self.active() } else { self.workers.len() };
        let count = |&index: &usize| self.workers[index].connections.load(Relaxed);
        let worker = (0..among).min_by_key(count).unwrap_or_default();
        self.arrive(worker);
        worker
    }

    /// A connection has come to a worker.
    pub fn arrive(&self, worker: usize) {
        self.workers[worker].connections.fetch_add(1, Relaxed);
    }

    /// A connection has left a worker.
    pub fn leave(&self, worker: usize) {
        self.workers[worker].connections.fetch_sub(1, Relaxed);
    }

    /// A worker has waited for so long for instances of modules.
    pub fn count_wait(&self, worker: usize, ns: u64) {
        self.workers[worker].waited_ns.fetch_add(ns, Relaxed);
    }

    /// The worker that takes over a connection of this one. Only the worker itself asks, for a connection that can go.
    #[inline]
    pub fn take_order(&self, worker: usize) -> Option<usize> {
        let load = &self.workers[worker];
        let left = load.gives.load(Relaxed).checked_sub(1)?;
        load.gives.store(left, Relaxed);
        let to = load.to.load(Relaxed);
        // An order may change between the two looks, and then the receiver be the worker itself.
        (to != worker).then_some(to)
    }

    /// Give orders for the next period. `busy` has the thousandths of a core that each worker used in the last one, and
    /// `waited` those for which all of them together waited for instances.
    fn adjust(&self, busy: &[u32], waited: u32, past: &mut Past) {
        let active = next_active(busy, waited, self.active(), past);
        self.active.store(active, Relaxed);
        let lightest = (0..active).min_by_key(|&index| busy[index]).unwrap_or_default();
        for (index, load) in self.workers.iter().enumerate() {
            let gives = given(busy[index], busy[lightest], index < active, load.connections.load(Relaxed));
            load.to.store(lightest, Relaxed);
            load.gives.store(if index == lightest { 0 } else { gives }, Relaxed);
        }
    }
}

/// Keep looking.
pub fn spawn(server: &'static Server) {
    let workers = &server.balance.workers;
    if workers.len() == 1 {
        return;
    }
    tokio::task::spawn(async move {
        let (mut then, mut before) = (Instant::now(), vec![None; workers.len()]);
        let (mut busy, mut past) = (vec![0; workers.len()], Past::default());
        loop {
            tokio::time::sleep(PERIOD).await;
            if server.balance.blind.load(Relaxed) {
                return;
            }
            let now = Instant::now();
            let period_ns = now.duration_since(then).as_nanos().max(1) as u64;
            then = now;
            for (index, load) in workers.iter().enumerate() {
                // Nothing is asked of those who serve nobody: on a large machine they are many.
                let serves = load.connections.load(Relaxed) != 0;
                let ran = if serves { load.ran_ns() } else { None };
                busy[index] = match (before[index], ran) {
                    (Some(before), Some(ran)) => share(u64::saturating_sub(ran, before), period_ns).min(1000),
                    _ => 0,
                };
                before[index] = ran;
            }
            let waited_ns = workers.iter().map(|load| load.waited_ns.swap(0, Relaxed)).sum();
            server.balance.adjust(&busy, share(waited_ns, period_ns), &mut past);
        }
    });
}

/// In thousandths.
fn share(part: u64, whole: u64) -> u32 {
    u32::try_from(part.saturating_mul(1000) / whole).unwrap_or(u32::MAX)
}

/// How many workers are to serve from now on.
fn next_active(busy: &[u32], waited: u32, active: usize, past: &mut Past) -> usize {
    let total: u32 = busy.iter().sum();
    let spare = std::mem::take(&mut past.spare);
    past.rest = past.rest.saturating_sub(1);
    if total < SPARE {
        // That load is over.
        *past = Past::default();
    }
    if waited >= WAITING && active > 1 {
        if std::mem::take(&mut past.joined) {
            past.next_rest = (2 * past.next_rest).min(REST_PERIODS.1);
        }
        past.rest = past.next_rest;
        return active - 1;
    }
    // Their mean: a worker with one demanding connection gives the others away, and needs no third.
    if total >= FULL * active as u32 && active < busy.len() {
        past.joined |= past.rest == 0;
        return if past.rest == 0 { active + 1 } else { active };
    }
    if active == 1 || total > SPARE * (active as u32 - 1) {
        return active;
    }
    if spare + 1 < SPARE_PERIODS {
        past.spare = spare + 1;
        return active;
    }
    active - 1
}

/// How many of its connections a worker gives away: all if it no longer serves, half if it is full and another has room.
fn given(busy: u32, lightest: u32, serves: bool, connections: usize) -> usize {
    if !serves {
        connections
    } else if busy >= FULL && lightest < ROOM {
        connections / 2
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_join_at_once_and_leave_slowly() {
        let past = &mut Past::default();
        assert_eq!(next_active(&[900, 0, 0], 0, 1, past), 2);
        assert_eq!(next_active(&[800, 0, 0], 0, 1, past), 1);
        assert_eq!(next_active(&[900, 900, 900], 0, 3, past), 3, "there is no fourth");
        assert_eq!(next_active(&[1000, 100, 0], 0, 2, past), 2, "one demanding connection");
        for _ in 1..SPARE_PERIODS {
            assert_eq!(next_active(&[200, 200], 0, 2, past), 2);
        }
        assert_eq!(next_active(&[500, 400], 0, 2, past), 2, "a gap in a load is no end of it");
        for _ in 1..SPARE_PERIODS {
            assert_eq!(next_active(&[200, 200], 0, 2, past), 2);
        }
        assert_eq!(next_active(&[200, 200], 0, 2, past), 1);
        assert_eq!(*past, Past::default());
    }

    #[test]
    fn one_leaves_when_they_wait_for_each_other_and_comes_back_later_and_later() {
        let past = &mut Past::default();
        assert_eq!(next_active(&[700, 700], WAITING - 1, 2, past), 2);
        assert_eq!(next_active(&[700, 0], WAITING, 1, past), 1, "it is the only one");
        for rest in [10, 20, 40] {
            assert_eq!(next_active(&[700, 700], WAITING, 2, past), 1);
            for _ in 1..rest {
                assert_eq!(next_active(&[1000, 0], 0, 1, past), 1);
            }
            assert_eq!(next_active(&[1000, 0], 0, 1, past), 2);
        }
        past.next_rest = REST_PERIODS.1;
        assert_eq!(next_active(&[700, 700], WAITING, 2, past), 1);
        assert_eq!(past.next_rest, REST_PERIODS.1);
        assert_eq!(next_active(&[100, 100], 0, 2, past), 2);
        assert_eq!(*past, Past { spare: 1, ..Past::default() }, "the load has ended");
        // Several may leave one after the other; that is one attempt.
        for active in (2..=8).rev() {
            assert_eq!(next_active(&[500; 8], WAITING, active, past), active - 1);
        }
        assert_eq!((past.rest, past.next_rest), (REST_PERIODS.0, REST_PERIODS.0));
    }

    #[test]
    fn the_full_give_to_the_one_with_room() {
        let balance = Balance::new(3);
        for expected in [0, 0, 0, 0] {
            assert_eq!(balance.enter(true), expected);
        }
        assert_eq!(balance.enter(false), 1, "it cannot move, so it goes where there is nobody");
        balance.adjust(&[1000, 0, 0], 0, &mut Past::default());
        assert_eq!(balance.active(), 2);
        assert_eq!(balance.take_order(1), None);
        let orders: Vec<_> = std::iter::from_fn(|| balance.take_order(0)).collect();
        assert_eq!(orders, [1, 1]);
        assert_eq!(balance.enter(true), 1);
    }

    #[test]
    fn one_that_leaves_gives_all_it_has() {
        let balance = Balance::new(2);
        let mut past = Past::default();
        balance.adjust(&[1000, 0], 0, &mut past);
        balance.arrive(0);
        (0..3).for_each(|_| balance.arrive(1));
        for _ in 0..SPARE_PERIODS {
            balance.adjust(&[100, 100], 0, &mut past);
        }
        assert_eq!(balance.active(), 1);
        assert_eq!(std::iter::from_fn(|| balance.take_order(1)).collect::<Vec<_>>(), [0, 0, 0]);
        assert_eq!(balance.take_order(0), None);
    }
}
