//! TS.MGET, TS.MRANGE, TS.MREVRANGE and TS.QUERYINDEX: queries over all series whose labels match. They look at every series of
//! the database, so they hold up everybody else; there is no index, because the values it would be about may be anywhere but
//! in the module's memory.

use std::collections::BTreeMap;

use sandkey::data_type::ValueRef;
use sandkey::prelude::*;

use super::get::last_of;
use crate::aggregate::{Aggregator, Frame, Tally};
use crate::compaction;
use crate::filter::Filter;
use crate::limits;
use crate::query::{self, Group, Wanted};
use crate::range::{Query, View, check_rows};
use crate::reply::Answer;
use crate::sample::Sample;
use crate::series::{Labels, Series};
use crate::words::Words;

const TOO_MANY: &str = "ERR TSDB: too many series for one query";

/// Series with their keys, in the order of these.
type Found<'c> = Vec<(Vec<u8>, ValueRef<'c, Series>)>;

/// The series whose labels match.
fn matching<'c>(ctx: &'c Context, filter: &Filter) -> Result<Found<'c>> {
    let (mut found, mut error) = (Found::new(), None);
    let (mut cursor, mut looked_at) = (0, 0);
    loop {
        let (next, page) = ctx.scan_type::<Series>(cursor, 1000)?;
        looked_at += page.len();
        bail!(if looked_at > limits::SERIES_IN_A_QUERY, "{TOO_MANY}");
        for name in page.iter() {
            match ctx.open_ref::<Series>(&ctx.open_read(name)?) {
                Ok(Some(series)) if filter.matches(&series.labels) => {
                    found.push((name.to_vec(), series));
                }
                Ok(_) => {}
                // The rest is asked for before this one is fetched.
                Err(why) => error = error.or(Some(why)),
            }
        }
        cursor = next;
        if cursor == 0 {
            // A scan may come by the same key twice.
            found.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            found.dedup_by(|one, other| one.0 == other.0);
            return error.map_or(Ok(found), Err);
        }
    }
}

/// What is asked of each series, with all of them asked before an error is returned.
fn ask_all<'f, T>(
    found: &'f Found,
    ask: impl Fn(&'f [u8], &'f Series) -> Result<T>,
) -> Result<Vec<(&'f [u8], &'f Series, T)>> {
    let (mut answers, mut error) = (Vec::with_capacity(found.len()), None);
    for (name, series) in found {
        match ask(name, series) {
            Ok(answer) => answers.push((name.as_slice(), &**series, answer)),
            Err(why) => error = error.or(Some(why)),
        }
    }
    error.map_or(Ok(answers), Err)
}

/// Get the keys of all time series whose labels match.
///
/// `TS.QUERYINDEX filterExpr ...` -- O(N), all series of the database.
#[command(
    "ts.queryindex",
    readonly,
    all_keys,
    complexity = "O(n) where n is the number of time-series",
    since = "1.0.0"
)]
pub fn queryindex(ctx: &Context, filters: Many<&[u8]>) -> Result<Reply> {
    let found = matching(ctx, &Filter::parse(filters)?)?;
    Ok(Reply::build(|to| {
        to.set(found.len());
        found.iter().for_each(|(name, _)| to.bulk(name));
    }))
}

/// Get the latest sample of every time series whose labels match.
///
/// `TS.MGET [LATEST] [WITHLABELS | SELECTED_LABELS label ...] FILTER filterExpr ...` -- O(N), all series of the
/// database.
#[command(
    "ts.mget",
    readonly,
    all_keys,
    complexity = "O(n) where n is the number of time-series that match the filters",
    since = "1.0.0",
    options(LATEST, WITHLABELS, SELECTED_LABELS = string, FILTER = string)
)]
pub fn mget(ctx: &Context, options: Args) -> Result<Reply> {
    let (with_latest, scope) = query::multi_get(options)?;
    let found = matching(ctx, &scope.filter)?;
    let answers = ask_all(&found, |name, series| last_of(ctx, name, series, with_latest))?;
    Ok(Answer::build(ctx, |answer| {
        answer.pairs(answers.len());
        for (name, series, last) in answers {
            head(answer, name, 2);
            answer.labels(&scope.wanted, &series.labels, |label| series.labels.get(label));
            answer.maybe_sample(last);
        }
    }))
}

