//! On strings.
use sandkey::prelude::*;

use crate::Outcome;
use crate::options::{Bounds, Ttl};

/// Set a string if it has the expected value.
///
/// `CAS.SET key expected new [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]` -- O(1). 1 if it was set, 0 if the value is another,
/// -1 if there is no such key.
#[command(
    "cas.set", write, denyoom, fast, complexity = "O(1)", since = "1",
    options(EX = integer, PX = integer, EXAT = integer, PXAT = integer, KEEPTTL)
)]
pub fn set(ctx: &Context, key: Key, expected: &[u8], new: &[u8], options: Args) -> Result<Outcome> {
    let ttl = Ttl::parse(ctx, options)?;
    let outcome = Outcome::of(key.get()?, expected);
    if outcome == Outcome::Done {
        ttl.write(&key, new)?;
    }
    Ok(outcome)
}

/// Set several strings if each of them has its expected value, or none.
///
/// `CAS.MSET key expected new [key expected new ...]` -- O(N). 1 if they were set, otherwise 0. Their times to live stay.
#[command("cas.mset", write, denyoom, complexity = "O(N) with the number of keys", since = "1")]
pub fn mset(_ctx: &Context, changes: Many<(Key, &[u8], &[u8])>) -> Result<i64> {
    for (key, expected, _) in &changes {
        if key.get()?.as_deref() != Some(*expected) {
            return Ok(0);
        }
    }
    for (key, _, new) in &changes {
        key.replace(*new)?;
    }
    Ok(1)
}

/// Set a string if it has the expected value, and reply with the value that it had.
///
/// `CAS.SWAP key expected new` -- O(1). Null if there is no such key, and then nothing is set. The value was set if the reply is
/// what was expected. The time to live stays.
#[command("cas.swap", write, denyoom, fast, complexity = "O(1)", since = "1")]
pub fn swap(_ctx: &Context, key: Key, expected: &[u8], new: &[u8]) -> Result<Option<Vec<u8>>> {
    let current = key.get()?;
    if current.as_deref() == Some(expected) {
        key.replace(new)?;
    }
    Ok(current)
}

/// Delete a string if it has the expected value.
///
/// `CAS.DEL key expected` -- O(1). 1 if it was deleted, 0 if the value is another, -1 if there is no such key.
#[command("cas.del", write, fast, complexity = "O(1)", since = "1")]
pub fn del(_ctx: &Context, key: Key, expected: &[u8]) -> Result<Outcome> {
    let outcome = Outcome::of(key.get()?, expected);
    if outcome == Outcome::Done {
        key.delete()?;
    }
    Ok(outcome)
}

/// Let a string expire in so many milliseconds if it has the expected value.
///
/// `CAS.PEXPIRE key expected milliseconds` -- O(1). 1 if the time was set, 0 if the value is another, -1 if there is no such key.
/// Zero and less delete the key, as PEXPIRE does.
#[command("cas.pexpire", write, fast, complexity = "O(1)", since = "1")]
pub fn pexpire(ctx: &Context, key: Key, expected: &[u8], milliseconds: i64) -> Result<Outcome> {
    let now = i64::try_from(ctx.now_ms()).map_err(|_| Error::Overflow)?;
    let invalid = || error!("ERR invalid expire time in 'cas.pexpire' command");
    let when = now.checked_add(milliseconds).ok_or_else(invalid)?;
    let outcome = Outcome::of(key.get()?, expected);
    if outcome == Outcome::Done {
        key.expire_at_ms(u64::try_from(when).unwrap_or(0))?;
    }
    Ok(outcome)
}

