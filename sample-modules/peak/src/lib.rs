//! PEAK.INCR counts, and remembers how high it ever counted. The smallest module with a type of its own.
use sandkey::prelude::*;

#[derive(Default, DataType)]
#[data_type(name = "peak-cntr", encver = 1)]
struct Peak {
    now: i64,
    max: i64,
}

/// Add to a counter, and reply with the highest value it ever had.
#[command("peak.incr", write, fast, denyoom)]
fn incr(ctx: &Context, key: Key, by: Option<i64>) -> Result<i64> {
    let mut peak = ctx.open_mut::<Peak>(&key)?.or_default()?;
    peak.now = peak.now.checked_add(by.unwrap_or(1)).ok_or(Error::Overflow)?;
    peak.max = peak.max.max(peak.now);
    Ok(peak.max)
}

/// Reply with a counter's value and the highest that it ever had; null if there is no such counter.
#[command("peak.get", readonly, fast)]
fn get(ctx: &Context, key: Key) -> Result<Option<(i64, i64)>> {
    Ok(ctx.open_ref::<Peak>(&key)?.map(|peak| (peak.now, peak.max)))
}

/// Forget how high a counter ever was: its highest value is now the one that it has. Reply with whether there is such a counter.
#[command("peak.reset", write, fast)]
fn reset(ctx: &Context, key: Key) -> Result<bool> {
    let Some(mut peak) = ctx.open_mut::<Peak>(&key)?.get() else { return Ok(false) };
    peak.max = peak.now;
    Ok(true)
}

module! {
    name: "peak",
    version: 1,
    summary: "Counters that remember how high they ever were.",
    types: [Peak],
    commands: [incr, get, reset],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_stays_when_the_counter_falls() {
        let ctx = Context::test();
        assert_eq!(ctx.run::<get>(["visits"]).unwrap(), sandkey::Value::Null);
        assert_eq!(ctx.run::<incr>(["visits"]).unwrap(), 1);
        assert_eq!(ctx.run::<incr>(["visits", "9"]).unwrap(), 10);
        assert_eq!(ctx.run::<incr>(["visits", "-4"]).unwrap(), 10);
        assert_eq!(ctx.run::<get>(["visits"]).unwrap(), [6, 10]);
        assert_eq!(ctx.key("visits").type_name().as_deref(), Some("peak-cntr"));
    }

    #[test]
    fn a_reset_forgets_the_peak_and_makes_no_counter() {
        let ctx = Context::test();
        assert_eq!(ctx.run::<reset>(["visits"]).unwrap(), false);
        assert!(!ctx.key("visits").exists());
        ctx.run::<incr>(["visits", "5"]).unwrap();
        ctx.run::<incr>(["visits", "-3"]).unwrap();
        assert_eq!(ctx.run::<reset>(["visits"]).unwrap(), true);
        assert_eq!(ctx.run::<get>(["visits"]).unwrap(), [2, 2]);
    }

    #[test]
    fn it_survives_a_restart() {
        let ctx = Context::test();
        ctx.run::<incr>(["visits", "5"]).unwrap();
        ctx.run::<incr>(["visits", "-9"]).unwrap();
        ctx.reload().unwrap();
        assert_eq!(ctx.run::<get>(["visits"]).unwrap(), [-4, 5]);
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let ctx = Context::test();
        ctx.run::<incr>(["visits", "9223372036854775807"]).unwrap();
        assert_eq!(ctx.run::<incr>(["visits"]), Err(Error::Overflow));
        assert_eq!(ctx.run::<get>(["visits"]).unwrap(), [i64::MAX, i64::MAX]);
        assert_eq!(ctx.run::<incr>(["visits", "many"]), Err(Error::NotAnInteger));
        ctx.key("text").set("hello").unwrap();
        assert_eq!(ctx.run::<incr>(["text"]), Err(Error::WrongType));
        assert_eq!(ctx.run::<get>(["text"]), Err(Error::WrongType));
        assert_eq!(ctx.run::<reset>(["text"]), Err(Error::WrongType));
        assert_eq!(ctx.key("visits").get(), Err(Error::WrongType));
    }
}
