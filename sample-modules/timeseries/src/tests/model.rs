//! Series against plain vectors: anything done in any order must come out as if a vector of samples had been sorted, searched and
//! looped over. Every step is seeded; a failure names its seed.

use sandkey::prelude::*;

use super::{ask, run, server};
use crate::aggregate::Aggregator;
use crate::policy::Duplicates;
use crate::testing::Random;
use crate::words::Words;

type Row = (i64, f64);

/// What a series should be.
#[derive(Default)]
struct Model {
    rows: Vec<Row>,
    retention: i64,
}

impl Model {
    fn since(&self) -> i64 {
        let last = self.rows.last().map_or(0, |row| row.0);
        if self.retention > 0 { (last - self.retention).max(0) } else { 0 }
    }

    fn expire(&mut self) {
        let since = self.since();
        self.rows.retain(|row| row.0 >= since);
    }

    /// Whether the sample is taken.
    fn add(&mut self, at: i64, value: f64, policy: Duplicates) -> bool {
        if at < self.since() {
            return false;
        }
        match self.rows.binary_search_by_key(&at, |row| row.0) {
            Ok(there) => {
                let Some(resolved) = policy.resolve(self.rows[there].1, value) else { return false };
                self.rows[there].1 = resolved;
            }
            Err(between) => self.rows.insert(between, (at, value)),
        }
        self.expire();
        true
    }

    fn remove(&mut self, from: i64, to: i64) -> usize {
        let before = self.rows.len();
        self.rows.retain(|row| row.0 < from || row.0 > to);
        before - self.rows.len()
    }

    /// The rows of a query with one aggregator, by definition: bucket by bucket.
    fn aggregate(&self, query: &Wanted) -> Vec<Row> {
        let inside: Vec<Row> = self.rows.iter().copied().filter(|row| query.passes(*row)).collect();
        let start_of = |at: i64| at - (at - query.align).rem_euclid(query.duration);
        let (Some(first), Some(last)) = (inside.first(), inside.last()) else { return Vec::new() };
        let (first, last) = (first.0.max(query.from), last.0.min(query.to));
        let mut out = Vec::new();
        let mut start = start_of(first);
        while first <= last && start <= start_of(last) {
            let within = |row: &&Row| {
                row.0 >= start && row.0 < start + query.duration && row.0 >= query.from && row.0 <= query.to
            };
            let bucket: Vec<Row> = inside.iter().filter(within).copied().collect();
            if query.empty || !bucket.is_empty() {
                let (lo, hi) = (start.max(query.from).max(0), (start + query.duration).min(query.to));
                // The neighbours may be outside of what is asked for.
                let earliest = bucket.first().map_or(start.max(query.from), |row| row.0);
                let latest = bucket.last().map_or((start + query.duration - 1).min(query.to), |row| row.0);
                let before = inside.iter().rev().find(|row| row.0 < earliest).copied();
                let after = inside.iter().find(|row| row.0 > latest).copied();
                out.push((start.max(0), naive(query.aggregator, &bucket, before, after, (lo, hi))));
            }
            start += query.duration;
        }
        out
    }
}

/// What a query asks for.
struct Wanted {
    from: i64,
    to: i64,
    align: i64,
    duration: i64,
    aggregator: Aggregator,
    empty: bool,
    values: Option<(f64, f64)>,
}

impl Wanted {
    fn passes(&self, row: Row) -> bool {
        self.values.is_none_or(|(min, max)| min <= row.1 && row.1 <= max)
    }

    fn random(random: &mut Random, span: i64) -> Self {
        let from = random.between(0, span);
        let to = random.between(0, span);
        let (from, to) = if random.below(4) == 0 { (0, i64::MAX / 4) } else { (from.min(to), from.max(to)) };
        let duration = random.pick(&[1, 3, 10, 64, 1000]);
        let aggregators: Vec<Aggregator> =
            Aggregator::ALL.iter().map(|(_, aggregator)| *aggregator).collect();
        Self {
            from,
            to,
            align: random.between(0, 100),
            duration,
            aggregator: random.pick(&aggregators),
            empty: random.below(3) == 0,
            values: (random.below(4) == 0).then_some((-3.0, 4.0)),
        }
    }

