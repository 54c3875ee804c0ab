//! Collections as they stand in a file, element by element, whichever way they were written. What is made of the elements
//! is decided by whoever walks.

use super::VALKEY_VERSION;
use super::error::{Malformed, RdbError, Result};
use super::input::Input;
use super::kind;
use super::length;
use super::listpack::{Element, Listpack};
use super::pairs::Pairs;
use super::string;
use super::ziplist::Ziplist;
use super::zipmap::Zipmap;
use super::{ErrorKind, intset};

/// What became of reading a packed collection.
type Walked = std::result::Result<(), Malformed>;

/// What reading needs besides the input: room for strings that are not in one piece there, and what is known of time.
#[derive(Default)]
pub struct Scratch {
    pub(super) bytes: Vec<u8>,
    /// Fields of hashes that expired before this moment are left out.
    pub now_ms: Option<u64>,
    /// How many fields were left out.
    pub fields_expired: u64,
}

const QUICKLIST_PLAIN: u64 = 1;
const QUICKLIST_PACKED: u64 = 2;

/// The elements of a list, or the members of a set.
pub(super) fn elements<I: Input>(
    input: &mut I,
    rdb_type: u8,
    scratch: &mut Scratch,
    visit: &mut impl FnMut(Element<'_>),
) -> Result<()> {
    match rdb_type {
        kind::LIST | kind::SET => {
            for _ in 0..length::read_len(input)? {
                visit(Element::Bytes(string::read(input, &mut scratch.bytes)?));
            }
            Ok(())
        }
        kind::SET_INTSET => blob(input, scratch, |bytes| {
            intset::members(bytes)?.for_each(|member| visit(Element::Int(member)));
            Ok(())
        }),
        kind::SET_LISTPACK => blob(input, scratch, |bytes| each(Listpack::new(bytes)?, visit)),
        kind::LIST_ZIPLIST => blob(input, scratch, |bytes| each(Ziplist::new(bytes)?, visit)),
        kind::LIST_QUICKLIST => {
            for _ in 0..length::read_len(input)? {
                blob(input, scratch, |bytes| each(Ziplist::new(bytes)?, visit))?;
            }
            Ok(())
        }
        kind::LIST_QUICKLIST_2 => quicklist(input, scratch, visit),
        other => Err(unknown(input, other)),
    }
}

fn quicklist<I: Input>(
    input: &mut I,
    scratch: &mut Scratch,
    visit: &mut impl FnMut(Element<'_>),
) -> Result<()> {
    for _ in 0..length::read_len(input)? {
        let at = input.offset();
        match length::read_len(input)? {
            QUICKLIST_PLAIN => visit(Element::Bytes(string::read(input, &mut scratch.bytes)?)),
            QUICKLIST_PACKED => blob(input, scratch, |bytes| each(Listpack::new(bytes)?, visit))?,
            _ => return Err(RdbError::malformed(at, "a node of a list in an unknown form")),
        }
    }
    Ok(())
}

/// The members of a sorted set with their scores.
pub(super) fn scored<I: Input>(
    input: &mut I,
    rdb_type: u8,
    scratch: &mut Scratch,
    visit: &mut impl FnMut(Element<'_>, f64),
) -> Result<()> {
    match rdb_type {
        kind::ZSET | kind::ZSET_2 => {
            let mut member = Vec::new();
            for _ in 0..length::read_len(input)? {
                member.clear();
                string::append(input, &mut member)?;
                let at = input.offset();
                let score = if rdb_type == kind::ZSET {
                    decimal_score(input)?
                } else {
                    f64::from_le_bytes(input.array()?)
                };
                if score.is_nan() {
                    return Err(RdbError::malformed(at, "a score that is not a number"));
                }
                visit(Element::Bytes(&member), score);
            }
            Ok(())
        }
        kind::ZSET_LISTPACK => blob(input, scratch, |bytes| each_scored(Listpack::new(bytes)?, visit)),
        kind::ZSET_ZIPLIST => blob(input, scratch, |bytes| each_scored(Ziplist::new(bytes)?, visit)),
        other => Err(unknown(input, other)),
    }
}

/// A score in decimal behind its length, or one of three that have no digits.
fn decimal_score<I: Input>(input: &mut I) -> Result<f64> {
    let at = input.offset();
    match input.byte()? {
        253 => Ok(f64::NAN),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        len => parse_score(input.take(usize::from(len))?).map_err(|wrong| wrong.at(at)),
    }
}

fn packed_score(element: Option<Element<'_>>) -> std::result::Result<f64, Malformed> {
    match element {
        Some(Element::Int(score)) => Ok(score as f64),
        Some(Element::Bytes(bytes)) => parse_score(bytes),
        None => Err(Malformed("a member of a sorted set without a score")),
    }
}

fn parse_score(bytes: &[u8]) -> std::result::Result<f64, Malformed> {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|score: &f64| !score.is_nan())
        .ok_or(Malformed("a score that is not a number"))
}

/// The fields of a hash, added to `pairs`.
pub(super) fn fields<I: Input>(
    input: &mut I,
    (rdb_type, version): (u8, u32),
    scratch: &mut Scratch,
    pairs: &mut Pairs,
) -> Result<()> {
    match rdb_type {
        kind::HASH => {
            for _ in 0..length::read_len(input)? {
                push(input, pairs)?;
            }
            Ok(())
        }
        kind::HASH_VALKEY if version >= VALKEY_VERSION => {
            for _ in 0..length::read_len(input)? {
                push(input, pairs)?;
                let expire = i64::from_le_bytes(input.array()?);
                scratch.expiring(u64::try_from(expire).ok(), pairs);
            }
            Ok(())
        }
        kind::HASH_METADATA | kind::HASH_METADATA_PRE_GA => {
            let first =
                if rdb_type == kind::HASH_METADATA { Some(u64::from_le_bytes(input.array()?)) } else { None };
            for _ in 0..length::read_len(input)? {
                let expire = match (length::read_len(input)?, first) {
                    (0, _) => None,
                    // Counted from the earliest of all, and from one.
                    (after, Some(first)) => Some(first.saturating_add(after - 1)),
                    (at, None) => Some(at),
                };
                push(input, pairs)?;
                scratch.expiring(expire, pairs);
            }
            Ok(())
        }
        kind::HASH_LISTPACK_EX | kind::HASH_LISTPACK_EX_PRE_GA => {
            if rdb_type == kind::HASH_LISTPACK_EX {
                input.array::<8>()?;
            }
            expiring_listpack(input, scratch, pairs)
        }
        kind::HASH_LISTPACK => blob(input, scratch, |bytes| push_all(Listpack::new(bytes)?, pairs)),
        kind::HASH_ZIPLIST => blob(input, scratch, |bytes| push_all(Ziplist::new(bytes)?, pairs)),
        kind::HASH_ZIPMAP => blob(input, scratch, |bytes| {
            let mut fields = Zipmap::new(bytes)?;
            while let Some((field, value)) = fields.next()? {
                pairs.push(field, value);
            }
            Ok(())
        }),
        other => Err(unknown(input, other)),
    }
}

#[inline]
fn push<I: Input>(input: &mut I, pairs: &mut Pairs) -> Result<()> {
    pairs.push_field(|out| string::append(input, out))?;
    pairs.push_value(|out| string::append(input, out))
}

fn push_packed(pairs: &mut Pairs, field: Element<'_>, value: Option<Element<'_>>) -> Walked {
    let Some(value) = value else { return Err(Malformed("a field of a hash without a value")) };
    pairs.push(field.bytes(&mut itoa::Buffer::new()), value.bytes(&mut itoa::Buffer::new()));
    Ok(())
}

fn expiring_listpack<I: Input>(input: &mut I, scratch: &mut Scratch, pairs: &mut Pairs) -> Result<()> {
    let at = input.offset();
    let mut room = std::mem::take(&mut scratch.bytes);
    let bytes = string::read(input, &mut room)?;
    let walked = (|| {
        let mut elements = Listpack::new(bytes)?;
        while let Some(field) = elements.next()? {
            push_packed(pairs, field, elements.next()?)?;
            let expire = elements.expect_int("a field of a hash without its expiry")?;
            scratch.expiring(u64::try_from(expire).ok().filter(|at| *at > 0), pairs);
        }
        Ok(())
    })();
    scratch.bytes = room;
    walked.map_err(|wrong: Malformed| wrong.at(at))
}

impl Scratch {
    /// The field that was added last expires then.
    fn expiring(&mut self, expire_ms: Option<u64>, pairs: &mut Pairs) {
        match expire_ms {
            None => {}
            Some(at) if self.now_ms.is_some_and(|now| at <= now) => {
                pairs.pop();
                self.fields_expired += 1;
            }
            Some(at) => pairs.expire_last(at),
        }
    }
}

/// The elements of a packed collection that have not been read yet.
trait Packed<'a> {
    fn next(&mut self) -> std::result::Result<Option<Element<'a>>, Malformed>;
}

impl<'a> Packed<'a> for Listpack<'a> {
    #[inline]
    fn next(&mut self) -> std::result::Result<Option<Element<'a>>, Malformed> {
        Listpack::next(self)
    }
}

