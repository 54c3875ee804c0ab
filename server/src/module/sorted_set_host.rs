//! The sorted sets of the `Host` of a running command. What is done to them is done by the functions of the native commands, and
//! repeated as these; a sum of scores is repeated as what it came to.

use std::ops::Range;

use sandkey_runtime as rt;
use sandkey_runtime::{ArgvBuf, HostResult, SortedSets};

use crate::command::zset::{self, AddOptions};
use crate::keyspace::{ScoreRange, Zset};
use crate::net::double::DoubleText;

use super::host::{ModuleHost, key_of, key_to_write, refusal};

impl ModuleHost<'_, '_, '_> {
    /// Repeat that members have these scores now.
    fn propagate_scores<'m>(
        &mut self,
        handle: u32,
        members: impl Iterator<Item = (&'m [u8], f64)>,
    ) -> HostResult<()> {
        // What it changes is bounded whether or not it is repeated.
        let is_repeated = self.ctx.keys.propagates();
        let members = members.take(if is_repeated { usize::MAX } else { 0 });
        let members: Vec<(&[u8], DoubleText)> =
            members.map(|(member, score)| (member, DoubleText::new(score))).collect();
        let args: Vec<&[u8]> =
            members.iter().flat_map(|(member, score)| [score.as_bytes(), member]).collect();
        self.propagate(handle, b"ZADD", &args)
    }
}

/// Append members; their scores.
fn give<'z>(found: impl Iterator<Item = (&'z [u8], f64)>, members: &mut ArgvBuf) -> Vec<f64> {
    let give = |(member, score)| {
        members.push(member);
        score
    };
    found.map(give).collect()
}

/// Of these ranks the first `count` behind `start`, counted from their end if `reverse`.
fn part(ranks: Range<usize>, start: u64, count: u32, reverse: bool) -> Range<usize> {
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(ranks.len());
    let count = (count as usize).min(ranks.len() - start);
    if reverse {
        let end = ranks.end - start;
        end - count..end
    } else {
        let start = ranks.start + start;
        start..start + count
    }
}

fn range_of(scores: rt::ScoreRange) -> ScoreRange {
    let rt::ScoreRange { min, min_excluded, max, max_excluded } = scores;
    ScoreRange { min, min_excluded, max, max_excluded }
}

impl SortedSets for ModuleHost<'_, '_, '_> {
    fn zset_add(&mut self, key: u32, members: rt::Argv<'_>, scores: &[f64]) -> HostResult<u32> {
        let handle = key;
        let key = key_to_write(&self.handles, handle)?;
        let scored = members.iter().zip(scores.iter().copied());
        let done = zset::add_scored(&mut self.ctx.keys, &key, scored.clone(), AddOptions::default());
        let done = done.map_err(refusal)?;
        if done.has_changed() {
            self.propagate_scores(handle, scored)?;
        }
        Ok(done.added() as u32)
    }

    fn zset_increment(&mut self, key: u32, member: &[u8], by: f64) -> HostResult<f64> {
        let handle = key;
        let key = key_to_write(&self.handles, handle)?;
        let scored = std::iter::once((member, by));
        let done = zset::add_scored(&mut self.ctx.keys, &key, scored, AddOptions::INCREMENT);
        let done = done.map_err(refusal)?;
        let sum = done.score().unwrap_or(by);
        if done.has_changed() {
            self.propagate_scores(handle, std::iter::once((member, sum)))?;
        }
        Ok(sum)
    }

    fn zset_remove(&mut self, key: u32, members: rt::Argv<'_>) -> HostResult<u32> {
        let handle = key;
        let key = key_to_write(&self.handles, handle)?;
        let removed = zset::remove(&mut self.ctx.keys, &key, members.iter()).map_err(refusal)?;
        if removed > 0 {
            let members: Vec<&[u8]> =
                if self.ctx.keys.propagates() { members.iter().collect() } else { Vec::new() };
            self.propagate(handle, b"ZREM", &members)?;
        }
        Ok(removed as u32)
    }

    fn zset_score(&mut self, key: u32, member: &[u8]) -> HostResult<Option<f64>> {
        Ok(self.read_as::<Zset>(key)?.and_then(|zset| zset.score(member)))
    }

    fn zset_scores(&mut self, key: u32, members: rt::Argv<'_>) -> HostResult<Vec<Option<f64>>> {
        let zset = self.read_as::<Zset>(key)?;
        Ok(members.iter().map(|member| zset.and_then(|zset| zset.score(member))).collect())
    }

    fn zset_rank(&mut self, key: u32, member: &[u8], reverse: bool) -> HostResult<Option<u64>> {
        let Some(zset) = self.read_as::<Zset>(key)? else { return Ok(None) };
        let rank = zset.rank(member).map(|(rank, _)| if reverse { zset.len() - 1 - rank } else { rank });
        Ok(rank.map(|rank| rank as u64))
    }

    fn zset_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.read_as::<Zset>(key)?.map_or(0, Zset::len) as u64)
    }

    fn zset_count(&mut self, key: u32, scores: rt::ScoreRange) -> HostResult<u64> {
        Ok(self.read_as::<Zset>(key)?.map_or(0, |zset| zset.ranks_by_score(&range_of(scores)).len()) as u64)
    }

    fn zset_range(
        &mut self,
        key: u32,
        start: u64,
        count: u32,
        reverse: bool,
        members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        let Some(zset) = self.read_as::<Zset>(key)? else { return Ok(Vec::new()) };
        Ok(give(zset.range(part(0..zset.len(), start, count, reverse), reverse), members))
    }

    fn zset_range_by_score(
        &mut self,
        key: u32,
        scores: rt::ScoreRange,
        offset: u64,
        count: u32,
        reverse: bool,
        members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        let Some(zset) = self.read_as::<Zset>(key)? else { return Ok(Vec::new()) };
        let ranks = part(zset.ranks_by_score(&range_of(scores)), offset, count, reverse);
        Ok(give(zset.range(ranks, reverse), members))
    }

    fn zset_pop(
        &mut self,
        key: u32,
        count: u32,
        reverse: bool,
        members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        let handle = key;
        key_to_write(&self.handles, handle)?;
        let Some(zset) = self.read_as::<Zset>(handle)? else { return Ok(Vec::new()) };
        let ranks = part(0..zset.len(), 0, count, reverse);
        let scores = give(zset.range(ranks.clone(), reverse), members);
        let (event, command): (_, &[u8]) =
            if reverse { ("zpopmax", b"ZPOPMAX") } else { ("zpopmin", b"ZPOPMIN") };
        let (key, _) = key_of(&self.handles, handle)?;
        self.ctx.keys.remove_ranks(&key, ranks, event).map_err(refusal)?;
        self.propagate(handle, command, &[itoa::Buffer::new().format(scores.len()).as_bytes()])?;
        Ok(scores)
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_part_of_ranks_stays_within_them() {
        for (start, count, forward, reverse) in [
            (0, 2, 10..12, 18..20),
            (3, 1000, 13..20, 10..17),
            (10, 5, 20..20, 10..10),
            (u64::MAX, 5, 20..20, 10..10),
        ] {
            assert_eq!(part(10..20, start, count, false), forward);
            assert_eq!(part(10..20, start, count, true), reverse);
        }
    }
}
