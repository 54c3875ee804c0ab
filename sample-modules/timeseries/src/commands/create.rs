//! TS.CREATE and TS.ALTER: what a series is like, without its samples.

use sandkey::prelude::*;

use crate::arguments::{Given, NO_KEY, Takes};
use crate::series::Series;

const EXISTS: &str = "ERR TSDB: key already exists";

/// Make a time series.
///
/// `TS.CREATE key [RETENTION ms] [ENCODING COMPRESSED|UNCOMPRESSED] [CHUNK_SIZE bytes] [DUPLICATE_POLICY policy]
/// [IGNORE ms difference] [LABELS [label value ...]]` -- O(1).
#[command(
    "ts.create",
    write,
    denyoom,
    fast,
    complexity = "O(1)",
    since = "1.0.0",
    options(
        RETENTION = integer,
        ENCODING = string,
        CHUNK_SIZE = integer,
        DUPLICATE_POLICY = string,
        IGNORE = string,
        LABELS = string
    )
)]
pub fn create(ctx: &Context, key: Key, options: Args) -> Result<()> {
    let mut given = Given::parse(options, Takes::Creation)?;
    bail!(if key.exists(), "{EXISTS}");
    let labels = given.labels().unwrap_or_default();
    ctx.open_mut::<Series>(&key)?.set(Series::new(given.options(), labels))?;
    Ok(())
}

/// Change what a time series is like from now on.
///
/// `TS.ALTER key [RETENTION ms] [CHUNK_SIZE bytes] [DUPLICATE_POLICY policy] [IGNORE ms difference]
/// [LABELS [label value ...]]` -- O(1). What is not said stays; LABELS replaces all labels.
#[command(
    "ts.alter",
    write,
    denyoom,
    complexity = "O(N) where N is the number of labels requested to update",
    since = "1.0.0",
    options(
        RETENTION = integer,
        CHUNK_SIZE = integer,
        DUPLICATE_POLICY = string,
        IGNORE = string,
        LABELS = string
    )
)]
pub fn alter(ctx: &Context, key: Key, options: Args) -> Result<()> {
    let mut given = Given::parse(options, Takes::Alteration)?;
    let mut series = ctx.open_mut::<Series>(&key)?.get().ok_or(NO_KEY)?;
    // What has expired stays expired, however long samples live from now on.
    series.bury();
    given.alter(&mut series.options);
    if let Some(labels) = given.labels() {
        series.labels = labels;
    }
    Ok(())
}
