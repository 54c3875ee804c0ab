//! The sets of the host that is a few maps.

use std::collections::BTreeSet;

use sandkey_runtime::{Argv, ArgvBuf, Error, HostResult, Sets};

use super::{TestHost, Value};

impl TestHost {
    fn set(&mut self, key: u32) -> HostResult<&mut BTreeSet<Vec<u8>>> {
        let name = self.name(key)?;
        match self.keys.entry(name).or_insert_with(|| Value::Set(BTreeSet::new())) {
            Value::Set(members) => Ok(members),
            _ => Err(Error::WrongType.into()),
        }
    }
}

impl Sets for TestHost {
    fn set_add(&mut self, key: u32, members: Argv<'_>) -> HostResult<u32> {
        self.writable(key)?;
        let set = self.set(key)?;
        Ok(members.iter().map(|member| u32::from(set.insert(member.to_vec()))).sum())
    }

    fn set_remove(&mut self, key: u32, members: Argv<'_>) -> HostResult<u32> {
        self.writable(key)?;
        let set = self.set(key)?;
        Ok(members.iter().map(|member| u32::from(set.remove(member))).sum())
    }

    fn set_contains(&mut self, key: u32, member: &[u8]) -> HostResult<bool> {
        Ok(self.set(key)?.contains(member))
    }

    fn set_contains_many(&mut self, key: u32, members: Argv<'_>) -> HostResult<Vec<bool>> {
        let set = self.set(key)?;
        Ok(members.iter().map(|member| set.contains(member)).collect())
    }

    fn set_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.set(key)?.len() as u64)
    }

    fn set_members(&mut self, key: u32, members: &mut ArgvBuf) -> HostResult<()> {
        self.set(key)?.iter().for_each(|member| members.push(member));
        Ok(())
    }

    fn set_random(&mut self, key: u32, count: u32, members: &mut ArgvBuf) -> HostResult<()> {
        members.push(format!("key={key} count={count}").as_bytes());
        Ok(())
    }

    fn set_pop(&mut self, key: u32, count: u32, members: &mut ArgvBuf) -> HostResult<()> {
        self.writable(key)?;
        let set = self.set(key)?;
        (0..count).map_while(|_| set.pop_first()).for_each(|member| members.push(&member));
        Ok(())
    }

    fn set_scan(&mut self, key: u32, cursor: u64, count: u32, members: &mut ArgvBuf) -> HostResult<u64> {
        members.push(format!("key={key} cursor={cursor} count={count}").as_bytes());
        Ok(7)
    }
}
