//! The sorted set type: members with a score each, none of them twice.

use hashbrown::HashMap;

use super::thresholds::Thresholds;
use super::value::Encoding;

/// Members with their scores.
#[derive(Clone, Default)]
pub struct Zset {
    members: HashMap<Box<[u8]>, f64>,
    /// Bytes of all members.
    bytes: usize,
}

impl Zset {
    /// A sorted set with these members, made at once; none if a member is there twice.
    pub fn of_members<'a>(
        members: impl ExactSizeIterator<Item = (&'a [u8], f64)> + Clone,
        _: &Thresholds,
    ) -> Option<Zset> {
        let len = members.len();
        let members: HashMap<Box<[u8]>, f64> =
            members.map(|(member, score)| (member.into(), score)).collect();
        let bytes = members.keys().map(|member| member.len()).sum();
        (members.len() == len).then_some(Zset { members, bytes })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How it is stored.
    pub fn encoding(&self) -> Encoding {
        Encoding::Skiplist
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> {
        self.members.iter().map(|(member, score)| (&**member, *score))
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub fn memory(&self) -> usize {
        size_of::<Zset>() + self.members.allocation_size() + self.bytes
    }
}

impl std::fmt::Debug for Zset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} members", self.encoding().name(), self.len())
    }
}
