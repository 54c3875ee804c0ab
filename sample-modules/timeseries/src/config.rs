//! The module's parameters: what series are like when the command that makes them does not say. They have the meaning, and with
//! dashes the names, of RedisTimeSeries's.

use sandkey::prelude::*;

use crate::aggregate::Aggregator;
use crate::bucket::Buckets;
use crate::chunk::{Encoding, Form};
use crate::limits;
use crate::policy::Duplicates;
use crate::series::{Ignore, Options};
use crate::words::Words;

/// How long samples live, in milliseconds; 0 for ever.
pub static RETENTION: Config<i64> = Config::integer("retention-policy", 0).between(0, i64::MAX);

/// The size of new chunks.
pub static CHUNK_SIZE: Config<i64> =
    Config::integer("chunk-size-bytes", 4096).between(48, 1024 * 1024).check(check_chunk_size);

/// What becomes of a sample whose time is taken, in series that do not say.
pub static DUPLICATES: Config<String> =
    Config::choice("duplicate-policy", "block", &["block", "first", "last", "min", "max", "sum"]);

/// The rules that series get which TS.ADD, TS.INCRBY and TS.DECRBY make.
pub static COMPACTION: Config<String> = Config::string("compaction-policy", "").check(check_compaction);

/// How the destinations of those rules are written.
pub static ENCODING: Config<String> =
    Config::choice("encoding", "compressed", &["compressed", "uncompressed"]);

/// Which samples are too close in time to the one before; see `Ignore`.
pub static IGNORE_TIME: Config<i64> = Config::integer("ignore-max-time-diff", 0).between(0, i64::MAX);

/// Which samples are too close in value to the one before. Parameters are no floats, so it is text.
pub static IGNORE_VALUE: Config<String> =
    Config::string("ignore-max-val-diff", "0").check(check_ignore_value);

fn check_chunk_size(size: &i64) -> Result<(), String> {
    if size % 8 == 0 { Ok(()) } else { Err("argument must be a multiple of 8".to_owned()) }
}

#[allow(clippy::ptr_arg, reason = "the type of such a function is given")]
fn check_compaction(policy: &String) -> Result<(), String> {
    compactions(policy).map(|_| ())
}

#[allow(clippy::ptr_arg, reason = "the type of such a function is given")]
fn check_ignore_value(text: &String) -> Result<(), String> {
    match text.parse::<f64>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(()),
        _ => Err("argument must be a number that is not negative".to_owned()),
    }
}

/// What a series is like when nobody says anything.
pub fn options() -> Options {
    let bytes = usize::try_from(CHUNK_SIZE.get()).ok().filter(|bytes| limits::CHUNK_BYTES.contains(bytes));
    Options {
        retention: RETENTION.get(),
        form: Form { encoding: Encoding::Compressed, bytes: bytes.unwrap_or(4096) },
        duplicates: None,
        ignore: Ignore {
            time: IGNORE_TIME.get(),
            value: IGNORE_VALUE.get().parse().expect("the text was checked before it was taken"),
        },
    }
}

/// The policy of series that have none.
pub fn duplicates() -> Duplicates {
    Duplicates::parse(DUPLICATES.get().as_bytes()).expect("the server lets no other words through")
}

/// How the destinations of automatic rules are written.
pub fn encoding() -> Encoding {
    Encoding::parse(ENCODING.get().as_bytes()).expect("the server lets no other words through")
}

/// A rule that new series get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// How the samples of a bucket are made one.
    pub aggregator: Aggregator,
    /// The buckets.
    pub buckets: Buckets,
    /// How long the samples of the destination live.
    pub retention: i64,
}

/// Read a compaction policy: rules with `;` between, each `aggregator:duration:retention` or
/// `aggregator:duration:retention:alignment`.
pub fn compactions(policy: &str) -> Result<Vec<Compaction>, String> {
    let rules = policy.split(';').map(str::trim).filter(|rule| !rule.is_empty());
    rules.map(|rule| compaction(rule).ok_or_else(|| format!("'{rule}' is no compaction rule"))).collect()
}

fn compaction(rule: &str) -> Option<Compaction> {
    let mut fields = rule.split(':');
    let aggregator = Aggregator::parse(fields.next()?.as_bytes())?;
    let duration = milliseconds(fields.next()?).filter(|duration| *duration > 0)?;
    let retention = milliseconds(fields.next()?)?;
    let align = fields.next().map_or(Some(0), milliseconds)?;
    let buckets = Buckets { duration, align };
    fields.next().is_none().then_some(Compaction { aggregator, buckets, retention })
}

/// `60s` and the like.
fn milliseconds(text: &str) -> Option<i64> {
    // The last byte may be the end of a longer character.
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let length = match unit {
        "m" => 1,
        "s" => 1000,
        "M" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        _ => return None,
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<i64>().ok().filter(|_| digits)?.checked_mul(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compaction_policies_as_they_are_documented() {
        let rules = compactions("max:1M:1h;min:10s:5d:10d;last:5M:10m;avg:2h:10d;twa:1d:0m:360M").unwrap();
        let brief: Vec<(&str, i64, i64, i64)> = rules
            .iter()
            .map(|rule| (rule.aggregator.name(), rule.buckets.duration, rule.retention, rule.buckets.align))
            .collect();
        assert_eq!(
            brief,
            [
                ("max", 60_000, 3_600_000, 0),
                ("min", 10_000, 432_000_000, 864_000_000),
                ("last", 300_000, 10, 0),
                ("avg", 7_200_000, 864_000_000, 0),
                ("twa", 86_400_000, 0, 21_600_000),
            ]
        );
        assert_eq!(compactions(""), Ok(vec![]));
        for bad in [
            "max",
            "max:1M",
            "max:0s:1h",
            "max:1x:1h",
            "most:1M:1h",
            "max:1M:1h:1h:1h",
            "max:-1s:1h",
            "max:s:1h",
            "max:1é:1h",
            "max::1h",
        ] {
            assert!(compactions(bad).is_err(), "{bad}");
        }
        assert!(compactions("max:106751991168d:1h").is_err());
    }

    #[test]
    fn defaults_are_those_that_are_documented() {
        assert_eq!(options(), crate::series::PLAIN);
        assert_eq!(duplicates(), Duplicates::Block);
        assert_eq!(encoding(), Encoding::Compressed);
        assert!(
            check_ignore_value(&"-1".to_owned()).is_err() && check_ignore_value(&"0.5".to_owned()).is_ok()
        );
        assert!(check_chunk_size(&50).is_err());
    }
}
