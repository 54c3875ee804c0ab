//! The sets of the `Host` of a running command. What is done to them is done by the functions of the native commands, and repeated
//! as these.
//!
//! The order of a set's members, and what chance draws of them, is this server's own: a command that has seen it is not repeated by
//! running it again.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use sandkey_runtime as rt;
use sandkey_runtime::{ArgvBuf, Host, HostResult, Sets};

use crate::command::set;
use crate::keyspace::{Set, StringRef};

use super::host::{ModuleHost, key_of, key_to_write, refusal};

impl ModuleHost<'_, '_, '_> {
    /// Repeat a change of some members.
    fn propagate_members<'m>(
        &mut self,
        handle: u32,
        name: &[u8],
        members: impl Iterator<Item = &'m [u8]>,
    ) -> HostResult<()> {
        // What it changes is bounded whether or not it is repeated.
        let members: Vec<&[u8]> = if self.ctx.keys.propagates() { members.collect() } else { Vec::new() };
        self.propagate(handle, name, &members)
    }

    fn draw(&mut self, handle: u32, count: u32) -> HostResult<Vec<Vec<u8>>> {
        self.is_personal();
        let mut rng = SmallRng::seed_from_u64(self.random());
        let Some(set) = self.read_as::<Set>(handle)? else { return Ok(Vec::new()) };
        let drawn = set.random_distinct(&mut rng, count as usize);
        Ok(drawn.into_iter().map(StringRef::to_vec).collect())
    }
}

impl Sets for ModuleHost<'_, '_, '_> {
    fn set_add(&mut self, key: u32, members: rt::Argv<'_>) -> HostResult<u32> {
        let handle = key;
        let key = key_to_write(&self.handles, handle)?;
        let added = set::add(&mut self.ctx.keys, &key, members.iter()).map_err(refusal)?;
        if added > 0 {
            self.propagate_members(handle, b"SADD", members.iter())?;
        }
        Ok(added as u32)
    }

    fn set_remove(&mut self, key: u32, members: rt::Argv<'_>) -> HostResult<u32> {
        let handle = key;
        let key = key_to_write(&self.handles, handle)?;
        let removed = set::remove(&mut self.ctx.keys, &key, members.iter(), "srem").map_err(refusal)?;
        if removed > 0 {
            self.propagate_members(handle, b"SREM", members.iter())?;
        }
        Ok(removed as u32)
    }

    fn set_contains(&mut self, key: u32, member: &[u8]) -> HostResult<bool> {
        Ok(self.read_as::<Set>(key)?.is_some_and(|set| set.contains(member)))
    }

    fn set_contains_many(&mut self, key: u32, members: rt::Argv<'_>) -> HostResult<Vec<bool>> {
        let set = self.read_as::<Set>(key)?;
        Ok(members.iter().map(|member| set.is_some_and(|set| set.contains(member))).collect())
    }

    fn set_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.read_as::<Set>(key)?.map_or(0, Set::len) as u64)
    }

    fn set_members(&mut self, key: u32, members: &mut ArgvBuf) -> HostResult<()> {
        self.is_personal();
        let mut digits = itoa::Buffer::new();
        let all = self.read_as::<Set>(key)?.into_iter().flat_map(Set::iter);
        all.for_each(|member| members.push(member.bytes(&mut digits)));
        Ok(())
    }

    fn set_random(&mut self, key: u32, count: u32, members: &mut ArgvBuf) -> HostResult<()> {
        self.draw(key, count)?.iter().for_each(|member| members.push(member));
        Ok(())
    }

    fn set_pop(&mut self, key: u32, count: u32, members: &mut ArgvBuf) -> HostResult<()> {
        let handle = key;
        key_to_write(&self.handles, handle)?;
        let drawn = self.draw(handle, count)?;
        let (key, _) = key_of(&self.handles, handle)?;
        let popped = drawn.iter().map(Vec::as_slice);
        if set::remove(&mut self.ctx.keys, &key, popped.clone(), "spop").map_err(refusal)? > 0 {
            self.propagate_members(handle, b"SREM", popped)?;
        }
        drawn.iter().for_each(|member| members.push(member));
        Ok(())
    }

    fn set_scan(&mut self, key: u32, cursor: u64, count: u32, members: &mut ArgvBuf) -> HostResult<u64> {
        self.is_personal();
        let Some(set) = self.read_as::<Set>(key)? else { return Ok(0) };
        let mut digits = itoa::Buffer::new();
        Ok(set.scan(cursor, count as usize, |member| members.push(member.bytes(&mut digits))))
    }
}