    fn line(&self, name: &str, key: &str) -> String {
        let Self { from, to, align, duration, aggregator, .. } = self;
        let mut line =
            format!("{name} {key} {from} {to} ALIGN {align} AGGREGATION {} {duration}", aggregator.name());
        if let Some((min, max)) = self.values {
            line += &format!(" FILTER_BY_VALUE {min} {max}");
        }
        if self.empty {
            line += " EMPTY";
        }
        line
    }
}

fn naive(
    aggregator: Aggregator,
    rows: &[Row],
    before: Option<Row>,
    after: Option<Row>,
    frame: (i64, i64),
) -> f64 {
    let values: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let (count, sum) = (values.len() as f64, values.iter().sum::<f64>());
    let least = values.iter().copied().fold(f64::NAN, f64::min);
    let most = values.iter().copied().fold(f64::NAN, f64::max);
    let squares: f64 = values.iter().map(|value| (value - sum / count).powi(2)).sum();
    let of_sample = if count == 1.0 { 0.0 } else { squares / (count - 1.0) };
    match aggregator {
        Aggregator::Sum => sum,
        Aggregator::Count => count,
        Aggregator::Last if values.is_empty() => before.map_or(f64::NAN, |row| row.1),
        Aggregator::Twa => naive_twa(rows, before, after, frame),
        _ if values.is_empty() => f64::NAN,
        Aggregator::Avg => sum / count,
        Aggregator::Min => least,
        Aggregator::Max => most,
        Aggregator::Range => most - least,
        Aggregator::First => values[0],
        Aggregator::Last => values[values.len() - 1],
        Aggregator::StdP => (squares / count).sqrt(),
        Aggregator::VarP => squares / count,
        Aggregator::StdS => of_sample.sqrt(),
        Aggregator::VarS => of_sample,
    }
}

/// Lines through all points and the edges, as far as there is something on the other side.
fn naive_twa(rows: &[Row], before: Option<Row>, after: Option<Row>, (lo, hi): (i64, i64)) -> f64 {
    let line = |from: Row, to: Row, at: i64| {
        from.1 + (to.1 - from.1) * ((at - from.0) as f64 / (to.0 - from.0) as f64)
    };
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return match (before, after) {
            (Some(before), Some(after)) => (line(before, after, lo) + line(before, after, hi)) / 2.0,
            _ => f64::NAN,
        };
    };
    let mut points = rows.to_vec();
    if let Some(before) = before {
        points.insert(0, (lo, line(before, *first, lo)));
    }
    if let Some(after) = after.filter(|_| hi > last.0) {
        points.push((hi, line(*last, after, hi)));
    }
    let width = points[points.len() - 1].0 - points[0].0;
    if width == 0 {
        return last.1;
    }
    let area: f64 =
        points.windows(2).map(|two| (two[0].1 + two[1].1) / 2.0 * (two[1].0 - two[0].0) as f64).sum();
    area / width as f64
}

fn rows(ctx: &Context, line: &str) -> Vec<Row> {
    let reply = run(ctx, line).unwrap_or_else(|why| panic!("{line}: {why}"));
    let row = |row: &Value| {
        let row = row.as_slice().expect("a row is a list");
        (row[0].as_integer().unwrap(), row[1].as_str().unwrap().parse().unwrap())
    };
    reply.as_slice().expect("a range is a list").iter().map(row).collect()
}

fn assert_near(found: &[Row], expected: &[Row], line: &str) {
    assert_eq!(found.len(), expected.len(), "{line}\n{found:?}\n{expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        let near = (found.1 - expected.1).abs() <= 1e-9 * (1.0 + expected.1.abs());
        let same = found.1.is_nan() && expected.1.is_nan();
        assert!(found.0 == expected.0 && (near || same), "{line}: {found:?}, not {expected:?}");
    }
}

