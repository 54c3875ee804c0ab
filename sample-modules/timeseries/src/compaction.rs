//! Where rules meet keys: the destinations of a change are opened before anything changes, and told what it means for them after.
//!
//! A key that a command did not declare may have to be fetched by the server, which then undoes the command and runs it again. A
//! command that has changed nothing yet costs nothing to undo, so all that may be needed is asked for first.
//!
//! A rule and its destination name each other. When they do not, because one of the two was deleted, renamed or restored, the
//! rule is dead: it is dropped where it is noticed, and never followed.

use sandkey::data_type::{ValueMut, ValueRef};
use sandkey::prelude::*;

use crate::chunk::Form;
use crate::config::{self, Compaction};
use crate::rules::{Change, Effect, Rule};
use crate::sample::Sample;
use crate::series::{Bytes, Labels, Options, Series};
use crate::words::Words;

/// The opened destinations of a series' rules.
pub struct Destinations<'c>(Vec<(Bytes, ValueMut<'c, Series>)>);

impl<'c> Destinations<'c> {
    /// Open the destinations with these names. Rules to others than true destinations of `source` are dropped from `series`.
    pub fn open(
        ctx: &'c Context,
        source: &[u8],
        series: &mut ValueMut<'_, Series>,
        names: Vec<Bytes>,
    ) -> Result<Self> {
        if names.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let (mut open, mut dead, mut error) = (Vec::new(), Vec::new(), None);
        for name in names {
            match open_destination(ctx, source, &name) {
                Ok(Some(destination)) => open.push((name, destination)),
                Ok(None) => dead.push(name),
                Err(why) => error = error.or(Some(why)),
            }
        }
        if let Some(error) = error {
            return Err(error);
        }
        if !dead.is_empty() {
            series.rules.retain(|rule| !dead.contains(&rule.destination));
        }
        Ok(Self(open))
    }

    /// Tell the destinations what a change of `series` means for them.
    pub fn apply(&mut self, series: &Series, changes: &[Change]) {
        for change in changes {
            let name = &series.rules[change.number].destination;
            let destination = self.0.iter_mut().find(|(open, _)| open == name);
            let (_, destination) = destination.expect("whatever a change may need was opened before it");
            tell(destination, change.effect);
        }
    }
}

/// A destination of a rule of `source`; none if the rule is dead.
fn open_destination<'c>(
    ctx: &'c Context,
    source: &[u8],
    name: &[u8],
) -> Result<Option<ValueMut<'c, Series>>> {
    // A key that was renamed onto its source would be its own destination.
    if name == source {
        return Ok(None);
    }
    match ctx.open_mut::<Series>(&ctx.open(name)?) {
        Ok(slot) => Ok(slot.get().filter(|series| series.source.as_deref() == Some(source))),
        Err(Error::WrongType) => Ok(None),
        Err(error) => Err(error),
    }
}

fn tell(destination: &mut ValueMut<'_, Series>, effect: Effect) {
    match effect {
        // A destination may keep less than its source: what it would not keep is not written.
        Effect::Set(sample) if sample.timestamp >= destination.alive_since() => {
            destination.put(sample);
        }
        Effect::Update(sample) if destination.range(sample.timestamp, sample.timestamp).next().is_some() => {
            destination.put(sample);
        }
        Effect::Remove(timestamp) if destination.range(timestamp, timestamp).next().is_some() => {
            destination.remove(timestamp, timestamp);
        }
        Effect::Set(_) | Effect::Update(_) | Effect::Remove(_) => {}
    }
}

/// Put a sample into a series and tell the destinations of its rules.
pub fn put(ctx: &Context, name: &[u8], series: &mut ValueMut<'_, Series>, sample: Sample) -> Result<()> {
    if series.rules.is_empty() {
        series.put(sample);
        return Ok(());
    }
    let needed = needed_to_put(series, [sample.timestamp]);
    let mut destinations = Destinations::open(ctx, name, series, needed)?;
    let changes = series.put(sample);
    destinations.apply(series, &changes);
    Ok(())
}

/// The destinations that may be needed to put samples of these times into a series, one after the other.
pub fn needed_to_put(series: &Series, timestamps: impl IntoIterator<Item = i64> + Clone) -> Vec<Bytes> {
    let last = series.samples.last().map(|last| last.timestamp);
    let needed = series.rules.iter().filter(|rule| rule.needs_destination(last, timestamps.clone()));
    needed.map(|rule| rule.destination.clone()).collect()
}

