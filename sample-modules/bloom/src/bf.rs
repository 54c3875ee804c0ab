//! BF.*: Bloom filters, which say of an item that it was never added or that it probably was.

use sandkey::prelude::*;

use crate::dump;
use crate::limits::{EXPANSION, INITIAL_SIZE};
use crate::options::{create, number, number_in, open, open_if_any, open_or_create, value};
use crate::sketch::Refusal;
use crate::sketch::bloom::{Bloom, Filter};
use crate::sketch::hash::ItemHash;

/// The error rate of a filter that nobody reserved.
pub static ERROR_RATE: Config<String> = Config::string("error-rate", "0.01")
    .check(|rate| error_rate(rate.as_bytes()).map(drop).ok_or_else(|| "must be between 0 and 1".to_owned()));

/// The capacity of a filter that nobody reserved.
pub static INITIAL_CAPACITY: Config<i64> =
    Config::integer("initial-size", INITIAL_SIZE.0).between(1, INITIAL_SIZE.1);

const NOT_FOUND: &str = "ERR not found";
const NOT_CREATED: &str = "ERR could not create filter";
const CANNOT_EXPAND: &str = "Nonscaling filters cannot expand";

/// The factor by which a filter grows that was not told otherwise.
const DEFAULT_EXPANSION: u32 = 2;

fn error_rate(argument: &[u8]) -> Option<f64> {
    number_in(argument, f64::MIN_POSITIVE..1.0, "").ok()
}

/// What an item's way into a filter can come to.
enum Added {
    /// It is new.
    Yes,
    /// It, or something like it, was there.
    Before,
    /// There is no room for it.
    No(Refusal),
}

impl Added {
    fn to(filter: &mut ValueMut<'_, Bloom>, item: &[u8]) -> Self {
        let hash = ItemHash::of(item);
        // Without `&mut`: what was there changes nothing, and need not be kept.
        if filter.contains(hash) {
            return Self::Before;
        }
        match filter.add(hash) {
            Ok(()) => Self::Yes,
            Err(why) => Self::No(why),
        }
    }
}

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Full => "ERR non scaling filter is full",
        Refusal::Grown => "ERR Maximum expansions reached",
        _ => "ERR problem inserting into filter",
    }
}

/// Add items, and reply for each whether it was new. The first that finds the filter full gets an error in its place, and those after
/// it nothing.
fn add_all<'a>(mut filter: ValueMut<'_, Bloom>, items: impl Iterator<Item = &'a [u8]>) -> Result<Reply> {
    let mut added = Vec::new();
    for item in items {
        match Added::to(&mut filter, item) {
            // How much memory there is differs from server to server, and whoever repeats the command must come to the same.
            Added::No(why @ Refusal::NoMemory) => return Err(refusal(why).into()),
            no @ Added::No(_) => {
                added.push(no);
                break;
            }
            other => added.push(other),
        }
    }
    Ok(Reply::build(|writer| {
        writer.array(added.len());
        for added in added {
            match added {
                Added::Yes => writer.boolean(true),
                Added::Before => writer.boolean(false),
                Added::No(why) => writer.error(refusal(why)),
            }
        }
    }))
}

/// What a filter is to be.
struct Wanted {
    error: f64,
    capacity: u64,
    expansion: Option<u32>,
}

impl Wanted {
    fn by_default() -> Self {
        Self {
            error: error_rate(ERROR_RATE.get().as_bytes()).expect("the parameter was checked"),
            capacity: INITIAL_CAPACITY.get().unsigned_abs(),
            expansion: Some(DEFAULT_EXPANSION),
        }
    }

    fn create(&self) -> Result<Bloom> {
        Bloom::new(self.capacity, self.error, self.expansion).map_err(|_| NOT_CREATED.into())
    }
}

/// Create an empty Bloom filter.
///
/// `BF.RESERVE key error_rate capacity [EXPANSION expansion] [NONSCALING]` -- O(1). OK, or an error if the key exists.
#[command(
    "bf.reserve", write, denyoom, fast, complexity = "O(1)", since = "1.0.0",
    options(EXPANSION = integer, NONSCALING)
)]
pub fn reserve(ctx: &Context, key: Key, error_rate: &[u8], capacity: &[u8], mut options: Args) -> Result<()> {
    let error: f64 = number(error_rate, "ERR bad error rate")?;
    bail!(if error <= 0.0 || error >= 1.0, "ERR (0 < error rate range < 1)");
    let capacity: i64 = number(capacity, "ERR bad capacity")?;
    bail!(if capacity < 1, "ERR (capacity should be larger than 0)");
    let (mut expansion, mut scaling) = (None, true);
    while !options.is_empty() {
        if options.keyword("EXPANSION") {
            let factor: i64 = number(value(&mut options, "ERR no expansion")?, "ERR bad expansion")?;
            bail!(if factor < 1, "ERR expansion should be greater or equal to 1");
            let factor = u32::try_from(factor).ok().filter(|factor| u64::from(*factor) <= EXPANSION);
            expansion = Some(factor.ok_or("ERR bad expansion")?);
        } else if options.keyword("NONSCALING") {
            scaling = false;
        } else {
            return Err(Error::Syntax);
        }
    }
    bail!(if expansion.is_some() && !scaling, "{CANNOT_EXPAND}");
    let expansion = scaling.then_some(expansion.unwrap_or(DEFAULT_EXPANSION));
    let wanted = Wanted { error, capacity: capacity.unsigned_abs(), expansion };
    create(ctx, &key, "ERR item exists", || wanted.create())
}