/// Values whose sums are exact.
fn value(random: &mut Random) -> f64 {
    random.between(-64, 64) as f64 / 8.0
}

#[test]
fn a_series_is_as_a_vector_whatever_is_done_to_it() {
    for seed in 0..24 {
        let mut random = Random::new(seed);
        let ctx = server();
        let mut model = Model { retention: random.pick(&[0, 0, 300]), ..Model::default() };
        let encoding = random.pick(&["COMPRESSED", "UNCOMPRESSED"]);
        let size = random.pick(&[48, 64, 256, 4096]);
        let policy = random.pick(&[
            Duplicates::Block,
            Duplicates::First,
            Duplicates::Last,
            Duplicates::Min,
            Duplicates::Max,
            Duplicates::Sum,
        ]);
        run(
            &ctx,
            &format!(
                "TS.CREATE k RETENTION {} ENCODING {encoding} CHUNK_SIZE {size} DUPLICATE_POLICY {}",
                model.retention,
                policy.name()
            ),
        )
        .unwrap();
        for step in 0..150 {
            match random.below(30) {
                0 => {
                    let since = model.since();
                    let from = random.between(since, since + 800);
                    let to = from + random.between(0, 100);
                    let removed = run(&ctx, &format!("TS.DEL k {from} {to}")).unwrap();
                    assert_eq!(removed, i64::try_from(model.remove(from, to)).unwrap());
                }
                1 => ctx.reload().unwrap(),
                2 => ctx.lose_objects(),
                _ => {
                    let at = random.between(0, 10) * random.between(0, 100);
                    let value = value(&mut random);
                    let taken = run(&ctx, &format!("TS.ADD k {at} {value}")).is_ok();
                    assert_eq!(taken, model.add(at, value, policy), "seed {seed} step {step}");
                }
            }
            compare(&ctx, &model, &mut random, seed);
        }
    }
}

fn compare(ctx: &Context, model: &Model, random: &mut Random, seed: u64) {
    let all = rows(ctx, "TS.RANGE k - +");
    assert_eq!(all, model.rows, "seed {seed}");
    let mut wanted = Wanted::random(random, 1000);
    let line = wanted.line("TS.RANGE", "k");
    let mut expected = model.aggregate(&wanted);
    // A query without end goes on until the last sample.
    wanted.to = wanted.to.min(i64::MAX / 4);
    assert_near(&rows(ctx, &line), &expected, &format!("seed {seed}: {line}"));
    let count = usize::try_from(random.between(1, 5)).unwrap();
    assert_near(&rows(ctx, &format!("{line} COUNT {count}")), &expected[..count.min(expected.len())], &line);
    expected.reverse();
    let line = wanted.line("TS.REVRANGE", "k");
    assert_near(&rows(ctx, &line), &expected, &format!("seed {seed}: {line}"));
    assert_near(&rows(ctx, &format!("{line} COUNT {count}")), &expected[..count.min(expected.len())], &line);
}

