//! CF.*: cuckoo filters, which forget items again and count how often one was added.

use sandkey::prelude::*;

use crate::dump;
use crate::limits::{BUCKET_SIZE, CUCKOO_EXPANSIONS, EXPANSION, ITERATIONS};
use crate::options::{create, number_in, open, open_if_any, open_mut, open_or_create};
use crate::sketch::Refusal;
use crate::sketch::cuckoo::{Cuckoo, Shape};
use crate::sketch::hash::ItemHash;

/// How often a filter grows.
pub static MAX_EXPANSIONS: Config<i64> =
    Config::integer("cf-max-expansions", CUCKOO_EXPANSIONS.0).between(1, CUCKOO_EXPANSIONS.1);

const NOT_FOUND: &str = "ERR not found";

/// What a filter has that nobody reserved.
const DEFAULT_CAPACITY: u64 = 1024;
const DEFAULT_SHAPE: Shape = Shape { bucket_size: 2, iterations: 20, expansion: 1 };

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Full => "Filter is full",
        Refusal::Grown => "Maximum expansions reached",
        _ => "Memory allocation failure",
    }
}

fn new_filter(capacity: u64, shape: Shape) -> Result<Cuckoo> {
    Cuckoo::new(capacity, shape).map_err(|_| "Couldn't create Cuckoo Filter".into())
}

fn default_filter() -> Result<Cuckoo> {
    new_filter(DEFAULT_CAPACITY, DEFAULT_SHAPE)
}

/// Add an item; `None` if only a new one is wanted and it is there.
fn add_to(filter: &mut ValueMut<'_, Cuckoo>, item: &[u8], only_new: bool) -> Option<Result<(), Refusal>> {
    let hash = ItemHash::of(item);
    if only_new && filter.contains(hash) {
        return None;
    }
    let expansions_max = usize::try_from(MAX_EXPANSIONS.get()).unwrap_or(usize::MAX);
    Some(filter.add(hash, expansions_max))
}

/// Create an empty cuckoo filter.
///
/// `CF.RESERVE key capacity [BUCKETSIZE bucketsize] [MAXITERATIONS maxiterations] [EXPANSION expansion]` -- O(1). OK, or an error if
/// the key exists. The capacity and the expansion become powers of two.
#[command(
    "cf.reserve", write, denyoom, fast, complexity = "O(1)", since = "1.0.0",
    options(BUCKETSIZE = integer, MAXITERATIONS = integer, EXPANSION = integer)
)]
pub fn reserve(ctx: &Context, key: Key, capacity: &[u8], mut options: Args) -> Result<()> {
    let capacity: i64 = number_in(capacity, 1.., "Bad capacity")?;
    let mut shape = DEFAULT_SHAPE;
    while !options.is_empty() {
        if options.keyword("BUCKETSIZE") {
            let wrong = "BUCKETSIZE: value must be an integer between 1 and 255, inclusive.";
            let size: u64 = number_in(options.bytes()?, 1..=BUCKET_SIZE, wrong)?;
            shape.bucket_size = u8::try_from(size)?;
        } else if options.keyword("MAXITERATIONS") {
            let wrong = "MAXITERATIONS: value must be an integer between 1 and 65535, inclusive.";
            let iterations: u64 = number_in(options.bytes()?, 1..=ITERATIONS, wrong)?;
            shape.iterations = u16::try_from(iterations)?;
        } else if options.keyword("EXPANSION") {
            let wrong = "EXPANSION: value must be an integer between 0 and 32768, inclusive.";
            let expansion: u64 = number_in(options.bytes()?, 0..=EXPANSION, wrong)?;
            shape.expansion = u32::try_from(expansion)?;
        } else {
            return Err(Error::Syntax);
        }
    }
    let too_small = capacity < 2 * i64::from(shape.bucket_size);
    bail!(if too_small, "Capacity must be at least (BucketSize * 2)");
    create(ctx, &key, "ERR item exists", || new_filter(capacity.unsigned_abs(), shape))
}

/// Add an item to a cuckoo filter.
///
/// `CF.ADD key item` -- O(n + i) with n sub-filters and i iterations. Always true: an item that is there is added once more. A missing
/// filter is created.
#[command(
    "cf.add",
    write,
    denyoom,
    fast,
    complexity = "O(t + i) with t sub-filters and i iterations",
    since = "1.0.0"
)]
pub fn add(ctx: &Context, key: Key, item: &[u8]) -> Result<bool> {
    add_one(ctx, &key, item, false)
}

