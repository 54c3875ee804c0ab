//! TDIGEST.*: quantiles and ranks of numbers that nobody kept.

use sandkey::prelude::*;

use crate::limits::{COMPRESSION, SOURCES};
use crate::options::{create, number, open, open_mut};
use crate::sketch::Refusal;
use crate::sketch::tdigest::{Node, TDigest, View};

const EXISTS: &str = "ERR T-Digest: key already exists";
const MISSING: &str = "ERR T-Digest: key does not exist";
const WRONG_WORD: &str = "ERR T-Digest: wrong keyword";

/// The compression of a digest that was not told otherwise.
const DEFAULT_COMPRESSION: u32 = 100;

fn refusal(why: Refusal) -> Error {
    match why {
        Refusal::Overflow => "ERR T-Digest: overflow detected",
        _ => "ERR T-Digest: allocation failed",
    }
    .into()
}

fn compression(argument: &[u8]) -> Result<u32> {
    let compression: i64 = number(argument, "ERR T-Digest: error parsing compression parameter")?;
    bail!(if compression < 1, "ERR T-Digest: compression parameter needs to be a positive integer");
    let compression = u32::try_from(compression).ok().filter(|compression| *compression <= COMPRESSION);
    compression.ok_or_else(|| refusal(Refusal::NoMemory))
}

/// Create an empty t-digest.
///
/// `TDIGEST.CREATE key [COMPRESSION compression]` -- O(1). OK, or an error if the key exists. The higher the compression, the more memory
/// and the better the answers; 100 unless it is given.
#[command(
    "tdigest.create", write, denyoom, fast, since = "2.4.0", options(COMPRESSION = integer),
    complexity = "O(1)"
)]
pub fn create_digest(ctx: &Context, key: Key, options: Vec<&[u8]>) -> Result<()> {
    let compression = match options[..] {
        [] => DEFAULT_COMPRESSION,
        [word, value] if word.eq_ignore_ascii_case(b"COMPRESSION") => compression(value)?,
        [_, _] => bail!("{WRONG_WORD}"),
        _ => return Err(Error::WrongArity),
    };
    create(ctx, &key, EXISTS, || Ok(TDigest::new(compression)))
}

/// Empty a t-digest.
///
/// `TDIGEST.RESET key` -- O(1).
#[command("tdigest.reset", write, denyoom, fast, complexity = "O(1)", since = "2.4.0")]
pub fn reset(ctx: &Context, key: Key) -> Result<()> {
    let mut digest = open_mut::<TDigest>(ctx, &key, MISSING)?;
    *digest = TDigest::new(digest.compression());
    Ok(())
}

/// Add observations to a t-digest.
///
/// `TDIGEST.ADD key value [value ...]` -- O(n) with n values.
#[command("tdigest.add", write, denyoom, complexity = "O(n) with n values", since = "2.4.0")]
pub fn add(ctx: &Context, key: Key, values: Many<&[u8]>) -> Result<()> {
    let values = numbers(&values, "ERR T-Digest: error parsing val parameter")?;
    let finite = values.iter().all(|value| value.is_finite());
    bail!(if !finite, "ERR T-Digest: val parameter needs to be a finite number");
    let mut digest = open_mut::<TDigest>(ctx, &key, MISSING)?;
    let digest = &mut *digest;
    values.into_iter().try_for_each(|mean| digest.add(Node { mean, weight: 1 })).map_err(refusal)
}

fn numbers(arguments: &[&[u8]], or: &'static str) -> Result<Vec<f64>> {
    arguments.iter().map(|argument| number(argument, or)).collect()
}

/// Add the observations of t-digests to another one.
///
/// `TDIGEST.MERGE destination numkeys source [source ...] [COMPRESSION compression] [OVERRIDE]` -- O(n) with n centroids of all. A
/// destination that does not exist is created, and with OVERRIDE one that exists is replaced; a new one has the highest compression of
/// the sources unless it is given.
#[command(
    "tdigest.merge", write, denyoom, since = "2.4.0",
    complexity = "O(n) with n centroids of all digests",
    keys(count = 2, first = 3, step = 1, read), options(COMPRESSION = integer, OVERRIDE)
)]
pub fn merge(ctx: &Context, destination: Key, numkeys: &[u8], source: Many<&[u8]>) -> Result<()> {
    let count: i64 = number(numkeys, "ERR T-Digest: error parsing numkeys")?;
    bail!(if count < 1, "ERR T-Digest: numkeys needs to be a positive integer");
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (names, options) = source.split_at_checked(count).ok_or(Error::WrongArity)?;
    let too_many = count > SOURCES;
    bail!(if too_many, "ERR T-Digest: {count} keys are too many to merge at once, {SOURCES} are the most");
    let (wanted, replace) = merge_options(options)?;
    let (mut nodes, mut highest) = (Vec::new(), 0);
    for name in names {
        let source = open::<TDigest>(ctx, &ctx.open_read(*name)?, MISSING)?;
        let more = source.nodes();
        nodes.try_reserve(more.len()).map_err(|_| refusal(Refusal::NoMemory))?;
        nodes.extend_from_slice(&more);
        highest = highest.max(source.compression());
    }
    let slot = ctx.open_mut::<TDigest>(&destination)?;
    let mut digest = if slot.exists() && !replace {
        let mut digest = slot.get().ok_or(MISSING)?;
        if let Some(compression) = wanted {
            digest.set_compression(compression);
        }
        digest
    } else {
        slot.set(TDigest::new(wanted.unwrap_or(highest)))?
    };
    digest.merge(&nodes).map_err(refusal)
}

