//! A series as bytes, field by field:
//!
//! ```text
//! retention, encoding, chunk size, duplicate policy + 1 or 0, ignored time, ignored value
//! number of labels, and of each: label, value
//! 1 and the key of the source, or 0
//! number of rules, and of each: destination, aggregator, duration, alignment,
//!     1 and the open bucket's start and tally, or 0
//! number of chunks, and of each: encoding, seven numbers and the bits; or the number of samples and 16 bytes of each
//! ```
//!
//! This is not RedisTimeSeries's form, so its versions begin where that one's will never come.
//! Whatever is read may have been made up; what is accepted keeps the promises of `samples` and `chunk`.

use std::collections::VecDeque;

use sandkey::data_type::{DataType, Reader, Writer};
use sandkey::prelude::*;

use crate::aggregate::{Aggregator, Frame, Tally};
use crate::bucket::Buckets;
use crate::chunk::{Chunk, Encoding, Form};
use crate::compressed::Compressed;
use crate::limits;
use crate::policy::Duplicates;
use crate::rules::{Open, Rule};
use crate::sample::Sample;
use crate::samples::Samples;
use crate::series::{Ignore, Labels, Options, Series};
use crate::words::Words;

impl Words for Encoding {
    const ALL: &'static [(&'static str, Self)] =
        &[("compressed", Self::Compressed), ("uncompressed", Self::Uncompressed)];
}

impl DataType for Series {
    const NAME: &'static str = "TSDB-TYPE";
    const ENCVER: u32 = 512;

    fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self> {
        if encver < Self::ENCVER {
            bail!("ERR this is a series of RedisTimeSeries, which has another form");
        }
        let options = load_options(reader)?;
        let mut labels = Labels::default();
        for _ in 0..reader.count()? {
            labels.set(reader.bytes()?, reader.bytes()?);
        }
        let source = flag(reader)?.then(|| reader.bytes()).transpose()?.map(Box::from);
        let rules = (0..reader.count()?).map(|_| load_rule(reader)).collect::<Result<Vec<Rule>>>()?;
        let chunks = (0..reader.count()?).map(|_| load_chunk(reader)).collect::<Result<VecDeque<Chunk>>>()?;
        let samples =
            Samples::from_chunks(chunks).ok_or_else(|| reader.refuse("the chunks are not in order"))?;
        Ok(Self { samples, options, labels, source, rules })
    }

    fn save(&self, writer: &mut Writer) {
        save_head(&self.options, &self.labels, writer);
        save_optional(self.source.as_deref(), writer, Writer::bytes);
        writer.u64(self.rules.len() as u64);
        self.rules.iter().for_each(|rule| save_rule(rule, writer));
        save_chunks(&self.samples, writer);
    }

    fn memory_usage(&self) -> usize {
        self.memory()
    }

    fn free_effort(&self) -> usize {
        self.samples.chunks().len().max(1)
    }

    /// A copy is a series of its own: no rule leads to it, and none from it.
    fn copy(&self, _source: &[u8], _target: &[u8], writer: &mut Writer) -> Result<()> {
        save_head(&self.options, &self.labels, writer);
        save_optional(None, writer, Writer::bytes);
        writer.u64(0);
        save_chunks(&self.samples, writer);
        Ok(())
    }

    /// Where one chunk ends and the next begins depends on the order in which samples came, so it is left out, and so is what has
    /// expired.
    fn digest(&self, digest: &mut Vec<u8>) {
        let mut writer = Writer::new();
        save_head(&self.options, &self.labels, &mut writer);
        save_optional(self.source.as_deref(), &mut writer, Writer::bytes);
        self.rules.iter().for_each(|rule| save_rule(rule, &mut writer));
        digest.extend_from_slice(&writer.into_bytes());
        // The samples themselves may be many.
        let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let (one, other) = self.range(0, i64::MAX).fold((1, 2), |(one, other), sample| {
            let (timestamp, value) = (sample.timestamp.cast_unsigned(), sample.value.to_bits());
            (mix(mix(one, timestamp), value), mix(mix(other, value), timestamp))
        });
        digest.extend_from_slice(&u64::to_le_bytes(one));
        digest.extend_from_slice(&u64::to_le_bytes(other));
    }
}

/// 1 and what there is, or 0.
fn save_optional<T>(what: Option<T>, writer: &mut Writer, save: impl FnOnce(&mut Writer, T)) {
    writer.u64(u64::from(what.is_some()));
    if let Some(what) = what {
        save(writer, what);
    }
}

fn flag(reader: &mut Reader<'_>) -> Result<bool> {
    match reader.u64()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(reader.refuse(format_args!("{other} is neither 0 nor 1"))),
    }
}

fn word<W: Words>(reader: &mut Reader<'_>) -> Result<W> {
    let number = reader.u64()?;
    W::numbered(number).ok_or_else(|| reader.refuse(format_args!("nothing has the number {number}")))
}

/// A number of milliseconds that is not negative.
fn duration(reader: &mut Reader<'_>) -> Result<i64> {
    let number = reader.i64()?;
    if number < 0 { Err(reader.refuse(format_args!("{number} is negative"))) } else { Ok(number) }
}

