//! Time series: the commands, replies and errors of RedisTimeSeries 1.12, under its module name, so that its clients work with it.
//! Written from its documentation and its clients; the insides are our own.
//!
//! | | |
//! |---|---|
//! | `sample`, `bits`, `compressed`, `chunk`, `samples` | how samples are kept |
//! | `series`, `policy`, `rules`, `persist` | a series, and what it is as bytes |
//! | `bucket`, `aggregate`, `range`, `filter` | what a query makes of it |
//! | `compaction` | where the rules of one series meet the keys of others |
//! | `arguments`, `query`, `reply`, `words`, `number`, `config`, `limits` | between clients and all that |
//! | `commands` | the commands |
//!
//! Not here: files that RedisTimeSeries wrote (its form of a series is another one), clusters, and what Redis 8 added (NaN as a
//! value, several aggregators at once, TS.NRANGE, TS.QUERYLABELS, TS.READ). Parameters are set with CONFIG; those words
//! after MODULE LOAD have no meaning.

use sandkey::prelude::*;

mod aggregate;
mod arguments;
mod bits;
mod bucket;
mod chunk;
mod commands;
mod compaction;
mod compressed;
mod config;
mod filter;
mod limits;
mod number;
mod persist;
mod policy;
mod query;
mod range;
mod reply;
mod rules;
mod sample;
mod samples;
mod series;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod words;

use commands::add::add;
use commands::create::{alter, create};
use commands::get::get;
use commands::increment::{decrby, incrby};
use commands::info::info;
use commands::madd::madd;
use commands::multi::{mget, mrange, mrevrange, queryindex};
use commands::range::{range as ts_range, revrange};
use commands::remove::del;
use commands::rule::{createrule, deleterule};
use config::{CHUNK_SIZE, COMPACTION, DUPLICATES, ENCODING, IGNORE_TIME, IGNORE_VALUE, RETENTION};
use series::Series;

module! {
    name: "timeseries",
    // As RedisTimeSeries counts: two digits each of major, minor and patch. Clients compare it.
    version: 11_202,
    summary: "Time series with the commands of RedisTimeSeries.",
    types: [Series],
    commands: [
        create, alter, add, madd, incrby, decrby, del, get, ts_range, revrange, mget, mrange, mrevrange, queryindex,
        info, createrule, deleterule
    ],
    configs: [RETENTION, CHUNK_SIZE, DUPLICATES, COMPACTION, ENCODING, IGNORE_TIME, IGNORE_VALUE],
}
