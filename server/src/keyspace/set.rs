//! The set type: members, none of them twice. Integers alone are a sorted array, which is small and quick to search; other small
//! sets are one packed buffer, searched from its beginning; a large set is a table whose blocks are members. A set never goes back
//! to a smaller form by itself, as in Redis.
//!
//! The packed form (`packed`) is a run of members, in the order of insertion.

use rand::Rng;

use super::intset::{self, Ints, Width};
use super::key;
use super::lots;
use super::member::{Member, MemberRef};
use super::packed::{self, Strings};
use super::prefetch::{prefetch_bytes, prefetch_lines};
use super::table::{Table, below};
use super::thresholds::Thresholds;
use super::value::{Encoding, StringRef, canonical_int};
use crate::limits::{INTSET_ENTRIES_MAX, PACKED_BYTES_MAX};

/// Members.
pub struct Set(Form);

enum Form {
    Ints { bytes: Vec<u8>, width: Width },
    Packed { bytes: Vec<u8>, len: u32 },
    Table(Box<Members>),
}

#[derive(Default)]
struct Members {
    table: Table<Member>,
    /// Sum of `MemberRef::memory`.
    bytes: usize,
}

impl Default for Set {
    fn default() -> Self {
        Set(Form::Ints { bytes: Vec::new(), width: Width::Two })
    }
}

/// How many integers may stand in a sorted array, into which each new one is moved.
fn ints_max(limits: &Thresholds) -> usize {
    limits.intset_entries.min(INTSET_ENTRIES_MAX)
}

impl Set {
    /// A set without members. Redis knows none: whoever leaves one empty removes its key.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty set that is about to get so many members, of which this is the first.
    pub fn for_members(first: &[u8], count: usize, limits: &Thresholds) -> Self {
        if canonical_int(first).is_some() && count <= ints_max(limits) {
            return Self::new();
        }
        if count <= limits.set.entries {
            return Set(Form::Packed { bytes: Vec::new(), len: 0 });
        }
        Set(Form::Table(Box::default()))
    }

