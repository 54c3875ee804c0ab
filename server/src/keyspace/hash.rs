//! The hash type: fields with a value each. A small hash is one packed buffer, searched from its beginning, which
//! beats any table in memory and up to some hundred fields in time; a large one is a table whose blocks are entries as a
//! database has them. It never goes back to the packed form, as in Redis.
//!
//! The packed form (`packed`) is a run of field, value, field, value ..., in the order of insertion. A field's own expiry is the expiry that its entry has in the table: the first one turns a packed hash into a table, so
//! that hashes without them pay nothing. The table keeps its times in order; with them `db` takes out the fields that are due whenever
//! it finds the hash, before anybody can see it, and active expiry finds those that nobody asks for. A field that is set anew loses its
//! expiry, unless the caller says that it is to keep it. Files have it in the form of Redis 7.4, see `effects::rdb::value`.

use std::ops::Range;

use rand::Rng;

use super::entry_ref::EntryRef;
use super::fields::Fields;
use super::key;
use super::lots;
use super::packed;
use super::prefetch::{prefetch_bytes, prefetch_lines};
use super::table::below;
use super::thresholds::PackedLimits;
use super::value::{Encoding, StringRef};

/// Fields and their values.
pub struct Hash(Form);

enum Form {
    Packed { bytes: Vec<u8>, len: u32 },
    Table(Box<Fields>),
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
        if packed && key::all_differ(fields.clone().map(|(field, _)| field)) {
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
            Form::Table(fields) => fields.table().len(),
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
            Form::Table(fields) => fields.table().get(key::hash(field), field).and_then(EntryRef::string),
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

    /// Sets a field, which then has no expiry. True if it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: PackedLimits) -> bool {
        self.set_and(field, value, limits, false)
    }

    /// The same, and an expiry stays.
    pub fn set_value(&mut self, field: &[u8], value: &[u8], limits: PackedLimits) -> bool {
        self.set_and(field, value, limits, true)
    }

    fn set_and(&mut self, field: &[u8], value: &[u8], limits: PackedLimits, keep_expiry: bool) -> bool {
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
        fields.set(field, value, keep_expiry)
    }

    /// When a field expires, if it ever does; the outer option is empty if there is no such field.
    pub fn expire_at(&self, field: &[u8]) -> Option<Option<u64>> {
        match &self.0 {
            Form::Packed { bytes, .. } => Items::find(bytes, field).map(|_| None),
            Form::Table(fields) => fields.expire_at(field),
        }
    }

    /// Sets or removes the expiry of a field. False if there is no such field.
    pub fn set_expire(&mut self, field: &[u8], expire_at: Option<u64>) -> bool {
        if let Form::Packed { bytes, .. } = &self.0 {
            if Items::find(bytes, field).is_none() {
                return false;
            }
            if expire_at.is_none() {
                return true;
            }
            self.unpack();
        }
        let Form::Table(fields) = &mut self.0 else { unreachable!("`unpack` made it a table") };
        fields.set_expire(field, expire_at)
    }

    /// When the first of its fields expires; none if none does.
    #[inline]
    pub fn next_expiry(&self) -> Option<u64> {
        match &self.0 {
            Form::Packed { .. } => None,
            Form::Table(fields) => fields.next_expiry(),
        }
    }

    /// Takes out up to `max` fields that died by `now_ms`, those that died first before the others.
    pub fn take_expired(&mut self, now_ms: u64, max: usize) -> Vec<Box<[u8]>> {
        match &mut self.0 {
            Form::Packed { .. } => Vec::new(),
            Form::Table(fields) => fields.take_expired(now_ms, max),
        }
    }

