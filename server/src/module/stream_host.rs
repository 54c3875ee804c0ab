//! The streams of the `Host` of a running command. What is done to them is done by the functions of the native commands, and repeated
//! as these, with the ids that were chosen and the lengths that were left.

use std::ops::RangeInclusive;

use sandkey_runtime as rt;
use sandkey_runtime::{ArgvBuf, EntryHeads, EntryId, HostResult, StreamInfo, Streams};
use smallvec::SmallVec;

use crate::command::stream::add::Trimming;
use crate::command::stream::change;
use crate::command::stream::ids::NewId;
use crate::keyspace::stream::{Record, Trim};
use crate::keyspace::{Stream, StreamId};
use crate::limits;

use super::host::{ModuleHost, key_of, key_to_write, refusal};

fn of_guest(id: EntryId) -> StreamId {
    StreamId { ms: id.ms, seq: id.seq }
}

fn to_guest(id: StreamId) -> EntryId {
    EntryId { ms: id.ms, seq: id.seq }
}

/// Hands entries over until there are enough of them.
fn page<'s>(records: impl Iterator<Item = Record<'s>>, fields: &mut ArgvBuf) -> EntryHeads {
    let mut heads = EntryHeads::default();
    let mut digits = itoa::Buffer::new();
    for record in records {
        // One at least, so that whoever goes on gets on. What comes behind those that fit waits for the next page.
        let bytes: usize = record.fields().map(|(name, value)| name.len() + value.len()).sum();
        if !heads.ids.is_empty() && fields.bytes() + bytes > limits::STREAM_PAGE_BYTES {
            break;
        }
        heads.ids.push(to_guest(record.id));
        heads.counts.push(record.fields().len() as u32);
        for (name, value) in record.fields() {
            fields.push(name.bytes(&mut digits));
            fields.push(value.bytes(&mut digits));
        }
    }
    heads
}

impl Streams for ModuleHost<'_, '_, '_> {
    fn stream_add(&mut self, key: u32, id: Option<EntryId>, fields: rt::Argv<'_>) -> HostResult<EntryId> {
        let handle = key;
        let key = key_to_write(&self.handles, handle)?;
        let id = id.map_or(NewId::Any, |id| NewId::Exactly(of_guest(id)));
        id.check().map_err(refusal)?;
        let now_ms = self.ctx.time_ms();
        let keys = &mut self.ctx.keys;
        let added = change::append(keys, &key, id, fields.iter(), None, now_ms).map_err(refusal)?;
        let text = added.id.text();
        // What it changes is bounded whether or not it is repeated.
        let mut args: SmallVec<[&[u8]; 16]> = SmallVec::new();
        if self.ctx.keys.propagates() {
            args.push(&text);
            args.extend(fields.iter());
        }
        self.propagate(handle, b"XADD", &args)?;
        Ok(to_guest(added.id))
    }

    fn stream_delete(&mut self, key: u32, ids: &[EntryId]) -> HostResult<u32> {
        let handle = key;
        key_to_write(&self.handles, handle)?;
        if self.read_as::<Stream>(handle)?.is_none() {
            return Ok(0);
        }
        let mut all = 0;
        for ids in ids.chunks(limits::STREAM_DELETED_AT_ONCE) {
            let ids: Vec<StreamId> = ids.iter().copied().map(of_guest).collect();
            let (key, _) = key_of(&self.handles, handle)?;
            let deleted = change::delete(&mut self.ctx.keys, &key, &ids).map_err(refusal)?;
            if deleted > 0 {
                let texts: Vec<_> = ids.iter().map(|id| id.text()).collect();
                let args: Vec<&[u8]> = texts.iter().map(AsRef::as_ref).collect();
                self.propagate(handle, b"XDEL", &args)?;
            }
            all += deleted as u32;
        }
        Ok(all)
    }

    fn stream_trim(&mut self, key: u32, to: rt::Trimming, exact: bool) -> HostResult<u64> {
        let handle = key;
        key_to_write(&self.handles, handle)?;
        if self.read_as::<Stream>(handle)?.is_none() {
            return Ok(0);
        }
        if !exact {
            // What goes depends on how this server has divided the stream.
            self.is_personal();
        }
        let (word, trim): (&[u8], _) = match to {
            rt::Trimming::MaxLen(len) => (b"MAXLEN", Trim::MaxLen(len)),
            rt::Trimming::MinId(id) => (b"MINID", Trim::MinId(of_guest(id))),
        };
        let (key, _) = key_of(&self.handles, handle)?;
        let keys = &mut self.ctx.keys;
        let trim = Trimming::of(trim, !exact, keys.thresholds.stream.entries);
        let (trimmed, done) = change::trim(keys, &key, &trim).map_err(refusal)?;
        if trimmed > 0 {
            self.propagate(handle, b"XTRIM", &[word, b"=", &done])?;
        }
        Ok(trimmed)
    }

    fn stream_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.read_as::<Stream>(key)?.map_or(0, |stream| stream.log.len()))
    }

    fn stream_range(
        &mut self,
        key: u32,
        ids: RangeInclusive<EntryId>,
        count: u32,
        reverse: bool,
        fields: &mut ArgvBuf,
    ) -> HostResult<EntryHeads> {
        let (first, last) = (of_guest(*ids.start()), of_guest(*ids.end()));
        let Some(stream) = self.read_as::<Stream>(key)?.filter(|_| first <= last) else {
            return Ok(EntryHeads::default());
        };
        let (log, count) = (&stream.log, count as usize);
        Ok(match reverse {
            false => page(log.range(first, last).take(count), fields),
            true => page(log.range_back(first, last).take(count), fields),
        })
    }

    fn stream_info(&mut self, key: u32) -> HostResult<StreamInfo> {
        let Some(stream) = self.read_as::<Stream>(key)? else { return Ok(StreamInfo::default()) };
        let log = &stream.log;
        Ok(StreamInfo {
            entries_added: log.entries_added(),
            last_id: to_guest(log.last_id()),
            first_id: (!log.is_empty()).then(|| to_guest(log.first_id())),
        })
    }
}
