//! The directives whose value has a structure of its own: `save`, `client-output-buffer-limit`,
//! `oom-score-adj-values`, `bind`, `replicaof` and `latency-tracking-info-percentiles`.
//!
//! Each is read from words, as they stand in a file or in CONFIG SET, and printed as CONFIG GET prints it.
//! The errors are Redis's texts.

use super::units::{format_memory, parse_c_integer, parse_memory};

/// The most addresses that `bind` takes, as in Redis.
pub const BIND_ADDRESSES_MAX: usize = 16;

/// One of `save`'s pairs: snapshot when this many changes happened and this many seconds went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last snapshot.
    pub seconds: i64,
    /// Changes since the last snapshot.
    pub changes: i64,
}

/// Read `seconds changes` pairs; one empty word stands for none.
pub(crate) fn parse_save(words: &[Vec<u8>]) -> Result<Vec<SavePoint>, String> {
    let invalid = || "Invalid save parameters".to_owned();
    let words = none_if_one_empty(words);
    if !words.len().is_multiple_of(2) {
        return Err(invalid());
    }
    let pairs = words.chunks_exact(2).map(|pair| {
        let seconds = parse_c_integer(&pair[0]).filter(|seconds| *seconds >= 1);
        let changes = parse_c_integer(&pair[1]).filter(|changes| *changes >= 0);
        Some(SavePoint { seconds: seconds?, changes: changes? })
    });
    pairs.collect::<Option<Vec<_>>>().ok_or_else(invalid)
}

/// `save` as CONFIG GET prints it.
pub(crate) fn format_save(points: &[SavePoint]) -> String {
    let pairs: Vec<String> =
        points.iter().map(|point| format!("{} {}", point.seconds, point.changes)).collect();
    pairs.join(" ")
}

/// How much output may wait for one client before the server closes its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes at which the connection is closed at once; 0 is no limit.
    pub hard_bytes: u64,
    /// Bytes that may not be exceeded for `soft_seconds` together; 0 is no limit.
    pub soft_bytes: u64,
    /// How long the soft limit may be exceeded.
    pub soft_seconds: u64,
}

/// The output limits of the three classes of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Clients that do none of the below.
    pub normal: OutputLimit,
    /// Replicas, which `CONFIG GET` still calls `slave`.
    pub replica: OutputLimit,
    /// Clients with at least one subscription.
    pub pubsub: OutputLimit,
}

impl OutputLimits {
    /// That of a client, which may have subscriptions.
    pub fn of(&self, has_subscriptions: bool) -> OutputLimit {
        if has_subscriptions { self.pubsub } else { self.normal }
    }

    /// The classes under the names that CONFIG GET prints.
    fn classes(&self) -> [(&'static str, OutputLimit); 3] {
        [("normal", self.normal), ("slave", self.replica), ("pubsub", self.pubsub)]
    }

    /// Read `class hard soft seconds` groups on top of these limits: classes that are not named stay.
    pub(crate) fn updated(mut self, words: &[Vec<u8>]) -> Result<Self, String> {
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        for group in words.chunks_exact(4) {
            let slot = match group[0].to_ascii_lowercase().as_slice() {
                b"normal" => &mut self.normal,
                b"slave" | b"replica" => &mut self.replica,
                b"pubsub" => &mut self.pubsub,
                _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
            };
            let limit = (|| {
                Some(OutputLimit {
                    hard_bytes: parse_memory(&group[1])?,
                    soft_bytes: parse_memory(&group[2])?,
                    soft_seconds: u64::try_from(parse_c_integer(&group[3])?).ok()?,
                })
            })();
            *slot =
                limit.ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        }
        Ok(self)
    }

    /// All limits as CONFIG GET prints them.
    pub(crate) fn format(&self) -> String {
        let classes: Vec<String> = self
            .classes()
            .iter()
            .map(|(name, limit)| {
                format!("{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
            })
            .collect();
        classes.join(" ")
    }

    /// One line for each class as CONFIG REWRITE writes it, and whether it differs from `default`.
    pub(crate) fn rewritten(&self, default: &Self) -> Vec<(String, bool)> {
        let named = |name| if name == "slave" { "replica" } else { name };
        self.classes()
            .into_iter()
            .zip(default.classes())
            .map(|((name, limit), (_, usual))| {
                let hard = format_memory(i128::from(limit.hard_bytes));
                let soft = format_memory(i128::from(limit.soft_bytes));
                (format!("{} {hard} {soft} {}", named(name), limit.soft_seconds), limit != usual)
            })
            .collect()
    }
}

/// Read the three values of `oom-score-adj-values`.
pub(crate) fn parse_oom_values(words: &[Vec<u8>]) -> Result<[i32; 3], String> {
    let words: &[Vec<u8>; 3] = words.try_into().map_err(|_| "wrong number of arguments")?;
    let mut values = [0; 3];
    for (value, word) in values.iter_mut().zip(words) {
        *value = parse_c_integer(word)
            .and_then(|number| i32::try_from(number).ok())
            .filter(|number| (-2000..=2000).contains(number))
            .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
    }
    Ok(values)
}

/// Read the addresses of `bind`; one empty word stands for none.
pub(crate) fn parse_bind(words: &[Vec<u8>]) -> Result<Vec<BindAddress>, String> {
    if words.len() > BIND_ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    none_if_one_empty(words)
        .iter()
        .map(|word| {
            let word = String::from_utf8(word.clone()).map_err(|_| "an address must be plain text")?;
            Ok(match word.strip_prefix('-') {
                Some(host) => BindAddress { host: host.to_owned(), optional: true },
                None => BindAddress { host: word, optional: false },
            })
        })
        .collect()
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindAddress {
    /// An IPv4 or IPv6 address, a host name, or `*` for every IPv4 and `::*` for every IPv6 address.
    pub host: String,
    /// Written with a `-` in front: when the machine does not have the address, the server starts without it.
    pub optional: bool,
}

impl std::fmt::Display for BindAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.optional { "-" } else { "" };
        write!(f, "{sign}{}", self.host)
    }
}

/// The server that this one is a replica of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Read `replicaof host port`, or `no one`.
pub(crate) fn parse_replicaof(words: &[Vec<u8>]) -> Result<Option<Primary>, String> {
    let [host, port] = words else {
        return Err("wrong number of arguments".into());
    };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(None);
    }
    let port =
        parse_c_integer(port).and_then(|port| u16::try_from(port).ok()).ok_or("Invalid master port")?;
    let host = String::from_utf8(host.clone()).map_err(|_| "the host must be plain text")?;
    Ok(Some(Primary { host, port }))
}

