//! What the keyspace costs by itself: ns per operation and resident bytes per key, with a million keys of 16 bytes and
//! values of 16 bytes, through the same locks and in the same batches as the server.
//! `cargo run --release -p sandkey-server --example keyspace_cost [keys]`. It is a measurement to look at, not a test.

#![allow(clippy::print_stdout)] // It has nothing else to say.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sandkey_server::keyspace::{AccessClock, EntryRef, Expire, Key, Keyspace, StringRef, Wanted};
use sandkey_server::limits::SHARDS;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Commands that the server prepares together.
const BATCH: usize = 16;

/// Resident bytes of the process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// Time that this thread has spent on a processor: others on the machine do not count.
fn cpu_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(schedstat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Names in one buffer, as a query buffer has them: no allocation and no pointer to chase for each.
struct Names(Vec<u8>);

impl Names {
    const LEN: usize = 16;

    fn new(numbers: impl Iterator<Item = usize>) -> Names {
        Names(numbers.flat_map(|number| format!("key:{number:012}").into_bytes()).collect())
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.chunks_exact(Self::LEN)
    }
}

fn report(what: &str, times: usize, took: Duration) {
    println!("{what:<48} {:>8.1} ns", took.as_nanos() as f64 / times as f64);
}

fn measure(what: &str, names: &Names, mut run: impl FnMut(&Names)) {
    let times = names.0.len() / Names::LEN;
    let took = (0..3).map(|_| {
        let start = cpu_time();
        run(names);
        cpu_time() - start
    });
    report(what, times, took.min().unwrap_or_default());
}

fn set(keyspace: &Keyspace, key: &Key<'_>, value: &[u8], now_ms: u64) {
    let mut locked = keyspace.lock_one(keyspace.shard_of(key.slot));
    if let Some(db) = locked.db(key, 0) {
        black_box(db.set_string(key, value, Expire::Clear, now_ms));
    }
}

fn get(keyspace: &Keyspace, key: &Key<'_>, now_ms: u64) -> usize {
    let mut locked = keyspace.lock_one(keyspace.shard_of(key.slot));
    let entry = locked.db(key, 0).and_then(|db| db.get(key, now_ms));
    entry.and_then(EntryRef::string).map_or(0, StringRef::len)
}

/// Runs `f` over all names, a batch at a time.
fn batched(keyspace: &Keyspace, names: &Names, mut f: impl FnMut(&Key<'_>)) {
    for chunk in names.0.chunks(BATCH * Names::LEN) {
        let mut keys = [Key { bytes: &[], hash: 0, slot: 0 }; BATCH];
        let n = chunk.len() / Names::LEN;
        for (key, name) in keys.iter_mut().zip(chunk.chunks_exact(Names::LEN)) {
            *key = Key::new(name);
        }
        let wanted = keys[..n].iter().map(|&key| Wanted { key, element: None, score: None });
        keyspace.prefetch(wanted, 0);
        keys[..n].iter().for_each(&mut f);
    }
}

fn main() {
    let keys: usize = std::env::args().nth(1).and_then(|keys| keys.parse().ok()).unwrap_or(1_000_000);
    let value = b"value:0123456789";
    let mut rng = StdRng::seed_from_u64(7);
    let now = now_ms();
    let shuffled = Names::new((0..keys).map(|_| rng.random_range(0..keys)));
    let absent = Names::new((keys..2 * keys).map(|_| rng.random_range(keys..2 * keys)));
    let ordered = Names::new(0..keys);

    let before = resident();
    let keyspace = Keyspace::new(SHARDS, 16, AccessClock::Lru, 7);
    let (start, mut longest) = (cpu_time(), Duration::ZERO);
    for name in ordered.iter() {
        let start = Instant::now();
        set(&keyspace, &Key::new(name), value, now);
        longest = longest.max(start.elapsed());
    }
    report("insert, with two readings of the clock", keys, cpu_time() - start);
    println!("{:<48} {:>8.1} us", "longest insert", longest.as_nanos() as f64 / 1000.0);
    println!("{:<48} {:>8.1} B", "resident bytes per key", (resident() - before) as f64 / keys as f64);

    let key_only = |names: &Names| {
        for name in names.iter() {
            black_box(Key::new(name));
        }
    };
    measure("Key::new", &shuffled, key_only);
    let lock_only = |names: &Names| {
        for name in names.iter() {
            drop(black_box(keyspace.lock_one(u16::from(name[15]))));
        }
    };
    measure("lock and unlock", &shuffled, lock_only);
    let gets = |names: &Names| {
        black_box(names.iter().map(|name| get(&keyspace, &Key::new(name), now)).sum::<usize>());
    };
    measure("get, one by one", &shuffled, gets);
    measure("get of what is absent, one by one", &absent, gets);
    let batched_gets = |names: &Names| {
        let mut sum = 0;
        batched(&keyspace, names, |key| sum += get(&keyspace, key, now));
        black_box(sum);
    };
    measure("get, in batches of 16", &shuffled, batched_gets);
    measure("get of what is absent, in batches of 16", &absent, batched_gets);
    let sets = |names: &Names| names.iter().for_each(|name| set(&keyspace, &Key::new(name), value, now));
    measure("set over, one by one", &shuffled, sets);
    let batched_sets = |names: &Names| batched(&keyspace, names, |key| set(&keyspace, key, value, now));
    measure("set over, in batches of 16", &shuffled, batched_sets);
    let batched_later =
        |names: &Names| batched(&keyspace, names, |key| set(&keyspace, key, value, now + 1000));
    measure("the same, a second later", &shuffled, batched_later);

    let start = cpu_time();
    let mut locked = keyspace.lock_all();
    let mut seen = 0;
    for (_, shard) in locked.shards_mut() {
        let mut cursor = 0;
        loop {
            cursor = shard.db(0).scan(cursor, 10, now, |_| seen += 1);
            if cursor == 0 {
                break;
            }
        }
    }
    drop(locked);
    report("scan, by tens, per key", seen, cpu_time() - start);
    let start = cpu_time();
    for name in ordered.iter() {
        let key = Key::new(name);
        let mut locked = keyspace.lock_one(keyspace.shard_of(key.slot));
        locked.db(&key, 0).and_then(|db| db.remove(&key, now));
    }
    report("remove, one by one", keys, cpu_time() - start);
    println!(
        "{:<48} {:>8.1} B",
        "resident bytes per key after that",
        resident().saturating_sub(before) as f64 / keys as f64
    );
}
