//! The hash type: fields with a value each. A small hash is one packed buffer, searched from its beginning, which
//! beats any table in memory and up to some hundred fields in time; a large one is a table whose blocks are entries as a
//! database has them. It never goes back to the packed form, as in Redis.
//!
//! The packed form (`packed`) is a run of field, value, field, value ..., in the order of insertion. A field's own expiry would be the expiry that an entry has already; the packed form then needs a third item.

use std::collections::HashSet;
use std::ops::Range;

use rand::{Rng, RngExt};
use smallvec::SmallVec;

use super::entry::Entry;
use super::entry_ref::EntryRef;
use super::key;
use super::packed;
use super::table::{Table, below};
use super::thresholds::PackedLimits;
use super::value::{Encoding, StringRef};

/// Fields and their values.
pub struct Hash(Form);

enum Form {
    Packed { bytes: Vec<u8>, len: u32 },
    Table(Box<Fields>),
}

struct Fields {
    table: Table<Entry>,
    /// Sum of `Entry::memory` of the fields.
    bytes: usize,
}

impl Default for Hash {
    fn default() -> Self {
        Hash(Form::Packed { bytes: Vec::new(), len: 0 })
    }
}

impl Hash {
    /// A hash without fields. Redis knows none: whoever leaves one empty removes its key.
    pub fn new() -> Self {
        Self::default()
    }

    /// A hash with these fields, made at once; none if a field is there twice.
    pub fn of_fields<'a>(
        fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
        limits: PackedLimits,
    ) -> Option<Hash> {
        let small =
            |(field, value): (&[u8], &[u8])| field.len() <= limits.value && value.len() <= limits.value;
        let packed = fields.len() <= limits.entries && fields.clone().all(small);
        if packed && all_differ(fields.clone().map(|(field, _)| field)) {
            let bytes = fields.clone().map(|(field, value)| packed::room(field) + packed::room(value)).sum();
            let (mut bytes, len) = (Vec::with_capacity(bytes), fields.len() as u32);
            for (field, value) in fields {
                packed::push(&mut bytes, field);
                packed::push(&mut bytes, value);
            }
            return Some(Hash(Form::Packed { bytes, len }));
        }
        let mut hash = Hash::new();
        if !packed {
            hash.unpack();
        }
        for (field, value) in fields {
            if !hash.set(field, value, limits) {
                return None;
            }
        }
        Some(hash)
    }

    /// How many fields there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed { len, .. } => *len as usize,
            Form::Table(fields) => fields.table.len(),
        }
    }

    /// Whether there is no field.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `listpack` or `hashtable`.
    pub fn encoding(&self) -> Encoding {
        match &self.0 {
            Form::Packed { .. } => Encoding::Listpack,
            Form::Table(_) => Encoding::Hashtable,
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<StringRef<'_>> {
        match &self.0 {
            Form::Packed { bytes, .. } => Items::find(bytes, field).map(|item| StringRef::Bytes(item.value)),
            Form::Table(fields) => fields.table.get(key::hash(field), field).and_then(EntryRef::string),
        }
    }

    /// Whether there is such a field.
    pub fn exists(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// Length of a field's value, 0 without such a field.
    pub fn strlen(&self, field: &[u8]) -> usize {
        self.get(field).map_or(0, StringRef::len)
    }

    /// Sets a field. True if it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: PackedLimits) -> bool {
        if let Form::Packed { bytes, len } = &mut self.0 {
            let known = Items::find(bytes, field).map(|item| item.value_at);
            let fits = field.len() <= limits.value && value.len() <= limits.value;
            if fits && (known.is_some() || (*len as usize) < limits.entries) {
                match &known {
                    Some(range) => packed::replace(bytes, range.clone(), value),
                    None => {
                        packed::push(bytes, field);
                        packed::push(bytes, value);
                        *len += 1;
                    }
                }
                return known.is_none();
            }
            self.unpack();
        }
        let Form::Table(fields) = &mut self.0 else { unreachable!("`unpack` made it a table") };
        fields.set(field, value)
    }

    /// Removes a field. True if it was there.
    pub fn del(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed { bytes, len } => {
                let Some(item) = Items::find(bytes, field) else { return false };
                let range = item.start..item.end;
                packed::remove(bytes, range);
                *len -= 1;
                true
            }
            Form::Table(fields) => fields.del(field),
        }
    }

    /// All fields with their values; in the order of insertion while packed.
    pub fn iter(&self) -> HashIter<'_> {
        match &self.0 {
            Form::Packed { bytes, .. } => HashIter::Packed(Items::of(bytes)),
            Form::Table(fields) => HashIter::Table(Box::new(fields.table.iter().map(pair))),
        }
    }

    /// One step of HSCAN, with the guarantees of `Table::scan`. A packed hash is reported whole.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut f: impl FnMut(&'a [u8], StringRef<'a>)) -> u64 {
        match &self.0 {
            Form::Packed { .. } => {
                self.iter().for_each(|(field, value)| f(field, value));
                0
            }
            Form::Table(fields) => fields.table.scan(cursor, count, |entry| {
                let (field, value) = pair(entry);
                f(field, value);
            }),
        }
    }

    /// A field, each about equally likely.
    pub fn random(&self, rng: &mut impl Rng) -> Option<(&[u8], StringRef<'_>)> {
        match &self.0 {
            Form::Packed { len, .. } if *len > 0 => self.iter().nth(below(rng, *len as usize)),
            Form::Packed { .. } => None,
            Form::Table(fields) => fields.table.random(rng).map(pair),
        }
    }

    /// `n` fields, or all if there are fewer, none of them twice.
    pub fn random_distinct(&self, rng: &mut impl Rng, n: usize) -> Vec<(&[u8], StringRef<'_>)> {
        let n = n.min(self.len());
        match &self.0 {
            // Drawing until n are different is cheap only if most draws are: up to a third of all.
            Form::Table(fields) if n < self.len() / 3 => {
                let mut seen = HashSet::with_capacity(n);
                let mut drawn = Vec::with_capacity(n);
                while drawn.len() < n {
                    let Some(entry) = fields.table.random(rng) else { break };
                    if seen.insert(entry.key().as_ptr()) {
                        drawn.push(pair(entry));
                    }
                }
                drawn
            }
            _ => {
                let mut all: Vec<_> = self.iter().collect();
                for at in 0..n {
                    let other = rng.random_range(at..all.len());
                    all.swap(at, other);
                }
                all.truncate(n);
                all
            }
        }
    }

    /// `n` fields, the same one possibly several times.
    pub fn random_repeated(&self, rng: &mut impl Rng, n: usize) -> Vec<(&[u8], StringRef<'_>)> {
        match &self.0 {
            Form::Packed { len: 0, .. } => Vec::new(),
            // Walking to a packed field costs as much as listing them all.
            Form::Packed { .. } => {
                let all: Vec<_> = self.iter().collect();
                (0..n).map(|_| all[below(rng, all.len())]).collect()
            }
            Form::Table(fields) => (0..n).map_while(|_| fields.table.random(rng)).map(pair).collect(),
        }
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub fn memory(&self) -> usize {
        size_of::<Hash>()
            + match &self.0 {
                Form::Packed { bytes, .. } => bytes.capacity(),
                Form::Table(fields) => size_of::<Fields>() + fields.bytes + fields.table.memory(),
            }
    }

    /// Turns the packed form into a table.
    fn unpack(&mut self) {
        let mut fields = Fields { table: Table::default(), bytes: 0 };
        for (field, value) in self.iter() {
            fields.set(field, value.bytes(&mut itoa::Buffer::new()));
        }
        self.0 = Form::Table(Box::new(fields));
    }
}

