//! The streams of the fake server.

use std::collections::BTreeMap;

use super::fake::Host;
use super::world::{Data, Entry};
use crate::error::{Error, Result};
use crate::stream::{EntryId, Page, StreamInfo, Trim};
use crate::strings::Strings;

/// How many entries come at once at the most, as in the contract.
const PAGE_MAX: u32 = 1000;

/// The entries of a stream, and what is known beside them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Log {
    entries: BTreeMap<EntryId, Strings>,
    last_id: EntryId,
    added: u64,
}

// By value where the imports of `wasm` want it so.
#[allow(clippy::needless_pass_by_value)]
impl Host {
    fn log<R>(&self, key: u32, read: impl FnOnce(&Log) -> R) -> Result<R> {
        self.read(key, |entry| match entry.map(|entry| &entry.data) {
            None => Ok(read(&Log::default())),
            Some(Data::Log(log)) => Ok(read(log)),
            Some(_) => Err(Error::WrongType),
        })
    }

    /// Change a stream that is there; `none` is the answer if it is not.
    fn change_log<R>(&self, key: u32, none: R, change: impl FnOnce(&mut Log) -> R) -> Result<R> {
        self.change(key, |entry| match entry.as_mut().map(|entry| &mut entry.data) {
            None => Ok(none),
            Some(Data::Log(log)) => Ok(change(log)),
            Some(_) => Err(Error::WrongType),
        })
    }

    pub(crate) fn stream_add(&self, key: u32, id: Option<EntryId>, fields: Strings) -> Result<EntryId> {
        assert!(
            !fields.is_empty() && fields.len().is_multiple_of(2),
            "an entry has pairs of field and value"
        );
        let now_ms = self.now_us() / 1000;
        self.change(key, |entry| {
            let empty = || Entry { data: Data::Log(Log::default()), expires_at_ms: None };
            let Data::Log(log) = &mut entry.get_or_insert_with(empty).data else {
                return Err(Error::WrongType);
            };
            let id = log.new_id(id, now_ms)?;
            log.entries.insert(id, fields);
            log.last_id = id;
            log.added += 1;
            Ok(id)
        })
    }

    pub(crate) fn stream_delete(&self, key: u32, ids: &[EntryId]) -> Result<u32> {
        self.change_log(key, 0, |log| ids.iter().map(|id| u32::from(log.entries.remove(id).is_some())).sum())
    }

    /// Approximate is exact here: what may go goes.
    pub(crate) fn stream_trim(&self, key: u32, to: Trim, _exact: bool) -> Result<u64> {
        self.change_log(key, 0, |log| {
            let before = log.entries.len();
            match to {
                Trim::MaxLen(len) => {
                    let len = usize::try_from(len).unwrap_or(usize::MAX);
                    (len..before).for_each(|_| drop(log.entries.pop_first()));
                }
                Trim::MinId(id) => log.entries = log.entries.split_off(&id),
            }
            (before - log.entries.len()) as u64
        })
    }

    pub(crate) fn stream_len(&self, key: u32) -> Result<u64> {
        self.log(key, |log| log.entries.len() as u64)
    }

    pub(crate) fn stream_range(
        &self,
        key: u32,
        first: EntryId,
        last: EntryId,
        count: u32,
        reverse: bool,
    ) -> Result<Page> {
        let count = count.clamp(1, PAGE_MAX) as usize;
        self.log(key, |log| {
            let mut page = Page::default();
            let mut push = |(id, fields): (&EntryId, &Strings)| {
                page.ids.push(*id);
                page.counts.push(u32::try_from(fields.len() / 2).unwrap_or(u32::MAX));
                fields.iter().for_each(|string| page.fields.push(string));
            };
            if first <= last {
                let range = log.entries.range(first..=last);
                match reverse {
                    false => range.take(count).for_each(&mut push),
                    true => range.rev().take(count).for_each(&mut push),
                }
            }
            page
        })
    }

    pub(crate) fn stream_info(&self, key: u32) -> Result<StreamInfo> {
        self.log(key, |log| StreamInfo {
            entries_added: log.added,
            last_id: log.last_id,
            first_id: log.entries.keys().next().copied(),
        })
    }
}

impl Log {
    /// The id of an entry that is to be added, with the errors of XADD.
    fn new_id(&self, id: Option<EntryId>, now_ms: u64) -> Result<EntryId> {
        if id == Some(EntryId::MIN) {
            return Err(Error::other("ERR The ID specified in XADD must be greater than 0-0"));
        }
        let exhausted = "ERR The stream has exhausted the last possible ID, unable to add more items";
        let next = self.last_id.next().ok_or_else(|| Error::other(exhausted))?;
        let chosen = if now_ms > self.last_id.ms { EntryId { ms: now_ms, seq: 0 } } else { next };
        let small = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
        Some(id.unwrap_or(chosen)).filter(|id| *id > self.last_id).ok_or_else(|| Error::other(small))
    }
}
