//! The text of the metrics: families with their help and type, and samples with labels, in Prometheus's format 0.0.4.
//! The numbers are those of INFO; the names say their units.

use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering::Relaxed;

use crate::figures::{self, MemoryFigures};
use crate::rusage::{Who, cpu_time};
use crate::server::Server;
use crate::stats::{CommandCounters, Counter, Stats};
use crate::version::{COMPATIBLE_WITH, VERSION};

/// All metrics.
pub(super) fn render(server: &Server) -> String {
    let mut text = Exposition { text: String::with_capacity(16 * 1024), family: "" };
    process(&mut text, server);
    clients(&mut text, server);
    let now_ms = server.clock.now_ms();
    // Nothing is locked here, so every shard can be visited.
    let databases = figures::databases(&mut server.tenant.keyspace.lock_none(), now_ms).unwrap_or_default();
    memory(&mut text, &MemoryFigures::of(server, &databases), server);
    text.family("sandkey_keys", Kind::Gauge, "Keys in a database.");
    for (index, db) in &databases {
        text.sample(&[("db", &index.to_string())], db.keys);
    }
    text.family("sandkey_keys_expiring", Kind::Gauge, "Keys in a database that have a time to live.");
    for (index, db) in &databases {
        text.sample(&[("db", &index.to_string())], db.expires);
    }
    counters(&mut text, server);
    commands(&mut text, server);
    modules(&mut text, server);
    text.text
}

fn process(text: &mut Exposition, server: &Server) {
    text.family(
        "sandkey_build_info",
        Kind::Gauge,
        "The versions of the server and of the Redis that it is like.",
    );
    text.sample(&[("version", VERSION), ("redis_version", COMPATIBLE_WITH)], 1);
    text.family("sandkey_start_time_seconds", Kind::Gauge, "When the server started, in seconds since 1970.");
    text.sample(&[], server.started_us as f64 / 1e6);
    text.family("sandkey_workers", Kind::Gauge, "Threads that serve clients.");
    text.sample(&[], server.workers());
    let time = cpu_time(Who::Process);
    text.family("process_cpu_seconds_total", Kind::Counter, "Processor time used.");
    text.sample(&[], time.system + time.user);
}

fn clients(text: &mut Exposition, server: &Server) {
    let clients = figures::clients(server);
    for (name, help, value) in [
        ("sandkey_connected_clients", "Clients that are connected.", clients.connected),
        ("sandkey_blocked_clients", "Clients that wait in a blocking command.", clients.blocked),
        ("sandkey_pubsub_clients", "Clients that are subscribed to something.", clients.pubsub),
        (
            "sandkey_max_clients",
            "How many clients may be connected.",
            server.config.current().maxclients as usize,
        ),
    ] {
        text.family(name, Kind::Gauge, help);
        text.sample(&[], value);
    }
    for (name, help, value) in [
        ("sandkey_connections_accepted_total", "Connections taken in.", &server.accepted),
        ("sandkey_connections_rejected_total", "Connections refused.", &server.rejected),
    ] {
        text.family(name, Kind::Counter, help);
        text.sample(&[], value.load(Relaxed));
    }
}

fn memory(text: &mut Exposition, memory: &MemoryFigures, server: &Server) {
    for (name, help, value) in [
        ("sandkey_memory_used_bytes", "Memory in use.", memory.used as u64),
        ("sandkey_memory_peak_bytes", "The most memory that was ever in use.", memory.peak as u64),
        ("sandkey_memory_dataset_bytes", "Memory of keys and values.", memory.dataset() as u64),
        ("sandkey_memory_modules_bytes", "Linear memory of the modules' instances.", memory.modules as u64),
        ("sandkey_memory_clients_bytes", "Memory of clients and what waits for them.", memory.clients as u64),
        ("sandkey_memory_max_bytes", "The limit 'maxmemory'; 0 is none.", server.config.current().maxmemory),
        ("process_resident_memory_bytes", "Physical memory of the process.", memory.resident as u64),
    ] {
        text.family(name, Kind::Gauge, help);
        text.sample(&[], value);
    }
}

type Pick = fn(&Stats) -> &Counter;

