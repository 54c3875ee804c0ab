//! What a query is given: times, filters, aggregation, and for queries over many series which they are about, which of their labels
//! to report, and how to group them.

use sandkey::prelude::*;

use crate::aggregate::Aggregator;
use crate::arguments::{aggregation, finite, not_negative};
use crate::bucket::{Buckets, Stamp};
use crate::filter::Filter;
use crate::range::{Aggregation, Query};
use crate::series::Bytes;
use crate::words::Words;

const BAD_FROM: &str = "ERR TSDB: wrong fromTimestamp";
const BAD_TO: &str = "ERR TSDB: wrong toTimestamp";
const NO_TIMES: &str = "ERR TSDB: FILTER_BY_TS one or more arguments are missing";
const BAD_MIN: &str = "ERR TSDB: Couldn't parse MIN";
const BAD_MAX: &str = "ERR TSDB: Couldn't parse MAX";
const NO_COUNT: &str = "ERR TSDB: COUNT argument is missing";
const BAD_COUNT: &str = "ERR TSDB: Couldn't parse COUNT";
const COUNT_RANGE: &str = "ERR TSDB: Invalid COUNT value";
const BAD_ALIGN: &str = "ERR TSDB: unknown ALIGN parameter";
const ALIGN_START: &str = "ERR TSDB: start alignment can only be used with explicit start timestamp";
const ALIGN_END: &str = "ERR TSDB: end alignment can only be used with explicit end timestamp";
const LONELY_ALIGN: &str = "ERR TSDB: ALIGN parameter can only be used with AGGREGATION";
const BAD_STAMP: &str = "ERR TSDB: unknown BUCKETTIMESTAMP parameter";
const LONELY_STAMP: &str =
    "ERR TSDB: BUCKETTIMESTAMP flag should be the 3rd or 4th flag after AGGREGATION flag";
const LONELY_EMPTY: &str = "ERR TSDB: EMPTY flag should be the 3rd or 5th flag after AGGREGATION flag";
const NO_FILTER: &str = "ERR TSDB: missing FILTER argument";
const BOTH_LABELS: &str = "ERR TSDB: cannot accept WITHLABELS and SELECT_LABELS together";
const NO_LABELS: &str = "ERR TSDB: SELECT_LABELS should have at least 1 parameter";
const BAD_GROUP: &str = "ERR TSDB: Couldn't parse GROUPBY";
const BAD_REDUCER: &str = "ERR TSDB: Invalid reducer type";

/// The words that end a list of arguments.
const KEYWORDS: [&str; 12] = [
    "LATEST",
    "FILTER_BY_TS",
    "FILTER_BY_VALUE",
    "COUNT",
    "ALIGN",
    "AGGREGATION",
    "BUCKETTIMESTAMP",
    "EMPTY",
    "WITHLABELS",
    "SELECTED_LABELS",
    "FILTER",
    "GROUPBY",
];

/// The two times that stand in front, `-` and `+` for the ends of time.
pub fn times(args: &mut Args) -> Result<(i64, i64)> {
    let (from, to) = (args.bytes()?, args.bytes()?);
    let from = if from == b"-" { 0 } else { not_negative(from).ok_or(BAD_FROM)? };
    let to = if to == b"+" { i64::MAX } else { not_negative(to).ok_or(BAD_TO)? };
    Ok((from, to))
}

/// Which labels of a series are reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wanted {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// These.
    Selected(Vec<Bytes>),
}

/// Series with the same value of a label made one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The label.
    pub label: Bytes,
    /// What is made of values of the same time.
    pub reducer: Aggregator,
}

/// Over which series a query goes, and what it reports of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Which series.
    pub filter: Filter,
    /// Which labels.
    pub wanted: Wanted,
    /// How they are grouped.
    pub group: Option<Group>,
}

/// The options of a query, as they come.
#[derive(Default)]
struct Options<'a> {
    latest: bool,
    times: Option<Vec<i64>>,
    values: Option<(f64, f64)>,
    count: Option<usize>,
    align: Option<&'a [u8]>,
    aggregation: Option<(Aggregator, i64)>,
    stamp: Option<Stamp>,
    empty: bool,
    wanted: Wanted,
    filter: Option<Filter>,
    group: Option<Group>,
}

/// The arguments of TS.RANGE and TS.REVRANGE after the key.
pub fn range(mut args: Args, reverse: bool) -> Result<Query> {
    let start = args.clone();
    let (from, to) = times(&mut args)?;
    let mut options = Options::default();
    while !args.is_empty() {
        if !options.take_range(&mut args)? {
            return Err(Error::Syntax);
        }
    }
    options.query(start, from, to, reverse)
}

/// The arguments of TS.MRANGE and TS.MREVRANGE.
pub fn multi_range(mut args: Args, reverse: bool) -> Result<(Query, Scope)> {
    let start = args.clone();
    let (from, to) = times(&mut args)?;
    let mut options = Options::default();
    while !args.is_empty() {
        if !options.take_range(&mut args)?
            && !options.take_scope(&mut args)?
            && !options.take_group(&mut args)?
        {
            return Err(Error::Syntax);
        }
    }
    let scope = options.scope()?;
    Ok((options.query(start, from, to, reverse)?, scope))
}

/// The arguments of TS.MGET: whether the open bucket of a compaction counts, and the scope.
pub fn multi_get(mut args: Args) -> Result<(bool, Scope)> {
    let mut options = Options::default();
    while !args.is_empty() {
        if args.keyword("LATEST") {
            options.latest = true;
        } else if !options.take_scope(&mut args)? {
            return Err(Error::Syntax);
        }
    }
    Ok((options.latest, options.scope()?))
}

