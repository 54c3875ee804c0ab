//! Making room: while the server uses more than `maxmemory`, keys are evicted by the configured policy.
//! Each victim is the best of a few keys drawn from shards at random: an approximation of LRU, LFU or TTL that costs the
//! same however many keys there are. Which of two keys is better is decided in `keyspace::evict`.

use std::sync::atomic::Ordering::Relaxed;

use rand::RngExt;

use crate::config::{Config, MaxmemoryPolicy};
use crate::effects::{Effects, Gone};
use crate::keyspace::{AccessClock, Cause, Choose, Key};
use crate::limits;
use crate::server::Server;

impl Config {
    /// What the access clocks of keys record under the configured policy.
    pub fn access_clock(&self) -> AccessClock {
        match self.maxmemory_policy {
            MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu => {
                AccessClock::Lfu { log_factor: self.lfu_log_factor, decay_minutes: self.lfu_decay_time }
            }
            _ => AccessClock::Lru,
        }
    }

    /// How long one command may evict: up to half a millisecond in ten equal steps of `maxmemory-eviction-tenacity`, then
    /// 15 percent more with each step, and without end at 100. Redis's figures.
    fn eviction_time_ns(&self) -> u64 {
        match self.maxmemory_eviction_tenacity {
            tenacity @ 0..=10 => 50_000 * u64::from(tenacity),
            tenacity @ 11..=99 => (500_000.0 * 1.15f64.powi(i32::from(tenacity) - 10)) as u64,
            _ => u64::MAX,
        }
    }

    /// Whether keys are evicted by when or how often they were used.
    pub fn evicts_by_access(&self) -> bool {
        matches!(self.eviction(), Some((Choose::Lru | Choose::Lfu, _)))
    }

    /// How a key is chosen, and whether only keys with an expiry may be; none if nothing is to be evicted.
    fn eviction(&self) -> Option<(Choose, bool)> {
        Some(match self.maxmemory_policy {
            MaxmemoryPolicy::NoEviction => return None,
            MaxmemoryPolicy::AllkeysLru => (Choose::Lru, false),
            MaxmemoryPolicy::VolatileLru => (Choose::Lru, true),
            MaxmemoryPolicy::AllkeysLfu => (Choose::Lfu, false),
            MaxmemoryPolicy::VolatileLfu => (Choose::Lfu, true),
            MaxmemoryPolicy::AllkeysRandom => (Choose::Random, false),
            MaxmemoryPolicy::VolatileRandom => (Choose::Random, true),
            MaxmemoryPolicy::VolatileTtl => (Choose::Ttl, true),
        })
    }
}

impl Server {
    /// Evict until less than `maxmemory` is used. The answer is whether that was possible. Cron does so as well, which is no worker.
    pub fn evict(&self, config: &Config, worker: Option<usize>, now_ms: u64, effects: &mut Effects) -> bool {
        self.publish_memory(worker);
        if self.memory_to_judge() as u64 <= config.maxmemory {
            return true;
        }
        let began_ns = self.clock.now_ns();
        let possible = self.evict_until(config, worker, now_ms, began_ns, effects);
        let millis = (self.clock.now_ns() - began_ns) / 1_000_000;
        if config.latency_monitor_threshold != 0 && millis >= config.latency_monitor_threshold {
            self.latency.record("eviction-cycle", millis, now_ms / 1000);
        }
        possible
    }

    /// Bytes in use, without those of clients that were evicted and whose workers are about to free them.
    fn memory_to_judge(&self) -> usize {
        self.memory.used().saturating_sub(self.leaving_memory.load(Relaxed))
    }

    fn publish_memory(&self, worker: Option<usize>) {
        match worker {
            Some(worker) => self.memory.publish(worker),
            None => self.memory.publish_main(),
        }
    }

    fn evict_until(
        &self,
        config: &Config,
        worker: Option<usize>,
        now_ms: u64,
        began_ns: u64,
        effects: &mut Effects,
    ) -> bool {
        let end_ns = began_ns.saturating_add(config.eviction_time_ns());
        // How much is to be freed is asked once: what evictions themselves make, as messages to clients with copies, would else cause
        // more of them.
        let mut excess = (self.memory_to_judge() as u64).saturating_sub(config.maxmemory) as usize;
        while excess > 0 {
            let Some((choose, volatile_only)) = config.eviction() else { return false };
            let Some(freed) = self.evict_one(config, choose, volatile_only, now_ms, effects) else {
                return false;
            };
            excess = excess.saturating_sub(freed);
            match worker {
                Some(worker) => self.stats.of(worker).evicted_keys.add(1),
                None => drop(self.cron_evicted.fetch_add(1, Relaxed)),
            }
            // One command must not pay for everybody's: the rest is left to the next ones.
            if self.clock.now_ns() >= end_ns {
                return true;
            }
        }
        true
    }

    /// Evict the best of a few keys, which was so large. None when there is none to evict.
    fn evict_one(
        &self,
        config: &Config,
        choose: Choose,
        volatile_only: bool,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Option<usize> {
        let keyspace = &self.tenant.keyspace;
        let mut rng = rand::rng();
        let start = rng.random_range(0..keyspace.shards());
        let mut best: Option<(u64, usize, Box<[u8]>)> = None;
        let mut drawn = 0;
        for step in 0..keyspace.shards() {
            let id = ((start + step) % keyspace.shards()) as u16;
            let mut locked = keyspace.lock_one(id);
            let Some(shard) = locked.shard_by_id(id) else { continue };
            for (index, db) in shard.dbs().iter() {
                let access = db.access();
                db.sample(&mut rng, limits::EVICTION_DRAWS, volatile_only, |entry| {
                    drawn += 1;
                    let score = choose.score(entry, access, now_ms);
                    if best.as_ref().is_none_or(|(known, ..)| score > *known) {
                        best = Some((score, index, entry.key().into()));
                    }
                });
            }
            if drawn >= config.maxmemory_samples * limits::EVICTION_SAMPLES {
                break;
            }
        }
        let (_, index, name) = best?;
        let key = Key::new(&name);
        let mut locked = keyspace.lock_one(keyspace.shard_of(key.slot));
        let shard = locked.shard(&key)?;
        // 0: dead or alive, it goes.
        let removed = shard.db(index).remove(&key, 0);
        effects.invalidations.of_all_keys = self.tenant.tracking.prefixes() != 0;
        shard.touch(index, &key, Cause::Server, &mut effects.invalidations);
        effects.propagation.begin(self.aof.is_on());
        let gone = Gone::evicted(index, &name, config.lazyfree_lazy_eviction);
        effects.key_gone(config.notify_keyspace_events, &gone);
        self.aof.append(&mut effects.propagation, false);
        drop(locked);
        // Freed here, after the lock.
        removed.map(|entry| entry.as_ref().memory())
    }
}
