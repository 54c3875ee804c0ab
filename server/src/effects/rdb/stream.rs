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
//! Form 19 is written: what form 15 does not have is worked out as Redis 7.0 does, and what form 21 has more, when a
//! consumer last got something, is left out. Blocks are written as the keyspace has them; those that are read are checked and made
//! anew, element by element, so that whoever uses them need doubt nothing.

use super::error::{Malformed, RdbError, Result};
use super::input::Input;
use super::kind;
use super::length::{self, put_len};
use super::listpack::{Element, Listpack};
use super::string;
use super::walk::Scratch;
use crate::keyspace::stream::group::NotOwned;
use crate::keyspace::stream::log::Contradiction;
use crate::keyspace::stream::{Block, Group, LogInfo};
use crate::keyspace::{Stream, StreamId};

/// The number that stands for an unknown count.
const UNKNOWN: u64 = u64::MAX;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Reads a stream of any form.
pub fn read<I: Input>(input: &mut I, rdb_type: u8, scratch: &mut Scratch) -> Result<Stream> {
    let mut stream = Stream::default();
    for _ in 0..length::read_len(input)? {
        let at = input.offset();
        let id = block_id(input)?;
        let bytes = string::read(input, &mut scratch.bytes)?;
        let block = read_block(bytes, id).map_err(|wrong| wrong.at(at))?;
        stream.log.push_block(id, block).map_err(|Contradiction(what)| RdbError::malformed(at, what))?;
    }
    let at = input.offset();
    let info = read_info(input, rdb_type)?;
    stream.log.set_info(info).map_err(|Contradiction(what)| RdbError::malformed(at, what))?;
    for _ in 0..length::read_len(input)? {
        read_group(input, rdb_type, &mut stream)?;
    }
    Ok(stream)
}

/// Appends a stream in form 19.
pub fn put(out: &mut Vec<u8>, stream: &Stream, compress: bool) {
    let log = &stream.log;
    put_len(out, log.blocks() as u64);
    let mut listpack = Vec::new();
    for (id, block) in log.iter_blocks() {
        string::put_bytes(out, &id.to_bytes());
        listpack.clear();
        block.put_listpack(&mut listpack);
        string::put_string(out, &listpack, compress);
    }
    put_len(out, log.len());
    put_id(out, log.last_id());
    put_id(out, log.first_id());
    put_id(out, log.max_deleted_id());
    put_len(out, log.entries_added());
    let groups = stream.groups();
    put_len(out, groups.len() as u64);
    groups.for_each(|(name, group)| put_group(out, name, group));
}

fn put_group(out: &mut Vec<u8>, name: &[u8], group: &Group) {
    string::put_string(out, name, false);
    put_id(out, group.last_id);
    put_len(out, group.entries_read.unwrap_or(UNKNOWN));
    put_len(out, group.pending_len() as u64);
    for (id, pending) in group.pending(StreamId::MIN..) {
        out.extend_from_slice(&id.to_bytes());
        out.extend_from_slice(&pending.delivered_ms.to_le_bytes());
        put_len(out, pending.deliveries);
    }
    let consumers = group.consumers();
    put_len(out, consumers.len() as u64);
    for consumer in consumers {
        string::put_string(out, &consumer.name, false);
        out.extend_from_slice(&consumer.seen_ms.to_le_bytes());
        put_len(out, consumer.pending_len() as u64);
        consumer.pending(StreamId::MIN..).for_each(|id| out.extend_from_slice(&id.to_bytes()));
    }
}

fn read_id<I: Input>(input: &mut I) -> Result<StreamId> {
    Ok(StreamId { ms: length::read_len(input)?, seq: length::read_len(input)? })
}

fn put_id(out: &mut Vec<u8>, id: StreamId) {
    put_len(out, id.ms);
    put_len(out, id.seq);
}

fn read_info<I: Input>(input: &mut I, rdb_type: u8) -> Result<LogInfo> {
    let (len, last_id) = (length::read_len(input)?, read_id(input)?);
    if rdb_type == kind::STREAM_LISTPACKS {
        return Ok(LogInfo { len, last_id, entries_added: len, ..LogInfo::default() });
    }
    // The first id is that of the first entry.
    read_id(input)?;
    Ok(LogInfo { len, last_id, max_deleted_id: read_id(input)?, entries_added: length::read_len(input)? })
}

fn block_id<I: Input>(input: &mut I) -> Result<StreamId> {
    let at = input.offset();
    if length::read_len(input)? != 16 {
        return Err(RdbError::malformed(at, "a block of a stream without its id"));
    }
    Ok(StreamId::from_bytes(input.array()?))
}

