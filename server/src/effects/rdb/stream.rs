//! Streams: blocks of entries, then what is known of the whole, then consumer groups with what they have yet to acknowledge.
//!
//! ```text
//! stream    blocks  [16 id (16 bytes, big endian) block (a listpack in a string)] ...
//!           length  last id  | first id  highest deleted id  entries ever added      | from form 19 on
//!           groups  [name  last id  | entries read |  pending  consumers] ...
//! pending   number  [id (16 bytes)  delivered at (8 bytes)  times delivered] ...
//! consumers number  [name  seen at (8 bytes)  + active at (8 bytes) +  number  [id (16 bytes)] ...] ...   + from form 21 on
//! block     entries  deleted  fields  field ...  0   [flags  ms  seq  [fields field] value ...  elements] ...
//! ```
//!
//! A block's entries count from its id, and an entry that has the block's fields does not repeat them. Ids outside of
//! blocks are two lengths but where it says 16 bytes.
//!
//! Form 19 is the canonical one: what form 15 does not have is worked out as Redis 7.0 does, and what form 21 has more, when a
//! consumer last got something, is left out.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::error::{Malformed, RdbError, Result};
use super::input::Input;
use super::kind;
use super::length::{self, put_len};
use super::listpack::{Element, Listpack};
use super::string;
use super::walk::Scratch;

/// The name of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds.
    pub ms: u64,
    /// Which of that millisecond.
    pub seq: u64,
}

/// A stream in plain types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// What is in it, in order.
    pub entries: Vec<StreamEntry>,
    /// What is known of it.
    pub info: StreamInfo,
    /// Its consumer groups.
    pub groups: Vec<Group>,
}

/// What is known of a stream beside its entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// How many entries there are.
    pub length: u64,
    /// The highest id that was ever used.
    pub last_id: StreamId,
    /// The id of the first entry; 0-0 without one.
    pub first_id: StreamId,
    /// The highest id of an entry that was deleted.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its name.
    pub id: StreamId,
    /// Fields with their values. Entries of one block share the names.
    pub fields: Vec<(Arc<[u8]>, Vec<u8>)>,
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: Vec<u8>,
    /// The last entry that it was given.
    pub last_id: StreamId,
    /// How many it was given; none if that is not known.
    pub entries_read: Option<u64>,
    /// What it was given and has not acknowledged.
    pub pending: Vec<Pending>,
    /// Its members.
    pub consumers: Vec<Consumer>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The entry.
    pub id: StreamId,
    /// When it was delivered last.
    pub delivered_ms: u64,
    /// How often.
    pub deliveries: u64,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Vec<u8>,
    /// When it was heard of last.
    pub seen_ms: u64,
    /// The pending entries that are its own.
    pub pending: Vec<StreamId>,
}

/// The number that stands for an unknown count.
const UNKNOWN: u64 = u64::MAX;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

impl StreamId {
    fn from_bytes(bytes: [u8; 16]) -> Self {
        let id = u128::from_be_bytes(bytes);
        StreamId { ms: (id >> 64) as u64, seq: id as u64 }
    }

    fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    fn read<I: Input>(input: &mut I) -> Result<Self> {
        Ok(StreamId { ms: length::read_len(input)?, seq: length::read_len(input)? })
    }

    fn put(self, out: &mut Vec<u8>) {
        put_len(out, self.ms);
        put_len(out, self.seq);
    }
}

impl StreamInfo {
    fn read<I: Input>(input: &mut I, rdb_type: u8, first: Option<StreamId>) -> Result<Self> {
        let (length, last_id) = (length::read_len(input)?, StreamId::read(input)?);
        if rdb_type == kind::STREAM_LISTPACKS {
            let first_id = first.unwrap_or_default();
            return Ok(StreamInfo {
                length,
                last_id,
                first_id,
                entries_added: length,
                ..StreamInfo::default()
            });
        }
        let (first_id, max_deleted_id) = (StreamId::read(input)?, StreamId::read(input)?);
        Ok(StreamInfo { length, last_id, first_id, max_deleted_id, entries_added: length::read_len(input)? })
    }

    fn put(self, out: &mut Vec<u8>) {
        put_len(out, self.length);
        self.last_id.put(out);
        self.first_id.put(out);
        self.max_deleted_id.put(out);
        put_len(out, self.entries_added);
    }

    /// How many entries a group has read that was last given `id`, if that can be told.
    fn entries_read(self, id: StreamId) -> u64 {
        let deleted_inside =
            self.max_deleted_id != StreamId::default() && self.max_deleted_id >= self.first_id;
        if self.entries_added == 0 {
            0
        } else if id == self.last_id || (self.length == 0 && id < self.last_id) {
            self.entries_added
        } else if id > self.last_id || deleted_inside || id > self.first_id {
            UNKNOWN
        } else {
            self.entries_added.wrapping_sub(self.length) + u64::from(id == self.first_id)
        }
    }
}