#[test]
fn a_compaction_is_the_aggregation_of_its_source() {
    for seed in 100..110 {
        let mut random = Random::new(seed);
        let ctx = server();
        run(&ctx, &format!("TS.CREATE s DUPLICATE_POLICY last CHUNK_SIZE {}", random.pick(&[48, 128, 4096])))
            .unwrap();
        let mut rules = Vec::new();
        for (number, (name, _)) in Aggregator::ALL.iter().enumerate() {
            let (duration, align) = (random.pick(&[1, 7, 20, 100]), random.between(0, 30));
            run(&ctx, &format!("TS.CREATE d{number} ENCODING UNCOMPRESSED")).unwrap();
            run(&ctx, &format!("TS.CREATERULE s d{number} AGGREGATION {name} {duration} {align}")).unwrap();
            rules.push(format!("- + ALIGN {align} AGGREGATION {name} {duration}"));
        }
        let mut now = 0;
        for step in 0..80 {
            match random.below(12) {
                0 => {
                    let from = random.between(0, now);
                    let to = from + random.between(0, 60);
                    run(&ctx, &format!("TS.DEL s {from} {to}")).unwrap();
                }
                1 => ctx.reload().unwrap(),
                2 => ctx.lose_objects(),
                3..6 => {
                    let at = random.between(0, now);
                    run(&ctx, &format!("TS.ADD s {at} {}", value(&mut random))).unwrap();
                }
                6 => {
                    let line: Vec<String> = (0..4)
                        .map(|_| format!("s {} {}", random.between(0, now + 50), value(&mut random)))
                        .collect();
                    run(&ctx, &format!("TS.MADD {}", line.join(" "))).unwrap();
                    now += 50;
                }
                _ => {
                    now += random.between(1, 30);
                    run(&ctx, &format!("TS.ADD s {now} {}", value(&mut random))).unwrap();
                }
            }
            for (number, rule) in rules.iter().enumerate() {
                let compacted = rows(&ctx, &format!("TS.RANGE d{number} - + LATEST"));
                let expected = rows(&ctx, &format!("TS.RANGE s {rule}"));
                assert_near(&compacted, &expected, &format!("seed {seed} step {step}: {rule}"));
            }
        }
    }
}

#[test]
fn the_same_commands_give_the_same_bytes_however_often_values_were_loaded() {
    use crate::series::Series;
    use sandkey::data_type::{DataType, Writer};
    for seed in 200..220 {
        let saved = |reloads: bool| {
            let mut random = Random::new(seed);
            let ctx = server();
            run(&ctx, "TS.CREATE s DUPLICATE_POLICY sum CHUNK_SIZE 64 RETENTION 500").unwrap();
            run(&ctx, "TS.CREATE d").unwrap();
            run(&ctx, "TS.CREATERULE s d AGGREGATION twa 20").unwrap();
            for step in 0..300 {
                let line = match random.below(10) {
                    0 => format!("TS.DEL s {} +", 4 * step),
                    1 => format!("TS.ALTER s CHUNK_SIZE {}", random.pick(&[48, 64, 128])),
                    2 => format!("TS.INCRBY s {} TIMESTAMP {}", value(&mut random), 5 * step),
                    _ => format!("TS.ADD s {} {}", random.between(4 * step, 5 * step), value(&mut random)),
                };
                let _ = run(&ctx, &line);
                if reloads && step % 3 == 0 {
                    ctx.reload().unwrap();
                }
            }
            ["s", "d"].map(|key| {
                let mut writer = Writer::new();
                ctx.open_ref::<Series>(&ctx.key(key)).unwrap().unwrap().save(&mut writer);
                writer.into_bytes()
            })
        };
        assert_eq!(saved(false), saved(true), "seed {seed}");
    }
}

#[test]
fn equal_series_have_equal_digests_whatever_happened_to_them() {
    use crate::series::Series;
    use sandkey::data_type::DataType;
    let digest = |lines: &[&str]| {
        let ctx = server();
        for line in lines {
            ask(&ctx, line);
        }
        let mut digest = Vec::new();
        ctx.open_ref::<Series>(&ctx.key("k")).unwrap().unwrap().digest(&mut digest);
        digest
    };
    let one = digest(&["TS.CREATE k CHUNK_SIZE 48", "TS.MADD k 1 1 k 2 2 k 3 3 k 4 4 k 5 5"]);
    let other =
        digest(&["TS.CREATE k CHUNK_SIZE 48", "TS.MADD k 5 5 k 4 4 k 9 9 k 3 3 k 1 1 k 2 2", "TS.DEL k 9 9"]);
    assert_eq!(one, other);
    assert_ne!(one, digest(&["TS.CREATE k CHUNK_SIZE 48", "TS.MADD k 1 1 k 2 2 k 3 3 k 4 4 k 5 6"]));
}