fn save_head(options: &Options, labels: &Labels, writer: &mut Writer) {
    let Options { retention, form, duplicates, ignore } = options;
    writer.i64(*retention);
    writer.u64(form.encoding.number());
    writer.u64(form.bytes as u64);
    writer.u64(duplicates.map_or(0, |policy| policy.number() + 1));
    writer.i64(ignore.time);
    writer.f64(ignore.value);
    writer.u64(labels.0.len() as u64);
    for (label, value) in &labels.0 {
        writer.bytes(label);
        writer.bytes(value);
    }
}

fn load_options(reader: &mut Reader<'_>) -> Result<Options> {
    let retention = duration(reader)?;
    let encoding = word(reader)?;
    let size = reader.u64()?;
    let bytes = usize::try_from(size).ok().filter(|bytes| limits::CHUNK_BYTES.contains(bytes));
    let bytes = bytes.ok_or_else(|| reader.refuse(format_args!("a chunk does not have {size} bytes")))?;
    let duplicates = match reader.u64()? {
        0 => None,
        number => Some(
            Duplicates::numbered(number - 1)
                .ok_or_else(|| reader.refuse(format_args!("no policy has the number {number}")))?,
        ),
    };
    let (time, value) = (duration(reader)?, reader.f64()?);
    Ok(Options { retention, form: Form { encoding, bytes }, duplicates, ignore: Ignore { time, value } })
}

fn save_rule(rule: &Rule, writer: &mut Writer) {
    writer.bytes(&rule.destination);
    writer.u64(rule.aggregator.number());
    writer.i64(rule.buckets.duration);
    writer.i64(rule.buckets.align);
    save_optional(rule.open.as_ref(), writer, |writer, open| {
        let (numbers, before) = open.tally.save();
        writer.i64(open.start);
        numbers.iter().for_each(|number| writer.u64(*number));
        save_optional(before, writer, |writer, before| {
            writer.i64(before.timestamp);
            writer.f64(before.value);
        });
    });
}

fn load_rule(reader: &mut Reader<'_>) -> Result<Rule> {
    let destination = reader.bytes()?.into();
    let aggregator: Aggregator = word(reader)?;
    let buckets = Buckets { duration: duration(reader)?, align: duration(reader)? };
    if buckets.duration == 0 {
        return Err(reader.refuse("a bucket lasts no time"));
    }
    let open = flag(reader)?.then(|| load_open(reader, aggregator, buckets)).transpose()?;
    Ok(Rule { destination, aggregator, buckets, open })
}

fn load_open(reader: &mut Reader<'_>, aggregator: Aggregator, buckets: Buckets) -> Result<Open> {
    let start = reader.i64()?;
    if start <= -buckets.duration || buckets.start_of(start.max(0)) != start {
        return Err(reader.refuse(format_args!("no bucket begins at {start}")));
    }
    let mut numbers = [0; 6];
    for number in &mut numbers {
        *number = reader.u64()?;
    }
    let before = flag(reader)?.then(|| load_sample(reader)).transpose()?;
    let frame = Frame { from: start.max(0), to: buckets.end_of(start) };
    Ok(Open { start, tally: Tally::load(aggregator, frame, (numbers, before)) })
}

fn load_sample(reader: &mut Reader<'_>) -> Result<Sample> {
    Ok(Sample::new(duration(reader)?, reader.f64()?))
}

fn save_chunks(samples: &Samples, writer: &mut Writer) {
    writer.u64(samples.chunks().len() as u64);
    for chunk in samples.chunks() {
        match chunk {
            Chunk::Compressed(chunk) => {
                let (numbers, bytes) = chunk.save();
                writer.u64(Encoding::Compressed.number());
                numbers.iter().for_each(|number| writer.u64(*number));
                writer.bytes(&bytes);
            }
            Chunk::Plain(samples) => {
                writer.u64(Encoding::Uncompressed.number());
                let words = samples
                    .iter()
                    .flat_map(|sample| [sample.timestamp.cast_unsigned(), sample.value.to_bits()]);
                writer.bytes(&words.flat_map(u64::to_le_bytes).collect::<Vec<u8>>());
            }
        }
    }
}

fn load_chunk(reader: &mut Reader<'_>) -> Result<Chunk> {
    let chunk = match word(reader)? {
        Encoding::Compressed => {
            let mut numbers = [0; 7];
            for number in &mut numbers {
                *number = reader.u64()?;
            }
            Compressed::load(numbers, reader.bytes()?).map(Chunk::Compressed)
        }
        Encoding::Uncompressed => load_plain(reader.bytes()?).map(Chunk::Plain),
    };
    chunk.ok_or_else(|| reader.refuse("these are no samples"))
}

fn load_plain(bytes: &[u8]) -> Option<Vec<Sample>> {
    let (words, rest) = bytes.as_chunks::<8>();
    let (pairs, odd) = words.as_chunks::<2>();
    let samples: Vec<Sample> = pairs
        .iter()
        .map(|[timestamp, value]| Sample {
            timestamp: i64::from_le_bytes(*timestamp),
            value: f64::from_le_bytes(*value),
        })
        .collect();
    let ordered = samples.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp);
    let whole = rest.is_empty() && odd.is_empty();
    (whole && ordered && samples.first()?.timestamp >= 0).then_some(samples)
}
