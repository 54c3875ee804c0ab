//! What adding, deleting and trimming do to the stream under a key, whoever asks: a client by XADD, XDEL and XTRIM, or a module.
//! It is counted and told here; how it is repeated is known to who asks.

use super::add::Trimming;
use super::ids::NewId;
use crate::command::error::CommandError;
use crate::command::keys::{Changed, Keys};
use crate::command::undo::Part;
use crate::effects::notify::Class;
use crate::keyspace::stream::{Log, LogBefore};
use crate::keyspace::{Key, Stream, StreamId};
use crate::limits;

/// Changes the log of the stream under a key. Below a module's command what is changed is kept for undo instead of a copy of the whole
/// stream, if that is large.
pub(in crate::command) fn change_log<R>(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    change: impl FnOnce(&mut Log, Option<&mut LogBefore>) -> R,
) -> Result<Changed<R>, CommandError> {
    let undoes = keys.scratch.undo.is_active() && keys.may_write;
    let is_large = |stream: &Stream| stream.log.blocks() >= limits::STREAM_BLOCKS_LARGE;
    if !undoes || !keys.peek_as::<Stream>(key)?.is_some_and(is_large) {
        return keys.change(key, |stream: &mut Stream| change(&mut stream.log, None));
    }
    let changed = keys.change_recorded(key, |stream: &mut Stream| {
        let mut before = stream.log.before();
        let result = change(&mut stream.log, Some(&mut before));
        (result, before)
    })?;
    let (result, before) = changed.result;
    keys.scratch.undo.record_part(keys.db, key, Part::Log(Box::new(before)));
    Ok(Changed { result, is_new: false, is_gone: false })
}

/// What was added.
pub(crate) struct Added {
    /// The id of the entry.
    pub(crate) id: StreamId,
    /// What says which entries went for it, if that was approximate.
    pub(super) done: Option<Vec<u8>>,
}

/// Appends an entry, and trims then.
pub(crate) fn append<'f>(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    id: NewId,
    fields: impl ExactSizeIterator<Item = &'f [u8]> + Clone,
    trim: Option<&Trimming>,
    now_ms: u64,
) -> Result<Added, CommandError> {
    let bytes = fields.clone().map(<[u8]>::len).sum();
    if bytes > Stream::ENTRY_BYTES_MAX {
        let last = keys.peek_as::<Stream>(key)?.map_or(StreamId::MIN, |stream| stream.log.last_id());
        id.behind(last, now_ms)?;
        return Err(CommandError::line("ERR Elements are too large to be stored"));
    }
    let limits = keys.thresholds.stream;
    // In a stream that is not there every id is good: none is made that then gets no entry.
    let changed = change_log(keys, key, |log, before| {
        let id = id.behind(log.last_id(), now_ms)?;
        log.append(id, fields, bytes, limits);
        let trimmed = trim.map_or(0, |trim| trim.apply(log, before));
        let done = trim.filter(|trim| trim.is_approximate()).map(|trim| trim.done(log));
        Ok::<_, CommandError>((id, trimmed, done))
    })?;
    let (id, trimmed, done) = changed.result?;
    keys.made_or_modified(key, changed.is_new, Class::STREAM, "xadd");
    if trimmed > 0 {
        keys.event(key, Class::STREAM, "xtrim");
    }
    Ok(Added { id, done })
}

/// Deletes the entries of these ids from a stream that is there. The result is how many there were.
pub(crate) fn delete(keys: &mut Keys<'_>, key: &Key<'_>, ids: &[StreamId]) -> Result<usize, CommandError> {
    let changed = change_log(keys, key, |log, mut before| {
        ids.iter().filter(|id| log.delete(**id, before.as_deref_mut())).count()
    })?;
    let deleted = changed.result;
    if deleted > 0 {
        keys.modified(key, Class::STREAM, "xdel");
        keys.effects.dirty += deleted as u64 - 1;
    }
    Ok(deleted)
}

/// Trims a stream that is there. The result is how many entries went, and what says which.
pub(crate) fn trim(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    trim: &Trimming,
) -> Result<(u64, Vec<u8>), CommandError> {
    let changed = change_log(keys, key, |log, before| {
        let trimmed = trim.apply(log, before);
        (trimmed, trim.done(log))
    })?;
    let (trimmed, _) = changed.result;
    if trimmed > 0 {
        keys.modified(key, Class::STREAM, "xtrim");
        keys.effects.dirty += trimmed - 1;
    }
    Ok(changed.result)
}
