//! `maxmemory-clients`: while all clients together use more memory than that, those that use most are disconnected. What a client
//! uses is what was read of it and not executed, what it has set up, and what waits to be written to it (`Client::memory`).
//!
//! A connection says when its share has changed, which costs one addition; only who finds the limit passed looks at all clients.
//! Where nobody has set a limit, nothing is counted.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::config::Config;
use crate::net::client::{Client, flag};
use crate::server::Server;

impl Config {
    /// Bytes that all clients may use together; 0 is no limit. A share of `maxmemory` is kept as a negative number.
    fn client_memory_max(&self) -> u64 {
        match u64::try_from(self.maxmemory_clients) {
            Ok(bytes) => bytes,
            Err(_) => {
                (u128::from(self.maxmemory) * u128::from(self.maxmemory_clients.unsigned_abs()) / 100) as u64
            }
        }
    }
}

impl Server {
    /// What a client uses has changed.
    #[inline]
    pub fn note_client_memory(&self, config: &Config, client: &Client) {
        if config.maxmemory_clients != 0 {
            self.count_client_memory(config, client);
        }
    }

    #[cold]
    fn count_client_memory(&self, config: &Config, client: &Client) {
        let now = client.memory();
        let before = client.counted_bytes.swap(now, Relaxed);
        let total = self
            .client_memory
            .fetch_add(now.wrapping_sub(before), Relaxed)
            .wrapping_add(now.wrapping_sub(before));
        if total as u64 > config.client_memory_max() {
            self.evict_clients(config);
        }
    }

    /// Disconnect clients, those that use most before the others, until the rest uses no more than `maxmemory-clients`. They are
    /// out of CLIENT LIST at once, and hear of it when their workers get there.
    pub fn evict_clients(&self, config: &Config) {
        let max = config.client_memory_max();
        if max == 0 {
            return;
        }
        let mut clients: Vec<(usize, Arc<Client>)> =
            self.clients.list().into_iter().map(|client| (client.memory(), client)).collect();
        let mut total: usize = clients.iter().map(|(bytes, _)| bytes).sum();
        if total as u64 > max {
            clients.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        }
        for (bytes, client) in &clients {
            if total as u64 <= max {
                break;
            }
            if client.has_flag(flag::NO_EVICT) {
                continue;
            }
            tracing::info!("Evicting client {} at {}, which uses {bytes} bytes", client.id, client.addr);
            self.clients.leave(client.id);
            client.evicted_bytes.store(*bytes, Relaxed);
            self.leaving_memory.fetch_add(*bytes, Relaxed);
            client.kill();
            self.evicted_clients.fetch_add(1, Relaxed);
            total -= bytes;
        }
        clients.iter().for_each(|(bytes, client)| client.counted_bytes.store(*bytes, Relaxed));
        self.client_memory.store(total, Relaxed);
    }
    /// A client has gone, and all that it had is free: if it was evicted, this need not be expected any more.
    pub fn forget_evicted(&self, client: &Client, worker: usize) {
        let bytes = client.evicted_bytes.swap(0, Relaxed);
        if bytes != 0 {
            self.memory.publish(worker);
            self.leaving_memory.fetch_sub(bytes, Relaxed);
        }
    }
}
