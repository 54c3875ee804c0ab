//! What the server does for a module with keys that hold sets: `wit/sets.wit`, function by function.
//! The functions as they are here are those of a host without keys.

use super::{HostFault, HostResult};
use crate::contract::{Argv, ArgvBuf};

/// A part of [`Host`](super::Host).
pub trait Sets {
    /// Add members; how many are new.
    fn set_add(&mut self, key: u32, _members: Argv<'_>) -> HostResult<u32> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Remove members; how many there were.
    fn set_remove(&mut self, key: u32, _members: Argv<'_>) -> HostResult<u32> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Whether this is a member.
    fn set_contains(&mut self, key: u32, _member: &[u8]) -> HostResult<bool> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Whether these are members, in their order.
    fn set_contains_many(&mut self, key: u32, _members: Argv<'_>) -> HostResult<Vec<bool>> {
        Err(HostFault::BadHandle(key).into())
    }

    /// The number of members.
    fn set_len(&mut self, key: u32) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Append all members to `members`.
    fn set_members(&mut self, key: u32, _members: &mut ArgvBuf) -> HostResult<()> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Append different members that are drawn at random. `count` is 1 to 1,000.
    fn set_random(&mut self, key: u32, _count: u32, _members: &mut ArgvBuf) -> HostResult<()> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Take such members out.
    fn set_pop(&mut self, key: u32, _count: u32, _members: &mut ArgvBuf) -> HostResult<()> {
        Err(HostFault::BadHandle(key).into())
    }

    /// Append members to `members`; the next cursor. `count` is 1 to 1,000.
    fn set_scan(&mut self, key: u32, _cursor: u64, _count: u32, _members: &mut ArgvBuf) -> HostResult<u64> {
        Err(HostFault::BadHandle(key).into())
    }
}