impl Clone for Hash {
    fn clone(&self) -> Self {
        Hash(match &self.0 {
            Form::Packed { bytes, len } => Form::Packed { bytes: bytes.clone(), len: *len },
            Form::Table(fields) => {
                let mut table = Table::default();
                for entry in fields.table.iter() {
                    table.insert(key::hash(entry.key()), entry.to_entry());
                }
                Form::Table(Box::new(Fields { table, bytes: fields.bytes }))
            }
        })
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} fields", self.encoding().name(), self.len())
    }
}

/// Whether no two of these are the same, as far as their hashes tell: two that differ may be taken for the same.
fn all_differ<'a>(fields: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut hashes: SmallVec<[u64; 64]> = fields.map(key::hash).collect();
    hashes.sort_unstable();
    hashes.windows(2).all(|pair| pair[0] != pair[1])
}

fn pair(entry: EntryRef<'_>) -> (&[u8], StringRef<'_>) {
    (entry.key(), entry.string().expect("the value of a field is a string"))
}

impl Fields {
    fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let hash = key::hash(field);
        let Some(place) = self.table.find(hash, field) else {
            let entry = Entry::string(field, value, None, 0);
            self.bytes += entry.as_ref().memory();
            self.table.insert(hash, entry);
            return true;
        };
        self.bytes -= self.table.at(place).memory();
        self.table.update(place, |entry| entry.set_string(value, None));
        self.bytes += self.table.at(place).memory();
        false
    }

    fn del(&mut self, field: &[u8]) -> bool {
        let Some(entry) = self.table.remove(key::hash(field), field) else { return false };
        self.bytes -= entry.as_ref().memory();
        true
    }
}

/// Iterator over the fields of a hash.
pub enum HashIter<'a> {
    /// Over a buffer.
    Packed(Items<'a>),
    /// Over a table.
    Table(Box<dyn Iterator<Item = (&'a [u8], StringRef<'a>)> + 'a>),
}

impl<'a> Iterator for HashIter<'a> {
    type Item = (&'a [u8], StringRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            HashIter::Packed(items) => {
                items.next_item().map(|item| (item.field, StringRef::Bytes(item.value)))
            }
            HashIter::Table(fields) => fields.next(),
        }
    }
}

/// A field with its value in the packed form.
struct Item<'a> {
    field: &'a [u8],
    value: &'a [u8],
    /// Where the item begins, where it ends, and the range of its value with its length.
    start: usize,
    end: usize,
    value_at: Range<usize>,
}

/// The items of the packed form.
pub struct Items<'a>(packed::Strings<'a>);

impl<'a> Items<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Items(packed::Strings::new(bytes))
    }

    fn find(bytes: &'a [u8], field: &[u8]) -> Option<Item<'a>> {
        let mut items = Items::of(bytes);
        std::iter::from_fn(|| items.next_item()).find(|item| item.field == field)
    }

    #[inline]
    fn next_item(&mut self) -> Option<Item<'a>> {
        let start = self.0.at();
        let field = self.0.next()?;
        let value_start = self.0.at();
        let value = self.0.next()?;
        let end = self.0.at();
        Some(Item { field, value, start, end, value_at: value_start..end })
    }
}