/// Add to a counter unless that would lead out of its bounds.
///
/// `CAS.INCRBY key by [MIN n] [MAX n]` -- O(1). The sum, or null if it was not added. A missing key counts as 0. The time to live
/// stays.
#[command("cas.incrby", write, denyoom, fast, complexity = "O(1)", since = "1", options(MIN = integer, MAX = integer))]
pub fn incrby(_ctx: &Context, key: Key, by: i64, bounds: Args) -> Result<Option<i64>> {
    let bounds = Bounds::parse(bounds)?;
    let sum = bounds.add(key.get_as()?.unwrap_or(0), by);
    if let Some(sum) = sum {
        key.replace(sum)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandkey::Command;
    use std::time::Duration;

    /// Runs a command from a line of words.
    fn run<C: Command>(ctx: &Context, line: &str) -> Result<Value> {
        ctx.run::<C>(line.split(' '))
    }

    fn with(key: &str, value: &str) -> Context {
        let ctx = Context::test();
        ctx.key(key).set(value).unwrap();
        ctx
    }

    #[test]
    fn set_tells_the_three_cases_apart() {
        let ctx = with("k", "old");
        assert_eq!(run::<set>(&ctx, "k other new").unwrap(), 0);
        assert_eq!(run::<set>(&ctx, "nokey old new").unwrap(), -1);
        assert!(!ctx.key("nokey").exists());
        assert_eq!(run::<set>(&ctx, "k old new").unwrap(), 1);
        assert_eq!(ctx.key("k").get().unwrap().as_deref(), Some(&b"new"[..]));
    }

    #[test]
    fn set_treats_the_time_to_live_as_set_does() {
        let ctx = with("k", "1");
        let now = ctx.now_ms();
        assert_eq!(run::<set>(&ctx, "k 1 2 EX 10").unwrap(), 1);
        assert_eq!(ctx.key("k").expires_at_ms(), Some(now + 10_000));
        assert_eq!(run::<set>(&ctx, "k 2 3 keepttl").unwrap(), 1);
        assert_eq!(ctx.key("k").expires_at_ms(), Some(now + 10_000));
        assert_eq!(run::<set>(&ctx, "k 3 4").unwrap(), 1);
        assert_eq!(ctx.key("k").expires_at_ms(), None);
        assert_eq!(run::<set>(&ctx, &format!("k 4 5 PXAT {}", now + 5)).unwrap(), 1);
        ctx.advance(Duration::from_millis(5));
        assert!(!ctx.key("k").exists());
        for bad in ["k 1 2 EX", "k 1 2 EX 1 PX 1", "k 1 2 EX 1 KEEPTTL", "k 1 2 NX"] {
            assert_eq!(run::<set>(&ctx, bad), Err(Error::Syntax), "{bad}");
        }
        for bad in ["k 1 2 EX 0", "k 1 2 PX -1", "k 1 2 EX 9223372036854775807"] {
            assert_eq!(run::<set>(&ctx, bad), Err(error!("ERR invalid expire time")), "{bad}");
        }
    }

    #[test]
    fn mset_sets_all_or_none() {
        let ctx = with("a", "1");
        ctx.key("b").set("2").unwrap();
        assert_eq!(run::<mset>(&ctx, "a 1 x b 9 y").unwrap(), 0);
        assert_eq!(ctx.key("a").get().unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(run::<mset>(&ctx, "a 1 x b 2 y").unwrap(), 1);
        assert_eq!(ctx.key("b").get().unwrap().as_deref(), Some(&b"y"[..]));
        assert_eq!(run::<mset>(&ctx, "a x z c"), Err(Error::WrongArity));
    }

    #[test]
    fn swap_replies_with_what_was_there() {
        let ctx = with("k", "1");
        assert_eq!(run::<swap>(&ctx, "k 2 3").unwrap(), "1");
        assert_eq!(run::<swap>(&ctx, "k 1 3").unwrap(), "1");
        assert_eq!(run::<swap>(&ctx, "k 1 4").unwrap(), "3");
        assert_eq!(run::<swap>(&ctx, "nokey 1 4").unwrap(), Value::Null);
    }

    #[test]
    fn a_lock_is_extended_and_released_by_its_holder_only() {
        let ctx = with("lock", "me");
        ctx.key("lock").expire_in_ms(1000).unwrap();
        assert_eq!(run::<pexpire>(&ctx, "lock you 5000").unwrap(), 0);
        assert_eq!(run::<pexpire>(&ctx, "lock me 5000").unwrap(), 1);
        assert_eq!(ctx.key("lock").expires_at_ms(), Some(ctx.now_ms() + 5000));
        assert_eq!(run::<del>(&ctx, "lock you").unwrap(), 0);
        assert_eq!(run::<del>(&ctx, "lock me").unwrap(), 1);
        assert_eq!(run::<del>(&ctx, "lock me").unwrap(), -1);
        assert!(run::<pexpire>(&ctx, "lock me 9223372036854775807").is_err());
    }

    #[test]
    fn incrby_stays_within_its_bounds() {
        let ctx = with("stock", "3");
        ctx.key("stock").expire_in_ms(1000).unwrap();
        assert_eq!(run::<incrby>(&ctx, "stock -2 MIN 0").unwrap(), 1);
        assert_eq!(run::<incrby>(&ctx, "stock -2 MIN 0").unwrap(), Value::Null);
        assert_eq!(run::<incrby>(&ctx, "stock 9 MAX 10").unwrap(), 10);
        assert!(ctx.key("stock").expires_at_ms().is_some());
        assert_eq!(run::<incrby>(&ctx, "stock 9223372036854775807").unwrap(), Value::Null);
        assert_eq!(run::<incrby>(&ctx, "new 5").unwrap(), 5);
        assert!(run::<incrby>(&ctx, "stock 1 MIN 2 MAX 1").is_err());
        ctx.key("text").set("x").unwrap();
        assert_eq!(run::<incrby>(&ctx, "text 1"), Err(Error::NotAnInteger));
    }

    #[test]
    fn hashes_are_the_wrong_type() {
        let ctx = Context::test();
        ctx.key("h").hash().set("f", "v").unwrap();
        assert_eq!(run::<set>(&ctx, "h v w"), Err(Error::WrongType));
        assert_eq!(run::<del>(&ctx, "h v"), Err(Error::WrongType));
    }
}