/// Reads a stream of any form, and gives the bytes of the canonical one.
pub fn canonical<I: Input>(input: &mut I, rdb_type: u8, scratch: &mut Scratch) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let at = input.offset();
    let blocks = length::read_len(input)?;
    put_len(&mut out, blocks);
    let (mut first, mut before) = (None, None);
    for _ in 0..blocks {
        let at = input.offset();
        let id = block_id(input)?;
        if before.is_some_and(|before| before >= id) {
            return Err(RdbError::malformed(at, "a stream whose blocks do not ascend"));
        }
        before = Some(id);
        let bytes = string::read(input, &mut scratch.bytes)?;
        walk_block(bytes, id, |entry, _| first = first.or(Some(entry))).map_err(|wrong| wrong.at(at))?;
        string::put_bytes(&mut out, &id.to_bytes());
        string::put_bytes(&mut out, bytes);
    }
    let info = StreamInfo::read(input, rdb_type, first)?;
    if info.length > 0 && blocks == 0 {
        return Err(RdbError::malformed(at, "a stream with entries and without blocks"));
    }
    info.put(&mut out);
    copy_groups(input, &mut out, rdb_type, info)?;
    out.shrink_to_fit();
    Ok(out)
}

fn block_id<I: Input>(input: &mut I) -> Result<StreamId> {
    let at = input.offset();
    if length::read_len(input)? != 16 {
        return Err(RdbError::malformed(at, "a block of a stream without its id"));
    }
    Ok(StreamId::from_bytes(input.array()?))
}

/// Calls for each entry of a block that is not deleted.
fn walk_block<'a>(
    bytes: &'a [u8],
    id: StreamId,
    mut visit: impl FnMut(StreamId, &[(Element<'a>, Element<'a>)]),
) -> std::result::Result<(), Malformed> {
    const SHORT: &str = "a block of a stream that ends in the middle of an entry";
    let mut block = Listpack::new(bytes)?;
    let mut number = |what| block.expect_int(what);
    let (live, deleted, count) = (number(SHORT)?, number(SHORT)?, number(SHORT)?);
    let names = (0..count).map(|_| block.expect(SHORT)).collect::<std::result::Result<Vec<_>, _>>()?;
    if block.expect_int(SHORT)? != 0 {
        return Err(Malformed("a block of a stream whose fields do not end"));
    }
    let mut fields = Vec::new();
    let (mut live_seen, mut deleted_seen) = (0, 0);
    while let Some(flags) = block.next()? {
        let Element::Int(flags) = flags else { return Err(Malformed("an entry of a stream without flags")) };
        let (ms, seq) = (block.expect_int(SHORT)?, block.expect_int(SHORT)?);
        let entry = StreamId { ms: id.ms.wrapping_add(ms as u64), seq: id.seq.wrapping_add(seq as u64) };
        fields.clear();
        let elements = if flags & SAME_FIELDS != 0 {
            for name in &names {
                fields.push((*name, block.expect(SHORT)?));
            }
            names.len() + 3
        } else {
            for _ in 0..block.expect_int(SHORT)? {
                fields.push((block.expect(SHORT)?, block.expect(SHORT)?));
            }
            2 * fields.len() + 4
        };
        if block.expect_int(SHORT)? != elements as i64 {
            return Err(Malformed("an entry of a stream that is not as long as it says"));
        }
        if flags & DELETED == 0 {
            visit(entry, &fields);
            live_seen += 1;
        } else {
            deleted_seen += 1;
        }
    }
    if (live, deleted) != (live_seen, deleted_seen) {
        return Err(Malformed("a block of a stream with another number of entries than it says"));
    }
    Ok(())
}

/// Copies the groups, in the form that is canonical.
fn copy_groups<I: Input>(input: &mut I, out: &mut Vec<u8>, rdb_type: u8, info: StreamInfo) -> Result<()> {
    let groups = length::read_len(input)?;
    put_len(out, groups);
    let mut names = HashSet::new();
    for _ in 0..groups {
        let name = own_name(input, &mut names, "a stream with the same group twice")?;
        string::put_string(out, &name, false);
        let last_id = StreamId::read(input)?;
        last_id.put(out);
        let entries_read = match rdb_type {
            kind::STREAM_LISTPACKS => info.entries_read(last_id),
            _ => length::read_len(input)?,
        };
        put_len(out, entries_read);
        names.insert(name);
        let mut pending = copy_pending(input, out)?;
        copy_consumers(input, out, rdb_type, &mut pending)?;
        if pending.values().any(|owned| !owned) {
            let what = "a group of a stream with a pending entry that is no consumer's";
            return Err(RdbError::malformed(input.offset(), what));
        }
    }
    Ok(())
}

