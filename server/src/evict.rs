//! Making room: while the server uses more than `maxmemory`, keys are evicted by the configured policy.
//! Each victim is the best of a few keys drawn from shards at random: an approximation of LRU, LFU or TTL that costs the
//! same however many keys there are. Which keys are better is in `keyspace`.

use rand::RngExt;

use crate::config::Config;
use crate::effects::Effects;
use crate::effects::notify::Class;
use crate::keyspace::{Key, Policy};
use crate::limits;
use crate::server::Server;

impl Server {
    /// Evict until less than `maxmemory` is used. The answer is whether that was possible.
    pub fn evict(&self, config: &Config, worker: usize, now_ms: u64, effects: &mut Effects) -> bool {
        self.memory.publish(worker);
        let mut evicted = 0;
        while self.memory.used() > config.maxmemory {
            let Some(policy) = config.maxmemory_policy.policy() else { return false };
            // One command must not pay for everybody's: the rest is left to the next ones.
            if evicted == limits::EVICTIONS_PER_COMMAND {
                return true;
            }
            if !self.evict_one(config, policy, now_ms, effects) {
                return false;
            }
            evicted += 1;
            self.stats.of(worker).evicted_keys.add(1);
            self.memory.publish(worker);
        }
        true
    }

    /// Evict the best of a few keys. False when there is none to evict.
    fn evict_one(&self, config: &Config, policy: Policy, now_ms: u64, effects: &mut Effects) -> bool {
        let keyspace = &self.tenant.keyspace;
        let mut rng = rand::rng();
        let start = rng.random_range(0..keyspace.shard_count());
        let mut best: Option<(u64, usize, Box<[u8]>)> = None;
        let mut drawn = 0;
        for step in 0..keyspace.shard_count() {
            let index = (start + step) % keyspace.shard_count();
            let mut locked = keyspace.lock_one(index);
            let Some(shard) = locked.shard_at(index) else { continue };
            for db in 0..shard.databases() {
                drawn += shard.sample(db, &mut rng, 2, policy, &config.access_clock(now_ms), &mut |score, key| {
                    if best.as_ref().is_none_or(|(known, ..)| score > *known) {
                        best = Some((score, db, key.into()));
                    }
                });
            }
            if drawn >= config.maxmemory_samples {
                break;
            }
        }
        let Some((_, db, name)) = best else { return false };
        let key = Key::new(&name);
        let mut locked = keyspace.lock_one(keyspace.shard_of(key.slot));
        let Some(shard) = locked.shard(&key) else { return false };
        let removed = shard.db_mut(db).remove(&key);
        shard.touch(db, &name);
        drop(locked);
        effects.event(config.notify_keyspace_events, Class::EVICTED, "evicted", db, &name);
        // Freed here, after the lock.
        drop(removed);
        true
    }
}
