//! The lists and sorted sets of the host that is a few maps.

use std::collections::{BTreeMap, VecDeque};

use sandkey_runtime::{Argv, ArgvBuf, End, Error, HostResult, Lists, ScoreRange, Side, SortedSets};

use super::{TestHost, Value};

impl TestHost {
    fn list(&mut self, key: u32) -> HostResult<&mut VecDeque<Vec<u8>>> {
        let name = self.name(key)?;
        match self.keys.entry(name).or_insert_with(|| Value::List(VecDeque::new())) {
            Value::List(elements) => Ok(elements),
            _ => Err(Error::WrongType.into()),
        }
    }

    fn zset(&mut self, key: u32) -> HostResult<&mut BTreeMap<Vec<u8>, f64>> {
        let name = self.name(key)?;
        match self.keys.entry(name).or_insert_with(|| Value::Zset(BTreeMap::new())) {
            Value::Zset(scores) => Ok(scores),
            _ => Err(Error::WrongType.into()),
        }
    }
}

impl Lists for TestHost {
    fn list_push(&mut self, key: u32, end: End, elements: Argv<'_>) -> HostResult<u64> {
        self.writable(key)?;
        let list = self.list(key)?;
        for element in elements.iter() {
            match end {
                End::Head => list.push_front(element.to_vec()),
                End::Tail => list.push_back(element.to_vec()),
            }
        }
        Ok(list.len() as u64)
    }

    fn list_pop(&mut self, key: u32, end: End, count: u32, elements: &mut ArgvBuf) -> HostResult<()> {
        self.writable(key)?;
        let list = self.list(key)?;
        for _ in 0..count {
            let popped = if end == End::Head { list.pop_front() } else { list.pop_back() };
            popped.into_iter().for_each(|element| elements.push(&element));
        }
        Ok(())
    }

    fn list_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.list(key)?.len() as u64)
    }

    fn list_get(&mut self, key: u32, index: i64) -> HostResult<Option<&[u8]>> {
        let list = self.list(key)?;
        Ok(usize::try_from(index).ok().and_then(|index| list.get(index)).map(Vec::as_slice))
    }

    fn list_set(&mut self, key: u32, index: i64, element: &[u8]) -> HostResult<bool> {
        self.writable(key)?;
        let old = usize::try_from(index).ok().and_then(|index| self.list(key).ok()?.get_mut(index));
        Ok(old.map(|old| *old = element.to_vec()).is_some())
    }

    fn list_insert(&mut self, key: u32, side: Side, pivot: &[u8], element: &[u8]) -> HostResult<Option<u64>> {
        let list = self.list(key)?;
        let Some(at) = list.iter().position(|it| it == pivot) else { return Ok(None) };
        list.insert(at + usize::from(side == Side::After), element.to_vec());
        Ok(Some(list.len() as u64))
    }

    fn list_remove(&mut self, _: u32, element: &[u8], from: End, count: u64) -> HostResult<u64> {
        self.called.push(vec![element.to_vec(), format!("{from:?} {count}").into_bytes()]);
        Ok(count + 1)
    }

    fn list_trim(&mut self, key: u32, start: i64, stop: i64) -> HostResult<()> {
        self.writable(key)?;
        self.called.push(vec![format!("{start} {stop}").into_bytes()]);
        Ok(())
    }

    fn list_range(&mut self, key: u32, start: i64, count: u32, elements: &mut ArgvBuf) -> HostResult<()> {
        elements.push(format!("key={key} start={start} count={count}").as_bytes());
        Ok(())
    }
}

impl SortedSets for TestHost {
    fn zset_add(&mut self, key: u32, members: Argv<'_>, scores: &[f64]) -> HostResult<u32> {
        self.writable(key)?;
        let zset = self.zset(key)?;
        let scored = members.iter().zip(scores);
        Ok(scored.map(|(member, &score)| u32::from(zset.insert(member.to_vec(), score).is_none())).sum())
    }

    fn zset_increment(&mut self, key: u32, member: &[u8], by: f64) -> HostResult<f64> {
        self.writable(key)?;
        let score = self.zset(key)?.entry(member.to_vec()).or_default();
        *score += by;
        Ok(*score)
    }

    fn zset_remove(&mut self, key: u32, members: Argv<'_>) -> HostResult<u32> {
        self.writable(key)?;
        let zset = self.zset(key)?;
        Ok(members.iter().map(|member| u32::from(zset.remove(member).is_some())).sum())
    }

    fn zset_score(&mut self, key: u32, member: &[u8]) -> HostResult<Option<f64>> {
        Ok(self.zset(key)?.get(member).copied())
    }

    fn zset_scores(&mut self, key: u32, members: Argv<'_>) -> HostResult<Vec<Option<f64>>> {
        let zset = self.zset(key)?;
        Ok(members.iter().map(|member| zset.get(member).copied()).collect())
    }

    fn zset_rank(&mut self, key: u32, member: &[u8], reverse: bool) -> HostResult<Option<u64>> {
        let found = self.zset(key)?.contains_key(member);
        Ok(found.then_some(if reverse { 40 } else { 30 }))
    }

    fn zset_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.zset(key)?.len() as u64)
    }

    fn zset_count(&mut self, _: u32, scores: ScoreRange) -> HostResult<u64> {
        self.called.push(vec![format!("{scores:?}").into_bytes()]);
        Ok(12)
    }

    fn zset_range(
        &mut self,
        key: u32,
        start: u64,
        count: u32,
        reverse: bool,
        members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        self.called.push(vec![format!("{start} {count} {reverse}").into_bytes()]);
        let zset = self.zset(key)?;
        zset.keys().for_each(|member| members.push(member));
        Ok(zset.values().copied().collect())
    }

    fn zset_range_by_score(
        &mut self,
        key: u32,
        scores: ScoreRange,
        offset: u64,
        count: u32,
        reverse: bool,
        members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        self.called.push(vec![format!("{scores:?}").into_bytes()]);
        self.zset_range(key, offset, count, reverse, members)
    }

    fn zset_pop(
        &mut self,
        key: u32,
        count: u32,
        reverse: bool,
        members: &mut ArgvBuf,
    ) -> HostResult<Vec<f64>> {
        self.writable(key)?;
        self.zset_range(key, 0, count, reverse, members)
    }
}