    /// A set with these members, made at once; none if a member is there twice.
    pub fn of_members<'a>(
        members: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        limits: &Thresholds,
    ) -> Option<Set> {
        if members.len() <= ints_max(limits) {
            if let Some(ints) = members.clone().map(canonical_int).collect::<Option<Vec<_>>>() {
                return intset::of(ints).map(|(bytes, width)| Set(Form::Ints { bytes, width }));
            }
            let packed = members.len() <= limits.set.entries
                && members.clone().all(|member| member.len() <= limits.set.value);
            let room: usize = members.clone().map(packed::room).sum();
            if packed && room <= PACKED_BYTES_MAX && key::all_differ(members.clone()) {
                let (mut bytes, len) = (Vec::with_capacity(room), members.len() as u32);
                members.for_each(|member| packed::push(&mut bytes, member));
                return Some(Set(Form::Packed { bytes, len }));
            }
        }
        let mut set = Set::new();
        if members.len() > ints_max(limits) {
            set.unpack();
        }
        for member in members {
            if !set.insert(member, limits) {
                return None;
            }
        }
        Some(set)
    }

    /// A set of what an operation on sets has found, in the smallest form that it may have.
    pub fn collected<'a>(members: impl Iterator<Item = StringRef<'a>>, limits: &Thresholds) -> Set {
        let (mut set, mut digits) = (Set::new(), itoa::Buffer::new());
        for member in members {
            set.insert(member.bytes(&mut digits), limits);
        }
        set
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Ints { bytes, width } => Ints::new(bytes, *width).len(),
            Form::Packed { len, .. } => *len as usize,
            Form::Table(members) => members.table.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `intset`, `listpack` or `hashtable`.
    pub fn encoding(&self) -> Encoding {
        match &self.0 {
            Form::Ints { .. } => Encoding::Intset,
            Form::Packed { .. } => Encoding::Listpack,
            Form::Table(_) => Encoding::Hashtable,
        }
    }

    /// Whether this is a member.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Ints { bytes, width } => {
                canonical_int(member).is_some_and(|int| Ints::new(bytes, *width).contains(int))
            }
            Form::Packed { bytes, .. } => packed::find(bytes, member).is_some(),
            Form::Table(members) => members.table.find(key::hash(member), member).is_some(),
        }
    }

    /// The same for a member of another set, which may be an integer.
    pub fn contains_ref(&self, member: StringRef<'_>) -> bool {
        match (&self.0, member) {
            (Form::Ints { bytes, width }, StringRef::Int(int)) => Ints::new(bytes, *width).contains(int),
            _ => self.contains(member.bytes(&mut itoa::Buffer::new())),
        }
    }

    /// So many members are about to be added: with more than a compact form may have, leave it now.
    pub fn expect_more(&mut self, count: usize, limits: &Thresholds) {
        let max = match &self.0 {
            Form::Ints { .. } => ints_max(limits),
            Form::Packed { .. } => limits.set.entries,
            Form::Table(_) => return,
        };
        if count > max {
            self.unpack();
        }
    }

    /// Adds a member. True if it is new.
    pub fn insert(&mut self, member: &[u8], limits: &Thresholds) -> bool {
        match &mut self.0 {
            Form::Ints { bytes, width } => {
                let Some(int) = canonical_int(member) else { return self.insert_text(member, limits) };
                let is_new = intset::insert(bytes, width, int);
                if is_new && self.len() > ints_max(limits) {
                    self.unpack();
                }
                is_new
            }
            Form::Packed { bytes, len } => {
                if packed::find(bytes, member).is_some() {
                    return false;
                }
                let room = packed::room(member);
                let fits = (*len as usize) < limits.set.entries
                    && member.len() <= limits.set.value
                    && bytes.len() + room <= PACKED_BYTES_MAX;
                if fits {
                    packed::reserve(bytes, room);
                    packed::push(bytes, member);
                    *len += 1;
                    return true;
                }
                self.unpack();
                self.insert(member, limits)
            }
            Form::Table(members) => members.insert(member),
        }
    }

    /// Adds the first member that is no integer.
    fn insert_text(&mut self, member: &[u8], limits: &Thresholds) -> bool {
        let Form::Ints { bytes, width } = &self.0 else { return false };
        let ints = Ints::new(bytes, *width);
        let longest = ints.ends().map_or(0, |(least, most)| {
            [least, most].map(|end| itoa::Buffer::new().format(end).len()).into_iter().max().unwrap_or(0)
        });
        let fits = ints.len() < limits.set.entries && member.len().max(longest) <= limits.set.value;
        if !fits {
            self.unpack();
            return self.insert(member, limits);
        }
        let mut digits = itoa::Buffer::new();
        let (mut bytes, len) = (Vec::new(), ints.len() as u32 + 1);
        for int in ints.iter() {
            let text = digits.format(int).as_bytes();
            packed::reserve(&mut bytes, packed::room(text));
            packed::push(&mut bytes, text);
        }
        packed::reserve(&mut bytes, packed::room(member));
        packed::push(&mut bytes, member);
        self.0 = Form::Packed { bytes, len };
        true
    }

    /// Removes a member. True if it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Ints { bytes, width } => {
                canonical_int(member).is_some_and(|int| intset::remove(bytes, *width, int))
            }
            Form::Packed { bytes, len } => {
                let Some(range) = packed::find(bytes, member) else { return false };
                packed::remove(bytes, range);
                *len -= 1;
                true
            }
            Form::Table(members) => members.remove(member),
        }
    }

    /// A set of `rest` of the members, drawn at random; the others are given to `f`. Being a new set, it may have a smaller form.
    pub fn draw_rest(
        &self,
        rest: usize,
        rng: &mut impl Rng,
        limits: &Thresholds,
        mut f: impl FnMut(StringRef<'_>),
    ) -> Set {
        let mut drawn = match &self.0 {
            Form::Ints { .. } => Set::new(),
            _ => Set(Form::Packed { bytes: Vec::new(), len: 0 }),
        };
        let mut digits = itoa::Buffer::new();
        // Each member in turn stays with the probability that makes just so many stay.
        let (mut to_stay, mut to_see) = (rest.min(self.len()), self.len());
        for member in self.iter() {
            if below(rng, to_see) < to_stay {
                drawn.insert(member.bytes(&mut digits), limits);
                to_stay -= 1;
            } else {
                f(member);
            }
            to_see -= 1;
        }
        drawn
    }

    /// All of them, integers as such if they are nothing else; these in ascending order, packed ones in that of insertion.
    pub fn iter(&self) -> SetIter<'_> {
        match &self.0 {
            Form::Ints { bytes, width } => SetIter::Ints(Ints::new(bytes, *width).iter()),
            Form::Packed { bytes, .. } => SetIter::Packed(Strings::new(bytes)),
            Form::Table(members) => SetIter::Table(Box::new(members.table.iter().map(MemberRef::bytes))),
        }
    }

    /// One step of SSCAN, with the guarantees of `Table::scan`. A compact set is reported whole.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut f: impl FnMut(StringRef<'a>)) -> u64 {
        match &self.0 {
            Form::Ints { .. } | Form::Packed { .. } => {
                self.iter().for_each(f);
                0
            }
            Form::Table(members) => {
                members.table.scan(cursor, count, |member| f(StringRef::Bytes(member.bytes())))
            }
        }
    }

    /// A member, each about equally likely.
    pub fn random(&self, rng: &mut impl Rng) -> Option<StringRef<'_>> {
        if self.is_empty() {
            return None;
        }
        match &self.0 {
            Form::Ints { bytes, width } => {
                let ints = Ints::new(bytes, *width);
                ints.get(below(rng, ints.len())).map(StringRef::Int)
            }
            Form::Packed { len, .. } => self.iter().nth(below(rng, *len as usize)),
            Form::Table(members) => members.table.random(rng).map(|member| StringRef::Bytes(member.bytes())),
        }
    }

    /// `n` members, or all if there are fewer, none of them twice.
    pub fn random_distinct(&self, rng: &mut impl Rng, n: usize) -> Vec<StringRef<'_>> {
        match &self.0 {
            Form::Table(members) if lots::are_few(n, self.len()) => {
                let drawn = lots::few_of(&members.table, n, rng);
                drawn.into_iter().map(|member| StringRef::Bytes(member.bytes())).collect()
            }
            _ => lots::distinct(self.iter(), n, rng),
        }
    }

    /// `n` members, the same one possibly several times.
    pub fn random_repeated(&self, rng: &mut impl Rng, n: usize) -> Vec<StringRef<'_>> {
        match &self.0 {
            Form::Packed { .. } => lots::repeated(self.iter(), n, rng),
            _ => (0..n).map_while(|_| self.random(rng)).collect(),
        }
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub fn memory(&self) -> usize {
        size_of::<Set>()
            + match &self.0 {
                Form::Ints { bytes, .. } | Form::Packed { bytes, .. } => bytes.capacity(),
                Form::Table(members) => size_of::<Members>() + members.bytes + members.table.memory(),
            }
    }

    /// Asks for what leads to a member, once the set itself is there. False when nothing is left to ask for.
    #[inline]
    pub(super) fn prefetch(&self, step: usize, member: u64) -> bool {
        match &self.0 {
            Form::Ints { bytes, .. } | Form::Packed { bytes, .. } => {
                prefetch_bytes(bytes);
                false
            }
            Form::Table(members) if step == 0 => {
                prefetch_lines(&**members);
                true
            }
            Form::Table(members) => members.table.prefetch(step - 1, member),
        }
    }

    /// Turns a compact form into a table.
    fn unpack(&mut self) {
        let (mut members, mut digits) = (Members::default(), itoa::Buffer::new());
        for member in self.iter() {
            members.insert(member.bytes(&mut digits));
        }
        self.0 = Form::Table(Box::new(members));
    }
}