/// Add an item to a Bloom filter.
///
/// `BF.ADD key item` -- O(k * n) with k bits of an item and n sub-filters. Whether it is new; false also if it only looks like
/// one that was added before. A missing filter is created.
#[command(
    "bf.add",
    write,
    denyoom,
    fast,
    complexity = "O(k * f) with k bits of an item and f sub-filters",
    since = "1.0.0"
)]
pub fn add(ctx: &Context, key: Key, item: &[u8]) -> Result<bool> {
    let mut filter = open_or_create(ctx, &key, || Wanted::by_default().create())?;
    match Added::to(&mut filter, item) {
        Added::Yes => Ok(true),
        Added::Before => Ok(false),
        Added::No(why) => Err(refusal(why).into()),
    }
}

/// Add items to a Bloom filter.
///
/// `BF.MADD key item [item ...]`. As BF.ADD for each; the reply ends with an error where the filter is full.
#[command(
    "bf.madd",
    write,
    denyoom,
    complexity = "O(n * k * f) with n items, k bits of an item and f sub-filters",
    since = "1.0.0"
)]
pub fn madd(ctx: &Context, key: Key, item: Many<&[u8]>) -> Result<Reply> {
    let filter = open_or_create(ctx, &key, || Wanted::by_default().create())?;
    add_all(filter, item.iter().copied())
}

/// Add items to a Bloom filter, and create it as wanted if there is none.
///
/// `BF.INSERT key [CAPACITY capacity] [ERROR error] [EXPANSION expansion] [NOCREATE] [NONSCALING] ITEMS item [item ...]`. The reply is
/// that of BF.MADD. With NOCREATE a missing filter is an error.
#[command(
    "bf.insert", write, denyoom, since = "1.0.0",
    complexity = "O(n * k * f) with n items, k bits of an item and f sub-filters",
    options(CAPACITY = integer, ERROR = double, EXPANSION = integer, NOCREATE, NONSCALING, ITEMS = string)
)]
pub fn insert(ctx: &Context, key: Key, mut options: Args) -> Result<Reply> {
    let mut wanted = Wanted::by_default();
    let (mut must_exist, mut scaling) = (false, true);
    while !options.keyword("ITEMS") {
        if options.is_empty() {
            return Err(Error::WrongArity);
        } else if options.keyword("CAPACITY") {
            let capacity = number_in(options.bytes()?, 1.., "Bad capacity")?;
            wanted.capacity = i64::unsigned_abs(capacity);
        } else if options.keyword("ERROR") {
            wanted.error = error_rate(options.bytes()?).ok_or("Bad error rate")?;
        } else if options.keyword("EXPANSION") {
            let factor: u64 = number_in(options.bytes()?, 1..=EXPANSION, "Bad expansion")?;
            wanted.expansion = u32::try_from(factor).ok();
        } else if options.keyword("NOCREATE") {
            must_exist = true;
        } else if options.keyword("NONSCALING") {
            scaling = false;
        } else {
            bail!("Unknown argument received");
        }
    }
    if options.is_empty() {
        return Err(Error::WrongArity);
    }
    wanted.expansion = wanted.expansion.filter(|_| scaling);
    let create = || if must_exist { Err(NOT_FOUND.into()) } else { wanted.create() };
    add_all(open_or_create(ctx, &key, create)?, options.rest())
}

/// Say whether an item was added to a Bloom filter.
///
/// `BF.EXISTS key item` -- O(k * n) with k bits of an item and n sub-filters. False is certain, true is probable. False if
/// there is no such filter.
#[command(
    "bf.exists",
    readonly,
    fast,
    complexity = "O(k * f) with k bits of an item and f sub-filters",
    since = "1.0.0"
)]
pub fn exists(ctx: &Context, key: Key, item: &[u8]) -> Result<bool> {
    let filter = open_if_any::<Bloom>(ctx, &key)?;
    Ok(filter.is_some_and(|filter| filter.contains(ItemHash::of(item))))
}

