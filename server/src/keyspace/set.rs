//! The set type: members, none of them twice.

use hashbrown::HashSet;

use super::thresholds::Thresholds;
use super::value::Encoding;

/// Members.
#[derive(Clone, Default)]
pub struct Set {
    members: HashSet<Box<[u8]>>,
    /// Bytes of all members.
    bytes: usize,
}

impl Set {
    /// A set with these members, made at once; none if a member is there twice.
    pub fn of_members<'a>(
        members: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        _: &Thresholds,
    ) -> Option<Set> {
        let len = members.len();
        let members: HashSet<Box<[u8]>> = members.map(Box::from).collect();
        let bytes = members.iter().map(|member| member.len()).sum();
        (members.len() == len).then_some(Set { members, bytes })
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
        Encoding::Hashtable
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.members.iter().map(|member| &**member)
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub fn memory(&self) -> usize {
        size_of::<Set>() + self.members.allocation_size() + self.bytes
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} members", self.encoding().name(), self.len())
    }
}