impl Members {
    fn insert(&mut self, member: &[u8]) -> bool {
        let hash = key::hash(member);
        if self.table.find(hash, member).is_some() {
            return false;
        }
        let member = Member::new(member);
        self.bytes += member.as_ref().memory();
        self.table.insert(hash, member);
        true
    }

    fn remove(&mut self, member: &[u8]) -> bool {
        let Some(member) = self.table.remove(key::hash(member), member) else { return false };
        self.bytes -= member.as_ref().memory();
        true
    }
}

impl Clone for Set {
    fn clone(&self) -> Self {
        Set(match &self.0 {
            Form::Ints { bytes, width } => Form::Ints { bytes: bytes.clone(), width: *width },
            Form::Packed { bytes, len } => Form::Packed { bytes: bytes.clone(), len: *len },
            Form::Table(members) => {
                let mut table = Table::default();
                for member in members.table.iter() {
                    table.insert(key::hash(member.bytes()), Member::new(member.bytes()));
                }
                Form::Table(Box::new(Members { table, bytes: members.bytes }))
            }
        })
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} members", self.encoding().name(), self.len())
    }
}

/// Iterator over the members of a set.
pub enum SetIter<'a> {
    /// Over a sorted array.
    Ints(intset::Iter<'a>),
    /// Over a buffer.
    Packed(Strings<'a>),
    /// Over a table.
    Table(Box<dyn Iterator<Item = &'a [u8]> + 'a>),
}

impl<'a> Iterator for SetIter<'a> {
    type Item = StringRef<'a>;

    fn next(&mut self) -> Option<StringRef<'a>> {
        match self {
            SetIter::Ints(ints) => ints.next().map(StringRef::Int),
            SetIter::Packed(strings) => strings.next().map(StringRef::Bytes),
            SetIter::Table(members) => members.next().map(StringRef::Bytes),
        }
    }
}