/// Say which items were added to a Bloom filter.
///
/// `BF.MEXISTS key item [item ...]`. As BF.EXISTS for each.
#[command(
    "bf.mexists",
    readonly,
    complexity = "O(n * k * f) with n items, k bits of an item and f sub-filters",
    since = "1.0.0"
)]
pub fn mexists(ctx: &Context, key: Key, item: Many<&[u8]>) -> Result<Reply> {
    let filter = open_if_any::<Bloom>(ctx, &key)?;
    let contains = |item: &&[u8]| filter.as_ref().is_some_and(|filter| filter.contains(ItemHash::of(item)));
    Ok(item.iter().map(contains).collect())
}

/// Count the items of a Bloom filter.
///
/// `BF.CARD key` -- O(1). How many were added and were new; 0 if there is no such filter.
#[command("bf.card", readonly, fast, complexity = "O(1)", since = "2.4.4")]
pub fn card(ctx: &Context, key: Key) -> Result<u64> {
    Ok(ctx.open_ref::<Bloom>(&key)?.map_or(0, |filter| filter.items()))
}

/// Describe a Bloom filter.
///
/// `BF.INFO key [CAPACITY | SIZE | FILTERS | ITEMS | EXPANSION]` -- O(1). A map of all, or of that one; clients that speak RESP2 then
/// read only its value. The expansion of a filter that does not grow is null.
#[command(
    "bf.info",
    readonly,
    fast,
    complexity = "O(1)",
    since = "1.0.0",
    options(CAPACITY, SIZE, FILTERS, ITEMS, EXPANSION)
)]
pub fn info(ctx: &Context, key: Key, mut options: Args) -> Result<Reply> {
    let filter = open::<Bloom>(ctx, &key, NOT_FOUND)?;
    let all = [
        ("CAPACITY", "Capacity", Some(filter.capacity())),
        ("SIZE", "Size", Some(filter.memory() as u64)),
        ("FILTERS", "Number of filters", Some(filter.filters().len() as u64)),
        ("ITEMS", "Number of items inserted", Some(filter.items())),
        ("EXPANSION", "Expansion rate", filter.expansion().map(u64::from)),
    ];
    if options.is_empty() {
        return Ok(crate::reply::map(all.map(|(_, name, value)| (name, value))));
    }
    let one = all.into_iter().find(|(word, ..)| options.keyword(word));
    let (_, name, value) = one.ok_or("Invalid information value")?;
    if !options.is_empty() {
        return Err(Error::WrongArity);
    }
    // The server would make two elements of the map.
    Ok(if ctx.client().resp >= 3 { crate::reply::map([(name, value)]) } else { vec![value].into() })
}

/// Give a chunk of a Bloom filter, to be loaded elsewhere.
///
/// `BF.SCANDUMP key iterator` -- O(n) with n bytes of the chunk. Begin with 0; the reply is the next iterator and the chunk that
/// goes with it. The iterator 0 is the end.
#[command("bf.scandump", readonly, complexity = "O(n) with n bytes of the chunk", since = "1.0.0")]
pub fn scandump(ctx: &Context, key: Key, iterator: &[u8]) -> Result<(u64, Reply)> {
    let (next, chunk) = dump::scandump::<Bloom>(ctx, &key, iterator)?;
    Ok((next, chunk.into()))
}

/// Load a chunk of a Bloom filter.
///
/// `BF.LOADCHUNK key iterator data` -- O(n) with n bytes of the chunk. Each reply of BF.SCANDUMP in order. The first one replaces
/// the filter that was there.
#[command("bf.loadchunk", write, denyoom, complexity = "O(n) with n bytes of the chunk", since = "1.0.0")]
pub fn loadchunk(ctx: &Context, key: Key, iterator: &[u8], data: &[u8]) -> Result<()> {
    dump::loadchunk::<Bloom>(ctx, &key, iterator, data)
}

/// Describe every sub-filter of a Bloom filter, for people.
///
/// `BF.DEBUG key` -- O(n) with n sub-filters. Lines: how many items there are, then a line for each sub-filter.
#[command("bf.debug", readonly, complexity = "O(f) with f sub-filters", since = "1.0.0")]
pub fn debug(ctx: &Context, key: Key) -> Result<Vec<String>> {
    let filter = open::<Bloom>(ctx, &key, NOT_FOUND)?;
    let line = |filter: &Filter| {
        let Filter { capacity, items, hashes, error, bits } = filter;
        let bytes = bits.len();
        format!(
            "bytes:{bytes} bits:{} hashes:{hashes} hashwidth:64 capacity:{capacity} size:{items} ratio:{error}",
            bytes * 8
        )
    };
    let size = format!("size:{}", filter.items());
    Ok(std::iter::once(size).chain(filter.filters().iter().map(line)).collect())
}
