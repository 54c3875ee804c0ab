//! On fields of hashes.
use sandkey::prelude::*;

use crate::Outcome;
use crate::options::Bounds;

/// Set a field if it has the expected value.
///
/// `HCAS.SET key field expected new` -- O(1). 1 if it was set, 0 if the value is another, -1 if there is no such field.
#[command("hcas.set", write, denyoom, fast, complexity = "O(1)", since = "1")]
pub fn set(_ctx: &Context, key: Key, field: &[u8], expected: &[u8], new: &[u8]) -> Result<Outcome> {
    let outcome = Outcome::of(key.hash().get(field)?, expected);
    if outcome == Outcome::Done {
        key.hash().set(field, new)?;
    }
    Ok(outcome)
}

/// Set several fields of a hash if each of them has its expected value, or none.
///
/// `HCAS.MSET key field expected new [field expected new ...]` -- O(N). 1 if they were set, otherwise 0.
#[command("hcas.mset", write, denyoom, complexity = "O(N) with the number of fields", since = "1")]
pub fn mset(_ctx: &Context, key: Key, changes: Many<(&[u8], &[u8], &[u8])>) -> Result<i64> {
    let current = key.hash().get_many(changes.iter().map(|(field, _, _)| field))?;
    for (current, (_, expected, _)) in current.iter().zip(&changes) {
        if current.as_deref() != Some(*expected) {
            return Ok(0);
        }
    }
    key.hash().set_many(changes.iter().map(|(field, _, new)| (field, new)))?;
    Ok(1)
}

/// Delete a field if it has the expected value.
///
/// `HCAS.DEL key field expected` -- O(1). 1 if it was deleted, 0 if the value is another, -1 if there is no such field.
#[command("hcas.del", write, fast, complexity = "O(1)", since = "1")]
pub fn del(_ctx: &Context, key: Key, field: &[u8], expected: &[u8]) -> Result<Outcome> {
    let outcome = Outcome::of(key.hash().get(field)?, expected);
    if outcome == Outcome::Done {
        key.hash().delete(field)?;
    }
    Ok(outcome)
}

/// Add to a field unless that would lead out of its bounds.
///
/// `HCAS.INCRBY key field by [MIN n] [MAX n]` -- O(1). The sum, or null if it was not added. A missing field counts as 0.
#[command("hcas.incrby", write, denyoom, fast, complexity = "O(1)", since = "1", options(MIN = integer, MAX = integer))]
pub fn incrby(_ctx: &Context, key: Key, field: &[u8], by: i64, bounds: Args) -> Result<Option<i64>> {
    let bounds = Bounds::parse(bounds)?;
    let hash = key.hash();
    let current = hash.get_as(field).map_err(|error| match error {
        Error::NotAnInteger => Error::HashValueNotAnInteger,
        other => other,
    })?;
    let sum = bounds.add(current.unwrap_or(0), by);
    if let Some(sum) = sum {
        hash.set(field, sum)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandkey::Command;

    fn run<C: Command>(ctx: &Context, line: &str) -> Result<Value> {
        ctx.run::<C>(line.split(' '))
    }

    fn with(fields: &[(&str, &str)]) -> Context {
        let ctx = Context::test();
        ctx.key("h").hash().set_many(fields.iter().copied()).unwrap();
        ctx
    }

    #[test]
    fn set_and_del_tell_the_three_cases_apart() {
        let ctx = with(&[("f", "old")]);
        assert_eq!(run::<set>(&ctx, "h f other new").unwrap(), 0);
        assert_eq!(run::<set>(&ctx, "h g old new").unwrap(), -1);
        assert_eq!(run::<set>(&ctx, "h f old new").unwrap(), 1);
        assert_eq!(run::<del>(&ctx, "h f old").unwrap(), 0);
        assert_eq!(run::<del>(&ctx, "h f new").unwrap(), 1);
        assert_eq!(run::<del>(&ctx, "h f new").unwrap(), -1);
        assert!(!ctx.key("h").exists());
    }

    #[test]
    fn mset_sets_all_or_none() {
        let ctx = with(&[("a", "1"), ("b", "2")]);
        assert_eq!(run::<mset>(&ctx, "h a 1 x c 2 y").unwrap(), 0);
        assert_eq!(run::<mset>(&ctx, "h a 1 x b 2 y").unwrap(), 1);
        let all = ctx.key("h").hash().get_all().unwrap();
        assert_eq!(all.pairs().collect::<Vec<_>>(), [(&b"a"[..], &b"x"[..]), (b"b", b"y")]);
    }

    #[test]
    fn incrby_stays_within_its_bounds() {
        let ctx = with(&[("n", "5"), ("t", "x")]);
        assert_eq!(run::<incrby>(&ctx, "h n 5 MAX 10").unwrap(), 10);
        assert_eq!(run::<incrby>(&ctx, "h n 1 MAX 10").unwrap(), Value::Null);
        assert_eq!(run::<incrby>(&ctx, "h new -3").unwrap(), -3);
        assert_eq!(run::<incrby>(&ctx, "h t 1"), Err(Error::HashValueNotAnInteger));
        ctx.key("s").set("1").unwrap();
        assert_eq!(run::<incrby>(&ctx, "s f 1"), Err(Error::WrongType));
    }
}
