//! The sets of the fake server.

use std::collections::BTreeSet;

use super::fake::Host;
use super::world::{Data, Entry};
use crate::error::{Error, Result};
use crate::strings::Strings;

/// How many members are drawn at once at the most, as in the contract.
const DRAWN_MAX: u32 = 1000;

// By value where the imports of `wasm` want it so.
#[allow(clippy::needless_pass_by_value)]
impl Host {
    fn members(&self, key: u32) -> Result<BTreeSet<Vec<u8>>> {
        self.read(key, |entry| match entry.map(|entry| &entry.data) {
            None => Ok(BTreeSet::new()),
            Some(Data::Members(members)) => Ok(members.clone()),
            Some(_) => Err(Error::WrongType),
        })
    }

    pub(crate) fn set_add(&self, key: u32, members: Strings) -> Result<u32> {
        self.change(key, |entry| {
            let set = members_mut(entry)?;
            Ok(members.iter().map(|member| u32::from(set.insert(member.to_vec()))).sum())
        })
    }

    pub(crate) fn set_remove(&self, key: u32, members: Strings) -> Result<u32> {
        self.change(key, |entry| {
            let set = members_mut(entry)?;
            Ok(members.iter().map(|member| u32::from(set.remove(member))).sum())
        })
    }

    pub(crate) fn set_contains(&self, key: u32, member: &[u8]) -> Result<bool> {
        Ok(self.members(key)?.contains(member))
    }

    pub(crate) fn set_contains_many(&self, key: u32, members: Strings) -> Result<Vec<bool>> {
        let set = self.members(key)?;
        Ok(members.iter().map(|member| set.contains(member)).collect())
    }

    pub(crate) fn set_len(&self, key: u32) -> Result<u64> {
        Ok(self.members(key)?.len() as u64)
    }

    pub(crate) fn set_members(&self, key: u32) -> Result<Strings> {
        Ok(self.members(key)?.into_iter().collect())
    }

    pub(crate) fn set_random(&self, key: u32, count: u32) -> Result<Strings> {
        let mut left: Vec<Vec<u8>> = self.members(key)?.into_iter().collect();
        let mut drawn = Strings::new();
        for _ in 0..count.clamp(1, DRAWN_MAX).min(u32::try_from(left.len()).unwrap_or(u32::MAX)) {
            let at = self.world().random() % left.len() as u64;
            drawn.push(&left.swap_remove(usize::try_from(at).unwrap_or(0)));
        }
        Ok(drawn)
    }

    pub(crate) fn set_pop(&self, key: u32, count: u32) -> Result<Strings> {
        let drawn = self.set_random(key, count)?;
        self.set_remove(key, drawn.iter().collect())?;
        Ok(drawn)
    }

    pub(crate) fn set_scan(&self, key: u32, cursor: u64, count: u32) -> Result<(u64, Strings)> {
        let all: Vec<Vec<u8>> = self.members(key)?.into_iter().collect();
        let mut page = Strings::new();
        let cursor = self.world().page(cursor, &all, count, |member| page.push(member));
        Ok((cursor, page))
    }
}

fn members_mut(entry: &mut Option<Entry>) -> Result<&mut BTreeSet<Vec<u8>>> {
    let empty = || Entry { data: Data::Members(BTreeSet::new()), expires_at_ms: None };
    match &mut entry.get_or_insert_with(empty).data {
        Data::Members(members) => Ok(members),
        _ => Err(Error::WrongType),
    }
}
