//! TOPK.*: the items that occur most often.

use sandkey::prelude::*;

use crate::limits::TOPK_INCREMENT;
use crate::options::{create, number_in, open, open_mut};
use crate::sketch::Refusal;
use crate::sketch::heavykeeper::{HeavyKeeper, Random};

const EXISTS: &str = "TopK: key already exists";
const MISSING: &str = "TopK: key does not exist";

/// The dimensions of a sketch that were left out.
const DEFAULT: (u64, u64, f64) = (8, 7, 0.9);

fn no_memory(_: Refusal) -> Error {
    "TopK: Insufficient memory".into()
}

/// Create an empty list of the items that occur most often.
///
/// `TOPK.RESERVE key topk [width depth decay]` -- O(1). OK, or an error if the key exists.
#[command("topk.reserve", write, denyoom, fast, complexity = "O(1)", since = "2.0.0")]
pub fn reserve(ctx: &Context, key: Key, topk: &[u8], dimensions: Vec<&[u8]>) -> Result<()> {
    let at_least_1 = |argument, or| number_in(argument, 1i64.., or).map(i64::unsigned_abs);
    let k = at_least_1(topk, "TopK: invalid k")?;
    let (width, depth, decay) = match dimensions[..] {
        [] => DEFAULT,
        [width, depth, decay] => (
            at_least_1(width, "TopK: invalid width")?,
            at_least_1(depth, "TopK: invalid depth")?,
            number_in(decay, f64::MIN_POSITIVE..=1.0, "TopK: invalid decay value. must be '<= 1' & '> 0'")?,
        ),
        _ => return Err(Error::WrongArity),
    };
    create(ctx, &key, EXISTS, || HeavyKeeper::new(k, width, depth, decay).map_err(no_memory))
}

/// Count items, and reply for each with the one that it drove from the list.
fn count_all<'a>(
    ctx: &Context,
    key: &Key,
    items: impl ExactSizeIterator<Item = (&'a [u8], u32)>,
) -> Result<Reply> {
    let mut sketch = open_mut::<HeavyKeeper>(ctx, key, MISSING)?;
    let mut random = Random::new(|| ctx.random());
    let driven_out: Vec<Option<Vec<u8>>> = items
        .map(|(item, by)| sketch.add(item, by, &mut random).map_err(no_memory))
        .collect::<Result<_>>()?;
    Ok(driven_out.into())
}

/// Count items once.
///
/// `TOPK.ADD key item [item ...]` -- O(n * depth) with n items. For each the item that it drove from the list, or null.
#[command("topk.add", write, denyoom, complexity = "O(n * (d + k)) with n items and d rows", since = "2.0.0")]
pub fn add(ctx: &Context, key: Key, items: Many<&[u8]>) -> Result<Reply> {
    count_all(ctx, &key, items.iter().map(|item| (*item, 1)))
}

/// Count items several times.
///
/// `TOPK.INCRBY key item increment [item increment ...]` -- O(n * depth) with n items. For each the item that it drove from the list, or
/// null.
#[command(
    "topk.incrby",
    write,
    denyoom,
    complexity = "O(n * (d + k)) with n items and d rows",
    since = "2.0.0"
)]
pub fn incrby(ctx: &Context, key: Key, items: Many<(&[u8], &[u8])>) -> Result<Reply> {
    let wrong = "TopK: increment must be an integer greater or equal to 0 and smaller or equal to 100,000";
    let counted = items.into_iter().map(|(item, by)| Ok((item, number_in(by, 0..=TOPK_INCREMENT, wrong)?)));
    let counted = counted.collect::<Result<Vec<_>>>()?;
    count_all(ctx, &key, counted.into_iter())
}

/// Say which items are on the list.
///
/// `TOPK.QUERY key item [item ...]` -- O(n) with n items.
#[command("topk.query", readonly, complexity = "O(n * k) with n items", since = "2.0.0")]
pub fn query(ctx: &Context, key: Key, items: Many<&[u8]>) -> Result<Reply> {
    let sketch = open::<HeavyKeeper>(ctx, &key, MISSING)?;
    Ok(items.iter().map(|item| sketch.contains(item)).collect())
}

/// Say how often items were counted.
///
/// `TOPK.COUNT key item [item ...]` -- O(n * depth) with n items. For each a count that is likely to be too low.
#[command("topk.count", readonly, complexity = "O(n * d) with n items and d rows", since = "2.0.0")]
pub fn count(ctx: &Context, key: Key, items: Many<&[u8]>) -> Result<Reply> {
    let sketch = open::<HeavyKeeper>(ctx, &key, MISSING)?;
    Ok(items.iter().map(|item| sketch.count(item)).collect())
}

/// List the items that occur most often.
///
/// `TOPK.LIST key [WITHCOUNT]` -- O(k * log(k)). The most frequent first, each followed by its count if wanted.
#[command("topk.list", readonly, complexity = "O(k * log(k))", since = "2.0.0", options(WITHCOUNT))]
pub fn list(ctx: &Context, key: Key, mut options: Args) -> Result<Reply> {
    let with_count = options.keyword("WITHCOUNT");
    bail!(if !options.is_empty(), "WITHCOUNT keyword expected");
    let sketch = open::<HeavyKeeper>(ctx, &key, MISSING)?;
    let list = sketch.list();
    Ok(Reply::build(|writer| {
        writer.array(list.len() * if with_count { 2 } else { 1 });
        for place in list {
            writer.bulk(&place.item);
            if with_count {
                writer.integer(i64::from(place.count));
            }
        }
    }))
}

/// Describe a list of the items that occur most often.
///
/// `TOPK.INFO key` -- O(1). A map of what it was reserved with.
#[command("topk.info", readonly, fast, complexity = "O(1)", since = "2.0.0")]
pub fn info(ctx: &Context, key: Key) -> Result<Reply> {
    let sketch = open::<HeavyKeeper>(ctx, &key, MISSING)?;
    Ok(crate::reply::map([
        ("k", Reply::from(sketch.heap().len())),
        ("width", sketch.width().into()),
        ("depth", sketch.depth().into()),
        ("decay", sketch.decay().into()),
    ]))
}
