//! INFO server, clients, cpu and cluster: the process, and who is connected to it.

use std::sync::LazyLock;

use crate::figures;
use crate::rusage::{Who, cpu_time};
use crate::version::{COMPATIBLE_WITH, VERSION};

use super::{Facts, Lines};

/// The system, as `uname -srm` says it.
static SYSTEM: LazyLock<String> = LazyLock::new(|| {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    let (kind, release) = (read("ostype"), read("osrelease"));
    format!("{} {} {}", kind.trim(), release.trim(), std::env::consts::ARCH)
});

pub(super) fn server(lines: &mut Lines, facts: &Facts<'_, '_>) {
    let (server, config) = (facts.ctx.server, facts.ctx.config);
    let now_us = facts.ctx.now_us;
    lines.put("redis_version", COMPATIBLE_WITH);
    lines.put("redis_git_sha1", "00000000");
    lines.put("redis_git_dirty", 0);
    lines.put("redis_build_id", "0");
    lines.put("redis_mode", "standalone");
    lines.put("server_name", "sandkey");
    lines.put("sandkey_version", VERSION);
    lines.put("os", &*SYSTEM);
    lines.put("arch_bits", usize::BITS);
    lines.put("monotonic_clock", "X86 TSC or POSIX clock_gettime, by quanta");
    lines.put("multiplexing_api", "epoll");
    lines.put("process_id", std::process::id());
    lines.put("process_supervised", "no");
    lines.put("run_id", &server.run_id);
    lines.put("tcp_port", if config.port != 0 { config.port } else { config.tls_port });
    lines.put("server_time_usec", now_us);
    let uptime_s = now_us.saturating_sub(server.started_us) / 1_000_000;
    lines.put("uptime_in_seconds", uptime_s);
    lines.put("uptime_in_days", uptime_s / 86_400);
    lines.put_all(&["hz", "configured_hz"], config.hz);
    lines.put("worker_threads", server.workers());
    lines.put("worker_threads_active", server.balance.active());
    lines.put("lru_clock", (now_us / 1_000_000) & 0xff_ffff);
    let executable = std::env::current_exe().unwrap_or_default();
    lines.put("executable", executable.display());
    let file = server.config.config_file().map(|path| path.display().to_string());
    lines.put("config_file", file.unwrap_or_default());
    lines.put("io_threads_active", 0);
    listeners(lines, facts);
}

/// A line for each way to connect.
fn listeners(lines: &mut Lines, facts: &Facts<'_, '_>) {
    let config = facts.ctx.config;
    let addresses: String = config.bind.iter().map(|address| format!(",bind={}", address.host)).collect();
    let mut all = Vec::new();
    if config.port != 0 {
        all.push(format!("name=tcp{addresses},port={}", config.port));
    }
    if let Some(path) = &config.unixsocket {
        all.push(format!("name=unix,bind={}", path.display()));
    }
    if config.tls_port != 0 {
        all.push(format!("name=tls{addresses},port={}", config.tls_port));
    }
    for (i, listener) in all.iter().enumerate() {
        lines.put(&format!("listener{i}"), listener);
    }
}

pub(super) fn clients(lines: &mut Lines, facts: &Facts<'_, '_>) {
    let clients = figures::clients(facts.ctx.server);
    let blocked = facts.ctx.tenant.blocked.figures();
    lines.put("connected_clients", clients.connected);
    lines.put("cluster_connections", 0);
    lines.put("maxclients", facts.ctx.config.maxclients);
    lines.put("client_recent_max_input_buffer", clients.max_input);
    lines.put("client_recent_max_output_buffer", clients.max_output);
    lines.put("blocked_clients", clients.blocked);
    lines.put("tracking_clients", facts.ctx.tenant.tracking.clients());
    lines.put("pubsub_clients", clients.pubsub);
    lines.put("watching_clients", clients.watching);
    lines.put("clients_in_timeout_table", blocked.timeouts);
    lines.put("total_watched_keys", clients.watched_keys);
    lines.put("total_blocking_keys", blocked.keys);
    lines.put("total_blocking_keys_on_nokey", blocked.keys_until_changed);
}

pub(super) fn cpu(lines: &mut Lines, _: &Facts<'_, '_>) {
    for (who, suffix) in [(Who::Process, ""), (Who::Children, "_children")] {
        let time = cpu_time(who);
        lines.put(&format!("used_cpu_sys{suffix}"), format_args!("{:.6}", time.system));
        lines.put(&format!("used_cpu_user{suffix}"), format_args!("{:.6}", time.user));
    }
}

pub(super) fn cluster(lines: &mut Lines, _: &Facts<'_, '_>) {
    lines.put("cluster_enabled", 0);
}
