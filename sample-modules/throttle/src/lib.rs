//! Rate limiting in one command, as redis-cell has it: CL.THROTTLE with the same arguments and the same reply.
//! The state of a limit is one number under its key, and the key goes when the limit is whole again.
//! The arithmetic is in `gcra`, where it can be tested without a server.
use sandkey::prelude::*;

mod gcra;

/// Take from a limit that lets so many actions through in a period, and a burst at first.
///
/// `CL.THROTTLE key max_burst count period [quantity]` -- O(1). `count` actions are allowed in `period` seconds, and
/// `max_burst` more at once after a rest. `quantity` actions are taken, 1 if it is left out; with 0 the limit is only looked at.
///
/// Reply: five integers. Whether the action is limited (1) or allowed (0); how many can be let through at once; how many could be
/// now; in how many seconds to try again, -1 if allowed or if it never will be; in how many seconds the limit is whole again.
/// Parts of a second count as one, so that who waits as told is let through.
#[command("cl.throttle", write, fast, denyoom, complexity = "O(1)", since = "1")]
fn throttle(
    ctx: &Context,
    key: Key,
    max_burst: i64,
    count: i64,
    period: i64,
    quantity: Option<i64>,
) -> Result<[i64; 5]> {
    let limit = gcra::Limit::new(max_burst, count, period)?;
    let now = i64::try_from(ctx.now().as_nanos()).map_err(|_| Error::Overflow)?;
    let outcome = limit.take(key.get_as()?, now, quantity.unwrap_or(1))?;
    if let Some(full_at) = outcome.store {
        key.set(full_at)?;
        // Not before the limit is whole: the key may live up to a millisecond longer.
        key.expire_at_ms(full_at.cast_unsigned().div_ceil(1_000_000))?;
    }
    Ok(outcome.reply())
}

module! {
    name: "throttle",
    version: 1,
    summary: "Rate limiting with the commands of redis-cell.",
    commands: [throttle],
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn run(ctx: &Context, line: &str) -> Result<sandkey::Value> {
        ctx.run::<throttle>(line.split(' '))
    }

    #[test]
    fn the_burst_and_then_the_rate() {
        let ctx = Context::test();
        for taken in 1..=16 {
            assert_eq!(run(&ctx, "user 15 30 60").unwrap(), [0, 16, 16 - taken, -1, 2 * taken]);
        }
        assert_eq!(run(&ctx, "user 15 30 60").unwrap(), [1, 16, 0, 2, 32]);
        ctx.advance(Duration::from_micros(1_999_999));
        assert_eq!(run(&ctx, "user 15 30 60").unwrap(), [1, 16, 0, 1, 31]);
        ctx.advance(Duration::from_micros(1));
        assert_eq!(run(&ctx, "user 15 30 60").unwrap(), [0, 16, 0, -1, 32]);
    }

    #[test]
    fn the_key_goes_when_the_limit_is_whole() {
        let ctx = Context::test();
        run(&ctx, "user 4 1 10").unwrap();
        ctx.advance(Duration::from_millis(9_999));
        assert!(ctx.key("user").exists());
        ctx.advance(Duration::from_millis(1));
        assert!(!ctx.key("user").exists());
        assert_eq!(run(&ctx, "user 4 1 10").unwrap(), [0, 5, 4, -1, 10]);
    }

    #[test]
    fn looking_takes_nothing_and_writes_nothing() {
        let ctx = Context::test();
        assert_eq!(run(&ctx, "user 4 1 10 0").unwrap(), [0, 5, 5, -1, 0]);
        assert!(!ctx.key("user").exists());
    }

    #[test]
    fn what_can_never_be_let_through_is_not_told_to_wait() {
        let ctx = Context::test();
        assert_eq!(run(&ctx, "user 4 1 10 6").unwrap(), [1, 5, 5, -1, 0]);
        assert!(!ctx.key("user").exists());
    }

    #[test]
    fn bad_input_is_refused_and_changes_nothing() {
        let ctx = Context::test();
        for line in ["user 1 2", "user 1 2 3 4 5"] {
            assert_eq!(run(&ctx, line), Err(Error::WrongArity), "{line}");
        }
        for line in ["user x 1 1", "user 1 1.5 1", "user 1 1 9223372036854775808", "user 1 1 1 x"] {
            assert_eq!(run(&ctx, line), Err(Error::NotAnInteger), "{line}");
        }
        for line in
            ["user -1 1 1", "user 1 0 1", "user 1 1 0", "user 1 1 1 -1", "user 1 1 9223372036854775807"]
        {
            assert!(run(&ctx, line).is_err(), "{line}");
        }
        assert!(!ctx.key("user").exists());
        ctx.key("text").set("hello").unwrap();
        assert_eq!(run(&ctx, "text 1 1 1"), Err(Error::NotAnInteger));
        ctx.key("hash").hash().set("f", "v").unwrap();
        assert_eq!(run(&ctx, "hash 1 1 1"), Err(Error::WrongType));
    }
}