/// The entries of a block.
fn read_block(bytes: &[u8], id: StreamId) -> std::result::Result<Block, Malformed> {
    const SHORT: &str = "a block of a stream that ends in the middle of an entry";
    let mut elements = Listpack::new(bytes)?;
    let mut number = |what| elements.expect_int(what);
    let (live, deleted, count) = (number(SHORT)?, number(SHORT)?, number(SHORT)?);
    let mut texts = Texts::default();
    for _ in 0..count {
        texts.push(elements.expect(SHORT)?);
    }
    if elements.expect_int(SHORT)? != 0 {
        return Err(Malformed("a block of a stream whose fields do not end"));
    }
    let mut block = Block::new(texts.iter(), bytes.len());
    let names = texts.ends.len();
    let (mut live_seen, mut deleted_seen) = (0, 0);
    while let Some(flags) = elements.next()? {
        let Element::Int(flags) = flags else { return Err(Malformed("an entry of a stream without flags")) };
        let (ms, seq) = (elements.expect_int(SHORT)?, elements.expect_int(SHORT)?);
        let entry = StreamId { ms: id.ms.wrapping_add(ms as u64), seq: id.seq.wrapping_add(seq as u64) };
        let same = flags & SAME_FIELDS != 0;
        texts.clear();
        let count = if same {
            for _ in 0..names {
                // The place of a name, which the block has.
                texts.push(Element::Bytes(b""));
                texts.push(elements.expect(SHORT)?);
            }
            names + 3
        } else {
            for _ in 0..elements.expect_int(SHORT)? {
                texts.push(elements.expect(SHORT)?);
                texts.push(elements.expect(SHORT)?);
            }
            texts.ends.len() + 4
        };
        if elements.expect_int(SHORT)? != count as i64 {
            return Err(Malformed("an entry of a stream that is not as long as it says"));
        }
        let is_deleted = flags & DELETED != 0;
        block.append_as(id, entry, texts.iter(), same, is_deleted);
        *if is_deleted { &mut deleted_seen } else { &mut live_seen } += 1;
    }
    if (live, deleted) != (live_seen, deleted_seen) {
        return Err(Malformed("a block of a stream with another number of entries than it says"));
    }
    Ok(block)
}

/// Some strings in one piece.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, element: Element<'_>) {
        self.bytes.extend_from_slice(element.bytes(&mut itoa::Buffer::new()));
        self.ends.push(self.bytes.len());
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        let start = |at: usize| if at == 0 { 0 } else { self.ends[at - 1] };
        self.ends.iter().enumerate().map(move |(at, end)| &self.bytes[start(at)..*end])
    }
}

fn read_group<I: Input>(input: &mut I, rdb_type: u8, stream: &mut Stream) -> Result<()> {
    let at = input.offset();
    let name = read_name(input)?;
    let last_id = read_id(input)?;
    let entries_read = match rdb_type {
        kind::STREAM_LISTPACKS => stream.log.added_up_to(last_id),
        _ => Some(length::read_len(input)?).filter(|read| *read != UNKNOWN),
    };
    let mut group = Group::new(last_id, entries_read);
    for _ in 0..length::read_len(input)? {
        let at = input.offset();
        let id = StreamId::from_bytes(input.array()?);
        let delivered_ms = u64::from_le_bytes(input.array()?);
        if !group.add_ownerless(id, delivered_ms, length::read_len(input)?) {
            return Err(RdbError::malformed(at, "a group of a stream with the same pending entry twice"));
        }
    }
    for _ in 0..length::read_len(input)? {
        read_consumer(input, rdb_type, &mut group)?;
    }
    if !group.is_owned() {
        let what = "a group of a stream with a pending entry that is no consumer's";
        return Err(RdbError::malformed(input.offset(), what));
    }
    if !stream.add_group(&name, group) {
        return Err(RdbError::malformed(at, "a stream with the same group twice"));
    }
    Ok(())
}

fn read_name<I: Input>(input: &mut I) -> Result<Vec<u8>> {
    let mut name = Vec::new();
    string::append(input, &mut name)?;
    Ok(name)
}

fn read_consumer<I: Input>(input: &mut I, rdb_type: u8, group: &mut Group) -> Result<()> {
    let at = input.offset();
    let name = read_name(input)?;
    let seen_ms = u64::from_le_bytes(input.array()?);
    // Redis 7.0 did not know when it was last given something: then it is taken for the same moment.
    let active_ms = match rdb_type {
        kind::STREAM_LISTPACKS_3 => u64::from_le_bytes(input.array()?),
        _ => seen_ms,
    };
    let consumer = group
        .add_consumer(&name, seen_ms, Some(active_ms).filter(|at| *at != UNKNOWN))
        .ok_or(RdbError::malformed(at, "a group of a stream with the same consumer twice"))?;
    for _ in 0..length::read_len(input)? {
        let at = input.offset();
        let id = StreamId::from_bytes(input.array()?);
        group.own(id, consumer).map_err(|why| {
            RdbError::malformed(
                at,
                match why {
                    NotOwned::SomebodyElses => "a pending entry of two consumers of a stream",
                    NotOwned::NotPending => "a consumer of a stream with an entry that is not pending",
                },
            )
        })?;
    }
    Ok(())
}
