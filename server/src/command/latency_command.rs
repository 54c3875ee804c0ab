//! LATENCY: what took long, and how long each command takes. The first is recorded in `latency`, the second with the
//! counters of each command.

use std::sync::Arc;

use crate::command;
use crate::histogram::Summary;
use crate::latency::History;
use crate::net::argv::Argv;

use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::help;
use super::spec::{Family, Spec, tips};
use super::table::Command;

/// The row.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!("LATENCY", -2, NONE, [], latency_help,
        "2.8.13", "Depends on subcommand.", "A container for latency diagnostics commands.", "",
        subcommands: LATENCY_COMMANDS)],
};

const EVERY_NODE: &[&str] =
    &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

const LATENCY_COMMANDS: &[Spec] = &[
    command!(
        "DOCTOR",
        2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        doctor,
        "2.8.13",
        "O(1)",
        "Returns a human-readable latency analysis report.",
        "",
        tips: EVERY_NODE
    ),
    command!(
        "GRAPH",
        3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        graph,
        "2.8.13",
        "O(1)",
        "Returns a latency graph for an event.",
        "event",
        tips: EVERY_NODE
    ),
    command!(
        "HELP",
        2,
        LOADING | STALE,
        [],
        latency_help,
        "2.8.13",
        "O(1)",
        "Returns helpful text about the different subcommands.",
        ""
    ),
    command!(
        "HISTOGRAM",
        -2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        histogram,
        "7.0.0",
        "O(N) where N is the number of commands with latency information being retrieved.",
        "Returns the cumulative distribution of latencies of a subset or all commands.",
        "[command [command ...]]",
        tips: EVERY_NODE
    ),
    command!(
        "HISTORY",
        3,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        history,
        "2.8.13",
        "O(1)",
        "Returns timestamp-latency samples for an event.",
        "event",
        tips: EVERY_NODE
    ),
    command!(
        "LATEST",
        2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        latest,
        "2.8.13",
        "O(1)",
        "Returns the latest latency samples for all events.",
        "",
        tips: EVERY_NODE
    ),
    command!(
        "RESET",
        -2,
        ADMIN | NOSCRIPT | LOADING | STALE,
        [],
        reset,
        "2.8.13",
        "O(1)",
        "Resets the latency data for one or more events.",
        "[event [event ...]]",
        tips: tips::NODES_OK
    ),
];

/// `LATENCY HELP` -- O(1). What the subcommands do.
fn latency_help(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    help::reply(ctx.reply, "LATENCY", LATENCY_COMMANDS);
    Ok(())
}

/// `LATENCY LATEST` -- O(1). An array for each event: name, second, and milliseconds of the last and the longest time.
fn latest(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let events = ctx.server.latency.all();
    ctx.reply.array_header(events.len());
    for (name, history) in events {
        let (second, millis) = history.samples.back().copied().unwrap_or_default();
        ctx.reply.array_header(4);
        ctx.reply.bulk(name);
        ctx.reply.integer(second as i64);
        ctx.reply.integer(millis as i64);
        ctx.reply.integer(history.max_ms as i64);
    }
    Ok(())
}

/// `LATENCY HISTORY event` -- O(1). Pairs of second and milliseconds, oldest first.
fn history(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let history = ctx.server.latency.get(argv.at(2)).unwrap_or_default();
    ctx.reply.array_header(history.samples.len());
    for (second, millis) in history.samples {
        ctx.reply.array_header(2);
        ctx.reply.integer(second as i64);
        ctx.reply.integer(millis as i64);
    }
    Ok(())
}

/// `LATENCY RESET [event ...]` -- O(1). How many events were forgotten.
fn reset(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let latency = &ctx.server.latency;
    let forgotten = if argv.len() == 2 {
        latency.reset(None)
    } else {
        argv.iter().skip(2).map(|event| latency.reset(Some(event))).sum()
    };
    ctx.reply.integer(forgotten as i64);
    Ok(())
}

/// `LATENCY HISTOGRAM [command ...]` -- O(N). A map for each command that was run: its calls, and how many of them took no
/// longer than so many microseconds. A container stands for its subcommands.
fn histogram(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let table = ctx.tenant.commands();
    let mut wanted: Vec<&Arc<Command>> = if argv.len() == 2 {
        table.iter_all().collect()
    } else {
        let names = argv.iter().skip(2).filter_map(|name| std::str::from_utf8(name).ok());
        let found = names.filter_map(|name| table.find(name));
        found.flat_map(|command| std::iter::once(command).chain(command.subcommands.values())).collect()
    };
    wanted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    wanted.dedup_by_key(|command| command.id);
    let summaries = wanted
        .into_iter()
        .map(|command| (command, Summary::of(command.counters.iter().map(|counters| &counters.latency))));
    let summaries: Vec<_> = summaries.filter(|(_, summary)| summary.total() > 0).collect();
    ctx.reply.map_header(summaries.len());
    for (command, summary) in summaries {
        ctx.reply.bulk(&command.name);
        ctx.reply.map_header(2);
        ctx.reply.bulk("calls");
        ctx.reply.integer(summary.total() as i64);
        ctx.reply.bulk("histogram_usec");
        let lines = summary.cumulative();
        ctx.reply.map_header(lines.len());
        for (usec, count) in lines {
            ctx.reply.integer(usec as i64);
            ctx.reply.integer(count as i64);
        }
    }
    Ok(())
}