/// Add an item to a cuckoo filter if it is not there.
///
/// `CF.ADDNX key item` -- O(n + i) with n sub-filters and i iterations. Whether it was added; false also if another item only looks the
/// same. A missing filter is created.
#[command(
    "cf.addnx",
    write,
    denyoom,
    fast,
    complexity = "O(t + i) with t sub-filters and i iterations",
    since = "1.0.0"
)]
pub fn addnx(ctx: &Context, key: Key, item: &[u8]) -> Result<bool> {
    add_one(ctx, &key, item, true)
}

fn add_one(ctx: &Context, key: &Key, item: &[u8], only_new: bool) -> Result<bool> {
    let mut filter = open_or_create(ctx, key, default_filter)?;
    match add_to(&mut filter, item, only_new) {
        None => Ok(false),
        Some(Ok(())) => Ok(true),
        Some(Err(why)) => Err(refusal(why).into()),
    }
}

/// Add items to a cuckoo filter, and create it with a capacity if there is none.
///
/// `CF.INSERT key [CAPACITY capacity] [NOCREATE] ITEMS item [item ...]` -- O(n * (k + i)) with n items. For each true, or -1 if the filter
/// was full. With NOCREATE a missing filter is an error.
#[command(
    "cf.insert", write, denyoom, since = "1.0.0", options(CAPACITY = integer, NOCREATE, ITEMS = string),
    complexity = "O(n * (t + i)) with n items, t sub-filters and i iterations"
)]
pub fn insert(ctx: &Context, key: Key, options: Args) -> Result<Reply> {
    insert_all(ctx, &key, options, false)
}

/// Add items to a cuckoo filter if they are not there, and create it with a capacity if there is none.
///
/// `CF.INSERTNX key [CAPACITY capacity] [NOCREATE] ITEMS item [item ...]` -- O(n * (k + i)) with n items. For each 1, 0 if it was there, or
/// -1 if the filter was full.
#[command(
    "cf.insertnx", write, denyoom, since = "1.0.0", options(CAPACITY = integer, NOCREATE, ITEMS = string),
    complexity = "O(n * (t + i)) with n items, t sub-filters and i iterations"
)]
pub fn insertnx(ctx: &Context, key: Key, options: Args) -> Result<Reply> {
    insert_all(ctx, &key, options, true)
}

fn insert_all(ctx: &Context, key: &Key, mut options: Args, only_new: bool) -> Result<Reply> {
    let (mut capacity, mut must_exist) = (DEFAULT_CAPACITY, false);
    while !options.keyword("ITEMS") {
        if options.is_empty() {
            return Err(Error::WrongArity);
        } else if options.keyword("CAPACITY") {
            let wanted: i64 = number_in(options.bytes()?, 1.., "Bad capacity")?;
            let too_small = wanted < 2 * i64::from(DEFAULT_SHAPE.bucket_size);
            bail!(if too_small, "Capacity must be at least (BucketSize * 2)");
            capacity = wanted.unsigned_abs();
        } else if options.keyword("NOCREATE") {
            must_exist = true;
        } else {
            bail!("Unknown argument received");
        }
    }
    if options.is_empty() {
        return Err(Error::WrongArity);
    }
    let create = || if must_exist { Err(NOT_FOUND.into()) } else { new_filter(capacity, DEFAULT_SHAPE) };
    let mut filter = open_or_create(ctx, key, create)?;
    let outcomes = options.rest().map(|item| match add_to(&mut filter, item, only_new) {
        // How much memory there is differs from server to server, and whoever repeats the command must come to the same.
        Some(Err(why @ Refusal::NoMemory)) => Err(refusal(why).into()),
        outcome => Ok(outcome),
    });
    let outcomes = outcomes.collect::<Result<Vec<_>>>()?;
    Ok(Reply::build(|writer| {
        writer.array(outcomes.len());
        for outcome in outcomes {
            match outcome {
                None => writer.integer(0),
                // A boolean where there are two outcomes that are not failures, and an integer where there are three.
                Some(Ok(())) if only_new => writer.integer(1),
                Some(Ok(())) => writer.boolean(true),
                Some(Err(Refusal::Full)) => writer.integer(-1),
                Some(Err(why)) => writer.error(refusal(why)),
            }
        }
    }))
}

