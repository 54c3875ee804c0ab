//! INFO stats, commandstats, errorstats, latencystats and modules: what was counted.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::acl::Reason;
use crate::command::table::Command;
use crate::effects::pubsub::Kind;
use crate::histogram::Summary;
use crate::stats::{Counter, Rate, Stats};

use super::{Facts, Lines};

pub(super) fn stats(lines: &mut Lines, facts: &Facts<'_, '_>) {
    let server = facts.ctx.server;
    let sum = |counter: fn(&Stats) -> &Counter| server.stats.sum(counter);
    let (ops, input, output, turns, turn_nanos) = {
        let rates = server.rates.lock();
        let [ops, input, output, turns, turn_nanos] =
            [&rates.commands, &rates.input, &rates.output, &rates.turns, &rates.turn_nanos]
                .map(Rate::per_second);
        (ops, input, output, turns, turn_nanos)
    };
    lines.put("total_connections_received", server.accepted.load(Relaxed));
    lines.put("total_commands_processed", sum(|stats| &stats.commands));
    lines.put("instantaneous_ops_per_sec", ops.round());
    lines.put("total_net_input_bytes", sum(|stats| &stats.input_bytes));
    lines.put("total_net_output_bytes", sum(|stats| &stats.output_bytes));
    lines.put_all(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"], 0);
    lines.put("instantaneous_input_kbps", format_args!("{:.2}", input / 1024.0));
    lines.put("instantaneous_output_kbps", format_args!("{:.2}", output / 1024.0));
    lines.put_all(&["instantaneous_input_repl_kbps", "instantaneous_output_repl_kbps"], "0.00");
    lines.put("rejected_connections", server.rejected.load(Relaxed));
    lines.put_all(&["sync_full", "sync_partial_ok", "sync_partial_err"], 0);
    lines.put("expired_keys", sum(|stats| &stats.expired_keys) + server.cron_expired.load(Relaxed));
    lines.put("expired_stale_perc", "0.00");
    lines.put_all(&["expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds"], 0);
    lines.put("evicted_keys", sum(|stats| &stats.evicted_keys) + server.cron_evicted.load(Relaxed));
    lines.put("evicted_clients", server.evicted_clients.load(Relaxed));
    lines.put_all(&["total_eviction_exceeded_time", "current_eviction_exceeded_time"], 0);
    lines.put("keyspace_hits", sum(|stats| &stats.keyspace_hits));
    lines.put("keyspace_misses", sum(|stats| &stats.keyspace_misses));
    let pubsub = &facts.ctx.tenant.pubsub;
    lines.put("pubsub_channels", pubsub.len(Kind::Channel));
    lines.put("pubsub_patterns", pubsub.len(Kind::Pattern));
    lines.put("pubsubshard_channels", pubsub.len(Kind::Shard));
    // Nothing is forked: these are the snapshots for which Redis forks, and for how long the last one held everybody up.
    lines.put("latest_fork_usec", server.persistence.snapshot_us.load(Relaxed));
    lines.put("total_forks", server.persistence.snapshots.load(Relaxed));
    lines.put("migrate_cached_sockets", facts.ctx.tenant.migrations.links.len());
    lines.put_all(
        &[
            "slave_expires_tracked_keys",
            "active_defrag_hits",
            "active_defrag_misses",
            "active_defrag_key_hits",
            "active_defrag_key_misses",
            "total_active_defrag_time",
            "current_active_defrag_time",
        ],
        0,
    );
    let tenant = facts.ctx.tenant;
    lines.put("tracking_total_keys", tenant.keyspace.tracked().keys());
    lines.put("tracking_total_items", tenant.keyspace.tracked().items());
    lines.put("tracking_total_prefixes", tenant.tracking.prefixes());
    lines.put("unexpected_error_replies", 0);
    lines.put("total_error_replies", sum(|stats| &stats.error_replies));
    lines.put("dump_payload_sanitizations", 0);
    lines.put("total_reads_processed", sum(|stats| &stats.reads));
    lines.put("total_writes_processed", sum(|stats| &stats.writes));
    lines.put_all(&["io_threaded_reads_processed", "io_threaded_writes_processed"], 0);
    lines.put("client_query_buffer_limit_disconnections", sum(|stats| &stats.query_limit_disconnections));
    lines.put("client_output_buffer_limit_disconnections", sum(|stats| &stats.output_limit_disconnections));
    lines.put_all(&["reply_buffer_shrinks", "reply_buffer_expands"], 0);
    for reason in [Reason::Auth, Reason::Command, Reason::Key, Reason::Channel] {
        let name = if reason == Reason::Command { "cmd" } else { reason.name() };
        lines.put(&format!("acl_access_denied_{name}"), facts.ctx.tenant.acl.log.count(reason));
    }
    // Each worker has an event loop of its own: a cycle is what it makes of one read, or a turn of cron.
    lines.put("eventloop_cycles", server.turns());
    lines.put("eventloop_duration_sum", server.turn_nanos() / 1000);
    let in_commands: u64 = commands(facts).iter().map(|command| nanos_of(command)).sum();
    lines.put("eventloop_duration_cmd_sum", in_commands / 1000);
    lines.put("instantaneous_eventloop_cycles_per_sec", turns.round());
    let micros = if turns > 0.0 { turn_nanos / turns / 1000.0 } else { 0.0 };
    lines.put("instantaneous_eventloop_duration_usec", micros.round());
}

fn nanos_of(command: &Command) -> u64 {
    command.counters.iter().map(|counters| counters.nanos.get()).sum()
}

/// What nobody is shown who does not ask for it.
pub(super) fn debug(lines: &mut Lines, facts: &Facts<'_, '_>) {
    let server = facts.ctx.server;
    let max = |counter: fn(&Stats) -> &Counter| server.stats.iter().map(|stats| counter(stats).get()).max();
    // Workers leave the append-only file to a thread of its own.
    lines.put("eventloop_duration_aof_sum", 0);
    lines.put("eventloop_duration_cron_sum", server.cron_nanos.load(Relaxed) / 1000);
    lines.put("eventloop_duration_max", max(|stats| &stats.turn_nanos_max).unwrap_or_default() / 1000);
    lines.put("eventloop_cmd_per_cycle_max", max(|stats| &stats.turn_commands_max).unwrap_or_default());
}

/// All commands and subcommands by name.
fn commands(facts: &Facts<'_, '_>) -> Vec<Arc<Command>> {
    let table = facts.ctx.tenant.commands();
    let mut all: Vec<_> = table.iter_all().map(Arc::clone).collect();
    all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    all
}

/// A name as a line of INFO can hold it.
fn safe(name: &str) -> String {
    name.replace(['#', ':', '\n', '\r'], "_")
}

pub(super) fn commandstats(lines: &mut Lines, facts: &Facts<'_, '_>) {
    for command in commands(facts) {
        let counters = &command.counters;
        let calls = counters.sum(|each| &each.calls);
        let usec = counters.sum(|each| &each.nanos) / 1000;
        let rejected = counters.sum(|each| &each.rejected);
        let failed = counters.sum(|each| &each.failed);
        if calls == 0 && rejected == 0 && failed == 0 {
            continue;
        }
        let per_call = if calls == 0 { 0.0 } else { usec as f64 / calls as f64 };
        lines.put(
            &format!("cmdstat_{}", safe(&command.name)),
            format_args!(
                "calls={calls},usec={usec},usec_per_call={per_call:.2},rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

pub(super) fn errorstats(lines: &mut Lines, facts: &Facts<'_, '_>) {
    for (code, count) in facts.ctx.server.error_stats.lock().iter() {
        lines.put(&format!("errorstat_{}", safe(code)), format_args!("count={count}"));
    }
}

pub(super) fn latencystats(lines: &mut Lines, facts: &Facts<'_, '_>) {
    let config = facts.ctx.config;
    for command in commands(facts) {
        let summary = Summary::of(command.counters.iter().map(|counters| &counters.latency));
        if summary.total() == 0 {
            continue;
        }
        let percentiles = config.latency_tracking_info_percentiles.iter();
        let values: Vec<_> = percentiles
            .map(|percent| format!("p{percent}={:.3}", summary.percentile_usec(*percent)))
            .collect();
        lines.put(&format!("latency_percentiles_usec_{}", safe(&command.name)), values.join(","));
    }
}

/// A line for each module as Redis has it, and one with what it has used.
pub(super) fn modules(lines: &mut Lines, facts: &Facts<'_, '_>) {
    for module in facts.ctx.tenant.modules.list() {
        let name = safe(&module.name);
        lines.put(
            "module",
            format_args!(
                "name={name},ver={},api=1,filters=0,usedby=[],using=[],options=[]",
                module.manifest.version
            ),
        );
        let usage: Vec<_> = module.usage().iter().map(|(name, value)| format!("{name}={value}")).collect();
        lines.put(&format!("module_{name}"), usage.join(","));
    }
}