fn merge_options(mut options: &[&[u8]]) -> Result<(Option<u32>, bool)> {
    let (mut wanted, mut replace) = (None, false);
    loop {
        options = match options {
            [] => return Ok((wanted, replace)),
            [word, rest @ ..] if word.eq_ignore_ascii_case(b"OVERRIDE") => {
                replace = true;
                rest
            }
            [word, value, rest @ ..] if word.eq_ignore_ascii_case(b"COMPRESSION") => {
                wanted = Some(compression(value)?);
                rest
            }
            _ => bail!("{WRONG_WORD}"),
        };
    }
}

/// Answer a question for each argument; if there are no observations, the same for all.
fn ask<A, T: sandkey::Element>(
    ctx: &Context,
    key: &Key,
    arguments: &[A],
    nothing: T,
    answer: impl Fn(&View, &A) -> T,
) -> Result<Reply> {
    let digest = open::<TDigest>(ctx, key, MISSING)?;
    let view = digest.view();
    Ok(Reply::build(|writer| {
        writer.array(arguments.len());
        for argument in arguments {
            match view {
                Some(view) => answer(view, argument).write(writer),
                None => nothing.write(writer),
            }
        }
    }))
}

/// Say below which values parts of the observations lie.
///
/// `TDIGEST.QUANTILE key quantile [quantile ...]` -- O(log(n)) for each with n centroids, after the first since a change. For each
/// part from 0 to 1 a value; nan if there are no observations.
#[command(
    "tdigest.quantile",
    readonly,
    complexity = "O(q * log(n)) with q questions and n centroids",
    since = "2.4.0"
)]
pub fn quantile(ctx: &Context, key: Key, quantiles: Many<&[u8]>) -> Result<Reply> {
    let quantiles = numbers(&quantiles, "ERR T-Digest: error parsing quantile")?;
    let within = quantiles.iter().all(|quantile| (0.0..=1.0).contains(quantile));
    bail!(if !within, "ERR T-Digest: quantile should be in [0,1]");
    ask(ctx, &key, &quantiles, f64::NAN, |view, quantile| view.quantile(*quantile))
}

/// Say which parts of the observations lie below values.
///
/// `TDIGEST.CDF key value [value ...]` -- O(log(n)) for each with n centroids, after the first since a change. Those that are equal
/// count half. nan if there are no observations.
#[command(
    "tdigest.cdf",
    readonly,
    complexity = "O(q * log(n)) with q questions and n centroids",
    since = "2.4.0"
)]
pub fn cdf(ctx: &Context, key: Key, values: Many<&[u8]>) -> Result<Reply> {
    let values = numbers(&values, "ERR T-Digest: error parsing cdf")?;
    ask(ctx, &key, &values, f64::NAN, |view, value| view.cdf(*value))
}

/// Say how many observations are less than values.
///
/// `TDIGEST.RANK key value [value ...]` -- O(log(n)) for each with n centroids, after the first since a change. Those that are equal
/// count half. -1 for a value below all, -2 if there are no observations.
#[command(
    "tdigest.rank",
    readonly,
    complexity = "O(q * log(n)) with q questions and n centroids",
    since = "2.4.0"
)]
pub fn rank(ctx: &Context, key: Key, values: Many<&[u8]>) -> Result<Reply> {
    let values = numbers(&values, "ERR T-Digest: error parsing value")?;
    ask(ctx, &key, &values, -2, |view, value| view.rank(*value))
}

/// Say how many observations are greater than values.
///
/// `TDIGEST.REVRANK key value [value ...]` -- O(log(n)) for each with n centroids, after the first since a change. Those that are equal
/// count half. -1 for a value above all, -2 if there are no observations.
#[command(
    "tdigest.revrank",
    readonly,
    complexity = "O(q * log(n)) with q questions and n centroids",
    since = "2.4.0"
)]
pub fn revrank(ctx: &Context, key: Key, values: Many<&[u8]>) -> Result<Reply> {
    let values = numbers(&values, "ERR T-Digest: error parsing value")?;
    ask(ctx, &key, &values, -2, |view, value| view.reverse_rank(*value))
}

