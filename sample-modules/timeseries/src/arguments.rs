//! What commands are given: timestamps, values, and the options that make a series. The options of queries are in `query`.
//! Every error line is one that clients of RedisTimeSeries know.

use sandkey::prelude::*;

use crate::aggregate::Aggregator;
use crate::chunk::Encoding;
use crate::config;
use crate::limits;
use crate::number;
use crate::policy::Duplicates;
use crate::series::{Ignore, Labels, Options};
use crate::words::Words;

/// The key of a command does not exist.
pub const NO_KEY: &str = "ERR TSDB: the key does not exist";

const BAD_TIMESTAMP: &str = "ERR TSDB: invalid timestamp";
const BAD_VALUE: &str = "ERR TSDB: invalid value";
const BAD_LABELS: &str = "ERR TSDB: Couldn't parse LABELS";
const BAD_RETENTION: &str = "ERR TSDB: Couldn't parse RETENTION";
const BAD_CHUNK_SIZE: &str = "ERR TSDB: Couldn't parse CHUNK_SIZE";
const CHUNK_SIZE_RANGE: &str =
    "ERR TSDB: CHUNK_SIZE value must be a multiple of 8 in the range [48 .. 1048576]";
const BAD_ENCODING: &str = "ERR TSDB: unknown ENCODING parameter";
const BAD_POLICY: &str = "ERR TSDB: Unknown DUPLICATE_POLICY";
const BAD_IGNORE: &str = "ERR TSDB: Couldn't parse IGNORE";
const BAD_AGGREGATION: &str = "ERR TSDB: Couldn't parse AGGREGATION";
const BAD_AGGREGATOR: &str = "ERR TSDB: Unknown aggregation type";
const NO_DURATION: &str = "ERR TSDB: bucketDuration must be greater than zero";

/// A time of a sample: milliseconds since 1970, or `*` for now.
pub fn timestamp(ctx: &Context, text: &[u8]) -> Result<i64> {
    if text == b"*" {
        return i64::try_from(ctx.now_ms()).map_err(|_| BAD_TIMESTAMP.into());
    }
    not_negative(text).ok_or_else(|| BAD_TIMESTAMP.into())
}

/// An integer that is not negative.
pub fn not_negative(text: &[u8]) -> Option<i64> {
    // 18 digits are less than what fits.
    let short = (1..=18).contains(&text.len()) && (text[0] != b'0' || text.len() == 1);
    if short && text.iter().all(u8::is_ascii_digit) {
        return Some(text.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')));
    }
    sandkey::FromBytes::from_bytes(text).ok().filter(|number: &i64| *number >= 0)
}

/// A number as JSON has it: NaN and the infinities have no name, and nothing too large for a double is one.
pub fn value(text: &[u8]) -> Result<f64> {
    finite(text).ok_or_else(|| BAD_VALUE.into())
}

/// The same without an opinion.
pub fn finite(text: &[u8]) -> Option<f64> {
    if let Some(value) = number::parse(text) {
        return Some(value);
    }
    let plain = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let text = std::str::from_utf8(text).ok().filter(|text| text.as_bytes().iter().all(plain))?;
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// `aggregator bucketDuration`.
pub fn aggregation(args: &mut Args) -> Result<(Aggregator, i64)> {
    if args.len() < 2 {
        return Err(BAD_AGGREGATION.into());
    }
    let aggregator = Aggregator::parse(args.bytes()?).ok_or(BAD_AGGREGATOR)?;
    match sandkey::FromBytes::from_bytes(args.bytes()?) {
        Ok(duration @ 1..) => Ok((aggregator, duration)),
        Ok(_) => Err(NO_DURATION.into()),
        Err(_) => Err(BAD_AGGREGATION.into()),
    }
}

/// Which of the options a command takes beside those that all take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// TS.CREATE: those of a new series.
    Creation,
    /// TS.ALTER: those of a new series but the encoding.
    Alteration,
    /// TS.ADD: those of a new series, and ON_DUPLICATE.
    Addition,
    /// TS.INCRBY and TS.DECRBY: those of a new series, and TIMESTAMP.
    Increment,
}

/// What was said about a series.
#[derive(Debug, Default)]
pub struct Given<'a> {
    retention: Option<i64>,
    encoding: Option<Encoding>,
    chunk_bytes: Option<usize>,
    duplicates: Option<Duplicates>,
    ignore: Option<Ignore>,
    labels: Option<Labels>,
    /// ON_DUPLICATE.
    pub on_duplicate: Option<Duplicates>,
    /// TIMESTAMP.
    pub timestamp: Option<&'a [u8]>,
}