fn counters(text: &mut Exposition, server: &Server) {
    const COUNTERS: [(&str, &str, Pick); 8] = [
        ("sandkey_commands_processed_total", "Commands run.", |stats| &stats.commands),
        ("sandkey_net_input_bytes_total", "Bytes read from clients.", |stats| &stats.input_bytes),
        ("sandkey_net_output_bytes_total", "Bytes written to clients.", |stats| &stats.output_bytes),
        ("sandkey_keyspace_hits_total", "Reads that found their key.", |stats| &stats.keyspace_hits),
        ("sandkey_keyspace_misses_total", "Reads that did not.", |stats| &stats.keyspace_misses),
        ("sandkey_evicted_keys_total", "Keys evicted for memory.", |stats| &stats.evicted_keys),
        ("sandkey_changes_total", "Changes to keys.", |stats| &stats.dirty),
        ("sandkey_output_limit_disconnections_total", "Clients ended because they did not read.", |stats| {
            &stats.output_limit_disconnections
        }),
    ];
    for (name, help, pick) in COUNTERS {
        text.family(name, Kind::Counter, help);
        text.sample(&[], server.stats.sum(pick));
    }
    text.family("sandkey_expired_keys_total", Kind::Counter, "Keys whose time had come.");
    text.sample(&[], server.stats.sum(|stats| &stats.expired_keys) + server.cron_expired.load(Relaxed));
    text.family(
        "sandkey_error_replies_total",
        Kind::Counter,
        "Error replies by the code that they begin with.",
    );
    for (code, count) in server.error_stats.lock().iter() {
        text.sample(&[("code", code)], count);
    }
}

fn commands(text: &mut Exposition, server: &Server) {
    let table = server.tenant.commands();
    let mut used: Vec<_> = table
        .iter_all()
        .map(|command| {
            let picks: [fn(&CommandCounters) -> &Counter; 4] =
                [|each| &each.calls, |each| &each.rejected, |each| &each.failed, |each| &each.nanos];
            let counts = picks.map(|pick| command.counters.sum(pick));
            (command.name.as_str(), counts)
        })
        .filter(|(_, counts)| counts.iter().any(|&count| count != 0))
        .collect();
    used.sort_unstable();
    for (name, help, which) in [
        ("sandkey_command_calls_total", "Times that a command ran.", 0),
        ("sandkey_command_rejected_total", "Times that a command was refused before it ran.", 1),
        ("sandkey_command_failed_total", "Times that a command ran and answered an error.", 2),
    ] {
        text.family(name, Kind::Counter, help);
        for (command, counts) in &used {
            text.sample(&[("command", command)], counts[which]);
        }
    }
    text.family("sandkey_command_seconds_total", Kind::Counter, "Time that a command took in all its runs.");
    for (command, counts) in &used {
        text.sample(&[("command", command)], counts[3] as f64 / 1e9);
    }
}

fn modules(text: &mut Exposition, server: &Server) {
    let modules = server.tenant.modules.list();
    text.family("sandkey_module_info", Kind::Gauge, "Modules that are loaded.");
    for module in &modules {
        let version = module.manifest.version.to_string();
        text.sample(&[("module", &module.name), ("version", &version), ("digest", module.code.digest())], 1);
    }
    // The name in `usage`, ours, what it is divided by, its kind and its meaning.
    for (name, metric, unit, kind, help) in [
        ("calls", "sandkey_module_calls_total", 1.0, Kind::Counter, "Commands that a module ran."),
        (
            "errors",
            "sandkey_module_errors_total",
            1.0,
            Kind::Counter,
            "Commands that ended in an error of the module.",
        ),
        ("traps", "sandkey_module_traps_total", 1.0, Kind::Counter, "Commands that the sandbox ended."),
        ("fuel", "sandkey_module_fuel_total", 1.0, Kind::Counter, "Fuel that a module's commands used."),
        (
            "throttled_usec",
            "sandkey_module_throttled_seconds_total",
            1e6,
            Kind::Counter,
            "Time that a module's commands waited for fuel.",
        ),
        (
            "memory_bytes",
            "sandkey_module_memory_bytes",
            1.0,
            Kind::Gauge,
            "Linear memory of a module's instances.",
        ),
        ("instances", "sandkey_module_instances", 1.0, Kind::Gauge, "Instances of a module that are alive."),
        (
            "instances_created",
            "sandkey_module_instances_created_total",
            1.0,
            Kind::Counter,
            "Instances of a module that were made.",
        ),
    ] {
        text.family(metric, kind, help);
        for module in &modules {
            if let Some((_, value)) = module.usage().iter().find(|(known, _)| *known == name) {
                text.sample(&[("module", &module.name)], *value as f64 / unit);
            }
        }
    }
}

/// The type of a family.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

/// The text that grows; samples belong to the family before them.
#[derive(Default)]
struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.family = name;
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.family);
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            self.write(format_args!("{}{label}=\"{text}\"", if i == 0 { "{" } else { "," }));
        }
        self.write(format_args!("{} {value}\n", if labels.is_empty() { "" } else { "}" }));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Exposition::default();
        text.family("m", Kind::Counter, "Help with \\ and\nline.");
        text.sample(&[("a", "x\"y\\z\nw"), ("b", "")], 1);
        text.sample(&[], 1.5);
        assert_eq!(
            text.text,
            "# HELP m Help with \\\\ and\\nline.\n# TYPE m counter\nm{a=\"x\\\"y\\\\z\\nw\",b=\"\"} 1\nm 1.5\n"
        );
    }
}
