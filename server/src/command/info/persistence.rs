//! INFO persistence: what is saved, what is under way, what is being loaded.

use std::sync::atomic::Ordering::Relaxed;

use crate::effects::aof::State;
use crate::persistence::{Persistence, Work};
use crate::server::Server;

use super::{Facts, Lines};

pub(super) fn persistence(lines: &mut Lines, facts: &Facts<'_, '_>) {
    let server = facts.ctx.server;
    let (persistence, now_s) = (&server.persistence, facts.ctx.now_us / 1_000_000);
    let running = persistence.running();
    lines.put("loading", u8::from(persistence.is_loading()));
    lines.put("async_loading", 0);
    // Nothing is forked: what stands here are the bytes that writers had to copy for the snapshot.
    lines.put_all(&["current_cow_peak", "current_cow_size"], running.copied);
    lines.put("current_cow_size_age", 0);
    let percent = if running.keys_total == 0 {
        0.0
    } else {
        running.keys_done as f64 * 100.0 / running.keys_total as f64
    };
    lines.put("current_fork_perc", format_args!("{percent:.2}"));
    lines.put("current_save_keys_processed", running.keys_done);
    lines.put("current_save_keys_total", running.keys_total);
    let seconds = |work: Work| match running.work {
        Some(it) if it == work => now_s.saturating_sub(running.began_us / 1_000_000) as i64,
        _ => -1,
    };
    rdb(lines, server, seconds(Work::BackgroundSave));
    aof(lines, server, seconds(Work::AofRewrite));
    lines.put_all(&["module_fork_in_progress", "module_fork_last_cow_size"], 0);
    if persistence.is_loading() {
        loading(lines, persistence, now_s);
    }
}

/// Snapshots; one has been under way for so many seconds, or -1.
fn rdb(lines: &mut Lines, server: &Server, seconds: i64) {
    let persistence = &server.persistence;
    lines.put("rdb_changes_since_last_save", persistence.unsaved(server.dirty()));
    lines.put("rdb_bgsave_in_progress", u8::from(seconds >= 0));
    lines.put("rdb_last_save_time", persistence.last_save_s());
    lines.put("rdb_last_bgsave_status", if persistence.has_failed() { "err" } else { "ok" });
    lines.put("rdb_last_bgsave_time_sec", persistence.seconds());
    lines.put("rdb_current_bgsave_time_sec", seconds);
    lines.put("rdb_saves", persistence.saves());
    lines.put("rdb_last_cow_size", persistence.copied());
    lines.put("rdb_last_load_keys_expired", persistence.keys_expired.load(Relaxed));
    lines.put("rdb_last_load_keys_loaded", persistence.keys_loaded.load(Relaxed));
}

/// The append-only file, which has been rewritten for so many seconds, or -1.
fn aof(lines: &mut Lines, server: &Server, seconds: i64) {
    let (aof, rewrites) = (&server.aof, server.aof.rewrites());
    let status = |failed: bool| if failed { "err" } else { "ok" };
    let scheduled = u8::from(aof.is_rewrite_scheduled());
    let enabled = aof.state() != State::Off;
    lines.put("aof_enabled", u8::from(enabled));
    lines.put("aof_rewrite_in_progress", u8::from(seconds >= 0));
    lines.put("aof_rewrite_scheduled", scheduled);
    lines.put("aof_last_rewrite_time_sec", rewrites.seconds.map_or(-1, |seconds| seconds as i64));
    lines.put("aof_current_rewrite_time_sec", seconds);
    lines.put("aof_last_bgrewrite_status", status(rewrites.failed));
    lines.put("aof_rewrites", rewrites.begun);
    lines.put("aof_rewrites_consecutive_failures", rewrites.failures);
    lines.put("aof_last_write_status", status(aof.write_error().is_some()));
    lines.put("aof_last_cow_size", rewrites.copied);
    if enabled {
        lines.put("aof_current_size", aof.figures.current_size());
        lines.put("aof_base_size", aof.figures.base_size());
        lines.put("aof_pending_rewrite", scheduled);
        lines.put("aof_buffer_length", aof.buffer_len());
        lines.put("aof_pending_bio_fsync", u8::from(aof.figures.syncing.load(Relaxed)));
        lines.put("aof_delayed_fsync", aof.figures.delayed.load(Relaxed));
    }
}

fn loading(lines: &mut Lines, persistence: &Persistence, now_s: u64) {
    let loading = &persistence.loading;
    let [began_s, total, loaded] =
        [&loading.began_s, &loading.total_bytes, &loading.loaded_bytes].map(|figure| figure.load(Relaxed));
    let elapsed = now_s.saturating_sub(began_s);
    let percent = if total == 0 { 0.0 } else { loaded as f64 * 100.0 / total as f64 };
    let eta = (elapsed * total.saturating_sub(loaded)).checked_div(loaded).unwrap_or(1);
    lines.put("loading_start_time", began_s);
    lines.put("loading_total_bytes", total);
    lines.put("loading_rdb_used_mem", loading.used_mem.load(Relaxed));
    lines.put("loading_loaded_bytes", loaded);
    lines.put("loading_loaded_perc", format_args!("{percent:.2}"));
    lines.put("loading_eta_seconds", eta);
}
