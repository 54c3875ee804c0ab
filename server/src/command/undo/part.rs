//! A part of a large value as it was: what undo needs of a collection instead of a copy of all of it. The value exists and stays in the form
//! that it has, whatever the limits are.

use crate::keyspace::stream::LogBefore;
use crate::keyspace::{Db, End, Hash, Key, NodeLimit, PackedLimits, Set, Thresholds, Zset};

/// What a part was, or how it was changed.
pub enum Part {
    /// A field of a hash had this value and expiry, or was not there.
    Field(Box<[u8]>, Option<(Vec<u8>, Option<u64>)>),
    /// A member of a set was there, or was not.
    Member(Box<[u8]>, bool),
    /// A member of a sorted set had this score, or was not there.
    Scored(Box<[u8]>, Option<f64>),
    /// So many elements are put at an end of a list.
    Pushed(End, usize),
    /// These elements are taken off an end of a list, the outermost first.
    Taken(End, Vec<Box<[u8]>>),
    /// The log of a stream was like this, as far as it was changed.
    Log(Box<LogBefore>),
    /// The object of a module's value is being changed; its bytes are as they were.
    Object,
}

impl Part {
    /// A field of a hash as it is now.
    pub fn field(hash: &Hash, field: &[u8]) -> Self {
        let old = hash.get(field).map(|value| (value.to_vec(), hash.expire_at(field).flatten()));
        Self::Field(field.into(), old)
    }

    /// Whether this is a member of a set now.
    pub fn member(set: &Set, member: &[u8]) -> Self {
        Self::Member(member.into(), set.contains(member))
    }

    /// A member of a sorted set as it is now.
    pub fn scored(zset: &Zset, member: &[u8]) -> Self {
        Self::Scored(member.into(), zset.score(member))
    }

    /// Heap bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Field(field, old) => field.len() + old.as_ref().map_or(0, |(value, _)| value.len()),
            Self::Member(member, _) | Self::Scored(member, _) => member.len(),
            Self::Taken(_, elements) => elements.iter().map(|it| it.len() + size_of::<Box<[u8]>>()).sum(),
            Self::Log(before) => before.heap(),
            Self::Pushed(..) | Self::Object => 0,
        }
    }

    /// Makes it what it was.
    pub(super) fn undo(self, db: &mut Db, key: &Key<'_>) {
        if matches!(self, Self::Object) {
            return db.set_live(key, None);
        }
        let Some(mut entry) = db.revise(key) else { return };
        match self {
            Self::Field(field, old) => {
                let Some(hash) = entry.hash() else { return };
                match old {
                    Some((value, expire_at)) => {
                        hash.set(&field, &value, PackedLimits::default());
                        hash.set_expire(&field, expire_at);
                    }
                    None => drop(hash.del(&field)),
                }
            }
            Self::Member(member, was_in) => {
                let Some(set) = entry.set() else { return };
                if was_in {
                    set.insert(&member, &Thresholds::default());
                } else {
                    set.remove(&member);
                }
            }
            Self::Scored(member, score) => {
                let Some(zset) = entry.zset() else { return };
                match score {
                    Some(score) => drop(zset.set(&member, score, PackedLimits::default())),
                    None => drop(zset.remove(&member)),
                }
            }
            Self::Pushed(end, n) => {
                let Some(list) = entry.list() else { return };
                list.take(end, n, NodeLimit::default());
            }
            Self::Taken(end, elements) => {
                let Some(list) = entry.list() else { return };
                elements.iter().rev().for_each(|element| list.push(end, element, NodeLimit::default()));
            }
            Self::Log(before) => {
                let Some(stream) = entry.stream() else { return };
                stream.log.restore(*before);
            }
            Self::Object => {}
        }
    }
}