/// Have the server fetch the destinations with these names, whatever they turn out to be.
pub fn fetch(ctx: &Context, names: &[Bytes]) -> Result<()> {
    let mut error = None;
    for key in ctx.open_many(names)? {
        match ctx.open_ref::<Series>(&key) {
            Ok(_) | Err(Error::WrongType) => {}
            Err(why) => error = error.or(Some(why)),
        }
    }
    error.map_or(Ok(()), Err)
}

/// A series that is opened by a name that another one gives; none if there is none.
pub fn partner<'c>(ctx: &'c Context, name: &[u8]) -> Result<Option<ValueRef<'c, Series>>> {
    match ctx.open_ref::<Series>(&ctx.open_read(name)?) {
        Err(Error::WrongType) => Ok(None),
        other => other,
    }
}

/// The key of the series that the one under `name` is a compaction of, if it really is.
pub fn true_source<'s>(ctx: &Context, name: &[u8], series: &'s Series) -> Result<Option<&'s [u8]>> {
    let Some(source) = series.source.as_deref() else { return Ok(None) };
    if source == name {
        return Ok(None);
    }
    let leads_here = partner(ctx, source)?.is_some_and(|source| source.rule_to(name).is_some());
    Ok(leads_here.then_some(source))
}

/// Which rules of the series under `name` really lead somewhere.
pub fn true_rules<'s>(ctx: &Context, name: &[u8], series: &'s Series) -> Result<Vec<&'s Rule>> {
    let (mut rules, mut error) = (Vec::new(), None);
    for rule in series.rules.iter().filter(|rule| *rule.destination != *name) {
        match partner(ctx, &rule.destination) {
            Ok(Some(destination)) if destination.source.as_deref() == Some(name) => rules.push(rule),
            Ok(_) => {}
            Err(why) => error = error.or(Some(why)),
        }
    }
    error.map_or(Ok(rules), Err)
}

/// What the open bucket of the rule that leads to the series under `name` would become now.
pub fn latest(ctx: &Context, name: &[u8], series: &Series) -> Result<Option<Sample>> {
    match series.source.as_deref().filter(|source| *source != name) {
        Some(source) => Ok(partner(ctx, source)?.and_then(|source| source.latest_for(name))),
        None => Ok(None),
    }
}

/// Give a new series, which will stand under `name`, the rules of the module's parameter, and make their destinations. A key that
/// exists already is nobody's destination.
pub fn automatic(ctx: &Context, name: &[u8], series: &mut Series) -> Result<()> {
    let policy = config::COMPACTION.get();
    if policy.is_empty() {
        return Ok(());
    }
    let compactions = config::compactions(&policy).expect("the policy was checked before it was taken");
    let names: Vec<Vec<u8>> = compactions.iter().map(|rule| automatic_name(name, rule)).collect();
    let keys = ctx.open_many(&names)?;
    for ((key, destination), Compaction { aggregator, buckets, retention }) in
        keys.iter().zip(&names).zip(compactions)
    {
        if key.exists() {
            continue;
        }
        let form = Form { encoding: config::encoding(), ..series.options.form };
        let options = Options { retention, form, ..config::options() };
        let mut labels: Labels = series.labels.clone();
        labels.set(b"aggregation", aggregator.name().to_uppercase().as_bytes());
        labels.set(b"time_bucket", buckets.duration.to_string().as_bytes());
        let mut compacted = Series::new(options, labels);
        compacted.source = Some(name.into());
        ctx.open_mut::<Series>(key)?.set(compacted)?;
        series.rules.push(Rule::new(destination, aggregator, buckets));
    }
    Ok(())
}

/// `key_AGG_duration`, and `_alignment` if there is one.
fn automatic_name(name: &[u8], rule: &Compaction) -> Vec<u8> {
    let buckets = rule.buckets;
    let mut full = name.to_vec();
    full.extend_from_slice(
        format!("_{}_{}", rule.aggregator.name().to_uppercase(), buckets.duration).as_bytes(),
    );
    if buckets.align > 0 {
        full.extend_from_slice(format!("_{}", buckets.align).as_bytes());
    }
    full
}