/// Read percentiles between 0 and 100; one empty word stands for none.
pub(crate) fn parse_percentiles(words: &[Vec<u8>]) -> Result<Vec<f64>, String> {
    none_if_one_empty(words)
        .iter()
        .map(|word| {
            let number = std::str::from_utf8(word)
                .ok()
                .filter(|text| !text.starts_with([' ', '\t']))
                .and_then(|text| text.parse::<f64>().ok())
                .filter(|number| !number.is_nan());
            let number = number.ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if (0.0..=100.0).contains(&number) {
                Ok(number)
            } else {
                Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".to_owned())
            }
        })
        .collect()
}

/// Percentiles as CONFIG GET prints them: at most six places, without zeros at the end.
pub(crate) fn format_percentiles(percentiles: &[f64]) -> String {
    let printed: Vec<String> = percentiles
        .iter()
        .map(|percentile| format!("{percentile:.6}").trim_end_matches('0').trim_end_matches('.').to_owned())
        .collect();
    printed.join(" ")
}

fn none_if_one_empty(words: &[Vec<u8>]) -> &[Vec<u8>] {
    match words {
        [only] if only.is_empty() => &[],
        words => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn save_takes_pairs_with_at_least_one_second() {
        let parsed = parse_save(&words("3600 1 1 0")).expect("two pairs");
        assert_eq!(format_save(&parsed), "3600 1 1 0");
        assert_eq!(parse_save(&words("")), Ok(vec![]));
        assert_eq!(parse_save(&[]), Ok(vec![]));
        for line in ["1", "0 1", "1 -1", "1 2 3", "1 x", "1  2"] {
            assert_eq!(parse_save(&words(line)), Err("Invalid save parameters".into()), "{line}");
        }
    }

    #[test]
    fn output_limits_change_only_the_named_classes() {
        let limits =
            OutputLimits::default().updated(&words("pubsub 32mb 8mb 60 REPLICA 1k 1 0")).expect("two groups");
        assert_eq!(limits.format(), "normal 0 0 0 slave 1000 1 0 pubsub 33554432 8388608 60");
        let lines = limits.rewritten(&OutputLimits::default());
        assert_eq!(lines[0], ("normal 0 0 0".into(), false));
        assert_eq!(lines[2], ("pubsub 32mb 8mb 60".into(), true));
        assert_eq!(lines[1].0, "replica 1000 1 0");
    }

    #[test]
    fn bad_output_limits_are_refused() {
        let refused = |line: &str| OutputLimits::default().updated(&words(line)).expect_err(line);
        assert!(refused("normal 1 1").starts_with("Wrong number"));
        assert!(refused("master 1 1 1").starts_with("Invalid client class"));
        for line in
            ["normal x 1 1", "normal 1 x 1", "normal 1 1 x", "normal 1 1 -1", "normal 0 0 0 pubsub 1 1 -1"]
        {
            assert!(refused(line).starts_with("Error in hard"), "{line}");
        }
    }

    #[test]
    fn oom_values_have_bounds() {
        assert_eq!(parse_oom_values(&words("-2000 0 2000")), Ok([-2000, 0, 2000]));
        assert!(
            parse_oom_values(&words("-2001 0 0")).is_err() && parse_oom_values(&words("0 0 2001")).is_err()
        );
        assert_eq!(parse_oom_values(&words("1 2")), Err("wrong number of arguments".into()));
    }

    #[test]
    fn bind_takes_up_to_sixteen_addresses() {
        let bound = parse_bind(&words("* -::*")).expect("two addresses");
        assert!(bound[1].optional && bound[1].host == "::*" && bound[1].to_string() == "-::*");
        assert_eq!(parse_bind(&words("")), Ok(vec![]));
        assert!(parse_bind(&vec![b"::1".to_vec(); 16]).is_ok());
        assert_eq!(parse_bind(&vec![b"::1".to_vec(); 17]), Err("Too many bind addresses specified.".into()));
    }

    #[test]
    fn replicaof_takes_host_and_port() {
        assert_eq!(parse_replicaof(&words("NO one")), Ok(None));
        assert_eq!(parse_replicaof(&words("h 65535")), Ok(Some(Primary { host: "h".into(), port: 65535 })));
        assert_eq!(parse_replicaof(&words("h 65536")), Err("Invalid master port".into()));
        assert_eq!(parse_replicaof(&words("h")), Err("wrong number of arguments".into()));
    }

    #[test]
    fn percentiles_sit_between_0_and_100() {
        let parsed = parse_percentiles(&words("50 99.95 100 0.1234567 0")).expect("in bounds");
        assert_eq!(format_percentiles(&parsed), "50 99.95 100 0.123457 0");
        assert!(parse_percentiles(&words("100.1")).is_err() && parse_percentiles(&words("-0.1")).is_err());
        assert!(parse_percentiles(&words("x")).is_err() && parse_percentiles(&words("nan")).is_err());
    }
}