/// Say whether an item was added to a cuckoo filter.
///
/// `CF.EXISTS key item` -- O(n) with n sub-filters. False is certain, true is probable. False if there is no such filter.
#[command("cf.exists", readonly, fast, complexity = "O(t) with t sub-filters", since = "1.0.0")]
pub fn exists(ctx: &Context, key: Key, item: &[u8]) -> Result<bool> {
    let filter = open_if_any::<Cuckoo>(ctx, &key)?;
    Ok(filter.is_some_and(|filter| filter.contains(ItemHash::of(item))))
}

/// Say which items were added to a cuckoo filter.
///
/// `CF.MEXISTS key item [item ...]`. As CF.EXISTS for each.
#[command("cf.mexists", readonly, complexity = "O(n * t) with n items and t sub-filters", since = "1.0.0")]
pub fn mexists(ctx: &Context, key: Key, item: Many<&[u8]>) -> Result<Reply> {
    let filter = open_if_any::<Cuckoo>(ctx, &key)?;
    let contains = |item: &&[u8]| filter.as_ref().is_some_and(|filter| filter.contains(ItemHash::of(item)));
    Ok(item.iter().map(contains).collect())
}

/// Take an item out of a cuckoo filter, once.
///
/// `CF.DEL key item` -- O(n) with n sub-filters. Whether it was there. Never delete what was not added: it may look the same as
/// something that was.
#[command("cf.del", write, fast, complexity = "O(t) with t sub-filters", since = "1.0.0")]
pub fn del(ctx: &Context, key: Key, item: &[u8]) -> Result<bool> {
    let mut filter = open_mut::<Cuckoo>(ctx, &key, "Not found")?;
    let hash = ItemHash::of(item);
    // Without `&mut` first: where nothing is, nothing changes.
    Ok(filter.contains(hash) && filter.delete(hash))
}

/// Count how often an item was added to a cuckoo filter.
///
/// `CF.COUNT key item` -- O(n) with n sub-filters. Never too low; 0 if there is no such filter.
#[command("cf.count", readonly, fast, complexity = "O(t) with t sub-filters", since = "1.0.0")]
pub fn count(ctx: &Context, key: Key, item: &[u8]) -> Result<u64> {
    Ok(ctx.open_ref::<Cuckoo>(&key)?.map_or(0, |filter| filter.count(ItemHash::of(item))))
}

/// Describe a cuckoo filter.
///
/// `CF.INFO key` -- O(1). A map.
#[command("cf.info", readonly, fast, complexity = "O(1)", since = "1.0.0")]
pub fn info(ctx: &Context, key: Key) -> Result<Reply> {
    let filter = open::<Cuckoo>(ctx, &key, NOT_FOUND)?;
    let Shape { bucket_size, iterations, expansion } = filter.shape();
    Ok(crate::reply::map([
        ("Size", filter.memory() as u64),
        ("Number of buckets", filter.bucket_count() as u64),
        ("Number of filters", filter.tables().len() as u64),
        ("Number of items inserted", filter.items()),
        ("Number of items deleted", filter.deleted()),
        ("Bucket size", u64::from(bucket_size)),
        ("Expansion rate", u64::from(expansion)),
        ("Max iterations", u64::from(iterations)),
    ]))
}

/// Give a chunk of a cuckoo filter, to be loaded elsewhere.
///
/// `CF.SCANDUMP key iterator` -- O(n) with n bytes of the chunk. Begin with 0; the reply is the next iterator and the chunk that
/// goes with it. The iterator 0 with null is the end.
#[command("cf.scandump", readonly, complexity = "O(n) with n bytes of the chunk", since = "1.0.0")]
pub fn scandump(ctx: &Context, key: Key, iterator: &[u8]) -> Result<(u64, Option<Reply>)> {
    let (next, chunk) = dump::scandump::<Cuckoo>(ctx, &key, iterator)?;
    Ok((next, (next > 0).then(|| chunk.into())))
}

/// Load a chunk of a cuckoo filter.
///
/// `CF.LOADCHUNK key iterator data` -- O(n) with n bytes of the chunk. Each reply of CF.SCANDUMP in order. The first one replaces
/// the filter that was there.
#[command("cf.loadchunk", write, denyoom, complexity = "O(n) with n bytes of the chunk", since = "1.0.0")]
pub fn loadchunk(ctx: &Context, key: Key, iterator: &[u8], data: &[u8]) -> Result<()> {
    dump::loadchunk::<Cuckoo>(ctx, &key, iterator, data)
}