/// The name in front of what is said of a series, as `parts` parts.
fn head(answer: &mut Answer, name: &[u8], parts: usize) {
    if answer.resp3 {
        answer.to.bulk(name);
        answer.to.array(parts);
    } else {
        answer.to.array(parts + 1);
        answer.to.bulk(name);
    }
}

/// Get the samples of every time series whose labels match, from one time to another.
///
/// `TS.MRANGE fromTimestamp toTimestamp [LATEST] [FILTER_BY_TS timestamp ...] [FILTER_BY_VALUE min max]
/// [WITHLABELS | SELECTED_LABELS label ...] [COUNT count] [[ALIGN align] AGGREGATION aggregator bucketDuration
/// [BUCKETTIMESTAMP bt] [EMPTY]] FILTER filterExpr ... [GROUPBY label REDUCE reducer]` -- O(N), all series of the
/// database, and the samples of those that match.
#[command(
    "ts.mrange",
    readonly,
    all_keys,
    complexity = "O(n/m+k) where n = Number of data points, m = Chunk size (data points per chunk), k = Number of data points that are in the requested ranges",
    since = "1.0.0",
    options(
        LATEST,
        FILTER_BY_TS = integer,
        FILTER_BY_VALUE = double,
        WITHLABELS,
        SELECTED_LABELS = string,
        COUNT = integer,
        ALIGN = string,
        AGGREGATION = string,
        BUCKETTIMESTAMP = string,
        EMPTY,
        FILTER = string,
        GROUPBY = string,
        REDUCE = string
    )
)]
pub fn mrange(ctx: &Context, options: Args) -> Result<Reply> {
    multi_range(ctx, options, false)
}

/// Get the samples of every time series whose labels match, the latest first.
///
/// `TS.MREVRANGE fromTimestamp toTimestamp [...]`, otherwise as TS.MRANGE.
#[command(
    "ts.mrevrange",
    readonly,
    all_keys,
    complexity = "O(n/m+k) where n = Number of data points, m = Chunk size (data points per chunk), k = Number of data points that are in the requested ranges",
    since = "1.4.0",
    options(
        LATEST,
        FILTER_BY_TS = integer,
        FILTER_BY_VALUE = double,
        WITHLABELS,
        SELECTED_LABELS = string,
        COUNT = integer,
        ALIGN = string,
        AGGREGATION = string,
        BUCKETTIMESTAMP = string,
        EMPTY,
        FILTER = string,
        GROUPBY = string,
        REDUCE = string
    )
)]
pub fn mrevrange(ctx: &Context, options: Args) -> Result<Reply> {
    multi_range(ctx, options, true)
}

fn multi_range(ctx: &Context, options: Args, reverse: bool) -> Result<Reply> {
    let (query, scope) = query::multi_range(options, reverse)?;
    let found = matching(ctx, &scope.filter)?;
    let latest =
        ask_all(
            &found,
            |name, series| {
                if query.latest { compaction::latest(ctx, name, series) } else { Ok(None) }
            },
        )?;
    Ok(match &scope.group {
        None => {
            check_rows(latest.iter().map(|(_, series, latest)| View::new(series, *latest, &query)))?;
            Answer::build(ctx, |answer| {
                answer.pairs(latest.len());
                for (name, series, latest) in latest {
                    ungrouped(answer, name, series, &scope.wanted, &query, latest);
                }
            })
        }
        Some(group) => {
            let groups = grouped(&latest, group, &query)?;
            Answer::build(ctx, |answer| {
                answer.pairs(groups.len());
                groups.iter().for_each(|(value, members)| members.write(answer, group, value, &scope.wanted));
            })
        }
    })
}

