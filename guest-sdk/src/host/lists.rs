//! The lists of the fake server.

use std::collections::VecDeque;

use super::fake::Host;
use super::world::{Data, Entry};
use crate::error::{Error, Result};
use crate::list::{End, Side};
use crate::strings::Strings;

/// How many elements one call gives at the most, as in the contract.
const GIVEN_MAX: u32 = 1000;

type Elements = VecDeque<Vec<u8>>;

// By value where the imports of `wasm` want it so.
#[allow(clippy::needless_pass_by_value)]
impl Host {
    fn elements(&self, key: u32) -> Result<Elements> {
        self.read(key, |entry| match entry.map(|entry| &entry.data) {
            None => Ok(Elements::new()),
            Some(Data::Elements(elements)) => Ok(elements.clone()),
            Some(_) => Err(Error::WrongType),
        })
    }

    pub(crate) fn list_push(&self, key: u32, end: End, elements: Strings) -> Result<u64> {
        self.change(key, |entry| {
            let list = elements_mut(entry)?;
            for element in elements.iter().map(<[u8]>::to_vec) {
                match end {
                    End::Head => list.push_front(element),
                    End::Tail => list.push_back(element),
                }
            }
            Ok(list.len() as u64)
        })
    }

    pub(crate) fn list_pop(&self, key: u32, end: End, count: u32) -> Result<Strings> {
        self.change(key, |entry| {
            let list = elements_mut(entry)?;
            let pop = |_| match end {
                End::Head => list.pop_front(),
                End::Tail => list.pop_back(),
            };
            Ok((0..count.clamp(1, GIVEN_MAX)).map_while(pop).collect())
        })
    }

    pub(crate) fn list_len(&self, key: u32) -> Result<u64> {
        Ok(self.elements(key)?.len() as u64)
    }

    pub(crate) fn list_get(&self, key: u32, index: i64) -> Result<Option<Vec<u8>>> {
        let list = self.elements(key)?;
        Ok(place(index, list.len()).and_then(|place| list.get(place).cloned()))
    }

    pub(crate) fn list_set(&self, key: u32, index: i64, element: &[u8]) -> Result<bool> {
        self.change(key, |entry| {
            let list = elements_mut(entry)?;
            let old = place(index, list.len()).and_then(|place| list.get_mut(place));
            Ok(old.map(|old| *old = element.to_vec()).is_some())
        })
    }

    pub(crate) fn list_insert(
        &self,
        key: u32,
        side: Side,
        pivot: &[u8],
        element: &[u8],
    ) -> Result<Option<u64>> {
        self.change(key, |entry| {
            let list = elements_mut(entry)?;
            let Some(place) = list.iter().position(|it| it == pivot) else { return Ok(None) };
            list.insert(place + usize::from(side == Side::After), element.to_vec());
            Ok(Some(list.len() as u64))
        })
    }

    pub(crate) fn list_remove(&self, key: u32, element: &[u8], from: End, count: u64) -> Result<u64> {
        self.change(key, |entry| {
            let list = elements_mut(entry)?;
            let most = if count == 0 { u64::MAX } else { count };
            let mut removed = 0;
            let mut stays = |it: &Vec<u8>| {
                let goes = it == element && removed < most;
                removed += u64::from(goes);
                !goes
            };
            match from {
                End::Head => list.retain(stays),
                End::Tail => {
                    let mut left: Elements = list.iter().rev().filter(|it| stays(it)).cloned().collect();
                    left.make_contiguous().reverse();
                    *list = left;
                }
            }
            Ok(removed)
        })
    }

    pub(crate) fn list_trim(&self, key: u32, start: i64, stop: i64) -> Result<()> {
        self.change(key, |entry| {
            let list = elements_mut(entry)?;
            let start = from_head(start, list.len());
            // One behind the last that stays.
            let end = if stop == -1 { list.len() } else { from_head(stop.saturating_add(1), list.len()) };
            list.truncate(end);
            list.drain(..start.min(end));
            Ok(())
        })
    }

    pub(crate) fn list_range(&self, key: u32, start: i64, count: u32) -> Result<Strings> {
        let list = self.elements(key)?;
        let start = from_head(start, list.len());
        Ok(list.iter().skip(start).take(count.clamp(1, GIVEN_MAX) as usize).cloned().collect())
    }
}

/// How far an index is from the head of a list of so many: neither before it nor behind its end.
fn from_head(index: i64, len: usize) -> usize {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(len) } else { index };
    usize::try_from(index.clamp(0, len)).unwrap_or_default()
}

/// The place that an index means, if there is such.
fn place(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(len).ok()?)? } else { index };
    usize::try_from(index).ok().filter(|&place| place < len)
}

fn elements_mut(entry: &mut Option<Entry>) -> Result<&mut Elements> {
    let empty = || Entry { data: Data::Elements(Elements::new()), expires_at_ms: None };
    match &mut entry.get_or_insert_with(empty).data {
        Data::Elements(elements) => Ok(elements),
        _ => Err(Error::WrongType),
    }
}
