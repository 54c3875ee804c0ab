//! Numbers that INFO, MEMORY and the metrics show and that nobody counts while commands run: they are put together when
//! somebody asks. Nothing here words them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use tikv_jemalloc_ctl::{epoch, stats};

use crate::keyspace::{Account, Locked};
use crate::limits;
use crate::memory;
use crate::net::client::flag;
use crate::server::Server;

/// One database.
#[derive(Debug, Clone, Copy, Default)]
pub struct DbFigures {
    /// Its keys.
    pub keys: usize,
    /// Those that have an expiry.
    pub expires: usize,
    /// How long these have left on the average, by a sample.
    pub avg_ttl_ms: u64,
    /// Bytes of the tables.
    pub table_bytes: usize,
    /// Bytes of keys and values, and what of them is modules' values.
    pub account: Account,
}

/// The databases that have keys. None if some shards are locked already and others are not.
pub fn databases(locked: &mut Locked<'_>, now_ms: u64) -> Option<BTreeMap<usize, DbFigures>> {
    let mut rng = rand::rng();
    let mut databases: BTreeMap<usize, (DbFigures, f64)> = BTreeMap::new();
    let walked = locked.walk(|shard| {
        for (index, db) in shard.dbs().iter().filter(|(_, db)| !db.is_empty()) {
            let (figures, ttl_sum) = databases.entry(index).or_default();
            figures.keys += db.len();
            figures.expires += db.volatile_len();
            figures.table_bytes += db.table_bytes();
            figures.account.merge(db.account());
            if db.volatile_len() != 0 {
                let (mut drawn, mut sum) = (0, 0);
                db.sample(&mut rng, limits::TTL_SAMPLES, true, |entry| {
                    drawn += 1;
                    sum += entry.expire_at().unwrap_or(now_ms).saturating_sub(now_ms);
                });
                *ttl_sum += sum as f64 / f64::from(drawn.max(1)) * db.volatile_len() as f64;
            }
        }
    });
    walked.then(|| {
        let average = |(index, (mut figures, ttl_sum)): (usize, (DbFigures, f64))| {
            figures.avg_ttl_ms = (ttl_sum / figures.expires.max(1) as f64) as u64;
            (index, figures)
        };
        databases.into_iter().map(average).collect()
    })
}

/// Everybody who is connected.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientFigures {
    /// How many there are.
    pub connected: usize,
    /// Of these, waiting in a blocking command.
    pub blocked: usize,
    /// Of these, subscribed to something.
    pub pubsub: usize,
    /// Of these, with watched keys.
    pub watching: usize,
    /// Keys that they watch.
    pub watched_keys: usize,
    /// The most that has been read of one and is not executed.
    pub max_input: usize,
    /// The most that waits to be written to one.
    pub max_output: usize,
    /// What they all occupy.
    pub bytes: usize,
}

/// Look at all clients.
pub fn clients(server: &Server) -> ClientFigures {
    let mut figures = ClientFigures::default();
    for client in server.clients.list() {
        let input = client.query_bytes.load(Relaxed) + client.query_room.load(Relaxed);
        let output = client.output_bytes.load(Relaxed) + client.mailbox_bytes();
        let watched = client.watch.load(Relaxed) as usize;
        figures.connected += 1;
        figures.blocked += usize::from(client.has_flag(flag::BLOCKED));
        figures.pubsub += usize::from(client.subscribed() > 0);
        figures.watching += usize::from(watched > 0);
        figures.watched_keys += watched;
        figures.max_input = figures.max_input.max(input);
        figures.max_output = figures.max_output.max(output);
        figures.bytes += client.memory();
    }
    figures
}

/// Memory, as the server and its allocator see it.
#[derive(Debug, Clone, Copy)]
pub struct MemoryFigures {
    /// Bytes in use.
    pub used: usize,
    /// The most that ever were.
    pub peak: usize,
    /// What the empty server used.
    pub startup: usize,
    /// Bytes in physical memory.
    pub resident: usize,
    /// What was asked of the allocator.
    pub allocated: usize,
    /// Pages that it gave a part of away.
    pub active: usize,
    /// Pages that it holds.
    pub allocator_resident: usize,
    /// Linear memories of modules' instances, which the allocator does not see.
    pub modules: usize,
    /// Clients and what waits for them.
    pub clients: usize,
    /// Tables of keys.
    pub tables: usize,
    /// Keys and values, and what of them is modules' values.
    pub values: Account,
}

impl MemoryFigures {
    /// Put them together; `databases` is what the function of that name found.
    pub fn of(server: &Server, databases: &BTreeMap<usize, DbFigures>) -> Self {
        // Without a new epoch the allocator shows what it showed the last time.
        let _ = epoch::advance();
        let mut values = Account::default();
        databases.values().for_each(|db| values.merge(db.account));
        Self {
            used: server.memory.used(),
            peak: server.memory.peak(),
            startup: server.memory.startup(),
            resident: memory::resident(),
            allocated: stats::allocated::read().unwrap_or(0),
            active: stats::active::read().unwrap_or(0),
            allocator_resident: stats::resident::read().unwrap_or(0),
            modules: server.tenant.modules.list().iter().map(|module| module.memory_bytes()).sum(),
            clients: clients(server).bytes,
            tables: databases.values().map(|db| db.table_bytes).sum(),
            values,
        }
    }

    /// What is not keys and values.
    pub fn overhead(&self) -> usize {
        self.startup + self.clients + self.tables
    }

    /// What is keys and values.
    pub fn dataset(&self) -> usize {
        self.used.saturating_sub(self.overhead())
    }

    /// The share of keys and values in what the server did not use at its start, in percent.
    pub fn dataset_percent(&self) -> f64 {
        percent(self.dataset(), self.used.saturating_sub(self.startup))
    }

    /// What is used now as a share of the most that ever was, in percent.
    pub fn peak_percent(&self) -> f64 {
        percent(self.used, self.peak)
    }

    /// How much more memory the process has than it uses, and by which factor.
    pub fn fragmentation(&self) -> (f64, i64) {
        compare(self.resident, self.used)
    }

    /// How much of the allocator's pages is not given away.
    pub fn allocator_fragmentation(&self) -> (f64, i64) {
        compare(self.active, self.allocated)
    }

    /// How much the allocator holds beside the pages that it has given a part of away.
    pub fn allocator_rss(&self) -> (f64, i64) {
        compare(self.allocator_resident, self.active)
    }

    /// How much the process has beside the allocator: code, stacks, modules.
    pub fn rss_overhead(&self) -> (f64, i64) {
        compare(self.resident, self.allocator_resident)
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// The factor between two sizes, and the difference.
fn compare(larger: usize, smaller: usize) -> (f64, i64) {
    let ratio = if smaller == 0 { 0.0 } else { larger as f64 / smaller as f64 };
    (ratio, larger as i64 - smaller as i64)
}

/// Physical memory of this machine.
pub fn total_system_memory() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Bytes for people: `1.50M`.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let power = (bytes.ilog2() / 10) as usize;
    format!("{:.2}{}", bytes as f64 / (1u64 << (10 * power)) as f64, UNITS[power - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (916_184, "894.71K"),
            (1_572_864, "1.50M"),
            (25_276_502_016, "23.54G"),
            (u64::MAX, "16.00E"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!((percent(1, 0), compare(1, 0)), (0.0, (0.0, 1)));
    }
}