fn ungrouped(
    answer: &mut Answer,
    name: &[u8],
    series: &Series,
    wanted: &Wanted,
    query: &Query,
    latest: Option<Sample>,
) {
    head(answer, name, if answer.resp3 { 3 } else { 2 });
    answer.labels(wanted, &series.labels, |label| series.labels.get(label));
    if answer.resp3 {
        list_of(
            answer,
            "aggregators",
            query.aggregation.map(|it| it.aggregator.name().as_bytes()).into_iter(),
        );
    }
    answer.samples(&View::new(series, latest, query).answer());
}

/// A map of one name to a list.
fn list_of<'n>(answer: &mut Answer, name: &str, items: impl ExactSizeIterator<Item = &'n [u8]>) {
    answer.to.map(1);
    answer.to.bulk(name);
    answer.to.array(items.len());
    items.for_each(|item| answer.to.bulk(item));
}

/// Series with the same value of a label.
#[derive(Default)]
struct Members<'f> {
    names: Vec<&'f [u8]>,
    labels: Vec<&'f Labels>,
    samples: Vec<Sample>,
}

/// The groups by their label's value. A series without the label is in none.
fn grouped<'f>(
    found: &[(&'f [u8], &'f Series, Option<Sample>)],
    group: &Group,
    query: &Query,
) -> Result<BTreeMap<&'f [u8], Members<'f>>> {
    // How many come back is counted after the reduction.
    let all = Query { count: None, reverse: false, ..query.clone() };
    let labelled = found.iter().filter(|(_, series, _)| series.labels.get(&group.label).is_some());
    check_rows(labelled.map(|(_, series, latest)| View::new(series, *latest, &all)))?;
    let mut groups: BTreeMap<&[u8], Members> = BTreeMap::new();
    for (name, series, latest) in found {
        let Some(value) = series.labels.get(&group.label) else { continue };
        let members = groups.entry(value).or_default();
        members.names.push(name);
        members.labels.push(&series.labels);
        members.samples.extend(View::new(series, *latest, &all).answer());
    }
    for members in groups.values_mut() {
        members.samples = reduce(std::mem::take(&mut members.samples), group.reducer);
        if query.reverse {
            members.samples.reverse();
        }
        members.samples.truncate(query.count.unwrap_or(usize::MAX));
    }
    Ok(groups)
}

/// Make one of all samples of the same time.
fn reduce(mut samples: Vec<Sample>, reducer: Aggregator) -> Vec<Sample> {
    // The order of the series decides between equal times, so that sums are the same every time.
    samples.sort_by_key(|sample| sample.timestamp);
    let same_time = samples.chunk_by(|one, next| one.timestamp == next.timestamp);
    same_time
        .map(|same| {
            let at = same[0].timestamp;
            let mut tally = Tally::new(reducer, Frame { from: at, to: at }, None);
            same.iter().for_each(|sample| tally.add(*sample));
            let nothing = if reducer == Aggregator::Count { 0.0 } else { f64::NAN };
            Sample::new(at, tally.value(None).unwrap_or(nothing))
        })
        .collect()
}

impl Members<'_> {
    fn write(&self, answer: &mut Answer, group: &Group, value: &[u8], wanted: &Wanted) {
        let name = [&group.label, b"=".as_slice(), value].concat();
        head(answer, &name, if answer.resp3 { 4 } else { 2 });
        let reducer = group.reducer.name().as_bytes();
        match wanted {
            Wanted::All => {
                answer.pairs(if answer.resp3 { 1 } else { 3 });
                answer.label(&group.label, Some(value));
                if !answer.resp3 {
                    answer.label(b"__reducer__", Some(reducer));
                    answer.label(b"__source__", Some(&self.names.join(&b","[..])));
                }
            }
            Wanted::None | Wanted::Selected(_) => {
                answer.labels(wanted, self.labels[0], |label| self.common(label));
            }
        }
        if answer.resp3 {
            list_of(answer, "reducers", [reducer].into_iter());
            list_of(answer, "sources", self.names.iter().copied());
        }
        answer.samples(&self.samples);
    }

    /// The value that a label has in all series of the group.
    fn common(&self, label: &[u8]) -> Option<&[u8]> {
        let value = self.labels[0].get(label);
        value.filter(|_| self.labels.iter().all(|labels| labels.get(label) == value))
    }
}
