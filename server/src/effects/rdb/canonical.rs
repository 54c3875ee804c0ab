//! One form for each type, for tests and tools: Redis has written lists in five ways, and whoever compares values should meet
//! one way only. It is one that redis-server 7.0 reads, and the same that [`value`](super::value) writes:
//!
//! | type | form |
//! |---|---|
//! | string | 0: the string |
//! | list | 1: length, elements |
//! | set | 2: size, members |
//! | sorted set | 5: size, members with a binary score each |
//! | hash | 4: size, fields with a value each |
//! | stream | 19: blocks, ids, groups ([`stream`](super::stream)) |
//! | module | 7: id, fields, end |
//!
//! Strings within are integers where they can be, and never compressed: the bytes do not depend on the configuration.

use hashbrown::HashSet;

use super::error::{ErrorKind, RdbError, Result};
use super::fields;
use super::input::{Input, Slice};
use super::kind::{self, Kind};
use super::length::{self, put_len};
use super::listpack::Element;
use super::pairs::Pairs;
use super::string::{self, put_int, put_string};
use super::walk::{self, Scratch};
use super::{VERSION_MAX, stream};

/// A value in the one form of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// The type.
    pub kind: Kind,
    /// The number of the form.
    pub rdb_type: u8,
    /// What follows that number in a file.
    pub bytes: Vec<u8>,
}

impl Canonical {
    /// Reads a value of any form, and makes it canonical.
    pub fn read<I: Input>(
        input: &mut I,
        rdb_type: u8,
        version: u32,
        scratch: &mut Scratch,
    ) -> Result<Canonical> {
        let at = input.offset();
        let kind = Kind::of(rdb_type, version).map_err(|kind| RdbError { offset: at, kind })?;
        let (rdb_type, bytes) = match kind {
            Kind::String => {
                let mut bytes = Vec::new();
                string::append(input, &mut bytes)?;
                let mut out = Vec::with_capacity(bytes.len() + 9);
                put_string(&mut out, &bytes, false);
                (kind::STRING, out)
            }
            Kind::List => (kind::LIST, list(input, rdb_type, scratch)?),
            Kind::Set => (kind::SET, set(input, rdb_type, scratch)?),
            Kind::Zset => (kind::ZSET_2, zset(input, rdb_type, scratch)?),
            Kind::Hash => {
                let mut pairs = Pairs::default();
                walk::fields(input, (rdb_type, version), scratch, &mut pairs)?;
                (kind::HASH, hash(&pairs, at)?)
            }
            Kind::Stream => {
                let mut out = Vec::new();
                stream::put(&mut out, &stream::read(input, rdb_type, scratch)?, false);
                (kind::STREAM_LISTPACKS_2, out)
            }
            Kind::Module => {
                let mut out = Vec::new();
                put_len(&mut out, length::read_len(input)?);
                fields::copy(input, &mut out)?;
                fields::put_end(&mut out);
                (kind::MODULE_2, out)
            }
        };
        Ok(Canonical { kind, rdb_type, bytes })
    }
}

/// The canonical form of a value: its number and the bytes behind it. `bytes` must be the value and nothing else.
pub fn canonical(rdb_type: u8, bytes: &[u8]) -> Result<(u8, Vec<u8>)> {
    let mut input = Slice::new(bytes);
    let canonical = Canonical::read(&mut input, rdb_type, VERSION_MAX, &mut Scratch::default())?;
    if !input.rest().is_empty() {
        return Err(RdbError::malformed(input.offset(), "more bytes than a value needs"));
    }
    Ok((canonical.rdb_type, canonical.bytes))
}

fn list<I: Input>(input: &mut I, rdb_type: u8, scratch: &mut Scratch) -> Result<Vec<u8>> {
    let at = input.offset();
    let (mut out, mut count) = (Vec::new(), 0);
    walk::elements(input, rdb_type, scratch, &mut |element| {
        put_element(&mut out, element);
        count += 1;
    })?;
    counted(out, count, at)
}

fn set<I: Input>(input: &mut I, rdb_type: u8, scratch: &mut Scratch) -> Result<Vec<u8>> {
    let at = input.offset();
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    walk::elements(input, rdb_type, scratch, &mut |element| {
        put_element(&mut out, element);
        ends.push((out.len(), out.len()));
    })?;
    unique(&out, &ends, at)?;
    counted(out, ends.len(), at)
}

fn zset<I: Input>(input: &mut I, rdb_type: u8, scratch: &mut Scratch) -> Result<Vec<u8>> {
    let at = input.offset();
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    walk::scored(input, rdb_type, scratch, &mut |member, score| {
        put_element(&mut out, member);
        let end = out.len();
        out.extend_from_slice(&score.to_le_bytes());
        ends.push((end, out.len()));
    })?;
    unique(&out, &ends, at)?;
    counted(out, ends.len(), at)
}

fn hash(pairs: &Pairs, at: u64) -> Result<Vec<u8>> {
    let (mut out, mut ends) = (Vec::new(), Vec::with_capacity(pairs.len()));
    for (field, value) in pairs.iter() {
        put_string(&mut out, field, false);
        let end = out.len();
        put_string(&mut out, value, false);
        ends.push((end, out.len()));
    }
    unique(&out, &ends, at)?;
    counted(out, ends.len(), at)
}

#[inline]
fn put_element(out: &mut Vec<u8>, element: Element<'_>) {
    match element {
        Element::Bytes(bytes) => put_string(out, bytes, false),
        Element::Int(number) => put_int(out, number),
    }
}

/// Puts the number of elements before them. There must be one at least.
fn counted(mut elements: Vec<u8>, count: usize, at: u64) -> Result<Vec<u8>> {
    if count == 0 {
        return Err(RdbError { offset: at, kind: ErrorKind::Empty });
    }
    let mut head = Vec::with_capacity(9);
    put_len(&mut head, count as u64);
    elements.splice(0..0, head);
    elements.shrink_to_fit();
    Ok(elements)
}

/// Whether all members differ. They are equal when their bytes are, since each string has one form. `ends` has where a
/// member ends and where the next one begins.
fn unique(out: &[u8], ends: &[(usize, usize)], at: u64) -> Result<()> {
    let mut seen = HashSet::with_capacity(ends.len());
    let mut start = 0;
    for &(end, next) in ends {
        if !seen.insert(&out[start..end]) {
            return Err(RdbError::malformed(at, "a collection with the same member twice"));
        }
        start = next;
    }
    Ok(())
}
