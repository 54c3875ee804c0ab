//! TS.INFO: what there is to know about a series.

use sandkey::prelude::*;

use crate::arguments::NO_KEY;
use crate::chunk::Chunk;
use crate::compaction::{true_rules, true_source};
use crate::query::Wanted;
use crate::reply::Answer;
use crate::rules::Rule;
use crate::series::Series;
use crate::words::Words;

/// Describe a time series.
///
/// `TS.INFO key [DEBUG]` -- O(1), and the number of chunks with DEBUG.
#[command("ts.info", readonly, finds_keys, complexity = "O(1)", since = "1.0.0", options(DEBUG))]
pub fn info(ctx: &Context, key: Key, options: Args) -> Result<Reply> {
    let mut options = options;
    let debug = options.keyword("DEBUG");
    options.finish()?;
    let series = ctx.open_ref::<Series>(&key)?.ok_or(NO_KEY)?;
    // Both are asked for before one is given up for.
    let source = true_source(ctx, key.name(), &series);
    let rules = true_rules(ctx, key.name(), &series)?;
    let source = source?;
    Ok(Answer::build(ctx, |answer| {
        answer.fields(if debug { 16 } else { 14 });
        write_samples(answer, &series);
        write_options(answer, &series, source, &rules);
        if debug {
            answer.field("keySelfName");
            answer.to.bulk(key.name());
            answer.field("Chunks");
            write_chunks(answer, &series);
        }
    }))
}

fn number(answer: &mut Answer, name: &str, value: impl TryInto<i64>) {
    answer.field(name);
    answer.to.integer(value.try_into().unwrap_or(i64::MAX));
}

/// The first seven fields.
fn write_samples(answer: &mut Answer, series: &Series) {
    number(answer, "totalSamples", series.len());
    number(answer, "memoryUsage", series.memory());
    number(answer, "firstTimestamp", series.first().map_or(0, |first| first.timestamp));
    number(answer, "lastTimestamp", series.samples.last().map_or(0, |last| last.timestamp));
    number(answer, "retentionTime", series.options.retention);
    // A series without samples has the chunk that the first one will go to.
    number(answer, "chunkCount", series.samples.chunks().len().max(1));
    number(answer, "chunkSize", series.options.form.bytes);
}

/// The next seven.
fn write_options(answer: &mut Answer, series: &Series, source: Option<&[u8]>, rules: &[&Rule]) {
    let options = &series.options;
    answer.field("chunkType");
    answer.to.simple(options.form.encoding.name());
    answer.field("duplicatePolicy");
    match options.duplicates {
        Some(policy) => answer.to.simple(policy.name()),
        None => answer.to.null(),
    }
    answer.field("labels");
    answer.labels(&Wanted::All, &series.labels, |_| None);
    answer.field("sourceKey");
    match source {
        Some(source) => answer.to.bulk(source),
        None => answer.to.null(),
    }
    answer.field("rules");
    answer.pairs(rules.len());
    for rule in rules {
        // Under RESP2 a list of four, under RESP3 the first of them with the other three.
        if !answer.resp3 {
            answer.to.array(4);
        }
        answer.to.bulk(&rule.destination);
        if answer.resp3 {
            answer.to.array(3);
        }
        answer.to.integer(rule.buckets.duration);
        answer.to.simple(&rule.aggregator.name().to_uppercase());
        answer.to.integer(rule.buckets.align);
    }
    number(answer, "ignoreMaxTimeDiff", options.ignore.time);
    answer.field("ignoreMaxValDiff");
    answer.value(options.ignore.value);
}

fn write_chunks(answer: &mut Answer, series: &Series) {
    let chunks = series.samples.chunks();
    answer.to.array(chunks.len().max(1));
    if chunks.is_empty() {
        write_chunk(answer, 0, 0, 0, 0);
    }
    for chunk in chunks {
        write_chunk(answer, chunk.first(), chunk.last().timestamp, Chunk::count(chunk), chunk.bytes());
    }
}

fn write_chunk(answer: &mut Answer, first: i64, last: i64, samples: usize, bytes: usize) {
    answer.fields(5);
    number(answer, "startTimestamp", first);
    number(answer, "endTimestamp", last);
    number(answer, "samples", samples);
    number(answer, "size", bytes);
    answer.field("bytesPerSample");
    answer.value(if samples == 0 { f64::INFINITY } else { bytes as f64 / samples as f64 });
}
