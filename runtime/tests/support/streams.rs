//! The streams of the host that is a few maps.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use sandkey_runtime::{Argv, ArgvBuf, EntryHeads, EntryId, Error, HostResult, StreamInfo, Streams, Trimming};

use super::{TestHost, Value};

/// Entries by their ids.
pub type Log = BTreeMap<EntryId, Vec<Vec<u8>>>;

impl TestHost {
    fn stream(&mut self, key: u32) -> HostResult<&mut Log> {
        let name = self.name(key)?;
        match self.keys.entry(name).or_insert_with(|| Value::Stream(Log::new())) {
            Value::Stream(log) => Ok(log),
            _ => Err(Error::WrongType.into()),
        }
    }
}

impl Streams for TestHost {
    fn stream_add(&mut self, key: u32, id: Option<EntryId>, fields: Argv<'_>) -> HostResult<EntryId> {
        self.writable(key)?;
        let id = id.unwrap_or(EntryId { ms: self.now_us / 1000, seq: 0 });
        self.stream(key)?.insert(id, fields.iter().map(<[u8]>::to_vec).collect());
        Ok(id)
    }

    fn stream_delete(&mut self, key: u32, ids: &[EntryId]) -> HostResult<u32> {
        self.writable(key)?;
        let log = self.stream(key)?;
        Ok(ids.iter().map(|id| u32::from(log.remove(id).is_some())).sum())
    }

    fn stream_trim(&mut self, key: u32, to: Trimming, exact: bool) -> HostResult<u64> {
        self.writable(key)?;
        self.lines.push(format!("{to:?} {exact}"));
        Ok(self.stream(key)?.len() as u64)
    }

    fn stream_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.stream(key)?.len() as u64)
    }

    fn stream_range(
        &mut self,
        key: u32,
        ids: RangeInclusive<EntryId>,
        count: u32,
        reverse: bool,
        fields: &mut ArgvBuf,
    ) -> HostResult<EntryHeads> {
        let mut found: Vec<_> = self.stream(key)?.range(ids).collect();
        if reverse {
            found.reverse();
        }
        let mut heads = EntryHeads::default();
        for (id, strings) in found.into_iter().take(count as usize) {
            heads.ids.push(*id);
            heads.counts.push(strings.len() as u32 / 2);
            strings.iter().for_each(|string| fields.push(string));
        }
        Ok(heads)
    }

    fn stream_info(&mut self, key: u32) -> HostResult<StreamInfo> {
        let log = self.stream(key)?;
        Ok(StreamInfo {
            entries_added: log.len() as u64,
            last_id: log.keys().next_back().copied().unwrap_or_default(),
            first_id: log.keys().next().copied(),
        })
    }
}
