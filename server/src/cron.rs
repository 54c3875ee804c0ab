//! What happens without a client's asking: keys expire, idle clients leave, peaks are recorded.
//! Runs on the main thread, `hz` times a second, and holds one shard's lock at a time.

use std::time::Duration;

use crate::effects::Effects;
use crate::effects::notify::Class;
use crate::limits;
use crate::net::client::flag;
use crate::server::Server;

/// Start keeping time.
pub fn spawn(server: &'static Server) {
    server.memory.mark_startup();
    tokio::task::spawn(async move {
        let mut expiry = ActiveExpiry::default();
        loop {
            let config = server.config.current();
            tokio::time::sleep(Duration::from_millis(1000 / u64::from(config.hz.clamp(1, 500)))).await;
            server.memory.publish_main();
            if server.active_expire.load(std::sync::atomic::Ordering::Relaxed) {
                expiry.cycle(server, config.notify_keyspace_events);
            }
            if config.timeout != 0 {
                end_idle_clients(server, config.timeout);
            }
        }
    });
}

fn end_idle_clients(server: &Server, timeout_s: u64) {
    let now_ms = server.clock.now_ms();
    for client in server.clients.list() {
        let exempt = client.has_flag(flag::PUBSUB | flag::MONITOR | flag::BLOCKED);
        if !exempt && client.idle_ms(now_ms) >= timeout_s * 1000 {
            tracing::debug!("Closing idle client {}", client.addr);
            client.kill();
        }
    }
}

/// Deletes keys whose time has come and that nobody asks for. It walks all shards in turn and looks at a bounded
/// number of keys each time; it goes on at once, up to a time limit, while more than a tenth of what it sees is dead.
#[derive(Default)]
struct ActiveExpiry {
    shard: usize,
    cursor: u64,
    effects: Effects,
}

impl ActiveExpiry {
    fn cycle(&mut self, server: &'static Server, mask: Class) {
        let keyspace = &server.tenant.keyspace;
        let end = server.clock.now_ns() + limits::EXPIRE_CYCLE_NS;
        let (mut seen, mut dead, mut idle_shards) = (0usize, 0u64, 0);
        while idle_shards < keyspace.shard_count() {
            let now_ms = server.clock.now_ms();
            let mut locked = keyspace.lock_one(self.shard);
            let mut visited_here = 0;
            if let Some(shard) = locked.shard_at(self.shard) {
                for db in 0..shard.databases() {
                    let mut expired = Vec::new();
                    visited_here += shard.expire_cycle(db, now_ms, limits::EXPIRE_CYCLE_KEYS, &mut |key| {
                        expired.push(Box::<[u8]>::from(key));
                    });
                    for key in expired {
                        shard.touch(db, &key);
                        self.effects.event(mask, Class::EXPIRED, "expired", db, &key);
                        dead += 1;
                    }
                }
            }
            drop(locked);
            seen += visited_here;
            idle_shards = if visited_here == 0 { idle_shards + 1 } else { 0 };
            self.shard = (self.shard + 1) % keyspace.shard_count();
            let mostly_alive = seen > limits::EXPIRE_CYCLE_SAMPLE && dead * 10 < seen as u64;
            if mostly_alive || server.clock.now_ns() > end {
                break;
            }
        }
        server.cron_expired.fetch_add(dead, std::sync::atomic::Ordering::Relaxed);
        self.effects.deliver(&server.tenant.pubsub);
    }
}