/// What a history amounts to.
struct Analysis {
    mean_ms: f64,
    /// The mean of how far the samples are from their mean.
    deviation_ms: f64,
    lowest_ms: u64,
    highest_ms: u64,
    /// Seconds between two samples.
    period_s: f64,
}

impl Analysis {
    fn of(history: &History, now_s: u64) -> Self {
        let times = || history.samples.iter().map(|(_, millis)| *millis);
        let count = history.samples.len().max(1) as f64;
        let mean_ms = times().sum::<u64>() as f64 / count;
        let first_s = history.samples.front().map_or(now_s, |(second, _)| *second);
        Self {
            mean_ms,
            deviation_ms: times().map(|millis| (millis as f64 - mean_ms).abs()).sum::<f64>() / count,
            lowest_ms: times().min().unwrap_or(0),
            highest_ms: times().max().unwrap_or(0),
            period_s: now_s.saturating_sub(first_s) as f64 / count,
        }
    }
}

/// What can be done about an event.
fn advice(event: &str) -> &'static str {
    match event {
        "command" => {
            "SLOWLOG GET shows which commands were slow. Commands that look at every key (KEYS, FLUSHALL) stop all \
             others for as long as they run; large values cost time in proportion to their size."
        }
        "fast-command" => {
            "Commands that cost little were slow: the machine is busy with something else, or memory is being swapped."
        }
        "eviction-cycle" => {
            "Memory is at 'maxmemory': raise it, or choose a higher or lower 'maxmemory-eviction-tenacity'."
        }
        "expire-cycle" => "Many keys expire at the same time: spread their times to live.",
        _ => "Compare its times with what the machine did then.",
    }
}

/// `LATENCY DOCTOR` -- O(1). A report for people.
fn doctor(ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    let events = ctx.server.latency.all();
    let now_s = ctx.now_us / 1_000_000;
    let text = if events.is_empty() && ctx.config.latency_monitor_threshold == 0 {
        "Latency monitoring is disabled. CONFIG SET latency-monitor-threshold <milliseconds> enables it: what takes as \
         long as that or longer is then remembered.\n"
            .to_owned()
    } else if events.is_empty() {
        format!(
            "Nothing has taken {} ms or longer since the monitor was enabled or reset.\n",
            ctx.config.latency_monitor_threshold
        )
    } else {
        let mut text = format!("{} kinds of events were slow:\n", events.len());
        for (number, (name, history)) in events.iter().enumerate() {
            let analysis = Analysis::of(history, now_s);
            text.push_str(&format!(
                "\n{}. {name}: {} latency spikes (average {:.0}ms, mean deviation {:.0}ms, period {:.2} sec). Worst all \
                 time event {}ms.\n   {}\n",
                number + 1,
                history.samples.len(),
                analysis.mean_ms,
                analysis.deviation_ms,
                analysis.period_s,
                history.max_ms,
                advice(name),
            ));
        }
        text
    };
    ctx.reply.verbatim(text);
    Ok(())
}

/// Columns of a graph, and the characters that fill one row of it from low to high.
const COLUMNS: usize = 80;
const ROWS: usize = 4;
const LEVELS: [char; 4] = [' ', '_', 'o', '#'];

/// `LATENCY GRAPH event` -- O(1). The samples as a graph; below each one how long ago it was, read downwards.
fn graph(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let name = super::args::printable(argv.at(2));
    let no_samples = || CommandError::err(format_args!("No samples available for event '{name}'"));
    let history = ctx.server.latency.get(argv.at(2)).ok_or_else(no_samples)?;
    let now_s = ctx.now_us / 1_000_000;
    let Analysis { lowest_ms, highest_ms, .. } = Analysis::of(&history, now_s);
    let mut text = format!(
        "{name} - high {highest_ms} ms, low {lowest_ms} ms (all time high {} ms)\n{}\n",
        history.max_ms,
        "-".repeat(COLUMNS)
    );
    let skipped = history.samples.len().saturating_sub(COLUMNS);
    let samples: Vec<_> = history.samples.iter().skip(skipped).collect();
    let steps = ROWS * (LEVELS.len() - 1);
    let span = (highest_ms - lowest_ms).max(1);
    let mut lines = vec![String::new(); ROWS];
    for (_, millis) in &samples {
        let height = 1 + (millis - lowest_ms) as usize * (steps - 1) / span as usize;
        for (row, line) in lines.iter_mut().enumerate() {
            let below = (ROWS - 1 - row) * (LEVELS.len() - 1);
            line.push(LEVELS[height.saturating_sub(below).min(LEVELS.len() - 1)]);
        }
    }
    let ages: Vec<String> = samples.iter().map(|(second, _)| age(now_s.saturating_sub(*second))).collect();
    for row in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        lines.push(ages.iter().map(|age| age.chars().nth(row).unwrap_or(' ')).collect());
    }
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    ctx.reply.verbatim(text);
    Ok(())
}

/// Seconds in the largest unit that fits.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