impl<'a> Given<'a> {
    /// Read all that are left.
    pub fn parse(mut args: Args<'a>, takes: Takes) -> Result<Self> {
        let mut given = Self::default();
        while !args.is_empty() {
            if args.keyword("RETENTION") {
                given.retention = Some(next(&mut args, not_negative).ok_or(BAD_RETENTION)?);
            } else if args.keyword("CHUNK_SIZE") {
                given.chunk_bytes = Some(chunk_bytes(&mut args)?);
            } else if args.keyword("DUPLICATE_POLICY") {
                given.duplicates = Some(next(&mut args, Duplicates::parse).ok_or(BAD_POLICY)?);
            } else if args.keyword("IGNORE") {
                given.ignore = Some(ignore(&mut args)?);
            } else if args.keyword("LABELS") {
                given.labels = Some(labels(&mut args)?);
            } else if takes != Takes::Alteration && args.keyword("ENCODING") {
                given.encoding = Some(next(&mut args, Encoding::parse).ok_or(BAD_ENCODING)?);
            } else if takes != Takes::Alteration && args.keyword("UNCOMPRESSED") {
                // How it was said before there was ENCODING.
                given.encoding = Some(Encoding::Uncompressed);
            } else if takes == Takes::Addition && args.keyword("ON_DUPLICATE") {
                given.on_duplicate = Some(next(&mut args, Duplicates::parse).ok_or(BAD_POLICY)?);
            } else if takes == Takes::Increment && args.keyword("TIMESTAMP") {
                given.timestamp = Some(next(&mut args, Some).ok_or(BAD_TIMESTAMP)?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(given)
    }

    /// The options of a new series.
    pub fn options(&self) -> Options {
        let mut options = config::options();
        if let Some(encoding) = self.encoding {
            options.form.encoding = encoding;
        }
        self.alter(&mut options);
        options
    }

    /// Change what was said, and nothing else.
    pub fn alter(&self, options: &mut Options) {
        options.retention = self.retention.unwrap_or(options.retention);
        options.form.bytes = self.chunk_bytes.unwrap_or(options.form.bytes);
        options.duplicates = self.duplicates.or(options.duplicates);
        options.ignore = self.ignore.unwrap_or(options.ignore);
    }

    /// The labels, if they were given.
    pub const fn labels(&mut self) -> Option<Labels> {
        self.labels.take()
    }
}

/// The next argument, if there is one and it can be read.
fn next<'a, T>(args: &mut Args<'a>, read: impl FnOnce(&'a [u8]) -> Option<T>) -> Option<T> {
    args.bytes().ok().and_then(read)
}

fn chunk_bytes(args: &mut Args) -> Result<usize> {
    let size: i64 = next(args, |text| sandkey::FromBytes::from_bytes(text).ok()).ok_or(BAD_CHUNK_SIZE)?;
    let bytes =
        usize::try_from(size).ok().filter(|bytes| limits::CHUNK_BYTES.contains(bytes) && bytes % 8 == 0);
    bytes.ok_or_else(|| CHUNK_SIZE_RANGE.into())
}

fn ignore(args: &mut Args) -> Result<Ignore> {
    let time = next(args, not_negative).ok_or(BAD_IGNORE)?;
    let value = next(args, finite).filter(|value| *value >= 0.0).ok_or(BAD_IGNORE)?;
    Ok(Ignore { time, value })
}

/// Pairs up to the end. Some clients put the two options that came last behind them.
fn labels(args: &mut Args) -> Result<Labels> {
    let mut labels = Labels::default();
    while let Some(name) = args.peek() {
        if name.eq_ignore_ascii_case(b"ON_DUPLICATE") || name.eq_ignore_ascii_case(b"IGNORE") {
            break;
        }
        let (name, value) = (args.bytes()?, args.bytes().map_err(|_| BAD_LABELS)?);
        // Filters could not name such a value.
        if name.is_empty() || value.is_empty() || value.iter().any(|byte| b"(),".contains(byte)) {
            return Err(BAD_LABELS.into());
        }
        labels.set(name, value);
    }
    Ok(labels)
}