impl<'a> Options<'a> {
    /// An option of every range query; the answer is whether it was one.
    fn take_range(&mut self, args: &mut Args<'a>) -> Result<bool> {
        if args.keyword("LATEST") {
            self.latest = true;
        } else if args.keyword("EMPTY") {
            self.empty = true;
        } else if args.keyword("FILTER_BY_TS") {
            self.times = Some(list_of_times(args)?);
        } else if args.keyword("FILTER_BY_VALUE") {
            let min = args.bytes().ok().and_then(finite).ok_or(BAD_MIN)?;
            self.values = Some((min, args.bytes().ok().and_then(finite).ok_or(BAD_MAX)?));
        } else if args.keyword("COUNT") {
            let count: i64 = args
                .bytes()
                .map_err(|_| NO_COUNT)
                .and_then(|text| sandkey::FromBytes::from_bytes(text).map_err(|_| BAD_COUNT))?;
            if count < 1 {
                return Err(COUNT_RANGE.into());
            }
            // More than there can be is all.
            self.count = Some(usize::try_from(count).unwrap_or(usize::MAX));
        } else if args.keyword("ALIGN") {
            self.align = Some(args.bytes().map_err(|_| BAD_ALIGN)?);
        } else if args.keyword("AGGREGATION") {
            self.aggregation = Some(aggregation(args)?);
        } else if args.keyword("BUCKETTIMESTAMP") {
            self.stamp = Some(args.bytes().ok().and_then(Stamp::parse).ok_or(BAD_STAMP)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// An option of every query over many series.
    fn take_scope(&mut self, args: &mut Args<'a>) -> Result<bool> {
        if args.keyword("WITHLABELS") {
            bail_both(&self.wanted)?;
            self.wanted = Wanted::All;
        } else if args.keyword("SELECTED_LABELS") {
            bail_both(&self.wanted)?;
            let labels: Vec<Bytes> = until_keyword(args, &KEYWORDS).into_iter().map(Box::from).collect();
            if labels.is_empty() {
                return Err(NO_LABELS.into());
            }
            self.wanted = Wanted::Selected(labels);
        } else if args.keyword("FILTER") {
            // Labels may have any name, so nothing but the end, or the one word that may follow, ends this list.
            self.filter = Some(Filter::parse(until_keyword(args, &["GROUPBY"]))?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_group(&mut self, args: &mut Args<'a>) -> Result<bool> {
        if !args.keyword("GROUPBY") {
            return Ok(false);
        }
        let label = args.bytes().map_err(|_| BAD_GROUP)?.into();
        if !args.keyword("REDUCE") {
            return Err(BAD_GROUP.into());
        }
        let reducer = args.bytes().ok().and_then(Aggregator::parse).filter(|reducer| reducer.is_reducer());
        self.group = Some(Group { label, reducer: reducer.ok_or(BAD_REDUCER)? });
        Ok(true)
    }

    fn scope(&mut self) -> Result<Scope> {
        let filter = self.filter.take().ok_or(NO_FILTER)?;
        Ok(Scope { filter, wanted: std::mem::take(&mut self.wanted), group: self.group.take() })
    }

    fn query(self, mut start: Args, from: i64, to: i64, reverse: bool) -> Result<Query> {
        let open_ends = (start.bytes()? == b"-", start.bytes()? == b"+");
        let align = match self.align.map(|align| align_of(align, (from, to), open_ends)).transpose()? {
            Some(_) if self.aggregation.is_none() => return Err(LONELY_ALIGN.into()),
            align => align.unwrap_or(0),
        };
        let aggregation = match self.aggregation {
            Some((aggregator, duration)) => Some(Aggregation {
                aggregator,
                buckets: Buckets { duration, align },
                stamp: self.stamp.unwrap_or(Stamp::Start),
                empty: self.empty,
            }),
            None if self.stamp.is_some() => return Err(LONELY_STAMP.into()),
            None if self.empty => return Err(LONELY_EMPTY.into()),
            None => None,
        };
        let Self { latest, times, values, count, .. } = self;
        Ok(Query { from, to, reverse, latest, times, values, count, aggregation })
    }
}

fn bail_both(wanted: &Wanted) -> Result<()> {
    if *wanted == Wanted::None { Ok(()) } else { Err(BOTH_LABELS.into()) }
}

fn align_of(align: &[u8], (from, to): (i64, i64), (from_open, to_open): (bool, bool)) -> Result<i64> {
    match Stamp::parse(align) {
        Some(Stamp::Start) if from_open => Err(ALIGN_START.into()),
        Some(Stamp::Start) => Ok(from),
        Some(Stamp::End) if to_open => Err(ALIGN_END.into()),
        Some(Stamp::End) => Ok(to),
        _ => not_negative(align).ok_or_else(|| BAD_ALIGN.into()),
    }
}

fn list_of_times(args: &mut Args) -> Result<Vec<i64>> {
    let mut times = Vec::new();
    while let Some(time) = args.peek().and_then(not_negative) {
        times.push(time);
        args.bytes()?;
    }
    if times.is_empty() {
        return Err(NO_TIMES.into());
    }
    times.sort_unstable();
    times.dedup();
    Ok(times)
}

fn until_keyword<'a>(args: &mut Args<'a>, keywords: &[&str]) -> Vec<&'a [u8]> {
    let mut list = Vec::new();
    while let Some(next) = args.peek()
        && !keywords.iter().any(|word| next.eq_ignore_ascii_case(word.as_bytes()))
    {
        list.push(next);
        // It was there a moment ago.
        let _ = args.bytes();
    }
    list
}