impl<'a> Packed<'a> for Ziplist<'a> {
    #[inline]
    fn next(&mut self) -> std::result::Result<Option<Element<'a>>, Malformed> {
        Ziplist::next(self)
    }
}

fn each<'a>(mut elements: impl Packed<'a>, visit: &mut impl FnMut(Element<'_>)) -> Walked {
    while let Some(element) = elements.next()? {
        visit(element);
    }
    Ok(())
}

fn each_scored<'a>(mut elements: impl Packed<'a>, visit: &mut impl FnMut(Element<'_>, f64)) -> Walked {
    while let Some(member) = elements.next()? {
        visit(member, packed_score(elements.next()?)?);
    }
    Ok(())
}

fn push_all<'a>(mut elements: impl Packed<'a>, pairs: &mut Pairs) -> Walked {
    while let Some(field) = elements.next()? {
        push_packed(pairs, field, elements.next()?)?;
    }
    Ok(())
}

/// Reads a string that is a packed collection.
fn blob<I: Input>(input: &mut I, scratch: &mut Scratch, read: impl FnOnce(&[u8]) -> Walked) -> Result<()> {
    let at = input.offset();
    read(string::read(input, &mut scratch.bytes)?).map_err(|wrong| wrong.at(at))
}

fn unknown<I: Input>(input: &I, rdb_type: u8) -> RdbError {
    RdbError { offset: input.offset(), kind: ErrorKind::UnknownType(rdb_type) }
}