fn ranks(arguments: &[&[u8]]) -> Result<Vec<u64>> {
    let rank = |argument: &&[u8]| {
        let rank: i64 = number(argument, "ERR T-Digest: error parsing rank")?;
        u64::try_from(rank).map_err(|_| error!("ERR T-Digest: rank needs to be non negative"))
    };
    arguments.iter().map(rank).collect()
}

/// Give the observations with these ranks, the least being 0.
///
/// `TDIGEST.BYRANK key rank [rank ...]` -- O(log(n)) for each with n centroids, after the first since a change. inf beyond the last
/// rank, nan if there are no observations.
#[command(
    "tdigest.byrank",
    readonly,
    complexity = "O(q * log(n)) with q questions and n centroids",
    since = "2.4.0"
)]
pub fn byrank(ctx: &Context, key: Key, rank: Many<&[u8]>) -> Result<Reply> {
    ask(ctx, &key, &ranks(&rank)?, f64::NAN, |view, rank| view.by_rank(*rank).unwrap_or(f64::INFINITY))
}

/// Give the observations with these ranks, the greatest being 0.
///
/// `TDIGEST.BYREVRANK key rank [rank ...]` -- O(log(n)) for each with n centroids, after the first since a change. -inf beyond the last
/// rank, nan if there are no observations.
#[command(
    "tdigest.byrevrank",
    readonly,
    complexity = "O(q * log(n)) with q questions and n centroids",
    since = "2.4.0"
)]
pub fn byrevrank(ctx: &Context, key: Key, rank: Many<&[u8]>) -> Result<Reply> {
    let answer = |view: &View, rank: &u64| view.by_reverse_rank(*rank).unwrap_or(f64::NEG_INFINITY);
    ask(ctx, &key, &ranks(&rank)?, f64::NAN, answer)
}

/// Give the mean of the observations between two quantiles.
///
/// `TDIGEST.TRIMMED_MEAN key low_cut_quantile high_cut_quantile` -- O(n) with n centroids. nan if there are no observations.
#[command("tdigest.trimmed_mean", readonly, complexity = "O(n) with n centroids", since = "2.4.0")]
pub fn trimmed_mean(ctx: &Context, key: Key, low: &[u8], high: &[u8]) -> Result<f64> {
    let low: f64 = number(low, "ERR T-Digest: error parsing low_cut_percentile")?;
    let high: f64 = number(high, "ERR T-Digest: error parsing high_cut_percentile")?;
    let within = [low, high].iter().all(|part| (0.0..=1.0).contains(part));
    bail!(if !within, "ERR T-Digest: low_cut_percentile and high_cut_percentile should be in [0,1]");
    bail!(if low >= high, "ERR T-Digest: low_cut_percentile should be lower than high_cut_percentile");
    let digest = open::<TDigest>(ctx, &key, MISSING)?;
    Ok(digest.view().map_or(f64::NAN, |view| view.trimmed_mean(low, high)))
}

/// Give the least observation.
///
/// `TDIGEST.MIN key` -- O(1). nan if there are no observations.
#[command("tdigest.min", readonly, fast, complexity = "O(1)", since = "2.4.0")]
pub fn min(ctx: &Context, key: Key) -> Result<f64> {
    Ok(open::<TDigest>(ctx, &key, MISSING)?.min().unwrap_or(f64::NAN))
}

/// Give the greatest observation.
///
/// `TDIGEST.MAX key` -- O(1). nan if there are no observations.
#[command("tdigest.max", readonly, fast, complexity = "O(1)", since = "2.4.0")]
pub fn max(ctx: &Context, key: Key) -> Result<f64> {
    Ok(open::<TDigest>(ctx, &key, MISSING)?.max().unwrap_or(f64::NAN))
}

/// Describe a t-digest.
///
/// `TDIGEST.INFO key` -- O(1). A map.
#[command("tdigest.info", readonly, fast, complexity = "O(1)", since = "2.4.0")]
pub fn info(ctx: &Context, key: Key) -> Result<Reply> {
    let digest = open::<TDigest>(ctx, &key, MISSING)?;
    let merged = digest.merged();
    Ok(crate::reply::map([
        ("Compression", u64::from(digest.compression())),
        ("Capacity", digest.capacity() as u64),
        ("Merged nodes", merged.nodes as u64),
        ("Unmerged nodes", (digest.len() - merged.nodes) as u64),
        ("Merged weight", merged.weight),
        ("Unmerged weight", digest.observations() - merged.weight),
        ("Observations", digest.observations()),
        ("Total compressions", digest.compressions()),
        ("Memory usage", digest.memory() as u64),
    ]))
}