/// Reads a name that must not be there yet.
fn own_name<I: Input>(input: &mut I, names: &mut HashSet<Vec<u8>>, twice: &'static str) -> Result<Vec<u8>> {
    let at = input.offset();
    let mut name = Vec::new();
    string::append(input, &mut name)?;
    if names.contains(&name) { Err(RdbError::malformed(at, twice)) } else { Ok(name) }
}

/// Copies what a group has not acknowledged; the ids, none of which is a consumer's so far.
fn copy_pending<I: Input>(input: &mut I, out: &mut Vec<u8>) -> Result<HashMap<[u8; 16], bool>> {
    let count = length::read_len(input)?;
    put_len(out, count);
    let mut pending = HashMap::new();
    for _ in 0..count {
        let at = input.offset();
        let id = input.array::<16>()?;
        if pending.insert(id, false).is_some() {
            return Err(RdbError::malformed(at, "a group of a stream with the same pending entry twice"));
        }
        out.extend_from_slice(&id);
        out.extend_from_slice(&input.array::<8>()?);
        put_len(out, length::read_len(input)?);
    }
    Ok(pending)
}

fn copy_consumers<I: Input>(
    input: &mut I,
    out: &mut Vec<u8>,
    rdb_type: u8,
    pending: &mut HashMap<[u8; 16], bool>,
) -> Result<()> {
    let count = length::read_len(input)?;
    put_len(out, count);
    let mut names = HashSet::new();
    for _ in 0..count {
        let name = own_name(input, &mut names, "a group of a stream with the same consumer twice")?;
        string::put_string(out, &name, false);
        names.insert(name);
        out.extend_from_slice(&input.array::<8>()?);
        if rdb_type == kind::STREAM_LISTPACKS_3 {
            input.array::<8>()?;
        }
        let count = length::read_len(input)?;
        put_len(out, count);
        for _ in 0..count {
            let at = input.offset();
            let id = input.array::<16>()?;
            match pending.get_mut(&id) {
                Some(owned) if !*owned => *owned = true,
                Some(_) => {
                    return Err(RdbError::malformed(at, "a pending entry of two consumers of a stream"));
                }
                None => {
                    return Err(RdbError::malformed(
                        at,
                        "a consumer of a stream with an entry that is not pending",
                    ));
                }
            }
            out.extend_from_slice(&id);
        }
    }
    Ok(())
}

impl Stream {
    /// Reads a stream in the canonical form.
    pub fn read<I: Input>(input: &mut I, scratch: &mut Scratch) -> Result<Stream> {
        let mut stream = Stream::default();
        for _ in 0..length::read_len(input)? {
            let id = block_id(input)?;
            let at = input.offset();
            let bytes = string::read(input, &mut scratch.bytes)?;
            let mut names: HashMap<Vec<u8>, Arc<[u8]>> = HashMap::new();
            walk_block(bytes, id, |id, fields| {
                let fields = fields.iter().map(|(name, value)| {
                    let name = owned(*name);
                    let shared = names.entry(name).or_insert_with_key(|name| name.as_slice().into());
                    (Arc::clone(shared), owned(*value))
                });
                stream.entries.push(StreamEntry { id, fields: fields.collect() });
            })
            .map_err(|wrong| wrong.at(at))?;
        }
        stream.info = StreamInfo::read(input, kind::STREAM_LISTPACKS_2, None)?;
        for _ in 0..length::read_len(input)? {
            stream.groups.push(Group::read(input)?);
        }
        Ok(stream)
    }
}

impl Group {
    fn read<I: Input>(input: &mut I) -> Result<Group> {
        let mut name = Vec::new();
        string::append(input, &mut name)?;
        let last_id = StreamId::read(input)?;
        let entries_read = Some(length::read_len(input)?).filter(|read| *read != UNKNOWN);
        let mut pending = Vec::new();
        for _ in 0..length::read_len(input)? {
            let id = StreamId::from_bytes(input.array()?);
            let delivered_ms = u64::from_le_bytes(input.array()?);
            pending.push(Pending { id, delivered_ms, deliveries: length::read_len(input)? });
        }
        let mut consumers = Vec::new();
        for _ in 0..length::read_len(input)? {
            let mut name = Vec::new();
            string::append(input, &mut name)?;
            let seen_ms = u64::from_le_bytes(input.array()?);
            let mut pending = Vec::new();
            for _ in 0..length::read_len(input)? {
                pending.push(StreamId::from_bytes(input.array()?));
            }
            consumers.push(Consumer { name, seen_ms, pending });
        }
        Ok(Group { name, last_id, entries_read, pending, consumers })
    }
}

fn owned(element: Element<'_>) -> Vec<u8> {
    element.bytes(&mut itoa::Buffer::new()).to_vec()
}
