//! INFO memory, replication and keyspace: the data, where it is and how much of it there is.

use std::sync::atomic::Ordering::Relaxed;

use crate::figures::{self, human};

use super::{Facts, Lines};

pub(super) fn memory(lines: &mut Lines, facts: &Facts<'_, '_>) {
    let Some(memory) = &facts.memory else { return };
    let config = facts.ctx.config;
    lines.put_bytes("used_memory", memory.used as u64);
    lines.put_bytes("used_memory_rss", memory.resident as u64);
    lines.put_bytes("used_memory_peak", memory.peak as u64);
    lines.put("used_memory_peak_perc", format_args!("{:.2}%", memory.peak_percent()));
    lines.put("used_memory_overhead", memory.overhead());
    lines.put("used_memory_startup", memory.startup);
    lines.put("used_memory_dataset", memory.dataset());
    lines.put("used_memory_dataset_perc", format_args!("{:.2}%", memory.dataset_percent()));
    lines.put_bytes("used_memory_modules", memory.modules as u64);
    lines.put("module_values", memory.values.module_values);
    lines.put("module_values_saved_bytes", memory.values.saved);
    lines.put("module_values_journal_bytes", memory.values.journals);
    lines.put("allocator_allocated", memory.allocated);
    lines.put("allocator_active", memory.active);
    lines.put("allocator_resident", memory.allocator_resident);
    lines.put_bytes("total_system_memory", figures::total_system_memory());
    // There is no interpreter of scripts.
    for name in ["used_memory_lua", "used_memory_vm_total", "used_memory_scripts"] {
        lines.put_bytes(name, 0);
    }
    lines.put_all(&["number_of_cached_scripts", "number_of_functions", "number_of_libraries"], 0);
    lines.put("maxmemory", config.maxmemory);
    lines.put("maxmemory_human", human(config.maxmemory));
    let policy = config.text_of("maxmemory-policy").unwrap_or_default();
    lines.put("maxmemory_policy", String::from_utf8_lossy(&policy));
    for (name, (ratio, bytes)) in [
        ("allocator_frag", memory.allocator_fragmentation()),
        ("allocator_rss", memory.allocator_rss()),
        ("rss_overhead", memory.rss_overhead()),
        ("mem_fragmentation", memory.fragmentation()),
    ] {
        lines.put(&format!("{name}_ratio"), format_args!("{ratio:.2}"));
        lines.put(&format!("{name}_bytes"), bytes);
    }
    lines.put_all(
        &[
            "mem_not_counted_for_evict",
            "mem_replication_backlog",
            "mem_total_replication_buffers",
            "mem_clients_slaves",
        ],
        0,
    );
    lines.put("mem_clients_normal", memory.clients);
    lines.put("mem_cluster_links", 0);
    lines.put("mem_aof_buffer", facts.ctx.server.aof.buffer_len());
    lines.put("mem_allocator", "jemalloc");
    lines.put("active_defrag_running", 0);
    lines.put("lazyfree_pending_objects", facts.ctx.server.lazyfree_pending.load(Relaxed));
    lines.put("lazyfreed_objects", facts.ctx.server.lazyfreed.load(Relaxed));
}

/// A primary without replicas.
pub(super) fn replication(lines: &mut Lines, facts: &Facts<'_, '_>) {
    lines.put("role", "master");
    lines.put("connected_slaves", 0);
    lines.put("master_failover_state", "no-failover");
    lines.put("master_replid", &facts.ctx.server.run_id);
    lines.put("master_replid2", "0".repeat(40));
    lines.put("master_repl_offset", 0);
    lines.put("second_repl_offset", -1);
    lines.put("repl_backlog_active", 0);
    let size = facts.ctx.config.text_of("repl-backlog-size").unwrap_or_default();
    lines.put("repl_backlog_size", String::from_utf8_lossy(&size));
    lines.put_all(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"], 0);
}

pub(super) fn keyspace(lines: &mut Lines, facts: &Facts<'_, '_>) {
    for (index, db) in &facts.databases {
        let value = format_args!("keys={},expires={},avg_ttl={}", db.keys, db.expires, db.avg_ttl_ms);
        lines.put(&format!("db{index}"), value);
    }
}
