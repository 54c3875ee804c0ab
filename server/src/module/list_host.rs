//! The lists of the `Host` of a running command. What is done to them is done by the functions of the native commands, and repeated
//! as these.

use sandkey_runtime as rt;
use sandkey_runtime::{ArgvBuf, HostResult, Lists, Side};

use crate::command::list;
use crate::keyspace::{End, List};

use super::host::{ModuleHost, key_of, key_to_write, refusal};

impl ModuleHost<'_, '_, '_> {
    /// Its length, before it is changed.
    fn len_to_change(&mut self, handle: u32) -> HostResult<usize> {
        key_to_write(&self.handles, handle)?;
        Ok(self.read_as::<List>(handle)?.map_or(0, List::len))
    }
}

fn end_of(end: rt::End) -> End {
    match end {
        rt::End::Head => End::Head,
        rt::End::Tail => End::Tail,
    }
}

/// One of two words by an end.
fn by(end: End, head: &'static [u8], tail: &'static [u8]) -> &'static [u8] {
    if end == End::Head { head } else { tail }
}

impl Lists for ModuleHost<'_, '_, '_> {
    fn list_push(&mut self, key: u32, end: rt::End, elements: rt::Argv<'_>) -> HostResult<u64> {
        let (handle, end) = (key, end_of(end));
        let len = self.len_to_change(handle)?;
        if elements.is_empty() {
            return Ok(len as u64);
        }
        let (key, _) = key_of(&self.handles, handle)?;
        let len = list::push(self.ctx, &key, end, elements.iter()).map_err(refusal)?;
        // What it adds is bounded whether or not it is repeated.
        let elements: Vec<&[u8]> =
            if self.ctx.keys.propagates() { elements.iter().collect() } else { Vec::new() };
        self.propagate(handle, by(end, b"LPUSH", b"RPUSH"), &elements)?;
        Ok(len as u64)
    }

    fn list_pop(&mut self, key: u32, end: rt::End, count: u32, elements: &mut ArgvBuf) -> HostResult<()> {
        let (handle, end) = (key, end_of(end));
        let n = self.len_to_change(handle)?.min(count as usize);
        if n == 0 {
            return Ok(());
        }
        if let Some(list) = self.read_as::<List>(handle)? {
            match end {
                End::Head => list.iter().take(n).for_each(|element| elements.push(element)),
                End::Tail => list.iter().rev().take(n).for_each(|element| elements.push(element)),
            }
        }
        let (key, _) = key_of(&self.handles, handle)?;
        list::take(self.ctx, &key, end, n).map_err(refusal)?;
        self.ctx.keys.effects.dirty += n as u64 - 1;
        self.propagate(handle, by(end, b"LPOP", b"RPOP"), &[itoa::Buffer::new().format(n).as_bytes()])
    }

    fn list_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.read_as::<List>(key)?.map_or(0, List::len) as u64)
    }

    fn list_get(&mut self, key: u32, index: i64) -> HostResult<Option<&[u8]>> {
        let Some(list) = self.read_as::<List>(key)? else { return Ok(None) };
        Ok(list::place(index, list.len()).and_then(|place| list.get(place)))
    }

    fn list_set(&mut self, key: u32, index: i64, element: &[u8]) -> HostResult<bool> {
        let handle = key;
        let len = self.len_to_change(handle)?;
        let Some(place) = list::place(index, len) else { return Ok(false) };
        let (key, _) = key_of(&self.handles, handle)?;
        list::set_at(&mut self.ctx.keys, &key, place, element).map_err(refusal)?;
        self.propagate(handle, b"LSET", &[itoa::Buffer::new().format(place).as_bytes(), element])?;
        Ok(true)
    }

    fn list_insert(&mut self, key: u32, side: Side, pivot: &[u8], element: &[u8]) -> HostResult<Option<u64>> {
        let handle = key;
        let key = key_to_write(&self.handles, handle)?;
        let (behind, word): (usize, &[u8]) = match side {
            Side::Before => (0, b"BEFORE"),
            Side::After => (1, b"AFTER"),
        };
        let len = list::insert(&mut self.ctx.keys, &key, behind, pivot, element).map_err(refusal)?;
        if len <= 0 {
            return Ok(None);
        }
        self.propagate(handle, b"LINSERT", &[word, pivot, element])?;
        Ok(Some(len.cast_unsigned()))
    }

    fn list_remove(&mut self, key: u32, element: &[u8], from: rt::End, count: u64) -> HostResult<u64> {
        let (handle, from) = (key, end_of(from));
        let key = key_to_write(&self.handles, handle)?;
        let most = if count == 0 { usize::MAX } else { usize::try_from(count).unwrap_or(usize::MAX) };
        let removed = list::remove(&mut self.ctx.keys, &key, element, most, from).map_err(refusal)?;
        if removed > 0 {
            // As many as there were, so that the number fits with a sign.
            let count = if from == End::Tail { -(removed as i64) } else { removed as i64 };
            self.propagate(handle, b"LREM", &[itoa::Buffer::new().format(count).as_bytes(), element])?;
        }
        Ok(removed as u64)
    }

    fn list_trim(&mut self, key: u32, start: i64, stop: i64) -> HostResult<()> {
        let handle = key;
        let key = key_to_write(&self.handles, handle)?;
        if list::trim(&mut self.ctx.keys, &key, start, stop).map_err(refusal)? {
            let (mut first, mut last) = (itoa::Buffer::new(), itoa::Buffer::new());
            let range = [first.format(start).as_bytes(), last.format(stop).as_bytes()];
            self.propagate(handle, b"LTRIM", &range)?;
        }
        Ok(())
    }

    fn list_range(&mut self, key: u32, start: i64, count: u32, elements: &mut ArgvBuf) -> HostResult<()> {
        let Some(list) = self.read_as::<List>(key)? else { return Ok(()) };
        let start = list::places(start, -1, list.len()).start;
        let end = start.saturating_add(count as usize).min(list.len());
        if start < end {
            list.range(start..end).for_each(|element| elements.push(element));
        }
        Ok(())
    }
}