    /// Fields with their times, the earliest first.
    pub fn expiries(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let fields = match &self.0 {
            Form::Packed { .. } => None,
            Form::Table(fields) => Some(fields),
        };
        fields.into_iter().flat_map(|fields| fields.expiries())
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
            Form::Table(fields) => HashIter::Table(Box::new(fields.table().iter().map(pair))),
        }
    }

    /// The same, each with the time at which it expires, if it does.
    pub fn iter_with_expiry(&self) -> impl Iterator<Item = (&[u8], StringRef<'_>, Option<u64>)> {
        let (packed, table) = match &self.0 {
            Form::Packed { bytes, .. } => (Some(Items::of(bytes)), None),
            Form::Table(fields) => (None, Some(fields.table().iter())),
        };
        let packed = packed.into_iter().flatten();
        let packed = packed.map(|item| (item.field, StringRef::Bytes(item.value), None));
        packed.chain(table.into_iter().flatten().map(|entry| {
            let (field, value) = pair(entry);
            (field, value, entry.expire_at())
        }))
    }

    /// One step of HSCAN, with the guarantees of `Table::scan`. A packed hash is reported whole.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut f: impl FnMut(&'a [u8], StringRef<'a>)) -> u64 {
        match &self.0 {
            Form::Packed { .. } => {
                self.iter().for_each(|(field, value)| f(field, value));
                0
            }
            Form::Table(fields) => fields.table().scan(cursor, count, |entry| {
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
            Form::Table(fields) => fields.table().random(rng).map(pair),
        }
    }

    /// `n` fields, or all if there are fewer, none of them twice.
    pub fn random_distinct(&self, rng: &mut impl Rng, n: usize) -> Vec<(&[u8], StringRef<'_>)> {
        match &self.0 {
            Form::Table(fields) if lots::are_few(n, self.len()) => {
                lots::few_of(fields.table(), n, rng).into_iter().map(pair).collect()
            }
            _ => lots::distinct(self.iter(), n, rng),
        }
    }

    /// `n` fields, the same one possibly several times.
    pub fn random_repeated(&self, rng: &mut impl Rng, n: usize) -> Vec<(&[u8], StringRef<'_>)> {
        match &self.0 {
            Form::Packed { .. } => lots::repeated(self.iter(), n, rng),
            Form::Table(fields) => (0..n).map_while(|_| fields.table().random(rng)).map(pair).collect(),
        }
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub fn memory(&self) -> usize {
        size_of::<Hash>()
            + match &self.0 {
                Form::Packed { bytes, .. } => bytes.capacity(),
                Form::Table(fields) => fields.memory(),
            }
    }

    /// Asks for what leads to a field, once the hash itself is there. False when nothing is left to ask for.
    #[inline]
    pub(super) fn prefetch(&self, step: usize, field: u64) -> bool {
        match &self.0 {
            Form::Packed { bytes, .. } => {
                prefetch_bytes(bytes);
                false
            }
            Form::Table(fields) if step == 0 => {
                prefetch_lines(&**fields);
                true
            }
            Form::Table(fields) => fields.table().prefetch(step - 1, field),
        }
    }

    /// Turns the packed form into a table.
    fn unpack(&mut self) {
        let mut fields = Fields::default();
        for (field, value) in self.iter() {
            fields.set(field, value.bytes(&mut itoa::Buffer::new()), false);
        }
        self.0 = Form::Table(Box::new(fields));
    }
}

impl Clone for Hash {
    fn clone(&self) -> Self {
        Hash(match &self.0 {
            Form::Packed { bytes, len } => Form::Packed { bytes: bytes.clone(), len: *len },
            Form::Table(fields) => Form::Table(fields.clone()),
        })
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} fields", self.encoding().name(), self.len())
    }
}

fn pair(entry: EntryRef<'_>) -> (&[u8], StringRef<'_>) {
    (entry.key(), entry.string().expect("the value of a field is a string"))
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
            HashIter::Packed(items) => items.next().map(|item| (item.field, StringRef::Bytes(item.value))),
            HashIter::Table(fields) => fields.next(),
        }
    }
}

/// A field with its value in the packed form.
pub struct Item<'a> {
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
        let sought = packed::Sought::new(field);
        let mut strings = packed::Strings::new(bytes);
        // An item is put together when it is found, not for each that is passed.
        loop {
            let start = strings.at();
            let field = strings.next()?;
            if sought.is(field) {
                return Items(packed::Strings::from(bytes, start)).next();
            }
            strings.next()?;
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let start = self.0.at();
        let field = self.0.next()?;
        let value_start = self.0.at();
        let value = self.0.next()?;
        let end = self.0.at();
        Some(Item { field, value, start, end, value_at: value_start..end })
    }
}
