//! What happens without a client's asking: keys and fields expire, idle clients leave, and those that do not read; modules free values that
//! are gone; peaks are recorded.
//! Runs on the main thread, `hz` times a second, and holds one shard's lock at a time.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::config::Config;
use crate::effects::{Effects, Gone};
use crate::keyspace::{Cause, Key, ShardId};
use crate::limits;
use crate::net::client::flag;
use crate::server::Server;

/// Start keeping time.
pub fn spawn(server: &'static Server) {
    server.memory.mark_startup();
    tokio::task::spawn(async move {
        let mut expiry = ActiveExpiry::default();
        loop {
            let hz = server.config.current().hz.clamp(1, 500);
            tokio::time::sleep(Duration::from_millis(1000 / u64::from(hz))).await;
            // As it is now: what was set meanwhile holds already.
            let config = server.config.current();
            if server.cron_paused.load(Relaxed) {
                continue;
            }
            let began_ns = server.clock.now_ns();
            server.memory.publish_main();
            server.sample_rates();
            let is_paused = server.is_paused(server.clock.now_us());
            if server.active_expire.load(Relaxed) && !server.persistence.is_loading() && !is_paused {
                expiry.cycle(server, &config);
            }
            server.save_if_due(&config);
            server.rewrite_if_due(&config);
            server.serve_on_disk();
            expiry.limit(server, &config, is_paused);
            server.evict_clients(&config);
            tend_clients(server, &config);
            server.tenant.modules.tidy(server);
            server.tenant.migrations.links.close_idle();
            server.cron_turns.fetch_add(1, Relaxed);
            server.cron_nanos.fetch_add(server.clock.now_ns() - began_ns, Relaxed);
        }
    });
}

/// End those that have been idle for too long, and have those that do not read looked at.
fn tend_clients(server: &Server, config: &Config) {
    let now_ms = server.clock.now_ms();
    let timeout_ms = u64::from(config.timeout) * 1000;
    server.clients.for_each(|client| {
        let exempt = client.has_flag(flag::PUBSUB | flag::MONITOR | flag::BLOCKED);
        if timeout_ms != 0 && !exempt && client.idle_ms(now_ms) >= timeout_ms {
            tracing::debug!("Closing idle client {}", client.addr);
            client.kill();
        } else if client.output_bytes.load(Relaxed) != 0 {
            client.remind();
        }
    });
}

/// Deletes keys whose time has come and that nobody asks for. It walks all shards in turn and looks at a bounded
/// number of keys under one lock, until it has been everywhere or the time for this turn is up.
#[derive(Default)]
struct ActiveExpiry {
    shard: ShardId,
    /// Where the walk over each database of the shard goes on.
    cursor: u64,
    /// The shard may have more fields that have expired.
    more_fields: bool,
    effects: Effects,
}

impl ActiveExpiry {
    fn cycle(&mut self, server: &'static Server, config: &Config) {
        let keyspace = &server.tenant.keyspace;
        let began = server.clock.now_ns();
        let end = began + limits::EXPIRE_CYCLE_NS * u64::from(config.active_expire_effort);
        let (mut dead, mut shards_done) = (0, 0);
        while shards_done < keyspace.shards() && server.clock.now_ns() < end {
            let found = self.step(server, config);
            dead += found;
            // A database with many dead keys is not left before its walk is through, or the time is up.
            if self.cursor == 0 && !self.more_fields {
                self.shard = (self.shard + 1) % keyspace.shards() as ShardId;
                shards_done += 1;
            }
        }
        let now_ns = server.clock.now_ns();
        let millis = (now_ns - began) / 1_000_000;
        if config.latency_monitor_threshold != 0 && millis >= config.latency_monitor_threshold {
            server.latency.record("expire-cycle", millis, server.clock.now_ms() / 1000);
        }
        server.cron_expired.fetch_add(dead as u64, Relaxed);
        self.effects.deliver(&server.tenant.pubsub, &server.tenant.tracking, None);
    }

    /// Evict what is beyond `maxmemory`, although no client asks for room, and forget keys that clients may have copies of beyond
    /// `tracking-table-max-keys`: a limit that was lowered holds soon.
    fn limit(&mut self, server: &'static Server, config: &Config, is_paused: bool) {
        if config.maxmemory != 0 && !is_paused && !server.persistence.is_loading() {
            server.evict(config, None, server.clock.now_ms(), &mut self.effects);
        }
        server.limit_tracked(config, &mut self.effects);
        self.effects.deliver(&server.tenant.pubsub, &server.tenant.tracking, None);
    }

    /// Look at a bounded number of keys of one shard.
    fn step(&mut self, server: &'static Server, config: &Config) -> usize {
        let now_ms = server.clock.now_ms();
        let (mut garbage, mut emptied) = (Vec::new(), Vec::new());
        let mut locked = server.tenant.keyspace.lock_one(self.shard);
        self.effects.propagation.begin(server.aof.is_on());
        self.effects.invalidations.of_all_keys = server.tenant.tracking.prefixes() != 0;
        let Some(shard) = locked.shard_by_id(self.shard) else { return 0 };
        let mut next = 0;
        self.more_fields = false;
        for index in 0..server.tenant.keyspace.databases() {
            let Some(db) = shard.dbs().get(index) else { continue };
            let is_volatile = db.volatile_len() != 0;
            if db.has_volatile_fields() {
                self.more_fields |= shard.db(index).expire_fields(now_ms, limits::EXPIRE_CYCLE_KEYS);
                for expired in shard.db(index).take_expired_fields() {
                    let key = Key::new(&expired.key);
                    shard.touch(index, &key, Cause::Server, &mut self.effects.invalidations);
                    self.effects.fields_gone(config.notify_keyspace_events, index, &expired);
                    emptied.extend(expired.emptied);
                }
            }
            if !is_volatile {
                continue;
            }
            let from = garbage.len();
            let mut cursor = self.cursor;
            shard
                .db(index)
                .expire_cycle(now_ms, limits::EXPIRE_CYCLE_KEYS, &mut cursor, |entry| garbage.push(entry));
            next = next.max(cursor);
            for entry in &garbage[from..] {
                let key = Key::new(entry.as_ref().key());
                shard.touch(index, &key, Cause::Server, &mut self.effects.invalidations);
                let gone = Gone::expired(index, key.bytes, config.lazyfree_lazy_expire);
                self.effects.key_gone(config.notify_keyspace_events, &gone);
            }
        }
        self.cursor = next;
        server.aof.append(&mut self.effects.propagation, false);
        // The entries are freed when `garbage` and `emptied` go, after the lock.
        drop(locked);
        garbage.len()
    }
}
