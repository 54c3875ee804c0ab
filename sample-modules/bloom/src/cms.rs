//! CMS.*: count-min sketches, which count items and are never too low.

use sandkey::prelude::*;

use crate::limits::SOURCES;
use crate::options::{create, number, number_in, open, open_mut};
use crate::sketch::Refusal;
use crate::sketch::countmin::CountMin;
use crate::sketch::hash::ItemHash;

const EXISTS: &str = "CMS: key already exists";
const MISSING: &str = "CMS: key does not exist";

fn no_memory(_: Refusal) -> Error {
    "CMS: Insufficient memory to create the key".into()
}

/// Create a count-min sketch with so many counters.
///
/// `CMS.INITBYDIM key width depth` -- O(1). OK, or an error if the key exists.
#[command("cms.initbydim", write, denyoom, fast, complexity = "O(1)", since = "2.0.0")]
pub fn initbydim(ctx: &Context, key: Key, width: &[u8], depth: &[u8]) -> Result<()> {
    let width: i64 = number_in(width, 1.., "CMS: invalid width")?;
    let depth: i64 = number_in(depth, 1.., "CMS: invalid depth")?;
    create(ctx, &key, EXISTS, || CountMin::new(width.unsigned_abs(), depth.unsigned_abs()).map_err(no_memory))
}

/// Create a count-min sketch that keeps an error with a probability.
///
/// `CMS.INITBYPROB key error probability` -- O(1). A count is too high by more than `error` of all that was counted with that
/// probability at the most. OK, or an error if the key exists.
#[command("cms.initbyprob", write, denyoom, fast, complexity = "O(1)", since = "2.0.0")]
pub fn initbyprob(ctx: &Context, key: Key, error: &[u8], probability: &[u8]) -> Result<()> {
    let within = f64::MIN_POSITIVE..1.0;
    let error = number_in(error, within.clone(), "CMS: invalid overestimation value")?;
    let probability = number_in(probability, within, "CMS: invalid prob value")?;
    create(ctx, &key, EXISTS, || CountMin::with_error(error, probability).map_err(no_memory))
}

/// Count items in a count-min sketch.
///
/// `CMS.INCRBY key item increment [item increment ...]` -- O(n) with n items. The count of each from now on. A counter that would
/// overflow is an error, and then nothing is counted.
#[command(
    "cms.incrby",
    write,
    denyoom,
    fast,
    complexity = "O(n * d) with n items and d rows",
    since = "2.0.0"
)]
pub fn incrby(ctx: &Context, key: Key, items: Many<(&[u8], &[u8])>) -> Result<Vec<u32>> {
    let overflow = || error!("CMS: INCRBY overflow");
    let mut counts = Vec::with_capacity(items.len());
    for (item, increment) in &items {
        let increment: i64 = number(increment, "CMS: Cannot parse number")?;
        bail!(if increment < 0, "CMS: Number cannot be negative");
        counts.push((ItemHash::of(item), u32::try_from(increment).map_err(|_| overflow())?));
    }
    let mut sketch = open_mut::<CountMin>(ctx, &key, MISSING)?;
    counts.into_iter().map(|(hash, by)| sketch.add(hash, by).map_err(|_| overflow())).collect()
}

/// Say how often items were counted in a count-min sketch.
///
/// `CMS.QUERY key item [item ...]` -- O(n) with n items. For each a count that may be too high and is never too low.
#[command("cms.query", readonly, fast, complexity = "O(n * d) with n items and d rows", since = "2.0.0")]
pub fn query(ctx: &Context, key: Key, item: Many<&[u8]>) -> Result<Reply> {
    let sketch = open::<CountMin>(ctx, &key, MISSING)?;
    Ok(item.iter().map(|item| sketch.query(ItemHash::of(item))).collect())
}

/// Make a count-min sketch the sum of others.
///
/// `CMS.MERGE destination numkeys source [source ...] [WEIGHTS weight [weight ...]]` -- O(n) with n counters of all. The destination
/// exists, has the shape of the sources, and loses what it counted unless it is one of them.
#[command(
    "cms.merge", write, denyoom, complexity = "O(n) with n counters of all sketches", since = "2.0.0",
    keys(count = 2, first = 3, step = 1, read), options(WEIGHTS = integer)
)]
pub fn merge(ctx: &Context, destination: Key, numkeys: &[u8], source: Many<&[u8]>) -> Result<()> {
    let count: i64 = number(numkeys, "CMS: invalid numkeys")?;
    bail!(if count < 1, "CMS: Number of keys must be positive");
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (names, weights) = source.split_at_checked(count).ok_or("CMS: wrong number of keys")?;
    bail!(if count > SOURCES, "CMS: {count} keys are too many to merge at once, {SOURCES} are the most");
    let weights = weights_of(weights, count)?;
    let (width, depth) = {
        let destination = open::<CountMin>(ctx, &destination, MISSING)?;
        (destination.width(), destination.depth())
    };
    let merged = {
        let open_source = |name: &&[u8]| open::<CountMin>(ctx, &ctx.open_read(*name)?, MISSING);
        let sources = names.iter().map(open_source).collect::<Result<Vec<_>>>()?;
        let weighted: Vec<_> = sources.iter().map(|source| &**source).zip(weights).collect();
        CountMin::merged(width, depth, &weighted).map_err(|why| match why {
            Refusal::Shapes => error!("CMS: width/depth is not equal"),
            Refusal::Overflow => error!("CMS: MERGE overflow"),
            why => no_memory(why),
        })?
    };
    *open_mut::<CountMin>(ctx, &destination, MISSING)? = merged;
    Ok(())
}

/// The weight of each source: 1 unless the arguments say otherwise.
fn weights_of(arguments: &[&[u8]], count: usize) -> Result<Vec<i64>> {
    let Some((word, weights)) = arguments.split_first() else { return Ok(vec![1; count]) };
    bail!(if !word.eq_ignore_ascii_case(b"WEIGHTS"), "CMS: wrong number of keys");
    bail!(if weights.len() != count, "CMS: wrong number of keys/weights");
    weights.iter().map(|weight| number(weight, "CMS: invalid weight value")).collect()
}

/// Describe a count-min sketch.
///
/// `CMS.INFO key` -- O(1). A map of its dimensions and of everything that was counted.
#[command("cms.info", readonly, fast, complexity = "O(1)", since = "2.0.0")]
pub fn info(ctx: &Context, key: Key) -> Result<Reply> {
    let sketch = open::<CountMin>(ctx, &key, MISSING)?;
    let (width, depth) = (u64::from(sketch.width()), u64::from(sketch.depth()));
    Ok(crate::reply::map([("width", width), ("depth", depth), ("count", sketch.count())]))
}
