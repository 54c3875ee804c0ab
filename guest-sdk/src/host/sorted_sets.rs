//! The sorted sets of the fake server: members by name, sorted whenever somebody wants to see an order.

use std::collections::BTreeMap;

use super::fake::Host;
use super::world::{Data, Entry};
use crate::error::{Error, Result};
use crate::sorted_set::{ScoreRange, Scored};
use crate::strings::Strings;

/// How many members one call gives at the most, as in the contract.
const GIVEN_MAX: u32 = 1000;

type Scores = BTreeMap<Vec<u8>, f64>;

// By value where the imports of `wasm` want it so.
#[allow(clippy::needless_pass_by_value)]
impl Host {
    fn scored(&self, key: u32) -> Result<Scores> {
        self.read(key, |entry| match entry.map(|entry| &entry.data) {
            None => Ok(Scores::new()),
            Some(Data::Scores(scores)) => Ok(scores.clone()),
            Some(_) => Err(Error::WrongType),
        })
    }

    /// All members in their order, or from the last to the first.
    fn sorted(&self, key: u32, reverse: bool) -> Result<Vec<(Vec<u8>, f64)>> {
        let mut sorted: Vec<(Vec<u8>, f64)> = self.scored(key)?.into_iter().collect();
        // Stable, so equal scores stay in the order of the members. To scores, -0 is 0.
        sorted.sort_by(|(_, a), (_, b)| (a + 0.0).total_cmp(&(b + 0.0)));
        if reverse {
            sorted.reverse();
        }
        Ok(sorted)
    }

    pub(crate) fn zset_add(&self, key: u32, members: Strings, scores: &[f64]) -> Result<u32> {
        assert!(members.len() == scores.len(), "another number of scores than of members: this traps");
        scores.iter().try_for_each(|&score| number(score))?;
        self.change(key, |entry| {
            let set = scores_mut(entry)?;
            let scored = members.iter().zip(scores);
            Ok(scored.map(|(member, &score)| u32::from(set.insert(member.to_vec(), score).is_none())).sum())
        })
    }

    pub(crate) fn zset_increment(&self, key: u32, member: &[u8], by: f64) -> Result<f64> {
        number(by)?;
        self.change(key, |entry| {
            let set = scores_mut(entry)?;
            let sum = set.get(member).map_or(by, |score| score + by);
            if sum.is_nan() {
                return Err(Error::Other("ERR resulting score is not a number (NaN)".into()));
            }
            set.insert(member.to_vec(), sum);
            Ok(sum)
        })
    }

    pub(crate) fn zset_remove(&self, key: u32, members: Strings) -> Result<u32> {
        self.change(key, |entry| {
            let set = scores_mut(entry)?;
            Ok(members.iter().map(|member| u32::from(set.remove(member).is_some())).sum())
        })
    }

    pub(crate) fn zset_score(&self, key: u32, member: &[u8]) -> Result<Option<f64>> {
        Ok(self.scored(key)?.get(member).copied())
    }

    pub(crate) fn zset_scores(&self, key: u32, members: Strings) -> Result<Vec<Option<f64>>> {
        let set = self.scored(key)?;
        Ok(members.iter().map(|member| set.get(member).copied()).collect())
    }

    pub(crate) fn zset_rank(&self, key: u32, member: &[u8], reverse: bool) -> Result<Option<u64>> {
        let rank = self.sorted(key, reverse)?.iter().position(|(it, _)| it == member);
        Ok(rank.map(|rank| rank as u64))
    }

    pub(crate) fn zset_len(&self, key: u32) -> Result<u64> {
        Ok(self.scored(key)?.len() as u64)
    }

    pub(crate) fn zset_count(&self, key: u32, scores: ScoreRange) -> Result<u64> {
        Ok(self.within(key, scores, false)?.len() as u64)
    }

    pub(crate) fn zset_range(&self, key: u32, start: u64, count: u32, reverse: bool) -> Result<Scored> {
        Ok(part(self.sorted(key, reverse)?, start, count))
    }

    pub(crate) fn zset_range_by_score(
        &self,
        key: u32,
        scores: ScoreRange,
        offset: u64,
        count: u32,
        reverse: bool,
    ) -> Result<Scored> {
        Ok(part(self.within(key, scores, reverse)?, offset, count))
    }

    pub(crate) fn zset_pop(&self, key: u32, count: u32, reverse: bool) -> Result<Scored> {
        let popped = self.zset_range(key, 0, count, reverse)?;
        self.zset_remove(key, popped.members.clone())?;
        Ok(popped)
    }

    fn within(&self, key: u32, range: ScoreRange, reverse: bool) -> Result<Vec<(Vec<u8>, f64)>> {
        let ScoreRange { min, min_excluded, max, max_excluded } = range;
        number(min)?;
        number(max)?;
        let mut found = self.sorted(key, reverse)?;
        found.retain(|&(_, score)| {
            (score > min || score == min && !min_excluded) && (score < max || score == max && !max_excluded)
        });
        Ok(found)
    }
}

/// The first `count` behind `start`.
fn part(members: Vec<(Vec<u8>, f64)>, start: u64, count: u32) -> Scored {
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let part = members.into_iter().skip(start).take(count.clamp(1, GIVEN_MAX) as usize);
    let (members, scores): (Vec<Vec<u8>>, Vec<f64>) = part.unzip();
    Scored { members: members.into_iter().collect(), scores }
}

fn number(score: f64) -> Result<()> {
    if score.is_nan() { Err(Error::NotAFloat) } else { Ok(()) }
}

fn scores_mut(entry: &mut Option<Entry>) -> Result<&mut Scores> {
    let empty = || Entry { data: Data::Scores(Scores::new()), expires_at_ms: None };
    match &mut entry.get_or_insert_with(empty).data {
        Data::Scores(scores) => Ok(scores),
        _ => Err(Error::WrongType),
    }
}
