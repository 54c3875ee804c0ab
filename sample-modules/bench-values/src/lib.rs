//! A type of the smallest useful kind, for the benchmarks: what was measured when, sorted by time. Its twin, a native module for
//! redis-server, is with the benchmarks: keep them alike. It stands apart from `bench`, whose commands need no object in memory and
//! so run in every worker at once.
use std::collections::BTreeMap;

use sandkey::prelude::*;

/// The time of the first point that `bench.fill` makes. Times of this size take as much room as those of today in ms.
const FIRST: i64 = 1_000_000_000_000;

#[derive(Default, DataType)]
#[data_type(name = "benchsers", encver = 1)]
struct Series {
    points: BTreeMap<i64, f64>,
}

/// Put a point into a series, in place of one of the same time. Reply with how many there are.
#[command("bench.insert", write, fast, denyoom)]
fn insert(ctx: &Context, key: Key, at: i64, value: f64) -> Result<usize> {
    let mut series = ctx.open_mut::<Series>(&key)?.or_default()?;
    let points = &mut series.points;
    points.insert(at, value);
    Ok(points.len())
}

/// Reply with how many points a series has, null if there is none.
#[command("bench.len", readonly, fast)]
fn len(ctx: &Context, key: Key) -> Result<Option<usize>> {
    Ok(ctx.open_ref::<Series>(&key)?.map(|series| series.points.len()))
}

/// Make a series of so many points, in place of what there is.
#[command("bench.fill", write, denyoom)]
fn fill(ctx: &Context, key: Key, count: u32) -> Result<()> {
    // A tenth has no short form, so no point looks like another.
    let point = |n: u32| (FIRST + i64::from(n), f64::from(n) * 0.1);
    key.delete()?;
    ctx.open_mut::<Series>(&key)?.set(Series { points: (0..count).map(point).collect() })?;
    Ok(())
}

/// End in a trap.
#[command("bench.trap")]
fn trap(_ctx: &Context) -> Result<()> {
    panic!("this is what bench.trap does");
}

module! { name: "bench-values", version: 1, types: [Series], commands: [insert, len, fill, trap] }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_sorted_by_time_and_survives() {
        let ctx = Context::test();
        assert_eq!(ctx.run::<insert>(["temp", "30", "1.5"]).unwrap(), 1);
        assert_eq!(ctx.run::<insert>(["temp", "10", "2.5"]).unwrap(), 2);
        assert_eq!(ctx.run::<insert>(["temp", "30", "3.5"]).unwrap(), 2);
        ctx.reload().unwrap();
        let series = ctx.open_ref::<Series>(&ctx.key("temp")).unwrap().unwrap();
        assert!(series.points.iter().eq([(&10, &2.5), (&30, &3.5)]));
    }

    #[test]
    fn a_series_can_be_filled_at_once() {
        let ctx = Context::test();
        assert_eq!(ctx.run::<len>(["temp"]).unwrap(), sandkey::Value::Null);
        ctx.run::<insert>(["temp", "1", "1"]).unwrap();
        ctx.run::<fill>(["temp", "1000"]).unwrap();
        assert_eq!(ctx.run::<len>(["temp"]).unwrap(), 1000);
    }
}
